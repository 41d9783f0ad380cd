"""Every layer: all sign flips to the last bit, permutations and eigenspaces to 1e-12, masks, clear refusals."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from haar.errors import ArgumentError, HaarError, ShapeError
from haar.groups import O
from haar.nn.spectral import (
    ColumnLinear,
    EigenvalueFilters,
    GraphConvolution,
    InvariantFeatures,
    PairScore,
    SignAttention,
    SignCharacters,
    SignDeepSets,
    SignGate,
    SignMessagePassing,
    SignMLP,
    SignNet,
    SignProduct,
    SignRMSNorm,
    canonical_signs,
    column_characters,
    flip_signs,
    inner_score,
    neighbour_mean,
    odd_moments,
    pseudovector_characters,
)
from haar.nn.spectral.characters import MOST_COLUMNS
from haar.nn.spectral.perceptron import Perceptron

N = 6
F64 = torch.float64


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def rand(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def options(seed: int = 0) -> dict:
    return {"generator": torch.Generator().manual_seed(seed), "dtype": F64}


EDGES = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0], [1, 0, 2, 1, 3, 2, 4, 3, 5, 4, 0, 5]])


def layers(k: int) -> dict:
    """Maps of ``(N, k)`` that commute with signs and with permutations of points."""
    deep, message = SignDeepSets(k, layers=2, norm="rms", **options()), SignMessagePassing(k, layers=2, **options())
    return {
        "gate": SignGate(k, **options()),
        "mlp": SignMLP(k, layers=2, residual=True, **options()),
        "norm": SignRMSNorm(),
        "sets": deep,
        "plain sets": SignDeepSets(k, layers=2, **options()),
        "messages": message,
        "attention": SignAttention(k, **options()),
        "characters": SignCharacters(column_characters(k), column_characters(k), width=3, layers=2, **options()),
    }


@pytest.mark.parametrize("k", [1, 2, 4])
def test_signs_pass_through_to_the_last_bit_and_points_may_be_permuted(k):
    x, order = rand(N, k), torch.tensor([3, 0, 5, 1, 2, 4])
    for name, layer in layers(k).items():
        y = layer(x)
        assert y.shape == x.shape
        for signs in itertools.product([1.0, -1.0], repeat=k):
            s = torch.tensor(signs, dtype=F64)
            assert torch.equal(layer(x * s), y * s), (name, signs)
        assert float((layer(x[order]) - y[order]).abs().max()) <= 1e-12, name


@pytest.mark.parametrize("k", [1, 3])
def test_a_zero_column_comes_out_as_zero(k):
    x = rand(N, k)
    x[:, 0] = 0
    for name, layer in layers(k).items():
        y = layer(x)
        assert torch.equal(y[:, 0], x[:, 0]), name
        assert k == 1 or bool((y[:, 1:] != 0).any()), name


def test_the_product_form_commutes_with_signs_to_the_last_bit():
    for layer in (SignProduct(N, 3, 2, **options()), ColumnLinear(3, N, 2, **options())):
        x = rand(4, N, 3)
        for signs in itertools.product([1.0, -1.0], repeat=3):
            s = torch.tensor(signs, dtype=F64)
            assert torch.equal(layer(x * s), layer(x) * s)
    mixed = torch.eye(3, dtype=F64)[[1, 0, 2]]
    assert float((layer(x @ mixed) - layer(x) @ mixed).abs().max()) > 1e-2  # columns have maps of their own


@pytest.mark.parametrize("name", ["sets", "plain sets"])
def test_graphs_lists_of_edges_and_batches_of_graphs_agree(name):
    net, x = layers(3)[name], rand(2, N, 3)
    adjacency = torch.zeros(N, N, dtype=F64)
    adjacency[EDGES[1], EDGES[0]] = 1
    dense = net(x, adjacency=adjacency.expand(2, N, N))
    rows = net(x.flatten(0, 1), edges=torch.cat([EDGES, EDGES + N], 1))
    assert float((dense.flatten(0, 1) - rows).abs().max()) < 1e-12
    whole = net(x)
    cloud = torch.arange(2).repeat_interleave(N)
    assert float((whole.flatten(0, 1) - net(x.flatten(0, 1), cloud=cloud)).abs().max()) < 1e-12
    assert float((dense - whole).abs().max()) > 1e-3
    spaces = torch.tensor([[0, 0, 1], [0, 1, 2]])
    rows = net(x.flatten(0, 1), cloud=cloud, spaces=spaces[cloud])
    assert float((net(x, spaces=spaces).flatten(0, 1) - rows).abs().max()) < 1e-12


def test_messages_along_edges_are_those_of_the_complete_graph():
    net, x = SignMessagePassing(3, invariants=InvariantFeatures(nodes=1, pairs=1), **options()), rand(N, 3)
    edges = torch.cartesian_prod(torch.arange(N), torch.arange(N)).T
    edges = edges[:, edges[0] != edges[1]]
    nodes, pairs = rand(N, 1, seed=2), rand(N, N, 1, seed=3)
    whole = net(x, nodes=nodes, pairs=pairs)
    listed = net(x, nodes=nodes, pairs=pairs[edges[1], edges[0]], edges=edges)
    assert float((whole - listed).abs().max()) < 1e-12
    spaces = torch.tensor([0, 0, 1])
    listed = net(x, nodes=nodes, pairs=pairs[edges[1], edges[0]], edges=edges, spaces=spaces.expand(N, 3))
    assert float((net(x, nodes=nodes, pairs=pairs, spaces=spaces) - listed).abs().max()) < 1e-12


@pytest.mark.parametrize("name", ["sets", "plain sets", "messages", "attention", "characters"])
def test_padding_changes_nothing(name):
    net, x = layers(3)[name], rand(2, N, 3)
    mask = torch.tensor([[True] * 4 + [False] * 2, [True] * N])
    for garbage in (0.0, 7.0, torch.nan):
        y = net(torch.where(mask.unsqueeze(-1), x, garbage), mask=mask)
        assert float((y[0, :4] - net(x[0, :4])).abs().max()) < 1e-12
        assert torch.equal(y[0, 4:], torch.zeros_like(y[0, 4:]))
    assert torch.isfinite(net(x, mask=torch.zeros_like(mask))).all()


@pytest.mark.parametrize("spaces", [(0, 0, 0, 0), (0, 0, 1, 2), (0, 1, 1, 2), (0, 0, 1, 1)])
@pytest.mark.parametrize("name", ["gate", "mlp", "norm", "sets", "plain sets", "messages", "attention"])
def test_eigenspaces_may_be_rotated(name, spaces):
    net, x, labels = layers(4)[name], rand(3, N, 4), torch.tensor(spaces)
    q = torch.zeros(4, 4, dtype=F64)
    for space in set(spaces):
        where = torch.nonzero(labels == space).flatten()
        turn = O(len(where)).sample(1, torch.Generator().manual_seed(space + 3))[0] if len(where) > 1 else -1.0
        q[where[:, None], where] = turn
    given = {} if name == "norm" else {"spaces": labels.expand(3, 4)}
    if name in ("gate", "mlp"):
        given = {"spaces": labels.expand(3, N, 4)}
    assert float((net(x @ q, **given) - net(x, **given) @ q).abs().max()) < 1e-12
    if name != "norm":
        assert float((net(x @ q) - net(x) @ q).abs().max()) > 1e-4  # signs alone are not enough
        single = {"spaces": torch.arange(4).expand(given["spaces"].shape)}
        assert float((net(x, **single) - net(x)).abs().max()) < 1e-12


def test_gradients_of_eigenspaces_are_finite_at_zero():
    net = SignMessagePassing(3, layers=1, **options())
    x = torch.zeros(N, 3, dtype=F64, requires_grad=True)
    with torch.enable_grad():
        net(x, spaces=torch.tensor([0, 0, 0])).square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_pair_scores_do_not_see_signs_or_the_order_of_the_pair():
    score, u, w = PairScore(4, **options()), rand(5, 4), rand(5, 4, seed=2)
    for signs in itertools.product([1.0, -1.0], repeat=4):
        s = torch.tensor(signs, dtype=F64)
        assert torch.equal(score(w * s, u * s), score(u, w))
        assert torch.equal(inner_score(w * s, u * s), inner_score(u, w))
    q = torch.eye(4, dtype=F64)
    q[1:3, 1:3] = O(2).sample(1, torch.Generator().manual_seed(1))[0]
    spaces = torch.tensor([0, 1, 1, 2]).expand(5, 4)
    assert float((score(u @ q, w @ q, spaces=spaces) - score(u, w, spaces=spaces)).abs().max()) < 1e-12
    assert float((score(u @ q, w @ q) - score(u, w)).abs().max()) > 1e-4


def test_pseudovectors_change_sign_with_the_other_columns():
    net = SignCharacters(column_characters(3), pseudovector_characters(3), **options())
    x = rand(N, 3)
    y = net(x)
    assert float(y.abs().max()) > 1e-3
    for signs in itertools.product([1.0, -1.0], repeat=3):
        s = torch.tensor(signs, dtype=F64)
        assert torch.equal(net(x * s), net(x) * s.prod() * s)
    mixed = torch.tensor([[1, 1, 0], [0, 0, 0]])
    net = SignCharacters(column_characters(3), mixed, cloud=False, **options())
    s = torch.tensor([-1.0, 1, -1], dtype=F64)
    assert torch.equal(net(x * s), net(x) * torch.tensor([-1.0, 1.0], dtype=F64))


def test_odd_moments_take_the_signs_and_vanish_on_symmetric_clouds():
    x, s = rand(4, N, 3), torch.tensor([-1.0, 1, -1], dtype=F64)
    assert torch.equal(odd_moments(x * s), odd_moments(x) * s)
    assert float(odd_moments(torch.cat([x, -x], 1)).abs().max()) < 1e-9
    mask = torch.tensor([True] * 4 + [False] * 2).expand(4, N)
    assert float((odd_moments(x, mask=mask) - odd_moments(x[:, :4])).abs().max()) < 1e-12


def test_signnet_is_invariant_on_graphs_and_sets():
    x, order = rand(N, 3), torch.tensor([3, 0, 5, 1, 2, 4])
    for net, given in ((SignNet(3, 4, **options()), {"edges": EDGES}), (SignNet(3, 4, on="set", **options()), {})):
        for signs in itertools.product([1.0, -1.0], repeat=3):
            assert torch.equal(net(x * torch.tensor(signs, dtype=F64), **given), net(x, **given))
        moved = {name: order.argsort()[edges] for name, edges in given.items()}
        assert float((net(x[order], **moved) - net(x, **given)[order]).abs().max()) < 1e-12
    mask = torch.tensor([[True] * 4 + [False] * 2])
    y = net(rand(1, N, 3), mask=mask)
    assert float((y[0, :4] - net(rand(1, N, 3)[0, :4])).abs().max()) < 1e-12
    assert torch.equal(y[0, 4:], torch.zeros_like(y[0, 4:]))


def test_eigenvalue_filters_do_not_see_the_choice_of_eigenvectors():
    net, v, values = EigenvalueFilters(4, **options()), rand(N, 4), torch.tensor([0.1, 0.5, 0.5, 0.5], dtype=F64)
    q = torch.eye(4, dtype=F64)
    q[1:, 1:] = O(3).sample(1, torch.Generator().manual_seed(0))[0]
    q[0, 0] = -1
    assert float((net(v @ q, values) - net(v, values)).abs().max()) < 1e-12
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    assert float((net(v[order], values) - net(v, values)[order]).abs().max()) < 1e-12
    mask, columns = torch.tensor([True] * 4 + [False] * 2), torch.tensor([True, True, True, False])
    short = net(v[:4, :3], values[:3])
    assert float((net(v, values, mask=mask, columns=columns)[:4] - short).abs().max()) < 1e-12


def test_canonical_signs_follow_permutations_and_say_where_there_is_no_rule():
    v, s = torch.linalg.qr(rand(N, 4)).Q, torch.tensor([-1.0, 1, -1, 1], dtype=F64)
    chosen, decided = canonical_signs(v)
    assert decided.all()
    assert torch.equal(canonical_signs(v * s)[0], chosen)
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    assert torch.equal(canonical_signs(v[order])[0], chosen[order])
    odd = torch.tensor([1.0, -1, 0.5, -0.5], dtype=F64).unsqueeze(-1)
    assert canonical_signs(odd)[1].tolist() == [False]


def test_flips_are_one_sign_a_column_and_graph():
    v = rand(4, N, 3).abs()
    flipped = flip_signs(v, generator=torch.Generator().manual_seed(0))
    signs = (flipped / v).round()
    assert torch.equal(signs, signs[:, :1].expand_as(signs))
    assert set(signs.unique().tolist()) == {1.0, -1.0}
    cloud = torch.arange(4).repeat_interleave(N)
    flat = flip_signs(v.flatten(0, 1), cloud=cloud, generator=torch.Generator().manual_seed(0))
    assert torch.equal(flat, flipped.flatten(0, 1))


def test_graph_convolution_is_the_matrix_formula():
    x, a = rand(N, 3), torch.eye(N, dtype=F64)
    a[EDGES[1], EDGES[0]] = 1
    root = a.sum(1).rsqrt()
    for layer in (GraphConvolution(3, 7, **options()), GraphConvolution(3, 2, **options())):
        expected = (root[:, None] * a * root) @ x @ layer.map.weight.T + layer.map.bias
        assert float((layer(x, EDGES) - expected).abs().max()) < 1e-12


def test_any_dimension_and_a_single_point():
    for k in (2, 3, 8, 32):
        for n in (1, 7):
            x = rand(2, n, k)
            for net in (SignDeepSets(k, **options()), SignMessagePassing(k, channels=2, **options())):
                assert torch.isfinite(net(x)).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SignGate(3)(torch.zeros(5, 4)), r"x: expected \(\*batch, 3 columns\), got \(5, 4\)"),
        (lambda: SignGate(3)(torch.zeros(5, 3), spaces=torch.zeros(2, dtype=torch.int64)), "spaces: expected"),
        (lambda: SignGate(3, extra=2)(torch.zeros(5, 3)), "extra: expected 2 invariant features"),
        (lambda: SignMLP(3, layers=0), "layers: expected at least 1"),
        (lambda: SignRMSNorm(0.0), "eps: expected a positive"),
        (lambda: SignDeepSets(3, norm="batch"), "norm: expected None or 'rms'.*subtract a mean"),
        (lambda: SignDeepSets(3, layers=0), "layers: expected at least 1"),
        (lambda: SignDeepSets(3)(torch.zeros(4, 2)), "x: expected"),
        (lambda: neighbour_mean(torch.zeros(2, 1), edges=EDGES, cloud=torch.zeros(2, dtype=int)), "none beside edges"),
        (lambda: neighbour_mean(torch.zeros(2, 2, 1), edges=EDGES), "without a batch axis"),
        (lambda: SignMessagePassing(0), "k: expected at least 1"),
        (lambda: SignMessagePassing(3, inputs=2)(torch.zeros(4, 3)), "columns: expected 2 tensors"),
        (
            lambda: SignMessagePassing(3, invariants=InvariantFeatures(nodes=1))(torch.zeros(4, 3)),
            "nodes: expected invariant features",
        ),
        (lambda: SignMessagePassing(3)(torch.zeros(2, 4, 3), edges=EDGES), "edges: expected points"),
        (lambda: SignAttention(3, heads=0), "heads: expected at least 1"),
        (lambda: SignAttention(3, channels=2)(torch.zeros(4, 3)), "2 channels"),
        (lambda: SignAttention(3, pairs=2)(torch.zeros(4, 3)), "pairs: expected 2 features"),
        (lambda: SignCharacters(torch.tensor([[0, 2]]), torch.tensor([[0, 1]])), "chi_in: expected rows of zeros"),
        (lambda: SignCharacters(torch.eye(9).long(), torch.eye(9).long()), "at most 8 columns"),
        (lambda: SignCharacters(torch.eye(2).long(), torch.eye(2).long())(torch.zeros(4, 3)), "x: expected"),
        (lambda: SignProduct(5, 3, 2)(torch.zeros(4, 3)), "x: expected .*5 rows, 3 columns"),
        (lambda: PairScore(3)(torch.zeros(2), torch.zeros(2)), "u: expected"),
        (lambda: SignNet(3, 2, on="grid"), "on: expected 'graph' or 'set'"),
        (lambda: SignNet(3, 2)(torch.zeros(4, 3)), "edges: expected the graph's edges"),
        (lambda: EigenvalueFilters(2)(torch.zeros(4, 3), torch.zeros(2)), "eigenvalues: expected"),
        (lambda: canonical_signs(torch.full((2, 2), torch.nan)), "v: expected finite"),
        (lambda: canonical_signs(torch.zeros(2, 2), tolerance=-1), "tolerance: expected 0 or more"),
        (lambda: odd_moments(torch.zeros(2, 2), power=2), "power: expected an odd"),
        (lambda: odd_moments(torch.zeros(2, 2), eps=0), "eps: expected a positive"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(HaarError, match=words) as caught:
        call()
    assert isinstance(caught.value, (ArgumentError, ShapeError))
    assert "\n" not in str(caught.value)


def test_half_precision_runs_and_keeps_signs():
    net = SignDeepSets(3, norm="rms", generator=torch.Generator().manual_seed(0), dtype=torch.float16)
    x, s = rand(N, 3).half(), torch.tensor([-1.0, 1, -1]).half()
    assert torch.equal(net(x * s), net(x) * s)
    assert torch.isfinite(net(x)).all()


def test_sizes_that_no_layer_has():
    chi = torch.zeros(2, MOST_COLUMNS, dtype=torch.int64)
    SignCharacters(chi, chi, width=1, layers=0)
    chi = torch.zeros(2, MOST_COLUMNS + 1, dtype=torch.int64)
    with pytest.raises(ArgumentError, match=rf"chi_in: expected at most {MOST_COLUMNS} columns, as 2\^k characters"):
        SignCharacters(chi, chi, width=1, layers=0)
    assert MOST_COLUMNS == 8
    for sizes in ([], [3]):
        with pytest.raises(ArgumentError, match="sizes: expected two or more positive numbers of features, got"):
            Perceptron(sizes)


def test_as_many_sets_of_columns_as_the_network_was_made_for():
    net = SignMessagePassing(3, inputs=2)
    with pytest.raises(ShapeError, match=r"columns: expected 2 tensors \(\*batch, n, 3\), got 1"):
        net(torch.ones(5, 3))
