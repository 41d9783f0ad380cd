"""What was found, and how it was asked: all but how it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.discover.coordinates import Coordinates
from haar.discover.evaluated import Evaluated, FlatModel
from haar.discover.field_lie import field_continuous
from haar.discover.field_problem import FieldProblem, FieldSample
from haar.discover.forms import kept_form, told_form
from haar.discover.gates import unlooked
from haar.discover.lie import Continuous, Generated, Sought, continuous, generators, halves
from haar.discover.rows import Pair
from haar.discover.spectrum import Spectrum
from haar.discover.step import Step
from haar.discover.trivial import NEARLY_LINEAR, Trivial
from haar.errors import ArgumentError
from haar.groups.algebra import LieAlgebra
from haar.statistics import Estimate


@dataclass(frozen=True)
class Settings:
    """How it was asked.

    Attributes:
        kinds: Of symmetries that are sought.
        sought: What the continuous part seeks, and how everything is judged.
        support: Where derivatives are taken.
        seed: Of the halves.
        asked: What the caller said of the outputs.
        dictionary: The fields among which generators are sought, and what of them vanishes; None for matrices.
    """

    kinds: tuple[str, ...]
    sought: Sought
    support: str
    seed: int
    asked: str = "auto"
    dictionary: tuple[FieldProblem, list[Trivial]] | None = None

    @property
    def kind(self) -> str:
        """How outputs move: ``"any"``, ``"same"`` or ``"invariant"``."""
        return self.sought.kind

    @property
    def affine(self) -> bool:
        """Whether generators may shift."""
        return self.sought.affine

    @property
    def points(self) -> int | None:
        """Number of points on which one matrix acts, or None."""
        return self.sought.points

    @property
    def tolerance(self) -> float:
        """The largest defect of a symmetry."""
        return self.sought.tolerance

    @property
    def significance(self) -> float:
        """Level of the tests."""
        return self.sought.significance

    @property
    def relative(self) -> bool:
        """Whether every sample counts the same."""
        return self.sought.relative

    def contents(self) -> dict[str, Any]:
        """By name, for a file."""
        told = {"support": self.support, "seed": self.seed, "asked": self.asked}
        return {"kinds": self.kinds, **vars(self.sought), **told}


class Found:
    """Symmetries of a model that nobody has named, or an honest none.

    Args:
        model: The model, flat.
        sample: What it makes of the samples.
        settings: How it was asked.
        said: What a reader must know of how it was evaluated.
        finite: Finite symmetries, found beside.
    """

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
        sample, sought, model = self.sample, self.settings.sought, self._model
        if isinstance(sample, Evaluated):
            return continuous(model, sample.part(first), sample.part(second), sought)
        problem, trivial = self.settings.dictionary or (None, [])
        if problem is None:
            raise ArgumentError("sample", expected="a dictionary's problem beside its sample", got="none")
        return field_continuous(
            model.model, problem, sample.part(first), sample.part(second), sought, trivial=trivial, dtype=model.dtype
        )

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
    def form(self) -> Tensor | None:
        """The one indefinite quadratic form of inputs that the largest algebra keeps, such as a metric; or None."""
        if self.algebra is None or self.algebra.of_fields:
            return None
        return kept_form(self.algebra, self.generators().a[:, :-1, :-1])

    @property
    def form_in_words(self) -> str:
        """The same in a sentence; empty where there is none."""
        form = self.form
        return "" if form is None or self.algebra is None else told_form(self.algebra, form)

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
    def remarks(self) -> list[str]:
        """What a reader must know."""
        found, told = self.continuous, list(self.said)
        if found is not None and NEARLY_LINEAR < found.linear_share < 1 - 1e-8:
            told.append(f"the model is nearly linear: an affine map gives {found.linear_share:.1%} of its variance")
        told += [] if self._largest is None else _reversals(self._largest)
        cut = "" if found is None else unlooked(found.gates, self.settings.sought.tolerance)
        return told + [text for text in (self.form_in_words, cut) if text]


def _reversals(step: Generated) -> list[str]:
    """SO(n) told from O(n): which reversals are symmetries too, and how far the nearest is where none is."""
    if isinstance(step.action, str) or not step.components:
        return []
    name = step.action.symmetry.group.name
    held = [one for one in step.components if one.finite.accepted]
    if not held:
        nearest = min(one.finite.defect for one in step.components)
        return [f"{name} without its reversals: the nearest of them has the defect {nearest:.2g}"]
    told = [
        f"{name}, and {name[1:]}: with all reversed the defect is {one.finite.defect:.2g}" for one in held if one.plain
    ]
    return told + [
        f"{name}, and with a reversal by {one.told} (blocks by falling spin): its defect is {one.finite.defect:.2g}"
        for one in held
        if not one.plain
    ]
