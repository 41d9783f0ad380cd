"""Layers of exchange gates made in blocks, against exponentials of dense matrices."""

from __future__ import annotations

import pytest
import torch

from haar.nn.circuits import exchange_layers
from haar.nn.circuits.exchange_layers import ExchangeLayers
from haar.nn.circuits.pauli_words import words_matrix

RING = [(0, 1), (2, 3), (1, 2), (3, 0)]


@pytest.mark.parametrize(("most", "blocked"), [(8, True), (4, True), (3, False)])
def test_a_layer_is_the_product_of_its_gates(most: int, blocked: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    monkeypatch.setattr(exchange_layers, "MOST_BLOCKED", most)
    source = torch.Generator().manual_seed(0)
    angles = torch.randn(3, 4, dtype=torch.float64, generator=source)
    psi = torch.randn(5, 16, dtype=torch.complex128, generator=source)
    layers = ExchangeLayers(4, RING)
    blocks = layers.blocks(angles)
    assert bool(blocks[0]) is blocked
    for angle, made in zip(angles, blocks, strict=True):
        expected = psi
        for (i, j), one in zip(RING, angle, strict=True):
            dot = words_matrix({f"{a}{i} {a}{j}": 1.0 for a in "XYZ"}, 4)
            expected = expected @ torch.linalg.matrix_exp(1j * one * dot).T
        found = layers(psi, angle, made)
        common = (expected.conj() * found).sum() / expected.abs().square().sum()
        assert abs(abs(common) - 1) < 1e-12
        assert (found - common * expected).abs().max() < 1e-12
