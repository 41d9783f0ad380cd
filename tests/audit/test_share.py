"""What one process hands to another: sums are added, what the first batch said is kept."""

from __future__ import annotations

import pytest
import torch

from haar.audit.share import Share
from haar.errors import ArgumentError

ELEMENTS = torch.tensor([0, 1])


def test_samples_are_counted_and_what_the_first_batch_said_is_kept():
    empty, first, second = Share(ELEMENTS), Share(ELEMENTS, seen=3), Share(ELEMENTS, seen=4)
    first.input_shape, second.input_shape = (2, 5), (2, 7)
    first.lie, second.lie = [1], [2]
    first.layers, second.layers = [3], [4]
    assert first.add(second) is first
    assert (first.seen, first.input_shape, first.lie, first.layers) == (7, (2, 5), [1], [3])
    empty.add(first)
    assert (empty.seen, empty.input_shape, empty.lie, empty.layers) == (7, (2, 5), [1], [3])
    assert first.seen == 7


def test_shares_of_other_elements_are_refused():
    for other in (torch.tensor([0, 2]), torch.tensor([0, 1, 2])):
        with pytest.raises(ArgumentError, match="other: expected an audit over the same elements, got others"):
            Share(ELEMENTS).add(Share(other))
