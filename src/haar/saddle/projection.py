"""Where a player must stay: projections that are applied after every step."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError, check_rate


class Projection(ABC):
    """A closed convex set of parameters, all of a player's taken as one vector."""

    @abstractmethod
    def begin(self, parameters: Sequence[Tensor]) -> Projection:
        """One for a player whose first parameters these are."""

    @abstractmethod
    def apply(self, parameters: Sequence[Tensor]) -> None:
        """Move parameters to the nearest point of the set, in place."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers of the beginning."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember that instead."""
        del state


class Ball(Projection):
    """The Frobenius ball of a radius around a player's first parameters.

    Args:
        radius: The radius.

    Raises:
        ArgumentError: If it is not positive.

    Example:
        >>> w = torch.zeros(2)
        >>> ball = Ball(1.0).begin([w])
        >>> w += torch.tensor([3.0, 4.0])
        >>> ball.apply([w]); w
        tensor([0.6000, 0.8000])

    Source: arXiv 2007.01290, whose players are kept so.
    """

    def __init__(self, radius: float | int) -> None:
        check_rate("radius", radius)
        self.radius = float(radius)
        self._centre: list[Tensor] = []

    def begin(self, parameters: Sequence[Tensor]) -> Ball:
        """Around these."""
        made = copy.copy(self)
        made._centre = [p.detach().clone() for p in parameters]  # noqa: SLF001 (its own class)
        return made

    @torch.no_grad()
    def apply(self, parameters: Sequence[Tensor]) -> None:
        """To the surface if they are outside; otherwise nothing is written."""
        for centre, p in zip(self._centre, parameters, strict=True):
            if centre.device != p.device or centre.dtype != p.dtype:  # the player was moved
                self._centre = [c.to(q) for c, q in zip(self._centre, parameters, strict=True)]
                break
        steps = torch._foreach_sub(list(parameters), self._centre)  # noqa: SLF001 (one kernel for all)
        norm = float(torch.stack([step.abs().double().square().sum() for step in steps]).sum().sqrt())
        if norm <= self.radius:
            return
        # Inside by what rounding of the sums may add, or it would leave them outside.
        largest = torch.stack([centre.abs().double().norm() for centre in self._centre]).norm()
        room = 4 * torch.finfo(steps[0].dtype).eps * (float(largest) + self.radius)
        shrink = max(self.radius - room, 0.0) / norm
        for p, centre, step in zip(parameters, self._centre, steps, strict=True):
            p.copy_(centre + step * shrink)

    def state_dict(self) -> dict[str, Any]:
        """The centre."""
        return {"centre": list(self._centre)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Another centre, of the same shapes."""
        given = state["centre"]
        if [c.shape for c in given] != [c.shape for c in self._centre]:
            raise ArgumentError("state", expected="a ball around parameters of these shapes", got="other shapes")
        self._centre = [new.to(old).clone() for new, old in zip(given, self._centre, strict=True)]
