"""Sums of sines with trainable frequencies and phases, brought to mean 0 and variance 1; derivatives by hand.

``mu`` and ``sigma^2`` are mean and variance of ``sin(w u + p)`` for a standard normal u. The published script misplaces
a parenthesis in sigma; this is the closed form.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.nn.basis.recorded import Gradients, differentiated_again, recorded

Units = Float[Tensor, "mixing samples"]
Degrees = Float[Tensor, " degree"]
Weight = Float[Tensor, "outputs mixing degree"]
#: Under the root of sigma^2, which goes to 0 as frequency and phase do.
LEAST_VARIANCE = 1e-6


def sine_moments(frequencies: Degrees, phases: Degrees) -> tuple[Degrees, Degrees]:
    """Mean and variance of ``sin(w u + p)`` for a standard normal u.

    Args:
        frequencies: Every w.
        phases: Every p.

    Example:
        >>> mean, variance = sine_moments(torch.zeros(1), torch.full((1,), torch.pi / 2))
        >>> mean.item(), abs(round(variance.item(), 6))
        (1.0, 0.0)
    """
    squares = frequencies * frequencies
    mean = torch.exp(-squares / 2) * torch.sin(phases)
    return mean, 0.5 - 0.5 * torch.exp(-2 * squares) * torch.cos(2 * phases) - mean * mean


def sine_map(xi: Units, frequencies: Degrees, phases: Degrees, weight: Weight) -> Float[Tensor, "outputs samples"]:
    """``sum_(q, n) weight[:, q, n] (sin(w_n xi_q + p_n) - mu_n) / sigma_n``.

    Args:
        xi: A row for each mixing unit.
        frequencies: Every w_n.
        phases: Every p_n.
        weight: Of every sine of every unit.
    """
    if recorded(xi, frequencies, phases, weight):
        return _SineMap.apply(xi, frequencies, phases, weight)  # type: ignore[no-any-return,no-untyped-call]
    return plain_sine_map(xi, frequencies, phases, weight)


def plain_sine_map(
    xi: Units, frequencies: Degrees, phases: Degrees, weight: Weight
) -> Float[Tensor, "outputs samples"]:
    """The same by torch's operations alone."""
    mean, variance = sine_moments(frequencies, phases)
    terms = torch.sin(xi[:, None] * frequencies[:, None] + phases[:, None]) - mean[:, None]
    return (weight * torch.rsqrt(variance + LEAST_VARIANCE)).flatten(1) @ terms.flatten(0, 1)


class _SineMap(torch.autograd.Function):
    """`plain_sine_map`; backward the cosines are written once and read by products alone."""

    @staticmethod
    def forward(ctx: Any, xi: Tensor, frequencies: Tensor, phases: Tensor, weight: Tensor) -> Tensor:
        """The sums."""
        bells = torch.exp(torch.stack([frequencies, 2 * frequencies]).square_().mul_(-0.5))
        turned = torch.stack([phases, 2 * phases])
        sines, cosines = bells * torch.sin(turned), bells * torch.cos(turned)
        mean = sines[0]
        root = (0.5 + LEAST_VARIANCE - 0.5 * cosines[1]).sub_(mean * mean).rsqrt_()
        scaled = weight * root
        angles = (xi[:, None] * frequencies[:, None]).add_(phases[:, None])
        terms = torch.sin(angles).flatten(0, 1)
        ctx.save_for_backward(xi, frequencies, phases, weight)
        ctx.kept = angles, terms, sines, cosines, root, scaled
        return torch.addmm(-(scaled @ mean).sum(1)[:, None], scaled.flatten(1), terms)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Gradients:
        """Gradients of units, frequencies, phases and weights."""
        xi, w, _, weight = inputs = ctx.saved_tensors
        if torch.is_grad_enabled():
            return differentiated_again(plain_sine_map, inputs, ctx.needs_input_grad, g)
        angles, terms, sines, cosines, root, scaled = ctx.kept
        slopes = torch.cos(angles)
        if len(weight) == 1:
            g_xi = torch.bmm((scaled[0] * w)[:, None], slopes)[:, 0].mul_(g)
            g_p = torch.mv(slopes.flatten(0, 1), g[0]).view(weight[0].shape).mul_(scaled[0]).sum(0)
            g_w = torch.bmm((xi * g)[:, None], slopes.mT)[:, 0].mul_(scaled[0]).sum(0)
        else:
            slopes *= (scaled.flatten(1).t() @ g).view(slopes.shape)
            g_xi = w @ slopes
            g_p, g_w = slopes.sum((0, 2)), torch.bmm(xi[:, None], slopes.mT).sum((0, 1))
        # weights, frequencies and phases through mean and variance as well
        sums = g.sum(1)[:, None, None]
        g_scaled = (g @ terms.t()).view(weight.shape).sub_(sums * sines[0])
        g_variance = (g_scaled * weight).sum((0, 1)) * (-0.5 * root**3)
        g_mean = (sums * scaled).sum((0, 1)).add_(2 * sines[0] * g_variance).neg_()
        g_w += 2 * w * cosines[1] * g_variance - w * sines[0] * g_mean
        g_p += cosines[0] * g_mean + sines[1] * g_variance
        return g_xi, g_w, g_p, g_scaled.mul_(root)
