"""What every way of training with a symmetry offers to a training loop: ours and all it is compared with."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError


class Rule(ABC):
    """A wrapped model with a rule that says how much of its freedom training may use.

    A loop over batches reads the same for every rule::

        optimizer = torch.optim.Adam(rule.weights(), lr=3e-3)
        for x, y in loader:
            x, y = rule.batch(x, y)
            optimizer.zero_grad()
            rule.lagrangian(loss(model(x), y)).backward()
            optimizer.step()
            rule.step()
        with rule.deployed():
            ...

    Args:
        model: The wrapped model.

    Raises:
        ArgumentError: If it has no gammas.

    Attributes:
        name: Name of it in tables.
        model: The wrapped model.
        gammas: Its gammas, by the names of the layers.
        taken: Number of steps taken so far.
        in_parts: Whether a batch may pass in parts, each differentiated alone: no price is asked of the whole batch.
    """

    name: ClassVar[str]
    in_parts: ClassVar[bool] = False

    def __init__(self, model: Any) -> None:
        self.model = model
        self.gammas: dict[str, nn.Parameter] = gammas_of(model)
        self.taken = 0

    def weights(self) -> list[nn.Parameter]:
        """The parameters for the user's optimiser, for weight decay and for clipping: all but the gammas."""
        if not isinstance(self.model, nn.Module):
            return []
        own = {id(p) for p in self.gammas.values()}
        return [p for p in self.model.parameters() if id(p) not in own and p.requires_grad]

    def batch(self, inputs: Any, target: Any, generator: torch.Generator | None = None) -> tuple[Any, Any]:
        """The batch to train on; augmentation moves it, everything else leaves it alone."""
        del generator
        return inputs, target

    @abstractmethod
    def lagrangian(self, loss: Tensor) -> Tensor:
        """What is to be differentiated in place of the loss."""

    def step(self, scaler: Any = None) -> None:
        """Move what the rule itself moves; call it once after every step of the optimiser."""
        del scaler
        self.taken += 1

    def deployed(self) -> AbstractContextManager[Any]:
        """The model as it would be used after training; its training state is untouched."""
        return nullcontext(self.model)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs beside the model's and the optimiser's own."""
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.taken = int(state["taken"])

    def fix(self, gamma: float | int) -> None:
        """Set all gammas, and keep them."""
        with torch.no_grad():
            for parameter in self.gammas.values():
                parameter.fill_(float(gamma))
                parameter.requires_grad_(False)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} after {self.taken} steps>"


def gammas_of(model: Any) -> dict[str, nn.Parameter]:
    """The gammas of a wrapped model, or of a mapping of names to parameters.

    Raises:
        ArgumentError: If there are none, or they are spread over processes.
    """
    found = model.gammas() if hasattr(model, "gammas") else model
    if not isinstance(found, dict) or not found or not all(isinstance(p, nn.Parameter) for p in found.values()):
        raise ArgumentError(
            "model",
            expected="a model with gammas",
            got=type(model).__name__,
            way_out="wrap it with haar.relax.wrapping.homotopise(model, symmetry)",
        )
    for name, gamma in found.items():
        if in_shards(gamma):
            raise ArgumentError(
                "model",
                expected="gammas that every process has whole",
                got=f"a gamma of {name!r} in shards",
                way_out="fully_shard(model, ignored_params=set(model.gammas().values()))",
            )
    return dict(found)


def in_shards(parameter: Tensor) -> bool:
    """Whether each process has a part of a parameter only, as under FSDP2.

    Args:
        parameter: The parameter.
    """
    tensors = sys.modules.get("torch.distributed.tensor")  # slow to import, and there where anything is in shards
    return tensors is not None and isinstance(parameter, tensors.DTensor)


def check_optimizer(optimizer: torch.optim.Optimizer, gammas: dict[str, nn.Parameter]) -> None:
    """Refuse an optimiser that would move the gammas.

    Raises:
        ArgumentError: Naming the first gamma found in it.
    """
    names = {id(p): name for name, p in gammas.items()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if id(parameter) in names:
                raise ArgumentError(
                    "optimizer",
                    expected="an optimiser without the gammas, which have steps of their own",
                    got=f"one with the gamma of {names[id(parameter)]!r}",
                    way_out="make it with duals.weights() in place of model.parameters()",
                )


@contextmanager
def at(model: Any, gamma: float | int) -> Iterator[Any]:
    """The model at one value of all gammas, also for a bare mapping of gammas."""
    if hasattr(model, "at"):
        with model.at(float(gamma)):
            yield model
        return
    kept = {name: p.detach().clone() for name, p in model.items()}
    try:
        with torch.no_grad():
            for p in model.values():
                p.fill_(float(gamma))
        yield model
    finally:
        with torch.no_grad():
            for name, p in model.items():
                p.copy_(kept[name])
