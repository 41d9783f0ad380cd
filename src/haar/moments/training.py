"""Training on propagated moments: the expected squared loss of a class or an uncertain input, without samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError, known_keywords
from haar.moments.backends import Backend
from haar.moments.joint import InputLaw
from haar.moments.propagate import propagate
from haar.moments.propagation import Propagation
from haar.moments.registry import Registered
from haar.training import Plan, Run
from haar.watch import Unwatched, Watch


def expected_squared_error(
    result: Propagation, target: Float[Tensor, "*batch outputs"] | float | int
) -> Float[Tensor, "*batch"]:
    """E |y - target|^2 = |mean - target|^2 + tr Cov, from propagated moments.

    Args:
        result: What `propagate` returned.
        target: What the output should be.

    Raises:
        ShapeError: If the target does not broadcast to the mean.

    Source: Fischer et al., arXiv 2202.04925.

    Example:
        >>> from haar.moments import Gaussian
        >>> float(expected_squared_error(propagate(nn.Identity(), Gaussian([1.0], 0.25)), 0.0))
        1.25
    """
    goal = torch.as_tensor(target, dtype=torch.float64)
    try:
        gap = result.mean - goal
    except RuntimeError as error:
        raise ShapeError("target", expected=str(tuple(result.mean.shape)), got=tuple(goal.shape)) from error
    found: Tensor = gap.square().sum(-1) + result.cov.diagonal(dim1=-2, dim2=-1).sum(-1)
    return found


@known_keywords
def moment_loss(
    model: nn.Module,
    laws: Sequence[InputLaw],
    targets: Sequence[float | int] | Float[Tensor, "laws"],
    *,
    weights: Sequence[float | int] | None = None,
    order: int | str = 2,
    backend: str | Backend | None = None,
    input_shape: Sequence[int] | None = None,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
) -> Float[Tensor, ""]:
    """Expected squared error over a mixture of laws (one per class or mixture component), differentiable.

    Args:
        model: The module; its parameters get gradients.
        laws: Laws of the mixture's components.
        targets: Target output of each.
        weights: Their probabilities, equal by default.
        order: Order of the propagation, as in `propagate`.
        backend: As in `propagate`.
        input_shape: Shape of one input.
        activations: As in `propagate`.
        affine: As in `propagate`.
        constants: Values for further inputs of the model.
        on_unsupported: As in `propagate`.

    Raises:
        ArgumentError: If the numbers of laws, targets and weights differ.

    Example:
        >>> from haar.moments import Gaussian
        >>> model = nn.Linear(1, 1)
        >>> moment_loss(model, [Gaussian([0.0]), Gaussian([1.0])], [0.0, 1.0]).backward()
        >>> model.weight.grad is not None
        True
    """
    share = [1.0 / max(len(laws), 1)] * len(laws) if weights is None else list(weights)
    if not laws or len(targets) != len(laws) or len(share) != len(laws):
        raise ArgumentError("targets", expected=f"{len(laws)} targets and weights, one per law", got=len(targets))
    parts = []
    for law, target, weight in zip(laws, targets, share, strict=True):
        found = propagate(
            model,
            law,
            order=order,
            backend=backend,
            input_shape=input_shape,
            activations=activations,
            affine=affine,
            constants=constants,
            on_unsupported=on_unsupported,
        )
        parts.append(weight * expected_squared_error(found, float(target)).mean())
    return torch.stack(parts).sum()


@known_keywords
def train_on_moments(
    model: nn.Module,
    laws: Sequence[InputLaw],
    targets: Sequence[float | int],
    *,
    steps: int = 300,
    learning_rate: float = 0.05,
    order: int | str = 2,
    backend: str | Backend | None = None,
    input_shape: Sequence[int] | None = None,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
    watch: Watch = Unwatched(),
) -> list[float]:
    """Train a model in place with Adam on `moment_loss`; no sample is ever drawn.

    Args:
        model: The module; its parameters change.
        laws: Laws of the mixture's components.
        targets: Target output of each.
        steps: Number of steps, at least 1.
        learning_rate: Step size of Adam.
        order: Order of the propagation, as in `propagate`.
        backend: As in `propagate`.
        input_shape: Shape of one input.
        activations: As in `propagate`.
        affine: As in `propagate`.
        constants: Values for further inputs of the model.
        on_unsupported: As in `propagate`.
        watch: Told of every step.

    Returns:
        The loss before every step.

    Raises:
        ArgumentError: If there is no step or nothing to train.
        DivergedError: If a loss is not finite.

    Example:
        >>> from haar.moments import Gaussian
        >>> losses = train_on_moments(nn.Linear(1, 1), [Gaussian([0.0]), Gaussian([1.0])], [0.0, 1.0], steps=20)
        >>> losses[-1] < losses[0]
        True
    """
    plan = Plan(steps=steps, learning_rate=learning_rate)

    def loss(_step: int, _generator: torch.Generator) -> Tensor:
        return moment_loss(
            model,
            laws,
            targets,
            order=order,
            backend=backend,
            input_shape=input_shape,
            activations=activations,
            affine=affine,
            constants=constants,
            on_unsupported=on_unsupported,
        )

    losses: list[float] = Run(model.parameters(), loss, plan).train(watch).tolist()
    return losses
