"""Every model on the same folds: table 7b of the protocol, for one surface."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from haar.data.molecules.molecules import Molecules, open_molecules
from haar.errors import ArgumentError
from haar.systems.quantum.evaluation import errors, symmetry_errors
from haar.systems.quantum.potential import Potential
from haar.systems.quantum.training import PotentialPlan, fit


@dataclass(frozen=True)
class Contender:
    """A model in a comparison.

    Args:
        title: What tables call it.
        model: A name of `haar.systems.quantum.potential.MODELS`.
        options: Options of its constructor, by name.
        plan: How it is trained, if not like the others: a baseline may need more steps or another rate.
    """

    title: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)


#: More, cheaper steps for the classical baseline: it is given what it needs, and its wall time is reported.
_CLASSICAL = {"steps": 1500, "force_steps": 375, "learning_rate": 0.01}

LIH = (
    Contender("NonSym", "generic", {"layers": 6}),
    Contender("MLP", "coordinates", {}, _CLASSICAL),
    Contender("RotOnly = RotPerm", "exchange", {"layers": 6}),
    Contender("Graph", "graph", {"layers": 6}),
    Contender("Classical", "distances", {}, _CLASSICAL),
)
NH3 = (
    Contender("NonSym", "generic", {"layers": 4}),
    Contender("MLP", "coordinates", {}, _CLASSICAL),
    Contender("RotOnly", "rotation", {"layers": 4}),
    Contender("RotPerm", "exchange", {"layers": 4}),
    Contender("Graph", "graph", {"layers": 6}),
    Contender("Classical", "distances", {}, _CLASSICAL),
)
#: Not in a comparison unless asked for by title: what parity, a map of the radius and depth do for RotPerm.
VARIANTS = (
    Contender("RotPerm, parity", "exchange", {"layers": 4, "parity": "average"}),
    Contender("RotPerm, radial", "exchange", {"layers": 4, "radial": (1.5, 0.5, 1.0116, 0.08)}),
    Contender("RotPerm, deep", "exchange", {"layers": 8}, {"steps": 500, "learning_rate": 0.02}),
)
H2O = (*NH3[:-1], Contender("Le et al.", "water", {"layers": 6, "readout": "affine"}), NH3[-1])
CONTENDERS = {"lih": LIH, "nh3": NH3, "h2o": H2O}
"""Who competes on each surface. For one atom around the centre RotOnly and RotPerm are one circuit."""


def split(data: Molecules, train: int, *, fold: int = 0, seed: int = 0) -> tuple[Molecules, Molecules]:
    """Training and test set of a fold.

    A stretch (one distance) is trained on equispaced indices that include both ends, moved inside by the fold, and
    tested on all others. Other surfaces are shuffled by the seed; fold k starts its training set k times `train` later.

    Args:
        data: Geometries to be divided.
        train: Size of the training set.
        fold: Number of the fold that is tested on.
        seed: Seed of the shuffle.

    Raises:
        ArgumentError: If the training set leaves nothing to test on.

    Example:
        >>> one, other = split(Molecules.shipped("lih"), 16)
        >>> len(one), len(other)
        (16, 144)
    """
    if not 2 <= train < len(data):
        raise ArgumentError("train", expected=f"2 to {len(data) - 1} of {len(data)} geometries", got=train)
    if len(data.species) == 2:
        chosen = torch.linspace(0, len(data) - 1, train, dtype=torch.float64).round().long()
        chosen[1:-1] = (chosen[1:-1] + fold).clamp(max=len(data) - 2)
        chosen = chosen.unique()
    else:
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
        chosen = order.roll(-fold * train)[:train]
    rest = torch.ones(len(data), dtype=torch.bool)
    rest[chosen] = False
    return data[chosen], data[rest.nonzero()[:, 0]]


def contest(
    contender: Contender,
    train: Molecules,
    test: Molecules,
    *,
    plan: PotentialPlan,
    seed: int = 0,
    held_out: float = 0.0,
) -> tuple[Potential, dict[str, Any]]:
    """Train one model and measure it.

    Args:
        contender: The model, and how it is trained.
        train: Number of training points.
        test: Test set; nothing is chosen by it.
        plan: How models are trained that bring no plan of their own.
        seed: Seed of parameters and batches.
        held_out: Share of the training set that only chooses which weights are kept.

    Returns:
        The trained potential, and what was measured as plain JSON.

    Raises:
        ArgumentError: If the held-out share is not in [0, 1).
    """
    if not 0 <= held_out < 1:
        raise ArgumentError("held_out", expected="a share in [0, 1)", got=held_out)
    potential = Potential(contender.model, train.species, **contender.options, seed=seed)
    own = replace(plan, **contender.plan)
    validation, kept = None, train
    if held_out:
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
        cut = max(1, round(held_out * len(train)))
        validation, kept = train[order[:cut]], train[order[cut:]]
    begun = time.perf_counter()
    fit(potential, kept, plan=own, validation=validation, seed=seed)
    seconds = time.perf_counter() - begun
    potential.eval()
    before, after = errors(potential, kept), errors(potential, test)
    return potential, {
        "title": contender.title,
        "parameters": sum(p.numel() for p in potential.parameters()),
        "train": before.to_dict(),
        "test": after.to_dict(),
        "ratio": after.rmse / before.rmse,
        "symmetry": {k: 1e3 * v for k, v in symmetry_errors(potential, test.active[:64], seed=seed).items()},
        "seconds": seconds,
    }


def chosen_contenders(data: str, names: Sequence[str] | None = None) -> list[Contender]:
    """Those that compete on a surface, or some of them by title.

    Raises:
        ArgumentError: If a title is unknown.

    Example:
        >>> [c.title for c in chosen_contenders("lih", ["Graph"])]
        ['Graph']
    """
    usual = [c.title for c in CONTENDERS[data]]
    known = {c.title: c for c in (*CONTENDERS[data], *(VARIANTS if data == "nh3" else ()))}
    for name in names or ():
        if name not in known:
            raise ArgumentError("models", expected=f"some of {', '.join(known)}", got=repr(name))
    return [known[name] for name in (names or usual)]


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
        train: Number of training points.
        plan: Steps, learning rate and weight of the forces.
        seed: Seed of the shuffle, the frames, the parameters and the batches.
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
