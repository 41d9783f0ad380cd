"""What a preset says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Digits:
    """Perceptrons that read digits at a high sparsity.

    Attributes:
        networks: Networks of each regime, of a seed.
        steps: Steps of Adam.
        learning_rate: Its rate.
        batch_size: Samples of each.
        width: Hidden units of both layers.
        every: Steps between updates of the masks.
        alpha: Share of the weights that the first update moves.
        sparsities: What is told; claims are of the first.
    """

    networks: int
    steps: int
    learning_rate: float
    batch_size: int
    width: int
    every: int
    alpha: float
    sparsities: tuple[float, ...]


@dataclass(frozen=True)
class Control:
    """Agents that swing a pendulum up.

    Attributes:
        steps: Steps in the world, one update of the critic each once the random ones are over.
        random: Random steps before.
        batch_size: Samples of an update.
        discount: Of later rewards.
        averaging: How far targets go, every second step.
        width: Hidden units of each layer.
        every: Steps between updates of the critic's masks.
        sparsities: Of the sparse agents; claims are of the first.
        learning_rates: The rate that every kind of agent is trained at, by its name: chosen on other seeds.
        tuned: Rates that the dense and the sparse agent are tried at, to be told.
    """

    steps: int
    random: int
    batch_size: int
    discount: float
    averaging: float
    width: int
    every: int
    sparsities: tuple[float, ...]
    learning_rate: float
    tuned: tuple[float, ...] = ()
