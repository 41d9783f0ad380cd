"""One masked parameter: which of its units are active, and the mask that its entries are multiplied with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from haar.compress.sparse.moments import reset
from haar.compress.sparse.placement import Place
from haar.compress.sparse.regimes import Regime
from haar.compress.sparse.rewiring import Rewired, filled, rewired
from haar.training import seed_of

_START = -1
#: Whole numbers by the bytes of a number: masks are laid on the bits.
_WHOLE = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class MaskedLayer:
    """A parameter, its regime and its mask.

    Args:
        place: The parameter.
        regime: How its mask is made and changed.
        density: Its share of active weights where the regime is at its sparsity.
        steps: Number of steps of the training.
        seed: Of its random choices, which are functions of the seed and the step.
        score: ``"entry"`` or ``"orbit"``.

    Attributes:
        step: Number of steps that were taken.
        active: The units that are active.
        seen: The units that have been active at some time.
        moves: Units that were dropped and units that have grown so far.
        waiting: Whether an update waits for a gradient.
    """

    def __init__(self, place: Place, regime: Regime, density: float, steps: int, *, seed: int, score: str) -> None:
        self.place, self.regime, self.density, self.steps = place, regime, density, steps
        self._seed, self._score = seed, score
        self.step, self.moves, self.waiting = 0, [0, 0], False
        scores = self._drawn(_START)
        everything = torch.ones_like(scores, dtype=torch.bool)
        self.active = filled(scores, everything, self.budget(), place.units.sizes)
        self.seen = self.active.clone()
        self._mask: Tensor | None = None
        self._bits: Tensor | None = None

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.place.name

    @property
    def sparsity(self) -> float:
        """Share of the dense weight's entries that are inactive now."""
        units = self.place.units
        return 1 - units.counted(self.active) / units.entries

    def budget(self) -> int:
        """Entries that are meant to be active after the last update."""
        return round(self.regime.density(self.density, self.step, self.steps) * self.place.units.entries)

    def due(self) -> bool:
        """Whether the mask is to change before the next step."""
        return self.waiting or self.regime.due(self.step, self.steps)

    def mask(self) -> Tensor:
        """1 on active entries and 0 on others, as the parameter is."""
        parameter = self.place.parameter
        if self._mask is None or self._mask.dtype != parameter.dtype or self._mask.device != parameter.device:
            self._mask = self.place.units.spread(self.active).to(parameter)
        return self._mask

    def cut(self, values: Sequence[Tensor]) -> None:
        """Put inactive entries to 0, in place; infinity and NaN too, which a product with 0 would not.

        Args:
            values: Tensors of the parameter's shape and precision.
        """
        whole = _WHOLE[self.place.parameter.element_size()]
        if self._bits is None or self._bits.dtype != whole or self._bits.device != self.place.parameter.device:
            self._bits = (self.mask() != 0).to(whole).neg_()  # all bits, or none
        for value in values:
            value.view(whole).bitwise_and_(self._bits)

    def take(self, active: Bool[Tensor, " units"]) -> None:
        """Use other active units from now on; weights are not touched."""
        self.active = active
        self.seen = self.seen.to(active.device) | active
        self._mask = self._bits = None

    def proposal(self) -> Rewired | None:
        """The next mask, from the weights and, where the regime reads them, the gradients; None while there are none.

        A gradient that is not finite, as those of a step that loss scaling will skip, is waited out.
        """
        parameter, units = self.place.parameter, self.place.units
        growth = None
        if self.regime.growth == "gradient":
            gradient = parameter.grad
            if gradient is None:
                self.waiting = True
                return None
            growth = units.score(units.mean(gradient) if units.tied else gradient, self._score)
            if not bool(growth.isfinite().all()):
                self.waiting = True
                return None
        elif self.regime.growth == "random":
            growth = self._drawn(self.step).to(parameter.device)
        self.waiting = False
        active = self.active.to(parameter.device)
        share = self.regime.moved(self.step, self.steps)
        drop = round(share * units.counted(active))
        weights = units.score(parameter, self._score)
        return rewired(
            active, weights, growth, drop=drop, budget=self.budget(), sizes=units.sizes, returns=self.regime.returns
        )

    def change(self, to: Rewired, optimizer: torch.optim.Optimizer | None) -> None:
        """Take a proposal: what was dropped or has grown starts from 0, in the weights and in the optimiser."""
        self.take(to.active)
        self.moves = [self.moves[0] + int(to.dropped.sum()), self.moves[1] + int(to.grown.sum())]
        touched = self.place.units.spread(to.dropped | to.grown)
        parameter = self.place.parameter
        with torch.no_grad():
            parameter.masked_fill_(touched, 0)
        if optimizer is not None:
            reset(optimizer, parameter, touched, name=self.name)

    def clear(self, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Put every inactive entry to 0, in the weights and in the optimiser."""
        parameter, inactive = self.place.parameter, self.mask() == 0
        with torch.no_grad():
            parameter.masked_fill_(inactive, 0)
        if optimizer is not None:
            reset(optimizer, parameter, inactive, name=self.name)

    def _drawn(self, step: int) -> Tensor:
        """Random scores of all units, a function of the seed and the step."""
        generator = torch.Generator().manual_seed(seed_of(self._seed, step % 2**31))
        return torch.rand(self.place.units.count, generator=generator)
