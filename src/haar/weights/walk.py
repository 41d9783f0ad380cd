"""One walk through a network: which units every value has, and which units every axis of a parameter is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx, nn

from haar.errors import ArgumentError
from haar.tracing import Followed, Operator
from haar.weights.action import ParameterAction
from haar.weights.channels import Channels, Classes, shape_of
from haar.weights.heads import Heads
from haar.weights.sites import Site, Units

#: What takes the largest of some numbers does not take the largest of their negatives.
_LARGEST = (
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
)
#: f(s x) = s f(x) for s > 0.
_HOMOGENEOUS = (*_LARGEST, "relu", "leaky_relu", "rrelu", "abs", "identity")
#: With one tensor: a number is added or multiplied.
_NUMBERS = ("add", "sub", "mul", "div", "neg")
_KEEPING = ("identity", "dropout", "alpha_dropout", "feature_dropout", "contiguous", "clone", "detach", "interpolate")
#: What may be done to units, by whether their signs and their sizes are free.
_FACTORS = {(False, False): "none", (True, False): "signs", (False, True): "positive", (True, True): "any"}
Rules = Mapping[Any, Callable[..., Channels | None]]
"""By kinds of layers: of a walk, a step, the layer and its path; the units of what it returns."""


class Walk:
    """One walk through a graph: which units every value has, and which units every axis of a parameter is."""

    def __init__(self, followed: Followed, rules: Rules) -> None:
        self.followed, self.classes, self._rules = followed, Classes(), rules
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
                free = signs and self.classes.signed(units), scales and self.classes.scaled(units)
                sites[names[units]] = Units(self.classes.size(units), _FACTORS[free])
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
        self.fix(node)
        return None

    def _module(self, node: fx.Node, module: nn.Module, path: str) -> Channels | None:
        rule = next((rule for kinds, rule in self._rules.items() if isinstance(module, kinds)), None)
        if rule is not None:
            return rule(self, node, module, path)
        found = self._call(node)
        if found is not NotImplemented:
            return found  # type: ignore[no-any-return]
        self.fix(node)
        return None

    def _call(self, node: fx.Node) -> Any:
        """A function or a layer without parameters of its own."""
        if node.target is getitem and shape_of(node.all_input_nodes[0]) is None:  # a part of what attention returns
            return self.units_of(node.all_input_nodes[0]) if node.args[1] == 0 else None
        operator = self.followed.operator(node)
        if operator is None:
            return NotImplemented
        tensors = [n for n in node.all_input_nodes if shape_of(n) is not None]
        if operator.name in ("add", "sub", "mul") and len(tensors) == 2:
            return self._joined(node, tensors, operator.name)
        known = [self.units_of(n) for n in node.all_input_nodes]
        if not known or known[0] is None:
            return NotImplemented if any(one is not None for one in known) else None
        return self._alone(node, known[0], operator)

    def _alone(self, node: fx.Node, first: Channels, operator: Operator) -> Any:
        """A step whose first value has units, and whose others have none."""
        if operator.kind == "pointwise" or operator.name in _NUMBERS:
            return self._bent(first, operator)
        if operator.kind in ("noise", "same") or operator.name in _KEEPING:
            if operator.name == "alpha_dropout":
                self.classes.keep_sizes(first.units)
            return first
        if operator.kind == "window" and "pool" in operator.name and first.axis == 1:
            return self._bent(first, operator) if operator.name in _LARGEST else first
        return self._reshaped(node, first, operator.name)

    def _bent(self, first: Channels, operator: Operator) -> Channels:
        """Every number by itself, or the largest of some: the signs count unless it is odd."""
        scales = operator.linear is not None and operator.name not in ("add", "sub")
        if not (operator.odd or scales):
            self.classes.keep_signs(first.units)
        if not (operator.name in _HOMOGENEOUS or scales):
            self.classes.keep_sizes(first.units)
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
        one, other = (self.units_of(n) for n in tensors)
        if one is None and other is None:
            return None
        known = one if one is not None else other
        if known is None:
            return NotImplemented
        if one is not None and other is not None:
            same = (one.axis, one.copies, shape_of(tensors[0])) == (other.axis, other.copies, shape_of(tensors[1]))
            if not same:
                return NotImplemented
            if name == "mul":
                self._count(one.units)
                self._count(other.units)
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
            if name != "mul":
                self._count(known.units)
            return known
        labels: list[Any] = [None] * len(shape)
        labels[axis] = (known.units, "" if name != "mul" else ".order")
        self.put(str(stranger.target), labels)
        return known

    def _count(self, units: int) -> None:
        """Signs and sizes of some units are seen."""
        self.classes.keep_signs(units)
        self.classes.keep_sizes(units)

    # -- what is kept

    def units_of(self, node: fx.Node) -> Channels | None:
        """The units of a value, or None where it has none that are known."""
        return self.values.get(node)

    def fix(self, node: fx.Node) -> None:
        """Whatever flows into a step that is not known stays where it is."""
        for other in node.all_input_nodes:
            found = self.units_of(other)
            if found is not None:
                self.classes.fix(found.units)

    def put(self, name: str, labels: list[Any]) -> None:
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
        found, shape = self.units_of(source), shape_of(source)
        if found is None or shape is None:
            return None
        if found.axis != axis % len(shape) or self.classes.size(found.units) * found.copies != size:
            self.classes.fix(found.units)
            return None
        return found.units, "*"


def _is_parameter(followed: Followed, node: fx.Node) -> bool:
    if node.op != "get_attr" or str(node.target) in followed.constants:
        return False
    return isinstance(followed.attribute(str(node.target)), Tensor)
