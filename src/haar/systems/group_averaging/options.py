"""What a preset says: the data, the surrogates, and how they are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Run:
    """One surrogate.

    Attributes:
        name: Name of it in tables.
        data: Name of its data set.
        model: Name of its network, see `surrogates.CATALOGUE`.
        options: Options of the network, by name.
        augment: Whether its batches are moved by random elements of D4.
        steps: Of its training; None for as many as all others.
    """

    name: str
    data: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    augment: bool = False
    steps: int | None = None


@dataclass(frozen=True)
class Options:
    """The experiment.

    Attributes:
        data: Options of every data set's generator, by name; ``generator`` among them if that has another name, and
            ``splits`` (trajectories by the name of the split) if they are not those of all others.
        train: Trajectories of the training split.
        test: Trajectories of the test split.
        history: Time steps that a surrogate sees.
        steps: Number of training steps.
        batch_size: Windows in a step.
        learning_rate: Largest one of the cycle.
        per_run: Windows of every trajectory that errors are measured on.
        audit_windows: Windows that are audited.
        rollout: Windows of predicted steps, such as ``"6:12"``.
        rollout_runs: Trajectories that are rolled out.
        modes: How rollouts are averaged.
        runs: Surrogates to be trained.
        trap: The surrogate of the shear flow.
    """

    data: Mapping[str, Mapping[str, Any]]
    train: int
    test: int
    history: int
    steps: int
    batch_size: int
    learning_rate: float
    per_run: int
    audit_windows: int
    rollout: tuple[str, ...]
    rollout_runs: int
    modes: tuple[str, ...]
    runs: tuple[Run, ...]
    trap: Run
