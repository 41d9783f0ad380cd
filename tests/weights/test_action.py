"""What a group does to parameters: nothing to the function, and the laws of an action, for each architecture."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.weights import Gauge, Heads, ParameterAction, Units, adapted, folded

RESIDUALS = ("orthogonal", "permutation")


def _outputs(model, state, inputs):
    return torch.func.functional_call(model, dict(state), (inputs,))


def _apart(one, other):
    assert list(one) == list(other)
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def _of(model, residual):
    """The table and the parameters that it is to act on."""
    state = model.state_dict()
    action = adapted(state, model.config, residual=residual)
    return action, dict(folded(action, state)) if residual == "orthogonal" else state


@pytest.mark.parametrize("residual", RESIDUALS)
def test_random_elements_of_each_site_leave_the_outputs_alone(small, residual):
    model, inputs = small
    action, state = _of(model, residual)
    y = model(inputs)
    for name in action.sites:
        moved = action.act(action.random(3, sites=[name]), state)
        assert _apart(moved, state) > 0.1
        torch.testing.assert_close(_outputs(model, moved, inputs), y, rtol=0, atol=1e-10)


@pytest.mark.parametrize("residual", RESIDUALS)
def test_the_laws_of_an_action(small, residual):
    model, _ = small
    action, state = _of(model, residual)
    g, h = (action.random(seed, state=state) for seed in (1, 2))
    assert _apart(action.act(action.identity(), state), state) == 0.0
    assert _apart(action.act(action.compose(h, g), state), action.act(h, action.act(g, state))) < 1e-12
    assert _apart(action.act(action.inverse(g), action.act(g, state)), state) < 1e-12
    assert _apart(action.act(action.compose(action.inverse(g), g), state), state) < 1e-12
    linear = Gauge(g.sites)
    other = {name: torch.randn_like(value) for name, value in state.items()}
    for norm in action.norms:  # gains that a rotation would refuse
        other[norm.gain] = torch.ones_like(other[norm.gain])
    both = {name: 2 * state[name] - 3 * other[name] for name in state}
    one, two = (action.act(linear, each) for each in (state, other))
    apart = {name: 2 * one[name] - 3 * two[name] for name in state}
    assert _apart(action.act(linear, both), apart) < 1e-12


def test_permutations_keep_every_bit(small):
    model, _ = small
    action, state = _of(model, "permutation")
    units = [name for name, site in action.sites.items() if type(site) is Units and site.scales == "none"]
    g = action.random(0, sites=units)
    back = action.act(action.inverse(g), action.act(g, state))
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_permutations_that_are_written_out(gpt2):
    """The matrices themselves, against a loop: an element and its inverse look alike in every test of invariance."""
    model, _ = gpt2
    action, state = _of(model, "permutation")
    order = torch.tensor([1, 2, 0])
    turn = torch.stack(
        [torch.tensor([[1.0, 2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2]]) * k for k in (1, 2, 3)]
    ).double()
    site = action.sites["heads0"]
    assert isinstance(site, Heads)
    inner = torch.zeros(3, 1, dtype=torch.long)
    g = action.with_site(action.identity(), "heads0", site.element(order, inner, turn, turn))
    moved = action.act(g, state)
    weight, out = state["transformer.h.0.attn.c_attn.weight"], state["transformer.h.0.attn.c_proj.weight"]
    for head in range(3):
        here, there = slice(4 * head, 4 * head + 4), slice(4 * int(order[head]), 4 * int(order[head]) + 4)
        for part, matrix in ((0, turn[head]), (1, turn[head].inverse().T), (2, turn[head])):
            new = moved["transformer.h.0.attn.c_attn.weight"][:, 12 * part :][:, here]
            torch.testing.assert_close(new, weight[:, 12 * part :][:, there] @ matrix.T)
        new = moved["transformer.h.0.attn.c_proj.weight"][here]
        torch.testing.assert_close(new, turn[head].inverse().T @ out[there])


def test_stacked_names_are_moved_as_one_tensor():
    action = ParameterAction({"e": Units(3)}, {"experts.*.w": ("e", None), "router": ("e+",)})
    state = {f"experts.{k}.w": torch.full((2,), float(k)) for k in range(3)} | {"router": torch.arange(3.0)}
    order = torch.tensor([2, 0, 1])
    moved = action.act(Gauge({"e": Units(3).element(order)}), state)
    assert [moved[f"experts.{k}.w"][0].item() for k in range(3)] == order.tolist() == moved["router"].tolist()


@pytest.mark.parametrize(
    ("change", "expected", "message"),
    [
        (lambda s: s.pop("0.bias"), ArgumentError, "state: expected a tensor '0.bias', got none of that name"),
        (lambda s: s.update(more=torch.ones(1)), ArgumentError,
         "state: expected the 4 tensors of the table, got 'more'"),
        (lambda s: s.update({"0.bias": torch.ones(4, 1)}), ShapeError, "state: 0.bias: expected 1 axes, got 2"),
        (lambda s: s.update({"0.bias": torch.ones(5)}), ShapeError, "state: 0.bias, axis 0: expected 4 for h, got 5"),
        (lambda s: s.update({"0.bias": torch.ones(4).half()}), ArgumentError,
         "state: 0.bias: expected a float32 or float64 tensor, got float16; convert the checkpoint first"),
        (lambda s: s.update({"0.bias": torch.ones(4) * torch.nan}), ArgumentError,
         "state: 0.bias: expected finite numbers, got NaN"),
        (lambda s: s.update({"0.bias": torch.ones(4, dtype=torch.int8)}), ArgumentError,
         "state: 0.bias: expected a float32 or float64 tensor, got int8"),
    ],
)  # fmt: skip
def test_parameters_that_are_not_the_tables(change, expected, message):
    rows = {"0.weight": ("h", None), "0.bias": ("h",), "2.weight": (None, "h*"), "2.bias": (None,)}
    action = ParameterAction({"h": Units(4)}, rows)
    state = dict(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).state_dict())
    action.check(state)
    change(state)
    with pytest.raises(expected) as error:
        action.act(action.identity(), state)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("h!", "tensors: w, axis 0: expected site, site*, site.port, parts joined by |"),
        ("k", "tensors: w, axis 0: expected a site among h, got 'k'"),
        ("h.q", "tensors: w, axis 0: expected a port of h among '', 'order', got 'q'"),
    ],
)
def test_labels_that_cannot_be_read(labels, message):
    with pytest.raises(ArgumentError) as error:
        ParameterAction({"h": Units(4)}, {"w": (labels,)})
    assert str(error.value).startswith(message)


def test_a_site_needs_a_name_that_labels_can_hold():
    with pytest.raises(ArgumentError, match=r"sites: expected names of letters, digits and _, got 'a b'"):
        ParameterAction({"a b": Units(2)}, {})


def test_a_rotation_refuses_gains_that_are_not_folded(gpt2):
    model, _ = gpt2
    action = adapted(model.state_dict(), model.config)
    with pytest.raises(ArgumentError, match=r"ln_1.weight: expected equal gains.*haar.weights.folded"):
        action.act(action.random(0), model.state_dict())


def test_sites_are_known_by_name(gpt2):
    model, _ = gpt2
    action = adapted(model.state_dict(), model.config)
    with pytest.raises(ArgumentError, match=r"sites: expected names among residual, heads0, .*, got 'head'"):
        action.random(0, sites=["head"])
