"""Materials and what commutes with them: counts of every class against the textbook, invariants, notations, frames."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from haar.errors import ArgumentError, DataError
from haar.groups import O, dihedral, icosahedral
from haar.groups.crystal import POINT_GROUPS, turn
from haar.intertwiners import hom_dimension, intertwiners, invariants
from haar.systems.constitutive.detection import check_notation, detect_notation
from haar.systems.constitutive.elastic import (
    TEXTBOOK,
    classes,
    draw_patterns,
    elastic_constants,
    stiffness,
    youngs_modulus,
)
from haar.systems.constitutive.generators import CubicCrystal, cubic_stiffness, random_strains
from haar.systems.constitutive.hyperelastic import Hyperelastic
from haar.systems.constitutive.notation import (
    ORDERS,
    FileNotation,
    Notation,
    components_to_mandel,
    every_notation,
    mandel_to_components,
    mandel_to_stiffness,
    named_notation,
    stiffness_to_mandel,
)
from haar.systems.constitutive.polynomials import InvariantPolynomials, invariant_coefficients
from haar.systems.constitutive.symmetry import material_symmetry
from haar.systems.constitutive.tensor_network import effective_symmetry, major_symmetric_basis

F64 = torch.float64
#: The specification's table: maps, with major symmetry, fixed strains.
SIZES = {
    "isotropic": (2, 2, 1), "432": (3, 3, 1), "23": (4, 3, 1), "622": (6, 5, 2), "6": (8, 5, 2), "32": (8, 6, 2),
    "3": (12, 7, 2), "422": (7, 6, 2), "4": (10, 7, 2), "222": (12, 9, 3), "2": (20, 13, 4), "1": (36, 21, 6),
    "plane O(2)": (2, 2, 1), "plane SO(2)": (3, 2, 1), "plane D4": (3, 3, 1), "plane C4": (5, 4, 1),
    "plane D6": (2, 2, 1), "plane D3": (2, 2, 1), "plane D2": (5, 4, 2), "plane C1": (9, 6, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_weights_and_biases(name):
    S = material_symmetry(name).tensors
    space = intertwiners(S, S)
    assert (space.dim, len(major_symmetric_basis(S)), invariants(S).shape[1]) == SIZES[name]
    assert hom_dimension(S, S) == space.dim


def test_the_icosahedral_group_is_as_good_as_all_rotations():
    S = material_symmetry(icosahedral()).tensors
    assert intertwiners(S, S).dim == 2


@pytest.mark.parametrize("point", POINT_GROUPS, ids=lambda point: point.international)
def test_elastic_constants_are_the_textbooks(point):
    assert elastic_constants(material_symmetry(point.schoenflies)) == TEXTBOOK[point.international]


@pytest.mark.parametrize(
    "name", [*(point.international for point in POINT_GROUPS), "isotropic", "inf", "inf/mm", "inf2", "plane D8"]
)
def test_invariants_are_left_alone_and_derivatives_are_right(name):
    material = material_symmetry(name)
    polynomials = InvariantPolynomials(material, 3)
    source = torch.Generator().manual_seed(0)
    x = torch.randn(3, material.tensors.dim, dtype=F64, generator=source)
    values = polynomials(x)
    for g in material.group.sample(5, source):
        assert torch.allclose(polynomials(material.tensors.act(g, x)), values, atol=1e-11)
    weights = torch.randn(3, polynomials.count, dtype=F64, generator=source)
    powers = polynomials.powers(x)
    first = torch.autograd.functional.jacobian(polynomials, x[0])
    assert torch.allclose(polynomials.slopes(powers)[0], first, atol=1e-11)
    second = torch.autograd.functional.hessian(lambda y: polynomials(y) @ weights[0], x[0])
    assert torch.allclose(polynomials.bends(powers, weights)[0], second, atol=1e-11)


def test_numbers_of_invariants_are_molien_s():
    counts = {
        "isotropic": (1, 2, 3, 4),
        "432": (1, 3, 6, 11),
        "622": (2, 5, 10, 19),
        "32": (2, 6, 14, 28),
        "222": (3, 9, 20, 42),
    }
    assert {name: InvariantPolynomials(material_symmetry(name), 4).counts for name in counts} == counts
    with pytest.raises(ArgumentError, match=r"degree: expected at most 5, got 6"):
        InvariantPolynomials(material_symmetry("1"), 6)


def test_coefficients_are_orthonormal_as_tensors():
    rows = invariant_coefficients(material_symmetry("isotropic"), 2)
    trace = torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=F64)
    x = torch.randn(4, 6, dtype=F64)
    both = InvariantPolynomials(material_symmetry("isotropic"), 2)(x)[:, 1:]
    expected = torch.stack([(x @ trace) ** 2, x.square().sum(1)], 1)
    assert rows.shape == (2, 21)
    assert torch.allclose(both @ torch.linalg.lstsq(both, expected).solution, expected, atol=1e-10)


def test_what_tensor_features_cannot_tell():
    told = {"plane D3": "plane O(2)", "plane D6": "plane O(2)", "plane D8": "plane O(2)",
            "622": "transversely isotropic", "6": "transversely isotropic", "432": "432",
            "422": "422", "32": "32", "222": "222", "isotropic": "isotropic"}  # fmt: skip
    assert {name: effective_symmetry(material_symmetry(name)) for name in told} == told


def test_names_of_materials():
    assert material_symmetry("cubic") is material_symmetry("m-3m") is material_symmetry("Oh")
    assert material_symmetry("orthotropic").name == "mmm"
    assert material_symmetry("Transversely isotropic").name == "inf/mm"
    assert material_symmetry(dihedral(4)).dim == 2
    assert material_symmetry(O(3)).dim == 3
    with pytest.raises(ArgumentError, match=r"group: expected a crystal class .* got 'cubical'; did you mean cubic\?"):
        material_symmetry("cubical")
    with pytest.raises(ArgumentError, match=r"group: expected plane C1 .* got 'plane q4'"):
        material_symmetry("plane Q4")


def test_frames_turn_materials_and_left_handed_ones_are_refused():
    frame = turn((1.0, 2.0, 3.0), 0.7)
    material = material_symmetry("422").turned(frame)
    assert torch.allclose(
        material.space.matrix(material.group.generators()[:1]),
        frame @ material_symmetry("422").generators()[:1] @ frame.mT,
    )
    assert intertwiners(material.tensors, material.tensors).dim == 7
    with pytest.raises(
        ArgumentError, match=r"frame: expected a right-handed frame, got a left-handed one, det F = -1; turn one axis"
    ):
        material_symmetry("422").turned(torch.diag(torch.tensor([1.0, 1, -1])))
    with pytest.raises(
        ArgumentError, match=r"frame: expected orthonormal axes as columns, got axes with \|F\^T F - 1\| = 3.0e\+00"
    ):
        material_symmetry("422").turned(2 * torch.eye(3))
    with pytest.raises(ArgumentError, match=r"frame: expected a 3 x 3 matrix, axes as columns, got \(2, 2\)"):
        material_symmetry("422").turned(torch.eye(2))


def test_cubic_stiffness_is_hookes_law_in_voigts_matrix():
    C = mandel_to_stiffness(cubic_stiffness(3.0, 2.0, 0.7), named_notation("voigt"))
    assert torch.allclose(C.diagonal(), torch.tensor([3.0, 3, 3, 0.7, 0.7, 0.7], dtype=F64))
    assert torch.allclose(stiffness_to_mandel(C, named_notation("voigt")), cubic_stiffness(3.0, 2.0, 0.7), atol=1e-12)
    axes = torch.tensor([[1.0, 0, 0], [1 / math.sqrt(3)] * 3], dtype=F64)
    E = youngs_modulus(cubic_stiffness(3.0, 2.0, 0.7), axes)
    assert E[0] == pytest.approx((3 - 2) * (3 + 4) / 5)
    assert E[1] == pytest.approx(3 * 0.7 * 7 / (7 + 0.7))


def test_the_table_and_the_picture_have_every_class():
    table = classes()
    assert len(table.rows) == 35
    assert table.rows[-1][4:] == (2, 2, 3, 1)
    figure = draw_patterns(("m-3m", "3", "1"))
    assert [axes.get_title() for axes in figure.axes][:3] == ["m-3m", "3", "1"]
    assert stiffness(material_symmetry("m-3m")).count_nonzero() == 12


# notations


@pytest.mark.parametrize("dim", [2, 3])
def test_every_notation_there_and_back(dim):
    x = torch.randn(4, dim * (dim + 1) // 2, dtype=F64)
    notations = every_notation(dim)
    assert len(notations) == {3: 96, 2: 24}[dim]
    for one in notations:
        assert torch.allclose(components_to_mandel(mandel_to_components(x, one.strain), one.strain), x, atol=1e-12)


def test_components_stand_where_each_code_puts_them():
    E = torch.tensor([1.0, 2, 3, 4 * 2**0.5, 5 * 2**0.5, 6 * 2**0.5], dtype=F64)
    told = {
        "voigt": [1, 2, 3, 8, 10, 12],
        "abaqus": [1, 2, 3, 12, 10, 8],
        "ansys": [1, 2, 3, 12, 8, 10],
        "lexicographic": [1, 12, 10, 2, 8, 3],
    }
    assert set(told) == set(ORDERS)
    for order, expected in told.items():
        assert mandel_to_components(E, Notation(order, "engineering")).tolist() == pytest.approx(expected)


def test_names_of_notations():
    assert named_notation("mandel") == FileNotation(Notation("voigt", "mandel"), Notation("voigt", "mandel"))
    assert named_notation("ansys-tensor") == FileNotation(Notation("ansys", "tensor"), Notation("ansys", "tensor"))
    assert named_notation("voigt/abaqus-mandel").stress == Notation("abaqus", "mandel")
    for name in ("vogt", "voigt-shear", "voigt/", "a/b/c"):
        with pytest.raises(ArgumentError, match=r"notation: expected mandel, or one of voigt, abaqus"):
            named_notation(name)
    with pytest.raises(ArgumentError, match=r"stress: expected tensor or mandel shear: stresses are never doubled"):
        named_notation("voigt/voigt-engineering")
    with pytest.raises(ArgumentError, match=r"order: expected one of voigt, .* got 'nye'"):
        Notation("nye")
    with pytest.raises(ArgumentError, match=r"shear: expected one of tensor, .* got 'half'"):
        Notation("voigt", "half")


def _polynomial(name, seed=0):
    """A material with all constants of second and third order drawn."""
    law = Hyperelastic(name, width=0, degree=3)
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        law.linear.copy_(torch.randn(len(law.linear), dtype=F64, generator=source))
        law.linear[sum(law.invariants.counts[:2]) :] *= 5
        x = random_strains(120, 0.1, source)
        return x, law(x), law.material


@pytest.mark.parametrize("name", ["isotropic", "6/mmm", "-3m"])
def test_all_notations_are_told_apart(name):
    """Written in each of 96 ways: the way is found, and it is the only one that is."""
    x, y, material = _polynomial(name)
    for one in every_notation()[::5]:
        found = detect_notation(mandel_to_components(x, one.strain), mandel_to_components(y, one.stress), material)
        assert found.told == (one,)
        assert str(one) == str(found)


def test_where_axes_are_only_permuted_some_cannot_be_told_and_are_named_as_such():
    x, y, material = _polynomial("m-3m")
    one = named_notation("voigt")
    found = detect_notation(mandel_to_components(x, one.strain), mandel_to_components(y, one.stress), material)
    assert one in found.told
    assert len(found.told) <= 2
    linear = CubicCrystal(stiffening=0.0)
    y = linear(x)
    found = detect_notation(mandel_to_components(x, one.strain), mandel_to_components(y, one.stress), material)
    assert len(found.told) > 5
    assert "that these data cannot tell from it" in str(found)


def test_a_wrong_notation_is_refused_with_the_right_one():
    x, y, material = _polynomial("isotropic")
    right = named_notation("abaqus-tensor")
    written = mandel_to_components(x, right.strain), mandel_to_components(y, right.stress)
    assert check_notation(*written, right, material).told == (right,)
    for wrong in ("mandel", "voigt", "abaqus", "ansys-tensor", "abaqus-tensor/voigt-tensor"):
        match = (
            r"notation: read as .* under isotropic; they are written as 11 22 33 12 13 23, tensor shear strain, tensor"
        )
        with pytest.raises(DataError, match=match):
            check_notation(*written, named_notation(wrong), material)
    with pytest.raises(DataError, match=r"strain: 2 samples for 5 constants|strain: 1 samples for 5 constants"):
        detect_notation(x[:1], y[:1], material)


def test_orders_differ():
    assert len(set(ORDERS.values())) == 4
    assert all(sorted(one) == sorted(other) for one, other in itertools.pairwise(ORDERS.values()))
