"""Geodesics of a decoder's surface as the shortest chains of points on it, which costs first derivatives alone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.geometry.derivatives import first_jet
from haar.geometry.embedded import at_once
from haar.geometry.pullback import Pullback
from haar.statistics import least_squares
from haar.watch import Unwatched, Watch

#: Steps of Levenberg and Marquardt in all, the first damping, and by what it falls and grows.
_STEPS, _DAMPING, _LESS, _MORE = 100, 1e-4, 0.1, 8.0
#: Relative fall of the sum below which a chain has settled, by precision; with no more damping than this.
_SETTLED = {torch.float64: 1e-11}
_LEAST, _MOST = 1e-12, 1e6


def relaxed_paths(
    metric: Pullback,
    z: Float[Tensor, "n d"],
    end: Float[Tensor, "n d"],
    steps: int,
    *,
    watch: Watch = Unwatched(),
) -> tuple[Float[Tensor, "n points d"], Float[Tensor, " n"], Float[Tensor, " n"], Tensor]:
    """Chains of points whose squared chords between decoded neighbours sum up to least.

    The chords are linearised again and again (Levenberg and Marquardt), beginning at the straight line.
    Lengths are those of the chords, freed of their largest error by those of every second point.

    Args:
        metric: Of a decoder, without a metric on its outputs.
        z: Where chains begin.
        end: Where they end.
        steps: Chords of each, an even number.
        watch: Told of every chain.

    Returns:
        The points, lengths, by how much the chords of a chain differ relative to their mean, and which chains settled.

    Example:
        >>> from haar.geometry.spaces import flat
        >>> plane = Pullback(lambda z: 2 * z)
        >>> points, lengths, _, settled = relaxed_paths(plane, torch.zeros(1, 2), torch.ones(1, 2), 4)
        >>> points[0, 2].tolist(), round(float(lengths), 5), bool(settled)
        ([0.5, 0.5], 2.82843, True)
    """
    share = torch.linspace(0, 1, steps + 1, dtype=z.dtype, device=z.device)[:, None]
    chains, lengths, drifts, settled = [], [], [], []
    with torch.no_grad(), watch.stage("geodesics", len(z)) as tell:
        for first, last in zip(z, end, strict=True):
            chain, done = _relaxed(metric, first + share * (last - first))
            chords = (decoded := _decoded(metric, chain)).diff(dim=0).double().norm(dim=-1)
            wide = decoded[::2].diff(dim=0).double().norm(dim=-1).sum()
            chains.append(chain)
            lengths.append((4 * chords.sum() - wide) / 3)
            drifts.append((chords / chords.mean() - 1).abs().max())
            settled.append(done)
            tell()
    long, uneven = (torch.stack(each).to(z.dtype) for each in (lengths, drifts))
    return torch.stack(chains), long, uneven, torch.tensor(settled, device=z.device)


def straight_lengths(metric: Pullback, z: Tensor, end: Tensor, steps: int = 200) -> Tensor:
    """Lengths of decoded straight lines, by chords freed of their largest error."""
    share = torch.linspace(0, 1, steps + 1, dtype=z.dtype, device=z.device)[:, None]
    found = []
    for first, last in zip(z, end, strict=True):
        decoded = _decoded(metric, first + share * (last - first)).double()
        fine, wide = (decoded[::every].diff(dim=0).norm(dim=-1).sum() for every in (1, 2))
        found.append((4 * fine - wide) / 3)
    return torch.stack(found).to(z.dtype)


def _decoded(metric: Pullback, chain: Tensor) -> Tensor:
    return torch.cat([metric.flat(part) for part in chain.split(at_once(metric, chain, 1))])


def _slopes(metric: Pullback, chain: Tensor) -> tuple[Tensor, Tensor]:
    parts = [first_jet(metric.flat, part) for part in chain.split(at_once(metric, chain, 2 * chain.shape[-1]))]
    return torch.cat([part.value for part in parts]), torch.cat([part.first for part in parts])


def _relaxed(metric: Pullback, chain: Tensor) -> tuple[Tensor, bool]:
    """A chain with its ends held, and whether no step could shorten it further."""
    small = _SETTLED.get(chain.dtype, 1e-5)
    damping = _DAMPING
    energy = _energy(_decoded(metric, chain))
    equations: tuple[Tensor, Tensor] | None = None
    for _ in range(_STEPS):
        if equations is None:
            equations = _equations(*_slopes(metric, chain))
        step, fall = _step(*equations, damping)
        if fall <= small * energy and (damping <= _DAMPING or fall == 0):
            return chain, True
        tried = chain.clone()
        tried[1:-1] += step.to(chain)
        less = _energy(_decoded(metric, tried))
        if less < energy:
            chain, energy, equations, damping = tried, less, None, max(damping * _LESS, _LEAST)
        elif damping > _MOST:  # nothing falls within rounding
            return chain, fall <= 100 * small * energy
        else:
            damping *= _MORE
    return chain, False


def _energy(decoded: Tensor) -> float:
    return float(decoded.diff(dim=0).double().square().sum())


def _equations(decoded: Tensor, J: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix and the force of all inner points, whose equations couple neighbours alone."""
    chords = decoded.diff(dim=0)
    inner, size = len(decoded) - 2, J.shape[-1]
    force = torch.einsum("kpi,kp->ki", J[1:-1], chords[1:] - chords[:-1]).double()
    own = (J[1:-1].mT @ J[1:-1]).double()
    other = (J[1:-2].mT @ J[2:-1]).double()
    matrix = torch.zeros(inner, size, inner, size, dtype=torch.float64, device=J.device)
    for k in range(inner):
        matrix[k, :, k] = 2 * own[k]
        if k + 1 < inner:
            matrix[k, :, k + 1] = -other[k]
            matrix[k + 1, :, k] = -other[k].mT
    return matrix.reshape(inner * size, -1), force


def _step(matrix: Tensor, force: Tensor, damping: float) -> tuple[Tensor, float]:
    """A damped step of all inner points, and by how much the sum should fall."""
    extra = damping * float(matrix.diagonal().mean())
    damped = matrix + extra * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    found = least_squares(damped, force.reshape(-1, 1))
    return found.view_as(force), float((found[:, 0] * force.reshape(-1)).sum())
