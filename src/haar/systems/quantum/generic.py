"""The circuit without symmetry: the baseline that has to learn rotations and exchanges from data."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.nn.circuits.circuit import ANGLE_SPREAD, ENCODING, ENCODING_SPREAD, Circuit, Gate, Program, Readout, normal
from haar.nn.circuits.options import READOUTS, one_of
from haar.nn.circuits.states import (
    State,
    axis_gates,
    check_qubits,
    layers_of,
    local,
    probabilities,
    z_signs,
    zeros,
)
from haar.nn.circuits.symmetries import no_symmetry


class GenericCircuit(Circuit):
    """Model A: angle encoding by RX, RY, RZ, trainable rotations and a ring of ZZ; no symmetry.

    Qubit q of 2 m carries atom q mod m.

    Args:
        atoms: Number m of atoms around the central one.
        layers: Number D of trainable layers.
        seed: Seed of the first parameters.
        readout: ``"affine"`` or ``"raw"``.

    Example:
        >>> GenericCircuit(3, layers=4).parameter_count
        199
    """

    signs: Tensor
    pairs: Tensor

    def __init__(self, atoms: int, *, layers: int = 4, seed: int = 0, readout: str = "affine") -> None:
        n = check_qubits(2 * atoms)
        super().__init__(n, atoms, layers)
        source = torch.Generator().manual_seed(seed)
        self.encoding = nn.Parameter(ENCODING + ENCODING_SPREAD * normal(layers + 1, n, 3, generator=source))
        self.turns = nn.Parameter(ANGLE_SPREAD * normal(layers, n, 3, generator=source))
        self.ring = [(q, (q + 1) % n) for q in range(n)]
        self.coupling = nn.Parameter(ANGLE_SPREAD * normal(layers, n, generator=source))
        signs = z_signs(n)
        pairs = torch.stack([signs[i] * signs[j] for i, j in self.ring])
        self.register_constant("start", zeros(n))
        self.register_constant("pairs", pairs)
        # At two qubits the ring's two edges are one observable.
        self.observed = self.ring if n > 2 else self.ring[:1]
        self.register_constant("signs", torch.cat([signs, pairs[: len(self.observed)]]))
        self.readout = Readout(len(self.signs), source, raw=one_of("readout", readout, READOUTS) == "raw")
        self.symmetry = no_symmetry()

    def measured(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch k"]:
        """<Z_q> and <Z_i Z_j> on the ring."""
        angles = self.encoding[:, None] * x.repeat(1, 2, 1)  # (layers + 1, batch, qubits, 3)
        gates = _rotations(angles)
        turned = _rotations(self.turns)[:, None] @ gates[:-1]
        *layers, last = layers_of(torch.cat([turned, gates[-1:]]))
        phases = torch.polar(torch.ones_like(self.pairs[0]), -(self.coupling @ self.pairs))
        psi: State = self.start.to(phases.dtype)[None]
        for layer, (turns, phase) in enumerate(zip(layers, phases, strict=True)):
            psi = self._break(local(psi, *turns) * phase, layer)
        return probabilities(local(psi, *last)) @ self.signs.mT.to(x)

    def program(self, x: Float[Tensor, "batch atoms 3"]) -> Program:
        """Gate by gate."""
        gates: list[Gate] = []
        for layer in range(self.layers + 1):
            for q in range(self.qubits):
                point = x[:, q % self.atoms]
                for k, name in enumerate(("RX", "RY", "RZ")):
                    gates.append(Gate(name, (q,), self.encoding[layer, q, k] * point[:, k]))
            if layer == self.layers:
                break
            for q in range(self.qubits):
                gates += [Gate(name, (q,), self.turns[layer, q, k]) for k, name in enumerate(("RX", "RY", "RZ"))]
            gates += [Gate("ZZ", pair, self.coupling[layer, k]) for k, pair in enumerate(self.ring)]
            gates += self._breaking_gates(layer)
        observables = [{f"Z{q}": 1.0} for q in range(self.qubits)]
        observables += [{f"Z{i} Z{j}": 1.0} for i, j in self.observed]
        return Program(self.qubits, self.start, gates, observables)


def _rotations(angles: Tensor) -> Tensor:
    """RZ(c) RY(b) RX(a), the last acting first."""
    return axis_gates(angles[..., 2], "z") @ axis_gates(angles[..., 1], "y") @ axis_gates(angles[..., 0], "x")
