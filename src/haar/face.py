"""The lazy face of a package: names imported when they are first used, and subpackages that are verbs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any


class Verb(ModuleType):
    """A package named after its one verb: ``haar.average(model, symmetry)`` and ``haar.average.Sampled`` both work."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function that has the package's own name."""
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


class Face(ModuleType):
    """A package whose names are imported when they are first used (in the spirit of PEP 562).

    Importing a subpackage sets it as an attribute here. A subpackage that is a verb becomes a `Verb` at that moment, so
    that it can be called in whatever order things are imported.
    """

    def __getattr__(self, name: str) -> Any:
        known = vars(self)
        if name == "__version__" and name in known["__all__"]:
            from importlib.metadata import version

            return version(self.__name__)
        if name in known["_nouns"]:
            value = getattr(importlib.import_module(known["_nouns"][name]), name)
            setattr(self, name, value)
            return value
        if name in known["_verbs"] or name in known["_packages"]:
            return importlib.import_module(f"{self.__name__}.{name}")
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self)["_verbs"] and type(value) is ModuleType:
            value.__class__ = Verb
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *vars(self)["__all__"]})


def show(
    package: str, *, nouns: Mapping[str, Sequence[str]], verbs: Sequence[str] = (), packages: Sequence[str] = ()
) -> None:
    """Turn a package that is being imported into a `Face`.

    Args:
        package: Name of the package.
        nouns: Names to import, by the module that defines them.
        verbs: Subpackages that can be called.
        packages: Other subpackages to import when they are used.
    """
    module = sys.modules[package]
    vars(module).update(
        _nouns={name: where for where, names in nouns.items() for name in names},
        _verbs=frozenset(verbs),
        _packages=frozenset(packages),
    )
    module.__class__ = Face
