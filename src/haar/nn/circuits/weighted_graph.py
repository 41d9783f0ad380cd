"""Any weighted graph in a circuit, one qubit a node: relabelling the nodes relabels the scores (arXiv 2205.06109)."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from haar.actions import Defining, Points, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import symmetric
from haar.nn.circuits.circuit import (
    ANGLE_SPREAD,
    ENCODING,
    ENCODING_SPREAD,
    MIXING_ANGLE,
    Circuit,
    Gate,
    Program,
    normal,
)
from haar.nn.circuits.states import State, axis_gates, check_qubits, layers_of, local, plus, probabilities, z_signs
from haar.seeding import Seed, generator_of


class WeightedGraphCircuit(Circuit):
    """The embedding of Skolik et al.: |phi(P A P^T)> = P |phi(A)> for every relabelling P of the nodes.

    All qubits start in |+>. A layer is exp(-i gamma A_ij Z_i Z_j) on every edge and RX(beta A_ii) on every node, with
    two parameters for the whole layer. The state is equivariant, not invariant, and so are the scores of nodes, sums of
    A_ij <Z_i Z_j> over j; their mean is invariant. (All <Z_i> are 0: flipping every qubit changes nothing.)

    Args:
        nodes: Number n of nodes, at least 2.
        layers: Number of layers.
        seed: Seed of the first parameters.

    Raises:
        ArgumentError: If there are too few or too many nodes.

    Example:
        >>> model = WeightedGraphCircuit(4, layers=3)
        >>> model.parameter_count, model.symmetry
        (6, <Symmetry S4: Points -> Vector>)
    """

    edges: Tensor
    pairs: Tensor

    def __init__(self, nodes: int, *, layers: int = 4, seed: Seed = 0) -> None:
        if nodes < 2:
            raise ArgumentError("nodes", expected="at least 2", got=nodes)
        super().__init__(check_qubits(nodes), nodes, layers)
        source = generator_of(seed)
        self.coupling = nn.Parameter(ENCODING + ENCODING_SPREAD * normal(layers, generator=source))
        self.angle = nn.Parameter(MIXING_ANGLE + ANGLE_SPREAD * normal(layers, generator=source))
        signs = z_signs(nodes)
        pairs = torch.tensor(list(itertools.combinations(range(nodes), 2)))
        self.register_constant("pairs", pairs)
        self.register_constant("edges", signs[pairs[:, 0]] * signs[pairs[:, 1]])
        self.register_constant("start", plus(nodes))
        group = symmetric(nodes)
        relabel = Defining(group)
        # rows and columns of A move alike
        self.symmetry = Symmetry(group, Points(rotation=relabel, relabelling=relabel), Vector(relabel))

    def forward(self, x: Real[Tensor, "batch nodes nodes"]) -> Float[Tensor, "batch nodes"]:
        """Scores of the nodes.

        Args:
            x: Symmetric matrices: weights of edges, and of nodes on the diagonal.

        Raises:
            ShapeError: If they are not `nodes` x `nodes`.
            ArgumentError: If numbers are complex, or finer than the parameters.
        """
        return super().forward(x)

    @property
    def row(self) -> tuple[int, ...]:
        """A matrix."""
        return (self.atoms, self.atoms)

    def answer(
        self, values: Float[Tensor, "batch edges"], x: Float[Tensor, "batch nodes nodes"]
    ) -> Float[Tensor, "batch nodes"]:
        """Sums of A_ij <Z_i Z_j> over the neighbours of every node."""
        parts = self._edge_weights(x) * values
        i, j = self.pairs.unbind(1)
        scores: Tensor = x.new_zeros(len(x), self.atoms).index_add(1, i, parts).index_add(1, j, parts)
        return scores

    def state(self, x: Float[Tensor, "batch nodes nodes"]) -> State:
        """The state before the measurement."""
        phase = self.coupling[:, None, None] * (self._edge_weights(x) @ self.edges.to(x))
        diagonal = torch.polar(torch.ones_like(phase), -phase)
        turns = axis_gates(self.angle[:, None, None] * x.diagonal(dim1=1, dim2=2), "x")
        psi: State = self.start.to(diagonal.dtype)[None]
        for layer, (phases, mixer) in enumerate(zip(diagonal, layers_of(turns), strict=True)):
            psi = self._break(local(psi * phases, *mixer), layer)
        return psi

    def measured(self, x: Float[Tensor, "batch nodes nodes"]) -> Float[Tensor, "batch edges"]:
        """<Z_i Z_j> of every edge."""
        return probabilities(self.state(x)) @ self.edges.mT.to(x)

    def program(self, x: Float[Tensor, "batch nodes nodes"]) -> Program:
        """Gate by gate."""
        gates: list[Gate] = []
        for layer in range(self.layers):
            for i, j in self.pairs.tolist():
                gates.append(Gate("ZZ", (i, j), self.coupling[layer] * 0.5 * (x[:, i, j] + x[:, j, i])))
            gates += [Gate("RX", (q,), self.angle[layer] * x[:, q, q]) for q in range(self.qubits)]
            gates += self._breaking_gates(layer)
        return Program(self.qubits, self.start, gates, [{f"Z{i} Z{j}": 1.0} for i, j in self.pairs.tolist()])

    def _edge_weights(self, x: Tensor) -> Tensor:
        """Of a matrix that is not symmetric, the symmetric part."""
        i, j = self.pairs.unbind(1)
        return 0.5 * (x[:, i, j] + x[:, j, i])
