"""Large rows of a table a part of their first axis at a time, so that two networks need not be in memory for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from haar.weights import Moved, ParameterAction
from haar.weights.folding import Folded
from haar.weights.labels import Leg
from haar.weights.view import StateView

State = Mapping[str, Tensor]
#: Numbers of a piece: 32 MiB in single precision.
_NUMBERS = 2**23


def pieces_of(action: ParameterAction, row: str, *states: State) -> Iterator[tuple[State, ...]]:
    """The states with a part of one row of the table after the other; with all of it where it is small.

    A row is cut along its first axis where nothing moves that axis, as the tokens of an embedding: what follows from a
    part of it is a part of what follows.

    Args:
        action: The table.
        row: A name of the table.
        states: Parameters, moved and folded or as they are; only this row is to be read from what is returned.

    Example:
        >>> import torch
        >>> action = ParameterAction({}, {"w": (None, None)})
        >>> [part["w"].shape for part, in pieces_of(action, "w", {"w": torch.zeros(3, 2)})]
        [torch.Size([3, 2])]
    """
    axes = action.entries[row].axes
    if "*" in row or len(axes) < 2 or axes[0] != (Leg(""),):
        yield states
        return
    shape = _plain(states[0])[row].shape
    each = max(_NUMBERS // max(shape[1:].numel(), 1), 1)
    if each >= shape[0]:
        yield states
        return
    for start in range(0, shape[0], each):
        yield tuple(_cut(state, row, start, min(each, shape[0] - start)) for state in states)


def _plain(state: State) -> State:
    """What is under whatever moves and folds."""
    while isinstance(state, (Moved, Folded)):
        state = state.state
    return state


def _cut(state: State, row: str, start: int, length: int) -> State:
    if isinstance(state, Moved):
        return Moved(state.action, state.gauge, _cut(state.state, row, start, length))
    if isinstance(state, Folded):
        return Folded(state.action, _cut(state.state, row, start, length))
    return _Part(state, row, start, length)


class _Part(StateView):
    """Parameters with a part of one of them."""

    def __init__(self, state: State, row: str, start: int, length: int) -> None:
        self.state, self.row, self.start, self.length = state, row, start, length

    def __getitem__(self, name: str) -> Tensor:
        found = self.state[name]
        return found.narrow(0, self.start, self.length) if name == self.row else found
