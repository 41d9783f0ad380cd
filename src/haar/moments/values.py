"""What flows through a walk over a model: random values, the batch size, tuples of random values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree

from haar.moments.program import EventFunction


class BatchSize:
    """Stands for the number of rows wherever the model asks for the batch size."""


class PerBatch:
    """What is not random but needs the number of rows: a tensor of zeros with a row for each, twice the batch size."""

    def __init__(self, function: Callable[[int], Any]) -> None:
        self.function = function


class Value:
    """A random value: its number in the program."""

    def __init__(self, number: int) -> None:
        self.number = number


class Many:
    """Several random values made by one call (chunk, split, unbind): taken apart by indexing."""

    def __init__(
        self, inputs: tuple[int, ...], function: Callable[[Sequence[Tensor]], Sequence[Tensor]], kind: str
    ) -> None:
        self.inputs, self.function, self.kind = inputs, function, kind


def _walk(item: Any) -> list[Value]:
    if isinstance(item, Value):
        return [item]
    if isinstance(item, (tuple, list)):
        return [value for part in item for value in _walk(part)]
    if isinstance(item, dict):
        return [value for part in item.values() for value in _walk(part)]
    return []


def random_values(*items: Any) -> tuple[int, ...]:
    """Numbers of the random values in a nest of arguments, each once.

    Example:
        >>> random_values([Value(3), (Value(1), 2.0)], {"key": Value(3)})
        (3, 1)
    """
    return tuple(dict.fromkeys(value.number for value in _walk(items)))


def count_values(*items: Any) -> int:
    """How many random values stand in a nest of arguments.

    Example:
        >>> count_values([Value(3), Value(3)])
        2
    """
    return len(_walk(items))


def needs_rows(item: Any) -> bool:
    """Whether the batch size is asked for somewhere in a nest of arguments.

    Example:
        >>> needs_rows((3, [BatchSize()])), needs_rows((3, 4))
        (True, False)
    """
    if isinstance(item, slice):
        return needs_rows((item.start, item.stop, item.step))
    if isinstance(item, dict):
        return needs_rows(tuple(item.values()))
    if isinstance(item, (tuple, list)):
        return any(needs_rows(part) for part in item)
    return isinstance(item, (BatchSize, PerBatch))


def per_batch(function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> PerBatch:
    """A call that waits for the number of rows.

    Example:
        >>> per_batch(max, (BatchSize(), 3), {}).function(5)
        5
    """
    return PerBatch(lambda rows: function(*_replace(arguments, {}, rows), **_replace(keywords, {}, rows)))


def _replace(item: Any, tensors: dict[int, Tensor], rows: int) -> Any:
    if isinstance(item, Value):
        return tensors[item.number]
    if isinstance(item, BatchSize):
        return rows
    if isinstance(item, PerBatch):
        return item.function(rows)
    if isinstance(item, (tuple, list)):
        return type(item)(_replace(part, tensors, rows) for part in item)
    if isinstance(item, dict):
        return {key: _replace(part, tensors, rows) for key, part in item.items()}
    if isinstance(item, slice):
        return slice(*(_replace(part, tensors, rows) for part in (item.start, item.stop, item.step)))
    return item


def filled(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    inputs: tuple[int, ...],
    *,
    writes: bool = False,
) -> EventFunction:
    """The call as a function of its random arguments alone.

    Args:
        function: What is called.
        arguments: Its arguments.
        keywords: Its keyword arguments.
        inputs: Numbers of the random values among them.
        writes: Whether it writes into them: then it gets copies.

    Example:
        >>> import torch
        >>> filled(torch.add, (Value(0), 1.0), {}, (0,))([torch.zeros(2)]).tolist()
        [1.0, 1.0]
    """

    def call(events: Sequence[Tensor]) -> Any:
        tensors = dict(zip(inputs, events, strict=True))
        rows = events[0].shape[0]
        given = _replace(arguments, tensors, rows), _replace(keywords, tensors, rows)
        if writes:
            given = pytree.tree_map(lambda x: x.clone() if isinstance(x, Tensor) else x, given)
        return function(*given[0], **given[1])

    return call
