"""follow: a model as a graph of its own modules and torch's calls, whatever Python stands between them."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from haar.tracing.operators import Operator, operator_of
from haar.tracing.recording import Leaves, NotFollowedError, Recorded, Recording, Ref

#: Metadata of a node: shapes of what it returned, in its nesting.
SHAPE = "shape"


@dataclass(frozen=True)
class Followed:
    """A model as a graph.

    Args:
        model: The model; its modules and parameters are those that the graph names.
        graph: Calls of modules by their path ("" for the model itself), of functions and of methods. Every node has
            the shapes of what it returned in ``meta["shape"]``. Steps that nobody reads are still there, for they may
            write.
        constants: Tensors that the graph names and the model does not hold.

    Example:
        >>> followed = follow(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), [torch.zeros(4, 2)])
        >>> [(node.target, node.meta["shape"]) for node in followed.graph.nodes if node.op == "call_module"]
        [('0', (4, 3)), ('1', (4, 3))]
    """

    model: nn.Module
    graph: fx.Graph
    constants: Mapping[str, Tensor]

    def module(self, node: fx.Node) -> nn.Module:
        """The module that a step calls."""
        return self.model.get_submodule(str(node.target))

    def attribute(self, name: str) -> Any:
        """A parameter, a buffer or a constant of the graph."""
        if name in self.constants:
            return self.constants[name]
        found: Any = self.model
        for part in name.split("."):
            found = getattr(found, part)
        return found

    def operator(self, node: fx.Node) -> Operator | None:
        """What a step is, or None where the table does not know it."""
        if node.op == "call_module":
            return operator_of(self.module(node))
        return operator_of(node.args[1] if node.target is getattr else node.target)

    def run(self, *inputs: Any) -> Any:
        """Run the graph.

        Args:
            inputs: One value for each placeholder, in their order.
        """
        return Steps(self).run(*inputs)


class Steps(fx.Interpreter):
    """Runs a followed model step by step.

    Args:
        followed: The model as a graph.
    """

    def __init__(self, followed: Followed) -> None:
        super().__init__(nn.Module(), garbage_collect_values=False, graph=followed.graph)
        self.followed = followed

    def fetch_attr(self, target: str) -> Any:
        """A module, a parameter or a constant."""
        return self.followed.attribute(target) if target else self.followed.model

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A module of the model."""
        return self.followed.model.get_submodule(target)(*args, **kwargs)


def is_plain(module: nn.Module) -> bool:
    """Whether a module does what its class says: no hook, no forward method of its own.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> handle = layer.register_forward_hook(lambda module, inputs, output: 3 * output)
        >>> is_plain(nn.Linear(1, 1)), is_plain(layer)
        (True, False)
    """
    return not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))  # noqa: SLF001


def leaves_of(*kinds: type[nn.Module]) -> Leaves:
    """Modules that are one step: those of torch itself, and the caller's kinds with their subclasses.

    A subclass of one of torch's layers is none of them: what it does is in its own forward method. What only holds
    other modules is never one step.

    Example:
        >>> class Twice(nn.Linear):
        ...     def forward(self, x):
        ...         return 2 * super().forward(x)
        >>> [leaves_of(nn.GRU)(module, "") for module in (nn.ReLU(), Twice(1, 1), nn.Sequential())]
        [True, False, False]
    """

    def is_leaf(module: nn.Module, path: str) -> bool:
        del path
        if isinstance(module, kinds):
            return True
        return type(module).__module__.startswith("torch.nn.modules") and not isinstance(module, _HOLD)

    return is_leaf


_HOLD = (
    nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.Transformer, nn.TransformerEncoder, nn.TransformerDecoder,
    nn.TransformerEncoderLayer, nn.TransformerDecoderLayer,
)  # fmt: skip


def follow(
    model: nn.Module,
    inputs: Sequence[Any],
    *,
    again: Sequence[Any] | None = None,
    constants: Mapping[str, Any] | None = None,
    leaves: Leaves | None = None,
    state: Mapping[str, Tensor] | None = None,
) -> Followed:
    """Run a model and write it down as a graph.

    The model runs as Python runs it: branches on shapes, types and settings, loops, hooks, einops and dicts are all
    followed. What depends on the numbers of the inputs (a branch on a sum, `.item()`, a size that `nonzero`
    finds) is refused, as are derivatives and transforms inside forward. With a second example in which sizes differ,
    whole numbers that differ with them are written down as functions of the first size that does.

    The caller sees to modes, random state, and buffers that a forward pass changes.

    Args:
        model: The model whose run is written down.
        inputs: Its inputs, in the order of its arguments without `constants`.
        again: Other inputs with another number of rows: the graph then holds for every number of rows.
        constants: Values of further arguments by name.
        leaves: Which modules are one step, see `leaves_of`; torch's own by default.
        state: Parameters and buffers to run it with in place of its own (in another precision, say), by name.

    Raises:
        NotFollowedError: If the run is no graph, and where.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layer = nn.Linear(3, 4)
        ...     def forward(self, x, scale=2.0):
        ...         rows = len(x)
        ...         return {"y": scale * self.layer(x).reshape(rows, 2, 2)}
        >>> followed = follow(Net(), [torch.zeros(2, 3)], again=[torch.zeros(5, 3)])
        >>> [node.name for node in followed.graph.nodes]
        ['x', 'size', 'layer', 'reshape', 'mul', 'output']
        >>> followed.run(torch.zeros(7, 3))["y"].shape
        torch.Size([7, 2, 2])
    """
    given, leaves = dict(constants or {}), leaves or leaves_of()
    runs = []
    for values in [inputs] if again is None else [inputs, again]:
        names, bound = bind(model, values, given)
        recording = Recording(model, leaves)
        recording.run(dict(zip(names, values, strict=True)), given, bound, state)
        runs.append(recording)
    return _graph(model, runs)


def bind(
    model: nn.Module, inputs: Sequence[Any], constants: Mapping[str, Any]
) -> tuple[list[str], tuple[list[Any], dict[str, Any]]]:
    """Names of the inputs, and positional and keyword arguments of the call.

    Example:
        >>> bind(nn.Bilinear(1, 1, 1), [2], {"input1": 3})
        (['input2'], ([], {'input1': 3, 'input2': 2}))
    """
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):  # what is written in C has none
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    free = [name for name in named if name not in constants]
    names = [free[k] if k < len(free) else f"input_{k}" for k in range(len(inputs))]
    if constants and all(name in free for name in names):
        return names, ([], {**constants, **dict(zip(names, inputs, strict=True))})
    return names, (list(inputs), dict(constants))


def _graph(model: nn.Module, runs: list[Recording]) -> Followed:
    """One graph of one run, or of two that differ in the number of rows."""
    first, other = runs[0], runs[-1]
    sizes = _Sizes(first, other)
    graph, nodes = fx.Graph(), dict[int, fx.Node]()
    for at, (step, same) in enumerate(zip(first.steps, other.steps, strict=True)):
        args, kwargs = (sizes.merged(getattr(step, a), getattr(same, a)) for a in ("args", "kwargs"))
        if at == first.entered and sizes.rows[0] != sizes.rows[1]:
            size = (nodes[sizes.source], sizes.axis)
            sizes.node = graph.create_node("call_function", torch.ops.aten.sym_size.int, size, name="size")
        args, kwargs = sizes.written((args, kwargs), graph, nodes)
        nodes[at] = graph.create_node(step.op, step.target, args, kwargs, name=_name(step))
        nodes[at].meta[SHAPE] = step.shape
    for name, value in first.constants.items():
        if value.shape != other.constants[name].shape or not _equal(value, other.constants[name]):
            sizes.refuse("a tensor made outside of torch's calls")
    return Followed(model, graph, dict(first.constants))


@dataclass(frozen=True)
class _Rows:
    """A whole number that depends on the number of rows: factor * rows + rest."""

    factor: int
    rest: int


class _Sizes:
    """What differs between two runs, as functions of the first size of the inputs that differs."""

    def __init__(self, first: Recording, other: Recording) -> None:
        self.model = first.model
        self.node: fx.Node | None = None
        ways = [[(s.op, s.target) for s in run.steps] for run in (first, other)]
        if ways[0] != ways[1]:
            self.refuse("steps that depend on it")
        self.source, self.axis, self.rows = 0, 0, (0, 0)
        for at, (one, two) in enumerate(zip(first.steps, other.steps, strict=True)):
            if one.random and one.shape != two.shape and _is_shape(one.shape):
                axis = next(k for k, pair in enumerate(zip(one.shape, two.shape, strict=True)) if pair[0] != pair[1])
                self.source, self.axis, self.rows = at, axis, (one.shape[axis], two.shape[axis])
                break

    def refuse(self, what: str) -> None:
        raise NotFollowedError(
            "model",
            expected="one graph for every number of rows",
            got=f"{type(self.model).__name__}, with {what}",
            way_out="put that part into a module of its own that is one step",
        )

    def merged(self, one: Any, two: Any) -> Any:
        """The same nest with `_Rows` where whole numbers differ."""
        if isinstance(one, (tuple, list)) and type(one) is type(two) and len(one) == len(two):
            return type(one)(self.merged(a, b) for a, b in zip(one, two, strict=True))
        if isinstance(one, dict) and isinstance(two, dict) and list(one) == list(two):
            return {key: self.merged(value, two[key]) for key, value in one.items()}
        if isinstance(one, slice) and isinstance(two, slice):
            return slice(*(self.merged(getattr(one, k), getattr(two, k)) for k in ("start", "stop", "step")))
        return self._leaf(one, two)

    def _leaf(self, one: Any, two: Any) -> Any:
        rows = self._growing(one, two) if type(one) is int and type(two) is int and one != two else None
        if rows is None and not _agree(one, two):
            self.refuse(f"{one!r} in one run and {two!r} in another")
        return one if rows is None else rows

    def _growing(self, one: int, two: int) -> _Rows | None:
        """A whole number that grows with the rows."""
        more = self.rows[1] - self.rows[0]
        factor, left = divmod(two - one, more) if more else (0, 1)
        return None if left else _Rows(factor, one - factor * self.rows[0])

    def written(self, tree: Any, graph: fx.Graph, nodes: Mapping[int, fx.Node]) -> Any:
        """The same nest with nodes in place of references and of numbers of rows."""
        if isinstance(tree, Ref):
            return nodes[tree.step]
        if isinstance(tree, _Rows):
            node: Any = self.node
            node = node if tree.factor == 1 else graph.call_function(operator.mul, (node, tree.factor))
            return node if not tree.rest else graph.call_function(operator.add, (node, tree.rest))
        if isinstance(tree, (tuple, list)):
            return type(tree)(self.written(part, graph, nodes) for part in tree)
        if isinstance(tree, dict):
            return {key: self.written(part, graph, nodes) for key, part in tree.items()}
        if isinstance(tree, slice):
            return slice(*(self.written(part, graph, nodes) for part in (tree.start, tree.stop, tree.step)))
        return tree


def _name(step: Recorded) -> str | None:
    """A module's step is called after its path, an attribute's after itself."""
    if step.op == "call_module":
        return str(step.target).replace(".", "_") or "layer"
    return None


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(type(n) is int for n in shape)


def _agree(one: Any, two: Any) -> bool:
    """Whether two leaves are of one type and, where they are numbers, words or references, the same."""
    return type(one) is type(two) and (not isinstance(one, (int, float, complex, str, Ref)) or _same(one, two))


def _same(one: Any, two: Any) -> bool:
    return bool(one == two) or (one != one and two != two)  # noqa: PLR0124 (NaN)


def _equal(one: Tensor, two: Tensor) -> bool:
    return one is two or bool(torch.equal(one, two))
