"""Questions to what commutes."""

# ruff: noqa: F403, F405 (every name of a face)

from __future__ import annotations

import torch
from recorded import F64, drawn, tried

import haar.actions.representation as kinds
from haar.actions import Defining, Determinant, Mandel, Regular, Space, Trivial, tensor_power
from haar.groups import *
from haar.intertwiners import *

D4, S4 = dihedral(4), symmetric(4)


ASKED = [
    lambda: (
        [
            intertwiners(a, b)
            for a, b in (
                (Space(D4), Regular(D4)),
                (Regular(D4), Regular(D4)),
                (Defining(S4), tensor_power(Defining(S4), 2)),
                (2 * Space(D4) + Trivial(D4), Space(D4)),
                (Determinant(Space(D4)), Trivial(D4)),
            )
        ]
    ),
    lambda: (
        [
            intertwiners(a, b, route="isotypic")
            for a, b in (
                (Space(D4), Regular(D4)),
                (Regular(D4), Regular(D4)),
                (2 * Space(D4) + Trivial(D4), Space(D4)),
                (Determinant(Space(D4)), Trivial(D4)),
            )
        ]
    ),
    lambda: (
        [
            intertwiners(a, b)
            for a, b in (
                (Defining(SO(2)), Defining(SO(2))),
                (2 * Defining(SO(3)), 3 * Defining(SO(3)) + Trivial(SO(3))),
                (Defining(SU2()), 2 * Defining(SU2())),
                (Mandel(Defining(SO(3))), Mandel(Defining(SO(3)))),
                (Defining(quaternion()), Regular(quaternion())),
                (tensor_power(Defining(SO(3)), 2), tensor_power(Defining(SO(3)), 2)),
            )
        ]
    ),
    lambda: (
        tried(lambda r: intertwiners(Space(D4), Regular(D4), route=r).dim, "auto", "orbits", "isotypic", "both"),
        tried(lambda r: intertwiners(Defining(SO(3)), Defining(SO(3)), route=r).dim, "auto", "orbits"),
        tried(intertwiners, (Space(D4), Space(cyclic(4))), (D4, Space(D4))),
    ),
    lambda: (
        [
            pair_orbits(a, b)
            for a, b in (
                (Space(D4), Space(D4)),
                (Regular(cyclic(4)), Space(cyclic(4))),
                (Determinant(Space(D4)), Space(D4)),
                (Defining(symmetric(7)), Defining(symmetric(7))),
                (Regular(D4), Space(D4) + Trivial(D4)),
                (Space(D4) + Trivial(D4), Regular(D4)),
                (Trivial(D4), Determinant(Space(D4))),
                (tensor_power(Space(D4), 2), Determinant(Space(D4)) + Trivial(D4, 2)),
            )
        ]
    ),
    lambda: (
        [
            pair_orbits(a, b).sizes
            for a, b in (
                (Regular(octahedral()), tensor_power(Space(octahedral()), 3)),
                (tensor_power(Space(octahedral()), 3), Regular(octahedral())),
                (Regular(S4), kinds.exterior_power(Defining(S4), 2)),
                (kinds.exterior_power(Defining(S4), 2), kinds.exterior_power(Defining(S4), 3)),
                (tensor_power(Defining(sign(3)), 2), tensor_power(Defining(sign(3)), 3)),
            )
        ]
    ),
    lambda: (
        [
            intertwiners(tensor_power(Defining(g), k), tensor_power(Defining(g), l))
            for g, k, l in (
                (S4, 0, 1),
                (S4, 1, 1),
                (symmetric(3), 2, 2),
                (symmetric(2), 2, 2),
                (S4, 2, 1),
                (symmetric(7), 1, 2),
            )
        ],
        [
            intertwiners(
                tensor_power(Defining(symmetric(8)), 2), tensor_power(Defining(symmetric(8)), l)
            ).structure.count
            for l in (0, 1, 2)
        ],
    ),
    lambda: (
        [
            intertwiners(tensor_power(Defining(symmetric(3)), k), tensor_power(Defining(symmetric(3)), l)).structure
            for k, l in ((0, 0), (1, 0), (0, 2), (1, 1), (2, 1), (1, 2))
        ]
    ),
    lambda: (
        [
            invariants(rep) @ invariants(rep).T
            for rep in (
                Defining(S4),
                Regular(D4),
                2 * Trivial(D4) + Space(D4),
                Mandel(Defining(SO(3))),
                tensor_power(Defining(SO(3)), 2),
                Space(D4),
                Trivial(D4, 2) + Space(D4) + Regular(D4),
            )
        ]
    ),
    lambda: (
        [
            decompose(rep)
            for rep in (
                Regular(D4),
                Regular(quaternion()),
                Regular(cyclic(5)),
                Defining(quaternion()) + Regular(quaternion()),
                3 * Space(D4),
                Space(D4) + Trivial(D4) + 2 * Space(D4),
                Trivial(D4, 3),
                Regular(S4),
                tensor_power(Defining(SO(3)), 3),
                Regular(dihedral(5)) + 2 * Defining(dihedral(5)),
                Defining(SU2()) + 2 * kinds.Spin(SU2(), 1),
            )
        ]
    ),
    lambda: (
        [[rep.name for rep in irreducibles(g)] for g in (D4, S4, quaternion(), octahedral(), cyclic(5))],
        [irreducible(S4, name).character(torch.arange(24)) for name in ("1a", "2a", "3a", "3b")],
        tried(irreducible, (D4, "E"), (D4, "E3")),
    ),
    lambda: (
        tried(irreducibles, cyclic(1501), SO(3)),
        [rep.is_signed_permutation for rep in irreducibles(octahedral())],
        [
            multiplicities(rep)
            for rep in (
                Regular(D4),
                tensor_power(Space(D4), 2),
                Regular(quaternion()),
                Regular(cyclic(5)),
                Trivial(S4, 3),
                Space(octahedral()) @ Space(octahedral()),
            )
        ],
        tried(multiplicities, Defining(SO(3))),
    ),
    lambda: (
        [
            matched(Space(D4), Regular(D4))[2],
            matched(Regular(quaternion()), Defining(quaternion()))[2],
            matched(Trivial(D4), Space(D4))[2],
            matched(Trivial(D4), Space(D4) + Trivial(D4))[2],
        ]
    ),
    lambda: tried(
        hom_dimension,
        (Space(D4), Regular(D4)),
        (tensor_power(Defining(SO(3)), 3), tensor_power(Defining(SO(3)), 3)),
        (Defining(O(4)), Defining(O(4))),
        (Defining(symmetric(46)), Defining(symmetric(46))),
        (Defining(symmetric(9)), tensor_power(Defining(symmetric(9)), 2)),
        (Space(D4), Space(cyclic(4))),
        (Defining(SU2()), Defining(SU2())),
        (Defining(sign(12)), Defining(sign(12))),
    ),
    lambda: (
        [
            invariant_polynomials(rep, 6)
            for rep in (
                Defining(symmetric(3)),
                Space(D4),
                Defining(SO(3)),
                Regular(cyclic(3)),
                Defining(quaternion()),
                Trivial(D4),
            )
        ],
        equivariant_polynomials(Space(D4), Space(D4), 5),
        equivariant_polynomials(Defining(SO(3)), 2 * Defining(SO(3)), 4),
        tried(lambda k: invariant_polynomials(Space(D4), k), -1, 0, 1),
        tried(invariant_polynomials, (Defining(symmetric(46)), 2)),
    ),
    lambda: (
        tried(lambda *s: intertwiners(Space(D4), Regular(D4)).project(drawn(*s)), (8, 2), (2, 8), (3, 8, 2)),
        tried(
            lambda *s: intertwiners(Space(D4), Regular(D4), route="isotypic").parameters_of(drawn(*s)).norm(),
            (8, 2),
            (2, 8),
            (3, 8, 2),
        ),
        tried(lambda *s: intertwiners(Space(D4), Regular(D4)).from_parameters(drawn(*s)), (2,), (3,), (4, 2)),
    ),
    lambda: (
        tried(intertwiners(Space(D4), Regular(D4)).project, torch.ones(8, 2, dtype=torch.int64)),
        tried(intertwiners(Space(D4), Regular(D4)).from_parameters, torch.ones(2, dtype=torch.int64)),
        tried(
            lambda e: intertwiners(Space(D4), Space(D4)).contains(
                torch.eye(2, dtype=F64) + e * torch.tensor([[0.0, 1.0], [1.0, 0.0]])
            ),
            1e-11,
            9e-11,
            1.1e-10,
            1e-9,
        ),
        intertwiners(Space(D4), Space(D4)).contains(torch.eye(2).double() + 1e-3 * drawn(2, 2), tolerance=0.01),
    ),
    lambda: (
        [right_multiplication(end) for end in (1, 2, 4)],
        mix(drawn(4, 2, 3), drawn(5, 3, 8)),
        mix(drawn(2, 2, 3), drawn(5, 3, 4)),
        mix(drawn(1, 2, 3), drawn(5, 3, 4)),
    ),
    lambda: tried(
        reynolds,
        (Space(D4), Regular(D4), drawn(2, 8)),
        (Space(D4), Space(D4), torch.ones(2, 2, dtype=torch.int64)),
        (Defining(O(4)), Defining(O(4)), drawn(4, 4)),
        (Defining(symmetric(8)), Defining(symmetric(8)), drawn(8, 8)),
    ),
    lambda: (
        [
            intertwiners(rep, rep).dim
            for rep in (
                tensor_power(Space(octahedral()), 2),
                Regular(icosahedral()),
                Regular(S4),
                Regular(dihedral(17)),
                kinds.Harmonic(SO(3), 2) + kinds.Harmonic(SO(3), 3),
                Regular(alternating(5)) + Defining(alternating(5)),
            )
        ],
        [c.multiplicity for c in decompose(Regular(cyclic(41))).classes],
        [c.multiplicity for c in decompose(Regular(symmetric(5))).classes],
    ),
]
