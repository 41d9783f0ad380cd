"""BGK into memory that is there already, a few sites at a time: what makes it quick without a compiler.

Temporaries that are made anew at every step cost more than the arithmetic: the system hands out fresh pages. Here all
of them lie in one small workspace that stays in the cache. The moments are one matrix product, and so are the new
populations: the equilibrium is linear in the density, the momenta and their products over the density.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.systems.lattice_boltzmann.stencil import Stencil

#: Sites at a time: few enough for the second-level cache, many enough for what a call of torch costs.
SITES = 16384


class EagerKernel:
    """BGK of a stencil.

    Args:
        stencil: Velocities and weights.
        tau: Relaxation time.
    """

    def __init__(self, stencil: Stencil, tau: float) -> None:
        self.dim, self.rate = stencil.dim, 1 - 1 / tau
        c, w, sound = stencil.velocities, stencil.weights, stencil.sound
        products = []
        for a in range(self.dim):
            for b in range(a, self.dim):
                both = c[:, a] * c[:, b] / (2 * sound**2)
                products.append(both - 1 / (2 * sound) if a == b else 2 * both)
        ones = torch.ones_like(w)
        parts = torch.stack([ones, *(c / sound).unbind(1), *products], 1)
        self._exact = stencil.conserved.T.contiguous(), w[:, None] * parts / tau
        self._to_moments, self._to_populations = self._exact
        self._work = torch.empty(0)

    def __call__(self, f: Float[Tensor, "q sites"], out: Float[Tensor, "q sites"]) -> None:
        """Collide.

        Args:
            f: Populations before.
            out: Where those after go; it may be the same memory.
        """
        size = min(SITES, f.shape[1])
        if self._work.shape[1:] != (size,) or self._work.dtype != f.dtype or self._work.device != f.device:
            rows = self._to_populations.shape[1] + self.dim
            self._work = torch.empty(rows, size, dtype=f.dtype, device=f.device)
            self._to_moments, self._to_populations = (matrix.to(f) for matrix in self._exact)
        for start in range(0, f.shape[1], size):
            self._some(f[:, start : start + size], out[:, start : start + size])

    def _some(self, f: Tensor, out: Tensor) -> None:
        dim, work = self.dim, self._work[:, : f.shape[1]]
        terms, u = work[:-dim], work[-dim:]
        torch.mm(self._to_moments, f, out=terms[: dim + 1])
        torch.div(terms[1 : dim + 1], terms[0], out=u)
        place = dim + 1
        for axis in range(dim):
            after = place + dim - axis
            torch.mul(terms[axis + 1 : dim + 1], u[axis], out=terms[place:after])
            place = after
        torch.addmm(f, self._to_populations, terms, beta=self.rate, out=out)
