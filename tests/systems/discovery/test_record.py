"""What is run, and what is told of recorded measures: as it was when it was last looked at."""

from __future__ import annotations

import json
from pathlib import Path

from haar.systems.discovery.recipe import RECIPE

HERE = Path(__file__).parent


def test_presets_are_those_that_were_measured_with(as_recorded):
    as_recorded({"presets": RECIPE.presets, "seeds": RECIPE.default_seeds}, HERE / "presets.json", relative=0.0)


def test_tables_and_figures_of_recorded_measures(told_as_recorded):
    told_as_recorded(RECIPE.sections(json.loads((HERE / "measures.json").read_text())), HERE / "told.json")
