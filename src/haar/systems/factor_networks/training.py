"""How the networks are trained: plan, early stopping, the best epoch."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, check_count, check_rate
from haar.systems.factor_networks.networks import FactorNetwork, SparseThroughput
from haar.training import Epochs, Plan, Run


@dataclass(frozen=True)
class Training:
    """How a factor network is trained.

    Args:
        epochs: Passes over the rows at most.
        learning_rate: Of Adam.
        batch_size: Rows a step.
        weight_decay: Of AdamW; 0 is Adam.
        patience: Epochs without a better validation loss after which it stops; None for never.
        validation: Share of the rows that the epoch is chosen on; 0 for none, and then the last epoch stays.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> Training(epochs=50).batch_size
        64
    """

    epochs: int = 200
    learning_rate: float = 1e-3
    batch_size: int = 64
    weight_decay: float = 0.0
    patience: int | None = 30
    validation: float = 0.2

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs)
        check_count("batch_size", self.batch_size, least=2)
        check_rate("learning_rate", self.learning_rate)
        check_rate("weight_decay", self.weight_decay, zero=True)
        if self.patience is not None:
            check_count("patience", self.patience)
        if not 0 <= self.validation < 1:
            raise ArgumentError("validation", expected="a share of at least 0, below 1", got=self.validation)

    def plan(self, steps: int) -> Plan:
        """The plan of so many steps."""
        return Plan(
            steps=steps,
            learning_rate=self.learning_rate,
            optimizer="adamw" if self.weight_decay else "adam",
            weight_decay=self.weight_decay,
        )


@dataclass(frozen=True)
class History:
    """What training said.

    Attributes:
        losses: Mean square on the validation rows after every epoch; empty without such rows.
        best: The epoch that was kept, from 1; the last one without validation rows.
        epochs: How many there were.
    """

    losses: tuple[float, ...]
    best: int
    epochs: int

    @property
    def loss(self) -> float:
        """Of the epoch that was kept; NaN without validation rows."""
        return self.losses[self.best - 1] if self.losses else math.nan


def train_network(
    network: FactorNetwork,
    rows: tuple[Float[Tensor, "n p"], Float[Tensor, " n"]],
    kept: tuple[Float[Tensor, "m p"], Float[Tensor, " m"]],
    training: Training,
    *,
    seed: int = 0,
) -> History:
    """Train on some rows, and keep the epoch that is best on others.

    Args:
        network: Trained in place; in evaluation afterwards.
        rows: Columns and answers that are trained on.
        kept: Those that the epoch is chosen on; may be empty.
        training: How.
        seed: Of the order of the rows.
    """
    x, y = rows
    epochs = Epochs(len(x), training.batch_size, seed=seed)
    sparse = [module for module in network.modules() if isinstance(module, SparseThroughput)]

    def loss(step: int, _generator: torch.Generator) -> Tensor:
        picked = epochs.rows(step)
        return (network(x[picked]) - y[picked]).square().mean() + network.penalty()  # type: ignore[no-any-return]

    trainable = [p for p in network.parameters() if p.requires_grad]
    run = Run(trainable, loss, training.plan(training.epochs * epochs.batches), seed=seed)
    losses: list[float] = []
    best, state = training.epochs, None
    network.train()
    for step in run:
        if (step + 1) % epochs.batches:
            continue
        epoch = (step + 1) // epochs.batches
        for module in sparse:
            module.anneal(epoch / training.epochs)
        if not len(kept[0]):
            continue
        losses.append(_loss_of(network, *kept))
        if losses[-1] <= min(losses):
            best, state = epoch, copy.deepcopy(network.state_dict())
        if training.patience is not None and epoch - best >= training.patience:
            break
    network.eval()
    if state is not None:
        network.load_state_dict(state)
    return History(tuple(losses), best, run.done // epochs.batches)


@torch.no_grad()
def _loss_of(network: FactorNetwork, x: Tensor, y: Tensor) -> float:
    network.eval()
    found = float((network(x) - y).square().mean())
    network.train()
    return found
