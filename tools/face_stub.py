"""What type checkers see of `haar`: src/haar/__init__.pyi and _verbs.pyi, written from the public names of packages.

    python tools/face_stub.py

A verb is a package that can be called. No type says so, and so the stub gives each a class with the function as its
call and the package's names as its attributes: in a stub of their own, so that the pages of the documentation, which
read stubs too, find the packages. To be run again when a public name of a verb comes or goes.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "src" / "haar"
HEAD = "# What type checkers see of `haar`; written by tools/face_stub.py.\n"


def stubs() -> dict[str, str]:
    """The text of each stub, by its file."""
    import haar

    verbs = sorted(vars(haar)["_verbs"])
    nouns: dict[str, list[str]] = {}
    for name, where in vars(haar)["_nouns"].items():
        nouns.setdefault(where, []).append(name)
    packages = [
        name
        for name in haar.__all__
        if name != "__version__" and name not in vars(haar)["_nouns"] and isinstance(getattr(haar, name), ModuleType)
    ]
    lines = [f"from haar import {name} as {name}" for name in packages]
    lines += [f"from haar._verbs import {verb} as {verb}" for verb in verbs]
    for where, names in sorted(nouns.items()):
        lines += [f"from {where} import {name} as {name}" for name in names]
    lines.append("\n__version__: str")
    shown = [f"import haar.{verb} as _{verb}" for verb in verbs]
    for verb in verbs:
        package = sys.modules[f"haar.{verb}"]
        shown += [f"\nclass _{verb.title()}:", f"    __call__ = staticmethod(_{verb}.{verb})"]
        for name in sorted({*package.__all__, verb}):
            made = getattr(package, name)
            static = inspect.isfunction(made) or (callable(made) and not isinstance(made, type))
            shown.append(f"    {name} = " + (f"staticmethod(_{verb}.{name})" if static else f"_{verb}.{name}"))
    shown.append("")
    shown += [f"{verb}: _{verb.title()}" for verb in verbs]
    return {"__init__.pyi": HEAD + "\n".join(lines) + "\n", "_verbs.pyi": HEAD + "\n".join(shown) + "\n"}


if __name__ == "__main__":
    for name, text in stubs().items():
        (FOLDER / name).write_text(text)
