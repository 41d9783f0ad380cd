"""What a relaxed fit from the command line is told: by a YAML file, by options, or by both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from haar.errors import ArgumentError, DataError
from haar.limits import MOST_SAMPLES, MOST_STEPS, SEED_LIMIT
from haar.received import read_yaml


@dataclass(frozen=True)
class ModelPlan:
    """What is made equivariant, and how.

    Attributes:
        model: ``module:function`` of a torch module.
        model_args: Keyword arguments of the model's function.
        mode: weight, branches or function.
        chain: ``auto`` for a gamma for every subgroup along a chain, else ``none``.
        kappa: Whether equivariant weights keep their scale.
    """

    model: str
    model_args: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "weight"
    chain: str = "none"
    kappa: bool = True


@dataclass(frozen=True)
class DataPlan:
    """What it is fitted to.

    Attributes:
        data: ``module:function`` of the data, or a ``.npz``, HDF5 or ``.safetensors`` file of arrays.
        data_args: The function's arguments by name.
        held_out: Share of the data that validates, where the data have no part of their own for it.
    """

    data: str
    data_args: Mapping[str, Any] = field(default_factory=dict)
    held_out: float = 0.2


@dataclass(frozen=True)
class SymmetryPlan:
    """Under which symmetry.

    Attributes:
        symmetry: ``module:function`` of a `haar.actions.Symmetry`, in place of the next three.
        group: The group: C4, D4, S3, O, Oh, SO3, O3, reflections:2.
        input: What the model's input is made of: ``3 * vector + scalar``, ``field: 2 * scalar``, ``points: vector``.
        output: The same for its output; ``invariant`` for classes.
    """

    symmetry: str | None = None
    group: str | None = None
    input: str | None = None
    output: str | None = None


@dataclass(frozen=True)
class RulePlan:
    """What decides between free and equivariant.

    Attributes:
        rule: duals, strict, free, augmentation, ridge, residual, scheduled, penalty, projection or relaxed.
        problem: equality or resilient (of the duals).
        solver: damped, paper, ridge or cooper (of the duals).
        rho: Price of slack, or weight of the ridge.
        scale_loss: Whether the gammas' gradient is divided by a running mean of the loss.
        weights: Ridge weights of the path, increasing; empty for the built-in ones.
    """

    rule: str = "duals"
    problem: str = "equality"
    solver: str = "damped"
    rho: float = 1.0
    scale_loss: bool = False
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class TrainingPlan:
    """How it is trained.

    Attributes:
        loss: mse, mae, cross_entropy, or ``module:function`` of (prediction, target).
        steps: Optimiser steps of each fit.
        batch_size: Samples a step.
        learning_rate: Step size of Adam at the start.
        schedule: cosine or constant.
        every: Steps between readings and checkpoints.
        seed: Seed of weights, batches and everything else.
    """

    loss: str = "mse"
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    every: int = 100
    seed: int = 0


@dataclass(frozen=True)
class StepPlan:
    """How one step of a fit is taken.

    Attributes:
        clip: Largest norm of the weights' gradient; null for any.
        accumulate: In how many parts a batch passes, one after another; null for one.
        precision: bfloat16 for the forward pass; null for that of the model.
    """

    clip: float | None = None
    accumulate: int | None = None
    precision: str | None = None


@dataclass(frozen=True)
class TestPlan:
    """How the broken symmetry is tested.

    Attributes:
        draws: Random moves of the score test.
        level: Significance level of the score test.
    """

    __test__ = False  # no test of pytest's

    draws: int = 999
    level: float = 0.05


@dataclass(frozen=True)
class RelaxPlan:
    """Every key of the file, in parts; an option of the same name goes before it.

    Attributes:
        model: What is made equivariant, and how.
        data: What it is fitted to.
        symmetry: Under which symmetry.
        rule: What decides between free and equivariant.
        training: How it is trained.
        step: How one step is taken.
        test: How the broken symmetry is tested.
    """

    model: ModelPlan
    data: DataPlan
    symmetry: SymmetryPlan
    rule: RulePlan
    training: TrainingPlan
    step: StepPlan
    test: TestPlan

    def keys(self) -> dict[str, Any]:
        """All keys of the file with their values."""
        return {key: value for part in asdict(self).values() for key, value in part.items()}

    def with_problem(self, problem: str | None) -> RelaxPlan:
        """The plan for another problem of the duals; itself for None."""
        return self if problem is None else replace(self, rule=replace(self.rule, problem=problem))


_PARTS: dict[str, Any] = get_type_hints(RelaxPlan)
#: Every key of the file with its type.
KEYS = {one.name: get_type_hints(part)[one.name] for part in _PARTS.values() for one in fields(part)}
_WHOLE = {
    "steps": (1, MOST_STEPS),
    "batch_size": (1, MOST_SAMPLES),
    "every": (1, MOST_STEPS),
    "accumulate": (1, MOST_SAMPLES),
    "draws": (1, 10**6),
    "seed": (0, SEED_LIMIT),
}
_POSITIVE = {"learning_rate": 1e6, "rho": math.inf, "clip": math.inf, "held_out": 1.0, "level": 1.0}


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
    found = _read(Path(source)) if source.endswith((".yaml", ".yml")) else {"model": source}
    if data is not None:
        found["data"] = data
    found.update({key: value for key, value in options.items() if value is not None})
    _check_keys(source, found)
    values = {key: _typed(key, value) for key, value in found.items()}
    plan = RelaxPlan(
        **{
            name: part(**{one.name: values[one.name] for one in fields(part) if one.name in values})
            for name, part in _PARTS.items()
        }
    )
    _check_ranges(plan.keys())
    return plan


def _check_keys(source: str, found: Mapping[str, Any]) -> None:
    """Refuse keys that are unknown or missing."""
    for key in found:
        if key not in KEYS:
            raise ArgumentError(source, expected=f"keys among {', '.join(KEYS)}", got=repr(key))
    for key, way in (("model", "module:function"), ("data", "module:function, or a .npz, .h5 or .safetensors file")):
        if not isinstance(found.get(key), str):
            raise ArgumentError(key, expected=way, got=repr(found.get(key)))
    missing = [key for key in ("group", "input", "output") if found.get(key) is None]
    if found.get("symmetry") is None and missing:
        raise ArgumentError(
            "symmetry", expected="--symmetry module:function, or --group, --input and --output", got=f"no {missing[0]}"
        )


def _check_ranges(values: Mapping[str, Any]) -> None:
    """Refuse numbers that no fit takes, from a file as from options."""
    for key, (least, most) in _WHOLE.items():
        if values[key] is not None and not least <= values[key] <= most:
            raise ArgumentError(key, expected=f"a whole number from {least} to {most}", got=str(values[key])[:24])
    for key, highest in _POSITIVE.items():
        value = values[key]
        if value is not None and not (0 < value < highest and math.isfinite(value)):
            bound = "a positive number" if highest == math.inf else f"a number between 0 and {highest:g}"
            raise ArgumentError(key, expected=bound, got=value)
    weights = values["weights"]
    if any(not (w >= 0 and math.isfinite(w)) for w in weights) or sorted(set(weights)) != list(weights):
        raise ArgumentError("weights", expected="increasing numbers, none below 0", got=", ".join(map(str, weights)))


def _read(path: Path) -> dict[str, Any]:
    found = read_yaml(path)
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise DataError(f"{path}: expected keys and values, got {type(found).__name__}")
    return found


def _typed(key: str, value: Any) -> Any:
    """A value of the key's type."""
    kind = KEYS[key]
    if value is None and _may_be_none(kind):
        return None
    kind = next((one for one in get_args(kind) if one is not type(None)), kind) if _may_be_none(kind) else kind
    expected, convert = _CONVERTED[get_origin(kind) or kind]
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(key, expected=expected, got=repr(value)) from None


def _may_be_none(kind: Any) -> bool:
    return type(None) in get_args(kind)


def _of(kind: type) -> Callable[[Any], Any]:
    def same(value: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError
        return value

    return same


def _number(value: Any) -> float:
    """Numbers may be written as 1e-3, which YAML reads as text."""
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    if type(value) is int:
        return value  # with all its digits
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(float(part) for part in (value.split(",") if isinstance(value, str) else value))


#: For the type of a key: what is expected in words, and how a value becomes one.
_CONVERTED: dict[Any, tuple[str, Callable[[Any], Any]]] = {
    str: ("text", _of(str)),
    bool: ("true or false", _of(bool)),
    int: ("a whole number", _whole),
    float: ("a number", _number),
    tuple: ("numbers", _numbers),
    Mapping: ("arguments by name", lambda value: dict(_of(Mapping)(value))),
}
