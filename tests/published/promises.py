"""What is promised of any architecture, whoever wrote it. The group's mean is summed by hand, in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import haar
from haar.moments import Dense, Independent, propagate
from haar.moments.laws import Normal
from haar.moments.step_builder import UnsupportedModuleError
from haar.relax import homotopise


class Calling(nn.Module):
    """A model of one tensor, by a call of another that wants more, or gives more."""

    def __init__(self, model, call):
        super().__init__()
        self.model, self.call = model, call

    def forward(self, x):
        return self.call(self.model, x)


def made(make, *shape):
    """A model in double precision with seeded weights, in evaluation mode, and an input."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make().double().eval()
    return model, torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def close(found, expected, within):
    torch.testing.assert_close(found, expected, rtol=0, atol=within * float(expected.abs().max()))


def mean_by_hand(model, symmetry, x):
    """The sum of g^-1 f(g x) over a finite group, over its order."""
    group = symmetry.group
    moved = [symmetry.act_outputs(group.inverse(g), model(*symmetry.act_inputs(g, (x,)))) for g in group.elements()]
    return torch.stack(moved).mean(0)


def equivariant(model, symmetry, x, within):
    y = model(x)
    assert y.abs().max() > 1e-6
    for g in symmetry.group.elements():
        close(model(*symmetry.act_inputs(g, (x,))), symmetry.act_outputs(g, y), within)


@torch.no_grad()
def is_averaged(model, symmetry, x):
    """The average is the group's mean, exactly equivariant, and leaves the model as it was."""
    before, y = copy.deepcopy(model.state_dict()), model(x)
    averaged = haar.average(model, symmetry)
    close(averaged(x), mean_by_hand(model, symmetry, x), 1e-10)
    equivariant(averaged, symmetry, x, 1e-10)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert torch.equal(model(x), y)


@torch.no_grad()
def is_relaxed_as_a_whole(model, symmetry, x):
    """As one function: the user's at one, the group's mean at zero, without the same weights twice."""
    relaxed = homotopise(model, symmetry, mode="function", example=x)
    close(relaxed(x), model(x), 1e-10)
    with relaxed.at(0.0):
        close(relaxed(x), mean_by_hand(model, symmetry, x), 1e-10)
        equivariant(relaxed, symmetry, x, 1e-8)


@torch.no_grad()
def is_relaxed_by_weights(model, symmetry, x):
    """Layer by layer: the user's function and names at one, equivariant at zero whatever the weights become."""
    relaxed = homotopise(model, symmetry, example=x)
    assert set(model.state_dict()) <= set(relaxed.model.state_dict())
    close(relaxed(x), model(x), 1e-10)
    generator = torch.Generator().manual_seed(1)
    for weight in relaxed.parameters():
        weight.add_(0.1 * torch.randn(weight.shape, dtype=weight.dtype, generator=generator))
    with relaxed.at(0.0):
        equivariant(relaxed, symmetry, x, 1e-8)
    return relaxed


def _law(x):
    return Independent.same(Normal(0, 0.5), x[0].numel())


@torch.no_grad()
def is_followed(model, x, *, count=20_000):
    """Every part has a closed form: the moments are those of many draws, but for the draws' own error."""
    found = propagate(model, _law(x), input_shape=x.shape[1:])
    drawn = _law(x).sample(count, torch.Generator().manual_seed(5)).reshape(count, *x.shape[1:])
    y = torch.cat([model(rows) for rows in drawn.split(1000)]).reshape(count, -1)
    assert ((found.mean - y.mean(0)).abs() < 5.5 * found.sd / count**0.5).all()
    close(found.sd, y.std(0), 5 / (2 * count) ** 0.5 + 0.02 * (not found.exact))
    return found


@torch.no_grad()
def is_sampled_plainly(model, x, *, stops_at, within=1e-10, count=12):
    """A part without a closed form is named; where it may be sampled, moments are those of plain draws."""
    law, shape = _law(x), x.shape[1:]
    with pytest.raises(UnsupportedModuleError, match=stops_at):
        propagate(model, law, input_shape=shape)
    one, same = (torch.Generator().manual_seed(5) for _ in range(2))
    found = propagate(
        model, law, input_shape=shape, on_unsupported="sample", backend=Dense(samples=count, generator=one)
    )
    y = model(law.sample(count, same).reshape(count, *shape)).reshape(count, -1)
    close(found.mean, y.mean(0), within)
    close(found.cov, torch.cov(y.mT), within)
