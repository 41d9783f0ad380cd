"""No piece of code is idle or senseless: what the eye skips is caught by a rule on the text of all files."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import haar

SOURCE = Path(haar.__file__).parent
#: Files that zip what need not be equally long, and how often: every other zip checks that it is.
UNEQUAL = {
    "audit/legend.py": 1,
    "average/anytime.py": 2,
    "data/array_file.py": 1,
    "data/molecules/asked_model.py": 1,
    "data/monthly/fred_md.py": 1,
    "discover/rows.py": 2,
    "nn/folding.py": 1,  # what torch compiles
    "nn/principal/axes.py": 1,
    "nn/spectral/given.py": 2,
    "relax/wrapping/proposals.py": 1,
    "relax/wrapping/reasons.py": 1,
    "systems/constitutive/command.py": 1,
    "systems/constitutive/elastic.py": 1,
    "systems/constitutive/sections.py": 1,
    "systems/intertwiners/sections.py": 1,
    "systems/kkan/networks.py": 1,
    "systems/kkan/sections.py": 1,
    "systems/lattice_boltzmann/compiled_kernel.py": 1,
    "systems/renormalisation/figures.py": 2,
    "systems/structural_equations/report.py": 1,
    "weights/layers.py": 1,
    "weights/walk.py": 1,
}
#: Attributes and functions whose values are words, kinds or shapes: they are equal or not, and none comes first.
WITHOUT_ORDER = {"device", "dtype", "kind", "mode", "name", "op", "shape", "suffix", "type"}
#: What counts: never below zero.
COUNTS = {"len", "ndim", "numel", "shape"}
ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def is_number(node: ast.AST | None, *numbers: int) -> bool:
    """Whether a whole number is written there, one of these if there are any."""
    value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return type(value) in {int, float} if not numbers else type(value) is int and value in numbers


def is_one_of(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression asks an attribute, or calls a function, of one of these names."""
    name = getattr(node.func, "id", None) if isinstance(node, ast.Call) else None
    node = node.func if isinstance(node, ast.Call) else node
    return name in names or getattr(node, "attr", None) in names


def has_no_order(node: ast.expr) -> bool:
    """Whether it is a word, a kind, a list that is written out, or a shape or a part of one."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return has_no_order(node.value)
    words = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    steps = isinstance(node, ast.Call) and not node.args and is_one_of(node, {"size", "stride"})
    return words or steps or isinstance(node, (ast.Tuple, ast.List)) or is_one_of(node, WITHOUT_ORDER)


def is_idle(node: ast.AST) -> bool:
    """Whether a piece of code does nothing: ``+x``, ``-0``, ``not 2``, ``x + 0``, ``1 * x``, ``x**1``, ``x[0:]``."""
    if isinstance(node, ast.UnaryOp):
        odd = isinstance(node.op, (ast.Not, ast.Invert)) and is_number(node.operand)
        return isinstance(node.op, ast.UAdd) or odd or is_number(node.operand, 0)
    if isinstance(node, ast.Slice):
        return is_number(node.lower, 0) or is_number(node.step, 1)
    if not isinstance(node, (ast.BinOp, ast.AugAssign)):
        return False
    right = node.right if isinstance(node, ast.BinOp) else node.value
    if isinstance(node.op, (ast.Add, ast.Sub)):
        return is_number(right, 0)
    if isinstance(node.op, ast.Mult) and isinstance(node, ast.BinOp) and is_number(node.left, 1):
        return True
    powers = (0, 1) if isinstance(node.op, ast.Pow) else (1,)
    return isinstance(node.op, (ast.Mult, ast.Div, ast.FloorDiv, ast.Pow)) and is_number(right, *powers)


def is_senseless(node: ast.AST) -> bool:
    """Whether a comparison asks which of two words or shapes comes first, or whether a count is below zero."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    if any(isinstance(how, ORDERED) for how in node.ops) and any(has_no_order(side) for side in sides):
        return True
    left = node.left.value if isinstance(node.left, ast.Subscript) else node.left
    below = isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.GtE)) and is_number(sides[1], 0)
    return below and is_one_of(left, COUNTS)


def is_unequal(node: ast.AST) -> bool:
    """Whether it zips what need not be equally long."""
    if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "zip":
        return False
    said = {word.arg: word.value for word in node.keywords}
    return getattr(said.get("strict", ast.Constant(False)), "value", True) is False


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every piece of the code, and its file."""
    for path in sorted(SOURCE.rglob("*.py")):
        file = path.relative_to(SOURCE).as_posix()
        yield from ((file, node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def test_no_code_is_idle_or_senseless():
    idle, unequal = [], Counter()
    for file, node in nodes():
        if is_idle(node) or is_senseless(node):
            idle.append(f"{file}:{getattr(node, 'lineno', '')} {ast.unparse(node)}")
        unequal[file] += is_unequal(node)
    assert idle == []
    assert +unequal == UNEQUAL


IDLE = """+x; not 1; ~2; -0; x + 0; x - 0; 1 * x; x * 1; x / 1; x // 1; x**0; x**1; x[0:2]; x[::1]; x == 'a' > y
x.name < y; a.shape[1:] >= b; len(x) >= 0; x.shape[1] < 0; x.numel() <= 0; x.stride() > y; (1, 2) <= y; f'{x}' < y"""
BUSY = """-x; -1; not x; ~x; x + 1; 0 - x; 0.0 + x; x + 0.0; 0 * x; x * 0; 1 / x; 2**x; x**2; x[:0]; x[1:]; x[::2]
x < 0; x == 'a'; x.name != y; x.shape[1] > 1; len(x) > 0; {1} <= x; x.stride > 1; x.stride(0) > y; x.shape[0] > 2"""


@pytest.mark.parametrize("code", re.split("; |\n", IDLE))
def test_idle_code_is_seen(code):
    assert any(is_idle(node) or is_senseless(node) for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize("code", re.split("; |\n", BUSY))
def test_code_that_does_something_passes(code):
    assert not any(is_idle(node) or is_senseless(node) for node in ast.walk(ast.parse(code)))


def test_unequal_lengths_are_seen():
    code = ast.parse("zip(x, y, strict=False); zip(x, y, strict=True); zip(x, y, strict=z); f(x, strict=False)")
    assert sum(map(is_unequal, ast.walk(code))) == 1
