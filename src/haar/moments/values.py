"""What flows through a walk over a model: random values, the batch size, tuples of random values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from haar.moments.program import EventFunction


class BatchSize:
    """Stands for the number of rows wherever the model asks for the batch size."""


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


def without_batch(item: Any) -> Any:
    """Arguments with the batch size left open (-1).

    Example:
        >>> without_batch((BatchSize(), 3))
        (-1, 3)
    """
    return _replace(item, {}, -1)


def _replace(item: Any, tensors: dict[int, Tensor], rows: int) -> Any:
    if isinstance(item, Value):
        return tensors[item.number]
    if isinstance(item, BatchSize):
        return rows
    if isinstance(item, (tuple, list)):
        return type(item)(_replace(part, tensors, rows) for part in item)
    if isinstance(item, dict):
        return {key: _replace(part, tensors, rows) for key, part in item.items()}
    if isinstance(item, slice):
        return slice(*(_replace(part, tensors, rows) for part in (item.start, item.stop, item.step)))
    return item


def filled(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], inputs: tuple[int, ...]
) -> EventFunction:
    """The call as a function of its random arguments alone.

    Example:
        >>> import torch
        >>> filled(torch.add, (Value(0), 1.0), {}, (0,))([torch.zeros(2)]).tolist()
        [1.0, 1.0]
    """

    def call(events: Sequence[Tensor]) -> Any:
        tensors = dict(zip(inputs, events, strict=True))
        rows = events[0].shape[0]
        return function(*_replace(arguments, tensors, rows), **_replace(keywords, tensors, rows))

    return call
