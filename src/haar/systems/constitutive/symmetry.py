"""Material symmetries by name: the 32 crystal classes, transverse isotropy, isotropy, and groups of the plane."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry, Vector
from haar.actions.representation import Defining, Determinant, Mandel, Representation, Trivial
from haar.errors import ArgumentError
from haar.groups import SO, Group, O, cyclic, dihedral
from haar.groups.crystal import POINT_GROUPS, crystal_group, find_point_group

#: The whole symmetry of the lattices of a crystal system: what "cubic" means where nothing more is said.
HOLOHEDRIES: Mapping[str, str] = {
    "triclinic": "-1",
    "monoclinic": "2/m",
    "orthorhombic": "mmm",
    "trigonal": "-3m",
    "tetragonal": "4/mmm",
    "hexagonal": "6/mmm",
    "cubic": "m-3m",
}
_SYNONYMS = {
    "orthotropic": "orthorhombic",
    "none": "1",
    "isotropy": "isotropic",
    "o(3)": "isotropic",
    "so(3)": "isotropic",
    "transversely isotropic": "inf/mm",
    "transverse isotropy": "inf/mm",
    "transverse": "inf/mm",
    "square": "plane d4",
    "rectangle": "plane d2",
    "plane isotropic": "plane o(2)",
}
#: Axes of a frame may be written with six digits.
FRAME_ERROR = 1e-5


@dataclass(frozen=True, eq=False)
class MaterialSymmetry:
    """The motions that a material does not notice, in the material's own axes.

    Args:
        name: What it is called.
        space: How the group turns vectors of the plane or of space.

    Raises:
        ArgumentError: If vectors have neither two nor three components.
    """

    name: str
    space: Representation

    def __post_init__(self) -> None:
        _ = self.tensors

    @property
    def group(self) -> Group:
        """The group."""
        return self.space.group

    @property
    def dim(self) -> int:
        """2 in the plane, 3 in space."""
        return self.space.dim

    @cached_property
    def tensors(self) -> Mandel:
        """How symmetric tensors turn, in Mandel's coordinates; one object for every question."""
        return Mandel(self.space)

    @cached_property
    def laws(self) -> Symmetry:
        """The symmetry of a law from strain to stress, for `haar.audit` and `haar.average`."""
        return Symmetry(self.group, Vector(self.tensors), Vector(self.tensors))

    def generators(self) -> Float[Tensor, "k d d"]:
        """Orthogonal matrices that generate the group; of a continuous one some whose products are dense in it."""
        g = self.group.generators() if self.group.is_finite else self.group.sample(4, torch.Generator().manual_seed(0))
        return self.space.matrix(g)

    def turned(self, frame: Float[Tensor, "d d"]) -> MaterialSymmetry:
        """The same material in other axes: those that the columns of a rotation name.

        Args:
            frame: A rotation; its columns are the material's axes in the axes of the data.

        Raises:
            ArgumentError: If it is no rotation, or left-handed.
        """
        return MaterialSymmetry(self.name, InFrame(self.space, check_frame(frame, self.dim)))

    def __str__(self) -> str:
        return self.name


class InFrame(Representation):
    """A representation on vectors in turned axes: Q becomes F Q F^T.

    Args:
        space: Before.
        frame: The rotation F.
    """

    def __init__(self, space: Representation, frame: Float[Tensor, "d d"]) -> None:
        self.space, self.frame = space, frame
        self.group, self.dim, self.name = space.group, space.dim, f"{space.name} in a frame"

    @property
    def degree(self) -> int | None:
        """As before."""
        return self.space.degree

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch d d"]:
        """Matrices of a batch of elements."""
        turned: Tensor = self.frame @ self.space.matrix(g) @ self.frame.mT
        return turned


def check_frame(frame: Tensor, dim: int) -> Float[Tensor, "d d"]:
    """A rotation in float64, if it is one.

    Raises:
        ArgumentError: If columns are not orthonormal, or the frame is left-handed.
    """
    F = torch.as_tensor(frame).to(torch.float64)
    if F.shape != (dim, dim):
        raise ArgumentError("frame", expected=f"a {dim} x {dim} matrix, axes as columns", got=tuple(F.shape))
    error = float((F.mT @ F - torch.eye(dim, dtype=torch.float64)).abs().max())
    if not error < FRAME_ERROR:
        raise ArgumentError("frame", expected="orthonormal axes as columns", got=f"axes with |F^T F - 1| = {error:.1e}")
    if float(torch.linalg.det(F)) < 0:
        way_out = "turn one axis around (multiply a column by -1)"
        raise ArgumentError(
            "frame", expected="a right-handed frame", got="a left-handed one, det F = -1", way_out=way_out
        )
    U, _, V = torch.linalg.svd(F)
    made: Tensor = U @ V
    return made


def _of_axis(mirrors: str, *, centred: bool) -> Callable[[], Representation]:
    """Turns about the third axis by any angle, with mirrors through it, or half turns across it."""

    def make() -> Representation:
        group = SO(2) if mirrors == "" else O(2)
        axis = Determinant(Defining(group)) if mirrors == "2" else Trivial(group)
        return Defining(group) + axis

    del centred  # symmetric tensors do not feel the inversion
    return make


_CONTINUOUS: Mapping[str, Callable[[], Representation]] = {
    "isotropic": lambda: Defining(O(3)),
    "inf": _of_axis("", centred=False),
    "inf/m": _of_axis("", centred=True),
    "infm": _of_axis("m", centred=False),
    "inf2": _of_axis("2", centred=False),
    "inf/mm": _of_axis("m", centred=True),
    "plane o(2)": lambda: Defining(O(2)),
    "plane so(2)": lambda: Defining(SO(2)),
}


@cache
def _named(name: str) -> MaterialSymmetry:
    if name in _CONTINUOUS:
        return MaterialSymmetry(name, _CONTINUOUS[name]())
    if name.startswith("plane "):
        kind, number = name[6:7], name[7:]
        if kind in ("c", "d") and number.isdigit() and 0 < int(number) <= 64:
            return MaterialSymmetry(name, Defining(cyclic(int(number)) if kind == "c" else dihedral(int(number))))
        raise ArgumentError("group", expected="plane C1 ... C64, D1 ... D64 or O(2)", got=repr(name))
    return MaterialSymmetry(name, Defining(crystal_group(name)))


def material_symmetry(group: str | MaterialSymmetry | Group) -> MaterialSymmetry:
    """The symmetry of a material, by name or from a group of matrices.

    Args:
        group: A crystal class by its international or Schoenflies name (``"m-3m"``, ``"Oh"``); a crystal system
            (``"cubic"``: its holohedry); ``"orthotropic"``, ``"transversely isotropic"``, ``"isotropic"``; one of the
            limit classes inf, infm, inf/m, inf2, inf/mm; ``"plane D4"`` or ``"plane O(2)"`` in two dimensions; or a
            group whose own matrices turn the plane or space (`haar.groups.from_matrices` makes one in any axes).

    Raises:
        ArgumentError: If the name is not known; close ones are offered.

    Example:
        >>> material_symmetry("cubic").name, material_symmetry("Oh").group.order
        ('m-3m', 48)
    """
    if isinstance(group, MaterialSymmetry):
        return group
    if isinstance(group, Group):
        return MaterialSymmetry(group.name, Defining(group))
    if not isinstance(group, str):
        raise ArgumentError("group", expected="a name such as m-3m, or a group", got=repr(group))
    word = group.strip().lower().replace("∞", "inf")
    word = _SYNONYMS.get(word, word)
    word = HOLOHEDRIES.get(word, word)
    if word in _CONTINUOUS or word.startswith("plane "):
        return _named(word)
    try:
        return _named(find_point_group(group.strip() if word == group.strip().lower() else word).international)
    except ArgumentError:
        for point in POINT_GROUPS:
            if word in (point.international.lower(), point.schoenflies.lower()):
                return _named(point.international)
        known = [*_SYNONYMS, *HOLOHEDRIES, *_CONTINUOUS, *(p.international for p in POINT_GROUPS)]
        known += [p.schoenflies for p in POINT_GROUPS]
        close = difflib.get_close_matches(group, known, n=1, cutoff=0.5)
        way_out = f"did you mean {close[0]}?" if close else "haar constitutive classes lists them"
        expected = "a crystal class (m-3m or Oh), a crystal system (cubic), transversely isotropic or isotropic"
        raise ArgumentError("group", expected=expected, got=repr(group), way_out=way_out) from None
