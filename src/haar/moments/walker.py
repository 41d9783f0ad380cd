"""The walk over a followed model: which step each call becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn

from haar.moments.call_steps import CallSteps, called, constant
from haar.moments.double_precision import module_function, wide
from haar.moments.program import Program
from haar.moments.side_effects import WRITES, without_side_effects
from haar.moments.step_builder import Given
from haar.moments.values import Call, Value
from haar.tracing import Followed, Leaves, follow


class Walker(CallSteps):
    """Walks over a graph without side effects and writes its steps down.

    Args:
        followed: The model as a graph.
        given: What the caller gave.
        leaves: Which modules are one step, for networks inside of layers.
    """

    def __init__(self, followed: Followed, given: Given, leaves: Leaves) -> None:
        self.followed, self.leaves = followed, leaves
        held = [*followed.model.parameters(), *followed.model.buffers()]
        device = held[0].device if held else torch.device("cpu")
        super().__init__(Program(shapes={0: given.input_shape}), device, given)
        self.env: dict[fx.Node, Any] = {}
        self.start, self.prefix = 0, ""

    def run(self) -> Program:
        """The program.

        Raises:
            UnsupportedModuleError: If a part has no closed form.
            ArgumentError: If the output is not one tensor that depends on the input.
        """
        for node in self.followed.graph.nodes:
            if node.op == "placeholder":
                name = str(node.target)
                known = name in self.given.constants
                self.env[node] = wide(self.given.constants[name]) if known else Value(self.start)
            elif node.op == "get_attr":
                self.env[node] = wide(self.followed.attribute(str(node.target)))
            elif node.op == "output":
                self.program.output = self.as_output(self._resolve(node.args[0]))
            else:
                self.env[node] = self._step(node)
        return self.program

    def _step(self, node: fx.Node) -> Any:
        arguments, keywords, writes = self._resolve(node.args), self._resolve(node.kwargs), WRITES in node.meta
        if writes:
            keywords = {key: value for key, value in keywords.items() if key != "out"}
        if node.op != "call_module":
            call = Call(node.name, called(node.target), arguments, keywords, writes=writes)
            return self.function(call, node.target)
        module = self.followed.module(node)
        name = self.prefix + (str(node.target) or type(module).__name__)
        call = Call(name, module_function(module, with_bias=True), arguments, keywords, writes=writes)
        return self.module(call, module) if call.inputs else constant(call)

    def _resolve(self, item: Any) -> Any:
        return fx.node.map_arg(item, lambda node: self.env[node])

    def inline(self, name: str, module: nn.Module, value: Value) -> Any:
        """Follow a network inside of a layer, from a value of this program."""
        given = replace(self.given, model=module, input_shape=self.program.shapes[value.number], constants={})
        rows = [torch.zeros(count, *given.input_shape, device=self.device) for count in (2, 3)]
        followed = follow(module, rows[:1], again=rows[1:], leaves=self.leaves)
        without_side_effects(followed, rows[:1])
        part = Walker(followed, given, self.leaves)
        part.program, part.start, part.prefix = self.program, value.number, f"{name}.nn."
        return Value(part.run().output)
