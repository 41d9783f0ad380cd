"""An elementwise activation, and what following cumulants through it needs of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.quadrature import GaussianRule, factorial_roots


class NormalPair(NamedTuple):
    """Many pairs of normal numbers, each with its correlation.

    Attributes:
        mean_x: Means of the first of each pair.
        sd_x: Their standard deviations.
        mean_y: Means of the second.
        sd_y: Their standard deviations.
        rho: Correlations, in [-1, 1].
    """

    mean_x: Float[Tensor, "*pairs"]
    sd_x: Float[Tensor, "*pairs"]
    mean_y: Float[Tensor, "*pairs"]
    sd_y: Float[Tensor, "*pairs"]
    rho: Float[Tensor, "*pairs"]


class Activation:
    r"""An elementwise function f, known by its values alone; subclasses add closed forms.

    The Hermite coefficients of a unit with mean mu and standard deviation s are a_k = E[f(mu + s xi) He_k(xi)] = s^k
    E[f^(k)]; `hermite` returns them divided by sqrt(k!), so that Var f = sum_{k>=1} hermite_k^2 and, for two jointly
    normal units, Cov(f, g) = sum_{k>=1} rho^k hermite_k(f) hermite_k(g) (Mehler).

    Args:
        function: The activation, elementwise on a tensor, smooth between its breaks.
        name: What reports call it.
        breaks: Kinks and jumps; 0 by default, where nearly every activation has its kink, if any.
        scale: Length on which the function varies near its breaks.
        smooth: The breaks are no kinks, only the places near which the function varies most (tanh, sigmoid): a faster
        rule.
        lipschitz: A Lipschitz constant if one is known (rigorous bounds for non-Gaussian inputs need it).

    Raises:
        ArgumentError: If `scale` is negative.

    Example:
        >>> tanh = Activation(torch.tanh, name="tanh")
        >>> unit = torch.ones(1, dtype=torch.float64)
        >>> round(float(tanh.hermite(0 * unit, unit, 1)[0, 1]), 10)  # E tanh'
        0.6057055096
    """

    degree: int | None = None
    prefers_pairs = False
    """Whether the exact pair covariance is as cheap as one Mehler term."""

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        *,
        name: str,
        breaks: Sequence[float | int] = (0.0,),
        scale: float | int = 1.0,
        smooth: bool = False,
        lipschitz: float | int | None = None,
    ) -> None:
        if scale < 0:
            raise ArgumentError("scale", expected="a length >= 0", got=scale)
        self.function, self.name, self.breaks = function, name, tuple(breaks)
        self.scale, self.smooth, self.lipschitz = scale, smooth, lipschitz

    def __call__(self, z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The function itself."""
        return self.function(z)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    def rule(self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"]) -> GaussianRule:
        """The quadrature rule that this function needs at these units."""
        return GaussianRule(mean, sd, self.breaks, scale=self.scale, smooth=self.smooth)

    def hermite(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int
    ) -> Float[Tensor, "*units terms"]:
        """Normalised Hermite coefficients a_k / sqrt(k!), k = 0..order."""
        rule = self.rule(mean, sd)
        values = self(rule.z)
        level = rule.expect(values)
        # Centred values: the coefficients of order >= 1 then keep their digits when sd is tiny beside f.
        return torch.cat([level[..., None], rule.hermite(values - level[..., None], order)[..., 1:]], -1)

    def variance(self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"]) -> Float[Tensor, "*units"]:
        """Var f(z), z normal."""
        rule = self.rule(mean, sd)
        values = self(rule.z)
        return rule.expect((values - rule.expect(values)[..., None]).square())

    def wick(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int
    ) -> Float[Tensor, "*units terms"]:
        """The coefficients a_k = E[f He_k] = s^k E[f^(k)] themselves, k = 0..order.

        Example:
            >>> unit = torch.ones(1, dtype=torch.float64)
            >>> Activation(lambda z: z**2, name="square").wick(unit, unit, 2).round(decimals=10).tolist()
            [[2.0, 2.0, 2.0]]
        """
        return self.hermite(mean, sd, order) * factorial_roots(order, mean)

    def covariance(self, pair: NormalPair) -> Float[Tensor, "*pairs"] | None:
        """Exact Cov(f(x), f(y)) of jointly normal x and y where a closed form is known, else None (Mehler is used)."""
        del pair
        return None

    @property
    def closed_form(self) -> bool:
        """Whether the coefficients come from a formula (not from quadrature)."""
        return type(self).hermite is not Activation.hermite

    def centred_powers(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int, powers: Sequence[int]
    ) -> list[Float[Tensor, "*units terms"]]:
        """Hermite coefficients of (f - E f)^p for each p, by quadrature with the same breaks."""
        rule = self.rule(mean, sd)
        values = self(rule.z)
        values = values - rule.expect(values)[..., None]
        return list(rule.hermite(torch.stack([values.pow(p) for p in powers]), order))
