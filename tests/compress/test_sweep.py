"""The sweep: curves, intervals and thresholds; the model stays as it is; one line for what does not fit."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from haar.actions import Given, Invariant, Symmetry, Vector
from haar.compress import (
    METRICS,
    Decoding,
    Magnitude,
    NofM,
    Quantise,
    Wanda,
    fit_law,
    sensitivity,
    sweep,
)
from haar.compress.crossing import first_crossing
from haar.errors import ArgumentError, DataError
from haar.groups import cyclic


def test_metrics_are_those_of_a_plain_loop(perceptron, pairs):
    found = sweep(perceptron, "quantise", ["loss", "accuracy", "drift", "kl"], pairs, levels=[2], draws=0)
    x, y = torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])

    rounded = copy.deepcopy(perceptron)
    for layer in (rounded[0], rounded[2]):
        step = layer.weight.abs().amax(1, keepdim=True)
        layer.weight.copy_((layer.weight / step).round() * step)
    before, after = perceptron(x), rounded(x)
    told = {name: found.curve("quantise", name).values[0] for name in found.metrics}
    assert told["loss"] == pytest.approx(float(nn.functional.cross_entropy(after, y)), rel=1e-12)
    assert told["accuracy"] == pytest.approx(float((after.argmax(1) == y).double().mean()), rel=1e-12)
    assert told["drift"] == pytest.approx(float((after - before).norm() / before.norm()), rel=1e-12)
    kl = nn.functional.kl_div(after.log_softmax(1), before.log_softmax(1), reduction="batchmean", log_target=True)
    assert told["kl"] == pytest.approx(float(kl), rel=1e-10)
    assert found.curve("quantise", "loss").baseline.value == pytest.approx(
        float(nn.functional.cross_entropy(before, y)), rel=1e-12
    )


def test_perplexity_of_texts_is_of_the_tokens_that_follow(gpt2, texts):
    found = sweep(gpt2, "noise", None, texts, levels=[0.1], draws=0)
    assert found.metrics == ("perplexity", "drift")
    whole = torch.cat(texts)
    loss = nn.functional.cross_entropy(gpt2(whole)[:, :-1].flatten(0, 1), whole[:, 1:].flatten())
    assert found.curve("noise").baseline.value == pytest.approx(float(loss.exp()), rel=1e-12)


def test_labels_by_name_that_are_ignored_do_not_count(gpt2, texts):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = gpt2

        def forward(self, input_ids, attention_mask):
            del attention_mask
            return {"logits": self.inner(input_ids)}

    mask = torch.ones_like(texts[0])
    mask[:, 6:] = 0
    found = sweep(Named(), "noise", ["loss"], [{"input_ids": texts[0], "attention_mask": mask}], levels=[0.1], draws=0)
    loss = nn.functional.cross_entropy(gpt2(texts[0])[:, :5].flatten(0, 1), texts[0][:, 1:6].flatten())
    assert found.curves[0].baseline.value == pytest.approx(float(loss), rel=1e-12)


def test_cka_is_1_for_turned_representations_and_less_for_others():
    torch.manual_seed(0)
    x = torch.randn(40, 6, dtype=torch.float64)
    turned = x @ torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q * 3
    from haar.compress.batch import batch_of
    from haar.compress.metrics import Seen

    def told(after):
        rows = METRICS["cka"].units(Seen(nn.Identity(), batch_of(x), x, None, after, x))
        return float(METRICS["cka"].value(rows.sum(0)))

    assert abs(told(turned)) < 1e-12
    assert told(torch.randn(40, 6, dtype=torch.float64)) > 0.7
    assert sweep(nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 2)).double(), "noise", ["cka"], [x], draws=0).curves[0]


def test_functions_of_ones_own_are_weighted_by_samples(perceptron, pairs):
    uneven = [pairs[0], (pairs[1][0][:4], pairs[1][1][:4])]
    metrics = {
        "batch": lambda model, batch: float(model(batch[0]).square().mean()),
        "sample": lambda model, batch: model(batch[0]).square().mean(1),
    }
    found = sweep(perceptron, "noise", metrics, uneven, levels=[0.1], draws=0)
    wanted = float(perceptron(torch.cat([x for x, _ in uneven])).square().mean())
    assert found.curve("noise", "batch").baseline.value == pytest.approx(wanted, rel=1e-12)
    assert found.curve("noise", "sample").baseline.value == pytest.approx(wanted, rel=1e-12)


def test_the_model_is_not_touched_and_a_seed_says_everything(perceptron, pairs, near):
    perceptron.train()
    perceptron[1].eval()
    before = {name: value.clone() for name, value in perceptron.state_dict().items()}
    modes = [module.training for module in perceptron.modules()]
    state = torch.random.get_rng_state()
    names = ["noise", "random", "magnitude", "wanda", "sparsegpt", "taylor", "units", "activations"]
    first, again, other = (
        sweep(perceptron, names, ["loss"], pairs, calibration=near, draws=20, seed=seed) for seed in (1, 1, 2)
    )
    for name in names:
        drawn = [one.curve(name, "loss").draws for one in (first, again, other)]
        np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-9)
        assert not np.allclose(drawn[0], drawn[2], rtol=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in perceptron.state_dict().items())
    assert [module.training for module in perceptron.modules()] == modes
    assert torch.equal(state, torch.random.get_rng_state())
    assert not any(module._forward_pre_hooks for module in perceptron.modules())


def test_intervals_cover_the_mean_and_need_five_units(perceptron, pairs):
    found = sweep(perceptron, "magnitude", ["loss"], pairs, levels=[0.5]).curves[0]
    assert found.points[0].low < found.points[0].value < found.points[0].high
    few = sweep(perceptron, "magnitude", ["loss"], [(pairs[0][0][:4], pairs[0][1][:4])], levels=[0.5]).curves[0]
    assert math.isnan(few.points[0].low)


def test_a_layer_that_costs_more_is_blamed(perceptron, pairs):
    found = sensitivity(perceptron, "magnitude", ["drift"], pairs, level=0.9)
    alone = {
        name: sweep(perceptron, "magnitude", ["drift"], pairs, levels=[0.9], layers=[name], draws=0).curves[0].values[0]
        for name in ("0", "2")
    }
    assert {name: curve.values[0] for name, curve in found.layers.items()} == pytest.approx(alone, rel=1e-12)
    worst = max(alone, key=alone.get)
    assert found.ranked()[0] == worst
    assert f"costs most in **{worst}**" in found.summary
    with pytest.raises(ArgumentError, match="perturbation: expected a perturbation of layers"):
        sensitivity(perceptron, "units", ["drift"], pairs)


def test_crossing_of_a_log_linear_curve_is_exact():
    levels = np.linspace(0, 1, 6)
    values = np.exp(1.0 + 1.3 * levels)
    place = first_crossing(levels, values, np.array(1.5 * values[0]))
    assert float(place) == pytest.approx(math.log(1.5) / 1.3, rel=1e-12)
    assert float(first_crossing(levels, values, np.array(100.0))) == math.inf
    assert float(first_crossing(levels, np.array([1, 1, np.nan, 1, 1, 1.0]), np.array(1.5))) == pytest.approx(0.4)
    assert float(first_crossing(levels, np.array([0, 0, 1, 1, 1, 1.0]), np.array(0.5))) == pytest.approx(0.3)


def test_thresholds_run_from_mild_to_strong(perceptron, pairs):
    found = sweep(perceptron, [Magnitude(), Quantise()], ["loss"], pairs, draws=50)
    pruned, rounded = found.thresholds(0.01)
    assert pruned.curve.levels[0] < pruned.curve.levels[-1]
    assert rounded.curve.levels[0] > rounded.curve.levels[-1]
    for threshold in (pruned, rounded):
        if threshold.crossing.found:
            assert threshold.crossing.level.low <= threshold.crossing.level.value <= threshold.crossing.level.high
    assert not found.thresholds(1000)[0].crossing.found
    assert str(found.thresholds(1000)[0].crossing) == "none up to 0.9"
    assert found.thresholds(1000)[1].safe == 2
    with pytest.raises(ArgumentError, match="tolerance: expected a number above 0"):
        found.thresholds(0)


def test_accuracy_crosses_downwards():
    model = nn.Sequential(nn.Linear(2, 8, bias=False), nn.Linear(8, 2, bias=False)).double()
    x = torch.randn(200, 2, dtype=torch.float64)
    y = model(x).argmax(1)
    curve = sweep(model, "random", ["accuracy"], [(x, y)], levels=[0.1, 1.0], draws=0).curves[0]
    assert curve.baseline.value == 1
    assert curve.crossing(0.25).level.value <= 1
    assert curve.crossing(1e-9).level.value <= curve.crossing(0.25).level.value


@pytest.mark.parametrize("kink", [0.45, 0.55, 0.65])
def test_the_law_finds_its_own_kink(kink):
    s = np.arange(1, 10) / 10
    values = np.where(s <= kink, 5 + 2 * s**3, (5 + 2 * kink**3) * np.exp(6 * (s - kink)))
    found = fit_law(s, values)
    assert found.kink == pytest.approx(kink, abs=0.01)
    assert found.transition
    assert str(found).startswith(f"at {found.kink:.3g}")


def test_there_is_no_transition_in_a_smooth_curve_and_none_from_few_levels():
    s = np.arange(1, 9) / 10
    found = fit_law(s, np.exp(1.63 + 6 * s**3))
    assert found.rival < 1e-12
    assert not found.transition
    assert str(found).startswith("no transition")
    assert fit_law(s[:5], np.exp(s[:5])) is None


def test_the_published_rows_cross_where_they_do():
    from haar.systems.model_hemorrhage.published import CROSSINGS, read

    found = read()
    assert {name: found[name]["crossing"] for name in CROSSINGS} == pytest.approx(CROSSINGS, abs=1e-3)
    assert found["SparseGPT"]["law"]["rival"] == pytest.approx(0.0048, abs=5e-5)
    assert found["ADMM"]["law"]["rival"] == pytest.approx(0.0024, abs=5e-5)
    assert found["Wanda"]["law"]["rival"] == pytest.approx(0.0219, abs=5e-4)


def test_the_loss_on_the_orbit_is_that_of_the_average_and_the_spread(pairs):
    torch.manual_seed(0)
    group = cyclic(4)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    matrices = torch.stack([torch.linalg.matrix_power(turn, k) for k in range(4)])
    symmetry = Symmetry(group, (Vector(Given(group, matrices)),), Invariant(group))
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1)).double()
    x = torch.randn(30, 2, dtype=torch.float64)
    y = x.square().sum(1, keepdim=True)
    found = sweep(model, "magnitude", ["loss"], [(x, y)], symmetry=symmetry, levels=[0.3, 0.9], draws=0)
    for level in (0.3, 0.9):
        told = {name: found.curve("magnitude", name).at(level).value for name in found.metrics}
        whole = told["loss of the average"] + told["orbit spread"]
        assert told["loss on the orbit"] == pytest.approx(whole, rel=1e-12)
        assert told["loss of the average"] <= told["loss on the orbit"]
        assert told["group defect"] > 0
    by_hand = torch.stack([model(x @ m.T) for m in matrices])
    loss = float((by_hand - y).square().mean())
    assert found.curve("magnitude", "loss on the orbit").baseline.value == pytest.approx(loss, rel=1e-12)
    invariant = nn.Sequential(nn.Linear(2, 4, bias=False), nn.Linear(4, 1)).double()
    with torch.no_grad():
        invariant[0].weight.zero_()
    flat = sweep(invariant, "noise", ["loss"], [(x, y)], symmetry=symmetry, levels=[0.1], draws=0)
    assert flat.curve("noise", "group defect").baseline.value < 1e-12


def test_the_report_is_whole(perceptron, pairs, tmp_path):
    found = sweep(perceptron, ["magnitude", "2:4", "quantise"], ["loss", "drift"], pairs, draws=20)
    json.dumps(found.to_dict())
    assert "can be changed without its loss becoming 50% worse by **magnitude**" in found.summary
    assert len(found.sections()) == 4
    assert len(found.figure().axes) == 4
    found.save_html(tmp_path / "report.html")
    for call, words in {
        lambda: found.curve("wanda"): "perturbation: expected one of magnitude, 2:4, quantise",
        lambda: found.curve("2:4", "kl"): "metric: expected one of loss, drift",
        lambda: found.curve("2:4").at(0.3): "level: expected one of 0.5",
    }.items():
        with pytest.raises(ArgumentError, match=words):
            call()


def _spoilt(perceptron, pairs):
    tied = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    tied[2].weight = tied[0].weight
    mixed = [(pairs[0][0][:, :8], pairs[0][1]), (torch.zeros(2, 3, 8, dtype=torch.float64), pairs[1][1][:2])]
    holes = pairs[0][0].clone()
    holes[0, 0] = math.nan
    return {
        "levels: expected numbers from 0 to 1": lambda: sweep(perceptron, "magnitude", None, pairs, levels=[1.1]),
        "levels: expected numbers from 0 to 1 .kept rank.": lambda: sweep(
            perceptron, "low rank", None, pairs, levels=[-0.1]
        ),
        "levels: expected whole numbers from 2 to 32": lambda: sweep(perceptron, "quantise", None, pairs, levels=[3.5]),
        "levels: expected at least one level": lambda: sweep(perceptron, "magnitude", None, pairs, levels=[0]),
        "expected layers whose number of inputs 3 divides": lambda: sweep(perceptron, "1:3", None, pairs),
        "pattern: expected n:m with 0 < n < m": lambda: NofM("4:4"),
        "pattern: expected n:m such as 2:4": lambda: NofM("two"),
        "per: expected a divisor of the 8 inputs of 0": lambda: sweep(perceptron, Quantise(3), None, pairs),
        "per: expected 'row', 'tensor' or a number": lambda: Quantise("column"),
        "scope: expected one of tensor, row, global": lambda: Magnitude("layer"),
        "model: expected linear or convolutional layers": lambda: sweep(nn.ReLU(), "magnitude", None, pairs),
        "calibration: expected batches, for 'wanda'": lambda: sweep(perceptron, Wanda(), None, pairs),
        "calibration: expected at least one batch": lambda: sweep(perceptron, Wanda(), None, pairs, calibration=[]),
        "calibration: expected batches with targets": lambda: sweep(
            perceptron, "taylor", None, pairs, calibration=[pairs[0][0]]
        ),
        "calibration: expected batches that can be joined": lambda: sweep(
            perceptron, Wanda(), None, pairs, calibration=mixed
        ),
        "layers: expected weights that one layer has alone, got 0.weight, tied to 2.weight": lambda: sweep(
            tied, "magnitude", None, pairs
        ),
        "layers: expected patterns of names among 0, 2, 4, got 'q": lambda: sweep(
            perceptron, "magnitude", None, pairs, layers=["q*"]
        ),
        "perturbations: expected names among .* did you mean 'magnitude'": lambda: sweep(
            perceptron, "magnitud", None, pairs
        ),
        "perturbations: expected at least one, each with a name": lambda: sweep(
            perceptron, ["2:4", NofM()], None, pairs
        ),
        "metrics: expected names among": lambda: sweep(perceptron, "magnitude", ["lose"], pairs),
        "metrics: expected batches with targets": lambda: sweep(perceptron, "magnitude", ["loss"], [pairs[0][0]]),
        "data: expected at least one batch": lambda: sweep(perceptron, "magnitude", None, []),
        "data: expected batches for the evaluation": lambda: sweep(perceptron, "magnitude"),
        "data: batch 0 has a number that is not finite": lambda: sweep(perceptron, "magnitude", None, [holes]),
        "symmetry: expected a symmetry": lambda: sweep(perceptron, "magnitude", [_orbit()], pairs),
        "model: expected attention heads": lambda: sweep(perceptron, "heads", None, pairs),
        "model: expected a list of blocks": lambda: sweep(perceptron, "depth", None, pairs),
        "model that generates": lambda: sweep(perceptron, Decoding(), None, pairs),
    }


def _orbit():
    from haar.compress.orbit_metrics import GroupDefect

    return GroupDefect()


def test_what_does_not_fit_is_told_in_one_line(perceptron, pairs):
    for words, call in _spoilt(perceptron, pairs).items():
        with pytest.raises((ArgumentError, DataError), match=words) as told:
            call()
        assert "\n" not in str(told.value)


def test_every_panel_says_what_it_shows_and_shares_are_drawn_as_they_are(perceptron, pairs):
    found = sweep(perceptron, ["magnitude", "quantise"], ["loss", "accuracy"], pairs, draws=0)
    panels = [axes for axes in found.sections()[0].figure.axes if axes.get_visible()]
    assert {(axes.get_ylabel(), axes.get_xlabel()) for axes in panels} == {
        (metric, measure) for metric in ("loss", "accuracy") for measure in ("sparsity", "bits")
    }
    assert all(axes.get_yscale() == "linear" for axes in panels if axes.get_ylabel() == "accuracy")


def test_a_weight_that_is_not_finite_is_named():
    """What would be measured of it is no number, and no threshold."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        model[2].weight[1, 2] = torch.inf
    with pytest.raises(ArgumentError, match=r"model: expected finite weights, got NaN or infinity in 2\.weight"):
        sweep(model, ["magnitude"], ["drift"], [torch.randn(3, 4)])
    found = sweep(model, ["magnitude"], ["drift"], [torch.randn(3, 4)], layers=["0"], levels=[0.5], draws=0)
    assert found.layers == ("0.weight",)  # what is not compressed is not looked at
