"""Gaussian expectations of any elementwise function: a composite rule that breaks at the function's kinks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.moments.normal import hermite_polynomials, legendre, pdf

_REACH = 12.0  # standard deviations; the density beyond is 1e-32
_PANELS = (-_REACH, -8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0, _REACH)
_GRADES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_NODES = 16
#: All units share panels up to an sd of so many times a smooth function's scale; beyond, each has its own.
_SHARED = 8
#: The sd, in scales, up to which the fixed panels are fine enough: beyond, 16 nodes lose digits of tanh, by its poles.
_FINE = 0.75


class GaussianRule:
    r"""Nodes and weights for E f(mean + sd xi), xi standard normal, one rule per unit.

    The line is cut at fixed multiples of sd (where the density varies), at the kinks of f, and at geometrically
    growing distances from them (where f varies if sd is large); each panel gets 16 Gauss-Legendre nodes. Functions
    that are smooth between their kinks on their own scale are integrated to about 1e-14, for any mean and any sd,
    where 200 Gauss-Hermite nodes lose a kink at 1e-3.

    Args:
        mean: Means of the units, float64.
        sd: Standard deviations, zero allowed.
        breaks: Kinks and jumps of the function.
        scale: Length on which the function varies near its breaks; 0 if it is linear between them.
        smooth: The breaks are no kinks: panels of the scale's width need no cuts there, and all units share their nodes
            (unless an sd is many times the scale).
        nodes: Nodes per panel.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> rule = GaussianRule(0 * one, one, (0.0,), scale=0.0)
        >>> round(float(rule.expect(rule.z.clamp(min=0))) * (2 * math.pi) ** 0.5, 12)
        1.0
    """

    def __init__(
        self,
        mean: Float[Tensor, "*units"],
        sd: Float[Tensor, "*units"],
        breaks: Sequence[float | int],
        *,
        scale: float | int = 1.0,
        smooth: bool = False,
        nodes: int = _NODES,
    ) -> None:
        unit, share = legendre(nodes, mean)
        edges = torch.tensor(_PANELS, dtype=mean.dtype, device=mean.device)
        finer = _finer(sd, scale) if smooth else None
        edges = self._cut(edges, mean, sd, breaks, scale) if finer is None else _divided(edges, finer)
        width = edges.diff(dim=-1)[..., None]
        self.xi = (edges[..., :-1, None] + width * unit).flatten(-2)
        self.weights = (width * share).flatten(-2) * pdf(self.xi)
        self.z = mean[..., None] + sd[..., None] * self.xi

    @staticmethod
    def _cut(fixed: Tensor, mean: Tensor, sd: Tensor, breaks: Sequence[float | int], scale: float) -> Tensor:
        """Panel edges of every unit: the fixed ones and those at the breaks, sorted."""
        offsets = [0.0] if scale == 0 else [0.0, *(g * scale for g in _GRADES), *(-g * scale for g in _GRADES)]
        cuts = sorted({b + o for b in breaks for o in offsets})
        spread = torch.where(sd > 0, sd, torch.ones_like(sd))
        fixed = fixed.expand(*mean.shape, len(_PANELS))
        if not cuts:
            return fixed
        at = torch.tensor(cuts, dtype=mean.dtype, device=mean.device)
        moving = ((at - mean[..., None]) / spread[..., None]).clamp(-_REACH, _REACH)
        return torch.cat([fixed, moving], -1).sort(-1).values

    def expect(self, values: Float[Tensor, "*units nodes"]) -> Float[Tensor, "*units"]:
        """E of a function given by its values at `z`."""
        return values @ self.weights if self.weights.ndim == 1 else (values * self.weights).sum(-1)

    def hermite(self, values: Float[Tensor, "*units nodes"], order: int) -> Float[Tensor, "*units terms"]:
        """Normalised Hermite coefficients E[f He_k] / sqrt(k!), k = 0..order, from the values at `z`."""
        polynomials = hermite_polynomials(self.xi, order, start=self.weights)
        if self.xi.ndim == 1:
            return values @ torch.stack(polynomials, -1)
        return torch.stack([(values * p).sum(-1) for p in polynomials], -1)


def _finer(sd: Tensor, scale: float) -> int | None:
    """Into how many parts the fixed panels are divided so that a smooth function loses no digits; None for too many."""
    largest = float(sd.detach().max()) if sd.numel() else 0.0
    return max(1, math.ceil(largest / (_FINE * scale))) if largest <= _SHARED * scale else None


def _divided(edges: Tensor, parts: int) -> Tensor:
    """Edges with every panel divided into equal parts."""
    steps = torch.arange(parts, dtype=edges.dtype, device=edges.device) / parts
    return torch.cat([(edges[:-1, None] + edges.diff()[:, None] * steps).flatten(), edges[-1:]])


def quadrature_error(
    function: Callable[[Tensor], Tensor],
    mean: Float[Tensor, "*units"],
    sd: Float[Tensor, "*units"],
    breaks: Sequence[float | int],
    scale: float | int = 1.0,
) -> Float[Tensor, "*units"]:
    """How far E f moves if every panel gets 12 nodes in place of 16: an indicator of a missed kink, not a bound.

    Example:
        >>> unit = torch.ones(1, dtype=torch.float64)
        >>> bool(quadrature_error(torch.tanh, unit, unit, (0.0,)) < 1e-14)
        True
    """
    fine, coarse = (GaussianRule(mean, sd, breaks, scale=scale, nodes=n) for n in (_NODES, 12))
    return (fine.expect(function(fine.z)) - coarse.expect(function(coarse.z))).abs()


def factorial_roots(order: int, like: Tensor) -> Float[Tensor, "terms"]:
    """sqrt(k!) for k = 0..order: what turns normalised coefficients into a_k.

    Example:
        >>> factorial_roots(3, torch.zeros((), dtype=torch.float64)).square().round().tolist()
        [1.0, 1.0, 2.0, 6.0]
    """
    roots = [math.sqrt(math.factorial(k)) for k in range(order + 1)]
    return torch.tensor(roots, dtype=like.dtype, device=like.device)
