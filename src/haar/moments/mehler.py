r"""Mehler's series: the covariance of functions of jointly normal units, summed over orders for all pairs at once.

S_ij = sum_{k>=1} rho_ij^k l_ik r_jk. The sum is one matrix of n^2 entries however many orders it has, and so is its
derivative: reverse mode would keep two matrices an order, `_Sum` keeps the three arguments and computes powers again.

    dL/drho_ij = G_ij sum_k k rho_ij^(k-1) l_ik r_jk
    dL/dl_ik = sum_j G_ij rho_ij^k r_jk,    dL/dr_jk = sum_i G_ij rho_ij^k l_ik
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

#: Rows that are summed at a time: what an order touches stays in the cache of a core.
_STRIP = 64


def mehler(
    rho: Float[Tensor, "*batch rows columns"],
    left: Float[Tensor, "*batch rows terms"],
    right: Float[Tensor, "*batch columns terms"],
) -> Float[Tensor, "*batch rows columns"]:
    """sum_{k>=1} rho_ij^k left_ik right_jk: Cov(f(x_i), g(x_j)) from normalised Hermite coefficients.

    Derivatives of every order exist, in the memory of the arguments.

    Args:
        rho: Correlations.
        left: Coefficients of f, from order 0 on.
        right: Coefficients of g.

    Source: Mehler (1866); Price (1958).

    Example:
        >>> rho, a = torch.full((1, 1), 0.5), torch.tensor([[3.0, 1.0, 1.0]])
        >>> mehler(rho, a, a).item()
        0.75
    """
    if left.shape[-1] < 2:
        return torch.zeros_like(rho)
    found: Tensor = _Sum.apply(rho, left, right)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return found


def symmetric_mehler(
    rho: Float[Tensor, "*batch units units"], coefficients: Float[Tensor, "*batch units terms"]
) -> Float[Tensor, "*batch units units"]:
    """The sum of one function with itself, rho symmetric: of many units the upper triangle alone is summed.

    Args:
        rho: Correlations, symmetric.
        coefficients: Normalised Hermite coefficients of f.

    Example:
        >>> rho, a = torch.eye(2), torch.tensor([[3.0, 1.0, 1.0], [0.0, 2.0, 0.0]])
        >>> symmetric_mehler(rho, a).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    if coefficients.shape[-1] < 2:
        return torch.zeros_like(rho)
    if rho.ndim > 2 or rho.shape[-1] < 2 * _STRIP:
        return mehler(rho, coefficients, coefficients)
    found: Tensor = _SymmetricSum.apply(rho, coefficients)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return found


def several_mehler(
    rho: Float[Tensor, "*batch units units"], pairs: Sequence[tuple[Tensor, Tensor]]
) -> tuple[Float[Tensor, "*batch units units"], ...]:
    """The series of several pairs of functions on the same correlations: of few units all in one go.

    Args:
        rho: Correlations.
        pairs: Normalised Hermite coefficients of both functions, of the same length for all.

    Example:
        >>> rho, a, b = torch.full((1, 1), 0.5), torch.tensor([[3.0, 1.0, 1.0]]), torch.tensor([[0.0, 2.0, 0.0]])
        >>> [found.item() for found in several_mehler(rho, [(a, a), (a, b)])]
        [0.75, 1.0]
    """
    if rho.shape[-1] > _STRIP:  # the matrices of one pair alone are what a core keeps at hand
        return tuple(mehler(rho, left, right) for left, right in pairs)
    left, right = (torch.stack(side) for side in zip(*pairs, strict=True))
    return mehler(rho.expand(len(pairs), *rho.shape), left, right).unbind(0)


def mehler_tail(
    variance: Float[Tensor, "*units"], coefficients: Float[Tensor, "*units terms"], order: int
) -> Float[Tensor, "*units"]:
    """tau = Var f - sum_{1<=k<=order} a_k^2/k!: |R_order| <= |rho|^(order+1) sqrt(tau_f tau_g).

    Example:
        >>> mehler_tail(torch.tensor([1.0]), torch.tensor([[0.0, 0.5]]), 1).item()
        0.75
    """
    return (variance - coefficients[..., 1 : order + 1].square().sum(-1)).clamp(min=0.0)


def _summed(rho: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Horner's rule, one matrix at a time: the outer products in one go would take terms n^2."""
    rows = left.movedim(-1, 0).contiguous()[..., :, None].unbind(0)
    columns = right.movedim(-1, 0).contiguous()[..., None, :].unbind(0)
    total = rows[-1] * columns[-1]
    for row, column in zip(rows[-2:0:-1], columns[-2:0:-1], strict=True):
        total = total.mul_(rho).addcmul_(row, column)
    return total.mul_(rho)


def _symmetric_summed(rho: Tensor, coefficients: Tensor) -> Tensor:
    n = rho.shape[-1]
    found = torch.empty_like(rho)
    for start in range(0, n, _STRIP):
        stop = min(start + _STRIP, n)
        strip = _summed(rho[start:stop, start:].contiguous(), coefficients[start:stop], coefficients[start:])
        found[start:stop, start:] = strip
        found[stop:, start:stop] = strip[:, stop - start :].mT
    return found


def _slope(rho: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """sum_k k rho^(k-1) l_k r_k, itself differentiable."""
    order = torch.arange(1, left.shape[-1], dtype=left.dtype, device=left.device)
    # The series of a function whose coefficients are k l_k, with its first order as the constant.
    first = left[..., :, None, 1] * right[..., None, :, 1]
    higher = (order * left[..., 1:], right[..., 1:])
    return first + mehler(rho, *higher) if left.shape[-1] > 2 else first


def _pulled(grad: Tensor, rho: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """sum_j G_ij rho_ij^k r_jk and sum_i G_ij rho_ij^k l_ik, for all k; differentiable where a graph is asked for."""
    power, graph = grad, torch.is_grad_enabled()
    to_left, to_right = [torch.zeros_like(left[..., 0])], [torch.zeros_like(right[..., 0])]
    for k in range(1, left.shape[-1]):
        power = power * rho if graph or k == 1 else power.mul_(rho)
        to_left.append((power @ right[..., k, None])[..., 0])
        to_right.append((power.mT @ left[..., k, None])[..., 0])
    return torch.stack(to_left, -1), torch.stack(to_right, -1)


def _pushed(at: tuple[Tensor, ...], along: tuple[Tensor | None, ...]) -> Tensor:
    """The derivative of the series along tangents; None does not move."""
    rho, left, right = at
    parts = [
        None if along[0] is None else along[0] * _slope(rho, left, right),
        None if along[1] is None else mehler(rho, along[1], right),
        None if along[2] is None else mehler(rho, left, along[2]),
    ]
    return sum((part for part in parts if part is not None), torch.zeros_like(rho))


class _OfArguments(torch.autograd.Function):
    """A function whose derivatives are computed from its arguments alone."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG004  # torch hands it over
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)


class _Sum(_OfArguments):
    """The series, with derivatives that keep its arguments alone."""

    @staticmethod
    def forward(rho: Tensor, left: Tensor, right: Tensor) -> Tensor:
        return _summed(rho, left, right)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]  # one output
        rho, left, right = ctx.saved_tensors
        needs_rho, needs_left, needs_right = ctx.needs_input_grad
        to_rho = grad * _slope(rho, left, right) if needs_rho else None
        if not needs_left and not needs_right:
            return to_rho, None, None
        return to_rho, *_pulled(grad, rho, left, right)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:  # type: ignore[override]  # some arguments do not move
        return _pushed(ctx.saved_tensors, tangents)


class _SymmetricSum(_OfArguments):
    """The series of one function with itself, the upper triangle summed; its derivatives are those of the whole."""

    @staticmethod
    def forward(rho: Tensor, coefficients: Tensor) -> Tensor:
        return _symmetric_summed(rho, coefficients)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]  # one output
        rho, a = ctx.saved_tensors
        to_rho = grad * _slope(rho, a, a) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return to_rho, None
        to_left, to_right = _pulled(grad, rho, a, a)
        return to_rho, to_left + to_right

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:  # type: ignore[override]  # some arguments do not move
        rho, a = ctx.saved_tensors
        return _pushed((rho, a, a), (tangents[0], tangents[1], tangents[1]))
