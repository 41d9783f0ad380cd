"""Do simulated particles obey the symmetry that models of them assume? The floor that they set if not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from haar.data.particles import charged_particles, simulate
from haar.errors import ArgumentError, check_count
from haar.groups import O
from haar.report import Report, Section, Table
from haar.statistics import Estimate, Resampler
from haar.watch import Unwatched, Watch

#: An orbit variance below this is rounding.
ROUNDING = 1e-10
#: Squared error per coordinate of a trajectory that is the same but for stored rounding.
_REPRODUCED = 1e-6
_RESAMPLES = 2000


@runtime_checkable
class Trajectories(Protocol):
    """Simulated or published trajectories."""

    def pairs(self, start: int = 30, stop: int = 40) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Positions, velocities and charges at one frame, positions at a later one."""
        ...


class ParticleDataAudit(Report):
    """What was found.

    Attributes:
        clip: The law that was audited; for given data, the one that reproduces them.
        floor: Mean squared error below which no exactly equivariant predictor can come, per coordinate.
        clipped: Shares of the trajectories with clipped forces before the first frame and in the window, if known.
        replayed: For given data: the share of trajectories that each law, run again from the first frame, reproduces.
        variances: Orbit variance of every trajectory, whose mean is the floor.
    """

    kind = "particle-data-audit"
    title = "Do the particles obey O(d)?"

    def __init__(
        self,
        clip: str,
        floor: Estimate,
        *,
        samples: int,
        rotations: int,
        clipped: tuple[float | None, float],
        replayed: dict[str, float] | None = None,
        variances: Sequence[float] = (),
    ) -> None:
        self.clip, self.floor, self.samples, self.rotations = clip, floor, samples, rotations
        self.clipped, self.replayed, self.variances = clipped, replayed, tuple(variances)

    @property
    def broken(self) -> bool:
        """Whether the dynamics break the symmetry beyond rounding."""
        return self.floor.value > ROUNDING and self.floor.low > 0

    @property
    def summary(self) -> str:
        """The verdict."""
        if not self.broken:
            return f"The dynamics (clip={self.clip}) turn with the particles: orbit variance {self.floor.value:.1e}."
        return (
            f"The dynamics (clip={self.clip}) do not turn with the particles: no exactly equivariant predictor can "
            f"come below a mean squared error of {self.floor.value:.2e} "
            f"(95% interval {self.floor.low:.2e} to {self.floor.high:.2e})."
        )

    @property
    def made_of(self) -> Mapping[str, object]:
        """Data and conventions."""
        return {
            "data": f"{self.samples} trajectories, {self.rotations} rotations and reflections of each",
            "conventions": "positions, velocities and forces turn alike; the mean square is taken per coordinate",
        }

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {
            "clip": self.clip,
            "broken": self.broken,
            "floor": {"value": self.floor.value, "low": self.floor.low, "high": self.floor.high},
            "samples": self.samples,
            "rotations": self.rotations,
            "clipped_before": self.clipped[0],
            "clipped_in_window": self.clipped[1],
            "replayed": self.replayed,
            "summary": self.summary,
        }

    def sections(self) -> Sequence[Section]:
        """One table."""
        rows: list[tuple[str, Any]] = [
            ("law", self.clip),
            ("orbit variance (floor of the MSE)", self.floor.value),
            ("95% interval, low", self.floor.low),
            ("95% interval, high", self.floor.high),
            ("trajectories", self.samples),
            ("rotations and reflections of each", self.rotations),
            ("clipped before the window", self.clipped[0]),
            ("clipped in the window", self.clipped[1]),
        ]
        for law, error in (self.replayed or {}).items():
            rows.append((f"reproduced by running again, clip={law}", error))
        return [Section("Orbit variance", table=Table("", ("", "value"), rows))]


def audit_particles(
    data: Trajectories | None = None,
    *,
    clip: str = "component",
    dim: int = 3,
    samples: int = 400,
    rotations: int = 6,
    start: int = 30,
    stop: int = 40,
    save_every: int = 100,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> ParticleDataAudit:
    """Run states at one frame again, turned and turned back: their spread is the error that no symmetry can predict.

    Source: ours; the defect of cutting off components is in the simulator of arXiv 1802.04687.

    Args:
        data: Trajectories to audit, whose law is found by running them again; by default they are generated.
        clip: Law of the generated trajectories, see `haar.data.particles.simulate`.
        dim: Dimension of the generated trajectories.
        samples: Number of trajectories that are simulated and replayed.
        rotations: Random elements of O(d) for each.
        start: Frame that predictors are given.
        stop: Frame that they predict.
        save_every: Steps between two frames.
        seed: Seed of the trajectories, the elements and the interval.
        watch: Told of each of ``rotations + 2`` runs.

    Raises:
        ArgumentError: If a number is too small, a frame is not there, or the data are not reproduced by any law.

    Example:
        >>> audit_particles(clip="norm", samples=4, rotations=2, start=0, stop=1, save_every=5).broken
        False
    """
    check_count("samples", samples, least=2)
    check_count("rotations", rotations, least=2)
    check_count("start", start, least=0)
    check_count("stop", stop)
    if stop <= start:
        raise ArgumentError("stop", expected=f"a frame after start, {start}", got=stop)
    if data is not None and not isinstance(data, Trajectories):
        raise ArgumentError("data", expected="trajectories with pairs(start, stop)", got=type(data).__name__)
    with watch.stage("running again", rotations + 2) as advance:
        window, replayed = stop - start, None
        before: float | None = None
        if data is None:
            made = charged_particles(samples, dim=dim, frames=start + 1, save_every=save_every, clip=clip, seed=seed)
            x, v, q = made.positions[:, start], made.velocities[:, start], made.charges
            before = float(made.clipped.any(1).double().mean())
        else:
            x, v, q, target = (part[:samples].to(torch.float64) for part in data.pairs(start, stop))
            replayed = {}
            for law in ("norm", "component", "none"):  # of equals the first
                there = simulate(x, v, q, frames=window, save_every=save_every, clip=law).positions[:, -1]
                replayed[law] = float(((there - target).square().mean((-1, -2)) < _REPRODUCED).double().mean())
            clip = max(replayed, key=replayed.__getitem__)
            if replayed[clip] < 0.5:
                raise ArgumentError(
                    "data",
                    expected="trajectories of charged particles with unit coupling and time step 0.001",
                    got=f"others: run again, {replayed[clip]:.0%} are reproduced",
                )
        advance()
        generator = torch.Generator().manual_seed(seed)
        turned_back, hit = [], 0.0
        for q_d in O(x.shape[-1]).sample(rotations, generator):
            run = simulate(x @ q_d, v @ q_d, q, frames=window, save_every=save_every, clip=clip)
            turned_back.append(run.positions[:, -1] @ q_d.T)
            hit += float(run.clipped.any(1).double().mean()) / rotations
            advance()
        spread = torch.stack(turned_back).var(0).mean((-1, -2))
        advance()
    return ParticleDataAudit(
        clip,
        _mean(spread, generator),
        samples=len(x),
        rotations=rotations,
        clipped=(before, hit),
        replayed=replayed,
        variances=spread.tolist(),
    )


def _mean(values: Tensor, generator: torch.Generator) -> Estimate:
    """The mean with a percentile interval from resampled trajectories."""
    resampler = Resampler(len(values), draws=_RESAMPLES, generator=generator)
    low, high = resampler.interval(resampler.sums(values) / len(values))
    return Estimate(float(values.mean()), float(low), float(high))
