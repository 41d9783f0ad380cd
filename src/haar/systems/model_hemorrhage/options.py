"""What a preset says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Characters:
    """A character language model and how it is trained and measured.

    Attributes:
        layers: Blocks.
        steps: Steps of AdamW.
        batch_size: Texts of each.
        texts: Texts that it is measured on.
        calibration: Texts that calibrated methods look at.
    """

    layers: int
    steps: int
    batch_size: int
    texts: int
    calibration: int


@dataclass(frozen=True)
class Symmetric:
    """A network for data with a symmetry.

    Attributes:
        steps: Steps of Adam.
        samples: Samples that it learns from, and as many that it is measured on.
    """

    steps: int
    samples: int


@dataclass(frozen=True)
class Options:
    """Networks that are compressed.

    Attributes:
        characters: The language model whose MLPs are of ReLU.
        gated: The one whose MLPs are gated; its steps may be 0, and then it is left out.
        perceptron: A perceptron that learns an invariant function of the plane.
        surrogate: A convolutional network that learns a step of reaction and diffusion.
        gauge_texts: Texts on which compressed copies of one function are compared.
    """

    characters: Characters
    gated: Characters
    perceptron: Symmetric
    surrogate: Symmetric
    gauge_texts: int
