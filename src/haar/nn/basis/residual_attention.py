"""Residual-based attention: weights of points that follow the sizes of their residuals."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError, check_count, check_rate

#: What weights are before any residual was seen.
_FIRST = 0.1


class ResidualAttention(nn.Module):
    """``lambda_i <- gamma lambda_i + eta |r_i| / max_j |r_j|``, and the loss ``mean(lambda_i r_i^2)``.

    The weights stay below ``eta / (1 - gamma)``. This cap is raised in equal steps, every `every` calls, from the first
    to the last of `cap` (self-scaled): gamma follows from it. Weights move in training mode only, and are part of the
    state dict; no gradient flows through them.

    Args:
        points: Number of points of the training set.
        eta: How fast weights follow.
        gamma: What is kept of them, where `cap` does not say it: the cap is then ``eta / (1 - gamma)`` for good.
        cap: The first and the last cap, in place of `gamma`.
        every: Calls between two raises of the cap.
        raises: Number of raises from the first cap to the last.

    Raises:
        ArgumentError: If a number is out of range.

    Source:
        Toscano et al., arXiv 2412.16738 (ssRBA); Anagnostopoulos et al., arXiv 2307.00379.

    Example:
        >>> weights = ResidualAttention(3, eta=0.1, gamma=0.9)
        >>> loss = weights(torch.tensor([1.0, 0.5, 0.0]), torch.arange(3))
        >>> [round(weight, 6) for weight in weights.weights.tolist()]
        [0.19, 0.14, 0.09]
    """

    weights: Float[Tensor, " points"]
    calls: Int[Tensor, ""]

    def __init__(
        self,
        points: int,
        *,
        eta: float | int = 0.01,
        gamma: float | int = 0.999,
        cap: tuple[float | int, float | int] | None = None,
        every: int = 50_000,
        raises: int = 5,
    ) -> None:
        super().__init__()
        check_count("points", points)
        check_count("every", every)
        check_count("raises", raises)
        check_rate("eta", eta)
        if not 0 <= gamma < 1:
            raise ArgumentError("gamma", expected="a number from 0, below 1", got=gamma)
        low, high = (eta / (1 - gamma),) * 2 if cap is None else cap
        if not eta <= low <= high:
            expected = f"two numbers from eta = {eta:g} on, the smaller first"
            raise ArgumentError("cap", expected=expected, got=cap)
        self.eta, self.cap, self.every, self.raises = float(eta), (float(low), float(high)), every, raises
        self.register_buffer("weights", torch.full((points,), min(_FIRST, low)))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    @property
    def gamma(self) -> float:
        """What is kept of the weights now."""
        low, high = self.cap
        raised = min(self.raises, int(self.calls) // self.every)
        return 1 - self.eta / (low + (high - low) * raised / self.raises)

    def forward(self, residual: Float[Tensor, "rows *components"], index: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
        """The weighted loss of some points.

        Args:
            residual: Of every point; of several components the norm is what counts.
            index: Which points they are.

        Raises:
            ShapeError: If they are not as many.
        """
        if residual.shape[:1] != index.shape:
            raise ShapeError("residual", expected=f"{len(index)} rows, as index has", got=tuple(residual.shape))
        sizes = residual.flatten(1).norm(dim=1) if residual.ndim > 1 else residual.abs()
        if self.training:
            self._follow(sizes.detach(), index)
        return (self.weights[index].to(residual.dtype) * sizes.square()).mean()

    def _follow(self, sizes: Tensor, index: Tensor) -> None:
        largest = sizes.amax()
        relative = torch.where(largest > 0, sizes / torch.where(largest > 0, largest, torch.ones_like(largest)), 0.0)
        with torch.no_grad():
            moved = self.gamma * self.weights[index] + self.eta * relative.to(self.weights.dtype)
            self.weights = self.weights.index_copy(0, index, moved)
            self.calls = self.calls + 1
