"""Circuits export with a free batch, beside opt_einsum too, which cannot order products of three of unknown size."""

from __future__ import annotations

import pytest
import torch

from haar.nn.circuits.exchange import ExchangeCircuit
from haar.nn.circuits.graph import GraphCircuit

DOUBLE = torch.float64


@pytest.mark.parametrize("make", [lambda: ExchangeCircuit(2, layers=1), lambda: GraphCircuit(2, layers=1)])
def test_an_exported_program_takes_any_batch(make):
    circuit = make()
    x = torch.randn(3, 2, 3, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    exported = torch.export.export(circuit, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=64)},))
    torch.testing.assert_close(exported.module()(torch.cat([x, x])), circuit(torch.cat([x, x])))
