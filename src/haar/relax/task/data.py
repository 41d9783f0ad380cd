"""The data of a plan: a function of the user's own, or arrays in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.containers import mapped, tensors_of
from haar.data.array_file import arrays_of, holds_arrays
from haar.entry import called
from haar.errors import ArgumentError, DataError
from haar.received import array_tensor, read_tensors
from haar.relax.task.plan import DataPlan
from haar.seeding import Seed, generator_of


def read_pairs(plan: DataPlan, seed: Seed) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Training and validation pairs, in torch's default precision.

    Args:
        plan: Where they are.
        seed: Seed of the split, where the data have no part of their own that validates.

    Raises:
        ArgumentError: If the data's function cannot be imported or called, or gives something else.
        DataError: If a file is not readable.
    """
    path = Path(plan.data)
    if path.suffix == ".safetensors" or holds_arrays(path):
        found: Any = _file(path)
    else:
        _check_called(path)
        found = called(plan.data, plan.data_args, "data", way_out="give data_args")
    if isinstance(found, Mapping):
        keys = {"train", "validation"}
        if not set(found) <= keys or "train" not in found:
            raise ArgumentError("data", expected="the keys train and validation", got=", ".join(map(str, found)))
        pairs = [found["train"], found.get("validation")]
    else:
        pairs = [found, None]
    for pair in pairs:
        if pair is not None and not (isinstance(pair, (tuple, list)) and len(pair) == 2):
            raise ArgumentError(
                "data",
                expected="inputs and targets, or {'train': (inputs, targets), 'validation': ...}",
                got=type(pair).__name__,
            )
    train = _tensors(pairs[0])
    if pairs[1] is not None:
        return train, _tensors(pairs[1])
    if not 0 < plan.held_out < 1:
        raise ArgumentError("held_out", expected="a share between 0 and 1", got=plan.held_out)
    count = len(train[1])
    if count < 2:
        raise ArgumentError("data", expected="at least 2 samples, one of which validates", got=count)
    order = torch.randperm(count, generator=generator_of(seed))
    cut = max(1, min(count - 1, round(plan.held_out * count)))
    rest, held = (_rows(train, rows) for rows in (order[cut:], order[:cut]))
    return rest, held


def _rows(pair: tuple[Any, Any], rows: Tensor) -> tuple[Any, Any]:
    some: tuple[Any, Any] = mapped(lambda x: x[rows], pair)
    return some


def _check_called(path: Path) -> None:
    """Refuse what is there and is no function."""
    if path.is_dir() or path.suffix in (".h5", ".hdf5"):
        raise ArgumentError(
            "data",
            expected="module:function, or arrays in a .npz, .h5 or .safetensors file",
            got=str(path),
            way_out="of The Well's format, stack the pairs of haar.data.Windows in a function of your own",
        )
    if path.is_file():
        raise ArgumentError(
            "data", expected="module:function, or arrays in a .npz, .h5 or .safetensors file", got=str(path)
        )


#: What arrays are called, each by its usual name first.
_PAIR = (("inputs", "x", "input"), ("targets", "y", "labels"))


def _file(path: Path) -> dict[str, tuple[Any, Any]]:
    """``inputs`` and ``targets`` (or ``x`` and ``y``), and perhaps the same after ``validation_``."""
    if path.suffix != ".safetensors":
        arrays = {key: array_tensor(held, f"{path}: {key}") for key, held in arrays_of(path).items()}
    else:
        arrays, _ = read_tensors(path)
    pairs = {}
    for part, prefix in (("train", ""), ("validation", "validation_")):
        there = [next((prefix + name for name in names if prefix + name in arrays), None) for names in _PAIR]
        if there[0] is not None and there[1] is not None:
            pairs[part] = (arrays[there[0]], arrays[there[1]])
    if "train" not in pairs:
        raise DataError(
            f"{path}: expected the arrays inputs and targets (or x and y), got {', '.join(arrays) or 'none'}"
        )
    return pairs


def _tensors(pair: Any) -> tuple[Any, Any]:
    def default(x: Any) -> Any:
        try:
            made = x if isinstance(x, Tensor) else torch.as_tensor(x)
        except Exception as error:
            raise ArgumentError("data", expected="tensors or arrays of numbers", got=f"{type(x).__name__}") from error
        made = made.detach()
        if not made.ndim or not len(made):
            raise ArgumentError("data", expected="samples on axis 0", got=f"a tensor {tuple(made.shape)}")
        if not bool(made.isfinite().all()):
            row = int((~made.isfinite()).flatten(1).any(1).nonzero()[0, 0]) if made.ndim > 1 else 0
            bad = f"NaN or infinity, first in sample {row}" if made.ndim > 1 else "NaN or infinity"
            raise ArgumentError("data", expected="finite numbers", got=bad, way_out="clean or drop it")
        return made.to(torch.get_default_dtype()) if made.is_floating_point() else made

    inputs, target = pair
    inputs = tuple(map(default, inputs)) if isinstance(inputs, (tuple, list)) else default(inputs)
    target = default(target)
    leaves = tensors_of((inputs, target))
    if len({len(x) for x in leaves}) != 1:
        raise ArgumentError(
            "data", expected="as many inputs as targets", got=", ".join(str(tuple(x.shape)) for x in leaves)
        )
    return inputs, target
