"""What alignment found: the moved parameters, the element that moved them, and how far the two are apart, by tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.align.pictures import draw_heads, draw_units
from haar.align.states import mixed
from haar.errors import ArgumentError
from haar.report import Report, Section, Table
from haar.report.drawing import new_figure, style_axes
from haar.report.table import Cell
from haar.weights import Gauge, ParameterAction
from haar.weights.models import State, with_state

#: Below this distance, relative to their norm, two networks in single precision are one network moved by its symmetry:
#: rounding leaves 1e-6, and two trained networks of any size differ by more than a tenth.
SAME = 1e-3


@dataclass(frozen=True)
class Distances:
    """|A - B| for each row of the table, relative to sqrt((|A|^2 + |B|^2) / 2).

    Attributes:
        before: Of the parameters as they came; NaN where the shapes differ.
        canonical: With norms folded and scales balanced.
        after: With B moved by the element that was found.
        weight: (|A|^2 + |B|^2) / 2 of each row, in canonical form.
    """

    before: Mapping[str, float]
    canonical: Mapping[str, float]
    after: Mapping[str, float]
    weight: Mapping[str, float]

    def total(self, which: str = "after") -> float:
        """The relative distance of all rows together, in canonical form or after moving.

        Args:
            which: ``"canonical"`` or ``"after"``.
        """
        if which not in ("canonical", "after"):
            raise ArgumentError("which", expected="'canonical' or 'after'", got=repr(which))
        found: Mapping[str, float] = getattr(self, which)
        norm = sum(self.weight.values())
        return (sum(found[name] ** 2 * self.weight[name] for name in found) / norm) ** 0.5 if norm else 0.0


@dataclass(frozen=True)
class Alignment(Report):
    """Two networks of one architecture, one of them moved within its symmetry so that it is nearest to the other.

    Attributes:
        action: How the group acts on the parameters.
        a: The first network's parameters in canonical form: the same function, norms folded and scales balanced; moved
            as well where both sides were.
        b: The second's, moved: the same function as the second.
        gauge: The element that moved the second, after its norms were folded.
        distances: How far the two are apart, tensor by tensor.
        history: |A - g B| before and after every sweep of weight matching.
        how: By what they were matched.
        models: The two models, if models were given.
        gauge_a: The element that moved the first, after its norms were folded.
    """

    action: ParameterAction
    a: State
    b: State
    gauge: Gauge
    distances: Distances
    history: tuple[float, ...]
    how: str
    models: tuple[nn.Module | None, nn.Module | None] = (None, None)
    gauge_a: Gauge | None = None

    kind = "alignment"
    title = "Two networks, aligned"

    @property
    def same(self) -> bool:
        """Whether the two are one network, moved by its symmetry."""
        return self.distances.total() <= SAME

    @property
    def model_a(self) -> nn.Module:
        """The first model in canonical form, a new one.

        Raises:
            ArgumentError: If parameters were given instead of a model.
        """
        return with_state(self._model(0), self.a)

    @property
    def model(self) -> nn.Module:
        """The second model, moved: the same function, nearest to `model_a`.

        Raises:
            ArgumentError: If parameters were given instead of a model.
        """
        return with_state(self._model(1), self.b)

    def merged(self, share: float | int = 0.5) -> dict[str, Tensor]:
        """(1 - share) A + share B of the aligned parameters: an ordinary checkpoint of the same shapes.

        Args:
            share: How much of the second.
        """
        return mixed(self.a, self.b, share)

    def moved(self) -> dict[str, float]:
        """For each site the share of its units, heads or experts that changed places, or how far it was turned."""
        found = {}
        for name, ports in self.gauge.sites.items():
            element = next(iter(ports.values()))
            if len(element.order) == 1 and element.blocks is not None:
                turn = element.blocks[0]
                found[name] = float((turn - torch.eye(len(turn), dtype=turn.dtype)).norm()) / len(turn) ** 0.5
            else:
                found[name] = self.gauge.moved_share(name)
        return found

    def contents(self) -> dict[str, Any]:
        """Distances, sweeps, and what was moved."""
        return {
            "how": self.how,
            "same": self.same,
            "distance": {which: self.distances.total(which) for which in ("canonical", "after")},
            "tensors": {
                name: {
                    "before": self.distances.before[name],
                    "canonical": self.distances.canonical[name],
                    "after": self.distances.after[name],
                }
                for name in self.distances.after
            },
            "moved": self.moved(),
            "history": list(self.history),
        }

    @property
    def summary(self) -> str:
        """How far the two are apart modulo symmetry, and what that says."""
        after, before = self.distances.total(), self.distances.total("canonical")
        verdict = (
            "The two are **one network**, moved by its symmetry."
            if self.same
            else "The two are **different networks**: no symmetry of the architecture that was tried joins them."
        )
        return f"Relative distance {before:.3g} in canonical form, {after:.3g} modulo symmetry. {verdict}"

    def sections(self) -> Sequence[Section]:
        """Distances by tensor, then sites."""
        found = self.distances
        rows: list[list[Cell]] = [
            [name, found.before[name], found.canonical[name], found.after[name]] for name in found.after
        ]
        table = Table("Relative distances", ("tensor", "as they came", "canonical", "aligned"), rows)
        sites: list[list[Cell]] = [
            [name, type(self.action.sites[name]).__name__, x] for name, x in self.moved().items()
        ]
        note = "share of units that changed places; of a rotation |R - 1| / sqrt(n)"
        moved = Table("Sites", ("site", "kind", "moved"), sites, note)
        figure = new_figure(7.2, 1.2 + 0.19 * len(rows))
        axes = style_axes(figure.subplots(), x="relative distance")
        names = list(found.after)
        at = list(range(len(names)))
        axes.barh(at, [found.canonical[n] for n in names], color="#d5dae3", label="canonical")
        axes.barh(at, [found.after[n] for n in names], height=0.45, color="#2f6fdf", label="aligned")
        axes.set_yticks(at, names, fontsize=6)
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        pictures = {"Matched units": (draw_units, _UNITS), "Matched heads": (draw_heads, _HEADS)}
        drawn = [
            Section(title, "", None, picture, caption)
            for title, (draw, caption) in pictures.items()
            if (picture := draw(self.action, self.a, self.b)) is not None
        ]
        return [
            Section("How far apart", _WORDS, table, figure, "Relative distance of each tensor before and after."),
            *drawn,
            Section("What was moved", "", moved),
        ]

    def _model(self, which: int) -> nn.Module:
        model = self.models[which]
        if model is None:
            raise ArgumentError("model", expected="an alignment of models", got="one of parameters by name")
        return model


_UNITS = "Incoming weights of the strongest units of A, of the units of B that were put into their places, and A - B."
_HEADS = "Score maps, queries times keys, of heads of A and of B in the same places, first coordinates; and A - B."
_WORDS = (
    "For each tensor the distance of the two networks, relative to their norm: as they came, in canonical form (norms "
    "folded, scales balanced, what a softmax does not see taken out), and with the second moved by the element that "
    "was found. Independent networks are about sqrt(2) apart. No function was changed."
)
