"""Other libraries' representations, through objects that look like theirs."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from haar.actions.representation import Trivial
from haar.errors import ArgumentError
from haar.groups import SO, O, TableGroup, cyclic, dihedral
from haar.nn import Conv, Linear, from_field_type, from_irreps, part_runs


class Element:
    """An element of C4 as escnn's look: compared, multiplied with @."""

    def __init__(self, k):
        self.k = k % 4

    def __matmul__(self, other):
        return Element(self.k + other.k)

    def __eq__(self, other):
        return self.k == other.k

    __hash__ = None


def rotation(g):
    a = math.pi * g.k / 2
    return np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])


class Rep:
    def __init__(self, name, function):
        self.name, self.function = name, function

    def __call__(self, g):
        return self.function(g)


def field_type():
    vector = Rep("irrep_1", rotation)
    regular = Rep("regular", lambda g: np.roll(np.eye(4), g.k, axis=0))
    still = Rep("irrep_0", lambda _: np.eye(1))
    group = SimpleNamespace(elements=[Element(k) for k in range(4)], generators=[Element(1)], name="C4")
    space = SimpleNamespace(fibergroup=group, basespace_action=rotation)
    return SimpleNamespace(gspace=space, representations=[still, still, vector, regular, regular])


class TestIrreps:
    def test_dimensions_copies_and_parities(self):
        group = O(3)
        rep = from_irreps("8x0e + 2x1o+1e + 3x2e + 0o", group)
        assert rep.dim == 8 + 6 + 3 + 15 + 1
        assert [run.copies for run in part_runs(rep)] == [8, 2, 1, 3, 1]
        inversion = rep.matrix(-torch.eye(3, dtype=torch.float64)).diagonal()
        assert inversion.tolist() == pytest.approx([1] * 8 + [-1] * 6 + [1] * 3 + [1] * 15 + [-1])
        rep.check()

    def test_degree_one_is_the_vector_itself(self):
        for group in (SO(3), O(3)):
            g = group.sample(5, torch.Generator().manual_seed(0))
            assert torch.allclose(from_irreps("1x1o", group).matrix(g), g, atol=1e-12)

    def test_degree_two_is_in_the_basis_of_e3nn(self):
        """xz, xy, y^2 - (x^2 + z^2) / 2, yz, (z^2 - x^2) / 2, up to a common factor and norms."""
        group = SO(3)
        g = group.sample(4, torch.Generator().manual_seed(0))
        point = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

        def harmonics(p):
            x, y, z = p.unbind(-1)
            root = 3**0.5
            return torch.stack(
                [root * x * z, root * x * y, y**2 - (x**2 + z**2) / 2, root * y * z, root / 2 * (z**2 - x**2)], -1
            )

        rep = from_irreps("2e", group)
        assert torch.allclose(harmonics(g @ point), rep.matrix(g) @ harmonics(point), atol=1e-12)

    def test_an_object_is_read_by_its_text(self):
        class Irreps:
            def __str__(self):
                return "2x0e+1x1o"

        assert from_irreps(Irreps(), O(3)).dim == 5

    def test_a_layer_between_them(self, measure):
        group = O(3)
        layer = Linear(from_irreps("4x0e + 2x1o", group), from_irreps("1x0e+3x1o+0o", group), dtype=torch.float64)
        assert layer.weight.numel() == 4 + 6
        assert measure(layer, layer.symmetry, torch.randn(3, 10, dtype=torch.float64)) < 1e-10

    def test_refusals(self):
        with pytest.raises(ArgumentError, match=r"group: expected SO\(3\) or O\(3\), got C4"):
            from_irreps("0e", cyclic(4))
        with pytest.raises(ArgumentError, match=r"irreps: expected terms like 8x0e .* got '1'"):
            from_irreps("0e + 1", O(3))
        with pytest.raises(ArgumentError, match=r"irreps: expected terms like"):
            from_irreps("banana", SO(3))
        with pytest.raises(ArgumentError, match=r"irreps: expected at least one copy"):
            from_irreps("0x0e", O(3))


class TestFieldType:
    def test_a_group_is_made_and_moves_grids(self, measure):
        rep = from_field_type(field_type())
        assert rep.dim == 12
        assert rep.group.order == 4
        assert [run.copies for run in part_runs(rep)] == [2, 1, 2]
        layer = Conv(rep, rep, 3, padding="same", dtype=torch.float64)
        assert measure(layer, layer.symmetry, torch.randn(1, 12, 5, 5, dtype=torch.float64)) < 1e-12

    def test_with_a_group_of_ours(self):
        group = cyclic(4)
        rep = from_field_type(field_type(), group)
        assert rep.group is group
        assert isinstance(rep.parts[0], Trivial)
        quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
        assert torch.allclose(rep.parts[2].matrix(torch.tensor(1)), quarter)

    def test_a_group_of_ours_has_every_matrix(self):
        table = (torch.arange(4)[:, None] + torch.arange(4)) % 4
        half_turns = TableGroup("C4", table, [1], defining=cyclic(4).defining_matrix(torch.tensor([0, 2, 0, 2])))
        with pytest.raises(ArgumentError, match=r"group: expected a group with the 4 matrices .* got C4, order 4"):
            from_field_type(field_type(), half_turns)

    def test_refusals(self):
        with pytest.raises(ArgumentError, match=r"group: expected a group with the 4 matrices .* got D4, order 8"):
            from_field_type(field_type(), dihedral(4))
        with pytest.raises(ArgumentError, match=r"field_type: expected an escnn FieldType .* got int"):
            from_field_type(3)
        backwards = field_type()
        backwards.gspace.fibergroup.elements.reverse()
        with pytest.raises(ArgumentError, match=r"a group whose first element is the identity"):
            from_field_type(backwards)
