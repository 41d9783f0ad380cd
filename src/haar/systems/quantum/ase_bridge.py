"""To and from ASE: molecules as its atoms, potentials as its calculators."""

from haar.data.molecules.atoms import from_atoms, to_atoms
from haar.systems.quantum.ase_calculator import calculator

__all__ = ["calculator", "from_atoms", "to_atoms"]
