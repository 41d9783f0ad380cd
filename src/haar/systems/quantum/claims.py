"""The claims that the reproduction judges: orderings and ratios, over all folds of all seeds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from haar.systems.effect import Bound, Effect

Measures = Sequence[Mapping[str, Any]]
Number = float | None

_SOURCE = "section 7b of the protocol"
NAMES = {"lih": "LiH", "nh3": "NH3", "h2o": "H2O"}
_SYMMETRIC = ("RotOnly", "RotPerm", "RotOnly = RotPerm", "Graph")


def judged(measures: Measures) -> list[Effect]:
    """Every claim that was measured."""
    found: list[Effect] = []
    for table in tables(measures):
        found += _ordering(measures, table)
        found += _generalisation(measures, table)
    return [
        *found,
        *_averaging(measures),
        *_frames(measures),
        *_exactness(measures),
        *_trainability(measures),
        *_board(measures),
    ]


def tables(measures: Measures) -> list[str]:
    """The tables measured, such as ``nh3 100``."""
    return list(dict.fromkeys(name.split("|")[0] for name in measures[0]["tables"]))


def title(table: str) -> str:
    """For example ``NH3, 100 training points``."""
    name, count = table.split()
    return f"{NAMES.get(name, name)}, {count} training points"


def models(measures: Measures, table: str) -> list[str]:
    """The models of a table."""
    return list(dict.fromkeys(n.split("|")[1] for n in measures[0]["tables"] if n.split("|")[0] == table))


def cells(measures: Measures, table: str, model: str) -> list[Mapping[str, Any]]:
    """What was measured in all folds of all seeds."""
    return [
        row for one in measures for name, row in one["tables"].items() if name.rsplit("|", 1)[0] == f"{table}|{model}"
    ]


def _test(measures: Measures, table: str, model: str) -> list[Number]:
    return [row["test"]["rmse"] for row in cells(measures, table, model)]


def _ratio(top: Sequence[Number], bottom: Sequence[Number]) -> list[Number]:
    pairs = zip(top, bottom, strict=True)
    return [None if a is None or b is None or b == 0 else a / b for a, b in pairs]


def _ordering(measures: Measures, table: str) -> list[Effect]:
    stretch = table.startswith("lih")
    order = ["Classical", "Graph", "RotOnly = RotPerm", "NonSym"]
    if not stretch:
        order = ["Classical", "Graph", "RotPerm", "RotOnly", "NonSym"]
    have = [model for model in order if model in models(measures, table)]
    found = []
    for better, worse in itertools.pairwise(have):
        much = stretch and worse == "NonSym"
        claim = f"{title(table)}: test energy error of {better} over that of {worse}"
        claim += " (much smaller)" if much else ""
        if better == "Classical":
            claim += "; the classical baseline wins"
        values = _ratio(_test(measures, table, better), _test(measures, table, worse))
        bound = Bound(high=0.2 if much else 1.0)
        name = f"{table}: {better} < {worse}"
        found.append(Effect.measured(name, values, bound, claim=claim, source=_SOURCE, in_every_seed=False))
    return found


def _generalisation(measures: Measures, table: str) -> list[Effect]:
    have = [model for model in _SYMMETRIC if model in models(measures, table)]
    small = table in ("lih 16", "nh3 100")
    if not have or "NonSym" not in models(measures, table) or not small:
        return []
    ratios = {model: [row["ratio"] for row in cells(measures, table, model)] for model in [*have, "NonSym"]}
    worst = [max(values) for values in zip(*(ratios[model] for model in have), strict=True)]
    return [
        Effect.measured(
            f"{table}: symmetric circuits generalise",
            worst,
            Bound(high=2.5),
            claim=f"{title(table)}: test over train error of the worst symmetric circuit (about 1 to 2)",
            source=_SOURCE,
            in_every_seed=False,
        ),
        Effect.measured(
            f"{table}: the circuit without symmetry does not",
            ratios["NonSym"],
            Bound(low=5.0),
            claim=f"{title(table)}: test over train error of NonSym (more than 5)",
            source=_SOURCE,
            in_every_seed=False,
        ),
    ]


def _averaging(measures: Measures) -> list[Effect]:
    rows = [row["averaged"] for one in measures for row in one["tables"].values() if row.get("averaged") is not None]
    if not rows:
        return []
    return [
        Effect.measured(
            "averaging never hurts",
            _ratio([row["after"] for row in rows], [row["orbit"] for row in rows]),
            Bound(high=1.0),
            claim="error of the average of a model without symmetry over its error on the orbit of the test set",
            source="theorem; section 2 of the protocol",
        )
    ]


def _frames(measures: Measures) -> list[Effect]:
    found = []
    for one in [measures[0]]:
        for title in one["frames"]:
            values = [m["frames"][title]["moved"]["rmse"] / m["frames"][title]["canonical"]["rmse"] for m in measures]
            if title in ("NonSym", "MLP"):
                claim = (
                    f"{title} trained in one frame: error on turned and relabelled molecules over error in the frame"
                )
                bound = Bound(low=2.5)
            elif title == "RotOnly":
                continue  # turned is the same for it, relabelled is not
            else:
                claim = f"{title} trained in one frame: relative change of its error on turned and relabelled molecules"
                values, bound = [abs(value - 1.0) for value in values], Bound(high=1e-8)
            found.append(Effect.measured(f"{title} in another frame", values, bound, claim=claim, source=_SOURCE))
    return found


_CLAIMED = {
    "RotOnly": ("rotation",),
    "RotPerm": ("rotation", "permutation"),
    "RotOnly = RotPerm": ("rotation", "permutation", "parity"),
    "Graph": ("rotation", "permutation", "parity"),
    "Classical": ("rotation", "permutation", "parity"),
}


def _exactness(measures: Measures) -> list[Effect]:
    worst = []
    for one in measures:
        errors = [
            row["symmetry"][what] / row["test"]["rmse"]
            for name, row in one["tables"].items()
            for what in _CLAIMED.get(name.split("|")[1], ())
        ]
        worst.append(max(errors))
    linear = []
    for one in measures:
        rotation = one["breaking"]["all"]["rotation"]
        linear.append(rotation[2] / rotation[1])
    return [
        Effect.measured(
            "claimed symmetries are exact",
            worst,
            Bound(high=1e-10),
            claim="largest change of energy under a claimed symmetry, over the test error, of all trained models",
            source="section 9 of the protocol",
        ),
        Effect.measured(
            "symmetry breaks linearly",
            linear,
            Bound(low=9.0, high=11.0),
            claim="rotation error at eps = 0.01 over that at eps = 0.001",
            source="section 9 of the protocol; arXiv 2311.11362",
        ),
    ]


def _board(measures: Measures) -> list[Effect]:
    pairs = [zip(one["board"]["symmetric"]["test"], one["board"]["free"]["test"], strict=True) for one in measures]
    return [
        Effect.measured(
            "symmetry helps on the board",
            [a - b for pair in pairs for a, b in pair],
            Bound(low=0.0),
            claim="noughts and crosses from few games: accuracy of the symmetric circuit minus that of the free one",
            source="section 7b of the protocol; arXiv 2205.06217",
            in_every_seed=False,
        )
    ]


def _trainability(measures: Measures) -> list[Effect]:
    found = []
    for family, bound, words in (
        ("symmetric", Bound(low=0.2), "stays"),
        ("free", Bound(high=0.15), "falls exponentially"),
    ):
        values = []
        for one in measures:
            got = one["trainability"]["all"]
            values.append(got[family][got["qubits"].index(8)] / got[family][0])
        claim = f"variance of a derivative at 8 qubits over that at 2, {family} circuit: it {words}"
        source = "section 7b of the protocol; arXiv 2210.09974"
        found.append(Effect.measured(f"gradients, {family}", values, bound, claim=claim, source=source))
    return found
