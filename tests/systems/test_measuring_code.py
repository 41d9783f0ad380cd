"""What changes the digest of the measuring code, and what does not."""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import haar
from haar.systems import SYSTEMS
from haar.systems.measuring_code import code_hash, measuring_files
from haar.systems.recipe import load_recipe

SOURCE = Path(haar.__file__).parent
BUILT = [system for system in SYSTEMS if system.built]


def reached(system) -> set[str]:
    return {path.relative_to(SOURCE).as_posix() for path in measuring_files(load_recipe(system.name).measure)}


@pytest.mark.parametrize("system", BUILT, ids=lambda system: system.name)
def test_a_system_reaches_its_own_measuring_files_and_no_telling(system):
    found = reached(system)
    mine = {path for path in found if path.startswith(f"systems/{system.folder}/")}
    assert len(mine) >= 3
    assert not {path for path in found if path.startswith(("cli/", "report/"))}
    told = ("recipe", "claims", "sections", "figures", "demo")
    assert not {path for path in mine if Path(path).name.startswith(told)}


@pytest.mark.parametrize("system", BUILT, ids=lambda system: system.name)
def test_no_measuring_file_of_a_system_imports_what_is_left_out(system):
    files = measuring_files(load_recipe(system.name).measure)
    wrong = []
    for path in files:
        if not path.is_relative_to(SOURCE / "systems" / system.folder):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            place = SOURCE.parent / module.replace(".", "/")
            if module.startswith("haar.systems.") and not {place.with_suffix(".py"), place / "__init__.py"} & files:
                wrong.append(f"{path.name} imports {module}")
    assert wrong == []


def test_a_recipe_of_ones_own_is_known_by_its_code(tmp_path, monkeypatch):
    """Outside the library no name of a file leaves it out."""
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for name, told in (("recipe_one", 1), ("recipe_two", 1), ("recipe_three", 2)):
        (tmp_path / f"{name}.py").write_text(f"def measure(config, seed, folder, watch):\n    return {told}\n")
        module = importlib.import_module(name)
        assert measuring_files(module.measure) == {tmp_path / f"{name}.py"}
        (tmp_path / f"{name}.py").rename(tmp_path / "recipe.py")
        module.__file__ = str(tmp_path / "recipe.py")
        digests.append(code_hash(module.measure))
        (tmp_path / "recipe.py").rename(tmp_path / f"{name}.py")
        del sys.modules[name]
    assert digests[0] == digests[1] != digests[2]


def test_quantum_does_not_reach_the_audit_and_intertwiners_do_not_reach_quantum():
    by_name = {system.name: reached(system) for system in BUILT}
    assert not {path for path in by_name["quantum-equivariance"] if path.startswith("audit/")}
    assert {path for path in by_name["group-averaging"] if path.startswith("audit/")}
    assert not {path for path in by_name["intertwiners"] if path.startswith("systems/quantum")}
    assert len({code_hash(load_recipe(system.name).measure) for system in BUILT}) == len(BUILT)


ANYWHERE = "from __future__ import annotations\n"
EDITS = {
    "a docstring": ("systems/intertwiners/protocol.py", "One seed.", "One seed, measured."),
    "a comment": ("systems/intertwiners/protocol.py", ANYWHERE, "# said again\n" + ANYWHERE),
    "a title": ("systems/intertwiners/recipe.py", "What commutes", "What does commute"),
    "a bound": ("systems/intertwiners/claims.py", "EXACT = 1e-10", "EXACT = 1e-11"),
    "the audit": ("audit/sums.py", ANYWHERE, ANYWHERE + "X = 1\n"),
    "an experiment": ("systems/intertwiners/exactness.py", ANYWHERE, ANYWHERE + "X = 1\n"),
    "a group": ("groups/finite.py", ANYWHERE, ANYWHERE + "X = 1\n"),
    "what is imported later": ("groups/torus.py", ANYWHERE, ANYWHERE + "X = 1\n"),
}
MEASURED = {"an experiment", "a group", "what is imported later"}
#: One process for all edits: it imports the copy of the library that it stands in, then edits it.
SCRIPT = """
import json, os, sys
from pathlib import Path
from haar.systems.measuring_code import code_hash
from haar.systems.recipe import load_recipe
measure = load_recipe("intertwiners").measure
before, changed = code_hash(measure), []
for number, (name, (file, old, new)) in enumerate(json.load(sys.stdin).items()):
    path = Path("haar") / file
    text, times = path.read_text(), path.stat().st_mtime_ns
    path.write_text(text.replace(old, new, 1))
    os.utime(path, ns=(times, times + number + 1))
    assert path.read_text() != text, name
    changed += [name] if code_hash(measure) != before else []
    path.write_text(text)
    os.utime(path, ns=(times, times))
    assert code_hash(measure) == before
print(json.dumps(changed))
"""


def test_what_is_measured_changes_the_digest_and_what_is_told_does_not(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "haar", ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        input=json.dumps(EDITS),
    )
    assert set(json.loads(done.stdout)) == MEASURED
