"""Statistics that a group leaves alone: means and standard deviations to normalise with, before rotating."""

from __future__ import annotations

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from haar.actions.representation import Representation
from haar.actions.representation.dtypes import require_floating
from haar.actions.representation.representation import check_representation
from haar.constants import SAME_ENTRY
from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup, LieGroup
from haar.host import on_the_host

#: Entries of a projection smaller than this are zero.
_ZERO = 1e-12
#: Representations of more channels are not taken apart.
_MOST_CHANNELS = 256
#: How many random elements stand for the generators of a group that is neither enumerated nor a Lie group.
_SAMPLES = 8


@on_the_host
def invariant_statistics(
    rep: Representation, mean: Inexact[Tensor, " means"], std: Float[Tensor, " stds"]
) -> tuple[Inexact[Tensor, " means"], Float[Tensor, " stds"]]:
    """Mean and standard deviation of every channel, after the group has acted on the data.

    Normalising every component of a vector by its own mean and standard deviation does not commute with rotations.
    These statistics do: they are those of the data together with all its moved copies. The mean is projected on what
    the group leaves alone; channels that elements mix share one variance, the average of mean square values minus the
    square of the new mean. Where the old mean is already invariant, that is the average of the variances.

    Args:
        rep: How the group acts on the channels (`Field.rep`).
        mean: Mean of every channel, in physical units; complex for complex channels.
        std: Standard deviation of every channel.

    Returns:
        The new mean and standard deviation, in the dtype of the old ones.

    Raises:
        ShapeError: If there is not one number for each channel.
        ArgumentError: If a standard deviation is negative or a number is not finite.

    Example:
        >>> import torch
        >>> from haar.actions import Space
        >>> from haar.groups import dihedral
        >>> velocity = Space(dihedral(4))
        >>> invariant_statistics(velocity, torch.zeros(2), torch.tensor([1.0, 7.0]))[1].tolist()
        [5.0, 5.0]
    """
    check_representation("rep", rep)
    require_floating(mean, "mean", "means")
    if not std.is_floating_point():
        raise ArgumentError("std", expected="a real floating dtype", got=str(std.dtype).removeprefix("torch."))
    for name, values in (("mean", mean), ("std", std)):
        if values.shape != (rep.dim,):
            raise ShapeError(
                name, expected=f"one number for each of {rep.dim} channels ({rep.name})", got=tuple(values.shape)
            )
        if not bool(values.isfinite().all()):
            raise ArgumentError(name, expected="finite numbers", got=values.tolist())
    if bool((std < 0).any()):
        raise ArgumentError("std", expected="no negative standard deviation", got=std.tolist())
    moving = _moving(rep)
    first = mean.to(torch.complex128 if mean.is_complex() else torch.float64)
    projected = _projection_on_fixed(moving).to(first) @ first
    spread = std.to(torch.float64).square() + first.abs().square() - projected.abs().square()
    mixed = _connected(moving)
    variance = (mixed @ spread / mixed.sum(1)).clamp(min=0)
    return projected.to(mean.dtype), variance.sqrt().to(std.dtype)


def mixed_channels(rep: Representation) -> list[tuple[int, ...]]:
    """Channels that some element mixes, by way of others too; one tuple for each set of them, in order.

    Args:
        rep: How the group acts on the channels. More than 256 of them are taken for one set.

    Example:
        >>> from haar.actions import Space, Trivial, direct_sum
        >>> from haar.groups import dihedral
        >>> square = dihedral(4)
        >>> mixed_channels(direct_sum([Trivial(square), Space(square)]))
        [(0,), (1, 2)]
    """
    if rep.dim == 1 or rep.dim > _MOST_CHANNELS:
        return [tuple(range(rep.dim))]
    try:
        linked = _connected(_moving(rep))
    except ArgumentError:  # of a Lie group's representation of unknown degree there is no algebra
        return [tuple(range(rep.dim))]
    found = {tuple(torch.nonzero(row).flatten().tolist()): None for row in linked}
    return list(found)


def _moving(rep: Representation) -> Float[Tensor, "m c c"]:
    """Matrices that vanish together exactly on what the group leaves alone: R(h) - 1 and the Lie algebra."""
    group = rep.group
    elements = group.generators()
    eye = torch.eye(rep.dim, dtype=torch.float64)
    if isinstance(group, LieGroup):
        return torch.cat([rep.matrix(elements) - eye, rep.algebra()])
    if not isinstance(group, FiniteGroup) and not group.is_finite:
        # A few random elements of a compact group generate a dense subgroup with probability one.
        more = group.sample(_SAMPLES, torch.Generator().manual_seed(0))
        elements = torch.cat([elements, more])
    return rep.matrix(elements) - eye


def _projection_on_fixed(moving: Float[Tensor, "m c c"]) -> Float[Tensor, "c c"]:
    """Orthogonal projection on the vectors that all matrices send to zero: the average over the group."""
    size = moving.shape[-1]
    stacked = torch.cat([moving.reshape(-1, size), torch.zeros(size, size, dtype=torch.float64)])
    _, singular, right = torch.linalg.svd(stacked, full_matrices=False)
    kept = right[singular < SAME_ENTRY]
    projection = kept.T @ kept
    return torch.where(projection.abs() < _ZERO, torch.zeros_like(projection), projection)


def _connected(moving: Float[Tensor, "m c c"]) -> Float[Tensor, "c c"]:
    """1 for pairs of channels that some element mixes, by way of others too; else 0."""
    size = moving.shape[-1]
    linked = (moving.abs() > _ZERO).any(0) | torch.eye(size, dtype=torch.bool)
    linked = linked | linked.T
    for _ in range(size.bit_length()):
        linked = (linked.to(torch.float64) @ linked.to(torch.float64)) > 0
    return linked.to(torch.float64)
