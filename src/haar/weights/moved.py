"""Parameters moved by an element, each when it is asked for: those of a file may be larger than memory."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from haar.weights.action import ParameterAction
from haar.weights.gauge import Gauge
from haar.weights.view import StateView


class Moved(StateView):
    """What `ParameterAction.act` gives, computed tensor by tensor when it is read.

    Args:
        action: The table.
        gauge: An element of its group.
        state: Parameters by name, such as those of a `haar.weights.Checkpoint`. They are not checked here.

    Example:
        >>> import torch
        >>> from haar.weights import Units
        >>> action = ParameterAction({"hidden": Units(2)}, {"w": ("hidden",)})
        >>> swap = Gauge({"hidden": action.sites["hidden"].element(torch.tensor([1, 0]))})
        >>> Moved(action, swap, {"w": torch.tensor([1.0, 2.0])})["w"]
        tensor([2., 1.])
    """

    def __init__(self, action: ParameterAction, gauge: Gauge, state: Mapping[str, Tensor]) -> None:
        self.action, self.gauge, self.state = action, gauge, state
        self._row = {name: row for row, entry in action.entries.items() for name in entry.names(state)}
        self._stacked: tuple[str, Mapping[str, Tensor]] = ("", {})

    def __getitem__(self, name: str) -> Tensor:
        row = self._row.get(name)
        if row is None:
            return self.state[name]
        if "*" not in row:
            return self.action.moved(self.gauge, row, self.state)[name]
        if self._stacked[0] != row:  # numbered tensors come one after the other, and are moved together
            self._stacked = ("", {})
            self._stacked = row, self.action.moved(self.gauge, row, self.state)
        return self._stacked[1][name]
