"""A batch to try a model on, made from its symmetry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from haar.actions import Symmetry
from haar.actions.trees import action_leaves, map_actions
from haar.errors import ArgumentError
from haar.seeding import Seed, generator_of

#: Points along an axis that are tried for fields on grids.
SIZES = (16, 17, 8, 9, 12, 15, 24, 25, 28, 32, 33, 48, 64, 65)
_BATCH = 3


def example_inputs(symmetry: Symmetry, size: int, seed: Seed = 0) -> tuple[Any, ...]:
    """Random inputs, float64: 3 samples, and `size` points along every axis of a grid.

    Raises:
        ArgumentError: If an action does not tell the shape of its tensor.
    """
    generator = generator_of(seed)
    return tuple(map_actions(lambda action: action.example(_BATCH, size, generator), symmetry.inputs))


def fitting_inputs(symmetry: Symmetry, run: Callable[[tuple[Any, ...]], Any]) -> Iterator[tuple[Any, ...]]:
    """Random inputs of several sizes that a model can be run on.

    Raises:
        ArgumentError: If it can be run on none of them; the model's own error is its cause.
    """
    problem: Exception | None = None
    some = False
    some_size = any(a.axes.space and a.group.grid_shape is None for a in action_leaves(symmetry.inputs))
    for size in SIZES if some_size else SIZES[:1]:
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
