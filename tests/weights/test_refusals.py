"""What is wrong in a table, a checkpoint, a configuration or a size is refused in one line: one bad entry each."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, DataError, ShapeError
from haar.weights import Checkpoint, ParameterAction, Units, adapted, asymmetry, folded, traced, verify, write_weights
from haar.weights.models import state_of
from haar.weights.norms import Norm
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama, SmallMixture, SmallViT


def llama(**config):
    model = SmallLlama(LlamaSizes(11, layers=1, dim=16, heads=4, groups=4, hidden=10))
    return model.state_dict(), {**model.config, **config}


def gpt2():
    model = SmallGPT2(11, 8, layers=1, dim=8, heads=2)
    return model.state_dict(), model.config


def without_layers():
    state, config = gpt2()
    return {name: value for name, value in state.items() if ".h." not in name}, config


def without_heads():
    state, config = llama()
    return state, {"model_type": config["model_type"]}


@pytest.mark.parametrize(
    ("make", "residual", "message"),
    [
        (lambda: llama(quantization_config={"bits": 4}), "orthogonal",
         "config: expected a checkpoint that is not quantised, got quantization_config"),
        (without_heads, "orthogonal", "config: expected a number 'num_attention_heads', got model_type"),
        (lambda: llama(num_attention_heads=3, num_key_value_heads=3), "orthogonal",
         "config: num_attention_heads: expected a number of heads that divides 16, got 3"),
        (gpt2, "signed", "residual: expected 'orthogonal' or 'permutation' where LayerNorm subtracts the mean, got"),
        (without_layers, "orthogonal", "state: expected tensors named transformer.h.#."),
    ],
)  # fmt: skip
def test_checkpoints_that_do_not_fit(make, residual, message):
    with pytest.raises(ArgumentError) as error:
        adapted(*make(), residual=residual)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SmallGPT2(11, 8, layers=1, dim=8, heads=2, activation="tanh"), "activation: expected one of gelu"),
        (lambda: LlamaSizes(11, 1, 16, 4, 4, 10, head_size=3), "head_size: expected an even number, at least 2, got 3"),
        (lambda: LlamaSizes(11, 1, 16, 4, 4, 10, head_size=0), "head_size: expected an even number, at least 2, got 0"),
        (lambda: LlamaSizes(11, 1, 20, 4, 4, 10), "heads: expected heads that divide half of dim, and groups"),
        (lambda: LlamaSizes(11, 1, 16, 4, 3, 10), "heads: .* groups that divide the heads, got 4, 3 of 16"),
        (lambda: LlamaSizes(11, 1, 16, 4, 4, 10, experts=3, chosen=4), r"chosen: expected 1 \.\. 3, got 4"),
        (lambda: LlamaSizes(11, 1, 16, 4, 4, 10, experts=3, chosen=0), r"chosen: expected 1 \.\. 3, got 0"),
        (lambda: SmallMixture(2, 1, dim=3, experts=2, units=2, chosen=3), r"chosen: expected 1 \.\. 2, got 3"),
        (lambda: SmallMixture(2, 1, dim=3, experts=2, units=2, chosen=0), r"chosen: expected 1 \.\. 2, got 0"),
        (lambda: SmallViT(8, 3, 10, layers=1, dim=8, heads=2, hidden=6), "patch: expected a divisor of 8, got 3"),
    ],
)
def test_sizes_that_do_not_fit(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_the_greatest_sizes_that_fit():
    assert LlamaSizes(11, 1, 16, 4, 4, 10, head_size=2).size == 2
    assert LlamaSizes(11, 1, 16, 4, 4, 10).size == 4
    assert LlamaSizes(11, 1, 16, 4, 4, 10, experts=3, chosen=3).chosen == 3
    assert SmallMixture(2, 1, dim=3, experts=2, units=2, chosen=2).chosen == 2
    assert LlamaSizes(11, 1, 16, 4, 4, 10, experts=0, chosen=7).experts == 0  # of no experts none is chosen


ROWS = {"0.weight": ("h", None), "0.bias": ("h",), "2.weight": (None, "h*"), "2.bias": (None,)}


def test_two_networks_of_two_sizes():
    action = ParameterAction({"h": Units(4)}, ROWS)
    a, b = (dict(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).state_dict()) for _ in range(2))
    action.check_pair(a, b)
    b["2.weight"] = torch.ones(5, 4)
    with pytest.raises(
        ArgumentError, match=r"b: 2.weight: expected a tensor of shape \(2, 4\), as a has, got \(5, 4\)"
    ):
        action.check_pair(a, b)


def test_tables_that_do_not_fit():
    with pytest.raises(ArgumentError, match=r"tensors: e\.\*\.w: expected a site on axis 0 that the star numbers, got"):
        ParameterAction({"e": Units(3)}, {"e.*.w": (None, "e")})
    square = ParameterAction({"h": Units(2)}, {"w": ("h", "h*")})
    with pytest.raises((ArgumentError, ShapeError), match=r"action: expected two axes of one length, got \(2, 3\)"):
        asymmetry(square, {"w": torch.ones(2, 3)})
    norm = Norm("h", "gain", None, (("2.weight", "2.bias"),), centred=False)
    blind = ParameterAction(
        {"h": Units(4)}, {"gain": ("h.order",), "2.weight": (None, "h"), "2.bias": (None,)}, (norm,)
    )
    state = {"gain": torch.ones(4), "2.weight": torch.ones(2, 4), "2.bias": torch.ones(2)}
    with pytest.raises(ArgumentError, match=r"tensors: 2.weight: expected an axis h\*, got none"):
        dict(folded(blind, state))


def test_a_file_that_has_gone_is_named_with_its_tensor(tmp_path):
    found = Checkpoint(write_weights(tmp_path / "x.safetensors", {"w": torch.ones(2)}))
    (tmp_path / "x.safetensors").unlink()
    with pytest.raises(DataError, match=r"x\.safetensors: w cannot be read \("):
        found["w"]


class Packed(nn.Linear):
    """As a quantised layer keeps what is no tensor."""

    def state_dict(self, **_):
        return {"weight": self.weight, "packed": 3}


@pytest.mark.usefixtures("unchecked_annotations")
def test_what_has_no_parameters_by_name():
    assert list(state_of(nn.Linear(2, 1), "model")) == ["weight", "bias"]
    with pytest.raises(
        ArgumentError, match="a: expected a model whose state dict holds tensors alone, got packed, a int"
    ):
        state_of(Packed(2, 1), "a")
    for bad in (3, {"w": 3}):
        with pytest.raises(ArgumentError, match=r"a: expected a torch.nn.Module or tensors by name, got (int|dict)"):
            state_of(bad, "a")


class Says(nn.Linear):
    def forward(self, x):
        return f"{len(x)} rows"


class Refuses(nn.Linear):
    def forward(self, x):
        raise ShapeError("x", expected="something else", got=tuple(x.shape))


def test_models_that_give_no_numbers_or_refuse_in_their_own_words():
    action = ParameterAction({"h": Units(2)}, {"weight": ("h", None), "bias": ("h",)})
    with pytest.raises(ArgumentError, match="model: expected a model that returns tensors, got str"):
        verify(Says(2, 2), action, torch.ones(1, 2))
    with pytest.raises(
        ArgumentError, match="inputs: expected inputs of at least one sample, got outputs without a num"
    ):
        verify(nn.Linear(2, 2), action, torch.ones(0, 2))
    with pytest.raises(ShapeError, match=r"^x: expected something else, got \(1, 2\)$"):
        traced(Refuses(2, 2), torch.ones(1, 2))
