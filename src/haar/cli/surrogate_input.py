"""What fits a surrogate model to a data set: how many time steps it takes, its units, and a first try."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from haar.actions import Layout, Symmetry
from haar.cli.first_try import OwnPrecision, found_history, own_dtype
from haar.cli.model_file import LoadedModel
from haar.cli.options import whole_numbers
from haar.cli.rows_file import grid_of_rows
from haar.cli.well_data import open_well, well_symmetry
from haar.containers import tensors_of
from haar.data import WellReader, Windows, ZScore
from haar.data.array_file import holds_arrays
from haar.data.well.spread_windows import SpreadWindows, field_scale
from haar.entry import brief
from haar.errors import ArgumentError, HaarError
from haar.groups.names import named_group

#: Points of the largest grid that numbers are drawn for without data.
_MOST_POINTS = 10**8
#: Windows of the data set that elements are selected on, and how many a model of any batch size is given at once.
_WINDOWS, _AT_ONCE = 32, 4


@dataclass(frozen=True)
class FittedModel:
    """A model in physical units with its symmetry.

    Args:
        module: The model, in physical units.
        symmetry: How the group acts on its input and output.
        sample: One input, (1, channel, *space): from the data set, or random numbers.
        batched: Whether the batch size is free.
        windows: The windows of the data set, if there is one.
    """

    module: nn.Module
    symmetry: Symmetry
    sample: Tensor
    batched: bool
    windows: Windows | None = None


def fit_model(
    loaded: LoadedModel,
    group: str,
    *,
    fields: str | None = None,
    history: int | None = None,
    data: Path | None = None,
    shape: str | None = None,
    normalised: bool = False,
) -> FittedModel:
    """Find a model's symmetry from a data set, or from words alone.

    Args:
        loaded: The model as its file gives it.
        group: Name of the group.
        fields: The fields in words; needed without `data`.
        history: Time steps in the input; found from the number of channels if it is known.
        data: A data set in The Well's format; or ``.npz``, ``.npy`` or HDF5 of inputs, which say the grid.
        shape: Points of every axis, ``"64,64"``, without `data`; an exported program of a fixed grid knows them.
        normalised: Whether the model works on z-scores of the data set.

    Raises:
        ArgumentError: If something is missing or does not fit.
        DataError: If the data set cannot be read.
    """
    if data is not None and shape is not None:
        raise ArgumentError("--shape", expected="none beside --data, which knows it", got=repr(shape))
    if data is not None and (data.suffix.lower() == ".npy" or holds_arrays(data)):
        shape, data = ",".join(map(str, grid_of_rows(data, group))), None
    if data is not None:
        reader, names = open_well(data, fields=fields)
        windows = window_data(reader, names, history, loaded.channels, loaded.module)
        symmetry = well_symmetry(reader.metadata, group, windows.inputs)
        module = physical_model(loaded.module, reader, windows, normalised=normalised)
        try_model(module, windows)
        sample = windows[len(windows) // 2][0][None]
        _check_finite(module, sample, "inputs of the data set", "look at its weights and units")
        return FittedModel(module, symmetry, sample, loaded.batched, windows)
    if normalised:
        raise ArgumentError("--normalised", expected="--data, whose stats.yaml says how", got="none")
    if fields is None:
        raise ArgumentError("--fields", expected="the fields of the model (or --data)", got="none")
    space = loaded.space if shape is None else _space(shape)
    if space is None:
        raise ArgumentError("--shape", expected="points of every axis, such as 64,64 (or --data)", got="none")
    once = Layout.parse(fields, dim=len(space))
    if history is None and loaded.channels is None:
        history = found_history(loaded.module, once, space)
    steps = _history(once, history, loaded.channels)
    if group.lower() == "auto":
        raise ArgumentError("--group", expected="--data beside auto, whose grid and boundaries decide", got="none")
    chosen = named_group(group, space=space, periodic=[True] * len(space), argument="--group")
    symmetry = Symmetry.of_fields(chosen, once.fields, history=steps)
    channels = once.with_history(steps).channels
    sample = torch.randn(1, channels, *space, generator=torch.Generator().manual_seed(0))
    sample = sample.to(own_dtype(loaded.module, sample))
    _check_finite(loaded.module, sample, "random numbers", "give --data, whose inputs it knows")
    return FittedModel(loaded.module, symmetry, sample, loaded.batched)


def selection_inputs(fitted: FittedModel) -> tuple[Iterator[Tensor] | None, Tensor | None]:
    """Unlabelled inputs of the data set that elements are selected on, and the scale of every output field.

    Args:
        fitted: The model; without a data set there are none.
    """
    if fitted.windows is None:
        return None, None
    spread = SpreadWindows(fitted.windows, samples=_WINDOWS, batch_size=_AT_ONCE)
    scale = field_scale(spread, fitted.windows.outputs).float()
    return (x for x, _, _ in spread), scale.reshape(-1, *[1] * (fitted.sample.ndim - 2))


def window_data(
    reader: WellReader,
    fields: Sequence[str] | None,
    history: int | None,
    channels: int | None,
    model: nn.Module | None = None,
) -> Windows:
    """Windows with as many time steps as the model takes.

    Args:
        reader: The data set.
        fields: Names of the fields; None for all.
        history: The number the user gives, if any.
        channels: Channels of the model's input, if they are known.
        model: Tried where neither is known: the number of steps with which it runs is the number that it takes.

    Raises:
        ArgumentError: If no whole number of steps gives so many channels, or neither number is known.
    """
    once = reader.layout(1, fields)
    if history is None and channels is None and model is not None:
        history = found_history(model, once, reader.metadata.resolution)
    history = _history(once, history, channels)
    return Windows(reader, history=history, fields=fields)


def physical_model(model: nn.Module, reader: WellReader, windows: Windows, *, normalised: bool) -> nn.Module:
    """The model in physical units: wrapped in the z-scores of the data set if it works on them."""
    x = windows[0][0][None]
    dtype = own_dtype(model, x)
    if dtype != x.dtype:
        model = OwnPrecision(model, dtype).eval()
    if not normalised:
        return model
    statistics = reader.statistics()
    return PhysicalUnits(model, ZScore(statistics, windows.inputs), ZScore(statistics, windows.outputs)).eval()


class PhysicalUnits(nn.Module):
    """A model of normalised fields between a z-score of its input and the inverse one of its output.

    Args:
        model: From normalised to normalised fields.
        before: Statistics of the input.
        after: Statistics of the output.
    """

    def __init__(self, model: nn.Module, before: ZScore, after: ZScore) -> None:
        super().__init__()
        self.model, self.before, self.after = model, before, after

    def forward(self, x: Tensor) -> Tensor:
        """From physical to physical fields."""
        return self.after.denormalise(self.model(self.before.normalise(x)))


def try_model(model: nn.Module, windows: Windows) -> None:
    """Run a model once, so that what does not fit is said in a line.

    Raises:
        ArgumentError: If it fails, or its output is not one step of the variable fields.
    """
    x, y = windows[0]
    try:
        with torch.no_grad():
            got = model(x[None])
    except HaarError:
        raise
    except Exception as error:
        reason = brief(error)
        raise ArgumentError(
            "MODEL",
            expected=f"a model of inputs (batch, {', '.join(map(str, x.shape))}): {', '.join(_short(windows))}",
            got=reason,
            way_out="check --fields and --history",
        ) from error
    shape = tuple(got.shape) if isinstance(got, Tensor) else type(got).__name__
    if shape != (1, *y.shape):
        raise ArgumentError(
            "MODEL", expected=f"an output of shape {(1, *y.shape)}", got=shape, way_out="check --fields"
        )


def _check_finite(model: nn.Module, x: Tensor, which: str, way_out: str) -> None:
    with torch.no_grad():
        finite = all(bool(y.isfinite().all()) for y in tensors_of(model(x)))
    if not finite:
        raise ArgumentError("MODEL", expected="finite outputs", got=f"NaN or infinity for {which}", way_out=way_out)


def _short(windows: Windows) -> list[str]:
    names = windows.inputs.channel_names()
    return names if len(names) <= 8 else [*names[:4], "...", *names[-3:]]


def _history(once: Layout, history: int | None, channels: int | None) -> int:
    varying = once.output().channels
    if history is None:
        if channels is None:
            raise ArgumentError(
                "--history",
                expected="the number of time steps that the model takes",
                got="none",
                way_out="add --history 1, 2, ... (the model does not say how many channels it takes)",
            )
        history, rest = divmod(channels - (once.channels - varying), varying)
        if rest or history < 1:
            raise ArgumentError(
                "--fields",
                expected=f"fields whose channels add up to the {channels} of the model's input",
                got=f"{once.channels} channels a time step ({', '.join(once.channel_names())})",
            )
    elif channels is not None and once.with_history(history).channels != channels:
        raise ArgumentError(
            "--history",
            expected=f"what gives the {channels} channels of the model's input",
            got=f"{history} time steps of {', '.join(once.channel_names())}",
        )
    return history


def _space(shape: str) -> tuple[int, ...]:
    expected = "points of 1 to 3 axes, such as 64,64"
    points = whole_numbers("--shape", shape, expected=expected, divided=",x", most=100_000)
    if len(points) > 3 or math.prod(points) > _MOST_POINTS:
        raise ArgumentError("--shape", expected=f"{expected}, at most {_MOST_POINTS} in all", got=repr(shape))
    return points
