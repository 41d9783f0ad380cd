"""What one forward pass says of a model: how many time steps it takes, and in which precision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from haar.actions import Layout
from haar.errors import ArgumentError

#: Numbers of time steps that are tried.
_MOST_STEPS = 16


class OwnPrecision(nn.Module):
    """A model in the precision that it was made in, for inputs of any.

    Args:
        model: The model.
        dtype: Its precision.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, x: Tensor) -> Tensor:
        """The model of its input in its own precision."""
        # what computes half precision in float32 has a copy of the model made: the copy's precision is the right one
        own = next((p.dtype for p in self.model.parameters() if p.is_floating_point()), self.dtype)
        y: Tensor = self.model(x.to(own))
        return y


def own_dtype(model: nn.Module, x: Tensor) -> torch.dtype:
    """The precision that a model takes its input in: that of `x` where it does, else that of its parameters.

    Args:
        model: The model; it is run once.
        x: One input.
    """
    kinds = {tensor.dtype for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point()}
    if not kinds or x.dtype in kinds:
        return x.dtype
    if _output(model, x) is not None:
        return x.dtype
    fits = [kind for kind in kinds if _output(model, x.to(kind)) is not None] or list(kinds)
    return fits[0] if len(fits) == 1 else x.dtype


def found_history(model: nn.Module, once: Layout, space: Sequence[int]) -> int:
    """The one number of time steps that a model runs with and gives the next step for.

    Args:
        model: The model; it is run once for each number, on random fields.
        once: The fields of one time step.
        space: Points of every axis.

    Raises:
        ArgumentError: If it runs with none, or with several.
    """
    wanted = (1, once.output().channels, *space)
    source = torch.Generator().manual_seed(0)
    fits = []
    for steps in range(1, _MOST_STEPS + 1):
        x = torch.randn(1, once.with_history(steps).channels, *space, generator=source)
        y = _output(model, x.to(own_dtype(model, x)))
        if y is not None and tuple(y.shape) == wanted:
            fits.append(steps)
    if len(fits) == 1:
        return fits[0]
    got = (
        f"a model that runs with {', '.join(map(str, fits))}"
        if fits
        else f"none of 1 to {_MOST_STEPS} that it runs with"
    )
    raise ArgumentError(
        "--history",
        expected="the number of time steps that the model takes",
        got=got,
        way_out="add --history 1, 2, ... (the model does not say how many channels it takes)",
    )


def _output(model: nn.Module, x: Tensor) -> Tensor | None:
    """What a model gives; None where it fails or gives no tensor."""
    try:
        with torch.no_grad():
            y = model(x)
    except Exception:  # noqa: BLE001 (a model fails in any way it likes; who needs it tries it again and says so)
        return None
    return y if isinstance(y, Tensor) else None
