"""A data set that is being made: killed and called again, called twice at once, refused."""

from __future__ import annotations

import multiprocessing

import pytest

from haar.data.generators import GrayScottGenerator, generation
from haar.data.generators.generation import write_runs
from haar.data.well import WellReader
from haar.errors import ArgumentError
from haar.folders import claimed

SPLITS = {"train": 3, "test": 2}


def _generator(**more):
    return GrayScottGenerator(resolution=(8, 8), n_steps=3, save_every=2, **more)


class _Killed(BaseException):
    """Nothing of the library's own stands between this and the end of the process."""


@pytest.fixture
def whole(tmp_path):
    """The files of a call that was left alone."""
    return _files(write_runs(_generator(), tmp_path / "whole", SPLITS, batch_size=2))


def _files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _killed_in(monkeypatch, root, call, **options):
    """End a call when the solver is asked for its n-th batch."""
    real, count = GrayScottGenerator.runs, [0]

    def runs(self, trajectories):
        count[0] += 1
        if count[0] == call:
            raise _Killed
        return real(self, trajectories)

    monkeypatch.setattr(GrayScottGenerator, "runs", runs)
    with pytest.raises(_Killed):
        write_runs(_generator(), root, SPLITS, batch_size=2, over=False, **options)
    monkeypatch.undo()


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_killed_call_goes_on_to_the_same_bytes(tmp_path, monkeypatch, whole, call):
    root = tmp_path / "a"
    _killed_in(monkeypatch, root, call)
    assert any(path.name.startswith(".generating") for path in root.iterdir())
    asked = []
    real = GrayScottGenerator.runs
    monkeypatch.setattr(GrayScottGenerator, "runs", lambda self, which: asked.append(list(which)) or real(self, which))
    write_runs(_generator(), root, SPLITS, batch_size=2, over=False)
    assert asked == [[0, 1], [2, 3], [4]][call - 1 :]  # what was finished is not computed again
    assert _files(root) == whole


def test_what_a_killed_process_left_is_cleaned(tmp_path, whole):
    root = tmp_path / "a"
    for name in ("data/train/.part-x.hdf5", "data/train/.gray_scott_reaction_diffusion-abc.hdf5", ".stats-abc.yaml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    write_runs(_generator(), root, SPLITS, batch_size=2, over=False)
    (root / "data/train/.part-x.hdf5").unlink()  # not a name that is ours: left alone, and in nobody's way
    assert _files(root) == whole


def test_another_plan_does_not_go_on_in_an_unfinished_folder(tmp_path, monkeypatch):
    root = tmp_path / "a"
    _killed_in(monkeypatch, root, 2)
    with pytest.raises(ArgumentError, match=r"OUT: expected the command that .* was begun with.* another seed"):
        write_runs(_generator(seed=1), root, SPLITS, batch_size=2, over=False)
    with pytest.raises(ArgumentError, match="another splits"):
        write_runs(_generator(), root, {"train": 4}, batch_size=2, over=False)


def test_a_finished_data_set_is_refused_or_written_over(tmp_path, whole):
    root = write_runs(_generator(seed=1), tmp_path / "a", SPLITS, batch_size=2)
    with pytest.raises(ArgumentError, match="OUT: expected a folder without a data set"):
        write_runs(_generator(), root, SPLITS, batch_size=2, over=False)
    write_runs(_generator(), root, SPLITS, batch_size=2)
    assert _files(root) == whole


def _hold(root, held, done):
    with claimed(root):
        held.set()
        done.wait(600)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_second_writer_is_refused_and_one_that_was_killed_holds_nothing(tmp_path):
    root, context = tmp_path / "a", multiprocessing.get_context("fork")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(root, held, done))
    other.start()
    assert held.wait(600)
    with pytest.raises(ArgumentError, match="OUT: expected a folder that no other command writes into"):
        write_runs(_generator(), root, SPLITS, over=False)
    other.kill()
    other.join()
    assert (root / ".haar-lock").exists()
    assert len(WellReader(write_runs(_generator(), root, SPLITS, over=False))) == 3
    assert not (root / ".haar-lock").exists()


def test_a_plan_that_is_refused_on_the_way_leaves_the_folder_free(tmp_path, monkeypatch):
    root, real = tmp_path / "a", generation._writer

    def refusing(generator, root, split):
        writer = real(generator, root, split)
        if split == "test":
            monkeypatch.setattr(writer, "append", _refuse)
        return writer

    def _refuse(*_, **__):
        raise ArgumentError("A", expected="finite values", got="NaN")

    monkeypatch.setattr(generation, "_writer", refusing)
    with pytest.raises(ArgumentError, match="A: expected finite values"):
        write_runs(_generator(), root, SPLITS, over=False)
    monkeypatch.undo()
    assert _files(root) == {}
    write_runs(_generator(seed=1), root, SPLITS, over=False)


@pytest.mark.parametrize(
    ("options", "splits", "message"),
    [
        ({"resolution": (100_000, 100_000)}, {"train": 1}, "resolution, steps: expected runs of which 1 fit into"),
        ({"resolution": (64, 64)}, {"train": 10**9}, "OUT: expected a disk with"),
        ({}, {"test": 1}, "splits: expected at least 1 trajectory for training"),
        ({"n_steps": 2, "time_step": 1e40}, {"train": 1}, "times: expected times that increase"),
    ],
)
def test_a_plan_is_checked_before_the_folder_is_taken(tmp_path, options, splits, message):
    with pytest.raises(ArgumentError, match=message):
        write_runs(GrayScottGenerator(**options), tmp_path / "a", splits)
    assert not (tmp_path / "a").exists()
