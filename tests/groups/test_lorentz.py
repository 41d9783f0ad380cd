"""The Lorentz group: its laws, what it keeps, how far its boosts go, and that nothing takes a mean over it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import Invariant, Points, Symmetry, Vector
from haar.actions.representation import Defining
from haar.audit import audit
from haar.average import Given, average, soft
from haar.errors import ArgumentError
from haar.groups import SO, LorentzGroup, product, symmetric
from haar.groups.names import named_group
from haar.intertwiners import intertwiners
from haar.relax import enforce, homotopise
from haar.testing import assert_equivariant

F64 = torch.float64
GROUP = LorentzGroup()
REP = Defining(GROUP)
SCALAR = Symmetry(GROUP, Vector(REP), Invariant(GROUP))


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def interval(p):
    return p[..., :1] ** 2 - p[..., 1:].square().sum(-1, keepdim=True)


def squashed(p):
    return torch.tanh(interval(p))


def leaning(p):
    return squashed(p) + 0.1 * p[:, :1]


@given(n=st.integers(1, 5), rapidity=st.floats(0.01, 3), seed=st.integers(0, 99))
def test_elements_are_a_group_that_keeps_the_metric_and_the_future(n, rapidity, seed):
    group = LorentzGroup(n, rapidity=rapidity)
    a, b, c = (group.sample(4, torch.Generator().manual_seed(seed + k)) for k in range(3))
    size = 1e-12 * math.exp(6 * rapidity)
    metric = torch.diag(torch.tensor([1.0, *[-1.0] * n], dtype=F64))
    torch.testing.assert_close(a.mT @ metric @ a, metric.expand_as(a), rtol=0, atol=size)
    torch.testing.assert_close(
        group.compose(group.compose(a, b), c), group.compose(a, group.compose(b, c)), rtol=0, atol=size
    )
    identity = group.identity().expand_as(a)
    torch.testing.assert_close(group.compose(a, group.inverse(a)), identity, rtol=0, atol=size)
    torch.testing.assert_close(group.compose(group.inverse(a), a), identity, rtol=0, atol=size)
    assert bool((a[:, 0, 0] >= 1).all())
    assert bool((torch.linalg.det(a) > 0.5).all())
    assert bool((a[:, 0, 0] <= math.cosh(rapidity) * (1 + 1e-12)).all())


def test_a_boost_along_an_axis_is_the_one_of_the_textbooks():
    a = 0.7
    expected = torch.eye(4, dtype=F64)
    expected[[0, 0, 2, 2], [0, 2, 0, 2]] = torch.tensor(
        [math.cosh(a), math.sinh(a), math.sinh(a), math.cosh(a)]
    ).double()
    found = GROUP.boost(torch.tensor([0.0, a, 0.0], dtype=F64))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)
    at_rest = GROUP.boost(torch.zeros(3, dtype=F64))
    torch.testing.assert_close(at_rest, torch.eye(4, dtype=F64), rtol=0, atol=1e-15)
    assert GROUP.describe(found) == "boost by 0.70"
    with pytest.raises(ArgumentError, match="velocity: expected 3 components, got 2"):
        GROUP.boost(torch.zeros(2))


def test_it_is_told_from_others_by_its_size_and_its_boosts():
    assert LorentzGroup() == LorentzGroup(3, rapidity=1)
    assert LorentzGroup() != LorentzGroup(2)
    assert LorentzGroup() != LorentzGroup(rapidity=0.5)
    assert (GROUP.order, GROUP.is_finite, GROUP.is_compact, len(GROUP.generators())) == (None, False, False, 0)
    assert repr(GROUP) == "<LorentzGroup SO(1,3), boosts up to 1>"
    assert product(GROUP, symmetric(3)).is_compact is False
    assert product(SO(3), symmetric(3)).is_compact is True


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n: expected"),
        ({"rapidity": 0.0}, "rapidity: expected"),
        ({"rapidity": 10.1}, "rapidity: expected at most 10, beyond which digits are lost, got 10.1"),
    ],
)
def test_impossible_ones_are_refused(options, words):
    with pytest.raises(ArgumentError, match=words):
        LorentzGroup(**options)
    assert LorentzGroup(rapidity=10.0).rapidity == 10


@pytest.mark.parametrize(
    ("name", "n", "rapidity"),
    [("lorentz", 3, 1.0), ("SO(1,3)", 3, 1.0), ("Lorentz:0.25", 3, 0.25), ("so(1,2):2", 2, 2.0)],
)
def test_it_has_a_name(name, n, rapidity):
    found = named_group(name)
    assert (found.n, found.rapidity) == (n, rapidity)


@pytest.mark.parametrize("name", ["lorentz:", "lorentz:0", "lorentz:-1", "so(1,0)", "so(2,2)"])
def test_what_is_no_name_of_it_is_refused(name):
    with pytest.raises(ArgumentError, match=r"group: expected C4, .* lorentz"):
        named_group(name)


def test_it_moves_no_grid():
    with pytest.raises(ArgumentError, match="on 2 axes"):
        named_group("lorentz", space=(8, 8), periodic=(True, True))


def test_an_audit_measures_what_a_loop_measures_and_recommends_no_mean():
    p = drawn(64, 4)
    found = audit(leaning, SCALAR, (p, squashed(p)), elements=8)
    told = found.recommendation
    assert told.verdict == "do not"
    assert "There is no mean over it, since it is not compact" in told.sentence
    assert not any("averag" in line or "alpha" in line or "contradiction" in line for line in told.evidence)
    y = leaning(p)
    sizes = [float((leaning(p @ g.T) - y).square().mean().sqrt() / y.std(correction=0)) for g in found.elements[1:]]
    measured = [one.relative.value for one in found.findings.elements]
    assert sorted(measured) == pytest.approx(sorted(sizes), rel=1e-9)
    assert audit(squashed, SCALAR, p).recommendation.verdict == "nothing to gain"


def test_outputs_that_are_boosted_along_are_brought_back():
    total = Symmetry(GROUP, Points(rotation=REP), Vector(REP))
    p = drawn(40, 3, 4)
    assert audit(lambda p: p.sum(1) * squashed(p.sum(1)), total, p).recommendation.verdict == "nothing to gain"
    assert audit(lambda p: p.sum(1).abs(), total, p).recommendation.verdict == "do not"
    assert_equivariant(lambda p: p.sum(1) * squashed(p.sum(1)), total, p)


@pytest.mark.parametrize("how", ["sampled", "orbit"])
def test_nothing_takes_a_mean_over_it(how):
    p = drawn(8, 4)
    words = r": expected a compact group, over which there is a mean, got SO\(1,3\); average over the rotations in it"
    for attempt in (
        lambda: average(leaning, SCALAR, how),
        lambda: soft(leaning, SCALAR, (p, squashed(p)), how=how),
        lambda: homotopise(torch.nn.Linear(4, 1), SCALAR),
        lambda: homotopise(torch.nn.Linear(4, 1), SCALAR, mode="function"),
        lambda: enforce(torch.nn.Linear(4, 1), SCALAR),
        lambda: intertwiners(REP, REP),
        REP.dual,
    ):
        with pytest.raises(ArgumentError, match=words):
            attempt()


def test_a_mean_over_elements_of_ones_own_choice_is_their_mean():
    p, some = drawn(8, 4), GROUP.sample(3, torch.Generator().manual_seed(0))
    expected = torch.stack([leaning(p @ g.T) for g in some]).mean(0)
    torch.testing.assert_close(average(leaning, SCALAR, Given(some))(p), expected, rtol=0, atol=1e-12)
