"""Positional features without eigenvectors: polynomial filters of node signals, pooled over the signals."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count
from haar.nn.precision import wide_dtype
from haar.nn.spectral.columns import masked
from haar.nn.spectral.given import check_adjacency, check_columns, check_edges, check_mask, parameter_dtype
from haar.nn.spectral.perceptron import Perceptron


class PearlEncoding(nn.Module):
    """rho of the mean over signals w of phi([T_0(S) w, ..., T_K(S) w]_i), with S = D^-1/2 A D^-1/2.

    No eigenvector is computed, so there is no sign to be free. With the unit vectors for signals the features follow
    the nodes exactly when these are renumbered, and nodes that a symmetry of the graph exchanges get equal ones; with
    a few random signals they do so in the mean over draws. The Chebyshev polynomials T_k span the powers of S and of
    the Laplacian, and keep their scale.

    Source: Kanatsoulis et al. arXiv 2502.01122 (PEARL); the polynomials are those of arXiv 1606.09375, section 2.1.

    Args:
        features: Features of every point in the output.
        filters: Number of polynomials, the signal itself among them.
        hidden: Hidden features of both networks.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> ring = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])
        >>> z = PearlEncoding(4)(torch.eye(6), edges=torch.cat([ring, ring.flip(0)], 1))
        >>> bool(torch.allclose(z, z[:1].expand(6, 4), atol=1e-5))
        True
    """

    def __init__(
        self,
        features: int,
        *,
        filters: int = 8,
        hidden: int = 32,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"features": features, "filters": filters, "hidden": hidden}.items():
            check_count(name, value)
        self.filters = filters
        self.phi = Perceptron((filters, hidden, hidden), generator=generator, dtype=dtype)
        self.rho = Perceptron((hidden, hidden, features), generator=generator, dtype=dtype)

    def forward(
        self,
        signals: Float[Tensor, "*batch n m"],
        edges: Int[Tensor, "2 e"] | None = None,
        *,
        adjacency: Float[Tensor, "*batch n n"] | None = None,
        mask: Bool[Tensor, "*batch n"] | None = None,
    ) -> Float[Tensor, "*batch n features"]:
        """Features of every point.

        Args:
            signals: Signals in columns: unit vectors, or random ones.
            edges: Edges from row 0 to row 1, both directions of each; all batch entries live on this graph.
            adjacency: Weights of neighbours, in place of edges.
            mask: Which rows hold a point; the others come out as 0.

        Raises:
            ShapeError: If something does not fit.
            ArgumentError: If there is no graph, or two.
        """
        check_columns(signals, signals.shape[-1] if signals.ndim else 0, "signals", dtype=parameter_dtype(self))
        check_mask(mask, signals)
        if (edges is None) == (adjacency is None):
            got = "neither" if edges is None else "both"
            raise ArgumentError("edges", expected="edges or adjacency", got=got)
        w = masked(signals, mask)
        if adjacency is not None:
            check_adjacency(adjacency, signals)
            there = None if mask is None else mask.unsqueeze(-1) & mask.unsqueeze(-2)
            weights = adjacency if there is None else torch.where(there, adjacency, 0)
        else:
            weights = _dense(edges, w)
        weights = weights.to(wide_dtype(w.dtype))
        degree = weights.sum(-1, keepdim=True)
        root = torch.where(degree > 0, degree, 1).rsqrt() * (degree > 0)
        taps = [w.to(weights.dtype)]
        for number in range(1, self.filters):
            moved = root * (weights @ (root * taps[-1]))
            taps.append(moved if number == 1 else 2 * moved - taps[-2])
        seen = torch.stack(taps, -1).to(w.dtype)
        y: Tensor = self.rho(self.phi(seen).mean(-2))
        return y if mask is None else torch.where(mask.unsqueeze(-1), y, 0)


def _dense(edges: Tensor | None, like: Tensor) -> Tensor:
    """The weights of a list of edges as a matrix; an edge that is listed twice weighs twice."""
    check_edges(edges, like.shape[-2])
    n = like.shape[-2]
    if edges is None:  # for the type checker: excluded above
        return like.new_zeros(n, n)
    return like.new_zeros(n * n).index_add(0, edges[1] * n + edges[0], like.new_ones(edges.shape[1])).reshape(n, n)
