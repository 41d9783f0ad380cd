from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, NotEquivariantError, ShapeError
from haar.moments import (
    Empirical,
    Exchangeable,
    Gaussian,
    Independent,
    NodeOrbits,
    Orbit,
    OrbitPropagation,
    UnsupportedModuleError,
    propagate,
    propagate_on_orbits,
)
from haar.moments.laws import Exponential


class MessagePassing(nn.Module):
    def __init__(self, adjacency, features, out, activation=torch.relu, *, residual=False):
        super().__init__()
        self.register_buffer("adjacency", adjacency)
        self.own, self.near = nn.Linear(features, out), nn.Linear(features, out, bias=False)
        self.activation, self.residual = activation, residual

    def forward(self, x):
        y = self.activation(self.own(x) + self.adjacency @ self.near(x))
        return x + y if self.residual else y


class Readout(nn.Module):
    def __init__(self, features, *, mean=True):
        super().__init__()
        self.linear, self.mean = nn.Linear(features, 2), mean

    def forward(self, x):
        return self.linear(x.mean(1) if self.mean else x.sum(1))


def ring(n):
    at, matrix = torch.arange(n), torch.zeros(n, n)
    matrix[at, (at + 1) % n] = 1.0
    matrix[(at + 1) % n, at] = 1.0
    return matrix


PATH = torch.diag(torch.ones(4), 1) + torch.diag(torch.ones(4), -1)
GRAPHS = {
    "complete": (torch.ones(6, 6) - torch.eye(6), NodeOrbits.complete(6)),
    "ring": (ring(7), NodeOrbits.ring(7)),
    "path": (PATH, NodeOrbits([[4, 3, 2, 1, 0]])),
    "torus": (
        torch.kron(ring(3), torch.eye(3)) + torch.kron(torch.eye(3), ring(3)),
        NodeOrbits([[3, 4, 5, 6, 7, 8, 0, 1, 2], [1, 2, 0, 4, 5, 3, 7, 8, 6]]),
    ),
    "trivial": (PATH, NodeOrbits([[0, 1, 2, 3, 4]])),
}


def network(adjacency, activation=torch.relu, *, residual=False, readout=False):
    state = torch.get_rng_state()
    torch.manual_seed(1)
    layers = [
        MessagePassing(adjacency, 3, 4, activation),
        MessagePassing(adjacency, 4, 4, activation, residual=residual),
    ]
    if readout:
        layers += [Readout(4), nn.Tanh(), nn.Linear(2, 2)]
    torch.set_rng_state(state)
    return nn.Sequential(*layers)


@pytest.mark.parametrize("readout", [False, True])
@pytest.mark.parametrize("activation", [torch.relu, torch.tanh, torch.sin])
@pytest.mark.parametrize("graph", GRAPHS)
def test_the_orbit_backend_is_the_dense_one(graph, activation, readout):
    adjacency, orbits = GRAPHS[graph]
    n = orbits.nodes
    model = network(adjacency / 3, activation, residual=not readout, readout=readout)
    law = Exchangeable(n, [0.3, -0.2, 0.1], torch.eye(3) + 0.2, 0.3 * torch.eye(3))
    with torch.no_grad():
        dense = propagate(model, law, input_shape=(n, 3))
        found = propagate(model, law, backend=Orbit(orbits))
    scale = float(dense.cov.abs().max())
    torch.testing.assert_close(found.mean, dense.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.cov, dense.cov, rtol=0, atol=1e-12 * max(1.0, scale))
    assert found.output_shape == dense.output_shape
    assert found.exact == dense.exact


@pytest.mark.parametrize("level", [0.3, 40.0, -40.0])
@pytest.mark.parametrize(("within", "between"), [(1.0, 1.0), (0.0, 0.0), (1e-30, 0.0)])
def test_equal_deterministic_and_far_nodes_have_their_limits(within, between, level):
    adjacency, orbits = GRAPHS["ring"]
    law = Exchangeable(orbits.nodes, [level] * 3, within * torch.ones(3, 3), between * torch.ones(3, 3))
    with torch.no_grad():
        dense = propagate(network(adjacency / 3), law, input_shape=(orbits.nodes, 3))
        found = propagate(network(adjacency / 3), law, backend=Orbit(orbits))
    torch.testing.assert_close(found.mean, dense.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.cov, dense.cov, rtol=0, atol=1e-12)
    assert bool(torch.isfinite(found.cov).all())
    assert torch.linalg.eigvalsh(found.cov).min() > -1e-12


@pytest.mark.parametrize("graph", ["complete", "ring", "torus"])
def test_vertex_transitive_graphs_have_equal_nodes_and_blocks_by_orbit(graph):
    adjacency, orbits = GRAPHS[graph]
    n = orbits.nodes
    with torch.no_grad():
        found = propagate(network(adjacency / 3), Gaussian(torch.zeros(3 * n)), input_shape=(n, 3))
    means = found.mean.reshape(n, 4)
    torch.testing.assert_close(means, means[:1].expand(n, 4), rtol=0, atol=1e-15)
    blocks = found.cov.reshape(n, 4, n, 4).permute(0, 2, 1, 3)
    for orbit in range(orbits.pair_count):
        members = blocks[orbits.label == orbit]
        torch.testing.assert_close(members, members[:1].expand_as(members), rtol=0, atol=1e-14)


def test_permuting_the_nodes_of_a_graph_permutes_the_blocks():
    adjacency = torch.rand(5, 5, generator=torch.Generator().manual_seed(0))
    order = torch.tensor([3, 1, 4, 0, 2])
    with torch.no_grad():
        one = propagate(network(adjacency), Gaussian(torch.zeros(15)), input_shape=(5, 3))
        other = propagate(network(adjacency[order][:, order]), Gaussian(torch.zeros(15)), input_shape=(5, 3))
    torch.testing.assert_close(other.mean.reshape(5, 4), one.mean.reshape(5, 4)[order], rtol=1e-12, atol=1e-13)
    moved = one.cov.reshape(5, 4, 5, 4)[order][:, :, order].reshape(20, 20)
    torch.testing.assert_close(other.cov, moved, rtol=1e-11, atol=1e-13)


def test_a_message_passing_layer_is_a_dense_layer_on_the_stacked_vector():
    """W_eff = I (x) Ws + A (x) Wn."""
    adjacency = torch.rand(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    layer = MessagePassing(adjacency, 2, 3).double()
    flat = nn.Linear(10, 15).double()
    with torch.no_grad():
        eye = torch.eye(5, dtype=torch.float64)
        flat.weight.copy_(torch.kron(eye, layer.own.weight) + torch.kron(adjacency, layer.near.weight))
        flat.bias.copy_(layer.own.bias.repeat(5))
        law = Gaussian(torch.linspace(-1, 1, 10), 0.3)
        for order in (2, 3):
            one = propagate(layer, law, input_shape=(5, 2), order=order)
            other = propagate(nn.Sequential(flat, nn.ReLU()), law, order=order)
            torch.testing.assert_close(one.mean, other.mean, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(one.cov, other.cov, rtol=1e-12, atol=1e-12)
            if order == 3:
                torch.testing.assert_close(one.third, other.third, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("graph", GRAPHS)
def test_products_and_transposes_are_those_of_the_dense_matrices(graph):
    _, orbits = GRAPHS[graph]
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(orbits.pair_count, *s, dtype=torch.float64, generator=generator) for s in ((2, 3), (3, 2)))
    product = orbits.dense(orbits.product(a, b))
    torch.testing.assert_close(product, orbits.dense(a) @ orbits.dense(b), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(orbits.dense(orbits.transpose(a)), orbits.dense(a).mT)
    assert int(orbits.sizes.sum()) == orbits.nodes**2
    assert int(orbits.node_sizes.sum()) == orbits.nodes


def test_orbit_counts_are_the_known_ones():
    assert [NodeOrbits.ring(n).pair_count for n in (5, 6, 9)] == [3, 4, 5]
    assert NodeOrbits.complete(50).pair_count == 2
    assert GRAPHS["path"][1].node_count == 3
    assert GRAPHS["path"][1].pair_count == 13
    slow = NodeOrbits([[1, 2, 3, 4, 0], [1, 0, 2, 3, 4]])
    assert torch.equal(slow.label, NodeOrbits.complete(5).label)


def test_large_exchangeable_networks_keep_two_blocks():
    n = 400
    model = network((torch.ones(n, n) - torch.eye(n)) / n, residual=True)
    law = Exchangeable(n, [0.0, 0.1, 0.2], torch.eye(3), 0.1 * torch.eye(3))
    with torch.no_grad():
        found = propagate_on_orbits(model, law, NodeOrbits.complete(n), features=3)
        small = propagate_on_orbits(model, law, NodeOrbits.complete(n), features=3)
    assert found.blocks.shape == (2, 4, 4)
    assert torch.equal(found.block(0, 1), small.block(398, 17))
    # Two nodes against sampling: nodes 0 and 1 of draws of the whole graph.
    x = law.sample(2000, torch.Generator().manual_seed(0)).reshape(2000, n, 3).float()
    with torch.no_grad():
        y = model(x).double()
    torch.testing.assert_close(y.mean((0, 1)), found.node_mean[0], rtol=0, atol=0.02)
    within = torch.cov(y[:, ::20].reshape(-1, 4).mT)
    torch.testing.assert_close(within, found.block(0, 0), rtol=0.1, atol=0.02)
    with pytest.raises(ArgumentError, match="backend: expected at most 4096 node features"):
        propagate_on_orbits(nn.Linear(3, 16), law, NodeOrbits.complete(n), features=3).to_dense()


def test_dropout_on_nodes_is_noise():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.4), nn.Linear(3, 2)).train()
    law = Exchangeable(3, [0.5, 1.0], torch.eye(2), 0.3 * torch.eye(2))
    with torch.no_grad():
        dense = propagate(model, law, input_shape=(3, 2))
        found = propagate(model, law, backend=Orbit(NodeOrbits.complete(3)))
    torch.testing.assert_close(found.cov, dense.cov, rtol=1e-12, atol=1e-13)


def test_gradients_pass_through_the_orbit_backend():
    model = network(GRAPHS["ring"][0] / 3)
    law = Exchangeable(7, [0.0, 0.0, 0.0], torch.eye(3))
    found = propagate_on_orbits(model, law, GRAPHS["ring"][1], features=3)
    found.blocks.sum().backward()
    own = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    dense = propagate(model, law, input_shape=(7, 3))
    blocks = dense.cov.reshape(7, 4, 7, 4).permute(0, 2, 1, 3)[found.orbits.rows, found.orbits.columns]
    blocks.sum().backward()
    for mine, parameter in zip(own, model.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-6, atol=1e-9)


def test_laws_that_the_group_leaves_alone_are_taken():
    orbits = NodeOrbits.ring(5)
    same = Independent.same(Exponential(), 10)
    found = propagate(nn.Linear(2, 2), same, backend=Orbit(orbits))
    assert found.exact
    cov = torch.kron(torch.eye(5) + 0.3 * ring(5), torch.tensor([[1.0, 0.2], [0.2, 0.5]]))
    with torch.no_grad():
        model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        dense = propagate(model, Gaussian(torch.zeros(10), cov), input_shape=(5, 2))
        other = propagate(model, Gaussian(torch.zeros(10), cov), backend=Orbit(orbits))
    torch.testing.assert_close(dense.cov, other.cov, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (Gaussian(torch.arange(5.0)), "the law's mean is not invariant"),
        (Gaussian(torch.zeros(5), torch.arange(1.0, 6.0)), "the law's variances are not invariant"),
        (
            Gaussian(torch.zeros(5), torch.eye(5) + torch.diag(torch.tensor([0.0, 0, 0, 0, 1]))),
            "the law's covariance is not",
        ),
    ],
)
def test_laws_that_move_are_refused(law, message):
    with pytest.raises(NotEquivariantError, match=message):
        propagate_on_orbits(nn.ReLU(), law, NodeOrbits.ring(5), features=1)


class Shift(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.arange(5.0)[:, None])

    def forward(self, x):
        return x + self.bias


class Global(nn.Module):
    def forward(self, x):
        return x[:, 0]


class Context(nn.Module):
    def forward(self, x):
        level = x.mean(1, keepdim=True) + 0.1
        return torch.tanh(x - level * 0.5) + level


class Late(nn.Module):
    def forward(self, x):
        return x.mean(1) + torch.tanh(x.sum(1))


def test_steps_that_break_the_symmetry_are_refused():
    law, orbits = Exchangeable(5, [0.0], [[1.0]]), NodeOrbits.complete(5)
    with pytest.raises(NotEquivariantError, match=r"matmul, add .* is neither equivariant nor invariant"):
        propagate_on_orbits(MessagePassing(PATH, 1, 1), law, orbits, features=1)
    with pytest.raises(NotEquivariantError, match=r"the bias of add \('add'\) differs between nodes of one orbit"):
        propagate_on_orbits(Shift(), law, orbits, features=1)
    with pytest.raises(NotEquivariantError, match="getitem"):
        propagate_on_orbits(Global(), law, orbits, features=1)
    with pytest.raises(UnsupportedModuleError, match="got LayerNorm"):
        propagate_on_orbits(nn.Sequential(nn.LayerNorm(1)), law, orbits, features=1)
    with pytest.raises(ArgumentError, match="model: expected node features not to be used after the readout"):
        propagate_on_orbits(Late(), law, orbits, features=1)
    with pytest.raises(ArgumentError, match="law: expected 5 x 2 components"):
        propagate_on_orbits(nn.ReLU(), law, orbits, features=2)


def test_a_global_mean_may_be_given_back_to_the_nodes():
    law, orbits = Exchangeable(5, [0.2, 0.1], torch.eye(2), 0.2 * torch.eye(2)), NodeOrbits.complete(5)
    model = nn.Sequential(nn.Linear(2, 3), Context(), nn.Linear(3, 2), Context())
    with torch.no_grad():
        dense = propagate(model, law, input_shape=(5, 2))
        found = propagate(model, law, backend=Orbit(orbits))
    torch.testing.assert_close(found.mean, dense.mean, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(found.cov, dense.cov, rtol=1e-11, atol=1e-13)


def test_large_laws_must_say_that_they_are_exchangeable():
    law = Empirical(torch.eye(4).repeat_interleave(1025, 1))  # its components depend on each other
    with pytest.raises(ArgumentError, match="law: expected at most 4096 components unless it is Exchangeable"):
        propagate_on_orbits(nn.ReLU(), law, NodeOrbits.complete(4100 // 41), features=41)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: NodeOrbits([[0.5, 0.5]]), ShapeError, "permutations: expected .* integers"),
        (lambda: NodeOrbits([[0, 0, 1]]), ArgumentError, r"permutations: expected rows that permute 0..2"),
        (
            lambda: NodeOrbits([list(range(500))]),
            ArgumentError,
            "expected a group large enough for few orbits of pairs",
        ),
        (lambda: NodeOrbits.complete(1), ArgumentError, "nodes: expected at least 2"),
        (lambda: NodeOrbits.ring(2), ArgumentError, "nodes: expected at least 3"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_results_on_orbits_can_be_read(tmp_path):
    found = propagate_on_orbits(
        network(GRAPHS["path"][0]), Exchangeable(5, [0.0] * 3, torch.eye(3)), GRAPHS["path"][1], features=3
    )
    told = found.to_dict()
    assert (told["schema"], told["nodes"], told["pair_orbits"]) == (1, 5, 13)
    assert found.table().row_count == 3 * 4
    assert found.save_html(tmp_path / "page.html").exists()
    assert found.cov().shape == (20, 20)


def path_result():
    """Features 1, 2 of five nodes in a path: means by node orbit, variances 4 and 9, correlation 1/2 of neighbours."""
    orbits = GRAPHS["path"][1]
    blocks = torch.zeros(13, 2, 2, dtype=torch.float64)
    for k, (i, j) in enumerate(zip(orbits.rows.tolist(), orbits.columns.tolist(), strict=True)):
        blocks[k] = torch.tensor([4.0, 9.0]).diag() * (1.0 if i == j else 0.5 if abs(i - j) == 1 else 0.0)
    mean = torch.arange(6.0, dtype=torch.float64).reshape(3, 2)
    return OrbitPropagation(orbits, mean, blocks, True, ())


def test_what_a_result_on_orbits_shows_by_hand():
    found = path_result()
    assert found.to_dict()["node_mean"] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    (section,) = found.sections()
    assert section.text == "5 nodes, 13 orbits of pairs."
    assert section.table.columns == ("node", "nodes in the orbit", "feature", "mean", "sd")
    nodes, sizes = found.orbits.node_representatives.tolist(), found.orbits.node_sizes.tolist()
    assert section.table.rows == [
        (nodes[orbit], sizes[orbit], feature, 2.0 * orbit + feature, 2.0 + feature)
        for orbit in range(3)
        for feature in range(2)
    ]
    (axes,) = section.figure.axes
    pairs = zip(found.orbits.rows.tolist(), found.orbits.columns.tolist(), strict=True)
    expected = [1.0 if i == j else 0.5 if abs(i - j) == 1 else 0.0 for i, j in pairs]
    assert [list(line.get_ydata()) for line in axes.lines] == [[value] * 2 for value in expected]
    assert axes.get_ylim() == (-0.05, 1.05)
    dense = found.to_dense()
    assert (dense.order, dense.backend, dense.exact, dense.output_shape) == (2, "orbit", True, (5, 2))
    assert dense.mean.reshape(5, 2)[:, 0].tolist() == [0.0, 2.0, 4.0, 2.0, 0.0]
    assert found.block(1, 2).tolist() == [[2.0, 0.0], [0.0, 4.5]]


@pytest.mark.parametrize(("moved", "fits"), [(0.9e-9, True), (1.1e-9, False)])
def test_how_far_a_law_may_move(moved, fits):
    """Means by 1e-9 of their size and spread together, variances and covariances by 1e-9 of the largest variance."""
    orbits, one = NodeOrbits.ring(5), torch.zeros(5, dtype=torch.float64)
    one[2] = moved
    cov = 4.0 * torch.eye(5, dtype=torch.float64)
    laws = {
        "mean": Gaussian(3.0 + 5.0 * one, 4.0 * (1 - 1e-12)),
        "variances": Gaussian(torch.zeros(5), 4.0 * (1 - one)),
        "covariance": Gaussian(torch.zeros(5), cov - 4.0 * one.diag()),
    }
    for what, law in laws.items():
        if fits:
            assert propagate_on_orbits(nn.Identity(), law, orbits, features=1).exact
        else:
            with pytest.raises(NotEquivariantError, match=f"the law's {what} "):
                propagate_on_orbits(nn.Identity(), law, orbits, features=1)


def test_layers_on_orbits_are_told_as_dense_ones():
    law, orbits = Exchangeable(3, [0.1, 0.2], torch.eye(2), 0.3 * torch.eye(2)), NodeOrbits.complete(3)
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 4), nn.Sigmoid()).train()
    with torch.no_grad():
        found = propagate_on_orbits(model, law, orbits, features=2)
    assert [(layer.kind, layer.size, layer.live, layer.how) for layer in found.layers] == [
        ("Linear", 3, 3, "exact"),
        ("relu", 3, 3, "exact"),
        ("Dropout", 3, 3, "exact"),
        ("Linear", 4, 4, "exact"),
        ("sigmoid", 4, 4, "closure"),
    ]
    assert not found.exact
    assert [layer.evaluation.coefficients for layer in found.layers] == ["", "closed form", "", "", "quadrature"]


@pytest.mark.parametrize("table", [[[0.0, 1.0]], [0, 1], [[]]])
def test_permutations_are_rows_of_whole_numbers(table):
    with pytest.raises(ShapeError, match=r"permutations: expected \(generators, nodes\) integers, got \("):
        NodeOrbits(torch.tensor(table))


def test_orbits_have_the_nodes_and_features_of_the_law():
    law = Exchangeable(4, [0.0, 0.5, 1.0], torch.eye(3))
    orbit = Orbit(NodeOrbits.complete(4))
    assert orbit.input_shape(law, None) == orbit.input_shape(law, (4, 3)) == (4, 3)
    with pytest.raises(ShapeError, match=r"input_shape: expected \(4, 3\): nodes and features, got \(3, 4\)"):
        orbit.input_shape(law, (3, 4))
