"""The compact group in a found algebra as a `Symmetry`: exact, in the coordinates where it is orthogonal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Invariant, Symmetry, Vector
from haar.discover.compact import compact_part
from haar.discover.coordinates import Coordinates, SideCoordinates
from haar.discover.flows import Finite
from haar.discover.rows import LinearProblem, Pair
from haar.discover.snapping import Snapped, snap
from haar.discover.whitening import Whitening
from haar.groups.algebra import LieAlgebra
from haar.statistics import least_squares

#: Coordinates of one's own must be better by this factor to be worth having.
_WORTH = 1.25


@dataclass(frozen=True)
class CompactAction:
    """A compact group that a model has, exact as a group, however closely the model follows it.

    Attributes:
        symmetry: The group with its actions, in `coordinates`.
        coordinates: Where it acts.
        pair: Its exact generators in whitened homogeneous coordinates.
        content: What representations it has on inputs and outputs.
        distance: How far the matrices were from it, in Casimir eigenvalues or charges.
        finite: Held-out defects of its elements.
    """

    symmetry: Symmetry
    coordinates: Coordinates
    pair: Pair
    content: tuple[str, str]
    distance: float
    finite: Finite


@dataclass(frozen=True)
class Frame:
    """What turns whitened matrices into matrices of the given coordinates, on one side."""

    space: Whitening
    quotient: bool

    def lifted(self, linear: Float[Tensor, "k r r"]) -> Float[Tensor, "k n n"]:
        """In the given coordinates; what the data, or the model, do not know stays where it is."""
        if self.quotient:
            inwards: Tensor = torch.linalg.pinv(self.space.inwards) @ linear @ self.space.inwards
            return inwards
        found: Tensor = self.space.outwards @ linear @ torch.linalg.pinv(self.space.outwards)
        return found

    def square(self) -> Float[Tensor, "n n"]:
        """W with rows added for what is outside the span."""
        inwards = self.space.inwards if self.quotient else torch.linalg.pinv(self.space.outwards)
        r, n = inwards.shape
        if r == n:
            return inwards
        rest = torch.linalg.svd(inwards, full_matrices=True).Vh[r:]
        size = float(torch.linalg.matrix_norm(inwards, ord=2))
        return torch.cat([inwards, size * rest])

    def fixed_point(self, side: Float[Tensor, "k r1 r1"], tolerance: float) -> Float[Tensor, " n"]:
        """The origin as given if the action keeps it, within its defect; else the point that it keeps."""
        linear, shift = side[:, :-1, :-1].flatten(0, 1), side[:, :-1, -1].flatten()
        size = float(linear.norm())
        origin = -(self.space.inwards @ self.space.centre)
        zero = torch.zeros_like(self.space.centre)
        if size == 0:
            return zero
        away = float((linear @ origin + shift).norm()) / size
        if away <= max(1e-6, 2 * tolerance) * max(1.0, float(origin.norm())):
            return zero
        own = least_squares(linear, -shift[:, None])[:, 0]
        found: Tensor = self.space.centre + self.space.outwards @ own
        return found


def compact_action(
    problem: LinearProblem,
    pair: Pair,
    algebra: LieAlgebra,
    judged: object,
    *,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    quotient: bool = False,
) -> CompactAction | str:
    """The compact group in an algebra, as exact as a group is; or in a sentence why there is none.

    Args:
        problem: Where the algebra was found.
        pair: Images of the algebra's orthonormal basis on inputs and outputs, whitened.
        algebra: The algebra.
        judged: From a pair to its held-out defects.
        shapes: Shapes of one input and one output.
        quotient: Whether inputs are those of a quotient.
    """
    frames = (Frame(problem.inputs, quotient), Frame(problem.outputs, False))
    linear = (pair.a[:, :-1, :-1], pair.b[:, :-1, :-1])
    lifted = [frame.lifted(matrix) for frame, matrix in zip(frames, linear, strict=True)]
    chosen = None
    for origin in (True, False):  # a point that the group keeps: the origin as given, or the middle of the data
        about = [_about(*parts, origin=origin) for parts in zip(frames, lifted, pair, strict=True)]
        chosen = compact_part(algebra, (about[0], about[1])) if chosen is None else chosen
    if chosen is None:
        return f"{algebra.name} has no compact part that moves the data: its generators are given, and no group"
    compact = algebra.subalgebra(chosen)
    coefficients = torch.einsum("jab,kab->jk", compact.basis, algebra.basis)
    own = pair.combined(coefficients)
    tried: list[CompactAction] = []
    refused = ""
    for orthogonal in (True, False):
        found = _snapped(problem, frames, compact, own, orthogonal=orthogonal)
        if isinstance(found, str):
            refused = refused or found
            continue
        snapped, sides = found
        exact = _exact(snapped, frames, sides)
        finite = judged(exact)  # type: ignore[operator]
        tried.append(_made(problem, snapped, sides, exact, finite, shapes=shapes))
    if not tried:
        return refused
    if len(tried) == 2 and tried[0].finite.defect > _WORTH * tried[1].finite.defect + 1e-6:
        return tried[1]
    return tried[0]


def _about(frame: Frame, linear: Tensor, side: Tensor, *, origin: bool) -> Tensor:
    """Linear part in the given coordinates, and, whitened, how the origin or the middle of the data is shifted."""
    n, r = linear.shape[-1], side.shape[-1] - 1
    place = torch.zeros(r, dtype=torch.float64)
    if origin:
        place = -(frame.space.inwards @ frame.space.centre)
    full = torch.zeros(len(linear), n + 1, n + 1, dtype=torch.float64)
    full[:, :n, :n] = linear
    full[:, :r, -1] = side[:, :-1, -1] + side[:, :-1, :-1] @ place
    return full


def _snapped(
    problem: LinearProblem, frames: tuple[Frame, Frame], compact: LieAlgebra, own: Pair, *, orthogonal: bool
) -> tuple[Snapped, list[SideCoordinates]] | str:
    matrices = []
    for frame, side in zip(frames, own, strict=True):
        linear = frame.lifted(side[:, :-1, :-1])
        if not orthogonal:
            square = frame.square()
            linear = square @ linear @ torch.linalg.inv(square)
        matrices.append(linear)
    if problem.kind == "invariant":
        matrices[1] = matrices[1][:, :1, :1] * 0
    found = snap(compact, matrices[0], matrices[1], orthogonal=orthogonal)
    if isinstance(found, str):
        return found
    sides = []
    for frame, side, made in zip(frames, own, (found.inputs, found.outputs), strict=True):
        if len(made.coordinates) != frame.space.size:  # of outputs that stay as they are
            n = frame.space.size
            sides.append(SideCoordinates(torch.eye(n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)))
            continue
        matrix = made.coordinates if orthogonal else made.coordinates @ frame.square()
        sides.append(SideCoordinates(matrix, frame.fixed_point(side, compact.tolerance)))
    return found, sides


def _exact(found: Snapped, frames: tuple[Frame, Frame], sides: list[SideCoordinates]) -> Pair:
    """Exact generators in whitened homogeneous coordinates."""
    made = []
    for frame, place, side in zip(frames, sides, (found.inputs, found.outputs), strict=True):
        r = frame.space.rank
        images = side.rep.algebra()
        full = torch.zeros(len(images), r + 1, r + 1, dtype=torch.float64)
        if side.rep.dim == frame.space.size:
            raw = torch.linalg.inv(place.matrix) @ images @ place.matrix
            full[:, :r, :r] = frame.space.inwards @ raw @ frame.space.outwards
            full[:, :r, r] = (frame.space.inwards @ raw @ (frame.space.centre - place.centre)[:, None]).squeeze(-1)
        made.append(full)
    return Pair(*made)


def _made(
    problem: LinearProblem,
    found: Snapped,
    sides: list[SideCoordinates],
    exact: Pair,
    finite: Finite,
    *,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> CompactAction:
    group = found.group
    invariant = problem.kind == "invariant"
    inputs = Vector(found.inputs.rep)
    outputs = Invariant(group) if invariant else Vector(found.outputs.rep)
    flat = problem.points is None and len(shapes[0]) != 1
    flat_out = not invariant and not (problem.kind == "same" and problem.points) and len(shapes[1]) != 1
    place = Coordinates(sides[0], sides[1], shapes[0] if flat else None, shapes[1] if flat_out else None)
    content = (found.inputs.content, "invariant" if invariant else found.outputs.content)
    return CompactAction(
        Symmetry(group, inputs, outputs),
        place,
        exact,
        content,
        max(found.inputs.distance, found.outputs.distance),
        finite,
    )
