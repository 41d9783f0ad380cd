r"""Beyond independent variables: decimation of the one-dimensional Ising chain, exactly.

Summing over all spins but every b-th leaves an Ising chain with tanh K' = tanh^b K (no field), and in general the one
whose transfer matrix is the b-th power, up to a constant that carries the free energy.

Source: Nelson and Fisher, Annals of Physics 91 (1975) 226.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError


def decimate(coupling: Float[Tensor, "*shape"], b: int = 2) -> Float[Tensor, "*shape"]:
    """K' = artanh(tanh^b K): the coupling between the spins that are left.

    Args:
        coupling: K = J / (k_B T), either sign.
        b: Every b-th spin is kept.

    Raises:
        ArgumentError: If b < 1.

    Example:
        >>> round(decimate(torch.tensor(1.0, dtype=torch.float64)).item(), 6)
        0.662501
    """
    _check(b)
    small = torch.tanh(coupling).pow(b)
    # Near |tanh K| = 1 the same through q = exp(-2|K|), which keeps its digits: tanh K = (1 - q) / (1 + q).
    q = torch.exp(-2.0 * coupling.abs())
    ratio = torch.exp(b * (torch.log1p(-q) - torch.log1p(q)))
    large = 0.5 * (torch.log1p(ratio) - torch.log(-torch.expm1(b * (torch.log1p(-q) - torch.log1p(q)))))
    sign = torch.sign(coupling) ** b
    return torch.where(coupling.abs() < 0.5, torch.atanh(small.clamp(-0.999, 0.999)), sign * large)


def decimate_in_field(coupling: float | int, field: float | int, b: int = 2) -> tuple[float, float, float]:
    r"""(K', h', g) after decimation in a field: T(K, h)^b = e^g T(K', h').

    The transfer matrix is T_ss' = exp(K s s' + h (s + s') / 2). With entries t of its b-th power,
    K' = ln(t_++ t_-- / t_+-^2) / 4, h' = ln(t_++ / t_--) / 2, g = ln(t_++ t_-- t_+-^2) / 4.

    Args:
        coupling: K > 0, or any K if b is odd (an even power of an antiferromagnet is a ferromagnet).
        field: Magnetic field h on every spin.
        b: Every b-th spin is kept.

    Raises:
        ArgumentError: If b < 1.

    Example:
        >>> K, h, g = decimate_in_field(1.0, 0.0)
        >>> round(math.tanh(K) - math.tanh(1.0) ** 2, 12), h
        (0.0, 0.0)
    """
    _check(b)
    power = torch.linalg.matrix_power(transfer_matrix(coupling, field), b).log()
    plus, minus, cross = power[0, 0].item(), power[1, 1].item(), power[0, 1].item()
    return (plus + minus - 2 * cross) / 4, (plus - minus) / 2, (plus + minus + 2 * cross) / 4


def transfer_matrix(coupling: float | int, field: float | int = 0.0) -> Float[Tensor, "2 2"]:
    """T_ss' = exp(K s s' + h (s + s') / 2), s = +1 first.

    Example:
        >>> transfer_matrix(0.0).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    spins = torch.tensor([1.0, -1.0], dtype=torch.float64)
    return torch.exp(coupling * spins[:, None] * spins + 0.5 * field * (spins[:, None] + spins))


def free_energy(coupling: float | int, field: float | int = 0.0) -> float:
    """Logarithm of the larger eigenvalue of the transfer matrix: minus the free energy of a spin, in units of k_B T.

    Example:
        >>> round(free_energy(0.0) - math.log(2.0), 12)
        0.0
    """
    return math.log(float(torch.linalg.eigvalsh(transfer_matrix(coupling, field))[-1]))


def correlation_length(coupling: float | int) -> float:
    """Correlation length -1 / ln |tanh K|, in lattice spacings: decimation divides it by b.

    Example:
        >>> round(correlation_length(1.0), 4)
        3.6719
    """
    t = abs(math.tanh(coupling))
    return math.inf if t == 1.0 else 0.0 if t == 0.0 else -1.0 / math.log(t)


def sample_chain(
    coupling: float | int, sites: int, *, chains: int = 1, generator: torch.Generator | None = None
) -> Float[Tensor, "chains sites"]:
    """Exact samples of an open chain without field: neighbours agree with probability e^K / (2 cosh K).

    Args:
        coupling: Coupling K of neighbouring spins.
        sites: Spins of a chain.
        chains: Number of chains to draw.
        generator: Source of the draws.

    Raises:
        ArgumentError: If there is no site.

    Example:
        >>> sample_chain(50.0, 4, generator=torch.Generator().manual_seed(0)).abs().tolist()
        [[1.0, 1.0, 1.0, 1.0]]
    """
    if sites < 1:
        raise ArgumentError("sites", expected="at least 1", got=sites)
    agree = 1.0 / (1.0 + math.exp(-2.0 * coupling))
    draws = torch.rand(chains, sites, dtype=torch.float64, generator=generator)
    links = torch.where(draws < agree, 1.0, -1.0).to(torch.float64)
    links[:, 0] = torch.where(draws[:, 0] < 0.5, 1.0, -1.0)
    return links.cumprod(1)


def _check(b: int) -> None:
    if b < 1:
        raise ArgumentError("b", expected="at least 1", got=b)
