"""Copies of units: the wide network is the narrow one, and the way back undoes it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.weights import Heads, ParameterAction, Units, traced
from haar.weights.copies import Copies, widened, without_copies

F64 = torch.float64


def test_shares_are_equal_or_add_up_to_one():
    assert Copies(torch.tensor([1, 0, 1, 1])).shares.tolist() == pytest.approx([1 / 3, 1, 1 / 3, 1 / 3])
    given = Copies(torch.tensor([0, 1, 0]), torch.tensor([0.25, 1.0, 0.75]))
    assert given.shares.tolist() == [0.25, 1.0, 0.75]
    assert given.shares.dtype is F64
    assert (given.count, Copies(torch.tensor([2, 0, 1])).count) == (2, 3)
    near = Copies(torch.tensor([0, 0]), torch.tensor([0.5, 0.5 + 0.9e-6], dtype=F64))
    assert float(near.shares.sum()) == pytest.approx(1.0, rel=1e-15)
    for off in (1.1e-6, -1.1e-6):
        with pytest.raises(ArgumentError, match=r"shares: expected shares that add up to 1 for each unit, got \[1.0, "):
            Copies(torch.tensor([0, 1, 1]), torch.tensor([1.0, 0.5, 0.5 + off], dtype=F64))
    with pytest.raises(ArgumentError, match="source: expected a copy of every unit, got none of unit 1"):
        Copies(torch.tensor([0, 2]))


@pytest.mark.usefixtures("unchecked_annotations")
def test_shares_are_as_many_as_copies():
    with pytest.raises(ShapeError, match=r"shares: expected \(2,\), got \(3,\)"):
        Copies(torch.tensor([0, 0]), torch.ones(3) / 3)


@pytest.mark.parametrize("shares", [None, torch.tensor([0.5, 1.0, 0.2, 0.3, 1.0], dtype=F64)])
def test_a_wide_network_is_the_narrow_one_and_back(shares):
    torch.manual_seed(0)
    narrow = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    x = torch.randn(6, 2, dtype=F64)
    action, state = traced(narrow, x), narrow.state_dict()
    copies = {"units0": Copies(torch.tensor([1, 0, 1, 1, 2]), None if shares is None else shares)}
    if shares is not None:
        copies["units1"] = Copies(torch.tensor([0, 1, 2, 2]))
    table, found = widened(action, state, copies)
    sizes = (5, 3 if shares is None else 4)
    wide = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, sizes[1]), nn.Tanh(), nn.Linear(sizes[1], 1)).double()
    wide.load_state_dict(found)
    torch.testing.assert_close(wide(x), narrow(x), rtol=1e-12, atol=1e-12)
    assert [site.count for site in table.sites.values()] == list(sizes)
    assert torch.equal(found["0.weight"], state["0.weight"][[1, 0, 1, 1, 2]])
    for name, value in without_copies(action, found, copies).items():
        torch.testing.assert_close(value, state[name], rtol=1e-12, atol=1e-12)


def test_maps_of_convolutions_are_copied_whole():
    action = ParameterAction({"h": Units(2)}, {"w": ("h", None), "v": (None, "h*")})
    state = {"w": torch.arange(4.0).reshape(2, 2), "v": torch.arange(12.0).reshape(1, 12)}  # six places of each map
    _, found = widened(action, state, {"h": Copies(torch.tensor([0, 1, 1]))})
    assert found["v"].tolist() == [[0, 1, 2, 3, 4, 5, *[3.0, 3.5, 4, 4.5, 5, 5.5] * 2]]
    assert found["w"].tolist() == [[0, 1], [2, 3], [2, 3]]


@pytest.mark.parametrize(
    ("sites", "name", "words"),
    [
        ({"h": Heads(1, 2)}, "h", "copies: h: expected a site of units, got Heads"),
        ({"h": Units(2)}, "g", "copies: g: expected a site of units, got no site"),
        ({"h": Units(3)}, "h", "copies: h: expected copies of 3 units, got 2"),
        ({"h": Units(2, normed=True)}, "h", "copies: h: expected equally many copies of every unit, .* got 1 to 2"),
    ],
)
def test_what_cannot_be_copied_is_named(sites, name, words):
    action = ParameterAction(sites, {})
    for use in (widened, without_copies):
        with pytest.raises(ArgumentError, match=words):
            use(action, {}, {name: Copies(torch.tensor([0, 1, 1]))})


def test_a_norm_allows_equally_many_copies():
    action = ParameterAction({"h": Units(2, normed=True)}, {"w": ("h",)})
    table, found = widened(action, {"w": torch.tensor([1.0, 2.0])}, {"h": Copies(torch.tensor([0, 1, 1, 0]))})
    assert found["w"].tolist() == [1, 2, 2, 1]
    assert table.sites["h"].count == 4
