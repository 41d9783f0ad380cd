"""Defects of exchanges on samples, against plain loops; what passes, and what a group's elements come to together."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from haar.discover.finite.elements import elements
from haar.discover.finite.evaluation import Evaluation
from haar.discover.finite.exact import Candidate
from haar.discover.finite.exchange import Exchange
from haar.discover.finite.judge import Judge
from haar.discover.finite.staircase import Court
from haar.discover.finite.symmetry_judge import told
from haar.errors import ArgumentError
from haar.groups import PermutationGroup
from haar.statistics import ratio

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def exchange(count, *, signed=False, outputs="invariant", out_shape=(1,), still=()):
    return Exchange((count,), -1, signed, (0,) * count, outputs, out_shape, still=frozenset(still))


def leaning(x):
    return (x.sum(1, keepdim=True) + 0.3 * x[:, :1]).sin()


X = drawn(30, 3)
PLAIN = exchange(3)
SWAP, CYCLE = PLAIN.of_entries([1, 0, 2]), PLAIN.of_entries([1, 2, 0])


def judged(model=leaning, inputs=X, units=None, what=PLAIN):
    return Judge(Evaluation(model), what, inputs, units)


def squares(model, x, move):
    wrong = model(move(x)) - model(x)
    return wrong.square().flatten(1).sum(1)


def test_a_defect_is_in_units_of_two_unrelated_predictions():
    judge, y = judged(), leaning(X)
    spread = 2 * (y - y.mean(0)).square().sum(1)
    assert judge.spread == pytest.approx(float(spread.mean()) ** 0.5)
    for row, order in ((SWAP, [1, 0, 2]), (CYCLE, [2, 0, 1])):  # entry i goes to places[i]
        top = squares(leaning, X, lambda x, order=order: x[:, order])
        assert judge.defect(row) == pytest.approx(float(top.sum() / spread.sum()) ** 0.5)
    assert judge.defects([SWAP, CYCLE, SWAP]) == [judge.defect(SWAP), judge.defect(CYCLE), judge.defect(SWAP)]
    assert judge.defect(PLAIN.identity()) == 0.0


def test_intervals_and_p_values_are_over_independent_units():
    units = torch.arange(30) // 3
    judge, y = judged(units=units + 7), leaning(X)
    top = squares(leaning, X, lambda x: x[:, [1, 0, 2]]).reshape(10, 3).sum(1)
    bottom = 2 * (y - y.mean(0)).square().sum(1).reshape(10, 3).sum(1)
    assert judge.independent == 10
    found, expected = judge.estimate(SWAP, 0.1), ratio(top, bottom, root=True, level=0.9)
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
    assert judge.p_below(SWAP, 0.3) == pytest.approx(told(top, bottom, 0.3, 0.05)[1])
    assert judged().independent == 30


def test_what_passes_is_screened_on_twelve_samples():
    sizes = []

    def model(x):
        sizes.append(len(x))
        return leaning(x)

    judge = judged(model)
    defect = judge.defect(SWAP)
    first = float(squares(leaning, X[:12], lambda x: x[:, [1, 0, 2]]).mean()) ** 0.5 / judge.spread
    sizes.clear()
    fresh = judged(model)
    sizes.clear()
    assert not fresh.passes(SWAP, 0.49 * first)
    assert sizes == [12]
    assert not fresh.passes(SWAP, 0.49 * first)
    assert sizes == [12]  # each is asked once
    assert fresh.passes(SWAP, 1.01 * max(defect, first))
    assert sizes == [12, 30]
    assert fresh.passes(SWAP, 1.001 * defect) is (first <= 2.002 * defect)
    assert not judged().passes(SWAP, 0.999 * defect)
    assert judged().small([CYCLE, SWAP, PLAIN.identity()], 10.0)[0].tolist() == [0, 1, 2]
    found = judged().small([CYCLE, SWAP], 1.001 * defect)
    worse = judged().defect(CYCLE) > 1.001 * defect
    assert [row.tolist() for row in found] == ([[1, 0, 2]] if worse else [[1, 2, 0], [1, 0, 2]])


@pytest.mark.parametrize(("share", "sizes"), [(0.49, [12]), (0.51, [12, 30])])
def test_of_many_those_that_twelve_samples_put_beyond_twice_the_level_are_not_run_on_all(share, sizes):
    first = float(squares(leaning, X[:12], lambda x: x[:, [1, 0, 2]]).mean()) ** 0.5 / judged().spread
    asked = []
    judge = judged(lambda x: asked.append(len(x)) or leaning(x))
    asked.clear()
    assert judge.small([SWAP], share * first) == []
    assert asked == sizes


@pytest.mark.parametrize(("offset", "constant"), [(0.9e3, True), (1.1e3, False)])
def test_a_constant_varies_by_a_thousand_roundings(offset, constant):
    eps = torch.finfo(F64).eps
    swing = torch.tensor([1.0, -1.0] * 15, dtype=F64)[:, None]
    judge = judged(lambda x: 1 + offset * eps * (swing if len(x) == 30 else swing[: len(x)]) / 2**0.5)
    assert judge.constant is constant


def test_rounding_grows_with_the_size_of_predictions_over_their_spread():
    eps = torch.finfo(F64).eps
    assert judged().rounding == pytest.approx(max(200 * eps, 1e-11))
    y = leaning(X)
    moved = judged(lambda x: leaning(x) + 1e4)
    size = float((y + 1e4).square().mean()) ** 0.5
    assert moved.rounding == pytest.approx(1e-11 * size / moved.spread)
    single = judged(lambda x: leaning(x).float())
    assert single.rounding == pytest.approx(200 * torch.finfo(torch.float32).eps)


def test_the_defect_of_moved_entries_is_that_of_another_sample_in_their_place():
    judge = judged()
    replaced = X.clone()
    replaced[:, :2] = X.roll(1, 0)[:, :2]
    expected = float((leaning(replaced) - leaning(X)).square().sum(1).mean()) ** 0.5 / judge.spread
    assert judge.support_defect(SWAP) == pytest.approx(expected)
    signed = exchange(3, signed=True)
    flip = signed.of_entries([0, 1, 2], [1, 1, -1])
    last = X.clone()
    last[:, 2] = X.roll(1, 0)[:, 2]
    other = judged(what=signed)
    expected = float((leaning(last) - leaning(X)).square().sum(1).mean()) ** 0.5 / other.spread
    assert other.support_defect(flip) == pytest.approx(expected)


def test_outputs_that_are_sought_change_places_and_signs_as_fits_best():
    what = exchange(3, signed=True, outputs="any", out_shape=(3,))

    def model(x):
        return torch.stack([x[:, 0] + 0.1, -2 * x[:, 1], x[:, 2] ** 2], 1)

    judge = judged(model, what=what)
    whole = judge.output_motion(what.of_entries([0, 1, 2], [-1, 1, -1])[: what.nodes])
    after = what.move_outputs(whole, model(X))
    torch.testing.assert_close(after, model(X) * torch.tensor([-1.0, 1, 1]))
    still = judge.output_motion(what.identity()[: what.nodes])
    assert still.tolist() == what.identity().tolist()


def test_exchanges_move_entries_with_their_signs():
    what = exchange(3, signed=True)
    row = what.of_entries([1, 2, 0], [1, -1, 1])
    assert row.tolist() == [2, 3, 5, 4, 0, 1]
    assert what.move_inputs(row, X[:1]).tolist() == [[X[0, 2], X[0, 0], -X[0, 1]]]
    assert what.kinds.tolist() == [0] * 6
    assert exchange(3, signed=True, still=[1]).kinds.tolist() == [0, 0, 0, 1, 0, 0]
    blocks = Exchange((4,), -1, False, (5, 2, 5, 7), "same", (4,), still=frozenset([3]))
    assert blocks.members == [[1], [0, 2]]
    assert blocks.kinds.tolist() == [5, 2, 5, 7]
    assert blocks.move_outputs(blocks.of_entries([2, 1, 0, 3]), torch.arange(4.0)[None]).tolist() == [[2, 1, 0, 3]]


def court(model, tolerance=0.2, what=PLAIN, inputs=X):
    judge = judged(model, inputs, what=what)
    return judge, Court(what, judge, tolerance=tolerance, significance=0.05, seed=0)


def group(*rows):
    return Candidate(PermutationGroup([list(map(int, row)) for row in rows]), True, 0)


def test_a_group_is_judged_by_its_worst_and_by_what_lies_outside():
    def model(x):
        return (x.sum(1, keepdim=True) + 0.2 * x[:, 2:]).sin() + 0.05 * x[:, :1]

    judge, sits = court(model)
    found = sits.judged(group(SWAP))
    assert found.inside.value == pytest.approx(judge.defect(SWAP))
    others = [PLAIN.of_entries(order) for order in ([2, 1, 0], [0, 2, 1], [1, 2, 0], [2, 0, 1])]
    assert found.outside == pytest.approx(min(judge.defects(others)))
    assert found.p == pytest.approx(judge.p_below(SWAP, 0.2))
    assert found.share == pytest.approx(judge.defect(SWAP) / judge.support_defect(SWAP))
    whole = sits.judged(group(SWAP, CYCLE))
    assert whole.outside is None
    assert whole.inside.value == pytest.approx(max(judge.defects([SWAP, *others])))


def test_the_exact_group_is_a_step_and_larger_ones_if_they_stand_out():
    def model(x):
        return (x.sum(1, keepdim=True)).sin() + 0.01 * x[:, 2:]

    _, sits = court(model)
    steps, refused = sits.steps(group(SWAP), [group(SWAP, CYCLE)])
    assert [(step.order, step.grade) for step in steps] == [(2, "exact"), (6, "approximate")]
    assert refused == []
    assert court(model)[1].steps(group(PLAIN.identity()), [])[0] == []
    _, strict = court(model, tolerance=0.001)
    steps, refused = strict.steps(group(SWAP), [group(SWAP, CYCLE)])
    assert [step.order for step in steps] == [2]
    assert [one.candidate.group.order for one in refused] == [6]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (drawn(4, 1, 2, 2, 2, 2), r"inputs: expected fields \(rows, channels, \*grid\) with 1 to 3 axes of space"),
        (drawn(4, 2), "inputs: expected fields"),
    ],
)
def test_grids_have_one_to_three_axes(inputs, words):
    with pytest.raises(ArgumentError, match=words):
        elements(lambda x: x.flatten(1).sum(1), inputs, layout="grid")


def test_samples_are_counted_and_noise_has_a_way_out():
    assert elements(lambda x: x.sum(1), drawn(4, 2)).rows > 4
    with pytest.raises(ArgumentError, match=r"model: expected the same answer twice.*; fix its noise: average several"):
        elements(lambda x: x + torch.rand_like(x), drawn(8, 2))
    with pytest.raises(ArgumentError, match=r"some that change by .* when the batch does; put batch norm in eval mode"):
        elements(lambda x: x - x.mean(0), drawn(8, 2))


def test_a_model_runs_in_double_precision_of_complex_numbers_too():
    run = Evaluation(lambda x: torch.complex(x[:, 0], -x[:, 1]).to(torch.complex64))
    found = run(X.float())
    assert (found.dtype, found.shape, run.rows) == (F64, (30, 2), 30)
    assert found[0].tolist() == pytest.approx([float(X[0, 0]), -float(X[0, 1])], rel=1e-6)
    assert math.isclose(run.precision, np.finfo(np.float64).eps)
