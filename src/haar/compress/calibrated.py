"""Perturbations that look at what layers are given: Wanda and its kin, optimal brain surgery, weighted factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.compress.calibration import calibrated
from haar.compress.entries import keep_best, lowest, pattern, share
from haar.compress.low_rank import rank_at
from haar.compress.perturbation import SHARES, Perturbation
from haar.compress.quantise import rounded
from haar.errors import check_rate

if TYPE_CHECKING:
    from haar.compress.bench import Bench
    from haar.compress.layers import Layer

Matrix = Float[Tensor, "out into"]
Rows = Float[Tensor, "rows into"]
#: Singular values below this share of the largest are what rounding leaves of a direction that is not there.
_RANGE = 1e-11
#: So many numbers of the inputs are squared in one piece; more are, block by block, so that what is read stays at hand.
_AT_ONCE, _BLOCK = 2**19, 2**14


class _Calibrated(Perturbation):
    """What changes each layer in a run of the model."""

    calibrated: ClassVar[bool] = True  # type: ignore[misc]

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Run the model on the calibration data, and change every layer on the way."""
        del seed
        batch = bench.calibration
        if level == self.identity:
            return
        calibrated(bench.model, bench.layers, batch, lambda layer, _, w, x: self.changed(layer, w, x, level))

    def changed(self, layer: Layer, weight: Matrix, x: Rows, level: float) -> Matrix:
        """What becomes of a matrix with its inputs."""
        raise NotImplementedError


class _Scored(_Calibrated):
    """Drops the lowest scores of each output row."""

    def scores(self, weight: Matrix, x: Rows) -> Matrix:
        """A score of every weight; the lowest go."""
        raise NotImplementedError

    def changed(self, layer: Layer, weight: Matrix, x: Rows, level: float) -> Matrix:
        """The weights without those of the lowest scores, row by row."""
        del layer
        return weight.masked_fill(lowest(self.scores(weight, x), share(level, weight.shape[1])), 0)


def norms(x: Rows) -> Float[Tensor, " into"]:
    """The norm of every input over the rows."""
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x.abs() if x.is_complex() else x
    # torch's own norm over the first axis takes five to ten times as long, and loses a digit more in single precision.
    if wide.numel() <= _AT_ONCE:
        return wide.square().sum(dim=0).sqrt().to(x.real.dtype)
    block = max(1, _BLOCK // max(1, wide.shape[1]))
    sums = torch.zeros_like(wide[:block])
    for rows in wide.split(block):
        sums[: len(rows)].addcmul_(rows, rows)
    return sums.sum(dim=0).sqrt().to(x.real.dtype)


@dataclass(frozen=True)
class Wanda(_Scored):
    """The lowest |W_ij| |X_j| of every output row become 0; predecessors were pruned before.

    Source: Sun et al., A simple and effective pruning approach for large language models, arXiv 2306.11695.

    Example:
        >>> Wanda().calibrated
        True
    """

    name: ClassVar[str] = "wanda"  # type: ignore[misc]
    levels: tuple[float | int, ...] = SHARES

    def scores(self, weight: Matrix, x: Rows) -> Matrix:
        """|W_ij| |X_j|."""
        return weight.abs() * norms(x)


@dataclass(frozen=True)
class WandaNofM(_Calibrated):
    """Of every m consecutive inputs the n with the greatest |W_ij| |X_j| are kept.

    Args:
        pattern: ``"n:m"``.

    Raises:
        ArgumentError: If the pattern is none.

    Example:
        >>> WandaNofM("4:8").name
        '4:8 (wanda)'
    """

    pattern: str = "2:4"
    fixed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        pattern(self.pattern)

    @property
    def levels(self) -> tuple[float, ...]:  # type: ignore[override]
        """The only one."""
        n, m = pattern(self.pattern)
        return (1 - n / m,)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The pattern, and by what."""
        return f"{self.pattern} (wanda)"

    def changed(self, layer: Layer, weight: Matrix, x: Rows, level: float) -> Matrix:
        """The weights with the best of every group."""
        del level
        return keep_best(layer, weight, weight.abs() * norms(x), self.pattern)


@dataclass(frozen=True)
class Importance(_Scored):
    """Relative importance with activations: (|W_ij| / sum of its row + |W_ij| / sum of its column) |X_j|^1/2.

    Source: Zhang et al., Plug-and-play: an efficient post-training pruning method (RIA), ICLR 2024.

    Example:
        >>> Importance().name
        'ria'
    """

    name: ClassVar[str] = "ria"  # type: ignore[misc]
    levels: tuple[float | int, ...] = SHARES

    def scores(self, weight: Matrix, x: Rows) -> Matrix:
        """The share of a weight in its row and in its column, times the root of its input's norm."""
        size = weight.abs()
        tiny = torch.finfo(size.dtype).tiny
        relative = size / size.sum(1, keepdim=True).clamp_min(tiny) + size / size.sum(0, keepdim=True).clamp_min(tiny)
        return relative * norms(x).sqrt()


@dataclass(frozen=True)
class Inverse:
    """(X^T X)^-1 on the range in which it is known.

    Attributes:
        matrix: The inverse, or the pseudo-inverse.
        rank: Dimension of that range.
    """

    matrix: Float[Tensor, "into into"]
    rank: int


def inverse_gram(x: Rows, damping: float) -> Inverse:
    """The inverse of X^T X, with a ridge of a share of its mean diagonal; without one its pseudo-inverse.

    On trained layers X^T X is numerically singular: without a ridge its inverse means something only on the range
    where its eigenvalues are more than rounding.

    Args:
        x: Inputs.
        damping: The share.
    """
    # Brought to a diagonal of ones first: what is rounding must not depend on the units of an input.
    ridge = damping * float(x.double().square().sum(0).mean()) or 0.0
    size = (x.double().square().sum(0) + ridge).sqrt()
    scale = torch.where(size > 0, 1 / torch.where(size > 0, size, 1), 0.0)
    values, vectors = spectrum(
        torch.cat([x.double(), ridge**0.5 * torch.eye(x.shape[1], dtype=torch.float64)]) * scale if ridge else x * scale
    )
    vectors = vectors * scale[:, None]
    return Inverse((vectors / values.square()) @ vectors.mT, len(values))


def spectrum(x: Rows) -> tuple[Float[Tensor, " rank"], Float[Tensor, "into rank"]]:
    """Singular values of the inputs that are more than rounding, and their directions.

    They are those of the triangular factor of the inputs themselves: in X^T X half of the digits would be lost.

    Args:
        x: Inputs.
    """
    triangular = torch.linalg.qr(x.double(), mode="r").R
    _, values, directions = torch.linalg.svd(triangular, full_matrices=False)
    kept = values > _RANGE * values[0]
    return values[kept], directions[kept].mT


@dataclass(frozen=True)
class Surgeon(_Scored):
    """Optimal brain surgeon: the lowest w_ij^2 / [(X^T X)^-1]_jj of every row become 0.

    Args:
        damping: Ridge as a share of the mean diagonal of X^T X; 0 for the pseudo-inverse.

    Source: Hassibi and Stork, NeurIPS 1992, in the form of Frantar and Alistarh, arXiv 2301.00774, section 3.2.

    Example:
        >>> Surgeon(0.01).name
        'obs (damped 0.01)'
    """

    damping: float = 0.0
    levels: tuple[float | int, ...] = SHARES

    def __post_init__(self) -> None:
        check_rate("damping", self.damping, zero=True)

    @property
    def name(self) -> str:  # type: ignore[override]
        """With the ridge, if there is one."""
        return f"obs (damped {self.damping:g})" if self.damping else "obs"

    def scores(self, weight: Matrix, x: Rows) -> Matrix:
        """w_ij^2 over the inverse's diagonal; what is given nothing goes first."""
        diagonal = inverse_gram(x, self.damping).matrix.diagonal()
        safe = torch.where(diagonal > 0, diagonal, 1.0)
        return torch.where(diagonal > 0, weight.double().square() / safe, 0.0)


@dataclass(frozen=True)
class SparseGPT(_Calibrated):
    """Column by column the lowest scores go, and the columns that follow make up for what was lost.

    The mask is chosen in blocks of columns, row by row; errors are compensated through the Cholesky factor of the
    inverse of X^T X, which has a ridge.

    Args:
        damping: Ridge as a share of the mean diagonal of X^T X.
        block: Columns among which a mask is chosen.

    Source: Frantar and Alistarh, SparseGPT, arXiv 2301.00774, algorithm 1.

    Example:
        >>> SparseGPT().name
        'sparsegpt'
    """

    damping: float = 0.01
    block: int = 128
    name: ClassVar[str] = "sparsegpt"  # type: ignore[misc]
    levels: tuple[float | int, ...] = SHARES

    def __post_init__(self) -> None:
        check_rate("damping", self.damping)

    def changed(self, layer: Layer, weight: Matrix, x: Rows, level: float) -> Matrix:
        """The pruned and compensated weights."""
        del layer
        inverse = inverse_gram(x, self.damping).matrix
        dead = inverse.diagonal() <= 0
        inverse = inverse + torch.diag(dead.to(inverse))
        factor = torch.linalg.cholesky((inverse + inverse.mT) / 2, upper=True)
        found = weight.double().clone()
        found[:, dead] = 0
        columns = found.shape[1]
        for begin in range(0, columns, self.block):
            end = min(begin + self.block, columns)
            wanted = share(level, end) - share(level, begin)
            scores = (found[:, begin:end] / factor.diagonal()[begin:end]).square()
            gone = lowest(scores, wanted)
            for j in range(begin, end):
                column = found[:, j].clone()
                kept = column.masked_fill(gone[:, j - begin], 0)
                error = (column - kept) / factor[j, j]
                found[:, j:] -= error[:, None] * factor[j, j:]
                found[:, j] = kept
        return found.to(weight)


@dataclass(frozen=True)
class WeightedLowRank(_Calibrated):
    """W C truncated to a rank, times C^-1, X^T X = C C^T; the level is the fraction of the rank that is kept.

    Source: the data-aware factorisation of ASVD and SVD-LLM, arXiv 2403.07378.

    Example:
        >>> WeightedLowRank().identity
        1.0
    """

    name: ClassVar[str] = "low rank (data)"  # type: ignore[misc]
    measure: ClassVar[str] = "kept rank"
    levels: tuple[float | int, ...] = (0.9, 0.7, 0.5, 0.3, 0.1)
    rising: ClassVar[bool] = False
    identity: ClassVar[float] = 1.0

    def changed(self, layer: Layer, weight: Matrix, x: Rows, level: float) -> Matrix:
        """The nearest matrix of that rank in what the layer puts out."""
        del layer
        values, vectors = spectrum(x)
        rank = rank_at(level, *weight.shape)
        u, s, _ = torch.linalg.svd(weight.double() @ (vectors * values), full_matrices=False)
        kept = u[:, :rank][:, s[:rank] > _RANGE * s[0]]
        # (W C)_r C^-1 = U_r U_r^T W, which needs no inverse where inputs were never seen.
        found: Tensor = kept @ (kept.mT @ weight.double())
        return found.to(weight)


@dataclass(frozen=True)
class ScaledQuantise(_Calibrated):
    """Rounded to nearest after the inputs were scaled by a_j = |X_j|_max^t / |W_:j|_max^(1 - t), the best of a few t.

    This is our reading of dynamic quantisation scaling: a search among the diagonal gauges between a layer and its
    predecessor for the least error of the layer's outputs (the family of SmoothQuant and AWQ).

    Example:
        >>> ScaledQuantise().name
        'quantise (scaled)'
    """

    name: ClassVar[str] = "quantise (scaled)"  # type: ignore[misc]
    measure: ClassVar[str] = "bits"
    levels: tuple[float | int, ...] = (8, 6, 5, 4, 3, 2)
    within: ClassVar[tuple[float, float]] = (2, 32)
    rising: ClassVar[bool] = False
    identity: ClassVar[None] = None
    whole: ClassVar[bool] = True

    def changed(self, layer: Layer, weight: Matrix, x: Rows, level: float) -> Matrix:
        """The rounded weights of least error, without any scaling among them."""
        del layer
        given, own = x.abs().amax(0), weight.abs().amax(0)
        both = (given > 0) & (own > 0)
        found, least = rounded(weight, int(level)), torch.inf
        for tenth in range(-1, 11):
            t = tenth / 10
            scale = torch.where(both, given**t / own ** (1 - t), 1.0) if tenth >= 0 else torch.ones_like(own)
            scale = torch.where(both, scale, 1.0)
            tried = rounded(weight * scale, int(level)) / scale
            error = float((x @ (tried - weight).mT).double().square().sum())
            if error < least:
                found, least = tried, error
        return found


@dataclass(frozen=True)
class Taylor(Perturbation):
    """The lowest |w dL/dw| of every output row become 0; gradients of the loss of the model as it came.

    This is our reading of gradient-aware pruning: first-order saliency, summed over the batches for calibration.

    Args:
        squares: Use w^2 times the squares of the batches' gradients instead.

    Example:
        >>> Taylor().calibrated
        True
    """

    squares: bool = False
    levels: tuple[float | int, ...] = SHARES
    calibrated: ClassVar[bool] = True  # type: ignore[misc]

    @property
    def name(self) -> str:  # type: ignore[override]
        """By first or second order."""
        return "taylor (squares)" if self.squares else "taylor"

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Drop the lowest."""
        del seed
        found = bench.gradients(squares=self.squares)
        for layer, gradient in zip(bench.layers, (found[layer.path] for layer in bench.layers), strict=True):
            matrices = layer.matrices()
            scores = matrices.square() * gradient if self.squares else (matrices * gradient).abs()
            layer.write(matrices.masked_fill(lowest(scores, share(level, matrices.shape[-1])), 0))
