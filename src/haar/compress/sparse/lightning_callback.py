"""Masks in a Lightning training: a callback, so that the user's module and optimisers stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haar.compress.sparse.placement import Symmetry
from haar.compress.sparse.regimes import Regime
from haar.compress.sparse.sparsifier import Sparsifier
from haar.compress.sparse.sparsify import sparsify
from haar.errors import known_keywords, require

if TYPE_CHECKING:
    from lightning.pytorch import Callback


@known_keywords
def sparsity_callback(
    regimes: Regime | Mapping[str, Regime | None],
    *,
    steps: int | None = None,
    symmetry: Symmetry | None = None,
    seed: int = 0,
    densities: str = "erdos-renyi",
    score: str = "entry",
) -> Callback:
    """A Lightning callback that puts masks on a module's weights and keeps them through its training.

    The masks' state is saved in Lightning's own checkpoints; ``callback.sparse`` is the `Sparsifier` once training has
    begun. Accumulated batches and several processes are taken care of. Names in patterns are those of the
    `LightningModule`.

    Args:
        regimes: As `sparsify` has it; so are all that follow.
        steps: Number of steps of each optimiser; by default those that Lightning estimates for the training.
        symmetry: Of layers by name the representations on input and output.
        seed: Of all random choices.
        densities: ``"erdos-renyi"`` or ``"uniform"``.
        score: ``"entry"`` or ``"orbit"``.

    Raises:
        MissingExtraError: If Lightning is not installed.
    """
    lightning = require("lightning.pytorch", "lightning")

    class SparsityCallback(lightning.Callback):  # type: ignore[misc, name-defined]
        """Masks gradients at the end of Lightning's closure, and weights by the optimisers' own hooks."""

        def __init__(self) -> None:
            self.sparse: Sparsifier | None = None
            self._kept: dict[str, Any] | None = None

        @property
        def state_key(self) -> str:
            return "haar.compress.Sparsifier"

        def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
            planned = int(trainer.estimated_stepping_batches) if steps is None else steps
            options: dict[str, Any] = {"symmetry": symmetry, "seed": seed, "densities": densities, "score": score}
            # a checkpoint's weights are there already
            self.sparse = sparsify(pl_module, regimes, steps=planned, state=self._kept, **options)
            held = [getattr(optimizer, "optimizer", optimizer) for optimizer in trainer.optimizers]
            self.sparse.attach(*held, before=False)

        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            del trainer, pl_module
            if self.sparse is not None:
                self.sparse.before_step(getattr(optimizer, "optimizer", optimizer))

        def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
            del trainer, pl_module
            if self.sparse is not None:
                self.sparse.detach()

        def state_dict(self) -> dict[str, Any]:
            return {} if self.sparse is None else self.sparse.state_dict()

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            self._kept = state_dict
            if self.sparse is not None:
                self.sparse.load_state_dict(state_dict)

    made: Callback = SparsityCallback()
    return made
