"""ASE: atoms in and out, and a trained potential as a calculator for dynamics and relaxation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError, require
from haar.systems.quantum.ab_initio import check_apart
from haar.systems.quantum.molecules import Molecules
from haar.systems.quantum.potential import Potential, energy_and_forces

HARTREE = 27.211386245988
"""One Hartree in eV (CODATA 2018), ASE's unit of energy."""


def to_atoms(molecules: Molecules) -> list[Any]:
    """One ``ase.Atoms`` a geometry, with energies (eV) and forces (eV/Angstrom) as a single-point calculator.

    Args:
        molecules: Geometries.

    Raises:
        MissingExtraError: If ASE is not installed.
    """
    atoms = require("ase", "chemistry").Atoms
    single = require("ase.calculators.singlepoint", "chemistry").SinglePointCalculator
    made = []
    for k in range(len(molecules)):
        one = atoms("".join(molecules.species), positions=molecules.positions[k].numpy())
        energy, forces = float(molecules.energy[k]) * HARTREE, molecules.forces[k].numpy() * HARTREE
        one.calc = single(one, energy=energy, forces=forces)
        made.append(one)
    return made


def from_atoms(many: Sequence[Any], *, centre: str | None = None) -> Molecules:
    """Geometries with energies and forces from ``ase.Atoms``.

    Args:
        many: Atoms of one molecule, each with a calculator that knows energy (eV) and forces (eV/Angstrom).
        centre: Symbol of the central atom; by default the one that occurs once.

    Raises:
        ArgumentError: If they differ in species, there is no central atom, or energies are missing.
    """
    if not many:
        raise ArgumentError("many", expected="at least one Atoms", got="none")
    order = _order(many[0].get_chemical_symbols(), centre)
    species = tuple(many[0].get_chemical_symbols()[k] for k in order)
    positions, energies, forces = [], [], []
    for one in many:
        if one.get_chemical_symbols() != many[0].get_chemical_symbols():
            raise ArgumentError(
                "many", expected=f"atoms {', '.join(many[0].get_chemical_symbols())}", got=one.get_chemical_formula()
            )
        if one.calc is None:
            raise ArgumentError("many", expected="atoms with a calculator", got="atoms without energies")
        points = torch.from_numpy(one.get_positions()[order])
        positions.append(points - points[:1])
        energies.append(one.get_potential_energy() / HARTREE)
        forces.append(torch.from_numpy(one.get_forces()[order]) / HARTREE)
    return Molecules(
        species,
        torch.stack(positions),
        torch.tensor(energies, dtype=torch.float64),
        torch.stack(forces),
        "ASE atoms",
    )


def calculator(potential: Potential) -> Any:
    """An ASE calculator of a trained potential: energy in eV, forces in eV/Angstrom.

    The force on the central atom is minus the sum of the others'. It works for atoms in any order.

    Args:
        potential: What to ask.

    Raises:
        MissingExtraError: If ASE is not installed.
    """
    module = require("ase.calculators.calculator", "chemistry")

    class PotentialCalculator(module.Calculator):  # type: ignore[misc, name-defined]
        """Energies and forces of a trained potential."""

        implemented_properties = ("energy", "forces")

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = None) -> None:
            """Called by ASE."""
            super().calculate(atoms, properties, system_changes or module.all_changes)
            symbols = self.atoms.get_chemical_symbols()
            if sorted(symbols) != sorted(potential.species):
                raise ArgumentError(
                    "atoms", expected=f"a molecule of {', '.join(potential.species)}", got=", ".join(symbols)
                )
            if self.atoms.get_pbc().any():
                raise ArgumentError("atoms", expected="a molecule in free space", got="periodic boundaries")
            order = _order(symbols, potential.species[0])
            points = torch.from_numpy(self.atoms.get_positions()[order])
            check_apart(points[None], "atoms")
            x = (points[1:] - points[:1])[None]
            energy, push = energy_and_forces(potential, x)
            forces = torch.empty(len(order), 3, dtype=torch.float64)
            forces[order] = torch.cat([-push[0].sum(0, keepdim=True), push[0]])
            self.results = {"energy": float(energy) * HARTREE, "forces": (forces * HARTREE).numpy()}

    return PotentialCalculator()


def _order(symbols: Sequence[str], centre: str | None) -> list[int]:
    """The central atom first, the others as they come."""
    alone = [symbol for symbol in dict.fromkeys(symbols) if symbols.count(symbol) == 1]
    wanted = centre if centre is not None else (alone[0] if alone else None)
    if wanted is None or symbols.count(wanted) != 1:
        raise ArgumentError(
            "centre", expected="the symbol of one central atom", got=f"{wanted} in {', '.join(symbols)}"
        )
    first = list(symbols).index(wanted)
    return [first, *(k for k in range(len(symbols)) if k != first)]


def positions_of(atoms: Any, species: Sequence[str]) -> Tensor:
    """Vectors from the central atom of an ``ase.Atoms``, (1, m, 3) in Angstrom: what a potential takes.

    Args:
        atoms: A molecule.
        species: The potential's species, the central atom first.

    Raises:
        ArgumentError: If it is another molecule.
    """
    symbols = atoms.get_chemical_symbols()
    if sorted(symbols) != sorted(species):
        raise ArgumentError("atoms", expected=f"a molecule of {', '.join(species)}", got=", ".join(symbols))
    points = torch.from_numpy(atoms.get_positions()[_order(symbols, species[0])])
    return (points[1:] - points[:1])[None]
