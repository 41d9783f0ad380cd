"""Training of an ensemble: Adam with a cosine schedule, every network as if it were alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ShapeError
from haar.training import Plan, Run, draw
from haar.watch import Unwatched, Watch

Observer = Callable[[int, nn.Module, Tensor], None]
"""Called before every step with its number, the model, and the losses of all networks."""


#: The paper's protocol.
PROTOCOL = Plan(steps=1500, learning_rate=1e-2, schedule="cosine")


def fit(
    model: nn.Module,
    x: Float[Tensor, "*networks samples inputs"],
    y: Float[Tensor, "*targets"],
    *,
    plan: Plan = PROTOCOL,
    penalty: Callable[[], Tensor] | None = None,
    observer: Observer | None = None,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Float[Tensor, "steps networks"]:
    """Train all networks of an ensemble in place, on the same samples or on samples of their own.

    The loss is the sum of the networks' mean squared errors, so no network feels another. A network whose loss is not
    finite stays so and harms nobody.

    Args:
        model: An `Ensemble`, or a module that wraps one: from x to (networks, samples).
        x: Inputs of the training set.
        y: Targets of the training set; with axes of their own where the model says so (``outputs``).
        plan: How; batches are drawn with replacement.
        penalty: Added to the loss, such as `StaticBias.decay`.
        observer: Told of every step.
        seed: Seed of the batches.
        watch: Told of every step.

    Returns:
        The mean squared errors before every step.

    Raises:
        ShapeError: If targets do not fit inputs.

    Example:
        >>> from haar.systems.renormalisation import PerceptronEnsemble, Sizes, one_shot
        >>> x = torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> nets = PerceptronEnsemble("free", "linear", Sizes(2, 4, 1), seeds=range(2))
        >>> losses = fit(nets, x, one_shot(x), plan=Plan(steps=300, learning_rate=3e-2, schedule="cosine"))
        >>> bool((losses[-1] < 1e-6).all())
        True
    """
    wanted = (*x.shape[:-1], *getattr(model, "outputs", ()))
    if y.shape != wanted:
        raise ShapeError("y", expected=f"one target a sample, {wanted}", got=tuple(y.shape))

    def loss(step: int, generator: torch.Generator) -> Tensor:
        here, there = x, y
        if plan.batch_size is not None:
            at = draw(x.shape[-2], plan.batch_size, generator)
            here, there = x[..., at, :], y.index_select(x.ndim - 2, at)
        losses: Tensor = (model(here) - there).square().flatten(1).mean(-1)
        if observer is not None:
            observer(step, model, losses.detach())
        return losses

    run = Run(
        [value for value in model.parameters() if value.requires_grad],
        loss,
        plan,
        seed=seed,
        objective=lambda losses: losses.sum() if penalty is None else losses.sum() + penalty(),
        not_finite="keep",
    )
    return run.train(watch)
