"""Networks of transformers: attention with masks, rotary positions, shifted windows. Nothing is downloaded."""

from __future__ import annotations

import pytest
from promises import Calling, is_averaged, is_relaxed_as_a_whole, is_relaxed_by_weights, is_sampled_plainly, made

from haar.actions import Field, Invariant, Regular, Symmetry, Trivial, Vector
from haar.errors import ArgumentError
from haar.groups import cyclic, dihedral
from haar.relax import homotopise

transformers = pytest.importorskip("transformers", reason="these tests need transformers, of the group architectures")
pytestmark = pytest.mark.referee

C4, D4 = cyclic(4), dihedral(4)
#: A token carries functions on the group.
TOKENS = Symmetry(C4, Vector(4 * Regular(C4)), Vector(4 * Regular(C4)))
CLASSES = Symmetry(D4, Field(3 * Trivial(D4)), Invariant(D4))
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 20}


def states(model, x):
    return model(inputs_embeds=x).last_hidden_state


def bert():
    """Attention with a mask, norms behind sums, embeddings of positions."""
    return made(lambda: Calling(transformers.BertModel(transformers.BertConfig(**SMALL)), states), 2, 6, 16)


def llama():
    """Rotary positions, grouped queries, gated units, norms in single precision."""
    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=1, use_cache=False)
    return made(lambda: Calling(transformers.LlamaModel(config), states), 2, 6, 16)


def swin():
    """Attention in windows of a grid, shifted in every other layer, with a table of relative positions."""
    config = transformers.SwinConfig(
        image_size=16, patch_size=2, embed_dim=8, depths=[2, 1], num_heads=[1, 2], window_size=4, num_labels=3
    )
    return made(
        lambda: Calling(transformers.SwinForImageClassification(config), lambda m, x: m(x).logits), 2, 3, 16, 16
    )


def test_bert():
    model, x = bert()
    is_averaged(model, TOKENS, x)
    is_relaxed_as_a_whole(model, TOKENS, x)
    relaxed = is_relaxed_by_weights(model, TOKENS, x)
    assert len(relaxed.layers) > 10
    is_sampled_plainly(model, x, stops_at=r"got LayerNorm \('model.embeddings.LayerNorm'\)")


def test_llama():
    model, x = llama()
    is_averaged(model, TOKENS, x)
    is_relaxed_as_a_whole(model, TOKENS, x)
    with pytest.raises(ArgumentError, match=r"got getitem .*which move together; use mode=\"function\""):
        homotopise(model, TOKENS, example=x)
    is_sampled_plainly(
        model, x, stops_at="got rsqrt", within=1e-6
    )  # its norms compute in single precision, and batches differ


def test_swin():
    model, x = swin()
    is_averaged(model, CLASSES, x)
    is_relaxed_as_a_whole(model, CLASSES, x)
    with pytest.raises(ArgumentError, match=r"got view .*from \(2, 8, 8, 8\) to .*use mode=\"function\""):
        homotopise(model, CLASSES, example=x)
    is_sampled_plainly(model, x, stops_at="got LayerNorm")
