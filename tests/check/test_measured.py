"""Error and defect before and after, against plain loops."""

from __future__ import annotations

import math

import pytest
import torch

from haar.actions import Symmetry, Vector
from haar.actions.representation import Defining
from haar.check.measured import measure
from haar.check.samples import Samples
from haar.groups import SO, dihedral
from haar.statistics import ratio

F64 = torch.float64
D4 = Symmetry.of_fields(dihedral(4), "p")


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def tilted(x):
    return x + 0.3 * x.roll(1, 2)


def same_as_given(x):
    return x


def measured(models=(tilted, same_as_given), samples=None, **options):
    samples = Samples.of((drawn(20, 1, 4, 4), drawn(20, 1, 4, 4, seed=1))) if samples is None else samples
    return measure(models, D4, samples, **{"scale": None, "significance": 0.05, "seed": 0, **options})


def same(found, expected):
    values = [(one.value, one.low, one.high) for one in (found, expected)]
    assert values[0] == pytest.approx(values[1], rel=1e-9, abs=1e-12, nan_ok=True)


def test_errors_are_means_over_independent_units():
    x, y, units = drawn(20, 1, 4, 4), drawn(20, 1, 4, 4, seed=1), torch.arange(20) // 2
    found = measured(samples=Samples(x, y, units), significance=0.1)
    sums = []
    for model in (tilted, lambda x: x):
        errors = [0.0] * 10
        for row, unit in enumerate(units.tolist()):
            errors[unit] += float((model(x[row : row + 1])[0] - y[row]).square().sum())
        sums.append(torch.tensor(errors, dtype=F64))
    entries = torch.full((10,), 32.0, dtype=F64)
    same(found.loss_before, ratio(sums[0], entries, least=0.0, level=0.9))
    same(found.loss_after, ratio(sums[1], entries, least=0.0, level=0.9))
    same(found.change, ratio(sums[1] - sums[0], sums[0], level=0.9))
    assert (found.rows, found.units) == (20, 10)


def test_the_defect_is_the_largest_of_generators_and_drawn_elements():
    x = drawn(20, 1, 4, 4)
    found = measured(samples=Samples.of(x), significance=0.2)
    group = D4.group
    looked = {*group.generators().tolist(), *group.sample(8, torch.Generator().manual_seed(0)).tolist()} - {0}
    y = tilted(x)
    spread = (y - y.mean(0)).square().flatten(1).sum(1)
    every = []
    for g in looked:
        wrong = tilted(D4.act_inputs(torch.tensor(g), (x,))[0]) - D4.act_outputs(torch.tensor(g), y)
        every.append(ratio(wrong.square().flatten(1).sum(1), spread, root=True, least=0.0, level=0.8))
    same(found.defect_before, max(every, key=lambda one: one.value))
    assert found.defect_after.value == 0.0
    assert (found.loss_before, found.loss_after, found.change) == (None, None, None)
    drawn_elements = [g for g in group.sample(8, torch.Generator().manual_seed(0)).tolist() if g]
    assert found.elements == len(group.generators()) + len(drawn_elements)


def test_other_seeds_draw_other_elements():
    turn = Symmetry(SO(2), Vector(Defining(SO(2))), Vector(Defining(SO(2))))
    x = drawn(12, 2)
    options = {"scale": None, "significance": 0.05}
    one, other = (
        measure((torch.abs, torch.abs), turn, Samples.of(x), seed=seed, **options).defect_before.value
        for seed in (0, 1)
    )
    assert one != pytest.approx(other, rel=1e-6)


def test_errors_are_in_units_of_the_scale():
    x, y = drawn(20, 2, 4, 4), drawn(20, 2, 4, 4, seed=1)
    scale = torch.tensor([2.0, 0.5]).reshape(2, 1, 1)
    both = Symmetry.of_fields(dihedral(4), "p, q")
    found = measure((tilted, tilted), both, Samples.of((x, y)), scale=scale, significance=0.05, seed=0)
    wrong = tilted(x) - y
    expected = (wrong[:, 0].square().mean() / 4 + wrong[:, 1].square().mean() / 0.25) / 2
    assert found.loss_before.value == pytest.approx(float(expected), rel=1e-12)


def test_labels_of_another_layout_and_precision_are_read_as_outputs():
    x = drawn(20, 1, 4, 4)
    y = drawn(20, 16, seed=1).float()
    found = measured(samples=Samples.of((x, y)))
    expected = (tilted(x).flatten(1) - y.double()).square().mean()
    assert found.loss_before.value == pytest.approx(float(expected), rel=1e-12)


def test_models_see_few_samples_at_a_time_and_no_gradients():
    sizes = []

    def model(x):
        sizes.append((len(x), torch.is_grad_enabled()))
        return x

    module = torch.nn.Dropout(0.5).train()
    assert measured((model, module), samples=Samples.of(drawn(40, 1, 4, 4))).defect_after.value == 0.0  # in eval mode
    assert set(sizes) == {(16, False), (8, False)}
    assert module.training


def test_few_units_have_no_interval_and_numbers_are_told_plainly():
    found = measured(samples=Samples.of((drawn(4, 1, 4, 4), drawn(4, 1, 4, 4, seed=1))))
    assert math.isnan(found.change.low)
    told = found.to_dict()
    assert told["rows"] == 4
    assert told["loss_before"]["value"] == found.loss_before.value
    assert measured(samples=Samples.of(drawn(6, 1, 4, 4))).to_dict()["change"] is None
