"""A generator's runs as a folder in The Well's format, streamed run by run; a killed one goes on where it was."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from haar.data.generators.generator import Generator
from haar.data.generators.options import options_of
from haar.data.well.given import Shared
from haar.data.well.stored import WellField
from haar.data.well.writer import WellWriter
from haar.errors import ArgumentError, DataError, HaarError, formerly
from haar.files import atomic_path
from haar.folders import claimed
from haar.received import read_tensors
from haar.report import plain, write_json
from haar.watch import Unwatched, Watch

_PLAN, _PARTS = ".generating.json", ".generating"


@formerly(batch="batch_size")
def write_runs(
    generator: Generator,
    root: Path,
    splits: Mapping[str, int],
    *,
    batch_size: int = 8,
    over: bool = True,
    watch: Watch = Unwatched(),
) -> Path:
    """Run a solver and write ``data/<split>/<name>.hdf5`` and ``stats.yaml``.

    The splits are consecutive runs of one data set, so that none of them share a run; parameters that vary between runs
    are stored as scalars of each trajectory. At most `batch_size` runs are in memory.

    Finished runs are kept in a hidden folder until their split is written, so that the same call goes on where a killed
    one ended, with the same bytes. One process at a time writes into a folder.

    Args:
        generator: The data set; its number of trajectories is replaced by the sum of the splits'.
        root: Folder of the data set.
        splits: Trajectories of every split; splits of none are left out.
        batch_size: Runs computed side by side.
        over: Write over a data set that is there; else it is refused, as is an unfinished one of another plan.
        watch: Told of every run.

    Returns:
        The folder.

    Raises:
        ArgumentError: If there is no training split, the runs fit neither into memory nor on the disk, another process
            writes into the folder, or it holds a data set.
    """
    sizes = {split: count for split, count in splits.items() if count}
    if "train" not in sizes:
        raise ArgumentError("splits", expected="at least 1 trajectory for training", got=dict(splits))
    generator = replace(generator, n_trajectories=sum(sizes.values()))
    _check_room(generator, root, batch_size)
    for split in sizes:
        _writer(generator, root, split)  # what it refuses is refused before the folder is taken
    with claimed(root, "OUT"), _plan(generator, root, sizes, batch_size=batch_size, over=over) as finished:
        runs = _Runs(generator, root / _PARTS, batch_size)
        with watch.stage(f"solving {generator.name}", generator.n_trajectories) as advance:
            first = 0
            for split, count in sizes.items():
                if split not in finished:
                    _write(generator, runs, root, split, range(first, first + count), advance=advance)
                    finished.append(split)
                    _keep_plan(generator, root, sizes, batch_size, finished)
                else:
                    for _ in range(count):
                        advance()
                first += count
                runs.forget(first)
    return root


def _write(
    generator: Generator, runs: _Runs, root: Path, split: str, numbers: range, *, advance: Callable[[], object]
) -> None:
    about = generator.metadata
    writer = _writer(generator, root, split)
    with writer:
        for number in numbers:
            scalars = {name: values[number] for name, values in about.run_parameters.items()}
            writer.append(runs[number], scalars=scalars)
            advance()
    if split == "train":
        writer.statistics.compute().save(root / "stats.yaml")


def _writer(generator: Generator, root: Path, split: str) -> WellWriter:
    about = generator.metadata
    return WellWriter(
        root / "data" / split / f"{about.dataset_name}.hdf5",
        name=about.dataset_name,
        axes=about.axes,
        fields=[WellField(field, symmetric=field.name in about.symmetric) for field in generator.fields],
        times=about.time,
        shared=Shared(about.parameters),
    )


class _Runs:
    """Runs by number: computed in batches, each kept on disk as soon as it is there.

    Args:
        generator: What makes them.
        folder: Where they are kept.
        batch_size: Runs computed side by side.
    """

    def __init__(self, generator: Generator, folder: Path, batch_size: int) -> None:
        self.generator, self.folder, self.batch_size = generator, folder, batch_size
        self._start = -1
        self._held: dict[str, Tensor] = {}

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        start = number - number % self.batch_size
        if start != self._start:
            self._start, self._held = start, self._several(start)
        return {name: values[number - start] for name, values in self._held.items()}

    def forget(self, before: int) -> None:
        """Remove the batches whose runs all lie before a number."""
        for path in self.folder.glob("*.safetensors"):
            if path.stem.isdecimal() and int(path.stem) + self.batch_size <= before:
                path.unlink(missing_ok=True)

    def _several(self, start: int) -> dict[str, Tensor]:
        path = self.folder / f"{start:09d}.safetensors"
        if path.is_file():
            try:
                return read_tensors(path)[0]
            except DataError:
                path.unlink()  # damaged by the disk: it is computed again
        numbers = range(start, min(start + self.batch_size, self.generator.n_trajectories))
        made = self.generator.runs(numbers)
        with atomic_path(path) as part:
            save_file({name: values.contiguous() for name, values in made.items()}, part)
        return made


@contextmanager
def _plan(
    generator: Generator, root: Path, sizes: Mapping[str, int], *, batch_size: int, over: bool
) -> Iterator[list[str]]:
    """What is finished of this plan; a plan that is refused on the way leaves nothing of its own behind."""
    wanted, held = _described(generator, sizes, batch_size), _held_plan(root)
    if not over:
        _check_free(root, wanted, held)
    finished: list[str] = []
    if held is not None and not _different(wanted, held):
        finished += [split for split in held.get("finished", []) if split in sizes]
    else:
        shutil.rmtree(root / _PARTS, ignore_errors=True)
    _sweep(root, generator.metadata.dataset_name)
    _keep_plan(generator, root, sizes, batch_size, finished)
    try:
        yield finished
    except HaarError:
        _remove(generator, root, finished)
        raise
    _clear(root)


def _different(wanted: Mapping[str, Any], held: Mapping[str, Any]) -> list[str]:
    """What two plans differ in."""
    return sorted(key for key in wanted if held["plan"].get(key) != wanted[key])


def _check_free(root: Path, wanted: Mapping[str, Any], held: Mapping[str, Any] | None) -> None:
    """Refuse a folder that holds a data set, or an unfinished one of another plan."""
    if held is None:
        if _holds_data(root):
            expected = "a folder without a data set"
            raise ArgumentError("OUT", expected=expected, got=str(root), way_out="choose another one")
        return
    different = _different(wanted, held)
    if different:
        raise ArgumentError(
            "OUT",
            expected=f"the command that {root} was begun with, which goes on",
            got=f"one with another {', '.join(different)}",
            way_out="give another folder, or remove this one",
        )


def _remove(generator: Generator, root: Path, finished: Sequence[str]) -> None:
    for split in finished:
        (root / "data" / split / f"{generator.metadata.dataset_name}.hdf5").unlink(missing_ok=True)
    if "train" in finished:
        (root / "stats.yaml").unlink(missing_ok=True)
    _clear(root)


def _clear(root: Path) -> None:
    shutil.rmtree(root / _PARTS, ignore_errors=True)
    (root / _PLAN).unlink(missing_ok=True)


def _described(generator: Generator, sizes: Mapping[str, int], batch_size: int) -> dict[str, Any]:
    options = options_of(generator)
    del options["n_trajectories"]  # the splits say it
    described: dict[str, Any] = plain(
        {
            "generator": generator.name,
            **{key: value if isinstance(value, (int, float, tuple)) else str(value) for key, value in options.items()},
            "splits": dict(sizes),
            "batch": batch_size,
        }
    )
    return described


def _keep_plan(
    generator: Generator, root: Path, sizes: Mapping[str, int], batch_size: int, finished: list[str]
) -> None:
    write_json(root / _PLAN, {"plan": _described(generator, sizes, batch_size), "finished": finished})


def _held_plan(root: Path) -> dict[str, Any] | None:
    """The plan of an unfinished call; None without one."""
    try:
        held = json.loads((root / _PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) and isinstance(held.get("plan"), dict) else None


def _holds_data(root: Path) -> bool:
    # A leading dot marks a file that is still being written.
    there = (root / "data").is_file() or (root / "stats.yaml").exists()
    return there or any(path.is_file() and path.name[0] != "." for path in (root / "data").rglob("*"))


def _sweep(root: Path, name: str) -> None:
    """Remove the parts of files that a killed call has left; nobody else writes here now."""
    for folder, pattern in ((root / "data", f"*/.{name}-*.hdf5"), (root, ".stats-*.yaml"), (root, f"{_PLAN}-*")):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    for path in (root / _PARTS).glob(".*"):
        path.unlink(missing_ok=True)


def _check_room(generator: Generator, root: Path, batch_size: int) -> None:
    values = math.prod(generator.resolution) * generator.n_steps * sum(field.size(2) for field in generator.fields)
    at_once = min(batch_size, generator.n_trajectories)
    side_by_side = at_once * values * generator.dtype.itemsize
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if side_by_side > memory:
            raise ArgumentError(
                "resolution, steps",
                expected=f"runs of which {at_once} fit into {_size(memory)} of memory",
                got=_size(side_by_side),
            )
    there = root.absolute()
    while not there.exists():
        there = there.parent
    free, needed = shutil.disk_usage(there).free, generator.n_trajectories * values * 4 + side_by_side
    if needed > free:
        raise ArgumentError("OUT", expected=f"a disk with {_size(needed)} free", got=f"{_size(free)} at {there}")


def _size(count: int) -> str:
    return f"{count / 2**30:.3g} GiB"
