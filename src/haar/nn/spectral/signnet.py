"""SignNet: the sign-invariant network that sign-equivariant ones are compared with."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count
from haar.nn.spectral.columns import cloud_mean, masked
from haar.nn.spectral.given import check_columns, check_edges, check_mask, parameter_dtype
from haar.nn.spectral.graph_convolution import GraphConvolution
from haar.nn.spectral.perceptron import Perceptron


class SignNet(nn.Module):
    """rho of all phi(v_c) + phi(-v_c) side by side: features of points that do not see the signs.

    Two points that a symmetry of the graph exchanges get equal features, whatever phi and rho are.

    Source: Lim et al. arXiv 2202.13013.

    Args:
        k: Number of columns.
        features: Features of every point in the output.
        hidden: Hidden features of both networks.
        inner: Features of every column after phi.
        on: ``"graph"``: phi and rho are graph convolutions; ``"set"``: they see every point and the cloud's mean.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If `on` is unknown or a size is not positive.

    Example:
        >>> sum(p.numel() for p in SignNet(16, 64).parameters())
        26056
        >>> net = SignNet(3, 4, on="set")
        >>> v, s = torch.randn(9, 3), torch.tensor([-1.0, 1, -1])
        >>> bool((net(v * s) == net(v)).all())
        True
    """

    def __init__(
        self,
        k: int,
        features: int,
        *,
        hidden: int = 128,
        inner: int = 8,
        on: str = "graph",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if on not in ("graph", "set"):
            raise ArgumentError("on", expected="'graph' or 'set'", got=repr(on))
        for name, value in {"k": k, "features": features, "hidden": hidden, "inner": inner}.items():
            check_count(name, value)
        self.k, self.on = k, on
        kind = GraphConvolution if on == "graph" else _SetLayer
        self.phi = nn.ModuleList(
            [
                kind(1, hidden, generator=generator, dtype=dtype),
                kind(hidden, inner, generator=generator, dtype=dtype),
            ]
        )
        self.rho = nn.ModuleList(
            [
                kind(k * inner, hidden, generator=generator, dtype=dtype),
                kind(hidden, features, generator=generator, dtype=dtype),
            ]
        )

    def forward(
        self,
        v: Float[Tensor, "*batch n k"],
        *,
        edges: Int[Tensor, "2 e"] | None = None,
        mask: Bool[Tensor, "*batch n"] | None = None,
    ) -> Float[Tensor, "*batch n features"]:
        """Features of every point.

        Args:
            v: Eigenvectors in columns.
            edges: Edges from row 0 to row 1, for graphs.
            mask: Which rows hold a point, for sets; the others come out as 0.

        Raises:
            ShapeError: If columns do not fit.
            ArgumentError: If a graph's edges are missing.
        """
        check_columns(v, self.k, dtype=parameter_dtype(self))
        check_mask(mask, v)
        check_edges(edges, v.shape[-2])
        v = masked(v, mask)
        if self.on == "graph" and edges is None:
            raise ArgumentError("edges", expected="the graph's edges", got="none", way_out="or SignNet(on='set')")
        given: Tensor | None = edges if self.on == "graph" else mask
        columns = v.movedim(-1, 0).unsqueeze(-1)
        even = _stack(self.phi, columns, given) + _stack(self.phi, -columns, given)
        y = _stack(self.rho, even.movedim(0, -2).flatten(-2), given)
        return y if mask is None else torch.where(mask.unsqueeze(-1), y, 0)


class _SetLayer(nn.Module):
    """A linear map of every point and of the cloud's mean."""

    def __init__(
        self, before: int, after: int, *, generator: torch.Generator | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.maps = Perceptron((2 * before, after), generator=generator, dtype=dtype)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if mask is not None:
            mask = mask.expand(x.shape[:-1])
        y: Tensor = self.maps(torch.cat([x, cloud_mean(x, mask).expand(x.shape)], -1))
        return y


def _stack(layers: nn.ModuleList, x: Tensor, given: Tensor | None) -> Tensor:
    for number, layer in enumerate(layers):
        x = layer(x.relu() if number else x, given)
    return x
