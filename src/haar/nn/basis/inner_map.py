"""The inner blocks of a KKAN as one function of stacked weights, and its first derivatives by hand.

Samples stand on the last axis, so that polynomials of one degree are runs of memory, written where one matrix product
reads them. Backward, derivatives of polynomials are polynomials: their coefficients go into the weights, and what is
left is one product and one sum. Recorded operation by operation the same takes twice the time. Gradients of gradients,
forward mode, `torch.func`, compilers and exports see `plain_inner_map`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.nn.basis.polynomials import chebyshev, chebyshev_slopes
from haar.nn.basis.recorded import Gradients, differentiated_again, recorded

Terms = Float[Tensor, "blocks terms copied"]
Scales = Float[Tensor, "blocks terms"]
First = Float[Tensor, "blocks hidden terms"]
Hidden = Float[Tensor, "layers blocks hidden hidden"]
Bias = Float[Tensor, "layers_and_first blocks hidden 1"]
Last = Float[Tensor, "mixing blocks terms hidden"]


def inner_map(  # noqa: PLR0917 (the weights, in the order of the layers)
    terms: Terms, before: Scales, first: First, hidden: Hidden, bias: Bias, after: Scales, last: Last
) -> Float[Tensor, "mixing copied"]:
    """Dense layers with tanh of scaled terms, then sums of scaled polynomials ``T_n`` of what comes out.

    Args:
        terms: The basis at every coordinate, samples last; coordinates of one block one after another.
        before: Factors of the terms.
        first: Weights of the first layer.
        hidden: Of those after it.
        bias: Of all.
        after: Factors of the polynomials from degree 0 on.
        last: Weights of every degree of every unit.
    """
    given = terms, before, first, hidden, bias, after, last
    if recorded(*given):
        return _InnerMap.apply(*given)  # type: ignore[no-any-return,no-untyped-call]
    return plain_inner_map(*given)


def plain_inner_map(  # noqa: PLR0917 (as above)
    terms: Terms, before: Scales, first: First, hidden: Hidden, bias: Bias, after: Scales, last: Last
) -> Float[Tensor, "mixing copied"]:
    """The same by torch's operations alone."""
    h = torch.tanh(torch.baddbmm(bias[0], first * before[:, None], terms))
    for weight, shift in zip(hidden, bias[1:], strict=True):
        h = torch.tanh(torch.baddbmm(shift, weight, h))
    return summed_polynomials(h, after, last)


def summed_polynomials(
    h: Float[Tensor, "blocks hidden copied"], after: Scales, last: Last
) -> Float[Tensor, "mixing copied"]:
    """``sum_(b, n, h) last[:, b, n, h] after[b, n] T_n(h[b, h])``; T_0 = 1 is added up without a product."""
    weights = last * after[:, :, None]
    expanded = torch.stack(chebyshev(h, last.shape[2] - 1).unbind()[1:], 1)
    constant = weights[:, :, 0].sum((1, 2))[:, None]
    return torch.addmm(constant, weights[:, :, 1:].flatten(1), expanded.flatten(0, 2))


class _InnerMap(torch.autograd.Function):
    """`plain_inner_map` with a backward pass of its own."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:
        """The sums."""
        terms, before, first, hidden, bias, after, last = given
        ctx.save_for_backward(*given)
        scaled_first, scaled_last = first * before[:, None], last * after[:, :, None]
        shifts = bias.unbind(0)
        values = [torch.baddbmm(shifts[0], scaled_first, terms).tanh_()]
        for weight, shift in zip(hidden.unbind(0), shifts[1:], strict=True):
            values.append(torch.baddbmm(shift, weight, values[-1]).tanh_())
        h = values[-1]
        expanded = h.new_empty(h.shape[0], last.shape[2] - 1, *h.shape[1:])  # from T_1 on
        runs = expanded.unbind(1)
        runs[0].copy_(h)
        twice = 2 * h
        for n in range(1, len(runs)):
            torch.mul(twice, runs[n - 1], out=runs[n]).sub_(runs[n - 2] if n > 1 else 1)
        ctx.kept = values, expanded, scaled_first, scaled_last
        constant = scaled_last[:, :, 0].sum((1, 2))[:, None]
        return torch.addmm(constant, scaled_last[:, :, 1:].flatten(1), expanded.flatten(0, 2))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Gradients:
        """Gradients of all."""
        terms, before, first, hidden, bias, after, last = given = ctx.saved_tensors
        if torch.is_grad_enabled():
            return differentiated_again(plain_inner_map, given, ctx.needs_input_grad, g)
        values, expanded, scaled_first, scaled_last = ctx.kept
        g_last = torch.empty_like(last)
        g_last[:, :, 0] = g.sum(1)[:, None, None]
        g_last[:, :, 1:] = (g @ expanded.flatten(0, 2).t()).view(g_last[:, :, 1:].shape)
        slopes = _slopes(last.shape[2] - 1, last.dtype, last.device) @ scaled_last
        products = (slopes.flatten(1).t() @ g).view(expanded.shape)
        products[:, 1:].mul_(expanded[:, :-1])
        back = products.sum(1)
        g_hidden, g_bias = torch.empty_like(hidden), torch.empty_like(bias)
        for k in range(len(hidden), -1, -1):
            back = torch.ops.aten.tanh_backward(back, values[k])
            g_bias[k] = back.sum(2, keepdim=True)
            if k:
                torch.bmm(back, values[k - 1].mT, out=g_hidden[k - 1])
                back = torch.bmm(hidden[k - 1].mT, back)
        g_first = torch.bmm(back, terms.mT)
        g_terms = torch.bmm(scaled_first.mT, back) if ctx.needs_input_grad[0] else None
        g_before, g_after = (g_first * first).sum(1), (g_last * last).sum((0, 3))
        return (
            g_terms,
            g_before,
            g_first.mul_(before[:, None]),
            g_hidden,
            g_bias,
            g_after,
            g_last.mul_(after[:, :, None]),
        )


@cache
def _slopes(degree: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """`chebyshev_slopes` where they are needed; a small constant."""
    return chebyshev_slopes(degree).to(dtype=dtype, device=device)
