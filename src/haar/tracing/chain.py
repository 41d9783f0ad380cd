"""chain: a sequence of torch's own layers as a graph; what their classes say is known without a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules import module as torch_module

from haar.tracing.follow import SHAPE, Followed, is_plain

#: Layers that take every row by itself and keep nothing, and their forward methods as torch has them.
_FORWARD: dict[type[nn.Module], Callable[..., Any]] = {
    kind: kind.forward
    for kind in (
        nn.Sequential, nn.Linear, nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU,
        nn.SiLU, nn.Mish, nn.Softplus, nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish,
    )
}  # fmt: skip
#: Rows of the example in whose shapes a chain is told.
_ROWS = 2


def chain(model: nn.Module, input_shape: Sequence[int]) -> Followed | None:
    """A sequence of dense layers and activations of torch itself, as `follow` would write it down; None for all else.

    Nothing is run, which is what `follow` takes its time for. Hooks, forward methods of one's own, tensors of other
    kinds or precisions side by side, writing in place, and sizes that do not fit are left to `follow`.

    Args:
        model: A layer, or sequences of layers.
        input_shape: Shape of one input, without the batch axis.

    Example:
        >>> found = chain(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU())), (2,))
        >>> [(node.target, node.meta["shape"]) for node in found.graph.nodes if node.op == "call_module"]
        [('0', (2, 3)), ('1.0', (2, 3))]
        >>> print(chain(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), (2,)))
        None
    """
    if torch_module._has_any_global_hook() or not _is_one_kind([*model.parameters()]):  # noqa: SLF001 (told nowhere else)
        return None
    if not prod(input_shape) or not input_shape or not all(_is_known(module) for module in model.modules()):
        return None
    first = {id(module): path for path, module in reversed(list(model.named_modules(remove_duplicate=False)))}
    graph = fx.Graph()
    node = graph.create_node("placeholder", "input")
    shape = _ROWS, *input_shape
    node.meta[SHAPE] = shape
    for layer in _layers(model):
        if isinstance(layer, nn.Linear):
            if layer.weight.shape[1] != shape[-1]:
                return None
            shape = *shape[:-1], layer.weight.shape[0]
        path = first[id(layer)]
        node = graph.create_node("call_module", path, (node,), name=path.replace(".", "_") or "layer")
        node.meta[SHAPE] = shape
    graph.create_node("output", "output", (node,)).meta[SHAPE] = shape
    return Followed(model, graph, {})


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """The layers in the order in which they are called."""
    if not isinstance(module, nn.Sequential):
        yield module
        return
    for inner in module:
        yield from _layers(inner)


def _is_known(module: nn.Module) -> bool:
    """Whether a module is one of torch's own, as torch made it, and leaves its input as it is."""
    forward = _FORWARD.get(type(module))
    if forward is None or type(module).forward is not forward or not is_plain(module):
        return False
    if getattr(module, "inplace", False) or module._buffers:  # noqa: SLF001 (by torch's own name)
        return False
    if not isinstance(module, nn.Linear):
        return True
    weight, bias = (module._parameters.get(name) for name in ("weight", "bias"))  # noqa: SLF001 (not what hides them)
    return weight is not None and weight.ndim == 2 and (bias is None or bias.shape == weight.shape[:1])


def _is_one_kind(parameters: list[Tensor]) -> bool:
    """Whether parameters are torch's own dense real ones, of one precision on one device."""
    kinds = {(type(p), p.dtype, p.device, p.layout, p.is_floating_point()) for p in parameters}
    if len(kinds) > 1:
        return False
    return all(
        kind is nn.Parameter and layout is torch.strided and real and device.type != "meta"
        for kind, _, device, layout, real in kinds
    )
