"""Scores of pairs of points: invariant under signs and under the exchange of both points."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ShapeError, check_count
from haar.nn.precision import wide_dtype
from haar.nn.spectral.columns import Columns, Spaces
from haar.nn.spectral.gate import with_extra
from haar.nn.spectral.given import check_columns, parameter_dtype
from haar.nn.spectral.perceptron import Perceptron


class PairScore(nn.Module):
    """MLP(z_u z_w, entry by entry, and invariants): what may be said of a pair of points in columns.

    Source: Lim et al. arXiv 2312.02339. Networks that are sign *invariant* give two points that a symmetry of the
    graph exchanges equal features, and so equal scores with every third point; products of columns tell them apart.

    Args:
        k: Number of columns.
        hidden: Hidden features of the network.
        layers: Linear layers of the network.
        extra: Invariant, symmetric features of every pair.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> score = PairScore(4)
        >>> u, w, s = torch.randn(7, 4), torch.randn(7, 4), torch.tensor([1.0, -1, -1, 1])
        >>> bool((score(u, w) == score(w * s, u * s)).all())
        True
    """

    def __init__(
        self,
        k: int,
        *,
        hidden: int = 148,
        layers: int = 3,
        extra: int = 0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"k": k, "hidden": hidden, "layers": layers}.items():
            check_count(name, value)
        check_count("extra", extra, least=0)
        self.k, self.extra = k, extra
        sizes = (k + extra, *([hidden] * (layers - 1)), 1)
        self.score = Perceptron(sizes, activation=nn.ReLU, generator=generator, dtype=dtype)

    def forward(
        self,
        u: Float[Tensor, "*any k"],
        w: Float[Tensor, "*any k"],
        *,
        spaces: Spaces | None = None,
        extra: Float[Tensor, "*any e"] | None = None,
    ) -> Float[Tensor, "*any"]:
        """One score for each pair of rows.

        Raises:
            ShapeError: If columns, eigenspaces or features do not fit.
        """
        for name, side in {"u": u, "w": w}.items():
            check_columns(side, self.k, name, rows=False, dtype=parameter_dtype(self))
        try:
            rows = torch.broadcast_shapes(u.shape, w.shape)[:-1]
        except RuntimeError as error:
            raise ShapeError("w", expected=f"as many rows as u, {tuple(u.shape)}", got=tuple(w.shape)) from error
        columns = Columns(self.k, spaces, before=rows, dtype=u.dtype)
        products = columns.product(u.unsqueeze(-1), w.unsqueeze(-1)).squeeze(-1)
        scores: Tensor = self.score(with_extra(products, extra, self.extra)).squeeze(-1)
        return scores


def inner_score(u: Float[Tensor, "*any k"], w: Float[Tensor, "*any k"]) -> Float[Tensor, "*any"]:
    """The inner product, which every rotation of the columns leaves alone.

    Example:
        >>> inner_score(torch.ones(2), torch.ones(2)).item()
        2.0
    """
    return (u * w).sum(-1) if u.dtype == wide_dtype(u.dtype) else (u.float() * w.float()).sum(-1).to(u.dtype)
