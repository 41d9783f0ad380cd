"""What ``haar relax`` is told: by a YAML file, by options, or by both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from haar.cli.options import MOST_SAMPLES, MOST_STEPS, SEED_LIMIT
from haar.errors import ArgumentError, DataError
from haar.received import read_yaml

_WHOLE = (
    ("steps", 1, MOST_STEPS),
    ("batch_size", 1, MOST_SAMPLES),
    ("every", 1, MOST_STEPS),
    ("draws", 1, 10**6),
    ("seed", 0, SEED_LIMIT),
)
_POSITIVE = (("learning_rate", 1e6), ("rho", math.inf), ("held_out", 1.0), ("level", 1.0))


@dataclass(frozen=True)
class RelaxPlan:
    """Every key of the file; an option of the same name goes before it.

    Attributes:
        model: ``module:function`` of a torch module.
        model_args: Its arguments by name.
        data: ``module:function`` of the data, or a ``.npz`` or ``.safetensors`` file.
        data_args: The function's arguments by name.
        symmetry: ``module:function`` of a `haar.actions.Symmetry`, in place of the next three.
        group: The group: C4, D4, S3, O, Oh, SO3, O3, reflections:2.
        input: What the model's input is made of: ``3 * vector + scalar``, ``field: 2 * scalar``, ``points: vector``.
        output: The same for its output; ``invariant`` for classes.
        mode: weight, branches or function.
        chain: ``auto`` for a gamma for every subgroup along a chain, else ``none``.
        kappa: Whether equivariant weights keep their scale.
        rule: duals, strict, free, augmentation, ridge, residual, scheduled, penalty, projection or relaxed.
        problem: equality or resilient (of the duals).
        solver: damped, paper, ridge or cooper (of the duals).
        rho: Price of slack, or weight of the ridge.
        scale_loss: Whether the gammas' gradient is divided by a running mean of the loss.
        loss: mse, mae, cross_entropy, or ``module:function`` of (prediction, target).
        steps: Optimiser steps of each fit.
        batch_size: Samples a step.
        learning_rate: Of Adam.
        schedule: cosine or constant.
        every: Steps between readings and checkpoints.
        held_out: Share of the data that validates, where the data have no part of their own for it.
        weights: Ridge weights of the path, increasing; empty for the built-in ones.
        draws: Random moves of the score test.
        level: Its level.
        seed: Of weights, batches and everything else.
    """

    model: str
    data: str
    model_args: Mapping[str, Any] = field(default_factory=dict)
    data_args: Mapping[str, Any] = field(default_factory=dict)
    symmetry: str | None = None
    group: str | None = None
    input: str | None = None
    output: str | None = None
    mode: str = "weight"
    chain: str = "none"
    kappa: bool = True
    rule: str = "duals"
    problem: str = "equality"
    solver: str = "damped"
    rho: float = 1.0
    scale_loss: bool = False
    loss: str = "mse"
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    every: int = 100
    held_out: float = 0.2
    weights: tuple[float, ...] = ()
    draws: int = 999
    level: float = 0.05
    seed: int = 0


def make_plan(source: str, data: str | None, options: Mapping[str, Any]) -> RelaxPlan:
    """A plan from a YAML file or from a model and data, and from options.

    Args:
        source: A ``.yaml`` file, or ``module:function`` of the model.
        data: The data, beside a model; it goes before the file's.
        options: Values by key; None where an option was not given.

    Raises:
        DataError: If the file is missing or no YAML mapping.
        ArgumentError: If a key is unknown, missing, or of another type.
    """
    found: dict[str, Any] = {}
    if source.endswith((".yaml", ".yml")):
        found = _read(Path(source))
    else:
        found["model"] = source
    if data is not None:
        found["data"] = data
    found.update({key: value for key, value in options.items() if value is not None})
    known = {one.name: one for one in fields(RelaxPlan)}
    for key in found:
        if key not in known:
            raise ArgumentError(source, expected=f"keys among {', '.join(known)}", got=repr(key))
    for key, way in (("model", "module:function"), ("data", "module:function, or a .npz or .safetensors file")):
        if not isinstance(found.get(key), str):
            raise ArgumentError(key, expected=way, got=repr(found.get(key)))
    if found.get("symmetry") is None and any(found.get(key) is None for key in ("group", "input", "output")):
        missing = [key for key in ("group", "input", "output") if found.get(key) is None]
        raise ArgumentError(
            "symmetry", expected="--symmetry module:function, or --group, --input and --output", got=f"no {missing[0]}"
        )
    plan = RelaxPlan(**{key: _typed(key, value, str(known[key].type)) for key, value in found.items()})
    _check_ranges(plan)
    return plan


def _check_ranges(plan: RelaxPlan) -> None:
    """Refuse numbers that no fit takes, from a file as from options."""
    for key, least, most in _WHOLE:
        value = getattr(plan, key)
        if not least <= value <= most:
            raise ArgumentError(key, expected=f"a whole number from {least} to {most}", got=str(value)[:24])
    for key, highest in _POSITIVE:
        value = getattr(plan, key)
        if not (0 < value < highest and math.isfinite(value)):
            bound = "a positive number" if highest == math.inf else f"a number between 0 and {highest:g}"
            raise ArgumentError(key, expected=bound, got=value)
    weights = plan.weights
    if any(not (w >= 0 and math.isfinite(w)) for w in weights) or sorted(set(weights)) != list(weights):
        raise ArgumentError("weights", expected="increasing numbers, none below 0", got=", ".join(map(str, weights)))


def _read(path: Path) -> dict[str, Any]:
    found = read_yaml(path)
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise DataError(f"{path}: expected keys and values, got {type(found).__name__}")
    return found


def _typed(key: str, value: Any, kind: str) -> Any:
    """A value of the field's type; numbers may be written as 1e-3, which YAML reads as text."""
    if value is None and "None" in kind:
        return None
    try:
        if kind.startswith("Mapping") and isinstance(value, Mapping):
            return dict(value)
        if kind == "bool" and isinstance(value, bool):
            return value
        if kind == "int" and type(value) is int:
            return value
        if kind == "int" and not isinstance(value, bool) and float(value) == int(float(value)):
            return int(float(value))
        if kind == "float" and not isinstance(value, bool):
            return float(value)
        if kind.startswith("tuple"):
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(float(part) for part in parts)
        if kind.startswith("str") and isinstance(value, str):
            return value
    except (TypeError, ValueError, OverflowError):
        pass
    kind = {"int": "a whole number", "float": "a number", "bool": "true or false"}.get(kind, kind)
    raise ArgumentError(key, expected=kind, got=repr(value))
