"""What every tensor inside a network carries, followed forwards; where two things meet, begun again with one noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from haar.actions import Field, Symmetry
from haar.actions.representation import Representation
from haar.relax.wrapping.bare_parameters import may_hold_bare_parameters
from haar.relax.wrapping.choices import Choices
from haar.relax.wrapping.ends import enter, last_grid, leave
from haar.relax.wrapping.feature import Feature
from haar.relax.wrapping.layer_rules import check_windows, layer_rule
from haar.relax.wrapping.notes import Again
from haar.relax.wrapping.numbers import Numbers
from haar.relax.wrapping.precision import DOUBLE, SINGLE
from haar.relax.wrapping.proposals import Hidden, proposals
from haar.relax.wrapping.reasons import reason
from haar.relax.wrapping.refusals import refuse, refuse_grid
from haar.relax.wrapping.step import Step, Typed, Unknown
from haar.relax.wrapping.twins import has_twin
from haar.tracing import Followed

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class Walk:
    """Follows a network's graph on one batch and gives every tensor in it a feature.

    Args:
        followed: The network as a graph, in eval mode and double precision; its parameters shall hide nothing.
        symmetry: How the group acts on its inputs and outputs.
        fixed: (representation in, representation out) of some layers by name.
        hidden: Representation of a hidden layer by its width.

    Attributes:
        choices: What its layers with parameters make.
        dropouts: What goes through dropouts, by name.
        parameters: What the parameters carry that the network reads by itself, by name.
        types: What every node carries.
        precision: How exactly the network computes.
    """

    def __init__(
        self,
        followed: Followed,
        symmetry: Symmetry,
        fixed: Mapping[str, tuple[Representation, Representation]],
        hidden: Hidden,
    ) -> None:
        self.followed, self.module, self.graph = followed, followed.model, followed.graph
        self.symmetry, self.choices = symmetry, Choices(symmetry.group, fixed, hidden)
        self.dropouts: dict[str, Typed] = {}
        self.parameters: dict[str, Feature] = {}
        self.types: dict[fx.Node, Any] = {}
        self.grid: Field | None = None
        self.precision = DOUBLE
        self._before: list[tuple[int, fx.Node, Typed]] = []
        self._names = {id(part): name for name, part in self.module.named_modules()}

    def follow(self, inputs: Sequence[Any]) -> None:
        """Follow the network on one batch.

        Raises:
            ArgumentError: Naming the step whose symmetry is not known.
            ShapeError: If a window does not treat both ends of an axis of this size alike.
        """
        self._numbers = Numbers(self.followed, inputs)
        if self._numbers.single:
            self.precision = SINGLE  # whatever its parameters are, it computes so
        nodes, place = self._numbers.steps, 0
        while place < len(nodes):
            self.choices.place = place
            try:
                self._type(nodes[place])
            except Again as again:
                paths = self.choices.noted.take(again)
                place = next(k for k, node in enumerate(nodes) if self._made_by(node) in paths)
                self._forget(nodes[place:], place)
                continue
            place += 1
        self.choices.check_settled()

    def _forget(self, nodes: Sequence[fx.Node], place: int) -> None:
        for node in nodes:
            self.types.pop(node, None)
        while self._before and self._before[-1][0] >= place:
            _, source, typed = self._before.pop()
            if source in self.types:
                self.types[source] = typed
        self.choices.forget(place)

    def _made_by(self, node: fx.Node) -> str | None:
        """The layer or parameter behind a step, by its first name."""
        if node.op == "call_module":
            return str(self._names.get(id(self.followed.module(node)), ""))
        return self._parameter(str(node.target)) if node.op == "get_attr" else None

    def _type(self, node: fx.Node) -> None:
        numbers = self._numbers
        value = numbers.values.get(node)
        if node.op == "output":
            leave(fx.node.map_arg(node.args[0], lambda n: self.types[n]), self.symmetry.outputs, self.choices)
            return
        if node.op == "placeholder":
            place = [n for n in self.graph.nodes if n.op == "placeholder"].index(node)
            if place < len(self.symmetry.inputs):
                value = enter(self.symmetry.inputs[place], numbers.inputs[place])
                self.grid = last_grid(value) or self.grid
            self.types[node] = value
            return
        if node.op == "get_attr":
            self.types[node] = self._attribute(node, value)
            return
        typed: Any = fx.node.map_arg((node.args, dict(node.kwargs)), lambda n: self.types[n])
        function, name, module = numbers.function(node)
        if name == "getitem" and isinstance(typed[0][0], (tuple, list, dict)):
            self.types[node] = typed[0][0][typed[0][1]]
            return
        where = f"{node.target!r} ({name})" if module is not None else f"{name} ({node.name})"
        step = _step(where, name, function, typed, value, self, numbers.written.get(node))
        if step.written is not None:
            inputs = list(step.inputs)
            inputs[step.written] = replace(inputs[step.written], value=numbers.overwritten[node])
            step = replace(step, inputs=tuple(inputs))
        self.types[node] = self._carried(step, module, self._made_by(node) or "")
        if step.written is not None:
            self._written(node, step, self.types[node])

    def _written(self, node: fx.Node, step: Step, typed: Any) -> None:
        """A tensor that carried nothing carries what is written into it, for those who read it later by any name."""
        into = step.inputs[step.written or 0]
        carried = next((leaf for leaf in pytree.tree_leaves(typed) if isinstance(leaf, Typed)), None)
        if into.feature is None and carried is not None and carried.feature is not None:
            for source in self._numbers.names[node]:
                there = self.types.get(source)
                if isinstance(there, Typed) and there.feature is None:
                    self._before.append((self.choices.place, source, there))
                    self.types[source] = Typed(there.value, carried.feature)

    def _carried(self, step: Step, module: nn.Module | None, path: str) -> Any:
        """The features of what a step returns."""
        rule = None if module is None else layer_rule(module)
        if module is not None and rule is not None and step.inputs:
            return rule(self.choices, step, module, path)
        if isinstance(module, _DROPOUTS) and step.inputs[0].feature is not None:
            self.dropouts[path] = step.inputs[0]
            return step.inputs[0]
        if not step.moving:
            return step.features() if step.inputs else _untyped(step.result)
        own = module is not None and any(True for _ in module.parameters())
        if own:
            refuse(step.where)
        self._check_batch(step)
        try:
            return step.features()
        except Unknown:
            return self._otherwise(step, module)

    def _otherwise(self, step: Step, module: nn.Module | None) -> NoReturn:
        """Ask for other representations, or refuse."""
        for legs, rest in proposals(step, self.choices.hidden):
            try:
                self.choices.noted.again(legs, rest)
            except Again as again:
                if step.with_legs({**legs, **rest}).holds:
                    raise again from None
        if module is not None:
            check_windows(step, module, next(x.feature for x in step.moving if x.feature is not None))
        if _resized(step):
            refuse_grid(step, "what it reads")
        refuse(step.where, reason(step))

    def _check_batch(self, step: Step) -> None:
        """Sums over the samples of a batch move as they should, and are no function of one sample."""
        if step.name in ("mean", "sum", "amax", "amin", "var", "std", "norm", "max", "min") and step.inputs:
            x = step.inputs[0].value
            if isinstance(step.result, Tensor) and x.ndim > 1 and len(x) > 1 and step.result.numel() > 1:
                lost = step.result.ndim == x.ndim and step.result.shape[0] == 1 != x.shape[0]
                lost = lost or (
                    step.result.ndim < x.ndim and step.result.shape == x.shape[1:] and x.shape[0] != x.shape[1]
                )
                if lost:
                    refuse(step.where, "over the batch")

    def _parameter(self, target: str) -> str | None:
        """The name of a parameter that the network reads by itself; None for buffers and the parameters of layers."""
        owner, _, name = target.rpartition(".")
        holder = self._owner(owner)
        value = None if holder is None else holder._parameters.get(name)  # noqa: SLF001 (torch's own list)
        if holder is None or value is None or not value.is_floating_point():
            return None
        if has_twin(holder) or not may_hold_bare_parameters(holder):
            return None
        first = self._names[id(holder)]
        return f"{first}.{name}" if first else name

    def _owner(self, path: str) -> nn.Module | None:
        try:
            return self.module.get_submodule(path)
        except AttributeError:  # a constant of the graph
            return None

    def _attribute(self, node: fx.Node, value: Any) -> Any:
        name = self._parameter(str(node.target))
        if name is None:
            owner = self._owner(str(node.target).rpartition(".")[0])
            return (
                Typed(value.detach(), None, f"{node.target!r} ({type(owner).__name__})") if owner else _untyped(value)
            )
        legs = (self.choices.parameter(name, axis, size) for axis, size in enumerate(value.shape))
        self.parameters[name] = Feature(tuple(legs))
        return Typed(value.detach(), self.parameters[name])


def _resized(step: Step) -> bool:
    """Whether a step changes the sizes of a grid."""
    x = step.inputs[0]
    out = step.result
    if not isinstance(out, Tensor) or x.feature is None or x.feature.field is None or out.ndim != x.value.ndim:
        return False
    return any(out.shape[k] != x.value.shape[k] for k in x.feature.space)


def _untyped(value: Any) -> Any:
    return pytree.tree_map_only(Tensor, lambda x: Typed(x.detach(), None), value)


def _step(  # noqa: PLR0917 (of one family)
    where: str, name: str, function: Callable[..., Any], typed: Any, result: Any, walk: Walk, written: int | None
) -> Step:
    leaves, form = pytree.tree_flatten(typed)
    places = [k for k, leaf in enumerate(leaves) if isinstance(leaf, Typed)]

    def call(values: Sequence[Tensor]) -> Any:
        filled = list(leaves)
        for place, value in zip(places, values, strict=True):
            filled[place] = value
        args, kwargs = pytree.tree_unflatten(filled, form)
        return function(*args, **kwargs)

    inputs = tuple(leaves[k] for k in places)
    return Step(where, name, inputs, call, result, walk.choices.elements, written, walk.grid)
