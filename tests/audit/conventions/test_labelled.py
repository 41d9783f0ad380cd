"""Rows that an audit keeps to look at conventions beside it: few, labelled, of fields."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Symmetry
from haar.audit.batches import Batch
from haar.audit.conventions import LabelledRows


def batch(x, y, start=0):
    return Batch((x,), y, torch.arange(len(x)) + start)


def test_few_rows_or_none_say_nothing(flow):
    x, y = flow
    symmetry = Symmetry.of_fields("D4", "q, w, u:vector")
    rows = LabelledRows(symmetry)
    rows.add(batch(x[:7], y[:7]))
    assert rows.report(0) is None
    rows.add(Batch((x[7:9],), None, torch.arange(2)))
    assert rows.report(0) is None
    rows.add(batch(x[7:], y[7:], 7))
    assert rows.report(0).trajectories == 32


def test_no_more_are_kept_than_are_looked_at(flow):
    x, y = (torch.cat([one, one]) for one in flow)
    rows = LabelledRows(Symmetry.of_fields("D4", "q, w, u:vector"))
    rows.add(batch(x, y))
    rows.add(batch(x, y, 100))
    assert rows.report(0).trajectories == 32
    assert rows.remark == ""


def test_other_symmetries_complex_fields_and_large_grids_are_passed_by(flow):
    x, y = flow
    other = LabelledRows(Symmetry.of_atoms("Oh", inputs="positions", outputs="forces"))
    other.add(batch(x, y))
    assert other.report(0) is None
    assert other.remark == ""
    strange = LabelledRows(Symmetry.of_fields("D4", "q, w, u:vector"))
    strange.add(batch(x.to(torch.complex128), y.to(torch.complex128)))
    assert strange.report(0) is None
    assert "not looked at beside the audit: they are looked at for real fields" in strange.remark
    large = LabelledRows(Symmetry.of_fields("D4", "p"))
    image = torch.zeros(1, 1, 1024, 1024).expand(9, 1, 1024, 1024)
    large.add(batch(image, image))
    assert large.report(0) is None
    assert "not looked at beside the audit: on 1024 x 1024 points" in large.remark
    assert "haar audit conventions" in large.remark


def test_eight_rows_say_something_and_every_sample_without_a_name_is_a_trajectory(flow):
    x, y = flow
    rows = LabelledRows(Symmetry.of_fields("D4", "q, w, u:vector"))
    rows.add(Batch((x[:4],), y[:4], torch.arange(4), numbered=True))
    assert not rows.full
    rows.add(Batch((x[4:8],), y[4:8], torch.arange(4), numbered=True))
    assert rows.report(0).trajectories == 8
    more = LabelledRows(Symmetry.of_fields("D4", "q, w, u:vector"))
    for some in (slice(0, 11), slice(11, 32)):
        more.add(Batch((x[some],), y[some], torch.arange(len(x[some])), numbered=True))
    assert more.report(0).trajectories == 32


@pytest.mark.parametrize(("points", "told"), [(373, False), (374, True)])
def test_a_fit_takes_so_many_numbers_of_eight_samples(points, told):
    # 15 numbers a point: 9 neighbours, 2 slopes of 1 field, twice, and 2 more; 2^24 / (15 * 373^2) = 8.04
    rows = LabelledRows(Symmetry.of_fields("D4", "p"))
    image = torch.zeros(1, 1, 1, 1).expand(9, 1, points, points)
    rows.add(batch(image, image))
    assert bool(rows.remark) is told
    assert rows.full
