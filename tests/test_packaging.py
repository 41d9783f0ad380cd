"""What is published: metadata that agree with each other, extras that exist, an import without cost, python -O."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import yaml

import haar
from haar.errors import MissingExtraError, require

ROOT = Path(__file__).parents[1]
SOURCE = Path(haar.__file__).parent
TOLD = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = TOLD["project"], TOLD["dependency-groups"]
EXTRAS = PROJECT["optional-dependencies"]


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=! ]", requirement)[0].lower().replace("_", "-")


def test_licence_citation_and_changelog_agree_with_the_metadata():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    licence = (ROOT / PROJECT["license-files"][0]).read_text()
    assert licence.startswith(f"{PROJECT['license']} License")
    assert PROJECT["authors"][0]["name"] in licence
    latest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert latest.group(1) == PROJECT["version"]


def test_the_package_says_that_it_is_typed():
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert (SOURCE / "py.typed").exists()


def test_all_are_the_extras_of_users_and_nothing_else():
    (every,) = EXTRAS["all"]
    named = re.fullmatch(r"haar\[(.*)\]", every).group(1).split(",")
    assert named == [extra for extra in EXTRAS if extra != "all"]
    tools = {"pytest", "pytest-xdist", "beartype", "ruff", "mypy", "mkdocs", "mkdocs-material"}
    assert not tools & {_name(line) for extra in named for line in EXTRAS[extra]}


def test_every_extra_that_a_message_names_exists_and_is_tried():
    named = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require":
                named.add(node.args[1].value)
    named.discard("none")  # an example
    assert named == set(EXTRAS) - {"all"}
    tree = ast.parse((ROOT / "tools" / "installs.py").read_text())
    tried = next(node for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "NEEDS")
    assert {key.value for key in tried.value.keys} == named


def test_every_lower_bound_is_tried():
    lines = [line for line in (ROOT / "minimum.txt").read_text().splitlines() if not line.startswith("#")]
    oldest = {line.partition("==")[0]: line.partition("==")[2] for line in lines}
    assert set(oldest) == {_name(line) for line in PROJECT["dependencies"]}
    for line in PROJECT["dependencies"]:
        bound = line.partition(">=")[2].split(".")
        assert oldest[_name(line)].split(".")[: len(bound)] == bound


def test_the_command_of_make_install_names_what_exists():
    text = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"--group (\w+)", text)) <= set(GROUPS)
    assert set(re.findall(r"'\.\[(\w+)\]'", text)) <= set(EXTRAS)


def test_what_is_missing_is_named_with_a_way_to_install_it(monkeypatch):
    told = [
        "torch>=2.6",
        "onnx>=1.17 ; extra == 'onnx'",
        'onnxruntime>=1.20; extra == "onnx"',
        "ase; extra == 'chemistry'",
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda _: told)
    with pytest.raises(
        MissingExtraError,
        match=r"^no_such_module is needed here and is not installed; install it with: pip install 'onnx>=1.17' "
        r"'onnxruntime>=1.20', or with haar itself: pip install 'haar\[onnx\]', in a copy of its source "
        r"pip install '\.\[onnx\]'$",
    ):
        require("no_such_module", "onnx")


def test_a_library_that_is_not_installed_names_the_extra(monkeypatch):
    def not_installed(_):
        raise PackageNotFoundError("haar")

    monkeypatch.setattr("importlib.metadata.requires", not_installed)
    with pytest.raises(MissingExtraError, match=r"install it with: pip install 'haar\[onnx\]', or"):
        require("no_such_module", "onnx")


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_pytest_plugin_is_loaded_without_torch():
    heavy = "[m for m in ('torch', 'numpy', 'scipy', 'matplotlib', 'rich', 'hypothesis') if m in sys.modules]"
    assert _run("-c", f"import sys, haar.testing.plugin; print({heavy})").strip() == "[]"


def test_verbs_and_refusals_work_without_asserts():
    code = """
import torch, haar
from haar.testing import assert_equivariant
symmetry = haar.Symmetry.of_fields(haar.groups.dihedral(4), "density, velocity:vector")
model, x = torch.nn.Conv2d(3, 3, 3, padding=1), torch.randn(4, 3, 6, 6)
print(haar.audit(model, symmetry, (x, x)).recommendation.verdict in {"average", "unclear", "do not"})
assert_equivariant(haar.average(model, symmetry), symmetry, x)
for call in (lambda: haar.audit(model, symmetry, x[:, :2]), lambda: assert_equivariant(model, symmetry, x)):
    try:
        call()
    except haar.HaarError as error:
        print(type(error).__name__)
"""
    assert _run("-O", "-c", code).split() == ["True", "ShapeError", "NotEquivariantError"]
