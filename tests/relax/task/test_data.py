"""Data of a plan: whose rows train and whose validate, from functions and files, and what is refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from haar.errors import ArgumentError, DataError
from haar.relax.task.data import read_pairs
from haar.relax.task.plan import DataPlan

pytestmark = pytest.mark.usefixtures("entries")


def made(value):
    """A function of the data that returns this."""
    import own_entries

    own_entries.given = lambda: value
    return DataPlan("own_entries:given")


@pytest.mark.parametrize(("share", "held"), [(0.2, 2), (0.25, 2), (0.26, 3), (0.001, 1), (0.999, 9)])
def test_a_share_of_the_rows_validates_and_something_is_left_to_train(share, held):
    import own_entries

    x, y = own_entries.data()
    train, validation = read_pairs(DataPlan("own_entries:data", held_out=share), 0)
    assert (len(validation[0]), len(train[0])) == (held, 10 - held)
    rows = torch.cat([validation[0], train[0]])
    assert torch.equal(rows.sort(0).values, x)
    for part in (train, validation):
        assert torch.equal(part[1], part[0][:, 4:] + 0.1)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    assert torch.equal(validation[0], x[order[:held]])
    other = read_pairs(DataPlan("own_entries:data", held_out=share), 1)[1]
    assert share == 0.001 or not torch.equal(validation[0], other[0])
    assert torch.equal(y, x[:, 4:] + 0.1)


def test_arguments_go_to_the_function_and_parts_that_validate_are_taken():
    (x, _), (held, _) = read_pairs(DataPlan("own_entries:data", {"count": 4}, 0.5), 0)
    assert (len(x), len(held)) == (2, 2)
    (x, _), (held, y) = read_pairs(DataPlan("own_entries:several"), 0)
    assert (len(x), len(held), len(y)) == (3, 2, 2)
    (inputs, y), _ = read_pairs(DataPlan("own_entries:pair"), 0)
    assert isinstance(inputs, tuple)
    assert [len(each) for each in (*inputs, y)] == [4, 4, 4]


def test_numbers_become_the_default_precision_and_whole_ones_stay():
    x = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    (inputs, target), _ = read_pairs(made((x, np.arange(4))), 0)
    assert (inputs.dtype, inputs.requires_grad, target.dtype) == (torch.float32, False, torch.int64)


def test_two_samples_are_enough():
    (x, _), (held, _) = read_pairs(made((torch.rand(2, 1), torch.rand(2, 1))), 0)
    assert (len(x), len(held)) == (1, 1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"train": (1, 2), "test": (1, 2)}, "data: expected the keys train and validation, got train, test"),
        ({"validation": (1, 2)}, "data: expected the keys train and validation, got validation"),
        ((1, 2, 3), r"data: expected inputs and targets, or \{'train': .*\}, got tuple"),
        ({"train": (1, 2), "validation": 3}, r"data: expected inputs and targets, or .* got int"),
        ((torch.rand(1, 1), torch.rand(1, 1)), "data: expected at least 2 samples, one of which validates, got 1"),
        ((torch.rand(3, 1), "text"), "data: expected tensors or arrays of numbers, got str"),
        ((torch.tensor(1.0), torch.rand(3)), r"data: expected samples on axis 0, got a tensor \(\)"),
        ((torch.rand(0, 2), torch.rand(0)), r"data: expected samples on axis 0, got a tensor \(0, 2\)"),
        ((torch.rand(3, 2), torch.rand(4)), r"data: expected as many inputs as targets, got \(3, 2\), \(4,\)"),
        (
            (torch.tensor([[0.0], [1.0], [float("inf")]]), torch.rand(3)),
            "data: expected finite numbers, got NaN or infinity, first in sample 2; clean or drop it",
        ),
        (
            (torch.tensor([0.0, float("nan")]), torch.rand(2)),
            "data: expected finite numbers, got NaN or infinity; clean or drop it",
        ),
    ],
)
def test_what_is_no_data_is_refused(value, message):
    with pytest.raises(ArgumentError, match=message):
        read_pairs(made(value), 0)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_is_between_nothing_and_all(share):
    with pytest.raises(ArgumentError, match=rf"held_out: expected a share between 0 and 1, got {share:g}"):
        read_pairs(DataPlan("own_entries:data", held_out=share), 0)


def test_a_function_that_fails_says_how_to_give_it_arguments():
    with pytest.raises(ArgumentError, match=r"data: expected a function that can be called, .*; give data_args"):
        read_pairs(DataPlan("own_entries:data", {"size": 3}), 0)


def test_files_hold_pairs_by_name(entries):
    x, y = torch.rand(4, 2), torch.rand(4, 1)
    save_file({"inputs": x, "targets": y, "validation_inputs": x[:1].clone()}, "half.safetensors")
    train, validation = read_pairs(DataPlan("half.safetensors", held_out=0.25), 0)
    assert (len(train[0]), len(validation[0])) == (3, 1)  # half a pair is none
    np.savez("whole.npz", inputs=x, targets=y, validation_inputs=x[:1], validation_targets=y[:1] + 1)
    train, validation = read_pairs(DataPlan("whole.npz"), 0)
    assert torch.equal(train[0], x)
    assert torch.equal(validation[1], y[:1] + 1)
    np.savez("other.npz", inputs=x, outputs=y)
    with pytest.raises(
        DataError, match=r"other\.npz: expected the arrays inputs and targets \(or x and y\), got inputs, outputs"
    ):
        read_pairs(DataPlan("other.npz"), 0)
    np.savez("none.npz")
    with pytest.raises(DataError, match=r"none\.npz: expected the arrays inputs and targets \(or x and y\), got none"):
        read_pairs(DataPlan("none.npz"), 0)
    with h5py.File("pair.h5", "w") as file:
        file["x"], file["y"] = x, y
    train, _ = read_pairs(DataPlan("pair.h5", held_out=0.25), 0)
    assert len(train[1]) == 3
    for name in ("folder", "table.csv"):
        (entries / name).mkdir() if name == "folder" else (entries / name).write_text("1,2")
        with pytest.raises(ArgumentError, match=rf"data: expected module:function, or arrays in a .*, got {name}"):
            read_pairs(DataPlan(name), 0)
