"""Which repair a recommendation leads to, how many copies it takes, and when it is taken back."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import torch

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Defining
from haar.audit import Audit
from haar.audit.recommendation import Recommendation
from haar.average import soft
from haar.check import Measured
from haar.check.repair import carry_out, confirmed
from haar.check.samples import Samples
from haar.groups import SO, O, dihedral
from haar.statistics import Estimate

F64 = torch.float64
D4 = Symmetry.of_fields(dihedral(4), "p")


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


X = drawn(12, 1, 4, 4)


def tilted(x):
    return x + 0.3 * x.roll(1, 2)


def repair(verdict, symmetry=D4, members=(), group="", samples=None, model=tilted):
    """What is done on the word of an audit that recommends this."""
    advice = Recommendation(verdict, group, "Because.", members=list(members))
    audit = Mock(spec=Audit, recommendation=advice, symmetry=symmetry)
    return carry_out(model, audit, Samples.of((X, X)) if samples is None else samples, seed=3)


@pytest.mark.parametrize("verdict", ["do not", "unclear", "nothing to gain"])
def test_other_verdicts_leave_the_model_alone(verdict):
    found = repair(verdict)
    assert (found.action, found.group, found.elements, found.exact, found.why) == (
        "leave alone", "", 1, False, "Because."
    )  # fmt: skip
    assert found.model is tilted
    assert found.symmetry is D4


def test_a_finite_group_is_averaged_over_all_of_it_or_over_the_subgroup_that_is_left():
    whole = repair("average")
    assert (whole.action, whole.group, whole.elements, whole.exact) == ("average", "D4", 8, True)
    assert repair("average", members=range(8), group="all").group == "D4"
    half = repair("average", members=[0, 2], group="half turns")
    assert (half.group, half.elements, half.exact) == ("half turns", 2, True)
    assert half.symmetry.group.order == 2
    torch.testing.assert_close(half.model(X), (tilted(X) + tilted(X.flip(2, 3)).flip(2, 3)) / 2, rtol=0, atol=1e-12)


def test_a_soft_verdict_fits_on_the_samples_that_chose():
    labels = tilted(X) - 0.1 * drawn(12, 1, 4, 4, seed=2)
    samples = Samples.of((X, labels))
    found = repair("soft", members=[0, 2], samples=samples)
    assert (found.action, found.elements, found.exact) == ("average softly", 2, False)
    expected = soft(tilted, found.symmetry, (X, labels), seed=3, micro_batch=1)
    assert float(found.model.alpha) == pytest.approx(float(expected.alpha), rel=1e-9)
    assert (found.model.fit.low, found.model.fit.high) == (expected.fit.low, expected.fit.high)
    unlabelled = repair("soft", samples=Samples.of(X))
    assert (unlabelled.action, unlabelled.elements) == ("average", 8)


@pytest.mark.parametrize(("group", "elements"), [(SO(2), 5), (O(2), 10), (SO(3), 75), (SO(4), 32)], ids=str)
@pytest.mark.parametrize("verdict", ["average", "soft"])
def test_the_copies_that_are_told_of_a_lie_group_are_those_that_run(group, elements, verdict):
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group))
    x, calls = drawn(6, group.defining_dim), []

    def model(x):
        calls.append(len(x))
        return x[:, :1] + x.square().sum(1, keepdim=True)

    found = repair(verdict, symmetry, samples=Samples.of((x, x[:, :1])), model=model)
    assert (found.group, found.elements, found.exact) == (group.name, elements, False)
    averaged = found.model.stages if verdict == "soft" else found.model
    averaged(x[:1])
    calls.clear()
    averaged(x[:1])
    assert calls == [1] * elements


def change(low, high):
    nothing = Estimate(0.0, 0.0, 0.0)
    return Measured(10, 10, nothing, nothing, Estimate((low + high) / 2, low, high), nothing, nothing, 3)


def test_a_repair_is_taken_back_where_the_error_rises_beyond_its_interval():
    tried = repair("average")
    for measured in (change(0.0, 0.4), change(-0.3, 0.5), change(float("nan"), float("nan"))):
        assert confirmed(tried, tilted, measured) is tried
    unlabelled = Measured(10, 10, None, None, None, Estimate(0.0, 0.0, 0.0), Estimate(0.0, 0.0, 0.0), 3)
    assert confirmed(tried, tilted, unlabelled) is tried
    back = confirmed(tried, tilted, change(0.001, 0.4))
    assert (back.action, back.elements, back.exact, back.model) == ("leave alone", 1, False, tilted)
    assert back.group == "D4"
    assert back.why == (
        "Average over D4 was tried and taken back: on held-out samples the error rises by 20.1% [0.1%, 40.0%]."
    )
    left = repair("do not")
    assert confirmed(left, tilted, change(0.1, 0.4)) is left
