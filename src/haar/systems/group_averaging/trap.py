"""The shear flow: exact symmetries of the equations that the data lack, and the audit that has to notice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.actions import AxisSign, Symmetry
from haar.audit import Audit, audit
from haar.average import average, soft
from haar.data import Windows
from haar.data.well.spread_windows import field_scale
from haar.groups import dihedral, grid_group, reflections
from haar.systems.group_averaging.averages import CHAIN, fields_symmetry, mean_over, orbit_predictions
from haar.systems.group_averaging.evaluation import MICRO_BATCH, Judged, extrapolation, persistence
from haar.systems.group_averaging.options import Options
from haar.systems.group_averaging.surrogates import Surrogate
from haar.watch import Watch


def measure_trap(model: Surrogate, root: Path, preset: Options, seed: int, watch: Watch) -> dict[str, Any]:
    """Average a surrogate of the double shear flow over groups that its data have, and over one that they lack.

    Everything is judged on the test split. What is told by labels, the audit's advice and the alphas of soft averages,
    is told by those of the validation split.

    Args:
        model: The trained surrogate.
        root: The data set.
        preset: Sizes and modes.
        seed: Seed of the audits.
        watch: Told of the progress.

    Returns:
        ``vrmse`` of every test run: of persistence and linear extrapolation, the model, over C2, C4 and D4 (symmetries
        of the equations), over the four elements that the data have too (``"closed"``), softly over both; ``elements``:
        the same of the average of each element of D4 with the identity. What the audit under D4 says without and with
        labels; ``alpha`` of both soft averages.
    """
    train, valid, test = (
        Judged.of(Windows(root, history=preset.history, split=split), preset.per_run)
        for split in ("train", "valid", "test")
    )
    symmetry, closed = fields_symmetry(dihedral(4), test.windows), closed_symmetry(test.windows)
    scale = field_scale(valid, valid.windows.outputs)
    with watch.stage("shear flow: averaging and auditing", 4) as advance:
        orbit, layout = orbit_predictions(model, symmetry, test), test.windows.inputs
        predictions = {
            "persistence": persistence(layout)(test.x),
            "linear": extrapolation(layout)(test.x),
            "none": orbit["e"],
            **{name: mean_over(orbit, members) for name, members in CHAIN.items()},
            "closed": test.predicted(average(model, closed, micro_batch=MICRO_BATCH)),
        }
        advance()
        alpha = {}
        for name, each in (("D4", symmetry), ("closed", closed)):
            softly = soft(model, each, _labelled(valid), scale=scale[:, None, None], micro_batch=MICRO_BATCH)
            alpha[name] = float(softly.alpha)
            predictions[f"soft {name}"] = test.predicted(softly)
        advance()
        options: dict[str, Any] = {"scale": scale, "layers": False, "seed": seed, "micro_batch": MICRO_BATCH}
        before = audit(model, symmetry, ((x, None, runs) for x, _, runs in train), **options)
        advance()
        after = audit(model, symmetry, valid, **options)
        advance()
    return {
        "vrmse": {name: test.errors(prediction) for name, prediction in predictions.items()},
        "elements": {name: test.errors(mean_over(orbit, ("e", name))) for name in orbit if name != "e"},
        "alpha": alpha,
        "without_labels": _advice(before),
        "with_labels": _advice(after),
        "contradictions": [defect.element for defect in after.findings.elements if defect.contradiction],
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


def _labelled(judged: Judged) -> Iterable[tuple[Tensor, Tensor]]:
    return [(x, y) for x, y, _ in judged]


def _advice(report: Audit) -> dict[str, Any]:
    advice = report.recommendation
    return {
        "verdict": advice.verdict,
        "group": advice.group,
        "elements": advice.elements,
        "sentence": advice.sentence,
    }
