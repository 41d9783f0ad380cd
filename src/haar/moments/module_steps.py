"""Which step a call of a module becomes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from haar.errors import ArgumentError
from haar.moments.double_precision import module_function
from haar.moments.graph_layers import is_graph_layer, split_inner_network
from haar.moments.registry import activation_of_module, relu
from haar.moments.step_builder import StepBuilder, UnsupportedModuleError, refuse_complex
from haar.moments.values import Call, Pending, Value
from haar.tracing import is_plain, modules_of, operator_of

BATCH_NORMS = modules_of("norm")[:3]
#: torch's modules that are affine in their argument; a subclass may be, and is tried.
AFFINE_MODULES = modules_of(linear=True)


class ModuleSteps(StepBuilder):
    """Steps of modules, by what their class is in the table of operators."""

    def module(self, call: Call, module: nn.Module) -> Any:
        """The step of a module's call.

        Raises:
            UnsupportedModuleError: If it has no closed form, and no other way was allowed.
        """
        kind = type(module).__name__
        if isinstance(module, BATCH_NORMS) and (module.training or module.running_mean is None):
            raise UnsupportedModuleError(
                "model",
                expected="layers that take every row by itself",
                got=f"{kind} ({call.name!r}), which uses batch statistics; call model.eval()",
            )
        if not is_plain(module):
            if isinstance(module, AFFINE_MODULES) and self.is_affine(call.whole, call.inputs):
                return self.affine_from_whole(call.name, kind, call.inputs, call.whole, checked=True)
            why = "has hooks, or a forward method of its own"
            return self.unsupported(call.name, kind, call.inputs, call.whole, why)
        made = self._of_one(call, module) if call.only_first else None
        return self.unsupported(call.name, kind, call.inputs, call.whole, "") if made is None else made

    def _of_one(self, call: Call, module: nn.Module) -> Any:
        """The step of a module of one random tensor; None where there is none."""
        first, row = call.arguments[0], operator_of(module)
        activation = activation_of_module(module, self.given.extra)
        if activation is not None:
            return self.pointwise(call.name, activation, first)
        own = {"same": self._same, "noise": self._dropout, "prelu": self._prelu, "batch_norm": self._batch_norm}
        step = None if row is None else own.get(row.kind, own.get(row.name))
        if step is not None and isinstance(first, Value):
            return step(call.name, module, first)
        if row is not None and row.kind == "noise" and not module.training:
            return first
        if isinstance(module, (*AFFINE_MODULES, *self.given.affine)):
            return self._affine_module(call, module)
        return self._graph_layer(call, module) if is_graph_layer(module) else None

    def _affine_module(self, call: Call, module: nn.Module) -> Any:
        name, kind, inputs = call.name, type(module).__name__, call.inputs
        if isinstance(module, self.given.affine) or type(module) not in AFFINE_MODULES:
            if self.is_affine(call.whole, inputs):
                return self.affine_from_whole(name, kind, inputs, call.whole, checked=True)
            if not isinstance(module, self.given.affine):
                return self.unsupported(name, kind, inputs, call.whole, "is not affine")
            raise ArgumentError("affine", expected="modules that are affine in their first argument", got=kind)
        refuse_complex(name, module.parameters())
        if isinstance(call.arguments[0], Pending):
            return self.affine_from_whole(name, kind, inputs, call.whole)
        if type(module) is nn.Linear and len(self.program.shapes[inputs[0]]) == 1:
            matrix = module.weight.to(torch.float64)
            transposed, bias = matrix.mT, None if module.bias is None else module.bias.to(torch.float64)
            return self.affine_step(name, kind, inputs, lambda events: events[0] @ transposed, bias, matrix=matrix)
        without_bias = call.of(module_function(module, with_bias=False)).whole
        return self.affine_step(name, kind, inputs, without_bias, self.at_zero(call.whole, inputs))

    def _graph_layer(self, call: Call, module: nn.Module) -> Any:
        """nn(affine(x)) in two parts, any other layer as a whole if it is affine."""
        outer, inner = split_inner_network(module) or (module, None)
        part = call.of(module_function(outer, with_bias=True))
        kind, reason = type(module).__name__, "is not affine"
        try:
            affine = self.is_affine(part.whole, call.inputs)
        except ArgumentError as error:  # attention layers refuse a batch of features on one graph
            affine, reason = False, f"cannot be called on a batch of features: {error.got}"
        if not affine and inner is None and isinstance(call.arguments[0], Pending) and self.folded(part):
            return Pending(call.inputs, part.whole, kind, call.name, affine=True)
        if not affine:
            return self.unsupported(call.name, kind, call.inputs, call.whole, reason)
        made = self.affine_from_whole(call.name, kind, call.inputs, part.whole, checked=True)
        return made if inner is None or not isinstance(made, Value) else self.inline(call.name, inner, made)

    def inline(self, name: str, module: nn.Module, value: Value) -> Any:
        """Follow a network inside of a layer, from a value of this program."""
        raise NotImplementedError

    def _same(self, name: str, module: nn.Module, value: Value) -> Value:
        del name, module
        return value

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

    def _prelu(self, name: str, module: Any, value: Value) -> Value:
        """a z + (1 - a) relu(z), with a trainable and per channel: the joint vector of z and relu(z) is exact."""
        shape = self.program.shapes[value.number]
        weight = module.weight.to(torch.float64)
        weight = weight.reshape(-1, *([1] * (len(shape) - 1))) if weight.numel() > 1 else weight.reshape(())
        part = self.elementwise(name, relu(), value)
        inputs = (value.number, part.number)
        return self.affine_step(name, "PReLU", inputs, lambda e: weight * e[0] + (1.0 - weight) * e[1], None)

    def _dropout(self, name: str, module: Any, value: Value) -> Value:
        return self.dropped(name, type(module).__name__, value, module.p if module.training else 0.0)

    def dropped(self, name: str, kind: str, value: Value, probability: float) -> Value:
        """Dropout of single components with a probability, 0 where it is off.

        Raises:
            UnsupportedModuleError: If it is of another kind.
        """
        if probability == 0.0:
            return value
        if kind not in ("Dropout", "dropout"):
            raise UnsupportedModuleError(
                "model",
                expected="dropout of single components, or a model in evaluation mode",
                got=f"{kind} ({name!r}), which drops whole channels",
                way_out="call model.eval()",
            )
        if probability == 1.0:
            return self.affine_step(name, kind, (value.number,), lambda events: events[0] * 0.0, None)
        return self.noise(name, kind, float(probability), value)
