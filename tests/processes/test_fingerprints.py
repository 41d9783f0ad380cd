"""Fingerprints tell numbers apart, however they are stored."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.processes import fingerprint, fingerprint_of_model


def test_conjugates_and_imaginary_parts_are_the_numbers_that_they_show():
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert fingerprint(z.conj()) == fingerprint(torch.tensor([1 - 2j, 3 + 1j])) != fingerprint(z)
    assert fingerprint(z.conj().imag) == fingerprint(torch.tensor([-2.0, 1.0]))
    assert fingerprint(z.real) == fingerprint(torch.tensor([1.0, 3.0]))


@pytest.mark.filterwarnings("ignore:Sparse CS. tensor support is in beta state")
@pytest.mark.parametrize("kind", ["to_sparse_coo", "to_sparse_csr", "to_sparse_csc"])
def test_sparse_tensors_are_told_apart_by_numbers_and_places(kind):
    x = torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    found = fingerprint(getattr(x, kind)())
    assert found == fingerprint(getattr(x.clone(), kind)())
    assert len({found, fingerprint(getattr(2 * x, kind)()), fingerprint(getattr(x.flip(1), kind)())}) == 3


def test_models_without_numbers_have_one_too():
    assert fingerprint_of_model(nn.LazyLinear(3)) != fingerprint_of_model(nn.LazyLinear(4))
    with torch.device("meta"):
        made = [nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(2, 3)]
    assert fingerprint_of_model(made[0]) == fingerprint_of_model(made[1]) != fingerprint_of_model(made[2])
