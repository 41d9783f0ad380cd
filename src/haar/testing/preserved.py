"""The assertion that moving a network's parameters within a symmetry leaves its function alone."""

from __future__ import annotations

from typing import Any

from torch import nn

from haar.seeding import Seed
from haar.weights import ParameterAction, verify


def assert_function_preserved(
    model: nn.Module, action: ParameterAction, inputs: Any, *, seed: Seed = 0, tolerance: float | int = 1e-10
) -> None:
    """Fail unless a model's outputs stay when its parameters are moved by random elements, in double precision.

    Args:
        model: The model; it is left as it was.
        action: The table of its parameters.
        inputs: An input, a tuple of inputs, or inputs by name.
        seed: Seed of the elements.
        tolerance: Largest change of an output that counts as none, relative to the largest output.

    Raises:
        NotEquivariantError: If an output changes; it names the tensor and the axis that are labelled wrongly. It is an
            AssertionError.

    Example:
        >>> import torch
        >>> from haar.weights import traced
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> x = torch.randn(5, 2)
        >>> assert_function_preserved(model, traced(model, x), x)
    """
    verify(model, action, inputs, seed=seed, tolerance=tolerance).check()
