"""Mode "function": any module, as the average has it; in double where it runs there, else in its own precision."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from haar.actions import Invariant, Points, Space, Symmetry
from haar.errors import ArgumentError, HaarError
from haar.groups import dihedral, octahedral
from haar.relax import homotopise
from haar.relax.wrapping.side_branch import SideBranch, with_side_branches

D4 = dihedral(4)
PRESSURE = Symmetry.of_fields(D4, "p")


def loop(model, symmetry, x):
    """The group average, one element after the other."""
    group, total = symmetry.group, 0.0
    with torch.no_grad():
        for g in group.elements():
            total = total + symmetry.act_outputs(group.inverse(g), model(*symmetry.act_inputs(g, (x,))))
    return total / group.order


class Coupled(nn.Module):
    """Divides by the largest value of the whole batch, or by its mean over samples."""

    def __init__(self, statistic):
        super().__init__()
        self.c, self.statistic = nn.Conv2d(1, 1, 3, padding=1), statistic

    def forward(self, x):
        h = self.c(x)
        return h / (1 + self.statistic(h))


STATISTICS = {
    "largest": lambda h: h.abs().amax(),
    "mean over samples": lambda h: h.mean(0, keepdim=True).abs(),
    "first sample": lambda h: h[:1].abs(),
}


@pytest.mark.parametrize("statistic", STATISTICS)
def test_samples_that_influence_each_other_are_averaged_copy_by_copy(statistic):
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)) + torch.linspace(0, 2, 8)
    for seed in range(4):
        torch.manual_seed(seed)
        model = Coupled(STATISTICS[statistic]).eval()
        wrapped = homotopise(model, PRESSURE, mode="function")
        with torch.no_grad(), wrapped.at(0.0):
            wrapped(torch.zeros_like(x))  # says nothing
            assert torch.allclose(wrapped(x), loop(model, PRESSURE, x), rtol=0, atol=1e-5)
        with torch.no_grad():
            assert torch.equal(wrapped(x), model(x))


class Spectral(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(5, 5, dtype=torch.cfloat))

    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(x) @ self.w, n=8)


class Waves(nn.Module):
    """Complex outputs."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return torch.complex(self.c(x), x * torch.linspace(0, 1, 8).to(x))


class Single(nn.Module):
    """A matrix in float32, made in forward: it does not run in double."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.scale * (x @ torch.linspace(0, 1, 64).reshape(8, 8))


@pytest.mark.parametrize(("make", "exact"), [(Spectral, 1e-10), (Waves, 1e-10), (Single, 1e-4)])
def test_models_of_other_precisions(make, exact):
    torch.manual_seed(0)
    model, x = make(), torch.randn(2, 1, 8, 8)
    wrapped = homotopise(model, PRESSURE, mode="function", example=x)
    assert 0 <= wrapped.error <= exact
    with torch.no_grad():
        assert torch.equal(wrapped(x), model(x))
        with wrapped.at(0.0):
            assert torch.allclose(wrapped(x), loop(model, PRESSURE, x), rtol=0, atol=1e-5)
        with wrapped.at(0.25):
            mixed = 0.25 * model(x) + 0.75 * loop(model, PRESSURE, x)
            assert torch.allclose(wrapped(x), mixed, rtol=0, atol=1e-5)


def test_a_model_that_runs_in_no_precision_says_why():
    class Broken(nn.Module):
        def forward(self, x):  # noqa: ARG002
            raise RuntimeError("out of order")

    with pytest.raises(ArgumentError, match=r"example: expected inputs that the model can be run on.*out of order"):
        homotopise(Broken(), PRESSURE, mode="function")
    with pytest.raises(RuntimeError, match="out of order"):
        homotopise(Broken(), PRESSURE, mode="function", example=torch.zeros(1, 1, 8, 8))


@dataclass
class Prediction:
    energy: torch.Tensor
    forces: torch.Tensor
    name: str | None = None


class ForceField(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x):
        x = x.detach().requires_grad_()
        energy = self.net(x).sum((1, 2))
        (slope,) = torch.autograd.grad(energy.sum(), x, create_graph=self.training)
        return Prediction(energy, -slope)


def test_a_force_field_is_wrapped_and_keeps_its_container():
    group = octahedral()
    points = Points(rotation=Space(group))
    symmetry = Symmetry(group, points, {"energy": Invariant(group), "forces": points})
    torch.manual_seed(0)
    model, x = ForceField(), torch.randn(4, 5, 3)
    wrapped = homotopise(model, symmetry, mode="function")
    assert wrapped.error < 1e-10
    with wrapped.at(0.0):
        found, turned = wrapped(x), wrapped(symmetry.act_inputs(group.elements()[5], (x,))[0])
    assert type(found) is Prediction
    assert torch.allclose(found.energy, turned.energy, atol=1e-5)
    with wrapped.at(1.0):
        assert torch.equal(wrapped(x).forces, model(x).forces)
    wrapped.train()
    wrapped(x).forces.square().sum().backward()
    assert float(wrapped.gammas()["model"].grad) != 0


def test_batch_norm_over_the_batch_is_not_joined_and_training_goes_on():
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Conv2d(1, 1, 3, padding=1)).eval()
    x = torch.randn(4, 1, 8, 8) + torch.linspace(0, 2, 8)
    wrapped = homotopise(model, PRESSURE, mode="function")
    with torch.no_grad(), wrapped.at(0.0):
        assert torch.allclose(wrapped(x), loop(model, PRESSURE, x), rtol=0, atol=1e-5)
    tracked = homotopise(nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 1, 3, padding=1)), PRESSURE, mode="function")
    tracked.train()
    tracked(x).square().mean().backward()
    assert tracked.training
    assert int(tracked.model.module[0].num_batches_tracked) == 1


def test_side_branches_of_another_precision():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.side = SideBranch(Single())

        def forward(self, x):
            return self.side(x.square(), x)

    made = with_side_branches(Model(), PRESSURE, example=torch.randn(2, 1, 8, 8))
    assert made.error < 1e-4


class Counter(nn.Module):
    """Adds the number of its calls."""

    def __init__(self):
        super().__init__()
        self.c, self.calls = nn.Conv2d(1, 1, 3, padding=1), 0

    def forward(self, x):
        self.calls += 1
        return self.c(x) + self.calls


class Divided(nn.Module):
    """By a number that is zero."""

    def forward(self, x):
        return x / 0.0


@pytest.mark.parametrize(
    ("model", "match"),
    [(Counter(), "stay the same from call to call"), (Divided(), "finite outputs of the model as it was given")],
)
def test_models_whose_numbers_say_nothing_are_refused_by_name(model, match):
    with pytest.raises(HaarError, match=match):
        homotopise(model, PRESSURE, mode="function")


@pytest.mark.parametrize("mode", ["weight", "function"])
def test_an_example_with_nan_is_the_one_accused(mode):
    example = torch.zeros(2, 1, 8, 8)
    example[1, 0, 0, 0] = float("nan")
    with pytest.raises(ArgumentError, match="example: expected finite numbers, got nan in sample 1"):
        homotopise(nn.Conv2d(1, 1, 3, padding=1), PRESSURE, mode=mode, example=example)


@dataclass
class Field:
    p: torch.Tensor


class Rounded(nn.Module):
    """Rounds to single precision inside, and answers in a dataclass."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return Field(self.c(x.float()))


def test_errors_are_measured_inside_every_container():
    symmetry = Symmetry(D4, PRESSURE.inputs, {"p": PRESSURE.outputs})
    torch.manual_seed(0)
    assert 1e-9 < homotopise(Rounded(), symmetry, mode="function").error < 1e-5


def test_modes_of_parts_are_kept():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1), nn.Dropout(0.1))
    net[1].eval()  # frozen statistics
    wrapped = homotopise(net, PRESSURE, mode="function")
    assert [part.training for part in wrapped.model.module] == [True, False, True]
    assert wrapped.training
    assert not homotopise(net.eval(), PRESSURE, mode="function").training


@pytest.mark.parametrize("mode", ["weight", "branches"])
def test_weights_that_are_not_finite_are_the_ones_accused(mode):
    model = nn.Conv2d(1, 1, 3, padding=1)
    nn.init.constant_(model.weight, float("nan"))
    with pytest.raises(ArgumentError, match="model: expected finite outputs of the model as it was given"):
        homotopise(model, PRESSURE, mode=mode)
