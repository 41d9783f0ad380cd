"""Geodesics: from a point with a velocity, or between two points; whole batches at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, check_count
from haar.geometry.curvature import check_points
from haar.geometry.definite import check_metric, inverse, leading_minors_positive
from haar.geometry.derivatives import Field, first_jet
from haar.geometry.embedded import embedded
from haar.geometry.pointwise import check_pointwise
from haar.geometry.pullback import Pullback
from haar.geometry.relaxed import relaxed_paths
from haar.geometry.smooth import check_settled, check_smooth
from haar.statistics import least_squares
from haar.watch import Unwatched, Watch

#: Newton steps of one shot, halvings of a step, and how near counts as arrived, relative to how far it is.
_NEWTON, _HALVINGS, _ARRIVED = 20, 8, 1e-8
#: Stages on the way to a far end, where the direct shot fails.
_STAGES = 8
#: Steps of a geodesic until its velocity is nearly known.
_ROUGH_STEPS = 12


@dataclass(frozen=True)
class Geodesics:
    """Geodesics at equal steps of their parameter, from 0 to 1.

    Attributes:
        points: Where each is, ``(n, steps + 1, d)``; NaN after it left the chart.
        velocities: The derivative there, of the same shape.
        lengths: Length of each in the metric, ``(n,)``.
        speed_drift: How far the speed, which ought to stay, moved at most, relative to it, ``(n,)``.
        left: The step in which each left the chart, ``(n,)``; -1 for those that did not.
        arrived: Whether each ended where it should; all true where no end was asked for.
    """

    points: Float[Tensor, "n steps d"]
    velocities: Float[Tensor, "n steps d"]
    lengths: Float[Tensor, " n"]
    speed_drift: Float[Tensor, " n"]
    left: Int[Tensor, " n"]
    arrived: Bool[Tensor, " n"]

    def __str__(self) -> str:
        """In a line."""
        count, steps = self.points.shape[:2]
        return (
            f"{count} geodesics of {steps - 1} steps: lengths {float(self.lengths.min()):.4g} to "
            f"{float(self.lengths.max()):.4g}, {int((self.left >= 0).sum())} left the chart, "
            f"{int((~self.arrived).sum())} did not arrive"
        )


def geodesic(
    metric: Field,
    z: Float[Tensor, "n d"],
    velocity: Float[Tensor, "n d"],
    *,
    steps: int = 100,
    inside: Callable[[Tensor], Tensor] | None = None,
    keep: bool = False,
) -> Geodesics:
    r"""Geodesics from points along velocities, for one unit of their parameter.

    Solves :math:`\ddot z^k = -\Gamma^k_{ij} \dot z^i \dot z^j` by the classical Runge-Kutta method of order four.

    Args:
        metric: As for `christoffel`.
        z: Where they begin.
        velocity: Their velocity there; its length in the metric is the length of the geodesic.
        steps: Number of steps.
        inside: From points to booleans ``(n,)``: where the chart is valid; by default wherever the metric is.
        keep: Whether geodesics that leave the chart end there, in place of an error.

    Raises:
        ArgumentError: If a geodesic leaves the chart, or as for `christoffel`.
        ShapeError: If points and velocities do not fit.

    Example:
        >>> from haar.geometry.spaces import sphere
        >>> equator = torch.tensor([[torch.pi / 2, 0.0]], dtype=torch.float64)
        >>> found = geodesic(sphere, equator, torch.tensor([[0.0, 1.0]], dtype=torch.float64))
        >>> found.points[0, -1].round(decimals=6).tolist()
        [1.570796, 1.0]
    """
    points, velocity = _pair(z, velocity, "velocity")
    check_count("steps", steps)
    check_smooth(metric, points)
    check_pointwise(metric, points)
    check_metric(metric(points), points)
    found = _follow(metric, points, velocity, steps, inside=inside)
    if not keep:
        _refuse_left(found.left, points)
    return found


def geodesic_between(
    metric: Field,
    z: Float[Tensor, "n d"],
    end: Float[Tensor, "n d"],
    *,
    steps: int = 50,
    inside: Callable[[Tensor], Tensor] | None = None,
    keep: bool = False,
    by: str = "shooting",
    watch: Watch = Unwatched(),
) -> Geodesics:
    """Geodesics between pairs of points, by shooting with exact derivatives.

    Newton's method on the first velocity, beginning at the straight line, with its steps halved until the end comes
    nearer; where that fails, the end is approached in stages. It finds a geodesic near the straight line, which in a
    strongly curved space need not be the shortest.

    The cost of a shot grows with the square of the dimension. For a large decoder ``by="relaxation"`` finds the chain
    of points whose decoded chords are shortest: first derivatives alone, lengths to the fourth power of a step.

    Args:
        metric: As for `christoffel`.
        z: Where they begin.
        end: Where they end.
        steps: Number of steps of each geodesic; even for ``"relaxation"``.
        inside: As for `geodesic`; not for ``"relaxation"``.
        keep: Whether geodesics that were not found are marked in `Geodesics.arrived`, in place of an error.
        by: ``"shooting"`` or, for the metric of a decoder, ``"relaxation"``.
        watch: Told of every geodesic, in a relaxation.

    Raises:
        ArgumentError: If one is not found, or as for `geodesic`.

    Example:
        >>> from haar.geometry.spaces import half_plane
        >>> one = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
        >>> geodesic_between(half_plane, one, 2 * one).lengths.exp().round(decimals=6).tolist()
        [2.0]
    """
    points, ends = _pair(z, end, "end")
    check_count("steps", steps)
    if by != "shooting":
        return _relax(by, metric, points, ends, steps, inside=inside, keep=keep, watch=watch)
    check_smooth(metric, points)
    check_pointwise(metric, points)
    for ones in (points, ends):
        check_metric(metric(ones), ones)
    shot = _Shooting(metric, min(steps, _ROUGH_STEPS), min(steps, _ROUGH_STEPS))
    velocity, arrived = shot.aim(points, ends, ends - points)
    if not bool(arrived.all()):
        lost = ~arrived
        velocity[lost], arrived[lost] = shot.by_stages(points[lost], ends[lost])
    if steps > _ROUGH_STEPS:
        velocity, arrived = _Shooting(metric, steps, _ROUGH_STEPS).aim(points, ends, velocity)
    found = _follow(metric, points, velocity, steps, inside=inside)
    arrived = arrived & (found.left < 0)
    if not keep:
        _refuse_lost(arrived, points, ends, "take more steps or nearer ends, or keep=True, which marks them")
    return replace(found, arrived=arrived)


def _relax(
    by: str,
    metric: Field,
    points: Tensor,
    ends: Tensor,
    steps: int,
    *,
    inside: Callable[[Tensor], Tensor] | None,
    keep: bool,
    watch: Watch,
) -> Geodesics:
    """Geodesics as shortest chains on a decoder's surface."""
    if by != "relaxation":
        raise ArgumentError("by", expected="'shooting' or 'relaxation'", got=repr(by))
    if not embedded(metric):
        raise ArgumentError("by", expected="'shooting' for a metric that is no Pullback of a decoder", got=repr(by))
    if steps % 2:
        raise ArgumentError("steps", expected="an even number for by='relaxation'", got=steps)
    if inside is not None:
        raise ArgumentError("inside", expected="None for by='relaxation'", got="a function")
    check_settled(metric)
    check_pointwise(metric, points)
    chains, lengths, drift, settled = relaxed_paths(metric, points, ends, steps, watch=watch)
    if not keep:
        _refuse_lost(settled, points, ends, "take nearer ends, or keep=True, which marks them")
    velocities = torch.gradient(chains, spacing=1 / steps, dim=1, edge_order=2)[0]
    return Geodesics(chains, velocities, lengths, drift, torch.full((len(points),), -1), settled)


def _refuse_lost(arrived: Tensor, points: Tensor, ends: Tensor, way_out: str) -> None:
    if bool(arrived.all()):
        return
    at = int((~arrived).nonzero()[0, 0])
    raise ArgumentError(
        "end",
        expected="ends that geodesics reach within the chart",
        got=f"{int((~arrived).sum())} of {len(points)} not reached, the first from {_told(points[at])} to "
        f"{_told(ends[at])}",
        way_out=way_out,
    )


def _told(point: Tensor) -> str:
    return "(" + ", ".join(f"{float(x):.4g}" for x in point.detach()) + ")"


def _pair(z: object, other: object, argument: str) -> tuple[Tensor, Tensor]:
    points, others = check_points(z), check_points(other, argument)
    if points.shape != others.shape or points.dtype != others.dtype:
        raise ShapeError(
            argument,
            expected=f"{tuple(points.shape)} of {points.dtype}",
            got=f"{tuple(others.shape)} of {others.dtype}",
        )
    return points, others


def _refuse_left(left: Tensor, points: Tensor) -> None:
    gone = left >= 0
    if bool(gone.any()):
        first = int(torch.where(gone, left, left.max() + 1).argmin())
        raise ArgumentError(
            "velocity",
            expected="geodesics that stay where the metric is one",
            got=f"{int(gone.sum())} of {len(left)} leave the chart, the first from {_told(points[first])} in step "
            f"{int(left[first])}",
            way_out="shorten the velocities, take more steps, or keep=True, which ends them there",
        )


def _acceleration(metric: Field, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The metric, and what the geodesic equation says."""
    if isinstance(metric, Pullback) and metric.inner is None:
        return metric.acceleration(z, v)
    jet = first_jet(metric, z)
    moved = (jet.first @ v[:, None, :, None])[..., 0]  # the metric's change along v
    half = torch.einsum("nijk,ni,nj->nk", jet.first, v, v) / 2
    force = half - (moved @ v[..., None])[..., 0]
    return jet.value, (inverse(jet.value) @ force[..., None])[..., 0]


def _step(metric: Field, z: Tensor, v: Tensor, h: float) -> tuple[Tensor, Tensor, Tensor]:
    """One step of Runge and Kutta; also the metric at its beginning."""
    g, a1 = _acceleration(metric, z, v)
    _, a2 = _acceleration(metric, z + h / 2 * v, v2 := v + h / 2 * a1)
    _, a3 = _acceleration(metric, z + h / 2 * v2, v3 := v + h / 2 * a2)
    _, a4 = _acceleration(metric, z + h * v3, v4 := v + h * a3)
    return g, z + h / 6 * (v + 2 * v2 + 2 * v3 + v4), v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)


def _follow(
    metric: Field,
    z: Tensor,
    v: Tensor,
    steps: int,
    *,
    inside: Callable[[Tensor], Tensor] | None,
) -> Geodesics:
    """The geodesics with all that is told of them; those that leave are NaN from there on."""
    left = torch.full((len(z),), -1)
    points, velocities, speeds = [z], [v], []
    with torch.no_grad():
        for step in range(1, steps + 1):
            g, z, v = _step(metric, z, v, 1 / steps)
            speeds.append(_speed(g, velocities[-1]))
            gone = (left < 0) & ~_stays(metric, z, v, inside)
            left[gone] = step
            z, v = (torch.where((left >= 0)[:, None], torch.nan, one) for one in (z, v))
            points.append(z)
            velocities.append(v)
        speeds.append(_speed(metric(z), v))
    speed = torch.stack(speeds, -1)
    drift = ((speed / speed[:, :1]) - 1).abs().nan_to_num(0.0).amax(-1)
    return Geodesics(torch.stack(points, 1), torch.stack(velocities, 1), speed[:, 0], drift, left, left < 0)


def _speed(g: Tensor, v: Tensor) -> Tensor:
    return torch.einsum("nij,ni,nj->n", g, v, v).sqrt()


def _stays(metric: Field, z: Tensor, v: Tensor, inside: Callable[[Tensor], Tensor] | None) -> Tensor:
    finite = z.isfinite().all(-1) & v.isfinite().all(-1)
    g = metric(torch.where(finite[:, None], z, 0.0))
    good = finite & g.isfinite().flatten(1).all(-1)
    good = good & leading_minors_positive(torch.where(good[:, None, None], g, torch.eye(z.shape[-1], dtype=g.dtype)))
    if inside is None:
        return good
    within = inside(torch.where(good[:, None], z, 0.0))
    if not isinstance(within, Tensor) or within.shape != good.shape or within.dtype != torch.bool:
        got = f"{within.dtype} {tuple(within.shape)}" if isinstance(within, Tensor) else type(within).__name__
        raise ArgumentError("inside", expected=f"a function to booleans ({len(z)},), one a point", got=got)
    return good & within


class _Shooting:
    """First velocities that lead to ends; slopes may be those of fewer steps, which are nearly the same."""

    def __init__(self, metric: Field, steps: int, slope_steps: int) -> None:
        self.metric, self.steps, self.slope_steps = metric, steps, slope_steps

    def end(self, z: Tensor, v: Tensor, steps: int) -> Tensor:
        """Where geodesics end; NaN beyond the chart."""
        for _ in range(steps):
            _, z, v = _step(self.metric, z, v, 1 / steps)
        return z

    def _end_of(self, z: Tensor, v: Tensor) -> Tensor:
        """Ends for several velocities a point, with the steps of slopes."""
        return self.end(z.repeat(len(v) // len(z), 1), v, self.slope_steps)

    def aim(self, z: Tensor, end: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Newton's method from velocities; also which of them arrived."""
        rounding = torch.finfo(z.dtype).eps * (z.norm(dim=-1) + end.norm(dim=-1))
        enough = torch.maximum(_ARRIVED * (end - z).norm(dim=-1), rounding).clamp(min=torch.finfo(z.dtype).tiny)
        with torch.no_grad():
            miss = self.end(z, v, self.steps) - end
            for _ in range(_NEWTON):
                going = (miss.norm(dim=-1) > enough) & miss.isfinite().all(-1)
                if not bool(going.any()):
                    break
                starts = z[going]
                jet = first_jet(partial(self._end_of, starts), v[going])
                good = jet.first.isfinite().flatten(1).all(-1)
                step = torch.zeros_like(starts)
                step[good] = -least_squares(jet.first[good], miss[going][good][..., None])[..., 0]
                moved, missed = self._halved(starts, end[going], v[going], step, miss[going])
                stuck = bool((moved == v[going]).all())
                v, miss = v.clone(), miss.clone()
                v[going], miss[going] = moved, missed
                if stuck:
                    break
        return v, miss.norm(dim=-1) <= 100 * enough

    def _halved(self, z: Tensor, end: Tensor, v: Tensor, step: Tensor, miss: Tensor) -> tuple[Tensor, Tensor]:
        """The longest of step, step/2, ... that brings each nearer, none if none does; and by what each then misses."""
        taken = torch.zeros(len(z), dtype=torch.bool, device=z.device)
        for _ in range(_HALVINGS):
            tried = self.end(z, v + step, self.steps) - end
            nearer = ~taken & (tried.norm(dim=-1) < miss.norm(dim=-1))
            v, miss = torch.where(nearer[:, None], v + step, v), torch.where(nearer[:, None], tried, miss)
            taken |= nearer
            if bool(taken.all()):
                break
            step = torch.where(taken[:, None], 0.0, step / 2)
        return v, miss

    def by_stages(self, z: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        """The end approached along the straight line, each stage beginning with the velocity of the one before."""
        v, arrived = torch.zeros_like(z), torch.ones(len(z), dtype=torch.bool)
        for stage in range(1, _STAGES + 1):
            share = stage / _STAGES
            first = v * (stage / max(stage - 1, 1)) if stage > 1 else (end - z) * share
            v, arrived = self.aim(z, z + (end - z) * share, first)
            if not bool(arrived.any()):
                break
        return v, arrived
