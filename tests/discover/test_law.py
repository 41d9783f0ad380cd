"""Laws by samples alone: what is accepted, what cannot be told, and what is refused."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite_e import hermeval

from haar.discover import law
from haar.discover.gates import largest_angle
from haar.discover.law import WeakSpectrum, weak_spectrum
from haar.errors import ArgumentError, DataError
from haar.groups import SO


def ring(count, seed=0):
    z = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return z / z.norm(dim=1, keepdim=True)


def test_rotated_frames_have_so3_in_mixed_coordinates_and_it_is_a_symmetry_object(draw):
    turns = SO(3).sample(6000, torch.Generator().manual_seed(0))
    mixing = draw(6, 6, 5)
    length = torch.where(draw(6000, 1, 9) < 0, 0.4, 1.6)
    found = law(torch.cat([length * turns[:, :, 0], turns[:, :, 1]], 1) @ mixing.T)
    assert found.accepted == 3
    planted = torch.stack([torch.block_diag(g, g) for g in SO(3).algebra])
    assert largest_angle(torch.linalg.inv(mixing) @ found.generators() @ mixing, planted) < 6
    assert found.symmetry.group.name == "SO(3)"
    assert found.staircase[0].defect.value < 0.05 < found.staircase[0].outside
    (step,), spectrum = found.staircase, found.spectrum
    worst = int(spectrum.values[:3].argmax())
    error = float(spectrum.errors[worst])
    assert step.defect.value == float(spectrum.values[worst])
    assert step.defect.high - step.defect.value == pytest.approx(1.959963984540054 * error)
    assert step.defect.value - step.defect.low == pytest.approx(1.959963984540054 * error)
    assert (step.outside, step.dimension, step.name) == (float(spectrum.values[3]), 3, "so(3)")
    assert found.samples == (3000, 3000)
    table = found.sections()[0].table
    assert [row[0] for row in table.rows] == list(range(1, 13))
    assert [row[4] for row in table.rows] == [True] * 3 + [False] * 9
    value, error = float(spectrum.values[4]), float(spectrum.errors[4])
    assert table.rows[4][1:4] == pytest.approx((value, error, value + 1.6448536269514722 * error))
    told = found.to_dict()
    assert (told["accepted"], told["samples"], told["gaussian"]) == (3, [3000, 3000], False)
    assert f"below {float(spectrum.upper()[:3].max()):.2g} at 95 %, on 3000 held-out samples" in found.summary


def test_a_gaussian_cannot_tell(draw):
    found = law(draw(4000, 4) @ draw(4, 4, 1))
    assert found.gaussian
    assert found.staircase == []
    assert "indistinguishable from a Gaussian" in found.summary


def test_a_ring_is_spherical_and_no_gaussian():
    found = law(ring(4000))
    assert (found.accepted, found.gaussian) == (1, False)
    (step,), spectrum = found.staircase, found.spectrum
    unit = len(spectrum.values) * spectrum.strength[0]
    assert step.defect.value == pytest.approx(spectrum.trace / unit)
    assert step.defect.high - step.defect.low == pytest.approx(2 * 1.959963984540054 * spectrum.trace_error / unit)
    assert (step.outside, step.dimension, step.kind) == (None, 1, "lie")
    assert "no Gaussian" in found.summary


def test_an_exponential_law_has_no_rotation_and_says_what_it_could_have_told(draw, tmp_path):
    found = law(draw(4000, 4).exp())
    with pytest.raises(ArgumentError, match="found: expected a discovery with a symmetry to save, got No"):
        found.save(tmp_path / "law.json")
    assert found.accepted == 0
    assert "these samples could not tell" in found.summary
    assert f"below {1.6448536269514722 * float(found.spectrum.errors.median()):.2g} these samples" in found.summary
    beyond = found.clipped
    assert 0 < beyond < 0.02
    assert found.sections()[0].table.note == f"{beyond:.1%} of the coordinates beyond 6 standard deviations were cut."


@pytest.mark.parametrize(
    ("samples", "error", "told"),
    [
        (torch.zeros(300), ArgumentError, r"samples: expected a table \(N, n\)"),
        (torch.randn(50, 3), DataError, r"samples: 50, and fewer than 200"),
        (torch.full((300, 3), math.nan), DataError, r"samples: row 0 is not finite"),
        (torch.ones(300, 3) * torch.randn(300, 1), DataError, r"samples: they vary in fewer than two dimensions"),
    ],
)
def test_bad_samples_are_refused_by_name(samples, error, told):
    with pytest.raises(error, match=told):
        law(samples)


def products_of_hermite(x):
    """Products of normalised Hermite polynomials of total degree 3 and 4 of one sample, by numpy's recurrence."""
    one = [[float(hermeval(t, [0] * k + [1])) / math.factorial(k) ** 0.5 for k in range(5)] for t in x]
    powers = itertools.product(range(5), repeat=len(x))
    return np.array([math.prod(map(list.__getitem__, one, p)) for p in powers if sum(p) in (3, 4)])


def along(x, i, j, step=1e-5):
    """Their derivative where x_j turns into x_i, by differences."""
    moved = [x + s * step * (x[j] * np.eye(len(x))[i] - x[i] * np.eye(len(x))[j]) for s in (1, -1)]
    return (products_of_hermite(moved[0]) - products_of_hermite(moved[1])) / (2 * step)


def test_the_whole_and_the_distance_from_a_gaussian_are_means_over_pairs_of_samples(draw):
    first, second = draw(60, 3, 1), draw(25, 3, 2).exp()
    found = weak_spectrum(first, second)
    x = second.numpy()
    rows = np.stack([[along(one, i, j) for i, j in ((0, 1), (0, 2), (1, 2))] for one in x]).reshape(25, -1)
    values = np.stack([products_of_hermite(one) for one in x])
    for each, told in ((rows, found.trace), (values, found.strength[0])):
        pairs = each @ each.T
        expected = (pairs.sum() - pairs.trace()) / (25 * 24)
        assert told == pytest.approx(expected, rel=1e-6)
    rows, values = rows.reshape(25, 3, -1), values.reshape(25, -1)
    i, j = torch.triu_indices(3, 3, 1)
    directions = found.vectors[:, i, j].numpy()
    told = []
    for gone in np.array_split(np.arange(25), 20):
        kept = np.setdiff1d(np.arange(25), gone)
        pairs = len(kept) * (len(kept) - 1)
        sums, own = rows[kept].sum(0), np.einsum("bpk,bqk->pq", rows[kept], rows[kept])
        gram = (sums @ sums.T - own) / pairs
        strength = ((values[kept].sum(0) ** 2).sum() - (values[kept] ** 2).sum()) / pairs
        each = np.einsum("kp,pq,kq->k", directions, gram, directions)
        told.append([gram.trace(), strength, *each / (gram.trace() / 3)])
    errors = np.sqrt(19 / 20 * ((told - np.mean(told, 0)) ** 2).sum(0))
    assert [found.trace_error, found.strength[1], *found.errors.tolist()] == pytest.approx(errors.tolist(), rel=1e-5)
    torch.testing.assert_close(found.vectors, -found.vectors.mT)
    assert float(found.values.sum()) == pytest.approx(3.0)  # relative to their mean
    assert (found.values.diff() >= 0).all()


@pytest.mark.parametrize(
    ("values", "accepted"),
    [
        ([0.0, 0.0, 0.03, 1.0], 3), ([0.0, 0.0, 0.051, 1.0], 2), ([0.051, 0.0, 0.0, 1.0], 0),
        ([0.01, 0.019, 0.9, 1.0], 2),
        ([0.01, 0.03, 0.031, 0.04], 4), ([0.0, 0.02, 0.039, 0.08], 3), ([0.0, 0.02, 0.039, 0.077], 1), ([0.9] * 4, 0),
    ],
)  # fmt: skip
def test_directions_are_accepted_up_to_a_gap_of_two(values, accepted):
    values = torch.tensor(values, dtype=torch.float64)
    found = WeakSpectrum(values, torch.zeros(4).double(), 1.0, 0.1, torch.zeros(4, 3, 3).double(), (1.0, 0.1))
    assert found.accepted == accepted
    wide = replace(found, errors=torch.full((4,), 0.05 / 1.6448536269514722).double())
    assert wide.accepted == 0


@pytest.mark.parametrize(("shift", "flat"), [(0.99, True), (1.01, False)])
def test_the_bounds_of_a_spectrum(shift, flat):
    error = torch.full((3,), 0.1, dtype=torch.float64)
    found = WeakSpectrum(error, error, 2 * shift, 1.0, torch.zeros(3, 3, 3), (50.0, 1.0))
    assert found.is_flat is flat
    assert found.upper().tolist() == pytest.approx([0.1 + 0.16448536] * 3)
    bound = (2 * shift + 1.6448536) / 3 / 0.05
    for size, spherical in ((0.99 * bound, False), (1.01 * bound, True)):
        assert replace(found, strength=(size, size / 4.1)).is_spherical is spherical
        assert not replace(found, strength=(size, size / 3.9)).is_spherical
