"""Every layer is its formula, written out in loops: symmetry alone does not tell one symmetric map from another."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.nn.spectral import (
    ColumnLinear,
    EigenvalueFilters,
    InvariantFeatures,
    PairScore,
    Perceptron,
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
    neighbour_mean,
    odd_moments,
)

F64 = torch.float64
N, K = 4, 3
SPACES = torch.tensor([0, 0, 1])


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def rand(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def made(kind, *given, **options):
    """A module whose parameters are all away from 0 and 1."""
    module = kind(*given, **options, dtype=F64)
    source = torch.Generator().manual_seed(7)
    for parameter in module.parameters():
        parameter.copy_(0.5 * torch.randn(parameter.shape, generator=source, dtype=F64) + 0.1)
    return module


def network(net: Perceptron, x: Tensor, bend=F.silu) -> Tensor:
    layers = [layer for layer in net if hasattr(layer, "weight")]
    for number, layer in enumerate(layers):
        x = x @ layer.weight.T + layer.bias
        x = bend(x) if number < len(layers) - 1 else x
    return x


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def lengths(x: Tensor) -> Tensor:
    """|x| over the eigenspaces 0 0 1 of three columns, the last axis."""
    plane = (x[..., 0].square() + x[..., 1].square()).sqrt()
    return torch.stack([plane, plane, x[..., 2].abs()], -1)


def shared(gates: Tensor) -> Tensor:
    mean = (gates[..., 0] + gates[..., 1]) / 2
    return torch.stack([mean, mean, gates[..., 2]], -1)


def test_gates():
    x, extra = rand(N, K), rand(N, 2, seed=2)
    gate = made(SignGate, K, hidden=5, extra=2, layers=3)
    factors = gate.weight * network(gate.gates, torch.cat([x.abs(), extra], -1), F.relu).sigmoid()
    close(gate(x, extra=extra), x * factors + x)
    factors = gate.weight * network(gate.gates, torch.cat([lengths(x), extra], -1), F.relu).sigmoid()
    close(gate(x, extra=extra, spaces=SPACES), x * shared(factors) + x)
    assert [layer.in_features for layer in gate.gates if hasattr(layer, "weight")] == [K + 2, 5, 5]
    assert SignGate(K).weight.tolist() == [1.0] * K


@pytest.mark.parametrize("residual", [False, True])
def test_factors_of_rows(residual):
    x, extra = rand(N, K), rand(N, 1, seed=2)
    net = made(SignMLP, K, hidden=5, layers=2, residual=residual, extra=1)
    y = x
    for factor in net.factors:
        y = y * network(factor, torch.cat([y.abs(), extra], -1)) + (y if residual else 0)
    close(net(x, extra=extra), y)
    assert [layer.out_features for layer in net.factors[0] if hasattr(layer, "weight")] == [5, 5, K]
    assert not SignMLP(K).residual


def test_norms():
    x = torch.tensor([[3.0, -4.0]], dtype=F64)
    close(SignRMSNorm()(x), x / (12.5 + 1) ** 0.5)
    close(SignRMSNorm(0.5)(x), x / 13**0.5)
    assert SignRMSNorm(1e-300)(torch.zeros(1, 2)).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("norm", [None, "rms"])
def test_deep_sets(norm):
    x, extra = rand(N, K), rand(N, 1, seed=2)
    net = made(SignDeepSets, K, hidden=5, layers=2, norm=norm, extra=1)

    def normed(z):
        return z if norm is None else z / (z.square().mean(-1, keepdim=True) + 1).sqrt()

    y = normed(x)
    for own, around in zip(net.own, net.around, strict=True):
        mean = y.mean(0).expand(N, K)
        y = normed(y + own(y, extra=extra) + around(mean, extra=extra))
    close(net(x, extra=extra), y)


@pytest.mark.parametrize("spaces", [None, SPACES])
def test_attention(spaces):
    heads, channels = 2, 2
    x, told = rand(N, K, channels), rand(N, N, 1, seed=2)
    layer = made(SignAttention, K, channels=channels, heads=heads, hidden=5, pairs=1)
    size, share = (torch.abs, lambda g: g) if spaces is None else (lengths, shared)
    theta = layer.theta if spaces is None else shared(layer.theta.mT).mT
    scores, gates = torch.zeros(N, N, heads, dtype=F64), torch.zeros(N, N, heads, K, channels, dtype=F64)
    for i, j in itertools.product(range(N), repeat=2):
        p = x[i] @ layer.mix[0] + x[j] @ layer.mix[1]
        sizes = torch.cat([size(p.mT).mT.flatten(), told[i, j]])
        out = network(layer.gate, sizes)
        for h in range(heads):
            weighted = sum(x[i, a, c] * theta[h, a, c] * x[j, a, c] for a in range(K) for c in range(channels))
            scores[i, j, h] = weighted / (K * channels) ** 0.5 + out[h]
        gates[i, j] = share(out[heads:].reshape(heads, K, channels).mT).mT
    attention = scores.exp() / scores.exp().sum(1, keepdim=True)
    expected = x.clone()
    for i in range(N):
        values = [sum(attention[i, j, h] * gates[i, j, h] * x[j] for j in range(N)) for h in range(heads)]
        expected[i] += torch.cat(values, -1) @ layer.out.weight.T
    close(layer(x, pairs=told, spaces=spaces), expected)
    assert layer.out.bias is None
    assert bool((SignAttention(K).theta == 1).all())


@pytest.mark.parametrize("spaces", [None, SPACES])
def test_messages(spaces):
    x, v = rand(N, K), rand(N, K, seed=4)
    nodes, pairs = rand(N, 1, seed=2), rand(N, N, 1, seed=3)
    told = InvariantFeatures(nodes=1, pairs=1)
    net = made(SignMessagePassing, K, inputs=2, outputs=2, channels=2, hidden=5, layers=1, invariants=told)
    (message,) = net.rounds
    size, share = (torch.abs, lambda g: g) if spaces is None else (lengths, shared)
    z = torch.stack([x, v], -1) @ net.enter.weight.T
    received = torch.zeros_like(z)
    for i, j in itertools.permutations(range(N), 2):
        p = z[i] @ message.mix[0] + z[j] @ message.mix[1]
        distance = (x[i] - x[j]).square().sum()[None]
        gates = network(message.gate, torch.cat([size(p.mT).mT.flatten(), distance, pairs[i, j]])).reshape(K, 2)
        received[i] += p * share(gates.mT).mT / (N - 1)
    z = z + received @ message.up.weight.T
    sizes = torch.cat([size(z.mT).mT.flatten(1), nodes], -1)
    z = z + z * share(network(message.stretch, sizes).reshape(N, K, 2).mT).mT
    y = z @ net.leave.weight.T
    found = net(x, v, nodes=nodes, pairs=pairs, spaces=spaces)
    close(torch.stack(found, -1), y)


def test_messages_along_some_edges():
    """A mean over the edges that come in, nothing where none does; without distances only what is told."""
    x, edges = rand(3, K), torch.tensor([[0, 1, 0], [2, 2, 1]])
    net = made(SignMessagePassing, K, channels=1, hidden=5, layers=1, invariants=InvariantFeatures(distances=False))
    (message,) = net.rounds
    z = x[..., None] @ net.enter.weight.T
    received = torch.zeros_like(z)
    for j, i in edges.T.tolist():
        p = z[i] @ message.mix[0] + z[j] @ message.mix[1]
        received[i] += p * network(message.gate, p.abs().flatten())[:, None] / (2 if i == 2 else 1)
    z = z + received @ message.up.weight.T
    z = z + z * network(message.stretch, z.abs().flatten(1))[..., None]
    close(net(x, edges=edges), (z @ net.leave.weight.T)[..., 0])
    assert InvariantFeatures() == InvariantFeatures(nodes=0, pairs=0, distances=True)


@pytest.mark.parametrize("cloud", [False, True])
def test_characters(cloud):
    """Two columns, four characters: their numbers as bits, products by exclusive or."""
    x, width = rand(N, 2), 2
    out = torch.tensor([[0, 0], [1, 1]])
    net = made(SignCharacters, column_characters(2), out, width=width, layers=1, cloud=cloud)
    (product,) = net.rounds
    z = torch.zeros(N, 4, width, dtype=F64)
    for feature in range(2):
        z[:, 2**feature] += x[:, feature, None] * net.enter[feature, :, 0]
    left, right = (torch.einsum("chw,ncw->nch", product.maps[side], z) for side in (0, 1))
    left[:, 0] += product.bias[0]
    right[:, 0] += product.bias[1]
    if cloud:
        right = right + torch.einsum("chw,cw->ch", product.maps[2], z.mean(0))
    multiplied = torch.zeros_like(z)
    for a, b in itertools.product(range(4), repeat=2):
        multiplied[:, a ^ b] += left[:, a] * right[:, b] / 2
    seen = torch.cat([z[:, :1], z[:, 1:].abs()], 1).flatten(1)
    z = z + multiplied * network(product.gate, seen).reshape(N, 4, width)
    y = torch.stack([(z[:, 0] * net.leave[0]).sum(-1) + net.bias[0], (z[:, 3] * net.leave[1]).sum(-1)], -1)
    close(net(x), y)
    assert [layer.out_features for layer in product.gate if hasattr(layer, "weight")] == [4 * width, 4 * width]
    assert made(SignCharacters, column_characters(2), out, layers=0, cloud=cloud)(x).shape == (N, 2)


def test_scores_of_pairs():
    u, w, extra = rand(N, K), rand(N, K, seed=2), rand(N, 1, seed=3)
    score = made(PairScore, K, hidden=5, extra=1)
    close(score(u, w, extra=extra), network(score.score, torch.cat([u * w, extra], -1), F.relu)[:, 0])
    plane = (u * w)[:, 0] + (u * w)[:, 1]
    products = torch.stack([plane, plane, (u * w)[:, 2]], -1)
    expected = network(score.score, torch.cat([products, extra], -1), F.relu)[:, 0]
    close(score(u, w, extra=extra, spaces=SPACES), expected)
    assert len([layer for layer in score.score if hasattr(layer, "weight")]) == 3


def test_product_form():
    v = rand(N, K)
    layer = made(SignProduct, N, K, 2, inner=5, hidden=6, features=2)
    first = torch.stack([layer.first.weight[c] @ v[:, c] for c in range(K)], -1)
    even = [network(layer.phi, v[:, c]) + network(layer.phi, -v[:, c]) for c in range(K)]
    factors = network(layer.rho, torch.cat(even)).reshape(5, K)
    close(layer(v), torch.stack([layer.second.weight[c] @ (first * factors)[:, c] for c in range(K)], -1))
    assert SignProduct(N, K, 2).first.weight.shape == (K, 2 * N, N)
    close(made(ColumnLinear, K, N, 2)(v), torch.einsum("krn,nk->rk", made(ColumnLinear, K, N, 2).weight, v))


def test_signnet_on_sets():
    v = rand(N, K)
    net = made(SignNet, K, 2, hidden=5, inner=3, on="set")

    def layer(part, x):
        return network(part.maps, torch.cat([x, x.mean(-2, keepdim=True).expand(x.shape)], -1))

    def both(parts, x):
        return layer(parts[1], layer(parts[0], x).relu())

    even = [both(net.phi, v[:, c : c + 1]) + both(net.phi, -v[:, c : c + 1]) for c in range(K)]
    close(net(v), both(net.rho, torch.cat(even, -1)))


def test_eigenvalue_filters():
    v, values = rand(N, K), torch.tensor([0.1, 0.5, 2.0], dtype=F64)
    net = made(EigenvalueFilters, 2, filters=2, hidden=5)
    gains = network(net.phi, values[:, None])
    filters = torch.stack([v @ gains[:, f].diag() @ v.T for f in range(2)], -1)
    seen = [sum(network(net.pair, torch.cat([filters[i, j], filters[i, i]])) for j in range(N)) / N for i in range(N)]
    close(net(v, values), network(net.rho, torch.stack(seen)))


def test_means_over_neighbours_by_hand():
    x = torch.tensor([[1.0], [3.0], [11.0]], dtype=F64)
    assert neighbour_mean(x).tolist() == [[5.0]] * 3
    assert neighbour_mean(x, mask=torch.tensor([True, True, False])).tolist() == [[2.0]] * 3
    weights = torch.tensor([[0.0, 1.0, 3.0], [0.0, 0.0, 0.0], [2.0, 0.0, -1.0]], dtype=F64)
    assert neighbour_mean(x, adjacency=weights).tolist() == [[9.0], [0.0], [-9.0]]
    there = torch.tensor([True, True, False])
    assert neighbour_mean(x, adjacency=weights, mask=there).tolist() == [[3.0], [0.0], [0.0]]
    edges = torch.tensor([[0, 1, 2], [2, 2, 0]])
    assert neighbour_mean(x, edges=edges).tolist() == [[11.0], [0.0], [2.0]]
    assert neighbour_mean(x, cloud=torch.tensor([1, 0, 1])).tolist() == [[6.0], [3.0], [6.0]]


@pytest.mark.parametrize(("step", "decided"), [(0.6e-8, False), (0.9e-8, True), (1.1e-8, True)])
def test_sums_count_as_zero_to_a_tolerance_for_every_entry(step, decided):
    """Six entries, each a step of less than 1e-8 below the one before, are one class; its sum of nine steps is below
    6e-8 or above. With steps beyond 1e-8 every entry is a class of its own, and the first decides."""
    sizes = 1 - step * torch.arange(6, dtype=F64)
    v = (sizes * torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0], dtype=F64))[:, None]
    assert canonical_signs(v)[1].tolist() == [decided]
    assert canonical_signs(7 * v, tol=1e-8)[1].tolist() == [decided]
    assert canonical_signs(v, tol=0.0)[1].tolist() == [True]


def test_the_first_telling_class_decides():
    v = torch.tensor([[0.5, -0.5, 0.5, 0.5], [-0.5, 0.5, 0.5, 0.1], [0.1, 0.2, -0.3, -0.5]], dtype=F64).T
    chosen, decided = canonical_signs(v)
    assert decided.tolist() == [True, True, True]
    close(chosen, v * torch.tensor([1.0, 1.0, -1.0], dtype=F64))
    assert canonical_signs(-v)[0].tolist() == chosen.tolist()


def test_odd_moments_by_hand():
    x = torch.tensor([[2.0, 1.0], [-1.0, -1.0], [-1.0, 0.0]], dtype=F64)
    close(odd_moments(x, eps=1.0), torch.tensor([2.0 / (2.0 + 1.0), 0.0], dtype=F64))
    close(odd_moments(x, power=1, eps=0.5, mask=torch.tensor([True, True, False])), torch.tensor([0.5, 0.0]).double())
    close(odd_moments(x, power=5, eps=2.0)[0], torch.tensor(10.0 / 12.0, dtype=F64))
    assert math.isclose(float(odd_moments(x)[0]), 1.0, rel_tol=1e-3)
