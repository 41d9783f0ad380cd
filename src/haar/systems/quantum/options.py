"""What a preset of the recipe says."""

from __future__ import annotations

from dataclasses import dataclass

from haar.systems.quantum.training import PotentialPlan


@dataclass(frozen=True)
class Steps:
    """How long models are trained that bring no plan of their own: on energies, then on energies and forces."""

    steps: int
    force_steps: int

    @property
    def whole(self) -> PotentialPlan:
        """The plan with these steps."""
        return PotentialPlan(steps=self.steps, force_steps=self.force_steps)


@dataclass(frozen=True)
class Surface:
    """A table: a shipped surface, training and test points, folds, and who competes (None: all of them).

    Models without symmetry are averaged after training, and judged on the first `averaged` test points (None: on all).
    """

    data: str
    train: int
    test: int
    folds: int
    plan: Steps
    models: tuple[str, ...] | None = None
    averaged: int | None = None


@dataclass(frozen=True)
class Frames:
    """Models of NH3 that are trained in one frame and tested in others."""

    models: tuple[str, ...]
    train: int
    test: int
    plan: Steps


@dataclass(frozen=True)
class Trainability:
    """Registers whose derivatives are sampled, and in how many batches of how many circuits."""

    qubits: tuple[int, ...]
    samples: int
    batches: int


@dataclass(frozen=True)
class Board:
    """Noughts and crosses: games of each outcome, the circuit's layers, steps of training, runs a seed."""

    games: int
    test_games: int
    layers: int
    steps: int
    repeats: int


@dataclass(frozen=True)
class Clouds:
    """Solids that are told apart from few points: sizes of the three sets, steps, rate, who competes (None: all)."""

    points: int
    train: int
    validation: int
    test: int
    steps: int
    batch_size: int
    learning_rate: float
    models: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Options:
    """What a preset says."""

    tables: tuple[Surface, ...]
    frames: Frames
    trainability: Trainability
    board: Board
    clouds: tuple[Clouds, ...] = ()
