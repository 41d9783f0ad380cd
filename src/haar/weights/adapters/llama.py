"""Llama and its kin: RMSNorm, rotary positions, grouped queries, gated layers, mixtures of gated experts."""

from __future__ import annotations

from haar.errors import ArgumentError
from haar.weights.action import ParameterAction
from haar.weights.adapters.rows import STREAM, Config, Rows, State, head_size, number, stream
from haar.weights.experts import Experts
from haar.weights.heads import Heads
from haar.weights.sites import Units

Readers = tuple[tuple[str, str | None], ...]


def llama(state: State, config: Config, *, residual: str = "orthogonal") -> ParameterAction:
    """The table of a Llama, Mistral, Qwen 2 or 3, Mixtral or Qwen mixture, by the names of `transformers`.

    Biases of queries, keys and values, norms of queries and keys, and layers with and without experts are found by
    their names; experts may be stacked, as in memory, or numbered, as on disk.

    Args:
        state: Its parameters, with ``lm_head.weight`` (see `haar.weights.untied`).
        config: ``num_attention_heads``, ``num_key_value_heads``.
        residual: What moves the residual stream.

    Raises:
        ArgumentError: If a tensor or a number is missing, or positions turn a part of each head only.

    Example:
        >>> from haar.weights.small import LlamaSizes, SmallLlama
        >>> model = SmallLlama(LlamaSizes(5, layers=1, dim=8, heads=2, groups=1, hidden=6))
        >>> llama(model.state_dict(), model.config).sites["heads0"]
        Heads(groups=1, size=4, queries=2, scores='rotary')
    """
    _check(config)
    rows = Rows(state)
    dim = rows.shape("model.embed_tokens.weight")[1]
    rows.sites[STREAM] = stream(dim, residual, centred=False)
    rows.row("model.embed_tokens.weight", None, STREAM)
    for k in range(rows.layers("model.layers.#.")):
        at = f"model.layers.{k}"
        rows.norm(f"{at}.input_layernorm", _attention(rows, f"{at}.self_attn", f"heads{k}", config), centred=False)
        rows.norm(f"{at}.post_attention_layernorm", _feed_forward(rows, at, k), centred=False)
    head = rows.row_if("lm_head.weight", None, f"{STREAM}*")
    rows.norm("model.norm", () if head is None else ((head, None),), centred=False)
    table = rows.table()
    return ParameterAction(table.sites, table.tensors, table.norms, ignored=("rotary_emb.inv_freq",))


def _check(config: Config) -> None:
    """Refuse what this table would be wrong about."""
    partial = config.get("partial_rotary_factor", (config.get("rope_parameters") or {}).get("partial_rotary_factor"))
    if partial not in (None, 1, 1.0):
        raise ArgumentError("config: partial_rotary_factor", expected="1: whole heads are turned", got=partial)


def _attention(rows: Rows, at: str, site: str, config: Config) -> Readers:
    heads = number(config, "num_attention_heads")
    groups = number(config, "num_key_value_heads", "num_attention_heads")
    size = head_size(rows.shape(f"{at}.q_proj.weight")[0], heads, "config: num_attention_heads")
    if heads % groups:
        raise ArgumentError("config: num_key_value_heads", expected=f"a divisor of {heads}", got=groups)
    normed = f"{at}.q_norm.weight" in rows.state
    rows.sites[site] = Heads(groups, size, heads // groups, "fixed" if normed else "rotary")
    readers = tuple(rows.linear(f"{at}.{port}_proj", f"{site}.{port}", f"{STREAM}*") for port in "qkv")
    rows.linear(f"{at}.o_proj", STREAM, f"{site}.o")
    if normed:
        rows.row(f"{at}.q_norm.weight", None)
        rows.row(f"{at}.k_norm.weight", None)
    return readers


def _gated(rows: Rows, at: str, units: str) -> Readers:
    rows.sites[units] = Units(rows.shape(f"{at}.up_proj.weight")[0], "any")
    gate = rows.linear(f"{at}.gate_proj", f"{units}.order", f"{STREAM}*")
    up = rows.linear(f"{at}.up_proj", units, f"{STREAM}*")
    rows.linear(f"{at}.down_proj", STREAM, f"{units}*")
    return gate, up


def _feed_forward(rows: Rows, at: str, k: int) -> Readers:
    """A gated layer, or a mixture of them."""
    disk = f"{at}.block_sparse_moe"
    moe = disk if f"{disk}.gate.weight" in rows.state else f"{at}.mlp"
    if f"{moe}.gate.weight" not in rows.state:
        return _gated(rows, f"{at}.mlp", f"units{k}")
    site = f"experts{k}"
    router = rows.row(f"{moe}.gate.weight", f"{site}+", f"{STREAM}*")
    readers: Readers = ((router, None),)
    stacked = f"{moe}.experts.gate_up_proj"
    count = rows.shape(f"{moe}.gate.weight")[0]
    if stacked in rows.state:
        rows.sites[site] = Experts(count, rows.shape(stacked)[1] // 2, "any")
        rows.row(stacked, site, f"{site}.order|{site}.units", f"{STREAM}*")
        rows.row(f"{moe}.experts.down_proj", site, STREAM, f"{site}.units*")
        readers += ((stacked, None),)
    else:
        gate, up, down = ("w1", "w3", "w2") if moe == disk else ("gate_proj", "up_proj", "down_proj")
        rows.sites[site] = Experts(count, rows.shape(f"{moe}.experts.0.{up}.weight")[0], "any")
        first = rows.row(f"{moe}.experts.*.{gate}.weight", site, f"{site}.order", f"{STREAM}*")
        second = rows.row(f"{moe}.experts.*.{up}.weight", site, f"{site}.units", f"{STREAM}*")
        rows.row(f"{moe}.experts.*.{down}.weight", site, STREAM, f"{site}.units*")
        readers += ((first, None), (second, None))
    if f"{moe}.shared_expert.up_proj.weight" in rows.state:
        readers += _gated(rows, f"{moe}.shared_expert", f"shared{k}")
        readers += ((rows.row(f"{moe}.shared_expert_gate.weight", None, f"{STREAM}*"), None),)
    return readers
