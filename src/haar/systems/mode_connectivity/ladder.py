"""Two networks trained apart, and the rungs on which they are brought together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from haar.align import Alignment, Learning, align, barrier
from haar.systems.mode_connectivity.options import Options, Training
from haar.systems.mode_connectivity.tasks import TRANSFORMERS, Task, handwritten, perceptron
from haar.training import Plan, Run, seed_of
from haar.watch import Unwatched, Watch
from haar.weights import ParameterAction, adapted, folded, traced

Json = dict[str, Any]
#: The rise of the rate takes this part of the steps; it begins at a twenty-fifth.
_RISE, _FIRST = 0.3, 25.0
_CLIP = 1.0
_TRACED_ON = 2
_ACTIVATED_ON = 300
_LEARNED_ON = 32
_PLANTED = 17
_ROTATION_RATE, _ORDER_RATE = 5e-3, 1e-3


def one_cycle(step: int, steps: int) -> float:
    """A rate that rises along half a period of a cosine and falls to nothing along another.

    Example:
        >>> one_cycle(30, 100), round(one_cycle(99, 100), 3)
        (1.0, 0.001)
    """
    rise = _RISE * steps
    low, share = (1 / _FIRST, 1 - step / rise) if step < rise else (0.0, (step - rise) / (steps - rise))
    return low + (1 - low) * (1 + torch.tensor(share * torch.pi).cos().item()) / 2


def trained(task: Task, how: Training, seed: int, watch: Watch = Unwatched()) -> nn.Module:
    """A network trained from a seed, which decides its first weights and the order of its data.

    Args:
        task: What is learned.
        how: Steps and rate.
        seed: The seed.
        watch: Told of every step.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(seed, 0))
        model = task.made()
    plan = Plan(
        steps=how.steps,
        learning_rate=how.learning_rate,
        schedule=one_cycle,
        optimizer="adamw",
        weight_decay=0.01,
        clip=_CLIP,
    )

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        return task.loss(model, task.batch(how.batch_size, generator))

    Run(model.parameters(), loss, plan, seed=seed).train(watch)
    return model.eval()


def heights(task: Task, how: Training, points: int, pairs: Mapping[str, tuple[Any, Any]], model: nn.Module) -> Json:
    """Barrier, loss half way and the whole line of each pair."""
    data = [task.test(how.test)]
    found = {}
    for name, (a, b) in pairs.items():
        line = barrier(a, b, task.loss, data, model=model, points=points)
        found[name] = {"barrier": line.height(), "middle": line.middle(), "losses": list(line.losses["straight"])}
    return found


def perceptrons(options: Options, seed: int, width: int, *, halves: bool, watch: Watch) -> Json:
    """Two perceptrons that read digits, naive and aligned.

    Args:
        options: The preset.
        seed: Of the pair.
        width: Hidden units of each layer.
        halves: Whether each learns from its own half of the samples.
        watch: Told of the training.
    """
    how = options.perceptron
    tasks = [handwritten(lambda: perceptron(width), half=k if halves else None) for k in range(2)]
    a, b = (trained(task, how, 2 * seed + k, watch) for k, task in enumerate(tasks))
    x = tasks[0].test(_ACTIVATED_ON)[0]
    weights = align(a, b, example=x[:_TRACED_ON])
    activations = align(a, b, how="activations", example=x)
    pairs = {"vanilla": (a, b), **{n: (o.a, o.b) for n, o in {"weights": weights, "activations": activations}.items()}}
    found = heights(tasks[0], how, options.points, pairs, a)
    action = traced(a, x[:_TRACED_ON])
    return {"lines": found, "baseline": tasks[0].baseline, **_exact(a, action, x[:_TRACED_ON], {}), "width": width}


def transformers(options: Options, name: str, seed: int, watch: Watch) -> Json:
    """Two transformers, and every rung from the plain average to a learned rotation.

    Args:
        options: The preset.
        name: Which transformer.
        seed: Of the pair.
        watch: Told of the training.
    """
    task, how = TRANSFORMERS[name](), options.transformers[name]
    a, b = (trained(task, how, 2 * seed + k, watch) for k in range(2))
    rungs: dict[str, Alignment] = {kind: align(a, b, symmetry=kind) for kind in ("permutation", "orthogonal")}
    for kind, learning in {
        "permutation": Learning(steps=options.order_steps, permutations=_ORDER_RATE, seed=seed),
        "orthogonal": Learning(steps=options.rotation_steps, learning_rate=_ROTATION_RATE, seed=seed),
    }.items():
        rungs[f"learned {kind}"] = _learned(task, (a, b), kind, learning)
    pairs: dict[str, tuple[Any, Any]] = {"vanilla": (a, b)}
    pairs |= {rung: (found.a, found.b) for rung, found in rungs.items()}
    found = heights(task, how, options.points, pairs, a)
    inputs = task.test(4)
    inputs = inputs[0] if isinstance(inputs, tuple) else inputs[:, :-1]
    action = adapted(a.state_dict(), a.config)  # type: ignore[arg-type]  # of a small model
    exact = _exact(a, action, inputs, {name: (found.b, b) for name, found in rungs.items()})
    turned = rungs["learned orthogonal"].gauge.sites["residual"][""].matrix()
    before = rungs["orthogonal"].gauge.sites["residual"][""].matrix()
    change = float((turned @ before.mT - torch.eye(len(turned), dtype=turned.dtype)).norm()) / len(turned) ** 0.5
    return {"lines": found, "baseline": task.baseline, "turned": change, **exact}


def _learned(task: Task, pair: tuple[nn.Module, nn.Module], kind: str, learning: Learning) -> Alignment:
    """An alignment whose loss half way was lowered on training data."""
    generator = torch.Generator().manual_seed(seed_of(learning.seed, 1))
    data = [task.batch(_LEARNED_ON, generator) for _ in range(learning.steps)]
    return align(*pair, symmetry=kind, how="learned", loss=task.loss, data=data, learning=learning)


def _exact(
    model: nn.Module, action: ParameterAction, inputs: Tensor, aligned: Mapping[str, tuple[Any, nn.Module]]
) -> Json:
    """In double precision: how near a planted element is found, and how far the aligned networks' outputs move."""
    double = copy.deepcopy(model).double()
    state = double.state_dict()
    plain = dict(folded(action, state))
    planted = action.act(action.random(_PLANTED, state=plain), plain)
    found = align(plain, planted, symmetry=action)
    x = inputs.double() if inputs.is_floating_point() else inputs
    outputs: Callable[[Any], Tensor] = lambda state: torch.func.functional_call(double, dict(state), (x,)).detach()  # noqa: E731
    y = outputs(state)
    moved = float((outputs(found.b) - y).abs().max() / y.abs().max())
    single = [_moved(state, other, inputs) for state, other in aligned.values()]
    before, after = found.distances.total("canonical"), found.distances.total()
    return {"planted": after, "planted_before": before, "moved": moved, "moved_single": max(single, default=0.0)}


def _moved(state: Any, model: nn.Module, inputs: Tensor) -> float:
    """How far the outputs of an aligned network are from its own, in the precision that it was trained in."""
    with torch.no_grad():
        y = model(inputs)
        return float((torch.func.functional_call(model, dict(state), (inputs,)) - y).abs().max() / y.abs().max())
