"""The lock: linear coefficients of a learned collision that are exact, in training and after it.

A group of a lattice leaves the stress more than one shear viscosity, and none of them is known to a network. With the
Jacobian J of the network's map at rest, ``f + sum_b Pi_b (lambda_b - J) (f - w)`` has the eigenvalue lambda_b asked for
on every block b, whatever the weights; Pi_b and J commute with the group, so nothing that was exact is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import ConstantsModule
from haar.errors import ArgumentError
from haar.systems.lattice_boltzmann.collision import check_stencil
from haar.systems.lattice_boltzmann.moment_blocks import moment_blocks
from haar.systems.lattice_boltzmann.relaxation import block_rates
from haar.systems.lattice_boltzmann.stencil import Stencil


class Lock(ConstantsModule):
    """Rates at which blocks of moments relax near rest.

    Args:
        stencil: With its group.
        rates: By ``"shear"``, ``"bulk"``, ``"ghost"`` or a block's own name: ``1 / tau`` for a viscosity.

    Raises:
        ArgumentError: If a name is unknown or a rate not in [0, 2].

    Example:
        >>> sorted(Lock(Stencil.named("D2Q9"), {"shear": 1 / 0.6}).rates)
        ['shear B1', 'shear B2']
    """

    def __init__(self, stencil: Stencil, rates: Mapping[str, float]) -> None:
        super().__init__()
        check_stencil(stencil)
        if not isinstance(rates, Mapping) or not rates:
            expected = "rates by name, such as {'shear': 1 / 0.6}"
            raise ArgumentError("rates", expected=expected, got=repr(rates))
        self.stencil = stencil
        self.rates = block_rates(stencil, rates)
        blocks = [block for block in moment_blocks(stencil) if block.name in self.rates]
        functionals = torch.cat([block.functionals for block in blocks], 1)
        kept = torch.cat(
            [
                torch.full((block.functionals.shape[1],), 1 - self.rates[block.name], dtype=torch.float64)
                for block in blocks
            ]
        )
        self.register_constant("functionals", functionals.T.contiguous())
        self.register_constant("back", stencil.weights[:, None] * functionals)
        self.register_constant("target", kept[:, None] * functionals.T)
        self.register_constant("rest", stencil.weights)
        self.functionals: Tensor
        self.back: Tensor
        self.target: Tensor
        self.rest: Tensor

    def correction(self, function: Callable[[Tensor], Tensor]) -> Float[Tensor, "q q"]:
        """The matrix to be applied to f - w, with gradients to the function's weights.

        Args:
            function: The map of populations with sum 1, without the lock.
        """
        if torch.compiler.is_exporting():
            way_out = "export freeze(collision), in which the lock is a constant matrix"
            raise ArgumentError("collision", expected="one in its inference form", got="a lock", way_out=way_out)
        wanted = torch.is_grad_enabled()
        with torch.enable_grad():
            rest = self.rest.expand(len(self.functionals), -1).clone().requires_grad_()
            # row k of the batch gives what functional k says of the change: as many rows as there are coefficients
            (rows,) = torch.autograd.grad(function(rest), rest, self.functionals, create_graph=wanted)
        return self.back @ (self.target - rows)
