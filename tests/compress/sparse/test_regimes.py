"""When regimes change masks, and how dense layers are meant to be."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from haar.compress import Gradual, Growing, Revival, Rigl, Set, Static, module_specific
from haar.errors import ArgumentError


def steps(regime, of=1000):
    return [step for step in range(of + 1) if regime.due(step, of)]


def test_when_masks_change():
    assert steps(Static(0.5)) == []
    assert steps(Rigl(0.5, every=250)) == [250, 500]  # 750 is the end
    assert steps(Rigl(0.5, every=250, until=1.0)) == [250, 500, 750]
    assert steps(Revival(0.5, at=0.3)) == [300]
    assert steps(Gradual(0.5, every=300, begin=0.1, until=0.8)) == [400, 700, 800]


def test_the_share_that_moves_falls_along_a_cosine():
    regime = Rigl(0.9, alpha=0.4)
    for step in (100, 300, 600):
        assert regime.moved(step, 1000) == pytest.approx(0.2 * (1 + math.cos(math.pi * step / 750)))
    assert Set(0.9, alpha=0.05, decay="constant").moved(700, 1000) == 0.05
    assert Static(0.9).moved(100, 1000) == 0


def test_gradual_pruning_begins_dense_falls_and_ends_where_it_should():
    regime = Gradual(0.9, begin=0.2, until=0.7)
    path = [regime.density(0.1, step, 1000) for step in range(1001)]
    assert path[:201] == [1.0] * 201
    assert path[700:] == [pytest.approx(0.1)] * 301
    assert 1 - path[450] == pytest.approx(0.9 * (1 - 0.5**3))
    assert all(later <= earlier for earlier, later in pairwise(path))


def test_growing_is_pruning_backwards():
    up, down = Growing(0.9, begin=0.2, until=0.7), Gradual(0.9, begin=0.2, until=0.7)
    for step in range(200, 701, 50):
        assert up.density(0.1, step, 1000) == pytest.approx(down.density(0.1, 900 - step, 1000))


def test_a_revival_keeps_a_part_of_the_budget_back():
    regime = Revival(0.8, reserve=0.25, at=0.1)
    assert regime.density(0.4, 99, 1000) == pytest.approx(0.3)
    assert regime.density(0.4, 100, 1000) == 0.4


def test_the_preset_of_module_specific_training():
    rules = module_specific(sparsity=0.7, every=500)
    assert rules == {"encoder*": None, "critic*": Rigl(0.7, every=500), "actor*": Static(0.7)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Static(1.0), "sparsity: expected a share of at least 0 and below 1, got 1.0"),
        (lambda: Rigl(0.5, every=0), "every: expected at least 1"),
        (lambda: Rigl(0.5, alpha=0.0), "alpha: expected a share above 0, at most 1"),
        (lambda: Set(0.5, until=1.5), "until: expected a share above 0, at most 1"),
        (lambda: Set(0.5, decay="linear"), "decay: expected 'cosine' or 'constant', got 'linear'"),
        (lambda: Rigl(0.5, regrow="never"), "regrow: expected 'exclude' or 'allow', got 'never'"),
        (lambda: Revival(0.5, reserve=0.0), "reserve: expected a share above 0, at most 1"),
        (lambda: Revival(0.5, at=2.0), "at: expected a share above 0, at most 1"),
        (lambda: Gradual(0.5, begin=0.75), r"begin: expected a share from 0 to below until \(0.75\), got 0.75"),
        (lambda: Growing(0.5, every=0), "every: expected at least 1"),
    ],
)
def test_bad_numbers_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
