"""How much a force field's own rounding changes what it says: found by trying, not by asking."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from haar.data.molecules.results import ASKED, Results, results_of

#: Displacements, in Angstrom, that double precision resolves and single precision does not.
_SMALL = 1e-9
#: Doubling a displacement doubles the change of the forces to this share, in double precision.
_LINEAR = 0.1
_TRIALS = 3
#: How far atoms may be from the origin in the forms that are tried, beyond where they are, in Angstrom.
_SHIFTED = 5.0


def largest(one: Results, other: Results) -> dict[str, float]:
    """How far two answers are apart: energy in eV, the longest difference of an atom's forces, the largest of stress.

    Example:
        >>> largest({"forces": np.array([[3.0, 0, 4]])}, {"forces": np.zeros((1, 3))})
        {'forces': 5.0}
    """
    apart = {key: np.asarray(one[key] - other[key]) for key in ASKED if key in one and key in other}
    return {
        key: float(np.linalg.norm(value, axis=-1).max() if key == "forces" else np.abs(value).max())
        for key, value in apart.items()
    }


def is_double(atoms: Any, calculator: Any, generator: torch.Generator, name: str) -> bool:
    """Whether forces (energies where there are none) follow displacements that single precision does not see.

    Args:
        atoms: An ``ase.Atoms`` that is in no equilibrium.
        calculator: A calculator of ASE.
        generator: Source of the displacement.
        name: What the structure is called, for messages.
    """
    way = torch.randn(len(atoms), 3, generator=generator, dtype=torch.float64).numpy()
    answers = [results_of(_displaced(atoms, steps * _SMALL * way), calculator, name) for steps in (0, 1, 2)]
    key = "forces" if "forces" in answers[0] else "energy"
    once, twice = (np.asarray(answer[key] - answers[0][key]) for answer in answers[1:])
    return bool(0 < np.linalg.norm(twice - 2 * once) <= _LINEAR * np.linalg.norm(twice))


def rounding(
    atoms: Any, calculator: Any, answer: Results, generator: torch.Generator, name: str, *, double: bool
) -> dict[str, float]:
    """What rounding of positions and cell by one unit, and of the results, changes of energy, forces and stress.

    Args:
        atoms: An ``ase.Atoms``.
        calculator: A calculator of ASE.
        answer: What it said of them.
        generator: Source of the rounding errors.
        name: What the structure is called, for messages.
        double: Whether it computes in double precision.
    """
    unit = 2.0**-53 if double else 2.0**-24
    lengths = np.abs(atoms.get_positions()).max() + np.abs(np.asarray(atoms.cell)).max() + _SHIFTED
    found = {key: unit * float(np.abs(answer[key]).max()) for key in ASKED if key in answer}
    for _ in range(_TRIALS):
        errors = torch.rand(len(atoms) + 3, 3, generator=generator, dtype=torch.float64).numpy() * 2 - 1
        moved = _displaced(atoms, unit * lengths * errors[3:], unit * errors[:3])
        for key, value in largest(results_of(moved, calculator, name), answer).items():
            found[key] = max(found[key], value)
    return found


def _displaced(atoms: Any, by: np.ndarray, stretched: np.ndarray | None = None) -> Any:
    made = atoms.copy()
    made.set_positions(made.get_positions() + by, apply_constraint=False)
    if stretched is not None:
        made.set_cell(np.asarray(made.cell) * (1 + stretched), scale_atoms=False)
    return made
