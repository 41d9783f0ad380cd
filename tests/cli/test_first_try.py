"""What one forward says of a model: its number of time steps and its precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Layout
from haar.cli.first_try import OwnPrecision, found_history, own_dtype
from haar.cli.model_file import LoadedModel
from haar.cli.surrogate_input import fit_model, physical_model, try_model, window_data
from haar.cli.well_data import open_well
from haar.errors import ArgumentError

FIELDS = "tracer, velocity:vector"
ONCE = Layout.parse(FIELDS)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_number_of_steps_is_the_one_that_runs(steps, dtype):
    model = nn.Conv2d(3 * steps, 3, 3, padding=1).to(dtype)
    assert found_history(model, ONCE, (6, 6)) == steps


class Last(nn.Module):
    def forward(self, x):
        return x[:, -3:]


def test_a_model_that_runs_with_several_or_with_none_is_asked_for():
    with pytest.raises(ArgumentError, match=r"--history: .* got a model that runs with 1, 2, 3, .* add"):
        found_history(Last(), ONCE, (4, 4))
    with pytest.raises(ArgumentError, match=r"got none of 1 to 16 that it runs with; add --history"):
        found_history(nn.Conv2d(4, 3, 1), ONCE, (4, 4))
    with pytest.raises(ArgumentError, match="none of 1 to 16"):  # it runs, and gives no next step
        found_history(nn.Conv2d(3, 4, 1), ONCE, (4, 4))


def test_the_precision_is_that_of_the_input_unless_the_model_refuses_it():
    x = torch.randn(1, 3, 4, 4)
    assert own_dtype(nn.Conv2d(3, 3, 1).double(), x) == torch.float64
    assert own_dtype(nn.Conv2d(3, 3, 1), x) == torch.float32
    assert own_dtype(Last(), x) == torch.float32

    class Casts(nn.Conv2d):
        def forward(self, x):
            return super().forward(x.double())

    assert own_dtype(Casts(3, 3, 1).double(), x) == torch.float32


def test_the_command_takes_a_double_model_of_unknown_history(well):
    reader, names = open_well(well)
    model = nn.Sequential(nn.Conv2d(6, 3, 3, padding=1)).double()
    windows = window_data(reader, names, None, None, model)
    assert windows.history == 2
    fitted = physical_model(model, reader, windows, normalised=False)
    assert isinstance(fitted, OwnPrecision)
    try_model(fitted, windows)
    x = windows[0][0][None]
    torch.testing.assert_close(fitted(x), model(x.double()))
    worded = fit_model(LoadedModel(model), "D4", fields=FIELDS, shape="8,8")
    assert (worded.sample.dtype, tuple(worded.sample.shape)) == (torch.float64, (1, 6, 8, 8))
    single = physical_model(model.float(), reader, windows, normalised=False)
    assert single is model
