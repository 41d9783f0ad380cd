"""Networks that tell nodes of a graph apart, with eigenvectors as positions or without."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.nn.spectral import EigenvalueFilters, PearlEncoding, Perceptron, SignDeepSets, SignNet, neighbour_mean

#: How each network is told of in tables.
LABELS = {
    "none": "no positions",
    "flips": "eigenvectors, random flips",
    "canonical": "eigenvectors, canonical signs",
    "spe": "eigenvalue filters (SPE)",
    "pearl": "PEARL, no eigenvectors",
    "signnet": "SignNet",
    "sign_eq": "sign equivariant",
}
#: Random signals of every forward pass, for the kind that sees them.
SIGNALS = 16
#: Added to variances.
SMALLEST_VARIANCE = 1e-5


class GraphNorm(nn.Module):
    """Every feature less its mean over the graph's nodes, by its deviation: what the few named nodes say stands out.

    Source: Cai et al. arXiv 2009.03294, section 3.1, without the learned share of the mean.

    Args:
        width: Number of features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(
        self, x: Float[Tensor, "batch n width"], mask: Bool[Tensor, "batch n"]
    ) -> Float[Tensor, "batch n width"]:
        """Normalise; rows without a node are left out and come out as 0."""
        there = mask.unsqueeze(-1)
        nodes = there.sum(-2, keepdim=True).clamp(min=1)
        centred = (x - (x * there).sum(-2, keepdim=True) / nodes) * there
        deviation = (centred.square().sum(-2, keepdim=True) / nodes + SMALLEST_VARIANCE).sqrt()
        return (self.scale * centred / deviation + self.shift) * there


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
            self.position = SignNet(k, width, hidden=width, generator=generator)
        elif kind == "spe":
            self.position = EigenvalueFilters(width, filters=4, hidden=16, generator=generator)
        elif kind == "pearl":
            self.position = PearlEncoding(width, generator=generator)
        elif kind in ("flips", "canonical"):
            self.position = Perceptron((k, width), generator=generator)
        self.layers = nn.ModuleList(Perceptron((2 * width, width), generator=generator) for _ in range(layers))
        self.norms = nn.ModuleList(GraphNorm(width) for _ in range(layers))
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
        signals: Float[Tensor, "batch n m"] | None = None,
    ) -> Float[Tensor, "batch n communities"]:
        """Scores of every node for every community; `signals` are for the kind that sees no eigenvectors."""
        one_hot = nn.functional.one_hot(features, self.values).to(v.dtype)
        seen = one_hot
        if not self.named:  # means over neighbours do not see how many there are
            nodes = mask.sum(-1).clamp(min=1)[..., None, None]
            seen = torch.cat([one_hot, adjacency.sum(-1, keepdim=True) / nodes], -1)
        h = self.enter(seen)
        if self.position is not None:
            h = h + self._placed(
                self.position, v, adjacency=adjacency, eigenvalues=eigenvalues, mask=mask, signals=signals
            )
        for layer, norm in zip(self.layers, self.norms, strict=True):
            around = neighbour_mean(h, adjacency=adjacency)
            h = h + norm(layer(torch.cat([h, around], -1)), mask).relu()
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

    def _placed(
        self,
        position: nn.Module,
        v: Tensor,
        *,
        adjacency: Tensor,
        eigenvalues: Tensor,
        mask: Tensor,
        signals: Tensor | None,
    ) -> Tensor:
        """Features of where a node is."""
        y: Tensor
        if self.kind == "spe":
            y = position(v, eigenvalues, mask=mask)
        elif self.kind == "pearl":
            if signals is None:
                raise ArgumentError("signals", expected="signals of every node", got="none")
            y = position(signals, adjacency=adjacency, mask=mask)
        elif self.kind == "signnet":  # its graph layers take the graphs side by side
            graph, i, j = adjacency.nonzero(as_tuple=True)
            n = v.shape[-2]
            side_by_side = position(v.flatten(0, 1), edges=torch.stack([graph * n + j, graph * n + i]))
            y = side_by_side.unflatten(0, v.shape[:2]) * mask.unsqueeze(-1)
        else:
            y = position(v)
        return y
