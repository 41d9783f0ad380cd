"""What changes the digest of the measuring code, and what does not."""

from __future__ import annotations

import ast
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
HASH = (
    "from haar.systems.recipe import load_recipe; from haar.systems.measuring_code import code_hash; "
    "print(code_hash(load_recipe('intertwiners').measure))"
)


def reached(system) -> set[str]:
    return {path.relative_to(SOURCE).as_posix() for path in measuring_files(load_recipe(system.name).measure)}


@pytest.mark.parametrize("system", BUILT, ids=lambda system: system.name)
def test_a_system_reaches_its_own_measuring_files_and_no_telling(system):
    found = reached(system)
    mine = {path for path in found if path.startswith(f"systems/{system.folder}/")}
    assert len(mine) > 3
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


def test_quantum_does_not_reach_the_audit_and_intertwiners_do_not_reach_quantum():
    by_name = {system.name: reached(system) for system in BUILT}
    assert not {path for path in by_name["quantum-equivariance"] if path.startswith("audit/")}
    assert {path for path in by_name["group-averaging"] if path.startswith("audit/")}
    assert not {path for path in by_name["intertwiners"] if path.startswith("systems/quantum")}
    assert len({code_hash(load_recipe(system.name).measure) for system in BUILT}) == len(BUILT)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(SOURCE, folder / "haar", ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    return folder


def digest(tree: Path) -> str:
    done = subprocess.run([sys.executable, "-c", HASH], check=True, capture_output=True, text=True, cwd=tree,
                          env={"PYTHONPATH": str(tree), "PATH": ""})  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("systems/intertwiners/protocol.py", "One seed.", "One seed, measured.", True),
        ("systems/intertwiners/protocol.py", "    del folder\n", "    # not used\n    del folder\n", True),
        ("systems/intertwiners/recipe.py", "What commutes", "What does commute", True),
        ("audit/sums.py", "from __future__", "X = 1\nfrom __future__", True),
        ("systems/intertwiners/exactness.py", "from __future__ import annotations\n",
         "from __future__ import annotations\n\nX = 1\n", False),
        ("groups/finite.py", "from __future__ import annotations\n",
         "from __future__ import annotations\n\nX = 1\n", False),
    ],
)  # fmt: skip
def test_what_is_measured_changes_the_digest_and_what_is_told_does_not(tree, file, old, new, same):
    path = tree / "haar" / file
    before, text = digest(tree), path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    try:
        assert (digest(tree) == before) is same
    finally:
        path.write_text(text)
