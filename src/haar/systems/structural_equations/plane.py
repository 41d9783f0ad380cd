"""Functions that rotations leave alone: what invariant players are worth, in the game and in the regression."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.average import average
from haar.groups import cyclic
from haar.systems.structural_equations.line import RIDGE
from haar.systems.structural_equations.neural import Training
from haar.systems.structural_equations.options import Games
from haar.systems.structural_equations.stacked import StackedPerceptron, asked, played, regressed
from haar.systems.structural_equations.synthetic import in_the_plane
from haar.training import seed_of

Json = dict[str, Any]
PLAIN, INVARIANT, BOTH = "game, plain", "game, f invariant", "game, f and u invariant"
REGRESSION, INVARIANT_REGRESSION = "regression, plain", "regression, invariant"
CONSTANT = "constant"
_ORDER = 4


def learn(options: Games, seed: int) -> Json:
    """Mean squared errors against the true function, a number for every data set; how invariant each answer is.

    Args:
        options: How it is played.
        seed: Of everything.
    """
    data = in_the_plane(options.rows, options.sets, seed)
    how = Training(steps=options.steps, batch_size=options.batch_size)
    turns = cyclic(_ORDER)
    symmetry = Symmetry(turns, Vector(Defining(turns)), Invariant(turns))

    def network(place: int) -> nn.Module:
        sizes = (2, options.width, options.width, 1)
        return StackedPerceptron(options.sets, sizes, options.start, seed_of(seed, place))

    def invariant(place: int) -> nn.Module:
        return average(network(place), symmetry, micro_batch=_ORDER)

    pairs = {
        PLAIN: (network(10), network(11)),
        INVARIANT: (invariant(10), network(11)),
        BOTH: (invariant(10), invariant(11)),
    }
    fitted: dict[str, nn.Module] = {}
    for name, players in pairs.items():
        fitted[name] = played(data, players, how, RIDGE, seed).average()
    fitted[REGRESSION] = regressed(data, network(10), how, seed)
    fitted[INVARIANT_REGRESSION] = regressed(data, invariant(10), how, seed)
    errors = {name: data.errors(asked(each, data)) for name, each in fitted.items()}
    mean = data.y.mean(0)[:, 0].double()
    errors[CONSTANT] = [float((data.truth.double() - level).square().mean()) for level in mean]
    defects = {name: _defect(each, data) for name, each in fitted.items()}
    return {"rows": options.rows, "errors": errors, "defects": defects}


def _defect(network: nn.Module, data: Any) -> float:
    """The largest change under a quarter turn, over the largest answer."""
    at = data.at[:, None].expand(-1, data.x.shape[1], -1)
    turned = torch.stack([-at[..., 1], at[..., 0]], -1)
    with torch.no_grad():
        one, other = network(at), network(turned)
    return float((one - other).abs().max() / one.abs().max())
