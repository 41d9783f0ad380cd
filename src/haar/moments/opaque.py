"""Parts without a closed form, by the two ways a caller may allow: linearise at the mean, or sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from haar.moments.vector import VectorCumulants


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
    cov = jacobian @ joint.cov @ jacobian.mT
    third = joint.third
    if third is not None:
        third = torch.einsum("...ai,...bj,...ck,...ijk->...abc", jacobian, jacobian, jacobian, third)
    return VectorCumulants(level, 0.5 * (cov + cov.mT), third)


def sample(
    joint: VectorCumulants,
    inputs: Sequence[slice],
    kept: Sequence[slice],
    function: Callable[[Tensor], Tensor],
    *,
    count: int,
    generator: torch.Generator | None,
) -> VectorCumulants:
    """(kept, f(inputs)) by drawing the stack as a normal vector; the kept part keeps its own cumulants.

    Args:
        joint: Cumulants of the whole stack.
        inputs: Parts that f reads.
        kept: Parts that go on.
        function: f on flat rows.
        count: Number of draws per batch entry.
        generator: Source of the draws (seed 0 if None).

    Example:
        >>> x = VectorCumulants(torch.zeros(1, dtype=torch.float64), torch.eye(1, dtype=torch.float64))
        >>> bool((sample(x, [slice(0, 1)], [], torch.abs, count=1000, generator=None).mean - 0.798).abs() < 0.1)
        True
    """
    generator = generator or torch.Generator(device=joint.mean.device).manual_seed(0)
    batch, size = joint.mean.shape[:-1], joint.size
    values, vectors = torch.linalg.eigh(joint.cov)
    root = vectors * values.clamp(min=0.0).sqrt()[..., None, :]
    noise = torch.randn(count, *batch, size, 1, dtype=joint.mean.dtype, device=joint.mean.device, generator=generator)
    stack = joint.mean + (root @ noise)[..., 0]
    rows = stack.reshape(-1, size)
    made = function(torch.cat([rows[:, span] for span in inputs], -1)).reshape(count, *batch, -1)
    kept_rows = [stack[..., span] for span in kept]
    full = torch.cat([*kept_rows, made], -1)
    mean = full.mean(0)
    centred = full - mean
    cov = torch.einsum("s...i,s...j->...ij", centred, centred) / (count - 1)
    third = None
    if joint.third is not None:
        scale = count / ((count - 1) * (count - 2))
        third = torch.einsum("s...i,s...j,s...k->...ijk", centred, centred, centred) * scale
    found = VectorCumulants(mean, cov, third)
    if not kept:
        return found
    index = torch.cat([torch.arange(span.start, span.stop) for span in kept]).to(joint.mean.device)
    known, inside = joint.select(index), slice(0, index.numel())
    mean = torch.slice_scatter(found.mean, known.mean, -1, 0, inside.stop)
    cov = found.cov.clone()
    cov[..., inside, inside] = known.cov
    if found.third is not None and known.third is not None and third is not None:
        third = found.third.clone()
        third[..., inside, inside, inside] = known.third
    return VectorCumulants(mean, cov, third)
