"""The dense run with third and fourth cumulants in factors: memory n^2, time n^3."""

from __future__ import annotations

import torch

from haar.errors import ArgumentError
from haar.moments.activation import Activation
from haar.moments.dense import DenseRun, DenseState
from haar.moments.factored import FactoredCumulants, factored, mapped
from haar.moments.factors import Factors, Power, Rows, Triple
from haar.moments.joint import Empirical, InputLaw
from haar.moments.program import Affine, Noise, Program
from haar.moments.second_order import Step
from haar.moments.vector import VectorCumulants


class FactoredRun(DenseRun):
    """Runs a program on mean, covariance and cumulants in factors of all live values.

    Args:
        program: The traced model.
        closure: "2+" or 3.
        tolerance: Relative accuracy of Mehler's series.
        samples: Draws for parts that are sampled.
        generator: Source of these draws.

    Example:
        >>> from haar.moments import Gaussian
        >>> from haar.moments.trace import trace
        >>> FactoredRun(trace(torch.nn.ReLU(), (1,)), closure="2+").run(Gaussian([0.0])).exact
        True
    """

    def __init__(
        self,
        program: Program,
        *,
        closure: int | str,
        tolerance: float = 1e-12,
        samples: int = 20_000,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(program, order=2, tolerance=tolerance, samples=samples, generator=generator)
        self.closure = closure

    @property
    def beyond_second(self) -> bool:
        """They do."""
        return True

    @property
    def drawn_order(self) -> int:
        """Skewness is known of draws, too."""
        return 3

    def _pushed(self, law: InputLaw, first: Affine) -> VectorCumulants:
        plain = super()._pushed(law, first)
        factors = mapped(law_factors(law), self.program.flat(first), first.matrix, law.mean)
        return FactoredCumulants(plain.mean, plain.cov, factors=factors)

    def _started(self, law: InputLaw) -> VectorCumulants:
        plain = super()._started(law)
        return FactoredCumulants(plain.mean, plain.cov, factors=law_factors(law))

    def _through(self, activation: Activation, joint: VectorCumulants, part: slice) -> Step:
        if not isinstance(joint, FactoredCumulants):
            joint = FactoredCumulants(joint.mean, joint.cov)
        return factored(activation, joint, part, self.tolerance, self.closure)

    def _noise(self, step: Noise, state: DenseState) -> None:
        del state
        raise ArgumentError(
            "order",
            expected="at most 3 with backend='dense' for a model with dropout in training mode",
            got=f"{self.closure!r} in factors, with {step.kind} ({step.name!r})",
            way_out="call model.eval(), or use backend='dense'",
        )


def law_factors(law: InputLaw) -> Factors:
    """Third and fourth cumulants of a law in factors.

    Args:
        law: A normal law, independent components, or data.

    Raises:
        ArgumentError: If it is none of these.
        UndefinedCumulantError: If a component has no fourth cumulant.

    Example:
        >>> from haar.moments import Gaussian
        >>> law_factors(Gaussian([0.0])).thirds
        ()
    """
    if law.normal:
        return Factors()
    if isinstance(law, Empirical):
        count = law.data.shape[0]
        share = torch.full((count,), count / (3.0 * (count - 1) * (count - 2))).to(law.mean)
        return Factors(((law.data - law.mean).mT,), (Triple(0, 0, 0, share),), (Rows(0),))
    own = law.diagonal_cumulants(4)
    if own is None:
        raise ArgumentError(
            "law",
            expected="a normal law, independent components or data for cumulants in factors",
            got=type(law).__name__,
            way_out="use backend='dense'",
        )
    return Factors((None,), (Triple(0, 0, 0, own[1] / 3),), (Power(0, own[2]),))
