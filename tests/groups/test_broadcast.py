"""Broadcasting of shapes, as torch has it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ShapeError
from haar.groups.broadcast import broadcast_shapes

SHAPES = st.lists(st.lists(st.sampled_from([1, 1, 2, 3, 0]), max_size=3).map(tuple), min_size=1, max_size=3)


@given(SHAPES)
def test_as_torch(shapes: list[tuple[int, ...]]) -> None:
    try:
        wanted = tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError:
        with pytest.raises(ShapeError, match="shape: expected shapes that broadcast"):
            broadcast_shapes(*shapes)
    else:
        assert broadcast_shapes(*shapes) == wanted
