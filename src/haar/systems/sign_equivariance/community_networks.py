"""Networks that tell nodes of a graph apart, with eigenvectors as positions or without."""

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
    """Graph layers on node features, and scores of every node for every class.

    All kinds have the same graph layers and the same scores of a node's state. Where one node of each class is named,
    all compare it with the state of each named node, and the sign-equivariant one also compares columns, entry by
    entry; where none is, all see degrees, and the sign-equivariant one compares columns with those around.

    Args:
        kind: A key of `LABELS`.
        k: Number of eigenvectors.
        communities: Number of classes.
        values: Number of values of the node feature, from 0; by default the feature is the number of the class that a
            node names, from 1, and 0 for all others.
        width: Features of the graph layers.
        layers: Number of layers.
        seed: Seed of the initial weights.

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
        self,
        kind: str,
        k: int,
        *,
        communities: int = 6,
        values: int | None = None,
        width: int = 48,
        layers: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if kind not in LABELS:
            raise ArgumentError("kind", expected=f"one of {', '.join(LABELS)}", got=repr(kind))
        self.kind, self.named = kind, values is None
        self.values = communities + 1 if values is None else values
        generator = torch.Generator().manual_seed(seed)
        self.enter = Perceptron((self.values + (not self.named), width), generator=generator)
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
        self.compare = Perceptron((width, width, 1), generator=generator) if self.named else None
        self.columns: SignDeepSets | None = None
        if kind == "sign_eq":
            self.columns = SignDeepSets(k, layers=2, hidden=width, norm="rms", extra=width, generator=generator)
            self.compare_columns = Perceptron((k + 1, width, 1 if self.named else communities), generator=generator)

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
        one_hot = nn.functional.one_hot(features, self.values).to(v.dtype)
        seen = one_hot
        if not self.named:  # means over neighbours do not see how many there are
            nodes = mask.sum(-1).clamp(min=1)[..., None, None]
            seen = torch.cat([one_hot, adjacency.sum(-1, keepdim=True) / nodes], -1)
        h = self.enter(seen)
        if self.kind == "spe" and self.position is not None:
            h = h + self.position(v, eigenvalues, mask=mask)
        elif self.kind == "signnet" and self.position is not None:
            h = h + self.position(v, mask=mask)
        elif self.position is not None:
            h = h + self.position(v)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            around = neighbour_mean(h, adjacency=adjacency)
            h = h + norm(layer(torch.cat([h, around], -1))).relu()
        scores: Tensor = self.direct(h)
        named = one_hot[..., 1:].transpose(-1, -2)  # (batch, communities, n): which node names which community
        if self.compare is not None:
            scores = scores + self.compare(h.unsqueeze(-2) * (named @ h).unsqueeze(-3)).squeeze(-1)
        if self.columns is None:
            return scores
        z = self.columns(v, adjacency=adjacency, mask=mask, extra=h)
        if self.named:
            products = z.unsqueeze(-2) * (named @ z).unsqueeze(-3)
        else:
            products = z * neighbour_mean(z, adjacency=adjacency)
        compared: Tensor = self.compare_columns(torch.cat([products, products.sum(-1, keepdim=True)], -1))
        return scores + (compared.squeeze(-1) if self.named else compared)
