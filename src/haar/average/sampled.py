"""A few elements drawn at random: independent, without replacement, stratified by cosets, in antithetic pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.average.weighted import ORBIT_LIMIT, Draw, How, WeightedSet, equal_weights
from haar.errors import ArgumentError, check_count
from haar.groups import FiniteGroup, Group, LieGroup, Subgroup

#: Up to this order elements are drawn without replacement by a permutation of all of them.
_PERMUTE = 1_000_000


@dataclass(frozen=True)
class Sampled(How):
    """A few elements drawn once: the expected squared error falls as the orbit variance over m.

    With n elements in the group and orbit variance s2, the expected error is s2 / m with replacement and
    s2 (n - m) / (m (n - 1)) without; `haar.average.standard_error` states it for an input.

    Args:
        m: Number of elements.
        draw: ``"iid"`` with replacement; ``"without"`` replacement; ``"stratified"`` evenly over the cosets of a
            subgroup, without replacement in each; ``"antithetic"`` pairs g, g z with a central element z of order 2
            (the half turn of D4, the inversion of O_h).
        subgroup: For ``"stratified"``: its right cosets are sampled evenly.
        seed: Seed of the draw.

    Example:
        >>> from haar.groups import dihedral
        >>> sorted(Sampled(8, draw="without").weighted(dihedral(4)).elements.tolist())
        [0, 1, 2, 3, 4, 5, 6, 7]
    """

    m: int
    draw: str = "without"
    subgroup: Subgroup | None = None
    seed: int = 0

    def weighted(self, group: Group) -> WeightedSet:
        """Draw the elements.

        Raises:
            ArgumentError: If m is not positive or too large, the draw is unknown or does not fit the group.
        """
        draws: dict[str, Callable[[Group, torch.Generator], tuple[Tensor, Draw]]] = {
            "iid": self._iid,
            "without": self._without,
            "stratified": self._stratified,
            "antithetic": self._antithetic,
        }
        check_count("m", self.m)
        if self.draw not in draws:
            raise ArgumentError("draw", expected=f"one of {', '.join(draws)}", got=repr(self.draw))
        elements, draw = draws[self.draw](group, torch.Generator().manual_seed(self.seed))
        everything = draw.population is not None and draw.strata * draw.unit * draw.population == self.m
        return equal_weights(elements, "exact" if everything else "sampled: see haar.average.standard_error", draw)

    def _iid(self, group: Group, generator: torch.Generator) -> tuple[Tensor, Draw]:
        return group.sample(self.m, generator), Draw()

    def _without(self, group: Group, generator: torch.Generator) -> tuple[Tensor, Draw]:
        self._at_most(group)
        if isinstance(group, FiniteGroup) and group.order <= _PERMUTE:
            return torch.randperm(group.order, generator=generator)[: self.m], Draw(population=group.order)
        if not group.is_finite:
            return group.sample(self.m, generator), Draw()  # two equal draws have probability zero
        return _distinct(group, self.m, generator), Draw(population=group.order)

    def _stratified(self, group: Group, generator: torch.Generator) -> tuple[Tensor, Draw]:
        if not isinstance(group, FiniteGroup) or self.subgroup is None or self.subgroup.parent is not group:
            raise ArgumentError(
                "subgroup", expected=f"a subgroup of {group.name} for stratified draws", got=self.subgroup
            )
        self._at_most(group)
        cosets = group.cosets(self.subgroup)
        if self.m % len(cosets):
            raise ArgumentError("m", expected=f"a multiple of the {len(cosets)} cosets", got=self.m)
        each = self.m // len(cosets)
        rows = [row[torch.randperm(len(row), generator=generator)[:each]] for row in cosets]
        return torch.cat(rows), Draw(strata=len(cosets), population=cosets.shape[1])

    def _antithetic(self, group: Group, generator: torch.Generator) -> tuple[Tensor, Draw]:
        if self.m % 2:
            raise ArgumentError("m", expected="an even number for antithetic pairs", got=self.m)
        centre = _central_involution(group)
        if isinstance(group, FiniteGroup):
            self._at_most(group)
            pairs = group.cosets(group.subgroup(centre.reshape(1)), "left")
            chosen = pairs[torch.randperm(len(pairs), generator=generator)[: self.m // 2]]
            return chosen.reshape(-1), Draw(unit=2, population=len(pairs))
        half = group.sample(self.m // 2, generator)
        return torch.stack([half, group.compose(half, centre)], 1).flatten(0, 1), Draw(unit=2)

    def _at_most(self, group: Group) -> None:
        if group.order is not None and self.m > group.order:
            raise ArgumentError(
                "m",
                expected=f"at most {group.order}, the order of {group.name}",
                got=self.m,
                way_out="use the full orbit",
            )


def _distinct(group: Group, m: int, generator: torch.Generator) -> Tensor:
    """Distinct elements of a group too large to list: draw, and draw again what was there before."""
    seen: dict[tuple[int, ...], Tensor] = {}
    while len(seen) < m:
        for g in group.sample(m, generator):
            if len(seen) < m:
                seen.setdefault(tuple(g.tolist()), g)
    return torch.stack(list(seen.values()))


def _central_involution(group: Group) -> Tensor:
    """An element of order 2 that commutes with all others."""
    if isinstance(group, FiniteGroup) and group.order <= ORBIT_LIMIT:
        elements, gens = group.elements(), group.generators()
        central = (group.compose(elements[:, None], gens) == group.compose(gens, elements[:, None])).all(1)
        order_two = (group.compose(elements, elements) == 0) & (elements != 0)
        found = torch.nonzero(central & order_two).flatten()
        if len(found):
            return found[0]
    if isinstance(group, LieGroup) and (len(group.components) or group.n % 2 == 0):
        return -group.identity()
    raise ArgumentError(
        "draw", expected="a group with a central element of order 2 for antithetic pairs", got=group.name
    )
