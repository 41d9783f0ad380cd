"""The symmetry of a molecule around a central atom: rotations of space, and exchanges of equal atoms."""

from __future__ import annotations

from typing import Any

from haar.actions import Defining, Invariant, Points, Symmetry
from haar.errors import ArgumentError
from haar.groups import SO, O, product, symmetric, trivial


def molecular_symmetry(
    atoms: int, *, parity: bool = False, exchange: bool = True, forces: bool = False, rotation: bool = True
) -> Symmetry:
    """How (batch, atoms, 3) moves, and that an energy does not.

    Args:
        atoms: Number of equal atoms around the central one.
        parity: O(3) instead of SO(3).
        exchange: Whether permutations of the atoms belong to it.
        forces: For a model that returns energies and forces.
        rotation: Whether rotations belong to it.

    Raises:
        ArgumentError: If nothing is left.

    Example:
        >>> molecular_symmetry(3)
        <Symmetry SO(3) x S3: Points -> Invariant>
    """
    if not rotation and not exchange:
        raise ArgumentError("rotation, exchange", expected="at least one of them", got="neither")
    turn = O(3) if parity else SO(3)
    relabel = symmetric(atoms) if exchange and atoms > 1 else None
    if not rotation:
        if relabel is None:
            raise ArgumentError("atoms", expected="at least 2 to exchange", got=atoms)
        points: Points = Points(relabelling=Defining(relabel))
    elif relabel is None:
        points = Points(rotation=Defining(turn))
    else:
        both = product(turn, relabel)
        points = Points(rotation=Defining(turn).pull_back(both, 0), relabelling=Defining(relabel).pull_back(both, 1))
    energy: Any = Invariant(points.group)
    return Symmetry(points.group, points, (energy, points) if forces else energy)


def no_symmetry() -> Symmetry:
    """The claim of a model that claims nothing.

    Example:
        >>> no_symmetry().group.order
        1
    """
    group = trivial()
    return Symmetry(group, Invariant(group), Invariant(group))
