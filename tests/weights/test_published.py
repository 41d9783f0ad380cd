"""Adapters against the models of `transformers` themselves, small and untrained: in memory and on disk, tied or not."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from haar.weights import ADAPTERS, adapted, folded, untied, verify
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama, SmallViT

transformers = pytest.importorskip("transformers", reason="these tests need transformers, of the group architectures")
pytestmark = pytest.mark.referee

LLAMA = {
    "vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 10, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
    "rms_norm_eps": 1e-6,
}  # fmt: skip
ROPE = {"rope_type": "default", "rope_theta": 1e4}
MIXED = {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 6}


def _gpt2(**more):
    sizes = {"n_layer": 2, "n_embd": 12, "n_head": 3, "n_inner": 10, "vocab_size": 11, "n_positions": 8}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0, **more))


def _llama(kind="Llama", **more):
    return getattr(transformers, f"{kind}ForCausalLM")(getattr(transformers, f"{kind}Config")(**LLAMA, **more))


def _vit():
    sizes = {"num_hidden_layers": 2, "hidden_size": 12, "num_attention_heads": 3, "intermediate_size": 10}
    config = transformers.ViTConfig(**sizes, image_size=4, patch_size=2, num_labels=10, layer_norm_eps=1e-5)
    return transformers.ViTForImageClassification(config)


MADE = {
    "gpt2": lambda: _gpt2(tie_word_embeddings=False),
    "gpt2, tied": _gpt2,
    "llama": _llama,
    "llama, tied": lambda: _llama(tie_word_embeddings=True),
    "llama, biases": lambda: _llama(attention_bias=True, mlp_bias=True),
    "mistral": lambda: _llama("Mistral", sliding_window=4),
    "qwen2": lambda: _llama("Qwen2"),
    "qwen3": lambda: _llama("Qwen3", head_dim=4),
    "mixtral": lambda: _llama("Mixtral", num_local_experts=3, rope_parameters=ROPE),
    "qwen2_moe": lambda: _llama("Qwen2Moe", shared_expert_intermediate_size=10, **MIXED),
    "qwen3_moe": lambda: _llama("Qwen3Moe", head_dim=4, **MIXED),
    "vit": _vit,
}
TOKENS = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(0))
IMAGES = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def _made(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MADE[name]().eval()
        if model.config.model_type in ("mixtral", "qwen2_moe", "qwen3_moe"):
            model.set_experts_implementation("eager")  # fast kernels want sizes in multiples of 16 bytes
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.2 * torch.randn_like(p))
    return model, {"pixel_values": IMAGES} if name == "vit" else {"input_ids": TOKENS}


@pytest.mark.parametrize("name", MADE)
def test_every_site_leaves_the_logits_alone(name):
    model, inputs = _made(name)
    state = untied(model.state_dict())
    for residual in ("orthogonal", "permutation"):
        action = adapted(state, model.config.to_dict(), residual=residual)
        assert {site for site in action.sites if action.touching(site)} == set(action.sites)
        found = verify(model, action, inputs)
        assert found.preserved, str(found)
    assert model.config.model_type in ADAPTERS


@pytest.mark.parametrize("name", MADE)
def test_files_are_known_by_their_own_names(name, tmp_path):
    model, _ = _made(name)
    model.save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    action = adapted(untied(state), model.config.to_dict())
    plain = dict(folded(action, untied(state)))
    moved = action.act(action.random(0, state=plain), plain)
    assert list(moved) == list(untied(state))
    back = action.act(action.inverse(action.random(0, state=plain)), moved)
    assert max(float((back[key] - plain[key]).abs().max()) for key in plain) < 1e-4
    memory = adapted(untied(model.state_dict()), model.config.to_dict())
    assert memory.sites == action.sites


@pytest.mark.parametrize(
    ("small", "name"),
    [
        (lambda: SmallGPT2(11, 8, layers=2, dim=12, heads=3, hidden=10), "gpt2"),
        (lambda: SmallLlama(LlamaSizes(11, layers=2, dim=16, heads=4, groups=2, hidden=10)), "llama"),
        (lambda: SmallLlama(LlamaSizes(11, layers=2, dim=16, heads=4, groups=2, hidden=10, experts=3)), "mixtral"),
        (lambda: SmallViT(4, 2, 10, layers=2, dim=12, heads=3, hidden=10), "vit"),
    ],
)
def test_small_models_compute_what_the_published_ones_do(small, name):
    model, inputs = _made(name)
    own = small().eval()
    own.load_state_dict(model.state_dict())
    theirs = model(**inputs).logits
    torch.testing.assert_close(own(next(iter(inputs.values()))), theirs, rtol=1e-4, atol=1e-4)
