"""Wrong conventions are found, by their names; right ones are left alone; what the data do not tell is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import haar
from haar.actions import Invariant, Symmetry
from haar.audit import audit_conventions
from haar.errors import ArgumentError, ShapeError
from haar.groups import dihedral

RIGHT = "q, w:pseudoscalar, u:vector"


def contradicted(report):
    return {one.question: one.found for one in report.contradicted}


def test_right_conventions_are_confirmed(flow):
    report = audit_conventions(Symmetry.of_fields("D4", RIGHT), flow)
    assert report.warning == ""
    found = {one.question: one.found for one in report.choices}
    assert found == {
        "centring": None,  # the law is the same at every place
        "order of components: u": "as the axes of the array",
        "parity: q": "scalar",
        "parity: w": "pseudoscalar",
        "parity: u": "vector",
    }
    assert report.best_error == pytest.approx(1, abs=0.1)
    assert report.summary == "Nothing contradicts the stated conventions. The data do not tell: centring."


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ("q, w, u:vector", {"parity: w": "pseudoscalar"}),
        ("q:pseudoscalar, w:pseudoscalar, u:vector", {"parity: q": "scalar"}),
        ("q, w:pseudoscalar, u:pseudovector", {"parity: u": "vector"}),
        ("q, w, u:pseudovector", {"parity: w": "pseudoscalar", "parity: u": "vector"}),
    ],
)
def test_wrong_parities(fields, found, flow):
    report = audit_conventions(Symmetry.of_fields("D4", fields), flow)
    assert contradicted(report) == found
    assert report.stated_error > 10 > 2 > report.best_error


@pytest.mark.parametrize("fields", [RIGHT, "q, w, u:vector"])
def test_components_in_the_reverse_order(fields, flow):
    backwards = tuple(one[:, [0, 1, 3, 2]] for one in flow)
    found = contradicted(audit_conventions(Symmetry.of_fields("D4", fields), backwards))
    assert found["order of components: u"] == "reversed"
    assert ("parity: w" in found) == (fields != RIGHT)


@pytest.mark.parametrize("true", ["cell", "node"])
def test_centring_where_something_stands_still(true, forced):
    data = forced(true)
    for stated in ("cell", "node"):
        report = audit_conventions(Symmetry.of_fields("D4", "T", centring=stated), data)
        assert contradicted(report) == ({} if stated == true else {"centring": true})


def test_a_group_without_reflections_says_nothing_of_parities(flow):
    report = audit_conventions(Symmetry.of_fields("C4", "q, w, u:vector"), flow)
    found = {one.question: one.found for one in report.choices}
    assert all(found[f"parity: {name}"] is None for name in "qwu")
    assert found["order of components: u"] == "as the axes of the array"


def test_axes_of_several_vectors_are_one_choice_and_each_has_its_own(generator):
    a, b = (torch.randn(32, 2, 6, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    s = torch.randn(32, 1, 6, 6, generator=generator, dtype=torch.float64)
    slopes = torch.cat([s.roll(-1, axis) - s.roll(1, axis) for axis in (2, 3)], 1)
    x = torch.cat([s, a, b], 1)
    y = torch.cat([s, a + slopes, (b + slopes)], 1)
    symmetry = Symmetry.of_fields("D4", "s, a:vector, b:vector")
    assert contradicted(audit_conventions(symmetry, (x, y))) == {}
    found = contradicted(audit_conventions(symmetry, (x[:, [0, 1, 2, 4, 3]], y[:, [0, 1, 2, 4, 3]])))
    assert found == {"order of components: b": "reversed"}
    found = contradicted(audit_conventions(symmetry, (x[:, [0, 2, 1, 4, 3]], y[:, [0, 2, 1, 4, 3]])))
    assert found["order of axes (all components): a, b"] == "reversed"


def test_labels_without_a_law_decide_nothing(flow, generator):
    x, y = flow
    report = audit_conventions(Symmetry.of_fields("D4", RIGHT), (x, torch.randn(y.shape, generator=generator)))
    assert report.contradicted == []


def test_batches_trajectories_and_json(flow):
    x, y = flow
    symmetry = Symmetry.of_fields("D4", "q, w, u:vector")
    marks = torch.arange(32) // 2
    report = audit_conventions(symmetry, (x, y), clusters=marks)
    assert report.trajectories == 16
    batches = [(a, b, m) for a, b, m in zip(x.split(5), y.split(5), marks.split(5), strict=True)]
    assert audit_conventions(symmetry, batches).to_dict() == report.to_dict()
    assert json.loads(json.dumps(report.to_dict()))["choices"][3]["contradicted"]


def test_eight_trajectories_are_compared_and_batches_without_names_are_each_of_their_own(flow):
    x, y = flow
    symmetry = Symmetry.of_fields("D4", RIGHT)
    assert audit_conventions(symmetry, (x[:8], y[:8])).trajectories == 8
    for sizes in ([4] * 8, [11, 21]):
        batches = list(zip(x.split(sizes), y.split(sizes), strict=True))
        assert audit_conventions(symmetry, batches).trajectories == 32
    assert audit_conventions(symmetry, (x, y), max_samples=8).trajectories == 8


def test_all_numbers_are_as_recorded(flow, generator, report_as_recorded):
    x, y = flow
    y = y + 0.05 * torch.randn(y.shape, generator=generator, dtype=torch.float64)
    symmetry = Symmetry.of_fields("D4", "q, w, u:vector")
    report = audit_conventions(symmetry, (x[:26], y[:26]), clusters=torch.arange(26) // 2, seed=1)
    report_as_recorded(report, Path(__file__).parent / "told_of_flow.json")


def test_channels_last_and_node_grids_with_ends(flow):
    x, y = (one.movedim(1, -1) for one in flow)
    symmetry = Symmetry.of_fields("D4", "q, w, u:vector", channels="last")
    assert contradicted(audit_conventions(symmetry, (x, y))) == {"parity: w": "pseudoscalar"}
    walls = Symmetry.of_fields("D4", RIGHT, periodic=False)
    assert "centring" not in {one.question for one in audit_conventions(walls, flow).choices}


def test_every_audit_with_labels_warns(flow, caplog):
    x, y = (one.float() for one in flow)
    model = torch.nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")
    report = haar.audit(model, Symmetry.of_fields("D4", "q, w, u:vector"), (x, y))
    words = "The labels contradict the stated conventions: parity: w is pseudoscalar, not scalar."
    assert words in report.summary
    assert words in caplog.text
    assert contradicted(report.conventions) == {"parity: w": "pseudoscalar"}
    assert "Conventions that the labels contradict" in [section.title for section in report.sections()]
    assert report.to_dict()["conventions"]["trajectories"] == 32
    caplog.clear()
    whole = haar.audit(model, Symmetry.of_fields("D4", RIGHT), (x, y))
    assert whole.summary == whole.recommendation.sentence
    assert "contradict" not in caplog.text
    assert haar.audit(model, Symmetry.of_fields("D4", RIGHT), x).conventions is None


def test_labels_of_other_channels_are_refused_as_such(flow):
    x, y = flow
    with pytest.raises(ShapeError, match=r"^output: expected 4 channels"):
        audit_conventions(Symmetry.of_fields("D4", RIGHT), (x, y[:, :3]))
    with pytest.raises(ShapeError, match=r"^inputs\[0\]: expected 4 channels"):
        audit_conventions(Symmetry.of_fields("D4", RIGHT), (x[:, :3], y))


@pytest.mark.parametrize(
    ("symmetry", "data", "message"),
    [
        (Symmetry.of_fields("D4", "p"), torch.ones(9, 1, 4, 4), "data: expected inputs and labels, got no labels"),
        (
            Symmetry.of_fields("D4", "p"),
            (torch.ones(7, 1, 4, 4), torch.ones(7, 1, 4, 4)),
            "data: expected at least 8 independent trajectories, got 7",
        ),
        (
            Symmetry(dihedral(4), Invariant(dihedral(4)), Invariant(dihedral(4))),
            torch.ones(9, 1),
            "symmetry: expected a symmetry of one input and one output of named fields",
        ),
    ],
)
def test_what_cannot_be_looked_at(symmetry, data, message):
    with pytest.raises(ArgumentError, match=message):
        audit_conventions(symmetry, data)
