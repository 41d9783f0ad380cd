"""The exact homomorphism near an approximate one: what rounded generators mean."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError

#: A homomorphism to this is left as it is: products of long words round by as much.
_EXACT = 1e-12
#: Each round squares the error.
_ROUNDS = 6


def spanning_tree(left: Int[Tensor, "k n"]) -> tuple[list[int], list[int], list[int]]:
    """Words for all elements, breadth first: the order of visit, and for each element b = s b' the b' and the s.

    Args:
        left: Products of every generator with every element; element 0 is the identity.
    """
    products, n = left.T.tolist(), left.shape[1]
    before, step = [-1] * n, [-1] * n
    before[0] = 0
    queue = [0]
    for g in queue:
        for s, product in enumerate(products[g]):
            if before[product] < 0:
                before[product], step[product] = g, s
                queue.append(product)
    return queue, before, step


def defect(table: Float[Tensor, "n d d"], images: Float[Tensor, "k d d"], left: Int[Tensor, "k n"]) -> float:
    """The largest entry of R(s) R(g) - R(s g) over generators s and all elements g; zero proves a homomorphism."""
    worst = 0.0
    for image, moved in zip(images, left, strict=True):
        worst = max(worst, float((image @ table - table[moved]).abs().max()))
    return worst


def orthonormal_basis_change(table: Float[Tensor, "n d d"]) -> Float[Tensor, "n d d"]:
    """The matrices in a basis in which they are orthogonal: changed by the root of the group-averaged Gram matrix."""
    gram = (table.transpose(-1, -2) @ table).mean(0)
    values, vectors = torch.linalg.eigh(gram)
    root, back = vectors * values.sqrt() @ vectors.T, vectors * values.rsqrt() @ vectors.T
    changed: Tensor = root @ table @ back
    return changed


def nearby_homomorphism(
    argument: str, table: Float[Tensor, "n d d"], generators: Int[Tensor, " k"], left: Int[Tensor, "k n"]
) -> Float[Tensor, "n d d"]:
    """Orthogonal matrices that are a homomorphism to rounding, near such that are one roughly.

    The mean over h of R(s h) R(h)^-1 squares the error of R(s), see K. Grove, H. Karcher, E. Ruh, Group actions and
    curvature, Invent. Math. 23 (1974) 31; the nearest orthogonal matrix is taken, and words extend it to all elements.

    Args:
        argument: Name of the argument that the matrices come from.
        table: One matrix for every element, orthogonal and a homomorphism to a few per cent.
        generators: Numbers of elements that generate the group.
        left: Products of every generator with every element.

    Returns:
        The table itself if it is a homomorphism to rounding.

    Raises:
        ArgumentError: If none is near.
    """
    eye = torch.eye(table.shape[-1], dtype=torch.float64)
    for _ in range(_ROUNDS):
        images = table[generators]
        error = defect(table, images, left)
        error = max(error, float((table[0] - eye).abs().max()), _orthogonality(images))
        if error < _EXACT:
            return table
        inverse = table.transpose(-1, -2)
        means = torch.stack([(table[moved] @ inverse).mean(0) for moved in left]) if len(left) else images
        u, _, v = torch.linalg.svd(means)
        table = _extended(u @ v, left)
    raise ArgumentError(
        argument,
        expected="matrices near those of a representation",
        got=f"some that still differ by {error:.1e} when they are made one",
        way_out="give the generators' matrices in double precision",
    )


def _orthogonality(matrices: Tensor) -> float:
    eye = torch.eye(matrices.shape[-1], dtype=torch.float64)
    error = (matrices @ matrices.transpose(-1, -2) - eye).abs()
    return float(error.max()) if error.numel() else 0.0


def _extended(images: Float[Tensor, "k d d"], left: Int[Tensor, "k n"]) -> Float[Tensor, "n d d"]:
    queue, before, step = spanning_tree(left)
    table = torch.zeros(left.shape[1], *images.shape[1:], dtype=torch.float64)
    table[0] = torch.eye(images.shape[-1], dtype=torch.float64)
    arrays, factors = table.numpy(), images.numpy()
    for g in queue[1:]:
        arrays[g] = factors[step[g]] @ arrays[before[g]]
    return table
