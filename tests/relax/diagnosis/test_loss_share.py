"""The split of the squared loss over orbits, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from relax_worlds import C4, SYMMETRY, data, mse, orbits, wrapped
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.probing import defect
from haar.relax.diagnosis.loss_share import LossShare, loss_share

X, Y = data(24)


def test_the_loss_splits_over_orbits_as_pythagoras_says():
    model = wrapped()
    split = loss_share(model, SYMMETRY, X, Y)
    assert split.loss == pytest.approx(split.symmetric + split.asymmetric, rel=1e-10)
    x, y = orbits(X, Y)
    with torch.no_grad():
        assert split.loss == pytest.approx(mse(model(x), y).item(), rel=1e-10)
        pairs = [
            (model(SYMMETRY.act_inputs(g, (x,))[0]) - SYMMETRY.act_outputs(g, model(x))).square().mean()
            for g in C4.elements()
        ]
    assert split.defect == pytest.approx(torch.stack(pairs).mean().item(), rel=1e-10)
    with model.at(0.0):
        assert loss_share(model, SYMMETRY, X, Y).share < 1e-20
        assert defect(model, SYMMETRY, (X,), C4.elements()).worst < 1e-12
    with pytest.raises(ArgumentError, match="target: expected one tensor, got list"):
        loss_share(model, SYMMETRY, X, [Y])


class Noisy(nn.Module):
    """Random in train mode, with a frozen layer; in eval mode it differentiates inside forward."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout()
        self.frozen = nn.BatchNorm1d(6, dtype=torch.float64).eval()

    def forward(self, x):
        x = self.drop(self.frozen(x)).detach().requires_grad_()
        return torch.autograd.grad((x[:, :2] * x[:, 2:4]).cos().sum() + x.sum(), x)[0][:, :2]


def test_meters_leave_modes_and_random_state_alone_and_let_a_model_differentiate():
    model = Noisy()
    state = torch.random.get_rng_state()
    found = [loss_share(model, SYMMETRY, X, Y), loss_share(model, SYMMETRY, X, Y)]
    assert found[0] == found[1]
    assert defect(model, SYMMETRY, (X,), C4.elements()).worst > 0
    assert torch.equal(state, torch.random.get_rng_state())
    assert model.training
    assert model.drop.training
    assert not model.frozen.training


def test_the_imaginary_part_of_a_loss_counts():
    ramp = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)  # of mean zero over the orbit
    symmetry, x = Symmetry.of_fields(C4, "p"), torch.randn(3, 1, 2, 2, dtype=torch.float64)
    split = loss_share(lambda u: torch.complex(u, u + ramp), symmetry, x, torch.complex(x, x))
    assert split.loss == pytest.approx(1.0)
    assert split.symmetric == pytest.approx(0, abs=1e-20)
    size = torch.complex(x, x + ramp).abs().square().mean()
    # half of the points differ by 2 between the ramp and its quarter turns, all of them for the half turn
    expected = (torch.tensor([0.0, 2.0, 4.0, 2.0]).mean() / size).sqrt()
    found = defect(lambda u: torch.complex(u, u + ramp), symmetry, (x,), C4.elements(), norm="squares")
    assert found.mean == pytest.approx(float(expected))


def test_meters_refuse_what_is_not_finite_or_does_not_fit():
    x, y = X.clone(), Y.clone()
    x[2, 0] = y[1, 0] = float("nan")
    model = wrapped()
    with pytest.raises(ArgumentError, match="inputs: expected finite numbers, got nan in sample 2"):
        loss_share(model, SYMMETRY, x, Y)
    with pytest.raises(ArgumentError, match="target: expected finite numbers, got nan in sample 1"):
        loss_share(model, SYMMETRY, X, y)
    with pytest.raises(ArgumentError, match="target: expected the model's output"):
        loss_share(model, SYMMETRY, X, Y[:1])


@pytest.mark.parametrize(("group", "whole"), [(cyclic(64), True), (cyclic(65), False)])
def test_groups_of_at_most_64_elements_are_used_whole(group, whole):
    """Of larger ones 64 are drawn, by the seed."""
    rep = Defining(group)
    symmetry, x = Symmetry(group, Vector(rep), Vector(rep)), X[:2, :2]
    lean = torch.tensor([1.0, 0.0], dtype=torch.float64)
    calls = []

    def leaning(v):
        calls.append(len(v))
        return v + lean

    found = [loss_share(leaning, symmetry, x, x), loss_share(leaning, symmetry, x, x, seed=1)]
    assert len(calls) == 2 * 64
    assert [each.whole for each in found] == [whole] * 2
    assert (found[0] == found[1]) == whole


def test_a_model_without_loss_has_no_share_of_it():
    assert LossShare(0.0, 0.0, 0.0, 0.0, whole=True).share == 0.0
    assert LossShare(0.5, 0.4, 0.1, 0.2, whole=True).share == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: (x,), r"target: expected the model's output tuple, got \(24, 2\)"),
        (lambda x: x, r"target: expected the model's output \(24, 6\), got \(24, 2\)"),
    ],
)
def test_an_output_unlike_the_target_is_named(model, message):
    with pytest.raises(ArgumentError, match=message):
        loss_share(model, SYMMETRY, X, Y)
