"""Equivariant variational quantum circuits for molecules: potentials made of them, and their baselines."""

from haar.systems.quantum.generic import GenericCircuit
from haar.systems.quantum.invariants import CoordinateNetwork, DistanceSets
from haar.systems.quantum.potential import Potential

__all__ = ["CoordinateNetwork", "DistanceSets", "GenericCircuit", "Potential"]
