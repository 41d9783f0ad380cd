"""What a preset says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Digits:
    """Perceptrons that read digits at a high sparsity.

    Attributes:
        networks: Networks of each regime, of a seed.
        steps: Steps of Adam.
        learning_rate: Its rate for wide networks.
        tuned_rate: The rate that was best on other seeds: for the narrow network, and for wide ones once more.
        linear_rate: The same for the linear model.
        batch_size: Samples of each step.
        width: Hidden units of both layers.
        narrow: Hidden units of the dense network with as many weights as the sparse ones have.
        every: Steps between updates of the masks.
        alpha: Share of the weights that the first update moves.
        sparsity: What is claimed of.
        lower: A lower sparsity, at which regimes differ less.
    """

    networks: int
    steps: int
    learning_rate: float
    tuned_rate: float
    linear_rate: float
    batch_size: int
    width: int
    narrow: int
    every: int
    alpha: float
    sparsity: float
    lower: float


@dataclass(frozen=True)
class Control:
    """Agents that swing a pendulum up.

    Attributes:
        steps: Steps in the world, with one update of the critic each once the random ones are over.
        random: Random steps before.
        batch_size: Samples of an update.
        discount: Of later rewards.
        averaging: How far targets go, every second step.
        width: Hidden units of each layer.
        narrow: Hidden units of the dense agent with as many weights as the sparse ones have.
        every: Steps between updates of the critic's masks.
        sparsity: Of the sparse agents.
        agents: Which are trained, by name, and their learning rates.
        tuned: Rates at which the dense and the module-specific agent are tried beside, to be told.
    """

    steps: int
    random: int
    batch_size: int
    discount: float
    averaging: float
    width: int
    narrow: int
    every: int
    sparsity: float
    agents: Mapping[str, float]
    tuned: tuple[float, ...] = ()


@dataclass(frozen=True)
class Orbits:
    """Layers that commute with turns of a ring, under masks on orbits and on entries.

    Attributes:
        order: Order of the cyclic group.
        copies: Copies of its regular representation, in and out.
        samples: Samples that are learned from.
        test: Samples of the error.
        noise: Standard deviation of the noise on what is learned.
        steps: Steps of AdamW.
        learning_rate: Its rate.
        every: Steps between updates of the masks.
        sparsity: Share of the weights that are inactive.
    """

    order: int
    copies: int
    samples: int
    test: int
    noise: float
    steps: int
    learning_rate: float
    every: int
    sparsity: float


@dataclass(frozen=True)
class Options:
    """Three experiments.

    Attributes:
        digits: At a high sparsity.
        control: With regimes by modules.
        orbits: With a symmetry.
    """

    digits: Digits
    control: Control
    orbits: Orbits
