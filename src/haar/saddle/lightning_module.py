"""A game in a Lightning training: a module whose step is a turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.parallel import DistributedDataParallel

from haar.errors import ArgumentError, require
from haar.saddle.game import Saddle

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule


def saddle_module(game: Any) -> LightningModule:
    """A `LightningModule` with manual optimisation that takes a turn of a game for every batch.

    It logs the objective and the norms of both gradients, and keeps the game's whole state in Lightning's checkpoints.
    On several processes the game itself averages gradients. Lightning counts a step for every step of an optimiser.

    Args:
        game: The game.

    Raises:
        ArgumentError: If it is given something else.
        MissingExtraError: If Lightning is not installed.
    """
    if not isinstance(game, Saddle):
        raise ArgumentError("game", expected="Saddle", got=type(game).__name__)
    lightning = require("lightning.pytorch", "lightning")

    class SaddleModule(lightning.LightningModule):  # type: ignore[misc, name-defined]
        """Takes turns."""

        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.game = game
            self.primal, self.dual = game.primal, game.dual

        def configure_optimizers(self) -> list[Any]:
            return [player.optimizer for player in game.players]

        def on_train_start(self) -> None:
            wrapped = self.trainer.strategy.model
            if isinstance(wrapped, DistributedDataParallel):
                wrapped.require_backward_grad_sync = False  # the game exchanges gradients

        def training_step(self, batch: Any, batch_idx: int) -> None:
            del batch_idx
            with game.stepping(self.optimizers()):
                turn = game.step(batch)
            names = ("objective", "primal_gradient", "dual_gradient")
            self.log_dict({name: getattr(turn, name) for name in names})

        def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            checkpoint["haar.saddle.Saddle"] = game.state_dict()

        def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            game.load_state_dict(checkpoint["haar.saddle.Saddle"])

    made: LightningModule = SaddleModule()
    return made
