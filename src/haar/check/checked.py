"""What a check found and did, on one page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from haar.average import Averaged, SoftAverage, save
from haar.check.outcome import Outcome, Spoken
from haar.errors import ArgumentError
from haar.probing import undisturbed
from haar.programs import OnnxModel
from haar.report import Report, Section

__all__ = ["Check", "Spoken"]


class Check(Outcome, Report):
    """A check of a model on data: the symmetry, the audit, the repair and what it did.

    Args:
        symmetry: What was asked of the model; None where nothing was found.
        discovery: How it was found; None where it was given.
        audit: The audit on the samples that may choose; None where there is no symmetry.
        repair: What was carried out; None likewise.
        measured: What that did on held-out samples; None likewise.
        relaxed: What training with a part of the symmetry came to; None where it was not asked for.
        example: One input, with which the repaired model is written.
        spoken: How the user names things.

    Attributes:
        model: The model to use from now on: repaired, or as it was.
    """

    kind = "check"
    title = "Which symmetry, and what is to be gained?"

    def save_model(self, path: str | os.PathLike[str]) -> Path | None:
        """Write the repaired model as a file that runs without this library; None where nothing was repaired.

        Args:
            path: A ``.pt2`` or ``.onnx`` file; of the average of an ``.onnx`` graph, the latter.

        Raises:
            ArgumentError: If the suffix is another.
            HaarError: If the model cannot be traced, or the file does not reproduce it.
        """
        if not isinstance(self.model, (Averaged, SoftAverage)) or self.action == "leave alone":
            return None
        target = Path(path)
        if target.suffix not in (".pt2", ".onnx"):
            raise ArgumentError("path", expected="a name that ends in .pt2 or .onnx", got=target.name)
        with undisturbed(self.model):
            free = any(isinstance(part, OnnxModel) and part.batch is None for part in self.model.modules())
            self.written = save(self.model, (self._example,), target, dynamic_batch=free)
        return self.written

    def contents(self) -> dict[str, Any]:
        """Everything, with numbers."""
        repair = self.repair
        return {
            "sentence": self.summary,
            "action": self.action,
            "group": "" if repair is None else repair.group,
            "elements": 1 if repair is None else repair.elements,
            "exact": None if repair is None else repair.exact,
            "why": "" if repair is None else repair.why,
            "asked": None if self.symmetry is None else self.symmetry.group.name,
            "relaxed": None if self.relaxed is None else self.relaxed.to_dict(),
            "measured": None if self.measured is None else self.measured.to_dict(),
            "written": None if self.written is None else self.written.name,
            "commands": self.commands,
            "audit": None if self.audit is None else self.audit.to_dict(),
            "discovery": None if self.discovery is None else self.discovery.to_dict(),
        }

    def sections(self) -> Sequence[Section]:
        """The answer, before and after, the symmetry, the audit, what to type next."""
        from haar.check.sections import sections

        return sections(self)
