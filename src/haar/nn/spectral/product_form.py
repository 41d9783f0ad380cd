"""The product form: column-wise linear maps around a product with a sign-invariant network."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.constants import HostBuilt
from haar.errors import ShapeError, check_count
from haar.nn.drawn import draw_by_size
from haar.nn.spectral.given import check_dtype
from haar.nn.spectral.perceptron import Perceptron, uniform


class ColumnLinear(HostBuilt, nn.Module):
    """Every sign-equivariant linear map: one matrix for each column, x_c -> W_c x_c, and no bias.

    Nothing is mixed between columns, and a bias would not change sign. The space has dimension k n n'.

    Source: Lim et al. arXiv 2312.02339.

    Args:
        k: Number of columns.
        n: Rows of the input.
        rows_out: Rows of the output.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> ColumnLinear(3, 5, 2)(torch.ones(5, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        k: int,
        n: int,
        rows_out: int,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"k": k, "n": n, "rows_out": rows_out}.items():
            check_count(name, value)
        self.weight = uniform(k, rows_out, n, generator=generator, dtype=dtype)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the matrices."""
        draw_by_size(self.weight, generator=generator)

    def forward(self, x: Float[Tensor, "*batch n k"]) -> Float[Tensor, "*batch rows k"]:
        """Apply each column's matrix.

        Raises:
            ShapeError: If rows or columns do not fit.
        """
        k, _, n = self.weight.shape
        if not isinstance(x, Tensor) or x.shape[-2:] != (n, k):
            got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ShapeError("x", expected=f"(*batch, {n} rows, {k} columns)", got=got)
        check_dtype("x", x, self.weight.dtype)
        moved: Tensor = (self.weight @ x.transpose(-1, -2).unsqueeze(-1)).squeeze(-1)
        return moved.transpose(-1, -2)


class SignProduct(nn.Module):
    """W2((W1 V) q(V)): the form that all sign-equivariant polynomials of n rows have, with a network for q.

    q is sign invariant: rho of all phi(v_c) + phi(-v_c) side by side. Universal for continuous sign-equivariant maps of
    a *fixed* number of rows in a fixed order; equivariance under permutations of rows is not claimed, nor is the
    form for repeated eigenvalues (its maps know the columns one by one).

    Source: Lim et al. arXiv 2312.02339.

    Args:
        n: Rows of the input.
        k: Number of columns.
        rows_out: Rows of the output.
        inner: Rows between the two linear maps; n * rows_out of them suffice.
        hidden: Hidden features of phi and rho.
        features: Features of each column after phi.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> layer = SignProduct(5, 3, 2)
        >>> v, s = torch.randn(7, 5, 3), torch.tensor([-1.0, 1, -1])
        >>> bool((layer(v * s) == layer(v) * s).all())
        True
    """

    def __init__(
        self,
        n: int,
        k: int,
        rows_out: int,
        *,
        inner: int | None = None,
        hidden: int = 64,
        features: int = 8,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = {"n": n, "k": k, "rows_out": rows_out, "hidden": hidden, "features": features}
        for name, value in sizes.items():
            check_count(name, value)
        inner = n * rows_out if inner is None else inner
        check_count("inner", inner)
        self.first = ColumnLinear(k, n, inner, generator=generator, dtype=dtype)
        self.second = ColumnLinear(k, inner, rows_out, generator=generator, dtype=dtype)
        self.phi = Perceptron((n, hidden, features), generator=generator, dtype=dtype)
        self.rho = Perceptron((k * features, hidden, inner * k), generator=generator, dtype=dtype)

    def forward(self, v: Float[Tensor, "*batch n k"]) -> Float[Tensor, "*batch rows k"]:
        """Apply the layer.

        Raises:
            ShapeError: If rows or columns do not fit.
        """
        moved = self.first(v)
        columns = v.transpose(-1, -2)
        even = self.phi(columns) + self.phi(-columns)
        factors: Tensor = self.rho(even.flatten(-2)).unflatten(-1, moved.shape[-2:])
        y: Tensor = self.second(moved * factors)
        return y
