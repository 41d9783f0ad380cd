"""Near automorphisms by hand: what is put to the model, in which order, and when the search says it is not done."""

from __future__ import annotations

import numpy as np
import pytest

from haar.discover.finite.exchange import Exchange
from haar.discover.finite.near_search import NearSearch

LEVEL = 0.1


def searched(diagonal, level=LEVEL, limit=100, accepted=(), *, signed=False):
    """A search where values differ on the diagonal only, and the rows that were put to the model."""
    count = len(diagonal) // (2 if signed else 1)
    exchange = Exchange((count,), -1, signed, (0,) * count, "invariant", (1,))
    values = np.diag(np.asarray(diagonal))[:, :, None]
    asked = []

    def accepts(row):
        asked.append(row.tolist())
        return row if row.tolist() in accepted else None

    return NearSearch(values, exchange, level, accepts, limit).run(), asked


@pytest.mark.parametrize(("times", "count"), [(2.49, 1), (2.51, 0)])
def test_an_image_may_change_the_values_by_two_and_a_half_levels(times, count):
    found, asked = searched([0.0, times * LEVEL])
    assert (found.asked, asked) == (count, [[1, 0]] * count)
    assert found.finished


@pytest.mark.parametrize(("times", "count"), [(2.49, 1), (2.51, 0)])
def test_a_change_of_sign_is_judged_by_both_values(times, count):
    # of the two squares whose mean is taken, one is zero
    assert searched([0.0, times * LEVEL * 2**0.5], signed=True)[1] == [[1, 0]] * count


def test_every_exchange_is_asked_once_and_the_nearest_first():
    found, asked = searched([0.0, 0.02, 0.01])
    assert asked == [[0, 2, 1], [2, 1, 0], [2, 0, 1], [1, 2, 0], [1, 0, 2]]
    assert (found.asked, found.finished, found.generators) == (5, True, [])


def test_images_that_are_known_from_others_are_not_asked():
    found, asked = searched([0.0, 0.02, 0.01], accepted=([0, 2, 1], [2, 0, 1]))
    assert asked == [[0, 2, 1], [2, 1, 0], [2, 0, 1]]
    assert [row.tolist() for row in found.generators] == [[0, 2, 1], [2, 0, 1]]


@pytest.mark.parametrize(("limit", "finished"), [(5, True), (4, False)])
def test_a_search_that_reaches_its_limit_says_so(limit, finished):
    found, asked = searched([0.0] * 3, limit=limit)
    assert (found.finished, len(asked), found.asked) == (finished, limit, limit)
