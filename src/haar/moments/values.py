"""What flows through a walk over a model: random values, the batch size, tuples of random values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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


class Pending:
    """What is made of random values but is none yet: several tensors, complex ones, rows folded with something else.

    It is taken apart, turned back or unfolded by later steps; the step that makes a real tensor with a row for each
    input of it is the one that counts.

    Args:
        inputs: Numbers of the values it depends on.
        function: From them to what it is.
        kind: Kind of the step that made it.
        name: Name of the step in the model that made it.
        affine: Whether every step so far is affine.
    """

    def __init__(
        self,
        inputs: tuple[int, ...],
        function: Callable[[Sequence[Tensor]], Any],
        kind: str,
        name: str,
        *,
        affine: bool,
    ) -> None:
        self.inputs, self.function, self.kind, self.name, self.affine = inputs, function, kind, name, affine


def random_arguments(*items: Any) -> list[Any]:
    """Everything random in a nest of arguments, as often as it stands there.

    Example:
        >>> len(random_arguments([Value(3), Value(3)], {"key": 1}))
        2
    """
    found: list[Any] = []
    for item in items:
        if isinstance(item, (Value, Pending)):
            found.append(item)
        elif isinstance(item, (tuple, list)):
            found += random_arguments(*item)
        elif isinstance(item, dict):
            found += random_arguments(*item.values())
    return found


def random_values(*items: Any) -> tuple[int, ...]:
    """Numbers of the random values in a nest of arguments, each once.

    Example:
        >>> random_values([Value(3), (Value(1), 2.0)], {"key": Value(3)})
        (3, 1)
    """
    found = random_arguments(*items)
    numbers = [(x.number,) if isinstance(x, Value) else x.inputs for x in found]
    return tuple(dict.fromkeys(number for those in numbers for number in those))


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
    if isinstance(item, Pending):
        return item.function([tensors[number] for number in item.inputs])
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


@dataclass(frozen=True)
class Call:
    """One call in a walk.

    Args:
        name: Name of the call in the model.
        function: The function that is called.
        arguments: Its arguments, random values among them.
        keywords: Keyword arguments of the call.
        writes: Whether it writes into its arguments.

    Example:
        >>> call = Call("relu", max, (Value(0), 1.0), {})
        >>> call.inputs, call.only_first
        ((0,), True)
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    writes: bool = False

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the random values it depends on."""
        return random_values(self.arguments, self.keywords)

    @property
    def only_first(self) -> bool:
        """Whether the first argument is random, and no other is another."""
        given = random_arguments(self.arguments, self.keywords)
        first = self.arguments[0] if self.arguments else None
        values = [x.number if isinstance(x, Value) else x for x in given]
        return bool(given) and given[0] is first and len(set(values)) == 1

    @property
    def whole(self) -> EventFunction:
        """The call as a function of the random values it depends on."""
        return filled(self.function, self.arguments, self.keywords, self.inputs, writes=self.writes)

    def of(self, function: Callable[..., Any]) -> Call:
        """The same call of another function."""
        return replace(self, function=function)


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
        function: The function that is called.
        arguments: Positional arguments of the call.
        keywords: Keyword arguments of the call.
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
