"""Stress and tangent of an energy of invariants at many points, without gradients: what finite elements ask for.

Samples stand on the last axis, few at a time, so that every intermediate result stays in the cache. The matrices that
take monomials to slopes and bends are nearly empty and kept so; values follow from slopes by Euler's theorem on
homogeneous functions, so monomials of the highest degree are never made.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from haar.systems.constitutive.polynomials import InvariantPolynomials, monomials

#: Slopes of so many numbers at a time fit into a second-level cache twice; and fewest samples worth a call of torch.
_NUMBERS, _FEWEST = 65536, 128
_QUICK = (torch.float64, torch.float32)


class Units(NamedTuple):
    """Energy weights: W = linear . I + outer . softplus(hidden I + bias).

    Attributes:
        linear: Of the invariants, less what is taken off at E = 0.
        hidden: ``[width, invariants]``.
        bias: Of the hidden units.
        outer: Of their values.
    """

    linear: Tensor
    hidden: Tensor
    bias: Tensor
    outer: Tensor


def is_plain(strain: Tensor, parameters: Iterable[Tensor]) -> bool:
    """Whether nothing is differentiated, traced or mapped, on a CPU: numbers alone are wanted."""
    if strain.device.type != "cpu" or strain.dtype not in _QUICK or torch.compiler.is_compiling():
        return False
    if type(strain) is not Tensor or torch._C._functorch.peek_interpreter_stack() is not None:  # noqa: SLF001
        return False
    tensors = (strain, *parameters)
    return all(t.dtype == strain.dtype for t in tensors) and not (
        torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    )


def response(
    invariants: InvariantPolynomials, units: Units, strain: Float[Tensor, "batch n"]
) -> tuple[Float[Tensor, "batch n"], Float[Tensor, "batch n n"]]:
    """Stress and tangent in the law's own units.

    Args:
        invariants: Of the material.
        units: Their weights.
        strain: Over the law's unit.
    """
    plan = _plan(invariants, strain.dtype)
    n = invariants.variables
    stress, tangent = strain.new_empty(len(strain), n), strain.new_empty(len(strain), n, n)
    size = max(_NUMBERS // (invariants.count * n), _FEWEST)
    for start in range(0, len(strain), size):
        rows = slice(start, start + size)
        _some(plan, units, strain[rows], (stress[rows], tangent[rows]))
    return stress, tangent


@dataclass(frozen=True)
class _Plan:
    """Constants of one set of invariants in one precision.

    Attributes:
        starts: For every degree and factor, the first monomial of the degree below without smaller factors.
        slopes: Sparse, from monomials to slopes ``[invariants * n, monomials]``.
        degrees: One over the degree of every invariant.
        bends: Sparse, from weights to what is multiplied by a monomial, ``[terms, invariants]``.
        factors: That monomial of every term.
        pairs: Sparse, from terms to pairs of variables.
        square: The pair of every entry of the tangent.
    """

    starts: tuple[tuple[int, ...], ...]
    slopes: Tensor
    degrees: Tensor
    bends: Tensor
    factors: Tensor
    pairs: Tensor
    square: Tensor


_PLANS: WeakKeyDictionary[InvariantPolynomials, dict[torch.dtype, _Plan]] = WeakKeyDictionary()


def _plan(invariants: InvariantPolynomials, dtype: torch.dtype) -> _Plan:
    known = _PLANS.setdefault(invariants, {})
    if dtype not in known:
        n, degree = invariants.variables, invariants.degree
        starts = []
        for k in range(2, degree):
            before = monomials(n, k - 1)
            starts.append(tuple(next(j for j, row in enumerate(before) if row[0] >= i) for i in range(n)))
        curvatures = invariants.constant_as("curvatures", dtype)
        terms = (curvatures != 0).any(0).nonzero()
        pairs = torch.zeros(curvatures.shape[2], len(terms), dtype=dtype)
        pairs[terms[:, 1], torch.arange(len(terms))] = 1
        degrees = torch.tensor(
            [1 / (k + 1) for k, count in enumerate(invariants.counts) for _ in range(count)], dtype=dtype
        )
        row, column = torch.triu_indices(n, n)
        square = torch.zeros(n, n, dtype=torch.int64)
        square[row, column] = square[column, row] = torch.arange(len(row))
        known[dtype] = _Plan(
            starts=tuple(starts),
            slopes=_sparse(invariants.constant_as("gradients", dtype).T),
            degrees=degrees,
            bends=_sparse(curvatures[:, terms[:, 0], terms[:, 1]].T),
            factors=terms[:, 0].contiguous(),
            pairs=_sparse(pairs),
            square=square.flatten(),
        )
    return known[dtype]


def _sparse(matrix: Tensor) -> Tensor:
    with warnings.catch_warnings(action="ignore"):  # torch calls its sparse rows a beta
        return matrix.contiguous().to_sparse_csr()


def _some(plan: _Plan, units: Units, strain: Tensor, out: tuple[Tensor, Tensor]) -> None:
    n, count = strain.shape[1], len(plan.degrees)
    x = strain.T.contiguous()
    powers = _powers(x, plan)[: plan.slopes.shape[1]]
    slopes = (plan.slopes @ powers).view(count, n, -1)
    values = torch.sum(slopes * x, 1).mul_(plan.degrees[:, None])
    active = torch.addmm(units.bias, values.T, units.hidden.T).sigmoid_()
    outer = active * units.outer
    weights = torch.addmm(units.linear[:, None], units.hidden.T, outer.T)
    torch.sum(weights[:, None] * slopes, 0, out=x)
    out[0].copy_(x.T)
    few = powers.index_select(0, plan.factors).mul_(plan.bends @ weights)
    torch.index_select(plan.pairs @ few, 0, plan.square, out=(bent := strain.new_empty(n * n, len(strain))))
    out[1].copy_(bent.T.view(-1, n, n))
    if len(units.hidden):
        turned = (slopes.view(count, -1).T @ units.hidden.T).view(n, len(strain), -1)
        curved = turned * outer.mul_(1 - active)
        out[1].baddbmm_(turned.transpose(0, 1), curved.permute(1, 2, 0))


def _powers(x: Tensor, plan: _Plan) -> Tensor:
    """All monomials of degree 0 to one less than that of the invariants."""
    parts = [torch.ones_like(x[:1]), x]
    for starts in plan.starts:
        parts += [torch.cat([x[i] * parts[-1][start:] for i, start in enumerate(starts)])]
    return torch.cat(parts)
