"""What must vanish besides an equation, and how much each counts: terms of a loss kept at one size of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError, check_count

Solution = Callable[[Tensor], Tensor]
Residual = Callable[[Solution, Tensor], Tensor]


class Conditions(nn.Module):
    """``lambda_k <- alpha lambda_k + (1 - alpha) |grad E| / |grad B_k|``, and the loss ``E + sum_k lambda_k B_k``.

    E is the equation's mean square and B_k that of a condition on points of its own: at a boundary, at the beginning.
    With the weights every condition moves the parameters about as far as the equation does. They begin at 1, move in
    training mode only, and are part of the state dict; no gradient flows through them.

    Args:
        terms: Residuals with their points, as pairs.
        alpha: What is kept of a weight; 1 leaves all at their first values.
        first: What weights are at first, one for all or one for each.
        every: Calls between two looks at the gradients; a look takes one more pass backwards for every term.

    Raises:
        ArgumentError: If there is no term, or a number is out of range.
        ShapeError: If a term has no points.

    Source:
        Toscano et al., arXiv 2412.16738, the options of their scripts; after Wang, Teng, Perdikaris, SIAM Journal on
        Scientific Computing 43 (2021).

    Example:
        >>> ends = torch.tensor([[-1.0], [1.0]])
        >>> conditions = Conditions([(lambda u, x: u(x), ends)])
        >>> conditions.weights.tolist()
        [1.0]
    """

    weights: Float[Tensor, " terms"]
    calls: Tensor

    def __init__(
        self,
        terms: Sequence[tuple[Residual, Tensor]],
        *,
        alpha: float = 0.99975,
        first: float | Sequence[float] = 1.0,
        every: int = 1,
    ) -> None:
        super().__init__()
        if not len(terms):
            raise ArgumentError("terms", expected="at least one residual with its points", got="none")
        if not 0 <= alpha <= 1:
            raise ArgumentError("alpha", expected="a number from 0 to 1", got=alpha)
        check_count("every", every)
        weights = [float(first)] * len(terms) if isinstance(first, int | float) else [float(one) for one in first]
        if len(weights) != len(terms) or not all(0 < one < float("inf") for one in weights):
            raise ArgumentError("first", expected=f"a number above 0, or {len(terms)} of them", got=first)
        self.alpha, self.every = float(alpha), every
        self.residuals = [residual for residual, _ in terms]
        for number, (_, points) in enumerate(terms):
            if points.ndim != 2 or not len(points):
                raise ShapeError(
                    "terms", expected="points (points, coordinates), at least one", got=tuple(points.shape)
                )
            self.register_buffer(f"points_{number}", points, persistent=False)
        self.register_buffer("weights", torch.tensor(weights))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(
        self, solution: Solution, equation: Float[Tensor, ""], parameters: Iterable[Tensor]
    ) -> Float[Tensor, ""]:
        """The whole loss.

        Args:
            solution: From points to values.
            equation: The equation's own loss.
            parameters: Those that are trained, by whose gradients terms are weighed.
        """
        found = [self._term(number, solution) for number in range(len(self.residuals))]
        if self.training and torch.is_grad_enabled() and self.alpha < 1:
            if int(self.calls) % self.every == 0:
                self._follow(found, equation, [p for p in parameters if p.requires_grad])
            self.calls += 1
        weights = self.weights.to(equation.dtype).unbind()
        total = equation
        for weight, term in zip(weights, found, strict=True):
            total = total + weight * term
        return total

    def _term(self, number: int, solution: Solution) -> Tensor:
        points = getattr(self, f"points_{number}")
        values = self.residuals[number](solution, points)
        if values.shape[:1] != points.shape[:1]:
            expected = f"{len(points)} rows, one for each point, of term {number}"
            raise ShapeError("terms", expected=expected, got=tuple(values.shape))
        return values.square().mean()

    def _follow(self, found: list[Tensor], equation: Tensor, parameters: list[Tensor]) -> None:
        size = _slope(equation, parameters)
        for number, term in enumerate(found):
            own = _slope(term, parameters)
            if bool((size > 0) & (own > 0) & (size / own).isfinite()):  # a term that is met already has no direction
                self.weights[number] = self.alpha * self.weights[number] + (1 - self.alpha) * size / own


def _slope(term: Tensor, parameters: list[Tensor]) -> Tensor:
    """The norm of a term's gradient."""
    if not term.requires_grad:
        return torch.zeros((), dtype=term.dtype, device=term.device)
    parts = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
    squares = [part.square().sum() for part in parts if part is not None]
    return torch.stack(squares).sum().sqrt().detach() if squares else torch.zeros_like(term.detach())
