"""The verb: which symmetry does a model have, when nobody says?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from haar.data.molecules.structure_rows import EnergyOfPositions, as_rows
from haar.discover.dictionaries import Affine, Dictionary, Linear
from haar.discover.discovery import Discovery, Settings
from haar.discover.evaluated import Evaluated, FlatModel, check_manners
from haar.discover.field_lie import field_sample
from haar.discover.field_problem import FieldSample
from haar.discover.finite.elements import elements
from haar.discover.given import classifier_like, given, kind_of, points_of
from haar.discover.grid_fields import GridFields
from haar.discover.lie import Sought
from haar.discover.step import Step
from haar.errors import ArgumentError, known_keywords
from haar.probing import given_batches
from haar.probing.manners import check_arguments, check_model, check_weights
from haar.seeding import check_seed

_KINDS = ("lie", "finite", "grid")
_NO_DESIGNS = (
    "finite elements are not sought of a calculator, as designs put atoms into one place; haar.audit_force_field tries "
    "reflections and exchanges of equal atoms"
)


@known_keywords
def discover(
    model: Any,
    data: Any,
    *,
    outputs: str = "auto",
    kinds: str | Sequence[str] = ("lie", "finite"),
    dictionary: Any = None,
    shared: bool | None = None,
    layout: Any = None,
    tolerance: float = 0.2,
    significance: float = 0.05,
    weight: str = "none",
    support: str = "ambient",
    max_samples: int = 2048,
    seed: int = 0,
) -> Discovery:
    """Find the symmetries of a model that nobody has named.

    Continuous symmetries come from one linear solve: pairs (A, B) with J(x) A x = B f(x) at all samples, in coordinates
    without units, judged on samples that the solve has not seen by four gates (small, gap, closed under brackets,
    finite elements). "None established" is an answer.

    Source: the null space of a model's derivatives, LieGG (arXiv 2210.04345), LieSD (arXiv 2410.09841); enforcing and
        discovering as duals (arXiv 2311.00212).

    Args:
        model: Any module or callable of one tensor; evaluated in eval mode, never changed. Or a calculator of ASE,
            whose energy is looked at.
        data: Inputs ``(b, ...)``, ``(inputs, labels)``, ``(inputs, labels, clusters)``, or batches of these;
            dictionaries by name as `haar.audit` takes them. Rows of one cluster (trajectory) stay in one half. Or a
            list of ``ase.Atoms``, frames of one molecule.
        outputs: ``"any"`` (outputs move in a way that is found too), ``"same"`` (as inputs do), ``"invariant"``, or
            ``"auto"``: same for as many outputs as inputs, invariant for one output, else any.
        kinds: ``"lie"``, ``"finite"``, ``"grid"``, or several, also as one text with commas.
        dictionary: What generators may be: `Affine` (default), `Linear`, `Monomials`, `Fields` or `GridFields`.
        shared: Whether inputs ``(K, d)`` are K points on which one d x d matrix acts; by default if d is at most 4.
        layout: Fields of a grid in channel order, ``"p, u:vector"``: inputs ``(b, channels, *grid)``.
        tolerance: The largest relative defect of what is called a symmetry.
        significance: Level of the tests.
        weight: ``"none"``, or ``"relative"``: every sample counts the same (inputs with heavy tails, such as momenta).
        support: ``"ambient"``: derivatives are taken in the whole space; or ``"tangent"``, for data on a curved set
            (a sphere, a cone): along it alone, and generators must keep to it.
        max_samples: Rows to use.
        seed: Of the halves, and everything drawn.

    Returns:
        The discovery: `.symmetry`, `.staircase`, `.algebra`, `.trivial`, `.spectrum`, `.failed_gate`, `.table()`,
        `.figure()`, `.save_html(path)`, `.save(path)`.

    Raises:
        ArgumentError: If an option is out of range, the model is piecewise constant, is not steady, mixes samples, or
            samples are too few.
        DataError: If data or outputs are not finite, or all samples are equal.

    Example:
        >>> import torch
        >>> x = torch.randn(256, 6, dtype=torch.float64)
        >>> found = discover(lambda x: (x.square().sum(-1, keepdim=True)).tanh(), x, kinds="lie")
        >>> found.staircase[-1].name, found.symmetry.group.name
        ('so(6)', 'SO(6)')
    """
    model, data = as_rows(model, data, labels=False)
    asked = isinstance(model, EnergyOfPositions)
    if asked:
        kinds = _of_calculator(kinds)
    check_model(model)
    check_weights(model)
    check_arguments(model, 1, way_out="give lambda x: model(x, ...) with the others fixed")
    check_seed(seed)
    chosen = _check(kinds, tolerance, significance, weight=weight, support=support, max_samples=max_samples)
    read = given(given_batches(data, model), max_samples=max_samples, seed=seed)
    flat = FlatModel(model, read.shape, read.dtype)
    check_manners(flat, read.inputs.flatten(1), torch.Generator().manual_seed(seed))
    kind = kind_of(outputs, read.shape, flat.output_shape)
    fields = _dictionary(dictionary, read.shape, layout)
    if fields is not None and support != "ambient":
        raise ArgumentError("support", expected='"ambient" for a dictionary of fields', got=repr(support))
    if fields is not None and weight != "none":
        raise ArgumentError("weight", expected='"none" for a dictionary of fields', got=repr(weight))
    settings = Settings(
        kinds=chosen,
        sought=Sought(
            kind,
            affine=not isinstance(dictionary, Linear),
            points=None if fields is not None else points_of(read.shape, flat.output_shape, kind, shared=shared),
            tolerance=tolerance,
            significance=significance,
            relative=weight == "relative",
            tangent=support == "tangent",
        ),
        support=support,
        seed=seed,
        asked=outputs,
    )
    said = [*read.said, *([_NO_DESIGNS] if asked else [])]
    if fields is None or "lie" not in chosen:
        sample: Evaluated | FieldSample = flat.evaluate(read.inputs.flatten(1), read.units)
        if classifier_like(sample.f):
            said.append("outputs look like probabilities: saturated ones hide symmetry, give logits")
    else:
        problem, sample, trivial = field_sample(flat, read.inputs, read.units, fields, kind)
        settings = replace(settings, dictionary=(problem, trivial))
        said += [*problem.said, *(fields.said if isinstance(fields, GridFields) else ())]
    steps: list[Step] = []
    if "finite" in chosen or "grid" in chosen:
        found = elements(
            flat.model,
            read.inputs.to(flat.dtype),
            outputs=outputs,
            tolerance=tolerance,
            significance=significance,
            units=read.units,
            seed=seed,
        )
        steps, said = found.steps, [*said, *found.said]
    return Discovery(flat, sample, settings, said=(*flat.said, *said), finite=steps)


def _of_calculator(kinds: str | Sequence[str]) -> tuple[str, ...]:
    """What is sought of a calculator: what is continuous, unless more is asked for."""
    if kinds in ("lie", ("lie",), ["lie"], ("lie", "finite"), "lie,finite"):
        return ("lie",)
    raise ArgumentError("kinds", expected='"lie" for a calculator', got=repr(kinds), way_out=_NO_DESIGNS)


def _dictionary(dictionary: Any, shape: tuple[int, ...], layout: Any) -> Dictionary | None:
    """Fields among which generators are sought; None for matrices."""
    if dictionary is None:
        return GridFields() if layout is not None or len(shape) >= 3 else None
    if isinstance(dictionary, (Linear, Affine)):
        return None
    if callable(getattr(dictionary, "fields", None)):
        found: Dictionary = dictionary
        return found
    raise ArgumentError(
        "dictionary",
        expected="haar.discover.Linear(), Affine(), Monomials(...), Fields(...) or GridFields(...)",
        got=repr(dictionary),
    )


def _check(
    kinds: str | Sequence[str], tolerance: float, significance: float, *, weight: str, support: str, max_samples: int
) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in kinds.split(",")) if isinstance(kinds, str) else tuple(kinds)
    for kind in chosen:
        if kind not in _KINDS:
            raise ArgumentError("kinds", expected="lie, finite or grid", got=repr(kind))
    if not chosen:
        raise ArgumentError("kinds", expected="lie, finite or grid", got="none")
    for name, value in (("tolerance", tolerance), ("significance", significance)):
        if isinstance(value, bool) or not 0 < value < 1:
            raise ArgumentError(name, expected="a number between 0 and 1", got=repr(value))
    if weight not in ("none", "relative"):
        raise ArgumentError("weight", expected='"none" or "relative"', got=repr(weight))
    if support not in ("ambient", "tangent"):
        raise ArgumentError("support", expected='"ambient" or "tangent"', got=repr(support))
    if isinstance(max_samples, bool) or not isinstance(max_samples, int) or max_samples < 4:
        raise ArgumentError("max_samples", expected="a whole number from 4 on", got=repr(max_samples))
    return chosen
