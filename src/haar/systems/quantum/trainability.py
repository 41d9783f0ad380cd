"""Barren plateaus: how the variance of a derivative falls with the number of qubits, with and without symmetry."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.nn.circuits.options import one_of
from haar.nn.circuits.states import axis_gates, check_qubits, halves, probabilities, z_signs, zeros

FAMILIES = ("symmetric", "free")


def derivative_variance(family: str, n: int, *, samples: int = 200, depth: int | None = None, seed: int = 0) -> float:
    """Variance over random angles of the derivative with respect to one RX angle in the middle of a circuit.

    ``symmetric``: every layer has one RX, one RY and one ZZ angle (the sum over all pairs, over n - 1) shared by all
    qubits; the observable is the mean of Z_i Z_j. ``free``: an RX and an RY angle a qubit and a ring of CZ; the
    observable is Z_0 Z_1.

    Args:
        family: Which circuits: ``"symmetric"`` or ``"free"``.
        n: Number of qubits.
        samples: Random circuits, one in each place of the batch.
        depth: Number of layers; 6 n by default.
        seed: Seed of the angles, uniform on [0, 2 pi).

    Raises:
        ArgumentError: If the family is unknown or there are too few qubits or samples.

    Example:
        >>> derivative_variance("symmetric", 2, samples=50, depth=4) > 0.05
        True
    """
    one_of("family", family, FAMILIES)
    if check_qubits(n, most=12, why="a variance over many circuits") < 2 or samples < 2:
        raise ArgumentError("n, samples", expected="at least 2 of each", got=f"{n}, {samples}")
    layers = 6 * n if depth is None else depth
    source = torch.Generator().manual_seed(seed)
    shared = family == "symmetric"

    def uniform(*shape: int) -> Tensor:
        return 2 * math.pi * torch.rand(*shape, dtype=torch.float64, generator=source)

    turns = uniform(layers, samples, 1 if shared else n, 2)
    couplings = uniform(layers, samples)
    middle = turns[layers // 2].clone().requires_grad_()
    signs = z_signs(n)
    pairs = torch.stack([signs[i] * signs[j] for i, j in itertools.combinations(range(n), 2)])
    ring = [(q, (q + 1) % n) for q in range(n if n > 2 else 1)]
    # CZ on the ring: -1 for every edge whose two bits are 1
    cz = torch.stack([1.0 - 2.0 * ((signs[i] < 0) & (signs[j] < 0)) for i, j in ring]).prod(0)
    psi = zeros(n).expand(samples, -1)
    for layer in range(layers):
        angle = (middle if layer == layers // 2 else turns[layer]).expand(samples, n, 2)
        left, right = halves(axis_gates(angle[..., 1], "y") @ axis_gates(angle[..., 0], "x"))
        psi = (left @ psi.unflatten(-1, (left.shape[-1], right.shape[-1])) @ right.mT).flatten(-2)
        if shared:
            phase = couplings[layer][:, None] * pairs.sum(0) / (n - 1)
            psi = psi * torch.polar(torch.ones_like(phase), -phase)
        else:
            psi = psi * cz
    observable = pairs.mean(0) if shared else pairs[0]
    (slope,) = torch.autograd.grad((probabilities(psi) @ observable).sum(), middle)
    return float(slope[:, 0, 0].var())
