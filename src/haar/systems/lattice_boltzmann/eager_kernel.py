"""BGK into memory that is there already, a few sites at a time: what makes it quick without a compiler.

Temporaries that are made anew at every step cost more than the arithmetic: the system hands out fresh pages. Here all
of them lie in one small workspace that stays in the cache.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.systems.lattice_boltzmann.stencil import Lattice

#: Sites at a time: few enough for the second-level cache, many enough for what a call of torch costs.
SITES = 16384


class EagerKernel:
    """BGK of a lattice.

    Args:
        lattice: Velocities and weights as plain numbers.
        tau: Relaxation time.
    """

    def __init__(self, lattice: Lattice, tau: float) -> None:
        self.lattice, self.tau = lattice, tau
        self.dim = len(lattice.velocities[0])
        self._work = torch.empty(0)

    def __call__(self, f: Float[Tensor, "q sites"], out: Float[Tensor, "q sites"]) -> None:
        """Collide.

        Args:
            f: Populations before.
            out: Where those after go; it may be the same memory.
        """
        size = min(SITES, f.shape[1])
        if self._work.shape[1:] != (size,) or self._work.dtype != f.dtype or self._work.device != f.device:
            self._work = torch.empty(self.dim + 5, size, dtype=f.dtype, device=f.device)
        for start in range(0, f.shape[1], size):
            self._some(f[:, start : start + size], out[:, start : start + size])

    def _some(self, f: Tensor, out: Tensor) -> None:
        c, w, sound, tau = self.lattice.velocities, self.lattice.weights, self.lattice.sound, self.tau
        work = self._work[:, : f.shape[1]].unbind(0)
        u, (energy, part, along, odd, even) = work[: self.dim], work[self.dim :]
        before, after = f.unbind(0), out.unbind(0)
        torch.sum(f, 0, out=part)
        torch.reciprocal(part, out=odd)
        energy.zero_()
        for axis, one in enumerate(u):
            _sum_into(one, [row[axis] for row in c], before)
            one.mul_(odd)
            energy.addcmul_(one, one, value=-1 / (2 * sound))
        part.mul_(1 / tau)
        energy.add_(1).mul_(part)
        rate = 1 - 1 / tau
        for i, j in enumerate(self.lattice.opposite):
            if i == j:
                torch.mul(before[i], rate, out=after[i]).add_(energy, alpha=w[i])
            elif i < j:
                speed = _sum_into(along, c[i], u)
                torch.mul(part, speed, out=odd)
                torch.addcmul(energy, odd, speed, value=1 / (2 * sound**2), out=even)
                even.add_(odd, alpha=1 / sound)
                torch.mul(before[i], rate, out=after[i]).add_(even, alpha=w[i])
                even.add_(odd, alpha=-2 / sound)
                torch.mul(before[j], rate, out=after[j]).add_(even, alpha=w[j])


def _sum_into(target: Tensor, factors: tuple[float, ...] | list[float], terms: tuple[Tensor, ...]) -> Tensor:
    """A sum with factors; the only term itself where there is one with factor 1."""
    used = [(factor, term) for factor, term in zip(factors, terms, strict=True) if factor != 0]
    if len(used) == 1 and used[0][0] == 1:
        return used[0][1]
    if len(used) > 1 and used[0][0] == 1:
        torch.add(used[0][1], used[1][1], alpha=used[1][0], out=target)
        rest = used[2:]
    else:
        torch.mul(used[0][1], used[0][0], out=target)
        rest = used[1:]
    for factor, term in rest:
        target.add_(term, alpha=factor)
    return target
