"""The sums an audit stands on: inner products of deviations over the orbit, for every output and field, per unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.audit import quadratic
from haar.audit.units import UnitTable
from haar.errors import ArgumentError


@dataclass(frozen=True)
class Sums:
    """Sums of one part of the outputs, or of all parts together in units of their own; one row for each unit.

    With weights w_k on the elements, ||f - sum w_k f_k||^2 = w D w. Differences, not predictions, are multiplied, so
    that an exactly equivariant model shows rounding and nothing else.

    Attributes:
        deviations: Sums of <d_k, d_l>, d_k = psi(g_k)^-1 f(phi(g_k) x) - f(x) (means over output entries).
        residuals: Sums of <d_k, y - f>; zero without labels.
        losses: Sums of ||y - f||^2.
        noise: Sums of ||f(x) - f(x) measured again||^2.
        energy: Sums of ||f(x) - its mean||^2.
        magnitude: Sums of ||f(x)||^2.
        samples: Number of samples.
        labelled: Number of samples with labels.
    """

    deviations: Float[Tensor, "rows m m"]
    residuals: Float[Tensor, "rows m"]
    losses: Float[Tensor, " rows"]
    noise: Float[Tensor, " rows"]
    energy: Float[Tensor, " rows"]
    magnitude: Float[Tensor, " rows"]
    samples: Float[Tensor, " rows"]
    labelled: Float[Tensor, " rows"]

    def removed(self, kind: str) -> Float[Tensor, " rows"]:
        """What averaging takes off, in every row.

        Args:
            kind: What the elements are: ``"drawn"`` ones stand for the whole group, without bias; ``"whole"`` and
                ``"given"`` ones are averaged over as they are.
        """
        if kind == "drawn":
            return quadratic.removed_by_unlisted(self.deviations)
        return quadratic.removed_by(self.deviations, quadratic.uniform(self.deviations.shape[-1]))

    def cross(self, kind: str) -> Float[Tensor, " rows"]:
        """<Qf - f, y - f> in every row."""
        return self.residuals[:, 1:].mean(1) if kind == "drawn" else self.residuals.mean(1)

    def gains(self, kind: str) -> Float[Tensor, " rows"]:
        """||f - y||^2 - ||Qf - y||^2 in every labelled row, else 0."""
        return torch.where(self.labelled > 0, 2 * self.cross(kind) - self.removed(kind), 0)


@dataclass(frozen=True)
class PartBatch:
    """What one batch says of one part of the outputs, in float64.

    Attributes:
        predictions: In the frame of x for every element; element 0 is the identity.
        again: The identity measured a second time.
        labels: Targets, if there are any.
        energy: Square about the sample's own mean over points, for fields; else about 0.
        first: The means of all its channels, for what is no field; about them `energy` is taken in the end.
    """

    predictions: Float[Tensor, "m batch entries"]
    again: Float[Tensor, "batch entries"]
    labels: Float[Tensor, "batch entries"] | None
    energy: Float[Tensor, " batch"]
    first: Float[Tensor, "batch channels"]


class OrbitSums:
    """Sums over samples for every part of the outputs, in rows of independent units.

    Args:
        m: Number of elements, the identity first.
        channels: For every part the number of channels whose means are taken over all samples (0 for fields).
        capacity: Rows that are kept apart, see `UnitTable`.
    """

    def __init__(self, m: int, channels: Sequence[int], *, capacity: int | None = None) -> None:
        self.m, self.channels = m, tuple(channels)
        p, total = len(self.channels), sum(self.channels)
        shapes: list[tuple[int, ...]] = [(p, m, m), (p, m), (p,), (p,), (p,), (p,), (total,), (), ()]
        self.table = UnitTable(shapes, capacity)

    def update(
        self, parts: Sequence[PartBatch], units: Sequence[int | None], *, tied: bool = False
    ) -> Float[Tensor, "rows parts m"]:
        """Add one batch; returns the mean square deviation of every row, part and element.

        Args:
            parts: What it says of every part.
            units: Which independent unit each row belongs to.
            tied: Whether the rows of the batch depend on each other.
        """
        rows = len(units)
        values: list[list[Tensor]] = [[] for _ in range(6)]
        for part in parts:
            f = part.predictions[0]
            entries = max(f.shape[-1], 1)
            d = (part.predictions - f).transpose(0, 1)
            zero = f.new_zeros(rows)
            values[0].append(d @ d.transpose(1, 2) / entries)
            r = None if part.labels is None else part.labels - f
            values[1].append(d.new_zeros(d.shape[:2]) if r is None else (d @ r.unsqueeze(-1)).squeeze(-1) / entries)
            values[2].append(zero if r is None else r.square().sum(-1) / entries)
            values[3].append((part.again - f).square().sum(-1) / entries)
            values[4].append(part.energy)
            values[5].append(f.square().sum(-1) / entries)
        stacked = [torch.stack(value, 1) for value in values]
        stacked.append(torch.cat([part.first for part in parts], 1))
        ones = torch.ones(rows, dtype=torch.float64)
        stacked += [ones, ones if parts[0].labels is not None else torch.zeros_like(ones)]
        (self.table.add_together if tied else self.table.add)(units, stacked)
        return stacked[0].diagonal(dim1=-2, dim2=-1)

    def add(self, other: OrbitSums) -> OrbitSums:
        """Add the sums over other samples; returns self.

        Raises:
            ArgumentError: If they were taken over different numbers of elements or outputs.
        """
        if (self.m, self.channels) != (other.m, other.channels):
            raise ArgumentError(
                "other",
                expected=f"sums over {self.m} elements of {len(self.channels)} outputs and fields",
                got=f"{other.m} elements of {len(other.channels)}",
            )
        self.table.merge(other.table)
        return self

    def copy(self) -> OrbitSums:
        """The same sums, which go their own way from here."""
        made = OrbitSums(self.m, self.channels)
        made.table = self.table.copy()
        return made

    def merge(self, other: OrbitSums) -> OrbitSums:
        """The sums over both sets of samples, as new ones.

        Raises:
            ArgumentError: If they were taken over different numbers of elements or outputs.
        """
        return self.copy().add(other)

    @property
    def units(self) -> int:
        """Number of rows that are independent of each other."""
        return int((self.table.tensors[7] > 0).sum())

    def part(self, number: int) -> Sums:
        """The sums of one part, its energy about the means over all samples."""
        t = self.table.tensors
        start = sum(self.channels[:number])
        count = self.channels[number]
        energy = t[4][:, number]
        if count:
            first = t[6][:, start : start + count]
            mean = first.sum(0) / t[7].sum().clamp(min=1)
            energy = energy - (2 * first @ mean - t[7] * mean.square().sum()) / count
        return Sums(
            t[0][:, number], t[1][:, number], t[2][:, number], t[3][:, number], energy, t[5][:, number], t[7], t[8]
        )

    def together(self, weights: Sequence[float], units: Sequence[float]) -> Sums:
        """All parts, each divided by its unit (squared) and weighed.

        Args:
            weights: Of the parts; they sum to 1.
            units: What each part is measured in.
        """
        parts = [self.part(number) for number in range(len(self.channels))]
        factors = [w / u**2 for w, u in zip(weights, units, strict=True)]

        def total(name: str) -> Tensor:
            return torch.stack([f * getattr(p, name) for f, p in zip(factors, parts, strict=True)]).sum(0)

        return Sums(
            deviations=total("deviations"),
            residuals=total("residuals"),
            losses=total("losses"),
            noise=total("noise"),
            energy=total("energy"),
            magnitude=total("magnitude"),
            samples=parts[0].samples,
            labelled=parts[0].labelled,
        )
