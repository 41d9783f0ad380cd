"""Symmetric and exterior powers, in orthonormal bases of monomials."""

from __future__ import annotations

import itertools
import math
import operator
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.linalg import vector_norm

from haar.actions.representation.composite import tensor_power
from haar.actions.representation.elementary import Trivial
from haar.actions.representation.representation import Representation, check_degree, check_representation, matrix_of
from haar.actions.representation.subspace import Subspace
from haar.errors import ArgumentError
from haar.host import on_the_host

#: Largest tensor power n^k in which a dense power is embedded.
_LARGEST = 100_000


def symmetric_power(rep: Representation, power: int) -> Representation:
    """Sym^k: symmetric tensors, or homogeneous polynomials of degree k, of dimension C(n + k - 1, k).

    The basis is e_a e_b ... with a <= b <= ..., symmetrised and normalised in the tensor power. Powers of signed
    permutations are signed permutations.

    Args:
        rep: The representation whose power is taken.
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
        rep: The representation whose power is taken.
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


@on_the_host
def _power(rep: Representation, power: int, kind: Literal["symmetric", "exterior"]) -> Representation:
    check_representation("rep", rep)
    check_degree("power", power)
    if kind == "exterior" and power > rep.dim:
        raise ArgumentError("power", expected=f"0 to {rep.dim}", got=power)
    power = operator.index(power)
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
            way_out="lower it; of rotations and SU(2), Harmonic and Spin have every degree",
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
        self._ranks = _Ranks(rep.dim, power, kind)

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
        return self._ranks.of(moved.sort(-1).values), signs

    def matrix(self, g: Tensor) -> Tensor:
        """Signed permutation matrices."""
        return matrix_of(*self.signed_permutation(g))


class _Ranks:
    """The number of every sorted row among all, in lexicographic order, by counting those that come before it."""

    def __init__(self, n: int, power: int, kind: str) -> None:
        self.strict = kind == "exterior"
        # rows of r entries from v .. n - 1
        self.counts = torch.tensor(
            [
                [math.comb(n - v, r) if self.strict else math.comb(n - v + r - 1, r) if v < n else int(r == 0)
                 for v in range(n + 1)]
                for r in range(power + 1)
            ]
        )  # fmt: skip

    def of(self, rows: Int[Tensor, "*batch k"]) -> Int[Tensor, "*batch"]:
        """The numbers of sorted rows."""
        k = rows.shape[-1]
        rank = torch.zeros(rows.shape[:-1], dtype=torch.int64)
        least = torch.zeros(rows.shape[:-1], dtype=torch.int64)
        for i in range(k):
            counts, entry = self.counts[k - i], rows[..., i]
            rank = rank + counts[least] - counts[entry]
            least = entry + 1 if self.strict else entry
        return rank


def _monomials(n: int, power: int, kind: str) -> Int[Tensor, "m k"]:
    choose = itertools.combinations_with_replacement if kind == "symmetric" else itertools.combinations
    return torch.tensor(list(choose(range(n), power)))


def _embedding(n: int, power: int, kind: str) -> Float[Tensor, "big m"]:
    """Normalised (anti)symmetrised basis tensors as columns."""
    place = torch.arange(n**power)
    digits = torch.div(place[:, None], n ** torch.arange(power - 1, -1, -1), rounding_mode="floor") % n
    ordered = digits.sort(-1).values
    signs = torch.ones(len(place), dtype=torch.float64)
    if kind == "exterior":
        kept = (ordered[:, 1:] > ordered[:, :-1]).all(-1)
        place, digits, ordered, signs = place[kept], digits[kept], ordered[kept], signs[kept]
        earlier, later = torch.triu_indices(power, power, 1)
        signs = signs * (1 - 2 * ((digits[:, earlier] > digits[:, later]).sum(-1) % 2))
    out = torch.zeros(n**power, len(_monomials(n, power, kind)), dtype=torch.float64)
    out[place, _Ranks(n, power, kind).of(ordered)] = signs
    normalised: Tensor = out / vector_norm(out, dim=0)
    return normalised
