"""What a verb returns for a person to read is readable: ``print(result)`` is a line, a few, or one table."""

from __future__ import annotations

import pytest
import torch

from haar.audit import Audit
from haar.audit.lie import LieDefect
from haar.audit.recommendation import Recommendation
from haar.average import DistilReport, Selected, SoftFit, Written
from haar.data.spectra import laplacian_eigs
from haar.groups import dihedral
from haar.moments import Gaussian, controlled_mean, kstats
from haar.nn.principal.axes import principal_axes
from haar.nn.principal.health import frame_health
from haar.probing.defect import Defect
from haar.relax.diagnosis.bounds import Bounds
from haar.relax.diagnosis.lie_error import LieError
from haar.relax.diagnosis.loss_share import LossShare
from haar.relax.path import PathPoint
from haar.report import Table
from haar.statistics import Estimate
from haar.systems.claim import Judged
from haar.testing.equivariance import Equivariance

D4 = dihedral(4)
F64 = torch.float64


def soft_fit():
    numbers = torch.tensor([0.25], dtype=F64)
    return SoftFit(numbers, numbers, numbers - 0.125, numbers + 0.125, 0.95, 12, 2.0, 1.5, 1.25)


LINES = {
    "soft": (
        soft_fit,
        "alpha = 0.250 [0.125, 0.375] (95% intervals, 12 units); mean squared error 2 of the model, 1.5",
    ),
    "distil": (lambda: DistilReport(10, 0.1, 0.2, 0.01, 0.97, 4), "0.2 before and 0.01 after; 97.0% of what averaging"),
    "written": (
        lambda: Written("D4", 4, 8, 0.9, 0.5, 1e-7, batched=True),
        "4 elements of D4, 90.0% of the gain of all 8",
    ),
    "all": (lambda: Written("D4", 8, 8, None, 0.5, 1e-7, batched=False), "8 elements of D4; broken symmetry, relative"),
    "select": (lambda: Selected(D4, torch.tensor([0, 2]), 0.75, (0.0, 0.75)), "2 of 8 elements of D4 (0, 2): 75.0%"),
    "equivariance": (lambda: Equivariance("r", 0.5, 0.25, 8), "over 8 elements: 0.5 at r, 0.25 relative"),
    "loss_share": (lambda: LossShare(4.0, 3.0, 1.0, 2.0, whole=True), "4 = 3 + 1: averaging over the whole group"),
    "lie_error": (
        lambda: LieError(1, 0.5, 0.25, {"a": 0.75}, 0.25),
        "generator 1: mean square of the Lie derivative 0.5",
    ),
    "lie": (lambda: LieDefect(1, 0.5, 0.25), "generator 1: Lie derivative 0.5, 0.25 relative"),
    "bounds": (
        lambda: Bounds(0.5, 0.25),
        "within 0.5 of that at gamma = 0, and its symmetry is broken by 0.25 at most",
    ),
    "no bounds": (lambda: Bounds(None, None, "a bias in 0"), "no bound applies: a bias in 0"),
    "path": (
        lambda: PathPoint(2.0, 0.5, 0.75, 0.25, []),
        "ridge weight 2: validation loss 0.5 with the gammas kept, 0.75",
    ),
    "defect": (
        lambda: Defect(torch.full((8, 2), 0.5), torch.ones(8, 2)),
        "8 elements and 2 outputs: relative, at most 0.5",
    ),
    "estimate": (lambda: Estimate(0.5, 0.25, 0.75), "0.5 [0.25, 0.75]"),
    "recommendation": (lambda: Recommendation("average", "D4", "Average over D4."), "Average over D4."),
    "claim": (
        lambda: Judged("a", "a gain", "section 1", 0.5, 0.25, 0.75, "<= 1", "holds", (0.5,), "", 3),
        "a gain: 0.5 [0.25, 0.75], to be <= 1: holds",
    ),
    "unused audit": (lambda: Audit(torch.nn.Identity(), _symmetry()), "<Audit of D4 over 0 samples>"),
}


def _symmetry():
    from haar.actions import Symmetry

    return Symmetry.of_fields(D4, "p")


@pytest.mark.parametrize("name", LINES)
def test_a_result_is_told_in_a_line(name):
    make, fragment = LINES[name]
    told = str(make())
    assert fragment in told
    assert "\n" not in told


def cloud():
    return frame_health(principal_axes([torch.randn(2, 6, 3, dtype=F64)]), F64)


TABLES = {
    "table": (lambda: Table("losses", ("model", "loss"), [("base", 0.25)]), "losses", "base", "0.25"),
    "kstats": (lambda: kstats(torch.arange(6, dtype=F64)), "k-statistics of 6 samples", "estimate", "-14.7"),
    "controlled": (
        lambda: controlled_mean(torch.nn.Linear(2, 1), Gaussian([0.0, 0.0]), 100),
        "100 draws, controlled by input",
        "plain mean",
        "worth",
    ),
    "frames": (cloud, "Principal axes", "multiplicities", "EXACT"),
    "spectrum": (
        lambda: laplacian_eigs(torch.tensor([[0, 2], [1, 3]]), 3, unhealthy="quiet").health,
        "not exact",
        "components",
        "W3: disconnected graph",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_numbers_in_rows_are_told_in_lines_that_a_terminal_holds(name):
    make, *fragments = TABLES[name]
    told = str(make())
    assert [fragment for fragment in fragments if fragment not in told] == []
    assert "tensor(" not in told
