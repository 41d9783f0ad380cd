"""One group element prepared for all inputs of a model and, through its inverse, for all its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.actions.trees import action_leaves


class Mover(nn.Module):
    """Moves inputs by phi(g) and outputs back by psi(g)^-1, in the precision of the tensors and not of an autocast.

    Args:
        symmetry: How the group acts.
        g: The group element that moves.
    """

    def __init__(self, symmetry: Symmetry, g: Tensor) -> None:
        super().__init__()
        back = symmetry.group.inverse(g)
        self.inputs = nn.ModuleList([action.move(g) for action in action_leaves(symmetry.inputs)])
        self.outputs = nn.ModuleList([action.move(back) for action in action_leaves(symmetry.outputs)])

    def moved_input(self, k: int, x: Tensor) -> Tensor:
        """Input k moved by the element."""
        with full_precision(x):
            moved: Tensor = self.inputs[k](x)
        return moved

    def moved_back(self, leaves: Sequence[Any]) -> list[Any]:
        """All outputs moved by the inverse; None and names stay."""
        with full_precision(next((leaf for leaf in leaves if isinstance(leaf, Tensor)), None)):
            return [
                move(leaf) if isinstance(leaf, Tensor) else leaf
                for move, leaf in zip(self.outputs, leaves, strict=True)
            ]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Mover:  # noqa: FBT001, FBT002 (torch's signature)
        # A model in bfloat16 must not round the matrices of the group: they follow the device, never the dtype.
        def keep_dtype(x: Tensor) -> Tensor:
            moved = fn(x)
            return moved if moved.dtype == x.dtype else x.to(moved.device)

        super()._apply(keep_dtype, recurse)
        return self


def full_precision(x: Tensor | None) -> Any:
    """A context without autocast on the device of a tensor."""
    if x is not None and not x.is_meta and torch.is_autocast_enabled(x.device.type):
        return torch.autocast(x.device.type, enabled=False)
    return nullcontext()
