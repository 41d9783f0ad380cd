"""The dashboard: what it reads, what it leaves alone, and every number that it shows."""

from __future__ import annotations

import csv
import json

import pytest
import torch
from relax_worlds import C4, SYMMETRY, data, mse, wrapped
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.probing import defect
from haar.relax import homotopise
from haar.relax.baselines import Free
from haar.relax.diagnosis.dashboard import Dashboard, read_layers
from haar.relax.duals.duals import Duals

X, Y = data(24)


def test_the_dashboard_reads_what_is_there_and_leaves_it_there(tmp_path):
    model = wrapped()
    duals = Duals(model, "resilient", steps=100)
    board = Dashboard(duals, mse, X, Y)
    with pytest.raises(ArgumentError, match="dashboard: expected at least one reading"):
        _ = board.last
    model.train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    for _ in range(2):
        duals.lagrangian(mse(model(X), Y)).backward()
        duals.step()
        reading = board.read()
    assert model.training
    assert set(state) == set(model.state_dict())
    with torch.no_grad():
        assert reading.loss_on == pytest.approx(mse(model(X), Y).item(), rel=1e-12)
        with model.at(0.0):
            assert reading.loss_off == pytest.approx(mse(model(X), Y).item(), rel=1e-12)
    for row, (name, layer) in zip(reading.layers, model.layers.items(), strict=True):
        assert (row.layer, row.gamma) == (name, layer.gamma.item())
        assert row.effective == pytest.approx(abs(row.gamma) * row.free_norm / row.equivariant_norm, rel=1e-10)
        assert row.multiplier == duals.multipliers[name].item()
        assert row.violation == pytest.approx(abs(row.gamma) - row.slack, abs=1e-15)
    with board.write_csv(tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert float(rows[-1]["gamma"]) == reading.layers[-1].gamma
    assert "No bound applies: a layer has a bias" in board.save_html(tmp_path / "page.html").read_text()
    json.dumps(board.to_dict())


def test_bounds_are_shown_where_they_hold():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = homotopise(nn.Linear(6, 2, bias=False).double(), SYMMETRY)
    board = Dashboard(Free(model), mse, X, Y)
    board.read()
    assert "||x||, for every x and g." in board.sections()[-1].text


def test_a_chain_is_read_gamma_by_gamma():
    rule = Free(wrapped())
    rule.gammas = {"0": nn.Parameter(torch.ones(2))}
    rule.model = {"0": rule.gammas["0"]}
    assert [row.layer for row in read_layers(rule)] == ["0[0]", "0[1]"]


def layer(name, gamma, effective, *numbers):
    names = ("layer", "gamma", "effective", "multiplier", "slack", "violation", "equivariant_norm", "free_norm")
    return dict(zip(names, (name, gamma, effective, *numbers), strict=True))


READINGS = [
    {
        "step": 10,
        "loss_on": 0.5,
        "loss_off": 0.9,
        "defect": 0.3,
        "layers": [layer("0", 0.9, 0.7, 0.1, 0.2, 0.6, 1.5, 2.5), layer("", 0.8, None, 0.3, None, 0.8, None, None)],
    },
    {
        "step": 20,
        "loss_on": 0.25,
        "loss_off": 0.3,
        "defect": 0.125,
        "layers": [layer("0", 0.5, 0.4, -0.1, 0.25, 0.25, 1.6, 2.6), layer("", 0.6, None, 0.35, None, 0.6, None, None)],
    },
]


@pytest.fixture
def board():
    """Numbers by hand, in the place of a run's."""
    made = Dashboard(Free(wrapped()), mse, X, Y)
    made.load_state_dict({"readings": READINGS})
    return made


def test_what_was_read_is_said_and_kept(board):
    assert board.state_dict() == {"readings": READINGS}
    assert board.last.step == 20
    assert board.gap == pytest.approx(0.2)
    assert board.title == "Relaxation of C4"
    assert board.summary == (
        "After 20 steps: loss 0.25, at gamma = 0 0.3; equivariance error 0.12; largest effective asymmetry 0.4 in 0."
    )
    found = board.to_dict()
    assert (found["kind"], found["rule"], found["readings"]) == ("relaxation-dashboard", "free", READINGS)
    assert found["bounds"] == {"approximation": None, "equivariance": None, "reason": "a layer has a bias"}


def test_a_layer_without_a_size_is_the_largest_only_among_its_like(board):
    only = {**READINGS[1], "layers": READINGS[1]["layers"][1:]}
    board.load_state_dict({"readings": [only]})
    assert board.summary.endswith("largest effective asymmetry 0 in the layer.")


def test_tables_and_files_hold_every_number(board, tmp_path):
    layers, model, told = board.sections()
    columns = ("layer", "gamma", "effective", "lambda", "u", "violation", "||W_eq||", "||W_free||")
    assert tuple(layers.table.columns) == columns
    assert [tuple(row) for row in layers.table.rows] == [tuple(each.values()) for each in READINGS[1]["layers"]]
    assert tuple(model.table.columns) == ("steps", "loss", "loss at gamma = 0", "equivariance error")
    assert [tuple(row) for row in model.table.rows] == [(20, 0.25, 0.3, 0.125)]
    assert told.text == "No bound applies: a layer has a bias. The equivariance error above is measured."
    with board.write_csv(tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["layer"], row["free_norm"]) for row in rows] == [
        ("10", "0", "2.5"), ("10", "", ""), ("20", "0", "2.6"), ("20", "", "")
    ]  # fmt: skip
    assert [row["defect"] for row in rows] == ["0.3", "0.3", "0.125", "0.125"]
    assert (rows[2]["loss_on"], rows[2]["loss_off"]) == ("0.25", "0.3")


def test_the_course_is_drawn_panel_by_panel(board):
    panels = board.figure().axes
    assert [panel.get_title(loc="left") for panel in panels] == [
        "gamma", "Effective size |gamma| ||W_free|| / ||W_eq||", "Multiplier", "Validation loss"
    ]  # fmt: skip
    curves = [{line.get_label(): list(line.get_ydata()) for line in panel.lines} for panel in panels]
    assert curves[0]["0"] == [0.9, 0.5]
    assert curves[0]["layer"] == [0.8, 0.6]
    assert curves[1]["0"] == [0.7, 0.4]
    assert curves[2]["layer"] == [0.3, 0.35]
    assert curves[3] == {"gamma as it is": [0.5, 0.25], "gamma = 0": [0.9, 0.3]}
    for panel in panels:
        assert panel.get_xlabel() == "step"
        assert list(panel.lines[0].get_xdata()) == [10, 20]
    for panel in panels[:3]:
        assert list(panel.lines[-1].get_ydata()) == [0, 0]  # where the symmetry is
    legends = [panel.get_legend() for panel in panels]
    assert [legend is not None for legend in legends] == [True, False, False, True]
    assert not any(legend.get_frame_on() for legend in legends if legend is not None)


def test_the_gap_of_a_loss_of_zero_is_a_number(board):
    board.load_state_dict({"readings": [{**READINGS[0], "loss_on": 0.0, "loss_off": 0.0}]})
    assert board.gap == -1.0


def test_bounds_are_said_with_their_numbers():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = homotopise(nn.Linear(6, 2, bias=False).double(), SYMMETRY)
    board = Dashboard(Free(model), mse, X, Y)
    board.read()
    found = board.bounds()
    assert f"||f(x) - f_0(x)|| <= {found.approximation:.4g} ||x||" in board.sections()[2].text
    assert f"||g f(x) - f(g x)|| <= {found.equivariance:.4g} ||x||" in board.sections()[2].text


def test_an_empty_dashboard_says_what_to_do():
    with pytest.raises(ArgumentError, match=r"dashboard: expected at least one reading, got none; call read\(\) first"):
        _ = Dashboard(Free(wrapped()), mse, X, Y).gap


def test_inputs_that_are_not_finite_are_refused():
    bad = X.clone()
    bad[3, 0] = float("nan")
    with pytest.raises(ArgumentError, match="inputs: expected finite numbers, got nan in sample 3"):
        Dashboard(Free(wrapped()), mse, bad, Y)


@pytest.mark.parametrize(("order", "whole"), [(16, True), (17, False)])
def test_the_error_is_the_root_mean_square_over_at_most_sixteen_elements(order, whole):
    group = cyclic(order)
    rep = Defining(group)
    symmetry = Symmetry(group, Vector(rep), Vector(rep))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = homotopise(nn.Linear(2, 2).double(), symmetry)
    x = X[:, :2]
    found = Dashboard(Free(model), mse, x, x).read().defect
    expected = defect(model, symmetry, (x,), group.elements(), norm="squares").mean
    assert (found == pytest.approx(expected, rel=1e-12)) == whole


def test_an_equality_violates_by_its_gamma_and_a_rule_without_a_problem_by_nothing():
    model = wrapped()
    with torch.no_grad():
        model.layers["2"].gamma.fill_(-0.5)
    equality = {row.layer: row for row in read_layers(Duals(model, steps=100))}
    assert (equality["2"].violation, equality["2"].slack, equality["2"].multiplier) == (-0.5, None, 0.0)
    resilient = {row.layer: row for row in read_layers(Duals(model, "resilient", steps=100))}
    assert (resilient["2"].violation, resilient["2"].slack) == (0.5, 0.0)
    free = read_layers(Free(wrapped()))[0]
    assert (free.violation, free.slack, free.multiplier) == (None, None, None)
    with torch.no_grad():
        own = model.layers["2"]
        assert equality["2"].equivariant_norm == pytest.approx(float(own.equivariant_weight().norm()))
        assert equality["2"].free_norm == pytest.approx(float(own.free_weight().norm()))


def test_every_step_of_a_chain_has_its_own_numbers():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = homotopise(nn.Linear(6, 2).double(), SYMMETRY, chain=[C4.subgroup([2])])
    duals = Duals(model, "resilient", steps=100)
    given = {"gamma": (0.3, -0.2), "multiplier": (1.0, 2.0), "slack": (0.0, 0.125)}
    duals.load_state_dict(duals.state_dict() | {k: torch.tensor(v, dtype=torch.float64) for k, v in given.items()})
    first, second = read_layers(duals)
    sizes = model.layers["model"].effective_size().tolist()
    assert (first.layer, first.effective, first.multiplier, first.slack) == ("model[0]", sizes[0], 1.0, 0.0)
    assert (second.layer, second.effective, second.multiplier, second.slack) == ("model[1]", sizes[1], 2.0, 0.125)
    assert second.violation == pytest.approx(0.2 - 0.125)
    assert (first.gamma, second.gamma) == (0.3, -0.2)


def test_a_model_of_several_arguments_is_read():
    class Added(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 2).double()

        def forward(self, x, y):
            return self.layer(x + y)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = homotopise(Added(), Symmetry(C4, (SYMMETRY.inputs[0], SYMMETRY.inputs[0]), SYMMETRY.outputs))
    reading = Dashboard(Free(model), mse, (X, 2 * X), Y).read()
    with torch.no_grad():
        assert reading.loss_on == pytest.approx(mse(model(X, 2 * X), Y).item(), rel=1e-12)
