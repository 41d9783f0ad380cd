"""Canonical forms keep the function: norms folded, scales balanced, what a softmax does not see taken out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.weights import Experts, Heads, Norm, ParameterAction, Rotation, Units, adapted, balancing, folded


def _outputs(model, state, inputs):
    return torch.func.functional_call(model, dict(state), (inputs,))


def test_folding_keeps_the_outputs_and_leaves_no_gain(small):
    model, inputs = small
    action = adapted(model.state_dict(), model.config)
    found = folded(action, model.state_dict())
    assert list(found) == list(model.state_dict())
    torch.testing.assert_close(_outputs(model, found, inputs), model(inputs), rtol=0, atol=1e-10)
    for norm in action.norms:
        assert bool((found[norm.gain] == 1).all())
        if norm.bias is not None and all(bias is not None for _, bias in norm.readers):
            assert bool((found[norm.bias] == 0).all())
    again = folded(action, dict(found))
    assert max(float((again[key] - found[key]).abs().max()) for key in found) < 1e-12


def test_what_is_written_to_a_centred_stream_has_no_mean(gpt2):
    model, _ = gpt2
    found = folded(adapted(model.state_dict(), model.config), model.state_dict())
    for name in ("transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.mlp.c_proj.weight"):
        assert float(found[name].mean(-1).abs().max()) < 1e-14
    assert float(found["transformer.h.1.attn.c_attn.weight"].mean(0).abs().max()) < 1e-14


def test_a_gain_of_zero_holds_a_bias_that_cannot_leave():
    norm = Norm("s", "gain", "bias", (("head", None),))
    action = ParameterAction({"s": Rotation(2)}, {"gain": ("s.order",), "bias": ("s",), "head": (None, "s*")}, (norm,))
    state = {"gain": torch.tensor([0.0, 2.0]), "bias": torch.tensor([0.0, 3.0]), "head": torch.ones(1, 2)}
    assert folded(action, state)["bias"].tolist() == [0.0, 1.5]
    state["bias"] = torch.ones(2)
    with pytest.raises(ArgumentError, match=r"state: gain: expected gains other than 0, .* got 0; give head a bias"):
        folded(action, state)["bias"]


@pytest.mark.parametrize("residual", ["orthogonal", "permutation"])
def test_balancing_keeps_the_outputs_and_is_done_once(small, residual):
    model, inputs = small
    state = dict(model.state_dict())
    action = adapted(state, model.config, residual=residual)
    found = action.act(balancing(action, state), state)
    torch.testing.assert_close(_outputs(model, found, inputs), model(inputs), rtol=0, atol=1e-10)
    again = action.act(balancing(action, found), found)
    assert max(float((again[key] - found[key]).abs().max()) for key in found) < 1e-10


def test_balanced_parameters_have_the_least_norm_of_their_orbit(small):
    model, _ = small
    state = dict(model.state_dict())
    action = adapted(state, model.config, residual="permutation")
    found = action.act(balancing(action, state), state)

    def size(state):
        return sum(float(value.square().sum()) for value in state.values())

    least = size(found)
    for seed in range(5):
        assert size(action.act(action.random(seed), found)) >= least - 1e-9
    assert size(state) >= least - 1e-9


def test_heads_are_balanced_by_equal_gram_matrices():
    site = Heads(1, 3)
    rows = {"q": ("h.q", None), "k": ("h.k", None), "v": ("h.v", None), "o": (None, "h.o")}
    action = ParameterAction({"h": site}, rows)
    shapes = {"q": (3, 7), "k": (3, 7), "v": (3, 7), "o": (7, 3)}
    state = {name: torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}
    found = action.act(balancing(action, state), state)
    torch.testing.assert_close(found["q"] @ found["q"].T, found["k"] @ found["k"].T)
    torch.testing.assert_close(found["v"] @ found["v"].T, found["o"].T @ found["o"])
    torch.testing.assert_close(found["q"].T @ found["k"], state["q"].T @ state["k"])
    torch.testing.assert_close(found["o"] @ found["v"], state["o"] @ state["v"])


@pytest.mark.parametrize("heads", ["h", "z"])
def test_what_else_moves_a_tensor_is_no_part_of_its_heads(heads):
    sites = {heads: Heads(1, 3), "s": Rotation(7)}
    rows = {p: (f"{heads}.{p}", "s*") for p in "qkv"} | {"o": ("s", f"{heads}.o")}
    action = ParameterAction(sites, rows)
    state = {p: torch.randn((7, 3) if p == "o" else (3, 7), dtype=torch.float64) for p in "qkvo"}
    found = action.act(balancing(action, state), state)
    torch.testing.assert_close(found["q"] @ found["q"].T, found["k"] @ found["k"].T)
    torch.testing.assert_close(found["v"] @ found["v"].T, found["o"].T @ found["o"])


def test_a_dead_head_gets_equal_norms_and_nothing_breaks():
    action = ParameterAction({"h": Heads(1, 2)}, {p: (f"h.{p}", None) for p in "qkvo"})
    state = {p: torch.zeros(2, 3, dtype=torch.float64) for p in "qkvo"}
    state["q"], state["k"] = torch.diag(torch.tensor([4.0, 0, 0]).double())[:2], torch.ones(2, 3, dtype=torch.float64)
    found = action.act(balancing(action, state), state)
    assert all(bool(value.isfinite().all()) for value in found.values())
    assert float(found["q"].norm()) == pytest.approx(float(found["k"].norm()))
    assert float(found["v"].norm()) == 0.0


def test_routers_are_centred_and_keys_have_no_bias(small):
    model, _ = small
    state = dict(model.state_dict())
    action = adapted(state, model.config)
    shifted = action.act(action.random(0, sites=[], state=state), state)
    one, other = (action.act(balancing(action, each), each) for each in (state, shifted))
    assert max(float((one[key] - other[key]).abs().max()) for key in one) < 1e-10
    moved = [key for key in state if not torch.equal(state[key], shifted[key])]
    router = [key for key in state if "mlp.gate." in key]
    keys = [key for key in state if key.endswith(("c_attn.bias", "k_proj.bias"))]
    assert moved == [*keys, *router] == [key for key in state if key in {*keys, *router}]
    for key in router:
        assert float(one[key].mean(0).abs().max()) < 1e-14


class _Mixture(nn.Module):
    """Gates with biases and ReLU experts; the best one, or all of them."""

    def __init__(self, chosen):
        super().__init__()
        self.chosen, self.gate = chosen, nn.Linear(5, 4)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 5)) for _ in range(4))

    def forward(self, x):
        scores = self.gate(x)
        least = scores.topk(self.chosen, -1).values[..., -1:]
        shares = scores.masked_fill(scores < least, -torch.inf).softmax(-1)
        return sum(shares[..., k, None] * expert(x) for k, expert in enumerate(self.experts))


MIXTURE = {
    "gate.weight": ("e+", None), "gate.bias": ("e+",),
    "experts.*.0.weight": ("e", "e.units", None), "experts.*.0.bias": ("e", "e.units"),
    "experts.*.2.weight": ("e", None, "e.units*"), "experts.*.2.bias": ("e", None),
}  # fmt: skip


@pytest.mark.parametrize("chosen", [1, 2, 4])
def test_a_mixture_by_hand(chosen):
    """Orders of experts, of the units inside, scales of these, and translations of the gate, dense and of the best."""
    model = _Mixture(chosen).double()
    action = ParameterAction({"e": Experts(4, 3, "positive")}, MIXTURE)
    x = torch.randn(50, 5, dtype=torch.float64)
    state = dict(model.state_dict())
    moved = action.act(action.random(1, state=state), state)
    torch.testing.assert_close(_outputs(model, moved, x), model(x), rtol=0, atol=1e-10)
    assert float((moved["gate.bias"].sort().values - state["gate.bias"].sort().values).abs().min()) > 1e-3
    if chosen == 1:  # the softmax over one score is 1: the gate's scale is not seen
        scaled = {**state, "gate.weight": 3 * state["gate.weight"], "gate.bias": 3 * state["gate.bias"]}
        torch.testing.assert_close(_outputs(model, scaled, x), model(x), rtol=0, atol=1e-10)


def test_units_inside_experts_are_balanced_where_they_are_written_to_and_read():
    model = _Mixture(2).double()
    action = ParameterAction({"e": Experts(4, 3, "positive")}, MIXTURE)
    state = dict(model.state_dict())
    found = action.act(balancing(action, state), state)
    for k in range(4):
        into = found[f"experts.{k}.0.weight"].square().sum(1) + found[f"experts.{k}.0.bias"].square()
        torch.testing.assert_close(into, found[f"experts.{k}.2.weight"].square().sum(0))
    x = torch.randn(20, 5, dtype=torch.float64)
    torch.testing.assert_close(_outputs(model, found, x), model(x), rtol=0, atol=1e-10)
    for alone in ("experts.*.0.weight", "experts.*.2.weight"):
        part = ParameterAction({"e": Experts(4, 3, "positive")}, {alone: MIXTURE[alone]})
        own = {name: value for name, value in state.items() if name.endswith(alone.split("*")[1])}
        kept = part.act(balancing(part, own), own)
        assert all(torch.equal(kept[name], value) for name, value in own.items())


def test_experts_without_the_rows_of_their_router_are_another_function():
    model = _Mixture(2).double()
    rows = {**MIXTURE, "gate.weight": (None, None), "gate.bias": (None,)}
    action = ParameterAction({"e": Experts(4, 3)}, rows)
    x = torch.randn(50, 5, dtype=torch.float64)
    moved = action.act(action.random(1), dict(model.state_dict()))
    assert float((_outputs(model, moved, x) - model(x)).detach().abs().max()) > 1e-2


def test_units_inside_experts_need_the_experts():
    with pytest.raises(ArgumentError, match=r"tensors: w, axis 0: expected another axis labelled 'e', got none"):
        ParameterAction({"e": Experts(2, 3)}, {"w": ("e.units", None)})


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Units(0), "count: expected at least 1, got 0"),
        (lambda: Units(2, "any sign"), "scales: expected one of none, signs, positive, any, got 'any sign'"),
        (lambda: Heads(2, 3, scores="rotary"), "size: expected an even size for rotary positions, got 3"),
        (lambda: Heads(2, 4, scores="turned"), "scores: expected one of linear, rotary, fixed, got 'turned'"),
        (lambda: Experts(2, 3, "some"), "scales: expected one of none, signs, positive, any, got 'some'"),
        (lambda: Rotation(1, fixes_ones=True), "count: expected at least 2, got 1"),
    ],
)
def test_sites_that_there_are_not(made, message):
    with pytest.raises(ArgumentError) as error:
        made()
    assert str(error.value) == message
