"""Which crystal class a material has, and along which axes: from strains and stresses, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy import special
from torch import Tensor, nn

from haar.actions.representation import mandel_rotation
from haar.errors import ArgumentError, DataError, check_count
from haar.intertwiners import intertwiners
from haar.relax import ScoreTest, homotopise, score_test
from haar.report import Report, Section, Table
from haar.report.drawing import COLOURS, new_figure, style_axes
from haar.statistics import holm, least_squares
from haar.systems.constitutive.detection import checked_samples
from haar.systems.constitutive.elastic import ElasticConstant, constants_of, constants_section, ends_of
from haar.systems.constitutive.material_axes import NO_AXES, axes_near, best_axes, of_class, turned_back
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry
from haar.systems.constitutive.tensor_network import major_symmetric_basis
from haar.watch import Unwatched, Watch

#: The classes that linear elasticity tells apart, most symmetric first, with the larger of each pair for small strain.
CANDIDATES = ("isotropic", "cubic", "6/mmm", "4/mmm", "-3m", "mmm", "2/m", "-1")
#: Words for them in reports.
_WORDS = {"6/mmm": "transversely isotropic (hexagonal)", "4/mmm": "tetragonal", "-3m": "trigonal",
          "mmm": "orthorhombic", "2/m": "monoclinic", "-1": "triclinic"}  # fmt: skip
#: Groups whose lattice of subgroups is tested in the axes found: the larger crystal classes, without the inversion.
_LATTICES = {"isotropic": "432", "cubic": "432", "4/mmm": "432", "mmm": "432", "6/mmm": "622", "-3m": "622"}
#: Residuals below this share of the stress's square are rounding.
_ROUNDING = 1e-24
#: Share of the draws whose axes lie within the angle that is told.
_BAND = 0.95


@dataclass(frozen=True)
class Candidate:
    """A class, fitted along its best axes.

    Attributes:
        name: Of the class.
        frame: Axes as columns.
        left: Share of the stiffness (in Frobenius norm) that the class does not explain.
        error: Squared error of stresses over their mean square, that of the general stiffness taken off.
        p: Of the class against the general stiffness (F test on its constants), Holm's.
        constants: Elastic constants it has.
    """

    name: str
    frame: list[list[float]]
    left: float
    error: float
    p: float
    constants: int


class Identification(Report):
    """The class and axes that data have.

    Args:
        candidates: All classes, most symmetric first.
        chosen: The most symmetric one that is not rejected.
        angle: Half width of the interval of its axes, in degrees, by the bootstrap.
        left: Interval of what the class leaves unexplained.
        lattice: What the score test says of subgroups in these axes, where the class is a crystal's.
        stiffness: Of the class, in Mandel's coordinates and the material's axes, and its independent constants.
        samples: How many data there were.
        level: Of the tests.
    """

    kind: ClassVar[str] = "constitutive-identification"

    def __init__(
        self,
        candidates: Sequence[Candidate],
        chosen: Candidate,
        *,
        angle: float,
        left: tuple[float, float],
        lattice: ScoreTest | None,
        stiffness: tuple[Float[Tensor, "6 6"], Sequence[ElasticConstant]],
        samples: int,
        level: float,
    ) -> None:
        self.candidates, self.chosen, self.lattice = tuple(candidates), chosen, lattice
        self.angle, self.left = angle, left
        self.stiffness, self.constants = stiffness
        self.samples, self.level = samples, level
        self.title = "Which symmetry does the material have?"

    @property
    def frame(self) -> Float[Tensor, "3 3"]:
        """The material's axes, as columns."""
        return torch.tensor(self.chosen.frame, dtype=torch.float64)

    @property
    def material(self) -> MaterialSymmetry:
        """The class in its axes."""
        found = material_symmetry(self.chosen.name)
        return found if self.chosen.name in NO_AXES else found.turned(self.frame)

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        word = _WORDS.get(self.chosen.name, self.chosen.name)
        axes = f", axes known to {self.angle:.2g} degrees" if self.chosen.name not in NO_AXES else ""
        told = f"The data are {word}{axes} (p = {self.chosen.p:.2g}, {self.samples} samples)."
        return told + (f" {self.lattice.summary}" if self.lattice is not None else "")

    @property
    def made_of(self) -> Mapping[str, object]:
        """Conventions."""
        return {"conventions": "axes modulo the normaliser of the class; p by F tests against 21 constants, Holm's"}

    def contents(self) -> dict[str, Any]:
        """All that was found."""
        return {
            "class": self.chosen.name,
            "frame": self.chosen.frame,
            "angle": self.angle,
            "left": list(self.left),
            "samples": self.samples,
            "level": self.level,
            "stiffness": self.stiffness,
            "constants": [asdict(one) for one in self.constants],
            "candidates": [asdict(one) for one in self.candidates],
            "lattice": None if self.lattice is None else self.lattice.to_dict(),
        }

    def sections(self) -> Sequence[Section]:
        """Classes, then axes, then the lattice of subgroups."""
        rows = [
            (_WORDS.get(c.name, c.name), c.constants, c.left, c.error, c.p, c.p > self.level) for c in self.candidates
        ]
        columns = ("class", "constants", "stiffness left over", "error added", "p (Holm)", "kept")
        axes = [(f"axis {k + 1}", *(f"{row[k]:.4f}" for row in self.chosen.frame)) for k in range(3)]
        told = [
            Section("Classes", _CLASSES, Table("", columns, rows, verdicts=("kept",)), self._draw(), _CAPTION),
            Section("Axes", f"Known to {self.angle:.2g} degrees.", Table("", ("", "x", "y", "z"), axes)),
            constants_section(self.constants, _CONSTANTS),
        ]
        return told if self.lattice is None else [*told, *self.lattice.sections()[:1]]

    def _draw(self) -> Figure:
        figure = new_figure(6, 3)
        axes = style_axes(figure.subplots(), x="share of the stiffness left over")
        names = [_WORDS.get(c.name, c.name) for c in self.candidates][::-1]
        kept = [COLOURS[0] if c.p > self.level else COLOURS[3] for c in self.candidates][::-1]
        axes.barh(names, [c.left for c in self.candidates][::-1], color=kept)
        return figure


def identify(
    strain: Float[Tensor, "batch 6"],
    stress: Float[Tensor, "batch 6"],
    *,
    level: float = 0.05,
    draws: int = 100,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Identification:
    """Find class and axes.

    The stiffness of least squares is projected on every class along every axes; the class's constants are then fitted
    to the data and tested against all 21. The most symmetric class that is not rejected is chosen, its axes get an
    interval by the bootstrap over samples, and the lattice of its group is looked at by the score test of `haar.relax`.

    Args:
        strain: In Mandel's coordinates, small enough for a stiffness to say what matters.
        stress: Theirs.
        level: Of the tests, after correction.
        draws: Of the bootstrap.
        seed: Of all draws.
        watch: Told of the classes.

    Raises:
        DataError: If there are too few samples for 21 constants, or their strains do not span all six components.
    """
    check_count("draws", draws, least=10)
    if not 0 < level < 1:
        raise ArgumentError("level", expected="a number between 0 and 1", got=level)
    strain, stress = torch.as_tensor(strain), torch.as_tensor(stress)
    if strain.ndim != 2 or strain.shape[-1] != 6:
        raise DataError(f"strain: identification is for samples in space, (n, 6), got {tuple(strain.shape)}")
    strain, stress = checked_samples(strain, stress, 6)
    general = _general_fit(strain, stress)
    source = torch.Generator().manual_seed(seed)
    found: list[Candidate] = []
    base = (stress - strain @ general).square().sum()
    with watch.stage("classes", len(CANDIDATES)) as advance:
        for name in CANDIDATES:
            found.append(_fitted(name, general, (strain, stress), float(base), source))
            advance()
    # a class contains smaller ones: a test a step down, the p-values corrected together
    corrected = holm([one.p for one in found[:-1]])
    found = [Candidate(**{**asdict(one), "p": p}) for one, p in zip(found, [*corrected, 1.0], strict=True)]
    chosen = next(one for one in found if one.p > level)
    frame = torch.tensor(chosen.frame, dtype=torch.float64)
    angle, left, drawn = _intervals(chosen.name, frame, (strain, stress), draws, source)
    stiffness = of_class(chosen.name, turned_back(general, frame))
    constants = constants_of(material_symmetry(chosen.name), stiffness, drawn)
    # what rounding leaves over has no law: nothing is tested on it
    noisy = float(base) > _ROUNDING * float(stress.square().sum())
    lattice = _lattice(chosen.name, frame, strain, stress, seed) if noisy else None
    return Identification(
        found, chosen, angle=angle, left=left, lattice=lattice, stiffness=(stiffness, constants), samples=len(strain),
        level=level,
    )  # fmt: skip


def _general_fit(strain: Tensor, stress: Tensor) -> Float[Tensor, "6 6"]:
    """The symmetric matrix of least squares."""
    if len(strain) < 12:
        raise DataError(f"strain: {len(strain)} samples; 21 constants and their test need 12 at least")
    values = torch.linalg.svdvals(strain)
    if float(values[-1]) < 1e-6 * float(values[0]):
        raise DataError("strain: the samples do not span all six components; load the shears too")
    basis = major_symmetric_basis(material_symmetry("1").tensors)
    design = torch.einsum("kij,bj->bik", basis, strain).flatten(0, 1)
    constants = least_squares(design, stress.reshape(-1, 1)).flatten()
    return torch.einsum("k,kij->ij", constants, basis)


def _fitted(name: str, C: Tensor, data: tuple[Tensor, Tensor], base: float, source: torch.Generator) -> Candidate:
    strain, stress = data
    frame = best_axes(name, C, source)
    basis = major_symmetric_basis(material_symmetry(name).tensors)
    R = mandel_rotation(frame)
    turned = R @ basis @ R.mT
    design = torch.einsum("kij,bj->bik", turned, strain).flatten(0, 1)
    constants = least_squares(design, stress.reshape(-1, 1))
    squared = float((stress.reshape(-1, 1) - design @ constants).square().sum())
    freed = 0 if name in NO_AXES else 2 if name == "6/mmm" else 1 if name == "2/m" else 3
    unknowns, rest = len(basis) + freed, stress.numel() - 21
    projected = torch.einsum("kij,ij->k", turned, C)
    left = float((C - torch.einsum("k,kij->ij", projected, turned)).norm() / C.norm())
    if unknowns >= 21:
        return Candidate(name, frame.tolist(), left, 0.0, 1.0, len(basis))
    floor = float(stress.square().sum()) * 1e-24
    statistic = ((squared - base) / (21 - unknowns)) / (max(base, floor) / rest)
    p = float(special.fdtrc(21 - unknowns, rest, max(statistic, 0.0)))
    return Candidate(name, frame.tolist(), left, (squared - base) / float(stress.square().sum()), p, len(basis))


def _intervals(
    name: str, frame: Tensor, data: tuple[Tensor, Tensor], draws: int, source: torch.Generator
) -> tuple[float, tuple[float, float], Tensor]:
    """Of samples drawn again: how far the axes are, what is left over, and the stiffnesses of the class."""
    strain, stress = data
    every = [torch.randint(len(strain), (len(strain),), generator=source) for _ in range(draws)]
    C = torch.stack([_general_fit(strain[rows], stress[rows]) for rows in every])
    frames = axes_near(name, C, frame)
    angles = [_apart(again, frame, name) for again in frames]
    turned = turned_back(C, frames)
    own = of_class(name, turned)
    left = ((turned - own).norm(dim=(-2, -1)) / C.norm(dim=(-2, -1))).tolist()
    return float(np.quantile(angles, _BAND)), ends_of(left), own


def _apart(one: Tensor, other: Tensor, name: str) -> float:
    """Degrees between two frames; of a transversely isotropic material between its axes."""
    if name == "6/mmm":
        return math.degrees(math.acos(min(1.0, abs(float(one[:, 2] @ other[:, 2])))))
    if name == "2/m":
        return math.degrees(math.acos(min(1.0, abs(float(one[:, 1] @ other[:, 1])))))
    return math.degrees(math.acos(max(-1.0, min(1.0, (float((one.mT @ other).trace()) - 1) / 2))))


def _lattice(name: str, frame: Tensor, strain: Tensor, stress: Tensor, seed: int) -> ScoreTest | None:
    """The score test over the subgroups of the larger crystal group, in the axes found."""
    whole = _LATTICES.get(name)
    if whole is None:
        return None
    material = material_symmetry(whole).turned(frame)
    commuting = intertwiners(material.tensors, material.tensors).basis()
    design = torch.einsum("kij,bj->bik", commuting, strain).flatten(0, 1)
    constants = least_squares(design, stress.reshape(-1, 1)).flatten()
    linear = nn.Linear(6, 6, bias=False, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.einsum("k,kij->ij", constants, commuting))
    size = stress.square().mean().sqrt()
    model = homotopise(linear, material.laws, example=strain[:2], generator=seed)
    return score_test(model, lambda y, t: ((y - t) / size).square().mean(), strain, stress, seed=seed)


_CLASSES = (
    "Every class is fitted along its best axes, and its constants are tested against all 21 (F tests, corrected for "
    "the number of classes). The most symmetric one that is kept is the answer. Linear elasticity takes hexagonal "
    "materials for transversely isotropic ones."
)
_CONSTANTS = (
    "Independent entries of the stiffness in the material's axes, in Voigt's numbers, with intervals of 95 % by the "
    "bootstrap over samples; axes and constants are found again in every draw."
)
_CAPTION = "Share of the stiffness that each class leaves over, along its best axes; red: rejected."
