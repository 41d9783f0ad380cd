"""Who sees the gauge, and the canonical gauge, in which nobody does."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from haar.compress import GaugeAudit, HiddenUnits, Quantise, canonical, canonical_form, gauge, orbit_gap
from haar.compress.batch import batches_of
from haar.compress.bench import Bench
from haar.compress.canonical import canonical_state
from haar.compress.factors import everything, factors_of
from haar.compress.gauge_report import Gaps
from haar.errors import ArgumentError
from haar.weights import adapted, traced, verify

SCALED = ("units: order", "units: scale", "norms: gain", "values: diagonal", "heads: order")
ZEROS = {
    "wanda": SCALED,
    "obs": SCALED,
    "magnitude": ("units: order", "heads: order"),
    "quantise": ("units: order", "heads: order"),
    "low rank": ("units: order", "values: orthogonal", "residual stream"),
    "low rank (data)": ("units: order", "norms: gain", "values: orthogonal", "residual stream"),
    "units": ("units: order", "units: scale", "values: invertible", "queries and keys", "residual stream"),
    "heads": ("units: order", "values: invertible", "queries and keys", "heads: order", "residual stream"),
}


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_every_factor_leaves_the_function_alone(name, request, texts):
    model = request.getfixturevalue(name)
    action = adapted(model.state_dict(), model.config)
    state = model.state_dict()
    y = model(texts[0])
    for factor in factors_of(action):
        moved = factor.draw(factor.base(state), torch.Generator().manual_seed(0))
        there = torch.func.functional_call(model, moved, (texts[0],), tie_weights=False)
        assert float((there - y).abs().max() / y.abs().max()) < 1e-12, factor.name
        assert any(not torch.allclose(moved[key], state[key]) for key in state), factor.name
    assert len(factors_of(action)) == 9


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_the_zeros_of_the_table_and_the_canonical_gauge(name, request, texts):
    model = request.getfixturevalue(name)
    methods = [*ZEROS, "sparsegpt", "ria", "2:4", Quantise(8)]
    found = gauge(model, methods, None, texts[:1], calibration=texts[1:])
    for method, factors in ZEROS.items():
        for factor in factors:
            assert found.gap(method, factor) < 1e-10, (method, factor)
    for method in ("magnitude", "quantise"):
        for factor in ("units: scale", "norms: gain", "values: orthogonal", "residual stream"):
            assert found.gap(method, factor) > 0.02, (method, factor)
    for row in found.rows:
        assert row.canonical < 1e-8, row.perturbation
    assert found.gap("wanda", "values: orthogonal") > 0.02  # a head's rotation is seen
    assert found.undetermined == ()
    assert found.moved < 1e-12
    assert "In canonical gauge (haar.compress.canonical) none does" in found.summary


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_copies_have_one_canonical_form_and_the_same_outputs(name, request, texts):
    model = request.getfixturevalue(name)
    action = adapted(model.state_dict(), model.config)
    state = model.state_dict()
    one, undetermined = canonical_state(action, state)
    other, _ = canonical_state(action, everything(action, state, torch.Generator().manual_seed(7)))
    assert undetermined == ()
    for key, value in one.items():
        assert torch.allclose(value, other[key], atol=1e-9), key
    same = canonical(model)
    assert float((same(texts[0]) - model(texts[0])).abs().max()) < 1e-10
    again, _ = canonical_state(action, one)
    assert all(torch.allclose(again[key], value, atol=1e-9) for key, value in one.items())


def test_perceptrons_and_convolutions_have_one_too():
    torch.manual_seed(0)
    flat = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.LeakyReLU(), nn.Linear(8, 2)).double()
    grid = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(16, 2),
    ).double()  # fmt: skip
    for model, x in ((flat, torch.randn(6, 3).double()), (grid, torch.randn(6, 1, 8, 8).double())):
        action = traced(model, x[:2])
        assert verify(model, action, x).preserved
        assert {site.scales for site in action.sites.values()} == {"positive"}
        form = canonical_form(model, x)
        assert form.undetermined == ()
        assert torch.allclose(form.model(x), model(x), atol=1e-12)
        moved = everything(action, model.state_dict(), torch.Generator().manual_seed(1))
        other, _ = canonical_state(action, moved)
        assert all(torch.allclose(form.state[key], other[key], atol=1e-9) for key in other)
        assert orbit_gap(model, "magnitude", [x], factor="units: scale") > 0.02
        assert orbit_gap(model, "wanda", [x], factor="units: scale", calibration=[x]) < 1e-12


def test_what_bends_units_keeps_their_scale():
    torch.manual_seed(0)
    x = torch.randn(4, 3)
    for bend, scales in (
        (nn.ReLU(), "positive"),
        (nn.GELU(), "none"),
        (nn.Tanh(), "none"),
        (nn.Identity(), "positive"),
    ):
        model = nn.Sequential(nn.Linear(3, 4), bend, nn.Linear(4, 2))
        assert [site.scales for site in traced(model, x).sites.values()] == [scales]
        assert [site.scales for site in traced(model, x, scales=False).sites.values()] == ["none"]
    odd = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    assert traced(odd, x, signs=True).sites["units0"].scales == "signs"
    normed = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    assert traced(normed, x).sites["units0"].scales == "positive"  # gain and bias of the norm are, the weight is not


def test_units_behind_a_batch_norm_have_a_canonical_form_and_are_pruned_whole():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(24, 2),
    ).double().eval()  # fmt: skip
    model[1].weight.uniform_(0.5, 2)
    model[1].bias.normal_()
    model[1].running_var.uniform_(0.5, 2)
    x = torch.randn(6, 1, 4, 4, dtype=torch.float64)
    form = canonical_form(model, x)
    assert form.undetermined == ()
    assert torch.allclose(form.model(x), model(x), atol=1e-12)
    action = traced(model, x)
    other, _ = canonical_state(action, everything(action, model.state_dict(), torch.Generator().manual_seed(1)))
    assert all(torch.allclose(form.state[key].double(), other[key].double(), atol=1e-9) for key in other)
    assert orbit_gap(model, "units", [x]) < 1e-10
    bench = Bench(model, example=batches_of([x])[0])
    HiddenUnits().apply(bench, 0.5, 0)
    size = (model[1].weight.square() + model[1].bias.square()).sqrt() * model[4].weight.unflatten(1, (6, 4)).norm(
        dim=(0, 2)
    )
    gone = (bench.model[0].weight == 0).all(3).all(2).all(1)
    assert torch.equal(gone.nonzero()[:, 0], size.argsort()[:3].sort().values)
    assert not torch.allclose(bench.model(x), model(x))
    assert bool(bench.model(x).isfinite().all())


def test_repeated_invariants_are_told_and_not_guessed():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double()
    with torch.no_grad():
        model[0].weight[1] = model[0].weight[0]
        model[0].bias[1] = model[0].bias[0]
        model[2].weight[0, 1] = model[2].weight[0, 0]
    form = canonical_form(model, torch.randn(4, 2, dtype=torch.float64))
    assert form.undetermined == ("units0: order: 1 repeated invariants",)


def test_what_does_not_fit_is_told(perceptron, pairs):
    for words, call in {
        "data: expected batches": lambda: gauge(perceptron, "magnitude"),
        "calibration: expected batches, for 'wanda'": lambda: gauge(perceptron, "wanda", None, pairs),
        "factor: expected one of units: order, units: scale": lambda: orbit_gap(
            perceptron, "magnitude", pairs, factor="heads"
        ),
        "residual: expected one of embedding, none": lambda: canonical(perceptron, pairs[0][0], residual="x"),
        "action: expected a model of": lambda: canonical(perceptron),
        "levels: expected one level for a perturbation, by names among magnitude, got 'wanda'": lambda: gauge(
            perceptron, "magnitude", None, pairs, levels={"wanda": 0.5}
        ),
    }.items():
        with pytest.raises(ArgumentError, match=words):
            call()


FACTORS = {"units: order": "S", "units: scale": "R"}


def _audit(*rows, undetermined=()):
    rows = tuple(
        Gaps(name, "sparsity", 0.5, dict(zip(FACTORS, gaps, strict=True)), *more) for name, gaps, *more in rows
    )
    return GaugeAudit("Net", "loss", False, 1.0, FACTORS, rows, undetermined, 1e-12)


def test_the_page_of_a_gauge_audit_by_its_numbers():
    found = _audit(
        ("magnitude", (0.0, 0.6), 2e-8, {"as it came": 1.25, "canonical": 1.5}),
        ("obs", (1e-8, 0.9e-8), 1e-9, {"as it came": 1.0}),
        ("noise", (1.1e-8, 0.61), 1e-8, {"canonical": 2.0}),
        undetermined=("units0: order",),
    )
    assert [row.invariant for row in found.rows] == [False, True, False]
    assert found.summary == (
        "What 2 of 3 methods give depends on which of its equal copies Net is; **obs** alone does not see it. "
        "In canonical gauge the gap is at most 2.0e-08: units0: order."
    )
    whose, costs, undecided = found.sections()
    assert [list(row) for row in whose.table.rows] == [
        ["magnitude", "0.5", "0", "0.6", "2e-08"],
        ["obs", "0.5", "0", "0", "0"],
        ["noise", "0.5", "1.1e-08", "0.61", "0"],
    ]
    assert whose.table.note == "0: below 1e-08; before anything is compressed the copies differ by 1e-12"
    assert [list(row) for row in costs.table.rows] == [
        ["nothing", "", 1.0, 1.0],
        ["magnitude", "0.5", 1.25, 1.5],
        ["obs", "0.5", 1.0, None],
        ["noise", "0.5", None, 2.0],
    ]
    assert undecided.text == "units0: order."
    (axes,) = whose.figure.axes
    inks = {text.get_text(): text.get_color() for text in axes.texts}
    assert inks == {"0": "black", "0.6": "black", "2e-08": "black", "1.1e-08": "black", "0.61": "white"}
    assert axes.images[0].get_array().tolist() == [[0.0, 0.6, 2e-8], [1e-8, 0.9e-8, 1e-9], [1.1e-8, 0.61, 1e-8]]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["magnitude", "obs", "noise"]


@pytest.mark.parametrize("gaps", [(0.0, math.nan), (math.nan, 0.0)])
def test_outputs_that_are_not_finite_are_not_called_equal(gaps):
    lost, good = ("quantise", gaps, math.nan, {}), ("obs", (0.0, 0.0), 0.0, {})
    for rows in ((lost, good), (good, lost)):
        found = _audit(*rows)
        assert [row.invariant for row in found.rows] == [row is good for row in rows]
        assert "Of quantise outputs are not finite, and nothing can be said. In canonical gauge the" in found.summary
        assert "–" in {cell for row in found.sections()[0].table.rows for cell in row}
    assert _audit(good).summary.endswith(
        "In canonical gauge (haar.compress.canonical) none does: the gap is at most 0e+00."
    )
