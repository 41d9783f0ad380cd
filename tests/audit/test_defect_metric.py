"""The metric says what the audit says, batch by batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from haar.actions import Symmetry
from haar.audit import audit, defect_metric
from haar.errors import ArgumentError
from haar.groups import SO, dihedral, octahedral

pytest.importorskip("torchmetrics", reason="needs the extra haar[lightning]")
pytestmark = pytest.mark.referee

D4 = Symmetry.of_fields(dihedral(4), "p")


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", dtype=torch.float64)


def test_its_numbers_are_those_of_the_audit(model, generator):
    x = torch.randn(12, 1, 6, 6, generator=generator, dtype=torch.float64)
    metric = defect_metric(model, D4)
    for batch in x.split(5):
        metric.update(batch)
    found = metric.compute()
    elements = audit(model, D4, x).findings.elements
    assert set(found) == {*(f"defect/{one.element}" for one in elements), "defect/largest", "defect/mean"}
    for one in elements:
        assert float(found[f"defect/{one.element}"]) == pytest.approx(one.relative.value, rel=1e-12)
    sizes = [one.relative.value for one in elements]
    assert float(found["defect/largest"]) == pytest.approx(max(sizes))
    assert float(found["defect/mean"]) == pytest.approx(np.sqrt(np.mean(np.square(sizes))))


def test_batches_with_labels_and_arrays(model, generator):
    x = torch.randn(4, 1, 6, 6, generator=generator, dtype=torch.float64)
    said = []
    for batch in ((x,), (x, x), ([x, x],), (x.numpy(),), ({"input": x, "labels": x},)):
        metric = defect_metric(model, D4)
        metric.update(*batch)
        said.append(float(metric.compute()["defect/mean"]))
    assert said == pytest.approx([said[0]] * 5, rel=1e-12)


def test_it_begins_anew_and_stops_where_it_was_told(model, generator):
    x, other = (torch.randn(8, 1, 6, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    metric, few = defect_metric(model, D4), defect_metric(model, D4, samples=3)
    metric.update(other)
    metric.reset()
    metric.update(x[:3])
    for _ in range(2):
        few.update(x)
    assert few.compute() == metric.compute()


def test_large_groups_are_drawn_with_a_seed(generator):
    x = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    group = SO(3)
    from haar.actions import Defining, Vector

    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    first, second, third = (defect_metric(torch.tanh, symmetry, seed=seed) for seed in (0, 0, 1))
    for metric in (first, second, third):
        metric.update(x)
    assert first.compute() == second.compute() != third.compute()
    assert len(first.compute()) == 15 + 2
    cube = defect_metric(torch.tanh, Symmetry(octahedral(), *(Vector(Defining(octahedral())) for _ in range(2))))
    cube.update(x)
    assert len(cube.compute()) <= 15 + 2


def test_the_model_is_no_part_of_its_state(model, generator):
    metric = defect_metric(model, D4)
    metric.update(torch.randn(2, 1, 6, 6, generator=generator, dtype=torch.float64))
    assert list(metric.parameters()) == []
    assert metric.state_dict() == {}


def test_what_is_refused(model):
    with pytest.raises(ArgumentError, match="samples: expected at least 1, got 0"):
        defect_metric(model, D4, samples=0)
    with pytest.raises(ArgumentError, match="elements: expected at least one element beside the identity, got 0"):
        defect_metric(model, D4, elements=0)
