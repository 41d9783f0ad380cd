"""Do the data have the symmetry? Randomisation tests of whether {x} and {g x} have the same distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Action, Invariant, Symmetry
from haar.audit.batches import Batch
from haar.audit.units import UnitTable
from haar.average.joining import is_shared
from haar.constants import TINY
from haar.errors import ArgumentError
from haar.groups import FiniteGroup
from haar.seeding import Seed, generator_of
from haar.statistics import holm, randomisation_p

#: Fields are averaged to at most this many cells along an axis before their means are compared; volumes to half of it.
_COARSE = 16
_KINDS = ("mean field", "channel means", "second moments", "higher moments")
#: Numbers that random replacements take at a time.
_DRAWN = 2**20
#: Tensors of features, and which of them tell something place by place.
_FEATURES, _BY_PLACE = 5, (0, 3)


@dataclass(frozen=True)
class ElementClosure:
    """Whether one element leaves the distribution of the data alone.

    Attributes:
        element: Name of the group element.
        systematic: Part of the squared difference between x and g x that all trajectories share, without bias: near 0
            for symmetric data, 1 if every trajectory differs in the same way. The largest over the statistics.
        distance: Relative distance between the mean fields of {x} and {g x}: 0 equal, 1.4 unrelated, 2 opposite.
        statistic: Which statistic shows it: ``"mean field"``, ``"channel means"``, ``"second moments"`` or
            ``"higher moments"`` (third and fourth).
        p: Exact randomisation p-value over trajectories, corrected for the number of statistics (Bonferroni) and of
            elements (Holm).
    """

    element: str
    systematic: float
    distance: float
    statistic: str
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(self.__dict__)


class Closure:
    """Sums per trajectory of features of every moved copy of the inputs; `tests` compares them.

    A feature is a mean over the trajectory's samples. Under the null hypothesis that g x is distributed as x, every
    trajectory may be replaced by itself moved by any power of g, independently: the p-value is exact up to the number
    of draws. Of very many trajectories several share a row of sums and are moved together, so that memory is bounded.

    Args:
        symmetry: The symmetry; its input actions move the data.
        elements: Elements to test, the identity first; they must form a group for exact p-values.
        capacity: Rows of trajectories that are kept apart, see `UnitTable`.
    """

    def __init__(self, symmetry: Symmetry, elements: Tensor, *, capacity: int | None = None) -> None:
        self.symmetry, self.elements = symmetry, elements
        self._capacity = capacity
        self._table: UnitTable | None = None
        self._leaves: list[tuple[int, int]] = []
        self._eps = 0.0

    def update(self, batch: Batch) -> None:
        """Add one batch of inputs; numbers and tensors that all samples share tell nothing, and are left out.

        Raises:
            ArgumentError: If batches have inputs of different sizes on a grid.
        """
        rows = len(batch.clusters)
        with torch.no_grad():
            leaves = _telling(self.symmetry, batch)
            if not leaves:
                return
            self._eps = max(self._eps, *(_coarseness(x) for _, x in leaves))
            moved, sizes = [], [(0, 0)] * len(leaves)
            for g in self.elements:
                parts: list[list[Tensor]] = [[] for _ in range(_FEATURES)]
                for k, (action, x) in enumerate(leaves):
                    spread_out = _channels_last(action, action.act(g, x), rows, single=batch.single)
                    features = _features(spread_out)
                    sizes[k] = (spread_out.shape[-1], features[0].shape[-1] // spread_out.shape[-1])
                    for part, feature in zip(parts, features, strict=True):
                        part.append(feature)
                moved.append([torch.cat(kind, 1) for kind in parts])
            values = [torch.stack([row[kind] for row in moved], 1) for kind in range(_FEATURES)]
        made = UnitTable([*[tuple(v.shape[1:]) for v in values], ()], self._capacity)
        made.add(batch.units, [*values, torch.ones(rows)])
        self._add(made, sizes)

    def merge(self, other: Closure) -> Closure:
        """The sums over both sets of samples.

        Raises:
            ArgumentError: If inputs have different sizes on a grid.
        """
        return Closure(self.symmetry, self.elements, capacity=self._capacity).add(self).add(other)

    def add(self, other: Closure) -> Closure:
        """Add the sums of other samples; returns self.

        Raises:
            ArgumentError: If inputs have different sizes on a grid.
        """
        self._eps = max(self._eps, other._eps)
        if other._table is not None:
            self._add(other._table.copy(), other._leaves)
        return self

    def _add(self, more: UnitTable, leaves: list[tuple[int, int]]) -> None:
        if self._table is None:
            self._table, self._leaves = more, leaves
            return
        for kind, (mine, its) in enumerate(zip(self._table.tensors, more.tensors, strict=True)):
            if mine.shape[1:] == its.shape[1:]:
                continue
            if kind not in _BY_PLACE:
                raise ArgumentError(
                    "data",
                    expected=f"inputs with as many channels as before, to test the data's symmetry ({kind})",
                    got=f"{tuple(its.shape[1:])} features after {tuple(mine.shape[1:])}",
                    way_out="pass data_symmetry=False",
                )
            # Clouds of different sizes have no mean cloud: what is told place by place is given up.
            self._table.drop(kind)
            more.drop(kind)
        self._table.merge(more)

    def state(self) -> dict[str, Any]:
        """The sums as tensors and plain values."""
        table = None if self._table is None else self._table.state()
        return {"table": table, "leaves": [list(leaf) for leaf in self._leaves], "eps": self._eps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from sums that were kept.

        Args:
            state: What `state` gave.
        """
        self._table = None if state["table"] is None else UnitTable.of_state(state["table"])
        self._leaves, self._eps = [(a, b) for a, b in state["leaves"]], state["eps"]

    @property
    def trajectories(self) -> int:
        """Number of independent trajectories seen."""
        return 0 if self._table is None else self._table.units

    def tests(self, *, draws: int | None = None, significance: float = 0.05, seed: Seed = 0) -> list[ElementClosure]:
        """One result for every element but the identity.

        Args:
            draws: Random replacements; the smallest p-value is 1 / (draws + 1), before it is corrected. By default 999,
                and more where so many elements are tested that none could be rejected.
            significance: The level that `draws` is chosen for.
            seed: Seed of the draws.
        """
        group = self.symmetry.group
        if self._table is None:
            return []
        *sums, counts = self._table.tensors
        filled = counts > 0
        weight, several = counts[filled], self._table.sizes()[filled].to(torch.float64)
        raw = [(s[filled] / weight.reshape(-1, *([1] * (s.ndim - 1)))) for s in sums]
        table, sizes = _comparable(raw, self._leaves)
        number = max(len(self.elements) - 1, 1)
        if draws is None:
            draws = max(999, math.ceil(len(_KINDS) * number / significance))
        place = {_key(g): k for k, g in enumerate(self.elements)}
        generator = generator_of(seed)
        results = []
        for k, g in enumerate(self.elements):
            if k == 0:
                continue
            powers = self._powers(g, place)
            noise = [max(1e-12, 64 * self._eps) * size for size in sizes]
            results.append(
                _test(group.describe(g), table, noise, powers=powers, sizes=several, draws=draws, generator=generator)
            )
        adjusted = holm([result.p for result in results])
        return [replace(result, p=p) for result, p in zip(results, adjusted, strict=True)]

    def _powers(self, g: Tensor, place: dict[tuple[Any, ...], int]) -> list[int]:
        """Places of 1, g, g^2, ... as far as they are among the elements."""
        group = self.symmetry.group
        powers, power = [0], g
        for _ in self.elements:
            at = place.get(_key(power))
            if at == 0:
                return powers
            if at is None:
                break
            powers.append(at)
            power = group.compose(power, g)
        raise ArgumentError(
            "elements", expected="a set closed under powers", got=f"{group.describe(g)} without its powers"
        )


def _coarseness(x: Tensor) -> float:
    """The relative step between numbers of a tensor; whole numbers are exact."""
    return torch.finfo(x.dtype).eps if x.is_floating_point() or x.is_complex() else 0.0


def _test(
    name: str,
    table: Sequence[Tensor],
    noise: Sequence[Tensor],
    *,
    powers: list[int],
    sizes: Float[Tensor, " rows"],
    draws: int,
    generator: torch.Generator,
) -> ElementClosure:
    n = len(sizes)
    smallest, systematic, statistic, distance = 1.0, 0.0, _KINDS[0], 0.0
    weights = sizes / sizes.sum()
    looked: list[tuple[float, Tensor]] = []
    for kind, label in enumerate(_KINDS):
        values = table[kind][:, powers]  # (trajectory, power of g, feature)
        if not values.shape[-1]:
            continue
        step = values - values.roll(-1, 1)  # phi(g^k x) - phi(g^(k+1) x)
        scale = step.square().mean((0, 1)).sqrt()
        useful = scale > noise[kind]  # what rounding changes says nothing
        if not bool(useful.any()):
            continue  # g changes nothing that this statistic sees
        if kind == 0:
            here, there = (torch.einsum("n,nf->f", weights, values[:, k]) for k in (0, 1))
            size = math.sqrt(float(here.square().sum() + there.square().sum()) / 2)
            distance = float((here - there).norm()) / max(size, TINY)
        scaled = step[..., useful] / scale[useful]
        observed = float(torch.einsum("n,nf->f", weights, scaled[:, 0]).square().sum())
        looked.append((observed, scaled.reshape(n * len(powers), -1)))
        common = _common(observed, scaled[:, 0].square().sum(-1), sizes)
        if common > systematic:
            systematic, statistic = common, label
    drawn = _drawn([rows for _, rows in looked], weights, len(powers), draws, generator)
    for (observed, _), squares in zip(looked, drawn, strict=True):
        smallest = min(smallest, randomisation_p(observed, squares))
    return ElementClosure(name, systematic, distance, statistic, min(1.0, len(_KINDS) * smallest))


def _drawn(
    steps: Sequence[Tensor], weights: Float[Tensor, " rows"], powers: int, draws: int, generator: torch.Generator
) -> list[Float[Tensor, " draws"]]:
    """Squares of the mean steps where every row is replaced at random, some draws at a time.

    Args:
        steps: Of every statistic, ``(rows * powers, features)``.
        weights: Of the rows.
        powers: By how many powers of the element a row may be replaced.
        draws: Number of replacements.
        generator: Source of them: all statistics are compared on the same.
    """
    n = len(weights)
    found: list[list[Tensor]] = [[] for _ in steps]
    at_once = min(draws, max(1, _DRAWN // (n * powers)))
    chosen = torch.empty(at_once, n, powers, dtype=torch.float64)
    for start in range(0, draws, at_once):
        some = chosen[: min(at_once, draws - start)].zero_()
        picks = torch.randint(powers, (len(some), n, 1), generator=generator)
        some.scatter_(2, picks, weights[:, None].expand(picks.shape))
        for kept, rows in zip(found, steps, strict=True):
            kept.append((some.flatten(1) @ rows).square().sum(1))
    return [torch.cat(kept) for kept in found]


def _common(observed: float, squares: Float[Tensor, " rows"], sizes: Float[Tensor, " rows"]) -> float:
    """The part of one trajectory's squared step that all share, without bias, from rows of several trajectories.

    A row of k trajectories has an expected square of c + v / k, the mean of n of c + v / n.
    """
    weights = sizes / sizes.sum()
    each, n = float(weights @ squares), float(sizes.sum())
    spare = float(weights @ (1 / sizes)) - 1 / n
    if spare <= 0:  # one trajectory
        return 0.0
    own = max((each - observed) / spare, 0.0)
    shared = max(observed - own / n, 0.0)
    return shared / max(shared + own, TINY)


def _comparable(sums: Sequence[Tensor], leaves: Sequence[tuple[int, int]]) -> tuple[list[Tensor], list[Tensor]]:
    """The features of `_KINDS`, and how large each could be; mean fields in units of each channel's spread.

    Args:
        sums: The means of every feature, ``(rows, elements, feature)``.
        leaves: Channels and places of every input.
    """
    coarse, means, covariance, local, higher = sums
    units: list[Tensor] = []
    sizes: list[list[Tensor]] = [[] for _ in range(_FEATURES)]
    at, start = 0, 0
    for channels, places in leaves:
        block = covariance[:, 0, start : start + channels**2].reshape(-1, channels, channels)
        variance = block.diagonal(dim1=-2, dim2=-1)
        size = (variance + means[:, 0, at : at + channels].square()).mean(0).sqrt()
        spread = variance.mean(0).sqrt()
        units.append(torch.where(spread > 0, spread, 1).repeat(places))
        by_place = size.repeat(places)
        cubes = torch.cat([size**3, size**4])
        for kind, value in enumerate((by_place, size, torch.outer(size, size).flatten(), by_place**2, cubes)):
            sizes[kind].append(value)
        at, start = at + channels, start + channels**2
    whole = [torch.cat(size) for size in sizes]
    if coarse.shape[-1]:
        unit = torch.cat(units)
        coarse, whole[0] = coarse / unit, whole[0] / unit
    else:
        whole[0], whole[3] = whole[0][:0], whole[3][:0]
    features = [coarse, means, torch.cat([covariance, local], -1), higher]
    return features, [whole[0], whole[1], torch.cat([whole[2], whole[3]]), whole[4]]


def _features(x: Float[Tensor, "batch *space channel"]) -> list[Tensor]:
    """Coarse mean field, channel means, covariance of channels, the same on a coarse grid, third and fourth moments.

    All are means of polynomials, in no unit and about no centre but the sample's own: so sums of different data merge.
    Where a sample is one point, its moments are those about 0.
    """
    flat = x.flatten(1, -2)
    means = flat.mean(1)
    centred = x - means.reshape(len(x), *([1] * (x.ndim - 2)), -1)
    rows = centred.flatten(1, -2)
    covariance = torch.einsum("bnc,bnd->bcd", rows, rows) / rows.shape[1]
    spread = rows if rows.shape[1] > 1 else flat
    higher = torch.cat([spread.pow(3).mean(1), spread.pow(4).mean(1)], 1)
    return [_coarsen(centred).flatten(1), means, covariance.flatten(1), _coarsen(centred.square()).flatten(1), higher]


def _coarsen(x: Tensor) -> Tensor:
    """Average blocks of cells so that no axis is longer than `_COARSE`; symmetric under reversal of an axis."""
    longest = _COARSE if x.ndim <= 4 else _COARSE // 2
    for axis in range(1, x.ndim - 1):
        length = x.shape[axis]
        if length > longest:
            block = next((b for b in range(-(-length // longest), length + 1) if length % b == 0), length)
            x = x.unflatten(axis, (length // block, block)).mean(axis + 1)
    return x


def _channels_last(action: Action, x: Tensor, rows: int, *, single: bool) -> Float[Tensor, "batch *space channel"]:
    """In float64, complex numbers as two channels, with the channels last and at least one axis of points."""
    x = x.to(torch.complex128 if x.is_complex() else torch.float64)
    axis = action.axes.channel
    if action.axes.space:
        x = x.unsqueeze(-1) if axis is None else x.movedim(axis, -1)
    if single:
        x = x.unsqueeze(0)
    if len(x) != rows:  # one for all
        x = x.expand(rows, *x.shape[1:])
    x = x if x.ndim > 2 else x.reshape(len(x), 1, -1)
    return torch.view_as_real(x).flatten(-2) if x.is_complex() else x


def _telling(symmetry: Symmetry, batch: Batch) -> list[tuple[Action, Tensor]]:
    """The inputs that are of one sample each; of single samples only what moves, for the rest may have any length."""
    leaves = [(a, x) for a, x in _input_leaves(symmetry, batch.inputs) if not is_shared(a, x)]
    return [(a, x) for a, x in leaves if not isinstance(a, Invariant)] if batch.single else leaves


def _input_leaves(symmetry: Symmetry, inputs: Sequence[Any]) -> list[tuple[Action, Any]]:
    leaves: list[tuple[Action, Any]] = []
    collect: Callable[[Action, Any], Any] = lambda action, x: leaves.append((action, x))  # noqa: E731
    symmetry.map_inputs(collect, tuple(inputs))
    return leaves


def _key(g: Tensor) -> tuple[Any, ...]:
    return tuple(g.reshape(-1).tolist())


def closed_elements(group: Any, limit: int) -> Tensor | None:
    """All elements of a group small enough to test one by one, else None."""
    if isinstance(group, FiniteGroup) and group.order <= limit:
        return group.elements()
    return None
