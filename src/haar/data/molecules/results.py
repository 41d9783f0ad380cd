"""What a calculator of ASE says of a structure: energy (eV), forces (eV/A), stress (eV/A^3); and how each turns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from haar.entry import brief
from haar.errors import ArgumentError, DataError

Results = dict[str, np.ndarray]

#: By ASE's names: 0 is turned by nothing, 1 a vector on the last axis, 2 a tensor on the last two.
RANKS = {
    "energy": 0,
    "free_energy": 0,
    "energies": 0,
    "charges": 0,
    "magmoms": 0,
    "forces": 1,
    "dipole": 1,
    "stress": 2,
    "stresses": 2,
}
#: What is asked for; the rest is taken where it came along.
ASKED = ("energy", "forces", "stress")
#: Entries of a symmetric tensor in Voigt's order: xx, yy, zz, yz, xz, xy.
_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def check_calculator(argument: str, calculator: Any) -> None:
    """Refuse what is no calculator of ASE that knows energies.

    Raises:
        ArgumentError: If it is not.
    """
    known = getattr(calculator, "implemented_properties", None)
    if isinstance(calculator, type) or known is None or not callable(getattr(calculator, "get_potential_energy", None)):
        raise ArgumentError(
            argument,
            expected="a calculator of ASE",
            got=calculator.__name__ if isinstance(calculator, type) else type(calculator).__name__,
            way_out="haar.data.molecules.model_calculator makes one of a torch model",
        )
    if "energy" not in known:
        raise ArgumentError(argument, expected="a calculator that knows energies", got=f"one of {', '.join(known)}")


def calculator_name(calculator: Any) -> str:
    """Its own name where it has one, else that of its class (ASE's own is the class in small letters)."""
    name, kind = getattr(calculator, "name", None), type(calculator).__name__
    return name if isinstance(name, str) and name.lower() != kind.lower() else kind


def results_of(atoms: Any, calculator: Any, name: str = "atoms", *, asked: Collection[str] = ASKED) -> Results:
    """Energy, forces and, in a crystal, stress of a structure, and what the calculator tells beside them.

    Args:
        atoms: An ``ase.Atoms``; it is left as it is. Its constraints change nothing.
        calculator: A calculator of ASE.
        name: What the structure is called, for messages.
        asked: What of energy, forces and stress is asked for, beside the energy.

    Returns:
        Arrays in float64 by ASE's names; stresses as 3 x 3 matrices.

    Raises:
        DataError: If the calculator fails, or says NaN or infinity.
    """
    one = atoms.copy()
    one.set_constraint()
    one.calc = calculator
    wanted = {*calculator.implemented_properties} & {*asked}
    found: Results = {}
    try:
        # many calculators differentiate inside, and count on torch's default, whoever asks them
        with torch.inference_mode(mode=False), torch.enable_grad():
            found["energy"] = np.asarray(one.get_potential_energy(), dtype=float)
            if "forces" in wanted:
                found["forces"] = np.asarray(one.get_forces(), dtype=float)
            if "stress" in wanted and one.pbc.all():
                with suppress(NotImplementedError):  # ASE's word for a property that this answer has not
                    found["stress"] = full_stress(np.asarray(one.get_stress(voigt=False), dtype=float))
    except Exception as error:  # calculators raise every kind
        raise DataError(f"{name} ({one.get_chemical_formula()}): the calculator failed, {brief(error)}") from error
    for key, value in dict(getattr(calculator, "results", {})).items():
        if key in RANKS and key not in (*found, *ASKED) and value is not None:
            found[key] = np.asarray(value, dtype=float)
    for key in ("stresses",):
        if key in found:
            found[key] = full_stress(found[key])
    if found.get("magmoms", np.zeros(1)).ndim > 1:  # vectors that a reversal of time turns: no rotation says how
        del found["magmoms"]
    for key in ASKED:
        if key in found and not np.isfinite(found[key]).all():
            raise DataError(f"{name} ({one.get_chemical_formula()}): {key} is NaN or infinite")
    return found


def full_stress(stress: Float[np.ndarray, "*batch entries"]) -> Float[np.ndarray, "*batch_ 3 3"]:
    """Stresses as 3 x 3 matrices; six entries are taken in Voigt's order."""
    if stress.shape[-1] != len(_VOIGT):
        return stress
    full = np.zeros((*stress.shape[:-1], 3, 3))
    for k, (i, j) in enumerate(_VOIGT):
        full[..., i, j] = full[..., j, i] = stress[..., k]
    return full


def voigt(stress: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 6"]:
    """The six entries of symmetric tensors in Voigt's order."""
    return np.stack([stress[..., i, j] for i, j in _VOIGT], -1)


def turned(results: Mapping[str, np.ndarray], matrix: Float[np.ndarray, "3 3"]) -> Results:
    """Results of the structure that a rotation, or a rotation with inversion, makes of this one.

    Args:
        results: By ASE's names, stresses as matrices.
        matrix: An orthogonal matrix R: vectors become R v, tensors R s R^T.

    Example:
        >>> quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
        >>> turned({"forces": np.array([[1.0, 0, 0]])}, quarter)["forces"].tolist()
        [[0.0, 1.0, 0.0]]
    """
    made: Results = {}
    for key, value in results.items():
        rank = RANKS[key]
        if rank == 0:
            made[key] = value
        else:
            made[key] = value @ matrix.T if rank == 1 else matrix @ value @ matrix.T
    return made
