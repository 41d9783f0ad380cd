"""The trace is run beside the model: what the trace did not see is followed by another way, refused or sampled."""

from __future__ import annotations

import pytest
import torch
from strange_models import LAW, Model, check_sampled
from torch import nn

from haar.errors import ArgumentError
from haar.moments import (
    Dense,
    Exchangeable,
    Gaussian,
    NodeOrbits,
    UnsupportedModuleError,
    propagate,
    propagate_on_orbits,
)
from haar.moments.joint import Independent
from haar.moments.laws import Rademacher
from haar.moments.trace import trace


def by_type(m, x):
    return m.layer(x) if isinstance(x, torch.Tensor) else m.other(x)


def by_value_behind_a_guard(m, x):
    try:
        return m.layer(x) if x.max() > 0 else m.other(x)
    except TypeError:
        return m.other(x)
    except Exception:  # noqa: BLE001 (what models do)
        return m.other(x)


def rounded(m, x):
    return m.layer(x).to(torch.int64).to(x.dtype)


def test_a_branch_on_types_is_the_one_that_the_model_takes():
    torch.manual_seed(0)
    model = Model(by_type).double()
    found, expected = propagate(model, LAW), propagate(model.layer, LAW)
    assert found.exact
    torch.testing.assert_close(found.cov, expected.cov, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (by_value_behind_a_guard, r"with __bool__, a branch or a number taken from a tensor's values"),
        (rounded, "expected affine layers and elementwise activations, got to"),
    ],
)
def test_branches_on_values_and_rounding_are_refused_whatever_stands_around_them(how, message):
    torch.manual_seed(0)
    model = Model(how).double()
    with pytest.raises(ArgumentError, match=message):
        propagate(model, LAW)
    if how is by_value_behind_a_guard:  # one number of the whole batch decides for all of its rows
        with pytest.raises(UnsupportedModuleError, match="model: expected rows that do not change"):
            propagate(model, LAW, on_unsupported="sample")
    else:
        check_sampled(model)


def by_precision(m, x):
    return m.layer(x) if x.dtype == torch.float32 else m.other(x)


def test_what_the_trace_did_not_see_is_found_by_running_it():
    torch.manual_seed(0)
    with pytest.raises(UnsupportedModuleError, match="model: expected a trace that gives the model's own numbers"):
        propagate(Model(by_precision), LAW)


def test_branches_on_shapes_are_followed_and_masks_are_sampled():
    model = Model(lambda m, x: m.layer(x) if x.shape[1] == 3 else x).double()
    torch.testing.assert_close(propagate(model, LAW).cov, propagate(model.layer, LAW).cov, rtol=1e-12, atol=1e-13)
    masked = Model(lambda m, x: m.layer(x) * (x > 0)).double()
    with pytest.raises(UnsupportedModuleError, match="got gt"):
        propagate(masked, LAW)
    check_sampled(masked)


def test_the_draws_of_the_law_are_among_the_inputs():
    class Rare(nn.Module):
        """A registered activation that is not the module beyond 500."""

        def forward(self, z):
            return torch.where(z > 500, -z, z.relu())

    from haar.moments.registry import relu

    model = nn.Sequential(Rare())
    near, far = Gaussian([0.0]), Gaussian([1000.0])
    assert propagate(model, near, activations={Rare: relu()}).exact
    with pytest.raises(UnsupportedModuleError, match="expected a trace that gives the model's own numbers"):
        propagate(model, far, activations={Rare: relu()})


def counted(m, x):
    m.count += 1
    return m.layer(x) * m.count


def counted_in_python(m, x):
    m.calls += 1
    return m.layer(x) * m.calls


@pytest.mark.parametrize("how", [counted, counted_in_python])
@pytest.mark.parametrize("on_unsupported", ["raise", "sample"])
def test_models_that_keep_state_are_refused_and_left_alone(how, on_unsupported):
    model = Model(how)
    with pytest.raises(UnsupportedModuleError, match="got Model, which is random or keeps state from call to call"):
        propagate(model, LAW, on_unsupported=on_unsupported)
    assert (model.count.item(), model.calls) == (1.0, 0)


def test_state_that_changes_nothing_is_no_matter():
    def cached(m, x):
        m.count += 1
        m.last = m.layer(x)
        return m.last

    model = Model(cached)
    assert propagate(model, LAW).exact
    assert model.count.item() == 1.0
    assert not hasattr(model, "last")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Model(lambda m, x: m.layer(x).flip(0)), "which is not affine, or mixes the rows of a batch"),
        (Model(lambda m, x: m.layer(x).cumsum(0)), "which is not affine, or mixes the rows of a batch"),
        (Model(lambda m, x: torch.div(m.layer(x), 2, rounding_mode="floor")), "got div .* is not affine"),
        (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), "got BatchNorm1d .*, which uses batch statistics"),
    ],
)
def test_what_is_linear_by_name_only_is_refused(model, message):
    with pytest.raises(UnsupportedModuleError, match=message):
        propagate(model, LAW)


@pytest.mark.parametrize(
    "model",
    [
        Model(lambda m, x: m.layer(x).flip(0)),
        Model(lambda m, x: m.layer(x) - m.layer(x).mean(0, keepdim=True)),
        nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)),
        Model(lambda m, x: m.layer(x) if x.sum() > 0 else m.other(x)),
        Model(lambda m, x: m.layer(x) if x.abs().max() > 1 else m.other(x)),
    ],
)
def test_models_that_mix_the_rows_are_not_sampled_either(model):
    with pytest.raises(UnsupportedModuleError, match=r"model: expected rows that do not change each other's outputs"):
        propagate(model, LAW, on_unsupported="sample")


def test_one_random_number_for_the_whole_batch_is_refused():
    with pytest.raises(UnsupportedModuleError, match="which draws one for the whole batch"):
        propagate(Model(lambda m, x: m.layer(x) + torch.randn(3)), LAW, on_unsupported="sample")


def test_complex_weights_are_refused_and_real_models_of_complex_parts_are_followed():
    with pytest.raises(UnsupportedModuleError, match="model: expected real weights, got complex ones at '0'"):
        propagate(nn.Sequential(nn.Linear(3, 2, dtype=torch.complex64)), LAW)

    class Spectral(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([1.0 + 0j, 2.0 - 1j]))

        def forward(self, x):
            return torch.fft.irfft(torch.fft.rfft(x) * self.weight, n=3)

    model = Spectral()
    matrix = model(torch.eye(3)).detach().T.double()
    for affine in ([], [Spectral]):  # from real to real numbers it is affine, whatever it is in between
        found = propagate(model, LAW, affine=affine)
        assert found.exact
        torch.testing.assert_close(found.cov.detach(), matrix @ LAW.matrix @ matrix.T, rtol=1e-5, atol=1e-6)
    powers = Model(lambda _m, x: torch.fft.rfft(x).abs())
    with pytest.raises(UnsupportedModuleError, match="got abs"):
        propagate(powers, LAW)
    check_sampled(powers)
    with pytest.raises(UnsupportedModuleError, match="model: expected real numbers at the output, got complex ones"):
        propagate(Model(lambda _m, x: torch.fft.rfft(x)), LAW)


class Force(nn.Module):
    """Minus the gradient of an energy, taken inside forward."""

    def __init__(self):
        super().__init__()
        self.energy = nn.Linear(3, 4)

    def forward(self, x):
        x = x.requires_grad_()
        with torch.enable_grad():
            energy = self.energy(x).tanh().sum()
        return -torch.autograd.grad(energy, x)[0]


def test_models_that_differentiate_themselves_are_refused_or_sampled():
    torch.manual_seed(0)
    model = Force().double()
    with pytest.raises(ArgumentError, match="on_unsupported='sample'"):
        propagate(model, LAW)
    found = propagate(model, LAW, on_unsupported="sample")
    x = LAW.sample(20_000, torch.Generator().manual_seed(5))
    slope = 1 - model.energy(x).tanh().square()
    y = -(slope @ model.energy.weight).detach()
    assert ((found.mean - y.mean(0)).abs() <= 5 * (2 / 20_000) ** 0.5 * y.std(0)).all()


def test_constants_of_single_precision_meet_double_inputs():
    def with_constants(m, x):
        return torch.relu(m.layer(x) @ torch.eye(3) + torch.tensor([0.5, 1.0, 2.0]))

    model = Model(with_constants)
    found = propagate(model, LAW)
    assert found.exact
    with torch.no_grad():
        plain = nn.Linear(3, 3).double()
        plain.weight.copy_(model.layer.weight)
        plain.bias.copy_(model.layer.bias + torch.tensor([0.5, 1.0, 2.0]))
    torch.testing.assert_close(found.cov, propagate(nn.Sequential(plain, nn.ReLU()), LAW).cov, rtol=1e-6, atol=1e-7)
    sampled = Model(lambda m, x: torch.softmax(m.layer(x) @ torch.eye(3), -1))
    assert propagate(sampled, LAW, on_unsupported="sample").mean.dtype == torch.float64


def test_dropout_of_everything_is_zero():
    found = propagate(nn.Sequential(nn.Linear(3, 2), nn.Dropout(1.0)).train(), LAW)
    assert found.mean.tolist() == [0.0, 0.0]
    assert found.cov.abs().max() == 0.0


def test_the_process_and_the_model_are_left_as_they_were():
    def noisy(m, x):
        m.noise = torch.rand_like(x)
        return m.layer(x) + m.noise

    model = nn.Sequential(Model(noisy), nn.Dropout(0.3), nn.BatchNorm1d(3).eval()).train()
    model[2].eval()
    names, state = set(vars(model[0])), torch.get_rng_state()
    modes = [part.training for part in model.modules()]
    found = propagate(model, LAW, on_unsupported="sample", backend=Dense(samples=2000))
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in model.modules()] == modes
    assert set(vars(model[0])) == names
    again = propagate(model, LAW, on_unsupported="sample", backend=Dense(samples=2000))
    torch.testing.assert_close(found.cov, again.cov, rtol=1e-12, atol=1e-15)


def test_the_orbit_backend_compares_too():
    nodes = Exchangeable(4, [0.0, 0.5, 1.0], torch.eye(3))
    with pytest.raises(UnsupportedModuleError, match="expected a trace that gives the model's own numbers"):
        propagate_on_orbits(Model(by_precision), nodes, NodeOrbits.complete(4), features=3)


def test_inputs_before_the_random_one():
    class Graph(nn.Module):
        def forward(self, adjacency, x):
            return torch.relu(adjacency @ x)

    adjacency = torch.rand(3, 3)
    program = trace(Graph(), (3, 2), constants={"adjacency": adjacency}, law=Independent.same(Rademacher(), 6))
    x = torch.randn(4, 6, dtype=torch.float64)
    expected = torch.relu(adjacency.double() @ x.reshape(4, 3, 2))
    torch.testing.assert_close(program.evaluate(x), expected.reshape(4, 6))
