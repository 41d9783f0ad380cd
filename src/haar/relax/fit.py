"""Training for those without a loop of their own: one rule, one data set, checkpoints that resume bit for bit."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.actions import Symmetry
from haar.errors import ArgumentError, ShapeError, check_count, known_keywords
from haar.probing import ForwardOnly, check_finite, given_rows, undisturbed
from haar.processes import ranks_of
from haar.relax.diagnosis.dashboard import Dashboard
from haar.relax.diagnosis.gradients import Loss
from haar.relax.rule import Rule, check_optimizer
from haar.relax.sharing import Sharing
from haar.training import Checkpoint, DivergedError, Plan, Run, draw
from haar.watch import Unwatched, Watch


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

    def __str__(self) -> str:
        """In a line."""
        deployed = "" if self.deployed_loss is None else f"; validation loss as deployed {self.deployed_loss:.4g}"
        ends = f"{self.losses[0]:.4g} to {self.losses[-1]:.4g}" if self.losses else "not measured"
        return f"{self.rule!r} after {len(self.losses)} steps: training loss {ends}{deployed}"


@known_keywords
def fit(
    rule: Rule,
    loss: Loss,
    train: Any,
    *,
    steps: int,
    validation: Any = None,
    batch_size: int = 64,
    learning_rate: float | int = 3e-3,
    schedule: str = "cosine",
    optimizer: Callable[[list[Any]], torch.optim.Optimizer] | None = None,
    every: int = 100,
    checkpoint: str | os.PathLike[str] | None = None,
    log: str | os.PathLike[str] | None = None,
    seed: int = 0,
    clip: float | int | None = None,
    accumulate: int | None = None,
    precision: str | None = None,
    watch: Watch = Unwatched(),
    fabric: Any = None,
) -> Fitted:
    """Train a wrapped model under a rule: Adam with a cosine schedule, batches drawn with replacement.

    Step k is a function of the weights and of (seed, k) alone, so that a run that was killed and called again ends
    with the same bits.

    Args:
        rule: `Duals` or a baseline, made for the same number of steps.
        loss: The task's loss of (prediction, target), a mean over samples.
        train: Inputs (a tensor, or a tuple of the model's arguments) and targets, samples on axis 0; or arrays, a dict
            by name with labels, or an iterable of batches, as `haar.audit` reads them.
        steps: Steps of the optimiser.
        validation: Inputs and targets on which the projected and the unprojected model are read.
        batch_size: Samples a step.
        learning_rate: Learning rate of the first steps.
        schedule: ``"cosine"`` (to zero), ``"constant"``, or another of `haar.training.Plan`.
        optimizer: Makes the optimiser from the rule's weights; by default Adam.
        every: Steps between readings and checkpoints.
        checkpoint: A file to resume from and to write to.
        log: A CSV file of the readings.
        seed: Seed of batches, augmentation and dropout.
        clip: Largest norm of the weights' gradient; None for any. The gammas' gradient is the duals' own affair.
        accumulate: In how many parts a batch (of each process) passes, one after another: the same step to rounding, in
            the memory of one part. The loss is to be a mean over samples.
        precision: ``"bfloat16"``: of the model's forward pass, under torch's autocast; the loss is taken in float32.
            By default that of weights and data.
        watch: Told of every step.
        fabric: A launched Lightning Fabric, or `haar.processes.Ranks`: every process makes this call with the same
            arguments; each step's batch is divided among them, and the model, the duals and the losses are the same
            bits on all. A checkpoint goes on with any number of processes. Fabric's precision is that of the forward
            pass.

    Returns:
        The run; the model is trained in place and left in eval mode.

    Raises:
        ArgumentError: If an option is out of range, the rule is tuned for another number of steps, data are not finite,
            or the checkpoint belongs to another run.
        DivergedError: If the loss of a step is not finite; the weights are those before it.
        LostRankError: If another process fails or is lost.
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
    plan = Plan(
        steps=steps,
        learning_rate=learning_rate,
        batch_size=batch_size,
        schedule=schedule,
        optimizer=optimizer or "adam",
        every=every,
        clip=clip,
    )
    _check_parts(rule, accumulate)
    train, validation = _read(rule, "train", train), _read(rule, "validation", validation)
    _check_steps(rule, steps)
    with ranks_of(fabric) as ranks:
        sharing = Sharing(ranks, _autocast(precision, rule) or getattr(fabric, "autocast", None), accumulate or 1)
        told: dict[str, str | int] = {"rule": rule.name, "steps": steps, "batch_size": batch_size, "seed": seed}
        told |= {"clip": str(clip), "precision": str(precision), "checkpoint": _content(checkpoint)}
        sharing.begin(rule, batch_size, told, train)
        board = None if validation is None else Dashboard(rule, loss, *validation)
        if validation is not None:
            _check_targets_count(rule, loss, *validation)
        rows = _rows(train[1])
        facts = _facts({"rule": rule.name, "samples": rows, "validation": board is not None}, precision)
        states = {"model": rule.model, "rule": rule, **({} if board is None else {"readings": board})}
        weights = rule.weights()
        run = Run(
            weights,
            lambda _, generator: _loss_of_step(
                rule, loss, (train, draw(rows, batch_size, generator)), generator, sharing
            ),
            plan,
            seed=seed,
            checkpoint=Checkpoint(checkpoint, states, run=facts, writes=sharing.first),
            share=sharing.average(weights),
            objective=rule.lagrangian,
        )
        check_optimizer(run.optimizer, rule.gammas)
        try:
            for step in run.steps(watch, f"training with {rule.name}"):
                rule.step()
                if board is not None and plan.due(step):
                    board.read()
                    if log is not None and sharing.first:
                        board.write_csv(log)
        except DivergedError:
            check_finite("train targets", train[1])
            raise
        rule.model.eval()
        return Fitted(
            rule,
            board,
            None if validation is None else _deployed(rule, loss, *validation),
            run.losses.flatten().tolist(),
        )


def _read(rule: Rule, name: str, data: Any) -> Any:
    """Inputs and targets in rows, checked; no validation stays none."""
    if data is None and name == "validation":
        return None
    symmetry = getattr(rule.model, "symmetry", None)
    read = given_rows(data, rule.model, symmetry, argument=name) if isinstance(symmetry, Symmetry) else data
    if not isinstance(read, (tuple, list)) or len(read) < 2:
        raise ArgumentError(name, expected="inputs and targets", got=type(data).__name__)
    inputs, targets, *_ = read  # clusters say nothing to a loss
    _check_data(name, (inputs, targets))
    return inputs, targets


def _check_steps(rule: Rule, steps: int) -> None:
    """A rule is tuned for a number of steps, if it says so."""
    tuned_for = getattr(rule, "steps", steps)
    if tuned_for != steps:
        raise ArgumentError(
            "steps",
            expected=f"the {tuned_for} steps that the rule {rule.name!r} is tuned for",
            got=steps,
            way_out="make the rule with the same number of steps",
        )


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


def _loss_of_step(
    rule: Rule, loss: Loss, drawn: tuple[Any, Tensor], generator: torch.Generator, sharing: Sharing
) -> Iterator[Tensor]:
    """The loss of one batch, moved as the rule says, in its parts."""
    train, rows = drawn
    x, y = (pytree.tree_map(lambda v: v[rows.to(v.device)] if isinstance(v, Tensor) else v, part) for part in train)
    x, y = rule.batch(x, y, generator)
    rule.model.train()
    for (inputs, target), weight in sharing.rows((x, y)):
        with sharing.precision():
            found = rule.model(*inputs) if isinstance(inputs, tuple) else rule.model(inputs)
        yield sharing.loss(loss(pytree.tree_map(_full, found), target), weight)


def _full(x: Any) -> Any:
    """What a forward pass in half precision gives, in float32: a loss is no place for eight bits."""
    return x.float() if isinstance(x, Tensor) and x.dtype in (torch.float16, torch.bfloat16) else x


def _autocast(precision: str | None, rule: Rule) -> Callable[[], AbstractContextManager[Any]] | None:
    if precision is None:
        return None
    if precision != "bfloat16":
        way_out = "float64 and float32 are those of the model and the data: model.double()"
        raise ArgumentError("precision", expected='"bfloat16" or None', got=repr(precision), way_out=way_out)
    device = next((p.device.type for p in rule.weights()), "cpu")
    return lambda: torch.autocast(device, torch.bfloat16)


def _rows(target: Any) -> int:
    return len(next(x for x in pytree.tree_leaves(target) if isinstance(x, Tensor)))


def _facts(plain: dict[str, Any], precision: str | None) -> dict[str, Any]:
    """By what a checkpoint is known again; as before where precision is that of the model."""
    return plain if precision is None else {**plain, "precision": precision}


def _content(checkpoint: str | os.PathLike[str] | None) -> str:
    """What processes that go on from a file must have in common."""
    if checkpoint is None or not Path(checkpoint).is_file():
        return "none"
    return hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest()[:12]


def _check_parts(rule: Rule, accumulate: int | None) -> None:
    """A batch in parts: how many, and a rule that takes them."""
    if accumulate is None:
        return
    check_count("accumulate", accumulate)
    if accumulate > 1 and not rule.in_parts:
        raise ArgumentError(
            "accumulate", expected=f"1 for the rule {rule.name!r}, whose price is of the whole batch", got=accumulate
        )


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
