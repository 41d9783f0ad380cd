"""The sums an audit stands on: inner products of deviations over the orbit, float64, in bins that merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError

#: Samples (or trajectories) are spread over this many bins; intervals come from resampling bins.
BINS = 128


@dataclass
class OrbitSums:
    """Sums over samples of inner products of d_k = psi(g_k)^-1 f(phi(g_k) x) - f(x) and r = y - f(x).

    Everything the audit says of the model follows from them: with weights w_k on the elements, ||f - sum w_k f_k||^2 =
    w D w. Differences, not predictions, are multiplied, so that an exactly equivariant model shows rounding and nothing
    else.

    Attributes:
        deviations: ``(bins, m, m)``, sums of <d_k, d_l> (means over output entries).
        residuals: ``(bins, m)``, sums of <d_k, r>; zero without labels.
        losses: ``(bins,)``, sums of <r, r>.
        noise: ``(bins,)``, sums of ||f(x) - f(x) measured again||^2.
        energy: ``(bins,)``, sums of ||f(x) - its mean over points||^2.
        magnitude: ``(bins,)``, sums of ||f(x)||^2.
        samples: ``(bins,)``, number of samples.
        labelled: ``(bins,)``, number of samples with labels.
    """

    deviations: Float[Tensor, "bins m m"]
    residuals: Float[Tensor, "bins m"]
    losses: Float[Tensor, " bins"]
    noise: Float[Tensor, " bins"]
    energy: Float[Tensor, " bins"]
    magnitude: Float[Tensor, " bins"]
    samples: Float[Tensor, " bins"]
    labelled: Float[Tensor, " bins"]

    @classmethod
    def zeros(cls, m: int, bins: int = BINS) -> OrbitSums:
        """Empty sums for m elements."""
        flat = [torch.zeros(bins, dtype=torch.float64) for _ in range(6)]
        square = torch.zeros(bins, m, m, dtype=torch.float64)
        return cls(square, torch.zeros(bins, m, dtype=torch.float64), *flat)

    def update(
        self,
        predictions: Float[Tensor, "m batch entries"],
        again: Float[Tensor, "batch entries"] | None,
        labels: Float[Tensor, "batch entries"] | None,
        centred: Float[Tensor, "batch entries"],
        clusters: Int[Tensor, " batch"],
    ) -> None:
        """Add one batch.

        Args:
            predictions: Predictions in the frame of x for every element; element 0 is the identity.
            again: The identity measured a second time, if it was.
            labels: Targets, if there are any.
            centred: The identity's predictions minus their mean over points.
            clusters: Which trajectory (or sample) each row belongs to.
        """
        f = predictions[0].to(torch.float64)
        entries = f.shape[-1]
        d = (predictions.to(torch.float64) - f).transpose(0, 1)
        bins = clusters.to(torch.int64) % len(self.samples)
        self._add(self.deviations, bins, d @ d.transpose(1, 2) / entries)
        self._add(self.energy, bins, centred.to(torch.float64).square().mean(-1))
        self._add(self.magnitude, bins, f.square().mean(-1))
        self._add(self.samples, bins, torch.ones(len(f), dtype=torch.float64))
        if again is not None:
            self._add(self.noise, bins, (again.to(torch.float64) - f).square().mean(-1))
        if labels is not None:
            r = labels.to(torch.float64) - f
            self._add(self.residuals, bins, (d @ r.unsqueeze(-1)).squeeze(-1) / entries)
            self._add(self.losses, bins, r.square().mean(-1))
            self._add(self.labelled, bins, torch.ones(len(f), dtype=torch.float64))

    def merge(self, other: OrbitSums) -> OrbitSums:
        """The sums over both sets of samples.

        Raises:
            ArgumentError: If they were taken over different numbers of elements or bins.
        """
        if self.deviations.shape != other.deviations.shape:
            raise ArgumentError(
                "other", expected=f"sums of shape {tuple(self.deviations.shape)}", got=tuple(other.deviations.shape)
            )
        return OrbitSums(*[a + b for a, b in zip(self.tensors(), other.tensors(), strict=True)])

    def tensors(self) -> list[Tensor]:
        """All sums, in a fixed order: what processes add up."""
        return [getattr(self, entry.name) for entry in fields(self)]

    def filled(self) -> int:
        """Number of bins with samples in them."""
        return int((self.samples > 0).sum())

    @staticmethod
    def _add(total: Tensor, bins: Tensor, values: Tensor) -> None:
        total.index_add_(0, bins, values.detach().cpu().to(torch.float64))


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: The estimate.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Plain numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}

    def __format__(self, spec: str) -> str:
        spec = spec or ".3g"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


class Resampler:
    """Bootstrap over the filled bins: intervals for means and for ratios of sums.

    Args:
        sums: The sums.
        level: Coverage of the intervals.
        draws: Number of resamples.
        seed: Seed of the resampling.
    """

    def __init__(self, sums: OrbitSums, *, level: float = 0.95, draws: int = 2000, seed: int = 0) -> None:
        self._filled = torch.nonzero(sums.samples > 0).flatten()
        n = len(self._filled)
        generator = torch.Generator().manual_seed(seed)
        picks = torch.randint(max(n, 1), (draws, max(n, 1)), generator=generator)
        self._counts = torch.zeros(draws, max(n, 1), dtype=torch.float64)
        self._counts.scatter_add_(1, picks, torch.ones_like(picks, dtype=torch.float64))
        self._ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)

    def ratio(self, top: Float[Tensor, " bins"], bottom: Float[Tensor, " bins"], *, root: bool = False) -> Estimate:
        """sum(top) / sum(bottom) with a percentile interval; its square root if `root`."""
        top, bottom = top[self._filled], bottom[self._filled]
        whole = top.sum() / bottom.sum()
        resampled = (self._counts @ top) / (self._counts @ bottom)
        resampled = resampled[torch.isfinite(resampled)]
        ends = torch.quantile(resampled, self._ends) if len(resampled) else torch.full((2,), float("nan"))
        values: Sequence[Tensor] = (whole, *ends)
        if root:
            values = [v.clamp(min=0).sqrt() for v in values]
        return Estimate(*(float(v) for v in values))
