"""Cumulants of a random vector, and what affine maps do to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

#: Part of its trace by which a matrix may miss being positive: rounding of the sums that made it.
_RIDGE = 1e-10

_STRIP = 64
LinearFunction = Callable[[Float[Tensor, "rows units"]], Float[Tensor, "rows out"]]


@dataclass(frozen=True)
class VectorCumulants:
    """The first two to four joint cumulants of a random vector, float64, with leading batch axes.

    Args:
        mean: Means of all units.
        cov: Covariance matrix of all units.
        third: Third joint cumulants, if carried.
        fourth: Fourth joint cumulants, if carried.

    Example:
        >>> VectorCumulants(torch.zeros(3), torch.eye(3)).order
        2
    """

    mean: Float[Tensor, "*batch units"]
    cov: Float[Tensor, "*batch units units"]
    third: Float[Tensor, "*batch units units units"] | None = None
    fourth: Float[Tensor, "*batch units units units units"] | None = None

    @property
    def order(self) -> int:
        """The highest order carried."""
        return 2 if self.third is None else 3 if self.fourth is None else 4

    @property
    def size(self) -> int:
        """Number of components."""
        return self.mean.shape[-1]

    def variance(self) -> Float[Tensor, "*batch units"]:
        """Diagonal of the covariance, rounding below zero removed."""
        return self.cov.diagonal(dim1=-2, dim2=-1).clamp(min=0.0)

    def sd(self) -> Float[Tensor, "*batch units"]:
        """Standard deviations; zero (with zero gradient) where a component does not move."""
        variance = self.variance()
        moves = variance > 0
        return torch.where(moves, torch.where(moves, variance, torch.ones_like(variance)).sqrt(), 0.0)

    def inverse_sd(self) -> Float[Tensor, "*batch units"]:
        """1 / sd, and zero where a component does not move: its cumulants vanish."""
        sd = self.sd()
        return torch.where(sd > 0, 1.0 / torch.where(sd > 0, sd, torch.ones_like(sd)), 0.0)

    def correlation(self) -> Float[Tensor, "*batch units units"]:
        """Correlations, clamped to [-1, 1]."""
        scale = self.inverse_sd()
        half = self.cov * scale[..., :, None]
        if half.requires_grad:
            return (half * scale[..., None, :]).clamp(-1.0, 1.0)
        return half.mul_(scale[..., None, :]).clamp_(-1.0, 1.0)

    def map(
        self,
        function: LinearFunction,
        shift: Float[Tensor, "out"] | None = None,
        matrix: Float[Tensor, "out units"] | None = None,
    ) -> VectorCumulants:
        """The cumulants of function(x) + shift: the linear map acts on every index of every tensor.

        Args:
            function: Linear in each row; rows may be many.
            shift: Added to the mean.
            matrix: The matrix of the map, if there is one at hand.

        Example:
            >>> x = VectorCumulants(torch.ones(2), torch.eye(2))
            >>> x.map(lambda rows: rows.sum(-1, keepdim=True)).cov.tolist()
            [[2.0]]
        """
        mean = function(self.mean.reshape(-1, self.size)).reshape(*self.mean.shape[:-1], -1)
        mean = mean if shift is None else mean + shift
        if matrix is not None:
            cov = symmetric_product(matrix @ self.cov, matrix)
        else:
            cov = along(function, along(function, self.cov, -1).mT, -1)
            cov = 0.5 * (cov + cov.mT)
        third = fourth = None
        if self.third is not None:
            third = self.third
            for axis in (-1, -2, -3):
                third = along(function, third, axis)
        if self.fourth is not None:
            fourth = self.fourth
            for axis in (-1, -2, -3, -4):
                fourth = along(function, fourth, axis)
        return VectorCumulants(mean, cov, third, fourth)

    def image(self, jacobian: Float[Tensor, "*batch out units"], mean: Float[Tensor, "*batch out"]) -> VectorCumulants:
        """The cumulants of mean + jacobian (x - E x), one matrix for every batch entry.

        Example:
            >>> x = VectorCumulants(torch.zeros(2), torch.eye(2))
            >>> x.image(torch.ones(1, 2), torch.ones(1)).cov.tolist()
            [[2.0]]
        """
        cov = jacobian @ self.cov @ jacobian.mT
        third, fourth = self.third, self.fourth
        if third is not None:
            third = torch.einsum("...ai,...bj,...ck,...ijk->...abc", jacobian, jacobian, jacobian, third)
        if fourth is not None:
            for axis in (-1, -2, -3, -4):
                fourth = (fourth.movedim(axis, -1) @ jacobian.mT[..., None, None, :, :]).movedim(-1, axis)
        return VectorCumulants(mean, 0.5 * (cov + cov.mT), third, fourth)

    def select(self, index: Tensor | slice) -> VectorCumulants:
        """The cumulants of some of the components.

        Example:
            >>> VectorCumulants(torch.arange(3.0), torch.eye(3)).select(slice(1, 3)).mean.tolist()
            [1.0, 2.0]
        """
        return VectorCumulants(
            self.mean[..., index],
            self.cov[..., index, :][..., index],
            None if self.third is None else self.third[..., index, :, :][..., index, :][..., index],
            None
            if self.fourth is None
            else self.fourth[..., index, :, :, :][..., index, :, :][..., index, :][..., index],
        )

    def whole_third(self) -> Float[Tensor, "*batch units units units"] | None:
        """The third joint cumulants, dense, if they are carried in any way."""
        return self.third

    def own(self, order: int) -> Float[Tensor, "*batch units"] | None:
        """Third or fourth cumulant of every component alone, if carried.

        Example:
            >>> VectorCumulants(torch.zeros(1), torch.eye(1), torch.full((1, 1, 1), 2.0)).own(3).tolist()
            [2.0]
        """
        found = self.third if order == 3 else self.fourth
        for axis in range(-order, -1):
            found = None if found is None else found.diagonal(dim1=axis, dim2=axis + 1)
        return found

    def with_cov(self, cov: Float[Tensor, "*batch units units"]) -> VectorCumulants:
        """The same with another covariance."""
        return replace(self, cov=cov)


def symmetric_product(
    left: Float[Tensor, "*batch out units"], right: Float[Tensor, "out units"]
) -> Float[Tensor, "*batch out out"]:
    """left @ right^T, known to be symmetric: only the upper strips are multiplied where that is worth it.

    Example:
        >>> symmetric_product(torch.ones(2, 1), torch.ones(2, 1)).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    n = right.shape[0]
    graph = torch.is_grad_enabled() and (left.requires_grad or right.requires_grad)
    if graph or left.ndim > 2 or n < 4 * _STRIP:
        found = left @ right.mT
        return 0.5 * (found + found.mT)
    found = left.new_empty(n, n)
    for start in range(0, n, _STRIP):
        stop = min(start + _STRIP, n)
        strip = left[start:stop] @ right[start:].mT
        own = strip[:, : stop - start]
        found[start:stop, start:] = strip
        found[start:stop, start:stop] = 0.5 * (own + own.mT)
        found[stop:, start:stop] = strip[:, stop - start :].mT
    return found


def along(function: LinearFunction, tensor: Tensor, axis: int) -> Tensor:
    """Apply a linear function of rows along one axis of a tensor."""
    moved = tensor.movedim(axis, -1)
    mapped = function(moved.reshape(-1, moved.shape[-1]))
    return mapped.reshape(*moved.shape[:-1], mapped.shape[-1]).movedim(-1, axis)


def clip_to_positive(cov: Float[Tensor, "*batch units units"]) -> tuple[Float[Tensor, "*batch units units"], float]:
    """The covariance with negative eigenvalues removed, and the most negative one relative to the largest.

    A matrix that passes a Cholesky factorisation (up to 1e-10 of its trace) is returned as it is. The removed part
    counts as a constant for differentiation.

    Example:
        >>> clipped, worst = clip_to_positive(torch.diag(torch.tensor([1.0, -0.5], dtype=torch.float64)))
        >>> clipped.diagonal().tolist(), worst
        ([1.0, 0.0], -0.5)
    """
    plain = cov.detach()
    size = plain.diagonal(dim1=-2, dim2=-1).abs().sum(-1)
    eye = torch.eye(plain.shape[-1], dtype=plain.dtype, device=plain.device)
    ridge = (_RIDGE * size + torch.finfo(plain.dtype).tiny)[..., None, None] * eye
    if not bool(torch.linalg.cholesky_ex(plain + ridge).info.any()):
        return cov, 0.0
    values, vectors = torch.linalg.eigh(plain)
    top = values[..., -1:].abs().clamp(min=torch.finfo(plain.dtype).tiny)
    missing = (vectors * (-values).clamp(min=0.0)[..., None, :]) @ vectors.mT
    return cov + missing, float((values / top).min().clamp(max=0.0))
