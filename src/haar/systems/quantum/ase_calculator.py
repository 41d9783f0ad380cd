"""A trained potential as a calculator of ASE, for dynamics and relaxation."""

from __future__ import annotations

from typing import Any

import torch

from haar.data.molecules.ab_initio import check_apart
from haar.data.molecules.atoms import HARTREE, centre_first
from haar.data.molecules.whole_molecule import whole_molecule
from haar.errors import ArgumentError, require
from haar.nn.circuits.forces import energy_and_forces
from haar.systems.quantum.potential import Potential


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
            order = centre_first(symbols, potential.species[0])
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
