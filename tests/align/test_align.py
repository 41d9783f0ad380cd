"""align: planted elements are found, functions stay, and networks that differ stay apart."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import haar
from haar.align import Learning
from haar.errors import ArgumentError
from haar.weights import ParameterAction, Units, adapted, folded
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama, SmallViT

TOKENS = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(5))
IMAGES = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(5))
MADE = {
    "gpt2": lambda: SmallGPT2(11, 8, layers=2, dim=12, heads=3, hidden=10),
    "llama": lambda: SmallLlama(LlamaSizes(11, layers=2, dim=16, heads=4, groups=2, hidden=10)),
    "mixtral": lambda: SmallLlama(LlamaSizes(11, layers=2, dim=16, heads=4, groups=4, hidden=6, experts=3)),
    "vit": lambda: SmallViT(4, 2, 10, layers=2, dim=12, heads=3, hidden=10),
}


def _made(name, seed=0, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = MADE[name]().to(dtype).eval()
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.2 * torch.randn_like(p))
    return model, IMAGES.to(dtype) if name == "vit" else TOKENS


def _planted(model, seed):
    """Another checkpoint of the same function: folded, then moved by a random element of the whole group."""
    action = adapted(model.state_dict(), model.config)
    plain = dict(folded(action, model.state_dict()))
    dtype = next(model.parameters()).dtype
    twin = copy.deepcopy(model)
    twin.load_state_dict(action.act(action.random(seed, dtype=dtype, state=plain), plain))
    return twin


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize(("dtype", "near"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_planted_elements_are_found(name, dtype, near):
    model, inputs = _made(name, dtype=dtype)
    twin = _planted(model, 7)
    found = haar.align(model, twin)
    assert found.distances.total("canonical") > 0.5
    assert found.distances.total() < near
    assert found.same
    merged = found.model_a
    merged.load_state_dict(found.merged())
    torch.testing.assert_close(merged(inputs), model(inputs), rtol=0, atol=100 * near)


@pytest.mark.parametrize("name", MADE)
def test_no_function_is_changed(name):
    one, inputs = _made(name, 0)
    other, _ = _made(name, 1)
    before = [copy.deepcopy(model.state_dict()) for model in (one, other)]
    for symmetry in ("orthogonal", "permutation"):
        found = haar.align(one, other, symmetry=symmetry)
        torch.testing.assert_close(found.model_a(inputs), one(inputs), rtol=0, atol=1e-10)
        torch.testing.assert_close(found.model(inputs), other(inputs), rtol=0, atol=1e-10)
        assert not found.same
        assert 0 < found.distances.total() < found.distances.total("canonical")
    for state, model in zip(before, (one, other), strict=True):  # what is given is left as it was
        assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", MADE)
def test_sweeps_bring_the_two_nearer(name):
    one, other = _made(name, 0)[0], _made(name, 1)[0]
    found = haar.align(one, other)
    assert len(found.history) >= 3
    assert all(after <= before + 1e-9 for before, after in zip(found.history[1:], found.history[2:], strict=False))
    assert found.history[-1] < found.history[0]


def test_orthogonal_maps_come_nearer_than_permutations():
    one, other = _made("llama", 0)[0], _made("llama", 1)[0]
    far = {kind: haar.align(one, other, symmetry=kind).distances.total() for kind in ("orthogonal", "permutation")}
    assert far["orthogonal"] < far["permutation"]


def test_the_element_that_is_told_is_the_one_that_was_used():
    one, other = _made("gpt2", 0)[0], _made("gpt2", 1)[0]
    found = haar.align(one, other)
    again = found.action.act(found.gauge, dict(folded(found.action, other.state_dict())))
    assert max(float((again[key] - found.b[key]).abs().max()) for key in again) < 1e-10


def _perceptron(seed, activation=nn.ReLU):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 3)).double()


X = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("symmetry", "activation"), [("auto", nn.ReLU), ("signed", nn.Tanh)])
@pytest.mark.parametrize("how", ["weights", "activations"])
def test_perceptrons_are_traced(symmetry, activation, how):
    model = _perceptron(0, activation)
    action = haar.weights.traced(model, X, signs=symmetry == "signed")
    twin = copy.deepcopy(model)
    twin.load_state_dict(action.act(action.random(1), model.state_dict()))
    found = haar.align(model, twin, symmetry=symmetry, how=how, example=torch.cat([X, -X, 3 * X + 1]))
    assert found.distances.total("canonical") > 0.3
    assert found.distances.total() < 1e-12
    if symmetry == "signed":  # nothing is folded or balanced: the first stays bit for bit
        assert all(torch.equal(value, model.state_dict()[name]) for name, value in found.a.items())
    torch.testing.assert_close(found.model_a(X), model(X), rtol=0, atol=1e-12)


def test_permutations_alone_leave_factors_alone():
    model = _perceptron(0)
    found = haar.align(model, _perceptron(1), symmetry="permutation", example=X)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in found.a.items())
    assert haar.align(model, _perceptron(1), example=X).action.sites["units0"] == Units(16, "positive")


def test_activations_match_a_transformer():
    model, inputs = _made("gpt2")
    found = haar.align(model, _planted(model, 2), how="activations", example=inputs)
    assert found.distances.total() < 1e-8
    assert found.history == ()


def test_activations_before_a_batch_norm_are_compared_by_correlations():
    """Convolutions of a copy get other sizes and biases, which the norm after them does not see."""
    net = nn.Sequential(nn.Conv2d(1, 7, 3), nn.BatchNorm2d(7), nn.Tanh(), nn.Flatten(), nn.Linear(28, 3)).double()
    x = torch.randn(40, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    net.train()(x)
    net.eval()
    twin = copy.deepcopy(net)
    order, size = torch.tensor([3, 0, 6, 1, 5, 2, 4]), 10.0 ** torch.arange(-3.0, 4, dtype=torch.float64)
    with torch.no_grad():
        twin[0].weight.copy_(size[:, None, None, None] * net[0].weight[order])
        twin[0].bias.copy_(size * (net[0].bias[order] + 5))
        twin[1].running_mean.copy_(size * (net[1].running_mean[order] + 5))
        twin[1].running_var.copy_(size**2 * net[1].running_var[order])
        for name in ("weight", "bias"):
            getattr(twin[1], name).copy_(getattr(net[1], name)[order])
        twin[4].weight.copy_(net[4].weight.unflatten(1, (7, 4))[:, order].flatten(1) * 0.01)  # readers say little
    found = haar.align(net, twin, how="activations", example=x)
    assert torch.equal(order[found.gauge.sites["units0"][""].order], torch.arange(7))


def test_a_table_by_hand():
    rows = {"w": ("h", None), "v": (None, "h*")}
    a = {"w": torch.randn(6, 3), "v": torch.randn(2, 6)}
    action = ParameterAction({"h": Units(6)}, rows)
    order = torch.randperm(6)
    found = haar.align(a, {"w": a["w"][order], "v": a["v"][:, order]}, symmetry=action)
    assert found.distances.total() == 0.0
    assert torch.equal(order[found.gauge.sites["h"][""].order], torch.arange(6))
    with pytest.raises(ArgumentError, match=r"model: expected an alignment of models, got one of parameters by name"):
        _ = found.model


def _loss(model, batch):
    return nn.functional.cross_entropy(model(batch)[:, :-1].flatten(0, 1), batch[:, 1:].flatten())


def test_learning_lowers_the_loss_half_way():
    one, other = _made("llama", 0)[0], _made("llama", 1)[0]
    middle = {}
    for steps in (0, 40):
        learning = Learning(steps=steps, learning_rate=0.02)
        found = haar.align(one, other, how="learned", loss=_loss, data=[TOKENS], learning=learning)
        torch.testing.assert_close(found.model(TOKENS), other(TOKENS), rtol=0, atol=1e-10)
        turn = found.gauge.sites["residual"][""].matrix()
        torch.testing.assert_close(turn @ turn.mT, torch.eye(16, dtype=torch.float64), rtol=0, atol=1e-12)
        middle[steps] = haar.align.barrier(found.model_a, found.model, _loss, [TOKENS], points=3).middle()
    plain = haar.align(one, other)
    weights = haar.align.barrier(plain.model_a, plain.model, _loss, [TOKENS], points=3).middle()
    assert abs(middle[0] - weights) < 1e-9  # no step is weight matching
    assert middle[40] < middle[0]


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_orders_of_heads_are_learned(name):
    """Heads of a copy in the wrong order: what weight matching is told not to touch is found by the loss."""
    one, other = _made(name, 0)[0], _made(name, 1)[0]
    orders = []
    for rate in (0.0, 0.05):
        learning = Learning(steps=25, learning_rate=1e-9, heads=rate, permutations=rate)
        found = haar.align(one, other, how="learned", loss=_loss, data=[TOKENS], learning=learning)
        torch.testing.assert_close(found.model(TOKENS), other(TOKENS), rtol=0, atol=1e-10)
        orders.append(torch.cat([found.gauge.sites[f"heads{k}"]["q"].order for k in range(2)]))
    assert not torch.equal(orders[0], orders[1])


def test_both_sides_are_moved():
    one, other = _made("llama", 0)[0], _made("llama", 1)[0]
    learning = Learning(steps=30, learning_rate=0.02, permutations=0.01, heads=0.01)
    found = haar.align(one, other, how="learned", loss=_loss, data=[TOKENS], learning=learning, sides="both")
    torch.testing.assert_close(found.model_a(TOKENS), one(TOKENS), rtol=0, atol=1e-10)
    torch.testing.assert_close(found.model(TOKENS), other(TOKENS), rtol=0, atol=1e-10)
    plain = haar.align(one, other)
    moved = [max(float((x[k] - y[k]).abs().max()) for k in x) for x, y in ((plain.a, found.a), (plain.b, found.b))]
    assert min(moved) > 1e-3
    for gauge, state, model in ((found.gauge_a, found.a, one), (found.gauge, found.b, other)):
        again = found.action.act(gauge, dict(folded(found.action, model.state_dict())))
        assert max(float((again[key] - state[key]).abs().max()) for key in again) < 1e-10
    apart = sum(float((found.a[row] - found.b[row]).square().sum()) for row in found.distances.after)
    weight = sum(float(found.a[row].square().sum() + found.b[row].square().sum()) / 2 for row in found.distances.after)
    assert found.distances.total() == pytest.approx((apart / weight) ** 0.5, rel=1e-9)
    middle = [
        haar.align.barrier(each.model_a, each.model, _loss, [TOKENS], points=3).middle() for each in (plain, found)
    ]
    assert middle[1] < middle[0]


def test_with_one_side_the_first_stays():
    one, other = _made("gpt2", 0)[0], _made("gpt2", 1)[0]
    learning = Learning(steps=2)
    found = haar.align(one, other, how="learned", loss=_loss, data=[TOKENS], learning=learning)
    assert all(torch.equal(found.a[name], value) for name, value in haar.align(one, other).a.items())
    again = found.action.act(found.gauge_a, dict(folded(found.action, one.state_dict())))
    assert max(float((again[key] - found.a[key]).abs().max()) for key in again) < 1e-10


def test_tied_embeddings_are_untied():
    model, inputs = _made("gpt2")
    model.lm_head.weight = model.transformer["wte"].weight
    state = {key: value for key, value in model.state_dict().items() if key != "lm_head.weight"}
    other = {key: value + 0.1 for key, value in state.items()}
    found = haar.align(state, other, config=model.config)
    assert "lm_head.weight" in found.a
    y = torch.func.functional_call(model, dict(found.a), (inputs,), tie_weights=False)
    torch.testing.assert_close(y, model(inputs), rtol=0, atol=1e-10)


def _state(**sizes):
    given = {"layers": 1, "dim": 8, "heads": 2, "hidden": 6} | sizes
    return SmallGPT2(given.pop("vocabulary", 11), 8, **given).state_dict()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (_state(layers=2), "b: expected the 17 tensors of the table, got 'transformer.h.1.ln_1.weight' as well"),
        (_state(dim=12), "b: transformer.wte.weight, axis 1: expected 8 for residual, got 12"),
        (_state(hidden=7), "b: transformer.h.0.mlp.c_fc.weight, axis 1: expected 6 for units0, got 7"),
        (_state(vocabulary=12), "b: transformer.wte.weight: expected a tensor of shape (11, 8), as a has, got (12, 8)"),
        ({k: v.half() for k, v in _state().items()}, "b: transformer.wte.weight: expected a float32 or float64 tensor"),
        ({k: v for k, v in _state().items() if "ln_f.bias" not in k}, "b: expected a tensor 'transformer.ln_f.bias'"),
    ],
)
def test_networks_that_do_not_fit(other, message):
    with pytest.raises(ArgumentError) as error:
        haar.align(_state(), other, config={"model_type": "gpt2", "n_head": 2})
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "gpt2", "n_head": 3}, "config: n_head: expected a number of heads that divides 8, got 3"),
        ({"model_type": "gpt2"}, "config: expected a number 'n_head', got model_type"),
        ({"model_type": "bert"}, "symmetry: expected a table, the configuration of a known architecture"),
        ({"model_type": "gpt2", "n_head": 2, "quantization_config": {"bits": 4}},
         "config: expected a checkpoint that is not quantised"),
    ],
)  # fmt: skip
def test_configurations_that_do_not_fit(config, message):
    with pytest.raises(ArgumentError) as error:
        haar.align(_state(), _state(), config=config)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"how": "magic"}, "how: expected one of weights, activations, learned, got 'magic'"),
        (
            {"symmetry": "gauge"},
            "symmetry: expected a ParameterAction, or one of auto, orthogonal, signed, permutation",
        ),
        ({"symmetry": "orthogonal"}, "symmetry: expected 'auto', 'permutation' or 'signed' for a model that is traced"),
        ({"how": "learned"}, "how: expected models, a loss and data for 'learned', got not all of them"),
        ({"sweeps": 0}, "sweeps: expected at least 1, got 0"),
        ({"sides": "two"}, "sides: expected one of one, both, got 'two'"),
        ({"sides": "both"}, "sides: expected 'one' for how='weights', which looks at the two beside each other"),
        ({"sides": "both", "how": "activations"}, "sides: expected 'one' for how='activations'"),
    ],
)
def test_words_that_are_not_known(options, message):
    with pytest.raises(ArgumentError) as error:
        haar.align(_perceptron(0), _perceptron(1), example=X, **options)
    assert str(error.value).startswith(message)


def test_signs_are_refused_where_the_mean_is_subtracted():
    model, _ = _made("gpt2")
    with pytest.raises(ArgumentError, match=r"residual: expected 'orthogonal' or 'permutation' where LayerNorm"):
        haar.align(model, model, symmetry="signed")


def test_recurrent_networks_are_refused_by_name():
    model = nn.Sequential(nn.Linear(2, 3), nn.LSTM(3, 4))
    with pytest.raises(ArgumentError, match=r"model: expected a model without recurrent layers, got LSTM at 1; write"):
        haar.align(model, model, example=torch.zeros(1, 2))


class Packed(nn.Module):
    """What quantised layers of torch put into a state dict."""

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}dtype"] = torch.qint8


def test_quantised_models_are_refused_by_the_tensor():
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    quantised = copy.deepcopy(plain)
    quantised.register_module("packed", Packed())
    with pytest.raises(ArgumentError, match=r"b: expected a model whose state dict .*, got packed\.dtype, a dtype"):
        haar.align(plain, quantised, example=torch.randn(2, 3))
