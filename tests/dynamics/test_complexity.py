"""Signal to noise of a batch, geometric complexity, asymmetry, and the dashboard: against sums by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Defining
from haar.dynamics import (
    BatchSignal,
    Dashboard,
    GeometricComplexity,
    GradientSignal,
    ParameterAsymmetry,
    geometric_complexity,
    signal_to_noise,
)
from haar.errors import ArgumentError
from haar.groups import symmetric
from haar.weights import asymmetry, traced

F64 = torch.float64


def squares(y, target):
    return (y - target).square().mean()


def linear(*weight):
    model = nn.Linear(len(weight), 1, bias=False).double()
    with torch.no_grad():
        model.weight[:] = torch.tensor([weight])
    return model


def test_signal_to_noise_is_the_mean_over_the_deviation():
    assert signal_to_noise(torch.tensor([[3.0, 4.0], [3.0, 0.0]])) == pytest.approx(math.sqrt(13) / 2)
    assert signal_to_noise(torch.ones(4, 2)) == math.inf
    assert signal_to_noise(torch.full((3, 2), 0.1)) == math.inf  # whose mean has rounding
    assert math.isnan(signal_to_noise(torch.zeros(4, 2)))


@pytest.mark.parametrize("parts", [16, 64, 256])
def test_independent_gradients_of_mean_zero_fall_as_the_root_of_their_number(parts):
    rows = torch.randn(parts, 4000, generator=torch.Generator().manual_seed(0), dtype=F64)
    assert signal_to_noise(rows) == pytest.approx(1 / math.sqrt(parts), rel=0.1)


def test_gradients_of_parts_by_hand():
    model, x, y = linear(1.0), torch.tensor([[1.0], [2.0], [3.0], [9.0]], dtype=F64), torch.zeros(4, 1, dtype=F64)
    found = BatchSignal(model, squares, parts=2).update(x[:3], y[:3])  # two parts of one sample: 2 x^2 = 2 and 8
    assert found["gradient norm"] == pytest.approx(5)
    assert found["signal to noise"] == pytest.approx(5 / 3)
    assert model.weight.grad is None


def test_averaged_gradients_of_equal_orbits_agree():
    group = symmetric(2)
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group))
    x = torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=F64)  # one orbit, a sample a part
    found = BatchSignal(linear(1.0, 3.0), squares, parts=2, symmetry=symmetry).update(x, torch.ones(2, 1, dtype=F64))
    assert found["signal to noise"] < 10
    assert found["signal to noise, averaged"] == math.inf


def test_complexity_of_a_linear_function_is_the_square_of_its_weights():
    assert geometric_complexity(linear(3.0, 4.0), torch.randn(5, 2, dtype=F64)) == pytest.approx(25)
    model = nn.Linear(3, 4).double()
    found = GeometricComplexity(model).update(torch.randn(5, 3, dtype=F64))
    assert found["geometric complexity"] == pytest.approx(model.weight.square().sum().item())


def test_complexity_of_the_trials_target_is_that_of_quadrature():
    def h(x):
        return torch.sin(x) + sum(torch.sin(k * torch.pi * x) / k for k in (3, 5, 7))

    axis = (torch.arange(2000, dtype=F64) + 0.5) / 1000 - 1
    slope = torch.cos(axis) + torch.pi * sum(torch.cos(k * torch.pi * axis) for k in (3, 5, 7))
    wanted = 2 * h(axis).square().mean() * slope.square().mean()
    x = torch.cartesian_prod(axis[::5], axis[::5])
    found = geometric_complexity(lambda x: h(x[:, :1]) * h(x[:, 1:]), x)
    assert found == pytest.approx(wanted.item(), rel=1e-2)
    assert found == pytest.approx(14.0, rel=0.02)  # drawn at random, in the trial


def test_a_constant_has_no_complexity_and_a_frozen_model_has_its_own():
    assert geometric_complexity(lambda x: torch.ones(len(x), 1) + 0 * x[:, :1], torch.randn(4, 2)) == 0
    assert geometric_complexity(linear(2.0).requires_grad_(requires_grad=False), torch.zeros(3, 1, dtype=F64)) == 4


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))


def test_asymmetry_is_read_for_every_site_and_is_zero_for_equal_units():
    model = network()
    action = traced(model, torch.randn(3, 2))
    found = ParameterAsymmetry(model, action).update()
    assert len(found) == 1 + len(action.sites) == 3
    assert found["asymmetry"] == asymmetry(action, model.state_dict())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    assert all(value < 1e-12 for value in ParameterAsymmetry(model, action).update().values())


def test_a_dashboard_reads_all_tells_costs_and_draws():
    model, x = network(), torch.randn(6, 2)
    dashboard = Dashboard({
        "slope": (GeometricComplexity(model), x),
        "signal": (BatchSignal(model, squares, parts=2), x, x[:, :1]),
        "parameters": ParameterAsymmetry(model, traced(model, x)),
    })  # fmt: skip
    before = [p.clone() for p in model.parameters()]
    for step in (5, 10):
        dashboard.update(step)
    dashboard.update()
    assert dashboard.steps == [5, 10, 11]
    slope = dashboard.series("slope/geometric complexity")
    assert slope == [geometric_complexity(model, x)] * 3
    assert [name for name, seconds in dashboard.costs().rows if seconds > 0] == ["slope", "signal", "parameters"]
    panels = dashboard.figure().axes
    assert [axes.get_title("left") for axes in panels] == ["slope", "signal", "parameters"]
    assert list(panels[0].lines[0].get_ydata()) == slope
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    assert all(p.grad is None for p in model.parameters())
    dashboard.reset()
    assert dashboard.steps == dashboard.readings == []


class Noted(nn.Module):
    """One factor, and a note elsewhere of how it was called."""

    def __init__(self, calls):
        super().__init__()
        self.weight, self.note = nn.Parameter(torch.ones(1, dtype=F64)), calls.append

    def forward(self, x):
        self.note((self.training, len(x)))
        return self.weight * x


def test_a_signal_is_read_in_train_mode_of_eight_parts_by_default():
    calls = []
    model, x = Noted(calls).eval(), torch.ones(17, 1, dtype=F64)
    BatchSignal(model, squares).update(x, x)
    assert calls == [(True, 2)] * 8
    assert not model.training
    GeometricComplexity(model.train()).update(x)
    assert calls[8:] == [(False, 17)]


@pytest.mark.parametrize(("elements", "looked"), [(64, 24), (23, 23)])
def test_orbits_are_whole_up_to_so_many_elements(elements, looked):
    group, calls = symmetric(4), []
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    x = torch.randn(2, 4, dtype=F64, generator=torch.Generator().manual_seed(0))
    options = {} if elements == 64 else {"elements": elements}
    found = BatchSignal(Noted(calls), squares, parts=2, symmetry=symmetry, **options).update(x, torch.zeros_like(x))
    assert len(calls) == 2 + 2 * looked
    assert found["signal to noise, averaged"] == pytest.approx(found["signal to noise"])  # the loss is invariant


def test_costs_are_seconds_a_reading(monkeypatch):
    clock = SimpleNamespace(now=0.0)

    class Slow(ParameterAsymmetry):
        def measure(self, *given):
            clock.now += 3.0
            return super().measure(*given)

    monkeypatch.setattr("haar.dynamics.dashboard.time", SimpleNamespace(perf_counter=lambda: clock.now))
    model = network()
    dashboard = Dashboard({"slow": Slow(model, traced(model, torch.randn(3, 2)))})
    assert dashboard.costs().rows == [("slow", 0.0)]
    for _ in range(2):
        dashboard.update()
        clock.now += 100.0
    costs = dashboard.costs()
    assert (costs.rows, costs.note) == ([("slow", 3.0)], "mean over 2 readings")
    assert dashboard.steps == [0, 1]
    assert [len(readings) for readings in dashboard.figure().axes[0].lines[0].get_data()] == [2, 2]
    dashboard.reset()
    assert dashboard.costs().rows == [("slow", 0.0)]
    dashboard.update()
    assert dashboard.steps == [0]


def test_figures_have_a_panel_a_meter_and_names_of_numbers():
    model, x = network(), torch.randn(6, 2)
    sites = ParameterAsymmetry(model, traced(model, x))
    dashboard = Dashboard({"slope": (GeometricComplexity(model), x), "slopes": sites})
    dashboard.update()
    figure = dashboard.figure()
    assert figure.get_size_inches().tolist() == [6.4, 3.6]
    labels = [[line.get_label() for line in axes.lines] for axes in figure.axes]
    assert labels == [["geometric complexity"], ["asymmetry", "units0/asymmetry", "units1/asymmetry"]]
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()] == labels[1]
    alone = Dashboard({"slope": (GeometricComplexity(model), x)})
    alone.update()
    assert alone.figure().get_size_inches().tolist() == [6.4, 3.6]


def test_one_site_is_read_without_its_name():
    model = network()
    action = traced(model, torch.randn(3, 2))
    one = ParameterAsymmetry(model, action, sites=["units1"]).update()
    assert one == {"asymmetry": asymmetry(action, model.state_dict(), sites=("units1",))}
    both = ParameterAsymmetry(model, action, sites=["units1", "units0"]).update()
    assert list(both) == ["asymmetry", "units1/asymmetry", "units0/asymmetry"]
    assert both["units1/asymmetry"] == one["asymmetry"]
    assert both["asymmetry"] == asymmetry(action, model.state_dict())


def test_what_cannot_be_read_is_refused():
    model, x = network(), torch.randn(6, 2)
    with pytest.raises(ArgumentError, match="parts: expected at least 2"):
        BatchSignal(model, squares, parts=1)
    with pytest.raises(ArgumentError, match="model: expected a model with trainable parameters, got none"):
        BatchSignal(nn.Tanh(), squares)
    with pytest.raises(ArgumentError, match="given: expected at least 8 samples, one for each part, got 6"):
        BatchSignal(model, squares).update(x, x[:, :1])
    with pytest.raises(ArgumentError, match="given: expected inputs and targets, got 1 values"):
        BatchSignal(model, squares, parts=2).update(x)
    with pytest.raises(ArgumentError, match="given: expected a tensor of inputs"):
        GeometricComplexity(model).update()
    with pytest.raises(ArgumentError, match="model: expected a row for every sample"):
        geometric_complexity(lambda x: x.sum(), x)
    with pytest.raises(ArgumentError, match="sites: expected among"):
        ParameterAsymmetry(model, traced(model, x), sites=["none"])
    with pytest.raises(ArgumentError, match="given: expected nothing"):
        ParameterAsymmetry(model, traced(model, x)).update(x)
    with pytest.raises(ArgumentError, match="meters: expected at least one, got none"):
        Dashboard({})
    with pytest.raises(ArgumentError, match="given: expected the number of the step"):
        Dashboard({"slope": (GeometricComplexity(model), x)}).update("now")
    with pytest.raises(ArgumentError, match="readings: expected at least one, got none; call update first"):
        Dashboard({"slope": (GeometricComplexity(model), x)}).figure()


def test_meters_forget_with_their_dashboard():
    weight = nn.Parameter(torch.zeros(2))
    dashboard = Dashboard({"gradients": GradientSignal([weight])})
    readings = []
    for gradient in ([3.0, 4.0], [4.0, -3.0]):
        weight.grad = torch.tensor(gradient)
        readings.append(str(dashboard.update()))
    weight.grad = torch.tensor([3.0, 4.0])
    dashboard.reset()
    assert str(dashboard.update()) == readings[0]  # as words, for a cosine with nothing before is NaN
    assert readings[0] != readings[1]
