"""Writing in place: in torch the memory changes under every name, and a walk over a graph must see it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.errors import ArgumentError
from haar.moments import (
    Dense,
    Exchangeable,
    Gaussian,
    NodeOrbits,
    Orbit,
    UnsupportedModuleError,
    compare,
    controlled_mean,
    propagate,
)
from haar.moments.trace import trace

LAW = Gaussian([0.3, -0.2, 0.5], [[1.0, 0.2, 0.0], [0.2, 0.5, 0.1], [0.0, 0.1, 0.7]])


class Written(nn.Module):
    """Two layers, and what is done with them."""

    def __init__(self, forward):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.wide = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 6)
        self.relu, self.inner = nn.ReLU(inplace=True), nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 3))
        self.how = forward

    def forward(self, x):
        return self.how(self, x)


def activation_on_a_skip(m, x):
    h = m.a(x)
    return h + m.b(m.relu(h))


def activation_on_a_skip_functional(m, x):
    h = m.a(x).relu()
    return h + m.b(h)


def function_on_a_skip(m, x):
    h = m.a(x)
    return m.b(F.relu(h, inplace=True)) + h


def whole_module_on_a_skip(m, x):
    h = m.a(x)
    return m.inner(h) + h


def sum_in_place_under_two_names(m, x):
    h = m.a(x)
    same = h
    h += m.b(x)
    return torch.relu(same) - h


def sum_in_place_under_two_names_functional(m, x):
    h = m.a(x) + m.b(x)
    return torch.relu(h) - h


def method_whose_result_is_dropped(m, x):
    h = m.a(x)
    h.add_(m.b(x)).mul_(2.0).clamp_(min=-1.0)
    return torch.tanh(h)


def method_whose_result_is_dropped_functional(m, x):
    return torch.tanh((2 * (m.a(x) + m.b(x))).clamp(min=-1.0))


def entries(m, x):
    h = m.a(x)
    h[:, 0] = h[:, 1]
    h[:, 2] = 0.5
    return torch.relu(h)


def entries_functional(m, x):
    h = m.a(x)
    return torch.relu(torch.stack([h[:, 1], h[:, 1], 0.0 * h[:, 2] + 0.5], 1))


def detached_alias(m, x):
    h = m.a(x)
    h.detach().relu_()
    return h + m.b(x)


def detached_alias_functional(m, x):
    return m.a(x).relu() + m.b(x)


def result_into_an_argument(m, x):
    with torch.no_grad():
        h, g = m.a(x), m.b(x)
        torch.add(h, g, out=h)
        return torch.relu(h) + g


def result_into_an_argument_functional(m, x):
    g = m.b(x)
    return torch.relu(m.a(x) + g) + g


def the_input_itself(m, x):
    x.mul_(2.0)
    return m.a(x) + x


def the_input_itself_functional(m, x):
    return m.a(2.0 * x) + 2.0 * x


def copied_over(m, x):
    h, g = m.a(x), m.b(x)
    h.copy_(g)
    return torch.relu(h) + g


def copied_over_functional(m, x):
    g = m.b(x)
    return torch.relu(g) + g


def flattened_alias(m, x):
    h = m.a(x)
    h.flatten(1).relu_()
    return h


def flattened_alias_functional(m, x):
    return m.a(x).relu()


FOLLOWED = [
    (activation_on_a_skip, activation_on_a_skip_functional),
    (function_on_a_skip, activation_on_a_skip_functional),
    (sum_in_place_under_two_names, sum_in_place_under_two_names_functional),
    (method_whose_result_is_dropped, method_whose_result_is_dropped_functional),
    (entries, entries_functional),
    (detached_alias, detached_alias_functional),
    (result_into_an_argument, result_into_an_argument_functional),
    (the_input_itself, the_input_itself_functional),
    (copied_over, copied_over_functional),
    (flattened_alias, flattened_alias_functional),
]


@pytest.mark.parametrize(("written", "functional"), FOLLOWED, ids=lambda f: f.__name__)
def test_writing_in_place_is_the_same_as_not_doing_it(written, functional):
    with torch.no_grad():
        found, expected = (propagate(Written(how), LAW, order=3) for how in (written, functional))
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(found.cov, expected.cov, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.third, expected.third, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("written", [*(w for w, _ in FOLLOWED), whole_module_on_a_skip], ids=lambda f: f.__name__)
def test_the_program_is_the_model(written, generator):
    model = Written(written).double()
    x = torch.randn(7, 3, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(trace(model, (3,)).evaluate(x), model(x.clone()), rtol=1e-12, atol=1e-13)


def test_every_verb_sees_what_was_written():
    model = Written(activation_on_a_skip)
    with torch.no_grad():
        expected = propagate(Written(activation_on_a_skip_functional), LAW)
        checked = compare(model, LAW, 20_000)
        nodes = Exchangeable(3, [0.1, 0.2, 0.3], torch.eye(3))
        orbit = propagate(model, nodes, backend=Orbit(NodeOrbits.complete(3)))
        dense = propagate(Written(activation_on_a_skip_functional), nodes, input_shape=(3, 3))
    assert checked.z_mean.abs().max() < 5
    assert checked.z_variance.abs().max() < 5
    torch.testing.assert_close(orbit.cov, dense.cov, rtol=1e-10, atol=1e-12)
    controlled = controlled_mean(model, LAW, 5000)
    assert ((controlled.mean - expected.mean).abs() < 5 * controlled.standard_error + 1e-9).all()


def test_an_exported_program_writes_too():
    model = Written(activation_on_a_skip).eval()
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, (torch.randn(3, 3),), dynamic_shapes={"x": {0: batch}}).module()
    expected = propagate(Written(activation_on_a_skip_functional), LAW)
    torch.testing.assert_close(propagate(program, LAW).cov, expected.cov, rtol=1e-12, atol=1e-13)


def part_of_the_memory(m, x):
    h = m.a(x)
    h[:, :2].relu_()
    return h


def more_than_the_memory(m, x):
    h = m.a(x)
    part = h[:, :2]
    h.relu_()
    return part


def another_shape(m, x):
    h = m.a(x)
    h.view(-1, 1, 3).relu_()
    return h


def its_own_weight(m, x):
    with torch.no_grad():
        m.a.weight.mul_(0.9)
    return m.a(x)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (part_of_the_memory, r"got 'relu_', which writes into memory that 'output' reads through another view"),
        (more_than_the_memory, r"got 'relu_', which writes into memory that 'output' reads through another view"),
        (another_shape, r"got 'relu_', which writes into memory that 'output' reads through another view"),
        (its_own_weight, r"got 'mul_', which writes into the model's own 'a.weight'"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_what_a_later_step_sees_in_part_is_refused(written, message):
    with pytest.raises(UnsupportedModuleError, match=message):
        propagate(Written(written), LAW)


def test_parts_that_do_not_overlap_are_no_aliases():
    def half(m, x):
        with torch.no_grad():
            one, other = m.wide(x).chunk(2, -1)
            one.relu_()
            return one + other

    def functional(m, x):
        one, other = m.wide(x).chunk(2, -1)
        return torch.relu(one) + other

    with torch.no_grad():
        found, expected = propagate(Written(half), LAW), propagate(Written(functional), LAW)
    torch.testing.assert_close(found.cov, expected.cov, rtol=1e-12, atol=1e-13)


def test_sampling_takes_what_cannot_be_followed():
    model = Written(part_of_the_memory).double()
    found = propagate(model, LAW, on_unsupported="sample", backend=Dense(samples=40_000))
    with torch.no_grad():
        y = model(LAW.sample(200_000, torch.Generator().manual_seed(1)))
    assert not found.exact
    assert ((found.mean - y.mean(0)).abs() < 5 * y.std(0) / 40_000**0.5 * 1.2).all()


def test_what_nobody_reads_is_left_out():
    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.code, self.mean, self.spread, self.out = (
                nn.Linear(3, 4),
                *(nn.Linear(4, 2) for _ in "ab"),
                nn.Linear(2, 3),
            )

        def forward(self, x):
            h = torch.relu(self.code(x))
            unread = torch.exp(0.5 * torch.softmax(self.spread(h), -1))
            torch.sort(unread)
            return self.out(self.mean(h))

    model = Autoencoder().double()
    found = propagate(model, LAW)
    assert found.exact
    expected = propagate(nn.Sequential(model.code, nn.ReLU(), model.mean, model.out), LAW)
    torch.testing.assert_close(found.cov, expected.cov, rtol=1e-12, atol=1e-13)
    assert "spread" not in [layer.name for layer in found.layers]


def test_constants_that_wait_for_the_batch():
    def filled_in(m, x):
        h = x.new_zeros(x.shape[0], 4)
        h[:, :3] = m.a(x)
        return h + torch.ones_like(h)

    model = Written(filled_in).double()
    found = propagate(model, LAW)
    expected = propagate(model.a, LAW)
    torch.testing.assert_close(found.mean, torch.cat([expected.mean, expected.mean.new_zeros(1)]) + 1)
    assert found.exact
    with pytest.raises(ArgumentError, match="model: expected one tensor that depends on the input as its output"):
        propagate(Written(lambda m, x: m.a(torch.zeros(x.shape[0], 3))), LAW)
