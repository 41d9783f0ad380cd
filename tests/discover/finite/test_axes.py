"""Which way outputs go along with exchanges of inputs: of vectors, and of points and their coordinates."""

from __future__ import annotations

import pytest
import torch

from haar.discover.finite.axes import Asked, exchanges
from haar.errors import ArgumentError


def moved(shape, out_shape, outputs="auto"):
    """How outputs move, and on which of their axes, for every axis of inputs that is searched."""
    x = torch.randn(40, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = exchanges(x, out_shape, Asked(outputs, "auto", None, None), [])
    return [(one.axis, one.outputs, one.out_axis) for one in found]


@pytest.mark.parametrize(
    ("out_shape", "outputs", "how"),
    [
        ((5,), "auto", "same"),
        ((3,), "auto", "any"),
        ((1,), "auto", "invariant"),
        ((1,), "any", "any"),
        ((5,), "any", "any"),
        ((5,), "same", "same"),
        ((5,), "invariant", "invariant"),
        ((2, 5), "auto", "invariant"),
        ((), "auto", "invariant"),
    ],
)
def test_outputs_of_vectors(out_shape, outputs, how):
    assert moved((5,), out_shape, outputs) == [(-1, how, -1)]


@pytest.mark.parametrize(
    ("out_shape", "points", "coordinates"),
    [
        ((4, 2), ("same", -2), ("same", -1)),
        ((4,), ("same", -1), ("invariant", -1)),
        ((2,), ("invariant", -1), ("same", -1)),
        ((3, 2), ("invariant", -1), ("same", -1)),
        ((), ("invariant", -1), ("invariant", -1)),
    ],
)
def test_outputs_of_points(out_shape, points, coordinates):
    assert moved((4, 2), out_shape) == [(-2, *points), (-1, *coordinates)]


def test_outputs_of_another_number_cannot_be_moved_as_inputs_are():
    with pytest.raises(
        ArgumentError, match=r"outputs: expected 'same' for a model with 5 outputs, got .*\(3,\); ask for"
    ):
        moved((5,), (3,), "same")
