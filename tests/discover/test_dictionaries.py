"""Dictionaries of vector fields, on points and on grids."""

from __future__ import annotations

import pytest
import torch

from haar.discover import Fields, GridFields, Monomials, discover
from haar.errors import ArgumentError


def turn(x):
    return torch.stack([-x[:, 1], x[:, 0]], 1)


def blobs(count, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    line = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    made = []
    for _ in range(count):
        total = torch.zeros(size, size, dtype=torch.float64)
        for _ in range(3):
            (cx, cy), (a, b) = (
                ((torch.rand(2, generator=generator) - 0.5) * size / 5).tolist(),
                (1.2 + torch.rand(2, generator=generator)).tolist(),
            )
            total = total + torch.exp(-(((x - cx) / a) ** 2 + ((y - cy) / b) ** 2) / 2)
        made.append(total[None])
    return torch.stack(made)


def step(u):
    laplacian = sum(u.roll(s, a) for s in (1, -1) for a in (-1, -2)) - 4 * u
    return u + 0.2 * laplacian + 0.3 * u * (1 - u)


def test_one_field_of_the_callers_own_is_found_among_others(draw):
    fields = Fields([("turn", turn), ("stretch", lambda x: x), ("shift", torch.ones_like)])
    found = discover(lambda x: x.norm(dim=1, keepdim=True).sin(), draw(300, 2), kinds="lie", dictionary=fields)
    assert found.continuous.leading.gate.count == 1
    assert "turn" in found.summary
    assert found.spectrum.held_out[0] < 1e-12


def test_what_vanishes_on_the_data_is_dropped_and_counted(draw):
    fields = Fields([turn, lambda x: 2 * turn(x), lambda x: x])
    found = discover(lambda x: x.norm(dim=1, keepdim=True).sin(), draw(300, 2), kinds="lie", dictionary=fields)
    assert {one.kind: one.count for one in found.trivial} == {"dependent": 1}


def test_monomials_find_a_nonlinear_symmetry(draw):
    def model(x):  # invariant under the flow of d/dx + 2 x d/dy
        return (x[:, 1:] - x[:, :1].square()).sin()

    found = discover(model, draw(400, 2), kinds="lie", dictionary=Monomials(1))
    leading = found.continuous.leading
    assert leading.gate.defect < 1e-12
    assert "+ 1 d0 +2 x0 d1" in found.summary or "x0 d1" in found.summary


def test_shifts_of_a_periodic_grid_are_found_and_the_seam_is_checked(draw):
    u = torch.fft.ifft2(torch.fft.fft2(draw(10, 400).reshape(10, 1, 20, 20)) * _low(20)).real
    found = discover(step, u, kinds="lie", dictionary=GridFields(mixing=False, constants=False))
    assert [one for one in found.remarks if "seam" in one]
    assert found.continuous.problem.names == ["dx", "dy"]
    assert found.spectrum.held_out.max() < 1e-3


def _low(n):
    k = torch.fft.fftfreq(n, 1 / n)
    return ((k[:, None] ** 2 + k[None] ** 2) <= 9).double()


def test_localised_fields_allow_rotations_of_a_periodic_grid():
    found = discover(
        step, blobs(10, 32), kinds="lie", dictionary=GridFields(periodic=True, mixing=False, constants=False)
    )
    names = found.continuous.problem.names
    assert "x dy" in names
    values = found.spectrum.held_out
    assert values[:3].max() < 0.05
    assert values[3] > 3 * values[2]


def test_ends_that_differ_are_differences_inside(draw):
    line = torch.linspace(0, 1, 16, dtype=torch.float64)
    u = (
        (draw(8, 1)[:, :, None, None] * line[:, None] + draw(8, 1, 1)[:, :, None, None] * line.square())
        .expand(8, 1, 16, 16)
        .clone()
    )
    fields = GridFields()
    fields.fields((1, 16, 16), u)
    assert fields.mask.sum() < 16 * 16
    assert "False" in fields.said[0]


def test_bad_dictionaries_are_refused_by_name(draw):
    with pytest.raises(ArgumentError, match=r"fields: expected at least one field"):
        Fields([])
    with pytest.raises(ArgumentError, match=r"degree: expected"):
        Monomials(0)
    with pytest.raises(ArgumentError, match=r"periodic: expected one for each of 2 axes"):
        GridFields(periodic=[True]).fields((1, 8, 8), torch.zeros(2, 1, 8, 8))
    with pytest.raises(ArgumentError, match=r"dictionary: expected inputs \(b, channels"):
        discover(lambda x: x.sin(), draw(50, 4), kinds="lie", dictionary=GridFields())
    with pytest.raises(ArgumentError, match=r'outputs: expected "same" or "invariant"'):
        discover(lambda x: x[:, :3].sin(), draw(100, 4), kinds="lie", dictionary=Monomials(1))
    with pytest.raises(ArgumentError, match=r"dictionary: expected a field that does not vanish"):
        discover(lambda x: x.norm(dim=1), draw(100, 4), kinds="lie", dictionary=Fields([torch.zeros_like]))
