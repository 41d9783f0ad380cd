"""One structure written down in another way: turned, mirrored, shifted, its atoms in another order, in another cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from haar.data.molecules.results import Results, turned


def _still() -> np.ndarray:
    return np.eye(3)


@dataclass(frozen=True, eq=False)
class Motion:
    """What is done to a structure, and what a force field that has the symmetry says of it then.

    Args:
        kind: What sort of motion it is.
        name: This one among its kind.
        angle: Of a rotation, in degrees.
        matrix: An orthogonal matrix. The structure turns about the mean of its positions, so that rotations do not
            shift it; the cell turns along. A reflection would make a right-handed cell left-handed: its vectors are
            reversed, which describes the same lattice and keeps the hand.
        shift: A translation of all atoms, in Angstrom.
        order: Atom k of the new list is atom ``order[k]`` of the old one.
        images: Lattice vectors by which every atom is moved.
        cell: New lattice vectors as combinations of the old ones, for the same lattice.
        repeat: Copies along each lattice vector.
    """

    kind: str
    name: str
    angle: float | None = None
    matrix: Float[np.ndarray, "3 3"] = field(default_factory=_still)
    shift: Float[np.ndarray, " 3"] | None = None
    order: Int[np.ndarray, " atoms"] | None = None
    images: Int[np.ndarray, "atoms 3"] | None = None
    cell: Int[np.ndarray, "3 3"] | None = None
    repeat: tuple[int, int, int] | None = None

    def moved(self, atoms: Any) -> Any:
        """The structure in its new form.

        Args:
            atoms: An ``ase.Atoms``; it is left as it is.
        """
        made = atoms.copy()
        made.set_constraint()
        positions = made.get_positions()
        middle = positions.mean(0)
        positions = (positions - middle) @ self.matrix.T + middle
        lattice, periodic = np.asarray(made.cell) @ self.matrix.T, made.get_pbc()
        if np.linalg.det(self.matrix) < 0:
            lattice = -lattice
        if self.shift is not None:
            positions = positions + self.shift
        if self.images is not None:
            positions = positions + self.images @ lattice
        if self.cell is not None:
            lattice = self.cell @ lattice
            periodic = np.abs(self.cell) @ periodic > 0
        made.set_cell(lattice, scale_atoms=False)
        made.set_pbc(periodic)
        made.set_positions(positions)
        if self.order is not None:
            made = made[self.order]
        return made if self.repeat is None else made.repeat(self.repeat)

    def expected(self, results: Mapping[str, np.ndarray]) -> Results:
        """What is said of the moved structure, if the symmetry holds, from what was said of the structure itself."""
        made = turned(results, self.matrix)
        if self.order is not None:
            for key in made.keys() & {"forces", "energies", "charges", "magmoms", "stresses"}:
                made[key] = made[key][self.order]
        if self.repeat is not None:
            count = math.prod(self.repeat)
            for key, value in made.items():
                if key in ("energy", "free_energy", "dipole"):
                    made[key] = np.asarray(count * value)
                elif key != "stress":
                    made[key] = np.concatenate([value] * count)
        return made
