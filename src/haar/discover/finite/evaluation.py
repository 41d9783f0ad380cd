"""A model as a function of samples: evaluated in eval mode, in pieces, left as it was, its numbers checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.probing import check_finite, pieces, undisturbed

#: Numbers in the samples that are evaluated at once.
_AT_ONCE = 4_000_000


class Evaluation:
    """Values of a model of one input tensor, and how often it was run.

    Args:
        model: Any module or callable that maps ``(rows, *shape)`` to ``(rows, ...)``.

    Attributes:
        rows: How many samples were evaluated.
        precision: Precision of its answers: that of their dtype.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        self.model = model
        self.rows = 0
        self.precision = float(torch.finfo(torch.float64).eps)

    def __call__(self, x: Tensor) -> Tensor:
        """Answers ``(rows, ...)`` in double precision, one number a sample as ``(rows, 1)``.

        Raises:
            ArgumentError: If what comes back is no tensor of one answer a sample, or not finite.
        """
        step = max(2, _AT_ONCE // max(x[0].numel(), 1)) if len(x) else 2
        with undisturbed(self.model), torch.no_grad():
            parts = [self._answers(part) for part in pieces(x, step)]
        self.rows += len(x)
        return torch.cat(parts)

    def twice(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Answers on the same samples in two states of the random numbers: a model without noise gives the same."""
        with undisturbed(self.model), torch.no_grad():
            torch.manual_seed(1)
            first = self._answers(x)
            torch.manual_seed(2)
            return first, self._answers(x)

    def _answers(self, x: Tensor) -> Tensor:
        y = self.model(x)
        if not isinstance(y, Tensor) or not y.ndim or len(y) != len(x):
            got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise ArgumentError(
                "model",
                expected=f"one tensor with an answer for each of {len(x)} samples",
                got=got,
                way_out="wrap it in a function that picks one output",
            )
        check_finite("model's answers", y)
        if y.is_floating_point():
            self.precision = max(self.precision, float(torch.finfo(y.dtype).eps))
        y = torch.view_as_real(y.detach()) if y.is_complex() else y.detach()
        return (y if y.ndim > 1 else y[:, None]).to(torch.float64)
