"""Results as they were: in a file of lines by name, compared number by number, and written anew where there is none."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
from torch.utils import _pytree as pytree


class Kept:
    """A file of recorded results.

    Args:
        name: Of the file, beside this one.
        tolerance: Of numbers that round, as `pytest.approx` has it.
    """

    def __init__(self, name: str, **tolerance: float) -> None:
        self.path, self.tolerance = Path(__file__).parent / name, tolerance
        self.found: dict[str, object] = {}

    @functools.cached_property
    def recorded(self):
        """All results as they were."""
        return json.loads(self.path.read_text(encoding="utf-8"))

    def compare(self, name, found):
        """Whether what is told is what was recorded."""
        if not self.path.is_file():
            self.found[name] = found
            return
        assert name in self.recorded, f"{name} is new: delete {self.path.name}, and run this file alone"
        found, kept = (flat(json.loads(json.dumps(one))) for one in (found, self.recorded[name]))
        assert found.keys() == kept.keys()
        assert {at: (found[at], x) for at, x in kept.items() if found[at] != self._near(x)} == {}

    def finish(self, names):
        """Write all results where there is no file, and ask whether all that are recorded were asked."""
        if not self.path.is_file() and self.found.keys() == set(names):
            lines = [f"{json.dumps(name)}: {json.dumps(self.found[name])}" for name in names]
            self.path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        assert self.path.is_file(), f"{self.path.name} is not there: run this file alone"
        assert self.recorded.keys() == set(names)
        assert not self.found, f"{self.path.name} was not there and has been written: look at it"

    def _near(self, leaf):
        return pytest.approx(leaf, **self.tolerance) if isinstance(leaf, float) else leaf


def flat(value):
    """Every number and word by its place."""
    return {pytree.keystr(path): leaf for path, leaf in pytree.tree_leaves_with_path(value)}
