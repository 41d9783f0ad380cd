"""The demonstration: a solver's data, a surrogate, its audit, its average and a report, in about three minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.audit import audit
from haar.average import Rollout, average
from haar.data import ErrorReport, Trajectories, WellReader, Windows
from haar.data.generators import GrayScottGenerator, TurbulenceGenerator
from haar.data.generators.generation import write_runs
from haar.data.well.spread_windows import SpreadWindows, field_scale
from haar.groups import FiniteGroup, cyclic, dihedral, grid_group
from haar.systems.group_averaging.demo_report import DemoReport
from haar.systems.group_averaging.demo_story import Finding, Story
from haar.systems.group_averaging.evaluation import MICRO_BATCH, one_step_errors, prediction_errors
from haar.systems.group_averaging.surrogates import Surrogate, fno, save, unet
from haar.systems.group_averaging.training import train
from haar.watch import Unwatched, Watch

HISTORY = 2
SPLITS = {"train": 20, "test": 8}
STEPS, ROLLOUT = 12, "6:12"
LASTING = ("bubbles", "maze", "worms", "spirals", "spots")  # the sixth regime, gliders, dies out in so small a box


def stories(seed: int, resolution: int = 64) -> tuple[Story, ...]:
    """The two stories: spots that grow (scalars), eddies that stir a dye (a scalar and a vector)."""
    size = (resolution, resolution)
    return (
        Story(
            "gray_scott",
            "Gray-Scott reaction and diffusion",
            "Two chemicals react and diffuse on a periodic square, in five regimes; the fields are scalars.",
            GrayScottGenerator(resolution=size, n_steps=25, seed=seed, patterns=LASTING),
            lambda inputs, outputs: unet(inputs, outputs, delta=True, seed=seed),
            "a U-Net (zero padding)",
            380,
            windowed=True,
        ),
        Story(
            "turbulence",
            "Decaying turbulence that stirs a dye",
            "The Navier-Stokes equations in two dimensions carry a tracer; the velocity is a vector, which turns.",
            TurbulenceGenerator(resolution=size, n_steps=25, seed=seed, pressure=False),
            lambda inputs, outputs: fno(inputs, outputs, seed=seed),
            "a Fourier neural operator",
            240,
            windowed=False,
        ),
    )


def run_demo(
    out: Path, *, seed: int = 0, watch: Watch = Unwatched(), chosen: Sequence[Story] | None = None
) -> DemoReport:
    """Tell all stories and write ``report.html``, the data and the surrogates.

    Args:
        out: Folder for all of it.
        seed: Seed of data and training.
        watch: Told of the progress.
        chosen: The stories; by default both.

    Returns:
        The report that was written.
    """
    found = [tell(story, out, seed=seed, watch=watch) for story in (chosen or stories(seed))]
    report = DemoReport(found)
    report.save_json(out / "demo.json")
    report.save_html(out / "report.html")
    return report


def tell(story: Story, out: Path, *, seed: int, watch: Watch) -> Finding:
    """Generate, train, audit, average, measure."""
    root = write_runs(story.generator, out / "data" / story.name, SPLITS, watch=watch)
    windows = Windows(root, history=HISTORY, split="train")
    model = _trained(story, windows, seed, watch)
    save(model, out / f"{story.name}.safetensors")
    test = Windows(root, history=HISTORY, split="test")
    chosen = SpreadWindows(test, samples=48, batch_size=8)
    scale = field_scale(chosen, test.outputs)
    symmetries = _symmetries(story, test)
    report = audit(model, symmetries["D4"], chosen, scale=scale, micro_batch=MICRO_BATCH, seed=seed, watch=watch)
    one_step, rollouts, pictures = _measured(model, symmetries, chosen, WellReader(root, split="test"), watch)
    return Finding(story, test.inputs, report, one_step, rollouts, *pictures)


def _trained(story: Story, windows: Windows, seed: int, watch: Watch) -> Surrogate:
    pairs = [windows[index] for index in range(len(windows))]
    x, y = torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs])
    model = story.model(windows.inputs.channels, windows.outputs.channels)
    return train(model, (x, y), story.steps, seed, watch=watch, title=f"training {story.model_name}")


def _symmetries(story: Story, windows: Windows) -> dict[str, Symmetry]:
    groups: dict[str, FiniteGroup] = {"C2": cyclic(2), "C4": cyclic(4), "D4": dihedral(4)}
    if story.windowed:
        n = story.generator.resolution[0]
        groups["D4 x shifts"] = grid_group(dihedral(4), (n, n), step=n // 2)
    return {
        name: Symmetry.of_fields(group, windows.inputs.fields, history=HISTORY, centring="node")
        for name, group in groups.items()
    }


def _measured(
    model: Surrogate, symmetries: Mapping[str, Symmetry], chosen: SpreadWindows, reader: WellReader, watch: Watch
) -> tuple[dict[str, ErrorReport], dict[str, ErrorReport], tuple[Tensor, Tensor, Tensor]]:
    """Errors by group, and one run as it was, as the model and as its average see it."""
    models: dict[str, Callable[[Tensor], Tensor]] = {"none": model}
    for name, symmetry in symmetries.items():
        window = "hann" if "shifts" in name else None
        models[name] = average(model, symmetry, window=window, micro_batch=MICRO_BATCH)
    x, y = chosen.stacked()
    layout = chosen.windows.inputs
    trajectories = Trajectories(reader)
    runs = [trajectories[index] for index in range(len(trajectories))]
    start, truth = (
        torch.stack([run.history(HISTORY) for run in runs]),
        torch.stack([run.future(HISTORY) for run in runs]),
    )
    truth = truth[:, :STEPS]
    one_step, rollouts, predicted = {}, {}, {}
    with watch.stage("measuring before and after", 2 * len(models)) as advance:
        for name, predict in models.items():
            one_step[name] = one_step_errors(predict, x, y, layout)
            advance()
            if name in ("none", "C2", "C4", "D4"):
                rolled = Rollout(
                    model,
                    symmetries.get(name, symmetries["D4"]),
                    mode="plain" if name == "none" else "step",
                    micro_batch=MICRO_BATCH,
                )
                with torch.no_grad():
                    predicted[name] = rolled(start, STEPS)
                rollouts[name] = prediction_errors(predicted[name], truth, layout, [ROLLOUT])
            advance()
    middle = _middle_run(predicted["none"], predicted["D4"], truth)
    return one_step, rollouts, (truth[middle], predicted["none"][middle], predicted["D4"][middle])


def _middle_run(base: Tensor, averaged: Tensor, truth: Tensor) -> int:
    """The run whose gain is the median one: neither the best nor the worst is shown."""
    before, after = ((rolled - truth).square().flatten(1).mean(1) for rolled in (base, averaged))
    return int((after / before).argsort()[len(truth) // 2])
