"""Encodings V diag(phi(lambda)) V^T: exact under every choice of eigenvectors, repeated eigenvalues included."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from haar.errors import ShapeError, check_count
from haar.nn.precision import wide_dtype
from haar.nn.spectral.given import check_columns, check_dtype, check_mask, parameter_dtype
from haar.nn.spectral.perceptron import Perceptron


class EigenvalueFilters(nn.Module):
    """Learned filters of the spectrum as n x n matrices, read out point by point.

    B_f = V diag(phi_f(lambda)) V^T does not see how eigenvectors were chosen, and it is Lipschitz in the graph: phi is
    smooth, and nothing divides by gaps. Every point is told the mean over all points of an MLP of its row of every B_f
    and of its diagonal entry.

    Source: Huang et al. arXiv 2310.02579 (stable and expressive positional encodings).

    Args:
        features: Features of every point in the output.
        filters: Number of filters.
        hidden: Hidden features of all networks.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> encoding = EigenvalueFilters(4)
        >>> v, values = torch.randn(9, 3), torch.tensor([0.0, 1.0, 1.0])
        >>> encoding(v, values).shape
        torch.Size([9, 4])
    """

    def __init__(
        self,
        features: int,
        *,
        filters: int = 8,
        hidden: int = 64,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"features": features, "filters": filters, "hidden": hidden}.items():
            check_count(name, value)
        self.phi = Perceptron((1, hidden, filters), generator=generator, dtype=dtype)
        self.pair = Perceptron((2 * filters, hidden, hidden), generator=generator, dtype=dtype)
        self.rho = Perceptron((hidden, hidden, features), generator=generator, dtype=dtype)

    def forward(
        self,
        v: Float[Tensor, "*batch n k"],
        eigenvalues: Float[Tensor, "..."],
        *,
        mask: Bool[Tensor, "*batch n"] | None = None,
        columns: Bool[Tensor, "*batch k"] | None = None,
    ) -> Float[Tensor, "*batch n features"]:
        """Features of every point.

        Args:
            v: Eigenvectors in columns.
            eigenvalues: Eigenvalue of every column.
            mask: Which rows hold a point; the others come out as 0.
            columns: Which columns hold an eigenvector (the others are padding).

        Raises:
            ShapeError: If there is not one eigenvalue for every column.
        """
        check_columns(v, v.shape[-1] if v.ndim else 0, "v", dtype=parameter_dtype(self))
        check_mask(mask, v)
        check_dtype("eigenvalues", eigenvalues, v.dtype)
        if eigenvalues.shape[-1:] != v.shape[-1:]:
            raise ShapeError("eigenvalues", expected=f"(*batch, {v.shape[-1]})", got=tuple(eigenvalues.shape))
        gains = self.phi(eigenvalues.unsqueeze(-1))
        if columns is not None:
            gains = torch.where(columns.unsqueeze(-1), gains, 0)
        if mask is not None:
            v = torch.where(mask.unsqueeze(-1), v, 0)
        # two at a time: einsum of three asks opt_einsum for an order, which cannot be found for a free batch
        filtered = torch.einsum("...ikf,...jk->...ijf", v.unsqueeze(-1) * gains.unsqueeze(-3), v)
        own = filtered.diagonal(dim1=-3, dim2=-2).transpose(-1, -2)
        seen = self.pair(torch.cat([filtered, own.unsqueeze(-2).expand(filtered.shape)], -1))
        if mask is None:
            mean = seen.mean(-2)
        else:
            present = mask[..., None, :, None]
            wide = (seen * present).to(wide_dtype(seen.dtype))
            mean = (wide.sum(-2) / present.sum(-2).clamp(min=1)).to(seen.dtype)
        y: Tensor = self.rho(mean)
        return y if mask is None else torch.where(mask.unsqueeze(-1), y, 0)
