"""Layers whose weights are compressed, each seen as matrices (outputs, inputs), however it stores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.nn.module import EquivariantModule
from haar.weights.small.gpt2 import Transposed

Form = Literal["linear", "transposed", "convolution", "transposed convolution", "packed", "coordinates"]
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
#: Names by which models call the layer that reads out, when they do not say which it is.
_HEADS = ("lm_head", "classifier", "score", "head", "fc_out", "qa_outputs")


@dataclass(frozen=True)
class Layer:
    """One weight that is compressed.

    Attributes:
        name: Name of the layer in its model.
        module: The module that holds the weight.
        parameter: Name of the weight in that module.
        form: How the weight is stored.
    """

    name: str
    module: nn.Module
    parameter: str
    form: Form

    @property
    def weight(self) -> Tensor:
        """The weight as it is stored."""
        return getattr(self.module, self.parameter)  # type: ignore[no-any-return]

    @property
    def path(self) -> str:
        """The weight's name among the model's parameters."""
        return f"{self.name}.{self.parameter}" if self.name else self.parameter

    @property
    def groups(self) -> int:
        """Number of matrices: groups of a convolution, or queries, keys and values that are packed."""
        if self.form == "packed":
            return 3
        return int(self.module.groups) if "convolution" in self.form else 1  # type: ignore[arg-type]

    def matrices(self) -> Float[Tensor, "groups out into"]:
        """The weight as matrices, a new tensor or a view."""
        return self.arranged(self.weight.detach())

    def arranged(self, weight: Tensor) -> Float[Tensor, "groups out into"]:
        """A tensor of the weight's shape, such as its gradient, as matrices.

        Args:
            weight: The tensor.
        """
        groups = self.groups
        if self.form == "transposed":
            return weight.mT[None]
        if self.form == "coordinates":
            return weight.reshape(1, 1, -1)
        if self.form == "transposed convolution":  # (in, out / groups, *kernel)
            parts: Tensor = weight.unflatten(0, (groups, -1)).flatten(2)
            return parts.mT
        rows: Tensor = weight.flatten(1).unflatten(0, (groups, -1))
        return rows

    def write(self, matrices: Float[Tensor, "groups out into"]) -> None:
        """Put matrices in the weight's place."""
        weight = self.weight
        if self.form == "transposed":
            found = matrices[0].mT
        elif self.form == "transposed convolution":
            found = matrices.mT.reshape(weight.shape)
        else:
            found = matrices.reshape(weight.shape)
        with torch.no_grad():
            weight.copy_(found)


def layers_of(model: nn.Module, chosen: Sequence[str] | None = None) -> tuple[Layer, ...]:
    """The layers of a model that are compressed: linear and convolutional ones, and equivariant ones by coordinates.

    Args:
        model: Any module.
        chosen: Patterns of layers' names, such as ``"*.mlp.*"``. By default all but embeddings, norms, and the layer
            that reads out (what `transformers` calls the output embeddings, else a name such as ``lm_head``, else the
            last layer).

    Raises:
        ArgumentError: If there is no such layer, a pattern fits none, or a weight is shared with another layer.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> [layer.name for layer in layers_of(model)]
        ['0', '2']
    """
    found = [layer for name, module in model.named_modules() for layer in _layers(name, module)]
    if not found:
        raise ArgumentError(
            "model",
            expected="linear or convolutional layers",
            got=f"{type(model).__name__} without one",
            way_out="a stateless function has nothing to compress; give the module that holds the weights",
        )
    if chosen is None:
        head = _head(model, found)
        kept = [layer for layer in found if layer.weight is not head and "embed" not in layer.name] or found
    else:
        kept = _fitting(found, chosen)
    _check_own(model, kept)
    return tuple(kept)


def _fitting(found: Sequence[Layer], chosen: Sequence[str]) -> list[Layer]:
    """The layers whose names fit one of the patterns, each of which must fit one."""
    chosen = [chosen] if isinstance(chosen, str) else chosen
    if not chosen:
        raise ArgumentError("layers", expected="at least one pattern of names", got="none")
    for pattern in chosen:
        if not any(fnmatchcase(layer.name, pattern) for layer in found):
            names = ", ".join(layer.name for layer in found)
            raise ArgumentError("layers", expected=f"patterns of names among {names}", got=repr(pattern))
    return [layer for layer in found if any(fnmatchcase(layer.name, pattern) for pattern in chosen)]


def _layers(name: str, module: nn.Module) -> list[Layer]:
    """The weights that one module holds itself."""
    if isinstance(module, nn.MultiheadAttention):
        packed = module.in_proj_weight is not None
        parts = ("in_proj_weight",) if packed else ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        return [Layer(name, module, part, "packed" if packed else "linear") for part in parts]
    form: Form | None = None
    if isinstance(module, (nn.Linear, nn.Bilinear)):
        form = None if isinstance(module, nn.Bilinear) else "linear"
    elif isinstance(module, Transposed) or _is_conv1d(module):
        form = "transposed"
    elif isinstance(module, _CONVOLUTIONS):
        form = "convolution"
    elif isinstance(module, _TRANSPOSED):
        form = "transposed convolution"
    elif isinstance(module, EquivariantModule) and isinstance(getattr(module, "weight", None), nn.Parameter):
        form = "coordinates"
    if form is None or not isinstance(getattr(module, "weight", None), Tensor):
        return []
    return [Layer(name, module, "weight", form)]


def _is_conv1d(module: nn.Module) -> bool:
    """GPT-2's linear layer in `transformers`, which stores (in, out)."""
    return type(module).__name__ == "Conv1D" and type(module).__module__.startswith("transformers.")


def _head(model: nn.Module, found: Sequence[Layer]) -> Tensor | None:
    """The weight of the layer that reads out."""
    asked = getattr(model, "get_output_embeddings", None)
    if callable(asked):
        head = asked()
        if isinstance(head, nn.Module) and isinstance(getattr(head, "weight", None), Tensor):
            return head.weight  # type: ignore[return-value]
    for layer in found:
        if layer.name.rpartition(".")[2] in _HEADS:
            return layer.weight
    return found[-1].weight if len(found) > 1 else None


def _check_own(model: nn.Module, kept: Sequence[Layer]) -> None:
    """Refuse a weight that stands in two places: what one layer loses, the other would lose as well."""
    places: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        places.setdefault(id(parameter), []).append(name)
    for layer in kept:
        names = places.get(id(layer.weight), [])
        if len(names) > 1:
            others = ", ".join(name for name in names if name != layer.path)
            raise ArgumentError(
                "layers",
                expected="weights that one layer has alone",
                got=f"{layer.path}, tied to {others}",
                way_out="leave it out (layers= takes patterns of names), or untie the two first",
            )
