"""What the test of the data's symmetry compares: means of neighbouring cells, and nothing that rounding may do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.actions import Symmetry
from haar.audit.batches import Batch
from haar.audit.closure import Closure
from haar.groups import reflections

F64 = torch.float64


def closure_of(symmetry, x, clusters=None, elements=None):
    closure = Closure(symmetry, symmetry.group.elements() if elements is None else elements)
    closure.update(Batch((x,), None, torch.arange(len(x)) if clusters is None else clusters))
    return closure


def test_long_axes_are_compared_by_the_means_of_neighbouring_cells():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 1, 32, generator=generator, dtype=F64)
    (found,) = closure_of(Symmetry.of_fields(reflections(1), "p"), x).tests()
    centred = x.numpy() - x.numpy().mean(2, keepdims=True)
    here = (centred[..., 0::2] + centred[..., 1::2]).mean(0) / 2
    there = here[..., ::-1]
    apart = ((here - there) ** 2).sum() ** 0.5
    assert found.distance == pytest.approx(apart / ((here**2).sum() / 2 + (there**2).sum() / 2) ** 0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "blocks"),
    [
        ((16,), (1,)),
        ((18,), (2,)),
        ((48,), (3,)),
        ((34,), (17,)),  # the smallest block that divides the axis and leaves at most sixteen
        ((32, 4), (2, 1)),
        ((16, 18), (1, 2)),
        ((8, 2, 2), (1, 1, 1)),
        ((12, 2, 10), (2, 1, 2)),  # of volumes at most eight
    ],
)
def test_fields_are_compared_on_at_most_sixteen_cells_an_axis(shape, blocks, generator):
    symmetry = Symmetry.of_fields(reflections(len(shape)), "p")
    x = torch.randn(3, 1, *shape, generator=generator, dtype=F64)
    mirror = next(g for g in symmetry.group.elements() if torch.equal(symmetry.act_inputs(g, [x])[0], x.flip(2)))
    (found,) = closure_of(symmetry, x, elements=torch.stack([0 * mirror, mirror])).tests(draws=1)
    mean = x[:, 0].numpy()
    mean = (mean - mean.mean(tuple(range(1, mean.ndim)), keepdims=True)).mean(0)
    for axis, block in enumerate(blocks):
        cells = range(mean.shape[axis] // block)
        mean = np.stack([mean.take(range(k * block, (k + 1) * block), axis).mean(axis) for k in cells], axis)
    apart = ((mean - mean[::-1]) ** 2).sum() / (mean**2).sum()
    assert found.distance == pytest.approx(apart**0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("dtype", "lean", "statistic"),
    [
        (F64, 2.4e-13, None),  # squares differ by 4 lean, less than 1e-12
        (F64, 2.7e-13, "second moments"),
        (F64, 4.9e-13, "second moments"),
        (F64, 5.2e-13, "mean field"),  # the field differs by 2 lean
        (torch.float32, 1.8e-6, None),  # 64 steps of float32 are 7.6e-6
        (torch.float32, 2.1e-6, "second moments"),
        (torch.float32, 3.6e-6, "second moments"),
        (torch.float32, 4.2e-6, "mean field"),
    ],
)
def test_what_rounding_may_do_says_nothing(dtype, lean, statistic):
    x = (torch.tensor([1.0, -1, -1, 1], dtype=F64) + lean * torch.tensor([1.0, 0, 0, -1], dtype=F64)).to(dtype)
    (found,) = closure_of(Symmetry.of_fields(reflections(1), "p"), x.expand(20, 1, 4)).tests()
    if statistic is None:
        assert (found.p, found.systematic, found.distance) == (1, 0, 0)
        return
    assert (found.statistic, found.p) == (statistic, pytest.approx(4 / 1000))
    assert found.systematic == pytest.approx(1, rel=1e-6)
    assert (found.distance > 0) == (statistic == "mean field")


@pytest.mark.parametrize("coarse_first", [True, False])
def test_the_coarsest_numbers_say_what_rounding_may_do(coarse_first):
    symmetry = Symmetry.of_fields(reflections(1), "p")
    x = torch.tensor([1.0, -1, -1, 1], dtype=F64) + 1e-6 * torch.tensor([1.0, 0, 0, -1], dtype=F64)
    batches = [x.to(dtype).expand(10, 1, 4) for dtype in (torch.float32, F64)]
    parts = [
        closure_of(symmetry, y, torch.arange(10 * k, 10 * k + 10))
        for k, y in enumerate(batches if coarse_first else batches[::-1])
    ]
    whole = parts[0].merge(parts[1])
    one = Closure(symmetry, symmetry.group.elements())
    for k, y in enumerate(batches if coarse_first else batches[::-1]):
        one.update(Batch((y,), None, torch.arange(10 * k, 10 * k + 10)))
    assert [closure.tests()[0].p for closure in (whole, one)] == [1, 1]
    assert closure_of(symmetry, batches[1]).tests()[0].p < 0.05
