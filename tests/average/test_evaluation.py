"""A model against its average on labelled trajectories, worked out by hand and by The Well's metric."""

from __future__ import annotations

import json
import math

import pytest
import torch

from haar.actions import FieldSpec, Symmetry
from haar.average import average, evaluate
from haar.average.evaluation import FieldChange
from haar.data import Axis, FieldErrors, Trajectories, write_well
from haar.data.well.examples import small_well
from haar.errors import ArgumentError
from haar.groups import dihedral
from haar.statistics import Estimate

FIELDS = "tracer, velocity:vector"


def symmetry(history=1):
    return Symmetry.of_fields(dihedral(4), FIELDS, history=history, centring="node")


@pytest.fixture(scope="module")
def runs():
    with small_well() as root:
        yield Trajectories(root, dtype=torch.float64)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 3, 3, padding=1).double()


def everywhere(predict, runs, layout):
    errors = FieldErrors(layout)
    with torch.no_grad():
        for run in (runs[index] for index in range(len(runs))):
            errors.update(predict(run.states[:-1]), run.states[1:])
    return errors.compute()


def test_one_step_is_the_wells_metric_of_all_windows(runs, model):
    found = evaluate(model, symmetry(), runs, windows=["1"], per_run=99)
    base, averaged = (everywhere(f, runs, runs.layout) for f in (model, average(model, symmetry())))
    for name, field in (("all", None), ("tracer", "tracer"), ("velocity", "velocity")):
        row = found.of("1", name)
        assert row.base == pytest.approx(base.value("vrmse", field=field), rel=1e-9)
        assert row.averaged == pytest.approx(averaged.value("vrmse", field=field), rel=1e-9)
        assert row.change.value == pytest.approx(row.averaged / row.base - 1, rel=1e-9)
    for name in ("all", "tracer", "velocity"):  # u_y is 0 everywhere: it is left out of what is pooled
        kept = {"all": [0, 1], "tracer": [0], "velocity": [1]}[name]
        assert found.of("1", name).pooled_base == pytest.approx(_pooled(model, runs, kept), rel=1e-9)


def _pooled(model, runs, channels):
    states = torch.stack([runs[index].states for index in range(len(runs))])
    with torch.no_grad():
        errors = (model(states[:, :-1].flatten(0, 1)) - states[:, 1:].flatten(0, 1)).square().mean((0, 2, 3))
    variance = states[:, 1:].flatten(3).var(-1).mean((0, 1))
    return float((errors / variance)[channels].mean().sqrt())


def test_rollouts_start_at_the_first_history(runs, model):
    found = evaluate(model, symmetry(), runs, windows=["2:3"])
    errors = FieldErrors(runs.layout)
    with torch.no_grad():
        for run in (runs[index] for index in range(len(runs))):
            states = [run.states[:1]]
            for _ in range(3):
                states.append(model(states[-1]))
            errors.update(torch.stack(states[1:], 1), run.states[None, 1:4])
    assert found.of("2:3").base == pytest.approx(errors.compute(["2:3"]).value("vrmse", window="2:3"), rel=1e-9)


def test_an_equivariant_model_is_not_changed(runs):
    found = evaluate(lambda x: 0.5 * x, symmetry(), runs, windows=["1", "1:4"])
    assert all(row.change.value == pytest.approx(0, abs=1e-9) for row in found.changes)


def test_the_interval_pairs_trajectories(tmp_path):
    """Errors that differ much from run to run, and fall by the same part in each: the interval is narrow."""
    states = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sizes = torch.tensor([1.0, 2, 4, 8, 16, 32], dtype=torch.float64)
    truth = torch.stack([states, states], 1) * sizes[:, None, None, None, None] ** -1
    _write(tmp_path, truth)
    bias = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)[:, None, None]
    ramp = torch.linspace(-1, 1, 8, dtype=torch.float64)[:, None]

    def wrong(x):
        return x + bias + ramp  # D4 takes the ramp away and leaves the bias

    runs = Trajectories(tmp_path, dtype=torch.float64)
    row = evaluate(wrong, Symmetry.of_fields(dihedral(4), "a, b, c", history=1), runs, windows=["1"]).of("1", "a")
    assert row.verdict == "lower"
    assert row.change.low == pytest.approx(row.change.value, abs=1e-6)
    assert row.change.value == pytest.approx((1 + float(ramp.square().mean())) ** -0.5 - 1, rel=1e-4)


def _write(root, truth):
    axes = [Axis.periodic_nodes(name, 8, length=1.0) for name in "xy"]
    runs = [{name: run[:, place].numpy() for place, name in enumerate("abc")} for run in truth]
    fields = [FieldSpec(name) for name in "abc"]
    write_well(root, {"train": runs}, name="made up", axes=axes, fields=fields, times=[0.0, 1.0], dtype="float64")


def test_from_few_trajectories_there_is_no_interval(runs, model):
    row = evaluate(model, symmetry(), runs, windows=["1"]).of("1")
    assert len(runs) < 5
    assert math.isnan(row.change.low)
    assert row.verdict == "cannot be told"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.2, -0.01, "lower"),
        (-0.2, 0.01, "cannot be told"),
        (0.01, 0.2, "higher"),
        (math.nan, math.nan, "cannot be told"),
    ],
)
def test_the_interval_decides(low, high, verdict):
    assert FieldChange("1", "p", 1.0, 1.0, Estimate(0.0, low, high), 1.0, 1.0).verdict == verdict


def test_a_rollout_that_diverges_is_infinite_and_has_no_change(runs):
    found = evaluate(lambda x: 1e200 * x**3, symmetry(), runs, windows=["1:4"])
    row = found.of("1:4")
    assert row.base == math.inf
    assert math.isnan(row.change.value)
    assert json.loads(json.dumps(found.to_dict()))["changes"][0]["base"] is None


def test_windows_that_are_reached_are_the_default(runs, model):
    assert {row.window for row in evaluate(model, symmetry(), runs).changes} == {"1"}


def test_a_window_that_is_not_reached_is_refused(runs, model):
    with pytest.raises(ArgumentError, match=r"windows: expected steps within 1:5, got 6:12"):
        evaluate(model, symmetry(), runs, windows=["6:12"])


def test_a_number_of_no_places_is_refused(runs, model):
    with pytest.raises(ArgumentError, match="per_run"):
        evaluate(model, symmetry(), runs, per_run=0)


def test_a_row_that_is_not_there_is_refused(runs, model):
    with pytest.raises(ArgumentError, match=r"expected one of 1 all, 1 tracer, 1 velocity, got 1 pressure"):
        evaluate(model, symmetry(), runs).of("1", "pressure")
