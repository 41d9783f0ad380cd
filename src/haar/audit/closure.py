"""Do the data have the symmetry? Randomisation tests of whether {x} and {g x} have the same distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Action, Field, Symmetry
from haar.actions.action import RestrictedAction
from haar.audit.batches import Batch
from haar.average.joining import is_shared
from haar.errors import ArgumentError
from haar.groups import FiniteGroup

#: Fields are averaged to at most this many cells along an axis before their means are compared.
_COARSE = 16
_KINDS = ("mean field", "channel means", "second moments", "histogram")


@dataclass(frozen=True)
class ElementClosure:
    """Whether one element leaves the distribution of the data alone.

    Attributes:
        element: Its name.
        systematic: Part of the squared difference between x and g x that all trajectories share, without bias: near 0
            for symmetric data, 1 if every trajectory differs in the same way. The largest over the statistics.
        distance: Relative distance between the mean fields of {x} and {g x}: 0 equal, 1.4 unrelated, 2 opposite.
        statistic: Which statistic shows it: ``"mean field"``, ``"channel means"``, ``"second moments"`` or
            ``"histogram"``.
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


@dataclass
class Closure:
    """Sums per trajectory of features of every moved copy of the inputs; `tests` compares them.

    A feature is a mean over the trajectory's samples. Under the null hypothesis that g x is distributed as x, every
    trajectory may be replaced by itself moved by any power of g, independently: the p-value is exact up to the number
    of draws.

    Args:
        symmetry: The symmetry; its input actions move the data.
        elements: Elements to test, the identity first; they must form a group for exact p-values.
    """

    symmetry: Symmetry
    elements: Tensor
    edges: list[Tensor] = field(default_factory=list)
    sums: dict[int, list[Tensor]] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def update(self, batch: Batch) -> None:
        """Add one batch of inputs; numbers and tensors that all samples share tell nothing, and are left out."""
        leaves = [(a, x) for a, x in _input_leaves(self.symmetry, batch.inputs) if not is_shared(a, x)]
        if not leaves:
            return
        if not self.edges:
            self.edges = [_edges(_channels_last(a, x)) for a, x in leaves]
        rows = []
        for g in self.elements:
            parts: list[list[Tensor]] = [[] for _ in _KINDS]
            for k, (action, x) in enumerate(leaves):
                features = _features(_channels_last(action, action.act(g, x)), self.edges[k])
                for part, feature in zip(parts, features, strict=True):
                    part.append(feature)
            rows.append([torch.cat(kind, 1) for kind in parts])
        stacked = [
            torch.stack([row[kind] for row in rows], 1) for kind in range(len(_KINDS))
        ]  # (batch, elements, features)
        for place, cluster in enumerate(batch.clusters.tolist()):
            values = [kind[place].to(torch.float64).cpu() for kind in stacked]
            if cluster in self.sums:
                self.sums[cluster] = [a + b for a, b in zip(self.sums[cluster], values, strict=True)]
                self.counts[cluster] += 1
            else:
                self.sums[cluster], self.counts[cluster] = values, 1

    def merge(self, other: Closure) -> Closure:
        """The sums over both sets of samples.

        Raises:
            ArgumentError: If histograms were taken with other edges: start every process from one `edges`.
        """
        if (
            self.edges
            and other.edges
            and any(not torch.equal(a, b) for a, b in zip(self.edges, other.edges, strict=True))
        ):
            raise ArgumentError(
                "other", expected="sums taken with the same histogram edges", got="others", way_out="share `edges`"
            )
        merged = Closure(self.symmetry, self.elements, self.edges or other.edges, dict(self.sums), dict(self.counts))
        for cluster, values in other.sums.items():
            if cluster in merged.sums:
                merged.sums[cluster] = [a + b for a, b in zip(merged.sums[cluster], values, strict=True)]
                merged.counts[cluster] += other.counts[cluster]
            else:
                merged.sums[cluster], merged.counts[cluster] = values, other.counts[cluster]
        return merged

    @property
    def trajectories(self) -> int:
        """Number of independent trajectories seen."""
        return len(self.sums)

    def tests(self, *, draws: int = 999, seed: int = 0) -> list[ElementClosure]:
        """One result for every element but the identity.

        Args:
            draws: Random replacements; the smallest p-value is 1 / (draws + 1).
            seed: Seed of the draws.
        """
        group = self.symmetry.group
        if not self.sums:
            return []
        order = sorted(self.sums)
        table = [torch.stack([self.sums[c][kind] / self.counts[c] for c in order]) for kind in range(len(_KINDS))]
        place = {_key(g): k for k, g in enumerate(self.elements)}
        generator = torch.Generator().manual_seed(seed)
        results = []
        for k, g in enumerate(self.elements):
            if k == 0:
                continue
            results.append(self._test(group.describe(g), table, self._powers(g, place), draws, generator))
        adjusted = holm([result.p for result in results])
        return [replace(result, p=p) for result, p in zip(results, adjusted, strict=True)]

    def _powers(self, g: Tensor, place: dict[tuple[Any, ...], int]) -> list[int]:
        """Places of 1, g, g^2, ... as far as they are among the elements."""
        group = self.symmetry.group
        powers, power = [0], g
        while _key(power) in place and place[_key(power)] != 0 and len(powers) < 64:
            powers.append(place[_key(power)])
            power = group.compose(power, g)
        if _key(power) not in place:
            raise ArgumentError(
                "elements", expected="a set closed under powers", got=f"{group.describe(g)} without its powers"
            )
        return powers

    @staticmethod
    def _test(
        name: str, table: Sequence[Tensor], powers: list[int], draws: int, generator: torch.Generator
    ) -> ElementClosure:
        n = len(table[0])
        smallest, systematic, statistic, distance = 1.0, 0.0, _KINDS[0], 0.0
        picks = torch.randint(len(powers), (draws, n), generator=generator)
        onehot = torch.nn.functional.one_hot(picks, len(powers)).to(torch.float64).reshape(draws, -1)
        for kind, label in enumerate(_KINDS):
            values = table[kind][:, powers]  # (trajectory, power of g, feature)
            step = values - values.roll(-1, 1)  # phi(g^k x) - phi(g^(k+1) x)
            scale = step.square().mean((0, 1)).sqrt()
            useful = scale > 1e-12 * values.abs().amax((0, 1)).clamp(min=1e-300)
            if not bool(useful.any()):
                continue  # g changes nothing that this statistic sees
            shown = step[:, 0].mean(0)
            if kind == 0:
                here, there = values[:, 0].mean(0), values[:, 1 % len(powers)].mean(0)
                distance = float(shown.norm()) / max(
                    math.sqrt(float(here.square().sum() + there.square().sum()) / 2), 1e-300
                )
            scaled = step[..., useful] / scale[useful]
            observed = float(scaled[:, 0].mean(0).square().sum())
            each = float(scaled[:, 0].square().sum(-1).mean())
            common = max(0.0, (n * observed / max(each, 1e-300) - 1) / max(n - 1, 1))
            drawn = (onehot @ scaled.reshape(n * len(powers), -1) / n).square().sum(1)
            # Equality counts against rejection; the slack covers sums taken in another order.
            smallest = min(smallest, (1 + int((drawn >= observed * (1 - 1e-9)).sum())) / (1 + draws))
            if common > systematic:
                systematic, statistic = common, label
        return ElementClosure(name, systematic, distance, statistic, min(1.0, len(_KINDS) * smallest))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: adjusted p-values in the given order.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = highest
    return adjusted


def _features(x: Float[Tensor, "batch *space channel"], edges: Float[Tensor, "channel edges"]) -> list[Tensor]:
    """Coarse mean field, channel means, second moments (of channels, and on a coarse grid) and histograms.

    Channels are measured in their own spread, so that no unit outweighs another.
    """
    flat = x.flatten(1, -2)
    spread = (edges[:, -1] - edges[:, 0]).to(flat).clamp(min=1e-300)
    means = flat.mean(1) / spread
    centred = (x - flat.mean(1).reshape(len(x), *([1] * (x.ndim - 2)), -1)) / spread
    rows = centred.flatten(1, -2)
    covariance = torch.einsum("bnc,bnd->bcd", rows, rows) / rows.shape[1]
    local = _coarsen(centred.square())
    histogram = torch.stack([(flat <= edge).to(torch.float64).mean(1) for edge in edges.T.to(flat)], -1)
    second = torch.cat([covariance.flatten(1), local.flatten(1)], 1)
    return [_coarsen(centred).flatten(1), means, second, histogram.flatten(1)]


def _coarsen(x: Tensor) -> Tensor:
    """Average blocks of cells so that no axis is longer than `_COARSE`; symmetric under reversal of an axis."""
    for axis in range(1, x.ndim - 1):
        length = x.shape[axis]
        if length > _COARSE:
            block = next((b for b in range(-(-length // _COARSE), length + 1) if length % b == 0), length)
            x = x.unflatten(axis, (length // block, block)).mean(axis + 1)
    return x


def _edges(x: Tensor) -> Float[Tensor, "channel edges"]:
    """Levels at the centre and at quantiles of the distance from it, for every channel."""
    flat = x.flatten(0, -2).to(torch.float64)
    levels = torch.tensor([0.5, 0.8, 0.95], dtype=torch.float64)
    stride = max(1, len(flat) // 100_000)
    quantiles = torch.quantile((flat[::stride] - flat.mean(0)).abs(), levels, dim=0)
    centre = flat.mean(0)
    return torch.cat([centre - quantiles.flip(0), centre[None], centre + quantiles]).T.contiguous()


def _channels_last(action: Action, x: Tensor) -> Float[Tensor, "batch *space channel"]:
    """Real numbers, complex ones as two channels, with the channels last and at least one axis of points."""
    if x.is_complex():
        return torch.view_as_real(_spread_out(action, x)).flatten(-2)
    x = _spread_out(action, x)
    return x if x.dtype in (torch.float32, torch.float64) else x.to(torch.float64)


def _spread_out(action: Action, x: Tensor) -> Tensor:
    bare = action.action if isinstance(action, RestrictedAction) else action
    if isinstance(bare, Field):
        if bare.channels is None:
            return x.unsqueeze(-1)
        return x.movedim(-1 - bare.dim, -1) if bare.channels == "first" else x
    return x if x.ndim > 2 else x.reshape(len(x), 1, -1)


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
