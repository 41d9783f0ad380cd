"""Other laws for a layer's weight than the homotopy's own, put into wrapped layers and taken out again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from haar.constants import ConstantsModule
from haar.errors import ArgumentError
from haar.relax.wrapping.gamma import Gamma
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.relax.wrapping.projection import Projection


class WeightLaw(ConstantsModule):
    """How one wrapped layer makes the parameters that its forward uses."""

    @abstractmethod
    def forward(self, layer: HomotopyLayer, name: str) -> Tensor:
        """The parameter `name` (``"weight"``, ``"bias"``, ...) as the layer's forward uses it."""


def install(model: Any, make: Callable[[HomotopyLayer], WeightLaw | None]) -> dict[str, WeightLaw]:
    """Give every wrapped layer a law.

    Args:
        model: A wrapped model.
        make: Makes the law of a layer; None leaves the layer's own.

    Raises:
        ArgumentError: If a layer has one already.
    """
    laws = {}
    for name, layer in layers_of(model).items():
        if "law" in layer._modules:  # noqa: SLF001 (torch offers no other way to ask)
            raise ArgumentError(
                "model", expected="layers without a law", got=f"one in {name!r}", way_out="wrap the module anew"
            )
        law = make(layer)
        if law is not None:
            layer.law = law
            laws[name] = law
    return laws


def layers_of(model: Any) -> Mapping[str, HomotopyLayer]:
    """The wrapped layers.

    Raises:
        ArgumentError: If the model has none (mode "function").
    """
    found: Mapping[str, Gamma] = getattr(model, "layers", {})
    for layer in found.values():
        if isinstance(layer, Gamma) and not isinstance(layer, HomotopyLayer):
            raise ArgumentError("layers", expected="layers wrapped by homotopise", got=f"a {type(layer).__name__}")
    layers = {name: layer for name, layer in found.items() if isinstance(layer, HomotopyLayer)}
    if not layers:
        raise ArgumentError(
            "model",
            expected="a model with wrapped layers",
            got=type(model).__name__,
            way_out="wrap it with homotopise(module, symmetry, mode='weight')",
        )
    return layers


def squared_norm(values: list[Tensor]) -> Tensor:
    """The sum of all squares."""
    return torch.stack([value.square().sum() for value in values]).sum()


def space(layer: HomotopyLayer, name: str) -> Projection:
    """P for one of a layer's parameters, of the whole group."""
    return layer._symmetry.spaces[name][0]  # noqa: SLF001 (a room of the same house)


def projected(layer: HomotopyLayer, name: str) -> Tensor:
    """A parameter at gamma = 0: P(W), with kappa."""
    value = space(layer, name)(layer.held(name))
    return value * layer.kappa if name in layer.scaled and layer.mode == "weight" else value
