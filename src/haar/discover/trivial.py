"""What every group of some kind leaves alone for reasons that say nothing: found first, reported, never listed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from haar.discover.evaluated import Evaluated
from haar.discover.rows import LinearProblem
from haar.statistics import least_squares

#: A model whose affine fit leaves less than this of its variance is linear.
LINEAR = 1e-8
#: Above this share of variance a warning is due.
NEARLY_LINEAR = 0.95


@dataclass(frozen=True)
class Trivial:
    """Generators that the data, or a model's kind, make vacuous.

    Attributes:
        kind: ``"constant"``, ``"subspace"``, ``"leaving"``, ``"ignored"``, ``"outputs"``, ``"linear"``.
        count: Number of independent generators removed.
        told: In a sentence.
        stops: Whether nothing is left to be said of the model.
    """

    kind: str
    count: int
    told: str
    stops: bool = False


def constant(sample: Evaluated, eps: float) -> Trivial | None:
    """A model that gives one answer everywhere on the data."""
    spread = float((sample.f - sample.f.mean(0)).square().mean())
    size = float(sample.f.square().mean())
    if spread <= (100 * eps) ** 2 * max(size, 1e-300):
        return Trivial(
            "constant", 0, "the model is constant on the data: every group is a symmetry of a constant", True
        )
    return None


def of_spans(problem: LinearProblem) -> list[Trivial]:
    """Data, or outputs, on a subspace."""
    found = []
    n, r = problem.inputs.size, problem.inputs.rank
    if r < n:
        told = f"the data lie in a space of {r} of {n} dimensions"
        found.append(Trivial("subspace", n * (n - r), f"{told}: generators that vanish on it"))
        found.append(Trivial("leaving", r * (n - r), f"{told}: generators that leave it, of which they cannot speak"))
    m, q = problem.outputs.size, problem.outputs.rank
    if problem.kind == "any" and q < m:
        found.append(Trivial("outputs", m * (m - q), f"outputs lie in a space of {q} of {m} dimensions"))
    return found


def ignored(problem: LinearProblem, sample: Evaluated, floor: float) -> tuple[LinearProblem, Trivial | None]:
    """Directions of the inputs on which the model does not depend: the problem on the quotient."""
    if problem.points is not None:
        return problem, None
    jacobian = problem.coordinates(sample)[2].flatten(0, 2).flatten(1)
    values, vectors = torch.linalg.svd(jacobian, full_matrices=True)[1:]
    r = problem.inputs.rank
    values = torch.cat([values, values.new_zeros(r - len(values))])
    gone = values <= max(100 * floor, 1e-10) * float(values.max())
    count = int(gone.sum())
    if not count or count == r:
        return problem, None
    n = problem.inputs.size
    told = f"{count} directions of the inputs are ignored by the model: all generators into them"
    trivial = Trivial("ignored", count * n, told)
    if problem.kind == "same":
        return problem, trivial  # outputs have these directions too
    return replace(problem, inputs=problem.inputs.turned(vectors[~gone].T)), trivial


def linearity(problem: LinearProblem, sample: Evaluated) -> tuple[float, Trivial | None]:
    """How much of the outputs' variance an affine map of the inputs gives, and what follows if it is all."""
    x, f, _ = problem.coordinates(sample)
    x, f = x.flatten(1), f.flatten(1)
    ones = torch.ones(len(x), 1, dtype=torch.float64)
    inputs = torch.cat([x, ones], 1)
    if len(x) <= 2 * inputs.shape[1]:
        return float("nan"), None
    solution = least_squares(inputs, f)
    rest = (f - inputs @ solution).square().sum()
    share = 1 - float(rest / (f - f.mean(0)).square().sum().clamp_min(1e-300))
    if share <= 1 - LINEAR:
        return share, None
    count = _commuting(solution[:-1].T, problem.kind)
    told = "the model is linear on the data: its symmetries say nothing but its rank"
    return share, Trivial("linear", count, told, True)


def _commuting(m: Tensor, kind: str) -> int:
    """Dimension of the pairs with M A = B M (A = B for ``"same"``, B = 0 for ``"invariant"``)."""
    outputs, inputs = m.shape
    eye_in, eye_out = torch.eye(inputs, dtype=torch.float64), torch.eye(outputs, dtype=torch.float64)
    left = torch.kron(m.contiguous(), eye_in)  # of A, row by row
    right = torch.kron(eye_out, m.T.contiguous())
    rows = left if kind == "invariant" else left - right if kind == "same" else torch.cat([left, -right], 1)
    return int(rows.shape[1] - torch.linalg.matrix_rank(rows, rtol=1e-8))
