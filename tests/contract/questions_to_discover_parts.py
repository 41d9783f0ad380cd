"""Questions to the parts of a search: exact groups near rough matrices, forms, names, whitening, halves."""

from __future__ import annotations

from typing import Any

import torch
from questions_to_discover import bare, found, near
from recorded import F64, drawn, seeded, tried
from torch import Tensor

from haar.actions.representation import Defining, DirectSum, Harmonic, Spin, Trivial
from haar.discover import Affine, Fields, Monomials, discover
from haar.discover.compact import compact_part, is_compact, positive_form
from haar.discover.components import components
from haar.discover.finite.exchange import Exchange, motion_of
from haar.discover.finite.naming import name_of
from haar.discover.flows import Finite, judge
from haar.discover.forms import kept_form, told_form
from haar.discover.given import classifier_like, given, kind_of, points_of
from haar.discover.lie import halves
from haar.discover.reading import reading_basis, sparsest
from haar.discover.rows import Pair, reduced, unit_sums
from haar.discover.snapping import Snapped, snap
from haar.discover.spectrum import defect_interval
from haar.discover.support import tangents
from haar.discover.whitening import whitening
from haar.groups import SO, SU2, permutation_group
from haar.groups.algebra import LieAlgebra

SPACE, COVER, PLANE = SO(3), SU2(), SO(2)
NOTHING = torch.zeros(3, 2, 2, dtype=F64)
VECTOR = Harmonic(SPACE, 1).algebra()


def snapped(inputs: Tensor, outputs: Tensor, tolerance: float = 1e-9, *, orthogonal: bool = True) -> Any:
    """The group near an algebra, and how it acts; or why there is none."""
    joined = torch.stack([torch.block_diag(a, b) for a, b in zip(inputs, outputs, strict=True)])
    algebra = LieAlgebra(joined, tolerance=tolerance)
    n = inputs.shape[-1]
    one = snap(algebra, algebra.basis[:, :n, :n], algebra.basis[:, n:, n:], orthogonal=orthogonal)
    if not isinstance(one, Snapped):
        return bare(one)
    sides = [
        [side.rep.dim, side.content, near(side.distance), near(float(side.coordinates.det()))]
        for side in (one.inputs, one.outputs)
    ]
    return [one.group.name, sides, [near(float(side.images().norm())) for side in (one.inputs, one.outputs)]]


def circle(*charges: float, still: int = 0) -> Tensor:
    """A turn of several planes with different speeds."""
    m = torch.zeros(1, 2 * len(charges) + still, 2 * len(charges) + still, dtype=F64)
    for k, charge in enumerate(charges):
        m[0, 2 * k, 2 * k + 1], m[0, 2 * k + 1, 2 * k] = -charge, charge
    return m


def boosts(n: int) -> Tensor:
    """so(1, n): boosts and turns."""
    made = []
    for i in range(n + 1):
        for j in range(i + 1, n + 1):
            m = torch.zeros(n + 1, n + 1, dtype=F64)
            m[i, j], m[j, i] = 1.0, 1.0 if i == 0 else -1.0
            made.append(m)
    return torch.stack(made)


def form(linear: Tensor, tolerance: float = 1e-6) -> Any:
    """What is kept, and its sentence."""
    algebra = LieAlgebra(linear, tolerance=tolerance)
    kept = kept_form(algebra, linear)
    return None if kept is None else [kept.round(decimals=3) + 0.0, told_form(algebra, kept.round(decimals=9))]


def homogeneous(linear: Tensor, shift: Tensor | None = None) -> Tensor:
    """With a column that moves the origin."""
    k, n, _ = linear.shape
    whole = torch.zeros(k, n + 1, n + 1, dtype=F64)
    whole[:, :n, :n] = linear
    if shift is not None:
        whole[:, :n, n] = shift
    return whole


def compact(linear: Tensor, shift: Tensor | None = None, tolerance: float = 1e-6) -> Any:
    """Whether an algebra is that of a compact group, and the dimension of the part that is."""
    whole = homogeneous(linear, shift)
    algebra = LieAlgebra(whole, tolerance=tolerance)
    part = compact_part(algebra, (algebra.basis, torch.zeros(algebra.dim, 2, 2, dtype=F64)))
    return [is_compact(algebra), None if part is None else len(part)]


def exchanged(rows: list[list[int]], blocks: tuple[int, ...], *, signed: bool = False) -> str:
    """The name of a group of exchanges."""
    exchange = Exchange((len(blocks),), -1, signed, blocks, "invariant", (1,))
    return name_of(permutation_group(rows), exchange)


def judged(squares: list[list[float]], units: list[int], tolerance: float = 0.2, significance: float = 0.05) -> Any:
    one = judge(
        [torch.tensor(row, dtype=F64) for row in squares],
        torch.tensor(units),
        tolerance=tolerance,
        significance=significance,
    )
    return list(map(near, one[:5])), one.accepted


def shift(n: int) -> list[int]:
    return [*range(1, n), 0]


GOOD = Finite(0.0, 0.0, 0.0, 0.0, 0.0, True)
MIXED = drawn(3, 3, seed=7)
ASKED = [
    lambda: [
        snapped(VECTOR, VECTOR),
        snapped(VECTOR, NOTHING),
        snapped(DirectSum([Harmonic(SPACE, 2), Harmonic(SPACE, 1), Trivial(SPACE)]).algebra(), VECTOR),
        snapped(Spin(COVER, 0.5).algebra(), Spin(COVER, 1).algebra()),
        snapped(torch.linalg.inv(MIXED) @ VECTOR @ MIXED, VECTOR, orthogonal=False),
        snapped(torch.linalg.inv(MIXED) @ VECTOR @ MIXED, VECTOR),
        snapped(VECTOR + 0.02 * drawn(3, 3, 3), VECTOR, 0.05),
    ],
    lambda: [
        snapped(circle(1), circle(1)),
        snapped(circle(1, 2), circle(3)),
        snapped(circle(1, 1.5, still=1), circle(2)),
        snapped(circle(1, 2**0.5), circle(1)),
        snapped(circle(1, 1.02), circle(1), 0.02),
        snapped(circle(1, 1 / 13), circle(1)),
        snapped(circle(1, 1 / 12), circle(1)),
        snapped(circle(1), torch.zeros(1, 3, 3, dtype=F64)),
        snapped(circle(1, 0.01), circle(1), 0.02),
    ],
    lambda: [
        snapped(SO(4).algebra, torch.zeros(6, 2, 2, dtype=F64)),
        snapped(SO(4).algebra, SO(4).algebra),
        snapped(SO(5).algebra, torch.zeros(10, 1, 1, dtype=F64)),
        snapped(SO(4).algebra + 1e-3 * drawn(6, 4, 4), torch.zeros(6, 2, 2, dtype=F64), 0.01),
        snapped(
            torch.diag(drawn(4).exp()) @ SO(4).algebra @ torch.diag((-drawn(4)).exp()),
            torch.zeros(6, 2, 2, dtype=F64),
            orthogonal=False,
        ),
        snapped(torch.cat([homogeneous(VECTOR), torch.zeros(0, 4, 4, dtype=F64)]), VECTOR),
        snapped(
            torch.stack(
                [torch.block_diag(a, b) for a, b in [*((v, 0 * v) for v in VECTOR), *((0 * v, v) for v in VECTOR)]]
            ),
            torch.zeros(6, 2, 2, dtype=F64),
        ),
        snapped(
            torch.stack(
                [torch.block_diag(a, b) for a, b in [*((v, 0 * v) for v in VECTOR), *((0 * v, v) for v in VECTOR)]]
            ),
            torch.zeros(6, 2, 2, dtype=F64),
            2e-5,
        ),
        snapped(
            torch.stack([circle(1, still=2)[0], circle(1, still=2)[0].flip(0, 1)]), torch.zeros(2, 2, 2, dtype=F64)
        ),
    ],
    lambda: [
        form(boosts(1).repeat(1, 1, 1)),
        form(boosts(2)),
        form(boosts(3)),
        form(
            torch.diag(torch.tensor([1.0, 2, 1]).double())
            @ boosts(2)
            @ torch.diag(torch.tensor([1.0, 0.5, 1]).double())
        ),
        form(boosts(2)[:2]),
        form(boosts(2)[2:]),
        form(VECTOR),
        form(torch.linalg.inv(MIXED) @ boosts(2) @ MIXED),
        form(boosts(2) + 1e-4 * drawn(3, 3, 3), 1e-2),
        form(boosts(2) + 1e-4 * drawn(3, 3, 3)),
        form(-boosts(2).flip(1, 2)),
    ],
    lambda: [
        compact(VECTOR),
        compact(boosts(2)),
        compact(boosts(3)),
        compact(circle(1), torch.tensor([1.0, 0.0]).double()),
        compact(0 * circle(1), torch.tensor([1.0, 0.0]).double()),
        compact(torch.cat([circle(1), torch.eye(2, dtype=F64)[None]])),
        compact(torch.eye(2, dtype=F64)[None]),
        compact(circle(1) + 1e-3 * torch.eye(2, dtype=F64)),
        compact(circle(1) + 1e-3 * torch.eye(2, dtype=F64), tolerance=1e-3),
        positive_form(torch.diag(torch.tensor([2.0, 0.5]).double())),
    ],
    lambda: [
        [[one.inputs, one.outputs, one.plain, one.told, one.to_dict()] for one in components(pair, lambda _: GOOD)]
        for pair in (
            Pair(homogeneous(VECTOR), homogeneous(VECTOR)),
            Pair(homogeneous(torch.stack([torch.block_diag(v, v) for v in VECTOR])), homogeneous(NOTHING)),
            Pair(
                homogeneous(DirectSum([Harmonic(SPACE, 2), Harmonic(SPACE, 1)]).algebra()),
                homogeneous(DirectSum([Harmonic(SPACE, 1), Trivial(SPACE)]).algebra()),
            ),
        )
    ],
    lambda: (
        [exchanged([shift(n)], (0,) * n) for n in (2, 3, 4, 5, 9)]
        + [
            exchanged([shift(4), [3, 2, 1, 0]], (0,) * 4),
            exchanged([shift(5), [1, 0, 2, 3, 4]], (0,) * 5),
            exchanged([[1, 2, 0, 3], [0, 2, 3, 1]], (0,) * 4),
            exchanged([[1, 2, 0, 3, 4], shift(5)], (0,) * 5),
            exchanged([[1, 2, 0, 3, 4, 5], [1, 0, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2]], (0,) * 6),
            exchanged([[1, 0, 2, 3], [0, 1, 3, 2]], (0, 0, 1, 1)),
            exchanged([[1, 0, 2, 3], [0, 1, 3, 2], [2, 3, 0, 1]], (0,) * 4),
            exchanged([shift(7), [2 * i % 7 for i in range(7)]], (0,) * 7),
            exchanged([shift(7), [0, 1, 4, 3, 2, 6, 5]], (0,) * 7),
            exchanged([[1, 0, 3, 2], [2, 3, 0, 1]], (0,) * 4),
            exchanged([[1, 0, 2, 3, 4, 5], [2, 3, 0, 1, 4, 5], [0, 1, 2, 3, 4, 5]], (0, 0, 1), signed=True),
            exchanged([[1, 0, 2, 3], [2, 3, 0, 1]], (0, 0), signed=True),
            exchanged([[1, 0, 3, 2]], (0, 0), signed=True),
            exchanged([[0, 1, 2]], (0, 0, 0)),
            exchanged([[1, 0, 2, 3], [0, 1, 3, 2]], (0, 0), signed=True),
        ]
    ),
    lambda: (
        [
            [
                e.count,
                e.nodes,
                e.out_count,
                e.size,
                e.kinds,
                e.members,
                e.identity(),
                e.of_entries([1, 0, 2], [1, -1, 1]),
                e.move_inputs(e.of_entries([1, 2, 0], [1, -1, 1]), drawn(2, 3)),
                e.move_outputs(e.of_entries([1, 2, 0]), drawn(2, 3)),
            ]
            for e in (
                Exchange((3,), -1, False, (0, 0, 1), "invariant", (1,)),
                Exchange((3,), -1, True, (0, 0, 1), "same", (3,)),
                Exchange((3,), -1, True, (0, 0, 0), "any", (2,), still=frozenset({2})),
            )
        ]
        + [
            motion_of(torch.tensor([3, 2, 0, 1]).numpy(), signed=True),
            motion_of(torch.tensor([2, 0, 1]).numpy(), signed=False),
        ]
    ),
    lambda: [
        judged([[0.01, 0.02, 0.03, 0.01]], [0, 1, 2, 3]),
        judged([[0.01, 0.02, 0.03, 0.01]], [0, 0, 1, 1]),
        judged([[0.01, 0.02, 0.03, 0.01], [0.0, 0.0, 0.0, 0.1]], [0, 1, 2, 3]),
        judged([[0.01, 0.02, 0.03, 0.01]], [0, 1, 2, 3], 0.15),
        judged([[0.01, 0.02, 0.03, 0.01]], [0, 1, 2, 3], 0.16, 1e-3),
        judged([[0.0, float("nan")]], [0, 1]),
        judged([[0.0, float("inf")]], [0, 1]),
        judged([], [0, 1]),
        judged([[0.01]], [0]),
        defect_interval(drawn(5, 2).square(), drawn(5, 2, seed=1).square() + 1),
        defect_interval(drawn(1, 2).square(), drawn(1, 2, seed=1).square() + 1),
        unit_sums(drawn(4, 2), torch.tensor([5, 1, 5, 2])),
        reduced(torch.zeros(0, 3, dtype=F64), drawn(2, 3)),
        reduced(torch.zeros(0, 3, dtype=F64), drawn(5, 3)).abs().diagonal().prod(),
    ],
    lambda: [
        [w.centre, w.rank, w.size, w(x).T @ w(x) / len(x), w.outwards @ w.inwards]
        for w, x in (
            (whitening(x, centred=c, rank_tolerance=r), x)
            for x in (
                drawn(50, 3) + 2,
                drawn(50, 3) * torch.tensor([1.0, 1e-5, 1e3]),
                drawn(50, 2) @ drawn(2, 3, seed=1),
            )
            for c, r in ((True, 1e-10), (False, 1e-10), (True, 0.5))
        )
    ],
    lambda: tried(
        lambda x: [tangents(x)[1], tangents(x)[0].diagonal(dim1=1, dim2=2).sum(1).mean()],
        torch.nn.functional.normalize(drawn(60, 3), dim=1),
        drawn(60, 3),
        torch.cat([drawn(60, 2), 0.01 * drawn(60, 1, seed=3).tanh() + drawn(60, 1).sin()], 1),
        torch.cat(
            [
                torch.nn.functional.normalize(drawn(60, 2), dim=1),
                torch.nn.functional.normalize(drawn(60, 2, seed=2), dim=1),
            ],
            1,
        ),
        torch.nn.functional.normalize(drawn(19, 3), dim=1),
        torch.cat([t := drawn(80, 1), t.sin() * 2, (2 * t).cos()], 1),
    ),
    lambda: [
        [
            [len(part) for part in halves(torch.tensor(units), seeded())]
            for units in ([0, 1], [0, 1, 2], [0, 0, 1, 1, 2, 2, 2])
        ],
        halves(torch.tensor([0, 0, 1, 1, 2, 2, 2]), seeded()),
        tried(halves, (torch.tensor([3, 3]), seeded())),
        [kind_of("auto", a, b) for a, b in (((3,), (3,)), ((1,), (1,)), ((3,), (1,)), ((3,), (2,)), ((2, 3), (6,)))],
        tried(kind_of, ("same", (3,), (2,)), ("same", (3,), (3,)), ("any", (3,), (2,)), ("all", (3,), (2,))),
        tried(
            lambda a, b, kind, shared: points_of(a, b, kind, shared=shared),
            ((5, 3), (1,), "any", None),
            ((5, 5), (1,), "any", None),
            ((5, 4), (1,), "any", None),
            ((15,), (1,), "any", None),
            ((5, 3), (15,), "same", None),
            ((5, 3), (5, 3), "same", None),
            ((5, 5), (1,), "any", True),
            ((5, 3), (1,), "any", False),
            ((15,), (1,), "any", True),
            ((5, 3), (15,), "same", True),
        ),
        [
            classifier_like(torch.tensor(f))
            for f in (
                [[0.5, 0.5]],
                [[0.5, 0.50005]],
                [[0.5, 0.5002]],
                [[1.0]],
                [[-0.1, 1.1]],
                [[0.0, 1.0]],
                [[1.5, -0.5]],
            )
        ],
    ],
    lambda: (
        tried(
            lambda x: given(x, max_samples=6, seed=0),
            drawn(4, 2),
            drawn(6, 2),
            drawn(8, 2),
            drawn(3, 2),
            [drawn(4, 2), drawn(3, 2)],
        )
        + tried(
            lambda *x: given(x, max_samples=6, seed=0),
            (drawn(4, 2), drawn(4)),
            (drawn(4, 2), None, torch.tensor([3, 3, 1, 1])),
            (drawn(4, 2), None, torch.tensor([3.0, 3.0, 1.0, 1.0])),
            (drawn(4, 2), None, torch.tensor([3, 3, 1])),
        )
    ),
    lambda: [
        sparsest(torch.tensor([[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]], dtype=F64)),
        sparsest(drawn(3, 4)),
        [reading_basis(a, a.basis).abs().sum(1).sort().values for a in (LieAlgebra(VECTOR), LieAlgebra(circle(2)))],
        [
            near(
                float(torch.linalg.eigvals(torch.einsum("jk,kab->jab", reading_basis(a, a.basis), a.basis)).abs().max())
            )
            for a in (LieAlgebra(VECTOR), LieAlgebra(circle(2, 1)), LieAlgebra(torch.eye(2, dtype=F64)[None]))
        ],
        [near(float(reading_basis(a, a.basis).norm())) for a in (LieAlgebra(homogeneous(circle(0), torch.ones(2))),)],
    ],
    lambda: [
        found(discover(f, drawn(150, n), kinds="lie", outputs="any", **k))
        for f, n, k in (
            (lambda x: torch.stack([x.norm(dim=1).tanh(), x.square().sum(1)], 1), 4, {}),
            (lambda x: (x[:, 0] ** 2 - x[:, 1:].square().sum(1)).tanh()[:, None] + 0.005 * x[:, :1], 3, {}),
            (lambda x: torch.stack([x[:, 0] ** 2 - x[:, 1] ** 2, 2 * x[:, 0] * x[:, 1]], 1), 2, {}),
            (
                lambda x: torch.stack([x[:, 0] ** 2 - x[:, 1] ** 2, 2 * x[:, 0] * x[:, 1]], 1),
                2,
                {"dictionary": Affine()},
            ),
        )
    ],
    lambda: (
        [
            [[name, field(drawn(4, *shape))] for name, field in one.fields(shape, drawn(4, *shape))]
            for one, shape in (
                (Monomials(2), (2,)),
                (Monomials(1), (2, 1)),
                (Fields([lambda x: x, ("turn", torch.sin)]), (2,)),
            )
        ]
        + [tried(Monomials, 0, 1), tried(Fields, [], [3]), Defining(PLANE)]
    ),
]
