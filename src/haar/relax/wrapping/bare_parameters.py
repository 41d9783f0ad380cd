"""Homotopy twins of the user's own modules, whose parameters they read by themselves in forward."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from torch import Tensor, nn

from haar.nn.module import EquivariantModule
from haar.relax.wrapping.homotopy_layer import HomotopyLayer

#: What a homotopy layer has under names of its own: a module that has them too cannot be one.
_OWN = frozenset(("gamma", "kappa", "share", "free", "law", "mode")) | {
    name for name in vars(HomotopyLayer) if not name.startswith("__") and not hasattr(nn.Module, name)
}


def may_hold_bare_parameters(module: nn.Module) -> bool:
    """Whether a module's own parameters can be shared along orbits where it reads them."""
    others = (HomotopyLayer, EquivariantModule, nn.ParameterList, nn.ParameterDict)
    plain = not hasattr(module, "parametrizations") and not isinstance(module, others)
    return plain and not any(hasattr(module, name) for name in _OWN) and not hasattr(type(module), "__slots__")


class HomotopyParameters(HomotopyLayer):
    """A module of the user's whose parameters are invariant at gamma = 0, each under what its axes carry.

    Its class is made from the user's own: there every such parameter is the effective one, so that `forward`, whatever
    it does, reads that.
    """

    _kind: tuple[type[nn.Module], tuple[str, ...], bool]

    @classmethod
    def _plain(cls) -> type[nn.Module]:
        return cls._kind[0]

    def held(self, name: str) -> Any:
        """The parameter itself."""
        return self._parameters[name] if name in self._symmetry.spaces else None

    def __reduce_ex__(self, protocol: Any) -> Any:
        del protocol
        return _empty, self._kind, self.__dict__


def parameters_twin(kind: type[nn.Module], leading: Mapping[str, Tensor]) -> type[HomotopyParameters]:
    """The twin's class for a class of the user's.

    Args:
        kind: The user's class.
        leading: The parameters that the group moves, by name.
    """
    own: Any = kind
    names = tuple(sorted(leading, key=lambda name: -leading[name].ndim))
    return _twin(own, names, leading[names[0]].ndim > 1)


@cache
def _twin(kind: Any, names: tuple[str, ...], scaled: bool) -> type[HomotopyParameters]:  # noqa: FBT001 (a key)
    def effective(name: str) -> property:
        return property(lambda self: self._effective(name))

    own: dict[str, Any] = {name: effective(name) for name in names}
    return type(f"Homotopy{kind.__name__}", (HomotopyParameters, kind), {
        **own, "leading": names, "scaled": names[:scaled], "_kind": (kind, names, scaled), "__module__": __name__,
        "__doc__": f"`{kind.__name__}` between equivariant and free.",
    })  # fmt: skip


def _empty(kind: Any, names: tuple[str, ...], scaled: bool) -> HomotopyParameters:  # noqa: FBT001
    made = _twin(kind, names, scaled)
    return made.__new__(made)
