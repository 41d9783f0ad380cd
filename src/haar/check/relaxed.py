"""What relaxing came to: how the copies were trained, what that gained, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from haar.check.budget import Budget
from haar.check.samples import Samples
from haar.statistics import Estimate


@dataclass(frozen=True)
class Training:
    """How the copies were trained.

    Attributes:
        budget: The plan; its `steps` are those taken.
        asked: Steps that were asked for; `budget.seconds` may allow fewer.
        rows: Samples that they were trained on.
        gamma: What is left of the asymmetric part: 0 is the average, 1 the fine-tuned copy itself.
    """

    budget: Budget
    asked: int
    rows: int
    gamma: float


@dataclass(frozen=True)
class Gains:
    """Errors on held-out samples, each minus another, over the other.

    Attributes:
        change: Of the relaxed copy beside the model.
        plain: Of plain fine-tuning, for as many steps on the same batches, beside the model.
        beyond: Of the relaxed copy beside the plain one.
        over_soft: Of the relaxed copy beside the soft average, where there was one.
    """

    change: Estimate
    plain: Estimate
    beyond: Estimate
    over_soft: Estimate | None

    @property
    def clear(self) -> bool:
        """Whether the relaxed copy is better than all others, beyond the intervals."""
        bars = (self.change, self.beyond, self.over_soft)
        return all(bar.high < 0 for bar in bars if bar is not None)


@dataclass(frozen=True)
class Relaxed:
    """What relaxing came to.

    Attributes:
        tried: Whether anything was trained.
        kept: Whether the relaxed copy is the model to use from now on.
        why: What it came to, or why it was not tried, in a sentence.
        group: The group that it was relaxed over.
        elements: How many copies of the model an answer takes.
        training: How it was trained; None where it was not, or diverged.
        gains: What that gained; None likewise.
    """

    tried: bool
    kept: bool
    why: str
    group: str = ""
    elements: int = 1
    training: Training | None = None
    gains: Gains | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        training, gains = self.training, self.gains
        told: dict[str, Any] = {n: v for n, v in self.__dict__.items() if n not in ("training", "gains")}
        if training is not None:
            told |= training.__dict__ | {"budget": dict(training.budget.__dict__)}
        if gains is not None:
            told |= {n: None if v is None else v.to_dict() for n, v in gains.__dict__.items()}
        return told


def sentence(told: Relaxed, training: Training, gains: Gains, held_out: Samples) -> str:
    """What relaxing came to.

    Args:
        told: Whether the copy was kept, and over which group it was relaxed.
        training: How both copies were trained.
        gains: What that gained on the samples held out.
        held_out: These samples.
    """
    budget = training.budget
    fewer = (
        "" if budget.steps == training.asked else f" of the {training.asked} asked for, as {budget.seconds:g} s allow"
    )
    figures = (
        f"on {len(held_out.inputs)} held-out samples ({held_out.independent} independent) the error changes by "
        f"{gains.change:+.1%}; equally long plain fine-tuning changes it by {gains.plain:+.1%}, and beside that "
        f"relaxing is {gains.beyond:+.1%}"
    )
    if gains.over_soft is not None:
        figures += f", beside the soft average {gains.over_soft:+.1%}"
    done = f"over {told.group} ({told.elements} copies, {budget.steps} steps{fewer}, gamma = {training.gamma:.2f})"
    if told.kept:
        return f"Relaxed {done}: {figures}."
    return f"Relaxing {done} was tried and taken back, since it is not clearly better than all of these: {figures}."
