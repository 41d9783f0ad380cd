"""Copies side by side: which tensors of a call share the batch axis on which transformed copies are joined, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from haar.actions import Action, Invariant
from haar.actions.trees import action_leaves, rebuild, value_leaves
from haar.average.mover import Mover
from haar.errors import ShapeError

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def is_shared(action: Action, x: Any) -> bool:
    """Whether all samples, and so all copies, use one value: numbers, tensors without axes, unbatched invariants."""
    if not isinstance(x, Tensor) or x.ndim == 0:
        return True
    return isinstance(action, Invariant) and not action.batched


def has_batch_axis(action: Action, x: Tensor) -> bool:
    """Whether axis 0 counts samples rather than being one that the action works on."""
    own = action.axes.count
    return action.batched and (own is None or x.ndim > own)


def batch_length(actions: Sequence[Action], leaves: Sequence[Any]) -> int | torch.SymInt | None:
    """The length of the batch axis that all inputs share, or None if there is none on which copies could be joined.

    An axis of length 1 broadcasts against the others.

    Raises:
        ShapeError: If two inputs have batch axes of different length, neither of them 1.
    """
    length: int | torch.SymInt | None = None
    for k, (action, x) in enumerate(zip(actions, leaves, strict=True)):
        if is_shared(action, x):
            continue
        if not has_batch_axis(action, x):
            return None
        own = x.shape[0]
        if length is None or length == 1:
            length = own
        elif own not in (1, length):
            raise ShapeError(
                f"inputs[{k}]",
                expected=f"{length} samples on axis 0, like the inputs before it",
                got=tuple(x.shape),
                way_out="declare a tensor that all samples share as Invariant(group, batched=False)",
            )
    return length


class Call:
    """One call's inputs, taken apart once: which are shared by all copies, and how many samples the others have.

    Args:
        tree: The actions on the inputs.
        args: Arguments that the average was called with.

    Attributes:
        leaves: The inputs in the order of the actions.
        shared: Which of them all copies use as they are.
        length: Length of the batch axis, or None where copies cannot be joined.
    """

    def __init__(self, tree: Any, args: Sequence[Any]) -> None:
        actions = action_leaves(tree)
        self._tree, self.args = tree, tuple(args)
        self.leaves = value_leaves(tree, self.args)
        self.shared = [is_shared(action, x) for action, x in zip(actions, self.leaves, strict=True)]
        self.length = batch_length(actions, self.leaves)

    @property
    def tensors(self) -> list[Tensor]:
        """The inputs that are tensors."""
        return [x for x in self.leaves if isinstance(x, Tensor)]

    def like(self, leaves: Sequence[Any]) -> Call:
        """A call with other inputs in the same containers."""
        return Call(self._tree, self.with_leaves(leaves))

    def with_leaves(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Other inputs in the same containers."""
        made: tuple[Any, ...] = rebuild(self._tree, self.args, leaves)
        return made

    def moved(self, movers: Sequence[Mover], *, channels_last: bool = False) -> list[Any]:
        """All inputs moved by each element, copy after copy on the batch axis."""
        return [
            x if shared else self._joined([_moved(mover, k, x) for mover in movers], channels_last=channels_last)
            for k, (x, shared) in enumerate(zip(self.leaves, self.shared, strict=True))
        ]

    def joined(self, copies: Sequence[Sequence[Any]]) -> list[Any]:
        """Several copies of all inputs, one after the other on the batch axis.

        Args:
            copies: The inputs of every copy, those that all share being the same.
        """
        return [
            xs[0] if shared else self._joined(list(xs), channels_last=False)
            for xs, shared in zip(zip(*copies, strict=True), self.shared, strict=True)
        ]

    def _joined(self, copies: list[Tensor], *, channels_last: bool) -> Tensor:
        joined = copies[0]
        if len(copies) > 1:
            if self.length is not None and self.length != 1 and joined.shape[0] == 1:
                copies = [copy.expand(self.length, *copy.shape[1:]) for copy in copies]
            joined = torch.cat(copies)
        if channels_last and joined.ndim in _CHANNELS_LAST:
            joined = joined.contiguous(memory_format=_CHANNELS_LAST[joined.ndim])
        return joined


def _moved(mover: Mover, k: int, x: Tensor) -> Tensor:
    """Input k moved, never the caller's own tensor: a model may ask for gradients of what it is given."""
    moved = mover.moved_input(k, x)
    return moved.view_as(x) if moved is x and not x.requires_grad and torch.is_grad_enabled() else moved
