"""Equivariant variational quantum circuits for molecules."""

from haar.systems.quantum.circuit import Circuit, Gate, Program
from haar.systems.quantum.exchange import ExchangeCircuit
from haar.systems.quantum.generic import GenericCircuit
from haar.systems.quantum.graph import GraphCircuit
from haar.systems.quantum.invariants import CoordinateNetwork, DistanceSets
from haar.systems.quantum.molecules import Molecules
from haar.systems.quantum.rotational import RotationCircuit, WaterCircuit
from haar.systems.quantum.symmetries import molecular_symmetry

__all__ = [
    "Circuit",
    "CoordinateNetwork",
    "DistanceSets",
    "ExchangeCircuit",
    "Gate",
    "GenericCircuit",
    "GraphCircuit",
    "Molecules",
    "Program",
    "RotationCircuit",
    "WaterCircuit",
    "molecular_symmetry",
]
