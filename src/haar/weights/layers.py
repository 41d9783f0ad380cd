"""Layers that are known: which of a layer's axes are units, and what its values have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import fx, nn

from haar.weights.channels import Channels, shape_of
from haar.weights.heads import Heads
from haar.weights.walk import Rules, Walk

_BATCH_NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
)  # fmt: skip
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_WRITERS = (nn.Linear, *_CONVOLUTIONS)
#: The arguments of attention, in order.
_ATTENTION = (
    "query", "key", "value", "key_padding_mask", "need_weights", "attn_mask", "average_attn_weights", "is_causal",
)  # fmt: skip


def linear(walk: Walk, node: fx.Node, module: Any, path: str) -> Channels | None:
    """A linear layer."""
    into = walk.reading(node, -1, module.in_features)
    out = walk.classes.new(module.out_features)
    walk.put(f"{path}.weight", [(out, ""), into])
    if module.bias is not None:
        walk.put(f"{path}.bias", [(out, "")])
    shape = shape_of(node)
    return None if shape is None else Channels(_kept(walk, path, out), len(shape) - 1)


def _kept(walk: Walk, path: str, units: int) -> int:
    """The units of a layer's outputs, of the first call where there are several."""
    first = walk.rows[f"{path}.weight"][0]
    return first[0] if isinstance(first, tuple) else units


def convolution(walk: Walk, node: fx.Node, module: Any, path: str) -> Channels | None:
    """A convolution; a depthwise one leaves every channel itself."""
    source = walk.units_of(node.all_input_nodes[0])
    axis = len(shape_of(node) or ()) - len(module.kernel_size) - 1  # 0 where there is one sample alone
    rest: list[Any] = [None] * len(module.kernel_size)
    if module.groups == module.in_channels > 1 and source is not None and (source.axis, source.copies) == (axis, 1):
        axis0 = (source.units, ".order")
        walk.put(f"{path}.weight", [axis0, None, *rest])
        if module.bias is not None:
            walk.put(f"{path}.bias", [(source.units, "")])
        return Channels(source.units, axis, module.out_channels // module.in_channels)
    into = walk.reading(node, axis, module.in_channels)
    out = walk.classes.new(module.out_channels)
    if module.groups > 1:
        walk.classes.fix(out)
        if into is not None:
            walk.classes.fix(into[0])
            into = None
    first = [into, (out, "")] if module.transposed else [(out, ""), into]
    walk.put(f"{path}.weight", [*first, *rest])
    if module.bias is not None:
        walk.put(f"{path}.bias", [(out, "")])
    again = walk.rows[f"{path}.weight"][1 if module.transposed else 0]
    return Channels(again[0] if isinstance(again, tuple) else out, axis)


def batch_norm(walk: Walk, node: fx.Node, module: Any, path: str) -> Channels | None:
    """A norm of every channel over samples or pixels."""
    found = walk.units_of(node.all_input_nodes[0])
    if found is None or found.axis != 1 or found.copies != 1:
        walk.fix(node)
        return None
    forms = {"weight": ".order", "bias": "", "running_mean": "", "running_var": ".order"}
    together = isinstance(module, nn.GroupNorm) and module.num_groups < module.num_channels
    if getattr(module, "weight", None) is not None and _written_for(walk, node, found, sized=together):
        forms = {"weight": "", "bias": "", "running_mean": ".order", "running_var": ".order"}
    else:
        walk.classes.keep_sizes(found.units)
    for name, form in forms.items():
        if getattr(module, name, None) is not None:
            walk.put(f"{path}.{name}", [(found.units, form)])
    return found


def _written_for(walk: Walk, norm: fx.Node, found: Channels, *, sized: bool) -> bool:
    """Whether a layer writes for a norm alone: then signs and factors of the units are what the norm gives them.

    Args:
        walk: The walk.
        norm: The norm, of which a layer with weights may be the only source.
        found: The units between the two.
        sized: Whether the norm sees the units' sizes.
    """
    source = norm.all_input_nodes[0]
    if source.op != "call_module" or len(source.users) != 1:
        return False
    path, layer = str(source.target), walk.followed.module(source)
    weight, bias = walk.rows.get(f"{path}.weight"), walk.rows.get(f"{path}.bias")
    calls = [n for n in walk.followed.graph.nodes if n.op == "call_module" and n.target in (path, norm.target)]
    axis = 1 if getattr(layer, "transposed", False) else 0
    if weight is None or len(calls) != 2 or weight[axis] != (found.units, "") or not isinstance(layer, _WRITERS):
        return False
    weight[axis] = (found.units, ".order" if sized else ".order^")
    if bias is not None:
        bias[0] = (found.units, ".order")
    return True


def layer_norm(walk: Walk, node: fx.Node, module: Any, path: str) -> Channels | None:
    """A norm over all units of a value."""
    found, shape = walk.units_of(node.all_input_nodes[0]), shape_of(node)
    last = shape is not None and found is not None and found.axis == len(shape) - 1
    if found is None or not last or found.copies != 1 or len(module.normalized_shape) != 1:
        walk.fix(node)
        return None
    walk.classes.keep_sizes(found.units)
    walk.classes.keep_frequencies(found.units)
    if isinstance(module, nn.LayerNorm):
        walk.classes.keep_signs(found.units)  # its mean
    for name, form in {"weight": ".order", "bias": ""}.items():
        if getattr(module, name, None) is not None:
            walk.put(f"{path}.{name}", [(found.units, form)])
    return found


def group_norm(walk: Walk, node: fx.Node, module: Any, path: str) -> Channels | None:
    """A norm over all channels and pixels, over groups of channels, which stay together, or over each channel's."""
    found = walk.units_of(node.all_input_nodes[0])
    if found is not None:
        walk.classes.keep_signs(found.units)
        if module.num_groups < module.num_channels:
            walk.classes.keep_frequencies(found.units)
        if 1 < module.num_groups < module.num_channels:
            walk.classes.keep_groups(found.units, module.num_groups)
    return batch_norm(walk, node, module, path)


def prelu(walk: Walk, node: fx.Node, module: Any, path: str) -> Channels | None:
    """A rectifier with a slope for all units, or for each channel."""
    found = walk.units_of(node.all_input_nodes[0])
    if found is None:
        return None
    walk.classes.keep_signs(found.units)
    if module.num_parameters > 1:
        if found.axis != 1 or found.copies != 1:
            walk.fix(node)
            return None
        walk.put(f"{path}.weight", [(found.units, ".order")])
    return found


def embedding(walk: Walk, node: fx.Node, module: Any, path: str) -> Channels | None:
    """A table of vectors."""
    out, shape = walk.classes.new(module.embedding_dim), shape_of(node)
    walk.put(f"{path}.weight", [None, (out, "")])
    if module.max_norm is not None:
        walk.classes.keep_sizes(out)
    again = walk.rows[f"{path}.weight"][1]
    return None if shape is None else Channels(again[0] if isinstance(again, tuple) else out, len(shape) - 1)


def attention(walk: Walk, node: fx.Node, module: Any, path: str) -> Channels | None:
    """Self-attention of `nn.MultiheadAttention`."""
    given = dict(zip(_ATTENTION, node.args, strict=False)) | dict(node.kwargs)
    own = given["query"] is given["key"] is given["value"]
    if not own or _tells_heads_apart(given) or module.in_proj_weight is None or module.bias_k is not None:
        walk.fix(node)
        return None
    before = walk.rows.get(f"{path}.out_proj.weight")
    site = f"heads{len(walk.heads)}" if before is None else str(before[1]).partition(".")[0]
    walk.heads[site] = Heads(module.num_heads, module.head_dim)
    into, out = walk.reading(node, -1, module.embed_dim), walk.classes.new(module.embed_dim)
    for units in (out, *([] if into is None else [into[0]])):
        walk.classes.keep_sizes(units)  # gauges inside heads are balanced by the sizes of these
    walk.put(f"{path}.in_proj_weight", [f"{site}.q|{site}.k|{site}.v", into])
    walk.put(f"{path}.out_proj.weight", [(out, ""), f"{site}.o"])
    if module.in_proj_bias is not None:
        unseen = "" if module.add_zero_attn else "~"  # beside a key of zeros the others' bias is seen
        walk.put(f"{path}.in_proj_bias", [f"{site}.q|{site}.k{unseen}|{site}.v"])
        walk.put(f"{path}.out_proj.bias", [(out, "")])
    shape = shape_of(node.all_input_nodes[0])
    return None if shape is None else Channels(out, len(shape) - 1)


def _tells_heads_apart(given: Mapping[str, Any]) -> bool:
    """Whether attention masks each head by itself, or returns the weights of each."""
    mask = given.get("attn_mask")
    masked = isinstance(mask, fx.Node) and len(shape_of(mask) or ()) == 3  # (samples x heads, to, from)
    return masked or (bool(given.get("need_weights", True)) and not given.get("average_attn_weights", True))


LAYERS: Rules = {
    nn.Linear: linear,
    _CONVOLUTIONS: convolution,
    _BATCH_NORMS: batch_norm,
    (nn.LayerNorm, nn.RMSNorm): layer_norm,
    nn.GroupNorm: group_norm,
    nn.PReLU: prelu,
    nn.Embedding: embedding,
    nn.MultiheadAttention: attention,
}
"""What is done at each kind of layer."""
