"""Symmetry in distribution: are the output's cumulants left alone by the group that leaves the input's law alone?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Action, Symmetry
from haar.errors import ArgumentError, ShapeError, known_keywords
from haar.groups import FiniteGroup
from haar.moments.joint import InputLaw, shape_under
from haar.moments.propagate import propagate
from haar.moments.propagation import Propagation
from haar.moments.vector import LinearFunction, VectorCumulants
from haar.report import Report, Section, Table

#: Defects of a law below this are rounding of its cumulants.
_INVARIANT = 1e-8

_FLOOR = 1e-17  # drawn no lower
_SHOWN = 24


@dataclass(frozen=True)
class DistributionalDefect(Report):
    """How far the cumulants of a law move under group elements.

    Args:
        defects: (elements, orders): |k_n - g k_n| over the n-th power of the root mean square of the output.
        names: Names of the elements.
        law_defects: The same for the input law; the statement about the model holds only where these vanish.

    Example:
        >>> DistributionalDefect(torch.zeros(1, 2), ("g",), torch.zeros(1, 2)).worst
        0.0
    """

    kind: ClassVar[str] = "distributional-symmetry"
    title: ClassVar[str] = "Symmetry in distribution"  # type: ignore[misc]

    defects: Float[Tensor, "elements orders"]
    names: tuple[str, ...]
    law_defects: Float[Tensor, "elements orders"]

    @property
    def worst(self) -> float:
        """The largest defect of the output."""
        return float(self.defects.max())

    @property
    def law_is_invariant(self) -> bool:
        """Whether the group leaves the input law alone, to 1e-8."""
        return float(self.law_defects.max()) <= _INVARIANT

    @property
    def summary(self) -> str:
        """The worst defect, and whether it says something about the model."""
        if not self.law_is_invariant:
            return (
                f"The input law itself moves by {float(self.law_defects.max()):.3g} under the group: "
                "the output's defect says nothing about the model."
            )
        return f"Largest relative violation over the elements and orders: {self.worst:.3g}, without sampling."

    def contents(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "names": list(self.names),
            "defects": self.defects,
            "law_defects": self.law_defects,
            "law_is_invariant": self.law_is_invariant,
            "worst": self.worst,
        }

    def sections(self) -> list[Section]:
        """One row per element."""
        orders = self.defects.shape[1]
        columns = ("element", *(f"order {n + 1}" for n in range(orders)))
        rows = [(name, *row) for name, row in zip(self.names, self.defects.tolist(), strict=True)]
        table = Table("Relative violation", columns, rows)
        caption = "Relative violation of every cumulant: the output's bars, and the input law's own (crosses)."
        return [Section("Cumulants moved by the group", self.summary, table, self._figure(), caption)]

    def _figure(self) -> Any:
        from haar.report.drawing import INK, draw_bars, new_figure, style_axes

        shown = min(len(self.names), _SHOWN)
        figure = new_figure(7, 3)
        axes = style_axes(figure.add_subplot(), y="relative violation")
        own, law = (side[:shown].clamp(min=_FLOOR).T for side in (self.defects, self.law_defects))
        series = {f"order {order}": values.tolist() for order, values in enumerate(own, 1)}
        places = draw_bars(axes, [str(name) for name in self.names[:shown]], series, slanted=shown > 10)
        for at, values in zip(places.values(), law.tolist(), strict=True):
            axes.plot(at, values, "x", color=INK, markersize=4)
        axes.set_yscale("log")
        axes.set_ylim(bottom=_FLOOR / 2)
        axes.legend(fontsize=8)
        return figure


@known_keywords
def distributional_defect(
    law: InputLaw,
    result: Propagation,
    inputs: Float[Tensor, "elements units units"],
    outputs: Float[Tensor, "elements outputs outputs"],
    *,
    names: tuple[str, ...] | None = None,
) -> DistributionalDefect:
    r"""Relative violation of k_n(y) = rho_out(g) . k_n(y), for every element and order carried.

    For a law with k_n(x) = rho_in(g) . k_n(x), an equivariant model leaves no defect at any order; since every
    propagation is itself equivariant, this holds for the closures too. A defect is a symmetry error of the model
    measured without sampling; a zero does not prove equivariance (the law may not see the difference).

    Args:
        law: Law of the input.
        result: Its propagation through the model, without batch axes.
        inputs: Matrices of the elements on the (flattened) input.
        outputs: Matrices of the elements on the (flattened) output.
        names: Names of the elements.

    Raises:
        ShapeError: If the matrices do not fit.
        ArgumentError: If the result has batch axes.

    Example:
        >>> from haar.moments import Gaussian, propagate
        >>> law, flip = Gaussian([0.0, 0.0]), torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
        >>> distributional_defect(law, propagate(torch.nn.ReLU(), law), flip, flip).worst
        0.0
    """
    if result.mean.ndim != 1 or law.batch:
        raise ArgumentError("result", expected="no batch axes", got=tuple(result.mean.shape[:-1]))
    count = inputs.shape[0]
    for name, matrices, size in (("inputs", inputs, law.size), ("outputs", outputs, result.mean.shape[-1])):
        if tuple(matrices.shape) != (count, size, size):
            raise ShapeError(name, expected=f"({count}, {size}, {size})", got=tuple(matrices.shape))
    names = tuple(f"g{k}" for k in range(count)) if names is None else names
    return _compared(law, result, [_matrix_move(g) for g in inputs], [_matrix_move(g) for g in outputs], names)


@known_keywords
def symmetry_in_distribution(
    model: nn.Module,
    symmetry: Symmetry,
    law: InputLaw,
    *,
    input_shape: Sequence[int] | None = None,
    elements: Tensor | None = None,
    order: int = 2,
    on_unsupported: str = "raise",
) -> DistributionalDefect:
    """Audit a model by propagated cumulants: no data, no sampling.

    Args:
        model: A module of one input and one output that `propagate` can follow.
        symmetry: How the group acts on both.
        law: Law of the flattened input; it should be one that the group leaves alone.
        input_shape: Shape of one input without the batch axis; (units,) by default.
        elements: Which elements to look at; all of a finite group by default.
        order: 2 or 3: cumulants up to this order are compared.
        on_unsupported: As in `propagate`; linearised parts keep the statement for equivariant models, sampled ones add
            the noise of their samples.

    Raises:
        ArgumentError: If the symmetry has several inputs or outputs, or the order does not fit.
        ShapeError: If law, shape and symmetry do not fit together.

    Example:
        >>> import torch
        >>> from haar.actions import Symmetry
        >>> from haar.groups import dihedral
        >>> from haar.moments import Gaussian
        >>> model = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
        >>> found = symmetry_in_distribution(
        ...     model, Symmetry.of_fields(dihedral(4), "p"), Gaussian(torch.zeros(16)), input_shape=(1, 4, 4)
        ... )
        >>> found.names[1], found.worst > 1e-3  # random weights do not turn
        ('r90', True)
    """
    if order not in (2, 3):
        raise ArgumentError("order", expected="2 or 3", got=order)
    if len(symmetry.inputs) != 1 or not isinstance(symmetry.inputs[0], Action):
        raise ArgumentError("symmetry", expected="one input and one output", got=repr(symmetry))
    if not isinstance(symmetry.outputs, Action):
        raise ArgumentError("symmetry", expected="one input and one output", got=repr(symmetry))
    shape = shape_under(law, input_shape)
    with torch.no_grad():
        result = propagate(model, law, order=order, input_shape=shape, on_unsupported=on_unsupported)
        symmetry.check_inputs((law.mean.reshape(1, *shape),))
        symmetry.check_outputs(result.mean.reshape(1, *result.output_shape))
        if elements is None:
            if not isinstance(symmetry.group, FiniteGroup):
                raise ArgumentError("elements", expected="some elements of a group that is not finite", got="none")
            elements = torch.arange(symmetry.group.order)
        inputs = [_action_move(symmetry.inputs[0], g, shape) for g in elements]
        outputs = [_action_move(symmetry.outputs, g, result.output_shape) for g in elements]
        names = tuple(symmetry.group.describe(g) for g in elements)
        return _compared(law, result, inputs, outputs, names)


class _Move(NamedTuple):
    """How an element moves rows of flat vectors: means, and (the linear part) differences."""

    mean: LinearFunction
    difference: LinearFunction


def _matrix_move(matrix: Tensor) -> _Move:
    wide = matrix.to(torch.float64)

    def rows(x: Tensor) -> Tensor:
        return x @ wide.mT

    return _Move(rows, rows)


def _action_move(action: Action, g: Tensor, shape: Sequence[int]) -> _Move:
    def along(part: Action) -> LinearFunction:
        return lambda x: part.act(g, x.reshape(-1, *shape)).reshape(x.shape)

    return _Move(along(action), along(action.linear()))


def _compared(
    law: InputLaw,
    result: Propagation,
    inputs: Sequence[_Move],
    outputs: Sequence[_Move],
    names: tuple[str, ...],
) -> DistributionalDefect:
    own = law.cumulants(2 if result.third is None else 3)
    before = VectorCumulants(own.mean.detach(), own.cov.detach(), None if own.third is None else own.third.detach())
    third = None if result.third is None else result.third.detach()
    after = VectorCumulants(result.mean.detach(), result.cov.detach(), third)
    return DistributionalDefect(_defects(after, outputs), names, _defects(before, inputs))


def _defects(own: VectorCumulants, moves: Sequence[_Move]) -> Tensor:
    tiny = torch.finfo(torch.float64).tiny
    scale = (own.mean.square().sum() + own.variance().sum()).sqrt().clamp(min=tiny)
    found = []
    for move in moves:
        moved = own.map(move.difference)
        gaps = [move.mean(own.mean[None])[0] - own.mean, moved.cov - own.cov]
        if own.third is not None and moved.third is not None:
            gaps.append(moved.third - own.third)
        found.append(torch.stack([gap.norm() / scale**order for order, gap in enumerate(gaps, start=1)]))
    return torch.stack(found)
