"""One seed of the experiment: data from solvers, surrogates, and what averaging does to their errors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.data import Windows
from haar.data.generators import catalogue
from haar.data.generators.generation import write_runs
from haar.errors import ArgumentError
from haar.groups import dihedral
from haar.systems.experiment import Json, Parts, options
from haar.systems.group_averaging.averages import fields_symmetry, measure_model
from haar.systems.group_averaging.options import Options, Run
from haar.systems.group_averaging.surrogates import CATALOGUE, Surrogate
from haar.systems.group_averaging.training import Augmentation, train
from haar.systems.group_averaging.trap import measure_trap
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Json:
    """Generate the data sets, train every model, measure every average.

    What is finished is found again in the folder: data sets, every model's measures, and the checkpoint of the model
    that was being trained.

    Args:
        config: A preset of the recipe, see `Options`.
        seed: Seed of data, weights, order of batches and random shifts.
        folder: For data, checkpoints and measures.
        watch: Told of the progress.

    Returns:
        ``runs``: the measures of every model, by its name; ``trap``: those of the shear flow.
    """
    preset, parts = options(Options, config), Parts(folder, watch)
    return {
        "runs": {
            run.name: parts.keep(run.name, partial(_measure_run, run, preset, seed, folder, watch))
            for run in preset.runs
        },
        "trap": parts.keep("trap", partial(_measure_trap, preset.trap, preset, seed, folder, watch)),
    }


def data_set(name: str, preset: Options, seed: int, folder: Path, watch: Watch) -> Path:
    """A generated data set, made if it is not there.

    Raises:
        ArgumentError: If the preset names an unknown generator, or an option that it does not have.
    """
    root = folder / "data" / name
    if not (root / "stats.yaml").is_file() or not (root / "data" / "test").is_dir():
        of_generator = dict(preset.data[name])
        known = catalogue()
        kind = of_generator.pop("generator", name)
        splits = of_generator.pop("splits", {"test": preset.test, "train": preset.train})
        if kind not in known:
            raise ArgumentError("generator", expected=f"one of {', '.join(known)}", got=repr(kind))
        generator = options(known[kind], {**of_generator, "seed": seed}, within=f"preset: data: {name}")
        write_runs(generator, root, splits, watch=watch)
    return root


def trained(run: Run, windows: Windows, preset: Options, *, seed: int, folder: Path, watch: Watch) -> Surrogate:
    """A surrogate of a run, trained from where a checkpoint ends."""
    pairs = [windows[index] for index in range(len(windows))]
    x, y = torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs])
    model = CATALOGUE[run.model](windows.inputs.channels, windows.outputs.channels, seed=seed, **run.options)
    steps = preset.steps if run.steps is None else run.steps
    return train(
        model,
        (x, y),
        steps,
        seed,
        batch_size=preset.batch_size,
        learning_rate=preset.learning_rate,
        augment=_augmentation(windows) if run.augment else None,
        checkpoint=folder / f"{run.name}.pt",
        watch=watch,
        title=f"{run.name}: training",
    )


def _measure_run(run: Run, preset: Options, seed: int, folder: Path, watch: Watch) -> Json:
    root = data_set(run.data, preset, seed, folder, watch)
    windows = Windows(root, history=preset.history, split="train")
    model = trained(run, windows, preset, seed=seed, folder=folder, watch=watch)
    windowed = run.options.get("padding") == "zeros"
    title = f"{run.name}: averaging"
    return measure_model(model, root, preset, title=title, seed=seed, watch=watch, windowed=windowed)


def _measure_trap(run: Run, preset: Options, seed: int, folder: Path, watch: Watch) -> Json:
    root = data_set(run.data, preset, seed, folder, watch)
    windows = Windows(root, history=preset.history, split="train")
    model = trained(run, windows, preset, seed=seed, folder=folder, watch=watch)
    return measure_trap(model, root, preset, seed, watch)


def _augmentation(windows: Windows) -> Augmentation:
    """A random element of D4 for every sample."""
    symmetry = fields_symmetry(dihedral(4), windows)

    def augment(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        g = torch.randint(symmetry.group.order or 1, (len(x),), generator=generator)
        moved: Tensor = symmetry.act_inputs(g, (x,))[0]
        return moved, symmetry.act_outputs(g, y)

    return augment
