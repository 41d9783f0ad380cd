"""One seed of the experiment: data from solvers, surrogates, and what averaging does to their errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.data import Windows
from haar.data.generators import catalogue
from haar.errors import ArgumentError
from haar.groups import dihedral
from haar.report import write_json
from haar.systems.group_averaging.generation import write_runs
from haar.systems.group_averaging.measurement import fields_symmetry, measure_model
from haar.systems.group_averaging.surrogates import CATALOGUE, Surrogate
from haar.systems.group_averaging.training import Augmentation, train
from haar.systems.group_averaging.trap import measure_trap
from haar.watch import Watch


def measure_seed(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """Generate the data sets, train every model, measure every average.

    What is finished is found again in the folder: data sets, every model's measures, and the checkpoint of the model
    that was being trained.

    Args:
        config: A preset of the recipe.
        seed: Seed of data, weights, order of batches and random shifts.
        folder: For data, checkpoints and measures.
        watch: Told of the progress.

    Returns:
        ``runs``: the measures of every model, by its name; ``trap``: those of the shear flow.
    """
    measures: dict[str, Any] = {"runs": {}}
    for run in config["runs"]:
        measures["runs"][run["name"]] = _kept(
            folder / f"{run['name']}.json", lambda run=run: _measure_run(run, config, seed, folder, watch)
        )
    trap = config["trap"]
    measures["trap"] = _kept(folder / "trap.json", lambda: _measure_trap(trap, config, seed, folder, watch))
    return measures


def data_set(name: str, config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Path:
    """A generated data set, made if it is not there.

    Raises:
        ArgumentError: If the configuration names an unknown generator.
    """
    root = folder / "data" / name
    if not (root / "stats.yaml").is_file() or not (root / "data" / "test").is_dir():
        options = dict(config["data"][name])
        known = catalogue()
        kind = options.pop("generator", name)
        if kind not in known:
            raise ArgumentError("generator", expected=f"one of {', '.join(known)}", got=repr(kind))
        for key in ("resolution", "patterns", "width", "lengths"):
            if key in options:
                options[key] = tuple(options[key])
        generator = known[kind](seed=seed, **options)
        write_runs(generator, root, {"test": config["test"], "train": config["train"]}, watch=watch)
    return root


def trained(
    run: Mapping[str, Any], windows: Windows, config: Mapping[str, Any], *, seed: int, folder: Path, watch: Watch
) -> Surrogate:
    """A surrogate of a run, trained from where a checkpoint ends."""
    pairs = [windows[index] for index in range(len(windows))]
    x, y = torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs])
    model = CATALOGUE[run["model"]](windows.inputs.channels, windows.outputs.channels, seed=seed, **run["options"])
    steps = run.get("steps", config["steps"])
    return train(
        model,
        (x, y),
        steps,
        seed,
        batch_size=config["batch"],
        augment=_augmentation(windows) if run.get("augment") else None,
        checkpoint=folder / f"{run['name']}.pt",
        watch=watch,
        title=f"{run['name']}: training",
    )


def _measure_run(
    run: Mapping[str, Any], config: Mapping[str, Any], seed: int, folder: Path, watch: Watch
) -> dict[str, Any]:
    root = data_set(run["data"], config, seed, folder, watch)
    windows = Windows(root, history=config["history"], split="train")
    model = trained(run, windows, config, seed=seed, folder=folder, watch=watch)
    windowed = run["options"].get("padding") == "zeros"
    title = f"{run['name']}: averaging"
    return measure_model(model, root, config, title=title, seed=seed, watch=watch, windowed=windowed)


def _measure_trap(
    run: Mapping[str, Any], config: Mapping[str, Any], seed: int, folder: Path, watch: Watch
) -> dict[str, Any]:
    root = data_set(run["data"], config, seed, folder, watch)
    windows = Windows(root, history=config["history"], split="train")
    model = trained(run, windows, config, seed=seed, folder=folder, watch=watch)
    return measure_trap(model, root, config, seed, watch)


def _augmentation(windows: Windows) -> Augmentation:
    """A random element of D4 for every sample."""
    symmetry = fields_symmetry(dihedral(4), windows)

    def augment(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        g = torch.randint(symmetry.group.order or 1, (len(x),), generator=generator)
        moved: Tensor = symmetry.act_inputs(g, (x,))[0]
        return moved, symmetry.act_outputs(g, y)

    return augment


def _kept(path: Path, measure: Any) -> dict[str, Any]:
    """What was measured before, or is measured and kept now; read from the file in both cases."""
    if not path.is_file():
        write_json(path, measure())
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept
