"""Connected components of a compact Lie group: whether a list of them is whole."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.maximal_torus import kernel

#: Larger matrices are not looked at in products of two.
_LARGEST = 12
_SAME = 1e-7


def check_components(algebra: Float[Tensor, "dim d d"], components: Float[Tensor, "k d d"]) -> None:
    """Refuse a list of components in which one is missing, or stands twice.

    The mean over the group of any representation projects on what the group leaves alone. It is the mean over
    components times the projection for the identity's component, which the algebra gives: tried on vectors, on their
    products of two, and on the determinant.

    Args:
        algebra: Basis of the Lie algebra.
        components: A matrix of every component but the identity's.

    Raises:
        ArgumentError: If one of these means is no projection.
    """
    d = int(algebra.shape[-1])
    eye = torch.eye(d, dtype=torch.float64)
    every = torch.cat([eye[None], components])
    means = [torch.linalg.det(every).mean()[None, None], _mean(algebra, every)]
    if d <= _LARGEST:
        one = eye.expand_as(algebra)
        means.append(_mean(_pairs(algebra, one) + _pairs(one, algebra), _pairs(every, every)))
    if any(float((mean @ mean - mean).abs().max()) > _SAME for mean in means):
        raise ArgumentError(
            "components",
            expected="one matrix of every connected component but the identity's",
            got=f"{len(components)} with which the elements are no group, or some components count twice",
            way_out="add the products of components, and leave out what exponentials of the algebra lead to",
        )


def _mean(algebra: Float[Tensor, "dim n n"], every: Float[Tensor, "k n n"]) -> Float[Tensor, "n n"]:
    n = int(every.shape[-1])
    fixed = kernel(algebra.reshape(-1, n)) if len(algebra) else torch.eye(n, dtype=torch.float64)
    return every.mean(0) @ fixed.T @ fixed


def _pairs(a: Float[Tensor, "k d d"], b: Float[Tensor, "k d d"]) -> Float[Tensor, "k n n"]:
    """Tensor products of matrices."""
    product = torch.einsum("nij,nkl->nikjl", a, b)
    n = int(a.shape[-1]) ** 2
    return product.reshape(-1, n, n)
