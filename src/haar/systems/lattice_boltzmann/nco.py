"""Learned relaxation rates: an operator that is equivariant by construction, for its rates are functions of invariants.

The shear relaxes at the rate of its viscosity. The rates of all ghost moments, one a block, come from a small network
of the norms of the blocks of ``f - f_eq`` and of the squared velocity; they are bounded, and so is the operator.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.systems.lattice_boltzmann.collision import (
    LatticeCollision,
    check_precision,
    equilibrium_of,
    relaxation_time,
)
from haar.systems.lattice_boltzmann.moment_blocks import BULK, SHEAR, moment_blocks
from haar.systems.lattice_boltzmann.stencil import Stencil

BOUNDED = ("rate", "time")
#: Invariants are taken to logarithms above these: squared deviations of a share of 1e-4, and speeds of 1e-3.
_FLOOR = 1e-8
_SPREAD = 4.0


class NCO(LatticeCollision):
    """Multiple relaxation rates, of which those of the ghosts are learned.

    Args:
        stencil: With its group.
        viscosity: Of the shear, and of the bulk unless `bulk` says otherwise; in lattice units.
        bounded: What lies in (0.5, 1]: the learned ``"rate"``, or the relaxation ``"time"`` (the rate is then in
            [1, 2)); 1 is the regularised collision in both.
        width: Hidden units of both layers.
        bulk: Whether the rate of the bulk is learned too.
        generator: Source of the weights.

    Raises:
        ArgumentError: If `bounded` is another word.

    Source: Bedrunka et al., arXiv 2412.08229; invariants of blocks in place of averaged inputs are ours.
    """

    def __init__(
        self,
        stencil: Stencil,
        viscosity: float,
        *,
        bounded: str = "rate",
        width: int = 20,
        bulk: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(stencil)
        if bounded not in BOUNDED:
            raise ArgumentError("bounded", expected="'rate' or 'time'", got=repr(bounded))
        self.bounded, self.rate = bounded, 1 / relaxation_time(stencil, viscosity)
        blocks = moment_blocks(stencil)
        fixed = (SHEAR,) if bulk else (SHEAR, BULK)
        self.blocks = [block for block in blocks if block.kind not in fixed]
        if not self.blocks:
            raise ArgumentError("stencil", expected="one with ghost moments", got=stencil.name)
        zero = torch.zeros(stencil.size, stencil.size, dtype=torch.float64)
        held = sum((block.projection for block in blocks if block.kind in fixed), zero)
        self.register_constant("held", held.T.contiguous())
        functionals = torch.cat([block.functionals for block in blocks], 1)
        self.register_constant("functionals", functionals)
        self.register_constant("sums", _sums([block.functionals.shape[1] for block in blocks]))
        self.register_constant("back", torch.cat([block.functionals for block in self.blocks], 1).T * stencil.weights)
        self.register_constant("spread", _sums([block.functionals.shape[1] for block in self.blocks]).T.contiguous())
        self.register_constant("own", torch.cat([block.functionals for block in self.blocks], 1))
        self.network = nn.Sequential(
            nn.Linear(len(blocks) + 1, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, len(self.blocks)),
        ).double()
        with torch.no_grad():
            for layer in self.network:
                if isinstance(layer, nn.Linear):
                    bound = (3 / layer.in_features) ** 0.5
                    layer.weight.copy_(
                        bound * (2 * torch.rand(layer.weight.shape, generator=generator, dtype=torch.float64) - 1)
                    )
                    layer.bias.zero_()
        # as tensors: an ONNX file keeps plain numbers in single precision
        self.register_constant("numbers", torch.tensor([self.rate, _FLOOR, _SPREAD], dtype=torch.float64))
        self.numbers: Tensor
        self.held: Tensor
        self.functionals: Tensor
        self.sums: Tensor
        self.back: Tensor
        self.spread: Tensor
        self.own: Tensor

    def forward(self, f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """Populations after the collision."""
        self.stencil.check(f)
        check_precision(f, next(self.network.parameters()).dtype)
        density = f.sum(-1, keepdim=True)
        g = f / density
        away = g - equilibrium_of(g, self.weights, self.velocities, self.sound)
        rates = self.rates(g, away)
        ghosts = ((away @ self.own.to(g)) * (rates @ self.spread.to(g))) @ self.back.to(g)
        return f - density * (self.numbers[0] * (away @ self.held.to(g)) + ghosts)

    def rates(self, g: Float[Tensor, "*batch q"], away: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch blocks"]:
        """The learned rates of populations with sum 1.

        Args:
            g: Populations.
            away: Their deviation from equilibrium.
        """
        norms = (away @ self.functionals.to(g)).square() @ self.sums.to(g)
        speed = (g @ self.velocities.to(g)).square().sum(-1, keepdim=True)
        _, floor, spread = self.numbers.unbind()
        # log(x + floor), written so that no exporter takes the small number for zero: at rest x is zero
        invariants = (torch.cat([norms, speed], -1) / floor + 1).log() / spread + (floor.log() / spread + spread)
        coefficient: Tensor = 0.5 + 0.5 * torch.sigmoid(self.network(invariants))
        rates: Tensor = coefficient if self.bounded == "rate" else 1 / coefficient
        return rates


def _sums(sizes: list[int]) -> Float[Tensor, "moments blocks"]:
    """The matrix that adds what belongs to a block."""
    joined: Tensor = torch.block_diag(*[torch.ones(size, 1, dtype=torch.float64) for size in sizes])
    return joined
