"""Inspect any collision: its symmetry, what it conserves, its linear coefficients, stability and viscosities."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, check_count
from haar.report import Report, Section, Table
from haar.report.drawing import COLOURS, INK, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.seeding import Seed, generator_of
from haar.statistics import Estimate
from haar.systems.lattice_boltzmann.collision import (
    Collision,
    check_collision,
    collided,
    differentiates,
    linearised,
)
from haar.systems.lattice_boltzmann.flows import shear_wave
from haar.systems.lattice_boltzmann.host import simulate
from haar.systems.lattice_boltzmann.observables import velocity
from haar.systems.lattice_boltzmann.pairs import draw_pairs
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.viscosity import (
    GROWTH,
    Waves,
    block_eigenvalues,
    viscosities,
    waves,
)

#: Defects of a sum of a hundred products in float64 stay below the first; single precision has half the digits.
_ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-5}
#: Differences of populations that were rounded are so much less exact than their derivatives.
_DIFFERENCES = 100.0
#: Parts that a run is cut into, after one that is left out.
_PARTS = 8
#: Two-sided 95 % points of Student's law by degrees of freedom.
_STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365}


@dataclass(frozen=True)
class Tried:
    """What a collision did to populations near equilibrium.

    Attributes:
        defects: Largest defect of equivariance for every element, by its name.
        mass: Largest change of the density in a collision.
        momentum: Largest change of the momentum.
        negative: Share of cells with a negative population afterwards.
        entropy: Share of cells whose entropy falls.
    """

    defects: Mapping[str, float]
    mass: float
    momentum: float
    negative: float
    entropy: float


@dataclass(frozen=True, eq=False)
class CollisionReport(Report):
    """What a collision does.

    Attributes:
        stencil: Its stencil.
        tried: What it did to populations near equilibrium.
        eigenvalues: What the Jacobian does to every block of moments: 1 - rate.
        viscosity: Of long waves along an axis and along a diagonal, from the Jacobian.
        measured: The same from waves in a simulation, with an interval; empty where none was asked for.
        waves: Growth and dispersion.
        precision: Of the populations it was tried on.
    """

    kind: ClassVar[str] = "collision"

    stencil: Stencil
    tried: Tried
    eigenvalues: Mapping[str, float]
    viscosity: Mapping[str, float]
    measured: Mapping[str, Estimate]
    waves: Waves
    precision: torch.dtype = torch.float64

    title = "A collision"

    @property
    def rounding(self) -> float:
        """Defects below this are rounding."""
        return _ROUNDING.get(self.precision, 1e-2)

    @property
    def equivariant(self) -> bool:
        """Whether it commutes with the group, to rounding."""
        return max(self.tried.defects.values()) <= self.rounding

    @property
    def conserving(self) -> bool:
        """Whether it conserves mass and momentum, to rounding."""
        return max(self.tried.mass, self.tried.momentum) <= self.rounding

    @property
    def anisotropy(self) -> float:
        """The viscosity of diagonal waves over that of waves along an axis."""
        return self.viscosity["diagonal"] / self.viscosity["axis"] if self.viscosity["axis"] else math.nan

    @property
    def summary(self) -> str:
        """In a few sentences."""
        group, broken = self.stencil.group.name, [name for name, d in self.tried.defects.items() if d > self.rounding]
        symmetric = (
            f"commutes with {group}" if not broken else f"does not commute with {', '.join(broken[:4])} of {group}"
        )
        conserves = "conserves mass and momentum" if self.conserving else "does not conserve mass and momentum"
        growth = float(self.waves.growth.max()) - 1
        stable = "no wave grows" if self.waves.stable else f"a wave grows by {growth:.2g} a step"
        return (
            f"It {symmetric} and {conserves}; {stable}. Viscosity {self.viscosity['axis']:.6g} along an axis, "
            f"{self.viscosity['diagonal']:.6g} along a diagonal (ratio {self.anisotropy:.6g})."
        )

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {
            "stencil": self.stencil.name,
            "group": self.stencil.group.name,
            "equivariant": self.equivariant,
            "conserving": self.conserving,
            "stable": self.waves.stable,
            "defects": dict(self.tried.defects),
            "mass": self.tried.mass,
            "momentum": self.tried.momentum,
            "negative": self.tried.negative,
            "entropy_falls": self.tried.entropy,
            "eigenvalues": dict(self.eigenvalues),
            "viscosity": dict(self.viscosity),
            "anisotropy": self.anisotropy,
            "measured_viscosity": {name: [e.value, e.low, e.high] for name, e in self.measured.items()},
            "largest_growth": float(self.waves.growth.max()) - 1,
        }

    def sections(self) -> list[Section]:
        """Two tables and a picture."""
        rows: list[list[Cell]] = [
            ["largest equivariance defect", max(self.tried.defects.values())],
            ["largest change of mass", self.tried.mass],
            ["largest change of momentum", self.tried.momentum],
            ["cells with a negative population", self.tried.negative],
            ["cells whose entropy falls", self.tried.entropy],
            ["largest growth of a wave in a step", float(self.waves.growth.max()) - 1],
        ]
        rows += [[f"viscosity, {name}", value] for name, value in self.viscosity.items()]
        rows += [[f"viscosity, {name}, in a simulation", str(value)] for name, value in self.measured.items()]
        blocks: list[list[Cell]] = [[name, value, 1 - value] for name, value in self.eigenvalues.items()]
        return [
            Section("What it does", self.summary, Table("Collision", ("", "value"), rows)),
            Section("Moments", "", Table("Moments", ("block", "eigenvalue", "rate"), blocks), self._picture(), _WAVES),
        ]

    def _picture(self) -> Figure:
        figure = new_figure(9, 3.4)
        left, right = (figure.add_subplot(1, 2, place) for place in (1, 2))
        style_axes(left, title="viscosity of a wave", x="wave number")
        for place, name in enumerate(self.waves.directions):
            left.plot(self.waves.lengths, self.waves.shear[place], color=COLOURS[place], label=name)
        style_axes(right, title="largest growth", x="kx", y="ky")
        numbers, growth = self.waves.numbers.numpy(), self.waves.growth.numpy() - 1
        plane = np.ones(len(numbers), dtype=bool) if self.stencil.dim == 2 else numbers[:, 2] == 0
        top = max(float(np.abs(growth).max()), 1e-12)
        x, y = numbers[plane, 0], numbers[plane, 1]
        dots = right.scatter(x, y, c=growth[plane], cmap="RdBu_r", vmin=-top, vmax=top, s=14, marker="s")
        bar = figure.colorbar(dots, ax=right)
        bar.ax.tick_params(labelsize=8, colors=INK)
        share_legend(figure, [left])
        return figure


def inspect_collision(
    collision: Collision,
    stencil: Stencil,
    *,
    samples: int = 256,
    speed: float = 0.05,
    noise: float = 1e-3,
    points: int = 16,
    flow: Sequence[float | int] | None = None,
    simulated: bool = False,
    precision: torch.dtype = torch.float64,
    seed: Seed = 0,
) -> CollisionReport:
    """Report on any collision, the user's own included.

    Args:
        collision: Any callable on populations, on the last axis; see `on_cells` for arrays of other layouts.
        stencil: Its velocities, in its own order.
        samples: Populations near equilibrium that it is tried on.
        speed: Their largest speed.
        noise: What is added to their equilibria.
        points: Wave numbers along every axis.
        flow: A mean flow in which waves are looked at; by default there is none.
        simulated: Whether viscosities are measured in simulations too, with intervals.
        precision: Of the populations.
        seed: Of the populations.

    Example:
        >>> from haar.systems.lattice_boltzmann.relaxation import BGK
        >>> stencil = Stencil.named("D2Q9")
        >>> inspect_collision(BGK(stencil, 0.8), stencil, points=4).summary
        'It commutes with D4 and conserves mass and momentum; no wave grows. Viscosity 0.1 along an axis, 0.1 along a \
diagonal (ratio 1).'
    """
    check_count("samples", samples)
    check_count("points", points, least=2)
    generator = generator_of(seed)
    check_collision(collision, stencil)
    if not precision.is_floating_point:
        raise ArgumentError("precision", expected="a floating-point type", got=precision)
    f = draw_pairs(stencil, samples, speed=speed, noise=noise, seed=generator).before.to(precision)
    with torch.no_grad():
        after = _tried(collision, f.clone())
        defects = {
            stencil.group.describe(g): float((collided(collision, f @ B.T) - after @ B.T).abs().max())
            for g, B in zip(stencil.group.elements(), stencil.element_matrices().to(precision), strict=True)
        }
    change = (after - f).double() @ stencil.conserved

    def exact(g: Tensor) -> Tensor:
        return collided(collision, g.to(precision)).double()

    J = linearised(exact, stencil)
    smooth = differentiates(exact, stencil.weights)
    rounding = 1.0 if smooth else _DIFFERENCES
    tolerance = GROWTH if precision == torch.float64 else rounding * _ROUNDING.get(precision, 1e-2)
    mean = None if flow is None else torch.as_tensor(flow, dtype=torch.float64)
    if mean is not None and mean.shape != (stencil.dim,):
        raise ShapeError("flow", expected=f"{stencil.dim} numbers", got=tuple(mean.shape))
    return CollisionReport(
        stencil=stencil,
        tried=Tried(
            defects,
            mass=float(change[:, 0].abs().max()),
            momentum=float(change[:, 1:].abs().max()),
            negative=float((after < 0).any(1).double().mean()),
            entropy=float((_entropy(after, stencil) < _entropy(f, stencil) - _ROUNDING[torch.float64]).double().mean()),
        ),
        eigenvalues=block_eigenvalues(J, stencil),
        viscosity=viscosities(J, stencil),
        measured=measured_viscosities(collision, stencil, precision=precision) if simulated else {},
        waves=waves(J if mean is None else linearised(exact, stencil, mean), stencil, points, tolerance),
        precision=precision,
    )


def _tried(collision: Collision, f: Tensor) -> Tensor:
    """Populations after a collision, which are numbers."""
    after = collided(collision, f)
    bad = (~after.isfinite()).nonzero()
    if len(bad):
        sample, q = bad[0].tolist()
        got = f"{float(after[sample, q])} for population {q} of {f[sample].tolist()}"
        raise ArgumentError("collision", expected="one that keeps populations near equilibrium finite", got=got)
    return after


def measured_viscosities(
    collision: Collision,
    stencil: Stencil,
    *,
    size: int = 24,
    steps: int = 240,
    speed: float = 0.01,
    precision: torch.dtype = torch.float64,
) -> dict[str, Estimate]:
    """Viscosities from the decay of shear waves in a simulation, with intervals over the parts of the run.

    A wave's amplitude falls as ``exp(-nu k^2 t)``. After a start that is left out the run is cut into parts; each gives
    a viscosity, and Student's law an interval of 95 % of their mean.

    Args:
        collision: Any callable on the last axis.
        stencil: Of a square or cubic lattice.
        size: Nodes along every axis in the plane; along others there are 2.
        steps: How long the waves run.
        speed: The largest.
        precision: Of the populations.
    """
    check_count("size", size, least=4)
    check_count("steps", steps, least=_PARTS + 1)
    found = {}
    for name, direction in (("axis", (1, 0)), ("diagonal", (1, 1))):
        whole = shear_wave(stencil, size, (*direction, *[0] * (stencil.dim - 2)), speed).populations
        start = whole if stencil.dim == 2 else whole[..., :2]
        first = velocity(start, stencil)

        def amplitude(f: Tensor, first: Tensor = first) -> Tensor:
            return (velocity(f.double(), stencil) * first).sum() / first.square().sum()

        parts = _PARTS
        ran = simulate(
            start.to(precision).contiguous(),
            collision,
            steps,
            stencil=stencil,
            observers={"amplitude": amplitude},
            every=steps // (parts + 1),
            stop=True,
        )
        values = ran.records["amplitude"][1 : parts + 2]
        times = ran.times[1 : parts + 2].double()
        square = (2 * math.pi / size) ** 2 * sum(x * x for x in direction)
        rates = -(values[1:] / values[:-1]).log() / (times[1:] - times[:-1]) / square
        found[name] = _mean([float(x) for x in rates])
    return found


def on_cells(collision: Callable[[Any], Any], *, axis: int = -1, numpy: bool = False) -> Collision:
    """A collision of another layout as one on the last axis.

    Args:
        collision: Takes and gives arrays.
        axis: Where its populations stand: 0 for velocity-first arrays.
        numpy: Whether it takes numpy arrays.

    Example:
        >>> doubled = on_cells(lambda f: 2 * f, axis=0, numpy=True)
        >>> doubled(torch.ones(4, 9)).shape
        torch.Size([4, 9])
    """

    def collide(f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        moved = f.movedim(-1, axis)
        if not numpy:
            return collision(moved).movedim(axis, -1)  # type: ignore[no-any-return]
        return torch.as_tensor(collision(moved.detach().numpy())).to(f.dtype).movedim(axis, -1)

    return collide


def _entropy(f: Tensor, stencil: Stencil) -> Tensor:
    """Minus the sum of f ln(f / w); cells with negative populations count as they would at 0."""
    positive = f.double().clamp(min=1e-300)
    return -(positive * (positive / stencil.weights).log()).sum(-1)


def _mean(values: list[float]) -> Estimate:
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return Estimate(math.nan, math.nan, math.nan)
    middle = statistics.fmean(values)
    half = _STUDENT[min(len(values) - 1, max(_STUDENT))] * statistics.stdev(values) / len(values) ** 0.5
    return Estimate(middle, middle - half, middle + half)


_WAVES = (
    "Left: viscosity of waves along an axis and along a diagonal. Right: growth of every wave in a step, red grows."
)
