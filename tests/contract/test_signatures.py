"""What can be called on the faces takes what it took: names, kinds and defaults of parameters are promises.

Whoever means to change one deletes ``signatures.json``, runs the test, and looks at the new one.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from pathlib import Path

import pytest

import haar


def faces():
    """Every package of the library that has a list of names, without the systems' own."""
    names = ["haar", *(one.name for one in pkgutil.walk_packages(haar.__path__, "haar.") if one.ispkg)]
    found = {name: importlib.import_module(name) for name in names if not name.startswith("haar.systems.")}
    return {name: face for name, face in found.items() if getattr(face, "__all__", ())}


def told(function):
    """Its parameters without annotations; of defaults that are objects, their kind alone."""
    signature = inspect.signature(function)
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    text = str(inspect.Signature(bare))
    return re.sub(r"<(?:function|class|module|built-in function|object)? ?'?([\w.]+)'?[^>]*>", r"<\1>", text)


def ours(function):
    """Whether it is the library's own, and not made by Python or inherited from another package."""
    return inspect.isroutine(function) and (getattr(function, "__module__", None) or "").startswith("haar")


def parameters_of(value):
    """Of a function, its own; of a class, those of its constructor and of every public method that it defines."""
    if not inspect.isclass(value):
        return told(value)
    methods = {name: getattr(one, "__func__", one) for name, one in vars(value).items()}
    kept = {name: one for name, one in methods.items() if ours(one) and not name.startswith("_")}
    kept |= {name: value.__init__ for name in ("__init__",) if ours(value.__init__)}
    kept |= {name: methods[name] for name in ("__call__",) if ours(methods.get(name))}
    return {name: told(one) for name, one in sorted(kept.items())}


def test_what_can_be_called_takes_what_it_took():
    kept = Path(__file__).parent / "signatures.json"
    offered = {
        inspect.unwrap(value): f"{name}.{each}"  # by the name on the innermost face that has it
        for name, face in sorted(faces().items())
        for each in face.__all__
        if callable(value := getattr(face, each)) and (value.__module__ or "").startswith("haar")
    }
    found = {name: parameters_of(value) for value, name in sorted(offered.items(), key=lambda pair: pair[1])}
    if not kept.is_file():
        kept.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="utf-8")
        pytest.fail(f"{kept.name} was not there and has been written: look at it")
    recorded = json.loads(kept.read_text(encoding="utf-8"))
    assert found.keys() == recorded.keys()
    assert {name: one for name, one in found.items() if one != recorded[name]} == {}
