"""How the audit of a force field is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from haar.audit.force_field.measure import Deviation, Structure
from haar.audit.force_field.repair import Repair, worst
from haar.audit.force_field.report import ForceFieldAudit

pytestmark = pytest.mark.referee

FLOORS = {"energy": 1e-6, "forces": 1e-5}


@pytest.fixture
def report(ethanol):
    answer = {"energy": np.array(-3.0), "forces": np.full((9, 3), 1 / np.sqrt(3))}
    structure = Structure(ethanol, "0 C2H6O", answer, FLOORS, double=False, motions=())
    found = [
        Deviation(0, "rotations", "R(90 deg about [0 0 1])", 90.0, {"energy": 0.0, "forces": 1e-6}, FLOORS),
        Deviation(0, "reflections", "-1", 0.0, {"energy": 2e-6, "forces": 2e-5}, FLOORS),
        Deviation(0, "reflections", "mirror [1 0 0]", 180.0, {"energy": 1e-7, "forces": 0.03}, FLOORS),
    ]
    sizes = {"reflections": {"energy": 2e-6, "forces": 0.03}}
    mended = {"reflections": {"energy": 0.0, "forces": 6e-9}}
    repair = Repair("average over {1, inversion}", "code(calculator)", 2, 2.1, sizes, mended, mends=True)
    return ForceFieldAudit("Net", [structure], found, [repair], {"seed": 0})


def test_the_summary_says_sizes_and_repair(report):
    assert report.summary == (
        "Energy and forces hold under rotations, to rounding. "
        "Broken under reflections: energy by up to 2e-06 eV and forces by up to 0.03 eV/A (3 % of the typical force). "
        "Smallest repair: average over {1, inversion} (2 calls for one answer), which leaves energy 0 eV and forces "
        "6e-09 eV/A."
    )
    assert report.broken == {"reflections": ["energy", "forces"]}
    assert worst(report.deviations)["reflections"] == {"energy": 2e-6, "forces": 0.03}


def test_the_tables(report):
    motions, repair, forms, structures, conditions = (section.table for section in report.sections())
    assert motions.columns == ("motion", "tried", "energy (eV)", "forces (eV/A)", "verdict")
    assert motions.rows == [
        ("rotations", 1, 0.0, 1e-6, "holds"),
        ("reflections", 2, 2e-6, 0.03, "broken: energy and forces"),
    ]
    assert repair.rows == [("reflections", 2e-6, 0.0, 0.03, 6e-9)]
    assert repair.note == "code(calculator)"
    assert forms.rows[0] == ("0 C2H6O", "reflections", "mirror [1 0 0]", 1e-7, 0.03, 3000.0)
    assert structures.rows == [("0 C2H6O", 9, -3.0, 1.0, 1e-6, 0.03, 1e-5)]
    assert dict(conditions.rows)["precision found"] == "single"


def test_the_picture_is_the_defect_against_the_angle(report):
    figure = report.figure()
    energy, forces = figure.axes
    assert (energy.get_title("left"), forces.get_title("left")) == ("energy (eV)", "forces (eV/A)")
    lines = {line.get_label(): line.get_xydata().tolist() for line in forces.get_lines()}
    assert lines["reflections"] == [[0.0, 2e-5], [180.0, 0.03]]
    assert lines["rotations"] == [[90.0, 1e-6]]
    axes = Figure().subplots()
    report.figure(ax=axes)
    assert axes.get_title("left") == "forces (eV/A)"


def test_it_is_printed_and_written(report, tmp_path):
    assert "Does Net respect the symmetries of space?" in str(report)
    page = report.save_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "mirror [1 0 0]" in page
    assert "times as long" in page


def test_nothing_to_repair_is_said(report):
    whole = ForceFieldAudit("Net", report.structures, report.deviations[:1], [], {})
    assert whole.summary == "Energy and forces hold under rotations, to rounding. Nothing to repair."


def test_it_says_and_shows_what_it_did(report, report_as_recorded):
    report_as_recorded(report, Path(__file__).parent / "told.json", but=("conditions", "Conditions"))
