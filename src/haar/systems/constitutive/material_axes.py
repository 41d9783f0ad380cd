"""Along which axes a crystal class explains most of a stiffness: many starts, or many stiffnesses, at a time.

What a class leaves over is a sum of squares in three angles. Its derivative is known: a turn by a small angle changes a
matrix C of tensors by its commutator with the turn's generator. So Newton's steps of Gauss, damped as Levenberg and
Marquardt do, are taken from all starts together.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import from_mandel, mandel_rotation, to_mandel
from haar.groups.lie import rotation_of_quaternion
from haar.systems.constitutive.symmetry import material_symmetry
from haar.systems.constitutive.tensor_network import major_symmetric_basis

#: Classes for which all axes are alike, or which have none.
NO_AXES = ("isotropic", "-1")
_STARTS, _REFINED, _STEPS = 200, 24, 100
#: Starts whose squares differ by less than this share of the stiffness's own have ended in equivalent axes.
_ALIKE = 1e-12


def of_class(name: str, C: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch 6 6"]:
    """The nearest stiffness of a class, in its own axes."""
    basis = major_symmetric_basis(material_symmetry(name).tensors)
    return torch.einsum("...k,kij->...ij", torch.einsum("kij,...ij->...k", basis, C), basis)


def best_axes(
    name: str, C: Float[Tensor, "6 6"], generator: torch.Generator, starts: int = _STARTS
) -> Float[Tensor, "3 3"]:
    """The axes, as columns, along which a class explains most of a stiffness.

    Args:
        name: Of the class.
        C: In Mandel's coordinates.
        generator: Of the starts.
        starts: From how many rotations the search begins; the best of them are followed.
    """
    if name in NO_AXES:
        return torch.eye(3, dtype=torch.float64)
    quaternions = torch.randn(starts, 4, dtype=torch.float64, generator=generator)
    quaternions[0] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    frames = rotation_of_quaternion(quaternions / quaternions.norm(dim=-1, keepdim=True))
    left = _left(name, C, frames).square().sum((-2, -1))
    ends, least = _followed(name, C, frames[left.argsort(stable=True)[:_REFINED]])
    # the first of those that are equally good, which does not hang on the last digit
    return ends[int((least <= least.min() + _ALIKE * float(C.square().sum())).nonzero()[0])]


def axes_near(name: str, C: Float[Tensor, "draws 6 6"], frame: Float[Tensor, "3 3"]) -> Float[Tensor, "draws 3 3"]:
    """The same for several stiffnesses, from one start."""
    starts = frame.expand(len(C), 3, 3)
    return starts if name in NO_AXES else _followed(name, C, starts)[0]


def turned_back(C: Float[Tensor, "*batch 6 6"], frames: Float[Tensor, "*frames 3 3"]) -> Float[Tensor, "*both 6 6"]:
    """Stiffnesses in the axes that are the columns of frames; batches as torch broadcasts them."""
    R = mandel_rotation(frames)
    turned: Tensor = R.mT @ C @ R
    return turned


def _left(name: str, C: Tensor, frames: Tensor) -> Tensor:
    turned = turned_back(C, frames)
    return turned - of_class(name, turned)


def _followed(name: str, C: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Frames at the end of all searches, and what is left there."""
    spins = _spins()[:, None]
    damping = torch.full((len(frames),), 1e-3, dtype=torch.float64)
    left = _left(name, C, frames).flatten(1)
    square = left.square().sum(-1)
    eye, floor = torch.eye(3, dtype=torch.float64), 1e-14 * float(C.square().sum((-2, -1)).max())
    for _ in range(_STEPS):
        R = mandel_rotation(frames)
        moved = R.mT @ (C @ spins - spins @ C) @ R
        J = (moved - of_class(name, moved)).flatten(2).movedim(0, -1)
        normal = J.mT @ J
        damped = normal + (damping[:, None] * normal.diagonal(dim1=-2, dim2=-1) + floor)[:, None] * eye
        step = -torch.linalg.solve(damped, (J.mT @ left[..., None])).squeeze(-1)
        tried = _small_turns(step) @ frames
        after = _left(name, C, tried).flatten(1)
        found = after.square().sum(-1)
        better = found < square
        damping = torch.where(better, 0.1 * damping, 10 * damping).clamp(1e-12, 1e12)
        moving = better & (square - found > 1e-16 * square)
        frames = torch.where(better[:, None, None], tried, frames)
        left, square = torch.where(better[:, None], after, left), torch.where(better, found, square)
        if not bool((moving | (~better & (damping < 1e6))).any()):
            break
    return frames, square


def _cross(v: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    made: Tensor = torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).unflatten(-1, (3, 3))
    return made


def _small_turns(v: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    made: Tensor = torch.linalg.matrix_exp(_cross(v))
    return made


def _spins() -> Float[Tensor, "3 6 6"]:
    """How tensors begin to turn about the three axes: A changes by X A - A X."""
    X = _cross(torch.eye(3, dtype=torch.float64))[:, None]
    tensors = from_mandel(torch.eye(6, dtype=torch.float64))
    return to_mandel(X @ tensors - tensors @ X).mT
