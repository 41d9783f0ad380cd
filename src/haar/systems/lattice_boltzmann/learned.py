"""Learned collisions: a network between equivariant scalings, and what is enforced around it.

The network sees ``(f / w - 1) / scale`` of populations with sum 1 and gives logits about ``log w``; a softmax makes
populations of them. Then what is conserved is projected out of the change, and linear coefficients may be locked.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Regular, direct_sum
from haar.average import average
from haar.errors import ArgumentError, ShapeError, check_count, check_rate
from haar.nn import Linear, Pointwise, Sequential
from haar.systems.lattice_boltzmann.collision import (
    Collision,
    LatticeCollision,
    check_collision,
    check_precision,
    relaxation_time,
)
from haar.systems.lattice_boltzmann.lock import Lock
from haar.systems.lattice_boltzmann.moment_blocks import SHEAR
from haar.systems.lattice_boltzmann.stencil import Stencil

#: Deviations from the weights are so large: the standard deviation of f / w - 1 in the data of the paper.
SCALE = 0.02
CONSERVING = ("projection", "reconstruction", "none")


class LearnedCollision(LatticeCollision):
    """A network as a collision.

    Args:
        stencil: Velocities, weights and group.
        network: From scaled populations to as many numbers, on the last axis.
        conserving: ``"projection"``: the symmetric projection that removes conserved moments from the change;
            ``"reconstruction"``: a few populations are computed from the others (it breaks the symmetry); ``"none"``.
        lock: Linear coefficients that are exact, see `Lock`; it needs ``"projection"``.
        scale: Size of ``f / w - 1`` in the data.
        limited: Whether changes that would make a population negative are shortened.

    Raises:
        ArgumentError: If a word is unknown or a number out of range.
    """

    def __init__(
        self,
        stencil: Stencil,
        network: nn.Module,
        *,
        conserving: str = "projection",
        lock: Lock | None = None,
        scale: float = SCALE,
        limited: bool = False,
    ) -> None:
        super().__init__(stencil)
        if conserving not in CONSERVING:
            raise ArgumentError("conserving", expected=f"one of {', '.join(CONSERVING)}", got=repr(conserving))
        if lock is not None and conserving != "projection":
            raise ArgumentError("lock", expected="conserving='projection' beside it", got=repr(conserving))
        if lock is not None and not (isinstance(lock, Lock) and lock.stencil.size == stencil.size):
            got = f"one of {lock.stencil.name}" if isinstance(lock, Lock) else repr(lock)
            raise ArgumentError("lock", expected=f"a Lock of {stencil.name}", got=got)
        if not isinstance(network, nn.Module):
            raise ArgumentError("network", expected="a torch module", got=type(network).__name__)
        check_rate("scale", scale)
        self.network, self.conserving, self.scale, self.limited = network, conserving, float(scale), limited
        self.lock = lock
        self.register_constant("logarithms", stencil.weights.log())
        self.register_constant("keep", stencil.non_conserved)
        self.register_constant("rebuild", _reconstruction(stencil))
        self.logarithms: Tensor
        self.keep: Tensor
        self.rebuild: Tensor

    def forward(self, f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """Populations after the collision."""
        self.stencil.check(f)
        density = f.sum(-1, keepdim=True)
        g = f / density
        new = self.normalised(g)
        if self.limited:
            new = limited(g, new)
        return density * new

    def normalised(self, g: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """The map of populations with sum 1."""
        new = self.unlocked(g)
        if self.lock is None:
            return new
        return new + (g - self.weights.to(g.dtype)) @ self.lock.correction(self.unlocked).T

    def unlocked(self, g: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """The same without the lock."""
        new = self.predicted(g)
        if self.conserving == "none":
            return new
        matrix = self.keep if self.conserving == "projection" else self.rebuild
        return g + (new - g) @ matrix.T.to(g.dtype)

    def predicted(self, g: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """The network's own populations: positive, with sum 1."""
        own = next(self.network.parameters(), g)
        check_precision(g, own.dtype)
        logits = self.network((g / self.weights.to(g.dtype) - 1) / self.scale)
        if logits.shape != g.shape:
            expected = f"one that gives {self.stencil.size} numbers for as many"
            raise ShapeError("network", expected=expected, got=tuple(logits.shape))
        return torch.softmax(self.logarithms.to(g.dtype) + self.scale * logits, -1)


def limited(g: Float[Tensor, "*batch q"], new: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
    """The change from g to new, made as much shorter as keeps every population above 0.

    It is the same for all of a cell's populations: conserved moments and the symmetry stay as they are.

    Args:
        g: Populations before, all positive.
        new: Populations after.

    Example:
        >>> limited(torch.tensor([0.5, 0.5]), torch.tensor([1.5, -0.5])).tolist()
        [0.9900000095367432, 0.009999990463256836]
    """
    step = torch.where(new < 0, _LIMIT * g / (g - new).clamp(min=torch.finfo(g.dtype).tiny), torch.ones_like(g))
    return g + step.amin(-1, keepdim=True).clamp(min=0) * (new - g)


#: A limited change goes so far of the way to 0.
_LIMIT = 0.98


def mlp(stencil: Stencil, width: int = 50, depth: int = 2, generator: torch.Generator | None = None) -> nn.Sequential:
    """A plain perceptron with SiLU on populations, He-uniform, float64.

    Args:
        stencil: For its number of populations.
        width: Of every hidden layer.
        depth: Number of hidden layers.
        generator: Source of the weights.
    """
    check_count("width", width)
    check_count("depth", depth)
    sizes = [stencil.size, *[width] * depth, stencil.size]
    layers: list[nn.Module] = []
    for place, (rows, columns) in enumerate(zip(sizes[1:], sizes[:-1], strict=True)):
        layer = nn.Linear(columns, rows, dtype=torch.float64)
        with torch.no_grad():
            bound = (6 / columns) ** 0.5
            layer.weight.copy_((2 * torch.rand(rows, columns, generator=generator, dtype=torch.float64) - 1) * bound)
            layer.bias.zero_()
        layers += [layer] if place == depth else [layer, nn.SiLU()]
    return nn.Sequential(*layers)


def lenn_network(
    stencil: Stencil,
    channels: int = 8,
    depth: int = 2,
    *,
    regular: int = 0,
    generator: torch.Generator | None = None,
) -> Sequential:
    """Equivariant layers with SiLU: hidden features are copies of the populations, and of the regular representation.

    Args:
        stencil: With its group.
        channels: Copies of the populations in every hidden layer.
        depth: Number of hidden layers.
        regular: Copies of the regular representation beside them.
        generator: Source of the weights.

    Example:
        >>> network = lenn_network(Stencil.named("D2Q9"))
        >>> sum(p.numel() for p in network.parameters())
        1251
    """
    check_count("channels", channels)
    check_count("depth", depth)
    check_count("regular", regular, least=0)
    populations = stencil.representation
    hidden = channels * populations
    if regular:
        hidden = direct_sum([hidden, regular * Regular(stencil.group)])
    reps = [populations, *[hidden] * depth, populations]
    layers: list[nn.Module] = []
    for place, (rep_in, rep_out) in enumerate(itertools.pairwise(reps)):
        layers.append(Linear(rep_in, rep_out, generator=generator, dtype=torch.float64))
        if place < depth:
            layers.append(Pointwise(rep_out, torch.nn.functional.silu))
    return Sequential(*layers)


def lenn(
    stencil: Stencil,
    channels: int = 8,
    depth: int = 2,
    *,
    viscosity: float | None = None,
    rates: Mapping[str, float] | None = None,
    regular: int = 0,
    scale: float = SCALE,
    limited: bool = False,
    generator: torch.Generator | None = None,
) -> LearnedCollision:
    """A lattice-equivariant collision that conserves mass and momentum.

    Args:
        stencil: With its group.
        channels: Copies of the populations in every hidden layer.
        depth: Number of hidden layers.
        viscosity: In lattice units; given, every shear viscosity is locked to it (on D2Q5, which carries no stress
            c_x c_y and whose waves feel their direction, the rate of the stress that it does carry).
        rates: Further linear coefficients to lock, see `haar.systems.lattice_boltzmann.lock.Lock`.
        regular: Copies of the regular representation in every hidden layer.
        scale: Size of ``f / w - 1`` in the data.
        limited: Whether changes that would make a population negative are shortened.
        generator: Source of the weights.

    Example:
        >>> collision = lenn(Stencil.named("D2Q9"), viscosity=1 / 30)
        >>> f = torch.rand(4, 9, dtype=torch.float64) + 0.1
        >>> bool(torch.allclose(collision(f).sum(-1), f.sum(-1)))
        True
    """
    network = lenn_network(stencil, channels, depth, regular=regular, generator=generator)
    shear = {} if viscosity is None else {SHEAR: 1 / relaxation_time(stencil, viscosity)}
    wanted = {**shear, **(rates or {})}
    lock = Lock(stencil, wanted) if wanted else None
    return LearnedCollision(stencil, network, lock=lock, scale=scale, limited=limited)


def averaged(collision: Collision, stencil: Stencil) -> nn.Module:
    """A collision averaged over the stencil's group, before training or after it.

    Args:
        collision: Any collision on the last axis.
        stencil: With its group.
    """
    check_collision(collision, stencil)
    return average(collision, stencil.symmetry, micro_batch=stencil.group.order)


def _reconstruction(stencil: Stencil) -> Float[Tensor, "q q"]:
    """The matrix that computes the last few changes, as many as determine the rest, from all others.

    In D2Q9 it takes the populations 2, 5 and 8 as the paper does.
    """
    K, size = stencil.conserved, stencil.size
    chosen = [2, 5, 8] if stencil.name == "D2Q9" and _solvable(K[[2, 5, 8]]) else _last_independent(K)
    others = [i for i in range(size) if i not in chosen]
    matrix = torch.zeros(size, size, dtype=torch.float64)
    matrix[others, others] = 1.0
    matrix[torch.tensor(chosen)[:, None], torch.tensor(others)] = -torch.linalg.solve(K[chosen].T, K[others].T)
    return matrix


def _solvable(rows: Tensor) -> bool:
    return bool(torch.linalg.matrix_rank(rows) == len(rows))


def _last_independent(K: Tensor) -> list[int]:
    chosen: list[int] = []
    for place in reversed(range(len(K))):
        if _solvable(K[[*chosen, place]]):
            chosen.append(place)
        if len(chosen) == K.shape[1]:
            break
    return chosen
