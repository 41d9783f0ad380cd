"""Along which axes of the input entries may be exchanged, which entries are alike, and how outputs go along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from haar.discover.finite.exchange import Exchange
from haar.errors import ArgumentError

#: Entries that may be exchanged: more are not searched.
MOST_ENTRIES = 64
#: Entries whose spreads differ by more than this factor, neighbour by neighbour, are not alike.
_UNLIKE = 3.0


@dataclass(frozen=True)
class Asked:
    """What the caller says of inputs and outputs, see `elements`.

    Attributes:
        outputs: ``"auto"``, ``"invariant"``, ``"same"`` or ``"any"``.
        layout: ``"auto"``, ``"vector"`` or ``"points"``.
        signed: Whether entries of a vector may change sign; None to see from the data.
        blocks: A label for each entry of a vector; None to see from the data.
    """

    outputs: str
    layout: str
    signed: bool | None
    blocks: Sequence[int] | None


def exchanges(inputs: Tensor, out_shape: Sequence[int], asked: Asked, said: list[str]) -> list[Exchange]:
    """Which axes are searched, and how outputs go along.

    Args:
        inputs: Samples.
        out_shape: Shape of one output.
        asked: What the caller says.
        said: Remarks are added to it.

    Raises:
        ArgumentError: If inputs or outputs do not fit what is asked.
    """
    outputs, layout = asked.outputs, asked.layout
    shape = tuple(inputs.shape[1:])
    kind = {1: "vector", 2: "points"}.get(len(shape), "grid") if layout == "auto" else layout
    if kind not in ("vector", "points") or len(shape) != {"vector": 1, "points": 2}[kind]:
        raise ArgumentError(
            "layout", expected="'vector' for (rows, n) or 'points' for (rows, points, d)", got=f"{kind!r} for {shape}"
        )
    if outputs not in ("auto", "invariant", "same", "any"):
        raise ArgumentError("outputs", expected="'auto', 'invariant', 'same' or 'any'", got=repr(outputs))
    both_signs = bool((inputs < 0).any()) and bool((inputs > 0).any())
    axes = (
        [(-1, both_signs if asked.signed is None else asked.signed)] if kind == "vector" else [(-2, False), (-1, True)]
    )
    made = []
    for axis, flips in axes:
        count = shape[axis]
        if count < 2 and not flips:
            continue
        if count > MOST_ENTRIES:
            said.append(f"axis {axis} has {count} entries, more than the {MOST_ENTRIES} whose exchanges are searched")
            continue
        labels, still = _alike(inputs, axis, asked.blocks if kind == "vector" else None, said)
        how, out_axis = _moved_outputs(outputs, shape, tuple(out_shape), axis, kind)
        made.append(Exchange(shape, axis, flips, labels, how, tuple(out_shape), out_axis, still))
    return made


def _alike(
    inputs: Tensor, axis: int, blocks: Sequence[int] | None, said: list[str]
) -> tuple[tuple[int, ...], frozenset[int]]:
    """A label for each entry, and those that do not vary on the data, of which nothing can be told."""
    x = inputs.to(torch.float64).movedim(axis, 1).flatten(2) if inputs.ndim > 2 else inputs.double()[:, :, None]
    spread = x.std(0, correction=0).square().mean(-1).sqrt()
    size = x.square().mean((0, 2)).sqrt()
    still = frozenset(torch.nonzero(spread <= 1e-9 * max(float(spread.max()), 1e-300)).flatten().tolist())
    if still:
        said.append(f"entries {sorted(still)} of axis {axis} do not vary: these data cannot tell about them")
    if blocks is not None:
        numbers = {label: k for k, label in enumerate(dict.fromkeys(blocks))}
        labels = [numbers[label] for label in blocks]
    else:
        labels, order, label = [0] * len(size), size.argsort().tolist(), 0
        for before, here in pairwise(order):
            if before not in still and float(size[here]) > _UNLIKE * float(size[before]):
                label += 1
            labels[here] = label
        if label:
            said.append(f"entries of axis {axis} fall in {label + 1} blocks of unlike spread, which are not exchanged")
    for k, i in enumerate(sorted(still)):
        labels[i] = max(labels) + 1 + k
    return tuple(labels), still


def _moved_outputs(
    outputs: str, shape: tuple[int, ...], out_shape: tuple[int, ...], axis: int, kind: str
) -> tuple[str, int]:
    """How outputs go along with an exchange on one axis, and the axis of theirs that moves."""
    out_axis = -1 if axis == -1 or not out_shape else -len(out_shape)
    fits = bool(out_shape) and out_shape[out_axis] == shape[axis]
    if outputs == "same" and kind == "vector" and not fits:
        raise ArgumentError(
            "outputs",
            expected=f"'same' for a model with {shape[axis]} outputs",
            got=f"outputs of shape {out_shape}",
            way_out="ask for 'any' or 'invariant'",
        )
    if outputs == "invariant":
        return "invariant", -1
    if kind == "points" or outputs == "same":
        return ("same", out_axis) if fits else ("invariant", -1)
    if len(out_shape) != 1:
        return "invariant", -1
    if outputs == "auto" and fits and shape[axis] > 1:
        return "same", -1
    return _anyhow(out_shape[0], one_stays=outputs == "auto"), -1


def _anyhow(count: int, *, one_stays: bool) -> str:
    """Outputs of a vector move in a way that is sought, unless there are too many; a single one stays if not asked."""
    return "invariant" if count > MOST_ENTRIES or (one_stays and count == 1) else "any"
