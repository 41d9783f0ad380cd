"""Certificates: how far an average over few elements can be from the whole one."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.trees import value_leaves
from haar.average.engine import Averaged
from haar.average.weighted import How
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Group

#: A part of the start below which nothing is left of it but rounding.
_NOTHING_LEFT = 1e-12

#: Up to this order the regular representation is decomposed as one dense matrix.
_DENSE = 512


def certificate(how: How, group: Group) -> float:
    """The worst case of an average over some elements: sigma(w) = || sum_s w_s R(s) - P ||.

    Here R is the regular representation and P projects on what all elements leave alone. For every model f, on data
    that the group preserves, ``||Q_w f - Q f|| <= sigma ||f - Q f||``. A full orbit has sigma 0; a proper subgroup has
    sigma 1: good on average, no worst-case guarantee.

    Args:
        how: The elements and weights.
        group: An enumerated group.

    Returns:
        The largest singular value.

    Raises:
        ArgumentError: If the group is not enumerated.

    Example:
        >>> from haar.average import Given
        >>> from haar.groups import cyclic
        >>> round(certificate(Given([0, 1]), cyclic(3)), 12)
        0.5

    Source: Tahmasebi and Weber, arXiv 2512.11855.
    """
    if not isinstance(group, FiniteGroup):
        raise ArgumentError(
            "group", expected="an enumerated group", got=group.name, way_out="compare with a finer rule"
        )
    chosen = how.weighted(group)
    elements, weights = chosen.elements, chosen.weights

    def apply(v: Tensor, inverse: Tensor) -> Tensor:
        # (R(s) v)_a = v_(s^-1 a)
        moved = sum(w * v[group.compose(s, everything)] for s, w in zip(inverse, weights, strict=True))
        return torch.as_tensor(moved) - v.mean(0)

    everything = group.elements()
    back = group.inverse(elements)
    if group.order <= _DENSE:
        matrix = apply(torch.eye(group.order, dtype=torch.float64), back)
        return float(torch.linalg.matrix_norm(matrix, 2))
    return _largest_singular_value(group.order, lambda v: apply(v, back), lambda v: apply(v, elements))


def difference(coarse: Averaged, fine: Averaged, *args: Any) -> float:
    """Relative difference of two averages: the root mean square of their difference over that of the finer one.

    For quadrature, designs and quasi-random points: compare n and 2n elements, or two seeds.

    Args:
        coarse: The average in question.
        fine: One with more elements, or another seed.
        args: The model's inputs.

    Raises:
        ArgumentError: If the two return different structures.
    """
    ours, theirs = _values(coarse, args), _values(fine, args)
    if len(ours) != len(theirs):
        raise ArgumentError("fine", expected="an average of the same model", got="another output")
    return float((ours - theirs).square().sum().sqrt() / theirs.square().sum().sqrt())


def _values(averaged: Averaged, args: tuple[Any, ...]) -> Float[Tensor, " n"]:
    with torch.no_grad():
        leaves = value_leaves(averaged.symmetry.outputs, averaged(*args))
    flat = [leaf.reshape(-1) for leaf in leaves if isinstance(leaf, Tensor)]
    return torch.cat([torch.view_as_real(x).reshape(-1) if x.is_complex() else x for x in flat]).to(torch.float64)


def _largest_singular_value(n: int, forward: Any, backward: Any) -> float:
    from scipy.sparse.linalg import LinearOperator, svds

    start = torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start -= start.mean()
    if float(forward(start).norm()) < _NOTHING_LEFT * float(start.norm()):
        return 0.0

    class Operator(LinearOperator):
        def _matvec(self, v: Any) -> Any:
            return forward(torch.as_tensor(v).reshape(-1)).numpy()

        def _rmatvec(self, v: Any) -> Any:
            return backward(torch.as_tensor(v).reshape(-1)).numpy()

    operator = Operator("float64", (n, n))
    return float(svds(operator, k=1, v0=start.numpy(), return_singular_vectors=False)[0])
