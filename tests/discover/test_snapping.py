"""Snapping: a homomorphism, unchanged where it already is one, and idempotent."""

from __future__ import annotations

import pytest
import torch

from haar.actions.representation import DirectSum, Harmonic, Spin, Trivial
from haar.discover.snapping import Snapped, snap
from haar.groups import SO, SU2
from haar.groups.algebra import LieAlgebra

GROUP, COVER = SO(3), SU2()
REPS = {
    "vectors and a tensor": (
        DirectSum([Harmonic(GROUP, 1)] * 2 + [Harmonic(GROUP, 2), Trivial(GROUP)]),
        Harmonic(GROUP, 1),
    ),
    "spinors": (DirectSum([Spin(COVER, 0.5)] * 2), Spin(COVER, 1)),
}


def snapped(inputs, outputs, tolerance, *, orthogonal=True):
    joined = torch.stack([torch.block_diag(a, b) for a, b in zip(inputs, outputs, strict=True)])
    algebra = LieAlgebra(joined, tolerance=tolerance)
    n = inputs.shape[-1]
    return snap(algebra, algebra.basis[:, :n, :n], algebra.basis[:, n:, n:], orthogonal=orthogonal)


def spans(found, other):
    a, b = (torch.linalg.qr(side.flatten(1).T).Q for side in (found, other))
    return float((b - a @ (a.T @ b)).norm())


@pytest.mark.parametrize("name", REPS)
def test_an_exact_representation_stays_and_a_rough_one_becomes_exact(draw, name):
    inputs, outputs = (rep.algebra() for rep in REPS[name])
    n, m = inputs.shape[-1], outputs.shape[-1]
    q, r = (torch.linalg.qr(draw(k, k, k)).Q for k in (n, m))
    inputs, outputs = q @ inputs @ q.T, r @ outputs @ r.T
    exact = snapped(inputs, outputs, 1e-9)
    assert isinstance(exact, Snapped)
    assert spans(exact.inputs.images(), inputs) < 1e-10
    exact.inputs.rep.check()
    rough = snapped(
        inputs + 0.02 * draw(3 * n, n).reshape(3, n, n), outputs + 0.02 * draw(3 * m, m).reshape(3, m, m), 0.05
    )
    assert isinstance(rough, Snapped)
    assert rough.inputs.content == exact.inputs.content
    for side in (rough.inputs, rough.outputs):
        side.rep.check()
        e = side.rep.algebra()
        sign = 1 if float(((e[0] @ e[1] - e[1] @ e[0]) * e[2]).sum()) > 0 else -1
        assert torch.allclose(e[0] @ e[1] - e[1] @ e[0], sign * e[2], atol=1e-12)
    again = snapped(rough.inputs.images(), rough.outputs.images(), 1e-9)
    assert spans(again.inputs.images(), rough.inputs.images()) < 1e-10


def test_stretched_coordinates_come_back_with_the_group(draw):
    inputs = REPS["vectors and a tensor"][0].algebra()
    n = inputs.shape[-1]
    stretch = torch.diag(torch.logspace(0, 1, n, dtype=torch.float64)) @ torch.linalg.qr(draw(n, n)).Q
    moved = stretch @ inputs @ torch.linalg.inv(stretch)
    found = snapped(moved, torch.zeros(3, 1, 1, dtype=torch.float64), 1e-9, orthogonal=False)
    assert spans(found.inputs.images(), moved) < 1e-8


def test_charges_that_are_no_fractions_are_told():
    turn = torch.tensor([[0.0, -1], [1, 0]], dtype=torch.float64)
    m = torch.block_diag(turn, 2**0.5 * turn)[None]
    told = snapped(m, torch.zeros(1, 1, 1, dtype=torch.float64), 1e-9)
    assert "no small fractions" in told
