"""Training by several processes: each has a part of every batch, and all take the same step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from haar.errors import ArgumentError
from haar.processes import Ranks, fingerprint, fingerprint_of_model, versions
from haar.relax.rule import Rule, in_shards


class Sharing:
    """What several processes do in a step beside what one does.

    All draw the same batch, and move it alike; each runs the model on its own rows, and gradients are averaged over
    processes, weighted by rows, before the optimiser and the duals step. So weights, gammas, multipliers and losses are
    the same bits on all processes, those of one process alone to rounding, and a checkpoint knows no number of
    processes.

    Args:
        ranks: The processes; None for one alone.
        precision: Context of the model's forward pass, such as Fabric's autocast.
        parts: In how many parts each process's rows of a batch pass, one after another.
    """

    def __init__(
        self,
        ranks: Ranks | None,
        precision: Callable[[], AbstractContextManager[Any]] | None = None,
        parts: int = 1,
    ) -> None:
        self.ranks, self.precision, self.parts = ranks, precision or nullcontext, parts

    @property
    def first(self) -> bool:
        """Whether this process writes files."""
        return self.ranks is None or self.ranks.rank == 0

    def begin(self, rule: Rule, batch_size: int, facts: dict[str, str | int], train: Sequence[Any]) -> None:
        """Refuse what processes cannot share, and processes that differ.

        Args:
            rule: The rule.
            batch_size: Samples a step, of all processes together.
            facts: Words and numbers that must be the same.
            train: Inputs and targets.

        Raises:
            ArgumentError: If weights are in shards, a layer has statistics of batches, there are more processes than
                samples in a batch, or a process has other versions, another model, other data or other options.
        """
        world = 1 if self.ranks is None else self.ranks.world
        if world > batch_size:
            raise ArgumentError(
                "batch_size", expected=f"at least one sample for each of {world} processes", got=batch_size
            )
        if self.parts > batch_size // world:
            raise ArgumentError(
                "accumulate", expected=f"at most the {batch_size // world} samples of a process's batch", got=self.parts
            )
        if self.ranks is None:
            return
        if isinstance(rule.model, nn.Module):
            _check_layers(rule.model)
        tensors = [x for x in pytree.tree_leaves(train) if isinstance(x, Tensor)]
        model = fingerprint_of_model(rule.model) if isinstance(rule.model, nn.Module) else ""
        self.ranks.agree("fit", {**versions(), **facts, "model": model, "train data": fingerprint(*tensors)})

    def rows(self, batch: Any) -> Iterator[tuple[Any, float]]:
        """This process's rows of a batch in their parts, each with the weight of its mean loss in that of all.

        Args:
            batch: Inputs and targets, samples on axis 0.
        """
        if self.ranks is None and self.parts == 1:
            yield batch, 1.0
            return
        count = next(len(x) for x in pytree.tree_leaves(batch) if isinstance(x, Tensor))
        own = range(count) if self.ranks is None else self.ranks.own(range(count))
        world, many = 1 if self.ranks is None else self.ranks.world, len(own)
        for k in range(self.parts):
            some = own[many * k // self.parts : many * (k + 1) // self.parts]
            place = slice(some[0], some[-1] + 1)
            cut = pytree.tree_map(lambda x, place=place: x[place] if isinstance(x, Tensor) else x, batch)
            yield cut, world * len(some) / count

    def loss(self, value: Tensor, weight: float) -> Tensor:
        """The mean over processes, with the gradient of this one's part.

        Args:
            value: Mean loss of this process's rows.
            weight: As `rows` gave it.
        """
        if self.ranks is None:
            return value if self.parts == 1 else value * weight
        weighed = value * weight
        mean = weighed.detach().clone()
        self.ranks.average([mean])
        return _Told.apply(weighed, mean)  # type: ignore[no-any-return, no-untyped-call]

    def average(self, parameters: Sequence[nn.Parameter]) -> Callable[[], None] | None:
        """What averages the gradients of some parameters over processes; None for one process.

        Args:
            parameters: Those of the optimiser.
        """
        ranks = self.ranks
        if ranks is None:
            return None

        def run() -> None:
            for parameter in parameters:
                if parameter.grad is None and parameter.requires_grad:
                    parameter.grad = torch.zeros_like(parameter)
            ranks.average([p.grad for p in parameters if p.grad is not None])

        return run


class _Told(torch.autograd.Function):
    """The second number, to the last bit, with the gradient of the first."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, told: Tensor) -> Tensor:
        del ctx, own
        return told.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        del ctx
        return gradient, None


def _check_layers(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if in_shards(parameter):
            raise ArgumentError(
                "fabric",
                expected="a model that every process has whole",
                got=f"weights {name!r} in shards (FSDP2)",
                way_out="train it in a loop of your own with haar.relax.Duals, whose gammas are kept whole",
            )
    for name, layer in model.named_modules():
        if isinstance(layer, _BatchNorm):
            raise ArgumentError(
                "fabric",
                expected="layers without statistics of batches, which several processes would each have of their own",
                got=f"{type(layer).__name__} {name!r}",
                way_out="use GroupNorm or LayerNorm, or train in one process",
            )
