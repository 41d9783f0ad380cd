"""One group element prepared for all inputs and outputs of a model: what compilers can follow."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from haar.actions import Action, Symmetry


class PreparedMoves(nn.Module):
    """Moves inputs by g and outputs back, by views and gathers alone.

    Args:
        symmetry: How the group acts.
        g: The group element that moves.
        inputs: The actions in the inputs' tree.
        outputs: The actions in the outputs' tree.
    """

    def __init__(self, symmetry: Symmetry, g: Tensor, inputs: Sequence[Action], outputs: Sequence[Action]) -> None:
        super().__init__()
        self._forth, self._back = tuple(inputs), tuple(outputs)
        self.forth = nn.ModuleList([action.move(g) for action in inputs])
        self.back = nn.ModuleList([action.move(symmetry.group.inverse(g)) for action in outputs])

    def moved(self, action: Action, x: Tensor) -> Tensor:
        """An input, moved by g."""
        y: Tensor = self.forth[_place(self._forth, action)](x)
        return y

    def moved_back(self, action: Action, y: Tensor) -> Tensor:
        """An output, moved by the inverse of g."""
        x: Tensor = self.back[_place(self._back, action)](y)
        return x

    def __deepcopy__(self, memo: dict[int, Any]) -> PreparedMoves:
        new = self.__class__.__new__(self.__class__)
        memo[id(self)] = new
        for name, value in self.__dict__.items():  # actions are told apart by identity
            new.__dict__[name] = value if name in ("_forth", "_back") else copy.deepcopy(value, memo)
        return new

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PreparedMoves:  # noqa: FBT001, FBT002 (torch's signature)
        # A model in bfloat16 must not round the matrices of the group: they follow the device, never the dtype.
        def keep_dtype(x: Tensor) -> Tensor:
            made = fn(x)
            return made if made.dtype == x.dtype else x.to(made.device)

        super()._apply(keep_dtype, recurse)
        return self


def _place(actions: Sequence[Action], action: Action) -> int:
    return next(k for k, one in enumerate(actions) if one is action)
