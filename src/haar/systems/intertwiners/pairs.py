"""Pairs of representations whose equivariant maps are counted in several independent ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from haar.actions.representation import (
    Defining,
    Quotient,
    Regular,
    Representation,
    Space,
    Trivial,
    exterior_power,
    symmetric_power,
    tensor_power,
)
from haar.groups import (
    SO,
    SU2,
    O,
    cyclic,
    dihedral,
    from_matrices,
    grid_group,
    icosahedral,
    octahedral,
    permutation_group,
    product,
    quaternion,
    sign,
    symmetric,
)

#: (input, output) of one group.
Reps = tuple[Representation, Representation]


@dataclass(frozen=True)
class Pair:
    """Two representations of one group.

    Attributes:
        make: Makes group and representations anew.
        known: The number of maps where a closed form is known, and why.
    """

    make: Callable[[], Reps]
    known: tuple[int, str] | None = None


def _powers(make: Callable[[], Representation], ins: int, outs: int) -> Callable[[], Reps]:
    """From one tensor power of a representation to another."""

    def reps() -> Reps:
        rep = make()
        return _power(rep, ins), _power(rep, outs)

    return reps


def _power(rep: Representation, k: int) -> Representation:
    return tensor_power(rep, k) if k else Trivial(rep.group)


def _same(make: Callable[[], Representation]) -> Callable[[], Reps]:
    def reps() -> Reps:
        rep = make()
        return rep, rep

    return reps


def grid_fields(size: int) -> Representation:
    """Vectors on a periodic D4 grid."""
    group = grid_group(dihedral(4), (size, size))
    point = torch.stack([group.element(int(p)) for p in dihedral(4).generators()])
    return Quotient(group.subgroup(point)) @ Space(group)


def _elasticity(make: Callable[[], Representation]) -> Callable[[], Reps]:
    """Quadratic forms on symmetric second-order tensors, as invariants."""

    def reps() -> Reps:
        vector = make()
        return Trivial(vector.group), symmetric_power(symmetric_power(vector, 2), 2)

    return reps


def _triangle() -> Representation:
    """Vectors under a group that was given by two matrices."""
    turn = torch.tensor([[-0.5, -(0.75**0.5)], [0.75**0.5, -0.5]], dtype=torch.float64)
    return Defining(from_matrices([turn, torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))], "triangle"))


def _rows_and_columns(n: int, m: int) -> Representation:
    group = product(symmetric(n), symmetric(m))
    rows, columns = (Defining(factor).pull_back(group, k) for k, factor in enumerate(group.factors))
    return rows @ columns


_BELL, _CATALAN = "set partitions (Bell numbers)", "isotropic tensors"

PAIRS: Mapping[str, Pair] = {
    "S8: vectors to matrices": Pair(_powers(lambda: Defining(symmetric(8)), 1, 2), (5, _BELL)),
    "S8: matrices to matrices": Pair(_powers(lambda: Defining(symmetric(8)), 2, 2), (15, _BELL)),
    "S5: third order to matrices": Pair(_powers(lambda: Defining(symmetric(5)), 3, 2), (52, _BELL)),
    "S6: third order to itself": Pair(_powers(lambda: Defining(symmetric(6)), 3, 3), (203, _BELL)),
    "S8 x S5: matrices to matrices": Pair(_same(lambda: _rows_and_columns(8, 5)), (4, "2 x 2, row and column apart")),
    "Z128: a ring to itself": Pair(_same(lambda: Regular(cyclic(128))), (128, "circular convolutions")),
    "D4: regular to itself": Pair(_same(lambda: Regular(dihedral(4))), (8, "order of the group")),
    "Q8: regular to itself": Pair(_same(lambda: Regular(quaternion())), (8, "order of the group")),
    "I: regular to itself": Pair(_same(lambda: Regular(icosahedral())), (60, "order of the group")),
    "signs: five coordinates": Pair(_same(lambda: Defining(sign(5))), (5, "one a coordinate")),
    "triangle: third order to vectors": Pair(_powers(_triangle, 3, 1)),
    "D4 grid 6x6: vectors to vectors": Pair(_same(lambda: grid_fields(6))),
    "O_h: third order to vectors": Pair(_powers(lambda: Defining(octahedral(full=True)), 3, 1)),
    "O_h: exterior square to matrices": Pair(
        lambda: (
            exterior_power(vector := Defining(octahedral(full=True)), 2),
            tensor_power(vector, 2),
        )
    ),
    "SO(3): matrices to matrices": Pair(_powers(lambda: Defining(SO(3)), 2, 2), (3, _CATALAN)),
    "SO(3): third order to itself": Pair(_powers(lambda: Defining(SO(3)), 3, 3), (15, _CATALAN)),
    "SO(3): fourth order to itself": Pair(_powers(lambda: Defining(SO(3)), 4, 4), (91, _CATALAN)),
    "O(3): third order to itself": Pair(_powers(lambda: Defining(O(3)), 3, 3), (15, _CATALAN)),
    "SU(2): matrices to matrices": Pair(_powers(lambda: Defining(SU2()), 2, 2)),
    "elasticity, isotropic": Pair(_elasticity(lambda: Defining(O(3))), (2, "Lamé's constants")),
    "elasticity, cubic": Pair(_elasticity(lambda: Defining(octahedral(full=True))), (3, "cubic crystals")),
    "generated: twelve points": Pair(
        _powers(lambda: Defining(permutation_group([[1, 2, 3, 0, *range(4, 12)], [*range(1, 12), 0]], "G")), 1, 2)
    ),
}
"""A catalogue over all kinds of groups and representations."""
