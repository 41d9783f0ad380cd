"""Pairs of representations whose equivariant maps are counted in several independent ways."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

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
    LieGroup,
    O,
    Torus,
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
from haar.intertwiners import irreducible

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


def grid_fields(size: int, *, vectors: bool = True) -> Representation:
    """Vectors (or scalars) on a periodic D4 grid."""
    group = grid_group(dihedral(4), (size, size))
    point = torch.stack([group.element(int(p)) for p in dihedral(4).generators()])
    scalars = Quotient(group.subgroup(point))
    return scalars @ Space(group) if vectors else scalars


def _elasticity(make: Callable[[], Representation]) -> Callable[[], Reps]:
    """Quadratic forms on symmetric second-order tensors, as invariants."""

    def reps() -> Reps:
        vector = make()
        return Trivial(vector.group), symmetric_power(symmetric_power(vector, 2), 2)

    return reps


def _invariants(make: Callable[[], Representation], order: int) -> Callable[[], Reps]:
    """Tensors of an order that nothing moves."""

    def reps() -> Reps:
        rep = make()
        return Trivial(rep.group), _power(rep, order)

    return reps


def _about_z(degrees: float | int) -> Tensor:
    angle = torch.tensor(math.radians(degrees), dtype=torch.float64)
    turn = torch.eye(3, dtype=torch.float64)
    turn[:2, :2] = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).reshape(2, 2)
    return turn


def _signs(*entries: float | int) -> Tensor:
    return torch.diag(torch.tensor(entries, dtype=torch.float64))


def _crystal(name: str, *generators: Tensor) -> Callable[[], Representation]:
    """Vectors under a point group that was given by its matrices."""
    return lambda: Defining(from_matrices(list(generators), name))


def _about_an_axis() -> Representation:
    """Vectors under a user's Lie group: turns about z, and the mirrors of a cylinder."""
    turn = torch.zeros(1, 3, 3, dtype=torch.float64)
    turn[0, 0, 1], turn[0, 1, 0] = -1.0, 1.0
    others = [_signs(-1, 1, 1), _signs(1, 1, -1), _signs(-1, 1, -1)]
    return Defining(LieGroup("a cylinder's", turn, torch.stack(others)))


def _su3() -> Representation:
    """Three complex numbers, as six real ones, under a user's Lie group: SU(3) by Gell-Mann's matrices."""
    i, j = zip(*((0, 1), (0, 2), (1, 2)), strict=True)
    hermitian = torch.zeros(8, 3, 3, dtype=torch.complex128)
    for k, (a, b) in enumerate(zip(i, j, strict=True)):
        hermitian[2 * k, a, b] = hermitian[2 * k, b, a] = 1
        hermitian[2 * k + 1, a, b] = torch.tensor(-1j)
        hermitian[2 * k + 1, b, a] = torch.tensor(1j)
    hermitian[6].diagonal().copy_(torch.tensor([1, -1, 0]))
    hermitian[7].diagonal().copy_(torch.tensor([1, 1, -2]) / 3**0.5)
    turn = 1j * hermitian
    return Defining(
        LieGroup("SU(3)", torch.cat([torch.cat([turn.real, -turn.imag], 2), torch.cat([turn.imag, turn.real], 2)], 1))
    )


def _triangle() -> Representation:
    """Vectors under a group that was given by two matrices."""
    turn = torch.tensor([[-0.5, -(0.75**0.5)], [0.75**0.5, -0.5]], dtype=torch.float64)
    return Defining(from_matrices([turn, torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))], "triangle"))


def _rows_and_columns(n: int, m: int) -> Representation:
    group = product(symmetric(n), symmetric(m))
    rows, columns = (Defining(factor).pull_back(group, k) for k, factor in enumerate(group.factors))
    return rows @ columns


_BELL, _CATALAN = "set partitions (Bell numbers)", "isotropic tensors"
_BURNSIDE, _WEIGHTS = "Burnside's count", "multiplicities of weights"
_CYLINDER = "transversely isotropic bodies"

#: Generators of the point group of every other crystal system, and the number of its elastic constants.
_CRYSTALS: Mapping[str, tuple[tuple[Tensor, ...], int]] = {
    "hexagonal": ((_about_z(60), _signs(-1, 1, 1), _signs(1, 1, -1)), 5),
    "tetragonal": ((_about_z(90), _signs(-1, 1, 1), _signs(1, 1, -1)), 6),
    "trigonal": ((_about_z(120), _signs(1, -1, -1), _signs(-1, -1, -1)), 6),
    "orthorhombic": ((_signs(-1, 1, 1), _signs(1, -1, 1), _signs(1, 1, -1)), 9),
    "monoclinic": ((_signs(-1, -1, 1), _signs(1, 1, -1)), 13),
    "triclinic": ((_signs(-1, -1, -1),), 21),
}

PAIRS: Mapping[str, Pair] = {
    "S8: vectors to vectors": Pair(_powers(lambda: Defining(symmetric(8)), 1, 1), (2, _BELL)),
    "S8: vectors to matrices": Pair(_powers(lambda: Defining(symmetric(8)), 1, 2), (5, _BELL)),
    "S8: matrices to matrices": Pair(_powers(lambda: Defining(symmetric(8)), 2, 2), (15, _BELL)),
    "S5: third order to matrices": Pair(_powers(lambda: Defining(symmetric(5)), 3, 2), (52, _BELL)),
    "S6: third order to itself": Pair(_powers(lambda: Defining(symmetric(6)), 3, 3), (203, _BELL)),
    "S8 x S5: matrices to matrices": Pair(_same(lambda: _rows_and_columns(8, 5)), (4, "2 x 2, row and column apart")),
    "Z128: a ring to itself": Pair(_same(lambda: Regular(cyclic(128))), (128, "circular convolutions")),
    "Z8: regular to itself": Pair(_same(lambda: Regular(cyclic(8))), (8, "circular convolutions")),
    "D4: regular to itself": Pair(_same(lambda: Regular(dihedral(4))), (8, "order of the group")),
    "Q8: regular to itself": Pair(_same(lambda: Regular(quaternion())), (8, "order of the group")),
    "Q8: quaternions to themselves": Pair(_same(lambda: irreducible(quaternion(), "4a")), (4, "quaternionic type")),
    "I: regular to itself": Pair(_same(lambda: Regular(icosahedral())), (60, "order of the group")),
    "signs: five coordinates": Pair(_same(lambda: Defining(sign(5))), (5, "one a coordinate")),
    "triangle: third order to vectors": Pair(_powers(_triangle, 3, 1)),
    "D4 grid 6x6: scalars to scalars": Pair(_same(lambda: grid_fields(6, vectors=False)), (10, _BURNSIDE)),
    "D4 grid 6x6: vectors to vectors": Pair(_same(lambda: grid_fields(6)), (20, _BURNSIDE)),
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
    "SO(3): invariants of fifth order": Pair(_invariants(lambda: Defining(SO(3)), 5), (6, _CATALAN)),
    "SU(2): matrices to matrices": Pair(_powers(lambda: Defining(SU2()), 2, 2), (32, "4 x 4 copies of spin 0 and 1")),
    "torus: two circles to themselves": Pair(_same(lambda: Defining(Torus(2))), (4, _WEIGHTS)),
    "torus: matrices to matrices": Pair(_powers(lambda: Defining(Torus(2)), 2, 2), (36, _WEIGHTS)),
    "torus: three circles to matrices": Pair(_powers(lambda: Defining(Torus(3)), 2, 2), (90, _WEIGHTS)),
    "user's SU(3): vectors to vectors": Pair(_same(_su3), (2, "complex type")),
    "user's SU(3): matrices to matrices": Pair(_powers(_su3, 2, 2), (12, "products of quarks")),
    "user's cylinder: matrices to matrices": Pair(
        _powers(_about_an_axis, 2, 2), (10, "multiplicities in vector products")
    ),
    "elasticity, user's cylinder": Pair(_elasticity(_about_an_axis), (5, _CYLINDER)),
    "elasticity, isotropic": Pair(_elasticity(lambda: Defining(O(3))), (2, "Lamé's constants")),
    "elasticity, cubic": Pair(_elasticity(lambda: Defining(octahedral(full=True))), (3, "cubic crystals")),
    **{
        f"elasticity, {name}": Pair(_elasticity(_crystal(name, *matrices)), (constants, f"{name} crystals"))
        for name, (matrices, constants) in _CRYSTALS.items()
    },
    "generated: twelve points": Pair(
        _powers(lambda: Defining(permutation_group([[1, 2, 3, 0, *range(4, 12)], [*range(1, 12), 0]], "G")), 1, 2)
    ),
}
"""A catalogue over all kinds of groups and representations."""
