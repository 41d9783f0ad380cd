"""What ``haar quantum`` does: data, one training, the comparison, a twirl; each ends in a report or a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from haar.errors import ArgumentError, DataError
from haar.report import Report, Section, Table
from haar.report.table import Cell
from haar.systems.quantum.comparison import Contender, chosen_contenders, contest, split
from haar.systems.quantum.geometries import SCANS
from haar.systems.quantum.measurement import predicted_curve, reference_curves
from haar.systems.quantum.molecules import Molecules
from haar.systems.quantum.on_qubits import OnQubits, PermutedQubits, SpinOnQubits, molecule_on_qubits
from haar.systems.quantum.options import one_of
from haar.systems.quantum.pauli_words import matrix_words, parse_words, qubits_of, spell, words_matrix
from haar.systems.quantum.potential import Potential
from haar.systems.quantum.recipe_figures import draw_errors, draw_surfaces
from haar.systems.quantum.recipe_sections import SURFACES_CAPTION, errors_table, symmetry_table, winner
from haar.systems.quantum.training import PotentialPlan
from haar.systems.quantum.twirl import twirl
from haar.watch import Unwatched, Watch

GROUPS = ("su2", "permutations", "molecule")


@dataclass(frozen=True, eq=False)
class ComparisonReport(Report):
    """Every model on the same folds.

    Args:
        data: Which surface.
        train: Training points.
        measured: What was measured, by table, model and fold.
    """

    kind: ClassVar[str] = "quantum comparison"
    title = "Circuits and baselines on one surface"

    data: str
    train: int
    measured: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """Who wins."""
        best = winner([self.measured], f"{self.data} {self.train}")
        return f"**{best}** has the least test error on {self.data} with {self.train} training points."

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {"data": self.data, "train": self.train, "tables": self.measured["tables"]}

    def sections(self) -> Sequence[Section]:
        """The table, errors against parameters, and curves where there is a reference to draw."""
        measures = [self.measured]
        table = errors_table(measures, f"{self.data} {self.train}")
        details = symmetry_table(measures, f"{self.data} {self.train}")
        found = [Section("", self.summary, table, draw_errors(measures)), Section("", table=details)]
        if self.data in self.measured["surfaces"]:
            found.append(Section("Surface", figure=draw_surfaces(measures), caption=SURFACES_CAPTION))
        return found

    def markdown(self) -> str:
        """The tables as text."""
        measures, name = [self.measured], f"{self.data} {self.train}"
        return markdown(errors_table(measures, name)) + "\n" + markdown(symmetry_table(measures, name))


def open_molecules(data: str) -> Molecules:
    """A shipped surface by name, or a file that `Molecules.save` wrote.

    Raises:
        ArgumentError: If it is neither.
        DataError: If the file is damaged.
    """
    if data in SCANS:
        return Molecules.shipped(data)
    if not data.endswith(".npz"):
        raise ArgumentError("data", expected=f"one of {', '.join(SCANS)}, or an .npz file", got=repr(data))
    if not Path(data).is_file():
        raise DataError(f"{data}: no such file")
    return Molecules.load(data)


def described(molecules: Molecules, name: str) -> Table:
    """A set of molecules in one row."""
    lengths = molecules.active.norm(dim=-1)
    row: list[Cell] = [
        name,
        ", ".join(molecules.species),
        len(molecules),
        float(molecules.energy.min()),
        float(molecules.energy.max()),
        float(1e3 * molecules.energy.std()),
        float(1e3 * molecules.active_forces.square().mean().sqrt()),
        f"{float(lengths.min()):.3f} … {float(lengths.max()):.3f}",
    ]
    columns = (
        "data",
        "atoms",
        "geometries",
        "least E (Ha)",
        "largest E (Ha)",
        "std (mHa)",
        "force (mHa/A)",
        "bonds (A)",
    )
    return Table("Molecules", columns, [row], molecules.origin)


def compare(
    data: str,
    *,
    train: int,
    folds: int,
    seeds: int = 1,
    names: Sequence[str] | None = None,
    plan: PotentialPlan | None = None,
    held_out: float = 0.0,
    watch: Watch = Unwatched(),
) -> ComparisonReport:
    """Train every model on every fold.

    Args:
        data: ``lih``, ``nh3`` or ``h2o``.
        train: Training points.
        folds: Number of folds.
        seeds: Seeds of every fold.
        names: Some of the models, by title.
        plan: How models are trained that bring no plan of their own.
        held_out: Share of the training set that chooses which weights are kept.
        watch: Told of the progress.

    Raises:
        ArgumentError: If something is out of range.
    """
    one_of("data", data, ("lih", "nh3", "h2o"))
    if folds < 1 or seeds < 1:
        raise ArgumentError("folds, seeds", expected="at least 1", got=f"{folds}, {seeds}")
    contenders = chosen_contenders(data, names)
    rows: dict[str, Any] = {}
    with watch.stage(f"{data}, {train} points", len(contenders) * folds * seeds) as advance:
        for seed in range(seeds):
            surface = Molecules.shipped(data).in_frame("rotated" if data == "lih" else "augmented", seed=seed)
            for fold in range(folds):
                fitted, test = split(surface, train, fold=fold, seed=seed)
                for contender in contenders:
                    run = seed * folds + fold
                    potential, row = contest(
                        contender, fitted, test, plan=plan or PotentialPlan(), seed=run, held_out=held_out
                    )
                    rows[f"{data} {train}|{contender.title}|{run}"] = row | predicted_curve(data, potential)
                    advance()
    return ComparisonReport(data, train, {"tables": rows, "surfaces": reference_curves()})


def train_one(
    model: str,
    data: str,
    *,
    train: int,
    plan: PotentialPlan,
    seed: int = 0,
    held_out: float = 0.1,
    layers: int | None = None,
) -> tuple[Potential, dict[str, Any]]:
    """Train one potential, with augmented frames, and measure it on what was left out.

    Args:
        model: A name of `haar.systems.quantum.potential.MODELS`.
        data: A shipped surface or an ``.npz`` file.
        train: Training points.
        plan: How.
        seed: Of the shuffle, the frames, the parameters and the batches.
        held_out: Share of the training points that chooses the weights.
        layers: Of a circuit; by default its own.

    Raises:
        ArgumentError: If something is out of range.
    """
    molecules = open_molecules(data)
    frame = "rotated" if len(molecules.species) == 2 else "augmented"
    fitted, test = split(molecules.in_frame(frame, seed=seed), train, seed=seed)
    options = {} if layers is None else {"layers": layers}
    contender = Contender(model, model, options)
    return contest(contender, fitted, test, plan=plan, seed=seed, held_out=held_out)


def twirled_words(text: str, *, group: str, qubits: int | None = None, how: str = "auto") -> tuple[str, float]:
    """A generator in Pauli words, made equivariant.

    Args:
        text: For example ``"Z0 Z1 + X0"``.
        group: ``su2`` (all qubits turn alike), ``permutations`` (of the qubits), ``molecule`` (both, two qubits an
            atom, copy-major).
        qubits: Their number; by default as many as are named.
        how: See `haar.systems.quantum.twirl`.

    Returns:
        The twirled generator in Pauli words, and the share of the generator's norm that was not equivariant.

    Raises:
        ArgumentError: If the text, the group or the way does not fit.

    Example:
        >>> twirled_words("Z0 Z1", group="su2")[0]
        '0.3333333333 X0 X1 + 0.3333333333 Y0 Y1 + 0.3333333333 Z0 Z1'
    """
    words = parse_words(text)
    n = qubits_of(words) if qubits is None else qubits
    operator = words_matrix(words, n)
    rep = _rep(one_of("group", group, GROUPS), n)
    found = twirl(operator, rep, how=how)
    size = float(operator.norm())
    return spell(matrix_words(found)), float((operator - found).norm()) / size if size else 0.0


def markdown(table: Table) -> str:
    """A table as markdown."""

    def cell(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)

    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in table.rows]
    return "\n".join(lines) + "\n"


def _rep(group: str, n: int) -> OnQubits:
    if group == "su2":
        return SpinOnQubits(n)
    if group == "permutations":
        if n < 2:
            raise ArgumentError("qubits", expected="at least 2 to permute", got=n, way_out="give --qubits")
        return PermutedQubits([(q,) for q in range(n)])
    if n % 2:
        raise ArgumentError("qubits", expected="two an atom for 'molecule'", got=n, way_out="give --qubits")
    return molecule_on_qubits(n // 2)
