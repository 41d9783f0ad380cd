"""The simple ideals of a semisimple Lie algebra, by the components of its root system."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.groups.connected import connected_roots

#: Squared cosines of two roots are 0, 1/4, 1/2, 3/4 or 1: what is below half of the first is 0.
_LINKED = 0.125
#: Elements that are tried for one in general position.
_TRIES = 5
#: Directions of a Cartan subalgebra that are smaller than this, relatively, belong to other ideals.
_THIN = 1e-3


def simple_ideals(constants: Float[Tensor, "k k k"], rank: int) -> list[Float[Tensor, "j k"]]:
    """Orthonormal bases of the simple ideals, real ones: two that are conjugate in the complex are one.

    For X in general position the kernel of ad X is a Cartan subalgebra and its other eigenvectors are root vectors. Two
    roots belong to one ideal if a chain of roots links them whose neighbours are not orthogonal in the Killing form. So
    the cost is that of a few eigenproblems of size k, where the commutant of ad is one of size k^2.

    Args:
        constants: c with [M_a, M_b] = sum_e c_abe M_e, of a semisimple algebra.
        rank: Dimension of its Cartan subalgebras.

    Source: Humphreys (1972), sections 8 and 10.

    Example:
        >>> from haar.groups.algebra import LieAlgebra
        >>> from haar.groups import SO
        >>> four = LieAlgebra(SO(4).algebra)
        >>> [len(basis) for basis in simple_ideals(four.structure_constants, four.rank)]
        [3, 3]
    """
    ad = constants.transpose(1, 2)
    values, vectors, cartan = _general(ad, rank)
    killing = torch.einsum("ade,bed->ab", constants, constants)
    # alpha(H_i), for ad H_i E_alpha = alpha(H_i) E_alpha with E_alpha of length 1.
    turned = torch.einsum("pa,aij->pij", cartan, ad).to(vectors.dtype)
    roots = torch.einsum("ir,pij,jr->rp", vectors.conj(), turned, vectors)
    inverse = torch.linalg.pinv(cartan @ killing @ cartan.T).to(roots.dtype)
    products = roots @ inverse @ roots.T
    lengths = products.diagonal()
    cosines = (products.square() / (lengths[:, None] * lengths[None, :])).abs()
    conjugate = (values[:, None] - values.conj()[None, :]).abs().argmin(1)
    starts, ends = (cosines > _LINKED).nonzero(as_tuple=True)
    each = torch.arange(len(values))
    labels = connected_roots(len(values), torch.cat([starts, each]).numpy(), torch.cat([ends, conjugate]).numpy())
    coroots = roots @ inverse @ cartan.to(roots.dtype)
    found = []
    for label in sorted(set(labels.tolist())):
        own = torch.from_numpy(labels == label)
        inside = _span(coroots[own])
        found.append(_orthonormal(torch.cat([inside, _span(vectors[:, own].T, int(own.sum()))])))
    return found


def _general(ad: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Roots at the element of some at random that tells them apart best, root vectors, a basis of its kernel."""
    generator = torch.Generator().manual_seed(3)
    tried = []
    for _ in range(_TRIES):
        x = torch.randn(len(ad), generator=generator, dtype=torch.float64)
        moved = torch.einsum("a,aij->ij", x / x.norm(), ad)
        values, vectors = torch.linalg.eig(moved)
        order = values.abs().argsort()[rank:]
        gaps = (values[order, None] - values[None, order]).abs().fill_diagonal_(torch.inf)
        tried.append((min(float(gaps.min()), float(values[order[0]].abs())), values[order], vectors[:, order], moved))
    _, roots, spaces, moved = max(tried, key=lambda each: each[0])
    return roots, spaces, torch.linalg.svd(moved).Vh[-rank:]


def _span(vectors: Tensor, size: int | None = None) -> Tensor:
    """Real orthonormal basis of the span of real and imaginary parts."""
    _, values, basis = torch.linalg.svd(torch.cat([vectors.real, vectors.imag]), full_matrices=False)
    kept = int((values > _THIN * float(values.max())).sum()) if size is None else size
    spanned: Tensor = basis[:kept]
    return spanned


def _orthonormal(rows: Tensor) -> Tensor:
    frame: Tensor = torch.linalg.svd(rows, full_matrices=False).Vh
    return frame
