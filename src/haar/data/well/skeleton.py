"""Everything in a Well file but the values of its fields: written before the first trajectory and after the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import h5py
import numpy as np

from haar.data.well.axis import Axis
from haar.data.well.boundary import Boundary
from haar.data.well.stored import TENSOR_GROUPS, WellField
from haar.data.well.values import Values, as_array

_CHUNK = 1 << 18  # bytes: several small frames share a chunk, a large frame is one
_LARGEST = 1 << 28  # bytes: beyond this a frame is divided (HDF5 takes no chunk above 4 GiB)


def write_root(file: h5py.File, name: str, grid_type: str, dim: int, parameters: Mapping[str, Values | str]) -> None:
    """The attributes of the file itself, all but the number of trajectories."""
    file.attrs["dataset_name"] = name
    file.attrs["grid_type"] = grid_type
    file.attrs["n_spatial_dims"] = dim
    file.attrs["simulation_parameters"] = texts(parameters)
    for each, value in parameters.items():
        file.attrs[each] = value if isinstance(value, str) else as_array(value)[()]


def write_dimensions(group: h5py.Group, axes: Sequence[Axis], times: np.ndarray, dtype: np.dtype) -> None:
    """Times and coordinates."""
    group.attrs["spatial_dims"] = texts(axis.name for axis in axes)
    time = group.create_dataset("time", data=times.astype(dtype))
    time.attrs["sample_varying"], time.attrs["time_varying"] = times.ndim == 2, True
    for axis in axes:
        stored = group.create_dataset(axis.name, data=axis.coordinates.astype(dtype))
        stored.attrs["sample_varying"], stored.attrs["time_varying"] = False, False
        stored.attrs["centring"] = axis.centring  # ours; other readers ignore it


def write_boundaries(group: h5py.Group, boundaries: Iterable[Boundary], dtype: np.dtype) -> None:
    """One group for every boundary condition."""
    for boundary in boundaries:
        entry = group.create_group(boundary.name)
        entry.attrs["associated_dims"] = texts(boundary.dims)
        entry.attrs["associated_fields"] = texts(boundary.fields)
        entry.attrs["bc_type"] = boundary.kind.name
        entry.attrs["sample_varying"] = boundary.sample_varying
        entry.attrs["time_varying"] = boundary.time_varying
        entry.create_dataset("mask", data=np.asarray(boundary.mask, dtype=bool))
        if boundary.values is not None:
            entry.create_dataset("values", data=np.asarray(boundary.values, dtype=dtype))


def write_fields(
    file: h5py.File,
    fields: Sequence[WellField],
    *,
    shared: Mapping[str, np.ndarray],
    steps: int,
    resolution: tuple[int, ...],
    dtype: np.dtype,
) -> None:
    """The three groups of fields: with the values that all trajectories share, and empty room for the others."""
    for order, title in enumerate(TENSOR_GROUPS):
        group = file.create_group(title)
        members = [field for field in fields if field.spec.order == order]
        group.attrs["field_names"] = texts(field.name for field in members)
        for field in members:
            if field.sample_varying:
                stored = _create_growing(group, field, steps, resolution, dtype)
            else:
                stored = group.create_dataset(field.name, data=shared[field.name])
            stored.attrs["dim_varying"] = np.array(field.along(len(resolution)), dtype=bool)
            stored.attrs["sample_varying"], stored.attrs["time_varying"] = field.sample_varying, field.time_varying
            if order == 2:
                stored.attrs["symmetric"], stored.attrs["antisymmetric"] = field.symmetric, field.antisymmetric
            stored.attrs["parity"] = field.spec.parity  # ours; other readers ignore it
            if field.units:
                stored.attrs["units"] = field.units


def write_scalars(
    group: h5py.Group, same: Mapping[str, np.ndarray], varying: Mapping[str, Sequence[np.ndarray]]
) -> None:
    """The numbers that are no fields: the same for all trajectories, or one entry for each."""
    group.attrs["field_names"] = texts([*same, *varying])
    for name, array in same.items():
        stored = group.create_dataset(name, data=array)
        stored.attrs["sample_varying"], stored.attrs["time_varying"] = False, array.ndim == 1
    for name, arrays in varying.items():
        stored = group.create_dataset(name, data=np.stack(arrays))
        stored.attrs["sample_varying"], stored.attrs["time_varying"] = True, arrays[0].ndim == 1


def texts(values: Iterable[str]) -> np.ndarray:
    """A list of strings as HDF5 stores it, also where it is empty."""
    return np.array(list(values), dtype=h5py.string_dtype())  # type: ignore[attr-defined]


def _create_growing(
    group: h5py.Group, field: WellField, steps: int, resolution: tuple[int, ...], dtype: np.dtype
) -> h5py.Dataset:
    frame = field.frame_shape(resolution)
    shape = field.stored_shape(trajectories=0, steps=steps, resolution=resolution)
    together = max(1, _CHUNK // max(1, _values(frame) * dtype.itemsize))
    part = list(frame)
    while _values(part) * dtype.itemsize > _LARGEST:
        longest = part.index(max(part))
        part[longest] = -(-part[longest] // 2)
    chunk = (1, *((min(together, steps),) * field.time_varying), *part)
    return group.create_dataset(field.name, shape=shape, maxshape=(None, *shape[1:]), chunks=chunk, dtype=dtype)


def _values(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))
