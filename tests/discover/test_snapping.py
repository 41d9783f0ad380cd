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


TURN = torch.tensor([[0.0, -1], [1, 0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ((3, 2, 0), (0,), ("charge 3, charge 2", "fixed")),
        ((4, 2), (2, 1), ("charge 4, charge 2", "charge 2, charge 1")),
        ((6,), (3,), ("charge 2", "charge 1")),
        ((5, 4, 3), (4,), ("charge 5, charge 4, charge 3", "charge 4")),
    ],
)
def test_charges_are_the_smallest_whole_numbers_of_their_ratios(draw, inputs, outputs, told):
    def of(charges, seed):
        blocks = [0.7 * charge * TURN if charge else torch.zeros(1, 1, dtype=torch.float64) for charge in charges]
        m = torch.block_diag(*blocks)
        q = torch.linalg.qr(draw(len(m), len(m), seed)).Q
        return (q @ m @ q.T)[None]

    given = of(inputs, 1), of(outputs, 2)
    found = snapped(*given, 1e-9)
    assert (found.group.name, found.inputs.content, found.outputs.content) == ("SO(2)", *told)
    for side, m in zip((found.inputs, found.outputs), given, strict=True):
        side.rep.check()
        ratio = side.images() if not m.any() else side.images() * (m.norm() / side.images().norm())
        assert min(float((ratio - m).abs().max()), float((ratio + m).abs().max())) < 1e-9


@pytest.mark.parametrize("orthogonal", [True, False])
def test_all_rotations_of_four_coordinates_are_found_in_stretched_ones(draw, orthogonal):
    rows = torch.combinations(torch.arange(4))
    turns = torch.zeros(6, 4, 4, dtype=torch.float64)
    turns[torch.arange(6), rows[:, 0], rows[:, 1]] = 1.0
    turns = turns - turns.transpose(1, 2)
    stretch = torch.linalg.qr(draw(4, 4)).Q
    if not orthogonal:
        stretch = torch.diag(torch.tensor([1.0, 2, 3, 5], dtype=torch.float64)) @ stretch
    moved = stretch @ turns @ torch.linalg.inv(stretch)
    found = snapped(moved, torch.zeros(6, 1, 1, dtype=torch.float64), 1e-9, orthogonal=orthogonal)
    assert (found.group.name, found.inputs.content, found.outputs.content) == ("SO(4)", "vector", "fixed")
    assert spans(found.inputs.images(), moved) < 1e-9
    assert float(torch.linalg.det(found.inputs.coordinates)) == pytest.approx(1.0)


def test_an_algebra_without_a_name_here_is_taken_as_it_is_if_it_is_exact(draw):
    i, one, x = TURN, torch.eye(2, dtype=torch.float64), torch.tensor([[0.0, 1], [1, 0]], dtype=torch.float64)
    z = torch.diag(torch.tensor([1.0, -1], dtype=torch.float64))
    unitary = torch.stack([torch.kron(i, one), torch.kron(i, x), torch.kron(one, i), torch.kron(i, z)])
    q = torch.linalg.qr(draw(4, 4)).Q
    moved, still = q @ unitary @ q.T, torch.zeros(4, 1, 1, dtype=torch.float64)
    found = snapped(moved, still, 1e-9)
    assert spans(found.inputs.images(), moved) < 1e-9
    assert "found to 0.001 only" in snapped(moved, still, 1e-3)


def test_charges_that_are_no_fractions_are_told():
    turn = TURN
    m = torch.block_diag(turn, 2**0.5 * turn)[None]
    told = snapped(m, torch.zeros(1, 1, 1, dtype=torch.float64), 1e-9)
    assert "no small fractions" in told


def circles(*charges, tolerance=1e-9):
    m = torch.block_diag(*(charge * TURN for charge in charges))[None]
    return snapped(m, torch.zeros(1, 1, 1, dtype=torch.float64), tolerance)


def test_the_distance_of_charges_is_that_of_the_best_unit():
    found = circles(3.03, 2.0, tolerance=0.05)
    unit = (3 * 3.03 + 2 * 2.0) / (3**2 + 2**2)
    assert found.inputs.content == "charge 3, charge 2"
    assert found.inputs.distance == pytest.approx(abs(2.0 / unit - 2), rel=1e-9)
    assert found.outputs.distance == 0.0


@pytest.mark.parametrize(("charges", "found"), [((12, 13), True), ((13, 14), False)])
def test_denominators_go_up_to_twelve(charges, found):
    told = circles(*charges)
    assert isinstance(told, Snapped) is found
    assert found or told.endswith("are no small fractions of one another: the closure is a larger torus")


@pytest.mark.parametrize(("share", "still"), [(0.95, True), (1.05, False)])
def test_turns_that_are_slow_beside_the_fastest_are_none(share, still):
    found = circles(1.0, share * 2 * 0.01, tolerance=0.01)
    assert (isinstance(found, Snapped) and found.inputs.content == "charge 1") is still


@pytest.mark.parametrize(
    ("slow", "tolerance", "told"),
    [
        (1 / 49, 0.005, "charge 49, charge 1"),
        (1 / 51, 0.005, "a turn 51 times slower than another: its charge is not known"),
        (1 / 1000, 1e-9, "charge 1000, charge 1"),
        (1 / 1001, 1e-9, "a turn 1001 times slower than another: its charge is not known"),
    ],
)
def test_charges_are_known_to_one_half_and_go_up_to_a_thousand(slow, tolerance, told):
    found = circles(1.0, slow, tolerance=tolerance)
    assert (found if isinstance(found, str) else found.inputs.content) == told


def test_what_shifts_and_never_turns_is_told():
    shear = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]], dtype=torch.float64)
    assert snapped(shear, torch.zeros(1, 1, 1, dtype=torch.float64), 1e-9) == "no turn on either side"


@pytest.mark.parametrize("spin", [0, 1])
@pytest.mark.parametrize(("away", "found"), [(0.245, True), (0.255, False)])
def test_casimir_eigenvalues_a_quarter_off_are_those_of_no_spin(spin, away, found):
    vectors = Harmonic(GROUP, 1).algebra()
    algebra = LieAlgebra(vectors)
    # of vectors the Casimir is 2: spin 1, relative, or spin 0 beside 1
    size = (1 + away) ** 0.5 if spin else (away / 2) ** 0.5
    told = snap(algebra, algebra.basis, size * algebra.basis, orthogonal=True)
    if found:
        assert (told.group.name, told.inputs.content, told.inputs.distance) == ("SO(3)", "1 x spin 1", pytest.approx(0))
        assert told.outputs.content == ("1 x spin 1" if spin else "3 x spin 0")
        assert told.outputs.distance == pytest.approx(away, rel=1e-9)
    else:
        assert told.startswith("Casimir eigenvalues ")
        assert told.endswith(" are those of no representation of SO(3) or SU(2) on 3")
