"""Models of molecules take coarser numbers than their parameters, exactly, and refuse finer ones by name."""

from __future__ import annotations

import copy

import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.nn.circuits import (
    AtomVectors,
    BoardCircuit,
    ExchangeCircuit,
    GraphCircuit,
    PairCircuit,
    RotationCircuit,
    WaterCircuit,
    WeightedGraphCircuit,
)
from haar.systems.quantum import CoordinateNetwork, DistanceSets, GenericCircuit, Potential

MODELS = [
    (GenericCircuit(2, layers=1), (2, 3)),
    (RotationCircuit(2, layers=1), (2, 3)),
    (ExchangeCircuit(3, layers=1), (3, 3)),
    (ExchangeCircuit(3, layers=1, parity="average"), (3, 3)),
    (WaterCircuit(layers=1), (2, 3)),
    (GraphCircuit(2, layers=1), (2, 3)),
    (BoardCircuit(layers=1), (9,)),
    (WeightedGraphCircuit(3, layers=1), (3, 3)),
    (PairCircuit(2, blocks=1), (2, 3)),
    (DistanceSets(3), (3, 3)),
    (CoordinateNetwork(3), (3, 3)),
    (Potential("graph", ("N", "H", "H", "H")), (3, 3)),
    (AtomVectors(ExchangeCircuit(2, layers=1)), (2, 3)),
]


@torch.no_grad()
@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(("model", "row"), MODELS, ids=lambda m: type(m).__name__)
def test_coarser_numbers_are_raised_and_finer_ones_refused(model, row):
    x = torch.randint(1, 7, (3, *row), generator=torch.Generator().manual_seed(0))
    right = model(x.double())
    for dtype in (torch.int64, torch.uint8, torch.float32, torch.float16):
        found = model(x.to(dtype))
        assert found.dtype == torch.float64
        assert torch.equal(found, right)
    single = copy.deepcopy(model).float()
    assert (single(x.float()) - right).abs().max() < 1e-3 * max(1, float(right.abs().max()))
    with pytest.raises(
        ArgumentError, match="x: expected float32 or coarser, as the model's parameters are, got float64"
    ):
        single(x.double())
    with pytest.raises(ArgumentError, match=r"x: expected float64 or coarser.* got complex128"):
        model(x.to(torch.complex128))
    for half in (torch.float16, torch.bfloat16):
        with pytest.raises(ArgumentError, match=r"model: expected parameters in float32 or float64.* got b?float16"):
            copy.deepcopy(model).to(half)(x.to(half))
    with pytest.raises(ShapeError, match=r"x: expected \(batch, .*\), got"):
        model(x.double()[None])
