"""The plain graph convolution that baselines are made of."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.constants import HostBuilt
from haar.errors import check_count
from haar.nn.drawn import Unshifted, linear_of
from haar.nn.precision import wide_dtype
from haar.nn.spectral.given import check_columns, check_edges
from haar.probing import transformed


class GraphConvolution(HostBuilt, nn.Module):
    """D^-1/2 (A + I) D^-1/2 X W + b, with D the degrees of A + I.

    Source: Kipf and Welling arXiv 1609.02907, eq. 2.

    Args:
        before: Features of the input.
        after: Features of the output.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> layer = GraphConvolution(1, 2)
        >>> layer(torch.ones(3, 1), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, before: int, after: int, *, generator: torch.Generator | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        check_count("before", before)
        check_count("after", after)
        self.map = linear_of(Unshifted, before, after, generator=generator, dtype=dtype)

    def forward(
        self, x: Float[Tensor, "*batch n before"], edges: Int[Tensor, "2 e"]
    ) -> Float[Tensor, "*batch n after"]:
        """Convolve; all batch entries live on the same graph.

        Raises:
            ShapeError: If features or edges do not fit.
        """
        check_columns(x, self.map.in_features, dtype=self.map.weight.dtype)
        check_edges(edges, x.shape[-2])
        source, target = edges
        wide = wide_dtype(x.dtype)
        degree = 1 + torch.zeros(x.shape[-2], dtype=wide, device=x.device).index_add(
            0, target, torch.ones(len(target), dtype=wide, device=x.device)
        )
        root = degree.rsqrt()
        # Mix the narrower side: sums over edges cost as much as they have features.
        narrow = self.map.in_features <= self.map.out_features
        h = x if narrow else nn.functional.linear(x, self.map.weight)
        summed = _summed(h.to(wide_dtype(h.dtype)), edges, root[source] * root[target])
        mixed = (h / degree.unsqueeze(-1) + summed).to(h.dtype)
        y: Tensor = self.map(mixed) if narrow else mixed + self.map.bias
        return y


def _summed(h: Float[Tensor, "*batch n f"], edges: Tensor, weights: Tensor) -> Float[Tensor, "*batch n f"]:
    """Sums over the edges into every node, as one sparse product: no copy of the features for every edge."""
    if transformed():  # sparse matrices are not known there
        source, target = edges
        return torch.zeros_like(h).index_add(-2, target, h[..., source, :] * weights.unsqueeze(-1))
    n = h.shape[-2]
    matrix = torch.sparse_coo_tensor(edges.flip(0), weights, (n, n), check_invariants=True)
    side_by_side = h.movedim(-2, 0)
    mixed: Tensor = torch.sparse.mm(matrix, side_by_side.reshape(n, -1))
    return mixed.reshape(side_by_side.shape).movedim(0, -2)
