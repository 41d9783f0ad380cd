"""The graph of a network's calls."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx, nn

from haar.nn.module import EquivariantModule
from haar.probing import left_alone


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
