"""Training of surrogate models: deterministic, and resumable to the last bit after a kill."""

from __future__ import annotations

import copy
import hashlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from haar.errors import ArgumentError, DataError, HaarError
from haar.systems.group_averaging.surrogates.spatial import check_positive
from haar.systems.group_averaging.surrogates.storage import read_tensors, write_tensors
from haar.systems.group_averaging.surrogates.surrogate import Normaliser, Surrogate
from haar.systems.group_averaging.surrogates.windows import WindowSource, count, gather

Augmentation = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
Progress = Callable[[int, float], object]

_HEADER = "haar.training"
_SCHEMA = 1


def train(
    model: nn.Module,
    windows: WindowSource,
    steps: int,
    seed: int,
    *,
    batch: int = 16,
    lr: float | int = 3e-3,
    weight_decay: float | int = 1e-4,
    augment: Augmentation | None = None,
    normaliser: Normaliser | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float | int = 30.0,
    progress: Progress | None = None,
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
        batch: WindowSource in a step, at most N.
        lr: Largest learning rate of the cycle.
        weight_decay: Decoupled weight decay.
        augment: Called as augment(x, y, generator) on every batch in physical units; gives the batch to train on.
        normaliser: Statistics to normalise with; by default measured on `windows`.
        checkpoint: Safetensors file to save the run in, and to continue from.
        checkpoint_every: Seconds between saves.
        progress: Called as progress(steps done, loss) after every step.

    Returns:
        The trained surrogate, in eval mode.

    Raises:
        ArgumentError: If a number is out of range, windows are fewer than `batch`, or the model does not fit them.
        DataError: If a value of `windows` is not finite, or `checkpoint` is unreadable or of another run.
        HaarError: If the loss becomes infinite or NaN.

    Example:
        >>> from haar.systems.group_averaging.surrogates import unet
        >>> x = torch.linspace(0, 1, 8 * 2 * 8 * 8).reshape(8, 2, 8, 8)
        >>> model = train(unet(2, 2, width=2, levels=1), (x, -x), steps=3, seed=0, batch=4)
        >>> model.training, model(x).shape
        (False, torch.Size([8, 2, 8, 8]))

    Source: protocol of Ohana et al., arXiv 2412.00568; one cycle of Smith & Topin, arXiv 1708.07120.
    """
    check_positive(steps=steps, batch=batch)
    number = count(windows)
    if batch > number:
        raise ArgumentError("batch", expected=f"at most the {number} windows", got=batch, way_out="use a smaller batch")
    if not (math.isfinite(lr) and lr > 0):
        raise ArgumentError("lr", expected="a finite positive number", got=lr)
    for name, value in (("weight_decay", weight_decay), ("checkpoint_every", checkpoint_every)):
        if not (math.isfinite(value) and value >= 0):
            raise ArgumentError(name, expected="a finite number of at least 0", got=value)
    surrogate = _prepare(model, windows, normaliser)
    settings = {"steps": steps, "seed": seed, "batch": batch, "lr": lr, "weight_decay": weight_decay, "windows": number}
    run = _Run.start(surrogate, settings)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        run.restore(path)
    saved = time.monotonic()
    while run.step < steps:
        loss = run.advance(windows, augment)
        if not math.isfinite(loss):
            raise HaarError(f"training diverged at step {run.step}: the loss is {loss}; lower lr (it is {lr:g})")
        if path is not None and (run.step == steps or time.monotonic() - saved >= checkpoint_every):
            run.save(path)
            saved = time.monotonic()
        if progress is not None:
            progress(run.step, loss)
    return surrogate.eval()


def one_cycle(step: int, steps: int, lr: float | int) -> tuple[float, float]:
    """Learning rate and first momentum of AdamW at a step: cosine up for 30 % of the steps, then cosine down.

    The learning rate goes from lr / 25 to `lr` and down to lr / 250 000, the momentum from 0.95 to 0.85 and back.

    Args:
        step: Steps done before this one.
        steps: Steps of the whole run.
        lr: Largest learning rate.

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
        return _cosine(lr / 25, lr, rising), _cosine(0.95, 0.85, rising)
    falling = (step - top) / (last - top) if last > top else 1.0
    return _cosine(lr, lr / 25 / 1e4, falling), _cosine(0.85, 0.95, falling)


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


@dataclass
class _Run:
    """All that a run's next step depends on, besides the data."""

    surrogate: Surrogate
    optimiser: torch.optim.AdamW
    generator: torch.Generator
    settings: dict[str, Any]
    order: Tensor
    cursor: int
    step: int

    @classmethod
    def start(cls, surrogate: Surrogate, settings: dict[str, Any]) -> _Run:
        parameters = [parameter for parameter in surrogate.parameters() if parameter.requires_grad]
        settings = {**settings, "start": _digest(surrogate)}
        if surrogate.dim == 2 and getattr(surrogate.net, "prefers_channels_last", False):
            surrogate.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
        optimiser = torch.optim.AdamW(
            parameters, lr=settings["lr"], weight_decay=settings["weight_decay"], betas=(0.95, 0.999)
        )
        generator = torch.Generator().manual_seed(settings["seed"])
        order = torch.randperm(settings["windows"], generator=generator)
        return cls(surrogate, optimiser, generator, settings, order, cursor=0, step=0)

    def advance(self, windows: WindowSource, augment: Augmentation | None) -> float:
        """One optimiser step; its loss."""
        batch = self.settings["batch"]
        if self.cursor + batch > len(self.order):
            self.order, self.cursor = torch.randperm(len(self.order), generator=self.generator), 0
        x, y = gather(windows, self.order[self.cursor : self.cursor + batch])
        self.cursor += batch
        if augment is not None:
            x, y = augment(x, y, self.generator)
        x, y = self._place(x), self._place(y)
        rate, momentum = one_cycle(self.step, self.settings["steps"], self.settings["lr"])
        for group in self.optimiser.param_groups:
            group["lr"], group["betas"] = rate, (momentum, group["betas"][1])
        self.optimiser.zero_grad(set_to_none=True)
        # Layers such as dropout draw from the global state: it is lent to them, seeded by this run, and given back.
        layer_seed = int(torch.randint(2**62, (), generator=self.generator))
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.default_generator.manual_seed(layer_seed)
            if x.is_cuda:
                torch.cuda.manual_seed(layer_seed)
            prediction = self.surrogate.net(self.surrogate.normalise(x))
        target = self.surrogate.normalise_target(x, y)
        if prediction.shape != target.shape:
            raise ArgumentError(
                "model", expected=f"an output of shape {tuple(target.shape)}", got=tuple(prediction.shape)
            )
        loss = functional.mse_loss(prediction, target)
        loss.backward()
        self.optimiser.step()
        self.step += 1
        return loss.item()

    def save(self, path: Path) -> None:
        """Write everything to one file."""
        tensors = {f"model.{name}": value for name, value in self.surrogate.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": value for name, value in moments.items()}
        tensors |= {"generator": self.generator.get_state(), "order": self.order}
        config = {"schema": _SCHEMA, "settings": self.settings, "step": self.step, "cursor": self.cursor}
        write_tensors(tensors, path, header=_HEADER, config=config)

    def restore(self, path: Path) -> None:
        """Continue from a file that `save` wrote in a run with the same settings."""
        tensors, config = read_tensors(path, header=_HEADER)
        if config.get("schema") != _SCHEMA:
            raise DataError(f"{path}: expected schema {_SCHEMA} of training runs, got {config.get('schema')}")
        theirs = config["settings"]
        different = [name for name, value in self.settings.items() if theirs.get(name) != value]
        if different:
            raise DataError(
                f"{path}: this checkpoint is of another run, with a different {' and '.join(different)}; "
                "name another file or delete this one"
            )
        self.surrogate.load_state_dict(_under("model.", tensors))
        state: dict[int, dict[str, Tensor]] = {}
        parameters = self.optimiser.param_groups[0]["params"]
        for name, value in _under("optimiser.", tensors).items():
            index, moment = name.split(".")
            # The moments get the memory layout of their parameter back, on which the order of summation depends.
            like = parameters[int(index)]
            placed = value if moment == "step" else torch.empty_like(like).copy_(value)
            state.setdefault(int(index), {})[moment] = placed
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})
        self.generator.set_state(tensors["generator"])
        self.order, self.cursor, self.step = tensors["order"], config["cursor"], config["step"]

    def _place(self, values: Tensor) -> Tensor:
        parameter: Tensor = self.optimiser.param_groups[0]["params"][0]
        values = values.to(parameter.device, parameter.dtype)
        if self.surrogate.dim == 2 and getattr(self.surrogate.net, "prefers_channels_last", False):
            return values.contiguous(memory_format=torch.channels_last)
        return values


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _digest(surrogate: Surrogate) -> str:
    """A fingerprint of initial weights and of the data's statistics, by which a run is recognised."""
    digest = hashlib.sha256()
    for name, value in surrogate.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().to("cpu").reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
