"""Is the law itself symmetric? S(g x) against g S(x), where the true dynamics S is at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from haar.actions import Symmetry
from haar.audit.audited import Audit


def dynamics_defects(
    evolve: Callable[..., Any], symmetry: Symmetry, states: Tensor, *, batch_size: int = 4, seed: int = 0
) -> dict[str, float]:
    """Relative defect of the true dynamics for every element: zero where the element is a symmetry of the law.

    A symmetry of the law is not enough for averaging to help: the data must be closed under it too (`Closure`).

    Args:
        evolve: The solver: from states to states some time later.
        symmetry: How the group acts on states, in and out.
        states: Real states ``(batch, ...)``, best in float64.
        batch_size: States per call of the solver.
        seed: Seed of drawn elements, if the group is large.

    Returns:
        The relative defect by element name.

    Example:
        >>> import torch
        >>> from haar.actions import Symmetry
        >>> from haar.groups import dihedral
        >>> drift = lambda u: u.roll(1, 2)
        >>> found = dynamics_defects(drift, Symmetry.of_fields(dihedral(4), "p"), torch.randn(2, 1, 8, 8))
        >>> found["my"] == 0.0, found["mx"] > 0.1
        (True, True)
    """
    report = Audit(evolve, symmetry, data_symmetry=False, seed=seed).run(states, batch_size=batch_size, layers=False)
    return {element.element: element.relative.value for element in report.findings.elements}
