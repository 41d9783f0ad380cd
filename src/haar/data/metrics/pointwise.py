"""How far a predicted field is from the truth: one number for every sample, time and channel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Real
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, check_rate

EPSILON = 1e-7
NEAR_CONSTANT = 1e-5


@dataclass(frozen=True)
class SpaceMoments:
    """Everything that the metrics need about one pair, reduced over space in float64; each of shape (..., channel).

    Args:
        squared_error: Mean of (u - v)^2.
        absolute_error: Mean of |u - v|.
        variance: Unbiased variance of the truth v (divided by N - 1).
        mean_square: Mean of v^2.
        predicted_variance: Unbiased variance of the prediction u.
    """

    squared_error: Float64[Tensor, "..."]
    absolute_error: Float64[Tensor, "..."]
    variance: Float64[Tensor, "..."]
    mean_square: Float64[Tensor, "..."]
    predicted_variance: Float64[Tensor, "..."]

    @classmethod
    def of(cls, prediction: Real[Tensor, "*predicted"], truth: Real[Tensor, "*true"], dim: int) -> SpaceMoments:
        """Reduce over the last `dim` axes.

        Raises:
            ShapeError: If the shapes differ, or leave no channel axis.
            ArgumentError: If `dim` is not 1, 2 or 3, space has a single point, values are complex, or the truth is not
                finite.
        """
        if dim not in (1, 2, 3):
            raise ArgumentError("dim", expected="1, 2 or 3 space dimensions", got=dim)
        if prediction.shape != truth.shape:
            raise ShapeError(
                "prediction", expected=f"the shape of the truth {tuple(truth.shape)}", got=tuple(prediction.shape)
            )
        if truth.ndim < dim + 1:
            raise ShapeError("truth", expected=f"a channel axis before {dim} space axes", got=tuple(truth.shape))
        for name, values in (("prediction", prediction), ("truth", truth)):
            if values.is_complex():
                raise ArgumentError(name, expected="real values", got=str(values.dtype), way_out="compare both parts")
        if truth.shape[truth.ndim - dim :].numel() < 2:
            raise ArgumentError("truth", expected="at least two points of space", got=tuple(truth.shape))
        u, v = prediction.double().flatten(-dim), truth.double().flatten(-dim)
        if not bool(torch.isfinite(v).all()):
            raise ArgumentError("truth", expected="finite values", got="NaN or infinity among them")
        error = u - v
        return cls(
            squared_error=error.square().mean(-1),
            absolute_error=error.abs().mean(-1),
            variance=v.var(-1),
            mean_square=v.square().mean(-1),
            predicted_variance=u.var(-1),
        )

    def rmse(self) -> Float64[Tensor, "..."]:
        """sqrt(mean (u - v)^2), in the units of the field."""
        return _root(self.squared_error)

    def vrmse(self) -> Float64[Tensor, "..."]:
        """sqrt(mean (u - v)^2 / (var v + 1e-7)): about 1 for a prediction that only knows the mean."""
        return _root(self.squared_error / (self.variance + EPSILON))

    def nrmse(self) -> Float64[Tensor, "..."]:
        """sqrt(mean (u - v)^2 / (mean v^2 + 1e-7))."""
        return _root(self.squared_error / (self.mean_square + EPSILON))


def _root(square: Tensor) -> Tensor:
    """The square root of a mean of squares, whose derivative at an exact prediction is 0 and not 0 times infinity."""
    exact = square == 0
    return torch.where(exact, 0.0, torch.where(exact, 1.0, square).sqrt())


def vrmse(prediction: Real[Tensor, "*predicted"], truth: Real[Tensor, "*true"], *, dim: int) -> Float64[Tensor, "..."]:
    """The Well's variance-scaled root mean squared error, for every sample, time and channel.

    sqrt(mean (u - v)^2 / (std(v)^2 + 1e-7)) over space, with the unbiased std of the truth v (arXiv 2412.00568, section
    4.1). A prediction of the spatial mean scores sqrt((N - 1)/N), not exactly 1. Use physical units.

    Args:
        prediction: u, (..., channel, *space).
        truth: v, the same shape.
        dim: Number of space axes.

    Returns:
        Shape (..., channel), float64.

    Raises:
        ShapeError: If the shapes differ, or leave no channel axis.
        ArgumentError: If space has a single point, or the truth is not finite.

    Example:
        >>> truth = torch.tensor([[[0.0, 2.0, 0.0, 2.0]]])
        >>> vrmse(torch.ones(1, 1, 4), truth, dim=1)
        tensor([[0.8660]], dtype=torch.float64)
    """
    return SpaceMoments.of(prediction, truth, dim).vrmse()


def nrmse(prediction: Real[Tensor, "*predicted"], truth: Real[Tensor, "*true"], *, dim: int) -> Float64[Tensor, "..."]:
    """The root mean squared error divided by the root mean square of the truth; arguments as `vrmse`.

    Example:
        >>> nrmse(torch.zeros(1, 1, 2), torch.tensor([[[3.0, 4.0]]]), dim=1)
        tensor([[1.0000]], dtype=torch.float64)
    """
    return SpaceMoments.of(prediction, truth, dim).nrmse()


def rmse(prediction: Real[Tensor, "*predicted"], truth: Real[Tensor, "*true"], *, dim: int) -> Float64[Tensor, "..."]:
    """The root mean squared error, in the units of the field; arguments as `vrmse`.

    Example:
        >>> rmse(torch.zeros(1, 1, 2), torch.tensor([[[3.0, -3.0]]]), dim=1)
        tensor([[3.]], dtype=torch.float64)
    """
    return SpaceMoments.of(prediction, truth, dim).rmse()


def mae(prediction: Real[Tensor, "*predicted"], truth: Real[Tensor, "*true"], *, dim: int) -> Float64[Tensor, "..."]:
    """The mean absolute error, in the units of the field; arguments as `vrmse`.

    Example:
        >>> mae(torch.zeros(1, 1, 2), torch.tensor([[[3.0, -4.0]]]), dim=1)
        tensor([[3.5000]], dtype=torch.float64)
    """
    return SpaceMoments.of(prediction, truth, dim).absolute_error


def near_constant(truth: Real[Tensor, "*shape"], *, dim: int, below: float = NEAR_CONSTANT) -> Float64[Tensor, ""]:
    """The share of (sample, time, channel) whose variance over space is below a bound, where VRMSE says nothing.

    Args:
        truth: True fields, ``(..., channel, *space)``.
        dim: Number of space axes.
        below: Bound on the variance.

    Returns:
        A number between 0 and 1.

    Raises:
        ShapeError: If there is no channel axis.
        ArgumentError: If space has a single point, the truth is not finite, or the bound is negative.

    Example:
        >>> near_constant(torch.tensor([[[1.0, 1.0], [0.0, 1.0]]]), dim=1)
        tensor(0.5000, dtype=torch.float64)
    """
    check_rate("below", below, zero=True)
    return (SpaceMoments.of(truth, truth, dim).variance < below).double().mean()
