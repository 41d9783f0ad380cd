from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import FieldSpec
from haar.data.well import (
    Axis,
    Shared,
    Statistics,
    StatisticsCollector,
    WellField,
    WellReader,
    WellWriter,
    compute_statistics,
)
from haar.data.well.moments import Moments
from haar.data.well.statistics import KEYS
from haar.errors import DataError


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.integers(0, 2), st.floats(-1e6, 1e6), st.integers(0, 99))
def test_moments_do_not_depend_on_the_pieces(sizes, components, offset, seed):
    random = np.random.default_rng(seed)
    shape = (2,) * components
    pieces = [offset + random.normal(size=(size, 3, *shape)) for size in sizes]
    merged = Moments.empty(shape)
    for piece in pieces:
        merged = merged.merge(Moments.of(piece, components))
    whole = np.concatenate(pieces)
    if not whole.size:
        assert merged.count == 0
        return
    axes = (0, 1)
    assert merged.count == whole[(..., *(0,) * components)].size
    assert np.allclose(merged.mean, whole.mean(axes), rtol=1e-14, atol=1e-14)
    assert np.allclose(merged.std, whole.std(axes), rtol=1e-9, atol=1e-12)
    assert np.allclose(merged.rms, np.sqrt(np.square(whole).mean(axes)), rtol=1e-13)


def test_a_large_mean_does_not_drown_the_spread():
    values = 1e9 + np.random.default_rng(0).normal(size=100_000)
    merged = Moments.empty(())
    for piece in np.split(values, 100):
        merged = merged.merge(Moments.of(piece, 0))
    assert float(merged.std) == pytest.approx(float((values - 1e9).std()), rel=1e-7)


def test_values_may_count_more_than_once():
    values = np.array([1.0, 2.0, 5.0])
    twice = Moments.of(values, 0, repeat=2)
    both = Moments.of(np.tile(values, 2), 0)
    assert (twice.count, float(twice.mean), float(twice.squares)) == (both.count, float(both.mean), float(both.squares))


def direct(made, split, name, order):
    """Mean, std, rms of values and changes, from all arrays at once, as every trajectory sees them."""
    values, changes = [], []
    for run in made.runs[split]:
        array = run[name].astype(np.float64)
        varying = name not in {"floor", "material"}
        shape = (-1, *(2,) * order)
        # A field along which an axis is left out counts for every point of it: the same for all, so not at all.
        values.append(array.reshape(shape))
        if varying:
            changes.append(np.diff(array, axis=0).reshape(shape))
    found = {}
    for key, arrays in (("", values), ("_delta", changes)):
        if arrays:
            stacked = np.concatenate(arrays)
            found["mean" + key], found["std" + key] = stacked.mean(0), stacked.std(0)
            found["rms" + key] = np.sqrt(np.square(stacked).mean(0))
    return found


@pytest.mark.parametrize("way", ["from the files", "from stats.yaml"])
def test_statistics_of_the_training_split(everything, way):
    found = compute_statistics(everything.root) if way == "from the files" else WellReader(everything.root).statistics()
    orders = {field.name: field.order for field in WellReader(everything.root).metadata.fields}
    for name, order in orders.items():
        expected = direct(everything, "train", name, order)
        for key in KEYS:
            table = getattr(found, key)
            assert (name in table) == (key in expected)
            if key in expected:
                assert table[name].shape == (2,) * order
                assert np.allclose(table[name], expected[key], rtol=1e-11, atol=1e-12), (key, name)


def test_of_files_written_apart_what_is_shared_counts_for_every_trajectory(tmp_path):
    whole = StatisticsCollector()
    for number, (trajectories, level) in enumerate([(1, 0.0), (3, 4.0)]):
        writer = WellWriter(
            tmp_path / f"{number}.hdf5",
            name="apart",
            axes=[Axis.periodic_nodes("x", 4, length=1.0)],
            fields=[FieldSpec("p"), WellField(FieldSpec("floor", role="constant"), sample_varying=False)],
            times=[0.0, 1.0],
            shared=Shared(fields={"floor": np.full(4, level)}),
        )
        with writer:
            for _ in range(trajectories):
                writer.append({"p": np.full((2, 4), level)})
        whole.merge(writer.statistics)
    found = whole.compute()
    for name in ("p", "floor"):
        assert (float(found.mean[name]), float(found.std[name])) == pytest.approx((3.0, 3.0**0.5))


def test_changes_do_not_cross_trajectories():
    collector = StatisticsCollector()
    for run in ([0.0, 1.0, 2.0], [10.0, 11.0]):
        collector.add("p", np.array(run), components=0)
    found = collector.compute()
    assert float(found.mean_delta["p"]) == 1.0
    assert float(found.std_delta["p"]) == 0.0


def test_changes_cross_pieces_of_one_trajectory():
    collector = StatisticsCollector()
    collector.add("p", np.array([0.0, 1.0]), components=0)
    collector.add("p", np.array([4.0]), components=0, before=np.array(1.0))
    assert float(collector.compute().mean_delta["p"]) == 2.0


def test_collectors_merge():
    random = np.random.default_rng(0)
    runs = random.normal(size=(4, 5, 3, 2))
    one, first, second = StatisticsCollector(), StatisticsCollector(), StatisticsCollector()
    for number, run in enumerate(runs):
        one.add("u", run, components=1)
        (first if number % 2 else second).add("u", run, components=1)
    merged = first.merge(second).compute()
    for key in KEYS:
        assert np.allclose(getattr(merged, key)["u"], getattr(one.compute(), key)["u"], rtol=1e-13, atol=1e-15)


def test_a_single_step_has_no_change():
    collector = StatisticsCollector()
    collector.add("p", np.array([[1.0, 2.0]]), components=0)
    assert collector.compute().std_delta == {}


def test_the_file_has_the_form_of_the_format(everything, tmp_path):
    content = yaml.safe_load((everything.root / "stats.yaml").read_text())
    assert set(content) == set(KEYS)
    assert isinstance(content["mean"]["pressure"], float)
    assert len(content["std"]["velocity"]) == 2
    assert np.shape(content["rms_delta"]["strain"]) == (2, 2)
    assert "material" not in content["mean_delta"]
    statistics = Statistics.load(everything.root / "stats.yaml")
    statistics.save(tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == (everything.root / "stats.yaml").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("mean: [1, 2", "reading it as YAML failed: "),
        ("- 1", "expected the keys mean, std, .* found list"),
        ("mean: {p: 1.0}", "the key std is missing; it has mean"),
        ("mean: 1.0\nstd: {p: 1.0}", "mean should map fields to numbers, it is float"),
        ("mean: {p: high}\nstd: {p: 1.0}", "mean of p is not a number or a list of numbers: 'high'"),
        ("mean: {u: [[1.0], [1.0, 2.0]]}\nstd: {p: 1.0}", "mean of u is not a number or a list of numbers"),
        ("mean: {p: .nan}\nstd: {p: 1.0}", "mean of p is not finite: nan"),
        ("mean: {p: 1.0}\nstd: {p: -1.0}", "std of p is negative: -1.0"),
        ("mean: {p: 1.0}\nstd: {p: 0.0}\nrms: {p: [1, -1]}", r"rms of p is negative: \[1, -1\]"),
        ("mean: {p: 1.0}\nstd: {p: 0.0}\nstd_delta: {p: -2}", "std_delta of p is negative: -2"),
    ],
)
def test_what_is_not_statistics_is_refused(tmp_path, content, message):
    path = tmp_path / "stats.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=rf"stats\.yaml: {message}") as caught:
        Statistics.load(path)
    assert "\n" not in str(caught.value)
