"""Every output and field by itself, in its own unit; and all of them together, none outweighing another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from haar.audit.parts import Outputs
from haar.audit.sums import OrbitSums, Sums
from haar.statistics import Estimate, ratio

#: Dtypes with coarser steps than this are half precision.
_HALF = 1e-4
#: A spread below this part of the size, squared, is rounding: the predictions are constant.
_CONSTANT = 1e-13


@dataclass(frozen=True, kw_only=True)
class MeanSquares:
    """What averaging over the whole group does to the mean squared error.

    Attributes:
        removed: Its predicted fall, without labels.
        mse: It on the labelled samples.
        mse_after: The same of the average.
        gain: The fall that was measured.
    """

    removed: Estimate
    mse: Estimate | None
    mse_after: Estimate | None
    gain: Estimate | None


def mean_squares(sums: Sums, kind: str) -> MeanSquares:
    """Of some sums; `kind` says what the elements are, see `Sums.removed`."""
    labelled = bool(sums.labelled.sum() > 0)
    gains = sums.gains(kind) if labelled and tells_gains(sums, kind) else None
    return MeanSquares(
        removed=ratio(sums.removed(kind), sums.samples, least=-math.inf if kind == "drawn" else 0.0),
        mse=ratio(sums.losses, sums.labelled, least=0.0) if labelled else None,
        mse_after=None if gains is None else ratio(sums.losses - gains, sums.labelled),
        gain=None if gains is None else ratio(gains, sums.labelled),
    )


def tells_gains(sums: Sums, kind: str) -> bool:
    """Of a group that is not listed, two random elements stand for all without bias; one does not."""
    return kind != "drawn" or sums.deviations.shape[-1] > 2


@dataclass(frozen=True, kw_only=True)
class PartFinding(MeanSquares):
    """One output, or one field of it, in its own unit (divided by the scale, if one was given).

    Attributes:
        name: The output and the field.
        unit: What its errors are divided by where outputs are summed: the spread of its predictions; where these are
            constant, their size.
        floor: The relative defect below which nothing is said of it.
        stochastic: Whether two runs differ by more than rounding.
        element: The element with its largest defect.
        defect: That defect, relative to the unit.
    """

    name: str
    unit: float
    floor: float
    stochastic: bool
    element: str
    defect: float


@dataclass(frozen=True)
class AsOne:
    """All parts together.

    Attributes:
        name: In which units, see `Findings`.
        sums: Sums of all parts together, each over its own scale.
        spread: What defects are relative to.
        noise: Root mean square between two runs, relative.
        floor: The larger of noise and rounding, relative.
    """

    name: str
    sums: Sums
    spread: float
    noise: float
    floor: float


def as_one(sums: OrbitSums, outputs: Outputs, *, scaled: bool) -> AsOne:
    """All parts together: one part as it is; several in units of the scale, or of each one's own spread."""
    count = len(outputs.parts)
    if scaled or count == 1:
        entries = sum(outputs.entries)
        weights, units = [n / entries for n in outputs.entries], [1.0] * count
    else:
        weights, units = [1 / count] * count, [unit_of(sums.part(number)) for number in range(count)]
    total = sums.together(weights, units)
    spread = unit_of(total) if scaled or count == 1 else 1.0
    noise = math.sqrt(float(total.noise.sum() / total.samples.sum())) / spread
    squares = [
        w * (_rounding(sums.part(k), outputs.parts[k].dtype) / u) ** 2
        for k, (w, u) in enumerate(zip(weights, units, strict=True))
    ]
    name = "scale" if scaled else "as given" if count == 1 else "own spread"
    return AsOne(name, total, spread, noise, max(noise, math.sqrt(sum(squares)) / spread))


def unit_of(sums: Sums) -> float:
    """The spread of predictions; their size where they are constant; of zeros, that of the labels; else 1."""
    samples = float(sums.samples.sum())
    spread, size = float(sums.energy.sum()) / samples, float(sums.magnitude.sum()) / samples
    if spread > _CONSTANT * size:
        return math.sqrt(spread)
    if size > 0:
        return math.sqrt(size)
    labelled = float(sums.labelled.sum())
    loss = float(sums.losses.sum()) / labelled if labelled else 0.0
    return math.sqrt(loss) if loss > 0 else 1.0


def _rounding(sums: Sums, dtype: torch.dtype) -> float:
    """What rounding may do to the outputs, absolute."""
    eps = torch.finfo(dtype).eps
    # Sums in another order, over the products of a few layers, differ by some hundred units in the last place; in half
    # precision sums are taken in a higher one, and rounded once a layer.
    return (8 if eps > _HALF else 256) * eps * math.sqrt(float(sums.magnitude.sum() / sums.samples.sum()))


def part_findings(sums: OrbitSums, outputs: Outputs, elements: list[str], kind: str, one: AsOne) -> list[PartFinding]:
    """One finding for every part."""
    found = []
    for number, part in enumerate(outputs.parts):
        some = sums.part(number)
        unit = one.spread if one.name == "as given" else unit_of(some)
        samples = float(some.samples.sum())
        rounding = _rounding(some, part.dtype) / unit
        noise = math.sqrt(float(some.noise.sum()) / samples) / unit
        squares = some.deviations.diagonal(dim1=-2, dim2=-1).sum(0)
        worst = int(squares.argmax())
        found.append(
            PartFinding(
                name=part.name,
                unit=unit,
                floor=max(noise, rounding),
                stochastic=noise > rounding,
                element=elements[worst],
                defect=math.sqrt(max(float(squares[worst]) / samples, 0.0)) / unit,
                **vars(mean_squares(some, kind)),
            )
        )
    return found
