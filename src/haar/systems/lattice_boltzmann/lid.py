"""The lid-driven cavity against the classical table of its centre lines."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from haar.systems.lattice_boltzmann.collision import Collision
from haar.systems.lattice_boltzmann.contenders import contender
from haar.systems.lattice_boltzmann.fitting import Lesson, fit
from haar.systems.lattice_boltzmann.flows import cavity
from haar.systems.lattice_boltzmann.frozen import freeze
from haar.systems.lattice_boltzmann.host import simulate
from haar.systems.lattice_boltzmann.observables import velocity
from haar.systems.lattice_boltzmann.pairs import draw_pairs
from haar.systems.lattice_boltzmann.relaxation import BGK
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.watch import Watch

REYNOLDS, LID = 100, 0.1
#: Height and velocity along x on the vertical centre line, over the lid's (Ghia, Ghia and Shin 1982, table I, Re 100).
VERTICAL = (
    (
        1.0, 0.9766, 0.9688, 0.9609, 0.9531, 0.8516, 0.7344, 0.6172, 0.5,
        0.4531, 0.2813, 0.1719, 0.1016, 0.0703, 0.0625, 0.0547, 0.0,
    ),
    (
        1.0, 0.84123, 0.78871, 0.73722, 0.68717, 0.23151, 0.00332, -0.13641, -0.20581,
        -0.2109, -0.15662, -0.1015, -0.06434, -0.04775, -0.04192, -0.03717, 0.0,
    ),
)  # fmt: skip
#: Place and velocity along y on the horizontal one (the same, table II).
HORIZONTAL = (
    (
        1.0, 0.9688, 0.9609, 0.9531, 0.9453, 0.9063, 0.8594, 0.8047, 0.5,
        0.2344, 0.2266, 0.1563, 0.0938, 0.0781, 0.0703, 0.0625, 0.0,
    ),
    (
        0.0, -0.05906, -0.07391, -0.08864, -0.10313, -0.16914, -0.22445, -0.24533, 0.05454,
        0.17527, 0.17507, 0.16077, 0.12317, 0.1089, 0.10091, 0.09233, 0.0,
    ),
)  # fmt: skip


def lid(size: int, seed: int, watch: Watch) -> dict[str, Any]:
    """The exact collision and a locked learned one.

    Args:
        size: Nodes along both axes.
        seed: Of pairs and weights.
        watch: Told of the training.
    """
    stencil = Stencil.named("D2Q9")
    viscosity = LID * size / REYNOLDS
    tau = 0.5 + viscosity / stencil.sound
    pairs, _ = draw_pairs(stencil, 30000, tau=tau, speed=0.15, noise=2e-3, seed=seed).split()
    model = contender("locked", stencil, viscosity=viscosity, scale=0.1, seed=seed)
    fit(model, pairs, Lesson(20), seed=seed, watch=watch)
    return {name: centre_lines(one, size) for name, one in (("exact", BGK(stencil, tau)), ("locked", freeze(model)))}


def centre_lines(collision: Collision, size: int, steps: int | None = None) -> dict[str, Any]:
    """Largest differences from the table, over the lid's speed.

    Args:
        collision: On the last axis.
        size: Nodes along both axes.
        steps: By default until the flow has long been steady.
    """
    stencil = Stencil.named("D2Q9")
    flow = cavity(stencil, size, LID)
    count = 3 * size**2 if steps is None else steps
    ran = simulate(flow.populations, collision, count, stencil=stencil, boundaries=flow.boundaries, stop=True)
    return {"steps": ran.steps, **from_table(velocity(ran.state, stencil)[0] / LID)}


def from_table(u: Float[Tensor, "2 x y"]) -> dict[str, float]:
    """Largest differences of a steady cavity at Reynolds number 100 from the table.

    Args:
        u: Velocity over the lid's.
    """
    return {
        "vertical": _difference(_middle(u[0], 0), VERTICAL, lid=1.0),
        "horizontal": _difference(_middle(u[1], 1), HORIZONTAL, lid=0.0),
    }


def _middle(u: Float[Tensor, "x y"], axis: int) -> Float[Tensor, " n"]:
    """On the line half way along an axis, which runs between two nodes where their number is even."""
    size = u.shape[axis]
    return (u.select(axis, (size - 1) // 2) + u.select(axis, size // 2)) / 2


def _difference(profile: Tensor, table: tuple[tuple[float, ...], tuple[float, ...]], lid: float) -> float:
    size = len(profile)
    places = np.concatenate([[0.0], (np.arange(size) + 0.5) / size, [1.0]])
    values = np.concatenate([[0.0], profile.numpy(), [lid]])
    return float(np.abs(np.interp(table[0], places, values) - np.array(table[1])).max())
