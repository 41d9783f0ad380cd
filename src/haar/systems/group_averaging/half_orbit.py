"""How much of the gain half of the forwards bring: elements selected without labels, a subgroup, a random half."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.average import Averaged, Orbit, expected_excess, select
from haar.data.well.spread_windows import field_scale
from haar.errors import ArgumentError
from haar.groups import FiniteGroup
from haar.systems.group_averaging.evaluation import MICRO_BATCH, Judged
from haar.systems.group_averaging.surrogates import Surrogate


def measure_half(model: Surrogate, symmetry: Symmetry, learned: Judged, test: Judged) -> dict[str, Any]:
    """Shares of the fall of the mean squared error that half of the elements bring.

    Args:
        model: The trained surrogate.
        symmetry: How D4 acts; its first half is the subgroup that an anytime average has evaluated by then.
        learned: Windows whose inputs the elements are selected on; their labels are not looked at.
        test: Windows with labels.

    Returns:
        ``elements`` selected, the share ``expected`` of them without labels; measured shares of them (``selected``) and
        of the ``subgroup``; the mean over all halves, ``random``, from its formula.

    Raises:
        ArgumentError: If the group is not enumerated.
    """
    group = symmetry.group
    if not isinstance(group, FiniteGroup):
        raise ArgumentError(
            "symmetry", expected="an enumerated group", got=group.name, way_out="haar.groups.dihedral(4)"
        )
    half = group.order // 2
    scale = field_scale(learned, learned.windows.outputs).float()[:, None, None]
    chosen = select(model, symmetry, (x for x, _, _ in learned), m=half, scale=scale, micro_batch=MICRO_BATCH)
    orbit = Averaged(model, symmetry, Orbit(), micro_batch=MICRO_BATCH)
    everything = group.elements()
    sets = {"none": everything[:1], "selected": chosen.elements, "subgroup": everything[:half], "all": everything}
    sums = dict.fromkeys(sets, 0.0)
    for x, y, _ in test:
        with torch.no_grad():
            every: Tensor = orbit.stacked(x)
        for name, elements in sets.items():
            sums[name] += float(((every[elements].mean(0) - y) / scale).double().square().sum())
    gain = sums["none"] - sums["all"]
    return {
        "elements": chosen.elements.tolist(),
        "expected": chosen.share,
        "selected": (sums["none"] - sums["selected"]) / gain,
        "subgroup": (sums["none"] - sums["subgroup"]) / gain,
        "random": 1 - expected_excess(1.0, half, group.order),
    }
