"""State vectors of a few qubits in batches: plain torch, views and gathers, any order of derivative.

A state is ``(batch, 2^n)``, complex; qubit 0 is the most significant bit. A layer of one-qubit gates is two small
matrices, the Kronecker products over the left and the right half of the qubits, and acts by two products on the view
``(batch, 2^(n//2), 2^(n - n//2))``. Exchanges of qubits are gathers. Nothing here makes a ``2^n x 2^n`` matrix.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from haar.errors import ArgumentError

State = Complex[Tensor, "batch states"]

MOST_QUBITS = 16
"""Largest register: 2^16 amplitudes a sample."""

# sqrt has an infinite slope at 0; with this floor all derivatives of sin(r/2)/r and cos(r/2) come out right there.
_FLOOR = 1e-30


def check_qubits(n: int, *, most: int = MOST_QUBITS, why: str = "a state vector") -> int:
    """Refuse registers that are too small or too large.

    Args:
        n: Number of qubits.
        most: The most that is allowed.
        why: What would be too large.

    Raises:
        ArgumentError: If n is not in 1 .. most.

    Example:
        >>> check_qubits(6)
        6
    """
    if not 1 <= n <= most:
        raise ArgumentError("qubits", expected=f"1 to {most} for {why}", got=n)
    return n


def zeros(n: int) -> Complex[Tensor, " states"]:
    """The state |0 ... 0>.

    Example:
        >>> zeros(2).real.tolist()
        [1.0, 0.0, 0.0, 0.0]
    """
    state = torch.zeros(2 ** check_qubits(n), dtype=torch.complex128)
    state[0] = 1.0
    return state


def plus(n: int) -> Complex[Tensor, " states"]:
    """The state |+ ... +>.

    Example:
        >>> plus(2).real.tolist()
        [0.5, 0.5, 0.5, 0.5]
    """
    return torch.full((2 ** check_qubits(n),), 2.0 ** (-n / 2), dtype=torch.complex128)


def singlets(n: int, pairs: Sequence[tuple[int, int]]) -> Complex[Tensor, " states"]:
    """A singlet (|01> - |10>) / sqrt 2 on every pair of qubits; it does not change when all qubits turn alike.

    Args:
        n: Number of qubits.
        pairs: Disjoint pairs that cover them.

    Raises:
        ArgumentError: If they do not.

    Example:
        >>> (singlets(2, [(0, 1)]).real * 2**0.5).round().int().tolist()
        [0, 1, -1, 0]
    """
    check_qubits(n)
    if sorted(itertools.chain(*pairs)) != list(range(n)):
        raise ArgumentError("pairs", expected=f"disjoint pairs that cover {n} qubits", got=list(pairs))
    bit = bits(n)
    state = torch.ones(2**n, dtype=torch.complex128)
    for i, j in pairs:
        state = state * (bit[i] != bit[j]) * (1 - 2 * bit[i]) * 2.0**-0.5
    return state


def bits(n: int) -> Int[Tensor, "n states"]:
    """The bits of every basis state, qubit 0 the most significant.

    Example:
        >>> bits(2).tolist()
        [[0, 0, 1, 1], [0, 1, 0, 1]]
    """
    return torch.arange(2**n) >> torch.arange(n - 1, -1, -1)[:, None] & 1


def z_signs(n: int) -> Float[Tensor, "n states"]:
    """Eigenvalues of Z on every qubit in every basis state.

    Example:
        >>> z_signs(1).tolist()
        [[1.0, -1.0]]
    """
    return 1.0 - 2.0 * bits(n).to(torch.float64)


def permutation_index(n: int, order: Sequence[int]) -> Int[Tensor, " states"]:
    """Where amplitudes come from when qubit q moves to place ``order[q]``: (P psi)_s = psi_index(s).

    Args:
        n: Number of qubits.
        order: A permutation of them.

    Example:
        >>> permutation_index(2, [1, 0]).tolist()
        [0, 2, 1, 3]
    """
    bit = bits(n)
    weight = 2 ** torch.arange(n - 1, -1, -1)
    # bit q of the source is bit order[q] of the target
    return (bit[list(order)] * weight[:, None]).sum(0)


def swap_index(n: int, i: int, j: int) -> Int[Tensor, " states"]:
    """`permutation_index` of the exchange of two qubits."""
    order = list(range(n))
    order[i], order[j] = j, i
    return permutation_index(n, order)


def heisenberg(psi: State, index: Int[Tensor, " states"], angle: Float[Tensor, ""]) -> State:
    """exp(i J sigma_i . sigma_j) psi = e^(-iJ) (cos 2J + i sin 2J SWAP) psi.

    Args:
        psi: States of all qubits.
        index: `swap_index` of the two qubits.
        angle: The angle J, or one a sample.
    """
    return exchange(psi, index, 2.0 * angle) * torch.polar(torch.ones_like(angle), -angle)


def exchange(psi: State, index: Int[Tensor, " states"], angle: Float[Tensor, ""]) -> State:
    """exp(i theta SWAP) psi = (cos theta + i sin theta SWAP) psi.

    Args:
        psi: States of all qubits.
        index: `swap_index` of the two qubits.
        angle: The angle theta, or one a sample.

    Example:
        >>> psi = zeros(2)[None]
        >>> exchange(psi, swap_index(2, 0, 1), torch.tensor(0.3, dtype=torch.float64))[0, 0].imag.item() > 0.29
        True
    """
    return psi * angle.cos() + psi.index_select(-1, index) * (1j * angle.sin())


def vector_gates(v: Float[Tensor, "*batch 3"]) -> Complex[Tensor, "*batch 2 2"]:
    """exp(-i v . sigma / 2), which turns with v: V(R v) = U(R) V(v) U(R)^dagger.

    All derivatives are finite at v = 0.

    Args:
        v: Vectors in space, one for each gate.

    Example:
        >>> gate = vector_gates(torch.zeros(3, dtype=torch.float64))
        >>> torch.allclose(gate, torch.eye(2, dtype=gate.dtype))
        True
    """
    length = (v.square().sum(-1) + _FLOOR).sqrt()
    c, s = (length / 2).cos(), (length / 2).sin() / length
    x, y, z = (s[..., None] * v).unbind(-1)
    real = torch.stack([c, -y, y, c], -1)
    imaginary = torch.stack([-z, -x, -x, z], -1)
    gates: Tensor = torch.complex(real, imaginary).unflatten(-1, (2, 2))
    return gates


def axis_gates(angle: Float[Tensor, "*batch"], axis: str) -> Complex[Tensor, "*batch 2 2"]:
    """RX, RY or RZ of angles: exp(-i angle P / 2).

    Args:
        angle: Angle of every gate.
        axis: ``"x"``, ``"y"`` or ``"z"``.

    Example:
        >>> gate = axis_gates(torch.tensor(0.0), "x")
        >>> torch.allclose(gate, torch.eye(2, dtype=gate.dtype))
        True
    """
    c, s, zero = (angle / 2).cos(), (angle / 2).sin(), torch.zeros_like(angle)
    real = [c, zero, zero, c] if axis != "y" else [c, -s, s, c]
    imaginary = {"x": [zero, -s, -s, zero], "y": [zero] * 4, "z": [-s, zero, zero, s]}[axis]
    gates: Tensor = torch.complex(torch.stack(real, -1), torch.stack(imaginary, -1)).unflatten(-1, (2, 2))
    return gates


def halves(
    gates: Complex[Tensor, "*batch n 2 2"],
) -> tuple[Complex[Tensor, "*batch l l"], Complex[Tensor, "*batch r r"]]:
    """Kronecker products of one gate a qubit over the left and over the right half of the register.

    Args:
        gates: One for every qubit.

    Example:
        >>> left, right = halves(torch.eye(2, dtype=torch.complex128).expand(5, 2, 2))
        >>> left.shape, right.shape
        (torch.Size([4, 4]), torch.Size([8, 8]))
    """
    one = gates.unbind(-3)
    middle = len(one) // 2
    return _kron(one[:middle], gates), _kron(one[middle:], gates)


def layers_of(
    gates: Complex[Tensor, "layers *batch n 2 2"],
) -> list[tuple[Complex[Tensor, "*batch l l"], Complex[Tensor, "*batch r r"]]]:
    """The `halves` of many layers, layer by layer.

    Args:
        gates: One for every layer and qubit.

    Example:
        >>> len(layers_of(torch.eye(2, dtype=torch.complex128).expand(3, 4, 2, 2)))
        3
    """
    left, right = halves(gates)
    # unbind, not an index a layer: its derivative is one stack
    return list(zip(left.unbind(), right.unbind(), strict=True))


def local(
    psi: State, left: Complex[Tensor, "*b l l"], right: Complex[Tensor, "*b r r"]
) -> Complex[Tensor, "out states"]:
    """Apply a layer of one-qubit gates, given as `halves`: one for all samples, or one a sample.

    Args:
        psi: States of all qubits.
        left: On the first qubits.
        right: On the others.
    """
    square: Tensor = psi.unflatten(-1, (left.shape[-1], right.shape[-1]))
    return (left @ square @ right.mT).flatten(-2)


def bloch_vectors(psi: State, n: int) -> Float[Tensor, "batch n 3"]:
    """<X>, <Y> and <Z> of every qubit.

    Args:
        psi: States of all qubits.
        n: Number of qubits.

    Example:
        >>> bloch_vectors(plus(2)[None], 2)[0].round().int().abs().tolist()
        [[1, 0, 0], [1, 0, 0]]
    """
    found = []
    for q in range(n):
        zero, one = psi.unflatten(-1, (2**q, 2, -1)).unbind(-2)
        mixed = 2.0 * (zero.conj() * one).sum((-2, -1))
        z = (zero.conj() * zero - one.conj() * one).sum((-2, -1)).real
        found.append(torch.stack([mixed.real, mixed.imag, z], -1))
    return torch.stack(found, -2)


def probabilities(psi: State) -> Float[Tensor, "batch states"]:
    """Squared sizes of the amplitudes."""
    return psi.real.square() + psi.imag.square()


def overlap(psi: State, phi: State) -> Float[Tensor, " batch"]:
    """The real part of <psi|phi>."""
    return (torch.view_as_real(psi) * torch.view_as_real(phi)).sum((-2, -1))


def _kron(factors: Sequence[Tensor], like: Tensor) -> Tensor:
    if not factors:
        return torch.ones(*like.shape[:-3], 1, 1, dtype=like.dtype, device=like.device)
    product = factors[0]
    for factor in factors[1:]:
        # an outer product, whose derivative is two small products of matrices
        grown = product.flatten(-2)[..., None] @ factor.flatten(-2)[..., None, :]
        d = product.shape[-1]
        product = grown.unflatten(-1, (2, 2)).unflatten(-3, (d, d)).transpose(-3, -2).flatten(-4, -3).flatten(-2)
    return product
