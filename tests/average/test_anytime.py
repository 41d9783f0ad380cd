"""Anytime averages: every stage exact under its subgroup, increments that add up, stops that save forwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.average import anytime, average
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral, grid_group, shifts

DOUBLE = torch.float64
D4 = dihedral(4)
SYMMETRY = Symmetry.of_fields(D4, "p, u:vector")


def conv(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE)


def fields(batch=2, seed=1):
    return torch.randn(batch, 3, 5, 5, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def test_every_stage_is_the_average_over_its_subgroup():
    model, x = conv(), fields()
    stages = list(anytime(model, SYMMETRY).stages(x))
    assert [s.evaluations for s in stages] == [1, 2, 4, 8]
    for stage in stages:
        direct = average(model, SYMMETRY.restrict(stage.subgroup))(x)
        torch.testing.assert_close(stage.output, direct, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(stages[0].output, model(x), rtol=1e-12, atol=1e-12)


def test_increments_are_what_each_stage_gains_on_an_orbit_closed_set():
    model, x = conv(), fields(1)
    closed = SYMMETRY.inputs[0].orbit(D4.elements(), x)[:, 0]
    truth = average(conv(5), SYMMETRY)(closed).detach()
    risks, increments = [], []
    for stage in anytime(model, SYMMETRY).stages(closed):
        risks.append(float((stage.output.detach() - truth).square().mean()))
        increments.append(stage.increment)
    assert increments[0] == 0
    assert all(i > 0 for i in increments[1:])
    for before, after, increment in zip(risks, risks[1:], increments[1:], strict=False):
        assert before - after == pytest.approx(increment, rel=1e-12)


def test_it_stops_where_nothing_changes_any_more():
    rows = []

    class Isotropic(nn.Module):
        def forward(self, x):
            rows.append(len(x))
            return x.sin()

    x = fields()
    symmetric = anytime(Isotropic(), SYMMETRY, tolerance=1e-6, micro_batch=8)
    symmetric(x)
    rows.clear()
    torch.testing.assert_close(symmetric(x), x.sin(), rtol=1e-12, atol=1e-12)
    assert sum(rows) == 2 * len(x)


def test_tolerance_zero_runs_the_whole_chain():
    model, x = conv(), fields()
    torch.testing.assert_close(anytime(model, SYMMETRY)(x), average(model, SYMMETRY)(x), rtol=1e-12, atol=1e-12)


def test_a_stopped_average_is_exact_under_the_subgroup_it_reached():
    model, x = conv(), fields()
    stopping = anytime(model, SYMMETRY, tolerance=1e9)
    half_turn = torch.tensor(int(anytime(model, SYMMETRY).chain[1].embedding[1]))
    moved = stopping(SYMMETRY.inputs[0].act(half_turn, x))
    torch.testing.assert_close(moved, SYMMETRY.outputs.act(half_turn, stopping(x)), rtol=1e-12, atol=1e-12)


def test_listening_to_fewer_stages_runs_the_model_less():
    rows = []
    model = conv()
    model.register_forward_hook(lambda _m, args, _y: rows.append(len(args[0])))
    symmetric = anytime(model, SYMMETRY, micro_batch=4)
    symmetric(fields())
    rows.clear()
    for stage in symmetric.stages(fields()):
        if stage.evaluations == 4:
            break
    assert sum(rows) == 4 * 2


def test_a_chain_of_ones_own():
    G = grid_group(D4, (6, 6), step=3)
    symmetry = Symmetry.of_fields(G, "p, u:vector")
    turns = G.subgroup(G.element(torch.tensor([1, 4])), "D4")
    symmetric = anytime(conv(), symmetry, chain=[turns, G.subgroup(G.generators(), "all")])
    x = torch.randn(1, 3, 6, 6, dtype=DOUBLE)
    assert [s.evaluations for s in symmetric.stages(x)] == [1, 8, 32]
    torch.testing.assert_close(symmetric(x), average(conv(), symmetry)(x), rtol=1e-12, atol=1e-12)
    assert "1 < 8 < 32" in repr(symmetric)


def test_a_symmetry_restricted_to_a_subgroup_has_its_own_chain():
    small = SYMMETRY.restrict(D4.subgroup([1], "C4"))
    assert [s.evaluations for s in anytime(conv(), small).stages(fields())] == [1, 2, 4]


def test_several_outputs_add_up_in_one_increment():
    group = cyclic(2)
    vector = Vector(Defining(group))
    symmetry = Symmetry(group, vector, (vector, vector))
    x = torch.tensor([[1.0, 2.0]], dtype=DOUBLE)
    last = list(anytime(lambda x: (x.exp(), x.cosh()), symmetry).stages(x))[-1]
    expected = (x.cosh().square().sum() + x.cosh().square().sum()) / 4
    assert last.increment == pytest.approx(float(expected), rel=1e-12)


def test_bad_chains_are_refused():
    C4, mirror = D4.subgroup([1], "C4"), D4.subgroup([4], "M")
    with pytest.raises(ArgumentError, match="chain: expected subgroups each in the next, got M, C4"):
        anytime(conv(), SYMMETRY, chain=[mirror, C4])
    other, rotations = dihedral(8), SO(3)
    with pytest.raises(ArgumentError, match="chain: expected subgroups of D4"):
        anytime(conv(), SYMMETRY, chain=[other.subgroup([1])])
    with pytest.raises(ArgumentError, match="tolerance: expected 0 or more, got -1"):
        anytime(conv(), SYMMETRY, tolerance=-1.0)
    with pytest.raises(ArgumentError, match=r"symmetry: expected a finite group of at most 1024 elements, got SO\(3\)"):
        anytime(torch.exp, Symmetry(rotations, Vector(Defining(rotations)), Vector(Defining(rotations))))
    with pytest.raises(
        ArgumentError, match="expected a finite group of at most 1024 elements, got T64x64; give a chain"
    ):
        anytime(torch.exp, Symmetry.of_fields(shifts((64, 64)), "p"))


@pytest.mark.parametrize(("factor", "evaluations"), [(1.01, 2), (0.99, 4)])
def test_the_tolerance_is_a_part_of_the_root_mean_square(factor, evaluations):
    model, x, rows = conv(), fields(), []
    stage = list(anytime(model, SYMMETRY).stages(x))[1]
    change = (stage.increment / float(stage.output.detach().square().mean())) ** 0.5
    assert 0.01 < change < 0.99  # its square is another number
    stopping = anytime(model, SYMMETRY, tolerance=factor * change, micro_batch=1)
    with torch.no_grad():
        stopping(x)
        model.register_forward_hook(lambda *_: rows.append(1))
        stopping(x)
    assert len(rows) >= evaluations
    assert (len(rows) == 2) == (evaluations == 2)
