"""Every model on the same folds of one surface, all trained alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

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
        plan: How it is trained, if not like the others.
    """

    title: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)


#: The trivial baseline: the mean energy of the training set.
MEAN = Contender("Mean", "mean")
#: The classical baseline as the reference runs have it. Beside it stands one with as many steps as the circuits have.
LONG = Contender("Classical, long", "distances", {}, {"steps": 1500, "force_steps": 375, "learning_rate": 0.01})

LIH = (
    MEAN,
    Contender("NonSym", "generic", {"layers": 6}),
    Contender("MLP", "coordinates"),
    Contender("RotOnly = RotPerm", "exchange", {"layers": 6}),
    Contender("Graph", "graph", {"layers": 6}),
    Contender("Classical", "distances"),
    LONG,
)
NH3 = (
    MEAN,
    Contender("NonSym", "generic", {"layers": 4}),
    Contender("MLP", "coordinates"),
    Contender("RotOnly", "rotation", {"layers": 4}),
    Contender("RotPerm", "exchange", {"layers": 4}),
    Contender("Graph", "graph", {"layers": 6}),
    Contender("Classical", "distances"),
    LONG,
)
#: Not in a comparison unless asked for by title: what parity, a map of the radius and depth do for RotPerm.
VARIANTS = (
    Contender("RotPerm, parity", "exchange", {"layers": 4, "parity": "average"}),
    Contender("RotPerm, radial", "exchange", {"layers": 4, "radial": (1.5, 0.5, 1.0116, 0.08)}),
    Contender("RotPerm, deep", "exchange", {"layers": 8}, {"steps": 500, "learning_rate": 0.02}),
)
H2O = (*NH3[:-2], Contender("Le et al.", "water", {"layers": 6, "readout": "affine"}), *NH3[-2:])
CONTENDERS = {"lih": LIH, "nh3": NH3, "h2o": H2O}
"""Who competes on each surface. For one atom around the centre RotOnly and RotPerm are one circuit."""


def split(
    data: Molecules, train: int, *, fold: int = 0, folds: int | None = None, seed: int = 0
) -> tuple[Molecules, Molecules]:
    """Training and test set of a fold.

    With several folds every geometry is tested in one of them at most. A stretch (one distance) is trained on
    equispaced indices that include both ends, moved inside from fold to fold; of the others a fold has every
    `folds`-th. Other surfaces are shuffled by the seed and cut into as many blocks as there are folds: fold k is tested
    on block k and trained on the first `train` geometries of the blocks behind it, in turn, so that training sets have
    as little in common as there is room for.

    Args:
        data: Geometries to be divided.
        train: Size of the training set.
        fold: Number of the fold that is tested on.
        folds: How many there are; None for folds that are each tested on all that they are not trained on.
        seed: Seed of the shuffle.

    Raises:
        ArgumentError: If the training set leaves nothing to test on, or there is no such fold.

    Example:
        >>> one, other = split(Molecules.shipped("lih"), 16)
        >>> len(one), len(other)
        (16, 144)
        >>> len(split(Molecules.shipped("nh3"), 100, fold=4, folds=5)[1])
        72
    """
    if folds is not None and not 0 <= fold < folds:
        raise ArgumentError("fold", expected=f"0 to {folds - 1} of {folds}", got=fold)
    blocks = folds or 1
    most = len(data) - (len(data) + blocks - 1) // blocks if blocks > 1 else len(data) - 1
    if not 2 <= train <= most:
        raise ArgumentError("train", expected=f"2 to {most} of {len(data)} geometries", got=train)
    chosen, tested = (_stretch if len(data.species) == 2 else _shuffled)(len(data), train, fold, blocks, seed)
    return data[chosen], data[tested]


def _stretch(size: int, train: int, fold: int, blocks: int, seed: int) -> tuple[Tensor, Tensor]:
    """Of equispaced lengths: the folds share out the way from one training point to the next."""
    del seed
    way = (size - 1) / (train - 1)
    moved = fold if blocks == 1 else fold * max(1.0, way / blocks)
    chosen = torch.linspace(0, size - 1, train, dtype=torch.float64)
    chosen[1:-1] = (chosen[1:-1] + moved).clamp(max=size - 2)
    chosen = chosen.round().long().unique()
    rest = torch.ones(size, dtype=torch.bool)
    rest[chosen] = False
    rest &= torch.arange(size) % blocks == fold % blocks
    return chosen, rest.nonzero()[:, 0]


def _shuffled(size: int, train: int, fold: int, blocks: int, seed: int) -> tuple[Tensor, Tensor]:
    """Of a shuffle; with one block the training set comes first, `train` later with every fold."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    if blocks == 1:
        order = order.roll(-fold * train)
        return order[:train], order[train:]
    parts = order.tensor_split(blocks)
    behind = torch.cat([parts[(fold + k) % blocks] for k in range(1, blocks)])
    return behind[:train], parts[fold]


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
    if contender.model == "mean":  # in closed form
        potential.fit_scale(kept.energy, kept.active)
    else:
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
