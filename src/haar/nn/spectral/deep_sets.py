"""Gates on every point and on the mean of its neighbours: sign-equivariant deep sets and graph networks."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count
from haar.nn.spectral.columns import Spaces, masked
from haar.nn.spectral.gate import SignGate, SignRMSNorm
from haar.nn.spectral.given import check_columns, check_mask, parameter_dtype
from haar.nn.spectral.neighbours import neighbour_mean


class SignDeepSets(nn.Module):
    """x_i <- x_i + gate(x_i) + gate'(mean of x over the neighbours of i), layer by layer.

    Equivariant under signs and under permutations of points, for any number of points. With `spaces` equivariant under
    O(m) of every eigenspace. Without a norm each layer multiplies scales by up to five.

    Source: Lim et al. arXiv 2312.02339, released code.

    Args:
        k: Number of columns.
        layers: Number of layers.
        hidden: Hidden features of every gate.
        norm: None or ``"rms"``, applied to the input and after every layer.
        extra: Invariant features of every point that the gates see.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If the norm is unknown or a size is not positive.

    Example:
        >>> net = SignDeepSets(3, norm="rms")
        >>> net(torch.randn(8, 20, 3), mask=torch.rand(8, 20) < 0.5).shape
        torch.Size([8, 20, 3])
        >>> sum(p.numel() for p in SignDeepSets(16).parameters())
        24544
    """

    def __init__(
        self,
        k: int,
        *,
        layers: int = 4,
        hidden: int = 92,
        norm: str | None = None,
        extra: int = 0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if norm not in (None, "rms"):
            raise ArgumentError(
                "norm",
                expected="None or 'rms'",
                got=repr(norm),
                way_out="norms that subtract a mean are not equivariant",
            )
        for name, value in {"k": k, "hidden": hidden, "layers": layers}.items():
            check_count(name, value)
        check_count("extra", extra, least=0)
        self.k = k

        def gates() -> nn.ModuleList:
            made = (SignGate(k, hidden=hidden, extra=extra, generator=generator, dtype=dtype) for _ in range(layers))
            return nn.ModuleList(made)

        self.own, self.around = gates(), gates()
        self.norm: nn.Module = nn.Identity() if norm is None else SignRMSNorm()

    def forward(
        self,
        x: Float[Tensor, "*batch n k"],
        *,
        edges: Int[Tensor, "2 e"] | None = None,
        adjacency: Float[Tensor, "*batch n n"] | None = None,
        cloud: Int[Tensor, " n"] | None = None,
        mask: Bool[Tensor, "*batch n"] | None = None,
        spaces: Spaces | None = None,
        extra: Float[Tensor, "*batch n features"] | None = None,
    ) -> Float[Tensor, "*batch n k"]:
        """Apply the network.

        Args:
            x: Points in columns; of one graph or several side by side when `edges` or `cloud` is given.
            edges: Edges from row 0 to row 1.
            adjacency: Weights of neighbours. With neither edges nor adjacency all points of a cloud are neighbours.
            cloud: Number of the cloud that each row belongs to.
            mask: Which rows hold a point; the others come out as 0.
            spaces: Number of the eigenspace of each column, for every cloud or every row.
            extra: Invariant features of every point.

        Raises:
            ShapeError: If something does not fit.
        """
        check_columns(x, self.k, dtype=parameter_dtype(self))
        check_mask(mask, x)
        # Before anything else: what stands in rows without a point must not reach a derivative either.
        x = self.norm(masked(x, mask))
        extra = extra if extra is None else masked(extra, mask)
        for own, around in zip(self.own, self.around, strict=True):
            mean = neighbour_mean(x, edges=edges, adjacency=adjacency, cloud=cloud, mask=mask)
            moved = x + own(x, spaces=spaces, extra=extra) + around(mean, spaces=spaces, extra=extra)
            x = masked(self.norm(moved), mask)
        return x
