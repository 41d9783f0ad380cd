"""Physical units: statistics of windows, what a network sees and what it gives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_surrogates import fields, small
from torch import nn

from haar.errors import ArgumentError, DataError, ShapeError
from haar.systems.group_averaging.surrogates import Normaliser, Surrogate
from haar.systems.group_averaging.surrogates.windows import as_batches, count, gather


def test_surrogate_works_in_physical_units():
    x, y = 5 + 3 * fields(6, 5, 4, 4), 2 - 7 * fields(6, 2, 4, 4, seed=1)
    net = nn.Conv2d(5, 2, 1).double()
    for delta in (False, True):
        model = Surrogate(net, in_channels=5, out_channels=2, delta=delta, constants=1).double()
        model.install(Normaliser.fit((x, y), delta=delta, constants=1))
        target = y - x[:, 2:4] if delta else y
        axes = (0, 2, 3)
        normal = (x - x.mean(axes, keepdim=True)) / x.std(axes, correction=0, keepdim=True)
        torch.testing.assert_close(model.normalise(x), normal, rtol=0, atol=1e-12)
        expected = net(normal) * target.std(axes, correction=0, keepdim=True) + target.mean(axes, keepdim=True)
        expected = expected + x[:, 2:4] if delta else expected
        torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-12)
        # A network that hits its target gives the physical next state.
        model.net = _Constant(model.normalise_target(x, y))
        torch.testing.assert_close(model(x), y, rtol=0, atol=1e-12)


class _Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, _):
        return self.value


@given(samples=st.integers(1, 150), offset=st.sampled_from([0.0, 1e6]))
def test_statistics_do_not_depend_on_the_way_windows_come(samples, offset):
    x, y = offset + fields(samples, 2, 3), fields(samples, 1, 3, seed=1)
    stacked = Normaliser.fit((x, y))
    listed = Normaliser.fit(list(zip(x, y, strict=True)))
    torch.testing.assert_close(stacked.input_mean, x.mean((0, 2)), rtol=1e-14, atol=1e-12)
    torch.testing.assert_close(stacked.input_std, x.std((0, 2), correction=0), rtol=1e-8, atol=0)
    for name in ("input_mean", "input_std", "target_mean", "target_std"):
        assert torch.equal(getattr(stacked, name), getattr(listed, name))


def test_a_constant_channel_enters_as_zeros():
    x = fields(70, 2, 3)
    x[:, 1] = 0.1
    statistics = Normaliser.fit((x, x))
    assert statistics.input_std[1] == 1
    assert statistics.input_mean[1] == pytest.approx(0.1, abs=1e-15)


def test_next_states_and_differences_cannot_be_confused():
    with pytest.raises(RuntimeError, match="delta_mean"):
        small("unet").load_state_dict(small("unet", delta=True).state_dict())


def test_windows_of_both_forms():
    x, y = fields(5, 2, 3), fields(5, 1, 3, seed=1)
    pairs = list(zip(x, y, strict=True))
    assert count((x, y)) == count(pairs) == 5
    for source in ((x, y), pairs):
        a, b = gather(source, torch.tensor([4, 1]))
        assert torch.equal(a, x[[4, 1]])
        assert torch.equal(b, y[[4, 1]])
        assert torch.equal(torch.cat([a for a, _ in as_batches(source, 2)]), x)


def test_wrong_statistics_are_refused(unchecked_annotations):
    one, two = torch.ones(1), torch.ones(2)
    with pytest.raises(ArgumentError, match="input_std: expected 2 values, as many as means, got 1"):
        Normaliser(two, one, one, one)
    with pytest.raises(ArgumentError, match="target_std: expected positive finite standard deviations"):
        Normaliser(one, one, one, 0 * one)
    with pytest.raises(ArgumentError, match="normaliser: expected 4 input and 2 output channels, got \\(2, 1\\)"):
        small("unet").install(Normaliser(two, two, one, one))
    x = torch.ones(3, 2, 4)
    x[1, 1, 2] = torch.nan
    with pytest.raises(DataError, match="inputs: channel 1 holds NaN or infinite values"):
        Normaliser.fit((x, torch.ones(3, 1, 4)))


def test_wrong_windows_are_refused(unchecked_annotations):
    with pytest.raises(ArgumentError, match="windows: expected at least one window, got none"):
        count([])
    with pytest.raises(ShapeError, match="windows: expected inputs"):
        count((torch.zeros(2, 1, 4), torch.zeros(2, 1, 5)))
    with pytest.raises(ArgumentError, match="windows: expected a pair of stacked tensors or a sequence"):
        count(3)
