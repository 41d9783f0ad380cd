"""``haar data well inspect``: what a data set holds."""

from __future__ import annotations

from typing import Any

from haar.data import WellReader
from haar.data.well.domain_symmetry import domain_symmetry
from haar.report import Report, Section, Table


class Description(Report):
    """What a data set holds.

    Args:
        reader: The opened data set.
    """

    kind = "data set"

    def __init__(self, reader: WellReader) -> None:
        self.reader, self.title = reader, reader.metadata.name

    def contents(self) -> dict[str, Any]:
        """Name, files, trajectories, axes and fields."""
        about = self.reader.metadata
        domain = domain_symmetry(about.axes, name=about.name, grid_type=about.grid_type)
        return {
            "name": about.name,
            "split": self.reader.split,
            "files": [str(path) for path in self.reader.files],
            "trajectories": len(self.reader),
            "steps": list(about.steps),
            "grid_type": about.grid_type,
            "axes": [
                {
                    "name": axis.name,
                    "points": axis.size,
                    "spacing": axis.spacing,
                    "boundary": [end.name for end in axis.boundary],
                    "centring": axis.centring,
                }
                for axis in about.axes
            ],
            "fields": [
                {"name": f.spec.name, "kind": f.spec.kind, "role": f.spec.role, "units": f.units} for f in about.stored
            ],
            "symmetry": {
                "point_group": [domain.point.describe(g) for g in domain.point.elements()],
                "shifts_along": [a.name for a, moves in zip(about.axes, domain.periodic, strict=True) if moves],
                "excluded": list(domain.excluded),
                "remark": domain.remark,
            },
            "parameters": [dict(parameters) for parameters in about.parameters],
        }

    def sections(self) -> list[Section]:
        """Tables of the axes and of the fields."""
        found = self.contents()
        steps = sorted(set(found["steps"]))
        split = f"{self.reader.split} split: " if self.reader.split else ""
        many = f"{split}{found['trajectories']} trajectories of {' or '.join(map(str, steps))} frames"
        axes = [(a["name"], a["points"], a["spacing"], " / ".join(a["boundary"]), a["centring"]) for a in found["axes"]]
        fields = [(f["name"], f["kind"], f["role"], f["units"]) for f in found["fields"]]
        symmetry = found["symmetry"]
        motions = [
            ("of the points", " ".join(symmetry["point_group"])),
            ("shifts along", " ".join(symmetry["shifts_along"])),
            *(("not a symmetry", reason) for reason in symmetry["excluded"]),
            *([("remark", symmetry["remark"])] if symmetry["remark"] else []),
        ]
        return [
            Section(
                "Axes", table=Table(f"{self.title}, {many}", ("axis", "points", "spacing", "ends", "points at"), axes)
            ),
            Section("Fields", table=Table("", ("field", "kind", "role", "units"), fields)),
            Section("Motions", table=Table("", ("motions", "that grid, boundaries and registry allow"), motions)),
        ]
