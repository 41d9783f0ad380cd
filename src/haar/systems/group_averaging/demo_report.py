"""How the demonstration is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from haar.data import ErrorReport
from haar.report import Report, Section, Table
from haar.report.table import Cell
from haar.systems.group_averaging.demo_figures import draw_errors, draw_fields, shown_step
from haar.systems.group_averaging.demo_story import Finding

_WORDS = {
    "none": "the model itself",
    "C2": "C2: half turns",
    "C4": "C4: quarter turns",
    "D4": "D4: quarter turns and mirrors",
    "D4 x shifts": "D4 and half-box shifts, Hann window",
}
_FORWARDS = {"none": 1, "C2": 2, "C4": 4, "D4": 8, "D4 x shifts": 32}


class DemoReport(Report):
    """What the demonstration found.

    Args:
        found: One finding a story.
    """

    kind: ClassVar[str] = "demo"
    title: ClassVar[str] = "More accurate models of physical fields, without training"  # type: ignore[misc]

    def __init__(self, found: Sequence[Finding]) -> None:
        self.found = list(found)

    @property
    def summary(self) -> str:
        """The gains in a sentence for every story."""
        lines = []
        for f in self.found:
            one, rolled = (_gain(reports, window) for reports, window in ((f.one_step, "1"), (f.rollouts, "6:12")))
            lines.append(
                f"{f.story.title}: averaging {f.story.model_name} over the eight symmetries of the square changes its "
                f"one-step error by **{one:+.1%}** and its error after 6 to 12 steps by **{rolled:+.1%}** (VRMSE), "
                "without training."
            )
        return "\n\n".join(lines)

    @property
    def footer(self) -> str:
        """Versions."""
        return f"haar {version('haar')} · torch {version('torch')}"

    @property
    def made_of(self) -> Mapping[str, object]:
        """Data, models and conventions."""
        return {
            "model": "; ".join(f"{f.story.model_name}, {f.story.steps} steps of training" for f in self.found),
            "data": "; ".join(f"{f.story.title}: {f.story.generator!r}" for f in self.found),
            "conventions": "VRMSE: root mean square error over the spread of the truth; nodes of a periodic grid",
        }

    def contents(self) -> dict[str, Any]:
        """Errors by story, group, window and field, and the audits."""
        return {
            "stories": {
                f.story.name: {
                    "model": f.story.model_name,
                    "steps_of_training": f.story.steps,
                    "one_step": {name: report.contents()["windows"] for name, report in f.one_step.items()},
                    "rollout": {name: report.contents()["windows"] for name, report in f.rollouts.items()},
                    "audit": f.audit.to_dict(),
                }
                for f in self.found
            },
            "versions": {"haar": version("haar"), "torch": version("torch")},
        }

    def sections(self) -> Sequence[Section]:
        """For every story the errors, the pictures and the audit; at the end, how to go on."""
        sections = [section for f in self.found for section in _told(f)]
        return [*sections, Section("Try it yourself", _next_steps(self.found))]

    def tables(self) -> list[Table]:
        """The errors before and after, one table a story."""
        return [errors_table(f) for f in self.found]


def errors_table(f: Finding) -> Table:
    """VRMSE before and after, one step and rolled out, by field and group."""
    fields = [field.name for field in f.layout.variables]
    base = f.one_step["none"]
    rows: list[tuple[Cell, ...]] = []
    for name, report in f.one_step.items():
        rolled = f.rollouts.get(name)
        change = report.value("vrmse") / base.value("vrmse") - 1
        rolled_change = None if rolled is None else _gain(f.rollouts, "6:12", name)
        rows.append(
            (
                _WORDS[name],
                _FORWARDS[name],
                *(report.value("vrmse", field=field) for field in fields),
                "" if name == "none" else f"{change:+.1%}",
                *(None if rolled is None else rolled.value("vrmse", window="6:12", field=field) for field in fields),
                "" if name == "none" or rolled_change is None else f"{rolled_change:+.1%}",
            )
        )
    columns = (
        "averaged over",
        "forwards",
        *(f"{field}, 1 step" for field in fields),
        "change",
        *(f"{field}, 6:12" for field in fields),
        "change",
    )
    return Table(
        f"VRMSE: {f.story.title}", columns, rows, "one step ahead, and over predicted steps 6 to 12 of a rollout"
    )


def _told(f: Finding) -> list[Section]:
    told = [
        Section(
            f.story.title,
            f"{f.story.about} The data come from a pseudo-spectral solver and are stored in The Well's format; "
            f"{f.story.model_name} was trained for {f.story.steps} steps on the training runs, and everything below is "
            "measured on test runs that it has not seen.",
            errors_table(f),
            draw_errors(f),
            "Left: error of one-step predictions by group. Right: error as the model is fed its own predictions.",
        ),
        Section(
            "",
            f"The test run whose gain is the median one, at predicted step {shown_step(f)}, the last one at "
            "which both rollouts have two thirds of the truth's energy at middle wavenumbers: later ones are a blur. "
            "The two error maps of a row share their colours.",
            figure=draw_fields(f),
            caption="Truth, the predictions of the model and of its average over D4, the size of their errors, and the "
            "energy of each by wavenumber.",
        ),
    ]
    audit = f.audit.sections()[0]
    words = f"**{f.audit.recommendation.verdict}.** {f.audit.recommendation.sentence}"
    told.append(Section(f"Its audit: {f.story.title}", words, audit.table, audit.figure, audit.caption))
    return told


def _next_steps(found: Sequence[Finding]) -> str:
    name = found[0].story.name
    return (
        f"The data and the surrogates lie beside this page. `haar audit {name}.safetensors data/{name} --group D4` "
        f"repeats it in full; `haar average {name}.safetensors --data data/{name} --group D4 -o averaged.pt2` "
        "writes the averaged model as a program that needs neither haar nor this model's code. Both take your own "
        "model and data in its place."
    )


def _gain(reports: dict[str, ErrorReport] | Any, window: str, name: str = "D4") -> float:
    before: float = reports["none"].value("vrmse", window=window)
    return float(reports[name].value("vrmse", window=window) / before - 1)
