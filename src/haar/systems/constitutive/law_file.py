"""Laws by name, and as files: numbers in safetensors, how the law is made beside them. Nothing is run from a file."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from haar.errors import ArgumentError, DataError
from haar.files import write_safetensors
from haar.systems.constitutive.convex import ConvexLaw
from haar.systems.constitutive.history import HistoryLaw, SlidingElements, StandardMaterial, TensorGRU
from haar.systems.constitutive.hyperelastic import Hyperelastic
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.symmetry import material_symmetry
from haar.systems.constitutive.tensor_network import TensorNetwork

KINDS: Mapping[str, Callable[..., Law | HistoryLaw]] = {
    "hyperelastic": Hyperelastic,
    "convex": ConvexLaw,
    "tensor": TensorNetwork,
    "recurrent": TensorGRU,
    "viscoelastic": StandardMaterial,
    "elastoplastic": SlidingElements,
}
"""Laws by name; the last three have a history."""
_SCHEMA = "haar-constitutive-law-1"
_SIZES = {"hyperelastic": "width", "convex": "units", "tensor": "width", "recurrent": "width", "viscoelastic": "units",
          "elastoplastic": "units"}  # fmt: skip


def make_law(
    kind: str,
    group: str,
    *,
    size: int | None = None,
    frame: Tensor | None = None,
    seed: int = 0,
    **options: int | str | bool,
) -> Law | HistoryLaw:
    """A law by the name of its kind.

    Args:
        kind: One of `KINDS`.
        group: The material's symmetry, see `material_symmetry`.
        size: Its hidden units, tensors or elements; by default the kind's own.
        frame: The material's axes as columns; by default those of the data.
        seed: Of its weights.
        options: Of the kind: ``degree``, ``depth``, ``features``, ``internal``, ...

    Raises:
        ArgumentError: If the kind, or an option of it, is unknown.

    Example:
        >>> type(make_law("convex", "cubic", size=4)).__name__
        'ConvexLaw'
    """
    if kind not in KINDS:
        raise ArgumentError("kind", expected=f"one of {', '.join(KINDS)}", got=repr(kind))
    known = [name for name in inspect.signature(KINDS[kind]).parameters if name not in ("group", "generator", "self")]
    for name in options:
        if name not in known:
            raise ArgumentError(name, expected=f"an option of {kind} laws ({', '.join(known)})", got=name)
    material = material_symmetry(group)
    if frame is not None:
        material = material.turned(frame)
    if size is not None and _SIZES[kind] in options:
        raise ArgumentError("size", expected=f"size or {_SIZES[kind]}, which are the same of {kind} laws", got="both")
    sized = {} if size is None else {_SIZES[kind]: size}
    law = KINDS[kind](material, **sized, **options, generator=seed)
    law.made = {"kind": kind, "group": group, "size": size, "options": dict(options)}
    # as it was given: a frame orthonormalised twice is another one in its last bits, and so are all invariants
    law.made["frame"] = None if frame is None else torch.as_tensor(frame).to(torch.float64).tolist()
    return law


def save_law(path: Path, law: Law | HistoryLaw, notes: Mapping[str, Any] | None = None) -> None:
    """Write a law made by `make_law`.

    Args:
        path: A .safetensors file.
        law: The law.
        notes: Facts to keep with it: notation, units, error.

    Raises:
        ArgumentError: If it was made otherwise.
    """
    made = getattr(law, "made", None)
    if made is None:
        raise ArgumentError("law", expected="a law made by make_law", got=type(law).__name__)
    told = {
        "schema": _SCHEMA,
        "law": json.dumps(made, sort_keys=True),
        "notes": json.dumps(notes or {}, sort_keys=True),
    }
    write_safetensors(path, {k: v.contiguous() for k, v in law.state_dict().items()}, told)


def load_law(path: Path) -> tuple[Law | HistoryLaw, dict[str, Any]]:
    """Read a law and its notes.

    Raises:
        DataError: If the file is none, or its numbers do not fit.
    """
    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: no law that can be read ({error}); haar constitutive fit writes one") from error
    if told.get("schema") != _SCHEMA:
        raise DataError(f"{path}: no law of haar constitutive fit (schema {told.get('schema')!r}, not {_SCHEMA!r})")
    try:
        made = json.loads(told["law"])
        frame = made["frame"]
        law = make_law(
            made["kind"], made["group"], size=made["size"],
            frame=None if frame is None else torch.tensor(frame, dtype=torch.float64), **made["options"],
        )  # fmt: skip
        law.load_state_dict(state)
        notes: dict[str, Any] = json.loads(told["notes"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path}: its numbers do not fit the law it names ({error})") from error
    return law, notes
