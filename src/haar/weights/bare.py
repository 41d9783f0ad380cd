"""What wrappers of processes and compilers put around a model, and in front of its parameters' names, taken off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from haar.weights.view import StateView

T = TypeVar("T")
#: What `nn.DataParallel` and `DistributedDataParallel`, and `torch.compile`, put in front of names.
WRAPPERS = ("module.", "_orig_mod.")


def bare(given: T) -> T:
    """The model inside wrappers; anything else as it is.

    Args:
        given: A model, or parameters by name.

    Example:
        >>> bare(nn.DataParallel(nn.Linear(1, 1)))
        Linear(in_features=1, out_features=1, bias=True)
    """
    found: Any = given
    while isinstance(found, nn.Module):
        if isinstance(found, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            found = found.module
        elif "_orig_mod" in found._modules:  # noqa: SLF001 (where torch.compile keeps what it compiles)
            found = found._modules["_orig_mod"]  # noqa: SLF001
        else:
            break
    return found  # type: ignore[no-any-return]


def wrapped_in(state: Mapping[str, Tensor]) -> str:
    """What wrappers have put in front of all names; empty where there is none.

    Args:
        state: Parameters by name.

    Example:
        >>> wrapped_in({"module._orig_mod.weight": Tensor(), "module._orig_mod.bias": Tensor()})
        'module._orig_mod.'
    """
    found = ""
    while True:
        longer = next((found + one for one in WRAPPERS if all(name.startswith(found + one) for name in state)), None)
        if longer is None or not state:
            return found
        found = longer


class Unwrapped(StateView):
    """Parameters without what stands in front of all their names.

    Args:
        state: Parameters by name.
        prefix: What is taken off.
    """

    def __init__(self, state: Mapping[str, Tensor], prefix: str) -> None:
        self.state, self.prefix = state, prefix

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self.prefix) for name in self.state)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.prefix + name in self.state

    def __getitem__(self, name: str) -> Tensor:
        return self.state[self.prefix + name]
