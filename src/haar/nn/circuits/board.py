"""A board of nine qubits under the symmetry of the square: who has won at noughts and crosses (arXiv 2205.06217)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import representation_from_generators
from haar.groups import dihedral
from haar.nn.circuits.circuit import ANGLE_SPREAD, Circuit, Gate, Program, normal
from haar.nn.circuits.states import State, axis_gates, bits, layers_of, local, probabilities, z_signs, zeros
from haar.seeding import Seed, generator_of

CORNERS, EDGES, CENTRE = (0, 2, 6, 8), (1, 3, 5, 7), (4,)
RING = ((0, 1), (2, 1), (2, 5), (8, 5), (8, 7), (6, 7), (6, 3), (0, 3))
_KINDS = (CENTRE, CORNERS, EDGES)
_CONTROLLED = (RING, tuple((4, q) for q in CORNERS), tuple((q, 4) for q in EDGES))
_GATES = tuple(pair for pairs in _CONTROLLED for pair in pairs)
#: In this order: no target of one group is a control within it, so that gates on one target add their angles.
_TARGETS = (*EDGES, *CORNERS, *CENTRE)


class BoardCircuit(Circuit):
    """Model G: a D4-invariant circuit on a 3 x 3 board of entries -1, 0, 1; three scores.

    Every field is encoded by RX(2 pi x / 3). A layer has RX and RY on the centre, the corners and the edges, and CRY
    along the ring from corners to edges, from the centre to the corners and from the edges to the centre: nine
    parameters, or 34 if every gate has its own (which breaks the symmetry).

    Args:
        layers: Number of layers; the board is encoded again before each.
        seed: Seed of the first parameters.
        free: One parameter a gate.

    Example:
        >>> BoardCircuit(layers=1).parameter_count, BoardCircuit(layers=1, free=True).parameter_count
        (9, 34)
    """

    signs: Tensor
    angle_of: Tensor
    flips: Tensor
    sides: Tensor

    def __init__(self, *, layers: int = 4, seed: Seed = 0, free: bool = False) -> None:
        super().__init__(9, 9, layers)
        self.free = free
        source = generator_of(seed)
        self.turns = nn.Parameter(ANGLE_SPREAD * normal(layers, 9 if free else 3, 2, generator=source))
        self.controlled = nn.Parameter(ANGLE_SPREAD * normal(layers, 16 if free else 3, generator=source))
        z = z_signs(9)
        self.register_constant("signs", torch.stack([z[list(kind)].mean(0) for kind in _KINDS]))
        self.register_constant("start", zeros(9))
        bit = bits(9).to(torch.float64)
        angle_of = torch.zeros(len(_GATES), len(_TARGETS), 512, dtype=torch.float64)
        for k, (control, target) in enumerate(_GATES):
            angle_of[k, _TARGETS.index(target)] = 0.5 * bit[control]
        self.register_constant("angle_of", angle_of)
        flips = torch.stack([torch.arange(512) ^ 2 ** (8 - target) for target in _TARGETS])
        self.register_constant("flips", flips)
        self.register_constant("sides", 2.0 * bit[list(_TARGETS)] - 1.0)
        kind = [next(k for k, places in enumerate(_KINDS) if q in places) for q in range(9)]
        self._kind = list(range(9)) if free else kind
        self._group = list(range(16)) if free else [k for k, pairs in enumerate(_CONTROLLED) for _ in pairs]
        group = dihedral(4)
        board = torch.arange(9).reshape(3, 3)
        eye = torch.eye(9, dtype=torch.float64)
        turn, mirror = eye[board.rot90().flatten()], eye[board.flip(1).flatten()]
        squares = representation_from_generators(group, [turn, mirror], "fields")
        self.symmetry = Symmetry(group, Vector(squares), Invariant(group))

    def forward(self, x: Real[Tensor, "batch fields"]) -> Float[Tensor, "batch scores"]:
        """Scores of noughts, crosses and nobody: expectations in [-1, 1].

        Raises:
            ShapeError: If boards do not have nine fields.
            ArgumentError: If numbers are complex, or finer than the parameters.
        """
        return super().forward(x)

    @property
    def row(self) -> tuple[int, ...]:
        """Nine fields."""
        return (9,)

    def answer(self, values: Float[Tensor, "batch k"], x: Float[Tensor, "batch fields"]) -> Float[Tensor, "batch k"]:
        """The expectations as they are."""
        del x
        return values

    def measured(self, x: Float[Tensor, "batch fields"]) -> Float[Tensor, "batch k"]:
        """<Z> of the centre, mean of the corners, mean of the edges."""
        encoding = axis_gates(2.0 * math.pi / 3.0 * x, "x")
        turns = self.turns[:, self._kind]
        gates = axis_gates(turns[..., 1], "y") @ axis_gates(turns[..., 0], "x")
        # RY by an angle that depends on the bits of its controls
        half = torch.einsum("lk,kts->lts", self.controlled[:, self._group], self.angle_of)
        cosines, sines = half.cos(), half.sin() * self.sides
        psi: State = self.start.to(gates.dtype).expand(len(x), -1)
        for layer, turned in enumerate(layers_of(gates[:, None] @ encoding)):
            psi = local(psi, *turned)
            for flip, c, s in zip(self.flips, cosines[layer], sines[layer], strict=True):
                psi = psi * c + psi.index_select(-1, flip) * s
            psi = self._break(psi, layer)
        return probabilities(psi) @ self.signs.mT.to(x)

    def program(self, x: Float[Tensor, "batch fields"]) -> Program:
        """Gate by gate."""
        gates: list[Gate] = []
        for layer in range(self.layers):
            gates += [Gate("RX", (q,), 2.0 * math.pi / 3.0 * x[:, q]) for q in range(9)]
            for k, name in enumerate(("RX", "RY")):
                gates += [Gate(name, (q,), self.turns[layer, self._kind[q], k]) for q in range(9)]
            angles = self.controlled[layer, self._group]
            gates += [Gate("CRY", pair, angle) for pair, angle in zip(_GATES, angles, strict=True)]
            gates += self._breaking_gates(layer)
        observables = [{f"Z{q}": 1.0 / len(kind) for q in kind} for kind in _KINDS]
        return Program(9, self.start, gates, observables)
