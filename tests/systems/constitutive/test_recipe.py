"""The recipe: parts measured small, presets plain, sections of made-up measures."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from haar.systems.constitutive.comparisons import lattice, zener
from haar.systems.constitutive.options import Options, Trial
from haar.systems.constitutive.readings import averaged_on_orbits, dissipation
from haar.systems.constitutive.recipe import RECIPE
from haar.systems.constitutive.trial import one_cycle
from haar.systems.experiment import options
from haar.systems.recipe import load_recipe

HERE = Path(__file__).parent
SMALL = Trial((6,), 2, (0.01,), 0, 8)


def _good():
    spec = importlib.util.spec_from_file_location("claims_of_constitutive", HERE / "test_claims.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.good()


def test_the_recipe_is_the_catalogues_and_its_presets_are_plain():
    assert load_recipe("constitutive-models") is RECIPE
    for preset in RECIPE.presets.values():
        assert json.loads(json.dumps(preset)) == preset
        assert isinstance(options(Options, preset), Options)


def test_a_small_comparison_measures_every_contender():
    found, again = lattice(SMALL, 6, 0), lattice(SMALL, 6, 0)
    assert list(again) == list(found)
    for name, network in found.items():
        assert again[name]["error"] == pytest.approx(network["error"], rel=1e-9), name
        assert network["error"] == pytest.approx(sum(network["squares"]) / 8, rel=1e-3), name
    assert found["no stress"]["error"] == 1.0
    assert found["tensor network"]["defect"] < 1e-12 < 1e-3 < found["plain"]["defect"]
    assert found["plain, averaged at test time"]["defect"] < 1e-12
    assert found["tensor network"]["parameters"] == 4404
    assert found["plain"]["parameters"] == 4611


def test_paths_and_readings():
    found = zener(SMALL, 6, 0, increments=4)
    assert found["standard material"]["defect"] < 1e-12
    assert found["plain"]["parameters"] == 1563
    assert min(dissipation(0, 5).values()) >= -1e-14
    orbits = averaged_on_orbits(SMALL, 0)
    assert orbits["averaged"] <= orbits["plain"]


def test_the_rate_rises_and_falls():
    rates = [one_cycle(step, 10) for step in range(10)]
    assert rates[0] == pytest.approx(1 / 3)
    assert max(rates) == rates[3] == 1.0
    assert rates[-1] < 0.1


def test_sections_have_their_tables_and_figures():
    sections = RECIPE.sections([_good(), _good()])
    assert [section.title for section in sections] == [
        "Learning from few data", "Cycles, axes, dissipation", "A plate with a hole", "Crystal classes",
    ]  # fmt: skip
    assert len(sections[0].table.rows) == 47
    assert len(sections[0].figure.axes) == 6
    assert sections[2].table.rows[0][0] == "own law"
    assert all(section.figure is not None for section in (sections[0], sections[2], sections[3]))
