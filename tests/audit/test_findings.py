"""Decisions of the findings, on both sides of their thresholds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Points, Space, Symmetry, Vector
from haar.audit import audit
from haar.audit.closure import ElementClosure
from haar.audit.findings import closed_under, contradicts, enough
from haar.audit.part_findings import unit_of
from haar.audit.sums import Sums
from haar.groups import dihedral, octahedral, symmetric
from haar.statistics import Estimate

F64 = torch.float64
D4 = dihedral(4)


def exactly(value):
    return Estimate(value, value, value)


def test_a_contradiction_is_more_than_twice_the_root_of_the_mse():
    assert contradicts(exactly(2.001), exactly(1.0))
    assert not contradicts(exactly(1.999), exactly(1.0))
    assert contradicts(Estimate(9.0, 4.01, 20.0), Estimate(1.0, 0.1, 4.0))
    assert not contradicts(Estimate(9.0, 3.99, 20.0), Estimate(1.0, 0.1, 4.0))


def closure_tests(**p_values):
    return [ElementClosure(name, 0.0, 0.0, "mean field", p) for name, p in p_values.items()]


def test_data_are_closed_under_a_subgroup_if_none_of_its_elements_is_rejected():
    tests = closure_tests(a=0.9, b=0.051, c=0.05)
    assert closed_under(["a", "b"], tests, 0.05, 40) is True
    assert closed_under(["a", "b", "c"], tests, 0.05, 40) is False  # by its smallest p, at the level itself
    assert closed_under(["c"], tests, 0.04, 40) is True
    assert closed_under(["a", "d"], tests, 0.05, 40) is None  # not tested
    assert closed_under(["a", "b"], tests, 0.05, 8) is None  # nothing could be rejected: 4 * 3 * 2^-7 > 0.05
    assert closed_under(["a", "b"], tests, 0.05, 9) is True  # 4 * 3 * 2^-8 < 0.05


def test_enough_counts_statistics_and_elements():
    assert [enough(n, 0.05, 1) for n in (7, 8)] == [False, True]  # 4 / 64 and 4 / 128
    assert [enough(n, 0.05, 7) for n in (10, 11)] == [False, True]  # 28 / 512 and 28 / 1024
    assert enough(3, 1.0, 1)


def sums_of(energy, magnitude, losses=None):
    zero, ones = torch.zeros(1, dtype=F64), torch.ones(1, dtype=F64)
    loss = zero if losses is None else torch.tensor([losses], dtype=F64)
    values = [torch.tensor([v], dtype=F64) for v in (energy, magnitude)]
    return Sums(zero[:, None, None], zero[:, None], loss, zero, *values, ones, zero if losses is None else ones)


def test_the_unit_is_the_spread_else_the_size_else_that_of_the_labels():
    assert unit_of(sums_of(4.0, 100.0)) == 2
    assert unit_of(sums_of(1.1e-11, 100.0)) == pytest.approx(1.1e-11**0.5)
    assert unit_of(sums_of(0.9e-11, 100.0)) == 10  # below 1e-13 of the size: rounding
    assert unit_of(sums_of(0.0, 0.0, 9.0)) == 3
    assert unit_of(sums_of(0.0, 0.0)) == 1


class EnergyAndForces(nn.Module):
    def __init__(self, energy=1.0, force=1.0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
        self.units = (energy, force)

    def forward(self, x):
        x = x.detach().requires_grad_()
        energy = self.net(x).sum((1, 2))
        (slope,) = torch.autograd.grad(energy.sum(), x)
        return {"forces": -self.units[1] * slope, "energy": self.units[0] * energy}


GROUP = octahedral()
CLOUDS = Symmetry(
    GROUP, Points(rotation=Space(GROUP)), {"energy": Invariant(GROUP), "forces": Points(rotation=Space(GROUP))}
)


def test_no_unit_outweighs_another(generator):
    x = torch.randn(24, 4, 3, generator=generator, dtype=F64)
    e, f = (torch.randn(*shape, generator=generator, dtype=F64) for shape in ((24,), (24, 4, 3)))
    reports = [
        audit(EnergyAndForces(*units), CLOUDS, data, batch_size=24, layers=False).to_dict()
        for units in ((1.0, 1.0), (1e3, 1.0), (1.0, 1e-6))
        for data in (x, (x, {"forces": units[1] * f, "energy": units[0] * e}))
    ]
    for plain, other in zip(reports[:2] * 2, reports[2:], strict=True):
        assert other["recommendation"]["sentence"] == plain["recommendation"]["sentence"]
        assert other["removed"]["value"] == pytest.approx(plain["removed"]["value"], rel=1e-9)
        assert [p["defect"] for p in other["parts"]] == pytest.approx([p["defect"] for p in plain["parts"]], rel=1e-9)
    assert [p["name"] for p in reports[0]["parts"]] == ["energy", "forces"]
    assert reports[2]["parts"][0]["unit"] == pytest.approx(1e3 * reports[0]["parts"][0]["unit"], rel=1e-9)
    assert reports[0]["units"] == "own spread"


def test_fields_of_one_tensor_have_their_own_units_too(generator):
    symmetry = Symmetry.of_fields(D4, "p, u:vector")
    weight = torch.randn(3, 3, 3, 3, generator=generator, dtype=F64)
    x, y = (torch.randn(12, 3, 6, 6, generator=generator, dtype=F64) for _ in range(2))

    def model(z, units):
        return units[:, None, None] * torch.conv2d(z, weight, padding=1)

    found = [
        audit(lambda z, u=u: model(z, u), symmetry, (x, u[:, None, None] * y))
        for u in (torch.ones(3, dtype=F64), torch.tensor([1e5, 1.0, 1.0], dtype=F64))
    ]
    assert found[0].recommendation.sentence == found[1].recommendation.sentence
    assert found[0].findings.gain.value == pytest.approx(found[1].findings.gain.value, rel=1e-9)
    assert [part.name for part in found[0].findings.parts] == ["p", "u"]
    assert "Outputs and fields, each in its own units" in [section.title for section in found[0].sections()]


def test_the_order_of_a_dictionary_means_nothing(generator):
    x = torch.randn(10, 4, 3, generator=generator, dtype=F64)
    model = EnergyAndForces()
    y = model(x)
    swapped = {"energy": y["energy"].detach(), "forces": y["forces"].detach()}
    assert audit(model, CLOUDS, (x, swapped)).findings.mse.value == 0
    assert audit(model, CLOUDS, (x, dict(reversed(swapped.items())))).findings.noise == 0


def test_what_already_holds_is_listed(generator):
    symmetry = Symmetry(GROUP, Points(rotation=Space(GROUP)), Invariant(GROUP))
    x = torch.randn(12, 4, 3, generator=generator, dtype=F64)
    report = audit(lambda p: p[..., 2].square().sum(1), symmetry, x)
    assert len(report.findings.holds) == 8  # what keeps the z axis
    assert report.recommendation.to_dict()["holds"][0] == "e"
    assert any("already respected" in line and "8 of 24" in line for line in report.recommendation.evidence)


def test_every_number_of_a_group_of_two_is_that_by_hand():
    group = symmetric(2)
    swap = Vector(Defining(group))
    x = torch.tensor([[3.0, 1.0], [0.0, 2.0], [1.0, -1.0], [2.0, 2.0], [-1.0, 4.0], [0.5, 0.0]], dtype=F64)
    double = torch.tensor([2.0, 1.0], dtype=F64)
    y = torch.tensor([1.5, 1.25], dtype=F64) * x
    found = audit(lambda u: double * u, Symmetry(group, swap, swap), (x, y), scale=torch.ones(2), layers=False).findings
    f = (double * x).numpy()
    d = (double.flip(0) * x).numpy() - f  # swapped, doubled, swapped back
    r = y.numpy() - f
    spread = ((f - f.mean(0)) ** 2).mean() ** 0.5
    removed, mse, cross = (d**2).mean() / 4, (r**2).mean(), (d * r).mean() / 2
    (swapped,) = found.elements
    assert (swapped.generator, swapped.contradiction) == (True, False)
    assert swapped.absolute.value == pytest.approx((d**2).mean() ** 0.5)
    assert swapped.relative.value == pytest.approx((d**2).mean() ** 0.5 / spread)
    assert found.spread == pytest.approx(spread)
    assert found.removed.value == pytest.approx(removed)
    assert found.mse.value == pytest.approx(mse)
    assert found.gain.value == pytest.approx(2 * cross - removed)
    assert found.mse_after.value == pytest.approx(mse - 2 * cross + removed)
    assert found.alpha.value == pytest.approx(1 - cross / removed)
    keep = cross / removed
    assert found.mse_soft == pytest.approx(mse - 2 * keep * cross + keep**2 * removed)
    (subgroup,) = found.subgroups
    assert (subgroup.order, subgroup.members, subgroup.share) == (2, (0, 1), pytest.approx(1))
    assert subgroup.removed.value == pytest.approx(removed)
    assert subgroup.gain.value == pytest.approx(2 * cross - removed)
    assert subgroup.after.value == pytest.approx(mse - 2 * cross + removed)
    assert [(c.dim, c.share.value) for c in found.components] == [(1, pytest.approx(1))]
    assert (found.holds, found.broken, found.stochastic, found.noise, found.independent) == ((0,), True, False, 0, 6)
    assert found.worst is swapped


@pytest.mark.parametrize(("lean", "broken"), [(740, False), (800, True)])
def test_the_floor_is_256_roundings_of_the_size_and_three_of_them_hold(lean, broken):
    group = symmetric(2)
    swap = Vector(Defining(group))
    x = torch.tensor([[3.0, 1.0], [0.0, 2.0], [1.0, -1.0], [2.0, 2.0]], dtype=F64)
    eps = torch.finfo(F64).eps
    spread, size = float((x - x.mean(0)).square().mean().sqrt()), float(x.square().mean().sqrt())
    # the swap moves the outputs by lean eps size
    by = torch.tensor([0.5, -0.5], dtype=F64) * lean * eps * size
    found = audit(lambda u: u + by, Symmetry(group, swap, swap), x, layers=False).findings
    assert found.floor == pytest.approx(256 * eps * size / spread, rel=1e-6)
    assert found.broken == broken
    assert found.holds == ((0,) if broken else (0, 1))
