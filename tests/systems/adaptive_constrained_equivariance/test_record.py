"""What is run, and what is told of recorded measures: as it was when it was last looked at."""

from __future__ import annotations

from pathlib import Path

from relaxed_measures import made

from haar.systems.adaptive_constrained_equivariance.recipe import RECIPE

HERE = Path(__file__).parent


def test_presets_are_those_that_were_measured_with(as_recorded):
    as_recorded({"presets": RECIPE.presets, "seeds": RECIPE.default_seeds}, HERE / "presets.json", relative=0.0)


def test_tables_and_figures_of_measures_that_show_the_effects(told_as_recorded):
    measures = made(networks=2, parts=("order 6", "score test, a break", "charged particles", "inertia"))
    (lost, ran_away) = measures["inertia"]["cells"]["1000, 0"]["rules"]["equality"]
    lost["error"], ran_away["error"] = float("nan"), 11.0
    sections = RECIPE.sections([measures, made(networks=2, parts=tuple(measures))])
    assert any("diverged: 2 of 4 of **equality**" in section.text for section in sections)
    told_as_recorded(sections, HERE / "told.json")
