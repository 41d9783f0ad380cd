"""Models and their parameters: read off a module, put back into one, and run without putting them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.align.losses import Loss
from haar.errors import ArgumentError
from haar.probing import undisturbed
from haar.weights.models import Given, State, config_of, is_read, state_of, with_state  # noqa: F401 (their earlier place)


def called(model: nn.Module, state: State) -> Callable[..., Any]:
    """A function that runs a model with other parameters.

    Args:
        model: The model; it is not changed.
        state: Parameters and buffers by name.

    Example:
        >>> run = called(nn.Linear(1, 1, bias=False), {"weight": torch.tensor([[2.0]])})
        >>> run(torch.ones(1, 1)).item()
        2.0
    """
    own = dict(state)

    def run(*args: Any, **kwargs: Any) -> Any:
        return torch.func.functional_call(model, own, args, kwargs, tie_weights=False)

    return run


def mean_loss(model: nn.Module, state: State, loss: Loss, data: Iterable[Any]) -> float:
    """The mean of a loss over batches, in eval mode.

    Args:
        model: The model that is run; it and its random state are left as they were.
        state: Its parameters.
        loss: Of a model and a batch.
        data: Batches of one size.

    Raises:
        ArgumentError: If there is no batch.
    """
    total, count = 0.0, 0
    with torch.no_grad(), undisturbed(model):
        run = called(model, state)
        for batch in data:
            total += float(loss(run, batch))
            count += 1
    if not count:
        raise ArgumentError("data", expected="at least one batch", got="none")
    return total / count


class Mean(Mapping[str, Tensor]):
    """A weighted mean of parameters, tensor by tensor when it is read; what holds no real numbers is the first's.

    Args:
        states: Parameters of the same names.
        parts: How much of each; together 1.

    Example:
        >>> Mean([{"w": torch.zeros(1)}, {"w": torch.ones(1)}], [0.75, 0.25])["w"]
        tensor([0.2500])
    """

    def __init__(self, states: Sequence[State], parts: Sequence[float]) -> None:
        self.states, self.parts = states, parts

    def __iter__(self) -> Iterator[str]:
        return iter(self.states[0])

    def __len__(self) -> int:
        return len(self.states[0])

    def __contains__(self, name: object) -> bool:
        return name in self.states[0]

    def __getitem__(self, name: str) -> Tensor:
        first = self.states[0][name]
        if not first.is_floating_point():
            return first
        total = self.parts[0] * first
        for state, part in zip(self.states[1:], self.parts[1:], strict=True):
            total += part * state[name]
        return total


def mixed(a: State, b: State, share: float | int) -> dict[str, Tensor]:
    """(1 - share) A + share B; what holds no real numbers is A's.

    Args:
        a: Parameters by name.
        b: Parameters of the same names.
        share: How much of B.

    Example:
        >>> mixed({"w": torch.zeros(1)}, {"w": torch.ones(1)}, 0.25)
        {'w': tensor([0.2500])}
    """
    return {
        name: torch.lerp(value, b[name].to(value.dtype), float(share)) if value.is_floating_point() else value
        for name, value in a.items()
    }
