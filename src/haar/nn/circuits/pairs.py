"""Point clouds by pairs of qubits: generators that sum over all tuples of pairs (HyQuRP, arXiv 2602.06381)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from haar.actions import Invariant, Symmetry
from haar.errors import ArgumentError
from haar.nn.circuits.circuit import Circuit, Gate, Program, normal, sigma_word
from haar.nn.circuits.sectors import PermutationSum, Sectors
from haar.nn.circuits.states import (
    State,
    halves,
    local,
    overlap,
    permutation_index,
    singlets,
    swap_index,
    vector_gates,
)
from haar.nn.circuits.symmetries import molecular_symmetry
from haar.seeding import Seed, generator_of

#: Part of a full turn that the first angles of all sums together make: small, as published.
_FIRST_TURN = 0.02

_THETA = 1.7


class PairCircuit(Circuit):
    """Model F: invariant under SO(3) x S_m; classifies clouds of m points.

    Point i owns the qubits 2 i and 2 i + 1, a singlet, of which only the first encodes it, once. A block has two gates
    for every p = 2 .. m: exp(i theta G_p^+) and exp(i theta G_p^-), sums over all cycles through p pairs. Every pair of
    points is measured by two invariants; a small network with pooled statistics turns them into logits.

    Args:
        points: Number m of points, 2 to 6.
        classes: Number of classes.
        blocks: Number of blocks.
        seed: Seed of the first parameters.

    Raises:
        ArgumentError: If there are too few or too many points.

    Example:
        >>> PairCircuit(3, blocks=2)(torch.randn(4, 3, 3, dtype=torch.float64)).shape
        torch.Size([4, 5])
    """

    pairs: Tensor

    def __init__(self, points: int, *, classes: int = 5, blocks: int = 12, seed: Seed = 0) -> None:
        if not 2 <= points <= 6:
            raise ArgumentError("points", expected="2 to 6 (two qubits each)", got=points)
        if classes < 1:
            raise ArgumentError("classes", expected="at least 1", got=classes)
        n = 2 * points
        super().__init__(n, points, blocks)
        source = generator_of(seed)
        self.sums = nn.ModuleList([cycle_sum(points, p, sign) for p in range(2, points + 1) for sign in (1, -1)])
        start = torch.rand(blocks, len(self.sums), dtype=torch.float64, generator=source)
        self.angle = nn.Parameter(_FIRST_TURN * math.pi / (2 * (points - 1) * 12) * start)
        self.couples = list(itertools.combinations(range(points), 2))
        # sigma_i,c . sigma_j,d = 2 SWAP - 1 for the four choices of copies of every pair of points
        swaps = [swap_index(n, 2 * i + c, 2 * j + d) for i, j in self.couples for c in (0, 1) for d in (0, 1)]
        self.register_constant("pairs", torch.stack(swaps))
        self.register_constant("start", singlets(n, [(2 * i, 2 * i + 1) for i in range(points)]))
        self.local_net = _tanh_network([2, 4, 4], source)
        self.readout = nn.Sequential(_tanh_network([24, 24, 24], source), _linear(24, classes, source))
        symmetry = molecular_symmetry(points)
        self.symmetry = Symmetry(symmetry.group, symmetry.inputs[0], Invariant(symmetry.group))

    def forward(self, x: Real[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch classes"]:
        """Logits.

        Args:
            x: Clouds of `points` points.

        Raises:
            ShapeError: If there are not so many.
            ArgumentError: If numbers are complex, or finer than the parameters.
        """
        return super().forward(x)

    def expectations(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch k"]:
        """Two invariants a pair of points, one after the other."""
        return self.invariants(x).flatten(1)

    def answer(
        self, values: Float[Tensor, "batch k"], x: Float[Tensor, "batch atoms 3"]
    ) -> Float[Tensor, "batch classes"]:
        """The logits of the invariants, through pooled statistics of the pairs."""
        del x
        return self.readout(self._pooled(values.unflatten(1, (-1, 2))))

    def state(self, x: Float[Tensor, "batch atoms 3"]) -> State:
        """The state before the measurement."""
        gates = vector_gates(-2.0 * x / _THETA)  # exp(+i x . sigma / Theta)
        eye = torch.eye(2, dtype=gates.dtype, device=x.device).expand(len(x), self.atoms, 2, 2)
        left, right = halves(torch.stack([gates, eye], 2).flatten(1, 2))
        psi: State = local(self.start.to(left.dtype)[None], left, right)
        # all gates of a sum at once, and between them the amplitudes stay in their sectors
        sectors: Sectors = self.sums[0].sectors  # type: ignore[assignment]
        made = [one.exponential(angles) for one, angles in zip(self.sums, self.angle.mT, strict=True)]  # type: ignore[operator]
        turns = [torch.stack([gate[k] for gate in made], 1).mT.unbind() for k in range(len(sectors.sizes))]
        for block in range(self.layers):
            parts = sectors.apart(psi)
            for k, turn in enumerate(turns):
                for matrix in turn[block]:
                    parts[k] = parts[k] @ matrix
            psi = self._break(sectors.together(parts, psi.shape), block)
        return psi

    def measured(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch k"]:
        """Two invariants a pair of points, (s_i0 +- s_i1) . (s_j0 +- s_j1), then pooled statistics of the pairs."""
        return self._pooled(self.invariants(x))

    def _pooled(self, invariants: Float[Tensor, "batch pairs 2"]) -> Float[Tensor, "batch k"]:
        pairs = self.local_net(invariants)
        spread = pairs.var(1, correction=0)
        pooled = [pairs.mean(1), pairs.amax(1), pairs.amin(1), pairs.sum(1), (spread + 1e-12).sqrt(), spread]
        return torch.cat(pooled, -1)

    def invariants(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, "batch pairs 2"]:
        """The expectations themselves."""
        psi = self.state(x)
        dots = torch.stack([2.0 * overlap(psi, psi.index_select(-1, index)) - 1.0 for index in self.pairs], -1)
        dots = dots.unflatten(-1, (len(self.couples), 4))
        signs = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, -1.0, 1.0]]).to(dots)
        found: Tensor = dots @ signs.T
        return found

    def program(self, x: Float[Tensor, "batch atoms 3"]) -> Program:
        """Gate by gate; the observables are the invariants, before the network."""
        encoding = vector_gates(-2.0 * x / _THETA)
        gates = [Gate("unitary", (2 * i,), encoding[:, i]) for i in range(self.atoms)]
        matrices = [one.matrix() for one in self.sums if isinstance(one, PermutationSum)]
        for block in range(self.layers):
            for k, matrix in enumerate(matrices):
                gates.append(Gate("permutations", tuple(range(self.qubits)), self.angle[block, k], matrix))
            gates += self._breaking_gates(block)
        observables = []
        for i, j in self.couples:
            for sign in (1.0, -1.0):
                word: dict[str, float] = {}
                for c, d in itertools.product((0, 1), repeat=2):
                    for name in sigma_word(2 * i + c, 2 * j + d):
                        word[name] = 1.0 if c == d else sign
                observables.append(word)
        return Program(self.qubits, self.start, gates, observables)


def cycle_sum(points: int, p: int, sign: int) -> PermutationSum:
    """The generator G_p^+-: a sum over all cycles through p pairs.

    It is 1/p! times the sum over ordered tuples of p distinct pairs and over copies c of s(c) Cycle(2 i_k + c_k).

    Args:
        points: Number of pairs of qubits.
        p: Length of the cycles.
        sign: +1: s = 1; -1: s = (-1)^(sum of c).

    Example:
        >>> cycle_sum(2, 2, 1).coefficients.tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    n = 2 * points
    weights: dict[tuple[int, ...], float] = {}
    for tuple_of in itertools.permutations(range(points), p):
        for copies in itertools.product((0, 1), repeat=p):
            wires = [2 * i + c for i, c in zip(tuple_of, copies, strict=True)]
            order = list(range(n))
            for here, there in zip(wires, [*wires[1:], wires[0]], strict=True):
                order[here] = there
            s = 1.0 if sign > 0 else (-1.0) ** sum(copies)
            weights[tuple(order)] = weights.get(tuple(order), 0.0) + s / math.factorial(p)
    return PermutationSum(n, [permutation_index(n, order) for order in weights], list(weights.values()))


def _linear(before: int, after: int, source: torch.Generator) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, before, after, dtype=torch.float64)
    layer.weight.data.copy_(normal(after, before, generator=source) / before**0.5)
    layer.bias.data.zero_()
    return layer


def _tanh_network(sizes: Sequence[int], source: torch.Generator) -> nn.Sequential:
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        parts += [_linear(before, after, source), nn.Tanh()]
    return nn.Sequential(*parts)
