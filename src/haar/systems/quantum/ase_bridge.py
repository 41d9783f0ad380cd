"""ASE: atoms in and out, and a trained potential as a calculator for dynamics and relaxation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from haar.errors import ArgumentError, require
from haar.systems.quantum.ab_initio import check_apart
from haar.systems.quantum.molecules import Molecules
from haar.systems.quantum.potential import Potential, energy_and_forces
from haar.systems.quantum.whole_molecule import whole_molecule

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
    order = _order(many[0].get_chemical_symbols(), centre)
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


def calculator(potential: Potential) -> Any:
    """An ASE calculator of a trained potential: energy in eV, forces in eV/Angstrom.

    The force on the central atom is minus the sum of the others'. It works for atoms in any order, in the precision and
    on the device of the potential, and can be copied and pickled. A potential that is trained on is asked anew.

    Args:
        potential: What to ask.

    Raises:
        MissingExtraError: If ASE is not installed.
    """
    module = require("ase.calculators.calculator", "chemistry")

    class PotentialCalculator(module.Calculator):  # type: ignore[misc, name-defined]
        """Energies and forces of a trained potential."""

        implemented_properties = ("energy", "free_energy", "forces")

        def __reduce__(self) -> tuple[Any, ...]:
            """A local class has no name to be found by: it is made again."""
            return calculator, (potential,), {"atoms": self.atoms, "results": self.results}

        def check_state(self, atoms: Any, tol: float = 1e-15) -> list[str]:
            """What has changed since results were kept: the atoms, as ASE looks at them, or the potential."""
            changed: list[str] = super().check_state(atoms, tol)
            return changed if _state_of(potential) == getattr(self, "_asked", None) else [*changed, "potential"]

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
            with torch.inference_mode(mode=False):  # forces are derivatives, whoever asks for them
                points = whole_molecule(self.atoms, order[0])[order]
                check_apart(points[None], "atoms")
                energy, push = energy_and_forces(potential, points[1:].to(potential.scale)[None])
                others = push[0].to("cpu", torch.float64)
                forces = torch.empty(len(order), 3, dtype=torch.float64)
                forces[order] = torch.cat([-others.sum(0, keepdim=True), others])
            self._asked = _state_of(potential)
            value = float(energy) * HARTREE
            self.results = {"energy": value, "free_energy": value, "forces": (forces * HARTREE).numpy()}

    return PotentialCalculator()


def _state_of(potential: Potential) -> list[tuple[int, int, torch.dtype]]:
    """What tells whether weights were changed: by training, by loading, by a conversion."""
    tensors = [*potential.parameters(), *potential.buffers()]
    return [(one.data_ptr(), one._version, one.dtype) for one in tensors]  # noqa: SLF001 (torch counts writes there)


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
        ArgumentError: If it is another molecule, a position is not finite, or it is not smaller than half its periodic
            cell.
    """
    symbols = atoms.get_chemical_symbols()
    if sorted(symbols) != sorted(species):
        raise ArgumentError("atoms", expected=f"a molecule of {', '.join(species)}", got=", ".join(symbols))
    order = _order(symbols, species[0])
    return whole_molecule(atoms, order[0])[order[1:]][None]
