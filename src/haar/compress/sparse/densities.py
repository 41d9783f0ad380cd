"""How many weights each layer gets of a budget: Erdos-Renyi graphs between layers, or the same share everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from haar.errors import ArgumentError

DENSITIES = ("erdos-renyi", "uniform")


def erdos_renyi(shapes: Sequence[Sequence[int]], sparsity: float | int) -> list[float]:
    """Densities eps (sum of a layer's axes) / (product of them), with eps so that the whole has a sparsity.

    A layer that would be denser than dense is made dense, and the others share what is left of the budget. Of a matrix
    ``(n_out, n_in)`` the density is proportional to (n_in + n_out) / (n_in n_out); kernels add their sizes.

    Args:
        shapes: Of every layer's weight.
        sparsity: Share of all weights that are inactive.

    Raises:
        ArgumentError: If a shape is empty, or the sparsity out of range.

    Source:
        Mocanu et al., 2018; Evci et al., arXiv 1911.11134, for kernels and layers that are made dense.

    Example:
        >>> [round(density, 4) for density in erdos_renyi([(200, 64), (200, 200), (10, 200)], 0.97)]
        [0.0388, 0.0188, 0.1975]
    """
    if not 0 <= sparsity < 1:
        raise ArgumentError("sparsity", expected="a share of at least 0 and below 1", got=sparsity)
    sizes = [prod(shape) for shape in shapes]
    if not all(sizes):
        raise ArgumentError("shapes", expected="weights with entries", got=[tuple(shape) for shape in shapes])
    raw = [sum(shape) / size for shape, size in zip(shapes, sizes, strict=True)]
    free = set(range(len(sizes)))  # those that are not dense
    while free:
        left = (1 - sparsity) * sum(sizes) - sum(size for k, size in enumerate(sizes) if k not in free)
        eps = left / sum(raw[k] * sizes[k] for k in free)
        over = {k for k in free if eps * raw[k] > 1}
        if not over:
            return [eps * density if k in free else 1.0 for k, density in enumerate(raw)]
        free -= over
    return [1.0] * len(sizes)


def uniform(shapes: Sequence[Sequence[int]], sparsity: float | int) -> list[float]:
    """The same density for all.

    Args:
        shapes: Of every layer's weight.
        sparsity: Share of all weights that are inactive.

    Example:
        >>> uniform([(2, 3), (4, 5)], 0.75)
        [0.25, 0.25]
    """
    return [1 - float(sparsity)] * len(shapes)
