"""Symmetric and exterior powers, in orthonormal bases of monomials."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.linalg import vector_norm

from haar.actions.representation.composite import tensor_power
from haar.actions.representation.elementary import Trivial
from haar.actions.representation.representation import Representation, matrix_of
from haar.actions.representation.subspace import Subspace
from haar.errors import ArgumentError

#: Largest tensor power n^k in which a dense power is embedded.
_LARGEST = 100_000


def symmetric_power(rep: Representation, power: int) -> Representation:
    """Sym^k: symmetric tensors, or homogeneous polynomials of degree k, of dimension C(n + k - 1, k).

    The basis is e_a e_b ... with a <= b <= ..., symmetrised and normalised in the tensor power. Powers of signed
    permutations are signed permutations.

    Args:
        rep: The representation.
        power: k, at least 0.

    Raises:
        ArgumentError: If the power is negative, or n^k is too large for a dense representation.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO
        >>> symmetric_power(Defining(SO(3)), 2).dim
        6
    """
    return _power(rep, power, "symmetric")


def exterior_power(rep: Representation, power: int) -> Representation:
    """The exterior power: antisymmetric tensors, of dimension C(n, k), in the basis e_a ^ e_b ^ ... with a < b < ...

    Args:
        rep: The representation.
        power: k, from 0 to n.

    Raises:
        ArgumentError: If the power is negative or larger than the dimension, or n^k is too large for a dense
            representation.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO
        >>> exterior_power(Defining(SO(3)), 2).dim
        3
    """
    return _power(rep, power, "exterior")


def _power(rep: Representation, power: int, kind: Literal["symmetric", "exterior"]) -> Representation:
    most = rep.dim if kind == "exterior" else math.inf
    if not 0 <= power <= most:
        raise ArgumentError("power", expected=f"0 to {most}" if kind == "exterior" else "0 or more", got=power)
    if power == 0:
        return Trivial(rep.group)
    if power == 1:
        return rep
    if rep.is_signed_permutation:
        return MonomialPower(rep, power, kind)
    if rep.dim**power > _LARGEST:
        raise ArgumentError(
            "power",
            expected=f"a tensor power of at most {_LARGEST} dimensions",
            got=f"{rep.dim}^{power}",
            way_out="lower it",
        )
    return Subspace(tensor_power(rep, power), _embedding(rep.dim, power, kind), f"{_SYMBOL[kind]}^{power} {rep.name}")


_SYMBOL = {"symmetric": "Sym", "exterior": "Ext"}


class MonomialPower(Representation):
    """The symmetric or exterior power of a signed permutation: monomials go to monomials, up to sign.

    Args:
        rep: A signed-permutation representation.
        power: At least 2.
        kind: ``"symmetric"`` or ``"exterior"``.
    """

    def __init__(self, rep: Representation, power: int, kind: Literal["symmetric", "exterior"]) -> None:
        self.rep, self.power, self.kind = rep, power, kind
        self.group = rep.group
        self.monomials = _monomials(rep.dim, power, kind)
        self.dim = len(self.monomials)
        self.name = f"{_SYMBOL[kind]}^{power} {rep.name}"
        self._codes = _code(self.monomials, rep.dim)

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    @property
    def degree(self) -> int | None:
        """Power times the degree of the base."""
        return None if self.rep.degree is None else self.power * self.rep.degree

    def signed_permutation(self, g: Tensor) -> tuple[Int[Tensor, "*batch m"], Int[Tensor, "*batch m"]]:
        """The monomial's factors moved and sorted; sorting an exterior product changes its sign."""
        index, sign = self.rep.signed_permutation(g)
        # (R v)_i = sign_i v_index(i), and so (R v)_i (R v)_j ... = sign_i sign_j ... v_index(i) v_index(j) ...
        moved = index[..., self.monomials]
        signs = sign[..., self.monomials].prod(-1)
        if self.kind == "exterior":
            later, earlier = torch.triu_indices(self.power, self.power, 1)
            swapped = (moved[..., later] > moved[..., earlier]).sum(-1)
            signs = signs * (1 - 2 * (swapped % 2))
        return torch.searchsorted(self._codes, _code(moved.sort(-1).values, self.rep.dim)), signs

    def matrix(self, g: Tensor) -> Tensor:
        """Signed permutation matrices."""
        return matrix_of(*self.signed_permutation(g))


def _monomials(n: int, power: int, kind: str) -> Int[Tensor, "m k"]:
    choose = itertools.combinations_with_replacement if kind == "symmetric" else itertools.combinations
    return torch.tensor(list(choose(range(n), power)))


def _code(rows: Int[Tensor, "*batch k"], n: int) -> Int[Tensor, "*batch"]:
    return (rows * n ** torch.arange(rows.shape[-1] - 1, -1, -1)).sum(-1)


def _embedding(n: int, power: int, kind: str) -> Float[Tensor, "big m"]:
    """Normalised (anti)symmetrised basis tensors as columns."""
    monomials = _monomials(n, power, kind)
    out = torch.zeros(n**power, len(monomials), dtype=torch.float64)
    for order in itertools.permutations(range(power)):
        inversions = sum(order[i] > order[j] for i, j in itertools.combinations(range(power), 2))
        sign = -1.0 if kind == "exterior" and inversions % 2 else 1.0
        out[_code(monomials[:, list(order)], n), torch.arange(len(monomials))] += sign
    normalised: Tensor = out / vector_norm(out, dim=0)
    return normalised
