"""Rows of one trajectory are not independent: intervals of sweeps draw whole trajectories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.compress import sensitivity, sweep
from haar.compress.batch import Batch, batches_of
from haar.compress.clusters import by_unit, units_of
from haar.errors import ArgumentError
from haar.statistics import FEWEST

NAMES = ["loss", "accuracy", "drift"]


def runs(trajectories, rows, seed=3):
    """Rows that differ little within a trajectory, in mixed order; their classes, and which trajectory each is of."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(trajectories, 8, generator=generator, dtype=torch.float64)
    which = torch.arange(trajectories).repeat(rows)[torch.randperm(trajectories * rows, generator=generator)]
    x = first[which] + 0.01 * torch.randn(len(which), 8, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (trajectories,), generator=generator)[which], which


def test_intervals_are_those_of_trajectories_drawn_one_by_one(perceptron):
    x, y, which = runs(12, 4)
    draws, seed = 40, 5
    found = sweep(perceptron, ["magnitude"], ["loss"], (x, y), clusters=which, levels=[0.5], draws=draws, seed=seed)
    losses = F.cross_entropy(perceptron(x), y, reduction="none").numpy()
    names = list(dict.fromkeys(which.tolist()))  # as they first occur
    chosen = torch.randint(len(names), (draws, len(names)), generator=torch.Generator().manual_seed(seed))
    means = [np.mean(np.concatenate([losses[which.numpy() == names[k]] for k in one])) for one in chosen.tolist()]
    before = found.curve("magnitude").baseline
    assert before.value == pytest.approx(losses.mean(), rel=1e-12)
    assert (before.low, before.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), rel=1e-12)
    assert found.trajectories == found.to_dict()["trajectories"] == 12
    assert "a bootstrap over 12 trajectories" in str(found)


def test_rows_that_go_together_make_intervals_wider_and_nothing_else(perceptron):
    x, y, which = runs(12, 16)
    given = {"levels": {"magnitude": [0.2, 0.5], "quantise": [3]}, "draws": 400}
    alone = sweep(perceptron, ["magnitude", "quantise"], NAMES, (x, y), **given)
    together = sweep(perceptron, ["magnitude", "quantise"], NAMES, (x, y), clusters=which, **given)
    assert (alone.trajectories, "trajectories" in alone.to_dict()) == (None, False)
    for one, other in zip(alone.curves, together.curves, strict=True):
        for here, there in zip((one.baseline, *one.points), (other.baseline, *other.points), strict=True):
            assert there.value == pytest.approx(here.value, rel=1e-12, abs=1e-15)
            if here.high > here.low:  # 16 rows like one: four times as wide
                assert 2.5 < (there.high - there.low) / (here.high - here.low) < 6


@pytest.mark.parametrize("names", [list(range(48)), [f"run {k}" for k in range(48)], list(range(90, -6, -2))])
def test_a_trajectory_a_row_is_the_bootstrap_of_rows(perceptron, pairs, names):
    plain = sweep(perceptron, ["magnitude"], NAMES, pairs, levels=[0.5], draws=50).to_dict()
    told = sweep(perceptron, ["magnitude"], NAMES, pairs, clusters=names, levels=[0.5], draws=50).to_dict()
    assert told["curves"] == plain["curves"]
    assert told["thresholds"] == plain["thresholds"]


@pytest.mark.parametrize("kind", ["tuple", "list", "batches", "named", "frame"])
def test_data_say_themselves_which_trajectory_a_row_is_of(perceptron, kind):
    x, y, which = runs(8, 4)
    words = [f"day {k}" for k in which.tolist()]
    data = {
        "tuple": (x, y, which),
        "list": [x, y, which],
        "batches": list(zip(x.split(10), y.split(10), which.split(10), strict=True)),
        "named": [(x[:9], y[:9], words[:9]), (x[9:], y[9:], words[9:])],
        "frame": (x, y, pd.Series(words)),
    }[kind]
    given = {"levels": [0.5], "draws": 30}
    wanted = sweep(perceptron, ["magnitude"], NAMES, (x, y), clusters=which, **given)
    found = sweep(perceptron, ["magnitude"], NAMES, data, **given)
    assert found.trajectories == 8
    for one, other in zip(found.curves, wanted.curves, strict=True):
        assert one.draws == pytest.approx(other.draws, rel=1e-9, abs=1e-12)


def test_inputs_alone_have_trajectories_too(perceptron):
    x, _, which = runs(8, 4)
    given = {"levels": [0.5], "draws": 30}
    wanted = sweep(perceptron, ["magnitude"], ["drift"], x, clusters=which, **given)
    assert sweep(perceptron, ["magnitude"], ["drift"], (x, None, which), **given).to_dict() == wanted.to_dict()


def test_one_layer_at_a_time_draws_trajectories(perceptron):
    x, y, which = runs(12, 16)
    alone, together = (
        sensitivity(perceptron, "quantise", ["loss"], (x, y), clusters=marks, draws=200).together.points[0]
        for marks in (None, which)
    )
    assert together.value == pytest.approx(alone.value, rel=1e-12)
    assert together.high - together.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize("count", [FEWEST - 1, FEWEST])
def test_few_trajectories_tell_nothing_of_chance(perceptron, count):
    found = sweep(perceptron, ["magnitude"], ["loss"], runs(count, 10), levels=[0.5], draws=20)
    told = f"There are no intervals, which need 5 trajectories (here {count}) and draws: this may be chance."
    assert found.summary.endswith(told) == (count < FEWEST)
    assert np.isnan(found.curve("magnitude").baseline.low) == (count < FEWEST)


@pytest.mark.parametrize(
    ("clusters", "words"),
    [
        (list(range(47)), "clusters: expected one number for each of 48 rows, got 47"),
        (torch.zeros(48), "clusters: expected whole numbers, one for each row, got float32"),
        (torch.zeros(48, 1, dtype=torch.int64), r"clusters: expected one number for each of 48 rows, got \(48, 1\)"),
        ([*["a"] * 47, 3.5], "clusters: expected a whole number for each row, got list"),
    ],
)
@pytest.mark.parametrize("verb", ["sweep", "sensitivity"])
def test_marks_that_are_none_of_every_row_are_refused(perceptron, pairs, clusters, words, verb):
    run, asked = (sweep, ["magnitude"]) if verb == "sweep" else (sensitivity, "magnitude")
    with pytest.raises(ArgumentError, match=f"^{words}"):
        run(perceptron, asked, None, pairs, clusters=clusters)


def test_trajectories_are_said_once_and_for_all_batches(perceptron, pairs):
    marked = [(x, y, torch.arange(len(x))) for x, y in pairs]
    with pytest.raises(ArgumentError, match=r"^clusters: expected none beside \(inputs, targets, clusters\), got some"):
        sweep(perceptron, ["magnitude"], None, marked, clusters=list(range(48)))
    with pytest.raises(
        ArgumentError, match=r"^data: expected clusters in every batch, or in none, got none in batch 1"
    ):
        sweep(perceptron, ["magnitude"], None, [marked[0], *pairs[1:]])
    short = [*marked[:2], (*pairs[2], torch.arange(15))]
    with pytest.raises(
        ArgumentError, match=r"^data: expected one of clusters for each of 16 samples of a batch, got 15"
    ):
        sweep(perceptron, ["magnitude"], None, short)


def test_metrics_of_whole_batches_have_no_trajectories(perceptron, pairs):
    with pytest.raises(
        ArgumentError, match=r"^metrics: expected metrics of every sample .*48 numbers, got 'cka', .* 3;"
    ):
        sweep(perceptron, ["magnitude"], ["cka"], pairs, clusters=list(range(48)), levels=[0.5])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=20), st.booleans())
def test_trajectories_are_numbered_as_they_occur_and_their_rows_summed(marks, as_names):
    rows = torch.arange(1.0, 2 * len(marks) + 1, dtype=torch.float64).reshape(-1, 2)
    given = [f"n{mark}" for mark in marks] if as_names else marks
    units = units_of([Batch(None, (rows,))], given)
    order = list(dict.fromkeys(marks))
    assert units.tolist() == [order.index(mark) for mark in marks]
    of = {mark: [row for row, own in zip(rows.tolist(), marks, strict=True) if own == mark] for mark in order}
    assert by_unit(rows, units, "mine").tolist() == [
        [sum(column) for column in zip(*of[mark], strict=True)] for mark in order
    ]


def test_three_tensors_of_inputs_are_still_three_batches():
    x = torch.zeros(4, 2)
    assert [batch.clusters for batch in batches_of((x, x, x))] == [None] * 3
