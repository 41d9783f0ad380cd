"""ASE: atoms in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from haar.data.molecules.molecules import Molecules
from haar.data.molecules.whole_molecule import whole_molecule
from haar.errors import ArgumentError, require

HARTREE = 27.211386245988
"""One Hartree in eV (CODATA 2018), ASE's unit of energy."""


def to_atoms(molecules: Molecules) -> list[Any]:
    """One ``ase.Atoms`` a geometry, with energies (eV) and forces (eV/Angstrom) as a single-point calculator.

    Args:
        molecules: Geometries of one kind of molecule.

    Raises:
        MissingExtraError: If ASE is not installed.
    """
    atoms = require("ase", "chemistry").Atoms
    single = require("ase.calculators.singlepoint", "chemistry").SinglePointCalculator
    made = []
    for k in range(len(molecules)):
        one = atoms(list(molecules.species), positions=molecules.positions[k].detach().cpu().numpy())
        energy, forces = float(molecules.energy[k]) * HARTREE, molecules.forces[k].detach().cpu().numpy() * HARTREE
        one.calc = single(one, energy=energy, forces=forces)
        made.append(one)
    return made


def from_atoms(many: Sequence[Any], *, centre: str | None = None) -> Molecules:
    """Geometries with energies and forces from ``ase.Atoms``.

    Forces and energies are those of the calculator: constraints, such as atoms that a relaxation held fixed, change
    nothing of them. In periodic cells the molecule is put together again, from the images nearest to the central atom.

    Args:
        many: Atoms of one molecule, each with a calculator that knows energy (eV) and forces (eV/Angstrom).
        centre: Symbol of the central atom; by default the one that occurs once.

    Raises:
        ArgumentError: If they differ in species, there is no central atom, energies or forces are missing or not
            finite, or a molecule is not smaller than half its periodic cell.
    """
    if hasattr(many, "get_chemical_symbols"):
        raise ArgumentError("many", expected="a list of Atoms", got="one Atoms", way_out="write [atoms]")
    many = list(many)
    if not many:
        raise ArgumentError("many", expected="at least one Atoms", got="none")
    order = centre_first(many[0].get_chemical_symbols(), centre)
    species = tuple(many[0].get_chemical_symbols()[k] for k in order)
    positions, energies, forces = [], [], []
    for one in many:
        if one.get_chemical_symbols() != many[0].get_chemical_symbols():
            raise ArgumentError(
                "many", expected=f"atoms {', '.join(many[0].get_chemical_symbols())}", got=one.get_chemical_formula()
            )
        positions.append(whole_molecule(one, order[0], "many")[order])
        energy, push = _computed(one)
        energies.append(energy / HARTREE)
        forces.append(push[order] / HARTREE)
    return Molecules(
        species,
        torch.stack(positions),
        torch.tensor(energies, dtype=torch.float64),
        torch.stack(forces),
        "ASE atoms",
    )


def _computed(atoms: Any) -> tuple[float, Tensor]:
    """Energy and forces of a calculator itself, without what constraints do to them.

    Raises:
        ArgumentError: If it knows none, or they are not finite.
    """
    if atoms.calc is None:
        raise ArgumentError("many", expected="atoms with a calculator", got="atoms without energies")
    found = []
    for name, ask in (("energy", atoms.get_potential_energy), ("forces", atoms.get_forces)):
        try:
            value = np.asarray(ask(apply_constraint=False), dtype=np.float64)
        except Exception as error:  # ASE's calculators raise every kind
            raise ArgumentError(
                "many",
                expected="atoms whose calculator knows energy and forces at their positions",
                got=f"no {name} ({' '.join(str(error).split()) or type(error).__name__})",
            ) from error
        if not np.isfinite(value).all():
            raise ArgumentError("many", expected=f"finite {name}", got="NaN or infinity")
        found.append(value)
    if found[0].shape != () or found[1].shape != (len(atoms), 3):
        raise ArgumentError(
            "many", expected=f"one energy and forces ({len(atoms)}, 3)", got=f"{found[0].shape} and {found[1].shape}"
        )
    return float(found[0]), torch.from_numpy(found[1].copy())


def positions_of(atoms: Any, species: Sequence[str]) -> Tensor:
    """Vectors from the central atom of an ``ase.Atoms``, (1, m, 3) in Angstrom: what a potential takes.

    Args:
        atoms: A molecule as ASE holds it.
        species: The potential's species, the central atom first.

    Raises:
        ArgumentError: If it is another molecule, a position is not finite, or it is not smaller than half its periodic
            cell.
    """
    symbols = atoms.get_chemical_symbols()
    if sorted(symbols) != sorted(species):
        raise ArgumentError("atoms", expected=f"a molecule of {', '.join(species)}", got=", ".join(symbols))
    order = centre_first(symbols, species[0])
    return whole_molecule(atoms, order[0])[order[1:]][None]


def centre_first(symbols: Sequence[str], centre: str | None = None) -> list[int]:
    """The order that puts the central atom first, the others as they come.

    Args:
        symbols: Chemical symbols of all atoms.
        centre: Symbol of the central atom; by default the one that occurs once.

    Raises:
        ArgumentError: If there is no such atom, or more than one.

    Example:
        >>> centre_first(["H", "N", "H", "H"])
        [1, 0, 2, 3]
    """
    alone = [symbol for symbol in dict.fromkeys(symbols) if symbols.count(symbol) == 1]
    wanted = centre if centre is not None else (alone[0] if alone else None)
    if wanted is None or symbols.count(wanted) != 1:
        raise ArgumentError(
            "centre", expected="the symbol of one central atom", got=f"{wanted} in {', '.join(symbols)}"
        )
    first = list(symbols).index(wanted)
    return [first, *(k for k in range(len(symbols)) if k != first)]
