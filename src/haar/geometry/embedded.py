"""Surfaces in a Euclidean space: the geometry of a decoder from derivatives of the decoder, a few points at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from haar.errors import ArgumentError
from haar.geometry.definite import check_metric, inverse
from haar.geometry.derivatives import Field, Jet, first_jet, second_jet
from haar.geometry.pullback import Pullback

#: Largest dimension whose curvature is computed from a decoder: d (d + 1) / 2 passes of it.
MOST_EMBEDDED = 32
#: Numbers that a decoder may hold at once, over the copies of all points and directions.
_NUMBERS = 2**25


class _Sizes(TorchDispatchMode):
    """Counts the numbers that all operators give."""

    def __init__(self) -> None:
        super().__init__()
        self.count: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.count += sum(leaf.numel() for leaf in pytree.tree_leaves(made) if isinstance(leaf, Tensor))
        return made


def embedded(metric: Field) -> TypeGuard[Pullback]:
    """Whether a metric is that of a surface in a Euclidean space: of a decoder without a metric on its outputs."""
    return isinstance(metric, Pullback) and metric.inner is None


def at_once(metric: Pullback, points: Tensor, copies: int) -> int:
    """How many points a decoder may see at once, each in so many copies.

    Example:
        >>> 1 <= at_once(Pullback(lambda z: z.repeat(1, 2**20)), torch.zeros(9, 2), 4) < 9
        True
    """
    with torch.no_grad(), _Sizes() as sizes:
        metric.decoder(points[:1])
    seen: int = sizes.count
    return max(1, _NUMBERS // (max(seen, 1) * copies))


def in_parts(compute: Callable[[Tensor], Tensor], metric: Pullback, points: Tensor, copies: int) -> Tensor:
    """What is computed of points, as many of them at a time as `at_once` says."""
    parts = [compute(part) for part in points.split(at_once(metric, points, copies))]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def metric_jet(metric: Field, points: Tensor) -> Jet:
    """A metric and its slopes; of a decoder by its second derivatives, a few points at a time.

    With f of the decoder, d_k g_ij = f_ki . f_j + f_i . f_kj.
    """
    if not embedded(metric):
        return first_jet(metric, points)
    values, slopes = [], []
    for part in points.split(at_once(metric, points, 4 * _pairs(points))):
        jet = second_jet(metric.flat, part)
        value, slope = _bent(jet)
        values.append(value)
        slopes.append(slope)
    return Jet(torch.cat(values), torch.cat(slopes), None)


def curvature_by_gauss(metric: Pullback, points: Tensor) -> Tensor:
    r"""Scalar curvature of a surface: :math:`|\mathrm{tr}\, h|^2 - |h|^2`, h its second fundamental form.

    h is what of the decoder's second derivatives stands at right angles to the surface; no derivative of the metric is
    formed.

    Source: the equation of Gauss.
    """

    def some(part: Tensor) -> Tensor:
        jet = second_jet(metric.flat, part)
        J, bend = jet.first, _second(jet)
        g = J.mT @ J
        check_metric((g + g.mT) / 2, part)
        raised = inverse((g + g.mT) / 2)
        within = raised @ torch.einsum("npi,npkl->nikl", J, bend).flatten(2)
        normal = bend - (J @ within).unflatten(2, bend.shape[2:])
        trace = torch.einsum("nkl,npkl->np", raised, normal)
        mixed = torch.einsum("nka,npkl,nlb->npab", raised, normal, raised)
        found: Tensor = trace.square().sum(-1) - (mixed * normal).sum((-3, -2, -1))
        return found

    return in_parts(some, metric, points, 4 * _pairs(points))


def _bent(jet: Jet) -> tuple[Tensor, Tensor]:
    J, bend = jet.first, _second(jet)
    g = J.mT @ J
    half = torch.einsum("npik,npj->nijk", bend, J)
    return (g + g.mT) / 2, half + half.transpose(1, 2)


def _second(jet: Jet) -> Tensor:
    if jet.second is None:  # never of second_jet
        raise ArgumentError("jet", expected="second derivatives", got="none")
    return jet.second


def _pairs(points: Tensor) -> int:
    size = points.shape[-1]
    return size * (size + 1) // 2
