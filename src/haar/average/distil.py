"""Distillation: the averaged model's gain in one forward pass, learnt from unlabelled inputs and measured."""

from __future__ import annotations

import copy
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from haar.actions import Action
from haar.actions.trees import action_leaves, map_values, rebuild, value_leaves
from haar.average.engine import Averaged, check_averaged
from haar.average.joining import is_shared
from haar.constants import TINY, TINY_SINGLE
from haar.containers import parts_of
from haar.errors import ArgumentError, DataError, known_keywords
from haar.probing import given_data
from haar.seeding import Seed, generator_of
from haar.training import Checkpoint, Plan, Run, draw
from haar.watch import Unwatched, Watch


@dataclass(frozen=True)
class DistilReport:
    """What distillation achieved, on held-out inputs that it did not learn from.

    Attributes:
        steps: Steps of training.
        error: Root mean square of student minus averaged model, over that of the averaged model.
        defect_before: Root mean square of f - Qf over that of Qf, for the model f that was averaged.
        defect_after: The same for the student.
        gain_kept: 1 - ||student - Qf||^2 / ||f - Qf||^2: the part of averaging's gain that one forward of the student
            keeps, where its remaining error is not correlated with that of Qf. Below 0 the student is worse than the
            model was.
        held_out: Number of held-out samples.
    """

    steps: int
    error: float
    defect_before: float
    defect_after: float
    gain_kept: float
    held_out: int

    def __str__(self) -> str:
        """In a line."""
        return (
            f"distilled in {self.steps} steps: broken symmetry, relative, {self.defect_before:.3g} before and "
            f"{self.defect_after:.3g} after; {self.gain_kept:.1%} of what averaging changes is kept, on "
            f"{self.held_out} samples held out"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, with a schema number."""
        return {"schema": 1, **asdict(self)}


class Distilled(NamedTuple):
    """The trained student, in eval mode, and what it achieved."""

    student: nn.Module
    report: DistilReport


@known_keywords
def distil(
    averaged: Averaged,
    inputs: Tensor | np.ndarray | Sequence[Any] | Mapping[str, Any],
    *,
    student: nn.Module | None = None,
    steps: int = 1000,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    held_out: float = 0.2,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 100,
    watch: Watch = Unwatched(),
) -> Distilled:
    """Teach one model to do in one forward pass what the averaged model does in many.

    The teacher runs once on every input; each batch is then moved by a random element together with the teacher's
    answer, which is free because the teacher is equivariant. Adam with a cosine schedule on the squared error, each
    output divided by its variance.

    Args:
        averaged: The teacher: what `average` returned.
        inputs: Unlabelled inputs: one tensor or array, a tuple of the model's arguments, or these by name, samples on
            axis 0.
        student: What to train; by default the model that was averaged. It is copied, never changed.
        steps: Number of steps.
        batch_size: Samples per step.
        learning_rate: Learning rate of the first steps; it falls to zero along a cosine.
        held_out: Share of the samples that the report is measured on.
        seed: Seed of the split, the batches, the elements and any dropout of the student.
        checkpoint: A file to resume from and to write to; the result is the same, bit for bit, as without interruption.
        every: Steps between checkpoints.
        watch: Told of every step.

    Returns:
        The student and its report.

    Raises:
        ArgumentError: If there are too few samples, an option is out of range, or the checkpoint belongs to another
            run.
        DataError: If an input is NaN or infinite, or the checkpoint cannot be read.
        DivergedError: If the loss of a step is not finite.

    Example:
        >>> from haar.actions import Symmetry
        >>> from haar.average import average
        >>> from haar.groups import dihedral
        >>> teacher = average(nn.Conv2d(1, 1, 3, padding=1), Symmetry.of_fields(dihedral(4), "p"))
        >>> made = distil(teacher, torch.randn(20, 1, 6, 6), steps=200, learning_rate=0.05)
        >>> made.report.defect_after < 0.1 * made.report.defect_before
        True
    """
    plan = Plan(steps=steps, learning_rate=learning_rate, batch_size=batch_size, schedule="cosine", every=every)
    check_averaged(averaged)
    args = _arguments(averaged, inputs)
    if not all(bool(x.isfinite().all()) for x in pytree.tree_leaves(args) if isinstance(x, Tensor)):
        raise DataError("inputs: a value that is not finite (NaN or infinite); clean or drop it")
    learn, test = _split(averaged, args, held_out, seed)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # torch's own, for an exported program
        pupil = copy.deepcopy(averaged.model if student is None else student)
    if not isinstance(pupil, nn.Module):
        raise ArgumentError("student", expected="a module", got=type(pupil).__name__, way_out="give student=")
    lesson = _Lesson(averaged, args, pupil, learn, batch_size)
    kept = Checkpoint(checkpoint, {"student": pupil}, run={"samples": len(learn)})
    run = Run(pupil.parameters(), lambda _, generator: lesson.loss(generator), plan, seed=seed, checkpoint=kept)
    run.train(watch, f"distilling the average over {averaged.symmetry.group.name}")
    pupil.eval()
    return Distilled(pupil, _measure(averaged, pupil, _rows(averaged, args, test), steps, batch_size))


class _Lesson:
    """What the student learns from: inputs, and the teacher's answers to them."""

    def __init__(
        self, averaged: Averaged, args: tuple[Any, ...], pupil: nn.Module, learn: Tensor, batch_size: int
    ) -> None:
        self.averaged, self.args, self.pupil, self.learn, self.batch_size = averaged, args, pupil, learn, batch_size
        symmetry = averaged.symmetry
        with torch.no_grad():
            averaged.tell_samples_apart(*_rows(averaged, args, learn[:batch_size]))
        answers = [averaged(*part) for part in _batches(averaged, args, learn, batch_size)]
        self.answers = map_values(lambda *ys: torch.cat(ys), symmetry.outputs, *answers)
        self.variance = [
            y.to(torch.float64).var().clamp(min=TINY_SINGLE).item()
            for y in value_leaves(symmetry.outputs, self.answers)
            if isinstance(y, Tensor)
        ]

    def loss(self, generator: torch.Generator) -> Tensor:
        """The loss of one batch, moved by one random element."""
        symmetry = self.averaged.symmetry
        chosen = draw(len(self.learn), min(self.batch_size, len(self.learn)), generator)
        g = symmetry.group.sample(1, generator)[0]
        x = symmetry.act_inputs(g, _rows(self.averaged, self.args, self.learn[chosen]))
        answer = map_values(lambda y: y[chosen.to(y.device)], symmetry.outputs, self.answers)
        goal = value_leaves(symmetry.outputs, symmetry.act_outputs(g, answer))
        self.pupil.train()
        found = value_leaves(symmetry.outputs, self.pupil(*x))
        tensors = ([y for y in side if isinstance(y, Tensor)] for side in (found, goal))
        pairs = zip(*tensors, self.variance, strict=True)
        loss = torch.stack([(y - t).abs().square().mean() / v for y, t, v in pairs]).sum()
        if not loss.requires_grad:
            raise ArgumentError(
                "student",
                expected="outputs that can be differentiated by its weights",
                got="outputs without a graph",
                way_out="let it take derivatives with create_graph=True in train mode",
            )
        return loss


def _arguments(averaged: Averaged, inputs: Any) -> tuple[Any, ...]:
    """The model's arguments, all samples of them, in tensors.

    Raises:
        ArgumentError: If they are something else.
    """
    given = tuple(inputs) if isinstance(inputs, list) else inputs
    if not isinstance(given, (Tensor, np.ndarray)) and parts_of(given) is None:
        raise ArgumentError(
            "inputs",
            expected="a tensor or an array of all samples, a tuple of the model's arguments, or these by name",
            got=type(inputs).__name__,
            way_out="" if isinstance(inputs, str) else "torch.cat([x for x, *_ in loader])",
        )
    symmetry = averaged.symmetry
    by_name = isinstance(given, Mapping) and isinstance(symmetry.inputs[0], Action)
    if not by_name and not isinstance(given, (np.ndarray, tuple)):
        return (given,)
    read = given_data(given, averaged.model, symmetry, argument="inputs", labelled=False)
    read = next(iter(read)) if by_name else read
    return read if isinstance(read, tuple) else (read,)


def _split(averaged: Averaged, args: tuple[Any, ...], held_out: float, seed: Seed) -> tuple[Tensor, Tensor]:
    """Rows to learn from and rows to measure on."""
    if not 0 < held_out < 1:
        raise ArgumentError("held_out", expected="a share between 0 and 1", got=held_out)
    pairs = zip(action_leaves(averaged.symmetry.inputs), value_leaves(averaged.symmetry.inputs, args), strict=True)
    lengths = {len(x) for action, x in pairs if not is_shared(action, x)}
    n = min(lengths) if lengths else 0
    test = max(1, round(held_out * n))
    if len(lengths) != 1 or n - test < 1:
        raise ArgumentError("inputs", expected="at least two samples on axis 0 of every input", got=sorted(lengths))
    order = torch.randperm(n, generator=generator_of(seed))
    return order[test:], order[:test]


def _rows(averaged: Averaged, args: tuple[Any, ...], rows: Tensor) -> tuple[Any, ...]:
    """Some samples of all inputs."""
    tree = averaged.symmetry.inputs
    pairs = zip(action_leaves(tree), value_leaves(tree, args), strict=True)
    made: tuple[Any, ...] = rebuild(tree, args, [x if is_shared(a, x) else x[rows.to(x.device)] for a, x in pairs])
    return made


def _batches(averaged: Averaged, args: tuple[Any, ...], rows: Tensor, size: int) -> Iterator[tuple[Any, ...]]:
    with torch.no_grad():
        for part in rows.split(size):
            yield _rows(averaged, args, part)


def _measure(averaged: Averaged, pupil: nn.Module, args: tuple[Any, ...], steps: int, batch_size: int) -> DistilReport:
    """Compare model, student and their averages on held-out samples, in float64 sums."""
    n = len(next(x for x in pytree.tree_leaves(args) if isinstance(x, Tensor) and x.ndim))
    own = Averaged(pupil, averaged.symmetry, averaged.how, micro_batch=averaged.micro_batch)
    sums = dict.fromkeys(("teacher", "error", "model", "student", "own"), 0.0)
    tree = averaged.symmetry.outputs
    for part in _batches(averaged, args, torch.arange(n), batch_size):
        with torch.no_grad():
            teacher, model, student, mean = averaged(*part), averaged.answer(*part), own.answer(*part), own(*part)
        sums["teacher"] += _squares(tree, teacher)
        sums["own"] += _squares(tree, mean)
        sums["error"] += _squares(tree, map_values(torch.sub, tree, student, teacher))
        sums["model"] += _squares(tree, map_values(torch.sub, tree, model, teacher))
        sums["student"] += _squares(tree, map_values(torch.sub, tree, student, mean))
    return DistilReport(
        steps=steps,
        error=math.sqrt(sums["error"] / max(sums["teacher"], TINY)),
        defect_before=math.sqrt(sums["model"] / max(sums["teacher"], TINY)),
        defect_after=math.sqrt(sums["student"] / max(sums["own"], TINY)),
        gain_kept=1 - sums["error"] / max(sums["model"], TINY),
        held_out=n,
    )


def _squares(tree: Any, values: Any) -> float:
    leaves = [leaf for leaf in value_leaves(tree, values) if isinstance(leaf, Tensor)]
    return sum(float(leaf.abs().to(torch.float64).square().sum()) for leaf in leaves)
