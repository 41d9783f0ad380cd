"""Cumulants in factors on orbits: what the dense matrices say, block by block."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, NotEquivariantError
from haar.moments import Exchangeable, Gaussian, Independent, NodeOrbits, Orbit, propagate, propagate_on_orbits
from haar.moments.laws import Exponential, Laplace, Rademacher
from haar.moments.orbit_factored import OrbitEntries

ORDERS = ["2+", 3]


class Layer(nn.Module):
    """A layer of a graph network, with a skip where the widths allow it."""

    def __init__(self, adjacency, inputs, outputs):
        super().__init__()
        self.register_buffer("adjacency", adjacency)
        self.own, self.near = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs, bias=False)

    def forward(self, x):
        made = torch.relu(self.own(x) + self.near(self.adjacency @ x))
        return x + made if x.shape[-1] == made.shape[-1] else made


class Readout(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(inputs, 4), nn.Tanh(), nn.Linear(4, 2))

    def forward(self, x):
        return self.head(x.sum(1))


def ring(n):
    return sum(torch.eye(n, dtype=torch.float64).roll(shift, 0) for shift in (1, -1))


def star(leaves):
    """One hub: two orbits of nodes."""
    found = torch.zeros(leaves + 1, leaves + 1, dtype=torch.float64)
    found[0, 1:] = found[1:, 0] = 1.0
    return found


STAR = NodeOrbits([[0, 2, 3, 4, 1], [0, 2, 1, 3, 4]])
GRAPHS = {"ring": (ring(6), NodeOrbits.ring(6)), "star": (star(4), STAR)}


def network(adjacency, *, readout):
    torch.manual_seed(2)
    layers = [Layer(adjacency, 2, 3), Layer(adjacency, 3, 3)]
    return nn.Sequential(*layers, *([Readout(3)] if readout else [])).double()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("readout", [False, True])
def test_blocks_are_those_of_the_dense_matrices(graph, order, readout):
    adjacency, orbits = GRAPHS[graph]
    n, model = adjacency.shape[0], network(adjacency, readout=readout)
    law = Gaussian(torch.zeros(2 * n), torch.tensor([0.5, 1.0]).repeat(n))
    dense = propagate(model, law, order=order, backend="factored", input_shape=(n, 2))
    found = propagate(model, law, order=order, backend=Orbit(orbits))
    assert found.order == order
    torch.testing.assert_close(found.mean, dense.mean, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found.cov, dense.cov, rtol=1e-10, atol=1e-10)
    if readout:
        torch.testing.assert_close(found.skewness, dense.skewness, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_independent_inputs_bring_their_third_and_fourth_cumulants(order):
    model = network(ring(6), readout=True)
    law = Independent([Exponential(), Laplace()] * 6)
    dense = propagate(model, law, order=order, backend="factored", input_shape=(6, 2))
    found = propagate(model, law, order=order, backend=Orbit(NodeOrbits.ring(6)))
    torch.testing.assert_close(found.mean, dense.mean, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found.cov, dense.cov, rtol=1e-10, atol=1e-10)


def test_a_thousand_exchangeable_nodes_are_two_blocks():
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.own, self.near = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return torch.tanh(self.own(x) + self.near(x.mean(1, keepdim=True)))

    torch.manual_seed(0)
    model = nn.Sequential(Mean(), Mean())
    law = Exchangeable(1000, torch.zeros(2), torch.eye(2), 0.3 * torch.eye(2))
    found = propagate_on_orbits(model, law, NodeOrbits.complete(1000), features=2, order="2+")
    assert found.blocks.shape == (2, 2, 2)
    assert found.order == "2+"
    with torch.no_grad():
        y = model(law.sample(300, torch.Generator().manual_seed(0)).reshape(300, 1000, 2).float())
    cov = torch.cov(y[:, 0].mT).double()
    torch.testing.assert_close(found.block(0, 0).detach(), cov, rtol=0.35, atol=0.05)


def test_the_operations_are_those_of_matrices():
    orbits = STAR
    e = OrbitEntries(orbits)
    x, y = (torch.randn(orbits.pair_count, 2, 2, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    v = torch.randn(2, 2, generator=torch.Generator().manual_seed(2))
    whole, other = orbits.dense(x), orbits.dense(y)
    vector = v[orbits.node_label].reshape(-1)
    torch.testing.assert_close(orbits.dense(e.product(x, y)), whole @ other, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(orbits.dense(e.transpose(x)), whole.mT)
    torch.testing.assert_close(orbits.dense(x * e.rows(v)), whole * vector[:, None])
    torch.testing.assert_close(orbits.dense(x * e.columns(v)), whole * vector)
    torch.testing.assert_close(orbits.dense(e.with_diagonal(x, v)), torch.diagonal_scatter(whole, vector))
    torch.testing.assert_close(e.diagonal(x)[orbits.node_label].reshape(-1), whole.diagonal())
    torch.testing.assert_close(orbits.dense(e.identity(v)), torch.eye(10))


def test_what_does_not_fit_is_refused():
    model, law = network(ring(6), readout=False), Gaussian(torch.zeros(12))
    with pytest.raises(ArgumentError, match=r"order: expected 2, '2\+' or 3 with backend='orbit', got 4"):
        propagate(model, law, order=4, backend=Orbit(NodeOrbits.ring(6)))
    # equal variances, other fourth cumulants
    uneven = Independent([Rademacher(), Rademacher(), *([Laplace()] * 10)])

    with pytest.raises(NotEquivariantError, match="higher cumulants are not invariant"):
        propagate(model, uneven, order="2+", backend=Orbit(NodeOrbits.ring(6)))
    dropped = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    with pytest.raises(ArgumentError, match="use order 2"):
        propagate(dropped, law, order="2+", backend=Orbit(NodeOrbits.ring(6)))
