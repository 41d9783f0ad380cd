"""What every tensor inside a network carries, followed from the inputs through the traced graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from torch import Tensor, fx, nn

from haar.actions import Action, Field, Symmetry
from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.nn.module import EquivariantModule
from haar.nn.pointwise import check_odd, is_permutation
from haar.probing import left_alone
from haar.relax.wrapping.channels import Channels, agree, closure, join
from haar.relax.wrapping.feature import Feature, feature_of

#: What a refusal offers.
FUNCTION = 'use mode="function", which takes any module, or name its representations in layers'


@dataclass(frozen=True)
class Call:
    """One step of a traced network, with its arguments.

    Attributes:
        where: The step in words.
        name: Name of the function, or class of the module.
        args: Values of the positional arguments.
        kwargs: Values of the keyword arguments.
        types: Features of the positional arguments, in the same nesting; None where nothing moves.
        run: Calls the step again, on other tensors.
        result: What it returned.
        module: The module, if it is one.
        path: The module's name.
    """

    where: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    types: tuple[Any, ...]
    run: Callable[..., Any]
    result: Any
    module: nn.Module | None = None
    path: str = ""

    def option(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by place or name."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)


@dataclass
class LayerUse:
    """A layer with parameters, as the network uses it."""

    module: nn.Module
    feature: Feature | None
    into: Channels
    out: Channels
    shape: tuple[int, ...] = ()


@dataclass
class Scene:
    """What is known so far of the channels in a network."""

    symmetry: Symmetry
    fixed: Mapping[str, tuple[Representation, Representation]]
    uses: dict[str, LayerUse] = field(default_factory=dict)
    dropouts: dict[str, Feature] = field(default_factory=dict)
    joins: list[tuple[Channels, Channels, str]] = field(default_factory=list)
    demands: list[tuple[Channels, Callable[[Representation], str], str]] = field(default_factory=list)
    grid: Field | None = None

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

    def join(self, one: Channels, other: Channels, where: str) -> None:
        """Both are the same representation; checked again when all are chosen."""
        if one.width != other.width:
            self.refuse(where, f"{one.width} channels meet {other.width}")
        if not join(one, other):
            self.joins.append((one, other, where))

    def demand(self, channels: Channels, test: Callable[[Representation], str], where: str) -> None:
        """The representation must pass a test, which says what is wrong with it."""
        self.demands.append((channels, test, where))

    def permuted(self, feature: Feature, what: str, where: str) -> Feature:
        """The group must only permute the channels."""

        def test(rep: Representation) -> str:
            return "" if is_permutation(rep) else f"{what} needs channels that are only permuted, not {rep.name}"

        self.demand(feature.channels, test, where)
        return feature

    def pointwise(self, feature: Feature, function: Callable[[Tensor], Tensor], where: str) -> Feature:
        """A function of every number by itself: channels are permuted, or change signs and the function is odd."""

        def test(rep: Representation) -> str:
            if is_permutation(rep):
                return ""
            if not rep.is_signed_permutation:
                return f"{rep.name} mixes channels: use haar.nn.NormNonlinearity or haar.nn.Gated"
            try:
                check_odd(function)
            except (ArgumentError, RuntimeError, TypeError):
                return f"{rep.name} changes signs, and the function is not odd"
            return ""

        self.demand(feature.channels, test, where)
        return feature

    def still(self, feature: Feature | None) -> bool:
        """Whether nothing moves a tensor; variables to which nothing that moves has led are then trivial."""
        if feature is None:
            return True
        if feature.relabel is not None or feature.field is not None:
            return False
        known = closure([feature.channels])
        if any(one.moved or (one.rep is not None and not _stands(one.rep)) for one in known):
            return False
        if any(one.points is not None and not _stands(one.points) for one in known):
            return False
        for one in known:
            if one.is_variable:
                one.rep = _trivial(self.symmetry, one.width)
        return True

    def layer(self, call: Call, feature: Feature | None, width_in: int, width_out: int) -> Channels:
        """Note a layer with parameters and return the channels it makes; used twice, both uses must agree."""
        into = Channels.known(_trivial(self.symmetry, width_in)) if feature is None else feature.channels
        out = Channels(width_out)
        out.sources = [into]
        out.moved = feature is not None and feature.field is not None and feature.field.group.space_dim is not None
        if call.path in self.fixed:
            rep_in, rep_out = self.fixed[call.path]
            self.join(into, Channels.known(rep_in), call.where)
            self.join(out, Channels.known(rep_out), call.where)
        if into.width != width_in:
            self.refuse(call.where, f"{width_in} channels expected, {into.width} come")
        return self.noted(call, feature, into, out)

    def noted(self, call: Call, feature: Feature | None, into: Channels, out: Channels) -> Channels:
        """Note a layer that has parameters."""
        if call.module is None:
            self.refuse(call.where)
        shape = tuple(call.args[0].shape)
        seen = self.uses.get(call.path)
        if seen is None:
            self.uses[call.path] = LayerUse(call.module, feature, into, out, shape)
            return out
        where = f"{call.where}, which is used twice"
        self.join(seen.into, into, where)
        self.join(seen.out, out, where)
        return seen.out

    def settle(self) -> None:
        """Check all that was noted, now that every representation is chosen.

        Raises:
            ArgumentError: Naming the step that does not fit.
        """
        for one, other, where in self.joins:
            if not agree(one, other):
                names = one.representation().name, other.representation().name
                self.refuse(where, f"{names[0]} meets {names[1]}")
        for channels, test, where in self.demands:
            wrong = test(channels.representation())
            if wrong:
                self.refuse(where, wrong)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, EquivariantModule) or super().is_leaf_module(m, module_qualified_name)


def traced(module: nn.Module) -> fx.Graph | None:
    """The module's graph of calls, or None where it cannot be traced.

    A leaf by itself is one call, whose target is the empty name. Steps whose value nobody reads are left out.
    """
    if _Tracer().is_leaf_module(module, ""):
        graph = fx.Graph()
        graph.output(graph.create_node("call_module", "", (graph.placeholder("x"),), {}, name="layer"))
        return graph
    try:
        with left_alone(module):
            graph = _Tracer().trace(module)
            names = {str(node.target) for node in graph.nodes if node.op == "get_attr"}
            made = {name: getattr(module, name) for name in names if name.startswith("_tensor_constant")}
    except Exception:  # noqa: BLE001 (whatever the user's code does with a proxy)
        return None
    for name, value in made.items():  # constants of the graph
        setattr(module, name, value)
    modules = dict(module.named_modules(remove_duplicate=False))
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output") and not _writes(node, modules):
            graph.erase_node(node)
    return graph


def _writes(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a step may change a tensor that others read, by its name or its options."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        hooked = module._forward_hooks or module._forward_pre_hooks  # noqa: SLF001 (they may do anything)
        return bool(hooked or getattr(module, "inplace", False))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    in_place = name.endswith("_") and not name.endswith("__")
    options = (
        bool(node.kwargs.get("inplace")) or node.kwargs.get("out") is not None or any(a is True for a in node.args)
    )
    return node.op != "get_attr" and (in_place or options or name in ("setitem", "iadd", "isub", "imul", "itruediv"))


def propagate(
    module: nn.Module,
    graph: fx.Graph,
    scene: Scene,
    inputs: Sequence[Any],
    rule: Callable[[Scene, Call], Any],
) -> dict[fx.Node, Any]:
    """Run the graph on inputs and give every value its feature.

    Args:
        module: The module that was traced.
        graph: Its graph.
        scene: Filled with layers, equalities and demands.
        inputs: One batch.
        rule: Gives a step's feature.

    Returns:
        The features of all nodes.
    """
    values: dict[fx.Node, Any] = {}
    types: dict[fx.Node, Any] = {}
    sides = list(zip(scene.symmetry.inputs, inputs, strict=True))
    modules = dict(module.named_modules(remove_duplicate=False))
    first_names: dict[int, str] = {id(m): name for name, m in module.named_modules()}
    for node in graph.nodes:
        if node.op == "output":
            _leave(
                scene,
                fx.node.map_arg(node.args[0], lambda n: types[n]),
                scene.symmetry.outputs,
                fx.node.map_arg(node.args[0], lambda n: values[n]),
            )
            break
        if node.op == "placeholder":
            values[node], types[node] = _enter(scene, sides, node)
            continue
        if node.op == "get_attr":
            values[node], types[node] = _attribute(module, str(node.target)), None
            continue
        args = fx.node.map_arg(node.args, lambda n: values[n])
        kwargs = dict(fx.node.map_arg(node.kwargs, lambda n: values[n]))
        kinds = tuple(_map_types(node.args, types)) + tuple(_map_types(tuple(node.kwargs.values()), types))
        run, name, part = _callable(node, modules)
        where = f"{node.target!r} ({name})" if part is not None else f"{name} ({node.name})"
        before = [a.clone() if isinstance(a, Tensor) else a for a in args]
        with torch.no_grad():
            values[node] = run(*args, **kwargs)
        path = first_names.get(id(part), "") if part is not None else ""
        call = Call(where, name, tuple(before), kwargs, kinds, run, values[node], part, path)
        types[node] = rule(scene, call)
    return types


def _enter(scene: Scene, sides: list[tuple[Any, Any]], node: fx.Node) -> tuple[Any, Any]:
    if not sides:
        return (node.args[0] if node.args else None), None
    action, value = sides.pop(0)
    return value, _features(scene, action, value)


def _features(scene: Scene, action: Any, value: Any) -> Any:
    """Features of a nest of inputs."""
    if isinstance(action, Action):
        if not isinstance(value, Tensor):
            return None
        try:
            found = feature_of(action, value)
        except NotImplementedError:
            scene.refuse(f"an input moved by {type(action).__name__}", "only vectors, points and fields are followed")
        if found is not None and found.field is not None:
            scene.grid = found.field
        return found
    if isinstance(action, Mapping):
        return {key: _features(scene, action[key], value[key]) for key in value}
    return type(value)([_features(scene, a, v) for a, v in zip(action, value, strict=True)])


def _leave(scene: Scene, kinds: Any, action: Any, value: Any) -> None:
    """Outputs must move as the symmetry says."""
    where = "the output"
    if not isinstance(action, Action):
        pairs = [
            (kinds[k], action[k], value[k]) for k in (action if isinstance(action, Mapping) else range(len(action)))
        ]
        for kind, one, part in pairs:
            _leave(scene, kind, one, part)
        return
    if not isinstance(value, Tensor):
        return
    try:
        wanted = feature_of(action, value)
    except NotImplementedError:
        scene.refuse(f"an output moved by {type(action).__name__}", "only vectors, points and fields are followed")
    if wanted is None:
        if not scene.still(kinds):
            if kinds.field is not None or kinds.relabel is not None:
                scene.refuse(where, "it moves, and the symmetry says that it does not")
            scene.join(kinds.channels, Channels.known(_trivial(scene.symmetry, kinds.channels.width)), where)
        return
    if kinds is None:
        kinds = wanted.of(Channels.known(_trivial(scene.symmetry, wanted.channels.width)))
        if wanted.field is not None or wanted.relabel is not None:
            scene.refuse(where, "it does not come from anything that moves")
    if (kinds.field is None) != (wanted.field is None) or (kinds.relabel is None) != (wanted.relabel is None):
        scene.refuse(where, "its axes are not those that the symmetry names")
    if kinds.field is not None and wanted.field is not None and kinds.field.channels != wanted.field.channels:
        scene.refuse(where, "its channels stand on another axis than the symmetry says")
    scene.join(kinds.channels, wanted.channels, where)


def _map_types(args: Any, types: dict[fx.Node, Any]) -> Any:
    if isinstance(args, fx.Node):
        return types[args]
    if isinstance(args, (tuple, list)):
        return (
            type(args)(_map_types(a, types) for a in args)
            if type(args) in (tuple, list)
            else [_map_types(a, types) for a in args]
        )
    return None


def _callable(node: fx.Node, modules: Mapping[str, nn.Module]) -> tuple[Callable[..., Any], str, nn.Module | None]:
    if node.op == "call_module":
        part = modules[str(node.target)]
        return part, type(part).__name__, part
    if node.op == "call_method":
        name = str(node.target)
        return (
            (lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)),
            name.rstrip("_") if not name.startswith("__") else name,
            None,
        )
    function: Any = node.target
    name = getattr(function, "__name__", str(function))
    home = getattr(function, "__module__", "") or ""
    known = home.split(".")[0] in ("torch", "_operator", "operator", "builtins", "math") or math is function
    return function, name if known else f"{home}.{name}", None


def _attribute(module: nn.Module, target: str) -> Any:
    here: Any = module
    for part in target.split("."):
        here = getattr(here, part)
    return here


def _trivial(symmetry: Symmetry, width: int) -> Representation:
    from haar.actions.representation import Trivial

    return Trivial(symmetry.group, width)


def _stands(rep: Representation) -> bool:
    from haar.nn.representations import stands_still

    return stands_still(rep)
