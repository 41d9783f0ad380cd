"""The forms in which one structure is shown to a force field: what each kind of motion does, and which are tried."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from haar.data.molecules.motions import Motion
from haar.groups.rotation_names import rotation_name

ROTATION, REFLECTION, TRANSLATION = "rotations", "reflections", "translations"
IMAGES, ORDER, SUPERCELL = "atoms moved by lattice vectors", "order of equal atoms", "supercell"
SAME_HAND, HAND = "another cell of the same hand", "handedness of the cell"
#: All kinds, in the order in which they are told.
KINDS = (ROTATION, REFLECTION, TRANSLATION, ORDER, IMAGES, SUPERCELL, SAME_HAND, HAND)

_TRANSLATIONS, _ORDERS = 3, 2
_SHIFTS = (1.0, 5.0)  # Angstrom
#: Atoms that a supercell may have.
_MOST_ATOMS = 512


def forms(atoms: Any, rotations: int, generator: torch.Generator) -> list[Motion]:
    """Motions of one structure, of every kind that it has.

    Args:
        atoms: An ``ase.Atoms``.
        rotations: So many angles up to half a turn, each about a random axis; as many reflections, which are rotations
            with the inversion, and the inversion alone.
        generator: Source of axes, shifts and orders.
    """
    return [
        *_rotations(rotations, generator),
        *_translations(generator),
        *_orders(atoms, generator),
        *(_cells(atoms, generator) if atoms.pbc.any() else ()),
    ]


def _rotations(count: int, generator: torch.Generator) -> Iterator[Motion]:
    angles = [180.0 * (k + 1) / count for k in range(count)]
    for kind, sign, used in ((ROTATION, 1.0, angles), (REFLECTION, -1.0, [0.0, *angles])):
        for angle in used:
            axis = torch.randn(3, generator=generator, dtype=torch.float64)
            matrix = sign * rotation_matrix(math.radians(angle), (axis / axis.norm()).numpy())
            yield Motion(kind, rotation_name(torch.from_numpy(matrix)), angle=angle, matrix=matrix)


def rotation_matrix(angle: float, axis: np.ndarray) -> np.ndarray:
    """The rotation by an angle about a unit vector, against the clock (Rodrigues).

    Example:
        >>> rotation_matrix(math.pi / 2, np.array([0.0, 0, 1])).round().tolist()
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    made: np.ndarray = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return made


def _translations(generator: torch.Generator) -> Iterator[Motion]:
    for length in np.linspace(*_SHIFTS, _TRANSLATIONS):
        way = torch.randn(3, generator=generator, dtype=torch.float64)
        shift = (length * way / way.norm()).numpy()
        yield Motion(TRANSLATION, f"shift by [{' '.join(f'{x:.1f}' for x in shift)}] A", shift=shift)


def _orders(atoms: Any, generator: torch.Generator) -> Iterator[Motion]:
    """Random orders in which every atom stands where one of its element stood."""
    numbers = atoms.get_atomic_numbers()
    equals = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
    if max(map(len, equals)) < 2:
        return
    for _ in range(_ORDERS):
        order = np.arange(len(numbers))
        while (order == np.arange(len(numbers))).all():
            for places in equals:
                order[places] = places[torch.randperm(len(places), generator=generator).numpy()]
        exchanged = int((order != np.arange(len(numbers))).sum())
        yield Motion(ORDER, f"{exchanged} of {len(numbers)} atoms change places", order=order)


def _cells(atoms: Any, generator: torch.Generator) -> Iterator[Motion]:
    """Other descriptions of a crystal."""
    periodic, eye = np.flatnonzero(atoms.pbc), np.eye(3, dtype=int)
    moves = torch.randint(-1, 2, (len(atoms), 3), generator=generator).numpy() * atoms.pbc
    yield Motion(IMAGES, "by -1, 0 or 1 of each vector", images=moves)
    lengths = np.linalg.norm(np.asarray(atoms.cell), axis=1)
    shortest = min(periodic, key=lambda axis: lengths[axis])
    repeat = tuple(2 if axis == shortest else 1 for axis in range(3))
    if 2 * len(atoms) <= _MOST_ATOMS:
        yield Motion(SUPERCELL, "x".join(map(str, repeat)), repeat=(repeat[0], repeat[1], repeat[2]))
    names = "abc"
    if len(periodic) > 1:
        first, second = int(periodic[0]), int(periodic[1])
        sheared = eye.copy()
        sheared[first, second] = 1
        yield Motion(SAME_HAND, f"{names[first]} + {names[second]} for {names[first]}", cell=sheared)
        swapped = eye.copy()
        swapped[[first, second]] = swapped[[second, first]]
        yield Motion(HAND, f"{names[first]} and {names[second]} exchanged", cell=swapped)
    reversed_one = eye.copy()
    reversed_one[shortest, shortest] = -1
    yield Motion(HAND, f"-{names[shortest]} for {names[shortest]}", cell=reversed_one)
