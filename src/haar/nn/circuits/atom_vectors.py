"""A vector for every atom out of an invariant circuit's state: the family X_q, Y_q, Z_q turns with the molecule."""

from __future__ import annotations

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from haar.constants import ConstantsModule
from haar.nn.circuits.circuit import normal
from haar.nn.circuits.exchange import ExchangeCircuit
from haar.nn.circuits.given import given
from haar.nn.circuits.rotational import RotationCircuit
from haar.nn.circuits.states import bloch_vectors
from haar.nn.circuits.symmetries import molecular_symmetry
from haar.seeding import Seed, generator_of


class AtomVectors(ConstantsModule):
    """Weighted Bloch vectors of each atom's two qubits: (batch, atoms, 3) to (batch, atoms, 3).

    The state of a circuit that starts in singlets obeys psi(R x) = U(R) psi(x), so that <sigma_q> turns with R. All
    atoms share the weights of the two copies, so that relabelling relabels where the circuit allows it. Nothing is
    claimed for reflections.

    Args:
        circuit: A `RotationCircuit` or an `ExchangeCircuit`.
        seed: Seed of the weights.

    Example:
        >>> AtomVectors(ExchangeCircuit(3)).symmetry
        <Symmetry SO(3) x S3: Points -> Points>
    """

    copies: Tensor

    def __init__(self, circuit: RotationCircuit | ExchangeCircuit, *, seed: Seed = 0) -> None:
        super().__init__()
        self.circuit = circuit
        exchange = isinstance(circuit, ExchangeCircuit)
        qubits = torch.arange(circuit.qubits)
        self.register_constant("copies", qubits // circuit.atoms if exchange else qubits % 2)
        self.weight = nn.Parameter(normal(2, generator=generator_of(seed)))
        points = molecular_symmetry(circuit.atoms, exchange=exchange).inputs[0]
        self.symmetry = type(circuit.symmetry)(points.group, points, points)

    def forward(self, x: Real[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch atoms 3"]:
        """One vector an atom."""
        x = given(x, self, (self.circuit.atoms, 3))
        of_qubits = self.weight[self.copies, None] * bloch_vectors(self.circuit.state(x), self.circuit.qubits)
        return torch.zeros_like(x).index_add(1, self.circuit.carried, of_qubits)
