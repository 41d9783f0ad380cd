"""Two ways to treat signs outside the network: choose them by a rule, or draw them at random."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, formerly
from haar.nn.precision import wide_dtype
from haar.nn.spectral.given import check_cloud, check_columns


@formerly(tol="tolerance")
def canonical_signs(
    v: Float[Tensor, "n k"], *, tolerance: float | int = 1e-8
) -> tuple[Float[Tensor, "n k"], Bool[Tensor, " k"]]:
    """Choose every eigenvector's sign by a rule that does not depend on the order of the points.

    The points fall into classes of equal |v_i|, from the largest value down. The first class over which the entries do
    not sum to zero decides: its sum becomes positive. Where every class sums to zero no such rule can decide,
    since v and -v are then the same up to a permutation of the points.

    Source: after Ma et al. arXiv 2310.18716 (maximal axis projection).

    Args:
        v: Eigenvectors in columns, of simple eigenvalues.
        tolerance: Relative difference below which absolute values, and sums, count as equal.

    Returns:
        The eigenvectors with their signs chosen, and which of them could be decided.

    Raises:
        ArgumentError: If the tolerance is negative or entries are not finite.
        ShapeError: If there is a batch axis.

    Example:
        >>> v, decided = canonical_signs(torch.tensor([[-0.8, 1.0], [0.6, -1.0]]))
        >>> v.tolist(), decided.tolist()
        ([[0.8..., 1.0], [-0.6..., -1.0]], [True, False])
    """
    if not tolerance >= 0:
        raise ArgumentError("tolerance", expected="0 or more", got=tolerance)
    if v.ndim != 2:
        raise ShapeError("v", expected="(n, k), one graph", got=tuple(v.shape), way_out="go through a batch one by one")
    check_columns(v, v.shape[-1], "v")
    if not bool(torch.isfinite(v).all()):
        raise ArgumentError("v", expected="finite entries", got="NaN or infinity")
    sign = torch.ones(v.shape[-1], dtype=v.dtype, device=v.device)
    decided = torch.zeros(v.shape[-1], dtype=torch.bool, device=v.device)
    for column, entries in enumerate(v.to(wide_dtype(v.dtype)).unbind(-1)):
        size, order = entries.abs().sort(descending=True)
        limit = tolerance * size[0] if len(size) else 0
        classes = torch.cat([size.new_zeros(1, dtype=torch.int64), (-size.diff() > limit).cumsum(0)])[: len(size)]
        sums = size.new_zeros(len(size)).index_add(0, classes, entries[order])
        telling = torch.nonzero(sums.abs() > limit * len(size)).flatten()
        if len(telling):
            decided[column] = True
            sign[column] = sums[telling[0]].sign()
    return v * sign, decided


def flip_signs(
    v: Float[Tensor, "*batch n k"],
    *,
    cloud: Int[Tensor, " n"] | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "*batch n k"]:
    """Random signs for every column of every cloud: augmentation for networks that know nothing of signs.

    Args:
        v: Eigenvectors in columns.
        cloud: For several graphs side by side, the number of the graph that each row belongs to.
        generator: Source of the signs; by default torch's.

    Raises:
        ShapeError: If the rows are not numbered one by one, or there is a batch axis beside `cloud`.

    Example:
        >>> flip_signs(torch.ones(4, 3)).abs().tolist() == torch.ones(4, 3).tolist()
        True
    """
    check_columns(v, v.shape[-1] if v.ndim else 0, "v")
    if cloud is not None and v.ndim != 2:
        raise ShapeError("cloud", expected="v (rows, k) without a batch axis", got=tuple(v.shape))
    check_cloud(cloud, v.shape[-2])
    clouds = v.shape[:-2] if cloud is None else (int(cloud.max()) + 1 if len(cloud) else 0,)
    draw = torch.randint(2, (*clouds, v.shape[-1]), generator=generator)
    signs = (1 - 2 * draw).to(v)
    return v * (signs.unsqueeze(-2) if cloud is None else signs[cloud])
