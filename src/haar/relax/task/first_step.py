"""The first step of every fit that a command will make, before it takes a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from haar.containers import tensors_of
from haar.entry import brief
from haar.errors import ArgumentError, HaarError
from haar.relax import FixedRidge, Rule, fit
from haar.relax.path import WEIGHTS
from haar.relax.task.task import RelaxTask
from haar.watch import Advance


class _FirstStep(Exception):  # noqa: N818 (it is no error)
    """The first step has been made."""


class _OneStep:
    """A watch that ends the run after its first step."""

    @contextmanager
    def stage(self, title: str, total: int | None) -> Iterator[Advance]:
        del title, total
        yield self._stop

    def _stop(self) -> None:
        raise _FirstStep


def try_task(task: RelaxTask, command: str) -> None:
    """Make the first step of every fit with models that are thrown away.

    Args:
        task: The task to be tried.
        command: ``fit``, ``path`` or ``diagnose``.

    Raises:
        ArgumentError: If an option does not fit, the model or the loss fails, or the first loss is not finite.
    """
    _check_memory(task)
    rules: list[Rule]
    if command == "path":
        _check_plain(task)
        weights = task.plan.rule.weights or WEIGHTS
        rules = [FixedRidge(task.wrapped(), weights[0], steps=task.plan.training.steps)]
    elif command == "diagnose":
        rules = [task.rule_of("strict"), task.rule_of("duals", "resilient")]
    else:
        rules = [task.rule_of()]
    for rule in rules:
        _try_step(task, rule)


def _check_plain(task: RelaxTask) -> None:
    """A path takes whole batches in the model's own precision."""
    plan = task.plan.step
    for key in ("clip", "accumulate", "precision"):
        if getattr(plan, key) is not None:
            raise ArgumentError(
                key, expected="none for haar relax path", got=getattr(plan, key), way_out="give it to haar relax fit"
            )


def _try_step(task: RelaxTask, rule: Rule) -> None:
    plan = task.plan.training

    try:
        fit(
            rule,
            task.loss,
            task.train,
            steps=plan.steps,
            validation=task.validation,
            batch_size=plan.batch_size,
            learning_rate=plan.learning_rate,
            schedule=plan.schedule,
            every=plan.every,
            seed=plan.seed,
            clip=task.plan.step.clip,
            accumulate=task.plan.step.accumulate,
            precision=task.plan.step.precision,
            watch=_OneStep(),
        )
    except _FirstStep:
        return
    except HaarError:
        raise
    except Exception as error:
        raise ArgumentError("model", expected="one that can be trained", got=brief(error)) from error


def _check_memory(task: RelaxTask) -> None:
    """A batch that the memory of this machine does not hold is refused before it is drawn."""
    sample = sum(_bytes(leaf) for leaf in tensors_of(task.train)) + 8
    if not hasattr(os, "sysconf"):
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if task.plan.training.batch_size * sample > memory:
        raise ArgumentError(
            "batch_size",
            expected=f"a batch that fits into {memory / 2**30:.3g} GiB of memory",
            got=f"{task.plan.training.batch_size} samples of {sample} bytes",
        )


def _bytes(leaf: Tensor) -> int:
    return leaf[:1].numel() * leaf.element_size() if leaf.ndim else 0
