"""The first number that is none, wherever it stands."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.probing import check_finite

NAN, INF = torch.nan, torch.inf


@pytest.mark.parametrize(
    ("tree", "got"),
    [
        (torch.tensor([[0.0, 1.0], [2.0, -INF], [NAN, 0.0]]), "-inf in sample 1"),
        ({"a": torch.zeros(3), "b": [torch.tensor([0.0, 0.0, INF])]}, "inf in sample 2"),
        ((torch.tensor(NAN),), "nan as a number for all samples"),
        (torch.tensor([complex(0.0, NAN)]), "nanj.* in sample 0"),
        (torch.tensor([INF], dtype=torch.float16), "inf in sample 0"),
    ],
)
def test_it_is_told_with_its_sample(tree, got):
    with pytest.raises(ArgumentError, match=rf"^x: expected finite numbers, got .*{got}; leave such samples out$"):
        check_finite("x", tree)


def test_all_else_passes():
    check_finite("x", (torch.ones(2), torch.arange(3), torch.tensor([True]), "nan", NAN, None, torch.zeros(0)))
    check_finite("x", torch.empty(3, device="meta"))
    check_finite("x", torch.ones(2, requires_grad=True))
