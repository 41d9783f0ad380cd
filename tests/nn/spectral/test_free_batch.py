"""Layers export with a free batch, beside opt_einsum too, which cannot order products of three of unknown size."""

from __future__ import annotations

import pytest
import torch

from haar.nn.spectral import EigenvalueFilters, SignAttention

SOURCE = torch.Generator().manual_seed(0)
V = torch.randn(3, 5, 4, generator=SOURCE)


@pytest.mark.parametrize(
    ("make", "inputs"),
    [(lambda: SignAttention(4), (V,)), (lambda: EigenvalueFilters(4), (V, torch.rand(3, 4, generator=SOURCE)))],
    ids=["attention", "filters"],
)
def test_an_exported_program_takes_any_batch(make, inputs):
    module, batch = make(), torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(module, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs))
    twice = [torch.cat([x, x]) for x in inputs]
    torch.testing.assert_close(exported.module()(*twice), module(*twice))
