"""Training many configurations under many rules as one batch, and what each trained model is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.relax.baselines import EquivariancePenalty
from haar.relax.ensemble import Ensemble, run_together
from haar.relax.rule import Rule
from haar.relax.wrapping.homotopy import Homotopy
from haar.systems.adaptive_constrained_equivariance.task import Task
from haar.training import Checkpoint, Plan, Run, Schedule, Stateful, draw, seed_of
from haar.watch import Unwatched, Watch

Json = dict[str, Any]


@dataclass(frozen=True)
class TrialPlan(Plan):
    """How all models are trained and measured.

    Attributes:
        steps: Steps of the optimiser.
        learning_rate: The optimiser's rate at the start.
        batch_size: Samples in a step, drawn with replacement.
        clip: Largest norm of each model's gradients.
        tests: Number of test samples.
        validation: Samples by which a setting is chosen.
        dual_rate: Rate of the multipliers of the rules "as published".
        device: Where models run; draws are made on the CPU.
    """

    steps: int = 1500
    learning_rate: float | int = 3e-3
    batch_size: int = 64
    schedule: str | Schedule = "cosine"
    every: int = 250
    tests: int = 2000
    validation: int = 500
    dual_rate: float = 8e-4
    device: str = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.device == "auto":
            object.__setattr__(self, "device", "cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True)
class Configuration:
    """One data set and one initialisation.

    Attributes:
        task: What is learned.
        samples: Size of the training set.
        seed: Seed of the data, the initialisation and the batches.
    """

    task: Task
    samples: int
    seed: int

    def generator(self, purpose: int) -> torch.Generator:
        """A source of randomness of its own for each purpose."""
        return torch.Generator().manual_seed(7_919 * self.seed + 104_729 * purpose + 1)


@dataclass
class Arm:
    """One rule on models of all configurations.

    Attributes:
        name: What tables call the rule.
        ensemble: The models, one for each configuration.
        rule: What trains them: on the ensemble, or on the ensemble's template.
        inside: Whether the rule is one for a single model, asked about each (a price on its weights, another law).
        setting: The value of the rule's own setting, where several are tried.
    """

    name: str
    ensemble: Ensemble
    rule: Rule
    inside: bool = False
    setting: float | None = None

    @property
    def label(self) -> str:
        """The rule and its setting: what no two arms share."""
        return self.name if self.setting is None else f"{self.name} {self.setting:g}"

    @classmethod
    def over(cls, name: str, models: Sequence[Homotopy], make: Callable[[Ensemble], Rule]) -> Arm:
        """A rule that works on all models at once, entry by entry."""
        ensemble = Ensemble(models)
        return cls(name, ensemble, make(ensemble))

    @classmethod
    def within(cls, name: str, models: Sequence[Homotopy], make: Callable[[Homotopy], Rule]) -> Arm:
        """A rule made for every model, of which the first speaks for all."""
        rules = [make(model) for model in models]
        return cls(name, Ensemble(models, template=models[0]), rules[0], inside=True)

    @property
    def weights(self) -> list[nn.Parameter]:
        """What the optimiser moves."""
        if not self.inside:
            return self.rule.weights()
        gammas = {id(gamma) for gamma in self.ensemble.gammas().values()}
        return [p for p in self.ensemble.parameters() if id(p) not in gammas]

    def batch(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The batches of all models, every sample moved by an element of its own if the rule moves any."""
        moved = self.rule.batch(x.flatten(0, 1), y.flatten(0, 1), generator)
        return moved[0].view(x.shape), moved[1].view(y.shape)

    def objective(self, task: Task, x: Tensor, y: Tensor) -> Tensor:
        """The sum of what the models of a rule `inside` are trained on."""
        rule = self.rule
        second = rule.second_batch[1:] if isinstance(rule, EquivariancePenalty) and rule.second_batch else ()
        shaped = tuple(part.unflatten(0, (len(x), -1)) for part in second)

        def one(model: nn.Module, x: Tensor, y: Tensor, *second: Tensor) -> Tensor:
            if isinstance(rule, EquivariancePenalty):
                moved, turned, g = second
                rule.second_batch = (x, moved, turned, g)
            return rule.lagrangian(task.losses(model(x)[None], y[None])[0])

        total: Tensor = self.ensemble.each(one, x, y, *shaped)
        return total.sum()


def train_together(
    arms: Sequence[Arm],
    configurations: Sequence[Configuration],
    plan: TrialPlan,
    *,
    checkpoint: Path | None = None,
    watch: Watch = Unwatched(),
    title: str = "training",
) -> None:
    """Train all arms on the same batches, in place; arms of one form run as one.

    Args:
        arms: The rules, each with a model for every configuration.
        configurations: The data sets.
        plan: How to train.
        checkpoint: File to save the run in and to go on from, bit for bit.
        watch: Told of every step.
        title: Title of the stage that `watch` is told of.
    """
    together = _Together(arms, configurations, plan)
    states: dict[str, Stateful] = {f"models of {arm.label}": arm.ensemble for arm in arms}
    states.update({f"rule of {arm.label}": arm.rule for arm in arms})
    facts = {"arms": [arm.label for arm in arms], "configurations": [[c.samples, c.seed] for c in configurations]}
    run = Run(
        # One optimiser for all: Adam works entry by entry, so arms do not see each other.
        [w for arm in arms for w in arm.weights],
        lambda step, _: together.objective(step),
        replace(plan, clip=None),
        checkpoint=Checkpoint(checkpoint, states, run=facts),
        shorten=together.shorten,
        not_finite="keep",  # a model that explodes harms no other
    )
    for _ in run.steps(watch, title):
        for arm in arms:
            arm.rule.step()


class _Together:
    """What all arms are trained on."""

    def __init__(self, arms: Sequence[Arm], configurations: Sequence[Configuration], plan: TrialPlan) -> None:
        self.arms, self.plan, self.task = arms, plan, configurations[0].task
        drawn = [c.task.sample("train", c.samples, c.generator(1)) for c in configurations]
        self.data = [_moved(pair, plan.device) for pair in drawn]
        # Every configuration draws by itself, whatever is trained beside it.
        self.seeds = [c.generator(2).initial_seed() for c in configurations]
        forms: dict[Any, list[Arm]] = {}
        for arm in arms:
            if not arm.inside:
                forms.setdefault(_form(arm.ensemble), []).append(arm)
        self.alike = list(forms.values())

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batches of all configurations."""
        xs, ys = [], []
        for (x, y), seed in zip(self.data, self.seeds, strict=True):
            rows = draw(len(x), self.plan.batch_size, torch.Generator().manual_seed(seed_of(seed, step)))
            xs.append(x[rows])
            ys.append(y[rows])
        return torch.stack(xs), torch.stack(ys)

    def objective(self, step: int) -> Tensor:
        """The sum of what all arms are trained on."""
        x, y = self.batch(step)
        moves = [torch.Generator().manual_seed(seed_of(31 + k, step)) for k in range(len(self.arms))]
        given = {arm.label: arm.batch(x, y, g) for arm, g in zip(self.arms, moves, strict=True)}
        parts = [arm.objective(self.task, *given[arm.label]) for arm in self.arms if arm.inside]
        for alike in self.alike:
            ensembles = [arm.ensemble for arm in alike]
            outputs = run_together(ensembles, _call, torch.cat([given[arm.label][0] for arm in alike]))
            for arm, out in zip(alike, outputs, strict=True):
                parts.append(arm.rule.lagrangian(self.task.losses(out, given[arm.label][1]).sum()))
        return torch.stack(parts).sum()

    def shorten(self) -> None:
        """Clip the gradients of every model by itself."""
        if self.plan.clip is not None:
            for arm in self.arms:
                _clip(arm, float(self.plan.clip))


@torch.no_grad()
def evaluate(arm: Arm, configurations: Sequence[Configuration], plan: TrialPlan) -> list[Json]:
    """What every model of an arm is worth on test data.

    Returns:
        For each configuration: the loss as deployed, at gamma = 0 and at the trained gammas, and as deployed on
        validation data; the relative equivariance error sqrt(mean over g of E|f(gx) - g f(x)|^2 / E|f|^2) as
        deployed and at the trained gammas; gammas, effective sizes, multipliers and slacks by layer. A number that is
        not finite becomes None.
    """
    task = configurations[0].task
    held = [_moved(c.task.sample("validation", plan.validation, c.generator(5)), plan.device) for c in configurations]
    data = [_moved(c.task.sample("test", plan.tests, c.generator(3)), plan.device) for c in configurations]
    x, y = (torch.stack(parts) for parts in zip(*data, strict=True))
    ensemble = arm.ensemble
    with arm.rule.deployed():
        deployed, broken = task.losses(ensemble(x), y), _defect(ensemble, x, task)
        held_x, held_y = (torch.stack(parts) for parts in zip(*held, strict=True))
        validation = task.losses(ensemble(held_x), held_y)
    free, kept = task.losses(ensemble(x), y), _defect(ensemble, x, task)
    with ensemble.at(0.0):
        strict = task.losses(ensemble(x), y)
    by_layer: dict[str, Mapping[str, Tensor]] = (
        {}
        if arm.inside
        else {
            "gamma": {name: gamma.detach() for name, gamma in ensemble.gammas().items()},
            "effective size": {name: layer.effective_size() for name, layer in ensemble.layers.items()},
            "multiplier": getattr(arm.rule, "multipliers", {}),
            "slack": getattr(arm.rule, "slacks", {}),
        }
    )
    return [
        {
            "error": _number(deployed[m]),
            "validation": _number(validation[m]),
            "error at 0": _number(strict[m]),
            "error at gamma": _number(free[m]),
            "defect": _number(broken[m]),
            "defect at gamma": _number(kept[m]),
            **{what: {name: _number(v[m]) for name, v in named.items()} for what, named in by_layer.items()},
        }
        for m in range(len(configurations))
    ]


def _call(model: nn.Module, x: Tensor) -> Tensor:
    out: Tensor = model(x)
    return out


def _form(ensemble: Ensemble) -> tuple[Any, ...]:
    return tuple((name, tuple(value.shape[1:])) for name, value in ensemble.state_dict().items())


def _defect(ensemble: Ensemble, x: Tensor, task: Task) -> Float[Tensor, " model"]:
    symmetry = task.symmetry
    out: Tensor = ensemble(x)
    apart = x.new_zeros(len(x))
    elements = task.elements()
    for g in elements:
        turned: Tensor = ensemble(symmetry.inputs[0].act(g, x))
        apart += (turned - symmetry.outputs.act(g, out)).square().flatten(1).sum(1)
    return (apart / len(elements) / out.square().flatten(1).sum(1)).sqrt()


def _moved(pair: tuple[Tensor, Tensor], device: str) -> tuple[Tensor, Tensor]:
    return pair[0].to(device), pair[1].to(device)


def _clip(arm: Arm, most: float) -> None:
    """Shorten the gradient of every model of an arm to `most`, each by itself."""
    gradients = [w.grad for w in arm.weights if w.grad is not None]
    norms = torch.stack([g.flatten(1).square().sum(1) if g.ndim > 1 else g.square() for g in gradients]).sum(0).sqrt()
    factor = (most / norms.clamp(min=most)).detach()
    for g in gradients:
        g.mul_(factor.view(-1, *[1] * (g.ndim - 1)))


def _number(value: Tensor) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
