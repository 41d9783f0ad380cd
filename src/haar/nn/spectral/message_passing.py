"""Messages between points whose features have channels for every column."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from haar.constants import HostBuilt
from haar.errors import ShapeError, check_count
from haar.nn.drawn import draw_by_size
from haar.nn.precision import wide_dtype
from haar.nn.spectral.columns import Columns, Spaces
from haar.nn.spectral.given import check_columns, check_edges, check_mask, spreads
from haar.nn.spectral.perceptron import Perceptron, linear, uniform


class Pairs:
    """Which points speak to which: all pairs of a cloud, or the edges of a graph.

    Args:
        x: Any tensor of the points, ``(*batch, n, k)``.
        edges: From row 0 to row 1; None for all pairs.
        mask: Which rows hold a point.

    Raises:
        ShapeError: If edges are given together with a batch axis.
    """

    def __init__(self, x: Tensor, edges: Int[Tensor, "2 e"] | None, mask: Bool[Tensor, "*batch n"] | None) -> None:
        self.edges, n = edges, x.shape[-2]
        if edges is not None:
            if x.ndim != 2:
                raise ShapeError("edges", expected="points (n, k) without a batch axis", got=tuple(x.shape))
            check_edges(edges, n)
            wide = x.to(wide_dtype(x.dtype))
            count = wide.new_zeros(n).index_add(0, edges[1], wide.new_ones(edges.shape[1]))
            self.weight = 1 / count.clamp(min=1)[edges[1]]
            self.open = torch.ones_like(self.weight, dtype=torch.bool)
            return
        others = ~torch.eye(n, dtype=torch.bool, device=x.device)
        self.open = others if mask is None else others & mask.unsqueeze(-1) & mask.unsqueeze(-2)
        self.weight = self.open.to(wide_dtype(x.dtype)) / self.open.sum(-1, keepdim=True).clamp(min=1)

    def add(self, to: Tensor, source: Tensor, axis: int) -> Tensor:
        """The feature of the receiver plus that of the sender, for every pair; `axis` is that of the points."""
        if self.edges is None:
            return to.unsqueeze(axis) + source.unsqueeze(axis - 1)
        return to[self.edges[1]] + source[self.edges[0]]

    def mean(self, messages: Tensor, n: int) -> Tensor:
        """The mean of what every point receives; 0 where it receives nothing."""
        weighted = messages * self.weight[..., None, None]
        if self.edges is None:
            return weighted.sum(-3).to(messages.dtype)
        summed = weighted.new_zeros(n, *messages.shape[1:]).index_add(0, self.edges[1], weighted)
        return summed.to(messages.dtype)

    def spaces(self, spaces: Spaces | None, rows: int) -> Spaces | None:
        """The eigenspaces of every pair: those of the receiver, where they are given for every row."""
        if spaces is None or spaces.ndim <= rows - 1:
            return spaces
        return spaces.unsqueeze(-2) if self.edges is None else spaces[self.edges[1]]


class _Message(HostBuilt, nn.Module):
    """One round: z_i += mean_j p_ij g(|p_ij|, invariants) W, then z_i += z_i MLP(|z_i|, invariants)."""

    def __init__(
        self,
        k: int,
        *,
        channels: int,
        hidden: int,
        nodes: int,
        pairs: int,
        generator: torch.Generator | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.mix = uniform(2, channels, channels, generator=generator, dtype=dtype)
        width = k * channels
        sizes = (width + pairs, hidden, hidden, width)
        self.gate = Perceptron(sizes, generator=generator, dtype=dtype)
        self.up = linear(channels, channels, bias=False, generator=generator, dtype=dtype)
        self.stretch = Perceptron((width + nodes, hidden, width), generator=generator, dtype=dtype)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw this module's own parameters."""
        draw_by_size(self.mix, generator=generator)

    def forward(self, z: Tensor, columns: Columns, pair_columns: Columns, pairs: Pairs, *extra: Tensor) -> Tensor:
        node_extra, pair_extra = extra
        p = pairs.add(z @ self.mix[0], z @ self.mix[1], -3)
        sizes = torch.cat([pair_columns.size(p).flatten(-2), pair_extra], -1)
        gates: Tensor = self.gate(sizes).unflatten(-1, p.shape[-2:])
        z = z + self.up(pairs.mean(p * pair_columns.share(gates), z.shape[-3]))
        sizes = torch.cat([columns.size(z).flatten(-2), node_extra], -1)
        return z + z * columns.share(self.stretch(sizes).unflatten(-1, z.shape[-2:]))


@dataclass(frozen=True)
class InvariantFeatures:
    """What is told beside the columns.

    Args:
        nodes: Invariant features of every point, such as charges.
        pairs: Invariant features of every pair, such as products of charges.
        distances: Whether pairs see the squared distance in the first input.

    Raises:
        ArgumentError: If a number is negative.
    """

    nodes: int = 0
    pairs: int = 0
    distances: bool = True

    def __post_init__(self) -> None:
        check_count("nodes", self.nodes, least=0)
        check_count("pairs", self.pairs, least=0)


class SignMessagePassing(HostBuilt, nn.Module):
    """Messages p_ij g_ij: p_ij is a channel mix of both points, g_ij a network of |p_ij| and invariants of the pair.

    Features have `channels` for every column; mixing acts on channels and is shared by all columns, without bias. Works
    on clouds of any size (all pairs, with a mask) and on graphs (edges). With `spaces` equivariant under O(m)
    of every eigenspace: with all columns in one space it is a network of vectors that is equivariant under O(k).

    Source: arXiv 2312.02339 announces such a network; this form is ours.

    Args:
        k: Number of columns, the dimension of a cloud.
        inputs: Number of column-valued inputs: 1 for positions, 2 for positions and velocities.
        outputs: Number of column-valued outputs.
        channels: Channels of every column.
        hidden: Hidden features of all networks of invariants.
        layers: Rounds of messages.
        invariants: Number of invariant features points and pairs have.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If a size is not positive.

    Example:
        >>> net = SignMessagePassing(3, inputs=2, invariants=InvariantFeatures(nodes=1, pairs=1))
        >>> x, v, q = torch.randn(4, 5, 3), torch.randn(4, 5, 3), torch.ones(4, 5, 1)
        >>> net(x, v, nodes=q, pairs=q.unsqueeze(-2) * q.unsqueeze(-3)).shape
        torch.Size([4, 5, 3])
        >>> sum(p.numel() for p in net.parameters())
        32616
    """

    def __init__(
        self,
        k: int,
        *,
        inputs: int = 1,
        outputs: int = 1,
        channels: int = 8,
        hidden: int = 64,
        layers: int = 3,
        invariants: InvariantFeatures | None = None,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        least = {"k": k, "inputs": inputs, "outputs": outputs, "channels": channels, "hidden": hidden, "layers": layers}
        for name, value in least.items():
            check_count(name, value)
        self.k, self.inputs, self.outputs = k, inputs, outputs
        self.invariants = told = InvariantFeatures() if invariants is None else invariants
        self.enter = linear(inputs, channels, bias=False, generator=generator, dtype=dtype)
        self.leave = linear(channels, outputs, bias=False, generator=generator, dtype=dtype)
        self.rounds = nn.ModuleList(
            _Message(
                k,
                channels=channels,
                hidden=hidden,
                nodes=told.nodes,
                pairs=told.pairs + told.distances,
                generator=generator,
                dtype=dtype,
            )
            for _ in range(layers)
        )

    def forward(
        self,
        *columns: Float[Tensor, "*batch n k"],
        nodes: Float[Tensor, "*batch n a"] | None = None,
        pairs: Tensor | None = None,
        edges: Int[Tensor, "2 e"] | None = None,
        mask: Bool[Tensor, "*batch n"] | None = None,
        spaces: Spaces | None = None,
    ) -> Tensor | tuple[Tensor, ...]:
        """Apply the network.

        Args:
            columns: The inputs, each ``(*batch, n, k)``; distances are those of the first.
            nodes: Invariant features of every point.
            pairs: Invariant features of every pair ``(*batch, n, n, b)`` (receiver first), or of every edge ``(e, b)``.
            edges: Edges from row 0 to row 1; by default all pairs of different points of a cloud speak.
            mask: Which rows hold a point; the others come out as 0.
            spaces: Number of the eigenspace of each column, for every cloud or every row.

        Returns:
            One tensor ``(*batch, n, k)``, or a tuple of as many as `outputs`.

        Raises:
            ShapeError: If something does not fit.
        """
        if len(columns) != self.inputs:
            raise ShapeError("columns", expected=f"{self.inputs} tensors (*batch, n, {self.k})", got=len(columns))
        for number, x in enumerate(columns):
            check_columns(x, self.k, f"columns[{number}]", dtype=self.enter.weight.dtype)
            if x.shape != columns[0].shape:
                raise ShapeError(f"columns[{number}]", expected=f"{tuple(columns[0].shape)}", got=tuple(x.shape))
        first = columns[0]
        check_mask(mask, first)
        pairing = Pairs(first, edges, mask)
        z = torch.stack(columns, -1)
        if mask is not None:
            z = torch.where(mask[..., None, None], z, 0)
        around = pairing.add(-z[..., 0], z[..., 0], -2)
        own = Columns(self.k, spaces, before=first.shape[:-1], dtype=z.dtype)
        both = Columns(self.k, pairing.spaces(spaces, first.ndim), before=around.shape[:-1], dtype=z.dtype)
        node_extra = _features("nodes", nodes, (*first.shape[:-1], self.invariants.nodes), first, mask)
        pair_extra = _features("pairs", pairs, (*around.shape[:-1], self.invariants.pairs), first, pairing.open)
        if self.invariants.distances:
            pair_extra = torch.cat([around.square().sum(-1, keepdim=True), pair_extra], -1)
        z = self.enter(z)
        for message in self.rounds:
            z = message(z, own, both, pairing, node_extra, pair_extra)
        y: Tensor = self.leave(z)
        if mask is not None:
            y = torch.where(mask[..., None, None], y, 0)
        return y.squeeze(-1) if self.outputs == 1 else y.unbind(-1)


def _features(name: str, value: Tensor | None, shape: tuple[int, ...], like: Tensor, there: Tensor | None) -> Tensor:
    """Features of everything that is there, 0 elsewhere."""
    if value is None and shape[-1] == 0:
        return like.new_zeros(shape)
    if value is None or value.shape[-1:] != shape[-1:] or not spreads(value.shape[:-1], shape[:-1]):
        got = "none" if value is None else tuple(value.shape)
        raise ShapeError(name, expected=f"invariant features {shape}", got=got)
    return value.expand(shape) if there is None else torch.where(there.unsqueeze(-1), value, 0).expand(shape)
