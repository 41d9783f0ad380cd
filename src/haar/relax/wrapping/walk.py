"""What every tensor inside a network carries, followed forwards; where two things meet, begun again with one noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from haar.actions import Action, Field, Symmetry
from haar.actions.representation import Representation, Trivial
from haar.errors import ArgumentError, ShapeError
from haar.nn.representations import same_representation
from haar.relax.wrapping.bare_parameters import may_hold_bare_parameters
from haar.relax.wrapping.elements import Elements
from haar.relax.wrapping.feature import Feature, Leg, agree, feature_of
from haar.relax.wrapping.hidden import narrow_representation
from haar.relax.wrapping.layer_rules import check_windows, layer_rule
from haar.relax.wrapping.notes import Again, Noted
from haar.relax.wrapping.numbers import Numbers
from haar.relax.wrapping.precision import DOUBLE, SINGLE
from haar.relax.wrapping.proposals import Hidden, Proposal, other_forms, proposals
from haar.relax.wrapping.reasons import reason
from haar.relax.wrapping.step import Step, Typed, Unknown
from haar.relax.wrapping.twins import has_twin
from haar.tracing import Followed

#: What a refusal offers.
FUNCTION = 'use mode="function", which takes any module, or name its representations in layers'
#: Place of what a layer returns among its axes.
OUT = -1
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@dataclass(frozen=True)
class Use:
    """A layer with parameters, as the network uses it.

    Attributes:
        into: Representation on its input.
        out: Representation on its output.
        node: The step at which it is used first.
    """

    into: Representation
    out: Representation
    node: int


class Walk:
    """Follows a network's graph on one batch and gives every tensor in it a feature.

    Args:
        followed: The network as a graph, in eval mode and double precision; its parameters shall hide nothing.
        symmetry: How the group acts on its inputs and outputs.
        fixed: (representation in, representation out) of some layers by name.
        hidden: Representation of a hidden layer by its width.

    Attributes:
        uses: The layers with parameters, by name.
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
        self.symmetry, self.fixed, self.hidden = symmetry, fixed, hidden
        self.group, self.elements = symmetry.group, Elements(symmetry.group)
        self.uses: dict[str, Use] = {}
        self.dropouts: dict[str, Typed] = {}
        self.parameters: dict[str, Feature] = {}
        self.types: dict[fx.Node, Any] = {}
        self.grid: Field | None = None
        self.precision = DOUBLE
        self.noted = Noted()
        self._narrow = narrow_representation(symmetry.group)
        self._before: list[tuple[int, fx.Node, Typed]] = []
        self._unsettled: dict[str, ArgumentError] = {}
        self._place = 0
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
            self._place = place
            try:
                self._type(nodes[place])
            except Again as again:
                paths = self.noted.take(again)
                place = next(k for k, node in enumerate(nodes) if self._made_by(node) in paths)
                self._forget(nodes[place:], place)
                continue
            place += 1
        for path, error in self._unsettled.items():
            if (path, OUT) not in self.noted.notes:
                raise error

    # ---------------------------------------------------------------- what rules ask for

    def refuse(self, where: str, why: str = "") -> NoReturn:
        """Refuse a step by name.

        Raises:
            ArgumentError: Always.
        """
        raise ArgumentError(
            "module",
            expected="operations whose symmetry is known",
            got=where + (f": {why}" if why else ""),
            way_out=FUNCTION,
        )

    def refuse_grid(self, step: Step, why: str) -> NoReturn:
        """Refuse what a step does to a grid of this size.

        Raises:
            ShapeError: Always.
        """
        sizes = " and ".join("x".join(map(str, x.value.shape)) for x in step.moving)
        raise ShapeError(
            "module",
            expected=f"in {step.where} a step that treats both ends of every axis alike",
            got=f"{why} on {sizes}, broken by {step.name!r}",
            way_out=f"use inputs of another size, pad both sides alike, or {FUNCTION}",
        )

    def layer(
        self,
        step: Step,
        module: nn.Module,
        path: str,
        comes: tuple[Representation, Leg | None],
        width: int,
        *,
        moves: bool = False,
        keeps: bool = False,
    ) -> Leg:
        """Note a layer with parameters and return what it makes; used twice, both uses must agree.

        Args:
            step: The step.
            module: The layer.
            path: Its name.
            comes: What it takes, and the leg that brings it.
            width: Channels that it makes.
            moves: Whether it moves points.
            keeps: Whether it makes what it takes.
        """
        into, leg = comes
        if path in self.fixed:
            wanted_in, wanted_out = self.fixed[path]
            self.meet(leg, wanted_in, step.where, into)
            out = Leg(wanted_out)
        elif keeps:
            out = leg or Leg(into)
        else:
            out = self._chosen(
                path, width, grouped=_grouped(module, into), still=not moves and self.elements.still(into)
            )
        seen = self.uses.get(path)
        if seen is None:
            self.uses[path] = Use(into, out.rep, self._place)
        elif not same_representation(seen.into, into):
            self.meet(leg, seen.into, f"{step.where}, which is used twice", into)
        elif not same_representation(seen.out, out.rep):
            self.refuse(f"{step.where}, which is used twice", f"{seen.out.name} meets {out.rep.name}")
        return out

    def meet(self, leg: Leg | None, wanted: Representation, where: str, now: Representation | None = None) -> None:
        """A leg must carry a representation: it does, or whoever makes it is asked to.

        Raises:
            ArgumentError: If nobody can.
        """
        rep = leg.rep if leg is not None else now or Trivial(self.group, wanted.dim)
        if rep.dim != wanted.dim:
            self.refuse(where, f"{rep.dim} channels meet {wanted.dim}")
        if same_representation(rep, wanted):
            return
        if leg is not None:
            self.again({leg: wanted})
        self.refuse(where, f"{rep.name} meets {wanted.name}")

    def again(self, legs: Proposal, soft: Proposal | None = None) -> None:
        """Begin again with other representations on some legs, if those who make them can be asked.

        Args:
            legs: What is asked for, which nobody changes again.
            soft: What others may still change.
        """
        self.noted.again(legs, soft or {})

    def other_forms(self, leg: Leg | None, sizes: list[list[int]]) -> list[Proposal]:
        """Other representations that a leg may be asked for."""
        if leg is None or leg.ask is None:
            return []
        found: list[Proposal] = [{leg: rep} for rep in other_forms(leg.rep.dim, sizes, self._hidden, leg.rep)]
        return [legs for legs in found if self.noted.asked(legs)]

    # ---------------------------------------------------------------- the walk

    def _chosen(self, path: str, width: int, *, grouped: Representation | None, still: bool) -> Leg:
        noted = self.noted.notes.get((path, OUT))
        if noted is not None:
            return Leg(noted)
        if (path, OUT) in self.noted.choices:
            rep = self.noted.choices[path, OUT]
        elif still:
            rep = Trivial(self.group, width)
        elif grouped is not None:
            rep = grouped
        else:
            try:
                rep = self.hidden(width)
            except ArgumentError as error:  # somebody may still ask for another
                self._unsettled[path] = error
                rep = Trivial(self.group, width)
        if rep.dim != width:
            raise ArgumentError(
                "hidden", expected=f"a representation of dimension {width}", got=f"{rep.name} of {rep.dim}"
            )
        return Leg(rep, partial(_note, (path, OUT)))

    def _forget(self, nodes: Sequence[fx.Node], place: int) -> None:
        for node in nodes:
            self.types.pop(node, None)
        while self._before and self._before[-1][0] >= place:
            _, source, typed = self._before.pop()
            if source in self.types:
                self.types[source] = typed
        self.uses = {path: use for path, use in self.uses.items() if use.node < place}

    def _made_by(self, node: fx.Node) -> str | None:
        """The layer or parameter behind a step, by its first name."""
        if node.op == "call_module":
            return str(self._names.get(id(self.followed.module(node)), ""))
        return self._parameter(str(node.target)) if node.op == "get_attr" else None

    def _type(self, node: fx.Node) -> None:
        numbers = self._numbers
        value = numbers.values.get(node)
        if node.op == "output":
            self._leave(fx.node.map_arg(node.args[0], lambda n: self.types[n]), self.symmetry.outputs)
            return
        if node.op == "placeholder":
            place = [n for n in self.graph.nodes if n.op == "placeholder"].index(node)
            known = place < len(self.symmetry.inputs)
            self.types[node] = self._enter(self.symmetry.inputs[place], numbers.inputs[place]) if known else value
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
                    self._before.append((self._place, source, there))
                    self.types[source] = Typed(there.value, carried.feature)

    def _carried(self, step: Step, module: nn.Module | None, path: str) -> Any:
        """The features of what a step returns."""
        rule = None if module is None else layer_rule(module)
        if module is not None and rule is not None and step.inputs:
            return rule(self, step, module, path)
        if isinstance(module, _DROPOUTS) and step.inputs[0].feature is not None:
            self.dropouts[path] = step.inputs[0]
            return step.inputs[0]
        if not step.moving:
            return step.features() if step.inputs else _untyped(step.result)
        own = module is not None and any(True for _ in module.parameters())
        if own:
            self.refuse(step.where)
        self._check_batch(step)
        try:
            return step.features()
        except Unknown:
            return self._otherwise(step, module)

    def _otherwise(self, step: Step, module: nn.Module | None) -> NoReturn:
        """Ask for other representations, or refuse."""
        for legs, rest in proposals(step, self._hidden):
            try:
                self.again(legs, rest)
            except Again as again:
                if step.with_legs({**legs, **rest}).holds:
                    raise again from None
        if module is not None:
            check_windows(self, step, module, next(x.feature for x in step.moving if x.feature is not None))
        if _resized(step):
            self.refuse_grid(step, "what it reads")
        self.refuse(step.where, reason(step))

    def _hidden(self, width: int) -> Representation:
        """Of a hidden layer, or a piece of one, which may be narrower than the group."""
        try:
            rep = self.hidden(width)
            return self._narrow(width) if self.elements.still(rep) else rep
        except ArgumentError:
            return Trivial(self.group, width)

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
                    self.refuse(step.where, "over the batch")

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
        legs: list[Leg | None] = []
        for axis, size in enumerate(value.shape):
            noted = self.noted.notes.get((name, axis))
            if noted is not None:
                legs.append(Leg(noted))
            elif size == 1:
                legs.append(None)
            else:
                rep = self.noted.choices.get((name, axis)) or Trivial(self.group, size)
                legs.append(Leg(rep, partial(_note, (name, axis)), own=True))
        self.parameters[name] = Feature(tuple(legs))
        return Typed(value.detach(), self.parameters[name])

    def _enter(self, action: Any, value: Any) -> Any:
        """A nest of inputs, with what they carry."""
        if isinstance(action, Action):
            if not isinstance(value, Tensor):
                return value
            try:
                found = feature_of(action, value)
            except NotImplementedError:
                self.refuse(
                    f"an input moved by {type(action).__name__}", "only vectors, points and fields are followed"
                )
            if found is not None and found.field is not None:
                self.grid = found.field
            return Typed(value, found)
        if isinstance(action, Mapping):
            return {key: self._enter(action[key], value[key]) for key in value}
        return type(value)([self._enter(a, v) for a, v in zip(action, value, strict=True)])

    def _leave(self, typed: Any, action: Any) -> None:
        """Outputs must move as the symmetry says."""
        where = "the output"
        if not isinstance(action, Action):
            for key in action if isinstance(action, Mapping) else range(len(action)):
                self._leave(typed[key], action[key])
            return
        if not isinstance(typed, Typed):
            return
        try:
            wanted = feature_of(action, typed.value)
        except NotImplementedError:
            self.refuse(f"an output moved by {type(action).__name__}", "only vectors, points and fields are followed")
        found = typed.feature or Feature((None,) * typed.value.ndim)
        wanted = wanted or Feature((None,) * typed.value.ndim)
        if (wanted.field is None) != (found.field is None) and not _point(typed.value, wanted, found):
            if wanted.field is None:
                self.refuse(where, "it moves, and the symmetry says that it does not")
            self.refuse(where, "its axes are not those that the symmetry names")
        if wanted.field is not None and found.field is not None and found.space != wanted.space:
            self.refuse(where, "its channels stand on another axis than the symmetry says")
        if typed.feature is None and not wanted.still(self.elements):
            self.refuse(where, "it does not come from anything that moves")
        for axis, (leg, other) in enumerate(zip(found.legs, wanted.legs, strict=True)):
            if not agree(leg, other):
                rep = Trivial(self.group, typed.value.shape[axis]) if other is None else other.rep
                self.meet(leg, rep, where)


def _note(key: tuple[str, int], rep: Representation) -> Notes:
    return {key: rep}


def _point(value: Tensor, wanted: Feature, found: Feature) -> bool:
    """Whether the only grid has one point."""
    return all(value.shape[axis] == 1 for axis in (*wanted.space, *found.space))


def _grouped(module: Any, into: Representation) -> Representation | None:
    """A convolution in groups of channels makes what it takes, where it can."""
    same = getattr(module, "groups", 1) > 1 and module.in_channels == module.out_channels
    return into if same else None


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
    return Step(where, name, inputs, call, result, walk.elements, written, walk.grid)
