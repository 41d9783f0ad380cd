"""Networks that learn one whole step, R^N -> R^(N/b), under the step's symmetries."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.systems.renormalisation.block import block_step
from haar.systems.renormalisation.ensemble import Ensemble, affine
from haar.systems.renormalisation.families import BIAS_SD, AffineLayer, Start
from haar.systems.renormalisation.step_families import StepFamily, find_step_family


class StepEnsemble(Ensemble):
    """Networks with one hidden layer from a chain of sites to its block sums.

    Weights are combinations of the matrices that the family allows, W = sum_p w_p B_p for each pair of channels, so
    that the symmetry holds exactly at every step of the training.

    Args:
        family: free, circulant, equivariant, odd, tied or sum.
        activation: linear, relu, quadratic, tanh or gelu.
        sites: Length N of the chain.
        block: Block size b, which divides N.
        units: Hidden units, shared out among channels: one channel has N of them where it stands on the sites.
        seeds: One a network.

    Raises:
        ArgumentError: If a name is unknown, sizes do not fit or there is no seed.

    Example:
        >>> nets = StepEnsemble("equivariant", "relu", sites=8, block=2, units=32, seeds=range(3))
        >>> x = torch.randn(5, 8, dtype=torch.float64)
        >>> nets(x).shape, bool(torch.allclose(nets(x.roll(2, -1)), nets(x).roll(1, -1)))
        (torch.Size([3, 5, 4]), True)
    """

    first: Tensor
    second: Tensor
    level: Tensor

    def __init__(
        self, family: str, activation: str, *, sites: int, block: int, units: int, seeds: Sequence[int]
    ) -> None:
        chosen = find_step_family(family)
        if block < 1 or sites < 1 or sites % block:
            raise ArgumentError("sites", expected=f"a multiple of the block size {block}", got=sites)
        first, second, level = chosen.basis(sites, block)
        places = first.shape[1]
        channels = units // places
        if channels * places != units or channels < 1 or (chosen.odd and channels % 2):
            shared = f"a multiple of {places * (2 if chosen.odd else 1)} for the family {family}"
            raise ArgumentError("units", expected=shared, got=units)
        own = 1 if chosen.tied else channels // 2 if chosen.odd else channels
        starts = {
            "weight": Start((own, len(first)), sites**-0.5),
            "bias": Start((own,), BIAS_SD),
            "out_weight": Start((own, len(second)), units**-0.5),
        }
        if not chosen.odd:
            starts["out_bias"] = Start((len(level),), BIAS_SD)
        super().__init__(activation, sites, starts, seeds)
        self.family: StepFamily = chosen
        self.block, self.channels, self.outputs = block, channels, (sites // block,)
        for name, value in (("first", first), ("second", second), ("level", level)):
            self.register_constant(name, value)

    @property
    def name(self) -> str:
        """For example ``relu equivariant, 8 to 4``."""
        return f"{self.activation.name} {self.family.name}, {self.inputs} to {self.outputs[0]}"

    def target(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*outputs"]:
        """The exact step."""
        return block_step(x, self.block)

    def forward(self, x: Float[Tensor, "*networks batch inputs"]) -> Float[Tensor, "all batch *outputs"]:
        """Block sums, as all networks have learnt them.

        Args:
            x: (batch, sites) or (networks, batch, sites).
        """
        hidden, last = self.layers()
        return affine(last, self.activation(affine(hidden, x.mT.expand(self.networks, -1, -1)))).mT

    def _channels(self, name: str, sign: float) -> Tensor:
        """One row a channel: all equal, or with the opposite halves, or as they are."""
        own: Tensor = self.free[name]
        if self.family.tied:
            return own.expand(-1, self.channels, *own.shape[2:])
        return torch.cat([own, sign * own], 1) if self.family.odd else own

    def layers(self) -> list[AffineLayer]:
        """Dense weights: hidden units channel by channel, place by place."""
        places = self.first.shape[1]
        inner = torch.einsum("nkp,phi->nkhi", self._channels("weight", -1.0), self.first).flatten(1, 2)
        bias = self._channels("bias", 1.0)[:, :, None].expand(-1, -1, places).flatten(1)
        outer = torch.einsum("nkp,poh->nokh", self._channels("out_weight", -1.0), self.second).flatten(2)
        level = None if self.family.odd else self.free["out_bias"] @ self.level
        return [AffineLayer(inner, bias), AffineLayer(outer, level)]
