"""What is learned of one site: a rotation, or an order of units or heads, as a change of what matching found."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.align.assignment import assigned
from haar.weights import BlockMonomial, Heads, Rotation, Units
from haar.weights.sites import SiteElement

#: Latent matrix of a permutation at the start, times the identity: small against rate times steps, or nothing moves.
_LATENT = 0.02


class Turn(nn.Module):
    """A change of one site's element; as it is made, the one that moves nothing."""

    def forward(self) -> Mapping[str, BlockMonomial]:
        """The element, differentiable."""
        raise NotImplementedError

    def exact(self) -> SiteElement:
        """The element without anything soft."""
        raise NotImplementedError


class RotationTurn(Turn):
    """expm(Z - Z^T), whose derivative at Z = 0 is finite, as that of a projection by singular values is not.

    Args:
        site: A residual stream.
    """

    def __init__(self, site: Rotation) -> None:
        super().__init__()
        self.site = site
        size = site.count - site.fixes_ones
        self.latent = nn.Parameter(torch.zeros(size, size, dtype=torch.float64))

    def forward(self) -> Mapping[str, BlockMonomial]:
        """The rotation."""
        return self.site.element(self.site.inside(torch.linalg.matrix_exp(self.latent - self.latent.mT)))

    def exact(self) -> SiteElement:
        """The same: nothing of a rotation is soft."""
        with torch.no_grad():
            return self.forward()


class UnitsTurn(Turn):
    """The assignment of Z, with the gradient handed straight through to Z.

    Args:
        site: Hidden units.
    """

    def __init__(self, site: Units) -> None:
        super().__init__()
        self.site = site
        self.latent = nn.Parameter(_start(site.count))

    def forward(self) -> Mapping[str, BlockMonomial]:
        """The order, as one matrix."""
        map_ = _whole(_straight(self.latent, assigned(self.latent)))
        return {"": map_, "order": map_}

    def exact(self) -> SiteElement:
        """The order."""
        return self.site.element(assigned(self.latent))


class HeadsTurn(Turn):
    """Assignments of Z for the groups and, where a group has several query heads, for those of each; straight through.

    What is turned inside heads stays as matching found it.

    Args:
        site: Attention heads.
    """

    def __init__(self, site: Heads) -> None:
        super().__init__()
        self.site = site
        self.latent = nn.Parameter(_start(site.groups))
        several = site.queries > 1
        self.inner = nn.Parameter(_start(site.queries).repeat(site.groups, 1, 1)) if several else None

    def forward(self) -> Mapping[str, BlockMonomial]:
        """The orders, as one matrix for each port."""
        order, inner = self._orders()
        groups = _straight(self.latent, order)
        heads = groups
        if self.inner is not None:
            each = torch.stack([_straight(own, inner[k]) for k, own in enumerate(self.inner)])
            heads = (groups[:, None, :, None] * each[:, :, None, :]).reshape(self.site.heads, self.site.heads)
        many, few = (_whole(_wide(one, self.site.size)) for one in (heads, groups))
        return {"q": many, "k": few, "v": few, "o": many}

    def exact(self) -> SiteElement:
        """The orders."""
        return self.site.element(*self._orders())

    def _orders(self) -> tuple[Int[Tensor, " groups"], Int[Tensor, "groups queries"]]:
        order = assigned(self.latent)
        if self.inner is None:
            return order, torch.zeros(self.site.groups, 1, dtype=torch.long)
        return order, torch.stack([assigned(own) for own in self.inner])


def _start(count: int) -> Float[Tensor, "n n"]:
    return _LATENT * torch.eye(count, dtype=torch.float64)


def _straight(latent: Float[Tensor, "n n"], order: Int[Tensor, " n"]) -> Float[Tensor, "n n"]:
    """The matrix of an order, whose derivative is that of the latent matrix."""
    hard = nn.functional.one_hot(order, len(latent)).to(latent)
    return hard + latent - latent.detach()


def _wide(matrix: Float[Tensor, "n n"], size: int) -> Float[Tensor, "m m"]:
    """The matrix that moves blocks of a size as another moves numbers."""
    one = torch.eye(size, dtype=matrix.dtype)
    return (matrix[:, None, :, None] * one[None, :, None, :]).reshape(len(matrix) * size, -1)


def _whole(matrix: Float[Tensor, "n n"]) -> BlockMonomial:
    """A matrix as one block."""
    return BlockMonomial(torch.zeros(1, dtype=torch.long), matrix[None])
