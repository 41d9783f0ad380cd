"""Geometric complexity: how steep a function is, on average over some inputs."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.dynamics.meter import Meter, Reading
from haar.errors import ArgumentError
from haar.probing import undisturbed


class GeometricComplexity(Meter):
    """``E_x |d f / d x|_F^2`` over the inputs that a reading is given.

    A reading takes one forward pass and a backward pass for every output component. The model must treat samples one by
    one, as it does in eval mode, in which it is read.

    Args:
        model: The model that is trained.

    Source:
        Dherin et al., arXiv 2209.13083; Toscano et al., arXiv 2412.16738.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> _ = model.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
        >>> GeometricComplexity(model).update(torch.randn(5, 2))["geometric complexity"]
        25.0
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def measure(self, *given: Any) -> Reading:
        """The mean over a batch of inputs.

        Args:
            given: One tensor of floating-point numbers, a row a sample.

        Raises:
            ArgumentError: If it is not that, or the model's answer has not as many rows.
        """
        if len(given) != 1 or not isinstance(given[0], Tensor) or not given[0].is_floating_point() or not len(given[0]):
            raise ArgumentError("given", expected="a tensor of inputs, a row a sample", got=f"{len(given)} values")
        with undisturbed(self.model):
            return {"geometric complexity": geometric_complexity(self.model, given[0])}


def geometric_complexity(model: Any, x: Float[Tensor, "samples ..."]) -> float:
    """``E_x |d f / d x|_F^2`` of a function that treats samples one by one.

    Args:
        model: Any function of a batch.
        x: The batch.

    Raises:
        ArgumentError: If the answer is not one tensor with a row for every sample.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        x = (x.clone() if x.is_inference() else x.detach()).requires_grad_()
        y = model(x)
        if not isinstance(y, Tensor):
            raise ArgumentError("model", expected="one tensor as its answer", got=type(y).__name__)
        y = torch.view_as_real(y) if y.is_complex() else y
        if y.ndim < 1 or len(y) != len(x):
            raise ArgumentError("model", expected="a row for every sample", got=tuple(y.shape))
        columns = y.flatten(1) if y.ndim > 1 else y[:, None]
        total = 0.0
        for k in range(columns.shape[1]):
            last = k + 1 == columns.shape[1]
            (slope,) = torch.autograd.grad(columns[:, k].sum(), x, retain_graph=not last, materialize_grads=True)
            total += float(slope.double().square().sum())
    return total / len(x)
