from __future__ import annotations

import pytest
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import SO
from haar.systems.group_averaging.half_orbit import measure_half


@pytest.mark.usefixtures("unchecked_annotations")
def test_half_of_a_group_that_cannot_be_listed_is_refused():
    group = SO(3)
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    with pytest.raises(ArgumentError, match=r"symmetry: expected an enumerated group, got SO\(3\)"):
        measure_half(nn.Identity(), symmetry, None, None)
