from __future__ import annotations

import json
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions.layout import Layout
from haar.data.metrics import FieldErrors, mae, near_constant, nrmse, rmse, vrmse
from haar.data.metrics.error_report import METRICS
from haar.errors import ArgumentError, ShapeError

LAYOUT = Layout.parse("p, u:vector", dim=2)


def rollout(batch=4, steps=13, seed=0, channels=3):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn((batch, steps, channels, 5, 6), generator=generator, dtype=torch.float64)
    noise = torch.randn(truth.shape, generator=generator, dtype=torch.float64)
    return truth + 0.1 * torch.arange(1, steps + 1)[:, None, None, None] * noise, truth


def gathered(*pairs):
    errors = FieldErrors(LAYOUT)
    for prediction, truth in pairs:
        errors.update(prediction, truth)
    return errors


@pytest.mark.parametrize("metric", [vrmse, nrmse, rmse, mae])
def test_windows_are_means_of_the_pointwise_numbers(metric):
    prediction, truth = rollout()
    report = gathered((prediction, truth)).compute(["1", "6:12"])
    every = metric(prediction, truth, dim=2)
    name = metric.__name__
    for window, steps in (("1", slice(0, 1)), ("6:12", slice(5, 12))):
        assert report.value(name, window=window) == pytest.approx(float(every[:, steps].mean()), rel=1e-13)
        assert report.value(name, window=window, field="p") == pytest.approx(
            float(every[:, steps, 0].mean()), rel=1e-13
        )
        assert report.value(name, window=window, field="u") == pytest.approx(
            float(every[:, steps, 1:].mean()), rel=1e-13
        )
    assert report.curve(name, field="u") == pytest.approx(every[:, :, 1:].mean((0, 2)).tolist(), rel=1e-13)


def test_pooled_and_ratio():
    prediction, truth = rollout(steps=2)
    truth[0, 0, 0] = 1.0  # constant: the mean of ratios explodes, the ratio of means does not
    report = gathered((prediction, truth)).compute(["1"])
    u, v = prediction[:, 0, 0].flatten(1), truth[:, 0, 0].flatten(1)
    pooled = math.sqrt(float((u - v).square().mean(1).sum() / (v.var(1).sum() + 4e-7)))
    assert report.value("pooled_vrmse", field="p") == pytest.approx(pooled, rel=1e-13)
    assert report.value("vrmse", field="p") > 100 * pooled
    assert report.value("near_constant", field="p") == 0.25 == float(near_constant(truth[:, :1, :1], dim=2))
    assert report.value("variance_ratio", field="p") == pytest.approx(float(u.var(1).sum() / v.var(1).sum()), rel=1e-13)


@given(st.integers(1, 4), st.integers(0, 100))
def test_any_division_of_the_samples_gives_the_same(parts, seed):
    prediction, truth = rollout(batch=6, seed=seed)
    whole = gathered((prediction, truth)).compute()
    pieces = [gathered(pair) for pair in zip(prediction.tensor_split(parts), truth.tensor_split(parts), strict=True)]
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = merged.merge(piece)
    for metric in METRICS:
        assert merged.compute().curve(metric) == pytest.approx(whole.curve(metric), rel=1e-13)


def test_rollouts_of_different_length_count_where_they_are():
    long, short = rollout(batch=2, steps=7, seed=1), rollout(batch=3, steps=4, seed=2)
    for errors in (gathered(long, short), gathered(short).merge(gathered(long))):
        report = errors.compute(["1", "6:7"])
        assert errors.steps == 7
        assert report.by_step["samples"][:, 0].tolist() == [5.0] * 4 + [2.0] * 3
        assert report.value("rmse", window="6:7") == pytest.approx(float(rmse(*long, dim=2)[:, 5:].mean()), rel=1e-13)
        both = torch.cat([rmse(*long, dim=2)[:, 0], rmse(*short, dim=2)[:, 0]])
        assert report.value("rmse") == pytest.approx(float(both.mean()), rel=1e-13)


def test_all_three_forms_of_a_batch():
    prediction, truth = rollout(steps=2)
    stacked = gathered((prediction.flatten(1, 2), truth.flatten(1, 2)))
    one = gathered((prediction[:, 0], truth[:, 0]))
    report = gathered((prediction, truth)).compute()
    assert stacked.compute().by_step["vrmse"].equal(report.by_step["vrmse"])
    assert one.compute().value("vrmse") == report.value("vrmse")


def test_a_history_in_the_layout_does_not_matter():
    layout = Layout.parse("p, u:vector, k:scalar:constant", dim=2, history=4)
    assert FieldErrors(layout).layout == LAYOUT


def test_a_prediction_that_is_lost_is_counted_and_not_hidden():
    prediction, truth = rollout(batch=4, steps=3)
    prediction[1, 2, 0, 0, 0] = torch.nan
    prediction[2, 2, 0, 0, 0] = torch.inf
    report = gathered((prediction, truth)).compute(["1", "2:3"])
    assert report.value("diverged", window="2:3", field="p") == 2 / 8
    assert report.value("vrmse", window="2:3", field="p") == math.inf
    assert report.value("vrmse", window="2:3") == math.inf
    assert math.isfinite(report.value("vrmse", window="1"))
    assert math.isfinite(report.value("vrmse", window="2:3", field="u"))


def test_the_protocol_is_the_default_as_far_as_the_rollout_goes():
    for steps, windows in ((1, ["1"]), (11, ["1"]), (12, ["1", "6:12"]), (30, ["1", "6:12", "13:30"])):
        report = gathered(rollout(batch=1, steps=steps)).compute()
        assert [str(window) for window in report.windows] == windows


def test_a_report_is_json_a_table_a_figure_and_a_page(tmp_path):
    report = gathered(rollout()).compute()
    content = json.loads(json.dumps(report.to_dict()))
    assert content["kind"] == "errors"
    assert content["schema"] == 1
    assert set(content["windows"]) == {"1", "6:12"}
    assert set(content["windows"]["6:12"]) == {"all", "p", "u"}
    assert content["windows"]["6:12"]["u"]["vrmse"] == report.value("vrmse", window="6:12", field="u")
    assert len(content["steps"]["p"]["mae"]) == 13
    assert report.table().row_count == 6
    lines = report.figure("nrmse").axes[0].lines
    assert [line.get_label() for line in lines] == ["p", "u"]
    assert list(lines[1].get_ydata()) == pytest.approx(report.curve("nrmse", field="u"))
    report.save_html(tmp_path / "errors.html")
    assert "6:12" in (tmp_path / "errors.html").read_text()


def test_it_can_be_pickled_in_the_middle():
    pair = rollout()
    errors = pickle.loads(pickle.dumps(gathered(pair)))
    errors.update(*pair)
    assert errors.compute().value("vrmse") == pytest.approx(gathered(pair).compute().value("vrmse"), rel=1e-13)


def test_wrong_input_is_refused():
    prediction, truth = rollout(steps=2)
    errors = FieldErrors(LAYOUT)
    with pytest.raises(ArgumentError, match="errors: expected at least one update before compute, got none"):
        errors.compute()
    with pytest.raises(ShapeError, match="prediction: expected the shape of the truth"):
        errors.update(prediction[:, :1], truth)
    for shape in ((2, 4, 5, 6), (2, 2, 4, 5, 6), (5, 6), (2, 0, 5, 6)):
        with pytest.raises(
            ShapeError, match=r"truth: expected \(batch, \[time,\] 3 channels, 2 space axes\), got shape"
        ):
            errors.update(torch.zeros(shape), torch.zeros(shape))
    with pytest.raises(ArgumentError, match="truth: expected finite values"):
        errors.update(prediction, truth * torch.nan)
    errors.update(prediction, truth)
    with pytest.raises(ArgumentError, match="windows: expected steps within 1:2, got 2:3"):
        errors.compute(["2:3"])
    with pytest.raises(ArgumentError, match="other: expected the layout"):
        errors.merge(FieldErrors(Layout.parse("p", dim=2)))
    report = errors.compute()
    with pytest.raises(ArgumentError, match=r"metric: expected a metric .* got 'vrsme'; did you mean 'vrmse'"):
        report.value("vrsme")
    with pytest.raises(ArgumentError, match=r"window: expected a window of this report \(1\), got 6:12"):
        report.value("vrmse", window="6:12")
    with pytest.raises(ArgumentError, match=r"field: .* got 'v'"):
        report.curve("vrmse", field="v")
    with pytest.raises(ArgumentError, match=r"metric: .* got 'loss'"):
        report.figure("loss")


def test_without_other_processes_there_is_nothing_to_add():
    errors = gathered(rollout())
    before = {name: total.clone() for name, total in errors.sums.items()}
    assert errors.all_reduce() is errors
    assert all(torch.equal(errors.sums[name], total) for name, total in before.items())


def one_process(rank, folder):
    prediction, truth = rollout(batch=5, steps=3)
    mine = slice(0, 2) if rank == 0 else slice(2, 5)
    sums = gathered((prediction[mine], truth[mine])).all_reduce().sums
    torch.save(sums, f"{folder}/{rank}.pt")


def test_two_processes_have_the_answer_of_one(in_processes, tmp_path):
    in_processes(2, one_process)
    expected = gathered(rollout(batch=5, steps=3)).sums
    for rank in range(2):
        sums = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, total in expected.items():
            assert torch.allclose(sums[name], total, rtol=1e-13, atol=0.0), name


def test_what_diverges_and_what_is_nearly_constant_is_counted_by_channel():
    truth = torch.zeros(2, 1, 3, 5, 6, dtype=torch.float64)
    truth[:, 0, 1] = torch.arange(30.0).reshape(5, 6)
    truth[0, 0, 2, 0, 0] = 1.0
    report = gathered((truth + 1, truth)).compute()
    assert report.by_step["near_constant"].tolist() == [[1.0, 0.0, 0.5]]
    assert report.value("near_constant") == 0.5
    assert report.value("near_constant", window="1") == report.value("near_constant")
    assert report.value("mae", field="p") == report.value("rmse", field="p") == 1
    assert report.by_step["diverged"].tolist() == [[0.0, 0.0, 0.0]]
    rows = report.sections()[0].table.rows
    assert [list(row[:2]) for row in rows] == [["1", "all"], ["1", "p"], ["1", "u"]]
    assert list(rows[2][2:]) == [report.value(metric, field="u") for metric in METRICS]
