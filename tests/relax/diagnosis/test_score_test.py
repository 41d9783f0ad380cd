"""The score test: exact under the null hypothesis, powerful against a break, right about subgroups."""

from __future__ import annotations

import pytest
import torch
from relax_worlds import C4, SYMMETRY, data, mse, wrapped
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.actions.representation import Quotient
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral, product
from haar.relax import homotopise
from haar.relax.diagnosis.gradients import sample_gradients
from haar.relax.diagnosis.score_test import ScoreTest, SubgroupScore, drawn_statistics, score_test
from haar.statistics import randomisation_p


def test_p_values_are_those_of_chance_under_the_null():
    """300 data sets of 32 samples of an invariant law: p <= 0.05 in about 5 of 100."""
    replicates, n, draws = 300, 32, 99
    model = wrapped()
    x, y = data(replicates * n)
    gradients = sample_gradients(model, mse, x, y, layers=["4"])["4"]
    generator = torch.Generator().manual_seed(7)
    moves = C4.sample(draws * n, generator).reshape(draws, n)
    found = [drawn_statistics(model.layers["4"], C4, C4, part, moves) for part in gradients.split(n)]
    p = [randomisation_p(float(t[0]), t[1:]) for t in found]
    share = torch.tensor(p).le(0.05).float().mean().item()
    assert 0.01 <= share <= 0.09
    assert 0.4 <= torch.tensor(p).le(0.5).float().mean().item() <= 0.6


def test_moved_samples_have_moved_gradients():
    """What saves the backward passes: the gradient at (g x, g y) is the moved gradient."""
    model = wrapped()
    x, y = data(10)
    g = C4.sample(10, torch.Generator().manual_seed(3))
    before = sample_gradients(model, mse, x, y)
    after = sample_gradients(model, mse, SYMMETRY.act_inputs(g, (x,))[0], SYMMETRY.act_outputs(g, y))
    for name, layer in model.layers.items():
        assert torch.allclose(layer.move(g, before[name]), after[name], rtol=0, atol=1e-12)


def test_the_p_value_does_not_depend_on_which_sample_of_the_orbit_was_seen():
    """Moving every sample by its own element permutes the null distribution: T stays among the same values."""
    model = wrapped()
    x, y = data(6)
    every = torch.cartesian_prod(*[C4.elements()] * 6)  # all moves of six samples
    g = torch.tensor([1, 3, 0, 2, 2, 1])
    nulls = []
    for inputs, target in ((x, y), (SYMMETRY.act_inputs(g, (x,))[0], SYMMETRY.act_outputs(g, y))):
        gradients = sample_gradients(model, mse, inputs, target, layers=["4"])["4"]
        nulls.append(drawn_statistics(model.layers["4"], C4, C4, gradients, every)[1:].sort().values)
    assert torch.allclose(*nulls, rtol=0, atol=1e-14)


@pytest.fixture(scope="module")
def broken():
    """A strictly trained model on data whose law has C2 = <r180> but not C4."""
    x, _ = data(256)
    y = torch.stack([2 * x[:, 4], -1 * x[:, 5]], -1)  # a linear map that commutes with -1 only
    model = wrapped()
    return model, x, y


def test_a_break_is_found_and_the_subgroup_that_is_left_is_named(broken, told):
    model, x, y = broken
    watch = told()
    found = score_test(model, mse, x, y, draws=199, watch=watch)
    assert (watch.stages, watch.steps) == ([("score test", 2)], 2)
    assert [s.name for s in found.scores] == ["<r180>", "C4"]
    assert [s.rejected for s in found.scores] == [False, True]
    assert found.largest == ["<r180>"]
    assert "The data break C4" in found.summary
    assert "<r180>" in found.summary


def test_every_layer_is_moved_by_the_same_draws(broken):
    """A statistic joined over layers is exact only then: one layer twice must give the p-value of one."""
    model, x, y = broken
    one = score_test(model, mse, x[:40], y[:40], layers=["4"], draws=49, seed=5)
    assert one.whole.p == one.whole.layers["4"]
    both = score_test(model, mse, x[:40], y[:40], layers=["2", "4"], draws=49, seed=5)
    assert both.whole.layers["4"] == one.whole.layers["4"]


def test_rows_and_columns_give_the_samedrawn_statistics():
    """The short way (inner products), the plain way and one move after the other agree."""
    model = wrapped()
    x, y = data(5)
    gradients = sample_gradients(model, mse, x, y)
    moves = C4.sample(20 * 5, torch.Generator().manual_seed(0)).reshape(20, 5)
    for name, layer in model.layers.items():
        found = drawn_statistics(layer, C4, C4, gradients[name], moves)[1:]
        residual = gradients[name] - torch.stack([layer.project(g) for g in gradients[name]])
        one_by_one = torch.stack([layer.move(g, residual).mean(0).square().sum() for g in moves])
        assert torch.allclose(found, one_by_one, rtol=1e-9, atol=1e-15)


def test_the_lattice_of_d4_is_tested_and_restricted_projections_are_right():
    D4 = dihedral(4)
    symmetry = Symmetry(D4, Vector(3 * Defining(D4)), Vector(Defining(D4)))
    model = homotopise(nn.Linear(6, 2).double(), symmetry)
    x, _ = data(64)
    y = torch.stack([2 * x[:, 4], -1 * x[:, 5]], -1)  # commutes with reversals of axes
    found = score_test(model, mse, x, y, draws=199)
    assert len(found.scores) == 9
    reversals = next(h for h in D4.subgroups() if h.order == 4 and not any(_turns(D4, g) for g in h.embedding.tolist()))
    assert found.largest == [reversals.name]
    assert found.to_dict()["schema"] == 1


def _turns(group, g):
    matrix = group.defining_matrix(torch.tensor(g))
    return bool(matrix[0, 1].abs() > 0.5)


def test_lie_groups_are_tested_as_a_whole():
    G = SO(2)
    symmetry = Symmetry(G, Vector(3 * Defining(G)), Vector(Defining(G)))
    model = homotopise(nn.Linear(6, 2).double(), symmetry)
    x, _ = data(40)
    bent = torch.stack([x[:, 4], 0 * x[:, 5]], -1)
    assert score_test(model, mse, x, bent, draws=99).whole.rejected
    assert not score_test(model, mse, x, x[:, 4:], draws=99).whole.rejected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "draws: expected at least 1, got 0"),
        ({"draws": 38}, "draws: expected at least 39 to reject any of 2 subgroups at 0.05, got 38"),
        ({"level": 1.0}, "level: expected a level between 0 and 1, got 1"),
        ({"level": 0.0}, "level: expected a level between 0 and 1, got 0"),
        ({"layers": ["5"]}, "layers: expected names among 0, 2, 4, got '5'"),
        ({"subgroups": [cyclic(8)]}, "subgroups: expected subgroups of C4, got C8"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        score_test(wrapped(), mse, *data(8), **options)


def test_layers_are_joined_over_their_means(broken):
    """Scaled, the statistic of a layer with excess e is e (1 + draws) / (e + draws), by chance 1 / e of it."""
    model, x, y = broken
    draws = 49
    options = {"draws": draws, "seed": 5}
    alone = [score_test(model, mse, x[:40], y[:40], layers=[name], **options).whole.excess for name in ("2", "4")]
    both = score_test(model, mse, x[:40], y[:40], layers=["2", "4"], **options).whole.excess
    assert abs(alone[0] - alone[1]) > 0.1
    expected = sum(e / (e + draws) for e in alone) / sum(1 / (e + draws) for e in alone)
    assert both == pytest.approx(expected, rel=1e-9)


def test_a_p_value_at_the_level_rejects(broken):
    """The fewest draws that can reject: one subgroup of two at 2 / 40 = 0.05, and at 0.1 one of three at 3 / 30."""
    model, x, y = broken
    found = score_test(model, mse, x, y, draws=39)
    assert found.whole.p == 1 / 40
    assert found.whole.holm == 0.05
    assert found.whole.rejected
    options = {"subgroups": [C4, C4.subgroup([2]), C4], "level": 0.1}
    found = score_test(model, mse, x[:32], y[:32], draws=29, **options)
    assert [s.name for s in found.scores] == ["<r180>", "C4", "C4"]  # smallest first
    with pytest.raises(
        ArgumentError, match=r"draws: expected at least 29 to reject any of 3 subgroups at 0\.1, got 28"
    ):
        score_test(model, mse, x[:32], y[:32], draws=28, **options)


def test_draws_belong_to_the_seed(broken):
    model, x, _ = broken
    y = data(32)[1]
    default, zero, one = (
        score_test(model, mse, x[:32], y, draws=99, **o).whole.p for o in ({}, {"seed": 0}, {"seed": 1})
    )
    assert default == zero != one


def test_the_excess_is_over_the_mean_by_chance(broken):
    model, x, y = broken
    found = score_test(model, mse, x[:24], y[:24], layers=["4"], draws=39, seed=2)
    gradients = sample_gradients(model, mse, x[:24], y[:24], layers=["4"])["4"]
    layer, generator = model.layers["4"], torch.Generator().manual_seed(2)
    for subgroup, score in zip((C4.subgroup([2]), C4), found.scores, strict=True):
        members = subgroup.embedding if score.order == 2 else C4.elements()
        mean = torch.stack([layer.move(g.expand(24), gradients) for g in members]).mean(0)
        rest = gradients - mean
        moves = subgroup.sample(39 * 24, generator).reshape(39, 24)
        chance = torch.stack([layer.move(members[g], rest).mean(0).square().sum() for g in moves])
        observed = rest.mean(0).square().sum()
        assert score.excess == pytest.approx(float(observed / chance.mean()), rel=1e-9)
        assert score.p == (1 + int((chance >= observed * (1 - 1e-9)).sum())) / 40
        assert score.layers == {"4": score.p}


def test_a_loss_without_a_gradient_rejects_nothing(broken):
    model, x, y = broken
    found = score_test(model, lambda predicted, _: 0 * predicted.sum(), x[:8], y[:8], draws=39)
    assert [(s.p, s.holm, s.excess, s.rejected) for s in found.scores] == [(1.0, 1.0, 1.0, False)] * 2
    assert found.largest == ["C4"]


@pytest.mark.parametrize(
    ("group", "orders"), [(product(cyclic(2), cyclic(32)), None), (cyclic(65), [5, 65]), (dihedral(12), [2, 4, 8, 24])]
)
def test_many_subgroups_are_tested_along_a_chain(group, orders):
    """All of at most 64 elements with at most 24 subgroups; else those of a chain."""
    index = next(h for h in group.subgroup_chain()[::-1] if group.order // h.order > 1)
    rep = Quotient(index)
    layer = nn.Linear(rep.dim, rep.dim).double()
    model = homotopise(layer, Symmetry(group, Vector(rep), Vector(rep)))
    x = torch.randn(4, rep.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = score_test(model, mse, x, x, draws=49, level=0.5)
    if orders is None:
        assert len(found.scores) == len([h for h in group.subgroups() if h.order > 1]) > len(group.subgroup_chain())
    else:
        assert [s.order for s in found.scores] == orders


def scored(*scores, largest=("a",)):
    made = [SubgroupScore(name, order, 1.5, p, p, rejected, {"": p, "2": 0.5}) for name, order, p, rejected in scores]
    return ScoreTest("G", made, largest, level=0.05, draws=99, samples=12)


def test_the_answer_names_the_smallest_p_and_what_is_left():
    assert scored(("a", 2, 0.4, False), ("G", 4, 0.25, False)).summary == "G is not rejected (p = 0.25, 12 samples)."
    both = scored(("a", 2, 0.03, True), ("b", 2, 0.6, False), ("G", 4, 0.01, True), largest=("b", "c"))
    assert both.summary == "The data break G (G: Holm's p = 0.01); the largest symmetry not rejected is b or c."
    assert scored(("G", 4, 0.01, True), largest=()).summary == (
        "The data break G (G: Holm's p = 0.01); every subgroup tested is rejected."
    )
    assert both.title == "Do the data have the symmetry G?"


def test_tables_and_the_figure_show_every_score():
    found = scored(("a", 2, 0.4, False), ("G", 4, 0.01, True))
    subgroups, layers = found.sections()
    assert tuple(subgroups.table.columns) == ("subgroup", "order", "score / chance", "p", "p (Holm)", "kept")
    rows = [tuple(row) for row in subgroups.table.rows]
    assert rows == [("a", 2, 1.5, 0.4, 0.4, True), ("G", 4, 1.5, 0.01, 0.01, False)]
    assert tuple(subgroups.table.verdicts) == ("kept",)
    assert layers.table.title == "G, layer by layer"
    assert [tuple(row) for row in layers.table.rows] == [("(the layer)", 0.01), ("2", 0.5)]
    described = found.to_dict()
    assert (described["kind"], described["group"], described["largest"]) == ("symmetry-score-test", "G", ["a"])
    assert (described["level"], described["draws"], described["samples"]) == (0.05, 99, 12)
    assert described["scores"][1]["layers"] == {"": 0.01, "2": 0.5}
    (axes,) = found.figure().axes
    assert [bar.get_height() for bar in axes.patches] == [1.5, 1.5]
    kept, rejected = (bar.get_facecolor() for bar in axes.patches)
    assert kept[2] > 0.5 > kept[0]  # blue
    assert rejected[0] > 0.5 > rejected[2]  # red
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 1]]  # what chance gives
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "G"]
    assert all(label.get_rotation() > 0 for label in axes.get_xticklabels())


def test_a_subgroup_that_holds_a_rejected_one_is_not_kept():
    """Reversals of the first axis are broken: of D4's subgroups those without them are left, the largest <r>."""
    D4 = dihedral(4)
    symmetry = Symmetry(D4, Vector(3 * Defining(D4)), Vector(Defining(D4)))
    model = homotopise(nn.Linear(6, 2).double(), symmetry)
    x, _ = data(96)
    y = torch.stack([x[:, 4] + 2 * x[:, 5], x[:, 5] - 2 * x[:, 4]], -1)  # commutes with rotations only
    turns = next(h for h in D4.subgroups() if h.order == 4 and len(h.generators()) == 1)
    flip = next(
        h for h in D4.subgroups() if h.order == 2 and not set(h.embedding.tolist()) <= set(turns.embedding.tolist())
    )
    found = score_test(model, mse, x, y, subgroups=[D4, flip, turns], draws=99)
    assert [s.rejected for s in found.scores] == [True, False, True]
    assert found.largest == [turns.name]
