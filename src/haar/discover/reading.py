"""A basis to be read: scaled to the group's own parameters, and as sparse as a rotation of it can be."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.groups.algebra import LieAlgebra, Signature

#: Sweeps over all pairs of generators.
_SWEEPS = 60


def reading_basis(algebra: LieAlgebra, shown: Float[Tensor, "k a b"]) -> Float[Tensor, "k k"]:
    """Coefficients, by the algebra's orthonormal basis, of generators in a basis to be read.

    so(3) is scaled so that [e1, e2] = e3; other generators so that their largest eigenvalue is 1, and where all vanish
    (shifts) so that they move the data by one standard deviation.

    Args:
        algebra: In coordinates without units.
        shown: The images of its orthonormal basis in the coordinates in which entries are to be sparse.
    """
    k = algebra.dim
    if algebra.signature == Signature(0, k, 0) and algebra.is_named:
        values, vectors = torch.linalg.eigh(-(algebra.killing + algebra.killing.T) / 4)
        start = (vectors * values.rsqrt()).T
    else:
        start = torch.eye(k, dtype=torch.float64)
    turned = sparsest(torch.einsum("jk,kab->jab", start, shown).flatten(1)) @ start
    if k == 3 and algebra.signature == Signature(0, 3, 0):
        e = torch.einsum("jk,kab->jab", turned, algebra.basis)
        if float(((e[0] @ e[1] - e[1] @ e[0]) * e[2]).sum()) < 0:
            turned = -turned
        found: Tensor = turned
        return found
    return torch.stack([row * _scale(row, algebra) for row in turned])


def _scale(row: Tensor, algebra: LieAlgebra) -> float:
    m = torch.einsum("k,kab->ab", row, algebra.basis)
    largest = float(torch.linalg.eigvals(m).abs().max())
    whole = float(torch.linalg.matrix_norm(m, ord=2))
    if largest > min(max(10 * algebra.tolerance, 1e-4), 0.3) * whole:
        return 1 / largest
    return 1 / max(float(m.norm()), 1e-300)


def sparsest(rows: Float[Tensor, "k w"]) -> Float[Tensor, "k k"]:
    """The rotation that makes rows sparse: quartimax by plane rotations, signs so that the largest entry is positive.

    Example:
        >>> mixed = torch.tensor([[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]], dtype=torch.float64)
        >>> (sparsest(mixed) @ mixed).abs().round(decimals=6).sum(1).tolist()
        [1.0, 1.0]
    """
    k = len(rows)
    turn, x = torch.eye(k, dtype=torch.float64), rows.clone()
    for _ in range(_SWEEPS if k < 8 else _SWEEPS // 10):
        moved = 0.0
        for i in range(k):
            for j in range(i + 1, k):
                u, v = x[i].square() - x[j].square(), 2 * x[i] * x[j]
                angle = 0.25 * math.atan2(2 * float((u * v).sum()), float((u.square() - v.square()).sum()))
                if abs(angle) < 1e-12:
                    continue
                c, s = math.cos(angle), math.sin(angle)
                step = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
                x[[i, j]], turn[[i, j]] = step @ x[[i, j]], step @ turn[[i, j]]
                moved = max(moved, abs(angle))
        if moved < 1e-10:
            break
    largest = x.gather(1, x.abs().argmax(1, keepdim=True)).sign()
    return turn * torch.where(largest == 0, torch.ones_like(largest), largest)
