"""A state seen through a change: the names of its tensors, each read when it is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping

from torch import Tensor


class StateView(Mapping[str, Tensor]):
    """What a state's tensors become, one at a time, so that nothing but the tensor asked for is held.

    Attributes:
        state: The state that is looked at; its names, in its order, are those of the view.
    """

    state: Mapping[str, Tensor]

    def __iter__(self) -> Iterator[str]:
        return iter(self.state)

    def __len__(self) -> int:
        return len(self.state)

    def __contains__(self, name: object) -> bool:
        return name in self.state

    @abstractmethod
    def __getitem__(self, name: str) -> Tensor:
        """One tensor of the view."""
