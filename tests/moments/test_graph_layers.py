"""PyTorch Geometric's layers, as themselves where the package is there and as stand-ins of the same form everywhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.moments import Gaussian, UnsupportedModuleError, propagate, sample_outputs
from haar.moments.graph_layers import is_graph_layer, split_inner_network

EDGES = torch.tensor([[0, 1, 2, 3, 4, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 0, 1, 2, 3, 4]])


class Sum(nn.Module):
    """h_i + sum over the neighbours, then a linear map (and a network of its own for the isomorphism layer)."""

    def __init__(self, inner=None, *, largest=False):
        super().__init__()
        self.linear, self.largest = nn.Linear(2, 3), largest
        if inner is not None:
            self.nn = inner

    def forward(self, x, edges):
        if edges.shape[0] != 2:
            raise ValueError("edges")
        near = torch.zeros_like(x)
        how = "amax" if self.largest else "sum"
        near = near.scatter_reduce(
            -2, edges[1][:, None].expand(*x.shape[:-2], -1, x.shape[-1]), x[..., edges[0], :], how
        )
        out = self.linear(x + near)
        return self.nn(out) if hasattr(self, "nn") else out


Sum.__module__ = "torch_geometric.nn.conv.stand_in"


class Model(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(3, 1)

    def forward(self, x, edges):
        return self.head(torch.relu(self.layer(x, edges)).mean(1))


def agrees(model):
    law = Gaussian(torch.linspace(-0.5, 0.5, 10), 0.3)
    found = propagate(model, law, input_shape=(5, 2), constants={"edges": EDGES})
    y = sample_outputs(model, law, 40_000, input_shape=(5, 2), constants={"edges": EDGES})
    assert abs(found.mean.item() - y.mean().item()) < (0.025 if found.exact else 0.15) * y.std().item()
    assert found.cov.item() == pytest.approx(y.var().item(), rel=0.05 if found.exact else 0.4)
    return found


def test_affine_graph_layers_are_called_as_they_are():
    found = agrees(Model(Sum()))
    assert found.exact
    assert [layer.kind for layer in found.layers][:2] == ["Sum", "relu"]


def test_inner_networks_are_followed():
    torch.manual_seed(0)
    layer = Sum(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)))
    found = agrees(Model(layer))
    assert [step.name for step in found.layers][:4] == ["layer", "layer.nn.0", "layer.nn.1", "layer.nn.2"]
    outer, inner = split_inner_network(layer)
    assert inner is layer.nn
    assert outer.linear is layer.linear
    x = torch.randn(2, 5, 2)
    torch.testing.assert_close(inner(outer(x, EDGES)), layer(x, EDGES))
    assert isinstance(layer.nn, nn.Sequential)
    propagate(
        Model(layer), Gaussian(torch.zeros(10)), input_shape=(5, 2), constants={"edges": EDGES}
    ).mean.sum().backward()
    assert layer.linear.weight.grad.abs().sum() > 0


def test_layers_that_are_not_affine_are_refused_by_name():
    law = Gaussian(torch.zeros(10))
    with pytest.raises(UnsupportedModuleError, match=r"got Sum \('layer'\), which is not affine"):
        propagate(Model(Sum(largest=True)), law, input_shape=(5, 2), constants={"edges": EDGES})
    assert not is_graph_layer(nn.Linear(1, 1))
    assert split_inner_network(nn.Linear(1, 1)) is None
    assert split_inner_network(Sum()) is None


def test_modules_wrongly_called_affine_are_found_out():
    class Bent(nn.Module):
        def forward(self, x):
            return x.abs()

    with pytest.raises(
        ArgumentError, match="affine: expected modules that are affine in their first argument, got Bent"
    ):
        propagate(nn.Sequential(Bent()), Gaussian([0.0]), affine=[Bent])


def test_the_real_package():
    geometric = pytest.importorskip("torch_geometric.nn", reason="torch-geometric is not installed")
    inner = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))
    for layer in (
        geometric.GCNConv(2, 3),
        geometric.SAGEConv(2, 3),
        geometric.GraphConv(2, 3),
        geometric.GINConv(inner),
    ):
        agrees(Model(layer))
    with pytest.raises(ArgumentError, match="Static graphs not supported in 'GATConv'"):
        agrees(Model(geometric.GATConv(2, 3)))
