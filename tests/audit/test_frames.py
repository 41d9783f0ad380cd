"""The audit of principal axes: verdicts on molecules, predicted beside measured errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from haar.audit.frames import audit_frames
from haar.errors import ArgumentError

F64 = torch.float64


def test_a_cube_has_no_axes_and_a_brick_has():
    cube = (
        torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=F64)] * 3)
        @ torch.linalg.qr(torch.ones(3, 3).to(F64) + torch.eye(3, dtype=F64)).Q
    )
    brick = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=F64)] * 3) * torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    brick = brick + 0.1 * torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    near = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=F64)] * 3) * torch.tensor(
        [1.0, 1.0 + 1e-9, 2], dtype=F64
    )
    near = near + 0.3 * near[:1].abs() * torch.tensor([[0.0]] * 8, dtype=F64)
    report = audit_frames([cube, brick, near], names=["cube", "brick", "near"])
    assert report.verdicts == ["UNDEFINED", "EXACT", "ILL-CONDITIONED"]
    found = {entry["name"]: entry for entry in report.to_dict()["clouds"]}
    assert found["cube"]["multiplicities"] == [3]
    assert found["brick"]["measured_error"] < 1e-12
    assert all(entry["measured_error_with_eigenspaces"] < 1e-10 for entry in found.values())
    # Each axis has a third of the square: what turns is 1 / sqrt(3) of the length.
    assert found["cube"]["predicted_error"] == pytest.approx(3**-0.5, rel=1e-6)
    assert "2 of 3 clouds without trusted axes" in report.summary
    assert report.table().row_count == 3
    (figure,) = (section.figure for section in report.sections() if section.figure is not None)
    signs, spaces, _ = figure.axes[0].lines
    predicted = [entry["predicted_error"] for entry in found.values()]
    for line, name in ((signs, "measured_error"), (spaces, "measured_error_with_eigenspaces")):
        drawn = [(x, entry[name]) for x, entry in zip(predicted, found.values(), strict=True)]
        assert line.get_xydata() == pytest.approx(np.maximum(drawn, 1e-17))
    assert (signs.get_markerfacecolor() != "none", spaces.get_markerfacecolor()) == (
        True,
        "none",
    )
    assert "every axis along which points lie is defined" in audit_frames([brick]).summary


def test_the_prediction_does_not_hang_on_how_equal_eigenvalues_are_rounded():
    from haar.nn.principal.axes import principal_axes
    from haar.nn.principal.health import frame_health

    cube = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=F64)] * 3)[None]
    exact = principal_axes([cube])
    eps = torch.finfo(F64).eps
    for apart in ([0.0, 0, 0], [2, 0, -2], [4, 1, 0]):
        rounded = dataclasses.replace(exact, eigenvalues=1 + eps * torch.tensor([apart], dtype=F64))
        assert float(frame_health(rounded, F64).predicted) == pytest.approx(3**-0.5, rel=1e-12)
    clear = dataclasses.replace(exact, eigenvalues=1 - 1e-6 * torch.tensor([[0.0, 1, 2]], dtype=F64))
    assert float(frame_health(clear, F64).predicted) == pytest.approx(eps / 1e-6 * 3**-0.5, rel=1e-4)


def test_marked_points_are_told_apart(told):
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=F64)
    watch = told()
    report = audit_frames([x], marks=[torch.arange(5.0)], watch=watch)
    assert (watch.stages, watch.steps) == ([("principal axes", 1)], 1)
    assert report.verdicts == ["EXACT"]
    assert audit_frames([x[:, :1]]).verdicts == ["EXACT"]


@pytest.mark.usefixtures("unchecked_annotations")
def test_bad_clouds_are_refused():
    x = torch.zeros(4, 3, dtype=F64)
    for call, words in (
        (lambda: audit_frames(torch.zeros(2, 4, 3)), "clouds: expected at least one cloud, in a list, got Tensor"),
        (lambda: audit_frames([x.half()]), "clouds: expected clouds in float32 or float64, got float16"),
        (lambda: audit_frames([x.long()]), "clouds: expected clouds in float32 or float64, got int64"),
        (lambda: audit_frames([x], names=["a", "b"]), "names: expected one for each of 1 cloud, got 2"),
        (lambda: audit_frames([x, x], marks=[x[:, 0]]), "marks: expected one for each of 2 clouds, got 1"),
        (lambda: audit_frames([x], marks=[x[:2, 0]]), r"marks: expected \(4,\) numbers"),
        (lambda: audit_frames([x], rotations=0), "rotations: expected at least 2"),
    ):
        with pytest.raises(ArgumentError, match=words):
            call()
    with pytest.raises(ArgumentError, match="clouds: expected at least one cloud"):
        audit_frames([])
    with pytest.raises(ArgumentError, match=r"clouds: expected clouds \(n, d\)"):
        audit_frames([torch.zeros(0, 3)])
    with pytest.raises(ArgumentError, match="finite"):
        audit_frames([torch.full((4, 3), torch.inf)])


def test_every_number_of_a_report_stands_in_its_place():
    line = torch.tensor([[-2.0, 0, 0], [1, 0, 0], [1, 0, 0]], dtype=F64)
    square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=F64)
    report = audit_frames([line, square])
    straight, even = report.to_dict()["clouds"]
    assert (straight["name"], even["name"]) == ("0", "1")
    assert (straight["rank"], straight["multiplicities"]) == (1, [1, 2])
    assert straight["smallest_gap"] == pytest.approx(1)
    assert (even["rank"], even["multiplicities"], even["smallest_gap"]) == (2, [2], pytest.approx(0, abs=1e-12))
    assert straight["eigenvalues"][1:] == pytest.approx([0, 0], abs=1e-12)
    assert audit_frames([line[:, :1]]).to_dict()["clouds"][0]["smallest_gap"] is None  # one axis has no neighbour
    assert report.summary.startswith("1 of 2 clouds without trusted axes")
    assert audit_frames([line]).summary.startswith("1 cloud: every axis")
    assert [list(row) for row in report.sections()[0].table.rows] == [
        [
            cloud["name"],
            cloud["rank"],
            " + ".join(map(str, cloud["multiplicities"])),
            cloud["smallest_gap"],
            cloud["predicted_error"],
            cloud["measured_error"],
            cloud["measured_error_with_eigenspaces"],
            cloud["verdict"],
        ]
        for cloud in (straight, even)
    ]
    assert (report.measured, report.repaired) == (
        [straight["measured_error"], even["measured_error"]],
        [straight["measured_error_with_eigenspaces"], even["measured_error_with_eigenspaces"]],
    )
    assert even["measured_error"] > 0.01 > 1e-10 > even["measured_error_with_eigenspaces"]


def test_four_turns_and_seed_0_are_the_defaults_and_sizes_do_not_matter():
    square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=F64)
    usual = audit_frames([square]).measured
    assert audit_frames([square], rotations=4, seed=0).measured == usual
    assert audit_frames([square], rotations=2).measured <= usual  # the largest over the turns, which come in one order
    assert audit_frames([square], seed=1).measured != usual
    assert audit_frames([8 * square]).measured == usual
    assert audit_frames([square], tolerance=1e-3).health[0].tolerance == 1e-3
    assert len(audit_frames([square], rotations=2).measured) == 1


def test_marks_reach_the_network():
    cloud = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    cloud = cloud - cloud.mean(0)
    u, _, vh = torch.linalg.svd(cloud, full_matrices=False)
    even = u @ vh  # both axes alike
    plain, marked = (audit_frames([even], marks=marks).measured for marks in (None, [torch.arange(5)]))
    assert plain != marked


def test_a_single_point_has_nothing_that_could_turn():
    (cloud,) = audit_frames([torch.tensor([[1.0, 2.0, 3.0]], dtype=F64)]).to_dict()["clouds"]
    assert (cloud["rank"], cloud["verdict"]) == (0, "EXACT")
    assert cloud["measured_error"] < 1e-12
