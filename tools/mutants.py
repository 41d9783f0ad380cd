"""One-edit mutants of a room: a test suite that lets one live has not asserted what that line does.

``make mutants ROOM=audit COUNT=40 SEED=0`` draws mutants of ``src/haar/audit`` at random, makes one edit at a time in a
copy of the tree, and runs that room's tests on it: the mirrored file first, then the rest. It prints every survivor as
a diff, and the share that died. Cosmic Ray finds and makes the edits; two kinds that it lacks are added here.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

ROOT = Path(__file__).parent.parent
# Edits that a reader could overlook; shifts and bit operations on floats, and lost decorators, break at once.
ARITHMETIC = "(Add|Sub|Mul|Div|Pow)"
KINDS = (
    f"ReplaceBinaryOperator_{ARITHMETIC}_{ARITHMETIC}$",
    "ReplaceComparisonOperator",
    "ReplaceUnaryOperator",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "AddNot",
    "NumberReplacer",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceContinueWithBreak",
    "ReplaceBreakWithContinue",
    "ZeroIterationForLoop",
)


def dropped(code: str) -> list[str]:
    """The code without one keyword argument, or without one statement that only calls something (``model.train()``)."""
    lines = code.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(len(line) for line in lines)]

    def place(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found.append((place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset), "pass"))
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                start = place(keyword.lineno, keyword.col_offset)
                comma = code.rfind(",", 0, start)
                if keyword.arg is not None and not code[comma + 1 : start].strip():
                    found.append((comma, place(keyword.end_lineno, keyword.end_col_offset), ""))
    return [code[:start] + put + code[end:] for start, end, put in found]


@dataclass(frozen=True)
class Mutant:
    """One edit: the file, and its text before and after."""

    path: Path
    before: str
    after: str

    def diff(self) -> str:
        """The edit, for people."""
        lines = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=1)
        return "\n".join([str(self.path), *list(lines)[2:]])


def operators() -> Iterator[Operator]:
    """Every kind of edit."""
    for name in cosmic_ray.plugins.operator_names():
        if re.match("|".join(KINDS), name.split("/")[-1]):
            yield cosmic_ray.plugins.get_operator(name)()


def drawn(room: str, count: int, seed: int) -> Iterator[Mutant]:
    """Mutants of a room in random order, without those that change annotations or nothing."""
    folder = ROOT / "src/haar" / room
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    places: list[tuple[Path, Operator | None, int]] = []
    for path in files:
        code = path.read_text(encoding="utf-8")
        nodes = list(ast_nodes(get_ast(code)))
        places += [(path, None, occurrence) for occurrence in range(len(dropped(code)))]
        for kind in operators():
            found = sum(len(list(kind.mutation_positions(node))) for node in nodes)
            places += [(path, kind, occurrence) for occurrence in range(found)]
    random.Random(seed).shuffle(places)
    made = 0
    for path, kind, occurrence in places:
        if made == count:
            return
        before = path.read_text(encoding="utf-8")
        try:
            after = dropped(before)[occurrence] if kind is None else mutate_code(before, kind, occurrence)
            same = after is None or meaning(before) == meaning(after)
        except SyntaxError:
            continue
        if not same:
            made += 1
            yield Mutant(path.relative_to(ROOT), before, after)


def meaning(code: str) -> str:
    """The syntax tree without annotations and docstrings."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(0)
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
    return ast.dump(tree)


def test_sets(mutant: Mutant, copy: Path) -> Iterator[list[str]]:
    """The mirrored test file and the file's own examples first; then the rest of the room's tests."""
    inside = mutant.path.relative_to("src/haar")
    mirrored = copy / "tests" / inside.parent / f"test_{inside.name}"
    yield [str(mutant.path)]
    if mirrored.is_file():  # in a run of its own: classes that examples imported before are not those of the tests
        yield [str(mirrored.relative_to(copy))]
    room = copy / "tests" / inside.parts[0].removesuffix(".py")
    if room.is_dir():
        yield [str(room.relative_to(copy))]


def fails(tests: list[str], copy: Path, limit: int) -> bool:
    """Whether some test fails or hangs."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode not in (0, 5)  # 5: no test there


def dies(mutant: Mutant, copy: Path, limit: int) -> bool:
    """Whether some test of the room fails, or hangs, on a mutant."""
    path = copy / mutant.path
    path.write_text(mutant.after, encoding="utf-8")
    try:
        return any(fails(tests, copy, limit) for tests in test_sets(mutant, copy))
    finally:
        path.write_text(mutant.before, encoding="utf-8")


def main() -> int:
    """Draw, run, tell."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("room", help="a folder or file of src/haar, such as audit")
    asked.add_argument("--count", type=int, default=40)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--limit", type=int, default=600, help="seconds for each of a mutant's three runs")
    options = asked.parse_args()
    died = lived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in listed.splitlines():
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        room = f"tests/{options.room.split('/')[0]}"
        if fails([room], copy, options.limit):
            print(f"{room} fails without any edit, or takes longer than {options.limit} s")
            return 1
        for mutant in drawn(options.room, options.count, options.seed):
            if dies(mutant, copy, options.limit):
                died += 1
            else:
                lived += 1
                print(mutant.diff(), flush=True)
            print(f"{died} of {died + lived} died", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
