"""The tasks by name, as presets write them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from haar.errors import ArgumentError
from haar.systems.adaptive_constrained_equivariance.charged import ChargedTask
from haar.systems.adaptive_constrained_equivariance.inertia import InertiaTask
from haar.systems.adaptive_constrained_equivariance.published import DynamicsTask, MoleculeTask, ShapeTask
from haar.systems.adaptive_constrained_equivariance.task import Task
from haar.systems.adaptive_constrained_equivariance.vectors import VectorTask
from haar.systems.adaptive_constrained_equivariance.walking import WalkingTask

TASKS: Mapping[str, Callable[..., Task]] = {
    "vectors": VectorTask,
    "inertia": InertiaTask,
    "charged": ChargedTask,
    "walking": WalkingTask,
    "molecules": MoleculeTask,
    "shapes": ShapeTask,
    "dynamics": DynamicsTask,
}
"""What makes each; the last three, and the two before them with ``files`` or ``file``, read published data."""


def make_task(name: str, options: Mapping[str, Any], beta: float) -> Task:
    """One task.

    Args:
        name: Which of `TASKS` to make.
        options: Options of the task, by name.
        beta: How much its symmetry is broken.

    Raises:
        ArgumentError: If there is no task of that name, or it has no such option.

    Example:
        >>> make_task("vectors", {"order": 3}, 0.5)
        VectorTask(beta=0.5, order=3, noise=0.05)
    """
    if name not in TASKS:
        raise ArgumentError("task", expected=f"one of {', '.join(TASKS)}", got=repr(name))
    known = [key for key in inspect.signature(TASKS[name]).parameters if key != "beta"]
    unknown = sorted(options.keys() - set(known))
    if unknown:
        raise ArgumentError("options", expected=f"options of {name} ({', '.join(known)})", got=", ".join(unknown))
    return TASKS[name](beta=beta, **options)
