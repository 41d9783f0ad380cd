"""Questions to groups, on both sides of what is allowed."""

# ruff: noqa: F403, F405 (every name of a face)

from __future__ import annotations

import torch
from recorded import F64, drawn, seeded, tried

from haar.actions import Defining, Vector
from haar.groups import *
from haar.groups.algebra import LieAlgebra
from haar.groups.class_rules import cycle_types, partitions
from haar.groups.crystal import motion
from haar.groups.door import check_compact, check_enumerated, check_group, constructor_of
from haar.groups.lie import exponential, quaternion_matrix, rotation_of_quaternion
from haar.groups.names import named_group
from haar.groups.real import precision, real, real_matrices
from haar.groups.rotation_names import angle_and_axis, rotation_name

D4, S4 = dihedral(4), symmetric(4)
POWERS = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])
QUARTER = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=F64)


def turn(degrees: float, dtype: torch.dtype = F64) -> torch.Tensor:
    """A turn of the plane."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=F64))
    return torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).reshape(2, 2).to(dtype)


def skew(*pairs: tuple[int, int], n: int) -> torch.Tensor:
    """Turns of planes, as a basis of an algebra."""
    basis = torch.zeros(len(pairs), n, n, dtype=F64)
    for k, (i, j) in enumerate(pairs):
        basis[k, i, j], basis[k, j, i] = -1, 1
    return basis


def units(*places: tuple[int, int], n: int) -> torch.Tensor:
    """Matrices with a single 1."""
    basis = torch.zeros(len(places), n, n, dtype=F64)
    for k, (i, j) in enumerate(places):
        basis[k, i, j] = 1
    return basis


ASKED = [
    lambda: (trivial(), trivial(2)),
    lambda: tried(cyclic, 0, 1, 2, 3, 4, 5, 12, True, 2.0),
    lambda: tried(dihedral, 0, 1, 2, 3, 4, 5, 6),
    lambda: tried(reflections, 0, 1, 2, 3, 4),
    lambda: tried(inversion, 0, 1, 2, 3, 4),
    lambda: tried(hyperoctahedral, 0, 1, 2, 3, 5),
    lambda: (
        hyperoctahedral(4).order,
        hyperoctahedral(4).space_dim,
        hyperoctahedral(4).generators(),
        hyperoctahedral(4).describe(200),
    ),
    octahedral,
    lambda: octahedral(full=True),
    lambda: ([axial(axis, full=full) for axis in (0, 1, 2) for full in (True, False)]),
    lambda: tried(symmetric, 0, 1, 2, 3, 4, 5),
    lambda: (
        symmetric(6).order,
        symmetric(6).compose(torch.tensor([5, 700]), torch.tensor([6, 2])),
        symmetric(7),
        symmetric(12).class_rule(),
        symmetric(46).class_rule(),
    ),
    lambda: tried(alternating, 0, 1, 2, 3, 4, 5),
    lambda: (alternating(6).order, alternating(7).order, alternating(8), alternating(9).order),
    lambda: tried(dicyclic, 0, 1, 2, 3, 5),
    quaternion,
    icosahedral,
    lambda: (icosahedral(full=True).order, [x.name for x in real_irreducibles(icosahedral(full=True))]),
    lambda: tried(sign, 0, 1, 2, 3),
    lambda: (sign(10).order, sign(10).describe(513), sign(11)),
    lambda: tried(design, 0, 1, 2, 3, 4, 5, 6),
    lambda: [partitions(6, 3), list(partitions(5)), cycle_types(4)][1:],
    lambda: (SO(2), SO(3), SO(4), SO(5)),
    lambda: (O(2), O(3), O(4)),
    lambda: tried(SO, 1, 0, True, 2.0),
    SU2,
    lambda: tried(Torus, 0, 1, 2, 3),
    lambda: (
        Torus(2).angles(Torus(2).element(torch.tensor([3.0, -4.0]))),
        tried(Torus(2).element, torch.ones(3), torch.ones(1)),
    ),
    lambda: tried(
        lambda n, r: LorentzGroup(n, rapidity=r), (0, 1.0), (1, 1.0), (2, 0.5), (3, 10.0), (3, 10.1), (3, 0.0)
    ),
    lambda: (
        LorentzGroup(2).boost(torch.tensor([[0.3, -0.4], [0.0, 0.0]])),
        tried(LorentzGroup(2).boost, torch.ones(3)),
    ),
    lambda: (
        LorentzGroup(2) == LorentzGroup(2),
        LorentzGroup(2) == LorentzGroup(2, rapidity=0.5),
        LorentzGroup(2) == LorentzGroup(3),
    ),
    lambda: (product(D4, sign(1)), product(cyclic(3), cyclic(2), sign(1))),
    lambda: (product(SO(2), symmetric(3)), product(SO(3), O(2)), product(sign(12), symmetric(7))),
    lambda: tried(
        product,
        (cyclic(3),),
        (cyclic(4), D4),
        (cyclic(3), D4),
        ("C4", D4),
        (LorentzGroup(), cyclic(3)),
    ),
    lambda: semidirect(cyclic(7), cyclic(3), POWERS),
    lambda: tried(
        lambda a: semidirect(cyclic(7), cyclic(3), a), POWERS[:2], POWERS[[0, 2, 2]], POWERS[[0, 0, 1]], POWERS * 0
    ),
    lambda: (wreath(sign(1), symmetric(3)), wreath(cyclic(3), symmetric(2))),
    lambda: (
        wreath(sign(1), symmetric(8)),
        wreath(sign(1), symmetric(7)).order,
        wreath(quaternion(), symmetric(2)).order,
    ),
    lambda: tried(wreath, (sign(1), dihedral(3)), (sign(1), quaternion()), (SO(2), symmetric(2)), (sign(1), 3)),
    lambda: (grid_group(D4, (4, 4), step=2), grid_group(reflections(2), (4, 6), step=(2, 3))),
    lambda: (grid_group(octahedral(), (2, 2, 2)).order, grid_group(D4, (8, 8)).describe(300)),
    lambda: (shifts((4,)), shifts((4, 6), step=2), shifts((4, 6), periodic=(True, False)), shifts((3, 2, 2))),
    lambda: tried(
        lambda *a: grid_group(a[0], a[1], step=a[2]),
        (D4, (4, 6), 1),
        (D4, (4, 4), 3),
        (D4, (4, 4), 0),
        (D4, (4, 4), (2, 4)),
        (D4, (4, 4, 4), 1),
        (D4, (4, 4), (2, 2, 2)),
        (D4, (0, 4), 1),
        (cyclic(3), (4, 4), 1),
    ),
    lambda: tried(grid_group(D4, (4, 4), step=2).element, (3, [2, 6]), (3, [-2, 0]), (3, [1, 0]), 5),
    lambda: (
        permutation_group([[1, 2, 0, 3, 4], [0, 1, 2, 4, 3]]),
        permutation_group([[1, 0, 2, 3, 4, 5], [2, 3, 0, 1, 4, 5], [2, 3, 4, 5, 0, 1]]),
    ),
    lambda: (
        permutation_group([[1, 0, 2, 3], [0, 1, 3, 2]]).contains(
            torch.tensor([[1, 0, 3, 2], [2, 1, 0, 3], [0, 1, 2, 3]])
        ),
        permutation_group([[0, 1, 2]]),
    ),
    lambda: (
        permutation_group([[1, 2, 3, 4, 5, 6, 0], [0, 2, 4, 6, 1, 3, 5]]).base,
        permutation_group([[1, 2, 3, 0, 4, 5], [0, 1, 2, 3, 5, 4]]).transversals(),
    ),
    lambda: tried(permutation_group, [[0, 0, 1]], [[1, 2]], [[0]], [[0, 1.5]], [0, 1]),
    lambda: (from_permutations([[1, 2, 0, 3], [0, 1, 3, 2]], "S4"), from_permutations([[0, 1]])),
    lambda: tried(lambda limit: from_permutations([[1, 2, 3, 0], [1, 0, 2, 3]], limit=limit), 23, 24),
    lambda: (
        from_matrices([QUARTER], "C4", moves_grid=True),
        from_matrices([turn(72.0)]),
        from_matrices([torch.eye(2, dtype=F64)]),
    ),
    lambda: tried(lambda limit: from_matrices([QUARTER], limit=limit), 3, 4),
    lambda: tried(
        lambda *a: from_matrices([a[0]], orthogonalise=a[1]),
        (2 * QUARTER, False),
        (2 * QUARTER, True),
        (0 * QUARTER, False),
        (turn(72.0, torch.float32), False),
        (turn(72.0, torch.float32), True),
        (turn(72.0, torch.float16), True),
        (torch.ones(2, 3), False),
    ),
    lambda: tried(lambda d: from_matrices([turn(d)]), 1e-5, 1e-4, 0.5, 1.0, 137.508),
    lambda: from_matrices([torch.tensor([[0.0, -2.0], [0.5, 0.0]], dtype=F64)], orthogonalise=True),
    lambda: tried(lambda e: from_matrices([QUARTER + e]), 1e-12, 1e-10, 1e-9, 1e-8, 1e-7),
    lambda: tried(
        lambda t: TableGroup("G", torch.tensor(t), [1]),
        [[0, 1], [1, 0]],
        [[0, 1], [1, 1]],
        [[1, 0], [0, 1]],
        [[0, 1], [0, 1]],
        [[0, 1, 2], [1, 2, 0]],
        [[0, 1], [1, 2]],
        [[0, -1], [1, 0]],
    ),
    lambda: tried(lambda g: TableGroup("C4", cyclic(4).table, g), [1], [2], [3], []),
    lambda: tried(
        lambda e: TableGroup("C4", cyclic(4).table, [1], defining=cyclic(4).defining_matrix(torch.arange(4)) + e).order,
        1e-10,
        1e-9,
        1e-7,
    ),
    lambda: tried(
        lambda k: (
            TableGroup("C4", cyclic(4).table, [1], defining=cyclic(4).defining_matrix(torch.arange(4))[k]).defining_dim
        ),
        [0, 1, 2, 3],
        [0, 3, 2, 1],
        [0, 1, 3, 2],
        [0, 1, 2],
    ),
    lambda: (
        D4.with_names("abcdefgh").describe(3),
        TableGroup("C2", cyclic(2).table, [1]).describe(1),
        tried(TableGroup("C2", cyclic(2).table, [1]).defining_matrix, torch.arange(2)),
    ),
    lambda: ([D4.subgroup(g) for g in ([2], [4], [1], [], [2, 4])]),
    lambda: tried(D4.subgroup, [8], [-1], [7]),
    lambda: (
        tried(D4.subgroup([2]).locate, torch.tensor([0, 2]), torch.tensor([1]), torch.tensor([7])),
        D4.subgroup([4]).include(torch.tensor([1])),
    ),
    lambda: (
        [D4.cosets(D4.subgroup([4]), side) for side in ("left", "right")],
        D4.coset_labels(D4.subgroup([4]), "left"),
        tried(D4.cosets, (D4.subgroup([4]), "up")),
    ),
    lambda: (
        tried(lambda n: cyclic(3).elements(n), 2, 3),
        tried(lambda n: len(dihedral(6).subgroups(n)), 11, 12),
        tried(symmetric(7).elements),
        tried(SO(3).elements),
    ),
    lambda: (
        shifts((80, 80)).closure(torch.tensor([81, 1600])).sum(),
        tried(lambda: shifts((80, 80)).table),
        shifts((80, 80), step=2).closure(torch.tensor([41])).sum(),
    ),
    lambda: (
        [(len(h.embedding), h.name) for h in icosahedral().subgroups()],
        [h.order for h in product(S4, sign(1)).subgroups()],
    ),
    lambda: ([[h.order for h in g.subgroup_chain()] for g in (S4, alternating(5), sign(3), quaternion(), cyclic(12))]),
    lambda: (crystal_group("m-3m"), crystal_group("D6"), crystal_group("-42m")),
    lambda: (
        [
            (
                point.international,
                point.schoenflies,
                point.centred,
                point.order,
                crystal_group(point.international).generators(),
                [r.name for r in real_irreducibles(crystal_group(point.schoenflies))],
            )
            for point in POINT_GROUPS
        ]
    ),
    lambda: (
        [find_point_group(name).international for name in ("C3i", "S2", "C1h", "V", "Vh", "Vd", "-62m", "m3m", " Oh ")],
        tried(find_point_group, "m-3n", "xyzw"),
    ),
    lambda: ([motion(word) for word in ("-1", "1", "4z", "-4z", "3d", "2x", "-2y", "6z", "3z")]),
    lambda: tried(
        check_group,
        ("g", "C4"),
        ("g", "cyclc"),
        ("g", cyclic),
        ("g", torch.eye(2)),
        ("g", 3),
        ("g", Vector(Defining(D4))),
        ("g", torch.relu),
        ("g", "x" * 90),
        ("g", D4),
    ),
    lambda: (
        tried(check_compact, ("g", LorentzGroup()), ("g", SO(3))),
        tried(check_enumerated, ("g", SO(3)), ("g", D4), ("g", 7)),
    ),
    lambda: (
        [
            constructor_of(name)
            for name in [
                "C4",
                "Z3",
                "D6",
                "S5",
                "A4",
                "B3",
                "SO(3)",
                "O3",
                "T2",
                "Dic3",
                "cyclic",
                "dihedral4",
                "o",
                "oh",
                "i",
                "Ih",
                "q8",
                "su2",
                "u1",
                "c4v",
                "shifts",
                "p4m",
                "p4",
                "e",
                "1",
                "rotations",
                "C0",
                "octahedra",
                "xyz",
                "ic",
                "reflection",
                "torus",
            ]
        ],
        constructor_of("D4 x S3"),
        constructor_of("D4 x foo"),
        constructor_of("C4*C2"),
    ),
    lambda: (
        [
            repr(named_group(name))
            for name in [
                "C4",
                "C4v",
                "D3",
                "S3",
                "SO3",
                "so(2)",
                "O3",
                "Oh",
                "O",
                "I",
                "Ih",
                "Ci",
                "inversion",
                "reflections:2",
                "lorentz",
                "so(1,2):0.5",
                "c1",
            ]
        ]
    ),
    lambda: tried(
        lambda t: repr(named_group(t)),
        "C0",
        "D0",
        "S0",
        "SO1",
        "reflections",
        "reflections:4",
        "C2048",
        "C2049",
        "lorentz:0",
        "lorentz:0.0",
        "so(1,0)",
        "foo",
        "",
        "shifts",
        "C4 x C4",
    ),
    lambda: tried(
        lambda *a: repr(named_group(a[0], space=a[1], periodic=a[2])),
        ("D4", (8, 8), ()),
        ("C4", (4, 4, 4), ()),
        ("reflections", (4, 6), ()),
        ("D3", (8, 8), ()),
        ("shifts", (4, 6), (True, True)),
        ("shifts:2", (4, 6), (True, False)),
        ("D4 x shifts:2", (4, 4), (True, True)),
        ("shifts:3", (4, 6), (True, True)),
        ("shifts:0", (4, 6), (True, True)),
        ("shifts", (4, 6), (False, False)),
        ("shifts x shifts", (4, 4), (True, True)),
        ("D4 x shifts", (4, 6), (True, True)),
        ("reflections:2", (4, 6), ()),
        ("reflections:3", (4, 6), ()),
        ("reflections", (4,), ()),
        ("Oh", (4, 4, 4), ()),
        ("Oh", (4, 4), ()),
    ),
    lambda: (
        [rotation_name(turn(d)) for d in (0.0, 0.04, 0.06, 0.5, 0.96, 1.0, 40.0, 179.97, -40.0, 359.98)],
        [rotation_name(turn(d) @ torch.diag(torch.tensor([1.0, -1.0]).double())) for d in (0.0, 40.0, 359.99, -90.0)],
    ),
    lambda: (
        [
            rotation_name(exponential(a * SO(3).algebra[k]))
            for k in (0, 1, 2)
            for a in (1e-4, 1e-3, 0.01, 1.0, 3.1415, 3.14159265, -1.0)
        ]
    ),
    lambda: (
        [
            rotation_name(-exponential(a * SO(3).algebra[k]))
            for k in (0, 2)
            for a in (1e-4, 1e-3, 1.0, 3.13, 3.1415, 3.14159265)
        ]
    ),
    lambda: (
        [rotation_name(g) for g in O(4).sample(6, seeded())],
        [
            rotation_name(torch.diag(torch.tensor(d).double()))
            for d in ([1, 1, 1, 1], [-1, 1, 1, 1], [-1, -1, 1, 1], [-1, -1, -1, 1], [-1, -1, -1, -1])
        ],
    ),
    lambda: (
        [angle_and_axis(g) for g in SO(3).sample(4, seeded())],
        angle_and_axis(torch.diag(torch.tensor([1.0, -1, -1]).double())),
        angle_and_axis(exponential((torch.pi - 1e-7) * SO(3).algebra[1])),
        angle_and_axis(exponential((torch.pi - 1e-5) * SO(3).algebra[1])),
    ),
    lambda: (
        exponential(SO(3).algebra),
        exponential(1e-3 * SO(3).algebra),
        quaternion_matrix(drawn(2, 4)),
        rotation_of_quaternion(torch.nn.functional.normalize(drawn(2, 4), dim=-1)),
    ),
    lambda: tried(
        lambda a, c=None: LieGroup("G", a, c),
        skew((0, 1), n=2),
        skew((0, 1), (1, 2), n=3),
        skew((0, 1), (0, 1), n=2),
        torch.ones(1, 2, 2),
        (skew((0, 1), n=3), -torch.eye(3)[None]),
        (skew((0, 1), n=3), torch.eye(3)[None]),
        (skew((0, 1), n=3), 2 * torch.eye(3)[None]),
        (skew((0, 1), n=3), torch.eye(3)[[1, 2, 0]][None]),
    ),
    lambda: (
        [
            (torus.rank, torus.counts(2), torus.weights.abs().sum(), len(torus.roots))
            for torus in (
                LieGroup("G", algebra).maximal_torus
                for algebra in (SO(3).algebra, SO(4).algebra, 3 * skew((0, 1), n=3), skew((0, 1), (2, 3), n=4))
            )
        ]
    ),
    lambda: tried(
        lambda r: LieGroup("G", skew((0, 1), n=4) + r * skew((2, 3), n=4)).maximal_torus.weights.abs().sum(),
        1.0,
        2.0,
        1.5,
        0.001,
        0.0009,
        2**0.5,
    ),
    lambda: (
        [
            LieGroup("G", SO(3).algebra).class_rule(2)[1].sum(),
            LieGroup("G", SO(3).algebra, -torch.eye(3)[None]).class_rule(2)[0].shape,
            tried(LieGroup("G", SO(3).algebra).quadrature, 2),
            LieGroup("G", 3 * skew((0, 1), n=3)).quadrature(4)[0].shape,
        ]
    ),
    lambda: (
        [
            LieGroup("G", SO(3).algebra).sample(2000, seeded()).mean(0).norm() < 0.1,
            LieGroup("G", SO(3).algebra).sample(2000, seeded()).square().mean(0).sub(1 / 3).abs().max() < 0.03,
        ]
    ),
    lambda: (
        tried(SO(3).quadrature, -1, 0, 1, 4),
        tried(O(3).quadrature, 1),
        tried(Torus(3).quadrature, 3, 170),
        tried(SO(4).quadrature, 1),
    ),
    lambda: (
        [LieAlgebra(SO(n).algebra) for n in (2, 3, 4, 5, 6)],
        LieAlgebra(skew((0, 1), (2, 3), n=4)),
        LieAlgebra(skew((0, 1), (0, 2), (1, 2), (3, 4), n=5)),
    ),
    lambda: (
        [
            LieAlgebra(torch.cat([skew((0, 1), n=3), units((0, 2), (1, 2), n=3)])),
            LieAlgebra(units((0, 1), (1, 2), (0, 2), n=3)),
            LieAlgebra(units((0, 1), (0, 0), n=2)),
            LieAlgebra(units((0, 2), (1, 2), n=3)),
            LieAlgebra(units((0, 0), n=2)),
            LieAlgebra(units((0, 0), (1, 1), n=2)),
            LieAlgebra(units((0, 1), (1, 0), (0, 0), (1, 1), n=2)),
        ]
    ),
    lambda: (
        [
            LieAlgebra(units(*((i, j) for i in range(3) for j in range(3)), n=3)),
            LieAlgebra(torch.cat([skew((0, 1), (0, 2), (1, 2), n=4), units((0, 3), (1, 3), (2, 3), n=4)])),
        ]
    ),
    lambda: (
        tried(LieAlgebra, torch.zeros(0, 2, 2), torch.ones(2, 2, 2), skew((0, 1), n=2)),
        tried(LieAlgebra(units((0, 1), n=2)).casimir),
        tried(LieAlgebra(skew((0, 1), n=2)).normal_basis),
        LieAlgebra(SO(3).algebra).casimir(),
    ),
    lambda: (
        [
            LieAlgebra(SO(3).algebra + e * drawn(3, 3, 3), tolerance=t).name
            for e, t in ((1e-8, 1e-6), (1e-3, 1e-6), (1e-3, 1e-2))
        ],
        [LieAlgebra(skew((0, 1), n=2) + e * torch.eye(2)).name for e in (1e-8, 1e-5, 1.0)],
    ),
    lambda: (
        [
            LieAlgebra.of_constants(a.structure_constants, 0.0)
            for a in (
                LieAlgebra(SO(3).algebra),
                LieAlgebra(skew((0, 1), (2, 3), n=4)),
                LieAlgebra(skew((0, 1), n=2)),
                LieAlgebra(SO(4).algebra),
            )
        ]
    ),
    lambda: (
        tried(lambda v: real("x", v), [[1, 0.1]], [1j], [float("nan")], "abc", torch.tensor([2], dtype=torch.int32)),
        tried(lambda v: real_matrices("x", v), [torch.eye(2), torch.eye(3)], torch.ones(2, 3, 2), [], torch.eye(2)),
    ),
    lambda: (
        [
            precision(v)
            for v in (
                torch.tensor([0.1]),
                torch.tensor([0.1]).double(),
                torch.tensor([0.1], dtype=F64),
                torch.tensor([0.5]),
                torch.tensor([0.1]).half(),
                [1, 2],
                [torch.tensor([0.1]), 1.0],
                torch.tensor([3.0]).half(),
            )
        ]
    ),
    lambda: (
        [
            a == b
            for a in (
                D4,
                dihedral(4),
                cyclic(4),
                SO(3),
                O(3),
                symmetric(8),
                shifts((4,)),
                product(D4, sign(1)),
                Torus(1),
                SU2(),
            )
            for b in (
                dihedral(4),
                SO(3),
                symmetric(8),
                shifts((4,)),
                product(dihedral(4), sign(1)),
                Torus(1),
                SU2(),
                permutation_group([[1, 0]]),
            )
        ]
    ),
    lambda: (
        isotypic_projector_coefficients(real_irreducibles(D4)[4]),
        [isotypic_projector_coefficients(r) for r in real_irreducibles(quaternion())],
    ),
]
