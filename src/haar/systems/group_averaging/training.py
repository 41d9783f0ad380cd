"""Training of surrogate models: deterministic, and resumable to the last bit after a kill."""

from __future__ import annotations

import copy
import hashlib
import math
import os
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from haar.errors import ArgumentError, check_rate
from haar.systems.group_averaging.surrogates.surrogate import Normaliser, Surrogate
from haar.systems.group_averaging.surrogates.windows import WindowSource, count, gather
from haar.training import Checkpoint, Epochs, Plan, Run
from haar.watch import Unwatched, Watch

Augmentation = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def train(
    model: nn.Module,
    windows: WindowSource,
    steps: int,
    seed: int,
    *,
    batch_size: int = 16,
    learning_rate: float | int = 3e-3,
    weight_decay: float | int = 1e-4,
    augment: Augmentation | None = None,
    normaliser: Normaliser | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float | int = 30.0,
    watch: Watch = Unwatched(),
    title: str = "training",
) -> Surrogate:
    """Train a copy of `model` on pairs of past and next fields.

    AdamW, one cycle of the learning rate, mean squared error in normalised units. Every epoch visits the windows in a
    new random order; an epoch's remainder that fills no batch is left out. All randomness (order, augmentation, and
    layers such as dropout) comes from `seed`, and the global random state is left as it was: the same call gives the
    same weights. With `checkpoint` the run is saved now and then, and the same call continues from there after a kill
    and gives the same weights as an uninterrupted run, bit for bit; a finished run is returned at once.

    Args:
        model: A `Surrogate`, or a bare network that maps normalised (B, C_in, *space) to normalised next state
            (B, C_out, *space) and becomes the network of a surrogate. It is not changed.
        windows: In physical units, (inputs, targets) stacked, (N, C_in, *space) and (N, C_out, *space), or an indexable
            of such pairs without the first axis.
        steps: Number of optimiser steps.
        seed: Seed of the run.
        batch_size: Windows in a step, at most N.
        learning_rate: Largest one of the cycle.
        weight_decay: Decoupled weight decay.
        augment: Called as augment(x, y, generator) on every batch in physical units; gives the batch to train on.
        normaliser: Statistics to normalise with; by default measured on `windows`.
        checkpoint: File to save the run in, and to continue from.
        checkpoint_every: Seconds between saves.
        watch: Told of every step.
        title: Title of the stage that `watch` is told of.

    Returns:
        The trained surrogate, in eval mode.

    Raises:
        ArgumentError: If a number is out of range, windows are fewer than `batch_size`, the model does not fit them, or
            `checkpoint` is of another run.
        DataError: If a value of `windows` is not finite, or `checkpoint` is unreadable.
        DivergedError: If the loss becomes infinite or NaN.

    Example:
        >>> from haar.systems.group_averaging.surrogates import unet
        >>> x = torch.linspace(0, 1, 8 * 2 * 8 * 8).reshape(8, 2, 8, 8)
        >>> model = train(unet(2, 2, width=2, levels=1), (x, -x), steps=3, seed=0, batch_size=4)
        >>> model.training, model(x).shape
        (False, torch.Size([8, 2, 8, 8]))

    Source: protocol of Ohana et al., arXiv 2412.00568; one cycle of Smith & Topin, arXiv 1708.07120.
    """
    check_rate("checkpoint_every", checkpoint_every, zero=True)
    plan = Plan(
        steps=steps,
        learning_rate=learning_rate,
        batch_size=batch_size,
        schedule=lambda step, steps: one_cycle(step, steps, 1.0)[0],
        optimizer="adamw",
        weight_decay=weight_decay,
        every=1,  # whether it is time is a matter of seconds
    )
    number = count(windows)
    if batch_size > number:
        way_out = "use a smaller batch"
        raise ArgumentError("batch_size", expected=f"at most the {number} windows", got=batch_size, way_out=way_out)
    surrogate = _prepare(model, windows, normaliser)
    facts = {"windows": number, "start": _digest(surrogate)}
    if _prefers_channels_last(surrogate):
        surrogate.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
    visits = Epochs(number, batch_size, seed=seed)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        for group in run.optimizer.param_groups:
            group["betas"] = (one_cycle(step, steps, 1.0)[1], 0.999)
        x, y = gather(windows, visits.rows(step))
        if augment is not None:
            x, y = augment(x, y, generator)
        return _loss(surrogate, x, y)

    run = Run(
        [parameter for parameter in surrogate.parameters() if parameter.requires_grad],
        loss,
        plan,
        seed=seed,
        checkpoint=Checkpoint(checkpoint, {"surrogate": surrogate}, run=facts, seconds=checkpoint_every),
    )
    run.train(watch, title)
    return surrogate.eval()


def one_cycle(step: int, steps: int, learning_rate: float | int) -> tuple[float, float]:
    """Learning rate and first momentum of AdamW at a step: cosine up for 30 % of the steps, then cosine down.

    The learning rate goes from a 25th of the largest up to it and down to a 250 000th of it, the momentum from 0.95
    to 0.85 and back.

    Args:
        step: Steps done before this one.
        steps: Steps of the whole run.
        learning_rate: Largest learning rate of the cycle.

    Returns:
        Learning rate and momentum.

    Example:
        >>> one_cycle(29, 100, 1.0)
        (1.0, 0.85)

    Source: Smith & Topin, arXiv 1708.07120, with the defaults that are customary in PyTorch.
    """
    top, last = 0.3 * steps - 1, steps - 1
    if step <= top:
        rising = step / top if top > 0 else 1.0
        return _cosine(learning_rate / 25, learning_rate, rising), _cosine(0.95, 0.85, rising)
    falling = (step - top) / (last - top) if last > top else 1.0
    return _cosine(learning_rate, learning_rate / 25 / 1e4, falling), _cosine(0.85, 0.95, falling)


def _cosine(start: float | int, end: float | int, fraction: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * fraction))


def _prepare(model: nn.Module, windows: WindowSource, normaliser: Normaliser | None) -> Surrogate:
    """A copy of the model as a surrogate, in train mode, with its statistics."""
    x, y = gather(windows, [0])
    if isinstance(model, Surrogate):
        surrogate = copy.deepcopy(model)
    else:
        surrogate = Surrogate(copy.deepcopy(model), in_channels=x.shape[1], out_channels=y.shape[1], dim=x.ndim - 2)
    got = (x.shape[1], y.shape[1], x.ndim - 2)
    if got != (surrogate.in_channels, surrogate.out_channels, surrogate.dim):
        raise ArgumentError(
            "windows",
            expected=f"{surrogate.in_channels} input and {surrogate.out_channels} target channels, {surrogate.dim}-D",
            got=f"{got[0]} and {got[1]}, {got[2]}-D",
        )
    if not any(parameter.requires_grad for parameter in surrogate.parameters()):
        raise ArgumentError("model", expected="a model with trainable parameters", got="none")
    if normaliser is None:
        normaliser = Normaliser.fit(windows, delta=surrogate.delta, constants=surrogate.constants)
    surrogate.install(normaliser)
    return surrogate.train()


def _loss(surrogate: Surrogate, x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error in normalised units."""
    like = next(surrogate.parameters())
    x, y = x.to(like.device, like.dtype), y.to(like.device, like.dtype)
    if _prefers_channels_last(surrogate):
        x, y = (values.contiguous(memory_format=torch.channels_last) for values in (x, y))
    prediction, target = surrogate.net(surrogate.normalise(x)), surrogate.normalise_target(x, y)
    if prediction.shape != target.shape:
        raise ArgumentError("model", expected=f"an output of shape {tuple(target.shape)}", got=tuple(prediction.shape))
    return functional.mse_loss(prediction, target)


def _prefers_channels_last(surrogate: Surrogate) -> bool:
    return surrogate.dim == 2 and getattr(surrogate.net, "prefers_channels_last", False)


def _digest(surrogate: Surrogate) -> str:
    """A fingerprint of initial weights and of the data's statistics, by which a run is recognised."""
    digest = hashlib.sha256()
    for name, value in surrogate.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().to("cpu").reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
