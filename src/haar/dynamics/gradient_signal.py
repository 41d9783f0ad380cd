"""Gradients from batch to batch: how large they are, how far they agree, and how much of them is noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from haar.dynamics.meter import Meter, Reading
from haar.dynamics.one_vector import one_vector
from haar.errors import ArgumentError, check_count


class GradientSignal(Meter):
    """Norm of the gradient, its cosine with the one before, and signal to noise over the last ones.

    Call `update` after a backward pass: it reads the gradients that are there. A reading copies them once and keeps
    `window` copies; it costs a few passes over that memory.

    - ``norm``: of all gradients together;
    - ``cosine``: with the reading before, NaN at the first: below 0 where batches undo one another (interference);
    - ``signal to noise``: of the gradients g of the last readings, ``|mean g|^2 / mean |g - mean g|^2`` with n - 1 in
      place of n, NaN while there is one.

    Args:
        parameters: Whose gradients are read.
        window: Number of readings whose noise is told.

    Raises:
        ArgumentError: If there is no parameter, or the window has fewer than 2.

    Example:
        >>> w = torch.nn.Parameter(torch.zeros(2))
        >>> meter = GradientSignal([w])
        >>> for g in ([3.0, 4.0], [4.0, -3.0]):
        ...     w.grad = torch.tensor(g)
        ...     reading = meter.update()
        >>> reading["norm"], reading["cosine"]
        (5.0, 0.0)
    """

    def __init__(self, parameters: Iterable[Tensor], *, window: int = 8) -> None:
        super().__init__()
        check_count("window", window, least=2)
        if isinstance(parameters, nn.Module):
            raise ArgumentError("parameters", expected="parameters", got="a module", way_out="give its .parameters()")
        self.parameters, self.window = list(parameters), window
        if not self.parameters:
            raise ArgumentError("parameters", expected="at least one", got="none")
        self._last: list[Tensor] = []

    def measure(self, *given: Any) -> Reading:
        """Norm, cosine and signal to noise.

        Args:
            given: Nothing.

        Raises:
            ArgumentError: If something is given, or there is no gradient.
        """
        if given:
            raise ArgumentError("given", expected="nothing: gradients are read where they are", got=len(given))
        held = [p for p in self.parameters if p.grad is not None]
        if not held:
            raise ArgumentError("parameters", expected="gradients", got="none", way_out="call it after loss.backward()")
        joined = one_vector([torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters])
        self._last = [*self._last[1 - self.window :], joined]
        return {"norm": float(joined.norm()), "cosine": self._cosine(), "signal to noise": self._signal()}

    def reset(self) -> None:
        """Forget all readings and gradients."""
        super().reset()
        self._last = []

    def _cosine(self) -> float:
        if len(self._last) < 2:
            return float("nan")
        one, other = self._last[-2:]
        size = float(one.norm() * other.norm())
        return float(one @ other) / size if size > 0 else float("nan")

    def _signal(self) -> float:
        if len(self._last) < 2:
            return float("nan")
        stacked = torch.stack(self._last)
        mean = stacked.mean(0)
        noise = float((stacked - mean).square().sum()) / (len(stacked) - 1)
        return float(mean.square().sum()) / noise if noise > 0 else float("inf")
