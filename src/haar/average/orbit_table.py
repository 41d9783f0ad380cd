"""A whole orbit moved by one gather, and summed by another: for small grids, where calls cost more than bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from haar.average.joining import Call
from haar.average.mover import Mover, full_precision

#: Numbers of all copies together up to which a gather is faster than flips, transposes and sums, one call each.
#: Measured in turns with them on one thread: 1.3 to 1.9 times for D4 on 8^2 points, 1.1 to 1.7 on 16^2, 1.0 to 1.4 on
#: 32^2 (wide models on large batches gain least); 2.3 times for the 48 elements of O_h on 6^3, 2.0 for four signs.
_SMALL = 2**18
_GRIDS = (4, 5)


@dataclass(frozen=True)
class _InputTable:
    """Where every number of all moved copies stands in the input, in the order of their memory, and its sign."""

    places: Tensor
    signs: Tensor | None
    shape: tuple[int, ...]
    order: tuple[int, ...] | None

    def moved(self, x: Tensor) -> Tensor:
        y = x.reshape(-1).index_select(0, self.places)
        if self.signs is not None:
            y = y * self.signs
        return y.view(self.shape) if self.order is None else y.view(self.shape).permute(self.order)


@dataclass(frozen=True)
class _OutputTable:
    """Where every number of all copies, moved back, stands in the joined outputs' memory, its sign; their weights."""

    places: Tensor
    signs: Tensor | None
    weights: tuple[float, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype
    channels_last: bool

    def average(self, y: Tensor) -> Tensor:
        flat = (y.movedim(1, -1) if self.channels_last else y).reshape(-1)
        terms = flat.index_select(0, self.places)
        if self.signs is not None:
            terms = terms * self.signs
        copies = terms.to(torch.promote_types(self.dtype, torch.float32)).view(len(self.weights), *self.shape).unbind(0)
        total = copies[0] * self.weights[0]
        for weight, copy in zip(self.weights[1:], copies[1:], strict=True):
            total = total.add_(copy, alpha=weight)  # in the order of a sum without tables: the same to the bit
        return total.to(self.dtype)


class OrbitTables:
    """Tables for all elements at once, for inputs and outputs of one shape that elements permute up to signs.

    Args:
        inputs: One table for every input, None for one that all copies share.
        outputs: One table for every output, None for one that is no tensor.
        samples: Samples of one copy.
    """

    def __init__(
        self, inputs: Sequence[_InputTable | None], outputs: Sequence[_OutputTable | None], samples: int
    ) -> None:
        self._inputs, self._outputs, self._samples = inputs, outputs, samples

    def moved(self, call: Call) -> list[Any]:
        """All inputs moved by every element, copy after copy on the batch axis."""
        pairs = zip(self._inputs, call.leaves, strict=True)
        return [x if table is None else table.moved(x) for table, x in pairs]

    def some(self, moved: Sequence[Any], first: int, copies: int) -> list[Any]:
        """A few of the copies."""
        start, length = first * self._samples, copies * self._samples
        pairs = zip(self._inputs, moved, strict=True)
        return [x if table is None else x.narrow(0, start, length) for table, x in pairs]

    def fit(self, outputs: Sequence[Any], copies: int) -> bool:
        """Whether the outputs of a few copies are of the shape and dtype that the tables were made for."""
        return all(
            table is None or (y.dtype == table.dtype and tuple(y.shape) == (copies * table.shape[0], *table.shape[1:]))
            for table, y in zip(self._outputs, outputs, strict=True)
        )

    def averaged(self, passes: Sequence[Sequence[Any]]) -> list[Any]:
        """The weighted sum of all copies moved back.

        Args:
            passes: The outputs of every forward pass, in the order of the elements.
        """
        joined = [ys[0] if len(ys) == 1 or table is None else torch.cat(ys) for table, ys in self._columns(passes)]
        with full_precision(next((y for y in joined if isinstance(y, Tensor)), None)):
            pairs = zip(self._outputs, joined, strict=True)
            return [y if table is None else table.average(y) for table, y in pairs]

    def _columns(self, passes: Sequence[Sequence[Any]]) -> Any:
        return zip(self._outputs, zip(*passes, strict=True), strict=True)


def orbit_tables(
    call: Call, movers: Sequence[Mover], weights: Sequence[float], outputs: Sequence[Any], *, channels_last: bool
) -> OrbitTables | None:
    """The tables, found by moving the numbers 1, 2, 3, ... and proved on random ones.

    Args:
        call: Inputs of the shapes to make tables for.
        movers: Movers of all elements of the group, in its order.
        weights: Weight of every element in the average.
        outputs: What the model returns for one moved copy.
        channels_last: Whether moved grids are to be laid out channels last.

    Returns:
        The tables, or None where the tensors are too large for them to pay, or an element does more than permute
        numbers and change their signs.
    """
    samples = int(call.length or 0)
    leaves = [x for x, shared in zip(call.leaves, call.shared, strict=True) if not shared]
    if not leaves or not _pay(leaves, [y for y in outputs if isinstance(y, Tensor)], samples, len(movers)):
        return None
    inputs = _input_tables(call, movers, channels_last=channels_last)
    if inputs is None:
        return None
    back = _output_tables(movers, weights, outputs)
    return None if back is None else OrbitTables(inputs, back, samples)


def _pay(leaves: Sequence[Any], returned: Sequence[Tensor], samples: int, elements: int) -> bool:
    """Whether inputs and outputs are numbers with a sign, and few enough for tables to be faster."""
    if not all(isinstance(x, Tensor) and x.ndim and _has_sign(x) for x in (*leaves, *returned)):
        return False
    copy: list[int] = [samples * x[0].numel() for x in leaves] + [y.numel() for y in returned]
    return elements * max(copy) <= _SMALL


def _input_tables(call: Call, movers: Sequence[Mover], *, channels_last: bool) -> list[_InputTable | None] | None:
    numbers = call.like([x if same else _numbers(x) for x, same in zip(call.leaves, call.shared, strict=True)])
    tables: list[_InputTable | None] = []
    for moved, x, same in zip(numbers.moved(movers), call.leaves, call.shared, strict=True):
        if same:
            tables.append(None)
            continue
        order = None
        if channels_last and moved.ndim in _GRIDS:
            moved, order = moved.movedim(1, -1), (0, moved.ndim - 1, *range(1, moved.ndim - 1))  # noqa: PLW2901
        found = _places_and_signs(moved, x)
        if found is None:
            return None
        tables.append(_InputTable(*found, tuple(moved.shape), order))
    test = call.like([x if same else torch.randn_like(x) for x, same in zip(call.leaves, call.shared, strict=True)])
    for table, x, y in zip(tables, test.leaves, test.moved(movers), strict=True):
        if table is not None and not torch.equal(table.moved(x), y):
            return None
    return tables


def _output_tables(
    movers: Sequence[Mover], weights: Sequence[float], outputs: Sequence[Any]
) -> list[_OutputTable | None] | None:
    numbers = [_numbers(y) if isinstance(y, Tensor) else y for y in outputs]
    test = [torch.randn_like(y) if isinstance(y, Tensor) else y for y in outputs]
    moved = list(zip(*(mover.moved_back(numbers) for mover in movers), strict=True))
    truth = list(zip(*(mover.moved_back(test) for mover in movers), strict=True))
    tables: list[_OutputTable | None] = []
    for y, random, copies, true in zip(outputs, test, moved, truth, strict=True):
        if not isinstance(y, Tensor):
            tables.append(None)
            continue
        found = None
        if all(copy.shape == y.shape for copy in copies):
            found = _places_and_signs(torch.stack(copies), y)
        if found is None:
            return None
        places, signs = found
        terms = random.reshape(-1)[places].view(len(movers), *y.shape)
        if signs is not None:
            terms = terms * signs.view(terms.shape)
        if not torch.equal(terms, torch.stack(true)):
            return None
        tables.append(_output_table(y, places, signs, weights))
    return tables


def _output_table(y: Tensor, places: Tensor, signs: Tensor | None, weights: Sequence[float]) -> _OutputTable:
    last = y.ndim in _GRIDS and not y.is_contiguous()
    memory = torch.arange(y.numel(), device=y.device).view(y.movedim(1, -1).shape if last else y.shape)
    places = (memory.movedim(-1, 1) if last else memory).reshape(-1)[places].view(len(weights), -1)
    copies = torch.arange(len(weights), device=y.device)[:, None] * y.numel()
    return _OutputTable((places + copies).reshape(-1), signs, tuple(weights), tuple(y.shape), y.dtype, last)


def _has_sign(x: Tensor) -> bool:
    return (x.is_floating_point() or x.is_complex()) and x.numel() > 0


def _numbers(x: Tensor) -> Tensor:
    return torch.arange(1, x.numel() + 1, dtype=torch.float64, device=x.device).view(x.shape)


def _places_and_signs(moved: Tensor, like: Tensor) -> tuple[Tensor, Tensor | None] | None:
    """Positions and signs of moved numbers 1, 2, ..., in the dtype of a tensor; None if others have come up."""
    places = moved.abs().round().long() - 1
    if not torch.equal(places + 1.0, moved.abs()) or bool((places < 0).any()) or bool((places >= like.numel()).any()):
        return None
    signs = None if bool((moved > 0).all()) else moved.sign().to(like.dtype).reshape(-1)
    return places.reshape(-1), signs
