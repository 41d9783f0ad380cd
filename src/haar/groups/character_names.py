"""Conventional names of irreducible representations: Mulliken's for point groups, dimension and letter for others."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import SAME_ENTRY
from haar.groups.character_table import character_table
from haar.groups.finite import FiniteGroup

_LETTERS = {1: "A", 2: "E", 3: "T", 4: "G", 5: "H"}


def conventional_names(group: FiniteGroup, characters: Sequence[Float[Tensor, " classes"]]) -> list[str]:
    """Names for real irreducible characters that are sorted, the trivial one first.

    Plane groups: A or B by the sign of the smallest rotation, index 1 or 2 by a reflection of an axis, E_k by its
    angular order. Cubic and icosahedral groups: A, E, T, G, H with indices by the character of the smallest rotation, g
    and u by the inversion. Any other group: the dimension and a letter, as in the ATLAS of finite groups.

    Args:
        group: The group; its defining matrices decide which convention applies.
        characters: Characters on the conjugacy classes.
    """
    names = None
    if group.defining_dim == 2:
        names = _plane(group, characters)
    elif group.defining_dim == 3 and any(round(float(c[0])) == 3 for c in characters):
        names = _polyhedral(group, characters)
    return names if names is not None and len(set(names)) == len(names) else _by_dimension(characters)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key by which E2 comes before E10 and z before aa."""
    return [(len(part), part) for part in re.findall(r"\d+|\D+", name)]


def _plane(group: FiniteGroup, characters: Sequence[Tensor]) -> list[str] | None:
    table = character_table(group)
    matrices = group.defining_matrix(group.elements())
    determinant = torch.linalg.det(matrices)
    if (matrices[1:] - matrices[0]).abs().amax((-1, -2)).lt(SAME_ENTRY).any():
        return None
    trace = matrices.diagonal(dim1=-2, dim2=-1).sum(-1).masked_fill(determinant < 0, -math.inf)
    trace[0] = -math.inf
    rotations = int((determinant > 0).sum())
    turn = int(table.class_of[trace.argmax()]) if rotations > 1 else 0
    axis = torch.nonzero((determinant < 0) & (matrices[:, 0, 1].abs() < SAME_ENTRY)).flatten()
    mirrors = rotations < group.order
    if mirrors and not len(axis):
        return None
    mirror = int(table.class_of[axis[-1]]) if mirrors else 0
    planes = sum(round(float(c[0])) == 2 for c in characters)
    names = []
    for c in characters:
        if round(float(c[0])) == 2:
            k = rotations * math.acos(max(-1.0, min(1.0, float(c[turn]) / 2))) / (2 * math.pi)
            names.append("E" if planes == 1 else f"E{round(k)}")
        else:
            letter = "A" if float(c[turn]) > 0 else "B"
            names.append(letter + (("1" if float(c[mirror]) > 0 else "2") if mirrors else ""))
    return names


def _polyhedral(group: FiniteGroup, characters: Sequence[Tensor]) -> list[str] | None:
    table = character_table(group)
    matrices = group.defining_matrix(table.representatives)
    eye = torch.eye(3, dtype=torch.float64)
    proper = torch.linalg.det(matrices) > 0
    trace = matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
    turn = int(trace.masked_fill(~proper | (trace > 3 - SAME_ENTRY), -math.inf).argmax())
    inversion = torch.nonzero((matrices + eye).abs().amax((-1, -2)) < SAME_ENTRY).flatten()
    keys = []
    for c in characters:
        dim = round(float(c[0]))
        if dim not in _LETTERS:
            return None
        parity = "" if not len(inversion) else "g" if float(c[int(inversion[0])]) > 0 else "u"
        keys.append((dim, parity, round(-float(c[turn]), 6)))
    names = []
    for key in keys:
        alike = sorted(k for k in keys if k[:2] == key[:2])
        index = str(alike.index(key) + 1) if len(alike) > 1 else ""
        names.append(_LETTERS[key[0]] + index + key[1])
    return names


def _by_dimension(characters: Sequence[Tensor]) -> list[str]:
    seen: dict[int, int] = {}
    names = []
    for c in characters:
        dim = round(float(c[0]))
        names.append(f"{dim}{_letters(seen.get(dim, 0))}")
        seen[dim] = seen.get(dim, 0) + 1
    return names


def _letters(k: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    k += 1
    out = ""
    while k:
        k, digit = divmod(k - 1, 26)
        out = string.ascii_lowercase[digit] + out
    return out
