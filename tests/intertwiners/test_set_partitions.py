"""Equality patterns are the orbits of the symmetric group on index tuples."""

from __future__ import annotations

import pytest
import torch

from haar.actions.representation import Defining, Determinant, TensorProduct, Trivial, tensor_power
from haar.groups import SymmetricGroup, cyclic, symmetric
from haar.intertwiners import pair_orbits
from haar.intertwiners.set_partitions import equality_orbits, tensor_degree


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(("k", "l"), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (1, 3), (2, 2)])
def test_equal_to_the_search_on_generators(n: int, k: int, l: int) -> None:
    base = Defining(SymmetricGroup(n))
    found = equality_orbits(n, k, l)
    wanted = pair_orbits(tensor_power(base, k), tensor_power(base, l))
    assert torch.equal(found.label, wanted.label)
    assert torch.equal(found.sign, wanted.sign)
    assert torch.equal(found.sizes, wanted.sizes)


def test_bell_numbers_and_their_truncation() -> None:
    assert [equality_orbits(6, k, k).count for k in range(4)] == [1, 2, 15, 203]
    # set partitions of four things into at most 1, 2, 3 blocks
    assert [equality_orbits(n, 2, 2).count for n in (1, 2, 3)] == [1, 8, 14]


def test_which_representations_are_tensor_powers() -> None:
    base = Defining(symmetric(8))
    assert tensor_degree(base) == 1
    assert tensor_degree(Trivial(base.group)) == 0
    assert tensor_degree(TensorProduct(base, tensor_power(base, 2))) == 3
    assert tensor_degree(base + base) is None
    assert tensor_degree(Trivial(base.group, 2)) is None
    assert tensor_degree(base @ Determinant(base)) is None
    assert tensor_degree(Defining(cyclic(3))) is None
