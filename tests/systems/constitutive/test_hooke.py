"""Elastic constants of data: exact without noise in every class, intervals that cover, none where none is decided."""

from __future__ import annotations

import pytest
import torch

from haar.groups.crystal import turn
from haar.systems.constitutive.elastic import TEXTBOOK, independent_constants, rotated_stiffness, stiffness
from haar.systems.constitutive.generators import cubic_stiffness
from haar.systems.constitutive.hooke import hooke_constants
from haar.systems.constitutive.notation import named_notation, stiffness_to_mandel
from haar.systems.constitutive.symmetry import material_symmetry

F64 = torch.float64


def _strains(count, seed=0):
    return 0.01 * torch.randn(count, 6, dtype=F64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["-1", "2/m", "mmm", "-3m", "4/m", "6/mmm", "m-3m", "isotropic"])
def test_constants_come_back_without_noise(name):
    material, frame = material_symmetry(name), turn((1.0, 2.0, -0.5), 0.8)
    places = independent_constants(material)
    assert len(places) == TEXTBOOK.get(name, (2, 3))[0]
    drawn = torch.randn(len(places), dtype=F64, generator=torch.Generator().manual_seed(1))
    voigt = stiffness(material, drawn)
    C = rotated_stiffness(stiffness_to_mandel(voigt, named_notation("voigt")), frame)
    x = _strains(40)
    found = hooke_constants(material, x, x @ C, frame)
    assert [one.name for one in found] == [f"C{i + 1}{j + 1}" for i, j in places]
    for one, (i, j) in zip(found, places, strict=True):
        assert one.value == pytest.approx(float(voigt[i, j]), abs=1e-10)
        assert one.interval == pytest.approx((one.value, one.value), abs=1e-9)


def test_intervals_cover_about_as_often_as_they_say():
    C, covered = cubic_stiffness(1.68, 1.21, 0.75), 0
    for seed in range(100):
        x = _strains(60, seed)
        noise = torch.randn(x.shape, dtype=F64, generator=torch.Generator().manual_seed(1000 + seed))
        y = x @ C + 5e-4 * (1 + 100 * x.abs()) * noise  # more noise where there is more strain
        (low, high) = hooke_constants(material_symmetry("cubic"), x, y)[2].interval
        covered += low < 0.75 < high
    assert 85 <= covered <= 100


def test_the_plane_and_what_is_not_decided():
    x = torch.eye(3, dtype=F64)
    found = hooke_constants(material_symmetry("plane D4"), x, 2 * x)
    assert [(one.name, round(one.value, 9)) for one in found] == [("C11", 2.0), ("C12", 0.0), ("C66", 1.0)]
    assert hooke_constants(material_symmetry("m-3m"), torch.eye(6, dtype=F64)[:3], torch.eye(6, dtype=F64)[:3]) == ()
