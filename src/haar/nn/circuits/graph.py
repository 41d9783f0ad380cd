"""The graph-embedded circuit: distances as couplings, one qubit an atom."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.constants import TINY_SINGLE
from haar.nn.circuits.circuit import (
    ANGLE_SPREAD,
    ENCODING,
    ENCODING_SPREAD,
    MIXING_ANGLE,
    Circuit,
    Gate,
    Program,
    Readout,
    normal,
    summed,
)
from haar.nn.circuits.options import READOUTS, one_of
from haar.nn.circuits.states import State, axis_gates, check_qubits, layers_of, local, plus, probabilities, z_signs
from haar.nn.circuits.symmetries import molecular_symmetry
from haar.seeding import Seed, generator_of

EDGES = ("distance", "inverse", "exponential")


class GraphCircuit(Circuit):
    """Model D: invariant under O(3) x S_m, because only distances enter and equal atoms share all parameters.

    Qubit 0 is the central atom, qubit i the i-th other one; all start in |+>. A layer is a diagonal gate of distances,
    exp(-i [g_1 sum r_i Z_0 Z_i + g_2 sum r_ij Z_i Z_j + b_1 Z_0 + b_2 sum Z_i]), and RX of one angle for the central
    atom and one for the others.

    Args:
        atoms: Number m of atoms around the central one.
        layers: Number D of layers.
        seed: Seed of the first parameters.
        readout: ``"affine"`` or ``"raw"``.
        edge: Weight of an edge: ``"distance"`` r, ``"inverse"`` 1/r or ``"exponential"`` exp(-r), in Angstrom.

    Raises:
        ArgumentError: If m + 1 qubits are too many, or an option is unknown.

    Example:
        >>> GraphCircuit(3, layers=6).parameter_count
        41
    """

    signs: Tensor
    edges: Tensor
    fields: Tensor
    observed: Tensor

    def __init__(
        self, atoms: int, *, layers: int = 6, seed: Seed = 0, readout: str = "affine", edge: str = "distance"
    ) -> None:
        n = check_qubits(atoms + 1)
        super().__init__(n, atoms, layers)
        source = generator_of(seed)
        self.edge = one_of("edge", edge, EDGES)
        signs = z_signs(n)
        self.near = [(0, i) for i in range(1, n)]
        self.far = list(itertools.combinations(range(1, n), 2))
        kinds = 2 if self.far else 1
        self.coupling = nn.Parameter(ENCODING + ENCODING_SPREAD * normal(layers, kinds, generator=source))
        self.angle = nn.Parameter(MIXING_ANGLE + ANGLE_SPREAD * normal(layers, 2, generator=source))
        self.bias = nn.Parameter(ANGLE_SPREAD * normal(layers, 2, generator=source))
        pairs = torch.stack([signs[i] * signs[j] for i, j in self.near + self.far])
        ones = [signs[0], signs[1:].mean(0), pairs[:atoms].mean(0)] + ([pairs[atoms:].mean(0)] if self.far else [])
        self.register_constant("edges", pairs)
        self.register_constant("fields", torch.stack([signs[0], signs[1:].sum(0)]))
        self.register_constant("observed", torch.stack(ones))
        self.register_constant("start", plus(n))
        self.readout = Readout(len(ones), source, raw=one_of("readout", readout, READOUTS) == "raw")
        self.symmetry = molecular_symmetry(atoms, parity=True)

    def weights(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch edges"]:
        """Weights of all edges: from the centre, then among the others."""
        near = x.square().sum(-1)
        if self.far:
            i, j = torch.tensor(self.far, device=x.device).T - 1
            near = torch.cat([near, (x[:, i] - x[:, j]).square().sum(-1)], 1)
        length = (near + TINY_SINGLE).sqrt()
        if self.edge == "inverse":
            return 1.0 / length
        return length if self.edge == "distance" else (-length).exp()

    def state(self, x: Float[Tensor, "batch atoms 3"]) -> State:
        """The state before the measurement; exchanging equal atoms exchanges their qubits."""
        # What couples to the weights: (layers, edges) x (edges, states)
        coupling = torch.cat(
            [self.coupling[:, :1].expand(-1, self.atoms), self.coupling[:, 1:].expand(-1, len(self.far))], 1
        )
        # two at a time: einsum of three asks opt_einsum for an order, which cannot be found for a free batch
        weighted = torch.einsum("be,le->lbe", self.weights(x), coupling)
        phase = torch.einsum("lbe,es->lbs", weighted, self.edges.to(x))
        phase = phase + (self.bias @ self.fields.to(x))[:, None]
        diagonal = torch.polar(torch.ones_like(phase), -phase)
        turns = axis_gates(2.0 * self.angle, "x")
        mixers = layers_of(torch.cat([turns[:, :1], turns[:, 1:].expand(-1, self.atoms, 2, 2)], 1))
        psi: State = self.start.to(diagonal.dtype)[None]
        for layer, (phases, mixer) in enumerate(zip(diagonal, mixers, strict=True)):
            psi = self._break(local(psi * phases, *mixer), layer)
        return psi

    def measured(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch k"]:
        """<Z_0> and means of <Z_i>, <Z_0 Z_i>, <Z_i Z_j>."""
        return probabilities(self.state(x)) @ self.observed.mT.to(x)

    def program(self, x: Float[Tensor, "batch atoms 3"]) -> Program:
        """Gate by gate."""
        weights = self.weights(x)
        gates: list[Gate] = []
        for layer in range(self.layers):
            for k, pair in enumerate(self.near + self.far):
                gates.append(Gate("ZZ", pair, self.coupling[layer, int(k >= self.atoms)] * weights[:, k]))
            for name, angles in (("RZ", self.bias), ("RX", self.angle)):
                gates += [Gate(name, (q,), 2.0 * angles[layer, min(q, 1)]) for q in range(self.qubits)]
            gates += self._breaking_gates(layer)
        share = 1.0 / self.atoms
        observables = [
            {"Z0": 1.0},
            {f"Z{i}": share for i in range(1, self.qubits)},
            {f"Z0 Z{i}": share for i in range(1, self.qubits)},
        ]
        if self.far:
            observables.append(summed([{f"Z{i} Z{j}": 1.0 / len(self.far)} for i, j in self.far]))
        return Program(self.qubits, self.start, gates, observables)
