"""The parts of a model's outputs that are measured each in its own units: every output, every field of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Action, Invariant, Symmetry
from haar.actions.action import channel_name
from haar.actions.trees import action_leaves, value_leaves
from haar.audit.batches import has_sample_axis
from haar.containers import parts_of
from haar.errors import ArgumentError, ShapeError

#: An output of more unmixed channels than this is one part: classes, not quantities.
_MOST = 16


@dataclass(frozen=True)
class Part:
    """Some channels of one output that share a unit.

    Attributes:
        name: The output and the field.
        leaf: Number of the output, in the order of the actions.
        channels: Channels of the output that belong to the part.
        averaged: How many numbers have their mean over all samples taken off for the spread; 0 for fields, whose mean
            is that over points.
        dtype: Precision of the output.
    """

    name: str
    leaf: int
    channels: tuple[int, ...]
    averaged: int
    dtype: torch.dtype


class Outputs:
    """Takes a model's outputs apart.

    Args:
        symmetry: How they move.
        y: What the model returned for a first batch.
        scale: As for `audit`.

    Attributes:
        parts: The parts, in the order of the actions and of the channels.
        entries: Number of numbers of one sample each part has.

    Raises:
        ArgumentError: If the scale does not fit, or the group does not keep it.
    """

    def __init__(self, symmetry: Symmetry, y: Any, scale: Any) -> None:
        self.symmetry = symmetry
        self._actions = action_leaves(symmetry.outputs)
        names = _names(symmetry.outputs)
        self._scales = _scales(symmetry, scale)
        self.parts: list[Part] = []
        self.entries: list[int] = []
        for leaf, x in enumerate(value_leaves(symmetry.outputs, y)):
            if not isinstance(x, Tensor):
                continue
            action = self._actions[leaf]
            size, axis = _channels(action, x)
            if (given := self._scales[leaf]) is not None:
                _check_scale(given, action, size, axis, names[leaf])
            found: list[tuple[str, tuple[int, ...]]] = [("", tuple(range(size)))]
            if isinstance(action, Invariant):
                found = [(channel_name((k,)), (k,)) for k in range(size)] if size > 1 else found
            elif axis is not None:
                found = action.channel_blocks(size)
            if len(found) > _MOST:
                found = [("", tuple(range(size)))]
            for inside, channels in found:
                name = ": ".join(word for word in (names[leaf], inside) if word) or "output"
                numbers = 0 if action.axes.space else len(channels) * (2 if x.is_complex() else 1)
                self.parts.append(Part(name, leaf, channels, numbers, x.dtype))

    def check_same(self, other: Outputs) -> None:
        """Refuse sums that cannot be added to those of these outputs.

        Raises:
            ArgumentError: If the group, the outputs, their fields or their scales differ.
        """
        here, there = self.symmetry.group.name, other.symmetry.group.name
        if here != there:
            raise ArgumentError("other", expected=f"an audit under {here}", got=f"one under {there}")
        mine, its = (
            ", ".join(f"{part.name} ({len(part.channels)})" for part in outputs.parts) for outputs in (self, other)
        )
        if mine != its:
            raise ArgumentError("other", expected=f"an audit of {mine}", got=its)
        scales = [
            [None if scale is None else scale.tolist() for scale in outputs._scales]  # noqa: SLF001
            for outputs in (self, other)
        ]
        if scales[0] != scales[1]:
            raise ArgumentError("other", expected=f"an audit with scale {scales[0]}", got=f"{scales[1]}")

    def flat(self, y: Any, rows: int, *, single: bool) -> list[Float[Tensor, "batch entries"]]:
        """Every part with one row for each sample, in float64, divided by the scale.

        Args:
            y: Outputs of the model, as its symmetry describes them.
            rows: Number of samples.
            single: Whether inputs are one sample without an axis.
        """
        return [part.flatten(1) for part in self._split(y, rows, single=single)]

    def spread(self, y: Any, rows: int, *, single: bool) -> list[tuple[Tensor, Tensor]]:
        """For every part the square of what `PartBatch` calls energy, and its channels' means."""
        found = []
        for part, x in zip(self.parts, self._split(y, rows, single=single), strict=True):
            if part.averaged:
                means = x.mean(1)
                centred = x
            else:
                means = x.new_zeros(rows, 1, 0)
                centred = x - x.mean(1, keepdim=True)
            found.append((centred.square().flatten(1).mean(1), means.reshape(rows, -1)))
        return found

    def tied(self, y: Any, rows: int, *, single: bool) -> bool:
        """Whether some output is one for all samples of the batch, so that they cannot be told apart."""
        leaves = value_leaves(self.symmetry.outputs, y)
        apart = (_counts(self._actions[part.leaf], leaves[part.leaf], rows) for part in self.parts)
        return not single and rows > 1 and not all(apart)

    def _split(self, y: Any, rows: int, *, single: bool) -> list[Float[Tensor, "batch points channels parts"]]:
        """Every part as samples, points, channels, real and imaginary parts."""
        leaves = value_leaves(self.symmetry.outputs, y)
        split = []
        for part in self.parts:
            action, leaf = self._actions[part.leaf], leaves[part.leaf]
            x = leaf.detach().to(torch.complex128 if leaf.is_complex() else torch.float64)
            scale = self._scales[part.leaf]
            _, axis = _channels(action, leaf)
            x = x.unsqueeze(-1) if axis is None else x.movedim(axis, -1)
            if scale is not None:
                x = x / scale.to(device=x.device, dtype=torch.float64)
            x = x[..., list(part.channels)]
            if single:
                x = x.unsqueeze(0)
            elif not _counts(action, leaf, rows):
                x = x.unsqueeze(0).expand(rows, *x.shape)
            x = x.reshape(rows, -1, len(part.channels))
            split.append(torch.view_as_real(x) if x.is_complex() else x.unsqueeze(-1))
        return split


def _channels(action: Action, x: Tensor) -> tuple[int, int | None]:
    """Number of channels, and their axis."""
    axis = action.axes.channel
    if axis is None and isinstance(action, Invariant) and action.batched and x.ndim == 2:
        axis = -1  # a row of numbers for each sample
    return (1, None) if axis is None else (x.shape[axis], axis)


def _counts(action: Action, x: Tensor, rows: int) -> bool:
    """Whether axis 0 of an output counts the samples."""
    return action.batched and has_sample_axis(action, x) and len(x) == rows


def _names(outputs: Any, path: str = "") -> list[str]:
    """A name for every output, in the order of the actions: ``output 1.energy``."""
    if isinstance(outputs, Action):
        return [path]
    begin = f"{path}." if path else "output " if isinstance(outputs, (tuple, list)) else ""
    parts = parts_of(outputs) or {}
    return [name for key, part in parts.items() for name in _names(part, f"{begin}{key}")]


def _scales(symmetry: Symmetry, scale: Any) -> list[Tensor | None]:
    """One scale, or none, for every output."""
    count = len(action_leaves(symmetry.outputs))
    if scale is None:
        return [None] * count
    if isinstance(scale, Tensor) and count == 1:
        given: list[Any] = [scale]
    else:
        try:
            symmetry.map_outputs(lambda _, s: s, scale)
            given = value_leaves(symmetry.outputs, scale)
        except ShapeError as error:
            raise ArgumentError(
                "scale", expected="a tensor for each output, in the outputs' own containers", got=error.got
            ) from error
    for one in given:
        if one is not None and not isinstance(one, Tensor):
            raise ArgumentError("scale", expected="a tensor of positive numbers", got=repr(one))
        if one is not None and (one.is_complex() or not bool(((one > 0) & torch.isfinite(one)).all())):
            raise ArgumentError("scale", expected="positive numbers", got=one.tolist())
    return [None if one is None else one.reshape(-1) for one in given]


def check_scale(symmetry: Symmetry, scale: Any) -> None:
    """Refuse a scale that no output can be divided by, before any data are read.

    Raises:
        ArgumentError: If it is no tensor of positive numbers, or no tree of such.
    """
    _scales(symmetry, scale)


def _check_scale(scale: Tensor, action: Action, size: int, axis: int | None, name: str) -> None:
    where = f" of {name}" if name else ""
    if len(scale) != size:
        raise ArgumentError("scale", expected=f"one number for each of {size} channels{where}", got=len(scale))
    blocks = [] if axis is None or isinstance(action, Invariant) else action.mixed_channels(size)
    for block in blocks:
        some = scale[list(block)].to(torch.float64)
        if float(some.max() - some.min()) > 1e-6 * float(some.max()):
            raise ArgumentError(
                "scale",
                expected=f"one number for all of {channel_name(block)}{where}, which {action.group.name} mixes",
                got=some.tolist(),
                way_out="give every component of a vector the same number, such as the root mean square of all",
            )
