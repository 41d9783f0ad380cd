"""Geometries of small molecules with energies and forces: shipped, computed, read, and exchanged with ASE."""

from haar.data.molecules.ab_initio import ab_initio
from haar.data.molecules.atoms import from_atoms, to_atoms
from haar.data.molecules.generation import generate
from haar.data.molecules.geometries import SCANS, Scan, find_scan
from haar.data.molecules.model_calculator import model_calculator
from haar.data.molecules.molecules import Molecules
from haar.data.molecules.public_sets import read_npy_set
from haar.data.molecules.structures import read_structures

__all__ = [
    "SCANS",
    "Molecules",
    "Scan",
    "ab_initio",
    "find_scan",
    "from_atoms",
    "generate",
    "model_calculator",
    "read_npy_set",
    "read_structures",
    "to_atoms",
]
