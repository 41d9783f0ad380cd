"""Symmetry in distribution: are the output's cumulants left alone by the group that leaves the input's law alone?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.moments.joint import InputLaw
from haar.moments.propagation import Propagation
from haar.report import Report, Section, Table


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
        return float(self.law_defects.max()) <= 1e-8

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
        return [Section("Cumulants moved by the group", self.summary, Table("Relative violation", columns, rows))]


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
    own = law.cumulants(max(result.order, 2))
    before = [own.mean, own.cov, own.third]
    after = [result.mean, result.cov, result.third]
    return DistributionalDefect(_defects(after, outputs), names, _defects(before, inputs))


def _defects(cumulants: list[Tensor | None], matrices: Tensor) -> Tensor:
    present = [k.detach() for k in cumulants if k is not None]
    g = matrices.to(torch.float64)
    scale = (present[0].square().sum() + present[1].diagonal().sum()).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    subscripts = ("gai,i->ga", "gai,gbj,ij->gab", "gai,gbj,gck,ijk->gabc")
    found = []
    for order, (k, subscript) in enumerate(zip(present, subscripts, strict=False), start=1):
        moved = torch.einsum(subscript, *([g] * order), k)
        found.append((moved - k).reshape(g.shape[0], -1).norm(dim=-1) / scale**order)
    return torch.stack(found, -1)
