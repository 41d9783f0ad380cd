"""Metrics: what is measured of a compressed model, as sums over independent units, so that intervals follow."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.compress.batch import IGNORED, Batch
from haar.errors import ArgumentError


@dataclass(frozen=True)
class Seen:
    """What one model answered to one batch.

    Attributes:
        model: The model.
        batch: The batch.
        outputs: Its answer; None where no metric asks for it.
        dense: What the model answered before it was changed.
        representation: What the layer that reads out was given.
        dense_representation: The same before.
        orbit: Answers to the batch moved by elements of a group, moved back.
    """

    model: nn.Module
    batch: Batch
    outputs: Tensor | None = None
    dense: Tensor | None = None
    representation: Tensor | None = None
    dense_representation: Tensor | None = None
    orbit: Tensor | None = None


class Metric(ABC):
    """Something measured: columns of numbers for every independent unit, and a number of their sums.

    Attributes:
        name: What it is called.
        worse: Whether ``"higher"`` or ``"lower"`` is worse.
        needs: What it asks for beside the batch: ``"outputs"``, ``"dense"``, ``"representation"``, ``"orbit"``.
        absolute: Whether it is 0 for the model as it came, so that a tolerance is no share of what it was.
    """

    name: str
    worse: ClassVar[str] = "higher"
    needs: ClassVar[frozenset[str]] = frozenset({"outputs"})
    absolute: ClassVar[bool] = False

    @abstractmethod
    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """Numbers of every unit (a sample, or a batch), in float64."""

    def value(self, totals: Float[Tensor, "*draws columns"]) -> Float[Tensor, "*draws"]:
        """What is told of sums over units: by default the first over the second."""
        return totals[..., 0] / totals[..., 1]


def pairs_of(seen: Seen) -> tuple[Tensor, Tensor]:
    """Answers and targets that belong together.

    Raises:
        ArgumentError: If there are no targets.
    """
    outputs, target = seen.outputs, seen.batch.target
    if outputs is None or target is None:
        raise ArgumentError(
            "metrics",
            expected="batches with targets for a loss",
            got="inputs alone",
            way_out="give batches (inputs, targets), or ask for 'drift'",
        )
    return (outputs[:, :-1], target[:, 1:]) if seen.batch.shifted else (outputs, target)


def classes_of(outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs with the classes on the last axis, and whole numbers: the class of each row.

    Targets may be a column; classes may stand on axis 1, as torch's cross entropy has them for images.

    Args:
        outputs: The model's answer.
        target: The classes.

    Raises:
        ArgumentError: If shapes do not fit, or a class is none of the outputs'.

    Example:
        >>> [tuple(x.shape) for x in classes_of(torch.zeros(2, 5, 4, 4), torch.ones(2, 4, 4, dtype=torch.int32))]
        [(2, 4, 4, 5), (2, 4, 4)]
    """
    if target.shape == (*outputs.shape[:-1], 1):
        target = target[..., 0]
    if target.shape != outputs.shape[:-1] and target.shape == (*outputs.shape[:1], *outputs.shape[2:]):
        outputs = outputs.movedim(1, -1)
    if target.shape != outputs.shape[:-1]:
        got = f"targets of shape {tuple(target.shape)} for outputs {tuple(outputs.shape)}"
        raise ArgumentError("data", expected="one class for every row of the last axis of the outputs", got=got)
    target = target.long()
    least, most = target.aminmax() if target.numel() else (target.sum(), target.sum())
    if int(least) >= 0 and int(most) < outputs.shape[-1]:
        return outputs, target
    wrong = target[(target != IGNORED) & ((target < 0) | (target >= outputs.shape[-1]))]
    if wrong.numel():
        raise ArgumentError(
            "data", expected=f"classes from 0 to {outputs.shape[-1] - 1}, or {IGNORED} for none", got=int(wrong[0])
        )
    return outputs, target


def losses(seen: Seen) -> Float[Tensor, "samples 2"]:
    """Of every sample the summed loss and what it is summed over: cross entropy for classes, squares for numbers."""
    outputs, target = pairs_of(seen)
    if target.is_floating_point():
        if outputs.shape != target.shape:
            raise ArgumentError(
                "data", expected=f"targets of shape {tuple(outputs.shape)}, the model's", got=tuple(target.shape)
            )
        squares = (outputs.double() - target.double()).square().flatten(1)
        return torch.stack([squares.sum(1), torch.full_like(squares[:, 0], squares.shape[1])], 1)
    outputs, target = classes_of(outputs, target)
    rows = F.cross_entropy(
        outputs.flatten(0, -2).float() if outputs.dtype in (torch.float16, torch.bfloat16) else outputs.flatten(0, -2),
        target.flatten(),
        ignore_index=IGNORED,
        reduction="none",
    )
    counted = (target != IGNORED).reshape(len(target), -1)
    return torch.stack([rows.reshape(len(target), -1).double().sum(1), counted.double().sum(1)], 1)


@dataclass(frozen=True)
class Loss(Metric):
    """Mean cross entropy of classes, or mean square of numbers."""

    name: ClassVar[str] = "loss"  # type: ignore[misc]

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a sample."""
        return losses(seen)


@dataclass(frozen=True)
class Perplexity(Metric):
    """exp of the mean cross entropy of the tokens."""

    name: ClassVar[str] = "perplexity"  # type: ignore[misc]

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a text."""
        return losses(seen)

    def value(self, totals: Float[Tensor, "*draws columns"]) -> Float[Tensor, "*draws"]:
        """exp of the mean."""
        return super().value(totals).exp()


@dataclass(frozen=True)
class Accuracy(Metric):
    """The share of classes that are right."""

    name: ClassVar[str] = "accuracy"  # type: ignore[misc]
    worse: ClassVar[str] = "lower"

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a sample."""
        outputs, target = pairs_of(seen)
        if target.is_floating_point():
            raise ArgumentError("metrics", expected="classes as targets for 'accuracy'", got="numbers")
        outputs, target = classes_of(outputs, target)
        counted = (target != IGNORED).reshape(len(target), -1)
        right = (outputs.argmax(-1) == target).reshape(len(target), -1) & counted
        return torch.stack([right.double().sum(1), counted.double().sum(1)], 1)


@dataclass(frozen=True)
class Drift(Metric):
    """|f' - f| / |f|: how far the outputs moved, in the root of the sum of squares."""

    name: ClassVar[str] = "drift"  # type: ignore[misc]
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "dense"})
    absolute: ClassVar[bool] = True

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a sample."""
        return _apart(seen.outputs, seen.dense)

    def value(self, totals: Float[Tensor, "*draws columns"]) -> Float[Tensor, "*draws"]:
        """The root of the ratio."""
        return super().value(totals).sqrt()


def _apart(there: Tensor | None, here: Tensor | None) -> Float[Tensor, "samples 2"]:
    if there is None or here is None:
        raise ArgumentError("metrics", expected="outputs of the model before and after", got="none")
    wide = [x.to(torch.complex128 if x.is_complex() else torch.float64).flatten(1) for x in (there, here)]
    rows = ((wide[0] - wide[1]).abs().square().sum(1), wide[1].abs().square().sum(1))
    return torch.stack(rows, 1)


@dataclass(frozen=True)
class Divergence(Metric):
    """KL of what the model said before from what it says now, per row of classes."""

    name: ClassVar[str] = "kl"  # type: ignore[misc]
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "dense"})
    absolute: ClassVar[bool] = True

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a sample."""
        if seen.outputs is None or seen.dense is None:
            raise ArgumentError("metrics", expected="outputs of the model before and after", got="none")
        before, after = (x.double().log_softmax(-1) for x in (seen.dense, seen.outputs))
        rows = (before.exp() * (before - after)).sum(-1).reshape(len(before), -1)
        return torch.stack([rows.sum(1), torch.full_like(rows[:, 0], rows.shape[1])], 1)


@dataclass(frozen=True)
class Similarity(Metric):
    """1 - CKA of what the last layer reads, before and after: 0 for the same representation up to rotation and scale.

    Batches are the units: each gives unbiased estimates of the three inner products of centred Gram matrices.

    Source: Kornblith et al., arXiv 1905.00414; Nguyen, Raghu and Kornblith, arXiv 2010.15327, section 3.
    """

    name: ClassVar[str] = "cka"  # type: ignore[misc]
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "representation"})
    absolute: ClassVar[bool] = True

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a batch."""
        if seen.representation is None or seen.dense_representation is None:
            raise ArgumentError("metrics", expected="a layer that reads out, for 'cka'", got="none that was run")
        grams = [_gram(x) for x in (seen.dense_representation, seen.representation)]
        if len(grams[0]) < 4:
            raise ArgumentError("data", expected="batches of at least 4 samples for 'cka'", got=len(grams[0]))
        return torch.stack([_unbiased(*pair) for pair in _which(*grams)])[None]

    def value(self, totals: Float[Tensor, "*draws columns"]) -> Float[Tensor, "*draws"]:
        """From the three sums."""
        return 1 - totals[..., 0] / (totals[..., 1] * totals[..., 2]).clamp_min(0).sqrt()


def _gram(x: Tensor) -> Float[Tensor, "n n"]:
    flat = x.double().flatten(1)
    gram = flat @ flat.mT
    gram.fill_diagonal_(0)
    return gram


def _which(a: Tensor, b: Tensor) -> Sequence[tuple[Tensor, Tensor]]:
    return ((a, b), (a, a), (b, b))


def _unbiased(k: Float[Tensor, "n n"], m: Float[Tensor, "n n"]) -> Tensor:
    """The unbiased estimate of HSIC of Gram matrices whose diagonals are 0 (Song et al. 2012)."""
    n = len(k)
    both = k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * (k.sum(0) @ m.sum(0)) / (n - 2)
    return ((k * m).sum() + both) / (n * (n - 3))


@dataclass(frozen=True)
class Own(Metric):
    """A function of one's own, of a model and a batch: one number, or one for every sample.

    Args:
        name: What it is called.
        function: The function.
    """

    name: str
    function: Callable[..., Any]
    needs: ClassVar[frozenset[str]] = frozenset()

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """A row a batch, by its size, or a row a sample."""
        given = self.function(seen.model, seen.batch.given)
        try:
            found = torch.as_tensor(given, dtype=torch.float64).detach().cpu()
        except (TypeError, ValueError, RuntimeError) as error:
            got = f"{type(given).__name__} from {self.name!r}"
            raise ArgumentError("metrics", expected="a number, or one for every sample", got=got) from error
        if found.ndim > 1 or (found.ndim and len(found) != seen.batch.size):
            got = f"a tensor of shape {tuple(found.shape)} from {self.name!r} for {seen.batch.size} samples"
            raise ArgumentError("metrics", expected="a number, or one for every sample", got=got)
        weight = torch.full_like(found, float(seen.batch.size) if found.ndim == 0 else 1.0)
        return torch.stack([found * weight, weight], -1).reshape(-1, 2)


METRICS: Mapping[str, Metric] = {
    metric.name: metric for metric in (Loss(), Perplexity(), Accuracy(), Drift(), Divergence(), Similarity())
}
"""The built-in metrics by name."""

Asked = Sequence[str | Metric] | Mapping[str, Callable[..., Any] | str | Metric]


def metrics_of(asked: Asked | None, batch: Batch) -> tuple[Metric, ...]:
    """The metrics that are asked for.

    Args:
        asked: Names, metrics, or functions by name; None for what the first batch allows.
        batch: The first batch.

    Raises:
        ArgumentError: If a name is unknown, or there are none.
    """
    if asked is None:
        if batch.target is None:
            return (METRICS["drift"],)
        words = ["loss"] if batch.target.is_floating_point() else ["loss", "accuracy"]
        return tuple(METRICS[word] for word in [*(["perplexity"] if batch.shifted else words), "drift"])
    if isinstance(asked, (str, Metric)) or not isinstance(asked, (Sequence, Mapping)):
        raise ArgumentError("metrics", expected="a list of names, or functions by name", got=repr(asked))
    named = asked if isinstance(asked, Mapping) else {_name_of(one): one for one in asked}
    found = tuple(_metric(name, one) for name, one in named.items())
    if not found:
        raise ArgumentError("metrics", expected="at least one", got="none")
    if not isinstance(asked, Mapping):
        _check_names(asked, named)
    return found


def _check_names(asked: Sequence[str | Metric], named: Mapping[str, Any]) -> None:
    if any(named[_name_of(one)] is not one for one in asked if not isinstance(one, str)):
        got = ", ".join(map(_name_of, asked))
        way_out = "give functions by name: metrics={'name': function}"
        raise ArgumentError("metrics", expected="each with a name of its own", got=got, way_out=way_out)


def _name_of(one: Any) -> str:
    return str(getattr(one, "name", getattr(one, "__name__", one)))


def _metric(name: str, one: Callable[..., Any] | str | Metric) -> Metric:
    if isinstance(one, Metric):
        return one
    if isinstance(one, str):
        if one not in METRICS:
            known = ", ".join(METRICS)
            way_out = "or give a function: metrics={'name': function}, called with a model and a batch"
            raise ArgumentError("metrics", expected=f"names among {known}", got=repr(one), way_out=way_out)
        return METRICS[one]
    if not callable(one) or inspect.isclass(one):
        raise ArgumentError("metrics", expected="functions of a model and a batch", got=f"{name}: {type(one).__name__}")
    return Own(name, one)
