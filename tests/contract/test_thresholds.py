"""The numbers at the head of files, which decide what is enough, close or too much, are what they were.

A threshold is tested where it decides; what none of those tests tells apart, such as the size of a block or a guard
against rounding, is held here. Whoever means to change one deletes ``thresholds.json``, runs the test, and looks at it.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "haar"
_HEAD = re.compile(r"^(_?[A-Z][A-Z0-9_]*(?:, _?[A-Z][A-Z0-9_]*)*)(?:: [^=\n]+)? = ", re.MULTILINE)
_OF_NUMBERS = (ast.Constant, ast.Tuple, ast.Load, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop)


def numbers(text):
    """Of every constant of a file that is a number or a row of them, how it is written."""
    found = {}
    for head in _HEAD.finditer(text):
        lines = text[head.end() :].splitlines()
        for count in range(1, len(lines) + 1):
            try:
                value = ast.parse("(" + "\n".join(lines[:count]) + "\n)", mode="eval").body
            except SyntaxError:
                continue  # it goes on on the next line
            if all(
                isinstance(one, _OF_NUMBERS) and type(getattr(one, "value", 0)) in (int, float)
                for one in ast.walk(value)
            ):
                found[head[1]] = ast.unparse(value)
            break
    return found


def test_the_numbers_that_decide_are_what_they_were():
    kept = Path(__file__).parent / "thresholds.json"
    found = {str(path.relative_to(SRC)): numbers(path.read_text()) for path in sorted(SRC.rglob("*.py"))}
    found = {name: one for name, one in found.items() if one}
    if not kept.is_file():
        kept.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        pytest.fail(f"{kept.name} was written anew: look at it and run the test again")
    recorded = json.loads(kept.read_text())
    changed = {name for name in recorded.keys() | found.keys() if recorded.get(name) != found.get(name)}
    assert {name: found.get(name) for name in changed} == {name: recorded.get(name) for name in changed}


def test_they_are_read_with_types_and_over_several_lines():
    text = "_A: Final[float] = 1e-6\nB = (\n    2,\n    -3.5,\n)\nC = True\nD = (1, 'x')\n"
    text += "def f(e=4):\n    F = 5\nG = 2**31\nH = f(3)\nI, J = 1, 2\n"
    assert numbers(text) == {"_A": "1e-06", "B": "(2, -3.5)", "G": "2 ** 31", "I, J": "(1, 2)"}
