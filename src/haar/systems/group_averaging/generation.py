"""A generator's runs as a folder in The Well's format, streamed run by run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from haar.data.generators import Generator
from haar.data.well import WellField, WellWriter
from haar.errors import ArgumentError
from haar.systems.watch import Unwatched, Watch


def write_runs(
    generator: Generator, root: Path, splits: Mapping[str, int], *, batch: int = 8, watch: Watch | None = None
) -> Path:
    """Run a solver and write ``data/<split>/<name>.hdf5`` and ``stats.yaml``.

    The splits are consecutive runs of one data set, so that none of them share a run; parameters that vary between runs
    are stored as scalars of each trajectory. At most `batch` runs are in memory.

    Args:
        generator: The data set; its number of trajectories is replaced by the sum of the splits'.
        root: The folder.
        splits: Trajectories of every split; splits of none are left out.
        batch: Runs computed side by side.
        watch: Told of every run.

    Returns:
        The folder.

    Raises:
        ArgumentError: If there is no training split.
    """
    sizes = {split: count for split, count in splits.items() if count}
    if "train" not in sizes:
        raise ArgumentError("splits", expected="at least 1 trajectory for training", got=dict(splits))
    total = sum(sizes.values())
    generator = replace(generator, n_trajectories=total)
    about = generator.metadata
    fields = [WellField(field, symmetric=field.name in about.symmetric) for field in generator.fields]
    runs = _runs(generator, batch)
    with (watch or Unwatched()).stage(f"solving {generator.name}", total) as advance:
        for split, count in sizes.items():
            writer = WellWriter(
                root / "data" / split / f"{about.dataset_name}.hdf5",
                name=about.dataset_name,
                axes=about.axes,
                fields=fields,
                times=about.time,
                parameters=about.parameters,
            )
            with writer:
                for number, run in itertools.islice(runs, count):
                    scalars = {name: values[number] for name, values in about.run_parameters.items()}
                    writer.append(run, scalars=scalars)
                    advance()
            if split == "train":
                writer.statistics.compute().save(root / "stats.yaml")
    return root


def _runs(generator: Generator, batch: int) -> Iterator[tuple[int, dict[str, Tensor]]]:
    number = itertools.count()
    for several in generator.batches(batch):
        for k in range(len(next(iter(several.values())))):
            yield next(number), {name: values[k] for name, values in several.items()}
