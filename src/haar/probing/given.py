"""Data as people have them, as the inputs and labels that verbs read: one answer for all of them.

Arrays of numpy, graphs of PyTorch Geometric, atoms of ASE, dictionaries by name, and iterables of any of these, such as
loaders. Neither library is imported: what came shows what it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from haar.actions import Action, Invariant, Symmetry
from haar.actions.trees import action_leaves
from haar.containers import is_graph, named_parts, parts_of, refilled
from haar.errors import ArgumentError, DataError
from haar.groups import cyclic
from haar.probing.arrays import NUMBERS, own_precision, tensor_of, with_tensors
from haar.probing.dense import check_dense
from haar.probing.fields_by_name import joined_fields
from haar.probing.told_apart import CLUSTERS, told_apart
from haar.probing.unread import without_unread

#: Names by which batches call their labels, and the trajectories that rows come from.
LABELS = ("labels", "label", "targets", "target", "y")
#: Names of one thing; the first is ASE's.
_SYNONYMS = (
    ("positions", "pos", "position", "coordinates", "coords", "xyz", "r"),
    ("numbers", "atomic_numbers", "species", "z", "charges", "nuclear_charges"),
    ("cell", "cells", "lattice"),
    ("energy", "energies", "e"),
    ("forces", "force", "f"),
    ("stress", "stresses"),
)
_WAY_OUT = "yield ((d['x'], d['t']), d['y'])"


def given_data(
    data: Any, model: Callable[..., Any], symmetry: Symmetry, *, argument: str = "data", labelled: bool = True
) -> Any:
    """Data that verbs read, made from what a user has.

    Args:
        data: Tensors or arrays of inputs, a pair of inputs and labels, a mapping by name; a graph or atoms; or an
            iterable of batches that are any of these. Graphs in a batch, and atoms, are one sample each.
        model: Names of its arguments say which input is which; arrays of real numbers take the precision of its
            parameters.
        symmetry: Says whether the model takes one container or several inputs, and what its outputs are called.
        argument: What the caller calls the data.
        labelled: Whether batches by name are read with their labels; else as the model's inputs alone.

    Returns:
        The same object where it holds tensors alone; else ``inputs``, ``(inputs, labels)``,
        ``(inputs, labels, clusters)`` or an iterable of such.

    Raises:
        ArgumentError: If the parts of a batch cannot be told apart by their names.

    Example:
        >>> from haar.groups import cyclic
        >>> symmetry = Symmetry.of_fields(cyclic(4), "p")
        >>> x, y = given_data({"x": np.ones((2, 1, 4, 4)), "labels": np.ones((2, 1, 4, 4))}, torch.sin, symmetry)
        >>> x[0].dtype, y.shape
        (torch.float64, torch.Size([2, 1, 4, 4]))
    """
    reader = _Reader(model, symmetry, argument, labelled)
    data = told_apart(data, alike="batches") if labelled else data
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray):
        return reader.array(data)
    if isinstance(data, tuple) and not any(map(_is_thing, data)):
        return reader.tensors(data)
    if isinstance(data, Mapping) and data and labelled:
        return next(reader.records(data))
    if _is_record(data):
        return _Read(reader, [data])
    if isinstance(data, str) or not isinstance(data, Iterable):
        return data
    return _Read(reader, data)


def given_rows(data: Any, model: Callable[..., Any], symmetry: Symmetry, *, argument: str = "data") -> Any:
    """Inputs and labels of all samples at once, samples on axis 0, as `given_data` reads them.

    Args:
        data: As in `given_data`; the batches of an iterable are joined, samples without an axis of their own stacked.
        model: Likewise.
        symmetry: Likewise.
        argument: Likewise.

    Raises:
        ArgumentError: If there are no labels, or samples differ in shape.
    """
    made = given_data(_pair(data), model, symmetry, argument=argument)
    if isinstance(made, tuple):
        return made
    if isinstance(made, (Tensor, str)) or not isinstance(made, Iterable):
        raise ArgumentError(argument, expected="tensors of inputs and targets", got=type(made).__name__)
    pairs = [item for item in made if isinstance(item, (tuple, list)) and len(item) > 1 and item[1] is not None]
    if not pairs:
        raise ArgumentError(argument, expected="batches (inputs, labels)", got="none with labels")
    join = torch.stack if _is_single(symmetry, pairs[0][0]) else torch.cat
    try:
        return tuple(_joined([item[side] for item in pairs], join) for side in (0, 1))
    except (RuntimeError, TypeError, ValueError) as error:
        raise ArgumentError(
            argument,
            expected="samples of one shape, to be trained on in rows",
            got=" ".join(str(error).split()),
            way_out="train in a loop of your own: haar.relax gives the model and its multipliers",
        ) from error


def given_batches(
    data: Any, model: Callable[..., Any], symmetry: Symmetry | None = None, *, argument: str = "data"
) -> Any:
    """Batches of a model of one tensor as tuples of tensors, also where nobody has named a symmetry yet.

    Args:
        data: As in `given_data`; or ``(inputs, labels, clusters)``.
        model: Likewise.
        symmetry: Likewise, where one is known.
        argument: Likewise.

    Returns:
        The same, with tensors in place of arrays, and ``(inputs, labels)`` or ``(inputs, labels, clusters)`` in place
        of what has names.

    Raises:
        ArgumentError: If the parts of a batch cannot be told apart by their names.

    Example:
        >>> x, y = given_batches({"x": np.ones((2, 3)), "y": np.ones((2, 1))}, torch.sin)
        >>> x.shape, y.shape
        (torch.Size([2, 3]), torch.Size([2, 1]))
    """
    still = cyclic(1)
    reader = _Reader(model, symmetry or Symmetry(still, Invariant(still), Invariant(still)), argument, labelled=True)

    def read(item: Any) -> Any:
        if not isinstance(item, Mapping) or not item:
            return reader.tensors(item)
        (inputs, *rest) = next(reader.records(item))
        return (inputs[0] if len(inputs) == 1 else inputs, *rest)

    data = told_apart(data, alike="pair")
    check_dense(argument, data)
    if isinstance(data, Dataset) and not isinstance(data, Iterable):
        expected, way_out = "tensors of all rows, or batches", "torch.utils.data.DataLoader(data, batch_size=8)"
        raise ArgumentError(argument, expected=expected, got=type(data).__name__, way_out=way_out)
    whole = isinstance(data, (Tensor, np.ndarray, tuple, Mapping, str)) or _is_thing(data)
    return read(data) if whole or not isinstance(data, Iterable) else map(read, data)


def _pair(data: Any) -> Any:
    """A list of two arrays, where labels are a must, is the pair of them."""
    is_pair = isinstance(data, list) and len(data) == 2 and isinstance(data[1], (Tensor, np.ndarray))
    return tuple(data) if is_pair else data


def _is_single(symmetry: Symmetry, inputs: Any) -> bool:
    """Whether inputs are one sample without an axis that counts samples."""
    first = inputs[0] if isinstance(inputs, (tuple, list)) else inputs
    action = symmetry.inputs[0]
    return isinstance(action, Action) and isinstance(first, Tensor) and first.ndim == action.axes.count


def _joined(trees: Sequence[Any], join: Callable[[list[Tensor]], Tensor]) -> Any:
    """Containers of the samples of all."""
    if isinstance(trees[0], Tensor):
        return join(list(trees))
    parts = None if is_graph(trees[0]) else parts_of(trees[0])
    if parts is None:
        raise TypeError(f"{type(trees[0]).__name__}, which has no rows")
    told = [parts_of(tree) or {} for tree in trees]
    joined = refilled(trees[0], {key: _joined([one[key] for one in told], join) for key in parts})
    return tuple(joined) if isinstance(joined, list) else joined


class _Read:
    """An iterable whose items are read one by one."""

    def __init__(self, reader: _Reader, data: Iterable[Any]) -> None:
        self._reader, self._data = reader, data

    def __iter__(self) -> Iterator[Any]:
        for item in self._data:
            yield from self._reader.items(item)

    def __len__(self) -> int:
        """As the data count; a batch of graphs is more than one item, and nobody knows how many.

        Raises:
            TypeError: If it is not known.
        """
        first = self._data[0] if isinstance(self._data, Sequence) and len(self._data) else None
        if _is_batch(first) or _of(self._data, "torch_geometric"):
            raise TypeError("the number of graphs is not known before they are read")
        return len(self._data)  # type: ignore[arg-type]  # who has none says so


@dataclass(frozen=True)
class _Reader:
    """Reads what belongs to one model and symmetry."""

    model: Callable[..., Any]
    symmetry: Symmetry
    argument: str
    labelled: bool

    def tensors(self, tree: Any) -> Any:
        """Containers with tensors in place of arrays; real ones take the model's precision."""
        return with_tensors(tree, own_precision(self.model))

    def array(self, array: np.ndarray) -> Tensor:
        """An array that is all the data.

        Raises:
            ArgumentError: If it holds no numbers.
        """
        if array.dtype.kind not in NUMBERS:
            raise ArgumentError(self.argument, expected="arrays of numbers", got=f"an array of {array.dtype}")
        return tensor_of(array, own_precision(self.model))

    def items(self, item: Any) -> Iterator[Any]:
        """The batches that one item of an iterable holds: a list of graphs or atoms holds one each."""
        if _is_record(item):
            yield from self.records(item)
        elif _are_things(item):
            for one in item:
                yield from self.records(one)
        else:
            yield self.tensors(item)

    def records(self, item: Any) -> Iterator[Any]:
        """A record's inputs, labels and clusters; every graph of a batch by itself."""
        for one in item.to_data_list() if _is_batch(item) else (item,):
            values = {key: self._array(value) for key, value in _values(one).items()}
            clusters = _taken(values, CLUSTERS)
            inputs, labels = self._sides(one, values)
            if not self.labelled:
                yield inputs
            else:
                yield (inputs, labels) if clusters is None else (inputs, labels, clusters)

    def _array(self, value: Any) -> Any:
        return self.tensors(np.asarray(value) if isinstance(value, (float, np.generic)) else value)

    def _sides(self, record: Any, values: dict[str, Any]) -> tuple[tuple[Any, ...], Any]:
        """Inputs and labels of one record."""
        wanted = self.symmetry.inputs
        whole = None if len(wanted) != 1 or isinstance(wanted[0], Action) else named_parts(wanted[0])
        if whole is not None:
            held = {key: _found(values, key) for key in whole}
            if any(value is None for value in held.values()):
                raise self._unknown(record, values, list(whole))
            given = without_unread(record, set(whole), self.model) if is_graph(record) else held
            return (given,), self._labels(values, set(whole))
        names = self._arguments(len(wanted))
        inputs = [_found(values, name) for name in names]
        if len(inputs) == len(wanted) and all(x is not None for x in inputs):
            return tuple(inputs), self._labels(values, set(names))
        found = self._one(wanted[0], values) if len(wanted) == 1 else None
        if found is None:
            raise self._unknown(record, values, names)
        return (found[0],), self._labels(values, found[1])

    def _one(self, action: Any, values: dict[str, Any]) -> tuple[Any, set[str]] | None:
        """The one input, where it has another name than the model's own, and the names that it took."""
        fields = joined_fields(action, values, self.argument)
        if fields is not None:
            return fields, {field.name for field in action.layout.fields}
        only = _only(values)
        return None if only is None else (values[only], {only})

    def _arguments(self, count: int) -> list[str]:
        """Names of the model's first arguments; empty where they are not known."""
        try:
            function = self.model.forward if isinstance(self.model, nn.Module) else self.model
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # a function written in C
            return []
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [p.name for p in parameters if p.kind in kinds][:count]

    def _labels(self, values: dict[str, Any], used: set[str]) -> Any:
        """By the names of the outputs, else what is called labels, else what an output of its kind is in physics."""
        left = {key: value for key, value in values.items() if key not in used}
        outputs = None if isinstance(self.symmetry.outputs, Action) else named_parts(self.symmetry.outputs)
        if outputs is not None:
            found = {key: _found(left, key) for key in outputs}
            return None if any(value is None for value in found.values()) else found
        labels = _taken(left, LABELS)
        if labels is not None:
            named = named_parts(labels) if isinstance(self.symmetry.outputs, Action) else None
            fields = None if named is None else joined_fields(self.symmetry.outputs, named, "labels")
            return labels if fields is None else fields
        leaves = action_leaves(self.symmetry.outputs)
        return _found(left, "energy" if isinstance(leaves[0], Invariant) else "forces") if len(leaves) == 1 else None

    def _unknown(self, record: Any, values: dict[str, Any], names: Sequence[str]) -> ArgumentError:
        wanted = ", ".join(names) if names else "inputs"
        return ArgumentError(
            self.argument,
            expected=f"batches with {wanted} by name (the model's inputs), and labels and clusters if there are any",
            got=f"{type(record).__name__} with {', '.join(map(str, values)) or 'nothing'}",
            way_out=_WAY_OUT,
        )


def _of(value: Any, library: str) -> bool:
    return any(kind.__module__.partition(".")[0] == library for kind in type(value).__mro__)


def _is_atoms(value: Any) -> bool:
    return _of(value, "ase") and hasattr(value, "get_positions") and hasattr(value, "arrays")


def _is_batch(value: Any) -> bool:
    return is_graph(value) and hasattr(value, "to_data_list")


def _is_record(value: Any) -> bool:
    """Whether its parts have names that say what they are."""
    return _is_thing(value) or (isinstance(value, Mapping) and bool(value))


def _is_thing(value: Any) -> bool:
    """A graph, or atoms."""
    return is_graph(value) or _is_atoms(value)


def _are_things(item: Any) -> bool:
    """Graphs or atoms that a loader has left apart; two graphs in a tuple are what a model takes and gives."""
    kinds = _is_thing if isinstance(item, list) else _is_atoms
    return isinstance(item, (list, tuple)) and len(item) > 0 and all(map(kinds, item))


def _values(record: Any) -> dict[str, Any]:
    """Everything by its name."""
    if not _is_atoms(record):
        return named_parts(record) or {}
    held = {**record.info, **record.arrays, "cell": np.asarray(record.cell), "pbc": np.asarray(record.pbc)}
    results = getattr(record.calc, "results", None) or {}
    for name, value in results.items():
        if not np.isfinite(np.asarray(value, dtype=float)).all():
            raise DataError(f"data: {name} of {record.get_chemical_formula()} is NaN or infinite; clean or drop it")
    return {**held, **results}


def _found(values: Mapping[str, Any], name: str) -> Any:
    """By a name, or by another name of the same thing."""
    if values.get(name) is not None:
        return values[name]
    for names in _SYNONYMS:
        if name.lower() in names:
            spoken = {key.lower(): value for key, value in values.items() if isinstance(key, str) and value is not None}
            return next((spoken[other] for other in names if other in spoken), None)
    return None


def _only(values: Mapping[str, Any]) -> str | None:
    """The name of what a model of one input takes, whatever it calls it; None where nothing says so."""
    for name in ("inputs", "input"):
        if values.get(name) is not None:
            return name
    rest = [key for key, value in values.items() if key not in LABELS and value is not None]
    if len(rest) == 1:
        return rest[0]
    return "positions" if values.get("positions") is not None else None


def _taken(values: dict[str, Any], names: Sequence[str]) -> Any:
    return next((values.pop(name) for name in names if values.get(name) is not None), None)
