"""Clouds of points with one batch axis, and a model run on them in several frames at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.nn.frames.back_rotation import map_kinds, turned_back
from haar.nn.spectral.given import check_mask


class Clouds:
    """One call's inputs with a single batch axis, and how to go back.

    Invariants with the batch axes of the inputs are theirs, cloud by cloud; others are the same for all clouds.

    Raises:
        ShapeError: If inputs are no tensors of one shape ``(*batch, n, d)``, or the mask does not fit.
        ArgumentError: If the mask is not of booleans, or invariants are no tensors by name.
    """

    def __init__(
        self,
        x: Tensor,
        vectors: tuple[Tensor, ...],
        mask: Tensor | None,
        invariants: Mapping[str, Tensor] | None,
    ) -> None:
        _check_given(x, vectors, mask, invariants)
        self.shape = x.shape[:-2]
        self.inputs = [value.reshape(-1, *value.shape[-2:]) for value in (x, *vectors)]
        self.mask = None if mask is None else mask.expand(x.shape[:-1]).reshape(-1, x.shape[-2])
        lead = len(self.shape)
        self.invariants = {
            name: value.reshape(-1, *value.shape[lead:]) if value.shape[:lead] == self.shape else value
            for name, value in (invariants or {}).items()
        }

    def rows(self, chosen: Tensor) -> Clouds:
        """Some of the clouds."""
        part = Clouds.__new__(Clouds)
        size = len(self.inputs[0])
        part.shape = torch.Size((len(chosen),))
        part.inputs = [value[chosen] for value in self.inputs]
        part.mask = None if self.mask is None else self.mask[chosen]
        part.invariants = {
            name: value[chosen] if value.ndim and len(value) == size else value
            for name, value in self.invariants.items()
        }
        return part

    def call(
        self, model: Callable[..., Any], inputs: list[Tensor], *, repeats: int = 1, spaces: Tensor | None = None
    ) -> Any:
        """The model on inputs of which every cloud stands `repeats` times in a row."""
        size = self.inputs[0].shape[0]

        def repeated(value: Tensor) -> Tensor:
            return value.repeat_interleave(repeats, 0) if repeats > 1 and value.ndim and len(value) == size else value

        given = {name: repeated(value) for name, value in self.invariants.items()}
        if self.mask is not None:
            given["mask"] = repeated(self.mask)
        if spaces is not None:
            given["spaces"] = spaces
        return model(*inputs, **given)

    def averaged(
        self,
        model: Callable[..., Any],
        kinds: Any,
        inputs: list[Tensor],
        *,
        frames: Float[Tensor, "batch m d d"],
        weights: Float[Tensor, "batch m"],
        centre: Float[Tensor, "batch 1 d"],
        back: Float[Tensor, "batch m d d"] | None = None,
    ) -> Any:
        """The weighted sum over m frames of what the model says in each, in one pass.

        Args:
            model: The model that is averaged.
            kinds: Kinds of the model's outputs.
            inputs: In the coordinates that `frames` start from.
            frames: Orthogonal matrices by which inputs are turned.
            weights: Weight of every frame.
            centre: Centroids, for positions.
            back: Frames by which outputs are turned back; by default `frames`.
        """
        m = frames.shape[1]
        turned = [(x.unsqueeze(1) @ frames.to(x.dtype)).flatten(0, 1) for x in inputs]
        said = self.call(model, turned, repeats=m)
        flat, middle = (frames if back is None else back).flatten(0, 1), centre.repeat_interleave(m, 0)

        def mean(kind: str, y: Tensor) -> Tensor:
            here = turned_back(kind, y, flat, middle).unflatten(0, (-1, m))
            summed: Tensor = (here * weights.to(here.dtype).reshape(*weights.shape, *([1] * (here.ndim - 2)))).sum(1)
            return summed

        return map_kinds(mean, kinds, said)

    def turned_back(self, kinds: Any, said: Any, frames: Tensor, centre: Tensor) -> Any:
        """What the model said in one frame for each cloud, in the coordinates of space."""
        return map_kinds(lambda kind, y: turned_back(kind, y, frames, centre), kinds, said)

    def restored(self, kinds: Any, y: Any) -> Any:
        """The outputs with the batch axes of the inputs."""
        return map_kinds(lambda _, leaf: leaf.reshape((*self.shape, *leaf.shape[1:])), kinds, y)


def _check_given(
    x: Tensor, vectors: tuple[Tensor, ...], mask: Tensor | None, invariants: Mapping[str, Tensor] | None
) -> None:
    for number, value in enumerate((x, *vectors)):
        name = "x" if number == 0 else f"vectors[{number - 1}]"
        if not isinstance(value, Tensor):
            raise ShapeError(name, expected="a tensor (*batch, n, d)", got=type(value).__name__)
        if value.ndim < 2 or 0 in value.shape[-2:]:
            expected = "(*batch, n, d), at least one point and one dimension"
            raise ShapeError(name, expected=expected, got=tuple(value.shape))
        if value.shape != x.shape:
            raise ShapeError(name, expected=f"the shape of x, {tuple(x.shape)}", got=tuple(value.shape))
    check_mask(mask, x)
    if invariants is not None and not isinstance(invariants, Mapping):
        raise ArgumentError("invariants", expected="tensors by name", got=type(invariants).__name__)
    for name, value in (invariants or {}).items():
        if not isinstance(value, Tensor):
            raise ArgumentError(f"invariants[{name!r}]", expected="a tensor", got=type(value).__name__)
