"""What is decided by trying: may copies be joined, is a model steady? No input that comes decides."""

from __future__ import annotations

import pytest
import torch
from plain_loop import loop, vector_symmetry
from torch import nn
from torch.nn import functional

from haar.actions import Invariant, Symmetry
from haar.average import Sampled, average
from haar.errors import ArgumentError
from haar.groups import cyclic, dihedral, reflections

D4 = Symmetry.of_fields(dihedral(4), "p, u:vector")
SIGNED = Symmetry.of_fields(dihedral(4), "w:pseudoscalar")
LINE = Symmetry.of_fields(reflections(1), "p, u:vector")


class Coupled(nn.Module):
    """A convolution, and something that looks at the whole batch."""

    def __init__(self, look, channels=3):
        super().__init__()
        self.conv, self.look = nn.Conv2d(channels, channels, 3, padding=1), look

    def forward(self, x):
        return self.look(x, self.conv(x))


def attention(x, y):
    rows = x.flatten(1)
    return ((rows @ rows.T).softmax(-1) @ y.flatten(1)).view_as(y)


LOOKS = {
    "softmax over the batch": lambda _, y: y.softmax(0),
    "largest of the batch": lambda x, y: y / x.abs().amax(),
    "largest, where it is large": lambda x, y: y / x.abs().amax().clamp(min=50),
    "a rule for large numbers": lambda x, y: y + (x.mean(0, keepdim=True) if x.abs().max() > 100 else 0),
    "sorted": lambda x, y: y + x.sort(0).values,
    "the first row": lambda x, y: y - x[:1],
    "the sign of the first row": lambda x, y: y if x[0].sum() > 0 else 2 * y,
    "the last row": lambda x, y: y + x[-1:],
    "the row before": lambda x, y: y + x.roll(1, 0),
    "attention over the batch": attention,
    "statistics of the batch": lambda _, y: functional.batch_norm(y, None, None, training=True),
    "layer norm over the batch": lambda _, y: functional.layer_norm(y.movedim(0, -1), y.shape[:1]).movedim(-1, 0),
    "many rows": lambda x, y: y if len(x) <= 12 else 1.5 * y,
    "a little": lambda x, y: y * (1 + 1e-3 * x.abs().amax()),
    "how many values": lambda x, y: y * len(torch.unique(x.round())),
}


def check(look, *, warm_up=None, **options):
    """The average is that of the definition, or a fixed number of elements a pass is refused."""
    torch.manual_seed(0)
    model = Coupled(look)
    inputs = [torch.randn(3, 3, 4, 4) + 0.5, 300 * torch.randn(3, 3, 4, 4)]
    averaged = average(model, D4, **options)
    with torch.no_grad():
        if options.get("micro_batch", 1) != 1:
            with pytest.raises(ArgumentError, match="samples of a batch influence each other"):
                averaged(inputs[0] if warm_up is None else torch.full_like(inputs[0], warm_up))
            return
        if warm_up is not None:
            averaged(torch.full_like(inputs[0], warm_up))
        for x in inputs:
            moved = [D4.inputs[0].act(g, x) for g in averaged.elements.elements]
            back = D4.group.inverse(averaged.elements.elements)
            terms = [D4.outputs.act(g, model(y)) for g, y in zip(back, moved, strict=True)]
            torch.testing.assert_close(averaged(x), torch.stack(terms).mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_samples_that_influence_each_other_are_never_joined(look):
    check(look, warm_up=0.0)


@pytest.mark.parametrize("coupling", ["statistics of the batch", "largest, where it is large"])
@pytest.mark.parametrize(
    ("warm_up", "options"),
    [
        (None, {}),
        (1.0, {"how": Sampled(5)}),
        (float("nan"), {}),
        (0.0, {"micro_batch": 8}),
        (None, {"micro_batch": 3}),
        (0.0, {"micro_batch": 1}),
    ],
)
def test_whatever_came_first_and_however_many_are_asked_for(coupling, warm_up, options):
    check(LOOKS[coupling], warm_up=warm_up, **options)


def test_batch_norm_without_running_statistics_says_so_itself():
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Conv2d(1, 1, 3, padding=1)).eval()
    x = torch.randn(4, 1, 8, 8) + 1
    with torch.no_grad():
        for averaged in (average(model, SIGNED), average(model, SIGNED, micro_batch=1)):
            torch.testing.assert_close(averaged(x), loop(model, SIGNED, (x,)), rtol=0, atol=1e-5)
        for micro_batch in (2, 8):
            with pytest.raises(ArgumentError, match="and BatchNorm2d '0', whose statistics are those of the batch"):
                average(model, SIGNED, micro_batch=micro_batch)(x)


def test_norms_of_single_samples_are_joined():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.GroupNorm(2, 4), nn.Conv2d(4, 3, 1))
    x = torch.randn(2, 3, 6, 6)
    averaged = average(model.eval(), D4, micro_batch=8)
    torch.testing.assert_close(averaged(x), loop(model, D4, (x,)), rtol=0, atol=1e-5)
    assert averaged.plan(x).independent


def test_two_elements_are_tried_often_enough():
    """With two copies a pass, a rule on the sign of the first row is seen in half of the passes."""
    x = torch.randn(1, 2, 8)
    averaged = average(lambda x: x.exp() * (1 if x[0].sum() > 0 else 2), LINE)
    with torch.no_grad():
        assert not averaged.plan(x).independent


@pytest.mark.parametrize("size", [1.0, 1e-3, 30.0])
@pytest.mark.parametrize(
    "rule", [lambda x: x.abs().max() < 0.3, lambda x: x.abs().max() > 100], ids=["small numbers", "large numbers"]
)
@pytest.mark.parametrize("elements", [2, 3, 8])
def test_influence_is_seen_whatever_the_size_of_what_came(size, rule, elements):
    """A rule for numbers of another size than the first ones came in would speak later."""
    torch.manual_seed(0)
    model = Coupled(lambda x, y: y + x.mean(0, keepdim=True) if rule(x) else y)
    averaged = average(model, D4, micro_batch=elements)
    with pytest.raises(ArgumentError, match="samples of a batch influence each other"):
        averaged(size * torch.randn(3, 3, 4, 4))


def test_features_that_blow_rounding_up_are_no_influence():
    torch.manual_seed(0)
    linear = nn.Linear(2, 64)

    def waves(x):
        return torch.sin(300 * linear(x))[:, :2]

    assert average(waves, vector_symmetry(cyclic(3))).plan(torch.randn(64, 2)).independent


def test_whole_numbers_stay_among_those_that_came():
    table = torch.randn(5, 2)
    group = cyclic(3)
    symmetry = Symmetry(group, (Invariant(group), Invariant(group)), Invariant(group))
    averaged = average(lambda kinds, x: table[kinds.long(), :] * x[:, None], symmetry, micro_batch=3)
    kinds, x = torch.tensor([0.0, 4.0, 2.0, 2.0]), torch.randn(4)
    torch.testing.assert_close(averaged(kinds, x), table[kinds.long()] * x[:, None])
    assert averaged.plan(kinds, x).independent


class Remembers(nn.Module):
    """Hangs on what it was given before, in one of several ways."""

    def __init__(self, way):
        super().__init__()
        self.linear, self.way, self.kept, self.count = nn.Linear(2, 2), way, None, 0
        self.register_buffer("mean", torch.zeros(2))

    def forward(self, x):
        y = self.linear(x)
        if self.way == "counter":
            self.count += 1
            return y * self.count
        if self.way == "first call":
            self.kept = x.mean() if self.kept is None else self.kept
            return y + self.kept
        if self.way == "hidden state":
            self.kept = torch.tanh(y if self.kept is None else y + self.kept)
            return self.kept
        self.mean.mul_(0.9999).add_(x.mean(0), alpha=1e-4)  # a slow mean
        return y - self.mean


@pytest.mark.parametrize("way", ["counter", "first call", "hidden state", "slow mean"])
@pytest.mark.parametrize("given", [torch.zeros(4, 2), torch.linspace(-1, 1, 8).reshape(4, 2)], ids=["zeros", "numbers"])
def test_models_that_remember_are_refused_and_left_as_they_were(way, given):
    model = Remembers(way)
    for options in ({}, {"micro_batch": 3}):
        with pytest.raises(ArgumentError, match="expected the same output for the same input, got one that remembers"):
            average(model, vector_symmetry(cyclic(3)), **options)(given)
    assert model.count == 0
    assert model.kept is None
    assert model.mean.tolist() == [0.0, 0.0]


def test_noise_that_zeros_hide_is_seen():
    averaged = average(lambda x: x * (1 + 0.1 * torch.randn_like(x)), vector_symmetry(cyclic(3)))
    with pytest.raises(ArgumentError, match="got a stochastic model: two runs differ"):
        averaged(torch.zeros(4, 2))


def test_a_trial_leaves_counts_and_lists_alone():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.calls, self.shapes = nn.Linear(2, 2), 0, []

        def forward(self, x):
            self.calls += 1
            self.shapes.append(x.shape)
            return self.linear(x)

    model = Counts()
    average(model, vector_symmetry(cyclic(3)), micro_batch=3)(torch.randn(4, 2))
    assert model.calls == 1
    assert len(model.shapes) == 1


def test_stabilisers_are_not_shared_by_samples_that_influence_each_other():
    x = torch.randn(3, 3, 6, 6)
    model = Coupled(LOOKS["the first row"])
    averaged = average(model, D4, share_stabilisers=True)
    torch.testing.assert_close(averaged(x), loop(model, D4, (x,)), rtol=0, atol=1e-5)
