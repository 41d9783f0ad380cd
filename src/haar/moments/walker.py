"""The walk over a traced graph: which step each call becomes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from haar.errors import ArgumentError
from haar.moments.affine_calls import (
    AFFINE_MODULES,
    BATCH_NORMS,
    DROPOUTS,
    METHODS_IDENTITY,
    SHAPE_METHODS,
    affine_kind,
    call,
    module_function,
    wide,
)
from haar.moments.closed_forms import Polynomial
from haar.moments.exported import is_aten, is_guard, plain_name
from haar.moments.graph_layers import is_graph_layer, split_inner_network
from haar.moments.program import EventFunction, Program
from haar.moments.registry import Registered, activation_of_call, activation_of_module, relu
from haar.moments.side_effects import WRITES, without_side_effects
from haar.moments.step_builder import StepBuilder, UnsupportedModuleError, first_line
from haar.moments.tracer import Tracer, is_plain
from haar.moments.values import (
    BatchSize,
    Many,
    PerBatch,
    Value,
    count_values,
    filled,
    needs_rows,
    per_batch,
    random_values,
)


@dataclass(frozen=True)
class Given:
    """What the caller of `trace` gave.

    Args:
        model: The model.
        input_shape: Shape of one input.
        extra: Own activations.
        affine: Own affine module classes.
        constants: Values of further inputs.
        on_unsupported: What to do without a closed form.
    """

    model: nn.Module
    input_shape: tuple[int, ...]
    extra: dict[object, Registered]
    affine: tuple[type[nn.Module], ...]
    constants: dict[str, Any]
    on_unsupported: str


class Walker(StepBuilder):
    """Walks over a graph without side effects and writes its steps down.

    Args:
        root: The module that was traced.
        given: What the caller gave.
        tracer: The tracer, for networks inside of layers.
    """

    def __init__(self, root: nn.Module, given: Given, tracer: Tracer) -> None:
        self.root, self.given, self.tracer = root, given, tracer
        held = [*root.parameters(), *root.buffers()]
        device = held[0].device if held else torch.device("cpu")
        super().__init__(Program(shapes={0: given.input_shape}), device, given.on_unsupported)
        self.env: dict[fx.Node, Any] = {}
        self.seen_input = False
        self.start, self.found, self.prefix = 0, 0, ""

    def run(self, graph: fx.Graph, *, strip: bool) -> Program:
        """The program.

        Args:
            graph: A graph without side effects.
            strip: Whether the root only holds the model, as its module "0".

        Raises:
            UnsupportedModuleError: If a part has no closed form.
            ArgumentError: If an input is not given, or the output is no tensor.
        """
        modules = dict(self.root.named_modules(remove_duplicate=False))
        for node in graph.nodes:
            if node.op == "placeholder":
                self.env[node] = self._placeholder(node)
            elif node.op == "get_attr":
                self.env[node] = wide(_attribute(self.root, str(node.target)))
            elif node.op == "output":
                self._output(self._resolve(node.args[0]))
            elif node.op != "call_module":
                arguments, keywords = self._resolve(node.args), self._resolve(node.kwargs)
                writes = WRITES in node.meta
                if writes:
                    keywords = {key: value for key, value in keywords.items() if key != "out"}
                self.env[node] = self._call(node.name, node.target, arguments, keywords, writes=writes)
            elif not is_guard(modules[str(node.target)]):
                name, module = str(node.target), modules[str(node.target)]
                inside = name.removeprefix("0").removeprefix(".") or type(module).__name__
                name = inside if strip else self.prefix + name
                arguments, keywords = self._resolve(node.args), self._resolve(node.kwargs)
                self.env[node] = self._module(name, module, arguments, keywords, writes=WRITES in node.meta)
        return self.program

    def _placeholder(self, node: fx.Node) -> Any:
        name = str(node.target)
        if name in self.given.constants:
            return wide(self.given.constants[name])
        if not self.seen_input:
            self.seen_input = True
            return Value(self.start)
        if node.args:
            return node.args[0]
        raise ArgumentError(
            "constants",
            expected=f"a value for the model's input {name!r}",
            got=f"{sorted(self.given.constants) or 'nothing'}",
            way_out=f"pass constants={{{name!r}: ...}}; only the first input is random",
        )

    def _output(self, value: Any) -> None:
        if not isinstance(value, Value):
            raise ArgumentError(
                "model",
                expected="one tensor that depends on the input as its output",
                got=type(value).__name__,
                way_out="wrap the model so that it returns the tensor of interest",
            )
        self.found = value.number

    def _resolve(self, item: Any) -> Any:
        if isinstance(item, fx.Node):
            return self.env[item]
        if isinstance(item, (tuple, list)):
            return (
                type(item)(self._resolve(part) for part in item)
                if type(item) in (tuple, list)
                else tuple(map(self._resolve, item))
            )
        if isinstance(item, dict):
            return {key: self._resolve(part) for key, part in item.items()}
        if isinstance(item, slice):
            return slice(*(self._resolve(part) for part in (item.start, item.stop, item.step)))
        return item

    # -- modules ------------------------------------------------------------------------------------------------------

    def _module(
        self, name: str, module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], *, writes: bool
    ) -> Any:
        kind, plain = type(module).__name__, is_plain(module)
        inputs = random_values(arguments, keywords)
        if not inputs:
            return self._constant(module_function(module, with_bias=True), arguments, keywords)
        whole = filled(module_function(module, with_bias=True), arguments, keywords, inputs, writes=writes)
        value = arguments[0] if arguments and isinstance(arguments[0], Value) else None
        if isinstance(module, BATCH_NORMS) and (module.training or module.running_mean is None):
            raise UnsupportedModuleError(
                "model",
                expected="layers that take every row by itself",
                got=f"{kind} ({name!r}), which uses batch statistics; call model.eval()",
            )
        if not plain:
            if isinstance(module, AFFINE_MODULES) and self.is_affine(whole, inputs):
                return self.affine_from_whole(name, kind, inputs, whole, checked=True)
            return self.unsupported(name, kind, inputs, whole, "has hooks, or a forward method of its own")
        if value is not None and len(inputs) == 1:
            activation = activation_of_module(module, self.given.extra)
            if activation is not None:
                return self.elementwise(name, activation, value)
            if type(module) is nn.PReLU:
                return self._prelu(name, module, value)
            if type(module) in DROPOUTS:
                return self._dropout(name, module, value)
            if type(module) is nn.Identity:
                return value
            if type(module) in BATCH_NORMS:
                return self._batch_norm(name, module, value)
            if isinstance(module, (*AFFINE_MODULES, *self.given.affine)):
                return self._affine_module(
                    name,
                    module,
                    inputs,
                    whole,
                    lambda: filled(module_function(module, with_bias=False), arguments, keywords, inputs),
                )
            if is_graph_layer(module):
                return self._graph_layer(name, module, arguments, keywords, inputs)
        return self.unsupported(name, kind, inputs, whole, "")

    @staticmethod
    def _constant(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """A call without random arguments; it waits where it asks for the batch size."""
        if needs_rows((arguments, keywords)):
            return per_batch(function, arguments, keywords)
        try:
            return function(*arguments, **keywords)
        except Exception as error:
            raise ArgumentError(
                "model", expected="constant parts that can be run in float64", got=first_line(error)
            ) from error

    def _affine_module(
        self,
        name: str,
        module: nn.Module,
        inputs: tuple[int, ...],
        whole: EventFunction,
        without_bias: Callable[[], EventFunction],
    ) -> Value:
        if isinstance(module, self.given.affine) or type(module) not in AFFINE_MODULES:
            if not self.is_affine(whole, inputs):
                if not isinstance(module, self.given.affine):
                    return self.unsupported(name, type(module).__name__, inputs, whole, "is not affine")
                raise ArgumentError(
                    "affine", expected="modules that are affine in their first argument", got=type(module).__name__
                )
            made: Value = self.affine_from_whole(name, type(module).__name__, inputs, whole, checked=True)
            return made
        _refuse_complex(name, module.parameters())
        if type(module) is nn.Linear and len(self.program.shapes[inputs[0]]) == 1:
            matrix = module.weight.to(torch.float64)
            transposed, bias = matrix.mT, None if module.bias is None else module.bias.to(torch.float64)
            return self.affine_step(name, "Linear", inputs, lambda events: events[0] @ transposed, bias, matrix=matrix)
        return self.affine_step(name, type(module).__name__, inputs, without_bias(), self.at_zero(whole, inputs))

    def _graph_layer(
        self,
        name: str,
        module: nn.Module,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        inputs: tuple[int, ...],
    ) -> Any:
        """nn(affine(x)) in two parts, any other layer as a whole if it is affine."""
        outer, inner = split_inner_network(module) or (module, None)
        whole = filled(module_function(outer, with_bias=True), arguments, keywords, inputs)
        kind, reason = type(module).__name__, "is not affine"
        try:
            affine = self.is_affine(whole, inputs)
        except ArgumentError as error:  # attention layers refuse a batch of features on one graph
            affine, reason = False, f"cannot be called on a batch of features: {error.got}"
        if not affine:
            whole = filled(module_function(module, with_bias=True), arguments, keywords, inputs)
            return self.unsupported(name, kind, inputs, whole, reason)
        made = self.affine_from_whole(name, kind, inputs, whole, checked=True)
        return made if inner is None else self._inline(name, inner, made)

    def _inline(self, name: str, module: nn.Module, value: Value) -> Any:
        """Walk a module of its own, starting from a value of this program."""
        root = nn.Sequential(module)
        given = replace(self.given, model=root, input_shape=self.program.shapes[value.number], constants={})
        part = Walker(root, given, self.tracer)
        part.program, part.start, part.prefix = self.program, value.number, f"{name}."
        graph = self.tracer.trace(root)
        rows = torch.zeros(2, *given.input_shape, device=self.device)
        without_side_effects(graph, root, {str(next(iter(graph.nodes)).target): rows})
        part.run(graph, strip=False)
        return Value(part.found)

    def _batch_norm(self, name: str, module: Any, value: Value) -> Value:
        scale = (module.running_var.to(torch.float64) + module.eps).rsqrt()
        if module.weight is not None:
            scale = scale * module.weight.to(torch.float64)
        shift = -module.running_mean.to(torch.float64) * scale
        if module.bias is not None:
            shift = shift + module.bias.to(torch.float64)
        shape = self.program.shapes[value.number]
        # The channel axis is the first of the event, except for (rows, channels) itself, where it is the only one.
        spread = (-1, *([1] * (len(shape) - 1)))
        scale, shift = scale.reshape(spread), shift.reshape(spread).expand(shape)
        return self.affine_step(name, type(module).__name__, (value.number,), lambda events: events[0] * scale, shift)

    def _prelu(self, name: str, module: nn.PReLU, value: Value) -> Value:
        """A z + (1 - a) relu(z), with a trainable and per channel: the joint vector of z and relu(z) is exact."""
        shape = self.program.shapes[value.number]
        weight = module.weight.to(torch.float64)
        weight = weight.reshape(-1, *([1] * (len(shape) - 1))) if weight.numel() > 1 else weight.reshape(())
        part = self.elementwise(name, relu(), value)
        inputs = (value.number, part.number)
        return self.affine_step(name, "PReLU", inputs, lambda e: weight * e[0] + (1.0 - weight) * e[1], None)

    def _dropout(self, name: str, module: Any, value: Value) -> Value:
        if not module.training or module.p == 0.0:
            return value
        if module.p == 1.0:
            return self.affine_step(name, "Dropout", (value.number,), lambda events: events[0] * 0.0, None)
        if type(module) is not nn.Dropout:
            raise UnsupportedModuleError(
                "model",
                expected="dropout of single components, or a model in evaluation mode",
                got=f"{type(module).__name__} ({name!r}), which drops whole channels",
                way_out="call model.eval()",
            )
        return self.noise(name, type(module).__name__, float(module.p), value)

    # -- functions and methods ----------------------------------------------------------------------------------------

    def _call(
        self, name: str, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], *, writes: bool
    ) -> Any:
        shape = self._shape_query(target, arguments)
        if shape is not None:
            return shape
        inputs = random_values(arguments, keywords)
        many = arguments[0] if arguments and isinstance(arguments[0], Many) else None
        if many is not None and target is operator.getitem and isinstance(arguments[1], int):
            at = arguments[1]
            return self.affine_from_whole(name, many.kind, many.inputs, lambda events: many.function(events)[at])
        if not inputs and target is operator.getitem and not isinstance(arguments[0], PerBatch):
            return arguments[0][arguments[1]]  # of a shape: the batch size stays open

        def function(*args: Any, **named: Any) -> Any:
            return call(target, args, named)

        if not inputs:
            return self._constant(_assigned if target is operator.setitem else function, arguments, keywords)
        _refuse_complex(name, (*arguments, *keywords.values()))
        kind = plain_name(target)
        if target is operator.setitem:
            whole = filled(_assigned, arguments, keywords, inputs)
            return self.affine_from_whole(name, kind, inputs, whole)
        first = arguments[0] if arguments and isinstance(arguments[0], Value) else None
        whole = filled(function, arguments, keywords, inputs, writes=writes)
        if first is not None and len(inputs) == 1:
            if (isinstance(target, str) or is_aten(target)) and kind in METHODS_IDENTITY:
                return first
            if is_aten(target) and kind == "batch_norm" and not arguments[5]:
                return self.affine_from_whole(name, kind, inputs, whole)
            if kind == "dropout":
                return self._function_dropout(name, first, arguments, keywords)
            twice = len(arguments) == 2 and isinstance(arguments[1], Value)
            if twice and kind in ("mul", "imul"):
                return self.elementwise(name, Polynomial((0.0, 0.0, 1.0), name="power 2"), first)
            if not twice:
                activation = activation_of_call(target, arguments[1:], keywords, self.given.extra)
                if activation is not None:
                    return self.elementwise(name, activation, first)
        others = bool(random_values(arguments[1:], keywords))
        if affine_kind(
            target, count_values(arguments, keywords), first_is_random=first is not None, others_random=others
        ):
            return self.affine_from_whole(name, kind, inputs, whole)
        return self.unsupported(name, kind, inputs, whole, "")

    def _function_dropout(self, name: str, value: Value, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Value:
        p = float(keywords.get("p", arguments[1] if len(arguments) > 1 else 0.5))
        training = keywords.get("training", keywords.get("train", arguments[2] if len(arguments) > 2 else True))
        if not training or p == 0.0:
            return value
        if p == 1.0:
            return self.affine_step(name, "dropout", (value.number,), lambda events: events[0] * 0.0, None)
        return self.noise(name, "dropout", p, value)

    def _shape_query(self, target: Any, arguments: tuple[Any, ...]) -> Any:
        first = arguments[0] if arguments else None
        if isinstance(first, Value):
            shape = (BatchSize(), *self.program.shapes[first.number])
            if target is getattr and arguments[1] in ("shape", "ndim", "device", "dtype"):
                return {"shape": shape, "ndim": len(shape), "device": None, "dtype": torch.float64}[arguments[1]]
            if is_aten(target) and plain_name(target) == "sym_size":
                return shape[arguments[1]]
            if isinstance(target, str) and target in SHAPE_METHODS:
                if target == "size":
                    return shape[arguments[1]] if len(arguments) > 1 else shape
                return len(shape)
        return None


def _assigned(x: Tensor, index: Any, value: Any) -> Tensor:
    """The result of x[index] = value, written into a copy."""
    made = x.clone()
    made[index] = value
    return made


def _refuse_complex(name: str, values: Iterable[Any]) -> None:
    if any(isinstance(value, Tensor) and value.is_complex() for value in values):
        raise UnsupportedModuleError(
            "model",
            expected="real weights",
            got=f"complex ones at {name!r}",
            way_out="put the complex part into a module from real to real numbers and register it in `affine`, "
            "or pass on_unsupported='sample'",
        )


def _attribute(root: nn.Module, path: str) -> Any:
    found: Any = root
    for part in path.split("."):
        found = getattr(found, part)
    return found
