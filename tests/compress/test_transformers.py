"""Networks of `transformers` as they are, small and untrained: what is compressed, and what the gauge audit says."""

from __future__ import annotations

import pytest
import torch

from haar.compress import canonical_form, sweep
from haar.weights import folded
from haar.weights.models import action_of, state_of, with_state

transformers = pytest.importorskip("transformers", reason="these tests need transformers, of the group architectures")
pytestmark = pytest.mark.referee

LLAMA = {
    "vocab_size": 23, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 12, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
GPT2 = {
    "n_layer": 2, "n_embd": 16, "n_head": 4, "n_inner": 12, "vocab_size": 23, "n_positions": 16, "bos_token_id": 0,
    "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
VIT = {
    "num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 12, "image_size": 4,
    "patch_size": 2, "num_labels": 5,
}  # fmt: skip
MADE = {
    "gpt2": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2)),
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA)),
    "vit": lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**VIT)),
}
#: Layers of a block; what reads out is left alone.
IN_A_BLOCK = {"gpt2": 4, "llama": 7, "vit": 6}
METHODS = ("magnitude", "wanda", "obs", "sparsegpt", "2:4", "quantise", "low rank (data)", "units", "heads", "depth")


def _made(name):
    """A network whose norms and biases are not what they begin as, and batches of two halves."""
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MADE[name]().double().eval()
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    if name == "vit":
        images = torch.randn(8, 3, 4, 4, generator=generator, dtype=torch.float64)
        return model, [{"pixel_values": x, "labels": torch.arange(4)} for x in images.split(4)]
    return model, [{"input_ids": x, "labels": x} for x in torch.randint(23, (8, 9), generator=generator).split(4)]


@pytest.mark.parametrize("name", MADE)
def test_every_method_compresses_it_and_leaves_the_model_alone(name):
    model, batches = _made(name)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    levels = {one: [0.5] for one in METHODS if one not in ("quantise", "depth")} | {"quantise": [3], "depth": [1]}
    found = sweep(model, METHODS, ["loss", "drift"], batches[:1], levels=levels, calibration=batches[1:], draws=0)
    for one in METHODS:
        assert 1e-3 < found.curve(one, "drift").values[0] < 3, one
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(("name", "tolerance"), [("gpt2", 1e-9), ("vit", 1e-9)])
def test_copies_moved_by_the_gauge_have_one_canonical_form(name, tolerance):
    model, _ = _made(name)
    state = state_of(model, "model")  # gains are folded before the stream may turn
    action = action_of(model, state, "auto")
    plain = folded(action, state)
    moved = with_state(model, action.act(action.random(1, dtype=torch.float64, state=plain), plain))
    one, other = (canonical_form(each) for each in (model, moved))
    assert one.undetermined == ()
    apart = {k: float((v - other.model.state_dict()[k]).abs().max()) for k, v in one.model.state_dict().items()}
    assert {k: x for k, x in apart.items() if x > tolerance} == {}
