"""Eigenvectors are right, every warning fires on its graph and on no other, and bad graphs are refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
import torch
from plain_graphs import Graph, both, clusters, complete, path, ring
from torch import Tensor

from haar.data.graphs import random_graph
from haar.data.spectra import LaplacianEncoding, adjacency, laplacian, laplacian_eigs
from haar.errors import ArgumentError, HaarWarning
from haar.nn.spectral import PairScore, SignDeepSets, SignNet, inner_score

F64 = torch.float64


def nearly_square_ring() -> Tensor:
    weights = torch.zeros(4, 4, dtype=F64)
    for number, (i, j) in enumerate(ring(4).T.tolist()):
        weights[i, j] = weights[j, i] = 1 + (3e-7 if number in (0, 2) else 0)
    return weights


def random_connected() -> Tensor:
    return random_graph(40, probability=0.3, generator=torch.Generator().manual_seed(1))


GRAPHS = {
    "W1": (ring(12), 7),
    "W2": (ring(12), 5),
    "W3": (torch.cat([ring(6), ring(6, 6)], 1), 6),
    "W4": (complete(5), 8),
    "W5": (nearly_square_ring(), 3),
    "W6": (clusters(3, 7), 2),
}


def codes(graph: Tensor, k: int, **given) -> set[str]:
    return set(laplacian_eigs(graph, k, unhealthy="quiet", **given).health.warnings)


@pytest.mark.parametrize("code", GRAPHS)
def test_every_warning_fires_on_its_graph(code):
    graph, k = GRAPHS[code]
    assert code in codes(graph, k)
    with pytest.warns(HaarWarning, match=code):
        laplacian_eigs(graph, k)
    with pytest.raises(ArgumentError, match=rf"graph: expected a simple spectrum.*{code}"):
        laplacian_eigs(graph, k, unhealthy="raise")


@pytest.mark.parametrize("normalization", ["symmetric", "none"])
def test_no_warning_fires_on_a_random_graph(normalization):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spectrum = laplacian_eigs(random_connected(), 16, normalization=normalization)
    assert spectrum.health.warnings == {}
    assert spectrum.health.guarantee.startswith("exact")
    assert codes(path(8), 7) == set()


def test_warnings_say_what_was_found():
    found = laplacian_eigs(ring(12), 5, unhealthy="quiet").health
    assert found.multiplicities == (2, 2, 1)
    assert "1 of 2 columns" in found.warnings["W2"]
    assert found.warnings["W2"].endswith("k = 4 or 6 keeps it whole")
    assert found.guarantee.startswith("not exact: an eigenspace is cut")
    isolated = laplacian_eigs(torch.zeros(5, 5), 2, unhealthy="quiet").health.warnings
    assert isolated["W2"].endswith("2 of 4 columns of 0; k = 4 keeps it whole")
    assert "W2" not in codes(torch.zeros(5, 5), 4)
    assert "W2" not in codes(torch.zeros(5, 5), 4, drop="null")
    assert "give the network the eigenspaces" in laplacian_eigs(ring(12), 6, unhealthy="quiet").health.guarantee
    assert codes(ring(12), 6) == {"W1"}
    assert codes(ring(12), 11) == {"W1"}
    assert laplacian_eigs(ring(12), 11, unhealthy="quiet").health.multiplicities == (2, 2, 2, 2, 2, 1)
    assert "2 components" in laplacian_eigs(GRAPHS["W3"][0], 6, unhealthy="quiet").health.warnings["W3"]
    assert "about 3 clusters" in laplacian_eigs(*GRAPHS["W6"], unhealthy="quiet").health.warnings["W6"]
    assert "W6" not in codes(clusters(2, 7), 2)


@pytest.mark.parametrize("normalization", ["symmetric", "none"])
def test_the_columns_are_eigenvectors(normalization):
    weights = adjacency(random_connected())
    spectrum = laplacian_eigs(weights, 9, normalization=normalization, scale="unit")
    matrix, v = laplacian(weights, normalization), spectrum.vectors
    assert float((matrix @ v - v * spectrum.eigenvalues).abs().max()) < 1e-12
    assert float((v.T @ v - torch.eye(9, dtype=F64)).abs().max()) < 1e-12
    reference = np.linalg.eigvalsh(matrix.numpy())[1:10]
    assert np.abs(spectrum.eigenvalues.numpy() - reference).max() < 1e-12
    assert spectrum.health.residual < 1e-12
    scaled = laplacian_eigs(weights, 9, normalization=normalization)
    assert float((scaled.vectors - v * 40**0.5).abs().max()) < 1e-12


def test_every_form_of_a_graph_is_the_same_graph():
    edges = random_connected()
    weights = adjacency(edges)
    both = torch.cat([edges, edges.flip(0)], 1)
    for other in (both, weights, weights.bool(), scipy.sparse.csr_matrix(weights.numpy())):
        assert torch.equal(adjacency(other), weights)
    assert len(adjacency(path(4), nodes=6)) == 6


def test_the_null_space_begins_with_the_trivial_vector():
    graph = torch.cat([complete(4), complete(5) + 4], 1)
    degree = adjacency(graph).sum(1)
    whole = laplacian_eigs(graph, 4, drop="none", scale="unit", unhealthy="quiet")
    trivial = degree.sqrt() / degree.sum().sqrt()
    assert float((whole.vectors[:, 0] - trivial).abs().max()) < 1e-12
    kept = laplacian_eigs(graph, 3, scale="unit", unhealthy="quiet")
    assert float((kept.vectors - whole.vectors[:, 1:]).abs().max()) < 1e-12
    assert float((kept.vectors.T @ trivial).abs().max()) < 1e-12
    assert float(laplacian_eigs(graph, 3, drop="null", unhealthy="quiet").eigenvalues.min()) > 0.1
    lonely = laplacian_eigs(path(3), 3, nodes=4, drop="none", unhealthy="quiet")
    assert lonely.health.components == 2


def lonely(edges: Tensor, nodes: int) -> Tensor:
    """A graph with nodes without edges, before and after the others, too."""
    weights = adjacency(edges)
    return torch.nn.functional.pad(weights, (1, nodes - len(weights) - 1, 1, nodes - len(weights) - 1))


@pytest.mark.parametrize("normalization", ["symmetric", "none"])
@pytest.mark.parametrize("drop", ["trivial", "null", "none"])
@pytest.mark.parametrize("k", [1, 2, 5, 9])
@pytest.mark.parametrize(
    "graph",
    [
        adjacency(torch.tensor([[0], [1]]), nodes=4),
        adjacency(torch.tensor([[0, 1], [1, 2]]), nodes=4),
        adjacency(path(2), nodes=9),
        lonely(ring(4), 6),
        torch.block_diag(adjacency(path(2)), torch.zeros(1, 1, dtype=F64), 7 * adjacency(complete(3))),
        torch.zeros(5, 5, dtype=F64),
    ],
    ids=["an edge", "a path", "mostly alone", "between", "unlike parts", "no edge"],
)
def test_nodes_without_edges_have_eigenvectors(graph, k, drop, normalization):
    """Against a solver of its own: eigenvalues, and projectors on the space of all null vectors."""
    spectrum = laplacian_eigs(graph, k, drop=drop, normalization=normalization, scale="unit", unhealthy="quiet")
    matrix, v = laplacian(graph, normalization), spectrum.vectors[:, spectrum.columns]
    values = spectrum.eigenvalues[spectrum.columns]
    assert spectrum.health.residual < 1e-12
    assert float(torch.cat([matrix @ v - v * values, v.T @ v - torch.eye(len(values), dtype=F64)]).abs().sum()) < 1e-12
    reference = np.linalg.eigvalsh(matrix.numpy())
    first = {"trivial": 1, "null": spectrum.health.components, "none": 0}[drop]
    assert np.abs(values.numpy() - reference[first : first + k]).max(initial=0.0) < 1e-12
    whole = laplacian_eigs(graph, len(graph), drop="none", normalization=normalization, scale="unit", unhealthy="quiet")
    null = whole.vectors[:, : whole.health.components]
    degree = graph.sum(1)
    trivial = degree.sqrt() if normalization == "symmetric" and float(degree.sum()) else torch.ones_like(degree)
    assert float((null[:, 0] - trivial / trivial.norm()).abs().max()) < 1e-12
    exact = np.linalg.eigh(matrix.numpy())[1][:, : null.shape[1]]
    assert np.abs((null @ null.T).numpy() - exact @ exact.T).max() < 1e-12


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e12, 1e200])
def test_the_size_of_weights_does_not_matter(size):
    weights = adjacency(random_connected())
    small, plain = (laplacian_eigs(w, 9, normalization="none") for w in (size * weights, weights))
    assert float((small.eigenvalues / size - plain.eigenvalues).abs().max()) < 1e-10
    assert float((small.vectors.abs() - plain.vectors.abs()).abs().max()) < 1e-8
    assert small.health.residual < 1e-12


@pytest.mark.parametrize("unhealthy", ["quiet", "warn", "raise"])
def test_columns_that_are_no_eigenvectors_are_never_handed_out(monkeypatch, unhealthy):
    solver = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda matrix: (solver(matrix)[0] + 1e-6, solver(matrix)[1]))
    with pytest.raises(
        ArgumentError, match=r"graph: expected weights for which the solver finds eigenvectors to 1e-08"
    ):
        laplacian_eigs(path(8), 3, unhealthy=unhealthy)


@pytest.mark.parametrize("weight", [1e-6, 1e-9, 1e-14, 1e-20])
@pytest.mark.parametrize("normalization", ["symmetric", "none"])
def test_weakly_joined_parts_do_not_blur_the_trivial_vector(weight, normalization):
    """With two parts the first column tells them apart, however weakly they are joined."""
    part = adjacency(random_connected())
    n = len(part)
    weights = torch.block_diag(
        part, adjacency(random_graph(n, probability=0.5, generator=torch.Generator().manual_seed(2)))
    )
    weights[0, n] = weights[n, 0] = weight
    spectrum = laplacian_eigs(weights, 3, scale="unit", normalization=normalization, unhealthy="quiet")
    degree = weights.sum(1)
    trivial = degree.sqrt() if normalization == "symmetric" else torch.ones_like(degree)
    assert float((spectrum.vectors.T @ (trivial / trivial.norm())).abs().max()) < 1e-12
    side = torch.arange(2 * n) < n
    share = trivial[side].square().sum() / trivial.square().sum()
    expected = torch.where(side, ((1 - share) / share).sqrt(), -(share / (1 - share)).sqrt())
    expected = expected * trivial / trivial.norm()
    found = spectrum.vectors[:, 0]
    assert float((found * found[0].sign() - expected).abs().max()) < 10 * weight + 1e-12
    assert spectrum.health.warnings == {}
    assert spectrum.spaces.tolist() == [0, 1, 2]
    assert float(spectrum.eigenvalues[0]) < 2 * weight + 1e-13
    three = torch.block_diag(weights, part)
    three[1, 2 * n + 1] = three[2 * n + 1, 1] = weight
    repeated = laplacian_eigs(three, 2, normalization=normalization, unhealthy="quiet").health
    if weight < 1e-8:
        assert repeated.multiplicities == (2,)
        assert "W1" in repeated.warnings
        assert "give the network the eigenspaces" in repeated.guarantee


def test_too_many_columns_are_padding():
    spectrum = laplacian_eigs(complete(5), 8, unhealthy="quiet")
    assert spectrum.columns.tolist() == [True] * 4 + [False] * 4
    assert float(spectrum.vectors[:, 4:].abs().max()) == 0
    assert spectrum.spaces.tolist() == [0, 0, 0, 0, 1, 2, 3, 4]
    assert spectrum.action.spaces == (4, 1, 1, 1, 1)
    alone = laplacian_eigs(torch.zeros(1, 1), 2, unhealthy="quiet")
    assert alone.columns.tolist() == [False, False]


def test_whole_eigenspaces_make_networks_exact_on_cycles():
    """Any basis of a double eigenvalue gives the same scores when the network knows the eigenspaces."""
    net = SignDeepSets(6, layers=2, dtype=F64, generator=torch.Generator().manual_seed(0))
    spectrum = laplacian_eigs(ring(12), 6, unhealthy="quiet")
    group = spectrum.action.group
    other = spectrum.action.act(group.sample(1, torch.Generator().manual_seed(1))[0], spectrum.vectors)
    edges = torch.cat([ring(12), ring(12).flip(0)], 1)
    with torch.no_grad():
        for spaces, exact in ((spectrum.spaces, True), (None, False)):
            a, b = (net(v, edges=edges, spaces=spaces) for v in (spectrum.vectors, other))
            difference = float((a @ a.T - b @ b.T).abs().max() / (a @ a.T).abs().max())
            assert difference < 1e-12 if exact else difference > 1e-3
            turned = net(spectrum.vectors.roll(1, 0), edges=edges, spaces=spaces)
            assert float((turned @ turned.T - (a @ a.T).roll((1, 1), (0, 1))).abs().max()) < 1e-9


def test_a_mirror_of_a_path_ties_invariant_features_and_not_equivariant_ones():
    spectrum = laplacian_eigs(path(8), 7)
    edges = torch.cat([path(8), path(8).flip(0)], 1)
    source = {"generator": torch.Generator().manual_seed(0), "dtype": F64}
    with torch.no_grad():
        signnet = SignNet(7, 16, **source)(spectrum.vectors, edges=edges)
        equal = SignDeepSets(7, **source)(spectrum.vectors, edges=edges)
    assert float((signnet - signnet.flip(0)).abs().max()) <= 1e-13 * float(signnet.abs().max())
    assert float((equal.abs() - equal.flip(0).abs()).abs().max()) <= 1e-12 * float(equal.abs().max())
    assert float((inner_score(signnet[0], signnet[2]) - inner_score(signnet[7], signnet[2])).abs()) < 1e-12
    near, far = inner_score(equal[0], equal[2]), inner_score(equal[7], equal[2])
    assert float((near - far).abs()) > 1e-3 * float(near.abs())
    assert PairScore(7, **source)(equal[0], equal[2]) != 0


def test_the_transform_carries_everything_into_a_batch():
    geometric = pytest.importorskip("torch_geometric", reason="needs the extra haar[graphs]")
    from torch_geometric.data import Batch, Data
    from torch_geometric.transforms import Compose

    del geometric
    transform = Compose([LaplacianEncoding(4, unhealthy="quiet", dtype=F64)])
    graphs = []
    for edges, n in ((ring(12), 12), (complete(3), 3)):
        plain = Data(edge_index=torch.cat([edges, edges.flip(0)], 1), num_nodes=n)
        graphs.append(transform(plain))
        assert "laplacian_eigenvector_pe" not in plain
    batch = Batch.from_data_list(graphs)
    assert batch.laplacian_eigenvector_pe.shape == (15, 4)
    assert batch.laplacian_eigenvector_pe_columns.tolist() == [[True] * 4, [True, True, False, False]]
    assert batch.laplacian_eigenvector_pe_spaces.tolist() == [[0, 0, 1, 1], [0, 0, 1, 2]]
    records = [graph.laplacian_eigenvector_pe_health for graph in graphs]
    assert [record["warnings"] for record in records] == [["W1"], ["W1", "W4"]]
    for order in (graphs, graphs[::-1]):  # graphs with different warnings, in any order
        mixed = Batch.from_data_list(order)
        health = mixed.laplacian_eigenvector_pe_health
        assert health["warnings"] == [graph.laplacian_eigenvector_pe_health["warnings"] for graph in order]
        assert all("not exact" in words for words in health["guarantee"])
        assert mixed.get_example(1).laplacian_eigenvector_pe_health["warnings"] == health["warnings"][1]
    net = SignDeepSets(4, dtype=F64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        spaces = batch.laplacian_eigenvector_pe_spaces
        whole = net(batch.laplacian_eigenvector_pe, edges=batch.edge_index, spaces=spaces[batch.batch])
        alone = net(graphs[1].laplacian_eigenvector_pe, edges=graphs[1].edge_index, spaces=spaces[1])
    assert float((whole[12:] - alone).abs().max()) < 1e-12


def test_arrays_and_sparse_tensors_are_graphs_too():
    weights = adjacency(random_connected())
    edges = random_connected().numpy()
    others = (
        edges,
        edges.astype(">i4"),
        edges.astype(np.uint16),
        weights.numpy().astype(np.longdouble),
        weights.to_sparse(),
        weights.clone().requires_grad_(),
        Graph(both(random_connected()), 40),
    )
    for other in others:
        assert torch.equal(adjacency(other), weights)
    loops = torch.cat([path(3), torch.tensor([[1, 1], [1, 1]])], 1)
    assert torch.equal(adjacency(loops), adjacency(path(3)))
    two = torch.tensor([[0, 2], [2, 0]])
    for other in (scipy.sparse.csr_matrix(two.numpy()), two.to_sparse()):  # a heavy edge, and none to a third node
        assert adjacency(other).tolist() == [[0.0, 2.0], [2.0, 0.0]]


def test_a_stored_data_set_is_known_again_by_the_options():
    assert repr(LaplacianEncoding(4)) == "LaplacianEncoding(k=4)"
    changed = LaplacianEncoding(4, name="pe", drop="null", scale="unit", normalization="none", dtype=F64)
    for words in ("name='pe'", "drop='null'", "scale='unit'", "normalization='none'", "dtype=torch.float64"):
        assert words in repr(changed)


def test_a_batch_of_graphs_is_refused_and_single_ones_are_encoded():
    pytest.importorskip("torch_geometric", reason="needs the extra haar[graphs]")
    from torch_geometric.data import Batch, Data
    from torch_geometric.utils import to_dense_batch

    encode = LaplacianEncoding(4, unhealthy="quiet", dtype=F64)
    plain = [Data(edge_index=both(edges), num_nodes=n) for edges, n in ((ring(5), 5), (path(2), 2), (path(3), 4))]
    plain.append(Data(edge_index=torch.zeros(2, 0, dtype=torch.int64), num_nodes=1))
    with pytest.raises(ArgumentError, match="data: expected one graph, got a batch of 4; encode every graph before"):
        encode(Batch.from_data_list(plain))
    graphs = [encode(graph) for graph in plain]
    batch = Batch.from_data_list(graphs)
    v, mask = to_dense_batch(batch.laplacian_eigenvector_pe, batch.batch)
    net = SignDeepSets(4, norm="rms", dtype=F64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        dense = net(v, mask=mask, spaces=batch.laplacian_eigenvector_pe_spaces)
        listed = net(
            batch.laplacian_eigenvector_pe, cloud=batch.batch, spaces=batch.laplacian_eigenvector_pe_spaces[batch.batch]
        )
    assert float((dense[mask] - listed).abs().max()) < 1e-12
