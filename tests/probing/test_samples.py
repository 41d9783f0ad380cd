"""Samples of one batch told apart, and copies that come apart again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.probing.samples import check_samples, separate


def test_axis_0_counts_the_samples():
    check_samples([torch.zeros(3), torch.zeros(3, 2), None, "name"], 3)
    told = "expected 3 samples on axis 0, one for each of the inputs, got"
    way_out = "leave out what belongs to the whole batch"
    for leaves, name, got in (
        ([torch.zeros(2)], "output", "(2,)"),
        ([torch.zeros(())], "output", "()"),
        ([torch.zeros(3), torch.zeros(4, 3)], "output[1]", "(4, 3)"),
    ):
        with pytest.raises(ShapeError) as caught:
            check_samples(leaves, 3)
        assert str(caught.value) == f"{name}: {told} {got}; {way_out}"
    with pytest.raises(ShapeError, match=r"^energy: expected 1 samples"):
        check_samples([torch.zeros(2)], 1, "energy")


def test_copies_come_apart_in_their_order():
    joined = torch.arange(12.0).reshape(6, 2)
    assert [part.tolist() for part in separate(joined, 3)] == [joined[k : k + 2].tolist() for k in (0, 2, 4)]
    assert separate(joined, 1)[0] is joined
    assert separate(torch.tensor(1.0), 1)[0].item() == 1
    assert [part.shape for part in separate(torch.ones(4, dtype=torch.complex64), 2)] == [(2,), (2,)]
    assert separate(None, 3) == [None] * 3
    assert separate("eV", 2) == ["eV", "eV"]


@pytest.mark.parametrize(
    ("leaf", "error", "message"),
    [
        (torch.zeros(4, dtype=torch.int64), ArgumentError, r"which can be averaged, got torch\.int64"),
        (np.zeros(4), ArgumentError, r"which can be averaged, got ndarray; torch\.as_tensor makes one of an array"),
        (torch.ones(4, dtype=torch.bool), ArgumentError, r"got torch\.bool; let the model return scores"),
        (3.0, ArgumentError, "got float; let the model return scores and decide after the average"),
        (torch.zeros(3), ShapeError, r"a batch axis divisible by 2 copies, got \(3,\); declare an output without"),
        (torch.zeros(()), ShapeError, r"a batch axis divisible by 2 copies, got \(\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_refused(leaf, error, message):
    with pytest.raises(error, match=f"^y: expected .*{message}"):
        separate(leaf, 2, "y")
