"""The digits are those of scikit-learn, each once, whatever the global random state."""

from __future__ import annotations

import pytest
import torch

from haar.data.digits import handwritten_digits

datasets = pytest.importorskip("sklearn.datasets", reason="the digits come with scikit-learn")


def test_every_digit_is_there_once():
    found = datasets.load_digits()
    pixels, labels = handwritten_digits()
    rows = sorted((tuple((16 * x).tolist()), int(y)) for x, y in zip(pixels, labels, strict=True))
    assert rows == sorted((tuple(x.tolist()), int(y)) for x, y in zip(found.data, found.target, strict=True))
    assert (float(pixels.min()), float(pixels.max())) == (0.0, 1.0)


def test_the_order_is_always_the_same_and_no_draw_of_ones_own():
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    handwritten_digits.cache_clear()
    first = handwritten_digits()[1]
    assert torch.equal(state, torch.random.get_rng_state())
    assert first[:3].tolist() == [6, 5, 5]
