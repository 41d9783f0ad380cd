"""Dormant units and ranks of features, by hand."""

from __future__ import annotations

import pytest
import torch

from haar.dynamics import dormant_ratio, effective_rank, stable_rank
from haar.errors import ArgumentError


def test_units_that_are_zero_are_dormant():
    features = torch.rand(50, 10, generator=torch.Generator().manual_seed(0)) + 0.5
    features[:, :3] = 0
    assert dormant_ratio(features) == 0.3


def test_both_sides_of_tau():
    # mean sizes 0.09, 1, 1.91 and 1: their mean is 1
    features = torch.tensor([[0.09, 1.0, 1.91, 1.0]], dtype=torch.float64)
    assert dormant_ratio(features) == 0.25
    assert dormant_ratio(features, tau=0.08) == 0.0
    assert dormant_ratio(torch.tensor([[0.11, 1.0, -1.89, 1.0]])) == 0.0


def test_stable_rank():
    one = torch.outer(torch.arange(1.0, 6), torch.arange(1.0, 4))
    assert stable_rank(one) == pytest.approx(1)
    turn = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0))).Q
    assert stable_rank(3 * turn) == pytest.approx(7)
    assert stable_rank(torch.diag(torch.tensor([2.0, 1.0, 1.0]))) == pytest.approx(6 / 4)
    assert stable_rank(torch.zeros(3, 3)) == 0


def test_effective_rank():
    values = torch.diag(torch.tensor([6.0, 3.0, 1.0]))
    assert [effective_rank(values, share=share) for share in (0.5, 0.6, 0.61, 0.9, 0.91, 1.0)] == [1, 1, 2, 2, 3, 3]
    assert effective_rank(torch.zeros(3, 3)) == 0


@pytest.mark.parametrize("measure", [dormant_ratio, stable_rank, effective_rank])
def test_no_features_are_refused(measure):
    with pytest.raises(ArgumentError, match="features: expected at least one sample and one unit"):
        measure(torch.zeros(0, 3))


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ArgumentError, match="share: expected a share above 0, at most 1, got 0"):
        effective_rank(torch.eye(2), share=0)
