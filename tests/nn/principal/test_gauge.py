"""Which eigenvalues are one to the data, on both sides of each threshold."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Invariant
from haar.errors import ArgumentError
from haar.nn.principal import DegenerateCutWarning, gauge_symmetry, sampled_spaces, sampling_error
from haar.nn.principal.gauge import is_degenerate_cut, warn_of_cut


def test_the_sampling_error_is_two_standard_deviations():
    generator = torch.Generator().manual_seed(0)
    variances = torch.randn(4000, 400, generator=generator).square().mean(1)
    assert sampling_error(400) == 0.1
    assert float(variances.std()) * 2 / 2**0.5 == pytest.approx(0.1, rel=0.05)


def test_neighbours_within_the_error_of_the_larger_are_one():
    values = torch.tensor([10.0, 8.01, 7.9, 6.3], dtype=torch.float64)  # gaps of 19.9, 1.4 and 20.3 per cent
    assert sampled_spaces(values, 100) == (3, 1)
    assert sampled_spaces(torch.tensor([10.0, 7.99], dtype=torch.float64), 100) == (1, 1)
    assert sampled_spaces(values, 4) == (4,)
    assert sampled_spaces(torch.tensor([10.0, 0.9], dtype=torch.float64), 5) == (1, 1)  # within 0.894 of the larger
    assert sampled_spaces(torch.tensor([10.0, 1.1], dtype=torch.float64), 5) == (2,)
    assert sampled_spaces(torch.tensor([1.0, 0.0]), 100) == (1, 1)


def test_a_cut_is_degenerate_within_the_error():
    assert is_degenerate_cut(10.0, 8.01, 100)
    assert is_degenerate_cut(10.0, 9.0, 400)
    assert not is_degenerate_cut(10.0, 7.99, 100)
    assert not is_degenerate_cut(10.0, 8.99, 400)


@pytest.mark.parametrize(("k", "others"), [(1, "keep 2$"), (2, "keep 1 or 3$")])
def test_what_else_could_be_kept(k, others):
    with pytest.warns(DegenerateCutWarning, match=f"eigenvalue {k} is 1 and eigenvalue {k + 1}.*0.9.*{others}") as told:
        warn_of_cut(1.0, 0.9, k, 100)
    assert len(told) == 1


def test_symmetries_of_heads():
    symmetry = gauge_symmetry((1, 2))
    assert symmetry.group.name == "{+-1}^1 x O(2)"
    action = Invariant(symmetry.group)
    assert gauge_symmetry((3,), "equivariant").group.name == "O(3)"
    assert gauge_symmetry((1, 2), action).outputs is action
    with pytest.raises(ArgumentError, match="outputs: expected 'invariant', 'equivariant' or an action, got 'odd'"):
        gauge_symmetry((1,), "odd")
