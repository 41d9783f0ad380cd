"""The one sentence: what it says for each kind of evidence."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Invariant, Points, Regular, Space, Symmetry, Vector
from haar.audit import audit
from haar.average import average
from haar.groups import cyclic, dihedral, grid_group, octahedral

F64 = torch.float64
SYMMETRY = Symmetry.of_fields(dihedral(4), "p")


def model(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", dtype=F64)


def data(n, generator):
    return torch.randn(n, 1, 6, 6, generator=generator, dtype=F64)


@pytest.fixture
def truth():
    return average(model(5), SYMMETRY, micro_batch=8)


def advise(f, x, y=None, **options):
    with torch.no_grad():
        return audit(f, SYMMETRY, x if y is None else (x, y), layers=False, **options).recommendation


def test_average_where_data_and_labels_agree(generator, truth):
    x = data(40, generator)
    error = model(1)
    advice = advise(lambda u: truth(u) + 0.3 * error(u), x, truth(x), significance=1e-3)
    assert advice.verdict == "average"
    # A kernel of 3 x 3 that quarter turns leave alone, reflections leave alone too: four copies do what eight would.
    assert advice.group == "<r90>"
    assert advice.elements == ["e", "r90", "r180", "r270"]
    assert "the MSE falls by" in advice.sentence
    assert "the price is 4 copies, which remove 100.0% of what the 8 copies of D4 would" in advice.sentence


def test_do_not_where_the_truth_is_not_symmetric(generator):
    x = data(40, generator)
    advice = advise(model(), x, model()(x) + 1e-3 * model(2)(x))
    assert advice.verdict == "do not"
    assert any("contradiction" in line for line in advice.evidence)


def test_a_subgroup_where_only_that_is_true(generator):
    x = data(60, generator)
    half = SYMMETRY.restrict(SYMMETRY.group.subgroup([2], "C2"))
    half_true, error = average(model(3), half, micro_batch=2), model(4)
    with torch.no_grad():
        y = half_true(x)
    advice = advise(lambda u: half_true(u) + 0.2 * error(u), x, y)
    assert advice.verdict in {"average", "soft"}
    assert advice.group != "D4"


def test_soft_where_a_part_of_the_asymmetry_is_real(generator, truth):
    x = data(60, generator)
    rough = model(1)
    sym = average(rough, SYMMETRY, micro_batch=8)
    with torch.no_grad():
        y = sym(x) + 0.6 * (rough(x) - sym(x))
    advice = advise(rough, x, y)
    assert advice.verdict == "soft"
    assert "alpha" in advice.sentence or "softly" in advice.sentence


def test_without_labels_few_trajectories_settle_nothing(generator):
    advice = advise(model(), data(8, generator))
    assert advice.verdict == "unclear"
    assert "8 independent trajectories" in advice.sentence


def test_without_labels_closed_data_give_a_prediction(generator):
    advice = advise(model(), data(60, generator))
    assert advice.verdict == "average"
    assert "no labels were used" in advice.sentence


def test_without_labels_open_data_warn(generator):
    x = data(60, generator)
    x[:, :, 0] += 2
    x[:, :, :, 1] += torch.linspace(0, 3, 6, dtype=F64)[:, None].T
    x += torch.linspace(0, 5, 36, dtype=F64).reshape(6, 6)
    advice = advise(model(), x)
    assert advice.verdict == "do not"
    assert "not closed" in advice.sentence


def test_a_group_too_large_to_list_is_judged_by_its_sample(generator):
    group = grid_group(dihedral(4), (6, 6))
    symmetry = Symmetry.of_fields(group, "p")
    x = data(30, generator)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(36, 36, dtype=F64), nn.Unflatten(1, (1, 6, 6)))
    with torch.no_grad():
        wrong = audit(dense, symmetry, (x, dense(x)), elements=30, data_symmetry=False, layers=False).recommendation
        assert wrong.verdict == "do not"
        smooth = average(dense, symmetry, micro_batch=72)
        y = smooth(x)
        right = audit(
            lambda u: smooth(u) + 0.1 * dense(u), symmetry, (x, y), elements=30, data_symmetry=False, layers=False
        )
    assert right.recommendation.verdict == "average"
    assert right.recommendation.group == group.name


def test_chance_at_the_samples_chooses_no_subgroup():
    """z^2 under the cube: two copies remove 3/4 of it on average, though more than all 24 do at these samples."""
    group = octahedral()
    symmetry = Symmetry(group, Points(rotation=Space(group)), Invariant(group))
    x = torch.randn(64, 4, 3, generator=torch.Generator().manual_seed(0))
    found = audit(lambda x: x.square().sum((1, 2)) + 0.2 * x[:, 0, 2] ** 2, symmetry, x)
    pairs = [h for h in found.findings.subgroups if h.order == 2]
    assert max(h.removed.value for h in pairs) > found.findings.removed.value
    assert max(h.share for h in pairs) == pytest.approx(0.75, abs=1e-5)
    assert len(found.recommendation.elements) == 3


def test_gains_that_differ_by_rounding_are_the_same(generator):
    """A constant vector: the half turn does what all of D4 does, and no sentence says that all would gain less."""
    symmetry = Symmetry.of_fields(dihedral(4), "u:vector")
    x = torch.randn(30, 2, 8, 8, generator=generator)
    for size in (1.0, 0.3, 1 / 7):
        advice = audit(lambda x, size=size: torch.full_like(x, size), symmetry, (x, torch.zeros_like(x))).recommendation
        assert advice.group == "<r180>"
        assert "would gain less" not in advice.sentence
        assert "8 copies of D4" in advice.sentence


@pytest.mark.parametrize("constant", [torch.ones_like, lambda z: z.mean((2, 3), keepdim=True).expand_as(z)])
def test_inputs_that_no_element_moves_tell_nothing(constant, generator):
    x = data(8, generator)
    said = audit(model(), SYMMETRY, constant(x)).recommendation
    assert said.verdict == "unclear"
    assert "These data cannot tell whether the model respects D4: no element moves any of the inputs" in said.sentence
    half = torch.cat([constant(x), x])  # some are moved: these tell
    assert audit(average(model(), SYMMETRY), SYMMETRY, half).recommendation.verdict == "nothing to gain"


def test_what_is_broken_though_no_input_is_moved_is_told(generator):
    group = dihedral(4)
    symmetry = Symmetry(group, Invariant(group), Vector(Space(group)))
    x = torch.randn(12, 3, generator=generator, dtype=F64)
    assert audit(lambda z: z[:, :2], symmetry, x).findings.broken
    assert "cannot tell" not in audit(lambda z: z[:, :2], symmetry, x).summary


def test_one_element_beside_the_identity_is_enough_to_tell(generator):
    """A group of two: the inputs that its one other element moves say whether a model respects it."""
    symmetry = Symmetry(cyclic(2), Vector(Regular(cyclic(2))), Vector(Regular(cyclic(2))))
    x = torch.randn(64, 2, generator=generator, dtype=F64)
    assert "cannot tell" not in audit(lambda z: 2 * z, symmetry, x).summary
    same = x.mean(1, keepdim=True).expand(-1, 2)
    assert "cannot tell" in audit(lambda z: 2 * z, symmetry, same).summary
