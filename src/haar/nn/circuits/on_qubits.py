"""Groups that act on qubits: SU(2) turns all of them alike, permutations exchange them. Representations as others.

A unitary representation on C^(2^n) is held as an orthogonal one on R^(2^(n+1)), real parts first, so that everything in
`haar.intertwiners` works on it: the twirl of an operator is the Reynolds operator of its real form.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from haar.actions import Representation
from haar.errors import ArgumentError
from haar.groups import SU2, Group, MixedProduct, product, symmetric
from haar.nn.circuits.states import check_qubits, permutation_index

MOST_TWIRLED = 8
"""Largest register on which operators are held as matrices."""

PAULI = torch.tensor([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=torch.complex128)
"""X, Y and Z."""


class OnQubits(Representation):
    """A unitary representation on n qubits.

    Args:
        group: The group that acts on the qubits.
        qubits: Number n of qubits.
        name: A short name.
    """

    def __init__(self, group: Group, qubits: int, name: str) -> None:
        self.qubits = check_qubits(qubits, most=MOST_TWIRLED, why="operators as matrices")
        self.group, self.dim, self.name = group, 2 * 2**qubits, name

    @abstractmethod
    def unitary(self, g: Tensor) -> Complex[Tensor, "*batch states states"]:
        """The unitary matrices of a batch of elements."""

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Their real forms."""
        return real_form(self.unitary(g))


class SpinOnQubits(OnQubits):
    """SU(2) as U x U x ... x U on n qubits.

    It is isomorphic to its conjugate, so that its real form has four times as many intertwiners over the reals as it
    has itself over the complex numbers (for n qubits: four times the n-th Catalan number).

    Args:
        qubits: Number n of qubits.
        group: ``SU2()``, if it is to be shared.

    Example:
        >>> from haar.intertwiners import hom_dimension
        >>> spins = SpinOnQubits(2)
        >>> hom_dimension(spins, spins) // 4
        2
    """

    def __init__(self, qubits: int, group: SU2 | None = None) -> None:
        super().__init__(SU2() if group is None else group, qubits, f"U^{qubits}")

    @property
    def degree(self) -> int:
        """The number n of qubits."""
        return self.qubits

    def unitary(self, g: Tensor) -> Complex[Tensor, "*batch states states"]:
        """Tensor powers of w - i (x X + y Y + z Z), the quaternion in the first column of g."""
        return tensor_power_of(quaternion_unitary(g[..., 0]), self.qubits)

    def total_spin(self) -> Complex[Tensor, "3 states states"]:
        """Sums of X, Y and Z over all qubits: what an invariant operator commutes with."""
        n = self.qubits
        totals = []
        for pauli in PAULI:
            total = torch.zeros(2**n, 2**n, dtype=torch.complex128)
            for q in range(n):
                total += torch.kron(torch.kron(torch.eye(2**q), pauli), torch.eye(2 ** (n - q - 1)))
            totals.append(total)
        return torch.stack(totals)


class PermutedQubits(OnQubits):
    """S_m that permutes atoms, and with them the qubits that belong to each.

    Args:
        owned: The qubits of every atom, equally many each.
        group: ``symmetric(m)``, if it is to be shared.

    Raises:
        ArgumentError: If they do not cover the register or are not equally many.

    Example:
        >>> from haar.intertwiners import hom_dimension
        >>> qubits = PermutedQubits([(0,), (1,), (2,)])
        >>> hom_dimension(qubits, qubits) // 4
        20
    """

    def __init__(self, owned: Sequence[Sequence[int]], group: Group | None = None) -> None:
        flat = [q for one in owned for q in one]
        if sorted(flat) != list(range(len(flat))) or len({len(one) for one in owned}) != 1:
            raise ArgumentError(
                "owned", expected="the same number of qubits for every atom, each once", got=[list(o) for o in owned]
            )
        group = symmetric(len(owned)) if group is None else group
        super().__init__(group, len(flat), f"S{len(owned)} on {len(flat)} qubits")
        self.owned = [tuple(one) for one in owned]

    def unitary(self, g: Tensor) -> Complex[Tensor, "*batch states states"]:
        """Permutation matrices of the qubits."""
        pair = self.group.defining_signed_permutation(g)
        source = torch.zeros_like(g)[..., None] if pair is None else pair[0]
        flat = source.reshape(-1, source.shape[-1])
        made = []
        for row in flat.tolist():
            order = [0] * self.qubits
            for target, atom in enumerate(row):  # (g v)_target = v_atom: atom goes to target
                for old, new in zip(self.owned[atom], self.owned[target], strict=True):
                    order[old] = new
            index = permutation_index(self.qubits, order)
            made.append(torch.eye(2**self.qubits, dtype=torch.complex128)[index])
        return torch.stack(made).reshape(*source.shape[:-1], 2**self.qubits, 2**self.qubits)


class TogetherOnQubits(OnQubits):
    """Two representations on the same qubits whose matrices commute, as one of the product group.

    Args:
        first: Representation of the first factor.
        second: Representation of the second factor.

    Raises:
        ArgumentError: If they are of different registers.

    Example:
        >>> both = molecule_on_qubits(2)
        >>> both.group.name
        'SU(2) x S2'
    """

    group: MixedProduct

    def __init__(self, first: OnQubits, second: OnQubits) -> None:
        if first.qubits != second.qubits:
            raise ArgumentError("second", expected=f"{first.qubits} qubits", got=second.qubits)
        super().__init__(product(first.group, second.group), first.qubits, f"{first.name}, {second.name}")
        self.first, self.second = first, second

    @property
    def degree(self) -> int | None:
        """The sum of both."""
        one, other = self.first.degree, self.second.degree
        return None if one is None or other is None else one + other

    def unitary(self, g: Tensor) -> Complex[Tensor, "*batch states states"]:
        """The product of both."""
        one, other = self.group.split(g)
        return self.first.unitary(one) @ self.second.unitary(other)


def molecule_on_qubits(atoms: int, *, copies: int = 2) -> OnQubits:
    """SU(2) x S_m on `copies` qubits an atom, copy-major: what the generators of an `ExchangeCircuit` commute with.

    Args:
        atoms: Number m of atoms around the central one.
        copies: Qubits an atom.

    Example:
        >>> molecule_on_qubits(1).group.name
        'SU(2)'
    """
    spins = SpinOnQubits(atoms * copies)
    if atoms == 1:
        return spins
    return TogetherOnQubits(spins, PermutedQubits([[c * atoms + i for c in range(copies)] for i in range(atoms)]))


def real_form(matrix: Complex[Tensor, "*batch n n"]) -> Float[Tensor, "*batch m m"]:
    """[[Re, -Im], [Im, Re]]."""
    top = torch.cat([matrix.real, -matrix.imag], -1)
    return torch.cat([top, torch.cat([matrix.imag, matrix.real], -1)], -2)


def complex_form(matrix: Float[Tensor, "*batch m m"]) -> Complex[Tensor, "*batch n n"]:
    """The inverse of `real_form`."""
    half = matrix.shape[-1] // 2
    return torch.complex(matrix[..., :half, :half], matrix[..., half:, :half])


def quaternion_unitary(q: Float[Tensor, "*batch 4"]) -> Complex[Tensor, "*batch 2 2"]:
    """The unitary w - i (x X + y Y + z Z): rotations of space and of spins by one quaternion.

    Example:
        >>> gate = quaternion_unitary(torch.tensor([1.0, 0, 0, 0], dtype=torch.float64))
        >>> torch.allclose(gate, torch.eye(2, dtype=gate.dtype))
        True
    """
    w, x, y, z = q.to(torch.float64).unbind(-1)
    rows = [torch.complex(w, -z), torch.complex(-y, -x), torch.complex(y, -x), torch.complex(w, z)]
    gates: Tensor = torch.stack(rows, -1).unflatten(-1, (2, 2))
    return gates


def tensor_power_of(matrix: Complex[Tensor, "*batch 2 2"], n: int) -> Complex[Tensor, "*batch states states"]:
    """The product matrix x matrix x ... x matrix of n factors."""
    power = matrix
    for _ in range(n - 1):
        power = torch.einsum("...ij,...kl->...ikjl", power, matrix).flatten(-4, -3).flatten(-2)
    return power
