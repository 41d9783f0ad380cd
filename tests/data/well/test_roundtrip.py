"""What is written is what is read, whatever the fields, axes, missing axes, files and precision."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions.layout import FieldSpec
from haar.data.well import Axis, Shared, Storage, WellField, WellReader, WellWriter


@st.composite
def data_sets(draw):
    dim = draw(st.integers(1, 3))
    resolution = tuple(draw(st.integers(1, 4)) for _ in range(dim))
    fields = []
    for number in range(draw(st.integers(1, 4))):
        order = draw(st.integers(0, 2))
        role = draw(st.sampled_from(["variable", "constant"]))
        spec = (f"f{number}", order, draw(st.sampled_from([1, -1])), role)
        varying = tuple(draw(st.booleans()) for _ in range(dim))
        fields.append((spec, draw(st.booleans()), draw(st.sampled_from([None, varying]))))
    files = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), min_size=1, max_size=3))
    return resolution, fields, files, draw(st.sampled_from(["float32", "float64"])), draw(st.integers(0, 1000))


def expected_channels(fields, values, steps, resolution):
    """Channels by plain loops: scalars, vectors, tensors; components row-major; left-out axes repeated."""
    dim, channels = len(resolution), []
    for order in (0, 1, 2):
        for field in fields:
            if field.spec.order != order:
                continue
            array = values[field.name]
            if not field.time_varying:
                array = np.repeat(array[None], steps, axis=0)
            for axis, varies in enumerate(field.along(dim)):
                if not varies:
                    array = np.repeat(np.expand_dims(array, axis + 1), resolution[axis], axis=axis + 1)
            channels += [array[(..., *index)] for index in np.ndindex(*(dim,) * order)]
    return np.stack(channels, axis=1) if channels else np.zeros((steps, 0, *resolution))


@given(data_sets())
def test_every_value_comes_back_in_its_channel(made):
    resolution, plain, files, dtype, seed = made
    fields = [WellField(FieldSpec(*spec), *storage) for spec, *storage in plain]
    random = np.random.default_rng(seed)
    axes = [Axis.cells(name, size, length=1.0) for name, size in zip("xyz", resolution, strict=False)]
    with tempfile.TemporaryDirectory() as folder:
        written = []
        for number, (trajectories, steps) in enumerate(files):

            def noise(field, steps=steps):
                lead = (steps,) * field.time_varying
                return random.normal(size=(*lead, *field.frame_shape(resolution))).astype(dtype)

            shared = {field.name: noise(field) for field in fields if not field.sample_varying}
            writer = WellWriter(
                Path(folder) / f"{number}.h5",
                name="any",
                axes=axes,
                fields=fields,
                times=np.arange(steps),
                shared=Shared(fields=shared),
                storage=Storage(dtype),
            )
            with writer:
                for _ in range(trajectories):
                    own = {field.name: noise(field) for field in fields if field.sample_varying}
                    writer.append(own)
                    written.append(({**own, **shared}, steps))
        reader = WellReader(folder, dtype=getattr(torch, dtype))
        assert len(reader) == len(written)
        variables = [field for field in fields if field.time_varying]
        constants = [field for field in fields if not field.time_varying]
        for index, (values, steps) in enumerate(written):
            assert reader.steps(index) == steps
            states = expected_channels(variables, values, steps, resolution)
            assert np.array_equal(reader.read(index).numpy(), states)
            assert np.array_equal(
                reader.constants(index).numpy(), expected_channels(constants, values, 1, resolution)[0]
            )
        assert sorted(reader.metadata.fields, key=str) == sorted((field.spec for field in fields), key=str)
        assert [field.order for field in reader.metadata.fields] == sorted(field.spec.order for field in fields)


def test_channel_order_is_that_of_the_layout(everything):
    reader = WellReader(everything.root)
    layout = reader.layout(history=1)
    states, run = reader.read(0), everything.runs["train"][0]
    slices = layout.slices()
    assert layout.channel_names()[slices["strain"]] == ["strain_xx", "strain_xy", "strain_yx", "strain_yy"]
    assert np.array_equal(states[:, slices["strain"]].numpy()[:, 1], run["strain"][..., 0, 1])
    assert np.array_equal(states[:, slices["velocity"]].numpy()[:, 1], run["velocity"][..., 1])


def test_components_are_named_after_the_coordinates_of_the_file(tmp_path):
    axes = [Axis.cells(name, 3, length=1.0, boundary="WALL") for name in ("theta", "phi")]
    fields = [FieldSpec("height"), FieldSpec("velocity", order=1), FieldSpec("stress", order=2)]
    options = {"name": "sphere", "axes": axes, "fields": fields, "times": [0.0], "grid_type": "spherical"}
    values = {f.name: np.arange(9.0 * 2**f.order).reshape(1, 3, 3, *(2,) * f.order) for f in fields}
    with WellWriter(tmp_path / "sphere.hdf5", **options) as writer:
        writer.append(values)
    reader = WellReader(tmp_path / "sphere.hdf5")
    names = reader.layout(fields=["velocity", "height"]).channel_names()
    assert names == ["height", "velocity_theta", "velocity_phi"]
    whole = reader.layout(history=2).output().channel_names()
    assert whole[3:] == ["stress_theta_theta", "stress_theta_phi", "stress_phi_theta", "stress_phi_phi"]
    assert np.array_equal(reader.read(0)[0, whole.index("velocity_phi")].numpy(), values["velocity"][0, ..., 1])


def test_single_precision_is_enough_for_single_precision_files_only(tmp_path):
    value = 1.0 + 2.0**-40
    axes = [Axis.cells("x", 2, length=1.0)]
    options = {"name": "fine", "axes": axes, "fields": [FieldSpec("p")], "times": [0.0]}
    with WellWriter(tmp_path / "fine.hdf5", storage=Storage("float64"), **options) as writer:
        writer.append({"p": np.full((1, 2), value)})
    assert float(WellReader(tmp_path / "fine.hdf5", dtype=torch.float64).read(0)[0, 0, 0]) == value
    assert float(WellReader(tmp_path / "fine.hdf5").read(0)[0, 0, 0]) == 1.0
