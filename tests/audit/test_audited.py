"""The object of an audit: every option reaches what it is for, defaults are those written, nothing stale is told."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.audit import Audit, audit, dynamics_defects
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral, shifts
from haar.moments import Gaussian

F64 = torch.float64
D4 = dihedral(4)
P = Symmetry.of_fields(D4, "p")


#: The number of rows in every call of `Sloped`; what a module itself remembers is put back after an audit.
ROWS = []


class Sloped(nn.Module):
    """A field that grows along x."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, x):
        ROWS.append(len(x))
        return self.layer(x) * torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)


def calls(run):
    """Rows of every call of the model while something runs."""
    ROWS.clear()
    run()
    return list(ROWS)


def fields(n, generator, size=4):
    return torch.randn(n, 1, size, size, generator=generator, dtype=F64)


def scalar(group):
    return Symmetry(group, Invariant(group), Invariant(group))


def test_a_group_of_64_is_read_whole_and_a_larger_one_by_63_random_elements():
    whole, drawn = (Audit(torch.relu, scalar(cyclic(n))) for n in (64, 65))
    assert (whole.whole, whole.elements_kind, len(whole.elements)) == (True, "whole", 64)
    assert (drawn.whole, drawn.elements_kind, len(drawn.elements)) == (False, "drawn", 64)
    assert whole.closure is not None
    assert drawn.closure is None
    x = torch.randn(2, dtype=F64)
    found = [
        audit(torch.relu, scalar(cyclic(n)), x, elements=torch.arange(n), data_symmetry=False).findings
        for n in (64, 65)
    ]
    assert [h.order for h in found[0].subgroups] == [2, 4, 8, 16, 32, 64]
    assert found[1].subgroups == []  # of more than 64 elements none are listed


def test_batches_of_eight_and_one_element_a_pass_are_the_defaults(told, generator):
    x, watch = fields(17, generator), told()
    rows = calls(lambda: audit(Sloped(), P, x, layers=False, watch=watch))
    assert (set(rows), rows.count(8)) == ({8, 1}, 2 * rows.count(1))
    assert watch.stages == [("audit under D4", 3)]
    assert calls(lambda: Audit(Sloped(), P, data_symmetry=False).run(x, layers=False)) == rows
    report = Audit(Sloped(), P)
    assert (report.significance, report.seed) == (0.05, 0)


def test_layers_are_looked_into_at_the_first_batch_alone(generator):
    x, reports = fields(12, generator), []
    without = calls(lambda: audit(Sloped(), P, x, layers=False, data_symmetry=False))
    looked = calls(lambda: reports.append(audit(Sloped(), P, x, data_symmetry=False)))
    # one run as it is and one for each other element
    assert [looked.count(n) - without.count(n) for n in (8, 4)] == [8, 0]
    assert calls(lambda: Audit(Sloped(), P, data_symmetry=False).run(x)) == looked
    assert [layer.name for layer in reports[0].layers] == ["layer"]
    grid = Symmetry.of_fields(shifts((8, 8)), "p")
    x = fields(1, generator, 8)
    counts = [len(calls(lambda k=k: audit(Sloped(), grid, x, data_symmetry=False, layers=k))) for k in (True, False)]
    assert counts[0] - counts[1] == 17  # of a large group the first sixteen


def test_every_option_reaches_what_it_is_for(generator):
    x = fields(5, generator)

    def found(**options):
        return audit(Sloped(), P, x, **{"layers": False, "data_symmetry": False, **options})

    plain = found()
    assert (plain.findings.units, plain.findings.closure, plain.layers) == ("as given", [], [])
    assert len(found(data_symmetry=True, significance=0.2).findings.closure) == 7
    assert len(found(elements=3).elements) == 4
    assert found(scale=torch.full((1,), 2.0)).findings.units == "scale"
    assert found(significance=0.2).findings.significance == 0.2
    assert found(max_samples=2).to_dict()["samples"] == 2
    assert found(clusters=torch.arange(5) // 2).findings.independent == 3
    assert len(found(layers=True).layers) == 1
    draws = [found(elements=5, **seed).elements.tolist() for seed in ({"seed": 0}, {"seed": 1}, {})]
    assert draws[0] != draws[1]
    assert draws[0] == draws[2]
    assert set(calls(lambda: found(batch_size=2))) == {2, 1}
    assert max(calls(lambda: found(micro_batch="auto"))) > max(calls(found)) == 5


def test_rows_beyond_the_bins_share_them(generator):
    assert Audit(torch.relu, P, bins=3).run(fields(7, generator)).findings.independent == 3
    assert Audit(torch.relu, P).run(fields(7, generator)).findings.independent == 7
    with pytest.raises(ArgumentError, match="bins: expected at least 1, got 0"):
        Audit(torch.relu, P, bins=0)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1])
def test_a_level_is_between_0_and_1(level):
    with pytest.raises(ArgumentError, match="significance: expected a level between 0 and 1"):
        Audit(torch.relu, P, significance=level)


def test_what_is_asked_anew_is_answered_anew():
    group = cyclic(2)
    swap = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    model = nn.Linear(2, 2, dtype=F64)
    x = torch.tensor([[1.0, 0.4], [0.2, 0.9], [0.8, 0.1], [0.5, 0.6], [1.0, 0.9], [0.7, 0.3]], dtype=F64)
    first = Audit(model, swap).run(x[:5])
    before, advice = first.findings, first.recommendation
    assert first.findings is before
    first.run(x[5:])
    assert (before.independent, first.findings.independent) == (5, 6)
    assert first.recommendation.sentence != advice.sentence
    usual = first.findings
    first.significance = 0.001
    assert first.findings.significance == 0.001
    first.significance, first.seed = 0.05, 7
    assert [c.p for c in first.findings.closure] != [c.p for c in usual.closure]
    first.seed = 0
    assert [c.p for c in first.findings.closure] == [c.p for c in usual.closure]
    first.merge(Audit(model, swap).run(x[:1]))
    assert first.findings.independent == 7
    for name in ("model", "symmetry", "elements", "elements_kind"):
        with pytest.raises(AttributeError):  # the sums are of these
            setattr(first, name, None)


def test_the_level_and_the_seed_are_those_of_the_tests_of_the_data():
    group = cyclic(2)
    turn = Symmetry(group, Vector(Defining(group)), Invariant(group))
    x = torch.tensor([[3.0, 1.0]], dtype=F64) + 0.1 * torch.arange(20, dtype=F64)[:, None]
    found = audit(lambda v: v[:, 0], turn, x, significance=0.002).findings
    assert found.closure[0].p == pytest.approx(4 / 2001)  # four statistics in 4 / 0.002 draws
    assert audit(lambda v: v[:, 0], turn, x).findings.closure[0].p == pytest.approx(4 / 1000)


def test_the_shape_of_one_input_is_known_from_the_first_batch(generator):
    assert Audit(torch.relu, P).run(fields(3, generator)).input_shape == (1, 4, 4)
    assert Audit(torch.relu, P).input_shape is None
    pairs = Symmetry(D4, {"a": Invariant(D4)}, Invariant(D4))
    x = torch.randn(3, generator=generator, dtype=F64)
    assert Audit(lambda d: d["a"], pairs).run([(({"a": x},), None)]).input_shape is None


def test_derivatives_are_of_lie_groups(generator):
    group = SO(3)
    vectors = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    x = torch.randn(6, 3, generator=generator, dtype=F64)
    stretch = torch.tensor([1.0, 1.0, 2.0], dtype=F64)
    report = audit(lambda v: v * stretch, vectors, x, elements=2, batch_size=4)
    # about x: D (X v) - X (D v) has components (0, z, y); only the first batch is looked at
    wrong, made = x[:4, 1:].square().sum(), (x[:4] * stretch).square().sum()
    assert report.lie[0].relative == pytest.approx(float((wrong / made).sqrt()), rel=1e-10)
    assert report.lie[0].defect == pytest.approx(float((wrong / 12).sqrt()), rel=1e-10)
    assert audit(Sloped(), P, fields(3, generator)).lie == []


def test_a_law_is_followed_in_eval_mode_without_gradients():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Dropout(0.5), nn.Unflatten(1, (1, 4, 4))).train()
    report = Audit(model, P).follow(Gaussian(torch.zeros(16)), input_shape=(1, 4, 4))
    assert all(module.training for module in model.modules())
    assert report.distribution.defects.shape == (8, 2)
    assert not report.distribution.defects.requires_grad
    x = torch.zeros(2, 1, 4, 4)
    third = Audit(model, P, elements=torch.tensor([1])).run(x).follow(Gaussian(torch.zeros(16)), order=3)
    assert third.distribution.defects.shape == (2, 3)


def test_parts_that_have_no_closed_form_are_done_with_as_was_asked():
    model = nn.Sequential(nn.Softmax(-1))
    law = Gaussian(torch.zeros(16))
    with pytest.raises(ArgumentError):
        Audit(model, P).follow(law, input_shape=(1, 4, 4))
    assert Audit(model, P).follow(law, input_shape=(1, 4, 4), on_unsupported="linearise").distribution is not None


@pytest.mark.usefixtures("unchecked_annotations")
def test_an_audit_names_its_group_and_its_samples(generator):
    report = Audit(Sloped(), P).run(fields(3, generator))
    assert repr(report) == "<Audit of D4 over 3 samples>"
    assert report.title == "Does the model respect D4?"
    assert report.summary == report.recommendation.sentence
    told = report.to_dict()
    assert (told["group"], told["order"], told["whole_group"], told["samples"]) == ("D4", 8, True, 3)
    with pytest.raises(ArgumentError, match=r"other: expected an audit, or its share\(\), got dict"):
        report.merge(told)


def test_a_share_goes_its_own_way(generator):
    report = Audit(Sloped(), P).run(fields(3, generator))
    share = report.share()
    report.run(fields(3, generator))
    assert (share.seen, report.share().seen) == (3, 6)
    assert share.sums.units == share.closure.trajectories == 3
    assert Audit(Sloped(), P).merge(share).findings.independent == 3


def test_dynamics_are_run_four_states_at_a_time(generator):
    states, slope = fields(5, generator), torch.arange(1, 5, dtype=F64)
    assert set(calls(lambda: dynamics_defects(Sloped(), P, states))) == {4, 1}
    assert set(calls(lambda: dynamics_defects(Sloped(), P, states, batch_size=2))) == {2, 1}
    y = states * slope
    apart = (states.flip(2) * slope).flip(2) - y, (states.flip(3) * slope).flip(3) - y
    spread = (y - y.mean((2, 3), keepdim=True)).square().mean()
    found = dynamics_defects(Sloped(), P, states)
    assert sorted((found["mx"], found["my"])) == pytest.approx(
        sorted(float((d.square().mean() / spread).sqrt()) for d in apart), rel=1e-10
    )
    large, x = Symmetry.of_fields(shifts((10, 10)), "p"), fields(1, generator, 10)
    drawn = [set(dynamics_defects(torch.relu, large, x, **seed)) for seed in ({"seed": 0}, {"seed": 1}, {})]
    assert drawn[0] != drawn[1]
    assert drawn[0] == drawn[2]


def test_an_audit_goes_on_without_forward_mode_and_says_so(generator):
    group = SO(2)
    plane = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    x = torch.randn(12, 2, generator=generator, dtype=torch.float64)
    stretch = torch.tensor([1.0, 3.0], dtype=torch.float64)
    exact = audit(lambda v: v * stretch, plane, x)
    report = audit(lambda v: torch.from_numpy((v * stretch).numpy()), plane, x)
    assert report.lie[0].relative == pytest.approx(exact.lie[0].relative, rel=1e-8)
    assert exact.remarks == []
    (remark,) = report.to_dict()["remarks"]
    assert "central differences with a step of 6e-06" in remark
    assert "Tensor.numpy takes values out of torch" in remark
    assert "central differences" in " ".join(str(report).split())
    assert report.merge(report.share()).remarks == [remark]
