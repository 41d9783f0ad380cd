"""GPT-2: LayerNorm before each part, fused queries, keys and values, transposed weights."""

from __future__ import annotations

from haar.weights.action import ParameterAction
from haar.weights.adapters.rows import STREAM, Config, Rows, State, head_size, number, stream
from haar.weights.heads import Heads
from haar.weights.sites import Units


def gpt2(state: State, config: Config, *, residual: str = "orthogonal") -> ParameterAction:
    """The table of a GPT-2, by the names of `transformers` in memory and on disk, with or without ``transformer.``.

    Args:
        state: Its parameters, with ``lm_head.weight`` (see `haar.weights.untied`) if it is a language model.
        config: ``n_head``, and ``activation_function``: units of ReLU may be scaled.
        residual: What moves the residual stream.

    Raises:
        ArgumentError: If a tensor or a number is missing.

    Example:
        >>> from haar.weights.small import SmallGPT2
        >>> model = SmallGPT2(5, 3, layers=1, dim=4, heads=2)
        >>> sorted(gpt2(model.state_dict(), {"n_head": 2}).sites)
        ['heads0', 'residual', 'units0']
    """
    rows = Rows(state)
    top = "transformer." if "transformer.wte.weight" in state else ""
    dim = rows.shape(f"{top}wte.weight")[1]
    heads = number(config, "n_head", "num_attention_heads")
    rows.sites[STREAM] = stream(dim, residual, centred=True)
    rows.row(f"{top}wte.weight", None, STREAM)
    rows.row(f"{top}wpe.weight", None, STREAM)
    for k in range(rows.layers(f"{top}h.#.")):
        at, site, units = f"{top}h.{k}", f"heads{k}", f"units{k}"
        rows.sites[site] = Heads(heads, head_size(dim, heads, "config: n_head"))
        scales = "positive" if config.get("activation_function") == "relu" else "none"
        rows.sites[units] = Units(rows.shape(f"{at}.mlp.c_fc.weight")[1], scales)
        weight = rows.row(f"{at}.attn.c_attn.weight", f"{STREAM}*", f"{site}.q|{site}.k|{site}.v")
        bias = rows.row(f"{at}.attn.c_attn.bias", f"{site}.q|{site}.k~|{site}.v")
        rows.row(f"{at}.attn.c_proj.weight", f"{site}.o", STREAM)
        rows.row(f"{at}.attn.c_proj.bias", STREAM)
        rows.norm(f"{at}.ln_1", ((weight, bias),), centred=True)
        weight = rows.row(f"{at}.mlp.c_fc.weight", f"{STREAM}*", units)
        bias = rows.row(f"{at}.mlp.c_fc.bias", units)
        rows.row(f"{at}.mlp.c_proj.weight", f"{units}*", STREAM)
        rows.row(f"{at}.mlp.c_proj.bias", STREAM)
        rows.norm(f"{at}.ln_2", ((weight, bias),), centred=True)
    head = rows.row_if("lm_head.weight", None, f"{STREAM}*")
    rows.norm(f"{top}ln_f", () if head is None else ((head, None),), centred=True)
    table = rows.table()
    return ParameterAction(table.sites, table.tensors, table.norms, ignored=(".attn.bias", ".attn.masked_bias"))
