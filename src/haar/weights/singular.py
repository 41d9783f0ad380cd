"""Heads with parts that nothing reads, or that nothing is given to: one form for all parameters of a gauge orbit."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

#: Below this share of the largest eigenvalue a head's Gram matrix is singular, and its gauge orbit has no least norm.
SINGULAR = 1e-12


def between_singular(here: Float[Tensor, "n n"], there: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """The a under which V -> a V and O -> a^-T O come to a form that is one for the whole orbit, up to a rotation.

    With V^T O = P S Q^T that form is V = [S^1/2 P^T; what else V spans, orthonormal; 0; 0] and O = [S^1/2 Q^T; 0; what
    else O spans, orthonormal; 0]. Where neither is singular it would be the form of least norm.

    Args:
        here: The Gram matrix V V^T.
        there: The Gram matrix O O^T.

    Example:
        A head that nothing reads:

        >>> here = torch.tensor([[4.0, 0.0], [0.0, 9.0]], dtype=torch.float64)
        >>> a = between_singular(here, torch.zeros_like(here))
        >>> a @ here @ a.mT
        tensor([[1., 0.],
                [0., 1.]], dtype=torch.float64)
    """
    n = len(here)
    (v, v_span, v_back), (o, o_span, _) = _root(here), _root(there)
    left, sizes, right = torch.linalg.svd(v @ o)
    rank = int((sizes > SINGULAR**0.5 * v.norm() * o.norm() / n).sum())
    v_rest = _rest(v_span, left[:, :rank])
    o_rest = _rest(o_span, right[:rank].mT)
    first, last = rank + v_rest.shape[1], rank + v_rest.shape[1] + o_rest.shape[1]
    new_v, new_o = torch.zeros_like(here), torch.zeros_like(here)
    new_v[:rank], new_o[:rank] = (sizes[:rank].sqrt()[:, None] * side for side in (left[:, :rank].mT, right[:rank]))
    new_v[rank:first], new_o[first:last] = v_rest.mT, o_rest.mT
    outside = torch.eye(n, dtype=here.dtype) - v_span @ v_span.mT
    found: Tensor = new_v @ v_back + torch.linalg.pinv(new_o).mT @ o @ outside
    unused, _, _ = torch.linalg.svd(outside)
    found[last:] += _rest(unused[:, : n - v_span.shape[1]], torch.linalg.qr(found[first:last].mT)[0]).mT
    return found


def _root(gram: Float[Tensor, "n n"]) -> tuple[Tensor, Tensor, Tensor]:
    """The root of a Gram matrix, an orthonormal basis of its range, and the root's pseudoinverse."""
    values, vectors = torch.linalg.eigh(gram)
    there = values > SINGULAR * values[-1].clamp_min(0)
    span, sizes = vectors[:, there], values[there].sqrt()
    return (span * sizes) @ span.mT, span, (span / sizes) @ span.mT


def _rest(span: Float[Tensor, "n k"], known: Float[Tensor, "n m"]) -> Float[Tensor, "n rest"]:
    """An orthonormal basis of what a span has beside some orthonormal vectors of it."""
    basis: Tensor = torch.linalg.svd(span - known @ (known.mT @ span))[0]
    return basis[:, : span.shape[1] - known.shape[1]]
