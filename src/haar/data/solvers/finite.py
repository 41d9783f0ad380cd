"""A run that blew up says so instead of filling a data set with NaN."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError


def check_given(**fields: Float[Tensor, "..."]) -> None:
    """Refuse what a run cannot begin with, before a time step is blamed for it.

    Args:
        fields: By the names that the caller has for them.

    Raises:
        ArgumentError: If an entry is not finite.

    Example:
        >>> import torch
        >>> check_given(velocity=torch.tensor([0.0, torch.nan]))
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: velocity: expected finite values, got NaN or infinity
    """
    for name, values in fields.items():
        if not bool(values.isfinite().all()):
            raise ArgumentError(name, expected="finite values", got="NaN or infinity")


def check_finite(state: Float[Tensor, "*shape"], time_step: float) -> Float[Tensor, "*shape"]:
    """Return the state if it is finite.

    Args:
        state: Fields that a solver computed.
        time_step: The time step it used, for the message.

    Raises:
        ArgumentError: If an entry is not finite.

    Example:
        >>> import torch
        >>> check_finite(torch.ones(2), 0.1)
        tensor([1., 1.])
    """
    if not bool(state.isfinite().all()):
        raise ArgumentError(
            "time_step", expected="a step short enough for a finite solution", got=time_step, way_out="halve it"
        )
    return state
