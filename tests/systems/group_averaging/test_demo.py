from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from haar.data import WellReader
from haar.systems.group_averaging.demo import run_demo, stories
from haar.systems.group_averaging.surrogates import fno, load, unet


def _tiny():
    """Both stories on 16 x 16 points with networks that hardly learn."""
    gray_scott, turbulence = stories(0, resolution=16)
    quick = {"n_steps": 15, "save_every": 2}
    return [
        dataclasses.replace(
            gray_scott,
            generator=dataclasses.replace(gray_scott.generator, **quick),
            model=lambda inputs, outputs: unet(inputs, outputs, width=2, levels=1),
            steps=2,
        ),
        dataclasses.replace(
            turbulence,
            generator=dataclasses.replace(turbulence.generator, peak=2.0, burn_in=2, **quick),
            model=lambda inputs, outputs: fno(inputs, outputs, width=2, modes=4, layers=1),
            steps=2,
        ),
    ]


class Listening:
    """Keeps the titles of all stages, and how many steps each made."""

    def __init__(self):
        self.stages = []

    def stage(self, title, total):
        from contextlib import contextmanager

        @contextmanager
        def counted():
            stage = [title, 0, total]
            self.stages.append(stage)

            def advance():
                stage[1] += 1

            yield advance

        return counted()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    watch = Listening()
    return run_demo(out, watch=watch, chosen=_tiny()), out, watch


def test_data_models_and_report_are_written(told):
    report, out, _ = told
    for name, channels in (("gray_scott", 4), ("turbulence", 6)):
        assert load(out / f"{name}.safetensors").in_channels == channels
        assert len(WellReader(out / "data" / name, split="test")) == 8
    assert json.loads((out / "demo.json").read_text()) == report.to_dict()
    page = (out / "report.html").read_text()
    assert page.count("<img") == 2 * (2 + 1 + 4)  # errors in two panels, fields across, the audit in four
    assert "without training" in page


def test_errors_are_told_by_field_and_group_before_and_after(told):
    report, _, _ = told
    gray_scott, turbulence = report.tables()
    assert [row[1] for row in gray_scott.rows] == [1, 2, 4, 8, 32]
    assert [row[1] for row in turbulence.rows] == [1, 2, 4, 8]
    assert {"tracer, 1 step", "velocity, 1 step", "tracer, 6:12", "velocity, 6:12"} <= set(turbulence.columns)
    value = report.found[1].one_step["D4"].value("vrmse", field="velocity")
    assert turbulence.rows[3][turbulence.columns.index("velocity, 1 step")] == value


def test_the_demo_tells_what_it_did(told, as_recorded, told_as_recorded):
    report, _, _ = told
    here = Path(__file__).parent
    as_recorded(report.to_dict(), here / "demo.json")
    told_as_recorded(report.sections(), here / "demo_told.json")


def test_every_stage_is_watched_to_its_end(told):
    _, _, watch = told
    assert len(watch.stages) == 8
    assert all(done == total for _, done, total in watch.stages)
