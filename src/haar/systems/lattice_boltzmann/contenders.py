"""The collisions that are compared, by name, and what each is before it has learned."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.statistics import least_squares
from haar.systems.lattice_boltzmann.collision import Collision
from haar.systems.lattice_boltzmann.learned import SCALE, LearnedCollision, averaged, lenn, mlp
from haar.systems.lattice_boltzmann.nco import NCO
from haar.systems.lattice_boltzmann.pairs import Pairs
from haar.systems.lattice_boltzmann.stencil import Stencil

MODELS = ("naive", "cons", "sym", "gavg", "lenn", "locked", "nco")


def contender(
    name: str, stencil: Stencil, *, viscosity: float, scale: float = SCALE, channels: int = 8, seed: int = 0
) -> nn.Module:
    """A collision that has not learned yet.

    Args:
        name: ``"naive"`` (a perceptron), ``"cons"`` (with the symmetric projection), ``"sym"`` and ``"gavg"`` (both
            averaged over the group), ``"lenn"`` (equivariant layers), ``"locked"`` (with exact viscosities), ``"nco"``
            (learned relaxation rates).
        stencil: With its group.
        viscosity: Of the locked one, and of the shear of ``"nco"``.
        scale: Size of ``f / w - 1`` in the data.
        channels: Copies of the populations in hidden layers of ``"lenn"`` and ``"locked"``.
        seed: Of the weights.

    Raises:
        ArgumentError: If there is none of that name.
    """
    generator = torch.Generator().manual_seed(seed)

    def plain(conserving: str) -> LearnedCollision:
        return LearnedCollision(stencil, mlp(stencil, generator=generator), conserving=conserving, scale=scale)

    made: Mapping[str, Callable[[], nn.Module]] = {
        "naive": lambda: plain("none"),
        "cons": lambda: plain("projection"),
        "sym": lambda: averaged(plain("none"), stencil),
        "gavg": lambda: averaged(plain("projection"), stencil),
        "lenn": lambda: lenn(stencil, channels, scale=scale, generator=generator),
        "locked": lambda: lenn(stencil, channels, viscosity=viscosity, scale=scale, generator=generator),
        "nco": lambda: NCO(stencil, viscosity, generator=generator),
    }
    if name not in made:
        raise ArgumentError("collision", expected=f"one of {', '.join(MODELS)}", got=repr(name))
    return made[name]()


class LeastSquares(nn.Module):
    """A polynomial of populations with sum 1, fitted in closed form: the simplest learned collision there is.

    Args:
        pairs: To fit.
        degree: 1 or 2.
    """

    def __init__(self, pairs: Pairs, degree: int) -> None:
        super().__init__()
        self.degree = degree
        before, after = pairs.normalised
        self.coefficients = nn.Parameter(least_squares(self._features(before), after), requires_grad=False)

    def forward(self, f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """Populations after the collision."""
        density = f.sum(-1, keepdim=True)
        return density * (self._features(f / density) @ self.coefficients)

    def _features(self, g: Tensor) -> Tensor:
        """Monomials of all populations but the last, which the sum gives."""
        x = g[..., :-1] - g.new_tensor(1 / g.shape[-1])
        parts = [torch.ones_like(x[..., :1]), x]
        if self.degree == 2:
            rows, columns = torch.triu_indices(x.shape[-1], x.shape[-1])
            parts.append(x[..., rows] * x[..., columns])
        return torch.cat(parts, -1)


def persistence(f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
    """No collision at all: what nothing changes is like."""
    return f


def at_test_time(collision: Collision, stencil: Stencil) -> nn.Module:
    """A trained collision, averaged without training on."""
    return averaged(copy.deepcopy(collision), stencil)
