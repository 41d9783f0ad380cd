"""Gates: every column is multiplied by a number that depends on invariants of all columns."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.constants import HostBuilt
from haar.errors import ArgumentError, ShapeError, check_count
from haar.nn.precision import widened
from haar.nn.spectral.columns import Columns, Spaces
from haar.nn.spectral.given import check_columns, parameter_dtype, spreads
from haar.nn.spectral.perceptron import Perceptron


class SignGate(HostBuilt, nn.Module):
    """y_c = w_c x_c sigmoid(MLP(|x|))_c + x_c: negating a column negates it in the output, and nothing else.

    With `spaces` the absolute values become lengths over eigenspaces and the gates are shared inside them: the layer is
    then equivariant under O(m) of every eigenspace, with the same weights.

    Source: Lim et al. arXiv 2312.02339, released code; the form for eigenspaces is ours.

    Args:
        k: Number of columns.
        hidden: Hidden features of the gate.
        layers: Linear layers of the gate.
        extra: Invariant features beside the columns that the gate sees, such as eigenvalues or degrees.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> gate = SignGate(4)
        >>> x, s = torch.randn(10, 4), torch.tensor([1.0, -1, -1, 1])
        >>> bool((gate(x * s) == gate(x) * s).all())
        True
    """

    def __init__(
        self,
        k: int,
        *,
        hidden: int = 92,
        layers: int = 2,
        extra: int = 0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"k": k, "hidden": hidden, "layers": layers}.items():
            check_count(name, value)
        check_count("extra", extra, least=0)
        self.k, self.extra = k, extra
        sizes = (k + extra, *([hidden] * (layers - 1)), k)
        self.gates = Perceptron(sizes, activation=nn.ReLU, generator=generator, dtype=dtype)
        self.weight = nn.Parameter(torch.ones(k, dtype=dtype))

    def reset_parameters(self) -> None:
        """This module's own parameters at 1."""
        with torch.no_grad():
            self.weight.fill_(1)

    def forward(
        self, x: Float[Tensor, "*any k"], *, spaces: Spaces | None = None, extra: Float[Tensor, "*any e"] | None = None
    ) -> Float[Tensor, "*any k"]:
        """Apply the gate.

        Args:
            x: Rows of columns.
            spaces: Number of the eigenspace of each column, see `haar.actions.eigenspaces`.
            extra: Invariant features of every row.

        Raises:
            ShapeError: If columns, eigenspaces or features do not fit.
        """
        check_columns(x, self.k, rows=False, dtype=self.weight.dtype)
        columns = Columns(self.k, spaces, before=x.shape[:-1], dtype=x.dtype)
        sizes = with_extra(columns.size(x.unsqueeze(-1)).squeeze(-1), extra, self.extra)
        gates = self.weight * torch.sigmoid(self.gates(sizes))
        return x * columns.share(gates.unsqueeze(-1)).squeeze(-1) + x


class SignMLP(nn.Module):
    """x <- x MLP(|x|), repeated: the form that all sign-equivariant polynomials of one row have, and universal in it.

    A polynomial R^k -> R^k is sign equivariant if and only if it is v q(v v), entry by entry, with q any polynomial; so
    one layer with a rich enough MLP approximates every continuous sign-equivariant map on a compact set.

    Source: Lim et al. arXiv 2312.02339.

    Args:
        k: Number of columns.
        hidden: Hidden features of every MLP.
        layers: How often the step is repeated.
        residual: Whether x is added.
        extra: Invariant features beside the columns.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> layer, v, s = SignMLP(3), torch.randn(2, 3), torch.tensor([1.0, -1, -1])
        >>> bool((layer(v * s) == layer(v) * s).all())
        True
    """

    def __init__(
        self,
        k: int,
        *,
        hidden: int = 64,
        layers: int = 1,
        residual: bool = False,
        extra: int = 0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"k": k, "hidden": hidden, "layers": layers}.items():
            check_count(name, value)
        check_count("extra", extra, least=0)
        self.k, self.residual, self.extra = k, residual, extra
        sizes = (k + extra, hidden, hidden, k)
        self.factors = nn.ModuleList(Perceptron(sizes, generator=generator, dtype=dtype) for _ in range(layers))

    def forward(
        self, x: Float[Tensor, "*any k"], *, spaces: Spaces | None = None, extra: Float[Tensor, "*any e"] | None = None
    ) -> Float[Tensor, "*any k"]:
        """Multiply by the MLPs; arguments as for `SignGate`.

        Raises:
            ShapeError: If columns, eigenspaces or features do not fit.
        """
        check_columns(x, self.k, rows=False, dtype=parameter_dtype(self))
        columns = Columns(self.k, spaces, before=x.shape[:-1], dtype=x.dtype)
        for factor in self.factors:
            sizes = with_extra(columns.size(x.unsqueeze(-1)).squeeze(-1), extra, self.extra)
            moved = x * columns.share(factor(sizes).unsqueeze(-1)).squeeze(-1)
            x = x + moved if self.residual else moved
        return x


class SignRMSNorm(nn.Module):
    """x / sqrt(mean over columns of x^2 + eps): keeps signs, eigenspaces and the order of points.

    With eps = 1 large rows are brought to length sqrt(k) and nothing is amplified. A small eps would amplify the
    rounding of rows that should be 0, such as a point in the centre of its cloud, by 1 / sqrt(eps) in every layer.

    A norm that subtracts a mean or adds a bias mixes columns of different signs and is not equivariant.

    Args:
        eps: Added under the root.

    Raises:
        ArgumentError: If `eps` is not positive.

    Example:
        >>> SignRMSNorm(eps=16.0)(torch.tensor([[3.0, -3.0]])).tolist()
        [[0.6..., -0.6...]]
    """

    def __init__(self, eps: float = 1.0) -> None:
        super().__init__()
        if not isinstance(eps, float | int) or not eps > 0:
            raise ArgumentError("eps", expected="a positive number", got=repr(eps))
        self.eps = eps

    def forward(self, x: Float[Tensor, "*any k"]) -> Float[Tensor, "*any k"]:
        """Scale every row."""
        wide = widened(x)
        scale = (wide.square().mean(-1, keepdim=True) + max(self.eps, torch.finfo(wide.dtype).tiny)).rsqrt()
        return (wide * scale).to(x.dtype)


def with_extra(sizes: Tensor, extra: Tensor | None, width: int) -> Tensor:
    """Invariants of the columns and further invariant features side by side.

    Raises:
        ShapeError: If the features are not as many as the module was made for.
    """
    if extra is None and width == 0:
        return sizes
    if extra is None or extra.shape[-1:] != (width,) or not spreads(extra.shape[:-1], sizes.shape[:-1]):
        got = "none" if extra is None else tuple(extra.shape)
        raise ShapeError("extra", expected=f"{width} invariant features for every row", got=got)
    return torch.cat([sizes, extra.expand(*sizes.shape[:-1], width)], -1)
