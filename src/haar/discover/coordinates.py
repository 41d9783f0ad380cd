"""Coordinates in which a found action is orthogonal, and the model in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import DataError


@dataclass(frozen=True)
class SideCoordinates:
    """y = matrix (x - centre), on the last axis."""

    matrix: Float[Tensor, "n n"]
    centre: Float[Tensor, " n"]

    @property
    def is_plain(self) -> bool:
        """Whether y is x."""
        eye = torch.eye(len(self.centre), dtype=torch.float64)
        return bool(torch.equal(self.matrix, eye)) and not bool(self.centre.any())

    def inwards(self, x: Tensor) -> Tensor:
        """From the given coordinates."""
        return x if self.is_plain else (x - self.centre.to(x)) @ self.matrix.to(x).T

    def outwards(self, y: Tensor) -> Tensor:
        """Back to the given coordinates."""
        return y if self.is_plain else y @ torch.linalg.inv(self.matrix).to(y).T + self.centre.to(y)


@dataclass(frozen=True)
class Coordinates:
    """Where a found symmetry acts: on inputs and outputs as they are, or turned, stretched, moved and made flat.

    Attributes:
        inputs: Of inputs.
        outputs: Of outputs.
        input_shape: Shape of one input, if inputs are made flat first; else None.
        output_shape: Likewise.
    """

    inputs: SideCoordinates
    outputs: SideCoordinates
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the symmetry acts on the model as it is."""
        flat = self.input_shape is not None or self.output_shape is not None
        return self.inputs.is_plain and self.outputs.is_plain and not flat

    def of_inputs(self, x: Tensor) -> Tensor:
        """Inputs ``(b, *shape)`` in these coordinates."""
        return self.inputs.inwards(x if self.input_shape is None else x.flatten(1))

    def model(self, model: Callable[..., Any]) -> Callable[..., Any]:
        """The model from these coordinates to these coordinates: what the other verbs take beside the symmetry."""
        return model if self.is_plain else _InCoordinates(model, self)

    def to_dict(self) -> dict[str, Any]:
        """Numbers, for a file."""
        return {
            "inputs": {"matrix": self.inputs.matrix.tolist(), "centre": self.inputs.centre.tolist()},
            "outputs": {"matrix": self.outputs.matrix.tolist(), "centre": self.outputs.centre.tolist()},
            "input_shape": self.input_shape and list(self.input_shape),
            "output_shape": self.output_shape and list(self.output_shape),
        }

    @classmethod
    def read(cls, told: Mapping[str, Any] | None) -> Coordinates | None:
        """From numbers of a file; None if there are none.

        Raises:
            DataError: If numbers are missing, or a matrix cannot be inverted.
        """
        if told is None:
            return None
        try:
            sides = [
                SideCoordinates(_tensor(told[k]["matrix"]), _tensor(told[k]["centre"])) for k in ("inputs", "outputs")
            ]
            for side in sides:
                torch.linalg.inv(side.matrix)
            shapes = [None if told[k] is None else tuple(map(int, told[k])) for k in ("input_shape", "output_shape")]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(f"coordinates: {' '.join(str(error).split())[:160]}") from error
        return cls(sides[0], sides[1], shapes[0], shapes[1])


def _tensor(value: Any) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


class _InCoordinates(nn.Module):
    def __init__(self, model: Callable[..., Any], coordinates: Coordinates) -> None:
        super().__init__()
        self.model, self.coordinates = model, coordinates

    def forward(self, y: Tensor) -> Tensor:
        """Back, through the model, and forth."""
        x = self.coordinates.inputs.outwards(y)
        shape = self.coordinates.input_shape
        if shape is not None:
            x = x.reshape(len(x), *shape)
        f = self.model(x)
        if self.coordinates.output_shape is not None:
            f = f.reshape(len(f), math.prod(self.coordinates.output_shape))
        out: Tensor = self.coordinates.outputs.inwards(f)
        return out
