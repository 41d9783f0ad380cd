"""A symmetry in words: ``--group C4 --input "3 * vector" --output vector``."""

from __future__ import annotations

import re
from collections.abc import Callable

from haar.actions.action import Action, Invariant
from haar.actions.field import Field
from haar.actions.points import Points
from haar.actions.representation import (
    Defining,
    Determinant,
    Regular,
    Representation,
    Space,
    TensorProduct,
    Trivial,
    direct_sum,
)
from haar.actions.symmetry import Symmetry
from haar.actions.vector import Vector
from haar.errors import ArgumentError
from haar.groups import Group
from haar.groups.names import named_group

_NAMES = ("scalar", "pseudoscalar", "vector", "tensor", "regular")
_LAYOUTS = ("vector", "field", "points", "invariant")


def named_symmetry(group: str, inputs: str, outputs: str) -> Symmetry:
    """The symmetry that three words mean.

    Args:
        group: As for `named_group`, without a grid.
        inputs: What the model's argument is made of, ``"2 * scalar + vector"`` on its last axis; several arguments are
            separated by semicolons. ``field: ...`` are channels first on a grid, ``points: ...`` features of points,
            ``invariant`` does not move. The parts are scalar, pseudoscalar, vector, tensor (a vector times a vector)
            and regular.
        outputs: The same for its output.

    Raises:
        ArgumentError: If a name is unknown, or the group does not have it.

    Example:
        >>> named_symmetry("C4", "3 * vector", "vector + 2 * scalar").outputs.rep.dim
        4
    """
    made = named_group(group, argument="--group")
    sides = []
    for option, text in (("--input", inputs), ("--output", outputs)):
        parts = tuple(_action(made, part, option) for part in text.split(";"))
        sides.append(parts if option == "--input" or len(parts) > 1 else parts[0])
    return Symmetry(made, *sides)


def _action(group: Group, text: str, option: str) -> Action:
    layout, colon, sum_of = text.strip().partition(":")
    layout = layout.strip().lower()
    if not colon:
        layout, sum_of = ("invariant", "") if layout == "invariant" else ("vector", text)
    if layout not in _LAYOUTS or (layout == "invariant" and sum_of):
        raise ArgumentError(
            option, expected=f"a sum of representations, after one of {', '.join(_LAYOUTS)} and a colon", got=repr(text)
        )
    if layout == "invariant":
        return Invariant(group)
    rep = direct_sum(
        [part for term in sum_of.split("+") for part in _term(group, term, option, on_grid=layout == "field")]
    )
    if layout == "points":
        return Points(rotation=rep)
    return Field(rep) if layout == "field" else Vector(rep)


def _term(group: Group, text: str, option: str, *, on_grid: bool) -> list[Representation]:
    found = re.fullmatch(r"\s*(?:([0-9]{1,5})\s*\*?\s*)?([a-z]+)\s*", text)
    if found is None or found[2] not in _NAMES:
        raise ArgumentError(option, expected=f"a number times one of {', '.join(_NAMES)}, joined by +", got=repr(text))
    vector = Space if on_grid else Defining
    makers: dict[str, Callable[[], Representation]] = {
        "scalar": lambda: Trivial(group),
        "pseudoscalar": lambda: Determinant(vector(group)),
        "vector": lambda: vector(group),
        "tensor": lambda: TensorProduct(vector(group), vector(group)),
        "regular": lambda: Regular(group),  # type: ignore[arg-type]
    }
    try:
        one = makers[found[2]]()
    except ArgumentError:
        raise
    except Exception as error:
        message = f"representations that {group.name} has"
        raise ArgumentError(option, expected=message, got=f"{found[2]} ({error})") from error
    return [one] * int(found[1] or 1)
