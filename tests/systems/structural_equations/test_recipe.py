"""The recipe, run small: what is measured is what it is called; stacked networks are those that stand alone."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from haar.systems.recipe import Recipe
from haar.systems.structural_equations import ConditionalMoment, Training, TwoStageLeastSquares, demand
from haar.systems.structural_equations.line import CONSTANT, FIFTH, LINEAR, closed_forms
from haar.systems.structural_equations.options import Tickets
from haar.systems.structural_equations.protocol import measure
from haar.systems.structural_equations.recipe import RECIPE
from haar.systems.structural_equations.stacked import StackedPerceptron, asked, played, summed_moment
from haar.systems.structural_equations.synthetic import FUNCTIONS, in_the_plane, on_a_line
from haar.systems.structural_equations.tickets import learn
from haar.training import draw
from haar.watch import Unwatched

pytestmark = pytest.mark.referee


def _games(**options):
    return {"rows": 40, "sets": 2, "steps": 3, "batch_size": 8, "width": 4, "start": "He"} | options


TINY = {
    "functions": ["abs", "sin"],
    "line": _games(),
    "sine": [_games(start="default")],
    "plane": [_games()],
    "transitions": 200,
    "chain_steps": 20,
    "wage_steps": 20,
    "demand": [{"rows": 40, "correlations": [0.5], "steps": 3, "batch_size": 8, "width": 4}],
}


@pytest.fixture(scope="module")
def measures(tmp_path_factory):
    return measure(TINY, 0, tmp_path_factory.mktemp("seed"), Unwatched())


def test_the_recipe_is_one_and_its_presets_are_plain():
    assert isinstance(RECIPE, Recipe)
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    for preset in RECIPE.presets.values():
        assert set(preset) == set(TINY)
        assert set(preset["functions"]) <= set(FUNCTIONS)
        networks = [preset["line"], *preset["sine"]]  # the sine at both widths and both first weights
        assert {(each["width"], each["start"]) for each in networks} == {
            (width, start) for width in (64, 100) for start in ("He", "default")
        }


def test_a_small_run_is_as_recorded(measures, as_recorded):
    kept = copy.deepcopy({name: measures[name] for name in ("functions", "sine", "plane", "chain")})
    for games in kept["plane"].values():
        games.pop("defects")  # of the size of rounding, which processors decide
    kept["chain"].pop("exact")
    as_recorded(kept, Path(__file__).parent / "measured.json")


def test_a_data_set_is_of_its_law():
    data = on_a_line("abs", 4000, 1, 0)
    x, y, z = data.arrays(0)
    error = y - abs(x[:, 0])
    assert error.std() == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(error, z[:, 0])[0, 1] == pytest.approx(0.0, abs=0.05)
    assert np.corrcoef(error, x[:, 0] - z[:, 0])[0, 1] > 0.95
    assert abs(z).max() <= 3
    assert data.truth[0] == 3
    plane = in_the_plane(4000, 1, 0)
    error = (plane.y[..., 0] - (2 * plane.x.norm(dim=-1)).sin())[:, 0]
    assert error.std().item() == pytest.approx(1.0, abs=0.05)
    angle = torch.atan2(*plane.x[:, 0].T)
    assert (3 * angle).sin().mean().item() == pytest.approx(0.0, abs=0.05)
    assert data.errors(data.truth[:, None, None] + 2.0) == pytest.approx([4.0], rel=1e-5)


def _alone(stacked, k):
    """One of many networks, as a network of torch's own."""
    layers = []
    for weight, bias in zip(stacked.weights, stacked.biases, strict=True):
        layer = nn.Linear(*weight.shape[1:])
        with torch.no_grad():
            layer.weight.copy_(weight[k].T)
            layer.bias.copy_(bias[k, 0])
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def test_stacked_networks_learn_as_each_does_alone():
    data = on_a_line("abs", 50, 3, 1)
    how = Training(steps=12, batch_size=16, every=4)
    stacks = [StackedPerceptron(3, (1, 5, 5, 1), "default", seed) for seed in (0, 1)]
    alone = [_alone(stack, 1) for stack in stacks]
    x = data.at[::100]
    assert torch.allclose(stacks[0](x[:, None].expand(-1, 3, -1))[:, 1], alone[0](x), atol=1e-6)
    game = how.game(*alone, ConditionalMoment(1e-3))
    stack_game = how.game(*stacks, summed_moment(1e-3))
    generator = torch.Generator().manual_seed(0)
    for _ in range(12):
        rows = draw(50, 16, generator)
        stack_game.step((data.x[rows], data.y[rows], data.z[rows]))
        game.step((data.x[rows, 1], data.y[rows, 1], data.z[rows, 1]))
    assert torch.allclose(asked(stack_game.average(), data)[:, 1], game.averaged(data.at), atol=1e-5)


def test_networks_start_as_is_said():
    torch.manual_seed(0)
    wide = StackedPerceptron(4, (1, 400, 400, 1), "He", 0)
    assert wide.weights[1].std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert not wide.biases[1].any()
    default, reference = StackedPerceptron(4, (1, 400, 400, 1), "default", 0), nn.Linear(400, 400)
    for one, other in ((default.weights[1], reference.weight), (default.biases[1], reference.bias)):
        assert one.std().item() == pytest.approx(other.std().item(), rel=0.1)
        assert one.abs().max().item() == pytest.approx(0.05, rel=0.02)


def test_seeds_decide_everything():
    def found(seed):
        data = on_a_line("sin", 30, 1, seed)
        players = tuple(StackedPerceptron(1, (1, 3, 1), "He", seed + k) for k in (0, 1))
        return data.errors(asked(played(data, players, Training(steps=20, batch_size=8), 0.0, seed).average(), data))

    assert found(0) == found(0) != found(1)


def test_closed_forms_are_those_of_the_estimators():
    data = on_a_line("sin", 200, 1, 3)
    answers = closed_forms(data)
    x, y, z = data.arrays(0)
    at = data.at.double().numpy()
    for name, estimator in ((LINEAR, TwoStageLeastSquares()), (FIFTH, TwoStageLeastSquares(5))):
        assert np.allclose(answers[name][:, 0, 0], estimator.fit(x, y, z).predict(at))
    assert all(answer.shape == (601, 1, 1) for answer in answers.values())


def test_the_demand_design_is_told_where_it_was_played(measures):
    (design,) = measures["demand"]
    assert design == "40 rows, correlation 0.5"
    section = next(one for one in RECIPE.sections([measures]) if one.title == "Sales at prices that are set")
    assert [row[1] for row in section.table.rows] == list(measures["demand"][design]["errors"])
    older = {name: part for name, part in measures.items() if name != "demand"}
    assert "Sales at prices that are set" not in [one.title for one in RECIPE.sections([older])]


def test_errors_of_the_demand_design_are_those_of_the_estimators():
    found = learn(Tickets(rows=60, correlations=(0.9,), steps=3, batch_size=8, width=4), 0.9, 5)["errors"]
    made = demand(60, correlation=0.9, seed=5)
    fitted = TwoStageLeastSquares(exogenous=made.exogenous).fit(made.x, made.y, made.z)
    by_hand = ((fitted.predict(made.at) - made.truth) ** 2).mean() / made.truth.var()
    assert found[LINEAR] == pytest.approx([by_hand], rel=1e-9)
    assert found[CONSTANT][0] == pytest.approx(
        1 + (made.y.mean() - made.truth.mean()) ** 2 / made.truth.var(), rel=1e-9
    )
