"""The tracer of moments: which modules stay whole, and proxies that see assignments."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from torch import fx, nn

from haar.moments.exported import is_guard, is_program
from haar.moments.graph_layers import is_graph_layer


class _Proxy(fx.Proxy):
    """A proxy that writes down assignments: torch.fx refuses `x[i] = y`, and takes `x += y` for `x = x + y`."""

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: fx.Proxy, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    return method


for _function in (
    operator.iadd,
    operator.isub,
    operator.imul,
    operator.itruediv,
    operator.ifloordiv,
    operator.imod,
    operator.ipow,
    operator.imatmul,
    operator.iand,
    operator.ior,
    operator.ixor,
):
    setattr(_Proxy, f"__{_function.__name__}__", _in_place(_function))


class Tracer(fx.Tracer):
    """Traces into everything but torch's own modules and the caller's.

    A subclass of one of torch's layers is none of them: what it does is in its own forward method, which is followed.

    Args:
        leaves: The caller's module classes, subclasses included.
        torch_modules: Classes of torch that are known, without their subclasses.

    Example:
        >>> class Twice(nn.Linear):
        ...     def forward(self, x):
        ...         return 2 * super().forward(x)
        >>> [node.name for node in Tracer((), (nn.Linear,)).trace(nn.Sequential(Twice(1, 1))).nodes][-3:]
        ['linear', 'mul', 'output']
    """

    def __init__(self, leaves: tuple[type[nn.Module], ...], torch_modules: tuple[type[nn.Module], ...]) -> None:
        super().__init__()
        self.leaves, self.torch_modules = leaves, frozenset(torch_modules)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one step."""
        own = isinstance(m, self.leaves) or type(m) in self.torch_modules or is_graph_layer(m) or is_guard(m)
        return own or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A module's step, or what it does inside: for a program, without its checks of shapes that no proxy has."""
        inside = m.forward if is_program(m) else forward
        return super().call_module(m, inside, args, kwargs)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """A proxy that sees assignments."""
        return _Proxy(node, self)


def is_plain(module: nn.Module) -> bool:
    """Whether a module does what its class says: no hook, no forward method of its own.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> handle = layer.register_forward_hook(lambda module, inputs, output: 3 * output)
        >>> is_plain(nn.Linear(1, 1)), is_plain(layer)
        (True, False)
    """
    return not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))  # noqa: SLF001
