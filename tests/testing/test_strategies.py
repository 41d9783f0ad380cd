"""What the strategies draw is what they promise, to the last bound, and all of it can come."""

from __future__ import annotations

import pytest
import torch
from hypothesis import find, given
from hypothesis import strategies as st

from haar.actions.representation import DirectSum, Regular, TensorProduct, Trivial
from haar.groups import FiniteGroup, GridGroup, LieGroup, SignGroup, SymmetricGroup, dihedral, symmetric
from haar.testing import strategies


@given(st.data(), st.integers(1, 9))
def test_groups_are_no_larger_than_asked(data, most):
    group = data.draw(strategies.finite_groups(max_order=most))
    assert 1 <= group.order <= most


@pytest.mark.parametrize("order", [1, 24, 48])
def test_groups_of_any_order_come(order):
    assert find(strategies.finite_groups(), lambda group: group.order == order).order == order
    assert find(strategies.finite_groups(max_order=order), lambda group: group.order == order)


@pytest.mark.parametrize("kind", [FiniteGroup, SymmetricGroup, SignGroup, LieGroup])
def test_groups_of_every_kind_come(kind):
    assert isinstance(find(strategies.groups(), lambda group: isinstance(group, kind)), kind)


@given(st.data(), st.integers(2, 9))
def test_parts_of_representations_are_no_larger_than_asked(data, most):
    rep = data.draw(strategies.representations(dihedral(4), max_dim=most))
    parts = rep.parts if isinstance(rep, DirectSum) else [rep]
    assert 1 <= len(parts) <= 3
    assert all(part.dim <= most for part in parts)
    assert rep.group.name == "D4"


def test_representations_of_every_kind_come():
    def drawn(group, fits, **options):
        return find(strategies.representations(group, **options), fits)

    group = dihedral(4)
    assert len(drawn(group, lambda rep: isinstance(rep, DirectSum) and len(rep.parts) == 3).parts) == 3
    assert drawn(group, lambda rep: isinstance(rep, Regular), max_dim=8).dim == 8
    assert drawn(group, lambda rep: isinstance(rep, TensorProduct) and rep.dim == 8, max_dim=8)
    assert drawn(symmetric(7), lambda rep: rep.dim == 7)
    assert isinstance(drawn(group, lambda rep: isinstance(rep, Trivial)), Trivial)


@given(st.data(), st.integers(1, 3), st.integers(2, 6))
def test_grids_fit_their_groups(data, dim, longest):
    group, shape = data.draw(strategies.grids(dim=dim, max_cells=longest))
    assert (group.space_dim, len(shape)) == (dim, dim)
    assert all(2 <= n <= longest for n in shape)
    if group.grid_shape is not None:
        assert group.grid_shape == shape
        n = shape[0]
        assert group.step == ({2: 1, 3: 1, 4: 2, 5: 5, 6: 3}[n],) * dim
    elif any((group.motion(group.elements()).index != torch.arange(dim)).flatten()):
        assert len(set(shape)) == 1


def test_grids_of_every_kind_come():
    boxes = strategies.grids(dim=2, max_cells=4)
    assert find(boxes, lambda pair: pair[1] == (2, 4))[0].name == "reflections2"
    assert find(boxes, lambda pair: isinstance(pair[0], GridGroup))
    assert find(boxes, lambda pair: pair[0].name == "D4")[1][0] <= 4
    assert find(boxes, lambda pair: pair[0].name == "C4" and pair[1] == (4, 4))
    assert len(find(strategies.grids(), lambda pair: max(pair[1]) == 8)[1]) == 2


def test_normal_numbers_of_a_seed():
    state = torch.get_rng_state()
    x = strategies.normal((50, 40))
    assert x.dtype == torch.float64
    assert torch.equal(x, strategies.normal((50, 40), 0))
    assert not torch.equal(x, strategies.normal((50, 40), 1))
    assert strategies.normal((2,), dtype=torch.float32).dtype == torch.float32
    assert float(x.std()) == pytest.approx(1, abs=0.1)
    assert torch.equal(torch.get_rng_state(), state)
