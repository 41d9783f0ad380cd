"""Networks that tell communities from one named node of each, with eigenvectors as positions or without."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.nn.spectral import EigenvalueFilters, Perceptron, SignDeepSets, SignNet, neighbour_mean

#: How each network is told of in tables.
LABELS = {
    "none": "no positions",
    "flips": "eigenvectors, random flips",
    "canonical": "eigenvectors, canonical signs",
    "spe": "eigenvalue filters (SPE)",
    "signnet": "SignNet",
    "sign_eq": "sign equivariant",
}
INVARIANT = {"signnet", "spe"}


class CommunityNetwork(nn.Module):
    """Graph layers on node features, and scores by comparison with the named nodes.

    All kinds have the same graph layers, the same scores of a node's state and the same comparison of it with the state
    of each named node; the sign-equivariant one also compares columns, entry by entry.

    Args:
        kind: A key of `LABELS`.
        k: Number of eigenvectors.
        communities: Their number.
        width: Features of the graph layers.
        layers: Their number.
        seed: Of the initial weights.

    Raises:
        ArgumentError: If the kind is unknown.

    Example:
        >>> network = CommunityNetwork("sign_eq", 4, communities=2, width=8, layers=1)
        >>> features = torch.tensor([[1, 0, 2]])
        >>> given = {"adjacency": torch.ones(1, 3, 3), "eigenvalues": torch.ones(1, 4), "mask": features >= 0}
        >>> network(torch.randn(1, 3, 4), features, **given).shape
        torch.Size([1, 3, 2])
    """

    def __init__(
        self, kind: str, k: int, *, communities: int = 6, width: int = 48, layers: int = 4, seed: int = 0
    ) -> None:
        super().__init__()
        if kind not in LABELS:
            raise ArgumentError("kind", expected=f"one of {', '.join(LABELS)}", got=repr(kind))
        self.kind, self.communities = kind, communities
        generator = torch.Generator().manual_seed(seed)
        self.enter = Perceptron((communities + 1, width), generator=generator)
        self.position: nn.Module | None = None
        if kind == "signnet":
            self.position = SignNet(k, width, hidden=width, on="set", generator=generator)
        elif kind == "spe":
            self.position = EigenvalueFilters(width, filters=4, hidden=16, generator=generator)
        elif kind in ("flips", "canonical"):
            self.position = Perceptron((k, width), generator=generator)
        self.layers = nn.ModuleList(Perceptron((2 * width, width), generator=generator) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.direct = Perceptron((width, width, communities), generator=generator)
        self.compare = Perceptron((width, width, 1), generator=generator)
        self.columns: SignDeepSets | None = None
        if kind == "sign_eq":
            self.columns = SignDeepSets(k, layers=2, hidden=width, norm="rms", extra=width, generator=generator)
            self.compare_columns = Perceptron((k + 1, width, 1), generator=generator)

    def forward(
        self,
        v: Float[Tensor, "batch n k"],
        features: Int[Tensor, "batch n"],
        *,
        adjacency: Float[Tensor, "batch n n"],
        eigenvalues: Float[Tensor, "batch k"],
        mask: Bool[Tensor, "batch n"],
    ) -> Float[Tensor, "batch n communities"]:
        """Scores of every node for every community."""
        one_hot = nn.functional.one_hot(features, self.communities + 1).to(v.dtype)
        h = self.enter(one_hot)
        if self.kind == "spe" and self.position is not None:
            h = h + self.position(v, eigenvalues, mask=mask)
        elif self.kind == "signnet" and self.position is not None:
            h = h + self.position(v, mask=mask)
        elif self.position is not None:
            h = h + self.position(v)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            around = neighbour_mean(h, adjacency=adjacency)
            h = h + norm(layer(torch.cat([h, around], -1))).relu()
        named = one_hot[..., 1:].transpose(-1, -2)  # (batch, communities, n): which node names which community
        compared = self.compare(h.unsqueeze(-2) * (named @ h).unsqueeze(-3)).squeeze(-1)
        scores: Tensor = self.direct(h) + compared
        if self.columns is not None:
            z = self.columns(v, adjacency=adjacency, mask=mask, extra=h)
            products = z.unsqueeze(-2) * (named @ z).unsqueeze(-3)
            seen = torch.cat([products, products.sum(-1, keepdim=True)], -1)
            scores = scores + self.compare_columns(seen).squeeze(-1)
        return scores
