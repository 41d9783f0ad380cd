"""Plasticity: how many units of each layer still answer, and in how many directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.dynamics.meter import Meter, Reading
from haar.dynamics.spectrum import dormant_ratio, effective_rank, stable_rank
from haar.errors import ArgumentError, check_rate
from haar.probing import undisturbed

_NO_UNITS = (nn.MultiheadAttention, nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d)
#: From so many axes on channels stand on axis 1, as in images; with fewer they are last.
_IMAGE = 4


class Plasticity(Meter):
    """Dormant ratio, stable rank and effective rank of the features of some layers.

    A reading runs the model once on the inputs it is given, and takes the singular values of each layer's features: for
    n samples (and grid points) of m units about min(n, m) n m multiplications.

    Args:
        model: The model that is trained.
        layers: Names of the modules whose outputs are read; by default all activations that are modules. Units are on
            the last axis, of images and volumes on axis 1.
        tau: How small a dormant unit is, as a share of the mean.

    Raises:
        ArgumentError: If a name is unknown, there is nothing to read, or tau is negative.

    Source:
        arXiv 2510.12096, its plasticity measures; definitions in `haar.dynamics.spectrum`.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> meter = Plasticity(model)
        >>> sorted(meter.update(torch.randn(16, 3)))
        ['1/dormant ratio', '1/effective rank', '1/stable rank']
    """

    def __init__(self, model: nn.Module, layers: Sequence[str] = (), *, tau: float | int = 0.1) -> None:
        super().__init__()
        check_rate("tau", tau, zero=True)
        self.model, self.tau = model, tau
        modules = dict(model.named_modules())
        unknown = [name for name in layers if name not in modules]
        if unknown:
            raise ArgumentError("layers", expected="names of modules of the model", got=", ".join(map(repr, unknown)))
        self.layers = tuple(layers) or tuple(name for name, module in modules.items() if _activates(module))
        if not self.layers:
            way_out = "name the modules whose outputs are features"
            raise ArgumentError("layers", expected="a model whose activations are modules", got="none", way_out=way_out)

    def measure(self, *given: Any) -> Reading:
        """Dormant ratio, stable rank and effective rank of every layer, by ``layer/number``.

        Args:
            given: A batch, as the model takes it.

        Raises:
            ArgumentError: If a layer does not run, or gives no features.
        """
        seen: dict[str, Tensor] = {}
        modules = dict(self.model.named_modules())

        def keep(name: str, value: Any) -> None:
            if not isinstance(value, Tensor) or value.ndim < 2:
                raise ArgumentError(
                    "layers", expected="modules that give features", got=f"{name!r}, which gives others"
                )
            seen[name] = _rows(value.detach())

        hooks = [
            modules[name].register_forward_hook(lambda _, __, y, name=name: keep(name, y))  # type: ignore[misc]
            for name in self.layers
        ]
        try:
            with undisturbed(self.model), torch.no_grad():
                self.model(*given)
        finally:
            for hook in hooks:
                hook.remove()
        silent = [name for name in self.layers if name not in seen]
        if silent:
            raise ArgumentError("layers", expected="modules that the model runs", got=", ".join(map(repr, silent)))
        return {
            f"{name}/{number}": value
            for name, features in seen.items()
            for number, value in (
                ("dormant ratio", dormant_ratio(features, tau=self.tau)),
                ("stable rank", stable_rank(features)),
                ("effective rank", float(effective_rank(features))),
            )
        }


def _activates(module: nn.Module) -> bool:
    return type(module).__module__ == "torch.nn.modules.activation" and not isinstance(module, _NO_UNITS)


def _rows(value: Tensor) -> Tensor:
    """One row a sample (and place), one column a unit."""
    units = 1 if value.ndim >= _IMAGE else -1
    return value.movedim(units, -1).flatten(0, -2)
