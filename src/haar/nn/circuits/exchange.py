"""The circuit that respects rotations and exchanges of atoms: exponentials of sums over atoms."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from haar.nn.circuits.circuit import (
    ANGLE_SPREAD,
    ENCODING,
    ENCODING_SPREAD,
    Gate,
    Program,
    Readout,
    normal,
    summed,
    swap_word,
)
from haar.nn.circuits.options import READOUTS, one_of
from haar.nn.circuits.rotational import Radial, VectorCircuit
from haar.nn.circuits.sectors import PermutationSum
from haar.nn.circuits.states import State, exchange, layers_of, local, singlets, swap_index
from haar.nn.circuits.symmetries import molecular_symmetry
from haar.seeding import Seed, generator_of


class ExchangeCircuit(VectorCircuit):
    """Model C: invariant under SO(3) x S_m by construction.

    Qubit c m + i is copy c of atom i; the two copies of an atom start as a singlet. All atoms share the two encoding
    scales of a layer, and trainable gates are exponentials of sums: A = sum of SWAP(i0, i1), B_c = sum over i < j of
    SWAP(ic, jc), X = sum over i != j of SWAP(i0, j1). (One angle shared by swaps that act one after the other would not
    do: swaps do not commute.)

    Args:
        atoms: Number m of atoms around the central one.
        layers: Number D of trainable layers.
        seed: Seed of the first parameters.
        readout: ``"affine"`` or ``"raw"``.
        parity: ``"average"`` for O(3), see `VectorCircuit`.
        radial: Function of the distances, see `VectorCircuit`.

    Raises:
        ArgumentError: If 2 m qubits are too many.

    Example:
        >>> ExchangeCircuit(3, layers=4).parameter_count, ExchangeCircuit(1, layers=6).parameter_count
        (31, 22)
    """

    pairs: Tensor
    weights: Tensor
    among_values: Tensor
    among_vectors: Tensor

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
        super().__init__(n, atoms, layers, [*range(atoms), *range(atoms)], parity=parity, radial=radial)
        source = generator_of(seed)
        self.groups = exchange_pairs(atoms)
        sums = [PermutationSum(n, [swap_index(n, *pair) for pair in pairs]) for pairs in self.groups]
        self.sizes = [one.size for one in sums]
        if atoms > 1:
            self.cross = sums[3]
            # B_0 and B_1 are the same sum on the atoms' qubits of either copy.
            among = PermutationSum(atoms, [swap_index(atoms, i, j) for i, j in itertools.combinations(range(atoms), 2)])
            values, vectors = torch.linalg.eigh(among.matrix())
            self.register_constant("among_values", values)
            self.register_constant("among_vectors", vectors.to(torch.complex128))
        sign = torch.tensor([ENCODING, -ENCODING], dtype=torch.float64)
        self.alpha = nn.Parameter(sign + ENCODING_SPREAD * normal(layers + 1, 2, generator=source))
        self.angle = nn.Parameter(ANGLE_SPREAD * normal(layers, len(self.groups), generator=source))
        swaps = [swap_index(n, *pair) for pair in itertools.chain(*self.groups)]
        self.register_constant("pairs", torch.stack(swaps))
        rows = [
            torch.full((1, len(pairs)), 1.0 / size, dtype=torch.float64)
            for pairs, size in zip(self.groups, self.sizes, strict=True)
        ]
        self.register_constant("weights", torch.block_diag(*rows))
        self.register_constant("start", singlets(n, [(i, atoms + i) for i in range(atoms)]))
        self.readout = Readout(len(self.groups), source, raw=one_of("readout", readout, READOUTS) == "raw")
        self.symmetry = molecular_symmetry(atoms, parity=parity == "average" or atoms < 3)

    def alphas(self) -> Float[Tensor, "encodings qubits"]:
        """One a copy, shared by the atoms."""
        return self.alpha.repeat_interleave(self.atoms, 1)

    def state(self, x: Float[Tensor, "batch atoms 3"]) -> State:
        """The state before the measurement."""
        first, *encodings = layers_of(self.encoded(x))
        among = self._among(first[0].dtype) if self.atoms > 1 else None
        psi: State = local(self.start.to(first[0].dtype)[None], *first)
        for layer, encoding in enumerate(encodings):
            for index in self.pairs[: self.atoms]:
                psi = exchange(psi, index, self.angle[layer, 0])
            if among is not None:
                psi = self.cross(local(psi, among[layer, 0], among[layer, 1]), self.angle[layer, 3])
            psi = local(self._break(psi, layer), *encoding)
        return psi

    def measured(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch k"]:
        """Expectations of the four sums, each over its largest eigenvalue."""
        psi = self.state(x)
        moved = torch.view_as_real(psi.index_select(-1, self.pairs.flatten()).unflatten(-1, self.pairs.shape))
        # two at a time: einsum of three asks opt_einsum for an order, which cannot be found for a free batch
        each = torch.einsum("bksc,bsc->bk", moved, torch.view_as_real(psi))
        return torch.einsum("bk,ok->bo", each, self.weights.to(x))

    def program(self, x: Float[Tensor, "batch atoms 3"]) -> Program:
        """Gate by gate."""
        first, *others = self._encoding_gates(x)
        gates, wires = first, tuple(range(self.qubits))
        sums = [PermutationSum(self.qubits, [swap_index(self.qubits, *pair) for pair in g]) for g in self.groups]
        for layer, encoding in enumerate(others):
            for k, one in enumerate(sums):
                gates.append(Gate("permutations", wires, self.angle[layer, k], one.matrix()))
            gates += self._breaking_gates(layer) + encoding
        observables = [
            summed([swap_word(*pair, 1.0 / size) for pair in pairs])
            for pairs, size in zip(self.groups, self.sizes, strict=True)
        ]
        return Program(self.qubits, self.start, gates, observables)

    def _among(self, dtype: torch.dtype) -> Complex[Tensor, "layers 2 d d"]:
        """exp(i theta B_c) of every layer and copy, on the qubits of that copy."""
        phase = self.angle[:, 1:3, None] * self.among_values
        vectors: Tensor = self.among_vectors.to(dtype)
        return (vectors * torch.polar(torch.ones_like(phase), phase)[..., None, :].to(dtype)) @ vectors.mT


def exchange_pairs(atoms: int) -> list[list[tuple[int, int]]]:
    """Which qubits A, B_0, B_1 and X exchange; for one atom there is only A.

    Example:
        >>> exchange_pairs(2)
        [[(0, 2), (1, 3)], [(0, 1)], [(2, 3)], [(0, 3), (1, 2)]]
    """
    own = [(i, atoms + i) for i in range(atoms)]
    if atoms == 1:
        return [own]
    among = list(itertools.combinations(range(atoms), 2))
    shifted = [(atoms + i, atoms + j) for i, j in among]
    return [own, among, shifted, [(i, atoms + j) for i, j in itertools.permutations(range(atoms), 2)]]
