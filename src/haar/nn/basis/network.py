"""Kurkova-Kolmogorov-Arnold networks, plain or with a symmetry by their shape."""

from __future__ import annotations

import itertools
import warnings

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import representation_from_generators
from haar.constants import ConstantsModule
from haar.errors import ArgumentError, HaarWarning, ShapeError, check_count
from haar.groups import TableGroup
from haar.groups.generated import from_matrices
from haar.nn.basis.coordinates import Coordinates, Domain, Factor, Periods, coordinates
from haar.nn.basis.derivation import derived, outputs_of
from haar.nn.basis.inner_blocks import InnerBlocks
from haar.nn.basis.outer_block import OuterBlock
from haar.nn.basis.recorded import watched
from haar.nn.precision import check_numbers

#: How far beyond its interval a number counts as inside, for rounding of single precision.
_BEYOND = 1e-5


class KKAN(ConstantsModule):
    """``f(x) = sum_q g_q(sum_p Psi_(p,q)(x_p))``: a small network for every coordinate, then expansions of their sums.

    Every Psi_p is a Chebyshev embedding, dense layers with tanh, and a second embedding of their outputs; the g_q are
    sums of one family of functions. All blocks are computed at once: nothing loops over coordinates or units.

    Args:
        coordinates: Their number, each within [-1, 1]; or what `haar.nn.basis.coordinates` says of them: intervals and
            periods.
        outputs: Number of outputs.
        basis: Of the outer block: ``"sine"``, ``"rbf"``, ``"chebyshev"``, ``"legendre"``, ``"fourier"`` or
            ``"grid"``, see `OuterBlock`.
        degree: Of all expansions.
        inner: Width and number of the dense layers of an inner block.
        mixing: Number of units between the blocks.
        enhanced: Whether inner layers are weight-normalised, with adaptive residual blocks.
        generator: Source of the initial weights; by default torch's.

    Attributes:
        coordinates: What is known of them; in words as ``str(model.coordinates)``.
        asked: The symmetry that it was made for, if any.

    Raises:
        ArgumentError: If a size is not positive, or there is no such basis.

    Warns:
        HaarWarning: If inputs lie outside their intervals, where polynomials grow; with their share.

    Source:
        Toscano, Wang, Karniadakis, arXiv 2412.16738; symmetry by shape is our own addition.

    Example:
        >>> model = KKAN(2, inner=(8, 2), mixing=4)
        >>> model(torch.rand(5, 2)).shape
        torch.Size([5, 1])
    """

    coordinates: Coordinates
    asked: Symmetry | None

    def __init__(
        self,
        coordinates: int | Coordinates,
        outputs: int = 1,
        *,
        basis: str = "sine",
        degree: int = 7,
        inner: tuple[int, int] = (32, 4),
        mixing: int = 64,
        enhanced: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        known = coordinates if isinstance(coordinates, Coordinates) else _plain(coordinates)
        if len(inner) != 2:
            raise ArgumentError("inner", expected="width and number of layers", got=inner)
        for name, value in {"outputs": outputs, "degree": degree, "mixing": mixing}.items():
            check_count(name, value)
        check_count("inner", inner[0])
        check_count("inner", inner[1])
        self.coordinates, self.asked = known, None
        self.inner = InnerBlocks(known, degree, inner, mixing, enhanced=enhanced, generator=generator)
        self.outer = OuterBlock(mixing, outputs, basis, degree, parity=known.outer, generator=generator)
        self._told_share = 0.0

    @classmethod
    def for_symmetry(
        cls,
        symmetry: Symmetry,
        outputs: int | None = None,
        *,
        domain: Domain = (-1.0, 1.0),
        periods: Periods = None,
        basis: str = "sine",
        degree: int = 7,
        inner: tuple[int, int] = (32, 4),
        mixing: int = 64,
    ) -> KKAN:
        """A network that has a symmetry by its shape, exactly.

        Coordinates of one orbit share an inner block; signs make blocks even, or all of them odd; where an output
        changes sign it is a product with a polynomial that does. **The network may have more symmetry than was asked**:
        one block for three coordinates is invariant under all six permutations, also if only the three cyclic ones
        were asked. ``str(model.coordinates)`` says what it has, `whole_symmetry` gives it.

        Args:
            symmetry: Permutes coordinates and changes their signs (``Vector`` of a signed permutation); outputs are
                invariant or change their sign.
            outputs: Number of outputs, where the symmetry does not say it; by default 1.
            domain: The interval of all coordinates, or one for each.
            periods: The period of all coordinates, or one for each; None for what has none.
            basis: As for the class.
            degree: As for the class.
            inner: As for the class.
            mixing: As for the class.

        Raises:
            ArgumentError: If it cannot be built; the message says what stands in the way.

        Example:
            >>> from haar.actions.representation import Defining
            >>> from haar.groups import cyclic, dihedral
            >>> D4 = dihedral(4)
            >>> symmetry = Symmetry(D4, Vector(Defining(D4)), Invariant(D4))
            >>> model = KKAN.for_symmetry(symmetry, inner=(8, 2), mixing=4)
            >>> print(model.coordinates)
            all permutations of x0, x1; every sign of x0, x1
        """
        if not isinstance(symmetry, Symmetry):
            raise ArgumentError("symmetry", expected="a haar.Symmetry", got=type(symmetry).__name__)
        first = symmetry.inputs[0] if symmetry.inputs else None
        count = first.rep.dim if isinstance(first, Vector) else 1
        known = derived(coordinates(count, domain=domain, periods=periods), symmetry)
        said = outputs_of(symmetry)
        if None not in (said, outputs) and said != outputs:
            raise ArgumentError("outputs", expected=f"{said}, as the symmetry has", got=outputs)
        model = cls(known, said or outputs or 1, basis=basis, degree=degree, inner=inner, mixing=mixing)
        model.asked = symmetry
        return model

    @property
    def symmetry(self) -> Symmetry | None:
        """The symmetry that was asked; None for a plain network."""
        return self.asked

    def whole_symmetry(self, limit: int = 4096) -> Symmetry:
        """All permutations and signs of coordinates that the network has by its shape, and how outputs change.

        Args:
            limit: Largest order of the group.

        Raises:
            ArgumentError: If the group is larger.
        """
        known, order = self.coordinates, self.coordinates.order
        if order > limit:
            raise ArgumentError("limit", expected=f"at least {order}, the order of the group", got=limit)
        moves = _generators(known)
        group = from_matrices(moves, "W", limit=limit) if moves else _trivial(known.count)
        inputs = representation_from_generators(group, moves or [torch.eye(known.count).double()], "coordinates")
        signs = [self._signs(move) for move in moves]
        if all(bool((sign > 0).all()) for sign in signs):
            return Symmetry(group, Vector(inputs), Invariant(group))
        outputs = representation_from_generators(group, [torch.diag(sign) for sign in signs], "signs")
        return Symmetry(group, Vector(inputs), Vector(outputs))

    def forward(self, x: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch outputs"]:
        """The function.

        Raises:
            ShapeError: If the last axis is not that of the coordinates.
        """
        known = self.coordinates
        if x.ndim < 1 or x.shape[-1] != known.count:
            raise ShapeError("x", expected=f"{known.count} coordinates on the last axis", got=tuple(x.shape))
        check_numbers(x)
        rows = x.reshape(-1, known.count)
        u = self.inner.scaled(rows)
        if watched(x):
            self._warn_outside(u.detach())
        y: Tensor = self.outer(self.inner(u)).t()
        if known.factors:
            y = y * self._factors(rows)
        return y.reshape(*x.shape[:-1], y.shape[-1])

    def extra_repr(self) -> str:
        """The symmetry that it has."""
        return f"{self.coordinates.count} coordinates, {self.coordinates}"

    def _warn_outside(self, u: Tensor) -> None:
        """Tell the share of numbers outside their intervals, whenever it is larger than was told."""
        if u.numel() == 0 or all(period is not None for period in self.coordinates.periods):
            return
        sizes = u.abs() if not any(self.coordinates.periods) else u[~self.inner.is_periodic].abs()
        if float(sizes.amax()) <= 1 + _BEYOND:
            return
        share = float((sizes > 1 + _BEYOND).double().mean())
        if share > self._told_share:
            self._told_share = share
            ends = ", ".join(f"[{low:g}, {high:g}]" for low, high in sorted(set(self.coordinates.domains)))
            message = (
                f"{share:.1%} of the inputs lie outside {ends}, where polynomials grow; give the domain they lie in"
            )
            warnings.warn(message, HaarWarning, stacklevel=3)

    def _factors(self, x: Float[Tensor, "samples count"]) -> Float[Tensor, "samples outputs"]:
        """What outputs are multiplied by."""
        u = self.inner.scaled(x)
        if self.inner.order is not None:
            u = u[[self.inner.order.index(place) for place in range(self.coordinates.count)]]
        one = torch.ones_like(u[0])
        columns = []
        for factors in self.coordinates.factors:
            column = one
            for factor in factors:
                column = column * self._factor(factor, u)
            columns.append(column)
        return torch.stack(columns, -1)

    def _factor(self, factor: Factor, u: Tensor) -> Tensor:
        values = [u[place] for place in factor.places]
        repeats = self.coordinates.periods[factor.places[0]] is not None
        if factor.kind == "coordinate":
            return torch.sin(torch.pi * values[0]) if repeats else values[0]
        if factor.kind == "difference":
            return values[0] - values[1]
        if repeats:
            return torch.cos(torch.pi * values[0]) - torch.cos(torch.pi * values[1])
        return values[0] ** 2 - values[1] ** 2

    def _signs(self, move: Tensor) -> Tensor:
        """What each output is multiplied by under a generator of the whole symmetry."""
        known, outputs = self.coordinates, self.outer.weight.shape[0]
        if known.outer == "odd":
            all_change = torch.equal(move, -torch.eye(known.count).double())
            return torch.full((outputs,), -1.0 if all_change else 1.0, dtype=torch.float64)
        if not known.factors:
            return torch.ones(outputs).double()
        ends = torch.tensor(known.domains, dtype=torch.float64)
        # a point that no reflection fixes, within the intervals and less than a quarter of any period
        at = ends.mean(1) + (ends[:, 1] - ends[:, 0]) / 4 * torch.linspace(0.3, 0.9, known.count).double()
        periods = torch.tensor([period or torch.inf for period in known.periods]).double()
        at = torch.minimum(at, periods / 5 * torch.linspace(0.3, 0.9, known.count).double())
        values = [self._factors_at(point) for point in (at, move @ at)]
        return torch.sign(values[0] * values[1])

    def _factors_at(self, point: Tensor) -> Tensor:
        return self._factors(point[None])[0]


def _plain(count: int) -> Coordinates:
    check_count("coordinates", count)
    return coordinates(count)


def _trivial(count: int) -> TableGroup:
    return from_matrices([torch.eye(count).double()], "1")


def _generators(known: Coordinates) -> list[Tensor]:
    """Exchanges of neighbours in each block, one sign of each even block, and the sign of all."""
    found = []
    signs = torch.tensor(known.signs, dtype=torch.float64)
    for members, even in zip(known.members, known.even, strict=True):
        for a, b in itertools.pairwise(members):
            move = torch.eye(known.count).double()
            move[[a, b]] = move[[b, a]]
            found.append(signs[:, None] * move * signs)
        if even:
            move = torch.eye(known.count).double()
            move[members[0], members[0]] = -1
            found.append(move)
    if known.inner == "odd":
        found.append(-torch.eye(known.count).double())
    return found
