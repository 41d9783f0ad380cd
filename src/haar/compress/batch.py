"""Batches of whatever kind: what a model is given, and what it should answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from haar.errors import ArgumentError, DataError, HaarError
from haar.probing.arrays import own_precision, with_tensors
from haar.probing.told_apart import counts_rows, told_apart
from haar.probing.trajectory_names import trajectory_numbers

#: Labels of `transformers` and of torch's cross entropy that do not count.
IGNORED = -100


@dataclass(frozen=True)
class Batch:
    """One batch, taken apart.

    Attributes:
        given: The batch as the user's metrics get it.
        args: What the model is called with.
        kwargs: What it is called with by name.
        target: What it should answer; None if nobody says.
        shifted: Whether the target at a place is what the model should say one place before.
        clusters: Which trajectory each sample is of, whole numbers or names; None if nobody says.
    """

    given: Any
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    target: Tensor | None = None
    shifted: bool = False
    clusters: Any = None

    def run(self, model: nn.Module) -> Tensor:
        """The model's answer: of what `transformers` returns the logits, else the last hidden states.

        Raises:
            ArgumentError: If it answers with no tensor, or does not take the batch.
        """
        try:
            found = model(*self.args, **self.kwargs)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError, ValueError, IndexError, KeyError) as error:
            if isinstance(error, HaarError):
                raise
            told = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ArgumentError(
                "data",
                expected=f"batches that {type(model).__name__} takes",
                got=f"{self.told()}, with {type(error).__name__}: {told}",
                way_out="a batch is (inputs, targets), tokens, inputs, or inputs by name; data= takes a list of them",
            ) from error
        return answer(found)

    def told(self) -> str:
        """Shapes and kinds of what the model is called with."""
        named = [("", x) for x in self.args] + [(f"{name}=", x) for name, x in self.kwargs.items()]
        kinds = (
            f"{tuple(x.shape)} {x.dtype}".replace("torch.", "") if isinstance(x, Tensor) else type(x).__name__
            for _, x in named
        )
        return ", ".join(f"{name}{kind}" for (name, _), kind in zip(named, kinds, strict=True)) or "nothing"

    @property
    def size(self) -> int:
        """Number of samples."""
        first = next((x for x in (*self.args, *self.kwargs.values()) if isinstance(x, Tensor) and x.ndim), None)
        return 1 if first is None else len(first)


def answer(found: Any) -> Tensor:
    """The tensor in what a model returns.

    Raises:
        ArgumentError: If there is none.

    Example:
        >>> answer((torch.ones(2), None))
        tensor([1., 1.])
    """
    for name in ("logits", "last_hidden_state"):
        if isinstance(getattr(found, name, None), Tensor):
            return getattr(found, name)  # type: ignore[no-any-return]
    if isinstance(found, Mapping):
        found = tuple(found.values())
    if isinstance(found, (tuple, list)) and found:
        found = found[0]
    if not isinstance(found, Tensor):
        raise ArgumentError("model", expected="a model that returns a tensor", got=type(found).__name__)
    return found


def batch_of(given: Any) -> Batch:
    """A batch from what a loader gives.

    Args:
        given: ``(inputs, targets)``, with the trajectory of each sample as a third, or without; tokens alone, whose
            targets are the tokens that follow; inputs alone; or inputs by name as `transformers` take them, with
            ``labels`` or without.

    Raises:
        ArgumentError: If it is none of these.

    Example:
        >>> batch_of(torch.zeros(2, 5, dtype=torch.long)).shifted
        True
    """
    if isinstance(given, Tensor):
        tokens = not given.is_floating_point() and not given.is_complex() and given.ndim == 2
        return Batch(given, (given,), {}, given if tokens else None, tokens)
    if isinstance(given, Mapping):
        return _named(given)
    if _has_clusters(given):
        rest = batch_of(given[0] if given[1] is None else tuple(given[:2]))
        return replace(rest, given=given, clusters=given[2])
    if isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[1], Tensor):
        inputs = tuple(given[0]) if isinstance(given[0], (tuple, list)) else (given[0],)
        return Batch(given, inputs, {}, given[1])
    if isinstance(given, (tuple, list)) and len(given) == 1 and isinstance(given[0], Tensor):
        return Batch(given, (given[0],))
    expected = "batches: (inputs, targets), tokens, inputs, or inputs by name"
    raise ArgumentError("data", expected=expected, got=f"a batch of {type(given).__name__}")


def _has_clusters(given: Any) -> bool:
    """Whether a batch is three: inputs, targets or None, and the trajectory of each sample."""
    three = isinstance(given, (tuple, list)) and len(given) == 3
    return three and (given[1] is None or isinstance(given[1], Tensor))


def _named(given: Mapping[str, Any]) -> Batch:
    inputs = {name: value for name, value in given.items() if name != "labels"}
    target, tokens = given.get("labels"), given.get("input_ids")
    if target is None and isinstance(tokens, Tensor):
        mask = given.get("attention_mask")
        target = tokens if mask is None else tokens.masked_fill(mask == 0, IGNORED)
    return Batch(given, (), inputs, target, isinstance(target, Tensor) and target.ndim == 2 and tokens is not None)


def batches_of(data: Any, argument: str = "data", *, model: nn.Module | None = None) -> list[Batch]:
    """All batches.

    Args:
        data: Batches, such as a loader; or one tensor, one dictionary, or a tuple of all inputs and targets (and
            trajectories), which are one batch. Arrays and tables stand for tensors.
        argument: What messages call it.
        model: Arrays of real numbers become tensors of its parameters' precision.

    Raises:
        ArgumentError: If there is none, or one is of no known kind.
        DataError: If an input has a number that is not finite.

    Example:
        >>> x, y = torch.zeros(4, 2), torch.zeros(4, dtype=torch.long)
        >>> [len(batches_of(data)) for data in (x, (x, y), [x, y], [(x, y), (x, y)], x.numpy())]
        [1, 1, 1, 2, 1]
    """
    data = told_apart(data, alike="batches")
    if isinstance(data, (Tensor, np.ndarray, Mapping)) or (isinstance(data, tuple) and _is_pair(data)):
        data = [data]
    if not isinstance(data, Iterable):
        way_out = "torch.utils.data.DataLoader(data, batch_size=8)" if isinstance(data, Dataset) else ""
        raise ArgumentError(argument, expected="batches", got=type(data).__name__, way_out=way_out)
    found = [batch_of(with_tensors(given, own_precision(model))) for given in data]
    if not found:
        raise ArgumentError(argument, expected="at least one batch", got="none")
    for number, batch in enumerate(found):
        if not batch.size:
            raise ArgumentError(argument, expected="samples in every batch", got=f"none in batch {number}")
        for x in (*batch.args, *batch.kwargs.values(), batch.target):
            if isinstance(x, Tensor) and x.is_floating_point() and not bool(x.isfinite().all()):
                raise DataError(f"{argument}: batch {number} has a number that is not finite")
    return found


def _is_pair(data: tuple[Any, ...]) -> bool:
    """Whether a tuple is inputs and targets (and trajectories), not two batches each of which is such a pair."""
    arrays = (Tensor, np.ndarray)
    if len(data) == 3:
        return isinstance(data[1], (*arrays, type(None))) and counts_rows(trajectory_numbers(data[2]), data[0])
    return len(data) == 2 and isinstance(data[1], arrays) and isinstance(data[0], (*arrays, tuple, list))


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches as one.

    Raises:
        ArgumentError: If their parts have different shapes.
    """
    if len(batches) == 1:
        return batches[0]
    try:
        args = tuple(torch.cat(parts) for parts in zip(*(batch.args for batch in batches), strict=True))
        kwargs = {name: torch.cat([batch.kwargs[name] for batch in batches]) for name in batches[0].kwargs}
        targets = [batch.target for batch in batches if batch.target is not None]
        target = torch.cat(targets) if len(targets) == len(batches) else None
    except (RuntimeError, TypeError, ValueError, KeyError) as error:
        raise ArgumentError(
            "calibration", expected="batches that can be joined, of one shape but for their size", got=str(error)
        ) from error
    return Batch(None, args, kwargs, target, batches[0].shifted)
