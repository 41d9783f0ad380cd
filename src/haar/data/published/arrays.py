"""Arrays of a published file: there, of numbers, of the shape that the format says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from haar.errors import DataError
from haar.received import read_array


def load_array(path: str | os.PathLike[str]) -> Shaped[np.ndarray, "..."]:
    """Read a ``.npy`` file of numbers; pickled objects in it are refused.

    Raises:
        DataError: If it is missing or is not such a file.
    """
    return read_array(path)


def checked(
    array: Any, shape: Sequence[int | None], *, what: str, dtype: torch.dtype, finite: bool = True
) -> Shaped[Tensor, "..."]:
    """A tensor of an array, checked.

    Args:
        array: Anything numpy takes.
        shape: Its shape; None where any size will do.
        what: The file and the name in it, for the message.
        dtype: Precision of the tensor.
        finite: Whether NaN and infinity are refused.

    Raises:
        DataError: If the shape differs, or it does not hold finite numbers.
    """
    values = np.asarray(array)
    if values.dtype.kind not in "fiub":
        raise DataError(f"{what}: expected numbers, got {values.dtype}")
    fits = values.ndim == len(shape) and all(
        size is None or size == has for size, has in zip(shape, values.shape, strict=True)
    )
    if not fits:
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise DataError(f"{what}: expected shape {wanted}, got {' x '.join(map(str, values.shape)) or 'a scalar'}")
    if finite and not np.isfinite(values).all():
        raise DataError(f"{what}: holds NaN or infinity")
    return torch.as_tensor(np.ascontiguousarray(values)).to(dtype)


def first_of(archive: Mapping[str, Any], names: Sequence[str], *, what: str) -> Any:
    """The entry under the first of several names that the format has gone by.

    Raises:
        DataError: If there is none of them.
    """
    for name in names:
        if name in archive:
            return archive[name]
    raise DataError(f"{what}: expected an entry {' or '.join(map(repr, names))}, got {', '.join(sorted(archive))}")
