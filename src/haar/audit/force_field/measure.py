"""What a force field says of one structure in many forms, and how far it is from what a symmetric one would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from haar.audit.force_field.forms import forms
from haar.audit.force_field.rounding import is_double, largest, rounding
from haar.data.molecules.motions import Motion
from haar.data.molecules.results import Results, results_of
from haar.errors import HaarError
from haar.watch import Advance

#: Rounding adds up over atoms and layers: a defect is one above so many times what one unit of rounding changes.
FACTOR = 8.0


@dataclass(frozen=True)
class Deviation:
    """One structure in one other form.

    Attributes:
        structure: Number of the structure.
        kind: Kind of the motion.
        element: Which one.
        angle: Of a rotation, in degrees.
        apart: By ``energy`` (eV), ``forces`` (eV/A, the longest difference on an atom) and ``stress`` (eV/A^3, the
            largest entry): how far from what was to be expected.
        floors: What is rounding, in the same units.
    """

    structure: int
    kind: str
    element: str
    angle: float | None
    apart: Mapping[str, float]
    floors: Mapping[str, float]

    def broken(self, quantity: str) -> bool:
        """Whether it is more than rounding."""
        return quantity in self.apart and self.apart[quantity] > self.floors[quantity]


@dataclass(frozen=True)
class Structure:
    """One structure and what was said of it.

    Attributes:
        atoms: An ``ase.Atoms``.
        name: Its number and formula.
        answer: Energy, forces and stress.
        floors: Above these is a defect: `FACTOR` times rounding, or three times what asking again changes.
        double: Whether the force field computes in double precision.
        motions: The forms in which it is shown.
    """

    atoms: Any
    name: str
    answer: Results
    floors: Mapping[str, float]
    double: bool
    motions: Sequence[Motion]

    @property
    def typical_force(self) -> float:
        """Root mean square of the forces' lengths, in eV/A; 0 where none are known."""
        forces = self.answer.get("forces")
        return 0.0 if forces is None else float(np.sqrt(np.square(forces).sum(-1).mean()))


def prepared(atoms: Any, number: int, calculator: Any, rotations: int, generator: torch.Generator) -> Structure:
    """Ask about a structure as it is, twice, and find out what is rounding.

    Raises:
        DataError: If the calculator fails.
    """
    name = f"structure {number}"
    answer = results_of(atoms, calculator, name)
    double = is_double(atoms, calculator, generator, name)
    floors = rounding(atoms, calculator, answer, generator, name, double=double)
    if callable(getattr(calculator, "reset", None)):
        calculator.reset()  # else the same answer is given without computing
    again = largest(results_of(atoms, calculator, name), answer)
    floors = {key: max(FACTOR * value, 3 * again[key]) for key, value in floors.items()}
    motions = forms(atoms, rotations, generator)
    return Structure(atoms, f"{number} {atoms.get_chemical_formula()}", answer, floors, double, motions)


def deviations(
    structure: Structure, number: int, calculator: Any, motions: Sequence[Motion], advance: Advance | None = None
) -> list[Deviation]:
    """Show a structure in other forms.

    Args:
        structure: The structure.
        number: Its number.
        calculator: The force field to be asked; another than before where a repair is tried.
        motions: The forms.
        advance: Called after each.
    """
    answer = results_of(structure.atoms, calculator, structure.name)
    found = []
    for motion in motions:
        try:
            said = results_of(motion.moved(structure.atoms), calculator, structure.name)
        except HaarError as error:
            error.add_note(f"{motion.kind}: {motion.name}")
            raise
        apart = largest(said, motion.expected(answer))
        if motion.repeat is not None:  # energy of the whole: one structure's share of it
            apart["energy"] /= float(np.prod(motion.repeat))
        found.append(Deviation(number, motion.kind, motion.name, motion.angle, apart, structure.floors))
        if advance is not None:
            advance()
    return found
