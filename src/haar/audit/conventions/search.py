"""The conventions compared: each choice in turn, the others at their best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.audit.conventions.convention import Convention, Reading
from haar.audit.conventions.stencil import Stencil
from haar.groups import FiniteGroup

#: So many standard errors of the paired difference decide, if errors differ by this factor as well.
_DECIDED, _FACTOR = 3.0, 1.05
#: Where moved samples are worse than this under the best reading too, the law has not the symmetry, or is not fitted
#: well: then only a large factor says something of conventions.
_CONSISTENT, _LARGE = 1.5, 3.0
#: Elements that samples are moved by.
_ELEMENTS = 4
_ROUNDS = 3


@dataclass(frozen=True)
class Option:
    """One way to make a choice.

    Args:
        name: In words.
        convention: The reading with this, everything else as it was found best.
        error: Error of moved samples over that of samples as they are.
    """

    name: str
    convention: Convention
    error: float


@dataclass(frozen=True)
class Compared:
    """One choice with its options.

    Args:
        question: What is chosen.
        options: The stated one first.
        best: Which one fits best.
        deviation: By how many standard errors it is better than the next best.
    """

    question: str
    options: tuple[Option, ...]
    best: int
    deviation: float

    @property
    def decided(self) -> bool:
        """Whether the data tell."""
        errors = sorted(one.error for one in self.options)
        factor = _FACTOR if errors[0] <= _CONSISTENT else _LARGE
        return self.deviation >= _DECIDED and errors[1] >= factor * errors[0]


class Search:
    """Compares readings of labelled samples.

    Args:
        reading: What can be read.
        x: Inputs, channels first, as the first convention has them.
        y: Labels likewise.
        clusters: The trajectory of every sample.
        generator: Source of points and elements.
    """

    def __init__(self, reading: Reading, x: Tensor, y: Tensor, clusters: Tensor, generator: torch.Generator) -> None:
        self.reading = reading
        units, which = torch.unique(clusters, return_inverse=True)
        held = which >= (len(units) + 1) // 2
        axes = [field.axes for field in reading.fields]
        fit = [axes[k].channels_first(one[~held]) for k, one in enumerate((x, y))]
        self._held = (x[held], y[held])
        self._which = torch.unique(which[held], return_inverse=True)[1]
        self._stencil = Stencil(fit[0], fit[1], generator)
        self._plain = self._errors(*self._held)
        self._scale = self._plain.mean(0).clamp(min=torch.finfo(torch.float64).tiny)
        self._elements = _elements(reading, generator)
        self._known: dict[Convention, Tensor] = {}

    def _errors(self, x: Tensor, y: Tensor) -> Tensor:
        first, second = (field.axes.channels_first(one) for field, one in zip(self.reading.fields, (x, y), strict=True))
        return self._stencil.errors(first, second)

    def sizes(self, convention: Convention) -> Tensor:
        """For every held-out trajectory the error of its moved samples over that of samples as they are."""
        if convention not in self._known:
            rows = torch.zeros(len(self._plain), dtype=torch.float64)
            for g in self._elements:
                x, y = (self.reading.moved(convention, g, one, side) for side, one in enumerate(self._held))
                rows += (self._errors(x, y) / self._scale).mean(1) / len(self._elements)
            count = int(self._which.max()) + 1
            sums = torch.zeros(count, dtype=torch.float64).index_add_(0, self._which, rows)
            self._known[convention] = sums / torch.bincount(self._which, minlength=count)
        return self._known[convention]

    def run(self) -> tuple[Convention, list[Compared]]:
        """The best convention, and every choice as it compares there."""
        best = self.reading.stated
        for _ in range(_ROUNDS):
            before = best
            for number in range(len(self._choices(best))):
                _, ways = self._choices(best)[number]  # the others as they were found so far
                best = min((convention for _, convention in ways), key=lambda one: float(self.sizes(one).mean()))
            if best == before:
                break
        return best, [self._compared(question, ways) for question, ways in self._choices(best)]

    def _compared(self, question: str, ways: Sequence[tuple[str, Convention]]) -> Compared:
        sizes = [self.sizes(convention) for _, convention in ways]
        means = [float(size.mean()) for size in sizes]
        order = sorted(range(len(ways)), key=means.__getitem__)
        apart = sizes[order[1]] - sizes[order[0]]
        spread = float(apart.std() / len(apart) ** 0.5) if len(apart) > 1 else float("inf")
        deviation = float(apart.mean()) / spread if spread > 0 else 0.0
        options = tuple(Option(name, one, mean) for (name, one), mean in zip(ways, means, strict=True))
        return Compared(question, options, order[0], deviation)

    def _choices(self, at: Convention) -> list[tuple[str, list[tuple[str, Convention]]]]:
        """Every choice with its ways, the stated one first."""
        reading, found = self.reading, []
        if reading.choose_centring:
            other = {"cell": "node", "node": "cell"}[reading.stated.centring]
            names = (reading.stated.centring, other)
            found.append(("centring", [(name, _centred(at, name)) for name in names]))
        directed = frozenset(reading.directed)
        if directed:
            told = "order of components" if len(directed) == 1 else "order of axes (all components)"
            found.append((f"{told}: {', '.join(sorted(directed))}", _orders(at, directed)))
        if len(directed) > 1:
            found += [(f"order of components: {name}", _orders(at, frozenset({name}))) for name in reading.directed]
        for spec in reading.specs:
            ways = [
                (_kind(spec.kind, sign != spec.parity), at.with_parity(spec.name, sign)) for sign in _signs(spec.parity)
            ]
            found.append((f"parity: {spec.name}", ways))
        return found


def _signs(stated: int) -> tuple[int, int]:
    return stated, -stated


def _centred(at: Convention, name: str) -> Convention:
    return Convention(name, at.parity, at.backwards)


def _orders(at: Convention, names: frozenset[str]) -> list[tuple[str, Convention]]:
    ways = {False: "as the axes of the array", True: "reversed"}
    return [(word, at.with_order(names, backwards=way)) for way, word in ways.items()]


def _kind(kind: str, other: bool) -> str:  # noqa: FBT001
    if not other:
        return kind
    return kind.removeprefix("pseudo") if kind.startswith("pseudo") else f"pseudo{kind}"


def _elements(reading: Reading, generator: torch.Generator) -> Tensor:
    """Generators, and others up to a few."""
    group = reading.group
    chosen = list(group.generators())
    if isinstance(group, FiniteGroup):
        others = [g for g in group.elements()[1:] if not any(bool(g == one) for one in chosen)]
        drawn = torch.randperm(len(others), generator=generator)[: max(0, _ELEMENTS - len(chosen))]
        chosen += [others[int(k)] for k in drawn]
    return torch.stack(chosen[: max(_ELEMENTS, len(group.generators()))])
