"""What the reproduction measures for one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from haar.actions import Defining, Invariant, Points, Symmetry
from haar.average import average
from haar.data.molecules import Molecules
from haar.groups import octahedral, product, symmetric
from haar.nn.circuits.exchange import ExchangeCircuit
from haar.systems.experiment import Json, Parts, Work, options
from haar.systems.quantum.board_contest import board_contest
from haar.systems.quantum.comparison import Contender, chosen_contenders, contest, split
from haar.systems.quantum.evaluation import apart, errors, symmetry_errors
from haar.systems.quantum.options import Board, Clouds, Frames, Options, Surface, Trainability
from haar.systems.quantum.potential import Potential
from haar.systems.quantum.solids_contest import CLASSIFIERS, solids_contest
from haar.systems.quantum.surface_curves import predicted_curve, reference_curves
from haar.systems.quantum.trainability import FAMILIES, derivative_variance
from haar.watch import Watch

_FRAME = 1_000_003


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Json:
    """Run all parts for one seed; every part is kept as soon as it is finished.

    Args:
        config: A preset of the recipe, see `Options`.
        seed: Seed of parameters, shuffles and random frames.
        folder: Where finished parts are kept.
        watch: Told of the progress.

    Returns:
        Plain JSON: ``tables``, ``frames``, ``trainability``, ``breaking``, ``board``, ``clouds``. Errors of molecules
        and games stand there one by one: they are the units that claims are judged on.
    """
    preset = options(Options, config)
    planned: dict[tuple[str, str], Work] = {}
    for surface in preset.tables:
        for contender in chosen_contenders(surface.data, surface.models):
            for fold in range(surface.folds):
                name = f"{surface.data} {surface.train}|{contender.title}|{fold}"
                planned["tables", name] = partial(_contest, surface, contender, fold, seed)
    for contender in chosen_contenders("nh3", preset.frames.models) if preset.frames.models else ():
        planned["frames", contender.title] = partial(_frames, preset.frames, contender, seed)
    planned["trainability", "all"] = partial(_trainability, preset.trainability, seed)
    planned["breaking", "all"] = partial(_breaking, seed)
    for name in ("symmetric", "free"):
        planned["board", name] = partial(_board, preset.board, name, seed)
    for clouds in preset.clouds:
        for name in clouds.models or tuple(CLASSIFIERS):
            planned["clouds", f"{clouds.points} points|{name}"] = partial(_clouds, clouds, name, seed)
    found = Parts(folder, watch).keep_all(f"quantum circuits, seed {seed}", planned)
    return {"seed": seed, "surfaces": reference_curves(), **found}


def _contest(surface: Surface, contender: Contender, fold: int, seed: int) -> Json:
    """Trained on some of the geometries in random frames, tested on others; averaged where nothing is built in."""
    frame = "rotated" if surface.data == "lih" else "augmented"
    data = Molecules.shipped(surface.data).in_frame(frame, seed=_FRAME + seed)
    folds = surface.folds if surface.folds > 1 else None
    train, rest = split(data, surface.train, fold=fold, folds=folds, seed=seed)
    test = rest[-surface.test :]
    run = seed * surface.folds + fold
    potential, row = contest(contender, train, test, plan=surface.plan.whole, seed=run)
    row["apart"] = {"train": apart(potential, train), "test": apart(potential, test)}
    if fold == 0:
        row |= predicted_curve(surface.data, potential)
    if contender.title in ("NonSym", "MLP"):
        row["averaged"] = _averaged(potential, test[: surface.averaged])
    return row


def _averaged(potential: Potential, test: Molecules) -> Json:
    """Errors on the test set of the average of a model over the octahedral rotations and all exchanges."""
    turns = octahedral()
    if test.active.shape[1] > 1:
        relabel = symmetric(test.active.shape[1])
        group: Any = product(turns, relabel)
        points = Points(rotation=Defining(turns).pull_back(group, 0), relabelling=Defining(relabel).pull_back(group, 1))
    else:
        group, points = turns, Points(rotation=Defining(turns))
    model = average(potential.eval(), Symmetry(group, points, Invariant(group)))
    return {"elements": group.order, "before": apart(potential, test), "after": apart(model, test)}


def _frames(frames: Frames, contender: Contender, seed: int) -> Json:
    """Trained in one frame, tested there and on the same molecules turned and relabelled."""
    train, rest = split(Molecules.shipped("nh3"), frames.train, seed=seed)
    test = rest[-frames.test :]
    potential, row = contest(contender, train, test, plan=frames.plan.whole, seed=seed)
    moved = test.in_frame("augmented", seed=_FRAME + seed)
    return {
        "canonical": row["test"],
        "moved": errors(potential, moved).to_dict(),
        "apart": {"canonical": apart(potential, test), "moved": apart(potential, moved)},
        "parameters": row["parameters"],
    }


def _trainability(sizes: Trainability, seed: int) -> Json:
    """The variance of a derivative, by the number of qubits, in batches that are independent."""
    seeds = range(seed * sizes.batches, (seed + 1) * sizes.batches)
    variances = {
        family: [
            [derivative_variance(family, n, samples=sizes.samples, seed=one) for one in seeds] for n in sizes.qubits
        ]
        for family in FAMILIES
    }
    return {"qubits": list(sizes.qubits), **variances}


def _board(board: Board, name: str, seed: int) -> Json:
    """The board circuit with or without its symmetry, on few games."""
    own = {what: value for what, value in asdict(board).items() if what != "repeats"}
    first = seed * board.repeats
    runs = [board_contest(free=name == "free", seed=first + k, **own) for k in range(board.repeats)]
    return {what: [run[what] for run in runs] for what in ("train", "test", "parameters", "right")}


def _clouds(clouds: Clouds, name: str, seed: int) -> Json:
    """One classifier on clouds of few points."""
    own = {what: value for what, value in asdict(clouds).items() if what != "models"}
    return solids_contest(name, seed=seed, **own)


def _breaking(seed: int) -> Json:
    """How the rotation error of a circuit grows with the strength of the gates that break its symmetry."""
    scales = [0.0, 1e-3, 1e-2, 1e-1]
    x = Molecules.shipped("nh3").active[:40]
    circuit = ExchangeCircuit(3, layers=4, seed=seed)
    rotation = [symmetry_errors(circuit.relaxed(s, seed=seed), x, seed=seed)["rotation"] for s in scales]
    return {"scales": scales, "rotation": rotation}
