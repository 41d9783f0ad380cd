"""The stiffness of a representative volume: Lippmann and Schwinger's equation on a grid, by conjugate gradients."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions.representation import from_mandel, to_mandel
from haar.errors import HaarError, ShapeError


def homogenise(
    phases: Int[Tensor, "x y z"],
    stiffness: Float[Tensor, "phases 6 6"],
    *,
    tolerance: float = 1e-8,
    most: int = 500,
) -> Float[Tensor, "6 6"]:
    """The effective stiffness of a periodic cell, in Mandel's coordinates.

    Strain is compatible where its Fourier coefficients are k u + u k; the projection on such fields makes of the
    equilibrium a positive linear system, solved for six mean strains at once. Cells are cubes; on axes with an even
    number of them the highest frequency, whose sign is not known, counts only where no other axis has one.

    Args:
        phases: Phase of every cell.
        stiffness: Of every phase, positive definite.
        tolerance: Of the residual over the right side.
        most: Steps of conjugate gradients.

    Raises:
        ShapeError: If a phase has no stiffness.
        HaarError: If the steps do not suffice, as for holes and rigid phases.

    Source: Zeman et al., J. Comput. Phys. 229 (2010) 8065; Moulinec and Suquet 1998.
    """
    if int(phases.max()) >= len(stiffness) or int(phases.min()) < 0:
        raise ShapeError("stiffness", expected=f"one for each of {int(phases.max()) + 1} phases", got=len(stiffness))
    C = stiffness.to(torch.float64)[phases]
    project = _Projection(tuple(phases.shape))
    mean = torch.eye(6, dtype=torch.float64).reshape(6, 1, 1, 1, 6).expand(6, *phases.shape, 6)

    def stress(field: Tensor) -> Tensor:
        return (C @ field.unsqueeze(-1)).squeeze(-1)

    right = -project(stress(mean))
    field, residual = torch.zeros_like(right), right.clone()
    direction, squared = residual.clone(), _dot(residual, residual)
    goal = tolerance**2 * squared.clamp(min=1e-300)
    for _ in range(most):
        if bool((squared <= goal).all()):
            break
        image = project(stress(direction))
        step = squared / _dot(direction, image).clamp(min=1e-300)
        step = torch.where(squared <= goal, torch.zeros_like(step), step)
        field = field + step * direction
        residual = residual - step * image
        after = _dot(residual, residual)
        direction = residual + after / squared.clamp(min=1e-300) * direction
        squared = after
    else:
        raise HaarError(
            f"homogenisation: residual {float((squared / goal).max()) ** 0.5 * tolerance:.1e} after {most} steps; "
            "the phases differ too much for this grid"
        )
    effective = stress(field + mean).mean((1, 2, 3))
    return 0.5 * (effective + effective.mT)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2, 3, 4), keepdim=True)


class _Projection:
    """Onto compatible strains of mean 0."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        axes = [torch.fft.fftfreq(n, dtype=torch.float64) for n in shape]
        k = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        for a, n in enumerate(shape):
            if n % 2 == 0:  # the sign of the highest frequency is not known: alone it does not matter
                others = k.abs().sum(-1) > k[..., a].abs()
                k[..., a] = torch.where(others & (k[..., a].abs() == 0.5), torch.zeros_like(k[..., a]), k[..., a])
        size = k.norm(dim=-1, keepdim=True)
        self.n = torch.where(size > 0, k / size.clamp(min=1e-300), torch.zeros_like(k))

    def __call__(self, field: Tensor) -> Tensor:
        """n (A n) + (A n) n - n n (n . A n), frequency by frequency: the strain of a displacement nearest to A."""
        A = from_mandel(torch.fft.fftn(field, dim=(1, 2, 3)))
        n = self.n.to(A.dtype)
        traction = (A @ n.unsqueeze(-1)).squeeze(-1)
        along = (n * traction).sum(-1, keepdim=True)
        outer = n.unsqueeze(-1) * (traction - 0.5 * along * n).unsqueeze(-2)
        made: Tensor = torch.fft.ifftn(to_mandel(outer + outer.mT), dim=(1, 2, 3)).real
        return made


def laminate_stiffness(first: Float[Tensor, "6 6"], second: Float[Tensor, "6 6"], share: float) -> Float[Tensor, "6 6"]:
    """The exact stiffness of two layers across the third axis, the first one in a share of the volume.

    In-plane strains and out-of-plane stresses are the same in both layers.

    Source: Backus, J. Geophys. Res. 67 (1962) 4427; Milton, The Theory of Composites, section 9.2.
    """
    out, plane = torch.tensor([2, 3, 4]), torch.tensor([0, 1, 5])
    terms = []
    for C, weight in ((first, share), (second, 1 - share)):
        inverse = torch.linalg.inv(C[out][:, out])
        mixed = inverse @ C[out][:, plane]
        terms.append((weight * inverse, weight * mixed, weight * (C[plane][:, plane] - C[plane][:, out] @ mixed)))
    inverse, mixed, rest = (sum(parts) for parts in zip(*terms, strict=True))
    outer = torch.linalg.inv(inverse)  # type: ignore[arg-type]
    C = torch.zeros(6, 6, dtype=torch.float64)
    C[out[:, None], out] = outer
    C[out[:, None], plane] = outer @ mixed
    C[plane[:, None], out] = (outer @ mixed).mT
    C[plane[:, None], plane] = rest + mixed.mT @ outer @ mixed  # type: ignore[union-attr]
    return C
