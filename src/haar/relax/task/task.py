"""A plan of ``haar relax`` carried out: model, data, symmetry and loss are made, networks wrapped and trained."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.actions.names import named_symmetry
from haar.containers import mapped, tensors_of
from haar.entry import brief, called, imported
from haar.errors import ArgumentError, DataError
from haar.folders import LOCK
from haar.probing import undisturbed
from haar.relax import (
    Augmentation,
    Duals,
    EquivariancePenalty,
    Fitted,
    FixedRidge,
    Free,
    Homotopy,
    ProjectionRegulariser,
    RelaxedConvolution,
    ResidualPathway,
    Rule,
    Scheduled,
    Strict,
    fit,
    homotopise,
)
from haar.relax.diagnosis.gradients import Loss
from haar.relax.task.data import read_pairs
from haar.relax.task.plan import RelaxPlan
from haar.report.json_file import dumps, write_json
from haar.watch import Watch


def _of_equals(loss: Loss) -> Loss:
    """A loss of two tensors of one shape: torch would stretch one to the other with a mere warning."""

    def checked(predicted: Tensor, target: Tensor) -> Tensor:
        if predicted.shape != target.shape:
            raise ArgumentError(
                "data",
                expected=f"targets of the prediction's shape {tuple(predicted.shape)}",
                got=tuple(target.shape),
                way_out="for classes give --loss cross_entropy",
            )
        return loss(predicted, target)

    return checked


_LOSSES: dict[str, Loss] = {
    "mse": _of_equals(nn.functional.mse_loss),
    "mae": _of_equals(nn.functional.l1_loss),
    "cross_entropy": nn.functional.cross_entropy,
}
_RULES: dict[str, Callable[[Any, RelaxPlan, Loss], Rule]] = {
    "duals": lambda model, plan, _: Duals(
        model,
        plan.rule.problem,
        plan.rule.solver,
        steps=plan.training.steps,
        rho=plan.rule.rho,
        scale_loss=plan.rule.scale_loss,
    ),
    "strict": lambda model, *_: Strict(model),
    "free": lambda model, *_: Free(model),
    "augmentation": lambda model, *_: Augmentation(model),
    "ridge": lambda model, plan, _: FixedRidge(model, plan.rule.rho, steps=plan.training.steps),
    "residual": lambda model, *_: ResidualPathway(model),
    "scheduled": lambda model, plan, _: Scheduled(model, steps=plan.training.steps),
    "penalty": lambda model, _, loss: EquivariancePenalty(model, loss),
    "projection": lambda model, *_: ProjectionRegulariser(model),
    "relaxed": lambda model, *_: RelaxedConvolution(model),
}


#: What says in a folder whose it is.
PLAN = "plan.json"
#: Keys that no fit depends on, but for rounding.
_AFTERWARDS = frozenset({"every", "draws", "level", "accumulate"})


@dataclass(frozen=True)
class RelaxTask:
    """Everything that a plan names, made.

    Attributes:
        plan: The plan that it was made from.
        symmetry: How the group acts on inputs and targets.
        loss: The loss of (prediction, target).
        train: Inputs and targets.
        validation: Inputs and targets that were held out.
    """

    plan: RelaxPlan
    symmetry: Symmetry
    loss: Loss
    train: tuple[Any, Any]
    validation: tuple[Any, Any]

    def wrapped(self) -> Homotopy:
        """The user's model between free and equivariant, the same one at every call."""
        plan = self.plan.model
        with undisturbed():
            torch.manual_seed(self.plan.training.seed)
            model = called(plan.model, plan.model_args, "model", way_out="give model_args")
        if not isinstance(model, nn.Module):
            raise ArgumentError("model", expected="a function that returns a torch.nn.Module", got=type(model).__name__)
        inputs = self.train[0] if isinstance(self.train[0], tuple) else (self.train[0],)
        _check_precision(model, inputs)
        if len(inputs) != len(self.symmetry.inputs):
            raise ArgumentError(
                "input", expected=f"as many as the data have, {len(inputs)}", got=f"{len(self.symmetry.inputs)}"
            )
        example = tuple(x[:3] if isinstance(x, Tensor) else x for x in inputs)
        chain = "auto" if plan.chain == "auto" else ()
        made = homotopise(model, self.symmetry, mode=plan.mode, chain=chain, kappa=plan.kappa, example=example)
        if not made.layers:
            raise ArgumentError(
                "symmetry", expected="one that moves some layer of the model", got="one that moves none"
            )
        try:
            with torch.no_grad():
                self.loss(copy.deepcopy(made).eval()(*example), mapped(lambda y: y[:3], self.train[1]))
        except ArgumentError:
            raise
        except Exception as error:
            raise ArgumentError(
                "loss",
                expected="one that takes the model's output and the targets",
                got=f"{self.plan.training.loss} ({brief(error)})",
            ) from error
        return made

    def claim(self, out: Path) -> None:
        """Make a folder this plan's own, so that checkpoints of another one are not taken for its.

        Raises:
            ArgumentError: If it belongs to another plan, or to the same with other data.
        """
        out.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        for leaf in tensors_of((self.train, self.validation)):
            digest.update(leaf.detach().contiguous().numpy().tobytes())
        own = json.loads(dumps({**self.plan.keys(), "contents": digest.hexdigest()}))
        place = out / PLAN
        if place.exists():
            held = _held(place)
            different = sorted(key for key in own if key not in _AFTERWARDS and held.get(key) != own[key])
            if different:
                raise ArgumentError(
                    "--out",
                    expected=f"a folder of this plan, or a new one, in place of {out}",
                    got=f"one with another {', '.join(different).replace('contents', 'content of the data')}",
                    way_out="give another folder, or remove this one",
                )
            return
        write_json(place, own)

    def release(self, out: Path) -> bool:
        """Let go of a folder that holds nothing but the plan; whether it did."""
        place = out / PLAN
        if any(entry.name not in (PLAN, LOCK) for entry in out.iterdir()):
            return False
        place.unlink(missing_ok=True)
        return True

    def rule_of(self, rule: str | None = None, problem: str | None = None) -> Rule:
        """The rule of one fit, around a model of its own."""
        plan = self.plan.with_problem(problem)
        return _RULES[rule or plan.rule.rule](self.wrapped(), plan, self.loss)

    def fitted(
        self,
        out: Path,
        name: str,
        watch: Watch,
        *,
        rule: str | None = None,
        problem: str | None = None,
        fabric: Any = None,
    ) -> Fitted:
        """One fit, with a checkpoint of its own from which it goes on; by several processes as `haar.relax.fit`."""
        plan, made = self.plan.training, self.rule_of(rule, problem)
        return fit(
            made,
            self.loss,
            self.train,
            steps=plan.steps,
            validation=self.validation,
            batch_size=plan.batch_size,
            learning_rate=plan.learning_rate,
            schedule=plan.schedule,
            every=plan.every,
            checkpoint=out / f"{name}.pt",
            log=out / f"{name}.csv",
            seed=plan.seed,
            clip=self.plan.step.clip,
            accumulate=self.plan.step.accumulate,
            precision=self.plan.step.precision,
            watch=watch,
            fabric=fabric,
        )


def _check_precision(model: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Refuse a model whose parameters are of another precision than the data."""
    read = {x.dtype for x in inputs if isinstance(x, Tensor) and x.is_floating_point()}
    for own in (p.dtype for p in model.parameters() if p.is_floating_point()):
        if read and own not in read:
            raise ArgumentError(
                "model",
                expected=f"parameters of {read.pop()}, as which data are read",
                got=str(own),
                way_out="let its function return the model as .to(torch.get_default_dtype())",
            )


def _held(place: Path) -> Mapping[str, Any]:
    try:
        held = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{place}: not the plan of a fit ({brief(error)}); give another folder") from error
    if not isinstance(held, dict):
        raise DataError(f"{place}: not the plan of a fit; give another folder")
    return held


def make_task(plan: RelaxPlan) -> RelaxTask:
    """Import and read everything that a plan names.

    Raises:
        ArgumentError: If an entry cannot be imported or called, or gives something else.
        DataError: If a file is not readable.
    """
    if plan.rule.rule not in _RULES:
        raise ArgumentError("rule", expected=f"one of {', '.join(_RULES)}", got=repr(plan.rule.rule))
    if plan.model.chain not in ("auto", "none"):
        raise ArgumentError("chain", expected="auto or none", got=repr(plan.model.chain))
    told = plan.symmetry
    if told.symmetry is not None:
        symmetry = called(told.symmetry, {}, "symmetry")
        if not isinstance(symmetry, Symmetry):
            raise ArgumentError("symmetry", expected="a function that returns a Symmetry", got=type(symmetry).__name__)
    else:
        symmetry = named_symmetry(told.group or "", told.input or "", told.output or "")
    loss = _LOSSES.get(plan.training.loss) or imported(plan.training.loss, "loss")
    if not callable(loss):
        raise ArgumentError(
            "loss", expected="a function of (prediction, target)", got=f"{plan.training.loss}, a {type(loss)}"
        )
    train, validation = read_pairs(plan.data, plan.training.seed)
    return RelaxTask(plan, symmetry, loss, train, validation)
