"""How many time steps a model takes, in which units it works, and what is said where something does not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.cli.model_file import LoadedModel
from haar.cli.surrogate_input import fit_model, physical_model, try_model, window_data
from haar.cli.well_data import open_well
from haar.errors import ArgumentError, ShapeError

FIELDS = "tracer, velocity:vector"


class Last(nn.Module):
    """The last step of three channels, times a factor."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x[:, -3:]


class Many(nn.Module):
    def forward(self, x):
        return [x]


@pytest.fixture
def opened(well):
    return open_well(well)


@pytest.mark.parametrize(("channels", "history"), [(3, 1), (6, 2), (12, 4)])
def test_the_channels_of_the_input_say_how_many_steps(opened, channels, history):
    reader, names = opened
    assert window_data(reader, names, None, channels).history == history
    assert window_data(reader, names, history, channels).history == history
    assert window_data(reader, names, history, None).history == history
    fitted = fit_model(LoadedModel(Last(), channels), "D4", fields=FIELDS, shape="8,8")
    assert fitted.sample.shape == (1, channels, 8, 8)


def test_constants_are_channels_once():
    loaded = LoadedModel(nn.Identity(), 7)
    fitted = fit_model(loaded, "C4", fields=f"{FIELDS}, mask:scalar:constant", shape="8x8")
    assert fitted.sample.shape == (1, 7, 8, 8)  # two steps of three, and the mask
    for channels in (1, 5, 8):
        with pytest.raises(ArgumentError, match=f"--fields: expected fields whose channels add up to the {channels} "):
            fit_model(LoadedModel(nn.Identity(), channels), "C4", fields=f"{FIELDS}, mask:scalar:constant", shape="8,8")


def test_steps_that_do_not_fit_or_are_not_known(opened):
    reader, names = opened
    with pytest.raises(ArgumentError, match="--history: expected the number of time steps that the model takes"):
        window_data(reader, names, None, None)
    with pytest.raises(ArgumentError, match=r"--history: expected what gives the 6 channels .*, got 3 time steps of "):
        window_data(reader, names, 3, 6)


def test_words_without_data_draw_the_same_sample_and_keep_the_grid():
    loaded = LoadedModel(Last(), 3, space=(6, 6), batched=False)
    one, two = (fit_model(loaded, "D4", fields=FIELDS) for _ in range(2))
    assert one.sample.shape == (1, 3, 6, 6)
    assert torch.equal(one.sample, two.sample)
    assert torch.equal(one.sample, torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(0)))
    assert (one.batched, one.windows) == (False, None)
    assert fit_model(loaded, "D4", fields=FIELDS, shape="8,8").sample.shape == (1, 3, 8, 8)
    assert fit_model(loaded, "D4 x shifts:2", fields=FIELDS).symmetry.group.order == 8 * 9  # periodic in both axes


def test_data_give_the_window_in_the_middle(well):
    fitted = fit_model(LoadedModel(Last(), 6), "D4", data=well)
    assert len(fitted.windows) == 5 * 4
    assert torch.equal(fitted.sample[0], fitted.windows[10][0])


def test_a_model_of_normalised_fields_works_in_physical_units(opened):
    reader, names = opened
    windows = window_data(reader, names, 2, None)
    x, _ = windows[0]
    assert physical_model(Last(), reader, windows, normalised=False)(x[None]).equal(x[None, -3:])
    wrapped = physical_model(Last(2.0), reader, windows, normalised=True)
    assert not wrapped.training
    statistics = reader.statistics()
    mean, scale = (
        torch.tensor([float(table["tracer"]), *table["velocity"].tolist()])[:, None, None]
        for table in (statistics.mean, statistics.std)
    )
    known = scale.flatten() > 1e-6  # the second component of this velocity is 0 everywhere
    wanted = mean + 2 * (x[-3:] - mean)
    torch.testing.assert_close(wrapped(x[None])[0][known], wanted[known])


def test_what_a_model_cannot_do_is_said_before_anything_is_computed(opened):
    reader, names = opened
    windows = window_data(reader, names, 4, None)

    def fails(error):
        class Fails(nn.Module):
            def forward(self, _):
                raise error

        return Fails()

    try_model(Last(), windows)
    with pytest.raises(
        ArgumentError,
        match=r"\(batch, 12, 8, 8\): (\w+\[\d\], ){4}\.\.\., (\w+\[3\],? ?){3}, got ValueError: no.*; check",
    ):
        try_model(fails(ValueError("no")), windows)
    with pytest.raises(ShapeError, match=r"^x: expected two axes"):
        try_model(fails(ShapeError("x", expected="two axes", got=3)), windows)
    with pytest.raises(ArgumentError, match=r"an output of shape \(1, 3, 8, 8\), got \(1, 12, 8, 8\)"):
        try_model(nn.Identity(), windows)
    with pytest.raises(ArgumentError, match=r"an output of shape \(1, 3, 8, 8\), got list"):
        try_model(Many(), windows)


@pytest.mark.parametrize("shape", ["8,8,8,8", "100000,1001", "0,8", "8,,8", "100001"])
def test_grids_of_one_to_three_axes(shape):
    with pytest.raises(ArgumentError, match="--shape: expected points of 1 to 3 axes, such as 64,64"):
        fit_model(LoadedModel(Last(), 3), "D4", fields=FIELDS, shape=shape)
