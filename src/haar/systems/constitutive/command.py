"""What the commands of constitutive laws do: fit, check, identify, as functions of files and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from haar.errors import ArgumentError, DataError
from haar.intertwiners import intertwiners
from haar.report import Report, Section, Table
from haar.report.drawing import COLOURS, new_figure, style_axes
from haar.systems.constitutive.checks import Check, check_law
from haar.systems.constitutive.components import Measured, names, read_components
from haar.systems.constitutive.cycle_report import CycleReport, of_cycles
from haar.systems.constitutive.detection import Detection, check_notation, detect_notation
from haar.systems.constitutive.elastic import ElasticConstant, constants_section
from haar.systems.constitutive.fitting import fit_law
from haar.systems.constitutive.history import HistoryLaw
from haar.systems.constitutive.hooke import hooke_constants
from haar.systems.constitutive.identification import Identification, identify
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.law_file import load_law, make_law, save_law
from haar.systems.constitutive.networks import LinearLaw
from haar.systems.constitutive.symmetry import check_frame, material_symmetry
from haar.training import Plan
from haar.watch import Unwatched, Watch

_HISTORY = ("recurrent", "viscoelastic", "elastoplastic")
#: Every fifth sample is held out.
_HELD_OUT = 5
_CONSTANTS = (
    "Hooke's law by least squares: the class's independent constants in the material's axes, in Voigt's numbers and "
    "the data's units of stress, with intervals of 95 % whatever the noise of a sample is. A law that is not linear "
    "differs from it; then these are its mean slopes."
)


@dataclass(frozen=True)
class Order:
    """What a fit is told.

    Args:
        data: A file of strains and stresses.
        group: The material's symmetry.
        kind: Of the law, see `haar.systems.constitutive.law_file.KINDS`.
        notation: How components are written; None where their names say it.
        frame: A file of the material's axes, columns of a 3 x 3 matrix; None: those of the data.
        size: Of the law; None: its own.
        steps: Of the training.
        learning_rate: Of the first steps.
        seed: Of everything random.
    """

    data: Path
    group: str
    kind: str = "hyperelastic"
    notation: str | None = None
    frame: Path | None = None
    size: int | None = None
    steps: int = 1000
    learning_rate: float = 3e-3
    seed: int = 0


class FitReport(Report):
    """What came of a fit.

    Args:
        told: What was fitted, to what.
        errors: Squared errors over the stress's mean square: by what, in training, and held out.
        components: Held-out stresses by component: measured and the law's.
        losses: Of the training.
        constants: Hooke's law of the data, with intervals; empty where it is not decided, or paths are fitted.
    """

    kind: ClassVar[str] = "constitutive-fit"

    def __init__(
        self,
        told: Mapping[str, Any],
        errors: Sequence[tuple[str, float, float]],
        components: tuple[Tensor, Tensor],
        losses: Tensor,
        constants: Sequence[ElasticConstant] = (),
    ) -> None:
        self.constants = tuple(constants)
        self.told, self.errors, self.components, self.losses = dict(told), tuple(errors), components, losses
        self.title = f"A {self.told['kind']} law of a material {self.told['group']}"

    @property
    def summary(self) -> str:
        """The held-out error, beside Hooke's law."""
        (_, _, own), (_, _, hooke) = self.errors[0], self.errors[1]
        return (
            f"Held-out error {own:.2e} of the stress's square ({hooke:.2e} with Hooke's law), "
            f"{self.told['samples']} samples, {self.told['parameters']} parameters."
        )

    @property
    def made_of(self) -> Mapping[str, object]:
        """Data, notation, seed."""
        return {
            "data": self.told["data"],
            "conventions": f"components: {self.told['notation']}",
            "seed": self.told["seed"],
        }

    def contents(self) -> dict[str, Any]:
        """Everything but the samples."""
        keys = ("law", "training", "held_out")
        return {
            **self.told,
            "errors": [dict(zip(keys, row, strict=True)) for row in self.errors],
            "constants": [asdict(one) for one in self.constants],
        }

    def sections(self) -> Sequence[Section]:
        """Errors, then stresses as predicted."""
        table = Table("Errors", ("law", "training", "held out"), self.errors, "squared, over the stress's mean square")
        fits = Section("How well it fits", "", table, self._draw(), "Held-out stresses, component by component.")
        return [fits, *([constants_section(self.constants, _CONSTANTS)] if self.constants else [])]

    def _draw(self) -> Figure:
        measured, found = (one.reshape(-1, one.shape[-1]) for one in self.components)
        figure = new_figure(5, 4.2)
        axes = style_axes(figure.subplots(), x="measured stress", y="the law's")
        for colour, name, x, y in zip(
            COLOURS * 2, names(2 if measured.shape[-1] == 3 else 3), measured.T, found.T, strict=False
        ):
            axes.plot(x, y, ".", color=colour, markersize=3, label=name)
        ends = [float(measured.min()), float(measured.max())]
        axes.plot(ends, ends, color="#9ca3af", linewidth=0.8)
        axes.legend(fontsize=7, frameon=False)
        return figure


def fit(order: Order, output: Path, watch: Watch = Unwatched()) -> FitReport:
    """Fit a law to a file and write it.

    Args:
        order: What to do.
        output: A .safetensors file.
        watch: Told of the steps.

    Raises:
        DataError: If the file cannot be read, or is written in another notation than is said.
        ArgumentError: If a word is unknown, or law and data do not fit.
    """
    measured = read_components(order.data, notation=order.notation)
    frame = None if order.frame is None else read_frame(order.frame)
    law = make_law(order.kind, order.group, size=order.size, frame=frame, seed=order.seed)
    _check_dimension(law, measured)
    history = isinstance(law, HistoryLaw)
    x, y = measured.strain, measured.stress
    if history and x.ndim != 3:
        raise DataError(f"{order.data}: a {order.kind} law needs paths; number them in a column called path")
    if not history and x.ndim == 3:
        x, y = x.flatten(0, 1), y.flatten(0, 1)
    if not history:
        raw = tuple(one.reshape(-1, one.shape[-1]) for one in measured.raw)
        check_notation(raw[0], raw[1], measured.notation, law.material)
    held = torch.arange(len(x)) % _HELD_OUT == _HELD_OUT - 1
    if not bool(held.any()):
        raise DataError(f"{order.data}: {len(x)} samples; a fit needs {_HELD_OUT} at least, of which it holds one out")
    train, test = (x[~held], y[~held]), (x[held], y[held])
    fitted = _trained(law, train, order, watch)
    hooke = LinearLaw(_maps(law), *train)
    errors = [
        (order.kind, _error(law, train), _error(law, test)),
        ("Hooke's law", _error(hooke, train), _error(hooke, test)),
    ]
    told = {
        "kind": order.kind, "group": order.group, "data": str(order.data), "notation": str(measured.notation),
        "samples": len(x), "parameters": sum(p.numel() for p in law.parameters()), "seed": order.seed,
    }  # fmt: skip
    save_law(output, law, {"data": order.data.name, "notation": str(measured.notation), "held_out": errors[0][2]})
    with torch.no_grad():
        found = law(test[0])
    constants = () if history else hooke_constants(material_symmetry(order.group), *train, frame)
    return FitReport(told, errors, (test[1], found), fitted, constants)


def _trained(law: Law | HistoryLaw, data: tuple[Tensor, Tensor], order: Order, watch: Watch) -> Tensor:
    """Train a law in units of its data."""
    plan = Plan(steps=order.steps, learning_rate=order.learning_rate, schedule="cosine", clip=1.0,
                batch_size=min(256, len(data[0])))  # fmt: skip
    return fit_law(law, *data, plan, seed=order.seed, watch=watch).losses


def _maps(law: Law | HistoryLaw) -> Tensor:
    S = law.material.tensors
    return intertwiners(S, S).basis()


def _error(law: torch.nn.Module, data: tuple[Tensor, Tensor]) -> float:
    with torch.no_grad():
        return float((law(data[0]) - data[1]).square().sum() / data[1].square().sum())


def check(
    law_file: Path | None, data: Path | None, *, group: str | None = None, notation: str | None = None,
    frame: Path | None = None, size: float = 0.02, cycles: bool = False, seed: int = 0,
) -> Check | NotationReport | CycleReport:  # fmt: skip
    """Check a law, or the notation and symmetry of data.

    Args:
        law_file: A law that `fit` wrote.
        data: Strains and stresses: states to check the law at, or the data to look at.
        group: The symmetry to check; by default the law's own.
        notation: Of the data.
        frame: The material's axes, for data.
        size: Of random states.
        cycles: Whether the data are closed cycles, whose energy is to be looked at.
        seed: Of them.

    Raises:
        ArgumentError: If there is neither, or data come without a group.
    """
    if cycles:
        return _check_cycles(law_file, data, notation)
    if law_file is None and data is None:
        raise ArgumentError("LAW", expected="a law, or --data", got="neither")
    if law_file is None:
        return _check_data(data, group, notation, frame)  # type: ignore[arg-type]
    law, _ = load_law(law_file)
    material = law.material if group is None else material_symmetry(group)
    states = None
    if data is not None:
        measured = read_components(data, notation=notation)
        _check_dimension(law, measured)
        states = measured.strain
    return check_law(law, material, states, size=size, seed=seed)


def _check_cycles(law_file: Path | None, data: Path | None, notation: str | None) -> CycleReport:
    if data is None:
        raise ArgumentError("--cycles", expected="--data with closed cycles beside it", got="none")
    measured = read_components(data, notation=notation)
    if measured.strain.ndim != 3:
        raise DataError(f"{data}: cycles are paths; number them in a column called path")
    law = None if law_file is None else load_law(law_file)[0]
    if law is not None:
        _check_dimension(law, measured)
    return of_cycles(measured.strain, measured.stress, law)


class NotationReport(Report):
    """In which notation data are written, by the energies that fit them.

    Args:
        found: What was found.
        material: The symmetry that it was judged by.
    """

    kind: ClassVar[str] = "constitutive-notation"
    holds = True

    def __init__(self, found: Detection, material: str) -> None:
        self.found, self.material = found, material
        self.title = "How the components are written"

    @property
    def summary(self) -> str:
        """The notation."""
        return f"{self.found}."

    def contents(self) -> dict[str, Any]:
        """Every notation with its error."""
        rows = [{"notation": str(one), "error": error} for one, error in self.found.errors]
        return {"material": self.material, "told": [str(one) for one in self.found.told], "errors": rows}

    def sections(self) -> Sequence[Section]:
        """The first ten."""
        rows = [(str(one), error, one in self.found.told) for one, error in self.found.errors[:10]]
        note = f"squared error of an energy with the symmetry {self.material}, over the stress's square"
        return [
            Section("Notations", "", Table("Notations", ("notation", "error", "kept"), rows, note, verdicts=("kept",)))
        ]


def _check_data(data: Path, group: str | None, notation: str | None, frame: Path | None) -> NotationReport:
    if group is None:
        raise ArgumentError("--group", expected="the symmetry that the data are to have, such as cubic", got="none")
    material = material_symmetry(group)
    if frame is not None:
        material = material.turned(read_frame(frame))
    # without a word the names decide the order, and what is asked is the shear
    measured = read_components(data, notation=notation or "voigt-tensor")
    raw = tuple(one.reshape(-1, one.shape[-1]) for one in measured.raw)
    if notation is not None:
        return NotationReport(check_notation(raw[0], raw[1], measured.notation, material), material.name)
    return NotationReport(detect_notation(raw[0], raw[1], material), material.name)


def identify_file(data: Path, *, notation: str | None = None, level: float = 0.05, draws: int = 100, seed: int = 0,
                  watch: Watch = Unwatched()) -> Identification:  # fmt: skip
    """Find class and axes of the material of a file.

    Args:
        data: Strains and stresses in space.
        notation: How components are written.
        level: Of the tests.
        draws: Of the bootstrap.
        seed: Of all draws.
        watch: Told of the classes.
    """
    measured = read_components(data, notation=notation)
    flat = [one.reshape(-1, one.shape[-1]) for one in (measured.strain, measured.stress)]
    return identify(*flat, level=level, draws=draws, seed=seed, watch=watch)


def read_frame(path: Path) -> Tensor:
    """The material's axes: three lines of three numbers, the axes as columns.

    Raises:
        DataError: If the file holds something else.
        ArgumentError: If they are no right-handed rotation.
    """
    try:
        text = path.read_text(encoding="utf-8").replace(",", " ")
        rows = [[float(word) for word in line.split()] for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected three lines of three numbers ({error})") from error
    if len(rows) not in (2, 3) or any(len(row) != len(rows) for row in rows):
        raise DataError(f"{path}: expected three lines of three numbers, the axes as columns")
    return check_frame(torch.tensor(rows, dtype=torch.float64), len(rows))


def _check_dimension(law: Law | HistoryLaw, measured: Measured) -> None:
    if law.material.dim != measured.dim:
        raise ArgumentError(
            "group", expected=f"one of {measured.dim} dimensions, as the data",
            got=f"{law.material}, of {law.material.dim}",
            way_out="groups of the plane are called 'plane D4' and the like",
        )  # fmt: skip
