"""One-edit mutants of a room: a test suite that lets one live has not asserted what that line does.

``make mutants ROOM=audit COUNT=40 SEED=0`` draws mutants of ``src/haar/audit`` at random, makes one edit at a time in a
copy of the tree, and runs those of the room's tests that enter the edited lines, quickest first. It prints every
survivor as a diff, and the share that died. The tests run once without any edit, which also tells the lines that each
enters. Cosmic Ray finds and makes the edits; two kinds that it lacks are added here. Processes are forked: for Unix.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import itertools
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cosmic_ray.plugins
import coverage
import h5py  # noqa: F401  (imported before forking, so that no trial waits for it)
import hypothesis.strategies  # noqa: F401
import matplotlib.pyplot as plt  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import torch
import torch._dynamo
import torch.export
import torch.fx.experimental.proxy_tensor
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

torch.set_num_threads(1)
ROOT = Path(__file__).parent.parent
# Edits that a reader could overlook; shifts and bit operations on floats, and lost decorators, break at once.
ARITHMETIC = "(Add|Sub|Mul|Div|Pow)"
KINDS = (
    f"ReplaceBinaryOperator_{ARITHMETIC}_{ARITHMETIC}$",
    "ReplaceComparisonOperator(?!.*_Is(Not)?$)",  # small numbers that are equal are the same object
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
                # what zip is told to check has equal lengths wherever the code is right
                if keyword.arg not in (None, "strict") and not code[comma + 1 : start].strip():
                    found.append((comma, place(keyword.end_lineno, keyword.end_col_offset), ""))
    return [code[:start] + put + code[end:] for start, end, put in found]


@dataclass(frozen=True)
class Mutant:
    """One edit: the file, and its text before and after."""

    path: Path
    before: str
    after: str

    def lines(self) -> set[int]:
        """The lines of the innermost statements that differ, in the text before."""
        blocks = difflib.SequenceMatcher(None, self.before.splitlines(), self.after.splitlines(), autojunk=False)
        changed = {
            line + 1
            for tag, start, end, *_ in blocks.get_opcodes()
            if tag != "equal"
            for line in range(start, max(end, start + 1))
        }
        found = set(changed)
        for node in ast.walk(ast.parse(self.before)):
            if isinstance(node, ast.stmt):
                body = getattr(node, "body", None)
                last = body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno
                if changed & set(range(node.lineno, last + 1)):
                    found |= set(range(node.lineno, last + 1))
        return found

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


@dataclass
class Trials:
    """The room's tests as they run without any edit: which lines each enters, how long it takes, which fail.

    ``unchecked`` are those that also pass where shapes are not checked at run time.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    unchecked: set[str] = field(default_factory=set)
    entered: dict[str, dict[int, set[str]]] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that enter an edited line, quickest first; where it runs at import, all that could."""
        lines = self.entered.get(str(mutant.path), {})
        statement = mutant.lines()
        found = set().union(*(lines.get(line, set()) for line in statement)) - {""}
        if any("" in lines.get(line, set()) for line in statement):
            found |= set().union(*lines.values()) - {""} or set(self.seconds)
        if not found:  # what runs in a process of its own is entered by its tests there
            found = {test for test in self.seconds if Path(test.split("::")[0]).stem == f"test_{mutant.path.stem}"}
        return sorted(found, key=lambda test: self.seconds.get(test, 0.0))


class Recorder:
    """A plugin of pytest that fills Trials."""

    def __init__(self, trials: Trials, measured: coverage.Coverage) -> None:
        self.trials, self.measured = trials, measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Every line that runs from here on belongs to this test."""
        self.measured.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Its time, and whether it failed."""
        self.trials.seconds[report.nodeid] = self.trials.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.trials.failed.append(report.nodeid)


class Once:
    """A plugin of pytest: files of the package that are collected for their examples are imported by their names.

    Pytest would run such a file again where importing its folder has imported it: there are then two classes of a name.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_file(self, file_path: Path) -> None:
        """Import it by its name."""
        inside = Path.cwd() / "src"
        if file_path.suffix == ".py" and file_path.is_relative_to(inside) and not file_path.stem.startswith("__"):
            importlib.import_module(".".join(file_path.relative_to(inside).with_suffix("").parts))


def in_a_child(work: Callable[[], int], limit: float) -> int | None:
    """The exit code of work in a forked process, which finds imported what is imported here; None if it hangs."""
    child = os.fork()
    if child == 0:
        os.setsid()
        with Path(os.devnull).open("w") as silence:
            for stream in (1, 2):
                os.dup2(silence.fileno(), stream)
        code = 3
        try:
            code = work()
        finally:
            os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


# Here hypothesis is imported before pytest could rewrite its assertions.
EDITS = itertools.count(step=2)
# Hypothesis is imported before pytest could rewrite its assertions.
PYTEST = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
# Shapes checked at run time make the import slow: only what lives without these checks is tried with them.
UNCHECKED = ["-o", "addopts=--import-mode=importlib --doctest-modules -p no:haar"]


def tried(tests: list[str], copy: Path, limit: float) -> Trials:
    """Every test without any edit: with the lines that it enters, and with unchecked shapes."""
    kept = copy / "trials.pickle"

    def work(options: list[str], source: list[str]) -> int:
        measured = coverage.Coverage(data_file=None, source=source)
        trials = Trials()
        measured.start()
        code = pytest.main([*PYTEST, *options, *tests], plugins=[Once(), Recorder(trials, measured)])
        measured.stop()
        data = measured.get_data()
        for path in data.measured_files():
            lines = {line: set(names) for line, names in data.contexts_by_lineno(path).items()}
            trials.entered[str(Path(path).relative_to(copy))] = lines
        kept.write_bytes(pickle.dumps(trials))
        return int(code)

    def run(options: list[str], source: list[str]) -> Trials:
        kept.unlink(missing_ok=True)
        in_a_child(lambda: work(options, source), limit)
        if not kept.is_file():
            sys.exit(f"{' '.join(tests)}: not done in {limit:.0f} s without any edit")
        trials: Trials = pickle.loads(kept.read_bytes())
        return trials

    plain = run(UNCHECKED, [str(copy / "tools")])
    trials = run([], [str(copy / "src/haar")])
    trials.unchecked = set(plain.seconds) - set(plain.failed)
    return trials


def passed(*words: str) -> int:
    """Pytest's exit code."""
    return int(pytest.main([*PYTEST, *words], plugins=[Once()]))


def dies(mutant: Mutant, copy: Path, trials: Trials) -> bool:
    """Whether some test that enters an edited line fails, or hangs; or a rule on the text of all files does."""
    tests = trials.of(mutant)
    path = copy / mutant.path
    written = path.stat().st_mtime
    path.write_text(mutant.after, encoding="utf-8")
    os.utime(path, (written, written + 2 + next(EDITS)))  # no compiled file of another edit may pass for this one
    limit = 20 + 10 * sum(trials.seconds[test] for test in tests)
    rounds = [([test for test in tests if test in trials.unchecked], UNCHECKED), (tests, [])]
    try:
        for chosen, options in rounds:
            if chosen and in_a_child(lambda: passed("-x", *options, *chosen), limit) != 0:  # noqa: B023
                return True
        return in_a_child(lambda: passed("-x", *UNCHECKED, *SHAPE), 600) != 0
    finally:
        path.write_text(mutant.before, encoding="utf-8")
        os.utime(path, (written, written))


# Rules that are read off the text of all files.
SHAPE = ["tests/test_idle.py", "tests/test_shape.py", "tests/contract/test_thresholds.py"]
# What is promised of every room alike: recorded answers, numbers and signatures.
CONTRACT = [f"tests/contract/test_{name}.py" for name in ("answers", "numbers", "signatures")]


def room_tests(room: str, copy: Path) -> list[str]:
    """The room's own examples, the nearest folder or file of tests, and the contract."""
    inside = Path(room).with_suffix("")
    code = copy / "src/haar" / inside
    found = [str((code if code.is_dir() else code.with_suffix(".py")).relative_to(copy))]
    for place in (inside, *inside.parents[:-1]):
        for tests in (copy / "tests" / place, copy / "tests" / place.parent / f"test_{place.name}.py"):
            if tests.exists():
                return [*found, str(tests.relative_to(copy)), *CONTRACT]
    return [*found, *CONTRACT]


def main() -> int:
    """Draw, run, tell."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("room", help="a folder or file of src/haar, such as audit")
    asked.add_argument("--count", type=int, default=40)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--tests", nargs="*", help="tests to run in place of the room's own")
    asked.add_argument("--limit", type=int, default=3600, help="seconds for the room's tests without any edit")
    options = asked.parse_args()
    died = lived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve()
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in listed.splitlines():
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        os.chdir(copy)
        sys.dont_write_bytecode = False
        sys.path.insert(0, str(copy / "src"))
        os.environ["PYTHONPATH"] = str(copy / "src")
        tests = options.tests or room_tests(options.room, copy)
        trials = tried(tests, copy, options.limit)
        if trials.failed:
            print("these fail without any edit:", *trials.failed, sep="\n")
            return 1
        print(
            f"{len(trials.seconds)} tests of {' '.join(tests)} pass in {sum(trials.seconds.values()):.0f} s", flush=True
        )
        for mutant in drawn(options.room, options.count, options.seed):
            if dies(mutant, copy, trials):
                died += 1
            else:
                lived += 1
                print(mutant.diff(), f"{len(trials.of(mutant))} tests enter that line", sep="\n", flush=True)
            print(f"{died} of {died + lived} died", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
