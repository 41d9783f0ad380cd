"""What a preset says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """How both networks of a pair are trained.

    Attributes:
        steps: Steps of AdamW.
        learning_rate: Its greatest rate.
        batch_size: Samples of each.
        test: Samples of the loss between the two networks.
    """

    steps: int
    learning_rate: float
    batch_size: int
    test: int


@dataclass(frozen=True)
class Options:
    """Networks that are trained twice, and how the two are brought together.

    Attributes:
        perceptron: How perceptrons are trained; their numbers of hidden units; the last is the one that is claimed of.
        widths: Hidden units of the perceptrons.
        transformers: How each transformer is trained, by its name: ``"llama"``, ``"gpt2"`` or ``"vit"``.
        points: Points on each line.
        rotation_steps: Steps in which the rotation of the residual stream is learned.
        order_steps: Steps in which orders are learned.
    """

    perceptron: Training
    widths: tuple[int, ...]
    transformers: Mapping[str, Training]
    points: int
    rotation_steps: int
    order_steps: int
