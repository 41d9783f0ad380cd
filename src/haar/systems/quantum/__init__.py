"""Equivariant variational quantum circuits for molecules."""

from haar.systems.quantum.atom_vectors import AtomVectors
from haar.systems.quantum.board import BoardCircuit
from haar.systems.quantum.circuit import Circuit, Gate, Program
from haar.systems.quantum.exchange import ExchangeCircuit
from haar.systems.quantum.generic import GenericCircuit
from haar.systems.quantum.graph import GraphCircuit
from haar.systems.quantum.invariants import CoordinateNetwork, DistanceSets
from haar.systems.quantum.molecules import Molecules
from haar.systems.quantum.on_qubits import PermutedQubits, SpinOnQubits, molecule_on_qubits
from haar.systems.quantum.pairs import PairCircuit
from haar.systems.quantum.pennylane_bridge import QNodeModel, to_pennylane
from haar.systems.quantum.potential import Potential, WithForces, energy_and_forces
from haar.systems.quantum.rotational import RotationCircuit, WaterCircuit
from haar.systems.quantum.symmetries import molecular_symmetry
from haar.systems.quantum.twirl import commutant, equivariant_gate, twirl
from haar.systems.quantum.twirled_qnode import twirl_qnode
from haar.systems.quantum.weighted_graph import WeightedGraphCircuit

__all__ = [
    "AtomVectors",
    "BoardCircuit",
    "Circuit",
    "CoordinateNetwork",
    "DistanceSets",
    "ExchangeCircuit",
    "Gate",
    "GenericCircuit",
    "GraphCircuit",
    "Molecules",
    "PairCircuit",
    "PermutedQubits",
    "Potential",
    "Program",
    "QNodeModel",
    "RotationCircuit",
    "SpinOnQubits",
    "WaterCircuit",
    "WeightedGraphCircuit",
    "WithForces",
    "commutant",
    "energy_and_forces",
    "equivariant_gate",
    "molecular_symmetry",
    "molecule_on_qubits",
    "to_pennylane",
    "twirl",
    "twirl_qnode",
]
