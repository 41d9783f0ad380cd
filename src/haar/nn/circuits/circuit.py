"""What every circuit is: a module from atoms to energies that can tell its gates, its parameters and its symmetry."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.constants import ConstantsModule
from haar.errors import ArgumentError
from haar.nn.circuits.given import given
from haar.nn.circuits.states import State, z_signs
from haar.seeding import Seed, generator_of

#: First factors of what is encoded, and their spread: vectors of a few Angstrom turn a qubit by less than pi.
ENCODING, ENCODING_SPREAD = 0.7, 0.1
#: Spread of the first angles: a circuit begins near the identity, where its derivatives do not vanish.
ANGLE_SPREAD = 0.3
#: First angle of mixing layers that follow a diagonal one: at 0 they would hide what it did.
MIXING_ANGLE = 0.5
#: Spread of the first weights of a readout.
_READOUT_SPREAD = 0.5


@dataclass(frozen=True)
class Gate:
    """One operation, in words that any simulator understands.

    Args:
        kind: ``RX``, ``RY``, ``RZ``, ``CRY``, ``ZZ`` (exp(-i a Z Z)), ``heisenberg`` (exp(i a sigma.sigma)),
            ``unitary`` (a 2 x 2 matrix, one a sample), ``permutations`` (exp(i a T), T given by `generator`).
        wires: Numbers of the qubits that it acts on.
        value: The angle, or the matrix.
        generator: For ``permutations``: the matrix T on all qubits.
    """

    kind: str
    wires: tuple[int, ...]
    value: Tensor
    generator: Tensor | None = None


@dataclass(frozen=True)
class Program:
    """A circuit spelt out.

    Args:
        qubits: Number of qubits.
        start: The state it starts in.
        gates: In the order in which they act.
        observables: Sums of Pauli words such as ``{"Z0": 1.0, "X0 X1": 0.5}``; the empty word is the identity.
    """

    qubits: int
    start: Tensor
    gates: list[Gate] = field(default_factory=list)
    observables: Sequence[Mapping[str, float]] = ()


class Readout(nn.Module):
    """E = sum of w_k <O_k> + b, or the mean of the <O_k> as they are.

    Args:
        count: Number of observables.
        generator: Source of the first weights, 0.5 N(0, 1).
        raw: Whether the mean is taken, without weights.
    """

    def __init__(self, count: int, generator: torch.Generator, *, raw: bool = False) -> None:
        super().__init__()
        self.raw = raw
        if not raw:
            self.weight = nn.Parameter(_READOUT_SPREAD * normal(count, generator=generator))
            self.bias = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, values: Float[Tensor, "batch k"]) -> Float[Tensor, " batch"]:
        """Energies."""
        return values.mean(-1) if self.raw else values @ self.weight + self.bias


class Circuit(ConstantsModule, ABC):
    """A variational circuit: (batch, atoms, 3) in Angstrom to (batch,) scaled energies.

    Args:
        qubits: Number of qubits.
        atoms: Number m of atoms around the central one.
        layers: Number D of trainable layers.

    Attributes:
        symmetry: What the circuit claims to respect; `haar.audit` can hold it to that.
    """

    symmetry: Symmetry
    start: Tensor
    readout: Callable[[Tensor], Tensor]

    def __init__(self, qubits: int, atoms: int, layers: int) -> None:
        super().__init__()
        for name, value in (("atoms", atoms), ("layers", layers)):
            if value < 1:
                raise ArgumentError(name, expected="at least 1", got=value)
        self.qubits, self.atoms, self.layers = qubits, atoms, layers
        self.eps: nn.Parameter | None = None

    @abstractmethod
    def measured(self, x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch k"]:
        """What `readout` takes: where nothing else is said, the expectations <O_k>."""

    @abstractmethod
    def program(self, x: Float[Tensor, "batch ..."]) -> Program:
        """The same circuit spelt out gate by gate."""

    def forward(self, x: Real[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Scaled energies.

        Args:
            x: Vectors from the central atom, in Angstrom.

        Raises:
            ShapeError: If there are not `atoms` vectors.
            ArgumentError: If numbers are complex, or finer than the parameters.
        """
        return self.run(x, self.expectations)

    def run(self, x: Real[Tensor, "batch ..."], expectations: Callable[[Tensor], Tensor]) -> Float[Tensor, "batch ..."]:
        """What `forward` returns, by whatever machine finds the expectations.

        Args:
            x: Inputs, ``(batch, atoms, 3)``.
            expectations: From inputs to the <O_k> of `program`, (batch, k).

        Raises:
            ShapeError: If inputs have another shape.
            ArgumentError: If numbers are complex, or finer than the parameters.
        """
        x = given(x, self, self.row)
        return self.answer(expectations(x), x)

    @property
    def row(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return (self.atoms, 3)

    def expectations(self, x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch k"]:
        """The <O_k> of `program`, in its order."""
        return self.measured(x)

    def answer(self, values: Float[Tensor, "batch k"], x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """What `forward` makes of the expectations.

        Args:
            values: Expectations <O_k>, (batch, k).
            x: The inputs that they were found at.
        """
        del x  # others weigh them by their inputs
        return self.readout(values)

    @property
    def parameter_count(self) -> int:
        """Trainable numbers."""
        return sum(int(p.numel()) for p in self.parameters() if p.requires_grad)

    def relaxed(self, scale: float | int, *, seed: Seed = 0, trainable: bool = False) -> Circuit:
        """A copy whose rotation symmetry is broken: RZ(eps) on every qubit after every trainable layer.

        Args:
            scale: Standard deviation of eps; the symmetry error grows linearly with it, and is 0 at 0.
            seed: Seed of the angles eps.
            trainable: Whether training may change eps, so that data decide how much symmetry to keep.

        Raises:
            ArgumentError: If the scale is negative.

        Example:
            >>> from haar.nn.circuits import RotationCircuit
            >>> loose = RotationCircuit(1, layers=2).relaxed(1e-2)
            >>> loose.eps.shape
            torch.Size([2, 2])
        """
        if not 0 <= scale < math.inf:
            raise ArgumentError("scale", expected="0 or more", got=scale)
        twin = copy.deepcopy(self)
        source = generator_of(seed)
        twin.eps = nn.Parameter(scale * normal(self.layers, self.qubits, generator=source), requires_grad=trainable)
        return twin

    def to_pennylane(self) -> nn.Module:
        """The same circuit on PennyLane's default.qubit, sharing these parameters.

        Raises:
            MissingExtraError: If PennyLane is not installed.
        """
        from haar.nn.circuits import to_pennylane

        return to_pennylane(self)

    def _break(self, psi: State, layer: int) -> State:
        """RZ(eps_q) on every qubit."""
        if self.eps is None:
            return psi
        phase = -0.5 * (self.eps[layer] @ z_signs(self.qubits).to(self.eps))
        return psi * torch.polar(torch.ones_like(phase), phase)

    def _breaking_gates(self, layer: int) -> list[Gate]:
        if self.eps is None:
            return []
        return [Gate("RZ", (q,), self.eps[layer, q]) for q in range(self.qubits)]


def normal(*shape: int, generator: torch.Generator) -> Tensor:
    """Standard normal numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def swap_word(i: int, j: int, scale: float = 1.0) -> dict[str, float]:
    """SWAP_ij = (1 + XX + YY + ZZ) / 2 in Pauli words.

    Example:
        >>> swap_word(0, 1)
        {'': 0.5, 'X0 X1': 0.5, 'Y0 Y1': 0.5, 'Z0 Z1': 0.5}
    """
    return dict.fromkeys(("", f"X{i} X{j}", f"Y{i} Y{j}", f"Z{i} Z{j}"), 0.5 * scale)


def sigma_word(i: int, j: int) -> dict[str, float]:
    """sigma_i . sigma_j in Pauli words.

    Example:
        >>> sigma_word(0, 1)
        {'X0 X1': 1.0, 'Y0 Y1': 1.0, 'Z0 Z1': 1.0}
    """
    return {f"{axis}{i} {axis}{j}": 1.0 for axis in "XYZ"}


def summed(words: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The sum of several sums of Pauli words."""
    total: dict[str, float] = {}
    for one in words:
        for word, weight in one.items():
            total[word] = total.get(word, 0.0) + weight
    return total
