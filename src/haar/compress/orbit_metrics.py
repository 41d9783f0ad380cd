"""Metrics of a symmetry: how it breaks as a model is compressed, and what averaging repairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry
from haar.compress.batch import Batch
from haar.compress.metrics import Loss, Metric, Seen
from haar.errors import ArgumentError


def _orbit(seen: Seen) -> Float[Tensor, "elements samples *event"]:
    if seen.orbit is None or not isinstance(seen.orbit, Tensor):
        raise ArgumentError("symmetry", expected="a model of one output tensor", got=type(seen.orbit).__name__)
    return seen.orbit


@dataclass(frozen=True)
class GroupDefect(Metric):
    """How far answers on an orbit are from their mean, relative to the answers: 0 for an equivariant model.

    Args:
        varying: Relative to how much the answers vary over the samples instead: a model that answers nearly always the
            same has a small defect, and has lost its symmetry nevertheless.
    """

    varying: bool = False
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "orbit"})

    @property
    def name(self) -> str:  # type: ignore[override]
        """By what it is relative to."""
        return "group defect (of the variance)" if self.varying else "group defect"

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a sample."""
        orbit = _orbit(seen).double()
        spread = (orbit - orbit.mean(0)).square().mean(0).flatten(1).sum(1)
        size = orbit - orbit.mean((0, 1)) if self.varying else orbit
        return torch.stack([spread, size.square().mean(0).flatten(1).sum(1)], 1)

    def value(self, totals: Float[Tensor, "*draws columns"]) -> Float[Tensor, "*draws"]:
        """The root of the ratio."""
        return super().value(totals).sqrt()


@dataclass(frozen=True)
class OfAverage(Metric):
    """A metric of the average over the group.

    Args:
        inner: The metric.
    """

    inner: Metric
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "orbit"})

    @property
    def name(self) -> str:  # type: ignore[override]
        """The metric's, averaged."""
        return f"{self.inner.name} of the average"

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """The metric's own rows."""
        return self.inner.units(replace(seen, outputs=_orbit(seen).mean(0)))

    def value(self, totals: Float[Tensor, "*draws columns"]) -> Float[Tensor, "*draws"]:
        """The metric's own."""
        return self.inner.value(totals)


@dataclass(frozen=True)
class OnOrbit(Metric):
    """The mean of a metric over the orbit: for squares it is that of the average and the spread, exactly.

    Args:
        inner: The metric.
    """

    inner: Metric
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "orbit"})

    @property
    def name(self) -> str:  # type: ignore[override]
        """The metric's, over the orbit."""
        return f"{self.inner.name} on the orbit"

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """The mean of the metric's own rows."""
        return torch.stack([self.inner.units(replace(seen, outputs=part)) for part in _orbit(seen)]).mean(0)

    def value(self, totals: Float[Tensor, "*draws columns"]) -> Float[Tensor, "*draws"]:
        """The metric's own."""
        return self.inner.value(totals)


@dataclass(frozen=True)
class OrbitSpread(Metric):
    """The mean square distance of answers on an orbit from their mean, in the units of a mean square loss."""

    name: ClassVar[str] = "orbit spread"  # type: ignore[misc]
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "orbit"})

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a sample."""
        orbit = _orbit(seen).double()
        squares = (orbit - orbit.mean(0)).square().mean(0).flatten(1)
        return torch.stack([squares.sum(1), torch.full_like(squares[:, 0], squares.shape[1])], 1)


def orbit_metrics(symmetry: Symmetry | None, batch: Batch) -> Sequence[Metric]:
    """What a sweep measures of a symmetry.

    Args:
        symmetry: The symmetry, if there is one.
        batch: The first batch: without targets there are no losses.
    """
    if symmetry is None:
        return ()
    defects = (GroupDefect(), GroupDefect(varying=True))
    return defects if batch.target is None else (*defects, OfAverage(Loss()), OnOrbit(Loss()), OrbitSpread())
