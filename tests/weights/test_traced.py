"""Tables by following a module: what may move is found, what may not stays, and no output changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from haar.errors import ArgumentError
from haar.weights import Heads, Units, traced, verify


def _units(action):
    return {name: (site.count, site.scales) for name, site in action.sites.items() if isinstance(site, Units)}


class Residual(nn.Module):
    """A small residual network: a sum, batch norms, a depthwise convolution, flattened channels."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(6) for _ in range(2))
        self.depthwise, self.last = nn.Conv2d(6, 12, 3, groups=6, padding=1), nn.Linear(12 * 4, 3)
        self.scale = nn.Parameter(torch.rand(6, 1, 1))

    def forward(self, x):
        x = torch.relu(self.norms[0](self.first(x)))
        x = self.scale * x + F.relu(self.norms[1](self.second(x)))
        return self.last(F.max_pool2d(self.depthwise(x), 2).flatten(1))


class Grouped(nn.Module):
    """Groups of channels hold their places; what follows is free."""

    def __init__(self):
        super().__init__()
        self.first, self.grouped = nn.Conv1d(2, 6, 3), nn.Conv1d(6, 4, 3, groups=2)
        self.hidden, self.last = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x):
        return self.last(torch.tanh(self.hidden(self.grouped(self.first(x)).mean(-1))))


class Shared(nn.Module):
    """One layer that is used twice: its units come back to themselves."""

    def __init__(self):
        super().__init__()
        self.into, self.again, self.out = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = torch.tanh(self.into(x))
        return self.out(torch.tanh(self.again(torch.tanh(self.again(h)))))


class Sliced(nn.Module):
    """The first two units are read by their places."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 4), nn.Linear(3, 5), nn.Linear(5, 2)

    def forward(self, x):
        return self.first(x)[:, :2] + self.last(torch.relu(self.second(x)))


class Words(nn.Module):
    """An embedding with learned positions, a norm and a transposed convolution."""

    def __init__(self):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(7, 6), nn.Parameter(torch.randn(1, 5, 6))
        self.norm, self.up, self.last = nn.LayerNorm(6), nn.ConvTranspose1d(6, 4, 3), nn.Conv1d(4, 2, 1)

    def forward(self, x):
        x = self.norm(self.embedding(x) + self.positions)
        return self.last(F.gelu(self.up(x.transpose(1, 2))))


def _encoder(**options):
    layer = nn.TransformerEncoderLayer(12, 3, 10, batch_first=True, **options)
    return nn.Sequential(
        nn.Linear(5, 12), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(12, 3)
    )


def _wide(activation):
    return nn.Sequential(nn.Linear(4, 6), activation, nn.Linear(6, 7), activation, nn.Linear(7, 2))


IMAGE, ROWS = torch.randn(2, 3, 4, 4), torch.randn(3, 4)
MADE = {
    "tanh": (lambda: _wide(nn.Tanh()), ROWS, {6: "signs", 7: "signs"}),
    "relu": (lambda: _wide(nn.ReLU()), ROWS, {6: "positive", 7: "positive"}),
    "residual": (Residual, IMAGE, {6: "positive"}),
    "grouped": (Grouped, torch.randn(2, 2, 9), {5: "signs"}),
    "shared": (Shared, torch.randn(2, 3), {4: "signs"}),
    "sliced": (Sliced, torch.randn(2, 3), {5: "positive"}),
    "words": (Words, torch.randint(7, (2, 5)), {6: "none", 4: "none"}),
    "encoder, norms first": (lambda: _encoder(norm_first=True), torch.randn(2, 7, 5), {12: "none", 10: "positive"}),
    "encoder, norms last": (_encoder, torch.randn(2, 7, 5), {12: "none", 10: "positive"}),
    "prelu": (lambda: _wide(nn.PReLU()), ROWS, {6: "positive", 7: "positive"}),
    "group norm": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 1), nn.GroupNorm(1, 4), nn.Conv2d(4, 6, 1), nn.GroupNorm(2, 6), nn.Conv2d(6, 2, 1)
        ),
        IMAGE,
        {4: "positive", 6: "positive"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_what_may_move_is_found_and_leaves_the_outputs_alone(name):
    made, x, units = MADE[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = made().eval()
        for value in [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]:
            value.data += 0.2 * torch.rand_like(value)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    action = traced(model, x, signs=True)
    assert dict(_units(action).values()) == units
    found = verify(model, action, x)
    assert found.preserved, str(found)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_heads_of_an_encoder_are_found():
    action = traced(_encoder().eval(), torch.randn(2, 7, 5))
    assert [site for site in action.sites.values() if isinstance(site, Heads)] == [Heads(3, 4), Heads(3, 4)]
    assert torch.backends.mha.get_fastpath_enabled()


def test_signs_are_left_out_unless_they_are_asked_for():
    assert {scales for _, scales in _units(traced(_wide(nn.Tanh()), ROWS)).values()} == {"none"}


def test_a_layer_that_is_used_twice_has_one_site():
    rows = traced(Shared(), torch.randn(2, 3)).tensors
    assert rows["again.weight"] == ("units0", "units0*")
    assert rows["into.weight"] == ("units0", None)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            nn.Sequential(nn.GRU(3, 4)),
            "model: expected a model without recurrent layers, got GRU at 0; write the table",
        ),
        (nn.Linear(3, 2), "model: expected units that may change places, got Linear"),
    ],
)
def test_models_that_have_no_table(model, message):
    with pytest.raises(ArgumentError) as error:
        traced(model, torch.randn(2, 3))
    assert str(error.value).startswith(message)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_a_model_that_cannot_be_followed_is_told_the_way_out():
    with pytest.raises(ArgumentError, match=r"write the table by hand"):
        traced(nn.Sequential(nn.Linear(3, 3), Branching()), torch.randn(2, 3))


def test_an_example_that_the_model_does_not_take():
    with pytest.raises(ArgumentError, match="example: expected inputs that the model takes, got others"):
        traced(_wide(nn.ReLU()), torch.randn(2, 5))
