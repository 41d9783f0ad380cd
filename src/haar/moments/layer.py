"""What a propagation says about one layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: A truncation below this, relative to the standard deviations, counts as exact.
EXACT = 1e-10
#: A quadrature that moves by less than this, relative to the standard deviation, counts as converged.
QUADRATURE = 1e-8


@dataclass(frozen=True)
class Evaluation:
    """How the moments behind an activation were computed.

    Args:
        coefficients: ``"closed form"`` or ``"quadrature"``; empty for a step that is no activation.
        mehler_order: Where Mehler's series was cut (0: not used).
        closed_pairs: Pairs of units that took the closed form.
        bound: Rigorous bound on the cut, relative to the product of the two standard deviations.
        quadrature: How far E f moves, in standard deviations of f, if the rule gets coarser: an indicator of a kink
            that was not listed.

    Example:
        >>> Evaluation("closed form").bound
        0.0
    """

    coefficients: str = ""
    mehler_order: int = 0
    closed_pairs: int = 0
    bound: float = 0.0
    quadrature: float = 0.0

    @property
    def converged(self) -> bool:
        """Whether neither the cut of a series nor a rule for integrals shows."""
        return self.bound <= EXACT and self.quadrature <= QUADRATURE


@dataclass(frozen=True)
class LayerReport:
    """One step of a propagation.

    Args:
        name: Where it is in the model.
        kind: Kind of the step, such as an activation's name.
        size: Number of components of its output.
        live: Number of components carried jointly after it (residual branches included).
        how: ``"exact"``; ``"bounded"`` (exact but for a truncation with a rigorous bound); ``"follows"`` (an
            exact map of cumulants that are already approximate); ``"closure"`` (the activation's input was taken as
            normal up to the cumulants carried); ``"inaccurate"`` (exact but for a quadrature
            that has not converged); ``"linearised"``; ``"sampled"`` (its numbers are those of draws of the
            law that went through the model).
        evaluation: How the moments behind an activation were computed.
        cancellation: For an affine step, the smallest ratio of an output's variance to what it would be if the inputs
            were uncorrelated; far below 1 the output is a small difference of large terms, and relative errors are
            largest.
        clipped: Most negative eigenvalue that was removed, relative to the largest; 0 if none was.
        damped: Units whose third and fourth cumulants were made smaller before the activation, or left out, because
            the series in them would diverge (orders "2+" and 3 in factors).

    Example:
        >>> LayerReport("0", "Linear", 8, 8, "exact").to_dict()["how"]
        'exact'
    """

    name: str
    kind: str
    size: int
    live: int
    how: str
    evaluation: Evaluation = Evaluation()
    cancellation: float | None = None
    clipped: float = 0.0
    damped: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, those of the evaluation among them."""
        own = dict(vars(self))
        evaluation: Evaluation = own.pop("evaluation")
        return {**own, **vars(evaluation)}
