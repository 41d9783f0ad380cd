"""Audits published force fields, and writes the table and the picture of `docs/force_fields.md`.

Run it from the root of the project, once in the environment of each package (their weights come with them, nothing is
loaded from elsewhere), then once where haar is developed:

    python -m venv sevennet; sevennet/bin/pip install . ase sevenn==0.13.0
    sevennet/bin/python docs/figures/force_fields.py 7net-0 7net-l3i5 7net-mf-0
    python -m venv chgnet; chgnet/bin/pip install . ase chgnet==0.4.2
    chgnet/bin/python docs/figures/force_fields.py chgnet
    python docs/figures/force_fields.py emt
    python docs/figures/force_fields.py page

What was found stands in `docs/figures/force_fields.json`. A model takes from seconds to a few minutes.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.build import bulk, molecule

from haar.audit import audit_force_field
from haar.report.drawing import AVERAGED, BASE, WARNING, new_figure, share_legend, style_axes

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_suffix(".json")
PAGE, IMAGE = ROOT / "docs" / "force_fields.md", ROOT / "docs" / "images" / "force_fields.png"
BEGIN, END = "<!-- results: written by docs/figures/force_fields.py -->\n", "<!-- end of results -->"
MODELS = ("7net-0", "7net-l3i5", "7net-mf-0", "chgnet", "emt")
RATTLED = 0.05  # Angstrom


def calculator(name: str) -> tuple[Any, str]:
    """A published force field and its version."""
    if name.startswith("7net"):
        from sevenn.calculator import SevenNetCalculator

        more = {"modal": "PBE"} if name == "7net-mf-0" else {}
        return SevenNetCalculator(name, device="cpu", **more), f"sevenn {version('sevenn')}"
    if name == "chgnet":
        from chgnet.model.dynamics import CHGNetCalculator

        return CHGNetCalculator(use_device="cpu"), f"chgnet {version('chgnet')}"
    from ase.calculators.emt import EMT

    return EMT(), f"ase {version('ase')}"


def structures(name: str) -> list[Any]:
    """Molecules, for models that know them, and crystals; atoms moved out of equilibrium, with seeds."""
    crystals = [bulk("NaCl", "rocksalt", 5.6, cubic=True), bulk("Si", "diamond", 5.43, cubic=True)]
    if name == "emt":
        crystals = [bulk("Cu", "fcc", 3.6, cubic=True), bulk("Al", "fcc", 4.05, cubic=True)]
    molecules = [molecule(one) for one in ("CH3CH2OH", "C6H6", "CH3CONH2")] if name != "chgnet" else []
    made = [*molecules, *crystals]
    for seed, one in enumerate(made):
        one.rattle(RATTLED, seed=seed)
    return made


def planar(asked: Any) -> float:
    """The largest force out of its plane that formic acid feels, in eV/A: its mirror image is itself."""
    acid = molecule("HCOOH")
    x = acid.positions - acid.positions.mean(0)
    normal = np.linalg.svd(x)[2][2]
    acid.set_positions(x - np.outer(x @ normal, normal))
    acid.calc = asked
    return float(np.abs(acid.get_forces() @ normal).max())


def measure(name: str) -> dict[str, Any]:
    """The audit of one model, and what a planar molecule feels."""
    torch.set_num_threads(1)
    asked, told = calculator(name)
    report = audit_force_field(asked, structures(name), rotations=8)
    found = report.to_dict()
    found["version"] = told
    found["typical_force"] = max(one["typical_force"] for one in found["structures"])
    found["planar"] = None if name == "chgnet" else planar(asked)
    return found


def table(found: dict[str, Any]) -> str:
    """What each model keeps and breaks, as a Markdown table."""
    heads = (
        "model",
        "rotations",
        "reflections",
        "typical force",
        "planar formic acid",
        "left-handed cell",
        "smallest repair",
        "after it",
    )
    units = (
        "",
        "forces, eV/Å",
        "forces, eV/Å; energy, eV",
        "eV/Å",
        "out of plane, eV/Å",
        "stress, eV/Å³",
        "calls",
        "forces, eV/Å",
    )
    rows = [heads, units]
    for name in (name for name in MODELS if name in found):
        one = found[name]
        large, broken = one["largest"], one["broken"]
        mended = next((repair for repair in one["repairs"] if repair["mends"]), None)
        mirrored = _cell(large["reflections"]["forces"], broken.get("reflections", ()))
        left = None if mended is None else max(kind["forces"] for kind in mended["after"].values())
        rows.append(
            (
                f"{name} ({one['version']})",
                _cell(large["rotations"]["forces"], broken.get("rotations", ())),
                f"{mirrored}; {large['reflections']['energy']:.1e}",
                f"{one['typical_force']:.1f}",
                "–" if one["planar"] is None else f"{one['planar']:.1e}",
                _cell(large["handedness of the cell"]["stress"], broken.get("handedness of the cell", ())),
                "none needed"
                if mended is None and not broken
                else "none"
                if mended is None
                else f"{mended['name']}: {mended['calls']}",
                "–" if left is None else f"{left:.1e}",
            )
        )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]]) + "\n"


def _cell(value: float, broken: Any) -> str:
    return f"**{value:.1e}**" if broken else f"{value:.1e}"


def draw(found: dict[str, Any]) -> Any:
    """Forces' deviations against the angle, a panel for each model."""
    names = [name for name in MODELS if name in found]
    figure = new_figure(2.6 * len(names), 3.0)
    for axes, name in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        style_axes(axes, title=name, x="angle (degrees)", y="forces (eV/Å)" if name == names[0] else "")
        for kind, colour in (("rotations", AVERAGED), ("reflections", WARNING)):
            of_kind = [one for one in found[name]["deviations"] if one["kind"] == kind]
            points = [(one["angle"], max(one["forces"], 1e-16)) for one in of_kind]
            angles = sorted({angle for angle, _ in points})
            axes.plot(
                angles,
                [max(value for other, value in points if other == angle) for angle in angles],
                color=colour,
                label=kind,
            )
            axes.plot(*zip(*points, strict=True), ".", color=colour, markersize=3, alpha=0.5)
        floor = max(one["floors"]["forces"] for one in found[name]["structures"])
        axes.axhline(floor, color=BASE, linestyle="--", linewidth=1, label="rounding")
        axes.set_yscale("log")
        axes.set_xticks(range(0, 181, 90))
    share_legend(figure, figure.axes)
    return figure


def main(names: list[str]) -> None:
    """Measure models and keep what was found, or write the page."""
    found = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for name in names:
        if name == "page":
            page = PAGE.read_text(encoding="utf-8")
            before, rest = page.split(BEGIN)
            PAGE.write_text(before + BEGIN + table(found) + END + rest.split(END)[1], encoding="utf-8")
            draw(found).savefig(IMAGE, dpi=150)
            continue
        found[name] = measure(name)
        KEPT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {found[name]['summary']}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
