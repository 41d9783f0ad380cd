"""What a check came to: the symmetry, the repair, what it did, and what to type next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from haar.actions import Symmetry
from haar.audit import Audit
from haar.check.measured import Measured
from haar.check.relaxed import Relaxed
from haar.check.repair import Repair
from haar.data.array_file import holds_arrays
from haar.discover import Discovery

#: Files of arrays: what is measured along trajectories needs a data set.
_ARRAYS = (".npy", ".csv", ".txt", ".safetensors", ".pt", ".pth")

_TRAIN = "train with as much symmetry as the data carry"


@dataclass(frozen=True)
class Spoken:
    """How the user names things, for the commands to type next.

    Attributes:
        model: The model.
        data: The data.
        group: The group, where it was given by name; else empty.
        options: Other words that belong to model and data, such as ``--fields ...``.
        found: Where a found symmetry was written; empty if it was not.
        structures: Whether the model is a calculator and the data are structures.
        labels: Words that say where the labels stand in the data, for the commands that read them.
    """

    model: str = "MODEL"
    data: str = "DATA"
    group: str = ""
    options: str = ""
    found: str = ""
    structures: bool = False
    labels: str = ""


class Outcome:
    """The symmetry, the audit, the repair and what it did; how it is told is `Check`'s.

    Args:
        symmetry: What was asked of the model; None where nothing was found.
        discovery: How it was found; None where it was given.
        audit: The audit on the samples that may choose; None where there is no symmetry.
        repair: What was carried out; None likewise.
        measured: What that did on held-out samples; None likewise.
        relaxed: What training with a part of the symmetry came to; None where it was not asked for.
        example: One input, with which the repaired model is written.
        spoken: How the user names things.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        symmetry: Symmetry | None,
        discovery: Discovery | None,
        audit: Audit | None,
        repair: Repair | None,
        measured: Measured | None,
        example: Tensor,
        spoken: Spoken,
        relaxed: Relaxed | None = None,
    ) -> None:
        self.symmetry, self.discovery, self.audit = symmetry, discovery, audit
        self.repair, self.measured, self.spoken = repair, measured, spoken
        self.relaxed = relaxed
        self.model = model if repair is None else repair.model
        self.written: Path | None = None
        self.not_written = ""
        self._example = example

    @property
    def action(self) -> str:
        """``"average"``, ``"average softly"``, ``"relax"`` or ``"leave alone"``."""
        return "leave alone" if self.repair is None else self.repair.action

    @property
    def summary(self) -> str:
        """The answer: what was done, what it changed, and why."""
        tried = self.relaxed.why if self.relaxed is not None and self.action != "relax" else ""
        form = "" if self.discovery is None else self.discovery.form_in_words
        kept = f"{form[:1].upper()}{form[1:]}." if form else ""
        return " ".join(part for part in (self._of_repair(), tried, self._elsewhere(), kept) if part)

    def _elsewhere(self) -> str:
        """Where the largest symmetry acts, if not on inputs as they are given: there it is audited, not here."""
        found = self.discovery
        if found is None or found.coordinates is None or found.symmetry is None:
            return ""
        return (
            f"{found.symmetry.group.name} was found in other coordinates, such as other units or another origin, which "
            "haar audit --symmetry takes from the file of the discovery; a check repairs in those that are given."
        )

    def _of_repair(self) -> str:
        if self.repair is None or self.measured is None:
            told = "" if self.discovery is None else self.discovery.summary
            return f"Left alone: no symmetry was found that averaging could use. {told}".strip()
        done, seen = self.repair, self.measured
        if done.action == "leave alone":
            return f"Left alone. {done.why}"
        copies = f"{done.elements} copies" + ("" if done.exact else ", not exact")
        defect = f"the defect goes from {seen.defect_before:.2g} to {seen.defect_after:.2g}"
        if done.action == "relax" and self.relaxed is not None:
            return f"{self.relaxed.why.removesuffix('.')}; {defect}."
        if seen.change is None:
            return f"{_done(done)} ({copies}): {defect}; without labels the error was not measured. {done.why}"
        change = seen.change
        sure = "" if change.high < 0 else ", which cannot be told from no change"
        return (
            f"{_done(done)} ({copies}): on {seen.rows} held-out samples ({seen.units} independent) the error changes "
            f"by {change.value:+.1%} [{change.low:+.1%}, {change.high:+.1%}]{sure}; {defect}."
        )

    @property
    def commands(self) -> list[str]:
        """What to type next."""
        named = f"--group '{self.spoken.group}'" if self.spoken.group else ""
        named = f"--symmetry {self.spoken.found}" if self.spoken.found else named
        elsewhere = bool(self.spoken.found and self._elsewhere())
        if self.spoken.structures:
            return [f"haar audit --ase {self.spoken.model} {self.spoken.data} --out audit/"]
        rest = [word for word in (self.spoken.labels, self.spoken.options) if word]
        both = " ".join([self.spoken.model, self.spoken.data, *([named] if named else []), *rest])
        if self.symmetry is None and not elsewhere:
            both = " ".join([self.spoken.model, self.spoken.data, *rest])
            return [f"haar discover {both}", f"haar check {both} --group GROUP"]
        told = [f"haar audit {both} --out audit/"]
        told += self._of_averages(both, named)
        if self.audit is not None and self.audit.recommendation.verdict in ("do not", "unclear", "soft"):
            told += self._of_training()
        return told

    def _of_training(self) -> list[str]:
        """What trains with a part of the symmetry; nothing where that was done, or tried."""
        if self.relaxed is not None:
            return [] if self.relaxed.tried else [f"haar relax --help   # {_TRAIN}"]
        named = f"--group '{self.spoken.group}'" if self.spoken.group else ""
        words = (self.spoken.model, self.spoken.data, named, self.spoken.options)
        return [f"haar check {' '.join(word for word in words if word)} --relax   # {_TRAIN}"]

    def _of_averages(self, both: str, named: str) -> list[str]:
        """What measures and writes the average over a named group, where DATA is of a kind that these commands take."""
        spoken = self.spoken
        arrays = Path(spoken.data).suffix in _ARRAYS or holds_arrays(Path(spoken.data))
        suffix = "onnx" if spoken.model.endswith(".onnx") else "pt2"
        if not spoken.group or self.action in ("leave alone", "relax") or (arrays and "--fields" not in spoken.options):
            return []
        one = " ".join(word for word in (spoken.model, "--data", spoken.data, named, spoken.options) if word)
        averaged = f"haar average {one} -o averaged.{suffix}"
        return [averaged] if arrays else [f"haar average evaluate {both}", f"{averaged} --share 0.95"]


def _done(repair: Repair) -> str:
    how = "Averaged softly" if repair.action == "average softly" else "Averaged"
    return f"{how} over {repair.group}"
