"""One step of a network, tried on numbers of our own and on the same numbers moved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.actions import Field
from haar.actions.representation import Representation
from haar.errors import HaarError
from haar.relax.wrapping.candidates import Candidates
from haar.relax.wrapping.elements import Elements
from haar.relax.wrapping.feature import Feature, Leg
from haar.seeding import Seed, generator_of

#: Largest difference that is rounding, relative to the largest number; where a step computes in less than double.
ROUNDING, SINGLE = 1e-9, 1e-3
#: Sizes of the random numbers that a step is tried on.
_SIZES = (1.0, 8.0)
#: Share of results that must be numbers.
_FINITE = 0.1


@dataclass(frozen=True, eq=False)
class Typed:
    """A tensor of the network.

    Attributes:
        value: The network's own numbers.
        feature: What it carries; None where nothing moves.
        name: Of a parameter or buffer, in words.
    """

    value: Tensor
    feature: Feature | None
    name: str = ""


class Unknown(Exception):  # noqa: N818 (it is caught where it is raised)
    """No candidate holds."""


@dataclass(frozen=True)
class Step:
    """One step of a network, with its arguments.

    Attributes:
        where: The step in words.
        name: Name of the function, or class of the module.
        inputs: The tensors that go in.
        call: Runs the step on other tensors in their place.
        result: What it returned in the network.
        written: Which tensor it writes into, if any.
        elements: Elements of the group to try on.
        grid: How the points of the inputs' grids move.
    """

    where: str
    name: str
    inputs: tuple[Typed, ...]
    call: Callable[[Sequence[Tensor]], Any]
    result: Any
    elements: Elements
    written: int | None = None
    grid: Field | None = None

    @property
    def moving(self) -> list[Typed]:
        """What goes in and moves."""
        return [x for x in self.inputs if x.feature is not None and not x.feature.still(self.elements)]

    @property
    def holds(self) -> bool:
        """Whether there is a candidate for all that it returns."""
        try:
            self.features()
        except Unknown:
            return False
        return True

    @property
    def legs(self) -> list[Leg]:
        """The legs of what goes in, each once."""
        found = [leg for x in self.inputs if x.feature is not None for leg in x.feature.legs if leg is not None]
        return list({id(leg): leg for leg in found}.values())

    def with_legs(self, legs: Mapping[Leg, Representation]) -> Step:
        """The same step on tensors that carry something else."""
        inputs = tuple(replace(x, feature=None if x.feature is None else x.feature.swapped(legs)) for x in self.inputs)
        return replace(self, inputs=inputs)

    def features(self) -> Any:
        """What the result carries: the result itself with `Typed` in place of its tensors.

        Raises:
            Unknown: If no candidate holds.
        """
        leaves, form = pytree.tree_flatten(self.result)
        if not any(isinstance(leaf, Tensor) for leaf in leaves) and self.written is None:
            return self.result
        if all(x.feature is None for x in self.inputs):
            return pytree.tree_unflatten([_typed(leaf, None) for leaf in leaves], form)
        trials = self._trials
        if self.written is not None:
            return self._kept(trials, self.inputs[self.written].feature, leaves, form)
        found = [
            _typed(leaf, self._feature(trials, number)) if isinstance(leaf, Tensor) else leaf
            for number, leaf in enumerate(leaves)
        ]
        return pytree.tree_unflatten(found, form)

    def _kept(self, trials: list[_Trial], kept: Feature | None, leaves: list[Any], form: Any) -> Any:
        """What is written into a tensor must carry what the tensor carried."""
        if kept is None:  # nobody has read it: it carries what is written
            kept = self._feature(trials, -1)
        elif trials[0].equal(trials[-1], -1) or not all(trial.holds(-1, kept, self.elements) for trial in trials):
            raise Unknown  # numbers that are always the same say nothing
        return pytree.tree_unflatten([_typed(leaf, kept) for leaf in leaves], form)

    def _feature(self, trials: list[_Trial], number: int) -> Feature | None:
        if all(trial.missing(number) for trial in trials):
            raise Unknown
        if len(trials) > 1 and trials[0].equal(trials[1], number):
            return None  # it does not depend on what moves
        if len(trials) == 1 and trials[0].says_nothing(number):
            raise Unknown
        inputs = [(x.feature, tuple(x.value.shape)) for x in self.inputs]
        offered = Candidates(self.elements, inputs, partial(self._start, number))
        for candidate in offered.of(trials[0].shape(number)):
            if all(trial.holds(number, candidate, self.elements) for trial in trials):
                return self._spread(candidate, trials, number)
        if all(trial.depends_on_nothing(number) for trial in trials):
            return None
        raise Unknown

    def _spread(self, feature: Feature, trials: list[_Trial], number: int) -> Feature:
        """What is the same at every point of a grid is a field, too."""
        if self.grid is None or feature.field is not None:
            return feature
        dim = self.grid.dim
        for at in range(len(feature.legs) - dim, -1, -1):
            run = tuple(range(at, at + dim))
            if all(feature.legs[k] is None and trials[0].shape(number)[k] > 1 for k in run) and all(
                trial.constant(number, run) for trial in trials
            ):
                return replace(feature, space=run, field=self.grid)
        return feature

    def keeps(self, feature: Feature) -> bool:
        """Whether the first tensor of the result carries this."""
        return all(trial.speaks and trial.holds(0, feature, self.elements) for trial in self._trials)

    @cached_property
    def _trials(self) -> list[_Trial]:
        trials = [_Trial(self, self._drawn(seed, size)) for seed, size in enumerate(_SIZES)]
        if all(trial.speaks for trial in trials):
            return trials
        return [_Trial(self, [x.value for x in self.inputs])]

    def _drawn(self, seed: Seed, size: float) -> list[Tensor]:
        """Random numbers for what moves, and the network's own for the rest."""
        generator = generator_of(seed)

        def random(x: Typed) -> Tensor:
            if x.feature is None or not (x.value.is_floating_point() or x.value.is_complex()):
                return x.value
            kind = torch.complex128 if x.value.is_complex() else torch.float64
            made = torch.randn(x.value.shape, generator=generator, dtype=kind)
            return (size * made).to(x.value)

        return [random(x) for x in self.inputs]

    def _start(self, number: int, source: int, axis: int, count: int) -> int | None:
        """The first of some neighbouring places of an axis that the result shows; None where it does something else."""
        feature_less = [x.value for x in self.inputs]
        x = feature_less[source]
        if not x.is_floating_point():
            return None
        places = torch.arange(x.shape[axis], dtype=x.dtype, device=x.device).reshape(-1, *[1] * (x.ndim - 1 - axis))
        feature_less[source] = places.expand(x.shape).clone()
        try:
            with torch.no_grad():
                shown = self.run(feature_less)[number]
        except Exception:  # noqa: BLE001 (whatever a step does with other numbers)
            return None
        if not isinstance(shown, Tensor) or not shown.is_floating_point() or not shown.numel():
            return None
        low, high = float(shown.min()), float(shown.max())
        chosen = high - low == count - 1 and bool((shown == shown.round()).all())
        return int(low) if chosen and 0 <= low <= high < x.shape[axis] else None

    def run(self, values: list[Tensor]) -> list[Any]:
        """The result's leaves, and last the tensor that was written into."""
        if self.written is None:
            return [*pytree.tree_leaves(self.call(values)), None]
        values = [value.clone() for value in values]
        result = self.call(values)
        return [*pytree.tree_leaves(result), values[self.written]]


class _Trial:
    """A step run on some numbers, and on the same numbers moved by every element."""

    def __init__(self, step: Step, values: list[Tensor]) -> None:
        self._step = step
        self.speaks = True
        self._moved: dict[int, list[Any]] = {}
        self._values = values
        try:
            self._here = self._at(None)
        except Exception:  # noqa: BLE001 (a step may be defined on some numbers only)
            self.speaks = False
            return
        for leaf in self._here:
            if isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.numel():
                self.speaks = self.speaks and float(leaf.isfinite().double().mean()) >= _FINITE

    def shape(self, number: int) -> tuple[int, ...]:
        return tuple(self._here[number].shape)

    def missing(self, number: int) -> bool:
        return not isinstance(self._here[number], Tensor)

    def equal(self, other: _Trial, number: int) -> bool:
        """Whether the numbers make no difference."""
        return _same(self._here[number], other._here[number])

    def says_nothing(self, number: int) -> bool:
        """Whether all numbers are one: of these any feature would hold."""
        y = self._here[number]
        return bool(y.numel() > 1 and (y == y.flatten()[0]).all())

    def constant(self, number: int, axes: tuple[int, ...]) -> bool:
        """Whether nothing changes along some axes."""
        y = self._here[number]
        return _same(y, y[tuple(slice(0, 1) if k in axes else slice(None) for k in range(y.ndim))].expand(y.shape))

    def depends_on_nothing(self, number: int) -> bool:
        """Whether it stays the same however the inputs are moved."""
        return all(_same(self._there(k)[number], self._here[number]) for k in range(len(self._step.elements)))

    def holds(self, number: int, feature: Feature, elements: Elements) -> bool:
        """Whether the result of what is moved is the result, moved."""
        for k in range(len(elements)):
            try:
                expected = feature.act(elements, k, self._here[number])
            except (HaarError, RuntimeError, IndexError):
                return False  # a dtype that cannot hold it, sizes that do not fit
            if not _same(self._there(k)[number], expected):
                return False
        return True

    def _there(self, k: int) -> list[Any]:
        if k not in self._moved:
            self._moved[k] = self._at(k)
        return self._moved[k]

    def _at(self, k: int | None) -> list[Any]:
        step = self._step
        values = [
            value if k is None or x.feature is None else x.feature.act(step.elements, k, value)
            for x, value in zip(step.inputs, self._values, strict=True)
        ]
        with torch.no_grad():
            return step.run([_laid_out(v, x.value) for v, x in zip(values, step.inputs, strict=True)])


def _laid_out(value: Tensor, like: Tensor) -> Tensor:
    """The numbers in memory as another tensor has them, for what views memory."""
    if value.shape != like.shape or value.stride() == like.stride() or 0 in like.stride():
        return value.contiguous() if like.is_contiguous() else value
    return torch.empty_strided(like.shape, like.stride(), dtype=value.dtype, device=value.device).copy_(value)


def _typed(leaf: Any, feature: Feature | None) -> Any:
    return Typed(leaf, feature) if isinstance(leaf, Tensor) else leaf


def _same(one: Any, other: Any) -> bool:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return type(one) is type(other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not (one.is_floating_point() or one.is_complex()):
        return torch.equal(one, other)
    wide = torch.finfo(one.dtype).eps < 1e-12
    tolerance = ROUNDING if wide else SINGLE
    size = float(other.abs().max()) if other.numel() else 0.0
    if math.isfinite(size):
        return bool(torch.equal(one, other)) or float((one - other).abs().max()) <= size * tolerance
    finite = other[other.isfinite()].abs()
    size = float(finite.max()) if finite.numel() else 0.0
    return torch.allclose(one, other, rtol=0, atol=size * tolerance, equal_nan=True)
