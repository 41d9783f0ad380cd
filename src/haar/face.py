"""The lazy face of a package: names imported when they are first used, and subpackages that are verbs."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any


class Verb:
    """A package with the function of its own name: ``haar.average(model, symmetry)`` and ``haar.average.Sampled``.

    It is called, documented and pickled as the function, and has every attribute of the package: what is set here, or
    patched for a test, is set there. It is no module, for `help` describes modules by their contents.
    """

    __slots__ = ("__weakref__", "_function", "_package")
    if TYPE_CHECKING:  # annotations here would hide the function's
        _function: Callable[..., Any]
        _package: ModuleType

    def __init__(self, package: ModuleType) -> None:
        object.__setattr__(self, "_package", package)
        object.__setattr__(self, "_function", getattr(package, package.__name__.rpartition(".")[2]))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function that has the package's own name."""
        return self._function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Verb:
        """Itself, as a static method: what has this method is a routine for `help` and `inspect`."""
        return self

    __doc__ = property(lambda self: self._function.__doc__)  # type: ignore[assignment]
    __dict__ = property(lambda self: vars(self._package))  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":
            return self._function
        if name in functools.WRAPPER_ASSIGNMENTS:
            return getattr(self._function, name)
        inside = f"{self._package.__name__}.{name}"
        if name.startswith("_") or hasattr(self._package, name) or importlib.util.find_spec(inside) is None:
            return getattr(self._package, name)
        return importlib.import_module(inside)  # a file of the package, such as haar.audit.components

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._package, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._package, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._package)})

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        """By its name, as functions are pickled."""
        return _verb, (self._package.__name__,)

    def __repr__(self) -> str:
        return f"<verb {self._package.__name__}>"


def _verb(name: str) -> Any:
    importlib.import_module(name)
    package, _, own = name.rpartition(".")
    return getattr(sys.modules[package], own)


class Face(ModuleType):
    """A package whose names are imported when they are first used (in the spirit of PEP 562).

    Importing a subpackage sets it as an attribute here. A subpackage that is a verb becomes a `Verb` at that moment, so
    that it can be called in whatever order things are imported. Every other package and file of this one is imported
    when its name is used.
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
        inside = f"{self.__name__}.{name}"
        if not name.startswith("_") and importlib.util.find_spec(inside) is not None:
            importlib.import_module(inside)
            return vars(self)[name]  # what importing has set
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self)["_verbs"] and type(value) is ModuleType:
            value = Verb(value)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *vars(self)["__all__"]})


def show(package: str, *, nouns: Mapping[str, Sequence[str]], verbs: Sequence[str] = ()) -> None:
    """Turn a package that is being imported into a `Face`.

    Args:
        package: Name of the package.
        nouns: Names to import, by the module that defines them.
        verbs: Subpackages that can be called.
    """
    module = sys.modules[package]
    vars(module).update(
        _nouns={name: where for where, names in nouns.items() for name in names}, _verbs=frozenset(verbs)
    )
    module.__class__ = Face
