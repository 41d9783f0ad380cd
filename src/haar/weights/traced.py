"""traced: the table of a module of one's own, by following it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx, nn

from haar.errors import ArgumentError
from haar.probing import undisturbed
from haar.tracing import Followed, NotFollowedError, Operator, follow, leaves_of
from haar.weights.action import ParameterAction
from haar.weights.channels import Channels, Classes, shape_of
from haar.weights.heads import Heads
from haar.weights.kinds import BATCH_NORMS, CONVOLUTIONS, HOMOGENEOUS, KEEPING, LARGEST, NUMBERS, RECURRENT
from haar.weights.sites import Site, Units


def traced(model: nn.Module, example: Any, *, signs: bool = False, scales: bool = False) -> ParameterAction:
    """The table of a module, by following one run of it.

    Linear layers, convolutions (grouped and depthwise ones too), embeddings, batch, layer and group norms, attention
    (`nn.MultiheadAttention`, so `nn.TransformerEncoder`), activations, sums, pooling and flattening are known. Units
    that reach anything else stay where they are: the table says less than it could, and is never wrong.

    Args:
        model: The module; it is left as it was.
        example: An input, or a tuple of inputs.
        signs: Whether units of odd activations may change their signs as well.
        scales: Whether units of ReLU and its kin may be multiplied with positive numbers as well.

    Raises:
        ArgumentError: If it is recurrent, cannot be followed, or has no units that may change places.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
        >>> traced(model, torch.zeros(1, 1, 4, 4)).tensors
        {'0.weight': ('units0', None, None, None), '0.bias': ('units0',),
         '3.weight': (None, 'units0*'), '3.bias': (None,)}
    """
    for name, module in model.named_modules():
        if isinstance(module, RECURRENT):
            raise ArgumentError(
                "model",
                expected="a model without recurrent layers",
                got=f"{type(module).__name__} at {name or 'the top'}",
                way_out="write the table by hand: haar.weights.ParameterAction says how",
            )
    inputs = list(example) if isinstance(example, (tuple, list)) else [example]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)  # one step for a whole layer, without its parts
    try:
        with undisturbed(model), torch.no_grad():
            followed = follow(model, inputs, leaves=leaves_of())
    except NotFollowedError as error:
        error.way_out = f"{error.way_out}, or write the table by hand: haar.weights.ParameterAction says how"
        error.args = (str(error),)
        raise
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)
    return _Walk(followed).table(signs=signs, scales=scales)


class _Walk:
    """One walk through a graph: which units every value has, and which units every axis of a parameter is."""

    def __init__(self, followed: Followed) -> None:
        self.followed, self.classes = followed, Classes()
        self.values: dict[fx.Node, Channels | None] = {}
        self.rows: dict[str, list[tuple[int, str] | str | None]] = {}
        self.heads: dict[str, Heads] = {}
        for node in followed.graph.nodes:
            self.values[node] = self._step(node)

    def table(self, *, signs: bool, scales: bool) -> ParameterAction:
        """The table of what was found."""
        state = self.followed.model.state_dict()
        sites: dict[str, Site] = dict(self.heads)
        names: dict[int, str] = {}

        def label(found: tuple[int, str] | str | None) -> str | None:
            if found is None or isinstance(found, str):
                return found
            units, form = self.classes.find(found[0]), found[1]
            if not self.classes.free(units):
                return None
            if units not in names:
                names[units] = f"units{len(names)}"
                sites[names[units]] = Units(self.classes.size(units), self._factors(units, signs=signs, scales=scales))
            return names[units] + form

        tensors = {
            name: tuple(map(label, self.rows.get(name, [None] * value.ndim)))
            for name, value in state.items()
            if value.is_floating_point()
        }
        if not sites:
            raise ArgumentError(
                "model",
                expected="units that may change places",
                got=f"{type(self.followed.model).__name__}, where every unit meets something that is not followed",
                way_out="write the table by hand: haar.weights.ParameterAction says how",
            )
        return ParameterAction(sites, tensors, ignored=("num_batches_tracked",))

    def _factors(self, units: int, *, signs: bool, scales: bool) -> str:
        """What units may be multiplied with, in the words of `Units`."""
        scaled, signed = scales and self.classes.scaled(units), signs and self.classes.signed(units)
        if scaled:
            return "any" if signed else "positive"
        return "signs" if signed else "none"

    # -- steps

    def _step(self, node: fx.Node) -> Channels | None:
        if node.op == "call_module":
            return self._module(node, self.followed.module(node), str(node.target))
        if node.op in ("call_function", "call_method"):
            found = self._call(node)
            if found is not NotImplemented:
                return found  # type: ignore[no-any-return]
        if node.op in ("placeholder", "get_attr"):
            return None
        self._fix(node)
        return None

    def _module(self, node: fx.Node, module: nn.Module, path: str) -> Channels | None:
        rule = next((rule for kinds, rule in _RULES.items() if isinstance(module, kinds)), None)
        if rule is not None:
            return rule(self, node, module, path)
        found = self._call(node)
        if found is not NotImplemented:
            return found  # type: ignore[no-any-return]
        self._fix(node)
        return None

    def _call(self, node: fx.Node) -> Any:
        """A function or a layer without parameters of its own."""
        if node.target is getitem and shape_of(node.all_input_nodes[0]) is None:  # a part of what attention returns
            return self._of(node.all_input_nodes[0]) if node.args[1] == 0 else None
        operator = self.followed.operator(node)
        if operator is None:
            return NotImplemented
        tensors = [n for n in node.all_input_nodes if shape_of(n) is not None]
        if operator.name in ("add", "sub", "mul") and len(tensors) == 2:
            return self._joined(node, tensors, operator.name)
        known = [self._of(n) for n in node.all_input_nodes]
        if not known or known[0] is None:
            return NotImplemented if any(one is not None for one in known) else None
        return self._alone(node, known[0], operator)

    def _alone(self, node: fx.Node, first: Channels, operator: Operator) -> Any:
        """A step whose first value has units, and whose others have none."""
        if operator.name == "div" and node.args[0] is not node.all_input_nodes[0]:  # a number over the units
            self.classes.keep_scales(first.units, signs=False)
        if operator.kind == "pointwise" or operator.name in NUMBERS:
            return self._bent(first, operator)
        if operator.kind in ("noise", "same") or operator.name in KEEPING:
            return first
        if operator.kind == "window" and "pool" in operator.name and first.axis == 1:
            return self._bent(first, operator) if operator.name in LARGEST else first
        return self._reshaped(node, first, operator.name)

    def _bent(self, first: Channels, operator: Operator) -> Channels:
        """Every number by itself, or the largest of some: the signs count unless it is odd."""
        scales = operator.linear is not None and operator.name not in ("add", "sub")
        if not (scales or operator.name in HOMOGENEOUS):
            self.classes.keep_scales(first.units, signs=not operator.odd)
        elif not scales:
            self.classes.keep_signs(first.units)
        return first

    def _reshaped(self, node: fx.Node, first: Channels, name: str) -> Any:
        before, after = shape_of(node.all_input_nodes[0]), shape_of(node)
        if before is None or after is None:
            return NotImplemented
        kept = first.axis
        if name in ("flatten", "reshape", "view") and after[:kept] == before[:kept] and len(after) == kept + 1:
            return Channels(first.units, kept, first.copies * torch.Size(before[kept + 1 :]).numel())
        if name == "mean":  # over what comes after the units, or over axes that stay
            gone = after == before[: len(after)] and len(after) > kept
            stays = len(after) == len(before) and after[kept] == before[kept]
            return first if gone or stays else NotImplemented
        if name in ("transpose", "swapaxes") and len(node.args) == 3:
            ends = [int(d) % len(before) for d in node.args[1:]]  # type: ignore[arg-type]
            axis = ends[1 - ends.index(kept)] if kept in ends else kept
            return Channels(first.units, axis, first.copies)
        return NotImplemented

    def _joined(self, node: fx.Node, tensors: list[fx.Node], name: str) -> Any:
        """A sum or a product of two values."""
        one, other = (self._of(n) for n in tensors)
        if one is None and other is None:
            return None
        known = one if one is not None else other
        if known is None:
            return NotImplemented
        if name == "mul":
            self.classes.keep_scales(known.units)
        if one is not None and other is not None:
            same = (one.axis, one.copies, shape_of(tensors[0])) == (other.axis, other.copies, shape_of(tensors[1]))
            if not same:
                return NotImplemented
            self.classes.keep_scales(other.units) if name == "mul" else None
            self.classes.join(one.units, other.units)
            return one
        stranger = tensors[1] if one is not None else tensors[0]
        return self._with_parameter(node, stranger, known, name)

    def _with_parameter(self, node: fx.Node, stranger: fx.Node, known: Channels, name: str) -> Any:
        """Units with a parameter added or multiplied to them, or with a value whose places are fixed."""
        shape, whole = shape_of(stranger), shape_of(node)
        if shape is None or whole is None or known.copies != 1 or not _is_parameter(self.followed, stranger):
            return NotImplemented
        axis = known.axis - (len(whole) - len(shape))
        if axis < 0 or shape[axis] == 1:
            self.classes.keep_scales(known.units)
            return known
        labels: list[Any] = [None] * len(shape)
        labels[axis] = (known.units, "" if name != "mul" else ".order")
        self._put(str(stranger.target), labels)
        return known

    # -- what is kept

    def _of(self, node: fx.Node) -> Channels | None:
        return self.values.get(node)

    def _fix(self, node: fx.Node) -> None:
        """Whatever flows into a step that is not known stays where it is."""
        for other in node.all_input_nodes:
            found = self._of(other)
            if found is not None:
                self.classes.fix(found.units)

    def _put(self, name: str, labels: list[Any]) -> None:
        """Say what the axes of a parameter are; of one that is used twice, both times the same."""
        if name not in self.rows:
            self.rows[name] = labels
            return
        for before, now in zip(self.rows[name], labels, strict=True):
            units = [one[0] for one in (before, now) if isinstance(one, tuple)]
            if len(units) == 2:
                self.classes.join(*units)
            for one in units if len(units) == 1 else ():
                self.classes.fix(one)

    def reading(self, node: fx.Node, axis: int, size: int, *, at: int = 0) -> tuple[int, str] | None:
        """The label of the axis along which a layer reads units, or None where they do not stand on that axis."""
        source = node.all_input_nodes[at]
        found, shape = self._of(source), shape_of(source)
        if found is None or shape is None:
            return None
        if found.axis != axis % len(shape) or self.classes.size(found.units) * found.copies != size:
            self.classes.fix(found.units)
            return None
        return found.units, "*"

    def linear(self, node: fx.Node, module: Any, path: str) -> Channels | None:
        """A linear layer."""
        into = self.reading(node, -1, module.in_features)
        out = self.classes.new(module.out_features)
        self._put(f"{path}.weight", [(out, ""), into])
        if module.bias is not None:
            self._put(f"{path}.bias", [(out, "")])
        shape = shape_of(node)
        return None if shape is None else Channels(self._kept(path, out), len(shape) - 1)

    def _kept(self, path: str, units: int) -> int:
        """The units of a layer's outputs, of the first call where there are several."""
        first = self.rows[f"{path}.weight"][0]
        return first[0] if isinstance(first, tuple) else units

    def convolution(self, node: fx.Node, module: Any, path: str) -> Channels | None:
        """A convolution; a depthwise one leaves every channel itself."""
        source = self._of(node.all_input_nodes[0])
        rest: list[Any] = [None] * len(module.kernel_size)
        if module.groups == module.in_channels > 1 and source is not None and (source.axis, source.copies) == (1, 1):
            axis0 = (source.units, ".order")
            self._put(f"{path}.weight", [axis0, None, *rest])
            if module.bias is not None:
                self._put(f"{path}.bias", [(source.units, "")])
            return Channels(source.units, 1, module.out_channels // module.in_channels)
        into = self.reading(node, 1, module.in_channels)
        out = self.classes.new(module.out_channels)
        if module.groups > 1:
            self.classes.fix(out)
            if into is not None:
                self.classes.fix(into[0])
                into = None
        first = [into, (out, "")] if module.transposed else [(out, ""), into]
        first = [None, None] if module.groups > 1 else first
        self._put(f"{path}.weight", [*first, *rest])
        if module.bias is not None:
            self._put(f"{path}.bias", [(out, "")])
        again = self.rows[f"{path}.weight"][1 if module.transposed else 0]
        return Channels(again[0] if isinstance(again, tuple) else out, 1)

    def batch_norm(self, node: fx.Node, module: Any, path: str) -> Channels | None:
        """A norm of every channel over samples or pixels."""
        found = self._of(node.all_input_nodes[0])
        if found is None or found.axis != 1 or found.copies != 1:
            self._fix(node)
            return None
        forms = {"weight": ".order", "bias": "", "running_mean": "", "running_var": ".order"}
        self.classes.keep_scales(found.units, signs=False)
        for name, form in forms.items():
            if getattr(module, name, None) is not None:
                self._put(f"{path}.{name}", [(found.units, form)])
        return found

    def layer_norm(self, node: fx.Node, module: Any, path: str) -> Channels | None:
        """A norm over all units of a value."""
        found, shape = self._of(node.all_input_nodes[0]), shape_of(node)
        last = shape is not None and found is not None and found.axis == len(shape) - 1
        if found is None or not last or found.copies != 1 or len(module.normalized_shape) != 1:
            self._fix(node)
            return None
        self.classes.keep_scales(found.units, signs=isinstance(module, nn.LayerNorm))  # its mean
        for name, form in {"weight": ".order", "bias": ""}.items():
            if getattr(module, name, None) is not None:
                self._put(f"{path}.{name}", [(found.units, form)])
        return found

    def group_norm(self, node: fx.Node, module: Any, path: str) -> Channels | None:
        """A norm over all channels and pixels, or over each channel's pixels; of groups between them nothing moves."""
        if module.num_groups not in (1, module.num_channels):
            self._fix(node)
            return None
        found = self._of(node.all_input_nodes[0])
        if found is not None:
            self.classes.keep_scales(found.units)
        return self.batch_norm(node, module, path)

    def prelu(self, node: fx.Node, module: Any, path: str) -> Channels | None:
        """A rectifier with a slope for all units, or for each channel."""
        found = self._of(node.all_input_nodes[0])
        if found is None:
            return None
        self.classes.keep_signs(found.units)
        if module.num_parameters > 1:
            if found.axis != 1 or found.copies != 1:
                self._fix(node)
                return None
            self._put(f"{path}.weight", [(found.units, ".order")])
        return found

    def embedding(self, node: fx.Node, module: Any, path: str) -> Channels | None:
        """A table of vectors."""
        out, shape = self.classes.new(module.embedding_dim), shape_of(node)
        self._put(f"{path}.weight", [None, (out, "")])
        again = self.rows[f"{path}.weight"][1]
        return None if shape is None else Channels(again[0] if isinstance(again, tuple) else out, len(shape) - 1)

    def attention(self, node: fx.Node, module: Any, path: str) -> Channels | None:
        """Self-attention of `nn.MultiheadAttention`."""
        if len({*node.all_input_nodes[:3]}) > 1 or module.in_proj_weight is None or module.bias_k is not None:
            self._fix(node)
            return None
        site = f"heads{len(self.heads)}"
        self.heads[site] = Heads(module.num_heads, module.head_dim)
        into, out = self.reading(node, -1, module.embed_dim), self.classes.new(module.embed_dim)
        self._put(f"{path}.in_proj_weight", [f"{site}.q|{site}.k|{site}.v", into])
        self._put(f"{path}.out_proj.weight", [(out, ""), f"{site}.o"])
        if module.in_proj_bias is not None:
            self._put(f"{path}.in_proj_bias", [f"{site}.q|{site}.k~|{site}.v"])
            self._put(f"{path}.out_proj.bias", [(out, "")])
        shape = shape_of(node.all_input_nodes[0])
        return None if shape is None else Channels(out, len(shape) - 1)


_RULES: Mapping[Any, Callable[[_Walk, fx.Node, Any, str], Channels | None]] = {
    nn.Linear: _Walk.linear,
    CONVOLUTIONS: _Walk.convolution,
    BATCH_NORMS: _Walk.batch_norm,
    (nn.LayerNorm, nn.RMSNorm): _Walk.layer_norm,
    nn.GroupNorm: _Walk.group_norm,
    nn.PReLU: _Walk.prelu,
    nn.Embedding: _Walk.embedding,
    nn.MultiheadAttention: _Walk.attention,
}


def _is_parameter(followed: Followed, node: fx.Node) -> bool:
    if node.op != "get_attr" or str(node.target) in followed.constants:
        return False
    return isinstance(followed.attribute(str(node.target)), Tensor)
