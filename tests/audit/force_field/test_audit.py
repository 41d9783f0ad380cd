"""Faults of every kind are found, by their names, and no others; the smallest repair mends them."""

from __future__ import annotations

import json

import pytest

from haar.audit import audit_force_field
from haar.data.molecules import model_calculator
from haar.errors import ArgumentError

pytestmark = pytest.mark.referee


def test_a_force_field_without_faults(faulty, ethanol, crystal):
    report = audit_force_field(faulty(), [ethanol, crystal], rotations=3)
    assert report.broken == {}
    assert report.repairs == []
    assert report.summary.endswith("handedness of the cell, to rounding. Nothing to repair.")
    assert all(value < 1e-11 for of_kind in report.largest.values() for value in of_kind.values())


FAULTS = {
    "rotations": (None, "No average of those tried"),
    "reflections": (2, "Smallest repair: average over {1, inversion} (2 calls for one answer)"),
    "translations": (1, "Smallest repair: centred molecules (one call for one answer)"),
    "order of equal atoms": (None, "No average mends the order of atoms"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_molecules(fault, faulty, ethanol):
    calls, words = FAULTS[fault]
    report = audit_force_field(faulty(fault, 0.01), ethanol, rotations=3)
    expected = {"rotations", "reflections"} if fault == "rotations" else {fault}
    if fault == "rotations":
        # x^2 turns into itself under the inversion, and not under a mirror
        assert report.broken == {kind: ["energy"] for kind in expected}
        assert report.repair is not None  # the sum of x^2 is of degree 2: the cube's rotations average it
        assert report.repair.calls == 48
        return
    assert report.broken == {fault: ["energy"]}
    assert (None if report.repair is None else report.repair.calls) == calls
    assert words in report.summary


def test_an_average_that_does_not_mend_says_what_is_left(ethanol):
    import torch

    def rough(positions, numbers):
        x = positions - positions.mean(0)
        return torch.pdist(x).sum() + torch.tanh(3 * x[:, 0]).mul(numbers).sum() ** 2 * 1e-2

    report = audit_force_field(model_calculator(rough), ethanol, rotations=2)
    assert report.repair is None
    assert [one.calls for one in report.repairs] == [2, 48, 120]
    assert (
        "No average of those tried (average over {1, inversion}, average over Oh and average over Ih)" in report.summary
    )
    left = [max(of["energy"] for of in one.after.values()) for one in report.repairs]
    assert 0 < left[2] < left[0]


def test_the_hand_of_the_cell_is_told_apart_and_costs_nothing(faulty, crystal):
    report = audit_force_field(faulty("handedness of the cell"), crystal, rotations=2)
    assert report.broken == {"handedness of the cell": ["stress"]}
    assert (report.repair.name, report.repair.calls) == ("right-handed cells", 1)
    assert report.repair.code == "haar.average.averaged_calculator(calculator, None, right_handed=True)"


def test_a_supercell_that_is_not_extensive(faulty, crystal):
    report = audit_force_field(faulty("supercell"), crystal, rotations=1)
    assert report.broken == {"supercell": ["energy"]}
    assert "No average mends supercells" in report.summary


def test_single_precision_is_no_fault(single, ethanol):
    report = audit_force_field(single, ethanol, rotations=3)
    assert report.broken == {}
    assert report.to_dict()["conditions"]["precision found"] == "single"
    assert 1e-9 < report.largest["rotations"]["forces"] < 1e-4


def test_repairs_are_tried_only_where_they_are_asked_for(faulty, ethanol):
    calculator = faulty("reflections", 0.01)
    assert audit_force_field(calculator, ethanol, rotations=1, repair=False).repairs == []


def test_the_report_is_json_and_the_same_twice(faulty, ethanol):
    first, second = (
        audit_force_field(faulty("reflections", 0.01), ethanol, rotations=2, repair=False, seed=3).to_dict()
        for _ in range(2)
    )
    assert json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert first["units"] == {"energy": "eV", "forces": "eV/A"}
    assert first["conditions"]["seed"] == 3
    assert len(first["deviations"]) == 2 + 3 + 3 + 2


@pytest.mark.parametrize(
    ("structures", "message"),
    [
        ([], "structures: expected at least one ase.Atoms, got none"),
        (["water"], "structures: expected ase.Atoms with atoms, got str"),
        ("water", "structures: expected ase.Atoms, or several, got 'water'"),
        (3, "structures: expected ase.Atoms, or several, got 3"),
    ],
)
def test_what_is_no_structure(structures, message, faulty):
    with pytest.raises(ArgumentError, match=message):
        audit_force_field(faulty(), structures)


def test_what_is_no_calculator(ethanol):
    with pytest.raises(ArgumentError, match="calculator: expected a calculator of ASE, got int"):
        audit_force_field(3, ethanol)
