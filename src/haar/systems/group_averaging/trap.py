"""The shear flow: exact symmetries of the equations that the data lack, and the audit that has to notice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.actions import AxisSign, Symmetry
from haar.audit import Audit, audit
from haar.average import average
from haar.data import Windows
from haar.data.well.spread_windows import SpreadWindows, field_scale
from haar.groups import cyclic, dihedral, grid_group, reflections
from haar.systems.group_averaging.averages import fields_symmetry
from haar.systems.group_averaging.evaluation import MICRO_BATCH, one_step_errors
from haar.systems.group_averaging.options import Options
from haar.systems.group_averaging.surrogates import Surrogate
from haar.watch import Watch


def measure_trap(model: Surrogate, root: Path, preset: Options, seed: int, watch: Watch) -> dict[str, Any]:
    """Average a surrogate of the double shear flow over groups that its data have, and over one that they lack.

    Args:
        model: The trained surrogate.
        root: The data set.
        preset: Sizes and modes.
        seed: Seed of the audits.
        watch: Told of the progress.

    Returns:
        ``vrmse`` of the model, over C4 and D4 (symmetries of the equations only) and over the four elements that the
        data have too; what the audit under D4 says without and with labels; soft averaging over D4.
    """
    train = Windows(root, history=preset.history, split="train")
    test = Windows(root, history=preset.history, split="test")
    chosen = SpreadWindows(test, samples=preset.windows, batch_size=8)
    x, y = chosen.stacked()
    models: dict[str, Callable[[Tensor], Tensor]] = {
        "none": model,
        "C4": average(model, fields_symmetry(cyclic(4), test), micro_batch=MICRO_BATCH),
        "D4": average(model, fields_symmetry(dihedral(4), test), micro_batch=MICRO_BATCH),
        "closed": average(model, closed_symmetry(test), micro_batch=MICRO_BATCH),
    }
    with watch.stage("shear flow: averaging and auditing", len(models) + 2) as advance:
        vrmse = {}
        for name, predict in models.items():
            vrmse[name] = one_step_errors(predict, x, y, test.inputs).value("vrmse")
            advance()
        scale = field_scale(chosen, test.outputs)
        symmetry = fields_symmetry(dihedral(4), test)
        # The data are tested on the training split: its runs are many, and no label of theirs is used.
        seen = SpreadWindows(train, samples=2 * preset.windows, batch_size=8)
        unlabelled = ((inputs, None, runs) for inputs, _, runs in seen)
        options: dict[str, Any] = {"scale": scale, "layers": False, "seed": seed, "micro_batch": MICRO_BATCH}
        before = audit(model, symmetry, unlabelled, **options)
        advance()
        after = audit(model, symmetry, chosen, **options)
        advance()
    found = after.findings
    alpha = 0.0 if found.alpha is None else min(max(found.alpha.value, 0.0), 1.0)
    soft = one_step_errors(lambda x: _soft(model, models["D4"], x, alpha), x, y, test.inputs)
    return {
        "vrmse": {**vrmse, "soft D4": soft.value("vrmse")},
        "alpha": alpha,
        "without_labels": _advice(before),
        "with_labels": _advice(after),
        "mse": None if found.mse is None else found.mse.value,
        "removed": found.removed.value,
        "contradictions": [defect.element for defect in found.elements if defect.contradiction],
    }


def closed_symmetry(windows: Windows) -> Symmetry:
    """The four elements that leave the law of the shear flow as it is.

    The reflection of y; the reflection of x together with the sign of the tracer and a shift by half the box along y;
    and their product.
    """
    nx, ny = windows.reader.metadata.resolution
    everything = grid_group(reflections(2), (nx, ny), step=(nx, ny // 2))
    mirror_x, mirror_y = (
        next(k for k in range(4) if reflections(2).describe(torch.tensor(k)) == f"m{a}") for a in "xy"
    )
    generators = [int(everything.element(mirror_y)), int(everything.element(mirror_x, [0, ny // 2]))]
    symmetry = Symmetry.of_fields(
        everything,
        windows.inputs.fields,
        history=windows.history,
        centring="node",
        internal={"tracer": AxisSign(everything, 0)},
    )
    return symmetry.restrict(everything.subgroup(generators, "closed"))


def _soft(model: Callable[[Tensor], Tensor], averaged: Callable[[Tensor], Tensor], x: Tensor, alpha: float) -> Tensor:
    mean = averaged(x)
    return mean + alpha * (model(x) - mean)


def _advice(report: Audit) -> dict[str, Any]:
    advice = report.recommendation
    members = next((h.members for h in report.findings.subgroups if h.name == advice.group), ())
    elements = [report.symmetry.group.describe(torch.tensor(k)) for k in members]
    return {"verdict": advice.verdict, "group": advice.group, "elements": elements, "sentence": advice.sentence}
