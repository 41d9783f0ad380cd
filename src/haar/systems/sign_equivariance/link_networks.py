"""Networks that score pairs of nodes: by degrees, by eigenvectors up to signs, or by eigenvectors with their signs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.nn.spectral import (
    EigenvalueFilters,
    GraphConvolution,
    PairScore,
    PearlEncoding,
    SignDeepSets,
    SignNet,
    inner_score,
)

#: How each network is told of in tables.
LABELS = {
    "gcn": "GCN, constant input",
    "raw": "GCN on eigenvectors",
    "flips": "GCN, random flips",
    "canonical": "GCN, canonical signs",
    "spe": "eigenvalue filters (SPE)",
    "pearl": "PEARL, no eigenvectors",
    "signnet": "SignNet",
    "mlp": "MLP of products",
    "sign_eq": "sign equivariant",
}

#: Random signals of every forward pass, and features that come of them.
SIGNALS, ENCODED = 16, 24


@dataclass(frozen=True)
class LinkInput:
    """One graph, or several of one size side by side.

    Attributes:
        v: Eigenvectors in columns.
        edges: Both directions of every edge.
        eigenvalues: Eigenvalues of each graph.
        graphs: Number of graphs side by side.
        signals: Random signals in columns, for networks that see no eigenvectors.
    """

    v: Float[Tensor, "n k"]
    edges: Int[Tensor, "2 e"]
    eigenvalues: Float[Tensor, "graphs k"]
    graphs: int = 1
    signals: Float[Tensor, "n m"] | None = None

    def with_signals(self, kind: str, generator: torch.Generator) -> LinkInput:
        """With signals drawn anew, for the kind that sees them."""
        if kind != "pearl":
            return self
        drawn = torch.randn(len(self.v), SIGNALS, generator=generator, dtype=self.v.dtype)
        return replace(self, signals=drawn)

    @property
    def cloud(self) -> Int[Tensor, " n"]:
        """The number of the graph of every row."""
        return torch.arange(self.graphs).repeat_interleave(len(self.v) // self.graphs)


class GraphStack(nn.Module):
    """Graph convolutions with ReLU between them.

    Args:
        sizes: Features before and after each.
        generator: Source of the initial weights.
        dtype: Precision of the parameters.
    """

    def __init__(self, sizes: tuple[int, ...], *, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            GraphConvolution(before, after, generator=generator, dtype=dtype) for before, after in pairwise(sizes)
        )

    def forward(self, x: Float[Tensor, "n before"], edges: Int[Tensor, "2 e"]) -> Float[Tensor, "n after"]:
        """Apply them."""
        for number, layer in enumerate(self.layers):
            x = layer(x.relu() if number else x, edges)
        return x


class LinkNetwork(nn.Module):
    """An encoder of nodes and a score of pairs; about 25 000 parameters at k = 16.

    Args:
        kind: A key of `LABELS`.
        k: Number of eigenvectors.
        seed: Seed of the initial weights.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If the kind is unknown.

    Example:
        >>> sum(p.numel() for p in LinkNetwork("gcn", 16).parameters())
        25024
    """

    def __init__(self, kind: str, k: int, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        if kind not in LABELS:
            raise ArgumentError("kind", expected=f"one of {', '.join(LABELS)}", got=repr(kind))
        self.kind = kind
        generator = torch.Generator().manual_seed(seed)
        encoder: nn.Module = nn.Identity()
        if kind in ("gcn", "raw", "flips", "canonical"):
            first = 1 if kind == "gcn" else k
            encoder = GraphStack((first, 128, 128, 64), generator=generator, dtype=dtype)
        elif kind == "pearl":
            encoder = GraphStack((ENCODED, 128, 128, 32), generator=generator, dtype=dtype)
        elif kind == "signnet":
            encoder = SignNet(k, 64, generator=generator, dtype=dtype)
        elif kind == "spe":
            encoder = EigenvalueFilters(64, filters=8, hidden=64, generator=generator, dtype=dtype)
        elif kind == "sign_eq":
            encoder = SignDeepSets(k, generator=generator, dtype=dtype)
        self.encoder = encoder
        self.signals = PearlEncoding(ENCODED, generator=generator, dtype=dtype) if kind == "pearl" else None
        self.pair: nn.Module | None = PairScore(k, generator=generator, dtype=dtype) if kind == "mlp" else None

    def forward(self, given: LinkInput) -> Float[Tensor, "n f"]:
        """Features of every node."""
        if self.kind == "mlp":
            return given.v
        if self.kind == "gcn":
            y: Tensor = self.encoder(torch.ones_like(given.v[:, :1]), given.edges)
        elif self.signals is not None:
            if given.signals is None:
                raise ArgumentError("signals", expected="signals of every node", got="none")
            y = self.encoder(self.signals(given.signals, edges=given.edges), given.edges)
        elif self.kind in ("raw", "flips", "canonical"):
            y = self.encoder(given.v, given.edges)
        elif self.kind == "spe":
            y = self.encoder(given.v.unflatten(0, (given.graphs, -1)), given.eigenvalues).flatten(0, 1)
        else:
            y = self.encoder(given.v, edges=given.edges)
        return y

    def score(self, z: Float[Tensor, "n f"], pairs: Int[Tensor, "2 p"]) -> Float[Tensor, " p"]:
        """One score for every pair of nodes."""
        u, w = z[pairs[0]], z[pairs[1]]
        scores: Tensor = inner_score(u, w) if self.pair is None else self.pair(u, w)
        return scores
