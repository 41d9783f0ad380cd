"""The 32 crystal point groups, by their international and Schoenflies names, in the axes that tensors are tabled in."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.generated import from_matrices
from haar.groups.rotation_names import rotation_name
from haar.groups.table import TableGroup
from haar.host import on_the_host


@dataclass(frozen=True)
class PointGroup:
    """A crystal point group.

    Args:
        international: Its Hermann-Mauguin name, a bar written as a minus sign.
        schoenflies: Its Schoenflies name.
        system: Its crystal system.
        order: How many elements it has.
        generators: Words for motions of space, see `motion`.
    """

    international: str
    schoenflies: str
    system: str
    order: int
    generators: tuple[str, ...]

    @property
    def centred(self) -> bool:
        """Whether the inversion belongs to it."""
        return "-1" in self.generators


POINT_GROUPS: tuple[PointGroup, ...] = (
    PointGroup("1", "C1", "triclinic", 1, ()),
    PointGroup("-1", "Ci", "triclinic", 2, ("-1",)),
    PointGroup("2", "C2", "monoclinic", 2, ("2y",)),
    PointGroup("m", "Cs", "monoclinic", 2, ("-2y",)),
    PointGroup("2/m", "C2h", "monoclinic", 4, ("2y", "-1")),
    PointGroup("222", "D2", "orthorhombic", 4, ("2z", "2x")),
    PointGroup("mm2", "C2v", "orthorhombic", 4, ("2z", "-2x")),
    PointGroup("mmm", "D2h", "orthorhombic", 8, ("2z", "2x", "-1")),
    PointGroup("4", "C4", "tetragonal", 4, ("4z",)),
    PointGroup("-4", "S4", "tetragonal", 4, ("-4z",)),
    PointGroup("4/m", "C4h", "tetragonal", 8, ("4z", "-1")),
    PointGroup("422", "D4", "tetragonal", 8, ("4z", "2x")),
    PointGroup("4mm", "C4v", "tetragonal", 8, ("4z", "-2x")),
    PointGroup("-42m", "D2d", "tetragonal", 8, ("-4z", "2x")),
    PointGroup("4/mmm", "D4h", "tetragonal", 16, ("4z", "2x", "-1")),
    PointGroup("3", "C3", "trigonal", 3, ("3z",)),
    PointGroup("-3", "S6", "trigonal", 6, ("3z", "-1")),
    PointGroup("32", "D3", "trigonal", 6, ("3z", "2x")),
    PointGroup("3m", "C3v", "trigonal", 6, ("3z", "-2x")),
    PointGroup("-3m", "D3d", "trigonal", 12, ("3z", "2x", "-1")),
    PointGroup("6", "C6", "hexagonal", 6, ("6z",)),
    PointGroup("-6", "C3h", "hexagonal", 6, ("3z", "-2z")),
    PointGroup("6/m", "C6h", "hexagonal", 12, ("6z", "-1")),
    PointGroup("622", "D6", "hexagonal", 12, ("6z", "2x")),
    PointGroup("6mm", "C6v", "hexagonal", 12, ("6z", "-2x")),
    PointGroup("-6m2", "D3h", "hexagonal", 12, ("3z", "-2z", "-2x")),
    PointGroup("6/mmm", "D6h", "hexagonal", 24, ("6z", "2x", "-1")),
    PointGroup("23", "T", "cubic", 12, ("2z", "3d")),
    PointGroup("m-3", "Th", "cubic", 24, ("2z", "3d", "-1")),
    PointGroup("432", "O", "cubic", 24, ("4z", "3d")),
    PointGroup("-43m", "Td", "cubic", 24, ("-4z", "3d")),
    PointGroup("m-3m", "Oh", "cubic", 48, ("4z", "3d", "-1")),
)
"""All 32, system by system. The main axis is z (monoclinic: y), the second x; mirrors of 3m and -6m2 lie across x."""

_OTHER_NAMES = {
    "C3i": "-3",
    "S2": "-1",
    "C1h": "m",
    "V": "222",
    "Vh": "mmm",
    "Vd": "-42m",
    "-62m": "-6m2",
    "m3m": "m-3m",
}
_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0), "d": (1.0, 1.0, 1.0)}


def find_point_group(name: str) -> PointGroup:
    """The crystal point group of a name.

    Args:
        name: International (``"m-3m"``) or Schoenflies (``"Oh"``).

    Raises:
        ArgumentError: If none has this name; close ones are offered.

    Example:
        >>> find_point_group("-42m").schoenflies, find_point_group("Oh").international
        ('D2d', 'm-3m')
    """
    asked = _OTHER_NAMES.get(name.strip(), name.strip())
    for one in POINT_GROUPS:
        if asked in (one.international, one.schoenflies):
            return one
    known = [word for one in POINT_GROUPS for word in (one.international, one.schoenflies)]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    way_out = f"did you mean {close[0]}?" if close else "a bar is written as a minus sign"
    raise ArgumentError("group", expected="a crystal point group such as m-3m or Oh", got=repr(name), way_out=way_out)


@cache
def crystal_group(name: str) -> TableGroup:
    """A crystal point group, enumerated; its defining matrices turn space. One object for every name of a group.

    Args:
        name: International or Schoenflies.

    Raises:
        ArgumentError: If none has this name.

    Example:
        >>> crystal_group("m-3m").order, crystal_group("D6").name
        (48, '622')
    """
    point = find_point_group(name)
    return _enumerated(point.international)


@cache
@on_the_host
def _enumerated(international: str) -> TableGroup:
    point = find_point_group(international)
    matrices = [motion(word) for word in point.generators] or [torch.eye(3, dtype=torch.float64)]
    made = from_matrices(torch.stack(matrices), point.international)
    return made.with_names([rotation_name(matrix) for matrix in made.defining_matrix(made.elements())])


@on_the_host
def motion(word: str) -> Float[Tensor, "3 3"]:
    """The matrix of a motion in words: a minus sign for the inversion, the turn's order, its axis.

    Args:
        word: Such as ``4z`` (a quarter turn about z), ``-2x`` (the mirror across x), ``3d`` (about the cube's diagonal)
            or ``-1``.

    Example:
        >>> motion("-2x").diagonal().tolist()
        [-1.0, 1.0, 1.0]
    """
    sign, word = (-1.0, word[1:]) if word.startswith("-") else (1.0, word)
    if word == "1":
        return sign * torch.eye(3, dtype=torch.float64)
    return sign * turn(_AXES[word[1]], 2 * math.pi / int(word[0]))


def turn(axis: tuple[float, float, float], angle: float) -> Float[Tensor, "3 3"]:
    """The turn about an axis by an angle in radians, counter-clockwise (Rodrigues)."""
    n = torch.tensor(axis, dtype=torch.float64)
    n = n / n.norm()
    cross = torch.tensor([[0.0, -n[2], n[1]], [n[2], 0.0, -n[0]], [-n[1], n[0], 0.0]], dtype=torch.float64)
    matrix = torch.eye(3, dtype=torch.float64) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    near = matrix.round()
    return torch.where((matrix - near).abs() < 1e-15, near, matrix)
