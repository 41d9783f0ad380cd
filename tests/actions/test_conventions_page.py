"""Every example on the page of conventions runs, and every figure it shows is there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"


def test_the_examples_run():
    results = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.attempted > 20
    assert results.failed == 0


def test_the_figures_are_there():
    figures = re.findall(r"\]\((images/[^)]*)\)", PAGE.read_text())
    assert len(figures) == 7
    assert all((PAGE.parent / figure).stat().st_size > 1000 for figure in figures)
