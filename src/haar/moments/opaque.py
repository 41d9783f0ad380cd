"""Parts without a closed form, by the two ways a caller may allow: linearise at the mean, or sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.moments.joint import InputLaw
from haar.moments.program import Program
from haar.moments.seeding import seeded_by
from haar.moments.vector import VectorCumulants

_CHUNK = 8192


def linearise(
    joint: VectorCumulants, inputs: Sequence[slice], kept: Sequence[slice], function: Callable[[Tensor], Tensor]
) -> VectorCumulants:
    """(kept, f(inputs)) with f replaced by its tangent at the mean.

    Args:
        joint: Cumulants of the whole stack.
        inputs: Parts that f reads.
        kept: Parts that go on.
        function: f on flat rows.

    Example:
        >>> x = VectorCumulants(torch.ones(1), torch.eye(1))
        >>> linearise(x, [slice(0, 1)], [], lambda rows: rows**2).cov.item()
        4.0
    """
    size = joint.size

    def whole(stack: Tensor) -> Tensor:
        made = function(torch.cat([stack[:, span] for span in inputs], -1))
        return torch.cat([*(stack[:, span] for span in kept), made], -1)

    batch = joint.mean.shape[:-1]
    means = joint.mean.reshape(-1, size)
    level = whole(means)
    jacobian = torch.stack([torch.func.jacrev(lambda row: whole(row[None])[0])(mean) for mean in means])
    jacobian, level = jacobian.reshape(*batch, -1, size), level.reshape(*batch, -1)
    return joint.image(jacobian, level)


def draw_outputs(
    program: Program, law: InputLaw, values: Sequence[int], *, count: int, generator: torch.Generator | None
) -> Float[Tensor, "count *batch units"]:
    """Values of a program on draws of the law, side by side.

    Args:
        program: The traced model.
        law: Law of the input.
        values: Numbers of the values that are wanted.
        count: Number of draws per batch entry.
        generator: Source of the draws (seed 0 if None); the model's own random numbers are seeded by it.

    Example:
        >>> from haar.moments import Gaussian
        >>> from haar.moments.trace import trace
        >>> draw_outputs(trace(torch.nn.ReLU(), (2,)), Gaussian([0.0, 0.0]), (1,), count=5, generator=None).shape
        torch.Size([5, 2])
    """
    generator = generator or torch.Generator(device=law.mean.device).manual_seed(0)
    with seeded_by(generator):
        entries = max(1, math.prod(law.batch))
        found = []
        for start in range(0, count, max(2, _CHUNK // entries)):
            x = law.sample(min(max(2, _CHUNK // entries), count - start), generator)
            made = program.values(x.reshape(-1, law.size), *values, generator=generator)
            found.append(torch.cat([made[v].reshape(*x.shape[:-1], -1) for v in values], -1))
    return torch.cat(found)


def estimated(rows: Float[Tensor, "count *batch units"], order: int) -> VectorCumulants:
    """Cumulants of draws, unbiased up to order 3.

    Args:
        rows: Draws, one a row.
        order: Highest order, 2 to 4.

    Example:
        >>> estimated(torch.tensor([[0.0], [2.0]]), 2).cov.item()
        2.0
    """
    count, mean = rows.shape[0], rows.mean(0)
    centred = rows - mean
    second = torch.einsum("s...i,s...j->...ij", centred, centred)
    third = fourth = None
    if order > 2:
        scale = count / ((count - 1) * (count - 2))
        third = torch.einsum("s...i,s...j,s...k->...ijk", centred, centred, centred) * scale
    if order > 3:
        raw = torch.einsum("s...i,s...j,s...k,s...l->...ijkl", centred, centred, centred, centred) / count
        pairs = torch.einsum("...ij,...kl->...ijkl", second / count, second / count)
        fourth = raw - pairs - pairs.transpose(-3, -2) - pairs.transpose(-3, -1)
    return VectorCumulants(mean, second / (count - 1), third, fourth)
