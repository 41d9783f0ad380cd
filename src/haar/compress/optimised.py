"""A gauge that is chosen for compression: from the canonical one, some steps downhill on what a method looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.compress.batch import batch_of
from haar.compress.canonical import Canonical, canonical_state
from haar.compress.table import table_of
from haar.errors import ArgumentError, check_count, check_rate
from haar.training import Plan, Run
from haar.watch import Unwatched, Watch
from haar.weights import Gauge, Heads, ParameterAction, Rotation, Units
from haar.weights.bare import bare
from haar.weights.models import state_of, with_state
from haar.weights.sites import Site, SiteElement

Objective = Callable[[Mapping[str, Tensor]], Tensor]
"""From the matrices of a state, by name, to a number that is to be small."""
_OBJECTIVES = ("entropy", "spread")


def entropy(matrices: Mapping[str, Tensor]) -> Tensor:
    r"""Mean entropy of the squared entries of each row: small where few entries of a row carry it, as pruning wants.

    .. math:: -\sum_j p_j \log p_j, \quad p_j = w_j^2 / |w|^2

    Example:
        >>> even, one = torch.ones(1, 4), torch.eye(4)[:1]
        >>> round(float(entropy({"w": even})), 6), float(entropy({"w": one}))
        (1.386294, 0.0)

    Source: DenoiseRotator, arXiv 2505.23049, of normalised importances.
    """
    found = []
    for w in matrices.values():
        squares = w.flatten(1).square()
        p = squares / squares.sum(1, keepdim=True).clamp(min=torch.finfo(w.dtype).tiny)
        found.append(-torch.xlogy(p, p.clamp(min=torch.finfo(w.dtype).tiny)).sum(1))
    return torch.cat(found).mean()


def spread(matrices: Mapping[str, Tensor]) -> Tensor:
    """Mean over rows of their kurtosis about 0: small where no entry stands out, as rounding wants.

    Example:
        >>> float(spread({"w": torch.ones(1, 4)})), float(spread({"w": torch.eye(4)[:1]}))
        (1.0, 4.0)
    """
    found = []
    for w in matrices.values():
        squares = w.flatten(1).square()
        found.append(squares.square().mean(1) / squares.mean(1).square().clamp(min=torch.finfo(w.dtype).tiny))
    return torch.cat(found).mean()


def optimised(
    model: nn.Module,
    objective: str | Objective = "entropy",
    example: Any = None,
    *,
    steps: int = 100,
    learning_rate: float | int = 0.02,
    action: ParameterAction | None = None,
    watch: Watch = Unwatched(),
) -> Canonical:
    """A model with the same outputs in the gauge that is best for an objective, found from the canonical one.

    The residual stream and the inner space of every head's values (of its queries and keys, where positions are not
    rotary) are rotated, units that may be scaled are scaled; orders stay. Beginning at the canonical gauge it is the
    same for all copies of a model. Whether it helps is for a sweep to say.

    Args:
        model: The model; it is not touched.
        objective: ``"entropy"`` for pruning, ``"spread"`` for rounding, or a function of all matrices by name, which
            torch can differentiate.
        example: Inputs to trace the model with, where its architecture is not known.
        steps: Steps of Adam.
        learning_rate: Its rate, in radians and logarithms of scales.
        action: The table of its parameters; by default it is found.
        watch: Told of every step.

    Returns:
        As `canonical_form`.

    Raises:
        ArgumentError: As for `canonical`, or if nothing of the gauge is continuous.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)).double()
        >>> x = torch.randn(5, 2, dtype=torch.float64)
        >>> found = optimised(model, "spread", x, steps=20)
        >>> bool(torch.allclose(found.model(x), model(x)))
        True

    Source: arXiv 2505.23049 (rotations before pruning).
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError("model", expected="a torch.nn.Module", got=type(model).__name__)
    named = {"entropy": entropy, "spread": spread}
    if isinstance(objective, str) and objective not in named:
        raise ArgumentError("objective", expected=f"{', '.join(_OBJECTIVES)} or a function", got=repr(objective))
    check_count("steps", steps)
    check_rate("learning_rate", learning_rate)
    asked = named[objective] if isinstance(objective, str) else objective
    model = bare(model)
    table = action or table_of(model, None if example is None else batch_of(example))
    given = state_of(model, "model")
    wide = {name: value.double() if value.is_floating_point() else value for name, value in given.items()}
    start, undetermined = canonical_state(table, wide)
    best = _downhill(table, start, asked, Plan(steps=steps, learning_rate=learning_rate, schedule="cosine"), watch)
    state = {name: value.to(given[name].dtype) for name, value in best.items()}
    return Canonical(state, undetermined, with_state(model, state))


def _downhill(
    table: ParameterAction, start: dict[str, Tensor], objective: Objective, plan: Plan, watch: Watch
) -> dict[str, Tensor]:
    """The state of the least objective on the way, the first among them."""
    knobs = {name: _knobs(site) for name, site in table.sites.items()}
    free = [knob.requires_grad_() for each in knobs.values() for knob in each]
    if not free:
        raise ArgumentError("model", expected="a gauge with rotations or scales", got="orders of units alone")
    least, best = torch.inf, start

    def moved() -> dict[str, Tensor]:
        elements = {name: _element(site, knobs[name]) for name, site in table.sites.items()}
        return table.act(Gauge(elements), start)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        nonlocal least, best
        del step, generator
        state = moved()
        value = objective({name: w for name, w in state.items() if w.ndim > 1 and w.is_floating_point()})
        _check_value(value)
        if float(value.detach()) < least:
            least, best = float(value.detach()), {name: w.detach() for name, w in state.items()}
        return value

    with torch.enable_grad():
        Run(free, loss, plan).train(watch, "choosing a gauge")
    return best


def _check_value(value: Any) -> None:
    """Refuse what an objective of one's own returns, if nothing can be made smaller by it."""
    if isinstance(value, Tensor) and value.ndim == 0 and value.requires_grad and bool(value.isfinite()):
        return
    got = type(value).__name__
    if isinstance(value, Tensor):
        number = "" if value.ndim else f"{float(value.detach()):g}{'' if value.requires_grad else ', a constant'}"
        got = number or f"a tensor of shape {tuple(value.shape)}"
    expected = "a function whose value is one finite number, a tensor that depends on the matrices"
    raise ArgumentError("objective", expected=expected, got=got)


def _knobs(site: Site) -> Sequence[Tensor]:
    """What of a site is turned: zeros leave it alone."""
    if isinstance(site, Rotation):
        size = site.count - site.fixes_ones
        return [torch.zeros(size, size, dtype=torch.float64)]
    if isinstance(site, Units) and site.scales in ("positive", "any"):
        return [torch.zeros(site.count, dtype=torch.float64)]
    if isinstance(site, Heads):
        both = 2 if site.scores == "linear" else 1
        return [torch.zeros(site.groups, site.size, site.size, dtype=torch.float64) for _ in range(both)]
    return []


def _element(site: Site, knobs: Sequence[Tensor]) -> SiteElement:
    if isinstance(site, Rotation):
        return site.element(site.inside(_turn(knobs[0])))
    if isinstance(site, Units) and knobs:
        return site.element(torch.arange(site.count), knobs[0].exp())
    if isinstance(site, Heads):
        inner = torch.arange(site.queries).repeat(site.groups, 1)
        scores = _turn(knobs[1]) if len(knobs) > 1 else None
        return site.element(torch.arange(site.groups), inner, scores, _turn(knobs[0]))
    return site.identity()


def _turn(knob: Tensor) -> Tensor:
    """The rotation of a skew-symmetric part, by Cayley's map."""
    skew = (knob - knob.mT) / 2
    one = torch.eye(knob.shape[-1], dtype=knob.dtype)
    turned: Tensor = torch.linalg.solve(one + skew, one - skew)
    return turned
