"""Decisions of the findings, on both sides of their thresholds."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Points, Space, Symmetry, Vector
from haar.audit import Findings, LayerDefect, LieDefect, PartFinding, Recommendation, audit
from haar.audit.batches import Batch
from haar.audit.closure import ElementClosure
from haar.audit.findings import closed_under, contradicts, enough
from haar.audit.part_findings import AsOne, unit_of
from haar.audit.parts import Part
from haar.audit.sums import PartBatch, Sums
from haar.groups import dihedral, octahedral, symmetric, trivial
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


SWAP = symmetric(2)
PAIRS = Symmetry(SWAP, Vector(Defining(SWAP)), Vector(Defining(SWAP)))
DOUBLE = torch.tensor([2.0, 1.0], dtype=F64)


def test_labels_that_some_rows_lack_are_judged_where_they_are(generator):
    x = torch.randn(10, 2, generator=generator, dtype=F64)
    y = torch.tensor([1.5, 1.25], dtype=F64) * x[:6]
    found = audit(lambda u: DOUBLE * u, PAIRS, [(x[:6], y), (x[6:], None)], scale=torch.ones(2)).findings
    f = (DOUBLE * x).numpy()
    d = (DOUBLE.flip(0) * x).numpy() - f
    r = y.numpy() - f[:6]
    here, cross, mse = (d[:6] ** 2).mean() / 4, (d[:6] * r).mean() / 2, (r**2).mean()
    assert found.independent == 10
    assert found.removed.value == pytest.approx((d**2).mean() / 4)
    assert found.subgroups[0].removed.value == pytest.approx((d**2).mean() / 4)
    assert found.mse.value == pytest.approx(mse)
    assert found.gain.value == pytest.approx(2 * cross - here)
    assert found.mse_after.value == pytest.approx(mse - 2 * cross + here)
    assert found.subgroups[0].gain.value == pytest.approx(2 * cross - here)
    assert found.subgroups[0].after.value == pytest.approx(mse - 2 * cross + here)
    assert found.alpha.value == pytest.approx(1 - cross / here)
    keep = cross / here
    assert found.mse_soft == pytest.approx(mse - 2 * keep * cross + keep**2 * here)


@pytest.mark.parametrize(("alpha", "kept"), [(-1.0, 1.0), (1.5, 0.0)])
def test_alpha_is_clipped_for_the_soft_average(alpha, kept, generator):
    # y = f + (1 - alpha) dbar
    x = torch.randn(8, 2, generator=generator, dtype=F64)
    f = DOUBLE * x
    change = (DOUBLE.flip(0) * x - f) / 2
    y = f + (1 - alpha) * change
    found = audit(lambda u: DOUBLE * u, PAIRS, (x, y), scale=torch.ones(2)).findings
    assert found.alpha.value == pytest.approx(alpha)
    assert found.mse_soft == pytest.approx(float((f + kept * change - y).square().mean()))


def test_what_cannot_be_negative_has_no_negative_ends():
    # one row outweighs all: the interval would reach below 0
    x = torch.tensor([[0.1, 0.2], [0.2, 0.1], [0.1, 0.1], [0.2, 0.2], [0.1, 0.3], [50.0, -40.0]], dtype=F64)
    found = audit(lambda u: DOUBLE * u, PAIRS, (x, 0 * x), scale=torch.ones(2)).findings
    (subgroup,) = found.subgroups
    for number in (found.removed, found.mse, subgroup.removed, subgroup.after, found.elements[0].absolute):
        assert number.low == 0 < number.value < number.high
    assert found.gain.low < 0  # this can be a loss
    assert found.mse_after.low < 0  # of random elements it could be
    group = symmetric(3)
    points = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    z = torch.cat([torch.eye(3, dtype=F64), torch.ones(3, 3, dtype=F64), 50 * torch.eye(3, dtype=F64)[:1]])
    shares = audit(lambda u: u * torch.tensor([0.0, 1.0, 3.0], dtype=F64), points, z).findings.components
    assert all(share.share.low >= 0 for share in shares)
    assert any(share.share.low == 0 for share in shares)


def test_random_elements_stand_for_all_without_a_bound(generator):
    x = torch.randn(7, 2, generator=generator, dtype=F64)
    y = 0.3 * x
    two = audit(lambda u: DOUBLE * u, PAIRS, (x, y), elements=2, seed=1, scale=torch.ones(2)).findings
    assert (two.gain is None, two.mse_after is None, two.alpha is None) == (False, False, False)
    assert (two.subgroups, two.components, two.holds) == ([], [], ())
    one = audit(lambda u: DOUBLE * u, PAIRS, (x, y), elements=1, scale=torch.ones(2)).findings
    assert one.mse is not None
    assert (one.gain, one.mse_after, one.alpha, one.mse_soft) == (None, None, None, None)
    assert one.removed.value != one.removed.value


def test_a_group_of_one_has_no_components(generator):
    x = torch.randn(6, 1, 4, 4, generator=generator, dtype=F64)
    found = audit(lambda u: u, Symmetry.of_fields(trivial(2), "p"), x, layers=False).findings
    assert (found.subgroups, found.components, found.elements, found.worst) == ([], [], [], None)
    same = audit(lambda u: u, PAIRS, x[:, 0, 0, :2]).findings
    assert same.components == []  # nothing to split
    assert [c.name for c in audit(lambda u: DOUBLE * u, PAIRS, x[:, 0, 0, :2]).findings.components] != []


@pytest.mark.parametrize(
    ("dtype", "units"), [(torch.float16, 8), (torch.bfloat16, 8), (torch.float32, 256), (F64, 256)]
)
def test_the_floor_of_every_dtype(dtype, units):
    x = torch.tensor([[3.0, 1.0], [0.0, 2.0], [1.0, -1.0], [2.0, 2.0]], dtype=dtype)
    found = audit(lambda u: u * 1, PAIRS, x, layers=False).findings
    spread, size = float((x - x.mean(0)).double().square().mean().sqrt()), float(x.double().square().mean().sqrt())
    assert found.floor == pytest.approx(units * torch.finfo(dtype).eps * size / spread, rel=1e-2)
    assert (found.stochastic, found.noise) == (False, 0)


def test_parts_count_alike_in_units_of_their_own(generator):
    symmetry = Symmetry(SWAP, PAIRS.inputs, (PAIRS.outputs, Invariant(SWAP)))
    x = torch.randn(9, 2, generator=generator, dtype=F64) + 3

    def model(u):
        return DOUBLE * u, 100 * u[:, 0]

    found = audit(model, symmetry, x).findings
    vector, number = found.parts
    for part, y in zip(found.parts, model(x), strict=True):
        assert part.unit == pytest.approx(float((y - y.mean(0)).square().mean().sqrt()), rel=1e-10)
        eps, size = torch.finfo(F64).eps, float(y.square().mean().sqrt())
        assert part.floor == pytest.approx(256 * eps * size / part.unit, rel=1e-6)
        assert (part.element, part.stochastic) == (found.elements[0].element, False)
    wrong = 100 * (x[:, 1] - x[:, 0])
    assert number.defect == pytest.approx(float(wrong.square().mean().sqrt()) / number.unit, rel=1e-10)
    assert number.removed.value == pytest.approx(float(wrong.square().mean()) / 4, rel=1e-10)
    halves = [part.removed.value / part.unit**2 / 2 for part in found.parts]
    assert found.removed.value == pytest.approx(sum(halves), rel=1e-10)
    assert (found.units, found.spread) == ("own spread", 1)
    assert found.floor == pytest.approx(((vector.floor**2 + number.floor**2) / 2) ** 0.5, rel=1e-10)
    noisy = torch.Generator().manual_seed(0)
    shaken = audit(
        lambda u: (DOUBLE * u, 100 * u[:, 0] + torch.randn(len(u), generator=noisy, dtype=F64)), symmetry, x
    ).findings
    assert [part.stochastic for part in shaken.parts] == [False, True]
    assert shaken.stochastic
    assert shaken.floor == shaken.noise == pytest.approx(shaken.parts[1].floor / 2**0.5, rel=1e-10)


@pytest.mark.parametrize(
    "kind",
    [
        Batch,
        ElementClosure,
        Sums,
        PartBatch,
        Part,
        AsOne,
        PartFinding,
        Findings,
        LayerDefect,
        LieDefect,
        Recommendation,
    ],
)
def test_records_stay_as_they_were_made(kind):
    with pytest.raises(FrozenInstanceError):
        object.__new__(kind).name = "another"
