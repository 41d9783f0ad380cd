"""From a trained model to a program of steps, by torch.fx."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
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
)
from haar.moments.closed_forms import Polynomial
from haar.moments.exported import is_aten, is_guard, operator_name
from haar.moments.graph_layers import is_graph_layer, split_inner_network
from haar.moments.program import Program
from haar.moments.registry import Registered, activation_of_call, activation_of_module, relu
from haar.moments.step_builder import StepBuilder, UnsupportedModuleError, first_line
from haar.moments.values import BatchSize, Many, Value, count_values, filled, random_values, without_batch


class _Tracer(fx.Tracer):
    def __init__(self, leaves: tuple[type[nn.Module], ...]) -> None:
        super().__init__()
        self.leaves = leaves

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        own = isinstance(m, self.leaves) or is_graph_layer(m) or is_guard(m)
        return own or super().is_leaf_module(m, module_qualified_name)


def trace(
    model: nn.Module,
    input_shape: Sequence[int],
    *,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
) -> Program:
    """Follow a model once and write it down as affine maps and activations.

    The model is not changed; training mode is respected (dropout then counts as noise, batch normalisation is refused).
    Parameters are read in float64 and stay differentiable.

    Args:
        model: Any module that torch.fx can trace: Sequential, residual sums, shared modules, own forward methods.
        input_shape: Shape of one input, without the batch axis.
        activations: Additional activations: module class or function to `Activation`, or to a function of the module.
        affine: Additional module classes that are affine in their first argument.
        constants: Values for further inputs of `forward`, by name (an adjacency, edge indices, a mask).
        on_unsupported: What to do with a part that has no closed form: ``"raise"`` names it; ``"linearise"`` at the
            mean and ``"sample"`` go on and mark the step.

    Raises:
        UnsupportedModuleError: If a part has no closed form and no opt-in was given.
        ArgumentError: If the model cannot be traced, or its inputs do not fit.

    Example:
        >>> program = trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), (2,))
        >>> [step.kind for step in program.steps]
        ['Linear', 'relu']
    """
    if on_unsupported not in ("raise", "linearise", "sample"):
        raise ArgumentError("on_unsupported", expected="'raise', 'linearise' or 'sample'", got=repr(on_unsupported))
    extra = dict(activations or {})
    leaves = (*(k for k in extra if isinstance(k, type)), *affine, *AFFINE_MODULES, *BATCH_NORMS, *DROPOUTS)
    tracer = _Tracer(leaves)
    root = nn.Sequential(model) if tracer.is_leaf_module(model, "") else model
    try:
        graph = tracer.trace(root)
    except Exception as error:  # torch.fx raises many kinds; each means the same here
        raise ArgumentError(
            "model",
            expected="a module that torch.fx can trace",
            got=f"{type(model).__name__} ({first_line(error)})",
            way_out="put the part with data-dependent control flow into a module of its own and register it, "
            "or wrap the whole with propagate(..., on_unsupported='linearise') around a leaf class given in `affine`",
        ) from error
    builder = _Walker(
        root,
        tuple(input_shape),
        extra=extra,
        affine=tuple(affine),
        constants=dict(constants or {}),
        on_unsupported=on_unsupported,
        tracer=tracer,
    )
    program = builder.run(graph, strip=root is not model)
    program.output = builder.found
    return program


class _Walker(StepBuilder):
    def __init__(
        self,
        root: nn.Module,
        input_shape: tuple[int, ...],
        *,
        extra: dict[object, Registered],
        affine: tuple[type[nn.Module], ...],
        constants: dict[str, Any],
        on_unsupported: str,
        tracer: _Tracer,
    ) -> None:
        self.tracer = tracer
        self.root, self.extra, self.affine, self.constants = root, extra, affine, constants
        held = [*root.parameters(), *root.buffers()]
        device = held[0].device if held else torch.device("cpu")
        super().__init__(Program(shapes={0: input_shape}), device, on_unsupported)
        self.env: dict[fx.Node, Any] = {}
        self.seen_input = False
        self.start, self.found, self.prefix = 0, 0, ""

    def run(self, graph: fx.Graph, *, strip: bool) -> Program:
        modules = dict(self.root.named_modules())
        for node in graph.nodes:
            if node.op == "placeholder":
                self.env[node] = self._placeholder(node)
            elif node.op == "get_attr":
                self.env[node] = _wide(_attribute(self.root, str(node.target)))
            elif node.op == "output":
                self._output(self._resolve(node.args[0]))
            else:
                arguments, keywords = self._resolve(node.args), self._resolve(node.kwargs)
                if node.op == "call_module" and is_guard(modules[str(node.target)]):
                    continue
                if node.op == "call_module":
                    name = str(node.target)
                    shown = type(modules[name]).__name__ if strip else self.prefix + name
                    self.env[node] = self._module(shown, modules[name], arguments, keywords)
                else:
                    self.env[node] = self._call(node.name, node.target, arguments, keywords)
        return self.program

    def _placeholder(self, node: fx.Node) -> Any:
        name = str(node.target)
        if name in self.constants:
            return _wide(self.constants[name])
        if not self.seen_input:
            self.seen_input = True
            return Value(self.start)
        if node.args:
            return node.args[0]
        raise ArgumentError(
            "constants",
            expected=f"a value for the model's input {name!r}",
            got=f"{sorted(self.constants) or 'nothing'}",
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

    def _module(self, name: str, module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        kind = type(module).__name__
        inputs = random_values(arguments, keywords)
        if not inputs:
            return module_function(module, with_bias=True)(*arguments, **keywords)
        value = arguments[0] if arguments and isinstance(arguments[0], Value) else None
        if value is not None and len(inputs) == 1:
            activation = activation_of_module(module, self.extra)
            if activation is not None:
                return self.elementwise(name, activation, value)
            if isinstance(module, nn.PReLU):
                return self._prelu(name, module, value)
            if isinstance(module, DROPOUTS):
                return self._dropout(name, module, value)
            if isinstance(module, nn.Identity):
                return value
            if isinstance(module, BATCH_NORMS) and not (module.training or module.running_mean is None):
                return self._batch_norm(name, module, value)
            if isinstance(module, (*AFFINE_MODULES, *self.affine)):
                return self._affine_module(name, module, arguments, keywords, inputs)
            if is_graph_layer(module):
                return self._graph_layer(name, module, arguments, keywords, inputs)
        why = "uses batch statistics; call model.eval()" if isinstance(module, BATCH_NORMS) else ""
        whole = module_function(module, with_bias=True)
        return self.unsupported(name, kind, inputs, filled(whole, arguments, keywords, inputs), why)

    def _affine_module(
        self,
        name: str,
        module: nn.Module,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        inputs: tuple[int, ...],
    ) -> Value:
        known = isinstance(module, AFFINE_MODULES)
        matrix = None
        if type(module) is nn.Linear and len(self.program.shapes[inputs[0]]) == 1:
            matrix = module.weight.to(torch.float64)
            transposed, bias = matrix.mT, None if module.bias is None else module.bias.to(torch.float64)
            return self.affine_step(name, "Linear", inputs, lambda events: events[0] @ transposed, bias, matrix=matrix)
        whole = filled(module_function(module, with_bias=True), arguments, keywords, inputs)
        if not known:
            if not self.is_affine(whole, inputs):
                raise ArgumentError(
                    "affine", expected="modules that are affine in their first argument", got=type(module).__name__
                )
            made: Value = self.affine_from_whole(name, type(module).__name__, inputs, whole)
            return made
        linear = filled(module_function(module, with_bias=False), arguments, keywords, inputs)
        return self.affine_step(name, type(module).__name__, inputs, linear, self.at_zero(whole, inputs))

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
        made = self.affine_from_whole(name, kind, inputs, whole)
        return made if inner is None else self._inline(name, inner, made)

    def _inline(self, name: str, module: nn.Module, value: Value) -> Any:
        """Walk a module of its own, starting from a value of this program."""
        root = nn.Sequential(module)
        part = _Walker(
            root,
            self.program.shapes[value.number],
            extra=self.extra,
            affine=self.affine,
            constants={},
            on_unsupported=self.on_unsupported,
            tracer=self.tracer,
        )
        part.program, part.start, part.prefix = self.program, value.number, f"{name}."
        part.run(self.tracer.trace(root), strip=False)
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
        if type(module) is not nn.Dropout:
            raise UnsupportedModuleError(
                "model",
                expected="dropout of single components, or a model in evaluation mode",
                got=f"{type(module).__name__} ({name!r}), which drops whole channels",
                way_out="call model.eval()",
            )
        return self.noise(name, type(module).__name__, float(module.p), value)

    # -- functions and methods ----------------------------------------------------------------------------------------

    def _call(self, name: str, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        shape = self._shape_query(target, arguments)
        if shape is not None:
            return shape
        inputs = random_values(arguments, keywords)
        many = arguments[0] if arguments and isinstance(arguments[0], Many) else None
        if many is not None and isinstance(arguments[1], int):
            at = arguments[1]
            return self.affine_from_whole(name, many.kind, many.inputs, lambda events: many.function(events)[at])
        if not inputs and target is operator.getitem:
            return arguments[0][arguments[1]]  # of a shape: the batch size stays open
        if not inputs:
            return call(target, without_batch(arguments), without_batch(keywords))
        first = arguments[0] if arguments and isinstance(arguments[0], Value) else None
        kind = operator_name(target)
        if first is not None and len(inputs) == 1:
            if (isinstance(target, str) or is_aten(target)) and kind in METHODS_IDENTITY:
                return first
            if is_aten(target) and kind == "batch_norm" and not arguments[5]:
                return self.affine_from_whole(
                    name, kind, inputs, filled(lambda *a, **k: call(target, a, k), arguments, keywords, inputs)
                )
            if kind == "dropout":
                p = keywords.get("p", arguments[1] if len(arguments) > 1 else 0.5)
                training = keywords.get("training", arguments[2] if len(arguments) > 2 else True)
                return self.noise(name, kind, float(p), first) if training and p > 0 else first
            twice = len(arguments) == 2 and isinstance(arguments[1], Value)
            if twice and kind in ("mul", "imul"):
                return self.elementwise(name, Polynomial((0.0, 0.0, 1.0), name="power 2"), first)
            if not twice:
                activation = activation_of_call(target, arguments[1:], keywords, self.extra)
                if activation is not None:
                    return self.elementwise(name, activation, first)
        whole = filled(lambda *a, **k: call(target, a, k), arguments, keywords, inputs)
        others = bool(random_values(arguments[1:], keywords))
        if affine_kind(
            target, count_values(arguments, keywords), first_is_random=first is not None, others_random=others
        ):
            return self.affine_from_whole(name, kind, inputs, whole)
        return self.unsupported(name, kind, inputs, whole, "")

    def _shape_query(self, target: Any, arguments: tuple[Any, ...]) -> Any:
        first = arguments[0] if arguments else None
        if isinstance(first, Value):
            shape = (BatchSize(), *self.program.shapes[first.number])
            if target is getattr and arguments[1] in ("shape", "ndim", "device", "dtype"):
                return {"shape": shape, "ndim": len(shape), "device": None, "dtype": torch.float64}[arguments[1]]
            if is_aten(target) and operator_name(target) == "sym_size":
                return shape[arguments[1]]
            if isinstance(target, str) and target in SHAPE_METHODS:
                if target == "size":
                    return shape[arguments[1]] if len(arguments) > 1 else shape
                return len(shape)
        return None


def _wide(value: Any) -> Any:
    return value.to(torch.float64) if isinstance(value, Tensor) and value.is_floating_point() else value


def _attribute(root: nn.Module, path: str) -> Any:
    found: Any = root
    for part in path.split("."):
        found = getattr(found, part)
    return found
