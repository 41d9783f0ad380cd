"""Questions to representations."""

# ruff: noqa: F403, F405 (every name of a face)

from __future__ import annotations

import torch
from questions_to_groups import turn
from recorded import F64, drawn, tried

import haar.actions.representation as kinds
from haar.actions import Defining, Determinant, Mandel, Regular, Space, Trivial, Vector, direct_sum, tensor_power
from haar.groups import *

D4, S4, CUBE = dihedral(4), symmetric(4), octahedral()


ASKED = [
    lambda: (
        Trivial(D4),
        Trivial(D4, 3),
        tried(Trivial, (D4, 0), (D4, -1)),
        Trivial(SO(3), 2),
        Trivial(SO(3)).algebra(),
    ),
    lambda: (
        [
            Defining(g)
            for g in (
                D4,
                quaternion(),
                SO(2),
                SO(3),
                O(3),
                SU2(),
                symmetric(4),
                symmetric(7),
                sign(12),
                Torus(2),
                wreath(sign(1), symmetric(8)),
                LorentzGroup(2),
            )
        ]
    ),
    lambda: (
        tried(Defining, product(D4, sign(1)), TableGroup("C2", cyclic(2).table, [1])),
        tried(Space, cyclic(3), shifts((4, 4)), D4, octahedral()),
    ),
    lambda: (Regular(D4), Regular(cyclic(3)), Regular(dihedral(3)), tried(Regular, SO(3))),
    lambda: (
        [Determinant(Defining(g)) for g in (D4, O(3), O(2), symmetric(4))],
        Determinant(Defining(O(3))).algebra(),
        2 * Determinant(Space(D4)) + Space(D4),
    ),
    lambda: (
        Space(D4) + Trivial(D4, 2),
        Space(D4) @ Space(D4),
        Defining(SO(3)) @ Defining(SO(3)) + Trivial(SO(3)),
        (2 * Defining(O(2))) @ Defining(O(2)),
    ),
    lambda: (
        tried(lambda k: 2 * Space(D4) if k is None else Space(D4) * k, 0, 1, 2, -1),
        tried(lambda k: tensor_power(Space(D4), k), -1, 0, 1, 3),
        tried(direct_sum, [], [Space(D4)], [Space(D4), Space(cyclic(4))]),
    ),
    lambda: (
        [
            (rep.degree, rep.is_signed_permutation, rep.changes_signs)
            for rep in (
                Defining(SO(3)),
                tensor_power(Defining(SO(3)), 3),
                Defining(SO(3)) + Trivial(SO(3)),
                Regular(D4),
                Space(D4),
                kinds.Harmonic(SO(3), 2),
                Mandel(Defining(SO(3))),
                Trivial(SO(3)),
                Determinant(Defining(O(3))),
                kinds.Spin(SU2(), 1.5),
            )
        ]
    ),
    lambda: (
        [
            rep.algebra()
            for rep in (
                Defining(SO(3)),
                2 * Defining(SO(2)),
                Defining(SO(3)) @ Defining(SO(3)),
                kinds.Harmonic(SO(3), 2),
                kinds.Spin(SU2(), 1),
                Mandel(Defining(SO(3))),
                kinds.symmetric_power(Defining(SO(3)), 2),
            )
        ],
        tried(Space(D4).algebra),
    ),
    lambda: tried(
        lambda *a: kinds.Harmonic(a[0], a[1], parity=a[2] if a[2:] else None),
        (SO(2), 0),
        (SO(2), 1),
        (SO(2), 3),
        (SO(3), 0),
        (SO(3), 1),
        (SO(3), 2),
        (SO(3), 5),
        (O(3), 0),
        (O(3), 1),
        (O(3), 2),
        (O(3), 2, -1),
        (O(3), 1, 1),
        (O(2), 0),
        (O(2), 0, -1),
        (O(2), 2),
        (O(2), 1, -1),
        (SO(3), 1, 1),
        (O(3), 1, 2),
        (SO(3), -1),
        (SO(4), 1),
    ),
    lambda: (
        [
            kinds.Harmonic(O(3), 3).matrix(g)
            for g in (
                torch.eye(3, dtype=F64),
                -torch.eye(3, dtype=F64),
                SO(3).exp(torch.tensor([0.0, 0.4, 0.0]).double()),
                SO(3).exp(torch.tensor([0.0, 0.0, 0.4]).double()),
                SO(3).exp(torch.tensor([0.4, 0.0, 0.0]).double()),
            )
        ]
    ),
    lambda: tried(lambda j: kinds.Spin(SU2(), j), 0, 0.5, 1, 1.5, 2, 3, 0.25, -0.5, -1, True, float("inf")),
    lambda: (
        [Mandel(rep) for rep in (Space(D4), Space(octahedral()), Defining(SO(2)), Defining(SO(3)))],
        tried(Mandel, Trivial(D4), Trivial(D4, 4), Trivial(D4, 2)),
    ),
    lambda: (
        kinds.to_mandel(drawn(2, 3, 3)),
        kinds.to_mandel(drawn(2, 2)),
        kinds.from_mandel(drawn(2, 6)),
        kinds.from_mandel(drawn(3)),
        tried(kinds.from_mandel, drawn(4), drawn(5)),
        tried(kinds.to_mandel, drawn(4, 4), drawn(2, 3), drawn(3)),
        kinds.mandel_rotation(drawn(3, 3)),
        kinds.mandel_rotation(drawn(2, 2)),
    ),
    lambda: (
        [kinds.symmetric_power(Space(D4), k) for k in (0, 1, 2, 3)],
        [kinds.exterior_power(Space(octahedral()), k) for k in (0, 1, 2, 3)],
        kinds.symmetric_power(Defining(SO(3)), 2),
        kinds.exterior_power(Defining(SO(3)), 2),
        kinds.symmetric_power(Defining(SO(2)), 3),
    ),
    lambda: (
        tried(kinds.exterior_power, (Space(D4), 3), (Space(D4), -1)),
        tried(kinds.symmetric_power, (Defining(SO(3)), 11), (Defining(SO(3)), -1)),
        kinds.exterior_power(Defining(symmetric(5)), 3),
        kinds.symmetric_power(Regular(cyclic(4)), 3),
        kinds.exterior_power(Regular(cyclic(5)), 4),
    ),
    lambda: (
        [kinds.Quotient(D4.subgroup(h)) for h in ([4], [2], [], [1, 4])],
        [kinds.Induced(Defining(D4.subgroup(h))) for h in ([1], [4], [2])],
        kinds.Induced(Trivial(S4.subgroup([1]), 2)),
        kinds.Induced(Defining(quaternion().subgroup([1]))),
        kinds.Induced(Defining(dihedral(3).subgroup([3]))),
    ),
    lambda: (
        tried(kinds.Quotient, D4),
        tried(kinds.Induced, Space(D4)),
        Space(D4).restrict(D4.subgroup([1])),
        (Space(D4) + Trivial(D4)).restrict(D4.subgroup([4])),
        tried(Space(D4).restrict, cyclic(4).subgroup([1]), D4),
    ),
    lambda: (
        [
            Space(D4).pull_back(product(D4, sign(1)), 0),
            Defining(sign(1)).pull_back(product(D4, sign(1)), 1),
            Defining(SO(2)).pull_back(product(SO(2), symmetric(3)), 0),
            Defining(SO(2)).pull_back(product(SO(3), SO(2), symmetric(3)), 1).algebra(),
        ]
    ),
    lambda: tried(
        Space(D4).pull_back,
        (product(D4, sign(1)), 1),
        (product(D4, sign(1)), 2),
        (product(D4, sign(1)), -1),
        (product(cyclic(3), sign(1)), 0),
        (D4, 0),
    ),
    lambda: (
        kinds.PullBack(tensor_power(Defining(SO(3)), 2), CUBE, CUBE.defining_matrix),
        kinds.PullBack(Space(D4), cyclic(4), lambda g: g),
        tried(lambda k: kinds.PullBack(Space(D4), cyclic(4), lambda g: g * k % 8), 1, 2, 4),
    ),
    lambda: (
        tried(
            lambda e: kinds.Given(cyclic(4), cyclic(4).defining_matrix(torch.arange(4)) + e).matrices[1],
            0.0,
            1e-10,
            1e-9,
            1e-8,
            1e-7,
        ),
        tried(
            lambda k: kinds.Given(cyclic(4), cyclic(4).defining_matrix(torch.arange(4))[k]),
            [0, 1, 2, 3],
            [0, 1, 2],
            [0, 1, 3, 2],
            [0, 0, 0, 0],
        ),
    ),
    lambda: tried(
        lambda *a: kinds.representation_from_generators(a[0], list(a[1]), orthogonalise=len(a) > 2),
        (D4, torch.tensor([[[-1.0]], [[1.0]]]).double()),
        (D4, torch.tensor([[[1.0]], [[2.0]]]).double()),
        (D4, torch.tensor([[[0.0]], [[1.0]]]).double()),
        (cyclic(3), turn(120.0)[None]),
        (cyclic(3), turn(120.0, torch.float32)[None]),
        (cyclic(3), turn(120.0, torch.float32)[None], True),
        (cyclic(3), turn(90.0)[None]),
        (cyclic(5), turn(90.0)[None]),
        (cyclic(3), torch.tensor([[[-1.0, -1.0], [1.0, 0.0]]]).double(), True),
        (D4, torch.ones(1, 1, 1)),
        (cyclic(2), torch.tensor([[[1.0, 1.0], [0.0, -1.0]]]).double(), True),
    ),
    lambda: tried(
        kinds.Entries,
        (permutation_group([[2, 3, 1, 0]]), [0, 2], [1, 3]),
        (permutation_group([[2, 3, 1, 0]]), [0, 2]),
        (permutation_group([[1, 0, 2, 3]]), [0, 1]),
        (permutation_group([[1, 0, 2, 3]]), [3, 2]),
        (permutation_group([[1, 0, 2, 3]]), [0, 0]),
        (permutation_group([[1, 0, 2, 3]]), [0, 4]),
        (permutation_group([[1, 0, 2, 3]]), [0, 1], [2]),
        (permutation_group([[1, 0, 2, 3]]), [0, 2], [1, 3]),
        (permutation_group([[1, 0, 2, 3]]), [0, 1], [2, 3]),
        (permutation_group([[1, 0, 3, 2]]), [0, 1], [2, 3]),
        (sign(1), [0]),
        (permutation_group([[1, 0, 2, 3]]), [-1, 0]),
    ),
    lambda: tried(
        lambda b: kinds.Subspace(Defining(symmetric(3)), b),
        torch.ones(3, 1).double() / 3**0.5,
        torch.ones(3, 1).double(),
        torch.eye(3).double()[:, :1],
        torch.eye(2).double(),
        torch.zeros(3, 0).double(),
        torch.ones(3, 1).double() / 3**0.5 * (1 + 1e-9),
        torch.ones(3, 1).double() / 3**0.5 * (1 + 1e-7),
    ),
    lambda: tried(
        lambda *a: a[0].act(torch.tensor(1), a[1]),
        (Space(D4), torch.tensor([1, 2])),
        (Space(D4), torch.tensor([1, 2], dtype=torch.uint8)),
        (Regular(D4), torch.arange(8, dtype=torch.uint8)),
        (Space(D4), torch.tensor([True, False])),
        (Defining(cyclic(3)), torch.tensor([1, 2])),
        (Defining(cyclic(3)), drawn(3)),
        (Defining(cyclic(3)), drawn(2) * 1j),
        (2 * Defining(cyclic(3)), torch.arange(4)),
        (Defining(cyclic(3)) @ Defining(cyclic(3)), torch.arange(4)),
        (Defining(cyclic(3)) @ Defining(cyclic(3)), drawn(5)),
    ),
    lambda: (
        tried(
            kinds.representation.check_representation,
            ("r", D4),
            ("r", Vector(Space(D4))),
            ("r", torch.eye(2)),
            ("r", Regular),
            ("r", 3),
            ("r", Space(D4)),
        ),
        tried(Defining(LorentzGroup()).dual),
    ),
    lambda: tried(lambda n: kinds.PullBack(Regular(cyclic(n)), cyclic(n), lambda g: g * (g < 2)).dim, 2, 3),
]
