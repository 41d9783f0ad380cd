"""Tasks on files that others published, for those who have them: molecules' properties, shapes, molecular dynamics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Defining, Invariant, Symmetry, Vector, direct_sum
from haar.actions.representation import Trivial
from haar.data.published import read_md17, read_modelnet40, read_qm9
from haar.errors import DataError
from haar.groups import O
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.side_branch import with_side_branches
from haar.systems.adaptive_constrained_equivariance.particle_network import Neighbours, ParticleNetwork, everyone
from haar.systems.adaptive_constrained_equivariance.task import Task
from haar.systems.adaptive_constrained_equivariance.vector_neurons import VectorNeuronNetwork

_SPACE = O(3)
_VECTOR = Defining(_SPACE)
_ELEMENTS = (1, 6, 7, 8, 9)
Pairs = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class CloudTask(Task):
    """A cloud of points without velocities to scalars of the whole, or to one vector for every point.

    Args:
        files: The published file or folder.
        hidden: Width of the network.
        layers: Its number of layers.
        nearest: Neighbours of a point; 0 for all others.
    """

    files: str
    hidden: int = 64
    layers: int = 4
    nearest: int = 0
    beta: float = 0.0

    #: Scalars of a row, scalars of the output, and whether the last scalar of a row says that the point is there.
    scalars = 1
    outputs = 1
    masked = False

    @property
    def symmetry(self) -> Symmetry:
        """Rotations and reflections of space leave the output alone."""
        row = direct_sum([_VECTOR, Trivial(_SPACE, self.scalars)])
        return Symmetry(_SPACE, Vector(row), Invariant(_SPACE))

    def sample(self, part: str, count: int, generator: torch.Generator) -> Pairs:
        """Clouds of one part, without replacement; at most as many as there are."""
        x, y = self.part(part)
        chosen = torch.randperm(len(x), generator=generator)[:count]
        return x[chosen], y[chosen]

    def part(self, part: str) -> Pairs:
        """All of one part."""
        raise NotImplementedError

    def model(
        self, generator: torch.Generator, branches: torch.Generator, *, mode: str = "weight", kappa: bool = True
    ) -> Homotopy:
        """`ParticleNetwork`, its side branches being what breaks the symmetry."""
        del branches, mode, kappa
        points = self.part("train")[0].shape[1]
        network = ParticleNetwork(
            self.scalars,
            Neighbours(nearest=self.nearest) if self.nearest else everyone(points),
            velocities=False,
            hidden=self.hidden,
            layers=self.layers,
            outputs=self.outputs,
            masked=self.masked,
            generator=generator,
        )
        example = torch.randn(2, points, 3 + self.scalars, dtype=torch.float64)
        example[..., -1] = 1
        return with_side_branches(network, self.symmetry, example=example)


@dataclass(frozen=True)
class MoleculeTask(CloudTask):
    """QM9: one property of a molecule, standardised by mean and mean absolute deviation of the training part; L1.

    Args:
        target: Its name, see `haar.data.published.QM9_TARGETS`.
        exclude: File with the molecules to leave out, if any.
    """

    target: str = "U0"
    exclude: str = ""
    scalars = len(_ELEMENTS) + 1
    masked = True

    def part(self, part: str) -> Pairs:
        """80, 10 and 10 % of the molecules."""
        return _molecules(self.files, self.exclude, self.target)[part]

    def constant(self, y: Float[Tensor, "sample 1"]) -> Float[Tensor, " 1"]:
        """Their median, which has the least absolute error."""
        return y.median(0).values

    def losses(self, out: Float[Tensor, "model batch 1"], y: Float[Tensor, "model batch 1"]) -> Tensor:
        """The mean absolute error, in mean absolute deviations."""
        return (out - y).abs().flatten(1).mean(1)


@dataclass(frozen=True)
class ShapeTask(CloudTask):
    """ModelNet40: the class of a shape of 300 points; cross-entropy with labels smoothed by 0.2.

    Args:
        hidden: Vectors of a point in hidden layers.
        points: Number of points of each cloud.
        dropout: Whether test clouds miss up to 87.5 % of their points.
    """

    hidden: int = 21
    nearest: int = 20
    points: int = 300
    dropout: bool = False
    outputs = 40
    numbers = False

    def constant(self, y: Float[Tensor, "sample 1"]) -> Float[Tensor, " c"]:
        """The logarithms of how often every class comes, one sample of each added."""
        counts = torch.bincount(y.flatten().long(), minlength=self.outputs)
        return ((counts + 1) / (counts + 1).sum()).log()

    def part(self, part: str) -> Pairs:
        """The published split; every tenth training shape is kept for validation."""
        x, y = _shapes(self.files, "test" if part == "test" else "train", self.points, self.dropout and part == "test")
        if part == "test":
            return x, y
        held = torch.arange(len(x)) % 10 == 9
        return (x[held], y[held]) if part == "validation" else (x[~held], y[~held])

    def model(
        self, generator: torch.Generator, branches: torch.Generator, *, mode: str = "weight", kappa: bool = True
    ) -> Homotopy:
        """`VectorNeuronNetwork`, with the source's dense branches."""
        del branches, mode, kappa
        points = self.part("train")[0].shape[1]
        network = VectorNeuronNetwork(
            self.hidden,
            layers=self.layers,
            nearest=min(self.nearest, points - 1),
            outputs=self.outputs,
            generator=generator,
        )
        drawn = torch.randn(2, points, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return with_side_branches(network, self.symmetry, example=drawn)

    def losses(self, out: Float[Tensor, "model batch c"], y: Float[Tensor, "model batch 1"]) -> Tensor:
        """Smoothed cross-entropy."""
        losses = nn.functional.cross_entropy(
            out.flatten(0, 1), y.flatten().long(), label_smoothing=0.2, reduction="none"
        )
        return losses.view(out.shape[:2]).mean(1)


@dataclass(frozen=True)
class DynamicsTask(CloudTask):
    """MD17: the forces on the atoms of one molecule, standardised; the mean square.

    A force field is read off the places that the network predicts: their way from the given places.

    Args:
        train: Frames for training; as many again, at most 2000, for validation and for testing.
    """

    train: int = 1000
    scalars = 10
    outputs = 0

    @property
    def symmetry(self) -> Symmetry:
        """Rotations and reflections of space turn the forces."""
        row = direct_sum([_VECTOR, Trivial(_SPACE, self.scalars)])
        return Symmetry(_SPACE, Vector(row), Vector(_VECTOR))

    def part(self, part: str) -> Pairs:
        """Frames drawn once, without replacement."""
        return _frames(self.files, self.train)[part]


@lru_cache(maxsize=2)
def _molecules(files: str, exclude: str, target: str) -> dict[str, Pairs]:
    found = read_qm9(files, exclude=exclude or (), dtype=torch.float64)
    kind = torch.stack([found.numbers == number for number in _ELEMENTS], -1).double()
    there = found.atoms.double().unsqueeze(-1)
    middle = (found.positions * there).sum(1, keepdim=True) / there.sum(1, keepdim=True)
    x = torch.cat([(found.positions - middle) * there, kind, there], -1)
    y = found.target(target).unsqueeze(-1)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    first, last = round(0.8 * len(x)), round(0.9 * len(x))
    if not 0 < first < last < len(x):
        raise DataError(f"{files}: expected at least 10 molecules, got {len(x)}")
    kept = y[order[:first]]
    y = (y - kept.mean()) / (kept - kept.mean()).abs().mean().clamp(min=1e-12)
    parts = {"train": order[:first], "validation": order[first:last], "test": order[last:]}
    return {part: (x[chosen].float(), y[chosen].float()) for part, chosen in parts.items()}


@lru_cache(maxsize=2)
def _shapes(files: str, split: str, points: int, dropout: bool) -> Pairs:  # noqa: FBT001 (a key of the cache)
    found = read_modelnet40(files, split, points=points)
    if dropout:
        found = found.with_dropout(torch.Generator().manual_seed(0))
    # every shape in a direction of its own, in training and in tests
    turns = _SPACE.sample(len(found), torch.Generator().manual_seed(1)).to(found.points)
    turns = turns * torch.linalg.det(turns).sign()[:, None, None]
    turned = found.points @ turns.mT
    return torch.cat([turned, torch.ones(*turned.shape[:2], 1)], -1), found.labels.unsqueeze(-1).float()


@lru_cache(maxsize=2)
def _frames(files: str, train: int) -> dict[str, Pairs]:
    found = read_md17(Path(files))
    most = min(train, 2000)
    if len(found) < train + 2 * most:
        raise DataError(f"{files}: expected at least {train + 2 * most} frames, got {len(found)}")
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0))
    atoms = nn.functional.one_hot(found.numbers.clamp(max=9).long(), 10).double()
    middle = found.positions.mean(1, keepdim=True)
    x = torch.cat([found.positions - middle, atoms.expand(len(found), -1, -1)], -1)
    y = found.forces / found.forces[order[:train]].std()
    y = y + x[..., :3]
    parts = {"train": order[:train], "validation": order[train : train + most], "test": order[-most:]}
    return {part: (x[chosen].float(), y[chosen].float()) for part, chosen in parts.items()}
