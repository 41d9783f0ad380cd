"""Weighted sets of group elements: what an average runs over. One engine, many sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Group, LieGroup, Subgroup

#: A full orbit of more elements than this is refused: it is meant to be sampled.
ORBIT_LIMIT = 1024


@dataclass(frozen=True)
class WeightedSet:
    """Elements and their weights, the same for every input.

    Attributes:
        elements: ``(m, *element_shape)``.
        weights: ``(m,)``, float64, positive, summing to 1.
        error: What is known of the difference to the average over the whole group: ``"exact"`` or words for the reader.
    """

    elements: Tensor
    weights: Float[Tensor, " m"]
    error: str

    def __len__(self) -> int:
        return len(self.elements)


class How(ABC):
    """How to choose the elements that an average runs over."""

    @abstractmethod
    def weighted(self, group: Group) -> WeightedSet:
        """The weighted set for a group."""


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
        return _equal(group.elements(), "exact")


@dataclass(frozen=True)
class Given(How):
    """Elements and weights of the user's own choice.

    Args:
        elements: ``(m, *element_shape)``.
        weights: ``(m,)``, positive; equal if not given. They are normalised.
    """

    elements: Tensor
    weights: Sequence[float] | Tensor | None = None

    def weighted(self, group: Group) -> WeightedSet:
        """The elements as given."""
        elements = torch.as_tensor(self.elements)
        if tuple(elements.shape[1:]) != tuple(group.element_shape) or not len(elements):
            raise ArgumentError("elements", expected=f"(m, {group.element_shape}) of {group.name}", got=tuple(elements.shape))
        if self.weights is None:
            return _equal(elements, "a chosen set: no statement")
        weights = torch.as_tensor(self.weights, dtype=torch.float64)
        if weights.shape != (len(elements),) or bool((weights < 0).any()) or not bool(weights.sum() > 0):
            raise ArgumentError("weights", expected=f"{len(elements)} weights, none negative", got=weights.tolist())
        return WeightedSet(elements, weights / weights.sum(), "a chosen set: no statement")


@dataclass(frozen=True)
class Sampled(How):
    """A few elements drawn once: the expected error falls as the orbit variance over m (spec 2.5).

    Args:
        m: How many elements.
        draw: ``"iid"`` with replacement; ``"without"`` replacement; ``"stratified"`` over the cosets of a subgroup; ``"antithetic"`` pairs
            g, g z with a central element z of order 2 (the half turn of D4, the inversion of O_h).
        subgroup: For ``"stratified"``: its cosets are sampled evenly.
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
            ArgumentError: If m is not positive, the draw is unknown or does not fit the group.
        """
        draws: dict[str, Callable[[Group, torch.Generator], Tensor]] = {
            "iid": self._iid,
            "without": self._without,
            "stratified": self._stratified,
            "antithetic": self._antithetic,
        }
        if self.m < 1:
            raise ArgumentError("m", expected="at least one element", got=self.m)
        if self.draw not in draws:
            raise ArgumentError("draw", expected=f"one of {', '.join(draws)}", got=repr(self.draw))
        generator = torch.Generator().manual_seed(self.seed)
        elements = draws[self.draw](group, generator)
        exact = group.order is not None and len(elements) == group.order and self.draw == "without"
        return _equal(elements, "exact" if exact else "sampled: standard error from the orbit variance")

    def _iid(self, group: Group, generator: torch.Generator) -> Tensor:
        return group.sample(self.m, generator)

    def _without(self, group: Group, generator: torch.Generator) -> Tensor:
        if group.order is not None and self.m > group.order:
            raise ArgumentError("m", expected=f"at most {group.order}, the order of {group.name}", got=self.m, way_out="use the full orbit")
        if isinstance(group, FiniteGroup) and group.order <= 1_000_000:
            return torch.randperm(group.order, generator=generator)[: self.m]
        if not group.is_finite:
            return group.sample(self.m, generator)  # two equal draws have probability zero
        seen: dict[bytes, Tensor] = {}
        while len(seen) < self.m:
            for g in group.sample(self.m, generator):
                if len(seen) < self.m:
                    seen.setdefault(g.numpy().tobytes(), g)
        return torch.stack(list(seen.values()))

    def _stratified(self, group: Group, generator: torch.Generator) -> Tensor:
        if self.subgroup is None or not isinstance(group, FiniteGroup):
            raise ArgumentError("subgroup", expected="a subgroup of an enumerated group for stratified draws", got=self.subgroup)
        cosets = group.cosets(self.subgroup)
        if self.m % len(cosets):
            raise ArgumentError("m", expected=f"a multiple of the {len(cosets)} cosets", got=self.m)
        each = self.m // len(cosets)
        if each > cosets.shape[1]:
            raise ArgumentError("m", expected=f"at most {group.order}", got=self.m, way_out="use the full orbit")
        rows = [row[torch.randperm(len(row), generator=generator)[:each]] for row in cosets]
        return torch.cat(rows)

    def _antithetic(self, group: Group, generator: torch.Generator) -> Tensor:
        if self.m % 2:
            raise ArgumentError("m", expected="an even number for antithetic pairs", got=self.m)
        centre = _central_involution(group)
        half = group.sample(self.m // 2, generator)
        return torch.cat([half, group.compose(half, centre)])


@dataclass(frozen=True)
class Cosets(How):
    """One representative of every right coset Hg, for a model that is already H-equivariant: exact with |G|/|H| forwards.

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
        if not isinstance(group, FiniteGroup) or self.subgroup.parent is not group:
            raise ArgumentError("subgroup", expected=f"a subgroup of {group.name}", got=self.subgroup.name)
        return _equal(group.cosets(self.subgroup, "right")[:, 0], f"exact if the model is {self.subgroup.name}-equivariant")


@dataclass(frozen=True)
class Quadrature(How):
    """Quadrature of a Lie group: exact for outputs whose dependence on the element has no harmonics above `degree`.

    Args:
        degree: Band limit.
        seed: If given, the rule is turned by one random element (unbiased beyond its degree).
    """

    degree: int
    seed: int | None = None

    def weighted(self, group: Group) -> WeightedSet:
        """The rule."""
        if not isinstance(group, LieGroup):
            raise ArgumentError("how", expected="a Lie group for a quadrature", got=group.name, way_out='use how="orbit"')
        generator = None if self.seed is None else torch.Generator().manual_seed(self.seed)
        elements, weights = group.quadrature(self.degree, generator)
        return WeightedSet(elements, weights, f"exact up to degree {self.degree}; compare with degree {2 * self.degree}")


@dataclass(frozen=True)
class Design(How):
    """The rotations of a Platonic solid as equal-weight nodes for SO(3): exact up to degree 2, 3 or 5 (12, 24, 60 elements).

    Args:
        strength: 1 to 5.
        seed: If given, the design is turned by one random rotation (unbiased beyond its degree).
    """

    strength: int
    seed: int | None = None

    def weighted(self, group: Group) -> WeightedSet:
        """The design's elements."""
        from haar.groups import design

        if not isinstance(group, LieGroup) or group.name != "SO(3)":
            raise ArgumentError("how", expected="SO(3) for a rotation design", got=group.name, way_out="use Quadrature(degree)")
        elements = design(self.strength)
        if self.seed is not None:
            elements = group.sample(1, torch.Generator().manual_seed(self.seed)) @ elements
        return _equal(elements, f"exact up to degree {self.strength}")


@dataclass(frozen=True)
class QuasiRandom(How):
    """Scrambled Sobol points mapped to the group: SO(2), SO(3), SU(2), or the numbers of an enumerated group.

    Args:
        m: How many elements; powers of two are best.
        seed: Seed of the scrambling.
    """

    m: int
    seed: int = 0

    def weighted(self, group: Group) -> WeightedSet:
        """Map the points."""
        from haar.groups.lie import quaternion_matrix, rotation_of_quaternion

        dims = {"SO(2)": 1, "SO(3)": 3, "SU(2)": 3}
        dim = 1 if isinstance(group, FiniteGroup) else dims.get(group.name)
        if dim is None or self.m < 1:
            raise ArgumentError("how", expected="SO(2), SO(3), SU(2) or an enumerated group, and m >= 1", got=f"{group.name}, m = {self.m}")
        u = torch.quasirandom.SobolEngine(dim, scramble=True, seed=self.seed).draw(self.m, dtype=torch.float64)
        note = "quasi-random: compare two seeds"
        if isinstance(group, FiniteGroup):
            return _equal((u[:, 0] * group.order).floor().to(torch.int64).clamp(max=group.order - 1), note)
        turn = 2 * torch.pi * u
        if dim == 1:
            angle = turn[:, 0]
            return _equal(torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).reshape(-1, 2, 2), note)
        # Shoemake's map from the cube to uniform unit quaternions.
        inner, outer = (1 - u[:, 0]).sqrt(), u[:, 0].sqrt()
        q = torch.stack(
            [outer * turn[:, 2].cos(), inner * turn[:, 1].sin(), inner * turn[:, 1].cos(), outer * turn[:, 2].sin()], -1
        )
        return _equal(rotation_of_quaternion(q) if group.name == "SO(3)" else quaternion_matrix(q), note)


class Frame(How):
    """Elements and weights that depend on the input: frames, canonicalisation, probabilistic symmetrisation.

    The averaged model is equivariant if ``frame(g x) = g frame(x)`` as a weighted set, and continuous if its weights are.

    Args:
        choose: From the model's inputs to ``(elements (m, batch, *element_shape), weights (m, batch))``; the inputs are moved
            by the *inverse* of each element, and the outputs by the element.
        error: What is known of its equivariance.
    """

    def __init__(self, choose: Callable[..., tuple[Tensor, Tensor]], error: str = "as the frame") -> None:
        self.choose, self.error = choose, error

    def weighted(self, group: Group) -> WeightedSet:
        """A frame has no fixed set."""
        raise ArgumentError("how", expected="a fixed weighted set", got="a frame, which depends on the input")

    def at(self, args: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Elements and weights for one batch of inputs."""
        elements, weights = self.choose(*args)
        if elements.shape[:2] != weights.shape:
            raise ArgumentError("frame", expected="weights (m, batch) beside elements (m, batch, ...)", got=tuple(weights.shape))
        return elements, weights


def named(how: str | How) -> How:
    """A strategy from its name.

    Raises:
        ArgumentError: If the name is unknown.
    """
    if isinstance(how, How):
        return how
    known: dict[str, Callable[[], How]] = {
        "orbit": Orbit,
        "sampled": lambda: Sampled(8),
        "quadrature": lambda: Quadrature(4),
        "quasirandom": lambda: QuasiRandom(8),
    }
    if how not in known:
        raise ArgumentError("how", expected=f"one of {', '.join(known)}, or a strategy such as Sampled(m=4)", got=repr(how))
    return known[how]()


def _equal(elements: Tensor, error: str) -> WeightedSet:
    m = len(elements)
    return WeightedSet(elements, torch.full((m,), 1 / m, dtype=torch.float64), error)


def _central_involution(group: Group) -> Tensor:
    if isinstance(group, FiniteGroup) and group.order <= ORBIT_LIMIT:
        elements = group.elements()
        for g in elements[1:]:
            central = bool((group.compose(g, elements) == group.compose(elements, g)).all())
            if central and int(group.compose(g, g)) == 0:
                return g
    if isinstance(group, LieGroup) and group.n == 2:
        return -torch.eye(2, dtype=torch.float64)
    raise ArgumentError("draw", expected="a group with a central element of order 2 for antithetic pairs", got=group.name)
