"""Two mixtures on one trunk, and every way to bring them together."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.align import align, barrier
from haar.align.expert_order import WAYS, best_order, expert_costs, ordered_experts
from haar.data.digits import handwritten_digits
from haar.systems.mixture_connectivity.options import Options
from haar.training import Plan, Run, draw, seed_of
from haar.watch import Unwatched, Watch
from haar.weights import Gauge, balancing
from haar.weights.small import SmallMixture

Json = dict[str, Any]
_TRAINED = 1200
_PLANTED = 5
_SITE = "experts"
_TRUNK = ("trunk", "head")


def loss(model: Any, both: tuple[Tensor, Tensor]) -> Tensor:
    """Cross entropy of a model on images and labels."""
    return F.cross_entropy(model(both[0]), both[1])


def held_out() -> tuple[Tensor, Tensor]:
    """Images that no network learned from."""
    x, y = handwritten_digits()
    return x[_TRAINED:], y[_TRAINED:]


def trained(options: Options, seed: int, chosen: int, trunk: nn.Module | None, watch: Watch) -> SmallMixture:
    """A mixture on a trunk that stays as it is; or, without one, a trunk and its head, on which the experts are silent.

    Args:
        options: The preset.
        seed: Of first weights and of the order of the data.
        chosen: Experts that every sample is given to.
        trunk: A network whose trunk and head are taken.
        watch: Told of every step.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(seed, 0))
        model = SmallMixture(64, 10, dim=options.dim, experts=options.experts, units=options.units, chosen=chosen)
    alone = trunk is None
    with torch.no_grad():
        if trunk is None:
            model.down.zero_()
        else:
            model.load_state_dict(
                {name: value for name, value in trunk.state_dict().items() if name.startswith(_TRUNK)}, strict=False
            )
    moved = [p for name, p in model.named_parameters() if name.startswith(_TRUNK) == alone]
    x, y = handwritten_digits()

    def objective(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = draw(_TRAINED, options.batch_size, generator)
        noisy = x[rows] + options.noise * torch.randn(len(rows), x.shape[1], generator=generator)
        return loss(model, (noisy, y[rows]))

    steps = options.trunk_steps if alone else options.steps
    plan = Plan(steps=steps, learning_rate=options.learning_rate)
    Run(moved, objective, plan, seed=seed).train(watch)
    return model.eval().requires_grad_(requires_grad=False)


def mixtures(options: Options, seed: int, chosen: int, watch: Watch = Unwatched()) -> Json:
    """A pair of mixtures: barriers naive, with each way to order experts, and with all orders.

    Args:
        options: The preset.
        seed: Of the pair: trunk and networks have seeds of their own.
        chosen: Experts that every sample is given to.
        watch: Told of the training.
    """
    trunk = trained(options, 3 * seed, chosen, None, watch)
    a, b = (trained(options, 3 * seed + 1 + k, chosen, trunk, watch) for k in range(2))
    pair = _Pair(a, b, options.points)
    every = list(itertools.permutations(range(options.experts)))
    heights = {order: pair.height(torch.tensor(order)) for order in every}
    naive, least = pair.plain(), min(heights.values())
    ranked = sorted(heights.values())
    found: Json = {
        "naive": naive,
        "inner alone": heights[every[0]],
        "best": least,
        "worst": max(heights.values()),
        "ways": {},
        "losses": [float(loss(model, held_out())) for model in (a, b)],
        "trunk": float(loss(trunk, held_out())),
        "baseline": float(torch.tensor(10.0).log()),
    }
    for way in WAYS:
        order = best_order(expert_costs(a.action, pair.a, pair.b, _SITE, way))
        height = heights[tuple(order.tolist())]
        found["ways"][way] = {
            "barrier": height,
            "rank": 1 + sum(one < height for one in ranked),
            "order alone": pair.height(order, inner=False),
        }
    return {**found, **_exact(a, pair)}


class _Pair:
    """Two networks in canonical form, and the barrier between them for an order of experts."""

    def __init__(self, a: SmallMixture, b: SmallMixture, points: int) -> None:
        self.model, self.points, self.action = a, points, a.action
        self.raw = a.state_dict(), b.state_dict()
        self.a, self.b = (self.action.act(balancing(self.action, state), state) for state in self.raw)

    def between(self, one: Any, other: Any) -> float:
        return barrier(one, other, loss, [held_out()], model=self.model, points=self.points).height()

    def plain(self) -> float:
        return self.between(*self.raw)

    def height(self, order: Tensor, *, inner: bool = True) -> float:
        site = self.action.sites[_SITE]
        if inner:
            element = ordered_experts(self.action, self.a, self.b, _SITE, order=order)
        else:
            places = torch.arange(site.ports["units"] // len(order)).repeat(len(order), 1)
            element = site.element(order, places)  # type: ignore[attr-defined]  # a site of experts
        return self.between(self.a, self.action.act(Gauge({_SITE: element}), self.b))


def _exact(model: SmallMixture, pair: _Pair) -> Json:
    """What must not matter, a translation of the gates, and a planted element, in double precision."""
    action = pair.action
    state = {name: value.double() for name, value in pair.raw[0].items()}
    shifted = action.act(action.random(_PLANTED, sites=[], state=state), state)
    x = held_out()[0].double()
    y, moved = (torch.func.functional_call(model, one, (x,)) for one in (state, shifted))
    planted = action.act(action.random(_PLANTED, state=state), state)
    before = pair.plain()
    other = action.act(action.random(_PLANTED, sites=[], state=pair.raw[1], dtype=torch.float32), pair.raw[1])
    return {
        "translated": float((moved - y).abs().max() / y.abs().max()),
        "barrier translated": abs(pair.between(pair.raw[0], other) - before),
        "planted": align(state, planted, symmetry=action).distances.total(),
    }
