"""Singular heads: the form is one for the whole orbit, and products stay, of whatever ranks."""

from __future__ import annotations

import pytest
import torch

from haar.weights.singular import between_singular


def _form(values, out):
    a = between_singular(values @ values.mT, out @ out.mT)
    return a @ values, torch.linalg.inv(a).mT @ out


@pytest.mark.parametrize("ranks", [(0, 0), (4, 0), (0, 4), (1, 1), (2, 3), (3, 2), (4, 2), (1, 4), (4, 4)])
@pytest.mark.parametrize("apart", [False, True])
def test_the_form_is_one_for_the_orbit(ranks, apart):
    g = torch.Generator().manual_seed(sum(ranks) + apart)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    values, out = (draw(4, rank) @ draw(rank, 7) for rank in ranks)
    if apart:  # parts that only one of the two has
        values[0], out[1] = 0, 0
    turn = draw(4, 4) + 2 * torch.eye(4)
    mine, other = _form(values, out), _form(turn @ values, torch.linalg.inv(turn).mT @ out)
    torch.testing.assert_close(mine[0].mT @ mine[1], values.mT @ out, rtol=0, atol=1e-9)
    left, _, right = torch.linalg.svd(sum(x @ y.mT for x, y in zip(mine, other, strict=True)))
    for one, moved in zip(mine, other, strict=True):
        torch.testing.assert_close(left @ right @ moved, one, rtol=0, atol=1e-6)
