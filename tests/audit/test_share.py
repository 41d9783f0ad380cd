"""What one process hands to another: sums are added, what the first batch said is kept."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Invariant, Symmetry
from haar.audit.closure import Closure
from haar.audit.share import Share
from haar.errors import ArgumentError
from haar.groups import cyclic

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


def test_shares_with_and_without_a_test_of_the_data_are_not_added():
    group = cyclic(2)
    symmetry = Symmetry(group, Invariant(group), Invariant(group))

    def share(*, closure):
        return Share(ELEMENTS, closure=Closure(symmetry, ELEMENTS) if closure else None)

    for ours in (True, False):
        with pytest.raises(ArgumentError, match="other: expected data_symmetry as here, got another choice"):
            share(closure=ours).add(share(closure=not ours))
        assert (share(closure=ours).add(share(closure=ours)).closure is None) != ours
