"""The code that measures: what a recipe's ``measure`` reaches through imports, and a digest of it."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
#: What only judges and tells, among the systems' files and of the rooms; it may change without measuring again.
_TOLD_FILES = {"claim", "claims", "sections", "figures"}
_TOLD_ROOMS = {"cli", "report"}


def code_hash(measure: Callable[..., Any]) -> str:
    """A digest of the code that measures: of all files of this library that the measuring one imports.

    Imports count wherever they stand, those of imported files too. Left out are ``cli``, ``report``, and among the
    systems ``claims``, ``sections``, ``figures``, and what begins with ``recipe`` or ``demo``. Comments, docstrings and
    line breaks do not count.

    Args:
        measure: A recipe's ``measure``.

    Returns:
        Twelve characters.
    """
    digest = hashlib.sha256()
    for path in sorted(measuring_files(measure)):
        name = path.relative_to(_ROOT).as_posix() if path.is_relative_to(_ROOT) else path.name
        digest.update(name.encode() + b"\0" + _read(path, path.stat().st_mtime_ns)[0].encode() + b"\0")
    return digest.hexdigest()[:12]


def measuring_files(measure: Callable[..., Any]) -> set[Path]:
    """The files whose code counts: the one of ``measure``, and those of this library that it reaches.

    Args:
        measure: A recipe's ``measure``.
    """
    start = Path(str(sys.modules[measure.__module__].__file__))
    waiting, seen = [start], {start}
    while waiting:
        path = waiting.pop()
        for module in _read(path, path.stat().st_mtime_ns)[1]:
            for found in _files_of(module):
                if found not in seen and not _is_told(found):
                    seen.add(found)
                    waiting.append(found)
    return {path for path in seen if not _is_told(path)}


def _is_told(path: Path) -> bool:
    if not path.is_relative_to(_ROOT):
        return False
    room = path.relative_to(_ROOT).parts[0]
    told = path.stem in _TOLD_FILES or path.stem.startswith(("recipe", "demo"))
    return room in _TOLD_ROOMS or (room == "systems" and told)


def _files_of(module: str) -> Iterator[Path]:
    """The file of ``haar.a.b``; of a name that a module defines, the module's."""
    parts = module.split(".")[1:]
    for end in (len(parts), len(parts) - 1):
        place = _ROOT.joinpath(*parts[:end])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path
                return


@functools.cache
def _read(path: Path, _changed: int) -> tuple[str, tuple[str, ...]]:
    """The syntax tree of a file without docstrings, in words, and the names of this library that it imports."""
    tree = ast.parse(path.read_bytes())
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and _told(node.body):
            del node.body[0]
    return ast.dump(tree), tuple(name for name in imported if name.split(".")[0] == "haar")


def _told(body: list[ast.stmt]) -> bool:
    """Whether a body begins with a docstring."""
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
