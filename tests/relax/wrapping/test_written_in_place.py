"""Writing in place, hooks, subclasses and unread branches: the walk names them, and the result is measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.actions import Regular, Symmetry, Vector
from haar.errors import ArgumentError, HaarError
from haar.groups import cyclic
from haar.relax import homotopise

C4 = cyclic(4)
SYMMETRY = Symmetry(C4, Vector(2 * Regular(C4)), Vector(Regular(C4)))


class Model(nn.Module):
    def __init__(self, forward):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.out, self.relu = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 4), nn.ReLU(inplace=True)
        self.how = forward

    def forward(self, x):
        return self.how(self, x)


def activation_on_a_skip(m, x):
    h = m.a(x)
    return m.out(h + m.b(m.relu(h)))


def sum_under_two_names(m, x):
    h = m.a(x)
    same = h
    h += m.b(x)
    return m.out(torch.relu(same) - h)


def dropped_results(m, x):
    h = m.a(x)
    h.add_(m.b(x))
    F.relu(h, inplace=True)
    F.leaky_relu(h, 0.1, True)
    m.relu(h)
    return m.out(h)


def part_of_the_memory(m, x):
    h = m.a(x)
    h[:, :4].relu_()
    return m.out(h)


def remembered(m, x):
    m.last = m.a(x)
    return m.out(torch.relu(m.last))


def unread(m, x):
    h = m.a(x)
    torch.sort(m.b(h[:, :8].repeat(1, 1)))
    return m.out(torch.relu(h))


def copied_over(m, x):
    h = m.a(x)
    h.copy_(m.b(x))
    return m.out(h)


def into_new_memory_by_a_view(m, x):
    h = x.new_zeros(len(x), 8)
    h.narrow(-1, 0, 8).copy_(m.a(x))
    return m.out(torch.relu(h))


def equivariance_error(model, x):
    with torch.no_grad(), model.at(0.0):
        y = model(x)
        gaps = [model(SYMMETRY.inputs[0].act(g, x)) - SYMMETRY.outputs.act(g, y) for g in C4.elements()]
    return float(torch.stack(gaps).abs().max() / y.abs().max())


@pytest.mark.parametrize(
    "how",
    [
        activation_on_a_skip,
        sum_under_two_names,
        dropped_results,
        part_of_the_memory,
        remembered,
        unread,
        copied_over,
        into_new_memory_by_a_view,
    ],
)
@pytest.mark.parametrize("mode", ["weight", "branches"])
def test_what_is_written_in_place_stays_the_model(how, mode, generator):
    model = Model(how).double()
    wrapped = homotopise(model, SYMMETRY, mode=mode)
    x = torch.randn(5, 8, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        if mode == "weight":
            torch.testing.assert_close(wrapped(x), model(x), rtol=1e-12, atol=1e-13)
        assert equivariance_error(wrapped, x) < 1e-10
        assert (model(x) - SYMMETRY.outputs.act(C4.generators()[0], model(x))).abs().max() > 1e-3
    assert "last" not in vars(wrapped.model) or isinstance(wrapped.model.last, torch.Tensor)


def scaled_in_place(m, x):
    h = m.a(x)
    h.detach().mul_(torch.arange(8) + 1.0)
    return m.out(h)


def partly_zero(m, x):
    h = m.a(x)
    h[:, :4].zero_()
    return m.out(h)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (scaled_in_place, r"got mul \(mul_\): a tensor of shape \(8,\) that does not move"),
        (partly_zero, r"got zero \(zero_\)"),
        (lambda m, x: m.out(F.linear(x, m.a.weight - m.a.weight.mean(1, keepdim=True))), r"got linear \(linear\)"),
    ],
)
def test_what_has_no_rule_is_named(how, message):
    with pytest.raises(ArgumentError, match=message):
        homotopise(Model(how).double(), SYMMETRY)


@pytest.mark.parametrize("place", ["a", "relu", "out", ""])
def test_a_hook_that_breaks_the_symmetry_is_found(place):
    model = Model(activation_on_a_skip).double()
    size = 4 if place in ("out", "") else 8
    model.get_submodule(place).register_forward_hook(lambda _m, _x, y: y * (torch.arange(size) + 1.0))
    told = r"got mul \(mul\): a tensor of shape \(4,\) that does not move" if not place else "is not equivariant"
    for mode in ("weight", "branches"):
        with pytest.raises(HaarError, match=told):
            homotopise(model, SYMMETRY, mode=mode)


def test_a_hook_that_keeps_it_stays_in_force(generator):
    model = Model(activation_on_a_skip).double()
    model.a.register_forward_hook(lambda _m, _x, y: 3 * y)
    wrapped = homotopise(model, SYMMETRY)
    x = torch.randn(5, 8, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(wrapped(x), model(x), rtol=1e-12, atol=1e-13)
    assert equivariance_error(wrapped, x) < 1e-10


def test_a_branch_on_the_type_is_found():
    def by_type(m, x):
        return m.out(m.b(x) * (torch.arange(8) + 1.0)) if isinstance(x, torch.Tensor) else m.out(m.a(x))

    with pytest.raises(ArgumentError, match=r"got mul \(mul\): a tensor of shape \(8,\) that does not move"):
        homotopise(Model(by_type).double(), SYMMETRY)
