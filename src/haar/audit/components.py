"""Does a fitted estimator depend on the signs of its principal components, or on who chooses them?

The signs of components are a convention, and libraries have changed theirs: scikit-learn's PCA made the largest score
of every component positive until 1.5, and the largest loading since. A head that was fitted on scores of one convention
and is used with those of the other answers something else, and an index that is a score turns upside down.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float

from haar.audit.signs import ALL_SIGNS
from haar.errors import ArgumentError, HaarError, check_count, require
from haar.groups import SignGroup
from haar.report import Report, Section, Table
from haar.seeding import Seed, generator_of

#: Relative changes below this are rounding: linear heads add up products of sixteen digits.
NOISE = 1e-9
_SAID = ("predict_proba", "decision_function", "predict", "transform")
_CHANGES = {"signs": "all signs", "release": "scikit-learn before 1.5 and since"}
_HEADS = {"kept": "head kept", "fitted anew": "head fitted anew"}


@dataclass(frozen=True, eq=False)
class ComponentAudit(Report):
    """What was found.

    Attributes:
        component: Name of the step with the components, and its kind.
        head: The kind of what follows; ``"none"`` where scores are the answer.
        flips: Components (from 1) whose sign is another by the largest score than by the largest loading.
        changes: For each head (``"kept"``, and ``"fitted anew"`` where there were answers) and each change
            (``"signs"``: the largest over signs; ``"release"``: the signs of one convention in place of the other's)
            the largest relative change of the output, and the share of rows whose class is another.
    """

    kind: ClassVar[str] = "component-audit"

    component: str
    head: str
    flips: tuple[int, ...]
    changes: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    title: str = "Does the estimator depend on the signs of its components?"

    def changed(self, head: str, change: str) -> bool:
        """Whether the output is another, beyond rounding.

        Args:
            head: ``"kept"`` or ``"fitted anew"``.
            change: ``"signs"`` or ``"release"``.
        """
        found = self.changes[head][change]["output"]
        return found is None or not found <= NOISE

    @property
    def summary(self) -> str:
        """What depends on signs."""
        words = []
        for head, told in _HEADS.items():
            if head not in self.changes:
                continue
            if not self.changed(head, "signs"):
                words.append(f"{told}: invariant under signs")
                continue
            size = self.changes[head]["signs"]["output"]
            release = "it changes" if self.changed(head, "release") else "no sign differs"
            words.append(
                f"{told}: depends on signs (relative change {size:.2g}); between the two conventions {release}"
            )
        return "; ".join(words) + "."

    @property
    def made_of(self) -> Mapping[str, object]:
        """Conventions."""
        return {"conventions": f"changes relative to the output's spread; exact: below {NOISE:.0e}"}

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        names = ("component", "head", "flips", "changes", "summary")
        return {name: getattr(self, name) for name in names}

    def sections(self) -> Sequence[Section]:
        """One table."""
        rows = [
            (_HEADS[head], _CHANGES[change], found["output"], found["answers"], self._word(head, change))
            for head, changes in self.changes.items()
            for change, found in changes.items()
        ]
        flips = ", ".join(map(str, self.flips)) or "none"
        note = (
            f"{self.component}, then {self.head}; components with another sign by the largest loading than by the "
            f"largest score: {flips}"
        )
        columns = ("", "signs that change", "relative change", "answers changed", "verdict")
        return [Section("Signs of components", table=Table("", columns, rows, note))]

    def _word(self, head: str, change: str) -> str:
        return "changes" if self.changed(head, change) else "invariant"


def audit_components(estimator: Any, x: Any, y: Any = None, *, samples: int = 64, seed: Seed = 0) -> ComponentAudit:
    """Change the signs of a fitted estimator's components, and look at what it says.

    The scores that a step with `components_` gives are multiplied with signs before they go on: first to the head as it
    was fitted (a saved head, components of another release), then, with answers, to a copy of the head that is fitted
    anew on them. The estimator is not changed.

    Args:
        estimator: A fitted pipeline with a step that has ``components_`` and ``transform``, or such a step alone, whose
            scores are then the answer themselves.
        x: Rows.
        y: Answers; without them no head is fitted anew.
        samples: Random signs; all of them are tried up to 6 components.
        seed: Seed of the signs.

    Raises:
        ArgumentError: If there is no such step, or it or what follows fails.

    Example:
        >>> from sklearn.decomposition import PCA
        >>> from sklearn.linear_model import Ridge
        >>> from sklearn.pipeline import make_pipeline
        >>> rng = np.random.RandomState(0)
        >>> x = rng.normal(size=(50, 6))
        >>> fitted = make_pipeline(PCA(2), Ridge()).fit(x, x[:, 0])
        >>> report = audit_components(fitted, x, x[:, 0])
        >>> report.changed("kept", "signs"), report.changed("fitted anew", "signs")
        (True, False)
    """
    check_count("samples", samples)
    before, (name, step), after = _parts(estimator)
    rows = x
    for each in before:
        rows = _called(each, "transform", rows)
    scores = np.asarray(_called(step, "transform", rows), dtype=float)
    release = _conventions(np.asarray(step.components_, dtype=float), scores)
    tried = {"signs": _signs(scores.shape[1], samples, seed), "release": release[None]}
    head = after[-1] if after else None
    found = {"kept": _measured(lambda s: _said(after, s), scores, tried)}
    if y is not None and head is not None:
        found["fitted anew"] = _measured(lambda s: _said(_fitted(after, s, y), s), scores, tried)
    kind = type(head).__name__ if head is not None else "none"
    flips = tuple(int(place) + 1 for place in np.flatnonzero(release < 0))
    return ComponentAudit(f"{name} ({type(step).__name__})", kind, flips, found)


def _parts(estimator: Any) -> tuple[list[Any], tuple[str, Any], list[Any]]:
    """What stands before the components, they themselves, and what follows."""
    steps = getattr(estimator, "steps", None)
    named = list(steps) if isinstance(steps, list) else [(type(estimator).__name__, estimator)]
    for place, (name, step) in enumerate(named):
        if hasattr(step, "components_") and hasattr(step, "transform"):
            return _active(named[:place]), (name, step), _active(named[place + 1 :])
    raise ArgumentError(
        "estimator",
        expected="a fitted pipeline with a step that has components_ and transform, or such a step",
        got=f"{type(estimator).__name__} with {', '.join(type(step).__name__ for _, step in named)}",
        way_out="fit it first; networks of scores are audited by haar.audit with haar.nn.principal.gauge_symmetry",
    )


def _active(named: Sequence[tuple[str, Any]]) -> list[Any]:
    """Steps that do something."""
    return [step for _, step in named if step is not None and not isinstance(step, str)]


def _called(step: Any, method: str, *values: Any) -> Any:
    try:
        return getattr(step, method)(*values)
    except HaarError:
        raise
    except Exception as error:  # a stranger's estimator raises whatever it likes
        got = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ArgumentError(
            "estimator", expected=f"{type(step).__name__}.{method} to take these rows", got=got
        ) from error


def _conventions(components: Float[np.ndarray, "k p"], scores: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " k"]:
    """-1 where the largest score and the largest loading are on different sides."""
    sides = []
    for columns in (scores, components.T):
        largest = np.abs(columns).argmax(0)
        sides.append(np.sign(columns[largest, np.arange(columns.shape[1])]))
    return np.where(sides[0] * sides[1] < 0, -1.0, 1.0)


def _signs(k: int, samples: int, seed: Seed) -> Float[np.ndarray, "m k"]:
    if k > ALL_SIGNS:
        return SignGroup(k).sample(samples, generator_of(seed)).numpy().astype(float)
    return torch.cartesian_prod(*[torch.tensor([1.0, -1.0])] * k).reshape(-1, k)[1:].numpy().astype(float)


def _said(after: Sequence[Any], scores: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The output, and classes where the head has any."""
    for step in after[:-1]:
        scores = _called(step, "transform", scores)
    if not after:
        return scores, None
    head = after[-1]
    method = next((name for name in _SAID if hasattr(head, name)), "predict")
    classes = np.asarray(_called(head, "predict", scores)) if hasattr(head, "classes_") else None
    return np.asarray(_called(head, method, scores), dtype=float), classes


def _fitted(after: Sequence[Any], scores: np.ndarray, y: Any) -> list[Any]:
    clone = require("sklearn.base", "econometrics").clone
    found = []
    for place, step in enumerate(after):
        anew = clone(copy.deepcopy(step))
        _called(anew, "fit", scores, y)
        found.append(anew)
        if place < len(after) - 1:
            scores = _called(anew, "transform", scores)
    return found


def _measured(
    said: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]],
    scores: np.ndarray,
    tried: Mapping[str, np.ndarray],
) -> dict[str, dict[str, float | None]]:
    output, classes = said(scores)
    again, _ = said(scores)
    if again.shape != output.shape or not np.array_equal(again, output):
        raise ArgumentError(
            "estimator",
            expected="the same answers for the same rows",
            got="other ones the second time",
            way_out="give the head a random_state",
        )
    spread = float(output.std()) or float(np.abs(output).max()) or 1.0
    found: dict[str, dict[str, float | None]] = {}
    for change, many in tried.items():
        largest, moved = 0.0, 0.0
        for signs in many:
            other, others = said(scores * signs)
            largest = max(largest, float(np.abs(other - output).max()) / spread)
            if classes is not None and others is not None:
                moved = max(moved, float((others != classes).mean()))
        found[change] = {"output": largest, "answers": None if classes is None else moved}
    return found
