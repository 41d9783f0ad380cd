"""How a step is refused by name, with the way out."""

from __future__ import annotations

from typing import NoReturn

from haar.errors import ArgumentError, ShapeError
from haar.relax.wrapping.step import Step

#: What a refusal offers.
FUNCTION = 'use mode="function", which takes any module, or name its representations in layers'


def refuse(where: str, why: str = "") -> NoReturn:
    """Refuse a step by name.

    Raises:
        ArgumentError: Always.
    """
    raise ArgumentError(
        "model",
        expected="operations whose symmetry is known",
        got=where + (f": {why}" if why else ""),
        way_out=FUNCTION,
    )


def refuse_grid(step: Step, why: str) -> NoReturn:
    """Refuse what a step does to a grid of this size.

    Raises:
        ShapeError: Always.
    """
    sizes = " and ".join("x".join(map(str, x.value.shape)) for x in step.moving)
    raise ShapeError(
        "model",
        expected=f"in {step.where} a step that treats both ends of every axis alike",
        got=f"{why} on {sizes}, broken by {step.name!r}",
        way_out=f"use inputs of another size, pad both sides alike, or {FUNCTION}",
    )
