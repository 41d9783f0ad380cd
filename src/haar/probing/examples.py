"""A batch to try a model on, made from its symmetry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from haar.actions import Action, Field, Points, Symmetry, Vector
from haar.errors import ArgumentError

#: Points along an axis that are tried for fields on grids.
SIZES = (16, 17, 8, 9, 12, 15, 24, 25, 28, 32, 33, 48, 64, 65)
_BATCH = 3
_POINTS = 5


def example_inputs(symmetry: Symmetry, size: int, seed: int = 0) -> tuple[Any, ...]:
    """Random inputs, float64: 3 samples, and `size` points along every axis of a grid.

    Raises:
        ArgumentError: If an action does not tell the shape of its tensor.
    """
    generator = torch.Generator().manual_seed(seed)
    return tuple(_random(action, size, generator) for action in symmetry.inputs)


def fitting_inputs(symmetry: Symmetry, run: Callable[[tuple[Any, ...]], Any]) -> Iterator[tuple[Any, ...]]:
    """Random inputs of several sizes that a model can be run on.

    Raises:
        ArgumentError: If it can be run on none of them; the model's own error is its cause.
    """
    problem: Exception | None = None
    some = False
    for size in SIZES if _has_fields(symmetry.inputs) else SIZES[:1]:
        inputs = example_inputs(symmetry, size)
        try:
            with torch.no_grad():
                run(inputs)
        except ArgumentError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever the user's model raises on a size that does not fit)
            problem = problem or error
            continue
        some = True
        yield inputs
    if not some:
        raise ArgumentError(
            "example",
            expected="inputs that the model can be run on",
            got=f"{type(problem).__name__}: {problem}",
            way_out="give example=(input, ...), one batch",
        ) from problem


def _random(action: Any, size: int, generator: torch.Generator) -> Any:
    if isinstance(action, Mapping):
        return {key: _random(part, size, generator) for key, part in action.items()}
    if isinstance(action, (tuple, list)):
        return type(action)([_random(part, size, generator) for part in action])

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    if isinstance(action, Vector) and action.axis == -1:
        return normal(_BATCH, action.rep.dim)
    if isinstance(action, Points) and action.rotation is not None:
        count = _POINTS if action.relabelling is None else action.relabelling.dim
        return normal(_BATCH, count, action.rotation.dim)
    if isinstance(action, Field):
        space = action.group.grid_shape or (size,) * action.dim
        shapes = {"first": (action.rep.dim, *space), "last": (*space, action.rep.dim), None: tuple(space)}
        return normal(_BATCH, *shapes[action.channels])
    kind = type(action).__name__ if isinstance(action, Action) else repr(action)
    raise ArgumentError(
        "example",
        expected=f"one batch of inputs: {kind} does not tell its shape",
        got="none",
        way_out="give example=(input, ...)",
    )


def _has_fields(tree: Any) -> bool:
    if isinstance(tree, Mapping):
        return any(_has_fields(part) for part in tree.values())
    if isinstance(tree, (tuple, list)):
        return any(_has_fields(part) for part in tree)
    return isinstance(tree, Field) and tree.group.grid_shape is None
