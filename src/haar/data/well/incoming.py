"""Values on their way into a file: every one has the right name, shape, type and range, or is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from haar.actions.layout import FieldSpec
from haar.data.naming import known
from haar.data.well.axis import Axis
from haar.data.well.boundary import Boundary
from haar.data.well.stored import WellField
from haar.data.well.values import Values, as_array
from haar.errors import ArgumentError, ShapeError

_ROOT = ("dataset_name", "grid_type", "n_spatial_dims", "n_trajectories", "simulation_parameters")


@dataclass(frozen=True)
class Intake:
    """Checks the values of fields and converts them to the type that is stored.

    Args:
        resolution: Number of points of every axis.
        dtype: The type that is stored.
        finite: Refuse NaN and infinity, and values that overflow the stored type.
    """

    resolution: tuple[int, ...]
    dtype: np.dtype
    finite: bool

    def block(self, field: WellField, values: Values, steps: int | None, where: str, first: int = 0) -> np.ndarray:
        """One field.

        Args:
            field: The field that the values are of.
            values: Its values: ([time], *space, *component).
            steps: How many time steps there should be; None for a field without them.
            where: The trajectory, for messages.
            first: The number of the first of these steps, for messages.

        Raises:
            ShapeError: If the shape is wrong.
            ArgumentError: If a value is not real or not finite, or a tensor is not symmetric as it was declared.
        """
        array = as_array(values)
        if array.dtype.kind not in "fiub":
            raise ArgumentError(
                field.name,
                expected="real numbers",
                got=str(array.dtype),
                way_out="store real and imaginary part as two fields" if array.dtype.kind == "c" else "",
            )
        with np.errstate(over="ignore"):  # what overflows is refused below
            block = array.astype(self.dtype)
        shape = (*(() if steps is None else (steps,)), *field.frame_shape(self.resolution))
        if block.shape != shape:
            raise ShapeError(
                field.name, expected=f"shape {shape} ([steps], space, components)", got=f"shape {block.shape}"
            )
        finite = np.isfinite(block)
        if self.finite and not finite.all():
            bad = "" if steps is None else f", step {first + int(np.flatnonzero(~finite.reshape(steps, -1).all(1))[0])}"
            raise ArgumentError(
                field.name,
                expected=f"finite values in the range of {self.dtype}",
                got=f"NaN or infinity in {where}{bad}",
            )
        self._check_symmetry(field, block)
        return block

    @staticmethod
    def _check_symmetry(field: WellField, block: np.ndarray) -> None:
        for sign, declared, word in ((1, field.symmetric, "symmetric"), (-1, field.antisymmetric, "antisymmetric")):
            if not declared:
                continue
            with np.errstate(invalid="ignore"):  # infinity minus infinity, where it is kept
                rest = np.abs(block - sign * np.swapaxes(block, -1, -2))
            if rest.max(initial=0.0) > 1e-5 * np.abs(block).max(initial=0.0):
                raise ArgumentError(field.name, expected=f"{word} values, as declared", got="one that is not")


def complete(argument: str, expected: Sequence[str], given: Mapping[str, Values]) -> None:
    """Refuse a name that is not expected, and the lack of one that is.

    Raises:
        ArgumentError: Naming it.
    """
    for name in given:
        known(name, expected, argument=argument)
    missing = [name for name in expected if name not in given]
    if missing:
        raise ArgumentError(argument, expected=f"values of {', '.join(expected)}", got=f"none of {', '.join(missing)}")


def checked_times(times: Values, dtype: str = "float64") -> np.ndarray:
    """Times as float64, (steps,) or (trajectories, steps).

    Args:
        times: Times that the caller gave.
        dtype: How they are stored: they must be told apart in it.

    Raises:
        ShapeError: If they are anything else, or not finite.
        ArgumentError: If they do not increase.
    """
    array = np.asarray(as_array(times), dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0 or not np.isfinite(array).all():
        raise ShapeError(
            "times", expected="finite times of shape (steps,) or (trajectories, steps)", got=f"shape {array.shape}"
        )
    with np.errstate(over="ignore"):  # what overflows is refused
        stored = array.astype(dtype)
    if not np.isfinite(stored).all() or bool((np.diff(stored) <= 0).any()):
        rounded = bool((np.diff(array) > 0).all())
        raise ArgumentError(
            "times",
            expected="times that increase from step to step",
            got=f"some that do not{f' in {dtype}' if rounded else ''}",
            way_out="give dtype='float64'" if rounded else "",
        )
    return array


def checked_axes(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """One to three axes of different names.

    Raises:
        ArgumentError: If they are not.
    """
    names = [axis.name for axis in axes]
    if not 1 <= len(names) <= 3 or len(set(names)) != len(names) or "time" in names:
        raise ArgumentError(
            "axes", expected="1 to 3 axes of different names, none of them 'time'", got=", ".join(names) or "none"
        )
    return tuple(axes)


def checked_fields(fields: Iterable[FieldSpec | WellField], dim: int) -> tuple[WellField, ...]:
    """The fields in the order of the format: scalars, vectors, tensors.

    Raises:
        ArgumentError: If there is none, a name repeats, or `dim_varying` has the wrong length.
    """
    chosen = sorted((WellField.of(field) for field in fields), key=lambda field: field.spec.order)
    names = [field.name for field in chosen]
    if not names or len(set(names)) != len(names):
        raise ArgumentError(
            "fields", expected="at least one field, all of different names", got=", ".join(names) or "none"
        )
    for field in chosen:
        field.along(dim)
    return tuple(chosen)


def checked_scalars(
    parameters: Mapping[str, Values | str], scalars: Mapping[str, Values], steps: int
) -> dict[str, np.ndarray]:
    """The numbers that are the same for all trajectories, parameters first (text has no place among scalars).

    Raises:
        ArgumentError: If a name is taken, or a parameter is not one number or text.
        ShapeError: If a scalar is neither one number nor one for every step.
    """
    for name, value in parameters.items():
        if name in _ROOT:
            raise ArgumentError("parameters", expected="names that the format does not use", got=repr(name))
        if isinstance(value, str):
            continue
        array = as_array(value)
        if array.ndim or array.dtype.kind not in "fiub":
            raise ArgumentError(f"parameter {name}", expected="one number or text", got=repr(value))
    for name, given in scalars.items():
        if name in parameters:
            raise ArgumentError("scalars", expected="names that are no parameters", got=repr(name))
        if np.shape(given) not in ((), (steps,)):
            raise ShapeError(f"scalar {name}", expected=f"shape () or ({steps},)", got=f"shape {np.shape(given)}")
    numbers = {name: value for name, value in parameters.items() if not isinstance(value, str)}
    return {name: np.asarray(as_array(value), dtype=np.float64) for name, value in {**numbers, **scalars}.items()}


def checked_boundaries(boundaries: Sequence[Boundary], axes: Sequence[Axis]) -> tuple[Boundary, ...]:
    """Boundary conditions of different names, whose masks fit the axes.

    Raises:
        ArgumentError: If a name repeats or an axis is unknown.
        ShapeError: If a mask has the wrong shape.
    """
    names = [boundary.name for boundary in boundaries]
    if len(set(names)) != len(names):
        raise ArgumentError("boundaries", expected="different names", got=", ".join(names))
    sizes = {axis.name: axis.size for axis in axes}
    for boundary in boundaries:
        shape = tuple(
            sizes[known(dim, sizes, argument=f"boundary {boundary.name}", kind="axis")] for dim in boundary.dims
        )
        lead = boundary.sample_varying + boundary.time_varying
        mask = np.shape(boundary.mask)
        if len(mask) != lead + len(shape) or mask[lead:] != shape:
            raise ShapeError(f"boundary {boundary.name}", expected=f"a mask of shape {shape}", got=f"shape {mask}")
    return tuple(boundaries)
