"""What averaging does to one surrogate: errors by group, one step and rolled out, the audit, and exactness."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.audit import audit
from haar.average import Averaged, Given, Rollout, average
from haar.data import Trajectories, Windows
from haar.data.well.spread_windows import SpreadWindows, field_scale
from haar.groups import FiniteGroup, GridGroup, cyclic, dihedral, grid_group, trivial
from haar.probing import defect
from haar.systems.group_averaging.evaluation import (
    MICRO_BATCH,
    one_step_errors,
    prediction_errors,
)
from haar.systems.group_averaging.half_orbit import measure_half
from haar.systems.group_averaging.options import Options
from haar.systems.group_averaging.surrogates import Surrogate, parameter_count
from haar.watch import Watch

SHIFTS = 8
MODES = ("plain", "step", "trajectory", "stochastic", "cyclic")


def measure_model(
    model: Surrogate, root: Path, preset: Options, *, title: str, seed: int, watch: Watch, windowed: bool
) -> dict[str, Any]:
    """Measure one trained surrogate on the test split.

    Args:
        model: The trained surrogate.
        root: The data set.
        preset: Sizes and modes.
        title: What the watch is told.
        seed: Seed of the random shifts and the audit.
        watch: Told of the progress.
        windowed: Whether to average over half-box shifts, with and without windows (for models that pad with zeros).

    Returns:
        ``vrmse`` by group, ``rollout`` by mode and window, ``variance_ratio`` of the rollouts (below 1: smoothed),
        ``audit``, ``half`` (what half of D4 brings), ``defect`` (relative, float64) before and after, ``parameters``,
        ``near_constant`` share.
    """
    test = Windows(root, history=preset.history, split="test")
    chosen = SpreadWindows(test, samples=preset.windows, batch_size=8)
    x, y = chosen.stacked()
    models: dict[str, Callable[[Tensor], Tensor]] = {
        "none": model,
        **averages(model, test, seed=seed, windowed=windowed),
    }
    measures: dict[str, Any] = {"parameters": parameter_count(model), "vrmse": {}, "rollout": {}, "variance_ratio": {}}
    with watch.stage(title, len(models) + len(preset.modes) + 1) as advance:
        for name, predict in models.items():
            errors = one_step_errors(predict, x, y, test.inputs)
            measures["vrmse"][name] = errors.value("vrmse")
            measures["near_constant"] = errors.value("near_constant")
            advance()
        symmetry = fields_symmetry(dihedral(4), test)
        for mode in preset.modes:
            predict_run = Rollout(model, symmetry, mode=mode, seed=seed, micro_batch=MICRO_BATCH)
            measures["rollout"][mode], measures["variance_ratio"][mode] = _rolled(predict_run, root, preset)
            advance()
        # Many trajectories: what labels say about the gain varies much more than what is predicted without them.
        many = SpreadWindows(test, samples=preset.audit_windows, batch_size=8)
        measures["audit"] = _audited(model, symmetry, many, seed)
        learned = SpreadWindows(Windows(root, history=preset.history), samples=preset.windows, batch_size=8)
        measures["half"] = measure_half(model, symmetry, learned, chosen)
        measures["defect"] = _defects(model, symmetry, x[:1])
        advance()
    return measures


def fields_symmetry(group: FiniteGroup, windows: Windows) -> Symmetry:
    """How a group acts on the fields of a one-step model on nodes of a periodic grid."""
    return Symmetry.of_fields(group, windows.inputs.fields, history=windows.history, centring="node")


def averages(model: Surrogate, windows: Windows, *, seed: int, windowed: bool) -> dict[str, Averaged]:
    """The averaged models of the protocol.

    C2, C4 and D4; 8 random shifts; D4, each element with a random shift of its own. With `windowed` also the four
    shifts by half the box alone and with D4, flat and weighted by a Hann window.
    """
    space = windows.reader.metadata.resolution
    half = [n // 2 for n in space]
    generator = torch.Generator().manual_seed(seed)
    points: dict[str, FiniteGroup] = {"C2": cyclic(2), "C4": cyclic(4), "D4": dihedral(4)}
    made = {
        name: average(model, fields_symmetry(group, windows), micro_batch=MICRO_BATCH) for name, group in points.items()
    }
    every: GridGroup = grid_group(dihedral(4), space)
    symmetry = fields_symmetry(every, windows)
    identity = torch.zeros(SHIFTS, dtype=torch.int64)
    for name, point in (("shifts", identity), ("D4 shifts", torch.arange(SHIFTS))):
        elements = every.element(point, _random_cells(space, generator))
        made[name] = average(model, symmetry, Given(elements), micro_batch=MICRO_BATCH)
    if windowed:
        for name, point_group in (("half shifts", trivial(len(space))), ("D4 half shifts", dihedral(4))):
            group = fields_symmetry(grid_group(point_group, space, step=half), windows)
            made[name] = average(model, group, micro_batch=MICRO_BATCH)
            made[f"{name}, Hann"] = average(model, group, window="hann", micro_batch=MICRO_BATCH)
    return made


def _random_cells(space: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.stack([torch.randint(n, (SHIFTS,), generator=generator) for n in space], dim=-1)


def _rolled(predict: Rollout, root: Path, preset: Options) -> tuple[dict[str, float], dict[str, float]]:
    trajectories = Trajectories(root, split="test")
    runs = [trajectories[index] for index in range(min(len(trajectories), preset.rollout_runs))]
    start = torch.stack([run.history(preset.history) for run in runs])
    last = max(int(window.split(":")[-1]) for window in preset.rollout)
    truth = torch.stack([run.future(preset.history)[:last] for run in runs])
    layout = runs[0].layout.with_history(preset.history)
    with torch.no_grad():
        report = prediction_errors(predict(start, last), truth, layout, preset.rollout)
    windows = preset.rollout
    return (
        {window: report.value("vrmse", window=window) for window in windows},
        {window: report.value("variance_ratio", window=window) for window in windows},
    )


def _audited(model: Surrogate, symmetry: Symmetry, chosen: SpreadWindows, seed: int) -> dict[str, Any]:
    scale = field_scale(chosen, chosen.windows.outputs)
    report = audit(model, symmetry, chosen, scale=scale, layers=False, seed=seed, micro_batch=MICRO_BATCH)
    found = report.findings
    return {
        "predicted": found.removed.value,
        "gain": None if found.gain is None else found.gain.value,
        "mse": None if found.mse is None else found.mse.value,
        "verdict": report.recommendation.verdict,
        "group": report.recommendation.group,
        "elements": {defect.element: defect.relative.value for defect in found.elements},
    }


def _defects(model: Surrogate, symmetry: Symmetry, x: Tensor) -> dict[str, float]:
    """Relative defect over the generators in float64, before and after averaging."""
    exact = copy.deepcopy(model).double()
    averaged = average(exact, symmetry, micro_batch=MICRO_BATCH)
    generators = symmetry.group.generators()
    found = (defect(model, symmetry, (x.double(),), generators, norm="squares") for model in (exact, averaged))
    return dict(zip(("before", "after"), (one.worst for one in found), strict=True))
