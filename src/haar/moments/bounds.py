"""Rigorous bounds on what taking a non-normal input as normal costs."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ShapeError
from haar.moments.joint import InputLaw
from haar.moments.program import Affine, Elementwise, Program


def normal_approximation_bound(
    weights: Float[Tensor, "out units"], absolute_third: Float[Tensor, "components"], variance: Float[Tensor, "out"]
) -> Float[Tensor, "out"]:
    r"""Bound on |E f(z_i) - E f(normal)| / Lip(f) for z_i = sum_j W_ij x_j with independent x_j.

    The bound is sum_j |W_ij|^3 E|x_j - m_j|^3 / Var z_i. It bounds the Wasserstein-1 distance of z_i to the normal law
    of the same mean and variance; zero for a unit that does not move.

    Args:
        weights: The matrix W of the layer.
        absolute_third: E|x_j - m_j|^3 of every component.
        variance: Var z_i of every unit.

    Raises:
        ShapeError: If the sizes do not fit.

    Source: Goldstein, Ann. Probab. 38 (2010), Theorem 1.1 (constant 1).

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> normal_approximation_bound(torch.full((1, 4), 0.5, dtype=torch.float64), one.expand(4), one).item()
        0.5
    """
    if weights.shape[-1] != absolute_third.shape[-1]:
        raise ShapeError("absolute_third", expected=f"({weights.shape[-1]},)", got=tuple(absolute_third.shape))
    moves = variance > 0
    top = weights.abs().pow(3) @ absolute_third
    return torch.where(moves, top / torch.where(moves, variance, torch.ones_like(variance)), 0.0)


def mean_bound(program: Program, law: InputLaw) -> Float[Tensor, "out"] | None:
    """Bound on the error of the output's mean at order 2, for independent non-normal inputs and one hidden layer.

    Args:
        program: Affine steps in a row, one Lipschitz activation, affine steps in a row.
        law: Law of the input.

    Returns:
        One bound per output, or None where no bound is known: dependent inputs, a law without third absolute moments,
        an activation that is not known to be Lipschitz, more than one hidden layer, branches.

    Example:
        >>> from haar.moments import Independent
        >>> from haar.moments.laws import Rademacher
        >>> from haar.moments.trace import trace
        >>> program = trace(torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU()), (4,))
        >>> mean_bound(program, Independent.same(Rademacher(), 4)).shape
        torch.Size([2])
    """
    third = law.absolute_third()
    kinds = [isinstance(step, Elementwise) for step in program.steps]
    chain = all(
        step.inputs == ((program.steps[at - 1].output,) if at else (0,)) for at, step in enumerate(program.steps)
    )
    if third is None or sum(kinds) != 1 or not chain:
        return None
    at = kinds.index(True)
    middle = program.steps[at]
    before, after = program.steps[:at], program.steps[at + 1 :]
    if not isinstance(middle, Elementwise) or middle.activation.lipschitz is None:
        return None
    if not all(isinstance(step, Affine) for step in (*before, *after)):
        return None
    weights = _matrix(program, before, law.size)
    variance = weights.square() @ law.variance().reshape(-1, law.size)[0]
    hidden = middle.activation.lipschitz * normal_approximation_bound(weights, third, variance)
    return _matrix(program, after, hidden.shape[0]).abs() @ hidden


def _matrix(program: Program, steps: list, size: int) -> Tensor:
    rows = torch.eye(size, dtype=torch.float64)
    for step in steps:
        rows = program.flat(step)(rows)
    return rows.mT
