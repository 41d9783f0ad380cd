"""A network's own numbers on one batch, step by step, and what its steps write into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from haar.relax.wrapping.precision import as_dtype
from haar.tracing import Followed


class Numbers:
    """Runs a graph twice: once to see which tensors are written into, once to keep what stood there before.

    Args:
        followed: The network as a graph.
        inputs: One batch to run it on.

    Attributes:
        inputs: The batch that the graph was run on.
        values: What every step returned.
        written: Which of its tensors a step writes into, for steps that do.
        overwritten: What stood there before.
        names: The steps that returned that memory as a whole: a tensor, and views of all of it.
        steps: The steps whose value somebody reads, or that write into what others read.
        single: Whether some of it is computed in single precision.
    """

    def __init__(self, followed: Followed, inputs: Sequence[Any]) -> None:
        self.followed, self.inputs = followed, list(inputs)
        self._modules = dict(followed.model.named_modules(remove_duplicate=False))
        self.written: dict[fx.Node, int] = {}
        self.overwritten: dict[fx.Node, Tensor] = {}
        self.names: dict[fx.Node, list[fx.Node]] = {}
        self.values: dict[fx.Node, Any] = {}
        for _ in range(2):
            self._run()
        self.steps = self._read()
        self.single = any(
            isinstance(value, Tensor) and value.dtype in (torch.float32, torch.complex64)
            for value in pytree.tree_leaves(self.values)
        )

    def function(self, node: fx.Node) -> tuple[Callable[..., Any], str, nn.Module | None]:
        """What a step calls, its name, and the module if it is one; without hooks, which the measurement judges."""
        if node.op == "call_module":
            part = self._modules[str(node.target)]
            return part.forward, type(part).__name__, part
        if node.op == "call_method":
            name = str(node.target)
            return (
                (lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)),
                name.rstrip("_") if not name.startswith("__") else name,
                None,
            )
        function: Any = node.target
        return function, getattr(function, "__name__", str(function)), None

    def _run(self) -> None:
        values: dict[fx.Node, Any] = {}
        found: dict[fx.Node, int] = {}
        given = list(as_dtype(None, self.inputs))
        for node in self.followed.graph.nodes:
            if node.op == "output":
                break
            if node.op == "placeholder":
                values[node] = given.pop(0) if given else (node.args[0] if node.args else None)
            elif node.op == "get_attr":
                value = self.followed.attribute(str(node.target))
                values[node] = value.detach().clone() if isinstance(value, Tensor) else value
            else:
                changed = self._called(node, values)
                if changed is not None:
                    found[node] = changed
        self.values, self.written = values, found

    def _called(self, node: fx.Node, values: dict[fx.Node, Any]) -> int | None:
        """Run a step that calls something; which of its tensors it writes into, if it does."""
        args, kwargs = fx.node.map_arg((node.args, dict(node.kwargs)), lambda n: values[n])
        tensors = [x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        if node in self.written:
            self.overwritten[node] = tensors[self.written[node]].clone()
        before = [x._version for x in tensors]  # noqa: SLF001 (torch counts what is written)
        with torch.no_grad():
            values[node] = self.function(node)[0](*args, **kwargs)
        changed = [k for k, (x, old) in enumerate(zip(tensors, before, strict=True)) if x._version != old]  # noqa: SLF001
        if not changed:
            return None
        place = _place(tensors[changed[0]])
        self.names[node] = [n for n, x in values.items() if isinstance(x, Tensor) and _place(x) == place]
        return changed[0]

    def _read(self) -> list[fx.Node]:
        nodes = list(self.followed.graph.nodes)
        live = {node for node in nodes if node.op in ("output", "placeholder") or node in self.written}
        stack = list(live)
        while stack:
            for source in stack.pop().all_input_nodes:
                if source not in live:
                    live.add(source)
                    stack.append(source)
        return [node for node in nodes if node in live]


def _place(x: Tensor) -> tuple[Any, ...]:
    """Where a tensor lies in memory."""
    return (x.data_ptr(), x.shape, x.stride()) if x.layout is torch.strided else (id(x),)
