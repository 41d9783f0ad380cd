"""difference: did two runs find the same solution? How far two networks are apart modulo symmetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from haar.align.align import align, canonical_of
from haar.align.alignment import Alignment
from haar.report import Report, Section, Table
from haar.report.table import Cell
from haar.seeding import Seed
from haar.watch import Unwatched, Watch
from haar.weights import ParameterAction
from haar.weights.bare import bare
from haar.weights.models import Given, action_of, state_of

#: How many times farther apart than rounding leaves one network from itself two may be, to be called one.
_TIMES = 100
#: What rounding leaves at least, in units of the precision: one planted element is not the worst.
_UNITS = 100
#: What no threshold exceeds: two trained networks of any size are more than a tenth apart.
_MOST = 0.01


@dataclass(frozen=True)
class Difference(Report):
    """How far two networks are apart modulo symmetry, and how far one is from itself in the same precision.

    Attributes:
        alignment: The two, aligned.
        floor: Relative distance at which the first network was found from itself, moved by a random element.
        threshold: Relative distance up to which two networks are called one: 100 times the floor, at most 0.01.
    """

    alignment: Alignment
    floor: float
    threshold: float

    kind = "difference"
    title = "Two networks, compared modulo symmetry"

    @property
    def distance(self) -> float:
        """The relative distance modulo symmetry; independent networks are about 1 apart."""
        return self.alignment.distances.total()

    @property
    def same(self) -> bool:
        """Whether the two are one network, moved by its symmetry."""
        return self.distance <= self.threshold

    @property
    def tensors(self) -> Mapping[str, float]:
        """The relative distance of each tensor."""
        return self.alignment.distances.after

    def contents(self) -> dict[str, Any]:
        """Distance, floor, verdict, tensors."""
        return {
            "same": self.same,
            "distance": self.distance,
            "canonical": self.alignment.distances.total("canonical"),
            "floor": self.floor,
            "threshold": self.threshold,
            "tensors": dict(self.tensors),
        }

    @property
    def summary(self) -> str:
        """The verdict and what it stands on."""
        if self.floor > _MOST:
            return (
                f"**No verdict**: matching finds the first network at {self.floor:.2g} from itself, moved by its "
                f"symmetry, and the second at {self.distance:.3g}."
            )
        verdict = "**one network**, moved by its symmetry" if self.same else "**really different**"
        return (
            f"The two are {verdict}: relative distance {self.distance:.3g} modulo symmetry "
            f"({self.alignment.distances.total('canonical'):.3g} before), where rounding leaves {self.floor:.2g}."
        )

    def sections(self) -> Sequence[Section]:
        """Tensors, the farthest first."""
        before = self.alignment.distances.canonical
        rows: list[list[Cell]] = [
            [name, before[name], x] for name, x in sorted(self.tensors.items(), key=lambda one: -one[1])
        ]
        table = Table("Relative distances", ("tensor", "before", "modulo symmetry"), rows)
        return [Section("Tensor by tensor", "The farthest first.", table)]


def difference(
    a: Given,
    b: Given,
    *,
    symmetry: ParameterAction | str = "auto",
    config: Mapping[str, Any] | None = None,
    example: Any = None,
    seed: Seed = 0,
    watch: Watch = Unwatched(),
) -> Difference:
    """How far two networks are apart modulo the symmetry of their parameters, tensor by tensor.

    Two runs that ended in one point, or a network and itself with heads exchanged and coordinates turned, are told from
    networks that are really different. What rounding leaves is measured: the first network is moved by a random
    element and compared with itself.

    Args:
        a: A model, or parameters by name.
        b: The same of the same architecture.
        symmetry: As for `align`.
        config: As for `align`.
        example: As for `align`.
        seed: Seed of the random element.
        watch: Told of the progress.

    Raises:
        ArgumentError: As for `align`.

    Example:
        >>> from torch import nn
        >>> one, other = (nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)) for _ in range(2))
        >>> x = torch.randn(4, 3)
        >>> difference(one, one, example=x).same, difference(one, other, example=x).same
        (True, False)
    """
    a, b = bare(a), bare(b)
    state = state_of(a, "a")
    action = action_of(a, state, symmetry, config=config, example=example)
    found = align(a, b, symmetry=action, watch=watch)
    canonical, _ = canonical_of(action, state)
    dtype = next(value.dtype for value in canonical.values() if value.is_floating_point())
    planted = action.act(action.random(seed, dtype=dtype, state=canonical), canonical)
    floor = align(canonical, planted, symmetry=action).distances.total()
    least = _UNITS * torch.finfo(dtype).eps
    return Difference(found, floor, min(max(_TIMES * floor, least), _MOST))
