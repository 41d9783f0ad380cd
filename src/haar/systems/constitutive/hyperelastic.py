"""A strain energy that is a network of invariant polynomials: exactly symmetric, stress and tangent in closed form."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import check_count
from haar.groups import Group
from haar.seeding import Seed, generator_of
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.polynomial_response import Units, is_plain, response
from haar.systems.constitutive.polynomials import InvariantPolynomials
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry


class Hyperelastic(Law):
    """S = dW/dE with W(E) = a . I + v . softplus(K I + b), less its value and slope at E = 0.

    I are the invariant polynomials of E up to `degree`, which tell every point group from every larger one (the
    features of a tensor network do not). Stress, tangent and their gradients are sums and products: nothing is
    differentiated by a graph, equal principal strains are no special case, and the law exports as it is.

    Args:
        group: The material's, see `material_symmetry`.
        width: Hidden units; 0 for a polynomial energy.
        degree: Of the invariants.
        generator: Source of the weights.

    Raises:
        ArgumentError: If a number is out of range or the group unknown.

    Example:
        >>> law = Hyperelastic("m-3m", width=8, generator=0)
        >>> law(torch.zeros(1, 6, dtype=torch.float64)).abs().max().item()
        0.0
    """

    def __init__(
        self, group: str | MaterialSymmetry | Group, *, width: int = 32, degree: int = 4, generator: Seed = 0
    ) -> None:
        super().__init__()
        check_count("width", width, least=0)
        self.material = material_symmetry(group)
        self.invariants = InvariantPolynomials(self.material, degree)
        count, source = self.invariants.count, generator_of(generator)
        made: dict[str, Any] = {"dtype": torch.float64, "generator": source}
        self.linear = nn.Parameter(torch.zeros(count, dtype=torch.float64))
        self.hidden = nn.Parameter(torch.randn(width, count, **made) / count**0.5)
        self.bias = nn.Parameter(torch.randn(width, **made))
        self.outer = nn.Parameter(0.1 * torch.randn(width, **made) / max(width, 1) ** 0.5)

    def energy(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Strain energy, 0 at E = 0."""
        I = self.invariants(self.scaled(strain))
        inner = I @ self.hidden.T + self.bias
        slope = (self.outer * self.bias.sigmoid()) @ self.hidden
        first = self.invariants.counts[0]
        value = nn.functional.softplus(inner) @ self.outer - nn.functional.softplus(self.bias) @ self.outer
        value = value + I[..., first:] @ self.linear[first:] - I[..., :first] @ slope[:first]
        energy: Tensor = value * self.stress_unit * self.strain_unit
        return energy

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress, 0 at E = 0."""
        powers = self.invariants.powers(self.scaled(strain))
        weights, _ = self._weights(powers)
        return (weights.unsqueeze(-2) @ self.invariants.slopes(powers)).squeeze(-2) * self.stress_unit

    def response(self, strain: Float[Tensor, "*batch n"]) -> tuple[Tensor, Tensor]:
        """Stress and tangent in closed form."""
        if is_plain(strain, self.parameters()):
            flat, n = self.scaled(strain), strain.shape[-1]
            units = Units(self.linear - self.at_rest(), self.hidden, self.bias, self.outer)
            stress, tangent = response(self.invariants, units, flat.reshape(-1, n))
            found = stress.view(flat.shape), tangent.view(*flat.shape, n)
            return found[0] * self.stress_unit, found[1] * (self.stress_unit / self.strain_unit)
        powers = self.invariants.powers(self.scaled(strain))
        weights, active = self._weights(powers)
        slopes = self.invariants.slopes(powers)
        stress = (weights.unsqueeze(-2) @ slopes).squeeze(-2)
        turned = self.hidden @ slopes  # (..., width, n)
        curvature = self.outer * active * (1 - active)
        tangent = turned.transpose(-1, -2) @ (curvature.unsqueeze(-1) * turned)
        tangent = tangent + self.invariants.bends(powers, weights)
        return stress * self.stress_unit, tangent * (self.stress_unit / self.strain_unit)

    def _weights(self, powers: Tensor) -> tuple[Tensor, Tensor]:
        """dW/dI less what it is at E = 0 for invariants of degree one, and the units' slopes."""
        I = powers @ self.invariants.constant_as("values", powers.dtype)
        active = (I @ self.hidden.T + self.bias).sigmoid()
        return self.linear + (active * self.outer) @ self.hidden - self.at_rest(), active

    def at_rest(self) -> Float[Tensor, " invariants"]:
        """dW/dI at E = 0 of invariants of degree one, which is taken off: without strain there is no stress."""
        first = self.invariants.counts[0]
        found = torch.zeros_like(self.linear)
        found[:first] = (self.linear + (self.bias.sigmoid() * self.outer) @ self.hidden)[:first]
        return found

    def begin(self, strain: Float[Tensor, "batch n"], stress: Float[Tensor, "batch n"]) -> None:
        """Start from data: units, hidden weights in units of each invariant's spread, the polynomial part fitted.

        Args:
            strain: Strains.
            stress: Their stresses.
        """
        self.set_units(strain, stress)
        with torch.no_grad():
            self.hidden.div_(self.invariants(self.scaled(strain)).std(0).clamp(min=1e-6))
        self.fit_linear(strain, stress)

    def fit_linear(
        self, strain: Float[Tensor, "batch n"], stress: Float[Tensor, "batch n"], *, ridge: float = 1e-8
    ) -> None:
        """Set the polynomial part by least squares on stresses, the network as it stands taken off first.

        Args:
            strain: Strains.
            stress: Their stresses.
            ridge: Over the mean square of the design.
        """
        with torch.no_grad():
            self.linear.zero_()
            slopes = self.invariants.slopes(self.invariants.powers(self.scaled(strain)))
            first = self.invariants.counts[0]
            design = slopes[:, first:].transpose(-1, -2).flatten(0, 1)
            left = ((stress - self(strain)) / self.stress_unit).flatten()
            gram = design.T @ design
            gram = gram + ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
            self.linear[first:] = torch.linalg.solve(gram, design.T @ left)
