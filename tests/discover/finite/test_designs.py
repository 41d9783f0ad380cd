"""Colours of a moved model are the moved colours, exactly."""

import pytest
import torch
from tests.discover.finite.planted import network

from haar.discover.finite.colours import colours
from haar.discover.finite.designs import Design
from haar.discover.finite.evaluation import Evaluation
from haar.discover.finite.exchange import Exchange


@pytest.mark.parametrize("signed", [False, True])
def test_colours_of_a_moved_model_are_moved_colours(signed):
    f, x = network(5, 2, 4), torch.randn(64, 5, generator=torch.Generator().manual_seed(0)).double()
    exchange = Exchange((5,), -1, signed, (0,) * 5, "invariant", (2,))
    row = exchange.of_entries([2, 0, 1, 4, 3], [1, -1, 1, 1, -1])
    design = Design.of(exchange, x, 0)
    values = design.values(Evaluation(f), x.dtype)
    moved = design.values(Evaluation(lambda x: f(exchange.move_inputs(row, x))), x.dtype)
    assert abs(values[row][:, row] - moved).max() < 1e-14
    one, other = (colours(v, exchange, gap=1e-7, rounding=1e-13) for v in (values, moved))
    assert (one[row][:, row] == other).all()


def test_the_largest_group_maps_the_design_to_itself():
    x = torch.rand(64, 4, generator=torch.Generator().manual_seed(0)).double() + 1
    exchange = Exchange((4,), -1, False, (0,) * 4, "invariant", (1,))
    design = Design.of(exchange, x, 0)
    u, v = (place.reshape(-1) for place in torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij"))
    points = design.points(0, u, v)
    moved = exchange.move_inputs(exchange.of_entries([3, 1, 0, 2]), points)
    assert sorted(map(tuple, points.tolist())) == sorted(map(tuple, moved.tolist()))
    assert float(points.min()) >= float(x.min())
    assert float(points.max()) <= float(x.max())
