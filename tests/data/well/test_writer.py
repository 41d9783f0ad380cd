from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from haar.actions.layout import FieldSpec
from haar.data.well import Axis, Boundary, BoundaryType, Shared, Storage, WellField, WellReader, WellWriter, write_well
from haar.errors import ArgumentError, DataError, ShapeError

AXES = [Axis.periodic_nodes(name, 4, length=1.0) for name in "xy"]
FIELDS = [
    FieldSpec("p"),
    FieldSpec("u", order=1),
    FieldSpec("k", role="constant"),
    WellField(FieldSpec("s", order=2), symmetric=True),
]


def writer(path, **options):
    defaults = {"name": "w", "axes": AXES, "fields": FIELDS, "times": [0.0, 1.0, 2.0]}
    return WellWriter(path, **{**defaults, **options})


def run(steps=3, seed=0):
    random = np.random.default_rng(seed)
    s = random.normal(size=(steps, 4, 4, 2, 2))
    return {
        "p": random.normal(size=(steps, 4, 4)),
        "u": random.normal(size=(steps, 4, 4, 2)),
        "k": random.normal(size=(4, 4)),
        "s": s + s.swapaxes(-1, -2),
    }


def without(values, name):
    return {key: value for key, value in values.items() if key != name}


def test_steps_may_come_in_pieces(tmp_path):
    values = run()
    with writer(tmp_path / "whole.hdf5") as whole:
        whole.append(values)
    with writer(tmp_path / "pieces.hdf5") as pieces, pieces.trajectory({"k": values["k"]}) as open_run:
        for start, stop in ((0, 1), (1, 3)):
            open_run.append({name: values[name][start:stop] for name in ("p", "u", "s")})
    assert torch.equal(WellReader(tmp_path / "whole.hdf5").read(0), WellReader(tmp_path / "pieces.hdf5").read(0))
    a, b = whole.statistics.compute(), pieces.statistics.compute()
    for key, table in a.to_dict().items():
        for name in table:
            assert np.allclose(getattr(a, key)[name], getattr(b, key)[name], rtol=1e-14, atol=1e-14), (key, name)


def test_numbers_that_are_not_real_are_refused(tmp_path):
    for p, message in (
        (run()["p"] * 1j, "p: expected real numbers, got complex128; store real and imaginary part as two fields"),
        (np.full((3, 4, 4), "x"), "p: expected real numbers, got <U1"),
    ):
        with pytest.raises(ArgumentError, match=message), writer(tmp_path / "w.hdf5") as opened:
            opened.append(run() | {"p": p})
    assert not (tmp_path / "w.hdf5").exists()


def test_half_precision_is_taken(tmp_path):
    values = run() | {"p": torch.from_numpy(run()["p"]).bfloat16()}
    with writer(tmp_path / "w.hdf5") as opened:
        opened.append(values)
    assert torch.equal(WellReader(tmp_path / "w.hdf5").read(0)[:, 0], values["p"].float())


def test_a_misspelt_keyword_is_named(tmp_path):
    with pytest.raises(ArgumentError, match=r"splt: expected a keyword of WellReader .*; did you mean split\?"):
        WellReader(tmp_path, splt="test")


def test_tensors_on_any_device_and_with_gradients_are_taken(tmp_path):
    values = {name: torch.from_numpy(value).requires_grad_() for name, value in run().items()}
    with writer(tmp_path / "w.hdf5", storage=Storage("float64")) as opened:
        opened.append(values)
    read = WellReader(tmp_path / "w.hdf5", dtype=torch.float64).read(0)
    assert torch.equal(read[:, 0], values["p"].detach())


def test_a_file_that_is_not_finished_never_appears(tmp_path):
    path = tmp_path / "w.hdf5"
    with pytest.raises(RuntimeError, match="stopped"), writer(path) as opened:  # noqa: PT012
        opened.append(run())
        raise RuntimeError("stopped")
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "w.hdf5"
    with writer(path) as opened:
        opened.append(run(seed=1))
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match="expected 3 time steps, got 2"), writer(path) as opened:  # noqa: PT012
        opened.append(run(seed=2))
        opened.append(run(steps=2))
    assert path.read_bytes() == before
    with writer(path) as opened:
        opened.append(run(seed=2))
    assert path.read_bytes() != before


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("a.hdf5", "b.hdf5"):
        with writer(tmp_path / name) as opened:
            opened.append(run())
    assert (tmp_path / "a.hdf5").read_bytes() == (tmp_path / "b.hdf5").read_bytes()


def test_a_trajectory_that_fails_leaves_no_trace(tmp_path):
    with writer(tmp_path / "w.hdf5") as opened:
        opened.append(run(seed=1), scalars={"a": 1.0})
        bad = run(seed=2)
        bad["u"][2] = np.nan
        with pytest.raises(ArgumentError, match="NaN or infinity in trajectory 1, step 2"):
            opened.append(bad, scalars={"a": 2.0})
        with pytest.raises(ArgumentError, match="trajectory: expected 3 time steps, got 1"):  # noqa: SIM117
            with opened.trajectory({"k": bad["k"]}, scalars={"a": 3.0}) as open_run:
                open_run.append({name: bad[name][:1] for name in ("p", "u", "s")})
        opened.append(run(seed=3), scalars={"a": 4.0})
    with writer(tmp_path / "clean.hdf5") as clean:
        clean.append(run(seed=1), scalars={"a": 1.0})
        clean.append(run(seed=3), scalars={"a": 4.0})
    ours, expected = WellReader(tmp_path / "w.hdf5"), WellReader(tmp_path / "clean.hdf5")
    assert len(ours) == len(expected) == 2
    for trajectory in range(2):
        assert torch.equal(ours.read(trajectory), expected.read(trajectory))
        assert ours.scalars(trajectory) == expected.scalars(trajectory)
    assert opened.statistics.compute().to_dict() == clean.statistics.compute().to_dict()


def test_times_for_every_trajectory(tmp_path):
    times = np.array([[0.0, 1.0, 2.0], [0.0, 0.5, 1.0]])
    with writer(tmp_path / "w.hdf5", times=times) as opened:
        opened.append(run())
        opened.append(run())
        with pytest.raises(ArgumentError, match="times: expected 2 trajectories, got one more"):
            opened.append(run())
    assert WellReader(tmp_path / "w.hdf5").times(1).tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(ArgumentError, match="times: expected one row for each of 1 trajectories"):  # noqa: SIM117
        with writer(tmp_path / "v.hdf5", times=times) as opened:
            opened.append(run())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: without(v, "u"), "fields: expected values of p, k, u, s, got none of u"),
        (lambda v: {**v, "w": v["p"]}, "fields: expected a field of this data set .* got 'w'"),
        (lambda v: {**v, "p": v["p"][:2]}, r"u: expected shape \(2, 4, 4, 2\)"),
        (lambda v: {**v, "p": np.zeros((4, 4, 4))}, "p: expected 1 to 3 more time steps on the first axis"),
        (lambda v: {**v, "p": 0.0}, r"p: expected 1 to 3 more time steps on the first axis, got shape \(\)"),
        (lambda v: {**v, "u": v["u"].swapaxes(1, 3)}, r"u: expected shape \(3, 4, 4, 2\) .* got shape \(3, 2, 4, 4\)"),
        (lambda v: {**v, "k": v["p"]}, r"k: expected shape \(4, 4\) .* got shape \(3, 4, 4\)"),
        (lambda v: {**v, "k": np.full((4, 4), np.inf)}, "k: expected finite values .* infinity in trajectory 0$"),
        (lambda v: {**v, "p": 1e39 * np.ones((3, 4, 4))}, "p: expected finite values in the range of float32"),
        (lambda v: {**v, "s": np.arange(192.0).reshape(3, 4, 4, 2, 2)}, "s: expected symmetric values, as declared"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused(tmp_path, change, message):
    with pytest.raises(ArgumentError, match=message), writer(tmp_path / "w.hdf5") as opened:
        opened.append(change(run()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axes": []}, "axes: expected 1 to 3 axes of different names, none of them 'time', got none"),
        ({"axes": [AXES[0], AXES[0]]}, "axes: expected 1 to 3 axes of different names"),
        ({"fields": []}, "fields: expected at least one field, all of different names, got none"),
        ({"fields": [FieldSpec("p"), FieldSpec("p", 1)]}, "fields: expected at least one field, all of different"),
        ({"fields": [WellField(FieldSpec("p"), dim_varying=(True,))]}, r"dim_varying of p: expected 2 values"),
        ({"times": []}, "times: expected finite times of shape"),
        ({"times": [0.0, np.nan]}, "times: expected finite times of shape"),
        (
            {"shared": Shared({"grid_type": 1})},
            "parameters: expected names that the format does not use, got 'grid_type'",
        ),
        ({"shared": Shared({"nu": [1.0, 2.0]})}, r"parameter nu: expected one number or text, got \[1.0, 2.0\]"),
        ({"shared": Shared({"nu": np.complex128(1j)})}, "parameter nu: expected one number or text, got "),
        ({"shared": Shared(scalars={"a": [1.0, 2.0]})}, r"scalar a: expected shape \(\) or \(3,\), got shape \(2,\)"),
        ({"shared": Shared({"a": 1.0}, {"a": 1.0})}, "scalars: expected names that are no parameters, got 'a'"),
        ({"shared": Shared(fields={"p": 1.0})}, "shared: expected a field of this data set .it has none., got 'p'"),
        ({"fields": [WellField(FieldSpec("f"), sample_varying=False)]}, "shared: expected values of f, got none of f"),
        (
            {"boundaries": [Boundary("b", BoundaryType.WALL, ("z",), np.zeros(4, dtype=bool))]},
            r"boundary b: expected a axis of this data set \(x, y\), got 'z'",
        ),
        (
            {"boundaries": [Boundary("b", BoundaryType.WALL, ("x",), np.zeros(5, dtype=bool))]},
            r"boundary b: expected a mask of shape \(4,\), got shape \(5,\)",
        ),
        (
            {"boundaries": [Boundary("x_periodic", BoundaryType.WALL, ("x",), np.zeros(4, dtype=bool))]},
            "boundaries: expected different names, got x_periodic, y_periodic, x_periodic",
        ),
    ],
)
def test_wrong_descriptions_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(ArgumentError, match=message):
        writer(tmp_path / "w.hdf5", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float16"}, "dtype: expected 'float32' or 'float64', got 'float16'"),
        ({"nan": "zero"}, "nan: expected 'refuse' or 'keep', got 'zero'"),
    ],
)
def test_unknown_ways_to_store_numbers_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        Storage(**options)


def test_only_tensors_can_be_symmetric():
    with pytest.raises(ArgumentError, match="symmetric: expected a second-order tensor, got u of order 1"):
        WellField(FieldSpec("u", order=1), symmetric=True)


def test_scalars_must_be_the_same_for_every_trajectory(tmp_path):
    with writer(tmp_path / "w.hdf5", shared=Shared({"nu": 0.1})) as opened:
        with pytest.raises(ArgumentError, match="scalars: expected names of their own, got 'nu' again"):
            opened.append(run(), scalars={"nu": 1.0})
        with pytest.raises(ShapeError, match=r"scalar a: expected shape \(\) or \(3,\), got shape \(2,\)"):
            opened.append(run(), scalars={"a": [1.0, 2.0]})
        opened.append(run(), scalars={"a": 1.0})
        for scalars in ({}, {"b": 1.0}, {"a": [1.0, 2.0, 3.0]}):
            with pytest.raises(
                ArgumentError, match=r"scalars: expected the names and shapes of the first trajectory \(a\)"
            ):
                opened.append(run(), scalars=scalars)


def test_a_writer_is_used_within_its_block(tmp_path):
    opened = writer(tmp_path / "w.hdf5")
    with pytest.raises(ArgumentError, match="writer: expected an open writer, got one outside its with block"):
        opened.append(run())
    with opened:
        with pytest.raises(ArgumentError, match="writer: expected one with block, got a second one inside it"), opened:
            pass
        values = run()
        with opened.trajectory({"k": values["k"]}) as first:
            with pytest.raises(ArgumentError, match="trajectory: expected the one before to be complete"):
                opened.append(values)
            first.append(without(values, "k"))
            with pytest.raises(ShapeError, match="p: expected no more time steps"):
                first.append(without(values, "k"))
        with pytest.raises(ArgumentError, match="trajectory: expected one that is open, got one whose with block"):
            first.append(without(values, "k"))
    with pytest.raises(ArgumentError, match="trajectories: expected at least one before the file is closed, got none"):  # noqa: SIM117
        with writer(tmp_path / "v.hdf5"):
            pass
    with pytest.raises(ArgumentError, match="trajectory: expected the last one to be complete, got one that is still"):  # noqa: SIM117, PT012
        with writer(tmp_path / "v.hdf5") as again:
            again.append(run())
            again.trajectory({"k": run()["k"]})
    assert not (tmp_path / "v.hdf5").exists()


def test_parameters_may_be_numbers_of_any_kind(tmp_path):
    parameters = {"nu": np.float32(0.5), "n": 3, "mass": torch.tensor(2.0), "shape": "round"}
    with writer(tmp_path / "w.hdf5", shared=Shared(parameters)) as opened:
        opened.append(run())
    reader = WellReader(tmp_path / "w.hdf5")
    assert reader.parameters(0) == {"nu": 0.5, "n": 3, "mass": 2.0, "shape": "round"}
    assert {name: float(value) for name, value in reader.scalars(0).items()} == {"nu": 0.5, "n": 3.0, "mass": 2.0}


def test_constants_only(tmp_path):
    with writer(tmp_path / "w.hdf5", fields=[FieldSpec("k", role="constant")], times=[0.0]) as opened:
        opened.append({"k": np.ones((4, 4))})
    reader = WellReader(tmp_path / "w.hdf5")
    assert reader.constants(0).sum() == 16
    assert reader.read(0).shape == (1, 0, 4, 4)


def test_a_place_that_cannot_be_written_is_a_data_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"w\.hdf5: writing it failed: "), writer(tmp_path / "file" / "w.hdf5"):
        pass


def test_frames_share_chunks_and_large_ones_are_divided(tmp_path, monkeypatch):
    from haar.data.well import skeleton

    with writer(tmp_path / "w.hdf5", times=range(100)) as opened:
        opened.append(run(100))
    with h5py.File(tmp_path / "w.hdf5") as file:
        assert file["t1_fields/u"].chunks == (1, 100, 4, 4, 2)
        assert file["t0_fields/k"].chunks == (1, 4, 4)
    monkeypatch.setattr(skeleton, "_CHUNK", 16)
    monkeypatch.setattr(skeleton, "_LARGEST", 64)
    with writer(tmp_path / "w.hdf5", times=range(100)) as opened:
        opened.append(run(100))
    with h5py.File(tmp_path / "w.hdf5") as file:
        assert file["t1_fields/u"].chunks == (1, 1, 2, 4, 2)


def test_a_whole_folder(tmp_path):
    runs = {"train": [run(seed=0), run(seed=1)], "test": (run(seed=n) for n in (2, 3, 4))}
    root = write_well(tmp_path, runs, name="w", axes=AXES, fields=FIELDS, times=[0, 1, 2], parameters={"nu": 0.1})
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*.*")) == [
        "data/test/w.hdf5",
        "data/train/w.hdf5",
        "stats.yaml",
    ]
    assert len(WellReader(root, split="test")) == 3
    values = np.concatenate([each["p"].astype(np.float32).ravel() for each in runs["train"]]).astype(np.float64)
    assert float(WellReader(root).statistics().mean["p"]) == pytest.approx(values.mean(), rel=1e-13)


@pytest.mark.parametrize("splits", [{"test": []}, {"train": [], "vaild": []}, {}])
def test_splits_have_their_names(tmp_path, splits):
    with pytest.raises(ArgumentError, match="splits: expected 'train' and perhaps 'valid' and 'test', got"):
        write_well(tmp_path, splits, name="w", axes=AXES, fields=FIELDS, times=[0])


@pytest.mark.parametrize(("rest", "fits"), [(0.9e-5, True), (1.1e-5, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_tensor_is_symmetric_as_declared_up_to_rounding(tmp_path, sign, rest, fits):
    tensor = np.zeros((3, 4, 4, 2, 2))
    tensor[..., 0, 1], tensor[..., 1, 0] = 1.0, sign * (1.0 - rest)
    declared = {"symmetric": sign == 1, "antisymmetric": sign == -1}
    made = writer(
        tmp_path / "w.hdf5", fields=[WellField(FieldSpec("s", order=2), **declared)], storage=Storage("float64")
    )
    if fits:
        with made as opened:
            opened.append({"s": tensor})
        return
    word = "symmetric" if sign == 1 else "antisymmetric"
    with pytest.raises(ArgumentError, match=f"s: expected {word} values, as declared"), made as opened:
        opened.append({"s": tensor})
