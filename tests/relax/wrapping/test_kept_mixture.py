"""A mixture that is kept: when it is made, when it is used, and that what was made from other numbers is not."""

from __future__ import annotations

import weakref

import pytest
import torch

from haar.relax.wrapping.kept_mixture import KeptMixture


class Maker:
    """Twice the source, and how often it was made."""

    def __init__(self):
        self.source, self.times, self.kept = torch.tensor([1.0, 2.0]), 0, KeptMixture()

    def make(self):
        self.times += 1
        value = 2 * self.source
        self.last = weakref.ref(value)
        return [], [value]

    def get(self):
        value = self.kept.get([self.source], self.make)[1][0]
        assert torch.equal(value, 2 * self.source)
        return self.times


def test_the_second_pass_keeps_and_the_third_uses():
    maker = Maker()
    assert [maker.get() for _ in range(5)] == [1, 2, 2, 2, 2]


def test_one_pass_a_step_keeps_nothing():
    maker = Maker()
    for step in range(1, 6):
        assert maker.get() == step
        maker.source.add_(1)
    assert maker.last() is None


@pytest.mark.parametrize("passes", [2, 3, 5])
def test_several_passes_a_step_mix_once_from_the_second_step_on(passes):
    maker = Maker()
    for _ in range(passes):
        maker.get()
    for step in range(4):
        maker.source.mul_(3)
        before = maker.times
        assert [maker.get() - before for _ in range(passes)] == [1] * passes, step


def test_what_is_kept_in_vain_twice_is_let_go():
    maker = Maker()
    maker.get(), maker.get()
    assert maker.last() is not None
    maker.source.add_(1)
    maker.get()
    assert maker.last() is not None  # once: it may have been the first pass of a step
    maker.source.add_(1)
    maker.get()
    assert maker.last() is None


def test_a_write_that_torch_does_not_count_is_seen():
    maker = Maker()
    for _ in range(3):
        maker.get()
    maker.source.numpy()[0] = 7.0
    assert maker.get() == 3


def test_another_tensor_of_equal_numbers_and_one_that_is_not_in_a_row():
    maker = Maker()
    for _ in range(3):
        maker.get()
    maker.source = maker.source.clone()
    assert maker.get() == 2
    maker.source = torch.tensor([[1.0, 5.0], [2.0, 5.0]])[:, 0]
    assert [maker.get() for _ in range(4)] == [3, 4, 5, 6]  # not compared, so never kept
