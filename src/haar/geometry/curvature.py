"""Christoffel symbols and curvature of any metric, exact to rounding, for whole batches of points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.geometry.definite import check_metric, inverse, log_volume
from haar.geometry.derivatives import Field, Jet, first_jet, second_jet
from haar.geometry.embedded import MOST_EMBEDDED, curvature_by_gauss, embedded, in_parts
from haar.geometry.pointwise import check_pointwise
from haar.geometry.smooth import check_settled, check_smooth

#: Largest dimension whose curvature is computed: its cost grows like d^4, and d (d + 1) / 2 passes.
MOST_DIMENSIONS = 6
#: Points computed at once: what they need stays in the cache.
_POINTS_AT_ONCE = 4096


def christoffel(metric: Field, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d d"]:
    r"""The Christoffel symbols :math:`\Gamma^k_{ij}`, with axes k, i, j.

    .. math:: \Gamma^k_{ij} = \tfrac12 g^{kl} (\partial_i g_{jl} + \partial_j g_{il} - \partial_l g_{ij})

    Args:
        metric: What gives a symmetric positive definite matrix ``(n, d, d)`` at points ``(n, d)``, each of its own
            point alone: a function, a `MetricNet`, a `Metric`.
        z: Points, in any floating precision.

    Raises:
        ArgumentError: If the metric is not symmetric or not positive definite at a point, has a kinked activation, or
            an operator without a derivative in forward mode.
        ShapeError: If the points are no batch.

    Example:
        >>> from haar.geometry.spaces import sphere
        >>> gamma = christoffel(sphere, torch.tensor([[torch.pi / 4, 0.0]]))[0]
        >>> round(float(gamma[0, 1, 1]), 6), round(float(gamma[1, 0, 1]), 6)  # -sin cos, cot
        (-0.5, 1.0)
    """

    def some(points: Tensor) -> Tensor:
        jet = first_jet(metric, points)
        check_metric(jet.value, points)
        return _christoffel(inverse(jet.value), jet.first)

    return by_points(some, _checked(metric, z))


def riemann(metric: Field, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d d d"]:
    r"""The Riemann tensor :math:`R^a{}_{bcd}`, of the sign that a sphere has positive curvature.

    .. math:: R^a{}_{bcd} = \partial_c \Gamma^a_{db} - \partial_d \Gamma^a_{cb}
              + \Gamma^a_{ce} \Gamma^e_{db} - \Gamma^a_{de} \Gamma^e_{cb}

    Args:
        metric: As for `christoffel`.
        z: Points of at most `MOST_DIMENSIONS` coordinates.

    Raises:
        ArgumentError: As for `christoffel`, or if there are too many dimensions.

    Example:
        >>> from haar.geometry.spaces import sphere
        >>> z = torch.tensor([[torch.pi / 2, 0.0]])
        >>> round(float(riemann(sphere, z)[0, 0, 1, 0, 1]), 6)
        1.0
    """

    def some(points: Tensor) -> Tensor:
        raised, lowered = _curvature(metric, points)
        return torch.einsum("nae,nebcd->nabcd", raised, lowered)

    return by_points(some, _checked(metric, z, curvature=True))


def ricci(metric: Field, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
    r"""The Ricci tensor :math:`R_{bd} = R^a{}_{bad}`.

    Args:
        metric: As for `christoffel`.
        z: Points of at most `MOST_DIMENSIONS` coordinates.

    Raises:
        ArgumentError: As for `riemann`.

    Example:
        >>> from haar.geometry.spaces import half_plane
        >>> ricci(half_plane, torch.tensor([[0.0, 1.0]])).round(decimals=6).tolist()  # -g
        [[[-1.0, 0.0], [0.0, -1.0]]]
    """
    return by_points(lambda points: _ricci(*_curvature(metric, points)), _checked(metric, z, curvature=True))


def scalar_curvature(metric: Field, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    r"""The scalar curvature :math:`S = g^{bd} R_{bd}`; of a surface, twice the Gaussian curvature.

    Of a decoder's metric it is taken from the decoder's own second derivatives, by the equation of Gauss.

    Args:
        metric: As for `christoffel`.
        z: Points of at most `MOST_DIMENSIONS` coordinates; of 32 for a decoder's metric.

    Raises:
        ArgumentError: As for `riemann`.

    Example:
        >>> from haar.geometry.spaces import poincare_disc
        >>> scalar_curvature(poincare_disc, torch.tensor([[0.3, -0.4]], dtype=torch.float64)).round(decimals=9).tolist()
        [-2.0]
    """

    def some(points: Tensor) -> Tensor:
        raised, lowered = _curvature(metric, points)
        if points.shape[-1] == 2:  # the only component that there is, twice over the determinant
            return 2 * lowered[:, 0, 1, 0, 1] * (raised[:, 0, 0] * raised[:, 1, 1] - raised[:, 0, 1] ** 2)
        return (raised * _ricci(raised, lowered)).sum((-2, -1))

    points = _checked(metric, z, curvature=True, most=MOST_EMBEDDED if embedded(metric) else MOST_DIMENSIONS)
    if points.shape[-1] == 1:
        return points[:, 0] * 0
    return curvature_by_gauss(metric, points) if embedded(metric) else by_points(some, points)


def volume(metric: Field, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    r"""The volume element :math:`\sqrt{\det g}`.

    Args:
        metric: As for `christoffel`; it may have kinks.
        z: Points.

    Raises:
        ArgumentError: If the metric is not symmetric or not positive definite at a point, or a layer of it mixes points
            or draws, in training mode.

    Example:
        >>> from haar.geometry.spaces import half_plane
        >>> volume(half_plane, torch.tensor([[0.0, 2.0]])).tolist()
        [0.25]
    """
    check_settled(metric)

    def some(points: Tensor) -> Tensor:
        g = metric(points)
        check_metric(g, points)
        return log_volume(g).exp()

    points = check_points(z)
    return in_parts(some, metric, points, 2 * points.shape[-1]) if embedded(metric) else by_points(some, points)


def check_points(z: object, argument: str = "z") -> Tensor:
    """Refuse what is no batch of points.

    Raises:
        ShapeError: If it is not.
    """
    if not isinstance(z, Tensor) or z.dim() != 2 or not z.numel() or not z.is_floating_point():
        got = f"{tuple(z.shape)} of {z.dtype}" if isinstance(z, Tensor) else type(z).__name__
        raise ShapeError(argument, expected="points (n, d) of real numbers", got=got)
    return z


def by_points(compute: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """What is computed of points, some of them at a time."""
    parts = [compute(points) for points in z.split(_POINTS_AT_ONCE)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _checked(metric: Any, z: object, *, curvature: bool = False, most: int = MOST_DIMENSIONS) -> Tensor:
    points = check_points(z)
    size = points.shape[-1]
    if curvature and size > most:
        raise ArgumentError(
            "z",
            expected=f"at most {most} coordinates: the cost of curvature grows like the fourth power",
            got=size,
            way_out="volume() and log_volume_spread() need no derivative and have no such limit",
        )
    check_smooth(metric, points)
    check_pointwise(metric, points)
    return points


def _christoffel(raised: Tensor, slopes: Tensor) -> Tensor:
    """From the inverse and d_k g_ij (axes i, j, k)."""
    return torch.einsum("nkl,nlij->nkij", raised, lowered_christoffel(slopes))


def lowered_christoffel(slopes: Tensor) -> Tensor:
    """The symbols with all indices low, axes l, i, j, from d_k g_ij with axes i, j, k."""
    # slopes[j, l, i] = d_i g_jl
    return (slopes.permute(0, 2, 3, 1) + slopes.permute(0, 2, 1, 3) - slopes.permute(0, 3, 1, 2)) / 2


def _curvature(metric: Field, points: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse metric, and the Riemann tensor with all indices low."""
    jet: Jet = second_jet(metric, points)
    check_metric(jet.value, points)
    raised, lowered = inverse(jet.value), lowered_christoffel(jet.first)
    h = jet.second  # axes i, j, k, l: d_k d_l g_ij
    products = torch.einsum("nef,nebc,nfad->nabcd", raised, lowered, lowered)
    # d_b d_c g_ad + d_a d_d g_bc - d_a d_c g_bd - d_b d_d g_ac, axes a, b, c, d
    bc_ad = torch.einsum("nadbc->nabcd", h)
    ad_bc = torch.einsum("nbcad->nabcd", h)
    ac_bd = torch.einsum("nbdac->nabcd", h)
    bd_ac = torch.einsum("nacbd->nabcd", h)
    return raised, (bc_ad + ad_bc - ac_bd - bd_ac) / 2 + products - products.transpose(-1, -2)


def _ricci(raised: Tensor, lowered: Tensor) -> Tensor:
    return torch.einsum("nac,nabcd->nbd", raised, lowered)
