"""The outer block: one layer of univariate expansions of every mixing unit."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.constants import ConstantsModule
from haar.errors import ArgumentError
from haar.nn.basis.polynomials import PARITIES, chebyshev, degrees_of, legendre
from haar.nn.basis.sine_map import sine_map

BASES = ("sine", "rbf", "chebyshev", "legendre", "fourier", "grid")
#: Where centres of radial functions lie, and phases of sines at first.
_CENTRES, _PHASES = 2.0, 0.1


class OuterBlock(ConstantsModule):
    """``y_o = sum_(q, n) C[o, q, n] b_n(xi_q)``.

    The bases b_n: ``"sine"``: sines with trainable frequencies and phases, of mean 0 and variance 1 for normal units;
    ``"rbf"``: Gaussians about trainable centres; ``"chebyshev"`` and ``"legendre"``: polynomials of tanh(xi), from
    degree 0 on; ``"fourier"``: cosines and sines of the multiples of one trainable frequency; ``"grid"``: Chebyshev
    polynomials of the mean of several tanh(w xi + b), trainable and shared by all units: a scale that is fine where the
    steps of tanh lie (the mean in place of the published sum keeps it within [-1, 1], where polynomials are small).

    Args:
        mixing: Number of units.
        outputs: Number of outputs.
        basis: Which functions.
        degree: How many of them, or their greatest degree.
        parity: ``"even"`` or ``"odd"`` for functions of that parity alone.
        generator: Source of the initial weights; by default torch's.

    Raises:
        ArgumentError: If there is no such basis or parity, or a basis of radial functions has one centre.

    Example:
        >>> OuterBlock(4, 2, "rbf", 5)(torch.zeros(4, 3)).shape
        torch.Size([2, 3])
    """

    phases: Tensor

    def __init__(
        self,
        mixing: int,
        outputs: int,
        basis: str,
        degree: int,
        *,
        parity: str = "any",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if basis not in BASES:
            raise ArgumentError("basis", expected=f"one of {', '.join(BASES)}", got=repr(basis))
        if parity not in PARITIES:
            raise ArgumentError("parity", expected=f"one of {', '.join(PARITIES)}", got=repr(parity))
        if basis == "rbf" and degree < 2:
            raise ArgumentError("degree", expected="at least 2 for radial functions", got=degree)
        self.basis, self.parity, self.degree = basis, parity, degree
        size = degree
        if basis == "sine":
            self.frequencies = nn.Parameter(torch.randn(degree, generator=generator))
            phases = torch.linspace(-_PHASES, _PHASES, degree)
            if parity == "any":
                self.phases = nn.Parameter(phases)
            else:
                fixed = torch.full((degree,), torch.pi / 2 if parity == "even" else 0.0, dtype=torch.float64)
                self.register_constant("phases", fixed, phases.dtype)
        elif basis == "rbf":
            self.centres = nn.Parameter(torch.linspace(-_CENTRES, _CENTRES, degree))
        elif basis == "fourier":
            self.frequency = nn.Parameter(torch.ones(()))
            size = degree * (2 if parity == "any" else 1)
        else:
            size = len(degrees_of(degree, parity))
        if basis == "grid":
            self.slopes = nn.Parameter(torch.ones(degree) if parity == "any" else torch.linspace(0.5, 2.0, degree))
            if parity == "any":
                self.shifts = nn.Parameter(torch.linspace(-_CENTRES, _CENTRES, degree))
        self.weight = nn.Parameter(torch.randn(outputs, mixing, size, generator=generator) / (mixing * degree))

    def forward(self, xi: Float[Tensor, "mixing samples"]) -> Float[Tensor, "outputs samples"]:
        """The sums."""
        if self.basis == "sine":
            return sine_map(xi, self.frequencies, self.phases, self.weight)
        return self.weight.flatten(1) @ self.terms(xi).transpose(0, 1).flatten(0, 1)

    def terms(self, xi: Float[Tensor, "mixing samples"]) -> Float[Tensor, "terms mixing samples"]:
        """The functions b_n of every unit, but for sines, whose sums are taken at once."""
        if self.basis == "rbf":
            width = 2 * _CENTRES / (self.degree - 1)
            centres = self.centres[:, None, None]
            found = torch.exp(-0.5 * ((xi - centres) / width) ** 2)
            if self.parity == "any":
                return found
            mirrored = torch.exp(-0.5 * ((xi + centres) / width) ** 2)
            return found + mirrored if self.parity == "even" else found - mirrored
        if self.basis == "fourier":
            turns = torch.arange(1, self.degree + 1, dtype=xi.dtype, device=xi.device)[:, None, None]
            angles = turns * (self.frequency * xi)
            waves = {"even": (torch.cos,), "odd": (torch.sin,)}.get(self.parity, (torch.cos, torch.sin))
            return torch.cat([wave(angles) for wave in waves])
        family = legendre if self.basis == "legendre" else chebyshev
        found = family(self._scale(xi) if self.basis == "grid" else torch.tanh(xi), self.degree)
        return found if self.parity == "any" else found[list(degrees_of(self.degree, self.parity))]

    def _scale(self, xi: Tensor) -> Tensor:
        """The mean of steps; without shifts it is odd."""
        inside = self.slopes[:, None, None] * xi
        if self.parity == "any":
            inside = inside + self.shifts[:, None, None]
        return torch.tanh(inside).mean(0)
