"""A symmetry as plain numbers and words, and back: what a file may hold is listed here, and nothing is unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.actions.action import Action, Invariant
from haar.actions.representation import (
    Defining,
    DirectSum,
    Entries,
    Harmonic,
    Representation,
    Spin,
    Subspace,
    Trivial,
)
from haar.actions.symmetry import Saved, Symmetry
from haar.actions.vector import Vector
from haar.errors import ArgumentError, DataError
from haar.groups import SO, SU2, FiniteGroup, Group, LieGroup, O, PermutationGroup, from_permutations
from haar.groups.rotations import RotationGroup

#: Number of the file's layout.
SCHEMA = 1
_KIND = "symmetry"
#: Groups of at most so many elements are listed when they are read.
_LISTED = 10_000
#: A file with more than this is no symmetry.
_LARGEST = 64 * 2**20


def symmetry_to_dict(symmetry: Symmetry) -> dict[str, Any]:
    """Plain numbers and words.

    Args:
        symmetry: Of one input and one output, each a vector on one axis or invariant, as `haar.discover` finds them.

    Raises:
        ArgumentError: If some part is of a kind that a file cannot hold.

    Example:
        >>> from haar.groups import SO
        >>> turns = SO(3)
        >>> symmetry = Symmetry(turns, Vector(Harmonic(turns, 1)), Invariant(turns))
        >>> symmetry_to_dict(symmetry)["inputs"]
        {'action': 'vector', 'axis': -1, 'rep': {'rep': 'harmonic', 'l': 1}}
    """
    if len(symmetry.inputs) != 1:
        raise ArgumentError("symmetry", expected="one input", got=f"{len(symmetry.inputs)}")
    return {
        "kind": _KIND,
        "schema": SCHEMA,
        "group": _group_told(symmetry.group),
        "inputs": _action_told(symmetry.inputs[0]),
        "outputs": _action_told(symmetry.outputs),
    }


def load_symmetry(path: str | os.PathLike[str]) -> Symmetry:
    """Read a symmetry that `haar.discover` wrote; groups and representations are checked as any others are.

    Args:
        path: The JSON file.

    Raises:
        DataError: If the file is missing, is no symmetry of this schema, or holds matrices that are no homomorphism.
    """
    told = read_symmetry_file(path)
    try:
        group = _group(told["group"])
        symmetry = Symmetry(group, _action(group, told["inputs"]), _action(group, told["outputs"]))
        for action in (symmetry.inputs[0], symmetry.outputs):
            if isinstance(action, Vector):
                action.rep.check(samples=8)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise DataError(f"{path}: no symmetry that can be used: {' '.join(str(error).split())[:200]}") from error
    return symmetry


def read_symmetry_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The words and numbers of a symmetry's file.

    Raises:
        DataError: If it is missing, no JSON, or of another kind or schema.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _LARGEST:
            raise DataError(f"{path}: larger than a symmetry can be")
        told = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path}: no JSON: {error}") from error
    if not isinstance(told, dict) or told.get("kind") != _KIND:
        raise DataError(f"{path}: expected a symmetry, as found.save() writes it, got another kind of file")
    if told.get("schema") != SCHEMA:
        raise DataError(
            f"{path}: expected schema {SCHEMA}, got {told.get('schema')!r}; write it again with found.save()"
        )
    return told


def _group_told(group: Group) -> dict[str, Any]:
    if isinstance(group, RotationGroup):
        return {"group": "O" if len(group.components) else "SO", "n": group.n}
    if isinstance(group, SU2):
        return {"group": "SU2"}
    if isinstance(group, LieGroup):
        return {
            "group": "lie",
            "name": group.name,
            "algebra": group.algebra.tolist(),
            "components": group.components.tolist(),
        }
    if isinstance(group, PermutationGroup):
        return {"group": "permutations", "name": group.name, "generators": group.generators().tolist()}
    if isinstance(group, FiniteGroup) and group.defining_dim:
        moved = _permuted(group)
        if moved is not None:
            return {"group": "permutations", "name": group.name, "generators": moved, "listed": True}
    raise ArgumentError("symmetry", expected="rotations, SU(2) or permutations, to be written", got=group.name)


def _permuted(group: FiniteGroup) -> list[list[int]] | None:
    """Generators as permutations, for a group that permutes points: where every point goes."""
    matrices = group.defining_matrix(group.generators())
    if not bool(((matrices == 0) | (matrices == 1)).all()):
        return None
    rows: list[list[int]] = matrices.argmax(-2).tolist()
    return rows


def _group(told: Mapping[str, Any]) -> Group:
    kind = told["group"]
    if kind == "SU2":
        return SU2()
    if kind in ("SO", "O"):
        return (SO if kind == "SO" else O)(int(told["n"]))
    if kind == "lie":
        components = _tensor(told["components"])
        return LieGroup(str(told["name"]), _tensor(told["algebra"]), components if len(components) else None)
    if kind == "permutations":
        generators = torch.tensor(told["generators"], dtype=torch.int64)
        if told.get("listed"):
            return from_permutations(generators, str(told["name"]), limit=_LISTED)
        return PermutationGroup(generators, str(told["name"]))
    raise DataError(f"unknown group {kind!r}")


def _action_told(action: Action) -> dict[str, Any]:
    if isinstance(action, Invariant):
        return {"action": "invariant"}
    if isinstance(action, Vector):
        return {"action": "vector", "axis": action.axis, "rep": _rep_told(action.rep)}
    raise ArgumentError("symmetry", expected="vectors or what is invariant", got=type(action).__name__)


def _action(group: Group, told: Mapping[str, Any]) -> Action:
    if told["action"] == "invariant":
        return Invariant(group)
    if told["action"] == "vector":
        return Vector(_rep(group, told["rep"]), axis=int(told["axis"]))
    raise DataError(f"unknown action {told['action']!r}")


def _rep_told(rep: Representation) -> dict[str, Any]:
    for name, (kind, parts, _) in _REPS.items():
        if type(rep) is kind:
            return {"rep": name, **parts(rep)}
    raise ArgumentError("symmetry", expected=f"representations {', '.join(_REPS)}", got=rep.name)


def _rep(group: Group, told: Mapping[str, Any]) -> Representation:
    known = _REPS.get(told["rep"])
    if known is None:
        raise DataError(f"unknown representation {told['rep']!r}")
    return known[2](group, told)


def _entries_told(rep: Any) -> dict[str, Any]:
    negatives = None if rep.negatives is None else rep.negatives.tolist()
    return {"points": rep.points.tolist(), "negatives": negatives}


def _tensor(value: Any) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


_Told = Callable[[Any], dict[str, Any]]
_Made = Callable[[Any, Mapping[str, Any]], Representation]
#: Every kind that a file may hold: its class, what is written of it, and how it is made again.
_REPS: dict[str, tuple[type, _Told, _Made]] = {
    "trivial": (Trivial, lambda _: {}, lambda group, _: Trivial(group)),
    "defining": (Defining, lambda _: {}, lambda group, _: Defining(group)),
    "harmonic": (Harmonic, lambda rep: {"l": rep.l}, lambda group, told: Harmonic(group, told["l"])),
    "spin": (Spin, lambda rep: {"j": rep.twice / 2}, lambda group, told: Spin(group, told["j"])),
    "sum": (
        DirectSum,
        lambda rep: {"parts": [_rep_told(part) for part in rep.parts]},
        lambda group, told: DirectSum([_rep(group, part) for part in told["parts"]]),
    ),
    "turned": (
        Subspace,
        lambda rep: {"of": _rep_told(rep.rep), "basis": rep.basis.tolist(), "name": rep.name},
        lambda group, told: Subspace(_rep(group, told["of"]), _tensor(told["basis"]), str(told["name"])),
    ),
    "entries": (Entries, _entries_told, lambda group, told: Entries(group, told["points"], told["negatives"])),
}

Saved.told, Saved.load = symmetry_to_dict, load_symmetry
