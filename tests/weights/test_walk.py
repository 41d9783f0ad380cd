"""Steps between layers: units that a step tells apart stay where they are, others are found, and no output changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from haar.errors import ArgumentError
from haar.weights import Heads, ParameterAction, Units, traced, verify


class Between(nn.Module):
    """A layer, a step of one's own, and a layer that reads what it gives."""

    def __init__(self, step, first=None, last=None, **parts):
        super().__init__()
        self.first = nn.Linear(3, 8) if first is None else first
        self.last = nn.Linear(8, 2) if last is None else last
        self.scale = nn.Parameter(torch.randn(8))
        for name, part in parts.items():
            setattr(self, name, part)
        self._step = step

    def forward(self, x):
        return self.last(self._step(self, self.first(x)))


def _pixels(step, **parts):
    return Between(step, first=nn.Conv1d(3, 8, 3, padding=1), **parts)


def _twice():
    layer = nn.Linear(8, 8)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(8, 2))


def _hooked():
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 2))
    model[0].register_forward_hook(lambda _, __, output: output * torch.arange(8.0, dtype=output.dtype))
    return model


def _halves(model, hidden):
    """A view's first half is written to."""
    hidden.view(4, 2, 4)[:, 0].mul_(3.0)
    return hidden


class Tied(nn.Module):
    """Reads out with its embedding, whose vectors hold their coordinates then."""

    def __init__(self):
        super().__init__()
        self.words, self.up, self.down = nn.Embedding(10, 6), nn.Linear(6, 5), nn.Linear(5, 6)

    def forward(self, x):
        return F.linear(self.down(torch.relu(self.up(self.words(x)))), self.words.weight)


class Attends(nn.Module):
    """Attention with options of its own."""

    def __init__(self, call=None, **options):
        super().__init__()
        self.first, self.last = nn.Linear(3, 8), nn.Linear(8, 2)
        self.inner = nn.MultiheadAttention(8, 2, batch_first=True, **options)
        self._call = call or {}

    def forward(self, x):
        hidden = self.first(x)
        found, weights = self.inner(hidden, hidden, hidden, **self._call)
        return self.last(found), weights


ROWS, LINES, WORDS = torch.randn(4, 3), torch.randn(4, 3, 8), torch.randint(10, (4,))
SAME, SIGNED, SCALED, FREE = "none", "signs", "positive", "any"
STEPS = {
    "mean over the units": (lambda: _pixels(lambda _, h: h.mean(1)), LINES, None),
    "mean over pixels": (lambda: _pixels(lambda _, h: h.mean(2)), LINES, {8: FREE}),
    "mean over samples and pixels": (
        lambda: _pixels(lambda _, h: h.mean((0, 2), keepdim=True).flatten()),
        LINES,
        {8: FREE},
    ),
    "sum over pixels": (lambda: _pixels(lambda _, h: torch.relu(h).sum(dim=-1)), LINES, {8: SCALED}),
    "one sample alone": (lambda: _pixels(lambda _, h: torch.relu(h).mT), torch.randn(3, 8), None),
    "convolutions of one sample": (
        lambda: _pixels(lambda _, h: torch.relu(h), last=nn.Conv1d(8, 2, 1)),
        torch.randn(3, 8),
        {8: SCALED},
    ),
    "a linear layer on the pixels of one sample": (
        lambda: _pixels(lambda _, h: torch.relu(h)),
        torch.randn(3, 8),
        None,
    ),
    "interpolated units": (
        lambda: Between(lambda _, h: F.interpolate(F.interpolate(h, 5, mode="linear"), 8)),
        torch.randn(2, 4, 3),
        None,
    ),
    "samples put together": (
        lambda: Between(lambda _, h: torch.tanh(h.view(-1, 8))),
        torch.randn(2, 4, 3),
        {8: SIGNED},
    ),
    "rows of units cut": (lambda: Between(lambda _, h: h.view(2, 16), last=nn.Linear(16, 2)), ROWS, None),
    "a value by itself": (lambda: Between(lambda _, h: h * h), ROWS, {8: SAME}),
    "a value by another": (lambda: Between(lambda m, h: h / m.other(h).exp(), other=nn.Linear(8, 8)), ROWS, {8: SAME}),
    "divided by a parameter": (lambda: Between(lambda m, h: torch.relu(h / m.scale)), ROWS, {8: SCALED}),
    "a parameter divided by": (lambda: Between(lambda m, h: m.scale / h), ROWS, {8: SAME}),
    "to a parameter's power": (lambda: Between(lambda m, h: h.abs().pow(m.scale)), ROWS, None),
    "at least a parameter": (lambda: Between(lambda m, h: h.clamp(min=m.scale)), ROWS, None),
    "times one number a sample": (lambda: Between(lambda m, h: h * m.other(h), other=nn.Linear(8, 1)), ROWS, None),
    "times a gate of each channel": (
        lambda: Between(
            lambda m, h: torch.relu(h * torch.sigmoid(m.gate(h.mean(2))).unsqueeze(-1)).mean(2),
            first=nn.Conv1d(3, 8, 3),
            gate=nn.Linear(8, 8),
        ),
        LINES,
        {8: SAME},
    ),
    "a parameter that is read as well": (
        lambda: Between(lambda m, h: torch.relu(h) * m.first.weight[0].sum()),
        ROWS,
        None,
    ),
    "a gate that is read as well": (
        lambda: Between(lambda m, h: torch.relu(h * m.scale) + m.scale.flip(0)),
        ROWS,
        None,
    ),
    "an embedding that reads out": (Tied, WORDS, {5: SCALED}),
    "vectors of a largest norm": (
        lambda: Between(lambda _, h: torch.relu(h), first=nn.Embedding(10, 8, max_norm=1.0)),
        WORDS,
        {8: SAME},
    ),
    "one layer in two places": (_twice, ROWS, {8: SIGNED}),
    "a hook": (_hooked, ROWS, {5: SIGNED}),
    "a write into a view": (lambda: Between(_halves), ROWS, None),
    "a norm without a gain": (
        lambda: nn.Sequential(nn.Conv1d(3, 8, 3), nn.BatchNorm1d(8, affine=False), nn.ReLU(), nn.Conv1d(8, 2, 1)),
        LINES,
        {8: SAME},
    ),
}


def _made(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make().double().eval()
        for value in model.parameters():
            value.data += 0.2 * torch.rand_like(value)
    return model


def _check(model, action, x):
    """By a run of torch's own, with all sites moved at once; and by `verify`."""
    x = x.double() if x.is_floating_point() else x
    state = {name: value.detach() for name, value in model.state_dict().items()}
    moved = action.act(action.random(1, state=state), state)
    with torch.no_grad():
        before, after = model(x), torch.func.functional_call(model, moved, (x,), tie_weights=False)
    for one, other in zip(*(found if isinstance(found, tuple) else (found,) for found in (before, after)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    assert any(not torch.equal(moved[name], value) for name, value in state.items())
    assert verify(model, action, x).preserved


@pytest.mark.parametrize("name", STEPS)
def test_units_that_a_step_tells_apart_stay(name):
    make, x, units = STEPS[name]
    model = _made(make)
    x = x.double() if x.is_floating_point() else x
    if units is None:
        with pytest.raises(ArgumentError, match="model: expected units that may change places"):
            traced(model, x)
        return
    action = traced(model, x, signs=True)
    assert {site.count: site.scales for site in action.sites.values() if isinstance(site, Units)} == units
    _check(model, action, x)


@pytest.mark.parametrize("options", [{}, {"add_zero_attn": True}, {"bias": False}])
@pytest.mark.parametrize(
    "call", [{}, {"attn_mask": torch.ones(5, 5, dtype=torch.bool).triu(1)}, {"need_weights": False}]
)
def test_heads_that_no_step_tells_apart_are_found(options, call):
    model, x = _made(lambda: Attends(call, **options)), torch.randn(2, 5, 3).double()
    action = traced(model, x)
    assert [site for site in action.sites.values() if isinstance(site, Heads)] == [Heads(2, 4)]
    if not call:
        _check(model, action, x)


@pytest.mark.parametrize("call", [{"average_attn_weights": False}, {"attn_mask": torch.zeros(4, 5, 5).double()}])
def test_heads_that_are_told_apart_stay(call):
    with pytest.raises(ArgumentError, match="expected units that may change places"):
        traced(_made(lambda: Attends(call)), torch.randn(2, 5, 3).double())


def test_attention_that_is_used_twice_is_one_site():
    class Twice(Attends):
        def forward(self, x):
            hidden = self.first(x)
            for _ in range(2):
                hidden = self.inner(hidden, hidden, hidden)[0]
            return self.last(hidden)

    model, x = _made(Twice), torch.randn(2, 5, 3).double()
    action = traced(model, x)
    assert [name for name, site in action.sites.items() if isinstance(site, Heads)] == ["heads0"]
    _check(model, action, x)


def test_a_layer_in_two_places_has_its_labels_by_both_names():
    rows = traced(_made(_twice), ROWS.double()).tensors
    assert rows["2.weight"] == rows["4.weight"] == ("units0", "units0*")


def test_lazy_parameters_are_refused_by_name():
    with pytest.raises(ArgumentError, match=r"0\.weight, which is lazy; run the model once"):
        traced(nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 2)), ROWS)


def test_units_under_a_norm_are_told_from_others():
    x = torch.randn(4, 3)
    layers = (nn.Linear(3, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
    found = traced(nn.Sequential(*layers), x)
    assert [site.normed for site in found.sites.values()] == [True, False]


class Residual(nn.Module):
    """Channels in a stream, all of whose norms are over groups of several: of one number, or of two in turn."""

    def __init__(self, count, groups=(4, 4)):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.inner = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(count))
        self.norms = nn.ModuleList(nn.GroupNorm(groups[i % 2], 8) for i in range(count))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x)
        for norm, inner in zip(self.norms, self.inner, strict=True):
            x = x + inner(torch.relu(norm(x)))
        return self.head(x.mean((2, 3)))


class LocalNorms(nn.Sequential):
    """Norms over neighbouring channels, which hold all of them."""

    def __init__(self, count):
        layers = [nn.Conv2d(4, 4, 1) if i % 2 == 0 else nn.LocalResponseNorm(2) for i in range(2 * count)]
        super().__init__(*layers, nn.Conv2d(4, 4, 1))


@pytest.mark.parametrize("count", [1, 3])
def test_groups_under_a_norm_stay_together(count):
    x = torch.randn(2, 1, 5, 5, generator=torch.Generator().manual_seed(1))
    found = traced(Residual(count), x)
    assert found.sites == {"units0": Units(8, "none", normed=True, groups=4)}
    assert found.tensors["norms.0.weight"] == ("units0.order",)
    model = Residual(count).double()
    assert verify(model, traced(model, x.double()), x.double()).preserved
    by_one = ParameterAction({"units0": Units(8, normed=True)}, found.tensors)
    assert not verify(model, by_one, x.double()).preserved


def test_norms_over_groups_of_two_kinds_hold_the_units_of_a_stream():
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ArgumentError, match="where every unit meets something that is not followed"):
        traced(Residual(2, groups=(4, 2)), x)
    assert traced(Residual(2, groups=(4, 8)), x).sites["units0"].groups == 4  # of single channels, and of groups of two
    assert traced(Residual(2, groups=(1, 2)), x).sites["units0"].groups == 2


def test_groups_before_and_after_a_sum_stay_together():
    class Sum(nn.Module):
        def __init__(self, second):
            super().__init__()
            self.one, self.other = nn.Conv1d(2, 6, 1), nn.Conv1d(2, 6, 1)
            self.norms = nn.ModuleList([nn.GroupNorm(3, 6), nn.GroupNorm(second, 6)])
            self.last = nn.Conv1d(6, 2, 1)

        def forward(self, x):
            return self.last(torch.relu(self.norms[0](self.one(x)) + self.norms[1](self.other(x))))

    assert [site.groups for site in traced(Sum(3), torch.zeros(1, 2, 4)).sites.values()] == [3]
    with pytest.raises(ArgumentError, match="where every unit meets something that is not followed"):
        traced(Sum(2), torch.zeros(1, 2, 4))


@pytest.mark.parametrize(
    ("model", "example", "told"),
    [
        (LocalNorms(2), torch.zeros(1, 4, 4, 4), "LocalResponseNorm at 1, LocalResponseNorm at 3"),
        (LocalNorms(5), torch.zeros(1, 4, 4, 4), "LocalResponseNorm at 7 and 1 more"),
        (Between(lambda _, x: x.sort(-1).values), torch.zeros(2, 3), "sort"),
        (nn.Sequential(nn.Linear(3, 2)), torch.zeros(2, 3), "the output"),
    ],
)
def test_what_holds_all_units_is_named(model, example, told):
    with pytest.raises(
        ArgumentError, match=rf"where every unit meets something that is not followed: (.*, )?{told}; wri"
    ):
        traced(model, example)
