"""CALCULATOR on the command line: ``module:calculator``, a calculator of ASE or a function that makes one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from haar.cli.made_once import taken
from haar.cli.model_file import argument
from haar.data.molecules.results import check_calculator
from haar.entry import brief, imported
from haar.errors import ArgumentError

_FORMS = "module:calculator"


def calculator_of(text: str, arguments: Sequence[str] = ()) -> Any:
    """The calculator that a name means, made if the name is that of a class or a function.

    Args:
        text: ``module:calculator``; modules of the current folder are found.
        arguments: Of the class or function: ``name=value``; a value is read as a Python literal, else as a string.

    Raises:
        ArgumentError: If it cannot be imported or called, or is no calculator.
    """
    found = imported(text, "CALCULATOR", forms=_FORMS)
    given = dict(argument(one) for one in arguments)
    if given and not callable(found):
        raise ArgumentError("--factory-arg", expected="none beside a calculator that is made already", got=text)
    if isinstance(found, type) or not hasattr(found, "implemented_properties"):
        if not callable(found):
            raise ArgumentError("CALCULATOR", expected=f"a calculator of ASE as {_FORMS}", got=type(found).__name__)
        found = _made(text, found, given)
    check_calculator("CALCULATOR", found)
    return found


def _made(text: str, factory: Any, given: dict[str, Any]) -> Any:
    kept = None if given else taken(factory)
    if kept is not None:
        return kept
    try:
        return factory(**given)
    except ArgumentError:
        raise
    except (Exception, SystemExit) as error:
        raise ArgumentError(
            "CALCULATOR",
            expected="a class or function that can be called",
            got=f"{text} ({brief(error)})",
            way_out="give its arguments by --factory-arg name=value",
        ) from error
    finally:
        sys.stdout.flush()  # what it printed comes before the report
