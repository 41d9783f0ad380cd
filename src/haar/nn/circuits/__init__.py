"""Circuits of simulated qubits, equivariant by construction, and what makes a circuit of your own equivariant."""

from haar.nn.circuits.atom_vectors import AtomVectors
from haar.nn.circuits.board import BoardCircuit
from haar.nn.circuits.circuit import Circuit, Gate, Program
from haar.nn.circuits.exchange import ExchangeCircuit
from haar.nn.circuits.forces import WithForces, energy_and_forces
from haar.nn.circuits.graph import GraphCircuit
from haar.nn.circuits.on_qubits import OnQubits, PermutedQubits, SpinOnQubits, molecule_on_qubits
from haar.nn.circuits.pairs import PairCircuit
from haar.nn.circuits.pauli_words import matrix_words, parse_words, spell, words_matrix
from haar.nn.circuits.pennylane_bridge import QNodeModel, to_pennylane
from haar.nn.circuits.rotational import RotationCircuit, WaterCircuit
from haar.nn.circuits.states import vector_gates
from haar.nn.circuits.symmetries import molecular_symmetry
from haar.nn.circuits.twirl import commutant, equivariant_gate, twirl
from haar.nn.circuits.twirled_qnode import twirl_qnode
from haar.nn.circuits.weighted_graph import WeightedGraphCircuit

__all__ = [
    "AtomVectors",
    "BoardCircuit",
    "Circuit",
    "ExchangeCircuit",
    "Gate",
    "GraphCircuit",
    "OnQubits",
    "PairCircuit",
    "PermutedQubits",
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
    "matrix_words",
    "molecular_symmetry",
    "molecule_on_qubits",
    "parse_words",
    "spell",
    "to_pennylane",
    "twirl",
    "twirl_qnode",
    "vector_gates",
    "words_matrix",
]
