"""A periodic cell of bars whose inner nodes move as they like, so that bars have strains of their own; also chiral."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import from_mandel, to_mandel
from haar.errors import ArgumentError, HaarError
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry

_RADIUS = 0.25
#: Stiffness of the square frame, of which the others are multiples.
_FRAME = 0.4
#: Forces on inner nodes that are rounding, and corrections at most.
_STILL, _MOST = 1e-12, 200
#: Least curvature that a correction is computed with, and how often it is halved until the energy falls.
_LEAST, _HALVINGS = 1e-3, 30


class NonAffineCell(Law):
    """Bars between the corners of a square cell and four nodes inside, which move until the energy is least.

    A bar has tension e + 8 e^2 and compression tanh(10 e) / 10 at the elongation e = l / L - 1. The inner nodes stand
    on the diagonals, and the cell has the symmetry of the square; turned off them all mirrors are broken and the
    fourfold axis is left. A linear law cannot tell the two apart but for the axes of the square that it would have.

    Args:
        chiral: Angle in radians by which the inner nodes are turned off the diagonals, below a quarter of pi.

    Raises:
        ArgumentError: If the angle is none.

    Example:
        >>> NonAffineCell()(torch.zeros(1, 3, dtype=torch.float64)).abs().max().item()
        0.0
    """

    def __init__(self, chiral: float = 0.0) -> None:
        super().__init__()
        if not abs(chiral) < math.pi / 4:
            raise ArgumentError("chiral", expected="an angle between -pi/4 and pi/4", got=chiral)
        self.chiral = float(chiral)
        self.material: MaterialSymmetry = material_symmetry("plane C4" if chiral else "plane D4")
        bars, ends, weights = _bars(self.chiral)
        self.register_constant("bars", bars)
        self.register_constant("ends", ends)
        self.register_constant("weights", weights)

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress.

        Raises:
            HaarError: If inner nodes do not come to rest.
        """
        C = (torch.eye(2, dtype=strain.dtype) + 2 * from_mandel(strain)).reshape(-1, 2, 2)
        with torch.no_grad():
            moved = self._at_rest(C)
        if torch.is_grad_enabled() and strain.requires_grad:  # a correction of nothing, which has the derivatives
            _, force, curvature = self._energy(C, moved)
            moved = moved - torch.linalg.solve(curvature.detach(), force)
        Y = self._vectors(moved)
        length, tension, _ = self._of_bars(C, Y)
        stress = torch.einsum("sk,ski,skj->sij", self.constant_as("weights", C.dtype) * tension / length, Y, Y)
        return to_mandel(stress).view(strain.shape)

    def inner_nodes(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch 4 2"]:
        """By how much the inner nodes are away from where the strain alone would take them, in the material's frame."""
        C = (torch.eye(2, dtype=strain.dtype) + 2 * from_mandel(strain)).reshape(-1, 2, 2)
        with torch.no_grad():
            return self._at_rest(C).view(*strain.shape[:-1], 4, 2)

    def _vectors(self, moved: Tensor) -> Tensor:
        ends = self.constant_as("ends", moved.dtype)
        return self.constant_as("bars", moved.dtype) + torch.einsum("kn,sni->ski", ends, moved.view(-1, 4, 2))

    def _of_bars(self, C: Tensor, Y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Lengths, tensions and elongations."""
        length = torch.einsum("ski,sij,skj->sk", Y, C, Y).clamp(min=1e-12).sqrt()
        e = length / self.constant_as("bars", C.dtype).norm(dim=-1) - 1
        return length, torch.where(e > 0, e + 8 * e.square(), 0.1 * torch.tanh(10 * e)), e

    def _energy(self, C: Tensor, moved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Energy, its slope and curvature by the inner nodes."""
        Y, weights = self._vectors(moved), self.constant_as("weights", C.dtype)
        length, tension, e = self._of_bars(C, Y)
        own = self.constant_as("bars", C.dtype).norm(dim=-1)
        stiff = torch.where(e > 0, 1 + 16 * e, 1 / torch.cosh(10 * e).square())
        push = 10 * e.clamp(max=0)
        stored = torch.where(e > 0, e.square() / 2 + 8 * e**3 / 3, 0.01 * torch.log(torch.cosh(push)))
        energy = (weights * own * stored).sum(-1)
        CY = torch.einsum("sij,skj->ski", C, Y)
        slope = (weights * tension / length).unsqueeze(-1) * CY
        along = (weights * (stiff / own / length.square() - tension / length**3))[..., None, None]
        across = (weights * tension / length)[..., None, None]
        bend = along * CY.unsqueeze(-1) * CY.unsqueeze(-2) + across * C.unsqueeze(1)
        ends = self.constant_as("ends", C.dtype)
        force = torch.einsum("kn,ski->sni", ends, slope).flatten(1)
        curvature = torch.einsum("kn,km,skij->snimj", ends, ends, bend)
        return energy, force, curvature.reshape(-1, 8, 8)

    def _at_rest(self, C: Tensor) -> Tensor:
        moved = C.new_zeros(len(C), 8)
        for _ in range(_MOST):
            energy, force, curvature = self._energy(C, moved)
            if not bool((force.abs().amax(-1) > _STILL * _scale(C)).any()):
                return moved
            values, vectors = torch.linalg.eigh(curvature)
            bounded = values.abs().clamp(min=_LEAST)
            step = -(vectors @ ((vectors.mT @ force.unsqueeze(-1)) / bounded.unsqueeze(-1))).squeeze(-1)
            share = torch.ones_like(energy)
            for _ in range(_HALVINGS):
                higher = self._energy(C, moved + share[:, None] * step)[0] > energy + 1e-15
                if not bool(higher.any()):
                    break
                share = torch.where(higher, share / 2, share)
            moved = moved + share[:, None] * step
        worst = int(force.abs().amax(-1).argmax())
        raise HaarError(f"strain: the inner nodes of sample {worst} do not come to rest; give smaller strains")


def _scale(C: Tensor) -> float:
    """Forces of single precision are coarser."""
    return 1.0 if C.dtype == torch.float64 else 1e6


def _bars(chiral: float) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors of all bars in the cell as it was made, which inner nodes they end at, and their weights."""
    angles = math.pi / 4 + chiral + math.pi / 2 * torch.arange(4, dtype=torch.float64)
    nodes = 0.5 + _RADIUS * torch.stack([angles.cos(), angles.sin()], -1)
    corners = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    over = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    eye = torch.eye(4, dtype=torch.float64)
    following = [1, 2, 3, 0]
    ring = nodes[following] - nodes, eye[following] - eye
    spokes = corners - nodes, -eye
    neighbours = nodes[following] + over - nodes, eye[following] - eye
    frame = torch.eye(2, dtype=torch.float64), torch.zeros(2, 4, dtype=torch.float64)
    kinds = ((ring, 1.0), (spokes, 1.0), (neighbours, 1.0), (frame, _FRAME))
    vectors, ends = (torch.cat([kind[place] for kind, _ in kinds]) for place in (0, 1))
    weights = torch.cat([torch.full((len(kind[0]),), weight, dtype=torch.float64) for kind, weight in kinds])
    return vectors, ends, weights
