"""One example of every kind of action on the faces, with default arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

import haar.actions as face
from haar.actions import Action, Defining, Space, Trivial
from haar.groups import SO, Torus, dihedral, symmetric

D4, PLANE = dihedral(4), SO(2)


@dataclass(frozen=True)
class Example:
    """How an action is made, and the shape that it acts on."""

    make: Callable[[], Action]
    shape: tuple[int, ...]
    nodes: int = 0

    def tensor(self, seed: int = 0) -> Tensor:
        if self.nodes:
            return torch.randint(self.nodes, self.shape, generator=torch.Generator().manual_seed(seed))
        return torch.randn(*self.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


EXAMPLES = {
    "Bilinear": Example(lambda: face.Bilinear(Space(D4)), (3, 2, 2)),
    "Boxes": Example(lambda: face.Boxes(D4, (8, 8)), (3, 2, 4)),
    "Concatenated": Example(
        lambda: face.Concatenated([(face.Field(Space(D4)), 2), (face.Invariant(D4), 1)], axis=-3), (3, 3, 4, 4)
    ),
    "ContinuousShift": Example(lambda: face.ContinuousShift(Torus(1), channels=None), (3, 5)),
    "Edges": Example(lambda: face.Edges(Defining(symmetric(4))), (3, 2, 5), nodes=4),
    "Field": Example(lambda: face.Field(Space(D4)), (3, 2, 4, 4)),
    "InterpolatedField": Example(lambda: face.InterpolatedField(Defining(PLANE)), (3, 2, 9, 9)),
    "Invariant": Example(lambda: face.Invariant(D4), (3, 4)),
    "Keypoints": Example(lambda: face.Keypoints(D4, (8, 8)), (3, 5, 2)),
    "Points": Example(lambda: face.Points(relabelling=Defining(symmetric(4))), (3, 4, 2)),
    "Spectral": Example(lambda: face.Spectral((1, 2)), (3, 5, 3)),
    "Vector": Example(lambda: face.Vector(Defining(D4) + Trivial(D4)), (3, 3)),
}


def public_actions() -> dict[str, type[Action]]:
    """Every kind of action on the face, by name."""
    named = {name: getattr(face, name) for name in face.__all__}
    return {n: k for n, k in named.items() if isinstance(k, type) and issubclass(k, Action) and k is not Action}
