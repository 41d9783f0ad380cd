"""Regimes: how sparse layers are at every step, and what an update of their masks takes away and gives back."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from haar.errors import ArgumentError, check_count

Growth = Literal["", "random", "gradient"]
"""How inactive weights are chosen: not at all, at random, or by the size of their gradients."""


@dataclass(frozen=True)
class Regime(ABC):
    """How the masks of some layers are made and changed.

    Args:
        sparsity: Share of the weights that are inactive, of all layers of the regime together.
    """

    sparsity: float | int
    #: How the inactive weights that come in are chosen.
    growth: ClassVar[Growth] = ""

    def __post_init__(self) -> None:
        if not isinstance(self.sparsity, (int, float)) or not 0 <= self.sparsity < 1:
            raise ArgumentError("sparsity", expected="a share of at least 0 and below 1", got=self.sparsity)

    @property
    def returns(self) -> bool:
        """Whether a weight that was just dropped may come back in the same update."""
        return False

    @abstractmethod
    def due(self, step: int, steps: int) -> bool:
        """Whether the masks change before a step.

        Args:
            step: Number of steps that were taken.
            steps: Number of all steps.
        """

    def moved(self, step: int, steps: int) -> float:
        """The share of the active weights that an update replaces by others."""
        del step, steps
        return 0.0

    def density(self, sparse: float, step: int, steps: int) -> float:
        """The share of a layer's weights that are active after the last update before a step.

        Args:
            sparse: The layer's share where the regime is at its `sparsity`.
            step: Number of steps that were taken.
            steps: Number of all steps.
        """
        del step, steps
        return sparse

    def facts(self) -> dict[str, Any]:
        """Plain values by which two regimes are told apart."""
        return {"regime": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class Static(Regime):
    """One random mask for all the training.

    Args:
        sparsity: Share of the weights that are inactive, of all layers of the regime together.

    Example:
        >>> Static(0.9).due(100, 1000)
        False
    """

    def due(self, step: int, steps: int) -> bool:
        """Never."""
        del step, steps
        return False


@dataclass(frozen=True)
class Rewiring(Regime):
    """Every so many steps the smallest weights are dropped and as many inactive ones grow.

    Args:
        sparsity: Share of the weights that are inactive, of all layers of the regime together.
        every: Steps between updates.
        alpha: Share of the active weights that the first update moves.
        until: Share of all steps after which nothing changes any more.
        decay: How the share falls: ``"cosine"`` to 0 at `until`, or ``"constant"``.
        regrow: ``"exclude"``: what was just dropped cannot grow in the same update; ``"allow"``: it can, from 0.

    Raises:
        ArgumentError: If a number is out of range or a word unknown.
    """

    every: int = 100
    alpha: float | int = 0.3
    until: float | int = 0.75
    decay: str = "cosine"
    regrow: str = "exclude"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("every", self.every)
        _check_share("alpha", self.alpha)
        _check_share("until", self.until)
        _check_word("decay", self.decay, ("cosine", "constant"))
        _check_word("regrow", self.regrow, ("exclude", "allow"))

    @property
    def returns(self) -> bool:
        """Whether what was dropped may come back."""
        return self.regrow == "allow"

    def due(self, step: int, steps: int) -> bool:
        """Every `every` steps, before the share `until` of all."""
        return step > 0 and step % self.every == 0 and step < self.until * steps

    def moved(self, step: int, steps: int) -> float:
        """zeta_t = alpha / 2 (1 + cos(pi t / T_end)), or alpha."""
        falling = 0.5 * (1 + math.cos(math.pi * step / (self.until * steps))) if self.decay == "cosine" else 1.0
        return float(self.alpha) * falling


@dataclass(frozen=True)
class Set(Rewiring):
    """Sparse evolutionary training: the smallest weights are dropped, random ones grow.

    Args:
        sparsity: Share of the weights that are inactive, of all layers of the regime together.
        every: Steps between updates.
        alpha: Share of the active weights that the first update moves.
        until: Share of all steps after which nothing changes any more.
        decay: How the share falls: ``"cosine"`` to 0 at `until`, or ``"constant"``.
        regrow: ``"exclude"``: what was just dropped cannot grow in the same update; ``"allow"``: it can, from 0.

    Raises:
        ArgumentError: If a number is out of range or a word unknown.

    Example:
        >>> round(Set(0.9).moved(375, 1000), 12)
        0.15
    """

    growth: ClassVar[Growth] = "random"


@dataclass(frozen=True)
class Rigl(Rewiring):
    """RigL: the smallest weights are dropped, those with the largest gradients grow.

    Args:
        sparsity: Share of the weights that are inactive, of all layers of the regime together.
        every: Steps between updates.
        alpha: Share of the active weights that the first update moves.
        until: Share of all steps after which nothing changes any more.
        decay: How the share falls: ``"cosine"`` to 0 at `until`, or ``"constant"``.
        regrow: ``"exclude"``: what was just dropped cannot grow in the same update; ``"allow"``: it can, from 0.

    Raises:
        ArgumentError: If a number is out of range or a word unknown.

    Example:
        >>> [step for step in range(1000) if Rigl(0.9, every=250).due(step, 1000)]
        [250, 500]
    """

    growth: ClassVar[Growth] = "gradient"


@dataclass(frozen=True)
class Revival(Regime):
    """Static, but for one step after which a random share of the inactive weights becomes active.

    That share is kept back from the beginning, so that the regime ends with the weights of `Static`.

    Args:
        sparsity: Share of the weights that are inactive in the end, of all layers of the regime together.
        reserve: Share of the active weights that comes later.
        at: When, as a share of all steps.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> [step for step in range(1000) if Revival(0.9).due(step, 1000)]
        [100]
    """

    reserve: float | int = 0.1
    at: float | int = 0.1

    growth: ClassVar[Growth] = "random"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_share("reserve", self.reserve)
        _check_share("at", self.at)

    def _moment(self, steps: int) -> int:
        return max(1, round(self.at * steps))

    def due(self, step: int, steps: int) -> bool:
        """Once."""
        return step == self._moment(steps)

    def density(self, sparse: float, step: int, steps: int) -> float:
        """Less before the revival."""
        return sparse * (1 - float(self.reserve)) if step < self._moment(steps) else sparse


@dataclass(frozen=True)
class _Ramp(Regime):
    """A density that changes along a cubic between two moments.

    Args:
        sparsity: Share of the weights that are inactive at the sparse end.
        every: Steps between updates.
        begin: When it begins to change, as a share of all steps.
        until: When it has reached its end.

    Raises:
        ArgumentError: If a number is out of range.
    """

    every: int = 100
    begin: float | int = 0.0
    until: float | int = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("every", self.every)
        _check_share("until", self.until)
        if not 0 <= self.begin < self.until:
            raise ArgumentError("begin", expected=f"a share from 0 to below until ({self.until})", got=self.begin)

    def _span(self, steps: int) -> tuple[int, int]:
        return round(self.begin * steps), max(1, round(self.until * steps))

    def progress(self, step: int, steps: int) -> float:
        """0 at the beginning of the ramp, 1 at its end."""
        first, last = self._span(steps)
        return min(max((step - first) / max(last - first, 1), 0.0), 1.0)

    def due(self, step: int, steps: int) -> bool:
        """Every `every` steps on the ramp, and at its end."""
        first, last = self._span(steps)
        return first < step <= last and ((step - first) % self.every == 0 or step == last)


@dataclass(frozen=True)
class Gradual(_Ramp):
    """Gradual magnitude pruning, dense to sparse: s_t = s (1 - (1 - x)^3), x from 0 to 1.

    Args:
        sparsity: Share of the weights that are inactive in the end, of all layers of the regime together.
        every: Steps between updates.
        begin: When pruning begins, as a share of all steps.
        until: When it has reached `sparsity`.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> [round(Gradual(0.8, begin=0.25).density(0.2, step, 400), 12) for step in (0, 100, 200, 300, 400)]
        [1.0, 1.0, 0.3, 0.2, 0.2]
    """

    def density(self, sparse: float, step: int, steps: int) -> float:
        """From 1 along the cubic."""
        return 1 - (1 - sparse) * (1 - (1 - self.progress(step, steps)) ** 3)


@dataclass(frozen=True)
class Growing(_Ramp):
    """Sparse to dense, gradual pruning run backwards: s_t = s (1 - x^3); those with the largest gradients grow.

    Args:
        sparsity: Share of the weights that are inactive in the beginning, of all layers of the regime together.
        every: Steps between updates.
        begin: When growing begins, as a share of all steps.
        until: When the layers are dense.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> [round(Growing(0.8, begin=0.25).density(0.2, step, 400), 12) for step in (0, 100, 200, 300, 400)]
        [0.2, 0.2, 0.3, 1.0, 1.0]
    """

    growth: ClassVar[Growth] = "gradient"

    def density(self, sparse: float, step: int, steps: int) -> float:
        """To 1 along the cubic, backwards."""
        return 1 - (1 - sparse) * (1 - self.progress(step, steps) ** 3)


def module_specific(
    encoder: str = "encoder*",
    critic: str = "critic*",
    actor: str = "actor*",
    *,
    sparsity: float | int = 0.6,
    every: int = 1000,
) -> Mapping[str, Regime | None]:
    """The preset of module-specific training: a dense encoder, a critic that is rewired, an actor with a fixed mask.

    Args:
        encoder: Pattern of the encoder's parameters.
        critic: Pattern of the critic's.
        actor: Pattern of the actor's.
        sparsity: Of critic and actor.
        every: Steps between updates of the critic's masks.

    Source:
        arXiv 2510.12096; how well the regimes do, and that they should differ, is contested (arXiv 2602.04166).

    Example:
        >>> module_specific()["actor*"]
        Static(sparsity=0.6)
    """
    return {encoder: None, critic: Rigl(sparsity, every=every), actor: Static(sparsity)}


def _check_share(argument: str, value: float | int) -> None:
    if not 0 < value <= 1:
        raise ArgumentError(argument, expected="a share above 0, at most 1", got=value)


def _check_word(argument: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ArgumentError(argument, expected=" or ".join(map(repr, known)), got=repr(value))
