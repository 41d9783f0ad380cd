"""A plain training loop for those without one: one rule, one data set, checkpoints that resume bit for bit."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.errors import ArgumentError, DataError, HaarError, ShapeError, check_count, check_rate
from haar.files import write_checkpoint
from haar.probing import ForwardOnly, check_finite, undisturbed
from haar.relax.diagnosis.dashboard import Dashboard, LayerReading, Reading
from haar.relax.diagnosis.gradients import Loss
from haar.relax.rule import Rule, check_optimizer


@dataclass(frozen=True)
class Fitted:
    """A finished run.

    Attributes:
        rule: The rule, with the trained model.
        dashboard: Readings on the validation data, if these were given.
        deployed_loss: Validation loss of the model as it would be deployed; None without validation data.
        losses: Training loss of every step.
    """

    rule: Rule
    dashboard: Dashboard | None
    deployed_loss: float | None
    losses: list[float]


def fit(
    rule: Rule,
    loss: Loss,
    train: tuple[Any, Any],
    *,
    steps: int,
    validation: tuple[Any, Any] | None = None,
    batch_size: int = 64,
    learning_rate: float | int = 3e-3,
    schedule: str = "cosine",
    optimizer: Callable[[list[Any]], torch.optim.Optimizer] | None = None,
    every: int = 100,
    checkpoint: str | os.PathLike[str] | None = None,
    log: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> Fitted:
    """Train a wrapped model under a rule: Adam with a cosine schedule, batches drawn with replacement.

    Step k is a function of the weights and of (seed, k) alone, so that a run that was killed and called again ends
    with the same bits.

    Args:
        rule: `Duals` or a baseline, made for the same number of steps.
        loss: The task's loss of (prediction, target), a mean over samples.
        train: Inputs (a tensor, or a tuple of the model's arguments) and targets, samples on axis 0.
        steps: Steps of the optimiser.
        validation: Inputs and targets on which the projected and the unprojected model are read.
        batch_size: Samples a step.
        learning_rate: Of the first steps.
        schedule: ``"cosine"`` (to zero) or ``"constant"``.
        optimizer: Makes the optimiser from the rule's weights; by default Adam.
        every: Steps between readings and checkpoints.
        checkpoint: A file to resume from and to write to.
        log: A CSV file of the readings.
        seed: Of batches, augmentation and dropout.
        progress: Called with the step and its loss.

    Returns:
        The run; the model is trained in place and left in eval mode.

    Raises:
        ArgumentError: If an option is out of range, the rule is tuned for another number of steps, data are not finite,
            or the checkpoint belongs to another run.
        HaarError: If the loss of a step is not finite; the weights are those before it.
        DataError: If the checkpoint cannot be read.

    Example:
        >>> from haar.actions import Defining, Symmetry, Vector
        >>> from haar.groups import cyclic
        >>> from haar.relax import homotopise
        >>> from haar.relax.duals.duals import Duals
        >>> C4 = cyclic(4)
        >>> symmetry = Symmetry(C4, Vector(Defining(C4)), Vector(Defining(C4)))
        >>> model = homotopise(torch.nn.Linear(2, 2), symmetry)
        >>> x = torch.randn(64, 2)
        >>> run = fit(Duals(model, steps=60), torch.nn.functional.mse_loss, (x, x), steps=60, learning_rate=0.1)
        >>> run.losses[-1] < 0.1 * run.losses[0]
        True
    """
    for name, value in (("steps", steps), ("batch_size", batch_size), ("every", every)):
        check_count(name, value)
    if schedule not in ("cosine", "constant"):
        raise ArgumentError("schedule", expected="'cosine' or 'constant'", got=repr(schedule))
    check_rate("learning_rate", learning_rate)
    _check_data("train", train)
    if validation is not None:
        _check_data("validation", validation)
    tuned_for = getattr(rule, "steps", steps)
    if tuned_for != steps:
        raise ArgumentError(
            "steps",
            expected=f"the {tuned_for} steps that the rule {rule.name!r} is tuned for",
            got=steps,
            way_out="make the rule with the same number of steps",
        )
    made = torch.optim.Adam(rule.weights(), lr=float(learning_rate)) if optimizer is None else optimizer(rule.weights())
    check_optimizer(made, rule.gammas)
    board = None if validation is None else Dashboard(rule, loss, *validation)
    if validation is not None:
        _check_targets_count(rule, loss, *validation)
    run = _Run(rule, loss, train, made, steps=steps, batch_size=batch_size, schedule=schedule, seed=seed)
    losses = _resume(run, board, checkpoint)
    with torch.random.fork_rng(devices=[]):
        for step in range(len(losses), steps):
            losses.append(run.step(step))
            if progress is not None:
                progress(step, losses[-1])
            last = step + 1 == steps
            if (step + 1) % every == 0 or last:
                if board is not None:
                    board.read()
                    if log is not None:
                        board.write_csv(log)
                if checkpoint is not None:
                    _keep(run, board, losses, checkpoint)
    rule.model.eval()
    return Fitted(rule, board, None if validation is None else _deployed(rule, loss, *validation), losses)


def _check_data(name: str, data: tuple[Any, Any]) -> None:
    """Refuse inputs that are not finite, and inputs and targets that are not rows of the same samples."""
    tensors = [x for x in pytree.tree_leaves(data[1]) + pytree.tree_leaves(data[0]) if isinstance(x, Tensor)]
    if not tensors:
        kind = type(data[1]).__name__
        raise ArgumentError(name, expected="tensors of inputs and targets", got=kind, way_out="use torch.as_tensor")
    lengths = [len(x) if x.ndim else None for x in tensors]
    if lengths[0] is None or any(length != lengths[0] for length in lengths):
        expected = f"{lengths[0] or 'the'} samples on axis 0 of all inputs and targets"
        raise ShapeError(name, expected=expected, got=", ".join(str(tuple(x.shape)) for x in tensors))
    if not lengths[0]:
        raise ArgumentError(name, expected="at least one sample", got="none")
    check_finite(name, data[0])


class _Run:
    """Everything that a step needs."""

    def __init__(
        self,
        rule: Rule,
        loss: Loss,
        train: tuple[Any, Any],
        optimizer: torch.optim.Optimizer,
        *,
        steps: int,
        batch_size: int,
        schedule: str,
        seed: int,
    ) -> None:
        self.rule, self.loss, self.optimizer = rule, loss, optimizer
        self.inputs, self.target = train
        self.steps, self.batch_size, self.schedule, self.seed = steps, batch_size, schedule, seed
        self.rates = [float(group["lr"]) for group in optimizer.param_groups]
        self.samples = len(next(x for x in pytree.tree_leaves(self.target) if isinstance(x, Tensor)))

    def step(self, k: int) -> float:
        """Step k: a function of the state and of (seed, k)."""
        rule = self.rule
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + k)
        torch.manual_seed(self.seed * 1_000_003 + k)  # the model's own dropout
        share = 0.5 * (1 + math.cos(math.pi * k / self.steps)) if self.schedule == "cosine" else 1.0
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * share
        rows = torch.randint(self.samples, (self.batch_size,), generator=generator)
        x, y = (
            pytree.tree_map(lambda v: v[rows.to(v.device)] if isinstance(v, Tensor) else v, part)
            for part in (self.inputs, self.target)
        )
        x, y = rule.batch(x, y, generator)
        rule.model.train()
        self.optimizer.zero_grad()
        value = self.loss(rule.model(*x) if isinstance(x, tuple) else rule.model(x), y)
        if not bool(value.detach().isfinite().all()):
            check_finite("train targets", self.target)
            message = (
                f"loss: {value.detach().flatten()[0].item()} at step {k + 1} of {self.steps}, which no step mends; "
                f"lower learning_rate (here {self.optimizer.param_groups[0]['lr']:.2g}), or see what "
                "the loss divides by"
            )
            raise HaarError(message)
        rule.lagrangian(value).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        rule.step()
        return float(value.detach())

    def identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with."""
        return {
            "rule": self.rule.name,
            "steps": self.steps,
            "batch_size": self.batch_size,
            "schedule": self.schedule,
            "seed": self.seed,
            "samples": self.samples,
            "rates": self.rates,
            "shapes": [list(p.shape) for p in self.rule.model.parameters()],
        }


def _deployed(rule: Rule, loss: Loss, inputs: Any, target: Any) -> float:
    with rule.deployed():
        return float(loss(ForwardOnly(rule.model)(*(inputs if isinstance(inputs, tuple) else (inputs,))), target))


def _check_targets_count(rule: Rule, loss: Loss, inputs: Any, target: Any) -> None:
    """Targets with a NaN are refused unless the loss leaves them out."""
    try:
        check_finite("validation targets", target)
    except ArgumentError:
        with undisturbed(rule.model):
            rule.model.eval()
            if not math.isfinite(_deployed(rule, loss, inputs, target)):
                raise


def _keep(run: _Run, board: Dashboard | None, losses: list[float], path: str | os.PathLike[str]) -> None:
    state = {
        "run": run.identity(),
        "losses": losses,
        "model": run.rule.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "rule": run.rule.state_dict(),
        "readings": [] if board is None else board.to_dict()["readings"],
    }
    write_checkpoint(path, state)


def _resume(run: _Run, board: Dashboard | None, path: str | os.PathLike[str] | None) -> list[float]:
    """Load a checkpoint if there is one; the losses so far."""
    if path is None or not Path(path).exists():
        return []
    try:
        state = torch.load(path, weights_only=True)
        found, losses = state["run"], [float(value) for value in state["losses"]]
    except Exception as error:
        message = f"{path}: not a readable checkpoint ({type(error).__name__})"
        raise DataError(message) from error
    if found != run.identity():
        different = sorted(key for key, value in run.identity().items() if found.get(key) != value)
        raise ArgumentError(
            "checkpoint",
            expected="the run it belongs to",
            got=f"another {', '.join(different)}",
            way_out="give another file name",
        )
    run.rule.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.rule.load_state_dict(state["rule"])
    if board is not None:
        board.readings = [
            Reading(**{**entry, "layers": [LayerReading(**layer) for layer in entry["layers"]]})
            for entry in state["readings"]
        ]
    return losses
