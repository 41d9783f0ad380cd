"""Whether a metric can have a curvature: operators with a kink have no second derivative, and are refused by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from haar.errors import ArgumentError

#: Operators that are linear in pieces: their second derivative is zero wherever there is one.
_KINKED = (
    "relu",
    "relu_",
    "relu6",
    "leaky_relu",
    "leaky_relu_",
    "prelu",
    "_prelu_kernel",
    "rrelu_with_noise",
    "threshold",
    "hardtanh",
    "hardtanh_",
    "hardsigmoid",
    "hardswish",
    "hardshrink",
    "softshrink",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
)
#: Layers that in training mix points or draw at random; the first change their statistics, too.
_ONLY_IN_TRAINING = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)  # noqa: SLF001 (all of each kind)


class _Kinks(TorchDispatchMode):
    """Notes operators with a kink, and the module that was running."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[str] = []
        self.found: dict[str, str] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in _KINKED:
            self.found.setdefault(name.rstrip("_"), self.running[-1] if self.running else "")
        return func(*args, **(kwargs or {}))


def kinks(model: Any, points: Tensor) -> dict[str, str]:
    """Operators with a kink that a model calls, each with the layer that calls it first.

    Example:
        >>> kinks(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.zeros(1, 2))
        {'relu': '1'}
    """
    noted = _Kinks()
    hooks = []
    if isinstance(model, nn.Module):
        for name, module in model.named_modules():

            def enter(*_: Any, name: str = name) -> None:
                noted.running.append(name)

            def leave(*_: Any) -> None:
                noted.running.pop()

            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        with torch.no_grad(), noted:
            model(points)
    finally:
        for hook in hooks:
            hook.remove()
    return noted.found


def check_settled(model: Any, argument: str = "metric") -> None:
    """Refuse a metric of which a layer in training mixes the points of a batch or draws at random.

    Args:
        model: A metric, or another function of points.
        argument: What it is called.

    Raises:
        ArgumentError: If it has one; the layer is named.
    """
    for name, module in model.named_modules() if isinstance(model, nn.Module) else ():
        if module.training and isinstance(module, _ONLY_IN_TRAINING):
            raise ArgumentError(
                argument,
                expected="values of each point alone",
                got=f"{type(module).__name__} in layer {name!r}, in training mode",
                way_out="call eval() first",
            )


def check_smooth(model: Any, points: Tensor) -> None:
    """Refuse a metric of which a layer has a kink, or in training mixes the points of a batch or draws at random.

    Raises:
        ArgumentError: If it has one; the layer is named.
    """
    check_settled(model)
    for kind, layer in kinks(model, points[:1]).items():
        where = f"{kind} in layer {layer!r}" if layer else f"{kind} in the function"
        raise ArgumentError(
            "metric",
            expected="smooth activations (tanh, SiLU, softplus): curvature is made of second derivatives",
            got=where,
            way_out=f"replace {kind}; lengths, volumes and isometry defects need no second derivative",
        )
