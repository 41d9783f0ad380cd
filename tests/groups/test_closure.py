"""Closing generators: what is the same, what is nearly the same, and what has no end; by adding fractions of a turn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.errors import ArgumentError
from haar.groups.closure import close


def turns(*fractions, limit=50, **options):
    """Angles in turns, composed by adding; a whole turn is none."""

    def add(a, b):
        total = (a + b) % 1.0
        return np.where(total > 1 - 1e-4, total - 1, total)

    generators = torch.tensor(fractions, dtype=torch.float64)[:, None]
    return close(generators, torch.zeros(1, dtype=torch.float64), add, limit, **options)


def test_elements_come_breadth_first_with_their_products():
    elements, products, places = turns(0.25, 0.5)
    assert elements.flatten().tolist() == [0.0, 0.25, 0.5, 0.75]
    assert places == [1, 2]
    assert products.table().tolist() == [[(a + b) % 4 for b in range(4)] for a in range(4)]
    assert products.left().tolist() == [[1, 2, 3, 0], [2, 3, 0, 1]]
    assert products.inverse().tolist() == [0, 3, 2, 1]
    assert products.of(torch.tensor([3, 2]), torch.tensor([3, 1])).tolist() == [2, 3]
    assert products.order == 4


@pytest.mark.parametrize(
    ("off", "same", "found"),
    [
        (0.9e-6, 1e-6, 4), (1.1e-6, 1e-6, "differ clearly"), (0.9e-5, 1e-6, "differ clearly"),
        (1.3e-5, 1e-6, "at most 50 elements"), (0.9e-3, 1e-3, 4), (0.9e-2, 1e-3, "differ clearly"),
        (0.0249, 0.02, "differ clearly"),
    ],
)  # fmt: skip
def test_what_is_the_same_what_is_not_and_what_nobody_can_tell(off, same, found):
    if isinstance(found, int):
        assert len(turns(0.25, 0.25 + off, same=same)[0]) == found
    else:
        with pytest.raises(ArgumentError, match=f"generators: expected a finite group .*{found}"):
            turns(0.25, 0.25 + off, same=same)


def test_as_many_as_are_allowed():
    assert len(turns(1 / 50)[0]) == 50
    with pytest.raises(
        ArgumentError, match=r"a finite group of at most 49 elements, got more \(or an infinite group\)"
    ):
        turns(1 / 50, limit=49)
    elements, _, places = turns()
    assert (elements.tolist(), places) == ([[0.0]], [])


def test_elements_that_grow_without_end():
    def double(a, b):
        return a + b + 1e7

    with pytest.raises(ArgumentError, match="at most 1000 elements, got more"):
        close(torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), double, 1000)
