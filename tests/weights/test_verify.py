"""verify: right tables pass to 1e-10, and each kind of wrong one is caught, with the tensor and the axis."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from haar.errors import NotEquivariantError
from haar.weights import Heads, ParameterAction, Rotation, Units, adapted, verify


@pytest.mark.parametrize("residual", ["orthogonal", "permutation"])
def test_adapters_are_right(small, residual):
    model, inputs = small
    found = verify(model, adapted(model.state_dict(), model.config, residual=residual), inputs)
    assert found.preserved
    assert max(found.folding, found.shifts, *found.sites.values()) < 1e-10
    assert found.faults == ()
    found.check()


def test_signed_permutations_leave_rms_norms_alone(llama):
    model, inputs = llama
    assert verify(model, adapted(model.state_dict(), model.config, residual="signed"), inputs).preserved


def _with(action: ParameterAction, **sites) -> ParameterAction:
    return replace(action, sites={**action.sites, **sites})


def test_a_generic_map_of_a_head_is_wrong_under_rotary_positions(llama):
    model, inputs = llama
    action = adapted(model.state_dict(), model.config)
    found = verify(model, _with(action, heads1=Heads(2, 4, queries=2, scores="linear")), inputs)
    assert [name for name, x in found.sites.items() if x > 1e-3] == ["heads1"]
    with pytest.raises(NotEquivariantError, match=r"outputs change when parameters are moved by: heads1 \("):
        found.check()


def test_a_generic_rotation_is_wrong_under_layer_norm(gpt2):
    model, inputs = gpt2
    action = adapted(model.state_dict(), model.config)
    found = verify(model, _with(action, residual=Rotation(12)), inputs)
    assert not found.preserved
    assert "residual: its group, or more than one label, is wrong" in found.faults[0]


@pytest.mark.parametrize(
    ("row", "labels", "told"),
    [
        ("layers.0.mlp.up_proj.weight", (None, "residual*"), "axis 0: expected 'units0', the table says None"),
        ("layers.0.mlp.gate_proj.weight", (None, "residual*"),
         "axis 0: expected 'units0.order', the table says None"),
        ("layers.1.mlp.down_proj.weight", ("residual", "units1"),
         "axis 1: expected 'units1*', the table says 'units1'"),
        ("embed_tokens.weight", (None, None), "axis 1: expected 'residual', the table says None"),
        ("layers.0.self_attn.o_proj.weight", ("residual", "heads0.q"),
         "axis 1: expected 'heads0.o', the table says 'heads0.q'"),
    ],
)  # fmt: skip
def test_a_wrong_label_is_named(llama, row, labels, told):
    model, inputs = llama
    action = adapted(model.state_dict(), model.config)
    found = verify(model, replace(action, tensors={**action.tensors, f"model.{row}": labels}), inputs)
    assert f"model.{row}, {told}" in found.faults[0].split(" or ")


def test_a_shift_that_the_function_sees_is_told(llama):
    model, inputs = llama
    action = adapted(model.state_dict(), model.config)
    rows = {**action.tensors, "lm_head.weight": ("+", "residual*")}
    found = verify(model, replace(action, tensors=rows), inputs)
    assert found.shifts > 1e-3
    assert "a label with + or ~ stands where the function sees it (lm_head.weight)" in found.faults[0]


def test_the_tolerance_decides():
    model = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    rows = {"0.weight": ("h", None), "0.bias": ("h",), "2.weight": (None, "h*"), "2.bias": (None,)}
    action = ParameterAction({"h": Units(2, "signs")}, rows)  # ReLU is not odd
    x = torch.ones(3, 1)
    change = verify(model, action, x, seed=1).sites["h"]
    assert change > 1e-6
    assert not verify(model, action, x, seed=1, tolerance=0.9 * change).preserved
    assert verify(model, action, x, seed=1, tolerance=1.1 * change).preserved


class Told(dict):
    """As `transformers` returns: by name, and as attributes."""

    __getattr__ = dict.get


@pytest.mark.parametrize(("name", "preserved"), [("logits", True), ("last_hidden_state", True), ("scores", False)])
def test_what_a_model_says_are_logits_or_last_hidden_states_and_no_caches(name, preserved):
    class Cached(nn.Sequential):
        def forward(self, x):
            inner = self[0](x).tanh()
            return Told({name: self[1](inner), "cache": (inner,)})

    rows = {"0.weight": ("a", None), "0.bias": ("a",), "1.weight": (None, "a*"), "1.bias": (None,)}
    found = verify(Cached(nn.Linear(3, 4), nn.Linear(4, 2)), ParameterAction({"a": Units(4)}, rows), torch.ones(2, 3))
    assert found.preserved is preserved


def test_two_units_are_always_exchanged():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    rows = {"0.weight": ("a", None), "0.bias": (None,), "2.weight": (None, "a*"), "2.bias": (None,)}
    found = [verify(model, ParameterAction({"a": Units(2)}, rows), torch.randn(5, 3), seed=seed) for seed in range(8)]
    assert not any(one.preserved for one in found)
