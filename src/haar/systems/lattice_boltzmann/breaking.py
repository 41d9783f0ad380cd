"""A collision with less symmetry than its lattice: what a network of the whole group cannot learn, and who notices."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry
from haar.relax import Duals, Strict, homotopise, score_test
from haar.relax import fit as relaxed_fit
from haar.systems.lattice_boltzmann.collision import Collision
from haar.systems.lattice_boltzmann.fitting import Lesson, fit, validated
from haar.systems.lattice_boltzmann.learned import SCALE, averaged, lenn
from haar.systems.lattice_boltzmann.options import Breaking
from haar.systems.lattice_boltzmann.pairs import Pairs, draw_pairs
from haar.systems.lattice_boltzmann.relaxation import BGK
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.watch import Watch

#: Relaxation times of the populations that move along x, of those along y, and of all others.
TIMES = (0.6, 0.9, 0.75)
#: More noise than in the other experiments, for it is the relaxation of noise that is not symmetric.
NOISE = 2e-3


def anisotropic(stencil: Stencil) -> Collision:
    """Relaxation with a time for velocities along x, and one for those along y, made to conserve what must be.

    Args:
        stencil: D2Q9.
    """
    c = stencil.velocities
    along = [(c[:, axis] != 0) & (c[:, 1 - axis] == 0) for axis in (0, 1)]
    rates = torch.where(along[0], 1 / TIMES[0], torch.where(along[1], 1 / TIMES[1], 1 / TIMES[2])).double()
    towards = BGK(stencil, 1.0)

    def collide(f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        change: Tensor = (rates * (towards(f) - f)) @ stencil.non_conserved
        return f + change

    return collide


def breaking(options: Breaking, seed: int, watch: Watch) -> dict[str, Any]:
    """Networks of both groups, the least error that the whole group allows, and what relaxation says.

    Args:
        options: Sizes.
        seed: Of everything random.
        watch: Told of the training.
    """
    stencil = Stencil.named("D2Q9")
    rectangle = stencil.group.subgroup([2, 4], "C2v")  # the half turn and a mirror of an axis
    target = anisotropic(stencil)
    pairs, held_out = draw_pairs(stencil, options.samples, target, noise=NOISE, seed=seed).split()
    found: dict[str, Any] = {"floor": validated(averaged(target, stencil), held_out)}  # type: ignore[arg-type]
    for name, under in (("D4", stencil), ("C2v", stencil.under(rectangle))):
        model = lenn(under, generator=torch.Generator().manual_seed(seed))
        fit(model, pairs, Lesson(options.epochs), seed=seed, watch=watch)
        found[name] = validated(model, held_out)
    return {**found, **_relaxed(pairs, held_out, stencil, options, seed)}


def _relaxed(pairs: Pairs, held_out: Pairs, stencil: Stencil, options: Breaking, seed: int) -> dict[str, Any]:
    """The test that names the symmetry left, and how asymmetric a resilient network stays."""
    symmetry: Symmetry = stencil.symmetry
    learned, kept = _scaled(pairs, stencil), _scaled(held_out, stencil)

    def network() -> torch.nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            layers = [torch.nn.Linear(9, 36), torch.nn.SiLU(), torch.nn.Linear(36, 9)]
        return homotopise(torch.nn.Sequential(*layers).double(), symmetry)

    loss = torch.nn.functional.mse_loss
    steps = options.relax_steps
    strict = relaxed_fit(Strict(network()), loss, learned, steps=steps, validation=kept, batch_size=256, seed=seed)
    rule = Duals(network(), "resilient", steps=steps)
    free = relaxed_fit(rule, loss, learned, steps=steps, validation=kept, batch_size=256, seed=seed)
    tested = score_test(strict.rule.model, loss, kept[0][: options.tested], kept[1][: options.tested], seed=seed)
    rejected = {score.name: bool(score.rejected) for score in tested.scores}
    return {
        "strict_loss": strict.deployed_loss,
        "resilient_loss": free.deployed_loss,
        "largest": list(tested.largest),
        "rejected": rejected,
    }


def _scaled(pairs: Pairs, stencil: Stencil) -> tuple[Tensor, Tensor]:
    """Deviations of populations before and after; their scale is that of the networks."""
    before, after = pairs.normalised
    return (before / stencil.weights - 1) / SCALE, (after / stencil.weights - 1) / SCALE
