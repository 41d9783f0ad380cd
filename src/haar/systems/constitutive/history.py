"""Laws with history: recurrent tensor networks, generalised standard materials, sliding elements."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.actions.representation import Trivial
from haar.errors import ArgumentError, ShapeError, check_count
from haar.groups import FiniteGroup, Group
from haar.nn import Linear, TensorFunction
from haar.seeding import Seed, generator_of
from haar.systems.constitutive.convex import SpectralPotential
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry
from haar.systems.constitutive.units import InUnits


class HistoryLaw(InUnits):
    """A law of strain paths, one increment after another: stress and a state that turns with the material's tensors.

    Attributes:
        material: The symmetry that it has by construction.
        states: Numbers of the state of a point.
    """

    material: MaterialSymmetry
    states: int

    @property
    def symmetry(self) -> Symmetry:
        """As `haar.audit` verifies it, on whole paths."""
        return self.material.laws

    @abstractmethod
    def step(
        self, strain: Float[Tensor, "*batch n"], state: Float[Tensor, "*batch s"]
    ) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch s"]]:
        """Stress and state after an increment that ends at a strain."""

    def initial_state(self, shape: tuple[int, ...]) -> Float[Tensor, "*batch s"]:
        """Zeros."""
        return self.strain_unit.new_zeros(*shape, self.states)

    def forward(self, path: Float[Tensor, "*batch steps n"]) -> Float[Tensor, "*batch steps n"]:
        """Stresses along a path of strains."""
        if path.ndim < 2:
            raise ShapeError("path", expected="steps and components on the last axes", got=tuple(path.shape))
        state = self.initial_state(tuple(path.shape[:-2]))
        stresses = []
        for strain in path.unbind(-2):
            stress, state = self.step(strain, state)
            stresses.append(stress)
        return torch.stack(stresses, -2)

    def response(self, strain: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Stress, consistent tangent and state after an increment.

        Args:
            strain: At the end of the increment.
            state: Before it.
        """
        with torch.enable_grad():
            x = strain.detach().requires_grad_()
            stress, after = self.step(x, state.detach())
            rows = [torch.autograd.grad(stress[..., k].sum(), x, retain_graph=True)[0] for k in range(x.shape[-1])]
        return stress.detach(), torch.stack(rows, -2), after.detach()


class LearnedHistory(HistoryLaw):
    """A law whose increments are computed in units of its data."""

    @abstractmethod
    def advance(self, strain: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """As `step`, with strain and stress in their units."""

    def step(self, strain: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One increment."""
        stress, after = self.advance(self.scaled(strain), state)
        return stress * self.stress_unit, after


class TensorGRU(LearnedHistory):
    """A gated recurrent cell whose features are tensors and whose gates are invariant numbers, one a tensor.

    Args:
        group: The material's.
        width: Tensors of the state.
        generator: Source of the weights.

    Example:
        >>> TensorGRU("plane D4", width=3)(torch.zeros(2, 5, 3, dtype=torch.float64)).shape
        torch.Size([2, 5, 3])

    Source: Garanger, Kraus and Rimoli, arXiv 2312.13511.
    """

    def __init__(self, group: str | MaterialSymmetry | Group, *, width: int = 16, generator: Seed = 0) -> None:
        super().__init__()
        check_count("width", width)
        self.material = material_symmetry(group)
        S, source = self.material.tensors, generator_of(generator)
        hidden, gates = width * S if width > 1 else S, Trivial(S.group, 2 * width)
        made: dict[str, Any] = {"generator": source, "dtype": torch.float64}
        self.width, self.states = width, width * S.dim
        self.of_strain, self.of_state = Linear(S, gates, **made), Linear(hidden, gates, bias=False, **made)
        self.new_strain, self.new_state = Linear(S, hidden, **made), Linear(hidden, hidden, **made)
        self.function = TensorFunction(hidden, "tanh")
        self.out = Linear(hidden, S, **made)

    def advance(self, strain: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One increment."""
        r, z = (self.of_strain(strain) + self.of_state(state)).sigmoid().chunk(2, -1)
        r, z = (gate.repeat_interleave(self.states // self.width, -1) for gate in (r, z))
        new = self.function(self.new_strain(strain) + r * self.new_state(state))
        state = (1 - z) * new + z * state
        return self.out(state), state


class StandardMaterial(LearnedHistory):
    """A generalised standard material: free energy W(E, a) and dissipation potential, both convex; viscoelastic laws.

    S = dW/dE, A = -dW/da, and an increment moves a by dt dphi*/dA(A). As phi* is convex with its least value at 0,
    A : da >= 0 on every path, trained or not.

    Args:
        group: The material's.
        internal: Internal tensors a.
        units: Hidden tensors of the energy; half as many of the dissipation potential.
        generator: Source of the weights.

    Raises:
        ArgumentError: If a number is too small.

    Example:
        >>> StandardMaterial("plane D4")(torch.zeros(2, 5, 3, dtype=torch.float64)).abs().max().item()
        0.0

    Source: Halphen and Nguyen, J. de Mecanique 14 (1975) 39.
    """

    def __init__(
        self, group: str | MaterialSymmetry | Group, *, internal: int = 2, units: int = 12, generator: Seed = 0
    ) -> None:
        super().__init__()
        check_count("internal", internal)
        check_count("units", units, least=2)
        self.material = material_symmetry(group)
        S, source = self.material.tensors, generator_of(generator)
        self.states = internal * S.dim
        self.free_energy = SpectralPotential(S, 1 + internal, units, source)
        self.dissipation = SpectralPotential(S, internal, units // 2, source)
        self.rate = nn.Parameter(torch.full((), -3.0, dtype=torch.float64))

    def advance(self, strain: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One increment: forces at its end, then the internal tensors."""
        gradient = self.free_energy(torch.cat([strain, state], -1))
        n = strain.shape[-1]
        stress, force = gradient[..., :n], -gradient[..., n:]
        return stress, state + nn.functional.softplus(self.rate) * self.dissipation(force)

    def dissipated(self, path: Float[Tensor, "*batch steps n"]) -> Float[Tensor, "*batch steps"]:
        """A : da of every increment, never negative."""
        state = self.initial_state(tuple(path.shape[:-2]))
        found = []
        for strain in self.scaled(path).unbind(-2):
            force = -self.free_energy(torch.cat([strain, state], -1))[..., strain.shape[-1] :]
            _, after = self.advance(strain, state)
            found.append((force * (after - state)).sum(-1))
            state = after
        return torch.stack(found, -1) * (self.strain_unit * self.stress_unit)


class SlidingElements(LearnedHistory):
    """Elastoplastic: elements in parallel, one for every image m of some tensors under the group.

    Every element feels e = m : E and yields at s0 + K a with kinematic hardening H: elastic, rate-independent, with an
    energy and a dissipation that is never negative, whatever the parameters. The increment is solved in closed form.

    Args:
        group: The material's, finite.
        units: Tensors whose orbits are taken.
        generator: Source of the weights.

    Raises:
        ArgumentError: If the group is continuous.

    Example:
        >>> SlidingElements("plane D4", units=2)(torch.zeros(2, 5, 3, dtype=torch.float64)).abs().max().item()
        0.0

    Source: Iwan, J. Appl. Mech. 34 (1967) 612.
    """

    def __init__(self, group: str | MaterialSymmetry | Group, *, units: int = 6, generator: Seed = 0) -> None:
        super().__init__()
        check_count("units", units)
        self.material = material_symmetry(group)
        if not isinstance(self.material.group, FiniteGroup):
            way_out = "take a finite subgroup, or StandardMaterial"
            raise ArgumentError("group", expected="a finite one, for orbits", got=self.material.name, way_out=way_out)
        S, source = self.material.tensors, generator_of(generator)
        matrices = S.matrix(self.material.group.elements())
        unlike = torch.unique(matrices.flatten(1).round(decimals=9), dim=0, return_inverse=True)[1]
        first = [int((unlike == k).nonzero()[0]) for k in range(int(unlike.max()) + 1)]
        self.register_constant("elements", matrices[first])
        made: dict[str, Any] = {"dtype": torch.float64}
        self.direction = nn.Parameter(torch.randn(units, S.dim, generator=source, **made) / S.dim**0.5)
        self.stiffness = nn.Parameter(torch.zeros(units, **made))
        self.yield_stress = nn.Parameter(torch.full((units,), -4.0, **made))
        self.hardening = nn.Parameter(torch.full((units, 2), -3.0, **made))
        self.background = Linear(S, S, bias=False, generator=source, **made)
        self.count = units * len(first)
        self.states = 3 * self.count

    def _elements(self) -> tuple[Tensor, ...]:
        """Directions (elements, n), stiffness, yield stress, kinematic and isotropic hardening, one each."""
        moves = self.constant_as("elements", self.direction.dtype)
        unit = self.direction / self.direction.norm(dim=-1, keepdim=True)
        m = torch.einsum("gij,uj->ugi", moves, unit).flatten(0, 1)
        one = torch.stack([self.stiffness, self.yield_stress, *self.hardening.unbind(-1)])
        return m, *nn.functional.softplus(one).repeat_interleave(len(moves), -1)

    def advance(self, strain: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One increment: trial, and the return of what has yielded."""
        m, k, s0, H, K = self._elements()
        plastic, back, total = state.chunk(3, -1)
        e = strain @ m.mT
        trial = (e - plastic) - back
        slip = (trial.abs() - (s0 + K * total)).clamp(min=0) / (1 + H + K)
        plastic = plastic + slip * trial.sign()
        back = back + H * slip * trial.sign()
        Q = self.background.matrix()
        weight = k / len(self.constant_as("elements", m.dtype))
        stress = (weight * (e - plastic)) @ m + (strain @ Q.mT) @ Q
        return stress, torch.cat([plastic, back, total + slip], -1)

    def dissipated(self, path: Float[Tensor, "*batch steps n"]) -> Float[Tensor, "*batch steps"]:
        """Plastic work less what hardening stores, of every increment; never negative."""
        m, k, *_ = self._elements()
        weight = k / len(self.constant_as("elements", m.dtype))
        state = self.initial_state(tuple(path.shape[:-2]))
        found = []
        for strain in self.scaled(path).unbind(-2):
            _, after = self.advance(strain, state)
            slipped = (after - state).chunk(3, -1)[0]
            plastic, back, _ = after.chunk(3, -1)
            found.append((weight * (strain @ m.mT - plastic - back) * slipped).sum(-1))
            state = after
        return torch.stack(found, -1) * (self.strain_unit * self.stress_unit)
