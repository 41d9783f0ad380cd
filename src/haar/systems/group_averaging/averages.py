"""What averaging does to one surrogate: errors by group, one step and rolled out, the audit, and exactness."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.audit import audit
from haar.average import Averaged, Given, Orbit, Rollout, average
from haar.average.windowed import OutputWindow
from haar.data import Trajectories, Windows
from haar.data.well.spread_windows import SpreadWindows, field_scale
from haar.groups import FiniteGroup, GridGroup, dihedral, grid_group, trivial
from haar.probing import defect
from haar.systems.group_averaging.evaluation import (
    MICRO_BATCH,
    Judged,
    detail,
    extrapolation,
    persistence,
    rolled,
    rollout_errors,
    spectrum,
)
from haar.systems.group_averaging.half_orbit import measure_half
from haar.systems.group_averaging.options import Options
from haar.systems.group_averaging.surrogates import Surrogate, parameter_count
from haar.watch import Watch

SHIFTS = 8
#: Elements of D4 by the name of the average over them.
CHAIN = {"C2": ("e", "r180"), "C4": ("e", "r90", "r180", "r270"), "D4": None}


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
        ``vrmse`` (pooled, of every test run) by group, and of persistence and linear extrapolation; ``well``: The
        Well's mean of it, and the ``near_constant`` share; ``rollout`` and ``detail`` by mode and window, ``spectrum``
        by mode; ``audit``, ``half`` (what half of D4 brings), ``defect`` (relative, float64) before and after,
        ``parameters``.
    """
    test = Windows(root, history=preset.history, split="test")
    judged = Judged.of(test, preset.per_run)
    symmetry = fields_symmetry(dihedral(4), test)
    measures: dict[str, Any] = {"parameters": parameter_count(model), "vrmse": {}, "well": {}}
    with watch.stage(title, 4) as advance:
        predictions = {**_forecasts(model, symmetry, judged), **_shifted(model, judged, seed, windowed=windowed)}
        for name, prediction in predictions.items():
            measures["vrmse"][name] = judged.errors(prediction)
            report = judged.report(prediction)
            measures["well"][name] = report.value("vrmse")
            measures["near_constant"] = report.value("near_constant")
        advance()
        measures |= measure_rollouts(model, symmetry, root, preset, seed)
        advance()
        # Many windows: what labels say about the gain varies much more than what is predicted without them.
        many = SpreadWindows(test, samples=preset.audit_windows, batch_size=8)
        measures["audit"] = _audited(model, symmetry, many, seed)
        advance()
        learned = Judged.of(Windows(root, history=preset.history, split="train"), preset.per_run)
        measures["half"] = measure_half(model, symmetry, learned, judged)
        measures["defect"] = _defects(model, symmetry, judged.x[:1])
        advance()
    return measures


def fields_symmetry(group: FiniteGroup, windows: Windows) -> Symmetry:
    """How a group acts on the fields of a one-step model on nodes of a periodic grid."""
    return Symmetry.of_fields(group, windows.inputs.fields, history=windows.history, centring="node")


def orbit_predictions(model: Surrogate, symmetry: Symmetry, judged: Judged) -> dict[str, Tensor]:
    """psi(g)^-1 f(phi(g) x) for every element of D4, by its name; that of ``"e"`` is the model's own."""
    group = symmetry.group
    orbit = Averaged(model, symmetry, Orbit(), micro_batch=MICRO_BATCH)
    with torch.no_grad():
        every = torch.cat([orbit.stacked(x) for x, _, _ in judged], 1)
    return {group.describe(torch.tensor(k)): prediction for k, prediction in enumerate(every)}


def mean_over(orbit: Mapping[str, Tensor], names: tuple[str, ...] | None) -> Tensor:
    """The average over some elements, or over all."""
    return torch.stack([orbit[name] for name in (orbit if names is None else names)]).mean(0)


def _forecasts(model: Surrogate, symmetry: Symmetry, judged: Judged) -> dict[str, Tensor]:
    """Persistence, linear extrapolation, the model, and its averages along the chain to D4."""
    orbit, layout = orbit_predictions(model, symmetry, judged), judged.windows.inputs
    return {
        "persistence": persistence(layout)(judged.x),
        "linear": extrapolation(layout)(judged.x),
        "none": orbit["e"],
        **{name: mean_over(orbit, members) for name, members in CHAIN.items()},
    }


def _shifted(model: Surrogate, judged: Judged, seed: int, *, windowed: bool) -> dict[str, Tensor]:
    """Averages over shifts: 8 random ones; D4, each element with a random shift of its own.

    With `windowed` also the four shifts by half the box alone and with D4, flat and weighted by a Hann window.
    """
    windows = judged.windows
    space = windows.reader.metadata.resolution
    generator = torch.Generator().manual_seed(seed)
    every: GridGroup = grid_group(dihedral(4), space)
    symmetry = fields_symmetry(every, windows)
    made: dict[str, Tensor] = {}
    for name, point in (("shifts", torch.zeros(SHIFTS, dtype=torch.int64)), ("D4 shifts", torch.arange(SHIFTS))):
        elements = every.element(point, _random_cells(space, generator))
        made[name] = judged.predicted(average(model, symmetry, Given(elements), micro_batch=MICRO_BATCH))
    if windowed:
        half = [n // 2 for n in space]
        for name, point_group in (("half shifts", trivial(len(space))), ("D4 half shifts", dihedral(4))):
            group = fields_symmetry(grid_group(point_group, space, step=half), windows)
            made[name], made[f"{name}, Hann"] = _windowed(model, group, judged)
    return made


def _windowed(model: Surrogate, symmetry: Symmetry, judged: Judged) -> tuple[Tensor, Tensor]:
    """The flat average and the one weighted by a Hann window, of the same predictions."""
    weighted = average(model, symmetry, window="hann", micro_batch=MICRO_BATCH)
    window, flat, hann = cast("OutputWindow", weighted.window), [], []
    with torch.no_grad():
        for x, _, _ in judged:
            terms = [prediction for _, prediction in weighted.terms(x)]
            flat.append(torch.stack(terms).mean(0))
            weighed = [window.weigh(place, [term])[0] for place, term in enumerate(terms)]
            hann.append(torch.stack(weighed).mean(0))
    return torch.cat(flat), torch.cat(hann)


def _random_cells(space: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.stack([torch.randint(n, (SHIFTS,), generator=generator) for n in space], dim=-1)


def measure_rollouts(
    model: Surrogate, symmetry: Symmetry, root: Path, preset: Options, seed: int
) -> dict[str, dict[str, Any]]:
    """Errors, detail and spectra of rollouts, by mode; persistence among them."""
    trajectories = Trajectories(root, split="test")
    runs = [trajectories[index] for index in range(min(len(trajectories), preset.rollout_runs))]
    start = torch.stack([run.history(preset.history) for run in runs])
    last = max(int(window.split(":")[-1]) for window in preset.rollout)
    truth = torch.stack([run.future(preset.history)[:last] for run in runs])
    layout = runs[0].layout.with_history(preset.history)
    found: dict[str, dict[str, Any]] = {"rollout": {}, "detail": {}, "spectrum": {}}
    found["spectrum"]["truth"] = spectrum(truth, preset.rollout[-1])
    with torch.no_grad():
        states = {"persistence": rolled(persistence(layout), layout, start, last)}
        for mode in preset.modes:
            states[mode] = Rollout(model, symmetry, mode=mode, seed=seed, micro_batch=MICRO_BATCH)(start, last)
    for mode, prediction in states.items():
        found["rollout"][mode] = rollout_errors(prediction, truth, preset.rollout)
        found["detail"][mode] = detail(prediction, truth, preset.rollout)
        found["spectrum"][mode] = spectrum(prediction, preset.rollout[-1])
    return found


def _audited(model: Surrogate, symmetry: Symmetry, chosen: SpreadWindows, seed: int) -> dict[str, Any]:
    scale = field_scale(chosen, chosen.windows.outputs)
    report = audit(model, symmetry, chosen, scale=scale, layers=False, seed=seed, micro_batch=MICRO_BATCH)
    found = report.findings
    return {
        "predicted": found.removed.to_dict(),
        "gain": None if found.gain is None else found.gain.to_dict(),
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
