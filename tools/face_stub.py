"""What type checkers see of `haar`: src/haar/__init__.pyi, written from the public names of its packages.

    python tools/face_stub.py

A verb is a package that can be called. No type says so, and so the stub gives each a class with the function as its
call and the package's names as its attributes. To be run again when a public name of a verb comes or goes.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
STUB = ROOT / "src" / "haar" / "__init__.pyi"
HEAD = "# What type checkers see of `haar`; written by tools/face_stub.py.\n"


def stub() -> str:
    """The text of the stub."""
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
    lines = [f"import haar.{verb} as _{verb}" for verb in verbs]
    lines += [f"from haar import {name} as {name}" for name in packages]
    for where, names in sorted(nouns.items()):
        lines += [f"from {where} import {name} as {name}" for name in names]
    lines.append("\n__version__: str")
    for verb in verbs:
        package = sys.modules[f"haar.{verb}"]
        lines += [f"\nclass _{verb.title()}:", f"    __call__ = staticmethod(_{verb}.{verb})"]
        for name in sorted({*package.__all__, verb}):
            made = getattr(package, name)
            static = inspect.isfunction(made) or (callable(made) and not isinstance(made, type))
            lines.append(f"    {name} = " + (f"staticmethod(_{verb}.{name})" if static else f"_{verb}.{name}"))
    lines.append("")
    lines += [f"{verb}: _{verb.title()}" for verb in verbs]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    STUB.write_text(stub())
