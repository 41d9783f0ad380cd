"""A plan of ``haar relax`` carried out: model, data, symmetry and loss are made, networks wrapped and trained."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from haar.actions import Symmetry
from haar.cli.entry import brief, called, imported
from haar.cli.relax_plan import RelaxPlan
from haar.cli.symmetry_name import parse_symmetry
from haar.errors import ArgumentError, DataError
from haar.folders import LOCK
from haar.probing import undisturbed
from haar.received import Archive, array_tensor, read_tensors
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
        model, plan.problem, plan.solver, steps=plan.steps, rho=plan.rho, scale_loss=plan.scale_loss
    ),
    "strict": lambda model, *_: Strict(model),
    "free": lambda model, *_: Free(model),
    "augmentation": lambda model, *_: Augmentation(model),
    "ridge": lambda model, plan, _: FixedRidge(model, plan.rho, steps=plan.steps),
    "residual": lambda model, *_: ResidualPathway(model),
    "scheduled": lambda model, plan, _: Scheduled(model, steps=plan.steps),
    "penalty": lambda model, _, loss: EquivariancePenalty(model, loss),
    "projection": lambda model, *_: ProjectionRegulariser(model),
    "relaxed": lambda model, *_: RelaxedConvolution(model),
}


#: What says in a folder whose it is.
PLAN = "plan.json"
#: Keys that no fit depends on.
_AFTERWARDS = frozenset({"every", "draws", "level"})


@dataclass
class RelaxTask:
    """Everything that a plan names, made.

    Attributes:
        plan: The plan.
        symmetry: The symmetry.
        loss: The loss.
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
        plan = self.plan
        with undisturbed():
            torch.manual_seed(plan.seed)
            model = entry(plan.model, plan.model_args, "model")
        if not isinstance(model, nn.Module):
            raise ArgumentError("model", expected="a function that returns a torch.nn.Module", got=type(model).__name__)
        inputs = self.train[0] if isinstance(self.train[0], tuple) else (self.train[0],)
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
                self.loss(copy.deepcopy(made).eval()(*example), pytree.tree_map(lambda y: y[:3], self.train[1]))
        except ArgumentError:
            raise
        except Exception as error:
            raise ArgumentError(
                "loss",
                expected="one that takes the model's output and the targets",
                got=f"{plan.loss} ({brief(error)})",
            ) from error
        return made

    def claim(self, out: Path) -> None:
        """Make a folder this plan's own, so that checkpoints of another one are not taken for its.

        Raises:
            ArgumentError: If it belongs to another plan, or to the same with other data.
        """
        out.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        for leaf in pytree.tree_leaves((self.train, self.validation)):
            digest.update(leaf.detach().contiguous().numpy().tobytes())
        own = json.loads(dumps({**asdict(self.plan), "contents": digest.hexdigest()}))
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
        plan = self.plan if problem is None else replace(self.plan, problem=problem)
        return _RULES[rule or plan.rule](self.wrapped(), plan, self.loss)

    def fitted(
        self, out: Path, name: str, watch: Watch, *, rule: str | None = None, problem: str | None = None
    ) -> Fitted:
        """One fit, with a checkpoint of its own from which it goes on."""
        plan, made = self.plan, self.rule_of(rule, problem)
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
            watch=watch,
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
    if plan.rule not in _RULES:
        raise ArgumentError("rule", expected=f"one of {', '.join(_RULES)}", got=repr(plan.rule))
    if plan.chain not in ("auto", "none"):
        raise ArgumentError("chain", expected="auto or none", got=repr(plan.chain))
    if plan.symmetry is not None:
        symmetry = entry(plan.symmetry, {}, "symmetry")
        if not isinstance(symmetry, Symmetry):
            raise ArgumentError("symmetry", expected="a function that returns a Symmetry", got=type(symmetry).__name__)
    else:
        symmetry = parse_symmetry(plan.group or "", plan.input or "", plan.output or "")
    loss = _LOSSES.get(plan.loss) or entry(plan.loss, None, "loss")
    if not callable(loss):
        raise ArgumentError("loss", expected="a function of (prediction, target)", got=f"{plan.loss}, a {type(loss)}")
    train, validation = _data(plan)
    return RelaxTask(plan, symmetry, loss, train, validation)


def entry(text: str, arguments: Mapping[str, Any] | None, name: str) -> Any:
    """What ``module:function`` returns; with arguments None the function itself.

    Raises:
        ArgumentError: If it cannot be imported or called.
    """
    if arguments is None:
        return imported(text, name)
    return called(text, arguments, name, way_out=f"give {name}_args")


def _data(plan: RelaxPlan) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Training and validation pairs, in torch's default precision."""
    found = _file(Path(plan.data)) if plan.data.endswith((".npz", ".safetensors")) else None
    if found is None:
        found = entry(plan.data, plan.data_args, "data")
    if isinstance(found, Mapping):
        keys = {"train", "validation"}
        if not set(found) <= keys or "train" not in found:
            raise ArgumentError("data", expected="the keys train and validation", got=", ".join(map(str, found)))
        pairs = [found["train"], found.get("validation")]
    else:
        pairs = [found, None]
    for pair in pairs:
        if pair is not None and not (isinstance(pair, (tuple, list)) and len(pair) == 2):
            raise ArgumentError(
                "data",
                expected="inputs and targets, or {'train': (inputs, targets), 'validation': ...}",
                got=type(pair).__name__,
            )
    train = _tensors(pairs[0])
    if pairs[1] is not None:
        return train, _tensors(pairs[1])
    if not 0 < plan.held_out < 1:
        raise ArgumentError("held_out", expected="a share between 0 and 1", got=plan.held_out)
    count = len(pytree.tree_leaves(train[1])[0])
    if count < 2:
        raise ArgumentError("data", expected="at least 2 samples, one of which validates", got=count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(plan.seed))
    cut = max(1, min(count - 1, round(plan.held_out * count)))
    rest, held = (
        pytree.tree_map(lambda x, rows=rows: x[rows] if isinstance(x, Tensor) else x, train)
        for rows in (order[cut:], order[:cut])
    )
    return rest, held


def _file(path: Path) -> dict[str, tuple[Any, Any]]:
    """``inputs`` and ``targets``, and perhaps ``validation_inputs`` and ``validation_targets``."""
    if path.suffix == ".npz":
        arrays = {key: array_tensor(held, f"{path}: {key}") for key, held in Archive(path).items()}
    else:
        arrays, _ = read_tensors(path)
    pairs = {}
    for part, prefix in (("train", ""), ("validation", "validation_")):
        names = [f"{prefix}inputs", f"{prefix}targets"]
        if all(name in arrays for name in names):
            pairs[part] = (arrays[names[0]], arrays[names[1]])
    if "train" not in pairs:
        raise DataError(f"{path}: expected the arrays inputs and targets, got {', '.join(arrays) or 'none'}")
    return pairs


def _tensors(pair: Any) -> tuple[Any, Any]:
    def default(x: Any) -> Any:
        try:
            made = x if isinstance(x, Tensor) else torch.as_tensor(x)
        except Exception as error:
            raise ArgumentError("data", expected="tensors or arrays of numbers", got=f"{type(x).__name__}") from error
        made = made.detach()
        if not made.ndim or not len(made):
            raise ArgumentError("data", expected="samples on axis 0", got=f"a tensor {tuple(made.shape)}")
        if not bool(made.isfinite().all()):
            row = int((~made.isfinite()).flatten(1).any(1).nonzero()[0, 0]) if made.ndim > 1 else 0
            bad = f"NaN or infinity, first in sample {row}" if made.ndim > 1 else "NaN or infinity"
            raise ArgumentError("data", expected="finite numbers", got=bad, way_out="clean or drop it")
        return made.to(torch.get_default_dtype()) if made.is_floating_point() else made

    inputs, target = pair
    inputs = tuple(map(default, inputs)) if isinstance(inputs, (tuple, list)) else default(inputs)
    target = default(target)
    leaves = pytree.tree_leaves((inputs, target))
    if len({len(x) for x in leaves}) != 1:
        raise ArgumentError(
            "data", expected="as many inputs as targets", got=", ".join(str(tuple(x.shape)) for x in leaves)
        )
    return inputs, target
