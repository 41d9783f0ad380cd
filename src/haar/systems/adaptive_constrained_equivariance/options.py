"""What a preset says: the parts of the experiment, each a task under many rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from haar.systems.adaptive_constrained_equivariance.trial import TrialPlan


@dataclass(frozen=True)
class Part:
    """One task, at several sizes of the training set and several breaks of its symmetry.

    Attributes:
        name: Name of it in tables.
        task: Name of the task, see `tasks.TASKS`.
        samples: Sizes of the training set.
        betas: Breaks of the symmetry.
        arms: The rules, see `arms.ARMS`.
        plan: How all models are trained.
        options: Options of the task, by name.
        files: Which option of the task is given the published files, if any.
        mode: How the models are loosened, see `haar.relax.homotopise`.
        tried: Whether all settings of a rule are tried, or the middle one alone (but where its name says "chosen").
        draws: Of the score test of the strict models; 0 for no test.
        networks: In every cell; None for as many as in all other parts.
    """

    name: str
    task: str
    samples: tuple[int, ...]
    betas: tuple[float, ...]
    arms: tuple[str, ...]
    plan: TrialPlan
    options: Mapping[str, Any] = field(default_factory=dict)
    files: str = ""
    mode: str = "weight"
    tried: bool = False
    draws: int = 0
    networks: int | None = None


@dataclass(frozen=True)
class Options:
    """The experiment.

    Attributes:
        networks: Networks in every cell, each with data and an initialisation of its own.
        parts: Parts of the experiment, in their order.
        needs_data: Whether published files are read.
        data: Where these are.
    """

    networks: int
    parts: tuple[Part, ...]
    needs_data: bool = False
    data: str = ""
