"""One question, one answer: nothing else in the library trains, and what takes long tells the same kind of watch."""

from __future__ import annotations

import ast
from pathlib import Path

import haar

SOURCE = Path(haar.__file__).parent
TREES = {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}
#: Backward passes without a step: two that are timed, and one that sends gradients of shared weights on.
NO_STEP = {"systems/sign_equivariance/particles.py", "check/fine_tuned.py", "relax/wrapping/sharing.py"}


def _called(tree, name):
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
        for node in ast.walk(tree)
    )


def test_only_the_loop_goes_backwards_and_steps():
    assert {file for file, tree in TREES.items() if _called(tree, "zero_grad")} == {"training/loop.py"}
    assert {file for file, tree in TREES.items() if _called(tree, "backward")} - NO_STEP == {"training/loop.py"}


def test_checkpoints_have_one_format():
    users = {
        file
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and "write_checkpoint" in {alias.name for alias in node.names}
    }
    assert users == {"training/checkpoint.py"}


def test_whoever_may_be_told_is_told_by_a_watch():
    wrong = []
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            wrong += [f"{file}: {node.name}({arg.arg})" for arg in given if arg.arg in ("progress", "callback")]
            wrong += [
                f"{file}: {node.name}({arg.arg}: {ast.unparse(arg.annotation)})"
                for arg in given
                if arg.arg == "watch" and arg.annotation and ast.unparse(arg.annotation) != "Watch"
            ]
    assert wrong == []
