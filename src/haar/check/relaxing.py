"""Whether relaxing is tried, and whether what came of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from haar.actions import Symmetry
from haar.audit import Audit
from haar.check.budget import Budget
from haar.check.fine_tuned import UntriedError, fine_tuned
from haar.check.measured import predictions, squared_errors
from haar.check.relaxed import Gains, Relaxed, Training, sentence
from haar.check.repair import Repair
from haar.check.samples import Samples
from haar.errors import HaarError
from haar.groups.door import check_compact
from haar.statistics import FEWEST, Estimate, ratio
from haar.training import DivergedError
from haar.watch import Unwatched, Watch


def relaxing(
    repair: Repair,
    model: Callable[..., Any],
    audit: Audit,
    halves: tuple[Samples, Samples],
    budget: Budget,
    *,
    scale: Tensor | None,
    significance: float,
    seed: int,
    watch: Watch = Unwatched(),
) -> tuple[Relaxed, Repair]:
    """Fine-tune a relaxed copy and a plain one, and keep the relaxed one if it is better than all others.

    Args:
        repair: What was carried out, or taken back, before.
        model: The user's model; it is copied, not changed.
        audit: The audit of it.
        halves: The samples that choose, on which is trained, and those held out.
        budget: How long.
        scale: What errors are divided by, broadcast against one output.
        significance: One minus the coverage of intervals.
        seed: Of batches and of elements that are drawn.
        watch: Told of the steps.

    Returns:
        What it came to, and the repair to hold from now on.
    """
    seen, held_out = halves
    try:
        symmetry = _asked(audit, repair)
        _check_data(seen, held_out)
        trained = fine_tuned(model, symmetry, seen, budget, scale=scale, seed=seed, watch=watch)
    except DivergedError as error:
        why = f"Relaxing over {repair.symmetry.group.name} was tried and taken back, since training diverged: {error}."
        return Relaxed(tried=True, kept=False, why=why), repair
    except HaarError as error:
        return Relaxed(tried=False, kept=False, why=f"Relaxing was not tried: {error}"), repair
    errors = [
        squared_errors(predictions(one, held_out.inputs), held_out, scale)
        for one in (model, trained.plain, trained.relaxed, repair.model)
    ]
    before, plain, ours, softly = errors

    def beside(one: Tensor, other: Tensor) -> Estimate:
        return ratio(one - other, other, level=1 - significance)

    soft = repair.action == "average softly"
    gains = Gains(
        beside(ours, before), beside(plain, before), beside(ours, plain), beside(ours, softly) if soft else None
    )
    training = Training(replace(budget, steps=trained.steps), budget.steps, len(seen.inputs), trained.gamma)
    told = Relaxed(
        tried=True,
        kept=gains.clear,
        why="",
        group=symmetry.group.name,
        elements=trained.elements,
        training=training,
        gains=gains,
    )
    told = replace(told, why=sentence(told, training, gains, held_out))
    if not told.kept:
        return told, repair
    kept = Repair("relax", told.group, told.elements, False, audit.recommendation.sentence, trained.relaxed, symmetry)
    return told, kept


def _asked(audit: Audit, repair: Repair) -> Symmetry:
    """The symmetry to relax over: what a soft average is over, else all that was audited.

    Raises:
        UntriedError: Where relaxing is not what the evidence asks for.
    """
    verdict = audit.recommendation.verdict
    if verdict == "nothing to gain":
        message = "it is not called for."
        raise UntriedError(message)
    if repair.action == "average":
        message = f"it is not called for, since the average over {repair.group} is what the evidence recommends."
        raise UntriedError(message)
    check_compact("symmetry", repair.symmetry.group)
    return repair.symmetry


def _check_data(seen: Samples, held_out: Samples) -> None:
    if seen.labels is None:
        message = "there are no labels to train on; give (inputs, labels)."
        raise UntriedError(message)
    fewest = min(seen.independent, held_out.independent)
    if fewest < FEWEST:
        message = f"a half of the data has {fewest} independent samples, and at least {FEWEST} tell a gain from chance."
        raise UntriedError(message)
