"""Irreducible real representations of SU(2)."""

from __future__ import annotations

import functools
import math
from numbers import Real

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from haar.actions.representation.representation import Representation
from haar.errors import ArgumentError
from haar.groups import SU2, Group


class Spin(Representation):
    """The irreducible representation of spin j of SU(2), over the real numbers.

    For whole j of real type and dimension 2 j + 1; for half-odd j of quaternionic type and dimension 2 (2 j + 1): the
    complex representation on homogeneous polynomials of degree 2 j with its real and imaginary parts side by side. Spin
    1/2 is equivalent to the defining representation.

    Args:
        group: The group SU(2), ``SU2()``.
        j: 0, 0.5, 1, 1.5, ...

    Raises:
        ArgumentError: If the group is another, or 2 j is no whole number of at least 0.

    Example:
        >>> from haar.groups import SU2, Group
        >>> turns = SU2()
        >>> [Spin(turns, j).dim for j in (0, 0.5, 1, 1.5)]
        [1, 4, 3, 8]
    """

    group: SU2

    def __init__(self, group: SU2, j: int | float) -> None:
        if not isinstance(group, SU2):
            raise ArgumentError(
                "group",
                expected="SU(2)",
                got=group.name if isinstance(group, Group) else repr(group),
                way_out="use Harmonic for SO(2), O(2), SO(3), O(3)",
            )
        number = isinstance(j, Real) and not isinstance(j, bool) and math.isfinite(j)
        if not number or j < 0 or 2 * j != round(2 * j):
            raise ArgumentError("j", expected="0, 0.5, 1, 1.5, ...", got=repr(j))
        self.group, self.twice = group, round(2 * j)
        self.dim = self.twice + 1 if self.twice % 2 == 0 else 2 * (self.twice + 1)
        self.name = f"spin {self.twice // 2}" if self.twice % 2 == 0 else f"spin {self.twice}/2"

    @property
    def degree(self) -> int:
        """2 j."""
        return self.twice

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """The complex matrix, made real."""
        return self._real(_spin_matrix(g, self.twice))

    def _real(self, matrix: Complex[Tensor, "*batch c c"]) -> Float[Tensor, "*batch n n"]:
        if self.twice % 2:
            rows = [torch.cat([matrix.real, -matrix.imag], -1), torch.cat([matrix.imag, matrix.real], -1)]
            return torch.cat(rows, -2)
        basis = _real_basis(self.twice)
        return (basis.conj().T @ matrix @ basis).real


def _spin_matrix(g: Float[Tensor, "*batch 4 4"], k: int) -> Complex[Tensor, "*batch c c"]:
    """Sym^k of U = [[a, b], [-b*, a*]] on normalised monomials u^(k-i) v^i: column i holds the image's coefficients.

    The quaternion w + x i + y j + z k in the first column of g is a = w - i z, b = y + i x: a homomorphism into SU(2).
    U is diag(e^im, e^-im) [[c, s], [-s, c]] diag(e^in, e^-in) with a = c e^i(m+n) and b = s e^i(m-n): outside stand
    phases, and the turn in the middle is diagonal in the eigenvectors of its generator.
    """
    w, x, y, z = g[..., 0].to(torch.float64).unbind(-1)
    angle = torch.atan2(torch.hypot(x, y), torch.hypot(w, z))
    phase_a, phase_b = torch.atan2(-z, w), torch.atan2(x, y)
    m, n = (phase_a + phase_b) / 2, (phase_a - phase_b) / 2
    steps = torch.arange(k, -k - 1, -2, dtype=torch.float64)
    vectors = _turn_eigenvectors(k)
    left, middle, right = (_phases(t, steps) for t in (m, angle, n))
    inner = (vectors * middle.unsqueeze(-2)) @ vectors.mH
    matrix: Tensor = left.unsqueeze(-1) * inner * right.unsqueeze(-2)
    return matrix


def _phases(angle: Float[Tensor, "*batch"], steps: Float[Tensor, " c"]) -> Complex[Tensor, "*batch c"]:
    turned = angle.unsqueeze(-1) * steps
    return torch.complex(turned.cos(), turned.sin())


@functools.lru_cache(maxsize=64)
def _turn_eigenvectors(k: int) -> Complex[Tensor, "c c"]:
    """Eigenvectors, for i k, i (k - 2), ..., -i k, of u -> -v, v -> u as a derivation of normalised monomials."""
    with torch.device("cpu"):
        i = torch.arange(k, dtype=torch.float64)
        rise = ((k - i) * (i + 1)).sqrt()
        generator = torch.diag(rise, 1) - torch.diag(rise, -1)
        vectors: Tensor = torch.linalg.eigh(-1j * generator).eigenvectors.flip(-1)
    return vectors


def _real_basis(k: int) -> Complex[Tensor, "c c"]:
    """For even k: a unitary basis fixed by the real structure u^(k-i) v^i -> (-1)^i u^i v^(k-i)."""
    basis = torch.zeros(k + 1, k + 1, dtype=torch.complex128)
    middle = k // 2
    (basis.imag if middle % 2 else basis.real)[middle, middle] = 1
    for i in range(middle):
        sign = (-1) ** i
        basis.real[i, i], basis.real[k - i, i] = 2**-0.5, sign * 2**-0.5
        basis.imag[i, k - i], basis.imag[k - i, k - i] = 2**-0.5, -sign * 2**-0.5
    return basis
