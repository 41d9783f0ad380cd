"""What the reproduction measures for one seed; every part is kept as soon as it is finished."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.actions import Defining, Invariant, Points, Symmetry
from haar.average import average
from haar.groups import octahedral, product, symmetric
from haar.report import plain, write_json
from haar.systems.quantum.board_contest import board_contest
from haar.systems.quantum.comparison import CONTENDERS, Contender, chosen_contenders, contest, split
from haar.systems.quantum.evaluation import errors, symmetry_errors
from haar.systems.quantum.exchange import ExchangeCircuit
from haar.systems.quantum.molecules import Molecules
from haar.systems.quantum.potential import Potential
from haar.systems.quantum.trainability import FAMILIES, derivative_variance
from haar.systems.quantum.training import PotentialPlan
from haar.watch import Watch

Config = Mapping[str, Any]
Json = dict[str, Any]

_FRAME = 1_000_003


def measure(config: Config, seed: int, folder: Path, watch: Watch) -> Json:
    """Run all parts for one seed.

    Args:
        config: A preset of the recipe.
        seed: Of parameters, shuffles and random frames.
        folder: Where finished parts are kept.
        watch: Told of the progress.

    Returns:
        Plain JSON: ``tables``, ``frames``, ``trainability``, ``breaking``, ``board``.
    """
    parts: list[tuple[str, str, Callable[[], Json]]] = []
    for cell in config["tables"]:
        for contender in chosen_contenders(cell["data"], cell.get("models")):
            for fold in range(cell["folds"]):
                name = f"{cell['data']} {cell['train']}|{contender.title}|{fold}"
                parts.append(("tables", name, _contest(cell, contender, fold, seed)))
    parts += [("frames", c.title, _frames(config["frames"], c, seed)) for c in _framed(config["frames"])]
    parts.append(("trainability", "all", _trainability(config["trainability"], seed)))
    parts.append(("breaking", "all", _breaking(seed)))
    parts += [("board", name, _board(config["board"], name, seed)) for name in ("symmetric", "free")]
    found: Json = {"seed": seed, "surfaces": reference_curves()}
    with watch.stage(f"quantum circuits, seed {seed}", len(parts)) as advance:
        for group, name, work in parts:
            found.setdefault(group, {})[name] = _kept(folder, f"{group} {name}", work)
            advance()
    return found


def reference_curves() -> Json:
    """The surfaces that figures draw: the stretch of LiH, the inversion of NH3."""
    stretch, inversion = Molecules.shipped("lih"), Molecules.shipped("nh3-inversion")
    return {
        "lih": {"at": stretch.active.norm(dim=-1)[:, 0].tolist(), "energy": stretch.energy.tolist()},
        "nh3": {"at": torch.linspace(60, 120, len(inversion)).tolist(), "energy": inversion.energy.tolist()},
    }


def predicted_curve(name: str, potential: Potential) -> Json:
    """What a potential says along the reference curve of its molecule, if there is one."""
    along = {"lih": "lih", "nh3": "nh3-inversion"}
    if name not in along:
        return {}
    with torch.no_grad():
        return {"curve": potential(Molecules.shipped(along[name]).active).tolist()}


def _kept(folder: Path, name: str, work: Callable[[], Json]) -> Json:
    path = folder / "parts" / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".json")
    if path.is_file():
        kept: Json = json.loads(path.read_text(encoding="utf-8"))
        return kept
    made: Json = plain(work())
    write_json(path, made)
    return made


def _contest(cell: Config, contender: Contender, fold: int, seed: int) -> Callable[[], Json]:
    def work() -> Json:
        frame = "rotated" if cell["data"] == "lih" else "augmented"
        data = Molecules.shipped(cell["data"]).in_frame(frame, seed=_FRAME + seed)
        train, rest = split(data, cell["train"], fold=fold, seed=seed)
        test = rest[: cell["test"]]
        run = seed * cell["folds"] + fold
        plan = {**cell["plan"], **cell.get("own", {}).get(contender.title, {})}
        own = Contender(contender.title, contender.model, contender.options, {**contender.plan, **plan.pop("own", {})})
        potential, row = contest(own, train, test, plan=PotentialPlan(**plan), seed=run)
        if fold == 0:
            row |= predicted_curve(cell["data"], potential)
        if contender.title in ("NonSym", "MLP"):
            row["averaged"] = _averaged(potential, test)
        return row

    return work


def _averaged(potential: Potential, test: Molecules) -> Json:
    """Mean squared errors of a model and of its average over the octahedral rotations and all exchanges."""
    turns = octahedral()
    if test.active.shape[1] > 1:
        relabel = symmetric(test.active.shape[1])
        group: Any = product(turns, relabel)
        points = Points(rotation=Defining(turns).pull_back(group, 0), relabelling=Defining(relabel).pull_back(group, 1))
    else:
        group, points = turns, Points(rotation=Defining(turns))
    model = average(potential.eval(), Symmetry(group, points, Invariant(group)))
    with torch.no_grad():
        after = errors_of(model(test.active), test.energy)
        # The theorem speaks of data that the group leaves as they are: the whole orbit of the test set.
        before = torch.stack([potential(points.act(g, test.active)) - test.energy for g in group.elements()])
    return {
        "elements": group.order,
        "before": errors_of(potential(test.active).detach(), test.energy),
        "orbit": float(1e3 * before.square().mean().sqrt()),
        "after": after,
    }


def errors_of(found: Tensor, wanted: Tensor) -> float:
    """Root mean squared error in mHa.

    Example:
        >>> errors_of(torch.tensor([0.001]), torch.tensor([0.0]))
        1.0
    """
    return float(1e3 * (found - wanted).square().mean().sqrt())


def _framed(config: Config) -> list[Contender]:
    known = {c.title: c for c in CONTENDERS["nh3"]}
    return [known[title] for title in config["models"]]


def _frames(config: Config, contender: Contender, seed: int) -> Callable[[], Json]:
    """Trained in one frame, tested there and on the same molecules turned and relabelled."""

    def work() -> Json:
        train, rest = split(Molecules.shipped("nh3"), config["train"], seed=seed)
        test = rest[: config["test"]]
        potential, row = contest(contender, train, test, plan=PotentialPlan(**config["plan"]), seed=seed)
        moved = errors(potential, test.in_frame("augmented", seed=_FRAME + seed))
        return {"canonical": row["test"], "moved": moved.to_dict(), "parameters": row["parameters"]}

    return work


def _trainability(config: Config, seed: int) -> Callable[[], Json]:
    def work() -> Json:
        return {
            "qubits": config["qubits"],
            **{
                family: [derivative_variance(family, n, samples=config["samples"], seed=seed) for n in config["qubits"]]
                for family in FAMILIES
            },
        }

    return work


def _board(config: Config, name: str, seed: int) -> Callable[[], Json]:
    """The board circuit with or without its symmetry, on few games."""

    def work() -> Json:
        own = {k: v for k, v in config.items() if k != "repeats"}
        first = seed * config["repeats"]
        runs = [board_contest(free=name == "free", seed=first + k, **own) for k in range(config["repeats"])]
        return {what: [run[what] for run in runs] for what in ("train", "test", "parameters")}

    return work


def _breaking(seed: int) -> Callable[[], Json]:
    """How the rotation error of a circuit grows with the strength of the gates that break its symmetry."""

    def work() -> Json:
        scales = [0.0, 1e-3, 1e-2, 1e-1]
        x = Molecules.shipped("nh3").active[:40]
        circuit = ExchangeCircuit(3, layers=4, seed=seed)
        rotation = [symmetry_errors(circuit.relaxed(s, seed=seed), x, seed=seed)["rotation"] for s in scales]
        return {"scales": scales, "rotation": rotation}

    return work
