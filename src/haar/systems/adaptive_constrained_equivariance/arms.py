"""The rules that the table compares, by name: ours, and every baseline with the settings that are tried for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from haar.relax import Homotopy
from haar.relax.baselines import (
    Augmentation,
    EquivariancePenalty,
    FixedRidge,
    Free,
    ProjectionRegulariser,
    RelaxedConvolution,
    ResidualPathway,
    Scheduled,
    Strict,
)
from haar.relax.duals.damped import Damped
from haar.relax.duals.duals import Duals
from haar.relax.duals.paper import Paper
from haar.systems.adaptive_constrained_equivariance.trial import Arm, Configuration, TrialPlan

#: Rates of the undamped equality run: those that the damped one has in 1500 steps.
_UNDAMPED = Damped(augmentation=0.0, gamma_rate=0.02, dual_rate=0.005)

Models = Callable[..., list[Homotopy]]
Make = Callable[[Models, TrialPlan, float], Arm]


def _duals(name: str, problem: str) -> Make:
    return lambda models, plan, value: Arm.over(
        name, models(), lambda e: Duals(e, problem, steps=plan.steps, rho=value if problem == "resilient" else 1.0)
    )


def _as_published(name: str, problem: str) -> Make:
    """The source's own solver, at the rates of the plan: no damping, Adam on both sides."""
    return lambda models, plan, _: Arm.over(
        name,
        models(),
        lambda e: Duals(
            e, problem, Paper(gamma_rate=plan.learning_rate, dual_rate=plan.dual_rate), steps=plan.steps, rho=1.0
        ),
    )


ARMS: Mapping[str, tuple[Make, tuple[float, ...]]] = {
    "strict": (lambda models, _, __: Arm.over("strict", models(), Strict), (0.0,)),
    "free": (lambda models, _, __: Arm.over("free", models(), Free), (0.0,)),
    "augmentation": (lambda models, _, __: Arm.over("augmentation", models(), Augmentation), (0.0,)),
    "equality": (_duals("equality", "equality"), (0.0,)),
    "resilient": (_duals("resilient", "resilient"), (1.0,)),
    "resilient, price chosen": (_duals("resilient, price chosen", "resilient"), (0.03, 0.1, 0.3)),
    "ridge": (
        lambda models, plan, value: Arm.over("ridge", models(), lambda e: FixedRidge(e, value, steps=plan.steps)),
        (1.0,),
    ),
    "ridge, price chosen": (
        lambda models, plan, value: Arm.over(
            "ridge, price chosen", models(), lambda e: FixedRidge(e, value, steps=plan.steps)
        ),
        (0.03, 0.1, 0.3),
    ),
    "strict without kappa": (
        lambda models, _, __: Arm.over("strict without kappa", models(kappa=False), Strict),
        (0.0,),
    ),
    "equality undamped": (
        lambda models, plan, _: Arm.over(
            "equality undamped",
            models(),
            lambda e: Duals(e, "equality", _UNDAMPED, steps=plan.steps),
        ),
        (0.0,),
    ),
    "equality as published": (_as_published("equality as published", "equality"), (0.0,)),
    "resilient as published": (_as_published("resilient as published", "resilient"), (0.0,)),
    "residual pathway": (
        lambda models, _, value: Arm.within(
            "residual pathway", models(), lambda m: ResidualPathway(m, equivariant_weight=1e-5, free_weight=value)
        ),
        (1e-3, 1e-2, 1e-1),
    ),
    "projection regulariser": (
        lambda models, _, value: Arm.within(
            "projection regulariser", models(), lambda m: ProjectionRegulariser(m, free_weight=value)
        ),
        (3e-3, 1e-2, 3e-2),
    ),
    "equivariance penalty": (
        lambda models, _, value: Arm.within(
            "equivariance penalty",
            models(),
            lambda m: EquivariancePenalty(m, lambda a, b: (a - b).square().mean(), beta=value),
        ),
        (0.3, 1.0, 3.0),
    ),
    "scheduled": (
        lambda models, plan, value: Arm.within(
            "scheduled", models(), lambda m: Scheduled(m, steps=plan.steps, weight=value)
        ),
        (1e-3, 1e-2, 1e-1),
    ),
    "relaxed convolution": (
        lambda models, _, value: Arm.within(
            "relaxed convolution", models(), lambda m: RelaxedConvolution(m, banks=int(value))
        ),
        (1.0, 2.0, 3.0),
    ),
}
"""What makes each arm, and the values tried for its one setting: as many for every baseline as for our own price."""


def make_arms(
    names: Sequence[str],
    configurations: Sequence[Configuration],
    plan: TrialPlan,
    *,
    tried: bool = True,
    mode: str = "weight",
) -> list[Arm]:
    """Arms by name, one for each value tried.

    Args:
        names: Which of `ARMS` to make.
        configurations: One model each.
        plan: How they will be trained.
        tried: Whether all values are tried, or the middle one alone; rules that say "chosen" always try all.
        mode: How layers are relaxed, see `homotopise`.
    """

    def models(*, kappa: bool = True) -> list[Homotopy]:
        made = [c.task.model(c.generator(0), c.generator(4), mode=mode, kappa=kappa) for c in configurations]
        return [model.to(plan.device) for model in made]

    arms = []
    for name in names:
        make, values = ARMS[name]
        every = (tried or "chosen" in name) and len(values) > 1
        for value in values if every else (values[len(values) // 2],):
            arm = make(models, plan, value)
            arm.setting = value if every else None
            arms.append(arm)
    return arms
