"""The audit of a force field as a report."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haar.audit.force_field.forms import KINDS, ORDER, REFLECTION, ROTATION, SAME_HAND, SUPERCELL
from haar.audit.force_field.measure import FACTOR, Deviation, Structure
from haar.audit.force_field.repair import MENDABLE, Repair, worst
from haar.data.molecules.results import ASKED
from haar.report import Report, Section, Table
from haar.report.drawing import AVERAGED, BASE, WARNING, new_figure, style_axes

UNITS = {"energy": "eV", "forces": "eV/A", "stress": "eV/A^3"}
_COLOURS = {ROTATION: AVERAGED, REFLECTION: WARNING}
_WORST = 12
_ARCHITECTURE = {
    ORDER: "the order of atoms: sums over neighbours must not depend on their order",
    SUPERCELL: "supercells: the energy is not extensive, or the neighbour list misses images",
    SAME_HAND: "the choice of the cell: the neighbour list misses images",
}


class ForceFieldAudit(Report):
    """What a force field says of structures in many forms, against what a symmetric one would say.

    Attributes:
        calculator: Name of the force field.
        structures: The structures, with what was said of them.
        deviations: Every structure in every other form.
        repairs: What was tried to mend it, the last of which mends it if any does.
        settings: What the audit was told.
    """

    kind = "force-field-audit"

    def __init__(
        self,
        calculator: str,
        structures: Sequence[Structure],
        deviations: Sequence[Deviation],
        repairs: Sequence[Repair],
        settings: Mapping[str, Any],
    ) -> None:
        self.calculator, self.structures, self.deviations = calculator, list(structures), list(deviations)
        self.repairs, self.settings = list(repairs), dict(settings)
        self.quantities = [key for key in ASKED if any(key in one.apart for one in self.deviations)]

    @property
    def title(self) -> str:  # type: ignore[override]
        """The page's heading."""
        return f"Does {self.calculator} respect the symmetries of space?"

    @property
    def largest(self) -> dict[str, dict[str, float]]:
        """By kind of motion and quantity: the largest deviation, in eV, eV/A and eV/A^3."""
        return worst(self.deviations)

    @property
    def broken(self) -> dict[str, list[str]]:
        """By kind of motion: the quantities that are off by more than rounding; kinds without any are left out."""
        found = {
            kind: [key for key in self.quantities if any(one.broken(key) for one in self._of(kind))] for kind in KINDS
        }
        return {kind: keys for kind, keys in found.items() if keys}

    @property
    def repair(self) -> Repair | None:
        """The smallest repair that mends what averages can mend, if one does."""
        return next((one for one in self.repairs if one.mends), None)

    def _of(self, kind: str) -> list[Deviation]:
        return [one for one in self.deviations if one.kind == kind]

    @property
    def summary(self) -> str:
        """What holds, what breaks and by how much, and the smallest repair."""
        broken, seen = self.broken, [kind for kind in KINDS if self._of(kind)]
        whole = [kind for kind in seen if kind not in broken]
        told = []
        if whole:
            told.append(f"{_listed(self.quantities).capitalize()} hold under {_listed(whole)}, to rounding.")
        for kind, keys in broken.items():
            sizes = [f"{key} by up to {self._size(kind, key)}" for key in keys]
            told.append(f"Broken under {kind}: {_listed(sizes)}.")
        return " ".join([*told, *self._advice(broken)])

    def _size(self, kind: str, key: str) -> str:
        value = self.largest[kind][key]
        told = f"{value:.2g} {UNITS[key]}"
        typical = max((one.typical_force for one in self.structures), default=0.0)
        return f"{told} ({100 * value / typical:.2g} % of the typical force)" if key == "forces" and typical else told

    def _advice(self, broken: Mapping[str, Sequence[str]]) -> list[str]:
        told = []
        if self.repair is not None:
            one = self.repair
            calls = "one call" if one.calls == 1 else f"{one.calls} calls"
            left = [
                f"{key} {max(of.get(key, 0.0) for of in one.after.values()):.1g} {UNITS[key]}"
                for key in self.quantities
            ]
            told.append(f"Smallest repair: {one.name} ({calls} for one answer), which leaves {_listed(left)}.")
        elif self.repairs:
            names = _listed([one.name for one in self.repairs])
            told.append(f"No average of those tried ({names}) mends it whole; the table says what each leaves.")
        told += [f"No average mends {_ARCHITECTURE[kind]}." for kind in broken if kind in _ARCHITECTURE]
        return told or ["Nothing to repair."]

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {
            "calculator": self.calculator,
            "units": {key: UNITS[key] for key in self.quantities},
            "largest": self.largest,
            "broken": self.broken,
            "repairs": [dict(one.__dict__) for one in self.repairs],
            "structures": [
                {
                    "name": one.name,
                    "double": one.double,
                    "floors": dict(one.floors),
                    "energy": float(one.answer["energy"]),
                    "typical_force": one.typical_force,
                }
                for one in self.structures
            ],
            "deviations": [
                {
                    "structure": one.structure,
                    "kind": one.kind,
                    "element": one.element,
                    "angle": one.angle,
                    **one.apart,
                }
                for one in self.deviations
            ],
            "conditions": self._conditions(),
            "summary": self.summary,
        }

    def _conditions(self) -> dict[str, Any]:
        packages = {}
        for name in ("haar", "ase", "numpy", "torch"):
            try:
                packages[name] = version(name)
            except PackageNotFoundError:
                packages[name] = "not installed as a package"
        double = {one.double for one in self.structures}
        precision = "mixed" if len(double) > 1 else "double" if True in double else "single"
        return {**self.settings, "precision found": precision, "python": platform.python_version(), **packages}

    def sections(self) -> Sequence[Section]:
        """Motions, the picture, the worst forms, structures, repairs, conditions."""
        note = (
            f"Largest deviation over all structures and forms; forces on an atom, stress an entry. Holds: no more than "
            f"{FACTOR:.0f} times what one unit of rounding in the structure changes."
        )
        sections = [
            Section(
                "Motion by motion",
                table=self._motions(note),
                figure=self._angles(),
                caption="How far answers are from those of a symmetric force field, against the angle of the rotation "
                "(blue) and of the rotation with inversion (red); dashed: rounding.",
            ),
        ]
        for one in self.repairs:
            calls = "one call for an answer" if one.calls == 1 else f"{one.calls} calls for an answer"
            text = (
                f"{calls.capitalize()}, {one.slower:.1f} times as long; tried on the structures that are broken most."
            )
            sections.append(Section(f"Repair: {one.name}", text, self._repaired(one)))
        sections.append(Section("The worst forms", table=self._worst_forms()))
        sections.append(Section("Structures", table=self._structures()))
        rows = [(key, str(value)) for key, value in self._conditions().items()]
        sections.append(Section("Conditions", table=Table("", ("", "value"), rows)))
        return sections

    def _motions(self, note: str) -> Table:
        rows = []
        for kind in KINDS:
            tried = self._of(kind)
            if not tried:
                continue
            verdict = f"broken: {_listed(self.broken[kind])}" if kind in self.broken else "holds"
            rows.append(
                (kind, len(tried), *(_short(self.largest[kind].get(key)) for key in self.quantities), verdict),
            )
        heads = [f"{key} ({UNITS[key]})" for key in self.quantities]
        return Table("", ("motion", "tried", *heads, "verdict"), rows, note, verdicts=("verdict",))

    def _worst_forms(self) -> Table:
        def size(one: Deviation) -> float:
            return max(value / one.floors[key] if one.floors[key] else 0.0 for key, value in one.apart.items())

        shown = sorted(self.deviations, key=size, reverse=True)[:_WORST]
        rows = [
            (
                self.structures[one.structure].name,
                one.kind,
                one.element,
                *(_short(one.apart.get(key)) for key in self.quantities),
                _short(size(one)),
            )
            for one in shown
        ]
        heads = [f"{key} ({UNITS[key]})" for key in self.quantities]
        return Table("", ("structure", "motion", "element", *heads, "over the floor"), rows)

    def _structures(self) -> Table:
        key = "forces" if "forces" in self.quantities else "energy"
        rows = []
        for number, one in enumerate(self.structures):
            apart = worst([found for found in self.deviations if found.structure == number])
            sizes = (_short(apart[kind][key]) for kind in (ROTATION, REFLECTION))
            energy, force = float(one.answer["energy"]), _short(one.typical_force)
            rows.append((one.name, len(one.atoms), energy, force, *sizes, _short(one.floors[key])))
        heads = ("structure", "atoms", "energy (eV)", "typical force (eV/A)", "rotations", "reflections", "floor")
        return Table("", heads, rows, f"The last three: {key}, {UNITS[key]}.")

    def _repaired(self, one: Repair) -> Table:
        heads = [f"{key} {when}" for key in self.quantities for when in (f"({UNITS[key]}) before", "after")]
        rows = [
            (kind, *(_short(side[kind].get(key)) for key in self.quantities for side in (one.before, one.after)))
            for kind in MENDABLE
            if kind in one.before
        ]
        return Table("", ("motion", *heads), rows, one.code)

    def _angles(self) -> Figure:
        figure = new_figure(4.2 * len(self.quantities), 3.4)
        panels = figure.subplots(1, len(self.quantities), squeeze=False)[0]
        for axes, key in zip(panels, self.quantities, strict=True):
            self._draw(axes, key)
        return figure

    def draw(self, axes: Axes) -> None:
        """The forces' deviations against the angle (energies where there are no forces), on given axes."""
        self._draw(axes, "forces" if "forces" in self.quantities else "energy")

    def _draw(self, axes: Axes, key: str) -> None:
        floor = max((one.floors[key] for one in self.structures if key in one.floors), default=0.0)
        least = floor / 1e3 or 1e-18
        style_axes(axes, title=f"{key} ({UNITS[key]})", x="angle (degrees)", y=f"deviation ({UNITS[key]})")
        for kind, colour in _COLOURS.items():
            points = [(one.angle, max(one.apart[key], least)) for one in self._of(kind) if key in one.apart]
            if not points:
                continue
            axes.plot(*zip(*points, strict=True), ".", color=colour, markersize=4, alpha=0.5)
            angles = sorted({angle for angle, _ in points if angle is not None})
            largest = [max(value for other, value in points if other == angle) for angle in angles]
            axes.plot(angles, largest, color=colour, linewidth=1.3, label=kind)
        axes.axhline(floor, color=BASE, linestyle="--", linewidth=1, label="rounding")
        axes.set_yscale("log")
        axes.set_xticks(range(0, 181, 45))
        axes.legend(fontsize=8, frameon=False)


def _short(value: float | None) -> float | None:
    """Two digits."""
    return None if value is None else float(f"{value:.2g}")


def _listed(words: Sequence[str]) -> str:
    """Words in a row.

    Example:
        >>> _listed(["energy", "forces", "stress"])
        'energy, forces and stress'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))
