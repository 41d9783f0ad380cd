"""Weighted sets of group elements: what an average runs over. One engine, many sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup, Group, Subgroup

#: A full orbit of more elements than this is refused: it is meant to be sampled.
ORBIT_LIMIT = 1024


@dataclass(frozen=True)
class Draw:
    """How sampled elements were drawn: what the standard error of their average follows from.

    The elements stand stratum after stratum, every stratum with equally many units of `unit` elements.

    Attributes:
        strata: Number of strata that were sampled evenly.
        unit: Elements that were drawn together (2 for antithetic pairs).
        population: Units that each stratum holds, when they were drawn without replacement; None with replacement.
    """

    strata: int = 1
    unit: int = 1
    population: int | None = None


@dataclass(frozen=True)
class WeightedSet:
    """Elements and their weights, the same for every input.

    Attributes:
        elements: The elements, ``(m, *element_shape)``.
        weights: ``(m,)``, float64, not negative, summing to 1.
        error: What is known of the difference to the average over the whole group: ``"exact"`` or words for the reader.
        draw: How the elements were drawn, if they were drawn at random.
    """

    elements: Shaped[Tensor, "m *element"]
    weights: Float[Tensor, " m"]
    error: str
    draw: Draw | None = None

    def __len__(self) -> int:
        return len(self.elements)


class How(ABC):
    """How to choose the elements that an average runs over."""

    @abstractmethod
    def weighted(self, group: Group) -> WeightedSet:
        """The weighted set for a group."""


def equal_weights(elements: Tensor, error: str, draw: Draw | None = None) -> WeightedSet:
    """A weighted set in which all weights are the same."""
    m = len(elements)
    return WeightedSet(elements, torch.full((m,), 1 / m, dtype=torch.float64), error, draw)


@dataclass(frozen=True)
class Orbit(How):
    """Every element of a finite group, with equal weights: exact.

    Args:
        limit: Refuse groups with more elements.

    Example:
        >>> from haar.groups import dihedral
        >>> len(Orbit().weighted(dihedral(4)))
        8
    """

    limit: int = ORBIT_LIMIT

    def weighted(self, group: Group) -> WeightedSet:
        """All elements.

        Raises:
            ArgumentError: If the group is too large, or cannot be listed.
        """
        if not isinstance(group, FiniteGroup) or group.order > self.limit:
            size = "a Lie group" if group.order is None else f"{group.order} elements"
            raise ArgumentError(
                "how",
                expected=f"a finite group of at most {self.limit} elements for a full orbit",
                got=f"{group.name}: {size}",
                way_out='use how="sampled", how=Quadrature(degree), or a subgroup',
            )
        return equal_weights(group.elements(), "exact")


@dataclass(frozen=True)
class Given(How):
    """Elements and weights of the user's own choice.

    Args:
        elements: The elements, ``(m, *element_shape)``.
        weights: ``(m,)``, not negative; equal if not given. They are normalised.

    Example:
        >>> from haar.groups import dihedral
        >>> Given([0, 2]).weighted(dihedral(4)).error
        'exact under a subgroup of 2 elements'
    """

    elements: Tensor | Sequence[int]
    weights: Sequence[float] | Tensor | None = None

    def weighted(self, group: Group) -> WeightedSet:
        """The elements as given.

        Raises:
            ShapeError: If they are no elements of the group.
            ArgumentError: If they are numbers of another kind, or the weights do not fit.
        """
        elements = torch.as_tensor(self.elements).cpu()
        fits = elements.is_floating_point() == group.element_dtype.is_floating_point or not elements.numel()
        if not fits:
            expected, got = (str(dtype).removeprefix("torch.") for dtype in (group.element_dtype, elements.dtype))
            raise ArgumentError("elements", expected=f"{expected} elements of {group.name}", got=got)
        if tuple(elements.shape[1:]) != tuple(group.element_shape) or elements.ndim == 0 or not len(elements):
            wanted = ", ".join(["m", *map(str, group.element_shape)])
            raise ShapeError("elements", expected=f"({wanted}) of {group.name}", got=tuple(elements.shape))
        if isinstance(group, FiniteGroup) and not 0 <= int(elements.min()) <= int(elements.max()) < group.order:
            raise ArgumentError(
                "elements", expected=f"elements 0..{group.order - 1} of {group.name}", got=elements.tolist()
            )
        if self.weights is None:
            return equal_weights(elements, _statement(group, elements))
        weights = torch.as_tensor(self.weights, dtype=torch.float64).cpu()
        fits = weights.shape == (len(elements),) and bool((weights >= 0).all())
        if not fits or not 0 < float(weights.sum()) < float("inf"):
            raise ArgumentError(
                "weights", expected=f"{len(elements)} finite weights, none negative, not all 0", got=weights.tolist()
            )
        return WeightedSet(elements, weights / weights.sum(), "a chosen set: no statement")


@dataclass(frozen=True)
class Cosets(How):
    """One representative of every right coset Hg, for an H-equivariant model: exact with |G|/|H| forwards.

    Args:
        subgroup: H, to which the model is already equivariant. This is not checked here; `haar.audit` does.

    Example:
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> len(Cosets(D4.subgroup([2])).weighted(D4))
        4
    """

    subgroup: Subgroup

    def weighted(self, group: Group) -> WeightedSet:
        """The representatives."""
        parent = getattr(self.subgroup, "parent", None)
        if not isinstance(group, FiniteGroup) or parent != group:
            got = self.subgroup.name if parent is not None else repr(self.subgroup)
            way_out = "make it with group.subgroup(...) of the same group object"
            raise ArgumentError("subgroup", expected=f"a subgroup of {group.name}", got=got, way_out=way_out)
        return equal_weights(
            group.cosets(self.subgroup, "right")[:, 0], f"exact if the model is {self.subgroup.name}-equivariant"
        )


def _statement(group: Group, elements: Tensor) -> str:
    """What equal weights on some elements achieve: a subgroup's elements average exactly under that subgroup."""
    if isinstance(group, FiniteGroup) and len(elements) <= ORBIT_LIMIT:
        members = elements.unique()
        closed = bool(torch.isin(group.compose(members[:, None], members[None, :]), members).all())
        if closed and len(members) == len(elements):
            whole = len(elements) == group.order
            return "exact" if whole else f"exact under a subgroup of {len(elements)} elements"
    return "a chosen set: no statement"
