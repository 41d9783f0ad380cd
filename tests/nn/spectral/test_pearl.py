"""Polynomial filters of node signals: by hand, renumbered, on graphs with a symmetry, with padding."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.nn.spectral import PearlEncoding

F64 = torch.float64
N = 5
#: A path of four nodes, with a fifth that hangs on the second; both directions.
HALF = torch.tensor([[0, 1, 2, 1], [1, 2, 3, 4]])
EDGES = torch.cat([HALF, HALF.flip(0)], 1)


def made(**options):
    return PearlEncoding(3, hidden=6, generator=torch.Generator().manual_seed(0), dtype=F64, **options)


def drawn(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def matrix(edges=EDGES, n=N):
    a = torch.zeros(n, n, dtype=F64)
    a[edges[1], edges[0]] = 1
    return a


def test_features_are_those_of_chebyshev_polynomials_signal_by_signal():
    net, w = made(filters=4), drawn(N, 2)
    a = matrix()
    root = a.sum(-1).rsqrt().diag()
    s = root @ a @ root
    values, vectors = torch.linalg.eigh(s)
    rows = []
    for i in range(N):
        seen = 0
        for signal in w.T:
            taps = [(vectors * torch.cos(k * torch.acos(values.clamp(-1, 1)))) @ vectors.T @ signal for k in range(4)]
            seen = seen + net.phi(torch.stack([tap[i] for tap in taps])) / 2
        rows.append(net.rho(seen))
    assert torch.allclose(net(w, edges=EDGES), torch.stack(rows), rtol=0, atol=1e-10)
    assert torch.allclose(net(w, adjacency=a), torch.stack(rows), rtol=0, atol=1e-10)


def test_features_follow_the_nodes_and_cannot_tell_mirrored_ones_apart():
    net, order = made(), torch.tensor([3, 0, 4, 1, 2])
    z = net(torch.eye(N, dtype=F64), edges=EDGES).detach()
    moved = net(torch.eye(N, dtype=F64), edges=order[EDGES])
    assert torch.allclose(moved[order], z, rtol=0, atol=1e-12)
    assert torch.allclose(z[0], z[4], rtol=0, atol=1e-12)  # both hang on the second node alone
    assert float((z[0] - z[3]).abs().max()) > 1e-4


def test_padding_and_batches_change_nothing():
    net, w = made(), drawn(2, N, 3)
    alone = net(w[1], adjacency=matrix())
    padded = torch.full((2, N + 2, 3), torch.nan, dtype=F64)
    padded[:, :N] = w
    weights = torch.full((2, N + 2, N + 2), torch.nan, dtype=F64)
    weights[:, :N, :N] = matrix()
    mask = torch.arange(N + 2).expand(2, -1) < N
    z = net(padded, adjacency=weights, mask=mask)
    assert torch.allclose(z[1, :N], alone, rtol=0, atol=1e-12)
    assert not z[:, N:].any()


def test_a_node_without_neighbours_hears_itself_alone():
    net, w = made(filters=3), drawn(2, 1)
    seen = torch.tensor([[w[0, 0], 0.0, -w[0, 0]], [w[1, 0], 0.0, -w[1, 0]]], dtype=F64)  # T_0, T_1, T_2 at 0
    expected = net.rho(net.phi(seen))
    assert torch.allclose(net(w, adjacency=torch.zeros(2, 2, dtype=F64)), expected, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, ArgumentError, "edges: expected edges or adjacency, got neither"),
        ({"edges": EDGES, "adjacency": matrix()}, ArgumentError, "edges: expected edges or adjacency, got both"),
        ({"adjacency": torch.ones(2, 2, dtype=F64)}, ShapeError, "adjacency: expected"),
        ({"edges": EDGES + 1}, ArgumentError, "edges: expected rows from 0 to 4, got 5"),
    ],
)
def test_graphs_that_do_not_fit_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        made()(drawn(N, 2), **given)
