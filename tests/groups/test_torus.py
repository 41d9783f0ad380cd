"""The torus: angles and elements, Haar measure, quadrature."""

from __future__ import annotations

import math

import pytest
import torch

from haar.errors import ArgumentError
from haar.groups import Torus


@pytest.mark.parametrize("circles", [1, 2, 3])
def test_elements_add_their_angles(circles, generator):
    group = Torus(circles)
    a, b = (torch.randn(4, circles, generator=generator, dtype=torch.float64) for _ in range(2))
    assert torch.allclose(group.compose(group.element(a), group.element(b)), group.element(a + b), atol=1e-14)
    assert torch.allclose(group.exp(a), group.element(a), atol=1e-14)
    assert torch.allclose(group.angles(group.element(a.fmod(3))), a.fmod(3), atol=1e-14)
    assert torch.allclose(group.inverse(group.element(a)), group.element(-a), atol=0)
    assert group.describe(group.element(torch.full((circles,), math.pi / 2))) == "t(" + ",".join(["90"] * circles) + ")"


def test_samples_are_uniform_on_every_circle(generator):
    angles = Torus(2).angles(Torus(2).sample(4000, generator))
    harmonics = torch.exp(1j * torch.tensor([1, 2, 3])[:, None, None] * angles).mean(1)
    assert float(harmonics.abs().max()) < 4 / math.sqrt(4000)
    assert float(torch.exp(1j * angles.sum(1)).mean().abs()) < 4 / math.sqrt(4000)


@pytest.mark.parametrize("degree", [0, 1, 4])
def test_the_quadrature_is_exact_up_to_its_degree(degree):
    group = Torus(2)
    elements, weights = group.quadrature(degree)
    assert math.isclose(float(weights.sum()), 1)
    angles = group.angles(elements)
    for j in range(-degree - 1, degree + 2):
        for k in range(-degree - 1, degree + 2):
            mean = (weights * torch.exp(1j * (j * angles[:, 0] + k * angles[:, 1]))).sum().abs()
            exact = j % (degree + 1) == 0 and k % (degree + 1) == 0
            assert math.isclose(float(mean), float(exact), abs_tol=1e-12)


def test_wrong_sizes_are_refused():
    with pytest.raises(ArgumentError, match="circles: expected at least 1, got 0"):
        Torus(0)
    with pytest.raises(ArgumentError, match="angles: expected 2, one for each circle, got 3"):
        Torus(2).element(torch.zeros(3))
