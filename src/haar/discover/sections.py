"""How a discovery is told: the answer and its picture, generators, flows, brackets, gates, what is trivial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from haar.discover.pictures import bracket_figure, draw_spectrum, draw_staircase, flow_figure, generator_figure
from haar.discover.told import told
from haar.report import Section, Table
from haar.report.drawing import new_figure

if TYPE_CHECKING:
    from haar.discover.found import Found


def sections(found: Found) -> Sequence[Section]:
    """All of them, the answer first."""
    made = [_answer(found)]
    if found.algebra is not None and not found.algebra.of_fields:
        made += _generators(found)
    if found.continuous is not None and found.continuous.gates:
        made.append(Section("Numbers of generators, and the four gates", text=_HOW, table=_gates(found)))
    if found.trivial:
        rows = [(one.kind, one.count, one.told) for one in found.trivial]
        made.append(Section("What says nothing", table=Table("Removed", ("kind", "generators", "why"), rows)))
    return made


_HOW = (
    "Directions are found on one half of the data and judged on the other. A number of generators is accepted if its "
    "largest defect is small, the next direction is at least twice as bad (thrice for a single one), brackets stay "
    "within twice the defect, and finite elements are shown to be below the tolerance at the stated level, after "
    "Holm's correction."
)


def _answer(found: Found) -> Section:
    rows = [
        (step.name, step.kind, step.size, step.grade, step.defect.value, step.defect.interval, step.outside)
        for step in found.staircase
    ]
    columns = ("symmetry", "kind", "size", "grade", "defect", "95 %", "outside it")
    table = Table("Staircase", columns, rows, note="" if rows else "Nothing established.")
    text = "\n\n".join([f"**{told(found)}**", *found.remarks])
    return Section(
        "What was found",
        text=text,
        table=table,
        figure=overview(found),
        caption="Relative defects of all directions with the accepted gap shaded; defects inside and outside steps.",
    )


def overview(found: Found) -> Figure | None:
    """The spectrum and the staircase."""
    spectrum, steps = found.spectrum, found.staircase
    panels = (spectrum is not None) + bool(steps)
    if not panels:
        return None
    figure = new_figure(5.4 * panels, 3.6)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    if spectrum is not None:
        leading = None if found.continuous is None else found.continuous.leading
        draw_spectrum(axes[0], spectrum, 0 if leading is None else leading.gate.count, found.settings.tolerance)
    if steps:
        draw_staircase(axes[-1], steps)
    return figure


def _generators(found: Found) -> list[Section]:
    given = found.generators()
    invariant = found.settings.kind == "invariant"
    inputs, outputs = given.a[:, :-1, :-1], given.b[:, :-1, :-1]
    told = [
        Section(
            "Generators",
            figure=generator_figure(inputs, outputs, invariant=invariant),
            caption="Matrices in a basis to be read, in the coordinates as given; of one point where one matrix acts "
            "on every point.",
        )
    ]
    x = found.sample.x.flatten(1)
    points = found.settings.points
    x = x.unflatten(-1, (points, -1)).flatten(0, 1) if points else x
    if x.shape[1] > 1:
        told.append(
            Section("", figure=flow_figure(x, given.a), caption="Velocities at the data, where each moves them most.")
        )
    algebra = found.algebra
    if algebra is not None and algebra.dim > 1:
        told.append(
            Section(
                "",
                table=_invariants(found),
                figure=bracket_figure(algebra),
                caption="Sizes of structure constants in an orthonormal basis: which two generators make which.",
            )
        )
    return told


def _invariants(found: Found) -> Table:
    algebra = found.algebra
    if algebra is None:
        return Table("Algebra", ("what", "value"), [])
    signature = algebra.signature
    rows: list[tuple[str, str | float]] = [
        ("name", algebra.name),
        ("dimension", algebra.dim),
        ("Killing signature (+, -, 0)", f"{signature.positive}, {signature.negative}, {signature.zero}"),
        ("derived algebra", algebra.derived_dim),
        ("centre", algebra.centre_dim),
        ("rank", algebra.rank),
        ("brackets outside the span", algebra.closure_defect),
    ]
    return Table("Algebra", ("what", "value"), rows)


def _gates(found: Found) -> Table:
    lie = found.continuous
    rows = [
        (
            gate.count,
            gate.defect,
            gate.beyond,
            gate.gap,
            gate.closure,
            None if gate.finite is None else gate.finite.upper,
            "accepted" if gate.accepted else f"fails: {gate.failed}",
        )
        for gate in ([] if lie is None else lie.gates)
    ]
    columns = ("generators", "defect", "next", "gap", "brackets", "finite, 95 % bound", "verdict")
    return Table("Gates", columns, rows)
