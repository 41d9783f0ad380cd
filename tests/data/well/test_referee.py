"""Against the package of The Well's authors: what we write it reads, and reads as we do."""

from __future__ import annotations

import shutil
import warnings

import h5py
import numpy as np
import pytest
import torch
import yaml

from haar.data.metrics import mae, nrmse, rmse, vrmse
from haar.data.well import Trajectories, WellReader, Windows, ZScore

pytestmark = pytest.mark.referee


@pytest.fixture(scope="module")
def well():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, at import
        return pytest.importorskip("the_well.data", reason="the_well is not installed (extra 'well')")


@pytest.fixture
def ours_and_theirs(well, everything_full):
    def build(split="train", history=2, horizon=3, stride=1, **options):
        with warnings.catch_warnings():
            # It warns that a two-dimensional boundary mask is counted as a whole edge.
            warnings.simplefilter("ignore", RuntimeWarning)
            theirs = well.WellDataset(
                path=str(everything_full.root),
                well_split_name=split,
                n_steps_input=history,
                n_steps_output=horizon,
                min_dt_stride=stride,
                max_dt_stride=stride,
                **options,
            )
        ours = Windows(everything_full.root, split=split, history=history, horizon=horizon, stride=stride)
        return ours, theirs

    return build


def sample(dataset, index):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return dataset[index]


def channels_first(x):
    return x.movedim(-1, 1).flatten(0, 1)


@pytest.mark.parametrize(("history", "horizon", "stride"), [(1, 1, 1), (2, 3, 1), (1, 2, 2)])
def test_every_sample_is_the_same_in_value_and_order(ours_and_theirs, history, horizon, stride):
    ours, theirs = ours_and_theirs(history=history, horizon=horizon, stride=stride)
    assert len(ours) == len(theirs)
    for index in range(len(ours)):
        other = sample(theirs, index)
        x, y = ours[index]
        expected = torch.cat([channels_first(other["input_fields"]), other["constant_fields"].movedim(-1, 0)])
        assert torch.equal(x, expected)
        assert torch.equal(y, channels_first(other["output_fields"]))


def test_names_shapes_and_boundaries_are_the_same(ours_and_theirs):
    ours, theirs = ours_and_theirs()
    reader = ours.reader
    meta = reader.metadata
    assert meta.resolution == theirs.metadata.spatial_resolution
    assert meta.name == theirs.metadata.dataset_name
    flat = [name for names in theirs.metadata.field_names.values() for name in names]
    constant = [name for names in theirs.metadata.constant_field_names.values() for name in names]
    assert reader.layout(1).channel_names() == flat + constant
    codes = sample(theirs, 0)["boundary_conditions"]
    assert [[int(code) for code in ends] for ends in meta.boundaries] == codes.int().tolist()


def test_grids_times_and_scalars_are_the_same(ours_and_theirs):
    ours, theirs = ours_and_theirs(normalize_time_grid=False)
    for index in range(len(ours)):
        other, (trajectory, start) = sample(theirs, index), ours.where(index)
        steps = slice(start, start + 5)
        times = ours.reader.times(trajectory, steps)
        assert torch.equal(times, torch.cat([other["input_time_grid"], other["output_time_grid"]]).double())
        grid = torch.meshgrid(*(torch.from_numpy(a.coordinates) for a in ours.reader.metadata.axes), indexing="ij")
        assert torch.equal(torch.stack(grid, -1).float(), other["space_grid"])
        scalars = ours.reader.scalars(trajectory, steps)
        varying = torch.stack([scalars[name] for name in theirs.metadata.scalar_names], -1)
        constant = torch.stack([scalars[name] for name in theirs.metadata.constant_scalar_names], -1)
        assert torch.equal(varying, torch.cat([other["input_scalars"], other["output_scalars"]]).double())
        assert torch.equal(constant, other["constant_scalars"].double())


def test_whole_trajectories_are_the_same(ours_and_theirs, everything_full):
    _, theirs = ours_and_theirs(split="test", history=1, full_trajectory_mode=True)
    ours = Trajectories(everything_full.root, split="test")
    assert len(ours) == len(theirs)
    for index, run in enumerate(ours):
        other = sample(theirs, index)
        states = torch.cat([other["input_fields"], other["output_fields"]]).movedim(-1, 1)
        assert torch.equal(run.states, states)


@pytest.mark.parametrize("delta", [False, True])
def test_normalisation_with_our_statistics_is_the_same(well, everything_full, delta):
    from the_well.data.normalization import ZScoreNormalization

    reader = WellReader(everything_full.root)
    stats = yaml.safe_load((everything_full.root / "stats.yaml").read_text())
    fields = [field.name for field in reader.metadata.variables]
    constants = [field.name for field in reader.metadata.constants]
    theirs = ZScoreNormalization(stats, fields, constants)
    ours = ZScore(reader.statistics(), reader.layout(1, fields), delta=delta)
    x = reader.read(0)
    last = x.movedim(1, -1)
    expected = (
        theirs.delta_normalize_flattened(last, "variable") if delta else theirs.normalize_flattened(last, "variable")
    )
    assert torch.allclose(ours(x), expected.movedim(-1, 1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_metrics_are_the_same(well, dim):
    from the_well.benchmark import metrics as theirs

    generator = torch.Generator().manual_seed(dim)
    shape = (2, 3, 4, *(6, 5, 7)[:dim])
    truth = torch.randn(shape, generator=generator, dtype=torch.float64)
    truth[0, 0, 0] = 2.0  # a constant field: only eps is left below the line
    guess = truth + 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)
    meta = well.datasets.WellMetadata("", dim, (), [], [], {}, {}, [], 1, [], [])
    last = [x.movedim(2, -1) for x in (guess, truth)]
    for mine, other in ((vrmse, theirs.VRMSE), (nrmse, theirs.NRMSE), (rmse, theirs.RMSE), (mae, theirs.MAE)):
        assert torch.allclose(mine(guess, truth, dim=dim), other.eval(*last, meta), rtol=1e-13, atol=0.0)


def test_its_own_example_file_is_read(well, tmp_path):
    from the_well.utils.dummy_data import write_dummy_data

    write_dummy_data(str(tmp_path / "dummy.hdf5"))
    reader = WellReader(tmp_path / "dummy.hdf5")
    theirs = well.WellDataset(path=str(tmp_path), n_steps_input=2, n_steps_output=1)
    windows = Windows(reader, history=2)
    assert len(windows) == len(theirs)
    for index in (0, 5, len(windows) - 1):
        other = theirs[index]
        expected = torch.cat([channels_first(other["input_fields"]), other["constant_fields"].movedim(-1, 0)])
        assert torch.equal(windows[index][0], expected)
    assert reader.metadata.axes[0].periodic  # its masks mark no point, its reader says OPEN; the type says PERIODIC
    assert np.isclose(float(reader.scalars(0)["a"]), 0.25)


def test_axes_left_out_are_read_and_so_are_axes_kept_with_size_one(well, everything, everything_full, tmp_path):
    # The format, the format checker and the exporter of the package leave an axis out along which a field does not
    # vary; its reader needs the axis kept with size 1. We write the former and read both.
    kept = tmp_path / "data" / "train" / "set_0.hdf5"
    kept.parent.mkdir(parents=True)
    shutil.copy(everything.root / "data" / "train" / "set_0.hdf5", kept)
    with h5py.File(kept, "r+") as file:
        for name, axis in (("wind", 1), ("floor", 1)):
            stored = file["t0_fields"][name]
            values, attributes = np.expand_dims(stored[()], axis), dict(stored.attrs)
            del file["t0_fields"][name]
            file["t0_fields"].create_dataset(name, data=values).attrs.update(attributes)
    ours = Windows(tmp_path, history=2)
    theirs = well.WellDataset(path=str(tmp_path), well_split_name="train", n_steps_input=2, n_steps_output=1)
    left_out, stored_in_full = Windows(everything.root, history=2), Windows(everything_full.root, history=2)
    for index in (0, len(ours) - 1):
        other = sample(theirs, index)
        expected = torch.cat([channels_first(other["input_fields"]), other["constant_fields"].movedim(-1, 0)])
        for windows in (ours, left_out, stored_in_full):
            assert torch.equal(windows[index][0], expected)
