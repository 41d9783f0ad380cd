"""Vision transformers: LayerNorm before each part, patches, a class token and learned positions."""

from __future__ import annotations

from haar.weights.action import ParameterAction
from haar.weights.adapters.rows import STREAM, Config, Rows, State, head_size, number, stream
from haar.weights.heads import Heads
from haar.weights.sites import Units

#: Names of the parts of a layer, in memory (from transformers 5) and on disk.
_NAMES = {
    "vit.layers.#.": (*(f"attention.{one}_proj" for one in "qkvo"), "mlp.fc1", "mlp.fc2"),
    "vit.encoder.layer.#.": (
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ),
}


def vit(state: State, config: Config, *, residual: str = "orthogonal") -> ParameterAction:
    """The table of a ``ViTForImageClassification``, by the names that `transformers` has in memory and on disk.

    Args:
        state: Its parameters.
        config: ``num_attention_heads``.
        residual: What moves the residual stream.

    Raises:
        ArgumentError: If a tensor or a number is missing.

    Example:
        >>> from haar.weights.small import SmallViT
        >>> state = SmallViT(4, 2, 3, layers=1, dim=4, heads=2, hidden=6).state_dict()
        >>> vit(state, {"num_attention_heads": 2}).tensors["vit.embeddings.cls_token"]
        (None, None, 'residual')
    """
    rows = Rows(state)
    top = "vit.embeddings"
    dim = rows.shape(f"{top}.cls_token")[-1]
    heads = number(config, "num_attention_heads")
    pattern = next(
        (one for one in _NAMES if f"{one.replace('#', '0')}layernorm_before.weight" in state), "vit.layers.#."
    )
    query, key, value, output, first, second = _NAMES[pattern]
    rows.sites[STREAM] = stream(dim, residual, centred=True)
    rows.row(f"{top}.cls_token", None, None, STREAM)
    rows.row(f"{top}.position_embeddings", None, None, STREAM)
    rows.row(f"{top}.patch_embeddings.projection.weight", STREAM, None, None, None)
    rows.row(f"{top}.patch_embeddings.projection.bias", STREAM)
    for k in range(rows.layers(pattern)):
        at, site, units = pattern.replace("#", str(k)), f"heads{k}", f"units{k}"
        rows.sites[site] = Heads(heads, head_size(dim, heads, "config: num_attention_heads"))
        rows.sites[units] = Units(rows.shape(f"{at}{first}.weight")[0])
        readers = (
            rows.linear(f"{at}{query}", f"{site}.q", f"{STREAM}*"),
            rows.linear(f"{at}{key}", f"{site}.k", f"{STREAM}*", bias=f"{site}.k~"),
            rows.linear(f"{at}{value}", f"{site}.v", f"{STREAM}*"),
        )
        rows.linear(f"{at}{output}", STREAM, f"{site}.o")
        rows.norm(f"{at}layernorm_before", readers, centred=True)
        into = rows.linear(f"{at}{first}", units, f"{STREAM}*")
        rows.linear(f"{at}{second}", STREAM, f"{units}*")
        rows.norm(f"{at}layernorm_after", (into,), centred=True)
    head = rows.linear("classifier", None, f"{STREAM}*")
    rows.norm("vit.layernorm", (head,), centred=True)
    return rows.table()
