"""Networks of PyTorch Geometric on batches of one graph: messages, attention on edges, masks of dense batches."""

from __future__ import annotations

import pytest
import torch
from promises import is_averaged, is_followed, is_relaxed_as_a_whole, is_relaxed_by_weights, is_sampled_plainly, made
from torch import nn

from haar.actions import Regular, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.relax import homotopise

geometric = pytest.importorskip("torch_geometric.nn", reason="these tests need PyTorch Geometric, extra graphs")
pytestmark = pytest.mark.referee

C4 = cyclic(4)
#: Every node carries two functions on the group.
NODES = Symmetry(C4, Vector(2 * Regular(C4)), Vector(2 * Regular(C4)))
RING = torch.arange(5)
EDGES = torch.stack([torch.cat([RING, (RING + 1) % 5]), torch.cat([(RING + 1) % 5, RING])])


class OnGraphs(nn.Module):
    """A network on the disjoint union of a batch of graphs, as the package has it."""

    def __init__(self, net, *, batched=False):
        super().__init__()
        self.net, self.batched = net, batched
        self.register_buffer("edges", EDGES)

    def forward(self, x):
        count, nodes, width = x.shape
        first = nodes * torch.arange(count)
        edges = self.edges.repeat(1, count) + first.repeat_interleave(self.edges.shape[1])
        which = (torch.arange(count).repeat_interleave(nodes),) if self.batched else ()
        return self.net(x.reshape(count * nodes, width), edges, *which).reshape(count, nodes, -1)


def gcn():
    """Messages summed by the normalised adjacency."""
    return made(lambda: OnGraphs(geometric.GCN(8, 12, 2, 8)), 3, 5, 8)


def gat():
    """Attention over the edges of a node: a softmax of scattered numbers."""
    return made(lambda: OnGraphs(geometric.GAT(8, 12, 2, 8, heads=2)), 3, 5, 8)


def gps():
    """Messages and attention within each graph, by masks whose size depends on the numbers of nodes."""

    def make():
        return OnGraphs(
            geometric.GPSConv(8, geometric.GINConv(nn.Linear(8, 8)), heads=2, norm="layer_norm"), batched=True
        )

    return made(make, 3, 5, 8)


def test_convolutions():
    model, x = gcn()
    is_averaged(model, NODES, x)
    is_relaxed_as_a_whole(model, NODES, x)
    assert len(is_relaxed_by_weights(model, NODES, x).layers) == 4
    assert is_followed(model, x).exact


def test_attention_on_edges():
    model, x = gat()
    is_averaged(model, NODES, x)
    is_relaxed_as_a_whole(model, NODES, x)
    is_relaxed_by_weights(model, NODES, x)
    is_sampled_plainly(model, x, stops_at=r"got GATConv \('net.convs.0'\)")


def test_attention_within_graphs():
    model, x = gps()
    is_averaged(model, NODES, x)
    is_relaxed_as_a_whole(model, NODES, x)
    with pytest.raises(ArgumentError, match=r"a number taken from a tensor's values \(in 'net'\)"):
        homotopise(model, NODES, example=x)
    is_sampled_plainly(model, x, stops_at=r"got GPSConv \('net'\)")
