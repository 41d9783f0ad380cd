"""Circuits in which a rotation of the molecule turns all qubits alike: singlets in, sigma . sigma out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Complex, Float, Real
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.nn.circuits.circuit import (
    ANGLE_SPREAD,
    ENCODING,
    ENCODING_SPREAD,
    Circuit,
    Gate,
    Program,
    Readout,
    normal,
    sigma_word,
)
from haar.nn.circuits.exchange_layers import ExchangeLayers
from haar.nn.circuits.given import given
from haar.nn.circuits.options import PARITIES, READOUTS, one_of
from haar.nn.circuits.states import (
    State,
    check_qubits,
    layers_of,
    local,
    overlap,
    singlets,
    vector_gates,
)
from haar.nn.circuits.symmetries import molecular_symmetry
from haar.seeding import Seed, generator_of

Radial = tuple[float, float, float, float]


class VectorCircuit(Circuit):
    """What circuits with the encoding exp(-i alpha x . sigma / 2) share: the encoding, parity, the radial map.

    Args:
        qubits: Number of qubits.
        atoms: Number of atoms around the central one.
        layers: Number of trainable layers.
        carried: Which atom every qubit carries.
        parity: ``"average"``: f(x) becomes (f(x) + f(-x)) / 2, so that mirror images have one energy. Up to two
            atoms they have anyway; three vectors have a triple product, which rotations alone do not forbid.
        radial: (c, k, mu, s): encode x / |x| (c + k (|x| - mu) / s) in place of x.
    """

    carried: Tensor

    def __init__(
        self,
        qubits: int,
        atoms: int,
        layers: int,
        carried: Sequence[int],
        *,
        parity: str = "none",
        radial: Radial | None = None,
    ) -> None:
        super().__init__(check_qubits(qubits), atoms, layers)
        if radial is not None and (len(radial) != 4 or not all(map(math.isfinite, radial)) or radial[3] <= 0):
            raise ArgumentError("radial", expected="(c, k, mu, s) with s > 0", got=radial)
        self.parity, self.radial = one_of("parity", parity, PARITIES), radial
        self.register_constant("carried", torch.tensor(list(carried)))

    def alphas(self) -> Float[Tensor, "encodings qubits"]:
        """The scale with which every qubit encodes its atom, encoding by encoding."""
        raise NotImplementedError

    def run(
        self, x: Real[Tensor, "batch atoms 3"], expectations: Callable[[Tensor], Tensor]
    ) -> Float[Tensor, " batch"]:
        """Scaled energies; with parity, of the molecule and its mirror image."""
        if self.parity == "none":
            return super().run(x, expectations)
        x = given(x, self, self.row)
        both: Tensor = super().run(torch.cat([x, -x]), expectations)
        mean: Tensor = both.unflatten(0, (2, -1)).mean(0)
        return mean

    def encoded(self, x: Float[Tensor, "batch atoms 3"]) -> Complex[Tensor, "encodings batch qubits 2 2"]:
        """All encoding gates."""
        points = self._radial(x).index_select(1, self.carried)
        return vector_gates(self.alphas()[:, None, :, None] * points)

    def _encoding_gates(self, x: Tensor) -> list[list[Gate]]:
        gates = self.encoded(x)
        return [[Gate("unitary", (q,), one[:, q]) for q in range(self.qubits)] for one in gates]

    def _radial(self, x: Tensor) -> Tensor:
        if self.radial is None:
            return x
        c, k, mu, s = self.radial
        length = x.norm(dim=-1, keepdim=True)
        mapped: Tensor = x / length * (c + k * (length - mu) / s)
        return mapped


class RotationCircuit(VectorCircuit):
    """Model B: SO(3)-invariant by construction, not invariant under exchanges.

    Atom i owns the qubits 2 i and 2 i + 1, which start as a singlet. Every qubit has an encoding scale of its own in
    every layer; exp(i J sigma.sigma) with free J acts along a ring, first on its even pairs, then on the odd ones.

    Args:
        atoms: Number m of atoms around the central one.
        layers: Number D of trainable layers.
        seed: Seed of the first parameters.
        readout: ``"affine"`` or ``"raw"``.
        parity: Behaviour under x -> -x, see `VectorCircuit`.
        radial: Function of the distances, see `VectorCircuit`.

    Example:
        >>> RotationCircuit(3, layers=4).parameter_count, RotationCircuit(1, layers=6).parameter_count
        (61, 22)
    """

    def __init__(
        self,
        atoms: int,
        *,
        layers: int = 4,
        seed: Seed = 0,
        readout: str = "affine",
        parity: str = "none",
        radial: Radial | None = None,
    ) -> None:
        n = 2 * atoms
        super().__init__(n, atoms, layers, [q // 2 for q in range(n)], parity=parity, radial=radial)
        source = generator_of(seed)
        ring = [(q, (q + 1) % n) for q in [*range(0, n, 2), *range(1, n, 2)]]
        self.ring = ring if n > 2 else ring[:1]
        sign = torch.tensor([ENCODING, -ENCODING], dtype=torch.float64).repeat(atoms)
        self.alpha = nn.Parameter(sign + ENCODING_SPREAD * normal(layers + 1, n, generator=source))
        self.angle = nn.Parameter(ANGLE_SPREAD * normal(layers, len(self.ring), generator=source))
        self.bonds = ExchangeLayers(n, self.ring)
        self.register_constant("start", singlets(n, [(2 * i, 2 * i + 1) for i in range(atoms)]))
        self.readout = Readout(len(self.ring), source, raw=one_of("readout", readout, READOUTS) == "raw")
        self.symmetry = molecular_symmetry(atoms, exchange=False, parity=parity == "average" or atoms < 3)

    def alphas(self) -> Float[Tensor, "encodings qubits"]:
        """One a qubit."""
        return self.alpha

    def state(self, x: Float[Tensor, "batch atoms 3"]) -> State:
        """The state before the measurement."""
        first, *encodings = layers_of(self.encoded(x))
        blocks = self.bonds.blocks(self.angle)
        psi: State = local(self.start.to(first[0].dtype)[None], *first)
        for layer, encoding in enumerate(encodings):
            psi = self.bonds(psi, self.angle[layer], blocks[layer])
            psi = local(self._break(psi, layer), *encoding)
        return psi

    def measured(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch k"]:
        """<sigma_i . sigma_j> = 2 <SWAP_ij> - 1 on the ring."""
        psi = self.state(x)
        values = [2.0 * overlap(psi, psi.index_select(-1, index)) - 1.0 for index in self.bonds.swaps]
        return torch.stack(values, -1)

    def program(self, x: Float[Tensor, "batch atoms 3"]) -> Program:
        """Gate by gate (of f itself: parity averaging is two runs of it)."""
        first, *others = self._encoding_gates(x)
        gates = first
        for layer, encoding in enumerate(others):
            gates += [Gate("heisenberg", pair, self.angle[layer, k]) for k, pair in enumerate(self.ring)]
            gates += self._breaking_gates(layer) + encoding
        return Program(self.qubits, self.start, gates, [sigma_word(*pair) for pair in self.ring])


class WaterCircuit(VectorCircuit):
    """Model B': the four-qubit layout of Le et al. (arXiv 2311.11362) for a molecule XH2.

    Qubit q carries atom q mod 2; singlets on (0, 1) and (2, 3). With shared parameters, J(1, 2) = J(3, 0) and one scale
    for the qubits 0, 1 and one for 2, 3, exchanging the two atoms changes nothing; with free ones it does.

    Args:
        layers: Number D of trainable layers.
        seed: Seed of the one angle that all first gates start with, from U(0, pi).
        free: Do not share parameters: rotations alone are respected then.
        readout: ``"raw"``: the energy is <sigma_0 . sigma_1> itself, as in the original; or ``"affine"``.

    Example:
        >>> WaterCircuit().symmetry
        <Symmetry O(3) x S2: Points -> Invariant>
    """

    swaps: Tensor
    PAIRS = ((0, 1), (2, 3), (1, 2), (3, 0))

    def __init__(self, *, layers: int = 6, seed: Seed = 0, free: bool = False, readout: str = "raw") -> None:
        super().__init__(4, 2, layers, [q % 2 for q in range(4)])
        source = generator_of(seed)
        self.free = free
        angle = torch.zeros(layers, 4 if free else 3, dtype=torch.float64)
        angle[:, 0] = math.pi * torch.rand(1, dtype=torch.float64, generator=source)
        self.alpha = nn.Parameter(torch.ones(layers + 1, 4 if free else 2, dtype=torch.float64))
        self.angle = nn.Parameter(angle)
        self.bonds = ExchangeLayers(4, self.PAIRS)
        self.register_constant("start", singlets(4, [(0, 1), (2, 3)]))
        self.readout = Readout(1, source, raw=one_of("readout", readout, READOUTS) == "raw")
        self.symmetry = molecular_symmetry(2, exchange=not free, parity=True)

    def alphas(self) -> Float[Tensor, "encodings qubits"]:
        """One a qubit, shared within each pair unless free."""
        return self.alpha if self.free else self.alpha.repeat_interleave(2, 1)

    def angles(self) -> Float[Tensor, "layers 4"]:
        """One a pair, the last two equal unless free."""
        return self.angle if self.free else self.angle[:, [0, 1, 2, 2]]

    def measured(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch k"]:
        """<sigma_0 . sigma_1>."""
        first, *encodings = layers_of(self.encoded(x))
        angles = self.angles()
        blocks = self.bonds.blocks(angles)
        psi: State = local(self.start.to(first[0].dtype)[None], *first)
        for layer, encoding in enumerate(encodings):
            psi = self.bonds(psi, angles[layer], blocks[layer])
            psi = local(self._break(psi, layer), *encoding)
        return (2.0 * overlap(psi, psi.index_select(-1, self.bonds.swaps[0])) - 1.0)[:, None]

    def program(self, x: Float[Tensor, "batch atoms 3"]) -> Program:
        """Gate by gate."""
        first, *others = self._encoding_gates(x)
        gates, angles = first, self.angles()
        for layer, encoding in enumerate(others):
            gates += [Gate("heisenberg", pair, angles[layer, k]) for k, pair in enumerate(self.PAIRS)]
            gates += self._breaking_gates(layer) + encoding
        return Program(4, self.start, gates, [sigma_word(0, 1)])
