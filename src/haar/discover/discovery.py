"""What was discovered, with the evidence for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry, symmetry_to_dict
from haar.discover.coordinates import Coordinates
from haar.discover.evaluated import Evaluated, FlatModel
from haar.discover.field_lie import field_continuous
from haar.discover.field_problem import FieldProblem, FieldSample
from haar.discover.gates import Gate
from haar.discover.lie import Continuous, Generated, Sought, continuous, generators, halves
from haar.discover.rows import Pair
from haar.discover.spectrum import Spectrum
from haar.discover.step import Step
from haar.discover.trivial import NEARLY_LINEAR, Trivial
from haar.errors import ArgumentError
from haar.groups.algebra import LieAlgebra
from haar.report import Report, Section
from haar.statistics import Estimate


@dataclass(frozen=True)
class Settings:
    """How it was asked.

    Attributes:
        kinds: Of symmetries that are sought.
        kind: How outputs move: ``"any"``, ``"same"`` or ``"invariant"``.
        affine: Whether generators may shift.
        points: Number of points on which one matrix acts, or None.
        tolerance: The largest defect of a symmetry.
        significance: Level of the tests.
        relative: Whether every sample counts the same.
        support: Where derivatives are taken.
        seed: Of the halves.
        asked: What the caller said of the outputs.
        dictionary: The fields among which generators are sought, and what of them vanishes; None for matrices.
    """

    kinds: tuple[str, ...]
    kind: str
    affine: bool
    points: int | None
    tolerance: float
    significance: float
    relative: bool
    support: str
    seed: int
    asked: str = "auto"
    dictionary: tuple[FieldProblem, list[Trivial]] | None = None

    def sought(self) -> Sought:
        """What the continuous part needs of it."""
        return Sought(self.kind, self.affine, self.points, self.tolerance, self.significance, self.relative)


class Discovery(Report):
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

    def __init__(
        self,
        model: FlatModel,
        sample: Evaluated | FieldSample,
        settings: Settings,
        *,
        said: Sequence[str] = (),
        finite: Sequence[Step] = (),
    ) -> None:
        self.settings, self.sample, self._model = settings, sample, model
        first, second = halves(sample.units, torch.Generator().manual_seed(settings.seed))
        self.samples = (len(first), len(second))
        self.continuous = self._continuous(first, second)
        self.finite = tuple(finite)
        self.said = list(said)

    def _continuous(self, first: Tensor, second: Tensor) -> Continuous | None:
        if "lie" not in self.settings.kinds:
            return None
        sample, sought, model = self.sample, self.settings.sought(), self._model
        if isinstance(sample, Evaluated):
            return continuous(model, sample.part(first), sample.part(second), sought)
        problem, trivial = self.settings.dictionary or (None, [])
        if problem is None:
            raise ArgumentError("sample", expected="a dictionary's problem beside its sample", got="none")
        return field_continuous(
            model.model, problem, sample.part(first), sample.part(second), sought, trivial=trivial, dtype=model.dtype
        )

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
    def trivial(self) -> list[Trivial]:
        """What was removed and why."""
        return [] if self.continuous is None else self.continuous.trivial

    @property
    def spectrum(self) -> Spectrum | None:
        """Relative defects of all directions on both halves; None if nothing was solved."""
        return None if self.continuous is None else self.continuous.spectrum

    @property
    def _largest(self) -> Generated | None:
        return None if self.continuous is None else self.continuous.leading

    @property
    def algebra(self) -> LieAlgebra | None:
        """The largest algebra that passed, in coordinates without units; None if none did."""
        return None if self._largest is None else self._largest.algebra

    @property
    def scaling(self) -> float | None:
        """The degree p if scalings f(s x) = s^p f(x) are among what was found."""
        step = self._largest
        return None if step is None or step.scaling is None else step.scaling.degree

    @property
    def failed_gate(self) -> str:
        """Where nothing was established: the gate at which the best candidate failed."""
        found = self.continuous
        return "" if found is None or found.steps or found.closest is None else found.closest.failed

    def generators(self) -> Pair:
        """All generators in the coordinates as given, homogeneous: last column shifts, last row 0.

        Raises:
            ArgumentError: If there are none.
        """
        step = self._largest
        if step is None or self.continuous is None or step.algebra.of_fields:
            raise ArgumentError("found", expected="a discovery with generators", got="none established, or fields")
        return generators(self.continuous, step)

    @property
    def staircase(self) -> list[Step]:
        """Symmetries established: algebras, then finite groups."""
        found = self.continuous
        return [self._step(step) for step in (found.steps if found else [])] + list(self.finite)

    def _step(self, step: Generated) -> Step:
        found = self.continuous
        gate, action = step.gate, step.action
        compact = None if isinstance(action, str) else action
        exact = found is not None and gate.defect <= found.exact_below
        return Step(
            name=step.name,
            symmetry=None if compact is None else compact.symmetry,
            defect=Estimate(gate.defect, gate.low, gate.high),
            dimension=gate.count,
            outside=gate.beyond or None,
            grade="exact" if exact else "approximate",
            kind="lie",
        )

    @property
    def symmetry(self) -> Symmetry | None:
        """The largest symmetry that the other verbs take, in `coordinates`; None if there is none."""
        action = None if self._largest is None else self._largest.action
        if action is not None and not isinstance(action, str):
            return action.symmetry
        steps = [step for step in self.finite if step.symmetry is not None]
        return steps[-1].symmetry if steps else None

    @property
    def coordinates(self) -> Coordinates | None:
        """Where the symmetry acts, if not on inputs and outputs as they are."""
        action = None if self._largest is None else self._largest.action
        if action is None or isinstance(action, str) or action.coordinates.is_plain:
            return None
        return action.coordinates

    def model(self, model: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """The model in the coordinates of the symmetry: what the other verbs take beside it."""
        own = self._model.model if model is None else model
        return own if self.coordinates is None else self.coordinates.model(own)

    def inputs(self, x: Tensor) -> Tensor:
        """Inputs in the coordinates of the symmetry."""
        return x if self.coordinates is None else self.coordinates.of_inputs(x)

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
            "settings": {name: value for name, value in vars(self.settings).items() if name != "dictionary"},
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

    @property
    def remarks(self) -> list[str]:
        """What a reader must know."""
        found, told = self.continuous, list(self.said)
        if found is not None and NEARLY_LINEAR < found.linear_share < 1 - 1e-8:
            told.append(f"the model is nearly linear: an affine map gives {found.linear_share:.1%} of its variance")
        return told

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
