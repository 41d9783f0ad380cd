"""A fitted estimator by its name, and the rows that it is audited on; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from haar.cli.model_file import argument
from haar.cli.number_file import read_numbers
from haar.data.array_file import arrays_of, holds_arrays
from haar.entry import called, imported
from haar.errors import ArgumentError, DataError

_FORMS = "module:estimator, a fitted one or a function that makes one"


def fitted_estimator(text: str, arguments: Sequence[str] = ()) -> Any:
    """A fitted estimator, or what a function returns.

    Args:
        text: ``module:name``; modules of the current folder are found.
        arguments: For a function: ``name=value``.

    Raises:
        ArgumentError: If it cannot be imported or called.
    """
    if ":" not in text:
        way_out = "nothing is unpickled: load it in a function of your own module"
        raise ArgumentError("MODEL", expected=_FORMS, got=repr(text), way_out=way_out)
    found = imported(text, "MODEL", forms=_FORMS)
    if callable(found) and not hasattr(found, "components_") and not hasattr(found, "steps"):
        given = dict(argument(one) for one in arguments)
        return called(text, given, "MODEL", forms=_FORMS, way_out="give its arguments by --factory-arg name=value")
    if arguments:
        raise ArgumentError("--factory-arg", expected="none beside an estimator that is made", got=", ".join(arguments))
    return found


def rows_of(path: Path) -> tuple[Shaped[np.ndarray, "n p"], Shaped[np.ndarray, " n"] | None]:
    """Rows, and answers where the file has them.

    Args:
        path: ``.npz`` or HDF5 with x, and y or not; or one array of numbers, see `haar.cli.number_file`.

    Raises:
        DataError: If it is neither, or does not fit.
    """
    if not holds_arrays(path):
        x, y = read_numbers(path).numpy(), None
    else:
        held = arrays_of(path)
        if "x" not in held or not set(held) <= {"x", "y"}:
            raise DataError(f"{path}: expected arrays x and y, got {', '.join(held) or 'none'}")
        x, y = held["x"], held.get("y")
    if x.ndim != 2:
        raise DataError(f"{path}: expected rows of columns, got an array {x.shape}")
    if y is not None and (np.ndim(y) != 1 or len(y) != len(x)):
        raise DataError(f"{path}: y: expected {len(x)} answers, got an array {np.shape(y)}")
    return x, y
