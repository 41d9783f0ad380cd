"""The house stands: each floor imports only from floors below it, the door opens fast, no assert is left in."""

from __future__ import annotations

import ast
import copy
import functools
import importlib
import importlib.util
import inspect
import pickle
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import haar

SOURCE = Path(haar.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

# Lowest floor first. Rooms on one floor do not know of each other, unless the next line says so.
FLOORS = (
    {"errors", "files", "face", "host", "limits", "constants", "containers", "watch", "statistics", "running"},
    {"report", "received", "folders", "training", "seeding", "entry", "processes"},
    {"groups", "tracing", "sweeps", "programs"},
    {"actions", "saddle"},
    {"intertwiners", "probing"},
    {"nn"},
    {"data"},
    {"average", "moments", "geometry", "weights"},
    {"audit", "relax", "align", "compress", "dynamics"},
    {"testing", "discover"},
    {"check"},
    {"systems"},
    {"cli"},
    {"__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module of this library that a file imports, anywhere in it, with the line."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "haar")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            if node.module == "haar":
                yield from ((node.lineno, f"haar.{alias.name}") for alias in node.names)
            elif node.module and node.module.split(".")[0] == "haar":
                yield node.lineno, node.module


def _room(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py")


def test_every_room_has_a_floor():
    assert {_room(path) for path in FILES} - {"__init__"} <= set(LEVEL)


def test_a_floor_imports_only_from_floors_below_it():
    wrong = []
    for path in FILES:
        room = _room(path)
        if room == "__init__":
            continue
        for line, module in _imports(path):
            other = module.split(".")[1]
            if other != room and LEVEL.get(other, 99) >= LEVEL[room]:
                wrong.append(f"{path.relative_to(SOURCE)}:{line} imports {module}")
    assert wrong == []


def test_the_floor_check_sees_imports_inside_functions(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("import haar.cli.app\ndef f():\n    from haar import systems\n    from haar.audit.lie import x\n")
    assert [module for _, module in _imports(path)] == ["haar.cli.app", "haar.systems", "haar.audit.lie"]


def test_systems_do_not_know_of_each_other():
    wrong = []
    for path in SOURCE.glob("systems/*/**/*.py"):
        system = path.relative_to(SOURCE / "systems").parts[0]
        for line, module in _imports(path):
            parts = module.split(".")
            if (
                parts[1] == "systems"
                and len(parts) > 2
                and (SOURCE / "systems" / parts[2]).is_dir()
                and parts[2] != system
            ):
                wrong.append(f"{path.relative_to(SOURCE)}:{line} imports {module}")
    assert wrong == []


def test_there_is_no_assert_in_the_source():
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_no_file_is_a_drawer_for_everything():
    drawers = {"utils", "helpers", "common", "misc", "base", "core"}
    assert [path for path in FILES if path.stem in drawers or path.parent.name in drawers] == []


def _fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["haar", "haar.cli.app", "haar.systems"])
def test_the_door_opens_without_heavy_libraries(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'numpy', 'matplotlib', 'h5py') if m in sys.modules])"
    assert _fresh(code) == "[]"


def test_names_are_there_when_they_are_used():
    for name in haar.__all__:
        assert getattr(haar, name) is not None
    assert set(haar.__all__) <= set(dir(haar))
    with pytest.raises(AttributeError, match="module 'haar' has no attribute 'nothing'"):
        _ = haar.nothing


def test_type_checkers_see_every_name_of_the_face_and_of_the_verbs():
    tool = SOURCE.parents[1] / "tools" / "face_stub.py"
    spec = importlib.util.spec_from_file_location("face_stub", tool)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    found = {name: (SOURCE / name).read_text() for name in ("__init__.pyi", "_verbs.pyi")}
    assert found == made.stubs(), "run tools/face_stub.py"
    face, verbs = (ast.parse(text) for text in found.values())
    seen = {alias.asname for node in face.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    seen |= {node.target.id for node in face.body if isinstance(node, ast.AnnAssign)}
    assert seen == set(haar.__all__)
    classes = {node.name: {n.targets[0].id for n in node.body} for node in verbs.body if isinstance(node, ast.ClassDef)}
    for verb in ("audit", "average", "relax"):
        assert set(getattr(haar, verb).__all__) <= classes[f"_{verb.title()}"]


def test_every_package_is_reached_by_its_name():
    names = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
    code = f"""
import haar
print(haar.audit.layers.__name__, haar.entry.__name__)
print([name for name in {names} if getattr(haar, name).__name__.split('.')[-1] != name])
"""
    assert _fresh(code).splitlines() == ["haar.audit.layers haar.entry", "[]"]


@pytest.mark.parametrize("verb", ["audit", "average", "relax"])
def test_a_verb_is_described_as_its_function(verb):
    package = importlib.import_module(f"haar.{verb}")
    function, shown = getattr(package, verb), getattr(haar, verb)
    assert inspect.signature(shown) == inspect.signature(function)
    assert inspect.getdoc(shown) == inspect.getdoc(function)
    text = pydoc.render_doc(shown, renderer=pydoc.plaintext)
    assert text.split("\n", 2)[2] == pydoc.render_doc(function, renderer=pydoc.plaintext).split("\n", 2)[2]
    assert re.search(rf"\n{verb}\(\s*model: ", text)
    assert pickle.loads(pickle.dumps(shown)) is copy.deepcopy(shown) is shown
    assert set(dir(package)) <= set(dir(shown))


def test_what_is_set_on_a_verb_is_set_in_its_package(monkeypatch):
    package = importlib.import_module("haar.average")
    monkeypatch.setattr(haar.average, "Orbit", 3)
    assert package.Orbit == haar.average.Orbit == 3
    monkeypatch.undo()
    assert package.Orbit is haar.average.Orbit is not None
    with pytest.raises(AttributeError, match=r"module 'haar\.average' has no attribute 'nothing'"):
        _ = haar.average.nothing


ORDERS = """\
import os, sys, torch
for code in sys.argv[1:]:  # each in a process of its own, which need not import torch again
    if os.fork() == 0:
        try:
            exec(code)
        finally:
            os._exit(0)
    os.wait()
"""


def test_a_verb_can_be_called_in_whatever_order_it_is_imported():
    codes = [
        "import haar; print(callable(haar.average), flush=True)",
        "import haar.average; print(callable(haar.average), flush=True)",
        "from haar.average import Orbit; from haar import average; print(callable(average), flush=True)",
        "import haar, haar.average as room; print(haar.average is room and room.Orbit is not None, flush=True)",
    ]
    done = subprocess.run([sys.executable, "-c", ORDERS, *codes], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True"] * len(codes)


def test_a_verb_is_the_function_of_its_own_name():
    import torch

    model = torch.nn.Identity()
    group = haar.groups.dihedral(4)
    averaged = haar.average(model, haar.Symmetry.of_fields(group, "density"))
    assert isinstance(averaged, haar.average.Averaged)
