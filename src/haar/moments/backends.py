"""How cumulants are stored on their way: one object a back-end, each with its own options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from haar.errors import ArgumentError, ShapeError, check_count
from haar.moments.bounds import mean_bound
from haar.moments.dense import DenseRun
from haar.moments.diagonal import run_diagonal
from haar.moments.factored import SCHEMES
from haar.moments.factored_run import FactoredRun
from haar.moments.joint import InputLaw, shape_under
from haar.moments.node_symmetry import NodeSymmetry, found_orbits, node_orbits
from haar.moments.orbit_backend import OrbitRun
from haar.moments.orbit_factored import FactoredOrbitRun
from haar.moments.orbit_propagation import OrbitPropagation
from haar.moments.program import Program
from haar.moments.propagation import ErrorEstimate, Propagation


class Backend(ABC):
    """How cumulants are stored.

    Attributes:
        name: Name by which it is chosen.
        takes_parts: Whether it goes on with parts that have no closed form.
    """

    name: ClassVar[str]
    takes_parts: ClassVar[bool] = True

    @abstractmethod
    def check_order(self, order: int | str) -> None:
        """Refuse an order that it does not carry.

        Raises:
            ArgumentError: If it does not.
        """

    @abstractmethod
    def run(self, program: Program, law: InputLaw, order: int | str) -> Propagation | OrbitPropagation:
        """Carry the law's cumulants through a program."""

    def input_shape(self, law: InputLaw, given: Sequence[int] | None) -> tuple[int, ...]:
        """Shape of one input; checked against the law."""
        return shape_under(law, given)


@dataclass(frozen=True)
class Dense(Backend):
    """All joint cumulants of all live values, orders 1 to 4.

    Args:
        tolerance: Relative truncation error of Mehler's series.
        samples: Draws for parts that are sampled.
        generator: Source of these draws (seed 0 if None).

    Raises:
        ArgumentError: If a number is out of its range.

    Example:
        >>> Dense(samples=1000).name
        'dense'
    """

    name: ClassVar[str] = "dense"

    tolerance: float = 1e-12
    samples: int = 20_000
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        _check_tolerance(self.tolerance)
        check_count("samples", self.samples, least=4)

    def check_order(self, order: int | str) -> None:
        """Refuse "2+", which is no number of tensors."""
        if order not in (1, 2, 3, 4):
            way = "use backend='factored'"
            raise ArgumentError("order", expected="1, 2, 3 or 4 with backend='dense'", got=repr(order), way_out=way)

    def run(self, program: Program, law: InputLaw, order: int | str) -> Propagation:
        """Carry the law's cumulants; from order 3 on beside those of order 2."""
        order = int(order)
        bound = mean_bound(program, law) if order == 2 and not law.normal else None
        state = self._at(order, program).run(law)
        error = ErrorEstimate(mean_bound=bound)
        if order > 2 and not any(layer.how == "sampled" for layer in state.layers):
            lower = self._at(2, program).run(law).joint
            error = ErrorEstimate((state.joint.mean - lower.mean).abs(), (state.joint.cov - lower.cov).abs())
        return Propagation.of(state, program, order=order, backend=self.name, error=error)

    def _at(self, order: int, program: Program) -> DenseRun:
        options = {"tolerance": self.tolerance, "samples": self.samples, "generator": self.generator}
        return DenseRun(program, order=order, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Factored(Dense):
    """Mean and covariance of all live values, third and fourth cumulants as sums of products of matrices.

    Orders "2+" (the third and fourth cumulants that one activation makes) and 3 (those of all). Memory is of order n^2
    and time of order n^3, where `Dense` takes n^3 and n^4 at order 3 and leaves the fourth cumulants out.

    Args:
        tolerance: Relative truncation error of Mehler's series.
        samples: Draws for parts that are sampled.
        generator: Source of these draws (seed 0 if None).

    Raises:
        ArgumentError: If a number is out of its range.

    Example:
        >>> Factored().name
        'factored'
    """

    name: ClassVar[str] = "factored"

    def check_order(self, order: int | str) -> None:
        """Refuse all orders but "2+" and 3."""
        if order not in SCHEMES:
            raise ArgumentError("order", expected="'2+' or 3 with backend='factored'", got=order)

    def run(self, program: Program, law: InputLaw, order: int | str) -> Propagation:
        """Carry mean, covariance and factors."""
        options = {"tolerance": self.tolerance, "samples": self.samples, "generator": self.generator}
        state = FactoredRun(program, closure=order, **options).run(law)  # type: ignore[arg-type]
        return Propagation.of(state, program, order=order, backend=self.name)


@dataclass(frozen=True)
class Diagonal(Backend):
    """Variances alone, all units taken as uncorrelated; order 2.

    Example:
        >>> Diagonal().name
        'diagonal'
    """

    name: ClassVar[str] = "diagonal"

    def check_order(self, order: int | str) -> None:
        """Refuse all orders but 2."""
        if order == 1:
            raise ArgumentError(
                "order",
                expected="2 with backend='diagonal', which does not linearise",
                got=order,
                way_out="use 'dense'",
            )
        if order != 2:
            raise ArgumentError("order", expected="at most 2 with backend='diagonal'", got=order)

    def run(self, program: Program, law: InputLaw, order: int | str) -> Propagation:
        """Carry means and variances."""
        error = ErrorEstimate(mean_bound=mean_bound(program, law) if not law.normal else None)
        return Propagation.of(run_diagonal(program, law), program, order=order, backend=self.name, error=error)


@dataclass(frozen=True)
class Orbit(Backend):
    """One block per orbit of node pairs, for graph networks: of the covariance (order 2), of factors ("2+" and 3).

    Args:
        orbits: The symmetry of the nodes: `NodeOrbits`, a haar group that permutes them, a representation or a
            `Symmetry` of points; None to find it from model and law (small graphs).
        tolerance: Relative truncation error of Mehler's series.

    Raises:
        ArgumentError: If the tolerance is out of its range.

    Example:
        >>> Orbit().takes_parts
        False
    """

    name: ClassVar[str] = "orbit"
    takes_parts: ClassVar[bool] = False

    orbits: NodeSymmetry | None = None
    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        _check_tolerance(self.tolerance)

    def check_order(self, order: int | str) -> None:
        """Refuse all orders but 2, and those in factors."""
        if order != 2 and order not in SCHEMES:
            raise ArgumentError("order", expected="2, '2+' or 3 with backend='orbit'", got=order)

    def input_shape(self, law: InputLaw, given: Sequence[int] | None) -> tuple[int, ...]:
        """(nodes, features)."""
        shape = shape_under(law, given) if given is not None else ()
        shape_under(law, None)
        if self.orbits is None:
            if len(shape) != 2:
                raise ArgumentError(
                    "input_shape", expected="(nodes, features), or Orbit(orbits)", got=shape, way_out="give either"
                )
            return shape
        nodes = node_orbits(self.orbits).nodes
        features = law.size // nodes
        if law.batch or law.size != nodes * features:
            got = tuple(law.mean.shape)
            raise ArgumentError("law", expected=f"{nodes} x {features} components, no batch axes", got=got)
        if shape and shape != (nodes, features):
            raise ShapeError("input_shape", expected=f"({nodes}, {features}): nodes and features", got=shape)
        return nodes, features

    def run(self, program: Program, law: InputLaw, order: int | str) -> Propagation | OrbitPropagation:
        """Carry one block per orbit; after an invariant readout the rest runs dense."""
        (nodes, features), fused = program.shapes[0], program.fused()
        if law.batch:
            got = tuple(law.mean.shape)
            raise ArgumentError("law", expected=f"{nodes} x {features} components, no batch axes", got=got)
        known = found_orbits(fused, law, nodes, features) if self.orbits is None else node_orbits(self.orbits)
        if order == 2:
            return OrbitRun(fused, known, self.tolerance).run(law, features)
        return FactoredOrbitRun(fused, known, self.tolerance, order).run(law, features)


_NAMED: dict[str, type[Backend]] = {kind.name: kind for kind in (Dense, Factored, Diagonal, Orbit)}


def backend_of(given: str | Backend) -> Backend:
    """A back-end, or one with default options by its name.

    Raises:
        ArgumentError: If there is none of that name.

    Example:
        >>> backend_of("diagonal")
        Diagonal()
    """
    if isinstance(given, Backend):
        return given
    if not isinstance(given, str) or given not in _NAMED:
        way = "or one with options, as in Dense(samples=1000)"
        raise ArgumentError(
            "backend", expected="'dense', 'factored', 'diagonal' or 'orbit'", got=repr(given), way_out=way
        )
    return _NAMED[given]()


def backend_for(given: str | Backend | None, order: int | str) -> Backend:
    """A back-end, or the default one of an order.

    Example:
        >>> backend_for(None, "2+").name, backend_for(None, 3).name
        ('factored', 'dense')
    """
    return (Factored() if order == "2+" else Dense()) if given is None else backend_of(given)


def _check_tolerance(tolerance: float) -> None:
    if not 0 < tolerance < 1:
        raise ArgumentError("tolerance", expected="a number between 0 and 1", got=tolerance)
