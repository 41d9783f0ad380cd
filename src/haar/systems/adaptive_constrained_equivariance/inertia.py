"""Five masses to their inertia tensor: residual pathway priors' task under O(3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Defining, Symmetry, Vector, direct_sum
from haar.actions.representation import Representation, TensorProduct, Trivial
from haar.groups import O
from haar.nn import Bilinear, Gated
from haar.relax.wrapping.homotopise import homotopise
from haar.relax.wrapping.homotopy import Homotopy
from haar.systems.adaptive_constrained_equivariance.task import Task, started

_MASSES = 5
_SPACE = O(3)
_VECTOR = Defining(_SPACE)
_TENSOR = TensorProduct(_VECTOR, _VECTOR)
_ONE = Trivial(_SPACE)
_INPUTS = direct_sum([_ONE] * _MASSES + [_VECTOR] * _MASSES)
#: What is multiplied, and what hidden layers carry.
_FACTORS = direct_sum([_ONE] * 4 + [_VECTOR] * 4)
_HIDDEN = direct_sum([_ONE] * 8 + [_VECTOR] * 4 + [_TENSOR] * 2)
#: Root mean square of the targets' entries at beta = 0, so that losses are of order 1.
_SCALE = 6.0


@dataclass(frozen=True)
class InertiaTask(Task):
    """sum_i m_i (|r_i|^2 1 - r_i r_i^T) of five masses, plus beta (I e_z) e_z^T, over 6.

    Masses are softplus of a standard normal number, positions standard normal in space. Source: Finzi, Benton and
    Wilson, arXiv 2112.01388 ("modified inertia": beta = 0.3).

    Args:
        beta: How much the vertical is told from other directions; 0 keeps O(3).

    Example:
        >>> x, y = InertiaTask().sample("train", 4, torch.Generator().manual_seed(0))
        >>> x.shape, y.shape
        (torch.Size([4, 20]), torch.Size([4, 9]))
    """

    beta: float = 0.0

    @property
    def symmetry(self) -> Symmetry:
        """Rotations and reflections of space."""
        return Symmetry(_SPACE, Vector(_INPUTS), Vector(_TENSOR))

    def target(self, x: Float[Tensor, "*batch 20"]) -> Float[Tensor, "*batch 9"]:
        """The tensor, row by row."""
        masses, places = x[..., :_MASSES], x[..., _MASSES:].unflatten(-1, (_MASSES, 3))
        # two at a time: einsum of three asks opt_einsum for an order, which cannot be found for a free batch
        outer = torch.einsum("...ia,...ib->...ab", masses[..., None] * places, places)
        trace = outer.diagonal(dim1=-2, dim2=-1).sum(-1)
        tensor = trace[..., None, None] * torch.eye(3, dtype=x.dtype) - outer
        vertical = torch.zeros_like(tensor)
        vertical[..., :, 2] = tensor[..., :, 2]
        return (tensor + self.beta * vertical).flatten(-2) / _SCALE

    def sample(
        self, part: str, count: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "count 20"], Float[Tensor, "count 9"]]:
        """Independent samples; no noise."""
        del part
        masses = nn.functional.softplus(torch.randn(count, _MASSES, generator=generator))
        x = torch.cat([masses, torch.randn(count, 3 * _MASSES, generator=generator)], dim=1)
        return x, self.target(x)

    def model(
        self, generator: torch.Generator, branches: torch.Generator, *, mode: str = "weight", kappa: bool = True
    ) -> Homotopy:
        """`InertiaNetwork`, its four linear layers wrapped."""
        network = InertiaNetwork(generator)
        return homotopise(
            network, self.symmetry, mode=mode, kappa=kappa, layers=network.representations, generator=branches
        )


class InertiaNetwork(nn.Module):
    """Two products of features with gates between them; plain linear layers in between are free to break the symmetry.

    Args:
        generator: Source of the weights.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.gate = Gated(_HIDDEN)
        self.factors = nn.Linear(_INPUTS.dim, _FACTORS.dim)
        self.product = Bilinear(_FACTORS, _FACTORS, _HIDDEN, generator=generator)
        self.mix = nn.Linear(_HIDDEN.dim, self.gate.rep_in.dim)
        self.more_factors = nn.Linear(_HIDDEN.dim, _FACTORS.dim)
        self.more_products = Bilinear(_FACTORS, _FACTORS, _HIDDEN, generator=generator)
        self.readout = nn.Linear(_HIDDEN.dim, _TENSOR.dim)
        started(self, generator)

    @property
    def representations(self) -> dict[str, tuple[Representation, Representation]]:
        """What goes into and comes out of each plain layer."""
        return {
            "factors": (_INPUTS, _FACTORS),
            "mix": (_HIDDEN, self.gate.rep_in),
            "more_factors": (_HIDDEN, _FACTORS),
            "readout": (_HIDDEN, _TENSOR),
        }

    def forward(self, x: Float[Tensor, "batch 20"]) -> Float[Tensor, "batch 9"]:
        """The inertia tensor, row by row."""
        factors = self.factors(x)
        hidden = self.gate(self.mix(self.product(factors, factors)))
        factors = self.more_factors(hidden)
        out: Tensor = self.readout(hidden + self.more_products(factors, factors))
        return out
