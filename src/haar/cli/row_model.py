"""MODEL on rows of arrays: in its own precision, in batches of any size, and how a named group acts on the rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.cli.first_try import OwnPrecision, own_dtype
from haar.cli.model_file import LoadedModel
from haar.cli.rows_file import symmetry_of_rows
from haar.entry import brief
from haar.errors import ArgumentError, HaarError


def model_of_rows(
    loaded: LoadedModel, x: Tensor, group: str | None, *, fields: str | None = None, history: int | None = None
) -> tuple[Any, Any]:
    """The model as one of any number of rows, and the `Symmetry` that a name means for it (None without a name).

    Args:
        loaded: The model.
        x: Rows of inputs.
        group: Name of the group; None for no symmetry.
        fields: The fields in words, of rows on a grid.
        history: Past states in one row, of rows on a grid; 1 by default.

    Raises:
        ArgumentError: If the model does not take the rows, or the group does not act on them.
    """
    dtype = own_dtype(loaded.module, x[:1])
    module: Any = loaded.module if dtype == x.dtype else OwnPrecision(loaded.module, dtype).eval()
    try:
        with torch.no_grad():
            y = module(x[:1])
    except HaarError:
        raise
    except Exception as error:
        raise ArgumentError(
            "MODEL",
            expected=f"a model of inputs (rows, {', '.join(map(str, x.shape[1:]))})",
            got=brief(error),
            way_out="labels stand beside inputs as x and y in .npz or .h5, or in columns that --labels names",
        ) from error
    if not isinstance(y, Tensor):
        raise ArgumentError(
            "MODEL",
            expected="one tensor as output",
            got=type(y).__name__,
            way_out="let module:factory return a module that picks the output that is meant",
        )
    symmetry = None
    if group is not None:
        symmetry = symmetry_of_rows(group, tuple(x.shape[1:]), tuple(y.shape[1:]), fields=fields, history=history)
        symmetry.check_inputs((x,))
    return module, symmetry
