"""The verb: which symmetry, does averaging help, and the repaired model, in one call."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.audit import audit
from haar.check.answer import answerable
from haar.check.budget import Budget
from haar.check.checked import Check, Spoken
from haar.check.measured import Measured, measure
from haar.check.relaxed import Relaxed
from haar.check.relaxing import relaxing
from haar.check.repair import Repair, carry_out, confirmed
from haar.check.samples import Samples, check_moving
from haar.data.molecules.structure_rows import as_rows
from haar.discover import Discovery, discover
from haar.discover.given import FEWEST, FewSamplesError
from haar.discover.step import Step
from haar.errors import ArgumentError, known_keywords
from haar.groups import GridGroup
from haar.probing import given_batches, undisturbed
from haar.probing.manners import check_arguments, check_model, check_symmetry, check_weights
from haar.seeding import check_seed
from haar.watch import Unwatched, Watch

_ONE = "give lambda x: model(x, ...) with the others fixed; haar.audit and haar.average take models of several inputs"


#: Where nothing was found.
_NOTHING_TO_RELAX = "Relaxing was not tried: no symmetry was found to relax towards; name one that you suspect."


@known_keywords
def check(
    model: Any,
    data: Any,
    *,
    symmetry: Symmetry | None = None,
    relax: bool | int | Budget = False,
    outputs: str = "auto",
    tolerance: float = 0.2,
    significance: float = 0.05,
    scale: Tensor | None = None,
    batch_size: int = 8,
    seed: int = 0,
    spoken: Spoken | None = None,
    watch: Watch = Unwatched(),
) -> Check:
    """Find the symmetry of a model, or take the one given; audit it, do what the evidence recommends, measure that.

    Half of the independent samples choose: on them the symmetry is found and the audit made. The other half only
    measures: error and defect before and after, with intervals. A repair that makes held-out errors larger is taken
    back. "No symmetry found", "nothing to gain" and "do not average" are answers.

    Args:
        model: Any module or callable of one tensor; evaluated in eval mode, never changed. Or a calculator of ASE.
        data: Inputs ``(rows, ...)``, ``(inputs, labels)``, ``(inputs, labels, clusters)``, or batches of these;
            dictionaries by name as `haar.audit` takes them. Without labels the error is not measured. Or a list of
            ``ase.Atoms``, frames of one molecule: rows of positions, labelled by their energies where all have them.
        symmetry: What is asked of the model; by default what `haar.discover` finds.
        relax: Whether a copy of the model is trained with as much symmetry as the data carry, where averaging is not
            what helps: True, a number of steps, or a `Budget`. It is kept where held-out errors are smaller than those
            of the model, and of plain fine-tuning for as many steps.
        outputs: For the discovery, as there.
        tolerance: Likewise.
        significance: Level of tests and intervals.
        scale: What errors are divided by, broadcast against one output: one number per channel of fields.
        batch_size: Rows at a time in the audit.
        seed: Of the halves, and everything drawn.
        spoken: How the user names model and data, for the commands to type next; by default MODEL and DATA.
        watch: Told of the stages.

    Returns:
        The check: `.model` to use from now on, `.action`, `.summary`, `.measured`, `.audit`, `.discovery`,
        `.commands`, `.save_model(path)`, `.save_html(path)`.

    Raises:
        ArgumentError: If data are no rows of one tensor, of one independent unit alone, or do not fit.

    Example:
        >>> from haar.groups import dihedral
        >>> blur = torch.nn.AvgPool2d(3, stride=1, padding=1)
        >>> x = torch.randn(24, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> y = blur(x)
        >>> tilted = lambda x: blur(x) + 0.2 * x.roll(1, 2)
        >>> done = check(tilted, (x, y), symmetry=Symmetry.of_fields(dihedral(4), "p"))
        >>> done.action, done.measured.loss_after.value < done.measured.loss_before.value
        ('average', True)
    """
    spoken = Spoken() if spoken is None else spoken
    model, data = as_rows(model, data)
    check_model(model)
    check_weights(model)
    check_arguments(model, 1, way_out=_ONE)
    if symmetry is not None:
        check_symmetry(symmetry)
        check_moving(symmetry)
    check_seed(seed)
    budget = Budget.of(relax)
    samples = Samples.of(given_batches(data, model, symmetry), symmetry)
    samples = answerable(model, samples)
    seen, held_out = samples.halves(seed)
    found: Discovery | None = None
    if symmetry is None:
        with watch.stage("discovering", 1) as advance:
            found = _discovered(
                model, samples, seen, outputs=outputs, tolerance=tolerance, significance=significance, seed=seed
            )
            advance()
        # finite steps act on inputs as they are given, whatever the coordinates of the largest symmetry
        symmetry = chosen(found.staircase if found.coordinates is None else list(found.finite))
    audited, repair, measured, told = None, None, None, None
    if symmetry is not None:
        symmetry.check_inputs((seen.inputs,))
        audited = audit(
            model,
            symmetry,
            seen.given() if seen.labels is not None else seen.inputs,
            scale=scale,
            batch_size=_rows_at_a_time(batch_size, len(seen.inputs)),
            clusters=seen.units,
            significance=significance,
            seed=seed,
            watch=watch,
        )
        broadcast = None if scale is None else scale.reshape(-1, *[1] * (samples.inputs.ndim - 2))
        options: dict[str, Any] = {"scale": broadcast, "significance": significance, "seed": seed, "watch": watch}
        with undisturbed(model):
            repair = carry_out(model, audited, seen, seed=seed)
        measured = _measured(model, repair, held_out, options)
        repair = confirmed(repair, model, measured)
        if budget is not None:
            told, repair = relaxing(repair, model, audited, (seen, held_out), budget, **options)
            measured = _measured(model, repair, held_out, options) if told.kept else measured
    elif budget is not None:
        told = Relaxed(tried=False, kept=False, why=_NOTHING_TO_RELAX)
    return Check(
        model,
        symmetry=symmetry,
        discovery=found,
        audit=audited,
        repair=repair,
        measured=measured,
        relaxed=told,
        example=samples.inputs[:1],
        spoken=spoken,
    )


def _rows_at_a_time(asked: int, rows: int) -> int:
    """The least number from that asked for that leaves no row alone at the end: a model may squeeze it away."""
    return next((size for size in range(asked, rows) if rows % size != 1), asked) if rows > 1 and asked > 1 else asked


def _measured(model: Any, repair: Repair, held_out: Samples, options: dict[str, Any]) -> Measured:
    """The model and the repaired one on held-out samples."""
    told = {name: value for name, value in options.items() if name != "watch"}
    with options["watch"].stage("measuring", 1) as advance, torch.no_grad():
        made = measure((model, repair.model), repair.symmetry, held_out, **told)
        advance()
    return made


def _discovered(
    model: Any, samples: Samples, seen: Samples, *, outputs: str, tolerance: float, significance: float, seed: int
) -> Discovery:
    """What `haar.discover` finds on the half that chooses; where that is too small, all samples are counted."""
    needed = FEWEST
    try:
        if len(seen.inputs) >= FEWEST:
            return discover(
                model,
                (seen.inputs, None, seen.units),
                outputs=outputs,
                tolerance=tolerance,
                significance=significance,
                seed=seed,
            )
        few = None
    except FewSamplesError as error:
        few, needed = error, error.needed
    raise ArgumentError(
        "data",
        expected=f"at least {2 * needed} samples, half of which find the symmetry and half of which measure",
        got=len(samples.inputs),
        way_out="give more samples, or name the group",
    ) from few


def chosen(staircase: list[Step]) -> Symmetry | None:
    """The symmetry that is worth an audit: the largest one that the model has nearly; else the largest it has.

    Shifts that hold exactly are left out of a group of a grid: averaging over them would change nothing.

    Args:
        staircase: What was discovered.
    """
    steps = [step for step in staircase if step.symmetry is not None]
    near = [step for step in steps if step.grade == "approximate"]
    best = max(near or steps, key=lambda step: (step.dimension, step.order or 0), default=None)
    if best is None or best.symmetry is None:
        return None
    group = best.symmetry.group
    shifted = [s for s in steps if s.grade == "exact" and s.name.startswith("shifts") and s.symmetry is not None]
    if isinstance(group, GridGroup) and shifted and group.point.order > 1:
        return best.symmetry.restrict(group.subgroup(group.element(group.point.generators()), group.point.name))
    return best.symmetry
