"""Lie groups: algebra, Haar moments, quadratures and designs."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions.representation import Defining, Harmonic, Spin
from haar.errors import ArgumentError
from haar.groups import SO, SU2, LieGroup, O, design
from haar.groups.lie import exponential, quaternion_matrix, rotation_of_quaternion

ALL = [SO(2), O(2), SO(3), O(3), SO(4), O(5), SU2()]


@pytest.mark.parametrize("group", ALL, ids=lambda g: g.name)
def test_algebra_is_antisymmetric_closed_and_exponentiates(group: LieGroup, generator: torch.Generator) -> None:
    X = group.algebra
    assert torch.equal(X, -X.transpose(-1, -2))
    brackets = torch.einsum("aij,bjk->abik", X, X) - torch.einsum("bij,ajk->abik", X, X)
    flat = X.flatten(1).T
    fit = flat @ torch.linalg.lstsq(flat, brackets.flatten(2).flatten(0, 1).T).solution
    torch.testing.assert_close(fit, brackets.flatten(2).flatten(0, 1).T, rtol=0, atol=1e-12)
    g = group.exp(torch.randn(4, len(X), generator=generator, dtype=torch.float64))
    eye = torch.eye(group.n, dtype=torch.float64).expand_as(g)
    torch.testing.assert_close(g @ g.transpose(-1, -2), eye, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.linalg.det(g), torch.ones(4, dtype=torch.float64), rtol=0, atol=1e-12)


def test_rotations_about_the_axes() -> None:
    quarter = SO(3).exp(torch.tensor([0.0, 0.0, math.pi / 2], dtype=torch.float64))
    x, y = torch.eye(3, dtype=torch.float64)[0], torch.eye(3, dtype=torch.float64)[1]
    torch.testing.assert_close(quarter @ x, y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("group", ALL, ids=lambda g: g.name)
def test_haar_moments(group: LieGroup) -> None:
    """The mean is 0 and the mean of g_ij g_kl is that of an irreducible representation; signs of det are fair."""
    g = group.sample(6000, torch.Generator().manual_seed(1))
    n = group.n
    assert float(g.mean(0).abs().max()) < 0.06
    second = torch.einsum("gij,gkl->ijkl", g, g) / len(g)
    square = second.diagonal(dim1=0, dim2=2).diagonal(dim1=0, dim2=1)  # mean of g_ij^2
    assert float((square - 1 / n).abs().max()) < 0.03
    share = float((torch.linalg.det(g) > 0).double().mean())
    assert share == pytest.approx(0.5 if len(group.components) else 1.0, abs=0.03)


@given(st.sampled_from([SO(2), O(2), SO(3), O(3), SU2()]), st.integers(0, 6), st.integers(0, 99))
def test_quadrature_is_exact_up_to_its_degree(group: LieGroup, degree: int, seed: int) -> None:
    """Averages of irreducible matrices of degree 1 .. degree vanish, with and without a random turn."""
    for turned in (None, torch.Generator().manual_seed(seed)):
        elements, weights = group.quadrature(degree, turned)
        assert float(weights.sum()) == pytest.approx(1.0, abs=1e-13)
        assert float(weights.min()) > 0
        for k in range(1, degree + 1):
            rep = Spin(group, k / 2) if isinstance(group, SU2) else Harmonic(group, k)
            mean = torch.einsum("g,gij->ij", weights, rep.matrix(elements))
            assert float(mean.abs().max()) < 1e-12


def test_quadrature_is_not_exact_beyond() -> None:
    elements, weights = SO(3).quadrature(2)
    mean = torch.einsum("g,gij->ij", weights, Harmonic(SO(3), 4).matrix(elements))
    assert float(mean.abs().max()) > 1e-3


@pytest.mark.parametrize("strength", [1, 2, 3, 4, 5])
def test_designs(strength: int) -> None:
    elements = design(strength)
    group = SO(3)
    for l in range(1, strength + 1):
        assert float(Harmonic(group, l).matrix(elements).mean(0).abs().max()) < 1e-13
    products = (elements[:, None] @ elements[None]).flatten(0, 1)
    distance = (products[:, None] - elements[None]).abs().amax((-1, -2)).amin(1)
    assert float(distance.max()) < 1e-12


def test_quaternions_turn_vectors(generator: torch.Generator) -> None:
    p, q = torch.randn(2, 4, generator=generator, dtype=torch.float64)
    p, q = p / p.norm(), q / q.norm()
    product = quaternion_matrix(p) @ q
    torch.testing.assert_close(
        quaternion_matrix(product), quaternion_matrix(p) @ quaternion_matrix(q), rtol=0, atol=1e-13
    )
    both = rotation_of_quaternion(p) @ rotation_of_quaternion(q)
    torch.testing.assert_close(rotation_of_quaternion(product), both, rtol=0, atol=1e-13)


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match=r"expected SO\(2\), O\(2\), SO\(3\), O\(3\) or SU\(2\) for a quadrature"):
        SO(4).quadrature(2)
    with pytest.raises(ArgumentError, match=r"strength: expected 1 to 5, got 6"):
        design(6)
    with pytest.raises(ArgumentError, match="n: expected a dimension of at least 2"):
        SO(1)


def test_generators_are_the_other_component() -> None:
    assert len(SO(3).generators()) == 0
    assert torch.equal(O(3).generators()[0], -torch.eye(3, dtype=torch.float64))
    assert float(torch.linalg.det(Defining(O(4)).matrix(O(4).generators()[0]))) == pytest.approx(-1)


@pytest.mark.parametrize("angle", [1e-9, 1e-4, 1e-3, 0.01, 0.03, 0.049, 0.06, 1.0, 20.0])
def test_exponentials_of_small_and_large_angles(angle: float) -> None:
    turned = SO(3).exp(torch.tensor([0, 0, angle], dtype=torch.float64))
    assert float(turned[1, 0]) == pytest.approx(math.sin(angle), abs=1e-14)
    assert float(turned[0, 0]) == pytest.approx(math.cos(angle), abs=1e-14)


@pytest.mark.parametrize("angle", [1e-3, 0.01, 0.03, 0.3, 5.0])
def test_complex_exponentials_of_small_and_large_angles(angle: float) -> None:
    y = torch.tensor([[0, -1j], [1j, 0]], dtype=torch.complex128)
    expected = math.cos(angle) * torch.eye(2, dtype=torch.complex128) - 1j * math.sin(angle) * y
    assert float((exponential(-1j * angle * y) - expected).abs().max()) < 1e-14
