"""Populations as they come from outside: looked at before anything is done with them."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.systems.lattice_boltzmann.stencil import Stencil

#: Mean populations of a slow flow are within this share of weight times density; in another order they are not.
_NEAR = 0.5


def check_populations(f: Tensor, stencil: Stencil, argument: str = "f") -> None:
    """Refuse populations that are not of this stencil, or not in its order, or that no flow has.

    Args:
        f: On axis 1, ``[batch, Q, *space]``.
        stencil: What they should be of.
        argument: Name of the argument as the caller wrote it.

    Raises:
        ShapeError: If axis 1 does not hold the stencil's populations, or the grid has other axes than space.
        ArgumentError: If they are not finite, the density is not positive somewhere, or their means say that they
            stand in another order.
    """
    stencil.check(f, argument, axis=1)
    if f.ndim != stencil.dim + 2:
        expected = f"[batch, {stencil.size}, {', '.join('xyz'[: stencil.dim])}]"
        raise ShapeError(argument, expected=expected, got=tuple(f.shape), way_out="a single run has a batch of 1")
    if not f.numel():
        raise ShapeError(argument, expected="at least one run and one site", got=tuple(f.shape))
    f = f.detach()
    bad = (~f.isfinite()).nonzero()
    if len(bad):
        raise ArgumentError(
            argument, expected="finite populations", got=f"{float(f[tuple(bad[0])])} at {bad[0].tolist()}"
        )
    density = f.sum(1)
    least = float(density.min())
    if least <= 0:
        site = (density == density.min()).nonzero()[0].tolist()
        raise ArgumentError(argument, expected="a positive density everywhere", got=f"{least:.4g} at site {site}")
    means = f.transpose(0, 1).flatten(1).mean(1).double()
    shares, weights = means / means.sum(), stencil.weights
    if _away(shares, weights) > _NEAR >= _away(shares.sort().values, weights.sort().values):
        got = f"means {[round(float(x), 4) for x in shares]}"
        wanted = [round(float(x), 4) for x in weights]
        raise ArgumentError(
            argument,
            expected=f"populations in the order of {stencil.name}, about {wanted} of the density each",
            got=got,
            way_out="they fit in another order: Stencil(velocities, weights) takes yours",
        )


def field_of(cells: Float[Tensor, "batch *space q"]) -> Float[Tensor, "batch q *space"]:
    """Populations on the last axis, moved to axis 1."""
    return cells.movedim(-1, 1).contiguous()


def _away(shares: Tensor, weights: Tensor) -> float:
    return float((shares / weights - 1).abs().max())
