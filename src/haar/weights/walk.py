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
_PRODUCTS = ("mul", "div")
#: Axes are put together or taken apart, in the order of the numbers.
_REGROUPING = ("flatten", "unflatten", "reshape", "view", "squeeze", "unsqueeze")
_KEEPING = ("identity", "dropout", "alpha_dropout", "feature_dropout", "contiguous", "clone", "detach")
#: What may be done to units, by whether their signs and their sizes are free.
_FACTORS = {(False, False): "none", (True, False): "signs", (False, True): "positive", (True, True): "any"}
#: So many steps that hold units are named in a message.
_NAMED, _OUTPUT = 4, "the output"
Rules = Mapping[Any, Callable[..., Channels | None]]
"""By kinds of layers: of a walk, a step, the layer and its path; the units of what it returns."""


class Walk:
    """One walk through a graph: which units every value has, and which units every axis of a parameter is."""

    def __init__(self, followed: Followed, rules: Rules) -> None:
        self.followed, self.classes, self._rules = followed, Classes(), rules
        self.values: dict[fx.Node, Channels | None] = {}
        self.rows: dict[str, list[tuple[int, str] | str | None]] = {}
        self.heads: dict[str, Heads] = {}
        self._said: set[str] = set()
        self._stopped: dict[str, None] = {}
        self._read_as_well: set[int] = set()
        for node in followed.graph.nodes:
            self._said.clear()
            self.values[node] = self._step(node)
            for other in node.all_input_nodes:
                if _is_parameter(followed, other) and str(other.target) not in self._said:
                    self._read_as_well.add(id(followed.attribute(str(other.target))))

    def table(self, *, signs: bool, scales: bool) -> ParameterAction:
        """The table of what was found."""
        state = self.followed.model.state_dict()
        held = self._held()
        sites: dict[str, Site] = {name: site for name, site in self.heads.items() if name not in held}
        names: dict[int, str] = {}

        def label(found: tuple[int, str] | str | None) -> str | None:
            if found is None or isinstance(found, str):
                return None if found is not None and _heads_of(found) in held else found
            units, form = self.classes.find(found[0]), found[1]
            if not self.classes.free(units):
                return None
            if units not in names:
                names[units] = f"units{len(names)}"
                free = signs and self.classes.signed(units), scales and self.classes.scaled(units)
                size, groups = self.classes.size(units), self.classes.groups(units)
                sites[names[units]] = Units(size, _FACTORS[free], normed=self.classes.normed(units), groups=groups)
            return names[units] + form

        known = self._by_all_names()
        tensors = {
            name: tuple(map(label, known.get(name, [None] * value.ndim)))
            for name, value in state.items()
            if value.is_floating_point()
        }
        if not sites:
            raise ArgumentError(
                "model",
                expected="units that may change places",
                got=f"{type(self.followed.model).__name__}, where every unit meets something that is not followed"
                + self._told(),
                way_out="write the table by hand: haar.weights.ParameterAction says how",
            )
        return ParameterAction(sites, tensors, ignored=("num_batches_tracked",))

    def _told(self) -> str:
        """The first steps that hold units in their places."""
        named = [name for name in self._stopped if name != _OUTPUT] or list(self._stopped)
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        return f": {', '.join(named[:_NAMED])}{more}" if named else ""

    def _by_all_names(self) -> dict[str, list[tuple[int, str] | str | None]]:
        """The rows, by each name that a state has for a parameter of a layer that stands in several places."""
        places: dict[int, list[str]] = {}
        for path, module in self.followed.model.named_modules(remove_duplicate=False):
            places.setdefault(id(module), []).append(path)
        found = {}
        for name, labels in self.rows.items():
            path, _, own = name.rpartition(".")
            for place in places[id(self.followed.model.get_submodule(path.removeprefix(".")))]:
                found[f"{place}.{own}" if place else own] = labels
        return found

    def _held(self) -> set[str]:
        """Sites of heads whose parameters are read by more than their layers; units of such parameters are fixed."""
        held: set[str] = set()
        for name, labels in self.rows.items():
            if id(self.followed.attribute(name.removeprefix("."))) in self._read_as_well:
                held |= {_heads_of(one) for one in labels if isinstance(one, str)}
                for one in labels:
                    if isinstance(one, tuple):
                        self.classes.fix(one[0])
        return held

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
        tensors = _tensors_of(node)
        if operator.name in ("add", "sub", *_PRODUCTS) and len(tensors) == 2:
            return self._joined(node, tensors, operator.name)
        known = [self.units_of(n) for n in tensors]
        if known and known[0] is not None and len(tensors) == 1:
            return self._alone(node, known[0], operator)
        return NotImplemented if any(one is not None for one in known) else None

    def _alone(self, node: fx.Node, first: Channels, operator: Operator) -> Any:
        """A step of one value, which has units."""
        if operator.kind == "pointwise" or operator.name in _NUMBERS:
            return self._bent(first, operator)
        if operator.kind in ("noise", "same") or operator.name in _KEEPING:
            if operator.name == "alpha_dropout":
                self.classes.keep_sizes(first.units)
            return first
        if operator.name == "interpolate":
            return first if first.axis == 1 else NotImplemented
        if operator.kind == "window" and "pool" in operator.name and _before_pixels(node, first, operator.name):
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
        if name in _REGROUPING and not any(isinstance(one, torch.dtype) for one in node.args):
            return _regrouped(first, before, after, self.classes.size(first.units))
        if name in ("mean", "sum"):
            return _summed(node, first, len(before))
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
            whole = shape_of(node) or ()
            ends = [channels.axis - len(shape_of(n) or ()) for channels, n in zip((one, other), tensors, strict=True)]
            if ends[0] != ends[1] or one.copies != other.copies:
                return NotImplemented
            if name in _PRODUCTS:
                self._count(one.units)
                self._count(other.units)
            self.classes.join(one.units, other.units)
            return Channels(one.units, len(whole) + ends[0], one.copies)
        stranger = tensors[1] if one is not None else tensors[0]
        return self._with_stranger(node, tensors, stranger, known, name)

    def _with_stranger(
        self, node: fx.Node, tensors: list[fx.Node], stranger: fx.Node, known: Channels, name: str
    ) -> Any:
        """Units with a parameter added or multiplied to them, or with a value that is one for all units."""
        shape, whole = shape_of(stranger), shape_of(node)
        own = shape_of(tensors[0] if stranger is tensors[1] else tensors[1])
        if shape is None or whole is None or own is None or len(own) != len(whole):
            return NotImplemented
        axis = known.axis - (len(whole) - len(shape))
        under = name == "div" and stranger is tensors[0]
        if axis < 0 or shape[axis] == 1:  # one number for all units
            if under or name not in _PRODUCTS:
                self._count(known.units)
            return known
        if known.copies != 1 or not _is_parameter(self.followed, stranger):
            return NotImplemented
        if under:
            self._count(known.units)
        labels: list[Any] = [None] * len(shape)
        labels[axis] = (known.units, "" if name not in _PRODUCTS else ".order")
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
                self._stopped[self._name_of(node)] = None

    def _name_of(self, node: fx.Node) -> str:
        """What a step is called in a message."""
        if node.op == "call_module":
            return f"{type(self.followed.module(node)).__name__} at {node.target}"
        if node.op == "output":
            return _OUTPUT
        return str(getattr(node.target, "__name__", node.target))

    def put(self, name: str, labels: list[Any]) -> None:
        """Say what the axes of a parameter are; of one that is used twice, both times the same."""
        self._said.add(name)
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


def _heads_of(label: str) -> str:
    """The site of the heads that a label of attention names."""
    return label.partition(".")[0]


def _tensors_of(node: fx.Node) -> list[fx.Node]:
    """The tensors that a step takes, each as often as it takes it."""
    found: list[fx.Node] = []
    fx.node.map_arg((node.args, node.kwargs), found.append)
    return [one for one in found if shape_of(one) is not None]


def _before_pixels(node: fx.Node, first: Channels, name: str) -> bool:
    """Whether units stand where the channels of a pooling's input do, of one sample or of several."""
    return first.axis == len(shape_of(node.all_input_nodes[0]) or ()) - 1 - int(name[-2])


def _regrouped(first: Channels, before: tuple[int, ...], after: tuple[int, ...], count: int) -> Any:
    """Units after a reshape: on the axis that begins where theirs began, if it holds all of each."""
    outer, done = torch.Size(before[: first.axis]).numel(), 1
    for axis, size in enumerate(after):
        if done == outer and size > 1:
            return NotImplemented if size % count else Channels(first.units, axis, size // count)
        done *= size
    return NotImplemented


def _summed(node: fx.Node, first: Channels, ndim: int) -> Any:
    """Sums or means over axes on which no units are."""
    given = dict(zip(("dim", "keepdim"), node.args[1:], strict=False)) | dict(node.kwargs)
    axes: Any = given.get("dim", given.get("axis"))
    axes = [axes] if isinstance(axes, int) else axes
    if not isinstance(axes, (tuple, list)) or not axes or not all(type(axis) is int for axis in axes):
        return NotImplemented
    gone = {axis % ndim for axis in axes}
    if first.axis in gone:
        return NotImplemented
    before = 0 if given.get("keepdim", False) else sum(axis < first.axis for axis in gone)
    return Channels(first.units, first.axis - before, first.copies)
