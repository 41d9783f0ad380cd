"""Data (x, y): a symmetry is claimed only if held-out pairs bear it out."""

from __future__ import annotations

import pytest
import torch

from haar.discover import pairs
from haar.errors import ArgumentError, DataError


def test_a_model_of_ones_own_is_averaged_and_the_data_bear_it_out(turning, draw):
    function, x = turning(2), draw(600, 6)
    model = turning(2, breaking=0.02)
    found = pairs(x, function(x), model=model, outputs="any")
    assert found.claimed
    held = torch.randperm(600, generator=torch.Generator().manual_seed(0))[300:]
    y = function(x[held])
    wrong = (model(x[held]) - y).flatten(1).square().sum(1).mean() / y.flatten(1).var(0, correction=0).sum()
    assert found.plain == pytest.approx(float(wrong), rel=1e-9)
    assert found.error == pytest.approx(float(wrong) ** 0.5, rel=1e-9)
    assert found.samples == (300, 300)
    assert found.difference.value - found.difference.low == pytest.approx(
        found.difference.high - found.difference.value
    )
    assert -found.plain <= found.difference.value < 0  # no average is nearer than the truth
    assert found.symmetry.group.name == "SO(3)"
    assert found.difference.high <= 0
    assert "borne out" in found.summary


def test_a_symmetry_that_the_data_break_is_not_claimed(turning, draw, tmp_path):
    function, x = turning(2, breaking=0.03), draw(600, 6)
    found = pairs(x, function(x), model=function, outputs="any")
    assert found.found.symmetry is not None
    assert (found.claimed, found.symmetry, found.failed_gate) == (False, None, "data")
    assert found.summary.startswith("No symmetry of the data established.")
    with pytest.raises(ArgumentError, match="found: expected a symmetry that the data bear out, got No symmetry of"):
        found.save(tmp_path / "found.json")
    assert not list(tmp_path.iterdir())


def test_a_poor_regressor_is_told_to_be_improved_first(draw):
    x = draw(400, 6)
    found = pairs(x, torch.sin(9 * x[:, :3]), steps=20)
    assert found.failed_gate == "regressor"
    assert "fit a better model first" in found.summary


@pytest.mark.parametrize(
    ("x", "y", "error", "told"),
    [
        (torch.randn(50, 2), torch.randn(40, 1), ArgumentError, r"y: expected one output for each of 50 inputs"),
        (torch.randn(20, 2), torch.randn(20, 1), DataError, r"x: 20 pairs"),
        (torch.randn(50, 2), torch.ones(50, 1), DataError, r"y: constant"),
        (torch.randn(50, 2) * float("nan"), torch.randn(50, 1), DataError, r"x: row 0 is not finite"),
        (torch.zeros(()), torch.randn(50, 1), ArgumentError, r"x: expected an axis of samples, \(N, ...\), got \(\)"),
        ("x", torch.randn(50, 1), ArgumentError, r"x: expected a tensor or an array"),
    ],
)
def test_bad_pairs_are_refused_by_name(x, y, error, told):
    with pytest.raises(error, match=told):
        pairs(x, y)
