"""What published networks do between their layers, in small: each is followed exactly, as its plain form is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.moments import Gaussian, propagate
from haar.moments.row_layout import Layout, layouts
from haar.moments.trace import trace

ROOT = torch.tensor([[1.0, 0.2, 0.0, 0.1], [0.0, 0.7, 0.1, 0.0], [0.0, 0.1, 0.7, 0.0], [0.1, 0.0, 0.0, 1.0]])
LAW = Gaussian(torch.linspace(-0.5, 0.5, 4), ROOT @ ROOT.T)


class Net(nn.Module):
    def __init__(self, how):
        super().__init__()
        torch.manual_seed(0)
        self.whole, self.part, self.how = nn.Linear(4, 4), nn.Linear(2, 2), how

    def forward(self, x):
        return self.how(self, x)


def windows_folded_into_the_rows(m, x):
    rows = x.shape[0]
    return m.part(x.reshape(2 * rows, 2)).relu().reshape(rows, 4)


def windows_folded_into_the_rows_plainly(m, x):
    return m.part(x.reshape(-1, 2, 2)).relu().flatten(1)


def windows_before_the_rows(m, x):
    windows = x.view(x.shape[0], 2, 2).permute(1, 0, 2).reshape(-1, 2)
    return m.part(windows).relu().view(2, x.shape[0], 2).permute(1, 0, 2).reshape(x.shape[0], -1)


def positions_first(m, x):
    return m.part(x.reshape(len(x), 2, 2).transpose(0, 1)).relu().transpose(0, 1).reshape(len(x), -1)


def messages_on_a_disjoint_union(m, x):
    rows = x.shape[0]
    first = 2 * torch.arange(rows).repeat_interleave(2)
    sources, targets = torch.tensor([0, 1]).repeat(rows) + first, torch.tensor([1, 0]).repeat(rows) + first
    nodes = x.reshape(2 * rows, 2)
    received = torch.zeros_like(nodes).index_add_(0, targets, m.part(nodes)[sources])
    return received.relu().reshape(rows, -1)


def messages_on_a_disjoint_union_plainly(m, x):
    return m.part(x.reshape(-1, 2, 2)).flip(1).relu().flatten(1)


def a_branch_on_the_shape(m, x):
    h = {"x": m.whole(x)}
    if x.shape[-1] % 2 == 0:
        h.update(y=torch.relu(h["x"]))
    return h["y"] if "y" in h else h["x"]


def a_branch_on_the_shape_plainly(m, x):
    return torch.relu(m.whole(x))


def a_spectrum(m, x):
    spectrum = torch.fft.rfft(x, norm="ortho")
    kept = torch.zeros(x.shape[0], 3, dtype=spectrum.dtype)
    kept[:, :2] = spectrum[:, :2]
    return torch.relu(torch.fft.irfft(kept, n=4, norm="ortho") + m.whole(x))


def a_spectrum_plainly(m, x):
    low = torch.fft.irfft(torch.fft.rfft(torch.eye(4, dtype=torch.float64)) * torch.tensor([1.0, 1.0, 0.0]), n=4)
    return torch.relu(x @ low.to(x) + m.whole(x))


CASES = [
    (windows_folded_into_the_rows, windows_folded_into_the_rows_plainly),
    (windows_before_the_rows, windows_folded_into_the_rows_plainly),
    (positions_first, windows_folded_into_the_rows_plainly),
    (messages_on_a_disjoint_union, messages_on_a_disjoint_union_plainly),
    (a_branch_on_the_shape, a_branch_on_the_shape_plainly),
    (a_spectrum, a_spectrum_plainly),
]


@pytest.mark.parametrize(("how", "plain"), CASES, ids=lambda how: how.__name__)
def test_what_published_networks_do_is_followed_exactly(how, plain, generator):
    model = Net(how)
    with torch.no_grad():
        found, expected = propagate(model, LAW), propagate(Net(plain), LAW)
        assert found.exact
        torch.testing.assert_close(found.mean, expected.mean, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(found.cov, expected.cov, rtol=1e-6, atol=1e-7)
        x = torch.randn(5, 4, generator=generator)
        torch.testing.assert_close(trace(model, (4,)).evaluate(x.double()), model(x).double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("inner", [False, True])
def test_a_layout_and_back(inner, generator):
    x = torch.randn(5, 6, 2, generator=generator)
    layout = Layout(1, 3, inner)
    torch.testing.assert_close(layout.fold(layout.unfold(x, 2)), x)
    rows = layout.unfold(x, 2)
    assert rows.shape == (2, 5, 3, 2)
    torch.testing.assert_close(rows[1, :, 2], x[:, 5])
    torch.testing.assert_close(rows[1, :, 0], x[:, 1 if inner else 3])


def test_what_has_no_layout():
    def no_rows(events):
        return events[0].sum(0)

    assert list(layouts(no_rows, [[torch.zeros(n, 4)] for n in (2, 3)])) == []
