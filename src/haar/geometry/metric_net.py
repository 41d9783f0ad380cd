"""MetricNet: a network whose value at every point is a metric, positive definite by construction."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError, check_count, check_rate
from haar.seeding import Seed, generator_of

#: softplus of this is 1, so that the metric of a network that says nothing is the identity.
_ONE = 0.5413248546129181
#: Beyond this many coordinates the metric is a diagonal and a few columns.
_MOST_FULL = 16
#: How far from the identity the metric begins.
_FIRST_SCALE = 0.01
_LARGEST_RANK = 8


class MetricNet(nn.Module):
    r"""A learned metric: a network fills a triangular L, and :math:`g = L L^T + \epsilon I`.

    Its activation is tanh, smooth enough for curvature. It begins close to the identity. Beyond 16 coordinates it is
    :math:`g = D + U U^T` with a positive diagonal and a few columns, whose inverse and determinant cost as little.

    Args:
        dim: Number of coordinates d.
        hidden: Widths of the hidden layers.
        rank: Columns of U; None for a full triangle up to 16 coordinates and 8 columns beyond.
        floor: Least eigenvalue epsilon.
        seed: Of the initial weights.
        dtype: Of the weights.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> metric = MetricNet(2, dtype=torch.float64)
        >>> g = metric(torch.zeros(1, 2, dtype=torch.float64))
        >>> bool((g - torch.eye(2)).abs().max() < 0.1)
        True
    """

    def __init__(
        self,
        dim: int,
        hidden: tuple[int, ...] = (32, 32),
        *,
        rank: int | None = None,
        floor: float = 1e-4,
        seed: Seed = 0,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_count("dim", dim)
        check_rate("floor", floor)
        for width in hidden:
            check_count("hidden", width)
        if rank is None and dim > _MOST_FULL:
            rank = _LARGEST_RANK
        if rank is not None:
            check_count("rank", rank)
            if rank > dim:
                raise ArgumentError("rank", expected=f"at most the dimension {dim}", got=rank)
        self.dim, self.rank, self.floor = dim, rank, float(floor)
        outputs = dim * (dim + 1) // 2 if rank is None else dim * (1 + rank)
        generator = generator_of(seed)
        layers: list[nn.Module] = []
        widths = [dim, *hidden, outputs]
        for last, (before, after) in enumerate(pairwise(widths), 2 - len(widths)):
            linear = nn.Linear(before, after, dtype=dtype)
            with torch.no_grad():
                bound = before**-0.5 * (_FIRST_SCALE if not last else 1.0)
                for parameter in linear.parameters():
                    parameter.uniform_(-bound, bound, generator=generator)
            layers += [linear] if not last else [linear, nn.Tanh()]
        self.net = nn.Sequential(*layers)
        rows, columns = torch.tril_indices(dim, dim)
        self._places = list(zip(rows.tolist(), columns.tolist(), strict=True))

    def forward(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
        """The metric at points.

        Raises:
            ShapeError: If points have not its number of coordinates.
        """
        raw = self._raw(z)
        if self.rank is not None:
            diagonal, columns = self._low_rank(raw)
            g = torch.diag_embed(diagonal) + columns @ columns.mT
            return (g + g.mT) / 2
        factor = self._triangle(raw)
        g = factor @ factor.mT
        return (g + g.mT) / 2 + self.floor * torch.eye(self.dim, dtype=g.dtype, device=g.device)

    def inverse(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
        """Its inverse at points; by Woodbury's identity where the metric is a diagonal and a few columns."""
        if self.rank is None:
            return torch.cholesky_inverse(torch.linalg.cholesky(self(z)))
        diagonal, columns = self._low_rank(self._raw(z))
        scaled = columns / diagonal[..., None]
        small = torch.eye(self.rank, dtype=scaled.dtype, device=scaled.device) + columns.mT @ scaled
        solved: Tensor = torch.linalg.solve(small, scaled.mT)
        return torch.diag_embed(1 / diagonal) - scaled @ solved

    def log_volume(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Half the logarithm of its determinant; by the determinant lemma where it is a diagonal and a few columns."""
        if self.rank is None:
            factor: Tensor = torch.linalg.cholesky(self(z))
            return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        diagonal, columns = self._low_rank(self._raw(z))
        eye = torch.eye(self.rank, dtype=diagonal.dtype, device=diagonal.device)
        small = eye + columns.mT @ (columns / diagonal[..., None])
        return (diagonal.log().sum(-1) + small.logdet()) / 2

    def _raw(self, z: Tensor) -> Tensor:
        if z.ndim != 2 or z.shape[-1] != self.dim:
            raise ShapeError("z", expected=f"points (n, {self.dim})", got=tuple(z.shape))
        made: Tensor = self.net(z)
        return made

    def _triangle(self, raw: Tensor) -> Tensor:
        """A lower triangle with a positive diagonal."""
        entries = {place: raw[:, k] for k, place in enumerate(self._places)}
        zero = torch.zeros_like(raw[:, 0])
        rows = []
        for i in range(self.dim):
            row = [entries.get((i, j), zero) for j in range(self.dim)]
            row[i] = nn.functional.softplus(row[i] + _ONE)
            rows.append(torch.stack(row, -1))
        return torch.stack(rows, -2)

    def _low_rank(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        return raw[:, : self.dim].exp() + self.floor, raw[:, self.dim :].unflatten(1, (self.dim, -1))
