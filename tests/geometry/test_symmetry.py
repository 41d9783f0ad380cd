"""Metrics under groups: defects, averages of both kinds, the exact split, and Killing fields found."""

from __future__ import annotations

import pytest
import torch
from geometry_metrics import points, strong, wavy

import haar
from haar.actions import Bilinear, Defining, Symmetry, Vector
from haar.errors import ArgumentError, ShapeError
from haar.geometry import (
    LogAveraged,
    MetricNet,
    Pullback,
    isometry_defect,
    killing_fields,
    lie_derivative_of_metric,
    pulled_back,
    scalar_curvature,
    volume,
)
from haar.geometry.spaces import flat, half_plane, poincare_disc, sphere
from haar.groups import SO, O, cyclic, dihedral, sign

GROUPS = [cyclic(4), dihedral(3), sign(2)]


def of(group):
    rep = Defining(group)
    return rep, Symmetry(group, Vector(rep), Bilinear(rep))


def stacked(metric, rep, z):
    """The metric pulled back by every element, by a loop."""
    made = []
    for g in rep.group.elements():
        r = rep.matrix(g).double()
        made.append(r.T @ metric(z @ r.T) @ r)
    return torch.stack(made)


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
@pytest.mark.parametrize("how", ["mean", "log"])
def test_averages_are_isometric_positive_and_idempotent(group, how):
    rep, symmetry = of(group)
    metric, z = strong(2), points(6, 2, low=-1.0, high=1.0)
    assert isometry_defect(metric, rep, z).total > 0.05
    averaged = haar.average(metric, symmetry) if how == "mean" else LogAveraged(metric, rep)
    assert isometry_defect(averaged, rep, z).total < 1e-12
    twice = haar.average(averaged, symmetry) if how == "mean" else LogAveraged(averaged, rep)
    torch.testing.assert_close(twice(z), averaged(z), rtol=1e-12, atol=1e-13)
    assert torch.linalg.eigvalsh(averaged(z)).min() > 0
    copies = stacked(metric, rep, z)
    if how == "mean":
        torch.testing.assert_close(averaged(z), copies.mean(0), rtol=1e-12, atol=1e-13)
    else:
        torch.testing.assert_close(averaged(z).logdet(), copies.logdet().mean(0), rtol=1e-11, atol=1e-12)


def test_scalar_curvature_of_an_average_is_invariant_and_is_not_the_mean_of_curvatures():
    rep, symmetry = of(cyclic(4))
    metric, z = strong(2), points(5, 2, low=-1.0, high=1.0)
    turned = z @ rep.matrix(torch.tensor(1)).double().T
    for averaged in (haar.average(metric, symmetry), LogAveraged(metric, rep)):
        torch.testing.assert_close(scalar_curvature(averaged, turned), scalar_curvature(averaged, z), rtol=0, atol=1e-8)
    several = [scalar_curvature(metric, z @ rep.matrix(g).double().T) for g in rep.group.elements()]
    assert (scalar_curvature(haar.average(metric, symmetry), z) - torch.stack(several).mean(0)).abs().max() > 1e-3


def test_the_error_to_an_invariant_metric_splits_exactly():
    rep, symmetry = of(dihedral(4))
    metric, z = strong(2), points(6, 2, low=-0.6, high=0.6)
    copies, averaged = stacked(metric, rep, z), haar.average(metric, symmetry)(z)
    error = (copies - poincare_disc(z)).square().sum((-2, -1)).mean(0)
    left = (averaged - poincare_disc(z)).square().sum((-2, -1))
    removed = (copies - averaged).square().sum((-2, -1)).mean(0)
    torch.testing.assert_close(error, left + removed, rtol=1e-13, atol=1e-13)


def test_audit_takes_a_metric_as_it_takes_a_model():
    _, symmetry = of(dihedral(4))
    z = points(40, 2, low=-0.6, high=0.6)
    assert len(haar.audit(poincare_disc, symmetry, z).findings.holds) == 8
    assert haar.audit(strong(2), symmetry, z).findings.holds == (0,)


def test_the_defect_by_hand_of_each_map_and_together():
    z = torch.tensor([[1.0, 0.0], [2.0, 0.0]], dtype=torch.float64)

    def doubled(z):
        return 2 * z

    def shifted(z):
        return z + 1

    found = isometry_defect(flat, [doubled, shifted], z)
    assert found.of_map == {"doubled 0": pytest.approx(3.0), "shifted 1": 0.0}
    assert found.total == pytest.approx((9 / 2) ** 0.5)
    assert "the worst, doubled 0: 3" in str(found)
    assert found.to_dict()["of_map"]["doubled 0"] == pytest.approx(3.0)


def test_a_nonlinear_isometry_is_known_by_its_jacobian():
    z = points(10, 2, low=0.5, high=1.0)

    def inverted(z):  # in the unit circle: an isometry of the half plane, and of the plane no
        return z * torch.tensor([-1.0, 1.0]) / z.square().sum(-1, keepdim=True)

    assert isometry_defect(half_plane, inverted, z).total < 1e-12
    assert isometry_defect(flat, inverted, z).total > 0.1


def test_infinite_groups_are_sampled():
    z = points(8, 2, low=-0.5, high=0.5)
    found = isometry_defect(poincare_disc, Defining(O(2)), z)
    assert found.total < 1e-12
    assert len(found.of_map) == 64
    first, again, other = (isometry_defect(wavy, Defining(SO(2)), z, seed=s).total for s in (0, 0, 1))
    assert first == pytest.approx(again, rel=1e-12)
    assert first != pytest.approx(other, rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "motions", "number"),
    [(flat, "affine", 3), (half_plane, "affine", 2), (poincare_disc, "affine", 1), (sphere, "translations", 1)],
)
def test_killing_fields_of_known_spaces(metric, motions, number):
    z = points(60, 2, low=0.2, high=0.6)
    found = killing_fields(metric, z, motions)
    assert found.number == number
    assert found.rates[:number].max() < 1e-12
    assert found.gap > 1e8
    assert f"{number} of" in str(found)
    assert found.to_dict()["number"] == number


def test_the_combinations_are_killing_fields():
    z = points(60, 2, low=0.2, high=0.6)
    found = killing_fields(flat, z)
    assert found.motions == ("d0", "d1", "x0 d0", "x1 d0", "x0 d1", "x1 d1")
    for row in found.combinations[:3]:
        matrix, shift = row[2:].reshape(2, 2), row[:2]

        def motion(z, matrix=matrix, shift=shift):
            return z @ matrix.T + shift

        assert lie_derivative_of_metric(flat, motion, z).abs().max() < 1e-12
        torch.testing.assert_close(matrix, -matrix.T, rtol=0, atol=1e-12)


def test_the_rate_by_hand_and_its_invariance():
    # along the second angle of a sphere nothing changes; along the first d_theta sin^2 = 2 sin cos
    z = torch.tensor([[0.8, 0.0], [1.1, 0.3], [1.3, 0.7]], dtype=torch.float64)
    found = killing_fields(sphere, z, {"theta": lambda z: torch.tensor([1.0, 0.0]).double().expand_as(z)})
    square = (2 / z[:, 0].tan()).square().mean()
    middle = z - z.mean(0)
    size = (middle[:, 0].square() + z[:, 0].sin().square() * middle[:, 1].square()).mean()
    assert float(found.rates[0]) == pytest.approx(float((square * size).sqrt()), rel=1e-12)

    def scaled(z):
        return 5 * sphere(z)

    again = killing_fields(scaled, z, {"theta": lambda z: torch.tensor([1.0, 0.0]).double().expand_as(z)})
    torch.testing.assert_close(again.rates, found.rates)


def test_killing_of_a_decoders_latent_space():
    def paraboloid(z):
        return torch.cat([z, z.square().sum(-1, keepdim=True)], -1)

    z = points(50, 2, low=-1.0, high=1.0)
    found = killing_fields(Pullback(paraboloid), z)
    assert found.number == 1
    assert found.told(0) == "+1 x1 d0 -1 x0 d1"


def test_the_basis_spans_the_killing_fields_and_is_told_in_few_words():
    found = killing_fields(half_plane, points(60, 2, low=0.5, high=1.5))
    assert found.number == 2
    angles = torch.linalg.svdvals(torch.cat([found.basis, found.combinations[:2]]))
    assert float(angles[2]) < 1e-8
    assert sorted(found.told(k) for k in range(2)) == ["+1 d0", "+1 x0 d0 +1 x1 d1"]


def test_motions_that_do_not_move_the_points_are_left_out():
    z = torch.cat([points(40, 2), torch.zeros(40, 1, dtype=torch.float64)], -1)
    found = killing_fields(flat, z, "linear")
    assert len(found.rates) == 6  # x2 is zero on all points
    assert len(found.motions) == 9


def test_matrices_and_rotations_are_motions_too():
    z = points(40, 3, low=-0.5, high=0.5)
    assert killing_fields(poincare_disc, z, "rotations").number == 3
    found = killing_fields(poincare_disc, z, [torch.eye(3).double()])
    assert found.number == 0
    assert found.gap == float("inf")


@pytest.mark.usefixtures("unchecked_annotations")
def test_what_are_no_motions_and_no_maps_is_refused():
    z = points(4, 2)
    with pytest.raises(ArgumentError, match=r"motions: expected 'affine', 'linear'.*, got 'turns' in 2 dimensions"):
        killing_fields(flat, z, "turns")
    with pytest.raises(ShapeError, match=r"motions: expected matrices \(2, 2\), got \(3, 3\)"):
        killing_fields(flat, z, [torch.eye(3)])
    with pytest.raises(ShapeError, match=r"motions\['a'\]: expected velocities \(4, 2\), got \(4,\)"):
        killing_fields(flat, z, {"a": lambda z: z[:, 0]})
    with pytest.raises(ArgumentError, match="maps: expected a representation"):
        isometry_defect(flat, [], z)
    with pytest.raises(ArgumentError, match="maps: expected a representation on 2 coordinates"):
        isometry_defect(flat, Defining(SO(3)), z)
    with pytest.raises(ArgumentError, match="rep: expected a representation of a finite group"):
        LogAveraged(MetricNet(2), Defining(SO(2)))


def test_volume_of_an_average_of_logarithms():
    rep, _ = of(cyclic(4))
    metric, z = strong(2), points(5, 2)
    logs = torch.stack([volume(metric, z @ rep.matrix(g).double().T).log() for g in rep.group.elements()])
    torch.testing.assert_close(volume(LogAveraged(metric, rep), z).log(), logs.mean(0), rtol=1e-11, atol=1e-12)


def test_pulled_back_by_hand():
    z = points(3, 2)
    expected = 4 * half_plane(2 * z)
    torch.testing.assert_close(pulled_back(half_plane, lambda z: 2 * z, z), expected)


def test_the_basis_is_one_for_all_bases_of_the_same_space():
    z = points(40, 3, low=0.5, high=1.5)
    one, other = killing_fields(flat, z), killing_fields(flat, 2 * z.flip(0))
    assert [one.told(k) for k in range(6)] == [
        "+1 d0", "+1 d1", "+1 d2", "+1 x1 d0 -1 x0 d1", "+1 x2 d0 -1 x0 d2", "+1 x2 d1 -1 x1 d2"
    ]  # fmt: skip
    torch.testing.assert_close(one.basis, other.basis, rtol=0, atol=1e-9)


def test_points_that_do_not_differ_have_no_rates():
    z = points(1, 2)
    for same in (z, z.expand(20, 2), 1e6 * z.expand(3, 2)):
        with pytest.raises(ArgumentError, match=f"z: expected points that differ: .*got {len(same)} alike"):
            killing_fields(flat, same)
    assert killing_fields(flat, z + 1e-6 * points(40, 2, seed=1), "translations").number == 2
    with pytest.raises(ArgumentError, match=r"motions: expected real matrices, got torch\.complex128"):
        killing_fields(flat, points(9, 2), [torch.eye(2, dtype=torch.complex128)])


def test_the_identity_is_no_map_in_any_precision():
    rep = Defining(cyclic(4))
    for dtype in (torch.float16, torch.float32, torch.float64):
        assert list(isometry_defect(flat, rep, points(5, 2).to(dtype)).of_map) == ["r90", "r180", "r270"]


@pytest.mark.parametrize("motions", ["affine", "linear", "translations"])
def test_motions_are_told_from_two_points_on(motions):
    z = torch.tensor([[0.5, 1.0], [0.7, 1.0]], dtype=torch.float64)
    assert killing_fields(half_plane, z, motions).rates.isfinite().all()
    with pytest.raises(ArgumentError, match="z: expected points that differ: "):
        killing_fields(half_plane, z[[0, 0]], motions)
    with pytest.raises(ArgumentError, match="z: expected points that differ: "):
        killing_fields(half_plane, z[:1], motions)
