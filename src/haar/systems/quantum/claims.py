"""What must come out: orderings and ratios, over all folds of all seeds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from haar.systems.claim import Claim, Number, over

Measures = Mapping[str, Any]
Row = Mapping[str, Any]

NAMES = {"lih": "LiH", "nh3": "NH3", "h2o": "H2O"}
TABLES = ("lih 16", "lih 48", "nh3 100", "h2o 100")
"""Surfaces and training points of the presets."""
STRETCH = ("Classical", "Graph", "RotOnly = RotPerm", "NonSym")
"""Models of LiH, the best first: for one atom around the centre RotOnly and RotPerm are one circuit."""
BENDING = ("Classical", "Graph", "RotPerm", "RotOnly", "NonSym")
SYMMETRIC = ("RotOnly", "RotPerm", "RotOnly = RotPerm", "Graph")
EXACT = {
    "RotOnly": ("rotation",),
    "RotPerm": ("rotation", "permutation"),
    "RotOnly = RotPerm": ("rotation", "permutation", "parity"),
    "Graph": ("rotation", "permutation", "parity"),
    "Classical": ("rotation", "permutation", "parity"),
}
"""What every model claims to respect."""

_SECTION = "section 7b of the protocol"
_EXACTNESS = "section 9 of the protocol"


def title(table: str) -> str:
    """For example ``NH3, 100 training points``."""
    name, count = table.split()
    return f"{NAMES.get(name, name)}, {count} training points"


def tables(measures: Sequence[Measures]) -> list[str]:
    """The tables measured, such as ``nh3 100``."""
    return list(dict.fromkeys(name.split("|")[0] for name in measures[0].get("tables", {})))


def models(measures: Sequence[Measures], table: str) -> list[str]:
    """The models of a table."""
    names = measures[0].get("tables", {})
    return list(dict.fromkeys(n.split("|")[1] for n in names if n.split("|")[0] == table))


def cells(measures: Sequence[Measures], table: str, model: str) -> list[Row]:
    """What was measured in all folds of all seeds."""
    key = f"{table}|{model}"
    return [row for one in measures for name, row in one["tables"].items() if name.rsplit("|", 1)[0] == key]


def has(m: Measures, table: str, *wanted: str) -> bool:
    """Whether models were trained on a table."""
    return set(wanted) <= set(models([m], table))


def error_ratio(m: Measures, table: str, better: str, worse: str) -> list[Number]:
    """Test error of one model over that of another, in every fold."""
    folds = zip(cells([m], table, better), cells([m], table, worse), strict=True)
    return over(folds, lambda fold: fold[0]["test"]["rmse"] / fold[1]["test"]["rmse"])


def symmetric(m: Measures, table: str) -> list[tuple[Row, ...]]:
    """The symmetric circuits of a table, fold by fold."""
    return list(zip(*(cells([m], table, one) for one in SYMMETRIC if has(m, table, one)), strict=True))


def averaged(m: Measures) -> list[Row]:
    """What was averaged after training."""
    return [row["averaged"] for row in m.get("tables", {}).values() if "averaged" in row]


def asymmetry(m: Measures) -> list[Number]:
    """Change of energy under a claimed symmetry, over the test error, of every trained model."""
    rows = [(row, what) for name, row in m["tables"].items() for what in EXACT.get(name.split("|")[1], ())]
    return over(rows, lambda one: one[0]["symmetry"][one[1]] / one[0]["test"]["rmse"])


def moved(frames: Mapping[str, Row], model: str) -> float:
    """Error on turned and relabelled molecules over the error in the frame of the training set."""
    return float(frames[model]["moved"]["rmse"] / frames[model]["canonical"]["rmse"])


def flattening(measured: Mapping[str, Any], family: str) -> float:
    """Variance of a derivative at 8 qubits over that at the fewest."""
    values = measured[family]
    return float(values[measured["qubits"].index(8)] / values[0])


def _ordering(table: str, better: str, worse: str) -> Claim:
    much = table.startswith("lih") and worse == "NonSym"
    words = f"{title(table)}: test energy error of {better} over that of {worse}"
    words += " (much smaller)" if much else ""
    words += "; the classical baseline wins" if better == "Classical" else ""
    return Claim(
        f"{table}: {better} < {worse}",
        words,
        _SECTION,
        lambda m: error_ratio(m, table, better, worse),
        at_most=0.2 if much else 1.0,
        when=lambda m: has(m, table, better, worse),
    )


def _generalises(table: str) -> Claim:
    return Claim(
        f"{table}: symmetric circuits generalise",
        f"{title(table)}: test over train error of the worst symmetric circuit (about 1 to 2)",
        _SECTION,
        lambda m: over(symmetric(m, table), lambda fold: max(float(row["ratio"]) for row in fold)),
        at_most=2.5,
        when=lambda m: has(m, table, "NonSym") and bool(symmetric(m, table)),
    )


def _does_not(table: str) -> Claim:
    return Claim(
        f"{table}: the circuit without symmetry does not",
        f"{title(table)}: test over train error of NonSym (more than 5)",
        _SECTION,
        lambda m: over(cells([m], table, "NonSym"), lambda row: float(row["ratio"])),
        at_least=5.0,
        when=lambda m: has(m, table, "NonSym") and bool(symmetric(m, table)),
    )


def _beats_the_mean(table: str) -> Claim:
    return Claim(
        f"{table}: better than the mean",
        f"{title(table)}: share of the variance of the test energies that the worst symmetric circuit explains",
        "trivial baseline: the mean energy",
        lambda m: over(symmetric(m, table), lambda fold: min(float(row["test"]["r2"]) for row in fold)),
        at_least=0.0,
        when=lambda m: bool(symmetric(m, table)),
    )


def _suffers(model: str) -> Claim:
    return Claim(
        f"{model} in another frame",
        f"{model} trained in one frame: error on turned and relabelled molecules over error in the frame",
        _SECTION,
        lambda frames: moved(frames, model),
        at_least=2.5,
        every=True,
        part="frames",
        when=lambda frames: model in frames,
    )


def _does_not_care(model: str) -> Claim:
    return Claim(
        f"{model} in another frame",
        f"{model} trained in one frame: relative change of its error on turned and relabelled molecules",
        _SECTION,
        lambda frames: abs(moved(frames, model) - 1.0),
        at_most=1e-8,
        every=True,
        part="frames",
        when=lambda frames: model in frames,
    )


def _gradients(family: str, words: str, *, at_least: float | None = None, at_most: float | None = None) -> Claim:
    return Claim(
        f"gradients, {family}",
        f"variance of a derivative at 8 qubits over that at 2, {family} circuit: it {words}",
        f"{_SECTION}; arXiv 2210.09974",
        lambda measured: flattening(measured, family),
        at_least=at_least,
        at_most=at_most,
        every=True,
        part=("trainability", "all"),
    )


CLAIMS = (
    *map(_beats_the_mean, TABLES),
    *(
        _ordering(table, better, worse)
        for table in TABLES
        for better, worse in itertools.pairwise(STRETCH if table.startswith("lih") else BENDING)
    ),
    *(claim(table) for table in ("lih 16", "nh3 100") for claim in (_generalises, _does_not)),
    Claim(
        "averaging never hurts",
        "error of the average of a model without symmetry over its error on the orbit of the test set",
        "theorem; section 2 of the protocol",
        lambda m: over(averaged(m), lambda row: row["after"] / row["orbit"]),
        at_most=1.0,
        every=True,
        when=lambda m: bool(averaged(m)),
    ),
    *map(_suffers, ("NonSym", "MLP")),
    *map(_does_not_care, ("RotPerm", "Graph")),  # not RotOnly: turned is the same for it, relabelled is not
    Claim(
        "claimed symmetries are exact",
        "change of energy under a claimed symmetry, over the test error, of all trained models",
        _EXACTNESS,
        asymmetry,
        at_most=1e-10,
        every=True,
        when=lambda m: any(name.split("|")[1] in EXACT for name in m.get("tables", {})),
    ),
    Claim(
        "symmetry breaks linearly",
        "rotation error at eps = 0.01 over that at eps = 0.001",
        f"{_EXACTNESS}; arXiv 2311.11362",
        lambda breaking: breaking["rotation"][2] / breaking["rotation"][1],
        at_least=9.0,
        at_most=11.0,
        every=True,
        part=("breaking", "all"),
    ),
    _gradients("symmetric", "stays", at_least=0.2),
    _gradients("free", "falls exponentially", at_most=0.15),
    Claim(
        "symmetry helps on the board",
        "noughts and crosses from few games: accuracy of the symmetric circuit minus that of the free one",
        f"{_SECTION}; arXiv 2205.06217",
        lambda board: over(zip(board["symmetric"]["test"], board["free"]["test"], strict=True), lambda p: p[0] - p[1]),
        at_least=0.0,
        part="board",
    ),
)
