"""Functions, sharing, dynamics and equations are measured on small sizes, kept, judged and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from haar.errors import ArgumentError
from haar.nn.basis import derivative
from haar.systems.experiment import options
from haar.systems.kkan.equations import EQUATIONS
from haar.systems.kkan.fits import curve, regression
from haar.systems.kkan.networks import ChebyshevLayers, Sine, made, optimizer_of, perceptron
from haar.systems.kkan.options import Options
from haar.systems.kkan.protocol import measure
from haar.systems.kkan.recipe import RECIPE
from haar.systems.kkan.targets import HALVES, grid, target
from haar.systems.recipe import Recipe
from haar.watch import Unwatched

SMALL = {"points": 60, "steps": 8, "batch_size": 16}
TINY = {
    "regression": SMALL,
    "longer": 2,
    "frequencies_alone": False,
    "grid": 10,
    "sizes": [4, 2, 3],
    "width": 6,
    "sharing": SMALL,
    "dynamics": SMALL,
    "equations": ["helmholtz"],
    "physics": SMALL | {"steps": 2},
}


@pytest.fixture(scope="module")
def measures(tmp_path_factory):
    return measure(TINY, 0, tmp_path_factory.mktemp("seed"), Unwatched())


def test_the_recipe_is_one_and_its_presets_are_plain():
    assert isinstance(RECIPE, Recipe)
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    for preset in RECIPE.presets.values():
        assert set(preset) == set(TINY)
        assert set(preset["equations"]) <= set(EQUATIONS)


def test_an_option_that_a_preset_does_not_have_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"got 'widths'; did you mean width"):
        measure(TINY | {"widths": 3}, 0, tmp_path, Unwatched())


def test_a_seed_measures_what_it_did(measures, as_recorded):
    as_recorded(measures, Path(__file__).parent / "measured.json")


def test_finished_parts_are_kept(measures, tmp_path):
    (tmp_path / "parts").mkdir()
    for group, parts in measures.items():
        for name, part in parts.items():
            stem = f"{group} {name}".replace(" ", "-")
            (tmp_path / "parts" / f"{stem}.json").write_text(json.dumps(part | {"kept": True}))
    found = measure(TINY, 0, tmp_path, Unwatched())
    assert all(part["kept"] for parts in found.values() for part in parts.values())


def test_errors_are_read_after_the_planned_steps_however_many():
    preset = options(Options, TINY | {"regression": SMALL | {"steps": 19}})
    assert {19, 38} <= set(curve(perceptron(3), "oscillatory", preset, 0, times=2)["steps"])


def test_of_two_frequencies_only_networks_that_claims_compare_are_fitted_if_that_is_said():
    preset = options(Options, TINY | {"frequencies_alone": True, "regression": SMALL | {"steps": 1}})
    found = regression(preset, "two frequencies", 0)["networks"]
    assert list(found) == ["KKAN", "Fourier features 1", "Fourier features 2", "Fourier features 4"]
    assert all(one["steps"] == [1] for one in found.values())


def test_networks_are_of_the_sizes_of_the_trial():
    sizes = {name: sum(p.numel() for p in make().parameters()) for name, make in made((24, 3, 24), 64).items()}
    assert (sizes["KKAN"], sizes["perceptron"], sizes["SIREN 15"]) == (12_310, 12_737, 12_737)
    assert sizes["cKAN"] == 24 * 6 * (2 + 24 + 1) == 3_888
    assert sizes["Fourier features 2"] == 15_373


def test_a_chebyshev_network_is_the_sum_by_hand():
    model = ChebyshevLayers((2, 1), 2).double()
    x = torch.tensor([[0.3, -0.5]], dtype=torch.float64)
    t = torch.tanh(x[0])
    terms = torch.stack([torch.ones(2), t, 2 * t**2 - 1], -1)
    torch.testing.assert_close(model(x)[0, 0], (model.layers[0].weight[0] * terms).sum())


def test_sine_networks_keep_the_size_of_their_features():
    torch.manual_seed(0)
    model, x = Sine(256, 30), 2 * torch.rand(500, 2) - 1
    for layer in model.layers:
        x = torch.sin(30 * layer(x))
        assert 0.4 < x.square().mean() < 0.6  # sines of angles that are spread over a turn


def test_the_outer_block_is_five_times_slower():
    model = made((4, 2, 3), 6)["KKAN"]()
    fast, slow = optimizer_of(model)(list(model.parameters())).param_groups
    assert (fast["lr"], slow["lr"]) == (1e-3, 2e-4)
    assert {id(p) for p in slow["params"]} == {id(p) for p in model.outer.parameters()}
    assert len(fast["params"]) == len(list(model.inner.parameters()))


@pytest.mark.parametrize("name", HALVES)
def test_functions_may_have_their_coordinates_exchanged(name):
    x = 2 * torch.rand(20, 2) - 1
    torch.testing.assert_close(target(name)(x), target(name)(x.flip(1)))
    assert target(name)(grid(9)).std() > 0.1


def test_functions_have_their_values():
    at = torch.tensor([[0.5, 0.5], [-0.5, 0.5]])
    h = torch.sin(torch.tensor(0.5)) - 1 / 3 + 1 / 5 - 1 / 7
    torch.testing.assert_close(target("oscillatory")(at)[:, 0], torch.stack([h**2, -(h**2)]))
    below, above = 5 - sum(torch.sin(torch.tensor(float(k))) for k in (1, 2, 3, 4)), torch.cos(torch.tensor(10.0))
    torch.testing.assert_close(target("discontinuous")(at)[:, 0], torch.stack([above**2, below * above]))


@pytest.mark.parametrize("name", ["poisson", "helmholtz"])
def test_known_solutions_have_no_residual_and_vanish_at_the_walls(name):
    equation = EQUATIONS[name]()
    x = 2 * torch.rand(20, equation.coordinates, dtype=torch.float64) - 1
    assert equation.residual(equation.solution, x).abs().max() < 1e-9
    wall = x.clone()
    wall[:, 0] = 1
    assert equation.form(wall, torch.ones(20, 1, dtype=torch.float64)).abs().max() < 1e-12
    assert equation.solution(wall).abs().max() < 1e-12


def test_equations_of_time_have_their_residual_and_begin_as_they_should():
    x = 2 * torch.rand(9, 2, dtype=torch.float64) - 1

    def wave(x):
        return torch.sin(x[:, :1]) * x[:, 1:] ** 2

    place, time = x[:, :1], x[:, 1:]
    u, slope = wave(x), torch.cos(place) * time**2
    burgers = 2 * torch.sin(place) * time + u * slope + 0.01 / torch.pi * u
    torch.testing.assert_close(EQUATIONS["burgers"]().residual(wave, x), burgers)
    allen = 2 * torch.sin(place) * time + 1e-4 * u - 5 * (u - u**3)
    torch.testing.assert_close(EQUATIONS["allen-cahn"]().residual(wave, x), allen)
    start = torch.cat([place, -torch.ones_like(time)], 1)
    for name, first in {
        "burgers": -torch.sin(torch.pi * place),
        "allen-cahn": place**2 * torch.cos(torch.pi * place),
    }.items():
        torch.testing.assert_close(EQUATIONS[name]().form(start, torch.rand_like(place)), first)
    assert derivative(wave, x, 0).shape == (9, 1)
