"""What was discovered, with the evidence for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from haar.actions import symmetry_to_dict
from haar.discover.evaluated import Evaluated
from haar.discover.field_problem import FieldSample
from haar.discover.found import Found, Settings
from haar.discover.gates import Gate
from haar.discover.lie import Generated
from haar.errors import ArgumentError
from haar.report import Report, Section

__all__ = ["Discovery", "Settings"]


class Discovery(Found, Report):
    """Symmetries of a model that nobody has named, or an honest none.

    Args:
        model: The model, flat.
        sample: What it makes of the samples.
        settings: How it was asked.
        said: What a reader must know of how it was evaluated.
        finite: Finite symmetries, found beside.

    Attributes:
        continuous: Everything of the continuous part.
        staircase: Symmetries established, the largest first within each kind.
        said: Remarks.
    """

    kind = "discovery"
    title = "Which symmetry does the model have?"

    def merge(self, other: Discovery) -> Discovery:
        """The same question asked of the samples of both: what one call with all of them finds.

        Raises:
            ArgumentError: If the two were asked differently.
        """
        if self.settings != other.settings:
            raise ArgumentError("other", expected="a discovery asked with the same options", got="other options")
        if isinstance(self.sample, Evaluated):
            joined: Evaluated | FieldSample = self.sample.joined(other.sample)  # type: ignore[arg-type]
        else:
            joined = self.sample.joined(other.sample)  # type: ignore[arg-type]
        said = list(dict.fromkeys([*self.said, *other.said]))
        return Discovery(self._model, joined, self.settings, said=said, finite=self.finite)

    @property
    def summary(self) -> str:
        """The answer in a sentence or two."""
        from haar.discover.told import told

        return told(self)

    def contents(self) -> dict[str, Any]:
        """Everything, with numbers."""
        found = self.continuous
        spectrum = self.spectrum
        step = self._largest
        return {
            "sentence": self.summary,
            "settings": self.settings.contents(),
            "samples": list(self.samples),
            "derivative": self._model.derivative,
            "staircase": [one.to_dict() for one in self.staircase],
            "trivial": [asdict(one) for one in self.trivial],
            "linear_share": None if found is None else found.linear_share,
            "failed_gate": self.failed_gate,
            "gates": [] if found is None else [_gate(gate) for gate in found.gates],
            "spectrum": None
            if spectrum is None
            else {
                "solved": spectrum.solved,
                "held_out": spectrum.held_out,
                "low": spectrum.low,
                "high": spectrum.high,
                "floor": spectrum.floor,
            },
            "algebra": None if step is None else _algebra(step),
            "form": self.form,
            "scaling": self.scaling,
            "generators": self._told_generators(),
            "said": self.said,
        }

    def _told_generators(self) -> Any:
        step = self._largest
        if step is None:
            return None
        if step.algebra.of_fields:
            return {"fields": step.action}
        given = self.generators()
        return {"inputs": given.a, "outputs": given.b}

    def sections(self) -> Sequence[Section]:
        """The answer, the spectrum, the generators, the gates."""
        from haar.discover.sections import sections

        return sections(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the symmetry as JSON for ``haar.Symmetry.load(path)`` and ``haar audit --symmetry``.

        Raises:
            ArgumentError: If there is no symmetry to write.
        """
        from haar.report.json_file import write_json

        if self.symmetry is None:
            raise ArgumentError(
                "found", expected="a discovery with a symmetry to save", got=self.summary, way_out="save_json keeps all"
            )
        return write_json(
            path, symmetry_to_dict(self.symmetry) | {"found": self.summary, "coordinates": self._places()}
        )

    def _places(self) -> dict[str, Any] | None:
        return None if self.coordinates is None else self.coordinates.to_dict()


def _gate(gate: Gate) -> dict[str, Any]:
    finite = None if gate.finite is None else gate.finite._asdict()
    return {**{name: value for name, value in vars(gate).items() if name != "finite"}, "finite": finite}


def _algebra(step: Generated) -> dict[str, Any]:
    algebra = step.algebra
    action = step.action
    return {
        "name": algebra.name,
        "dimension": algebra.dim,
        "killing_signature": list(algebra.signature),
        "derived": algebra.derived_dim,
        "centre": algebra.centre_dim,
        "closure": algebra.closure_defect,
        "structure_constants": algebra.structure_constants,
        "content": None if isinstance(action, str) else list(action.content),
        "snapped_defect": None if isinstance(action, str) else action.finite._asdict(),
        "no_group": action if isinstance(action, str) else None,
    }
