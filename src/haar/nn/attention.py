"""Self-attention over tokens that a group permutes, with a bias shared along orbits of pairs of tokens."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry, Vector
from haar.actions.representation import Representation
from haar.errors import ArgumentError, ShapeError
from haar.groups import Subgroup
from haar.intertwiners import pair_orbits
from haar.nn.drawn import Projection, linear_of
from haar.nn.module import EquivariantModule
from haar.nn.pointwise import check_permutation
from haar.nn.precision import check_numbers


class SelfAttention(EquivariantModule):
    """Multi-head self-attention on ``(*batch, tokens, features)``; the group permutes the tokens.

    Attention without positions commutes with every permutation. A bias added to the scores may know as much of the
    positions as the group leaves: one number for each head and each orbit of pairs (query, key). For all of S_n these
    are two orbits (itself, another); for shifts of a grid one for every displacement, the relative positions of vision
    transformers.

    Args:
        rep: Permutation representation on the tokens.
        features: Features of a token.
        heads: Number of heads, a divisor of `features`.
        orbit_bias: Whether to learn the bias (0 at the start).
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If the representation is not of permutation type, or the heads do not divide the features.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import symmetric
        >>> layer = SelfAttention(Defining(symmetric(5)), 8, heads=2)
        >>> layer.bias.shape, layer(torch.randn(3, 5, 8)).shape
        (torch.Size([2, 2]), torch.Size([3, 5, 8]))
    """

    def __init__(
        self,
        rep: Representation,
        features: int,
        *,
        heads: int = 1,
        orbit_bias: bool = True,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_permutation(rep, "attention over tokens")
        if heads < 1 or features % heads:
            raise ArgumentError("heads", expected=f"a divisor of {features} features", got=heads)
        self.rep_in = self.rep_out = rep
        self.features, self.heads = features, heads
        self.qkv = linear_of(Projection, features, 3 * features, generator=generator, dtype=dtype)
        self.out = linear_of(Projection, features, features, generator=generator, dtype=dtype)
        self.bias: nn.Parameter | None = None
        if orbit_bias:
            self._set_orbits(rep)
            self.bias = nn.Parameter(torch.empty(heads, self.orbits, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The bias at 0; the projections have laws of their own."""
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @property
    def symmetry(self) -> Symmetry:
        """Tokens stand on the axis before the last."""
        return Symmetry(self.rep_in.group, Vector(self.rep_in, axis=-2), Vector(self.rep_out, axis=-2))

    def forward(self, x: Float[Tensor, "*batch tokens features"]) -> Float[Tensor, "*batch tokens features"]:
        """Attend.

        Raises:
            ShapeError: If tokens or features do not fit.
        """
        if x.ndim < 2 or x.shape[-2:] != (self.rep_in.dim, self.features):
            raise ShapeError(
                "x",
                expected=f"(*batch, {self.rep_in.dim} tokens, {self.features} features)",
                got=tuple(x.shape),
            )
        check_numbers(x)
        split: Tensor = self.qkv(x)
        q, k, v = split.unflatten(-1, (3, self.heads, -1)).movedim(-3, 0).transpose(-2, -3)
        mask = None if self.bias is None else self.bias[:, self.orbit_of].to(q.dtype)
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out: Tensor = self.out(y.transpose(-2, -3).flatten(-2))
        return out

    def restrict(self, subgroup: Subgroup) -> SelfAttention:
        """The same map with a bias for every orbit of the subgroup on pairs of tokens.

        Raises:
            ArgumentError: If it is no subgroup of the module's group object.
        """
        looser = copy.deepcopy(self)
        looser.restrict_parts(subgroup)
        if self.bias is not None:
            looser._set_orbits(looser.rep_in)  # noqa: SLF001 (its own kind)
            first = torch.empty(looser.orbits, dtype=torch.int64, device=self.orbit_of.device)
            first[looser.orbit_of.to(first.device).flatten()] = self.orbit_of.flatten()
            looser.orbit_of = looser.orbit_of.to(first.device)
            looser.bias = nn.Parameter(self.bias.detach()[:, first], requires_grad=self.bias.requires_grad)
        return looser

    def _set_orbits(self, rep: Representation) -> None:
        found = pair_orbits(rep, rep)
        self.orbits = found.count
        self.register_constant("orbit_of", found.label.to(torch.int64), torch.int64)
        self.orbit_of: Tensor
