"""One story of the demonstration: a data set, a surrogate, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from haar.actions import Layout
from haar.audit import Audit
from haar.data import ErrorReport
from haar.data.generators import Generator
from haar.systems.group_averaging.surrogates import Surrogate


@dataclass(frozen=True)
class Story:
    """One data set and the surrogate that is trained on it.

    Args:
        name: Name of its folder.
        title: What the story is called in the report.
        about: The equations in a sentence.
        generator: Makes the data.
        model: Makes the surrogate from the numbers of input and output channels.
        model_name: What the model is called in the report.
        steps: Steps of the optimiser.
        windowed: Whether shifts are of use (the model pads with zeros) and are shown.
    """

    name: str
    title: str
    about: str
    generator: Generator
    model: Callable[[int, int], Surrogate]
    model_name: str
    steps: int
    windowed: bool


@dataclass(frozen=True)
class Finding:
    """What came out of one story.

    Attributes:
        story: The story that it belongs to.
        layout: The channels of the model's input.
        audit: The audit under D4.
        one_step: Errors of one-step predictions, by group.
        rollouts: Errors of rollouts, by group.
        truth: One test run, (step, channel, *space).
        base: The model's rollout of it.
        averaged: The averaged model's.
    """

    story: Story
    layout: Layout
    audit: Audit
    one_step: Mapping[str, ErrorReport]
    rollouts: Mapping[str, ErrorReport]
    truth: Tensor
    base: Tensor
    averaged: Tensor
