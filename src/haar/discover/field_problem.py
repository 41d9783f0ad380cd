"""The linear problem for a dictionary of vector fields: unknowns are their coefficients, and no Jacobian is formed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.audit.forward_mode import push_forward
from haar.discover.dictionaries import VectorField
from haar.discover.rows import Sums, reduced

#: Combinations of fields that vanish on the data to so much of their size are no fields.
_DEPENDENT = 1e-10
#: Samples at a time.
_CHUNK = 64


@dataclass(frozen=True)
class FieldSample:
    """What fields do at samples, with coordinates in units of their spread.

    Attributes:
        moved: J(x) X_i(x), of the increment f - x where the model is near the identity, ``(b, m, p)``.
        outputs: What f moves by: X_i(f), or X_i(f) - X_i(x) for increments; zeros where outputs stay.
        inputs: X_i(x).
        units: Independent units.
        x: Inputs.
        f: Outputs, or increments.
    """

    moved: Float[Tensor, "b m p"]
    outputs: Float[Tensor, "b m p"]
    inputs: Float[Tensor, "b n p"]
    units: Int[Tensor, " b"]
    x: Float[Tensor, "b *shape"]
    f: Float[Tensor, "b *out"]

    def part(self, index: Tensor) -> FieldSample:
        """Some of the samples."""
        return FieldSample(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def joined(self, other: FieldSample) -> FieldSample:
        """The samples of both."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)
        return FieldSample(*(torch.cat(pair) for pair in pairs))

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class FieldProblem:
    """Fields that are independent on the data, and their names.

    Attributes:
        names: Of the dictionary.
        fields: The dictionary.
        frame: Coefficients of independent combinations, in columns.
        kind: ``"same"`` or ``"invariant"``.
        increments: Whether f is f - x.
        scale: Spread of every input coordinate, ``(*shape)``.
        mask: Which coordinates count, ``(*shape)``.
        output_scale: Spread of every output.
    """

    names: Sequence[str]
    fields: Sequence[VectorField]
    frame: Float[Tensor, "d p"]
    kind: str
    increments: bool
    scale: Tensor
    mask: Tensor
    output_scale: Tensor
    said: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Number of unknowns."""
        return int(self.frame.shape[1])

    def combined(self, coefficients: Float[Tensor, " p"]) -> VectorField:
        """A combination of the independent fields, as a field."""
        every = (self.frame @ coefficients).tolist()

        def velocity(u: Tensor) -> Tensor:
            total = torch.zeros_like(u)
            for weight, one in zip(every, self.fields, strict=True):
                if weight:
                    total = total + weight * one(u)
            return total

        return velocity

    def flat(self, velocity: Tensor) -> Float[Tensor, "b n"]:
        """A velocity of inputs without units."""
        return (velocity / self.scale * self.mask).flatten(1)

    def chunks(self, sample: FieldSample) -> Iterator[Float[Tensor, "b m p"]]:
        """Rows of the samples."""
        for part in torch.arange(len(sample)).split(_CHUNK):
            yield (sample.moved[part] - sample.outputs[part]) @ self.frame

    def _sizes(self, sample: FieldSample) -> Float[Tensor, "b p p"]:
        x, y, moved = (side @ self.frame for side in (sample.inputs, sample.outputs, sample.moved))
        inside = torch.einsum("bnp,bnq->bpq", x, x)
        trace = inside.diagonal(dim1=1, dim2=2).sum(-1).clamp_min(1e-300)
        gain = moved.flatten(1).square().sum(1) / trace
        return gain[:, None, None] * inside + torch.einsum("bmp,bmq->bpq", y, y)

    def sums(self, sample: FieldSample) -> Sums:
        """Everything the spectrum needs of the samples."""
        triangle = torch.zeros(0, self.count, dtype=torch.float64)
        size = torch.zeros(self.count, self.count, dtype=torch.float64)
        for part, rows in zip(torch.arange(len(sample)).split(_CHUNK), self.chunks(sample), strict=True):
            triangle = reduced(triangle, rows.flatten(0, 1))
            size = size + self._sizes(sample.part(part)).sum(0)
        return Sums(triangle, (size,), len(sample))

    def judged(self, sample: FieldSample, vectors: Float[Tensor, "p k"]) -> tuple[Tensor, Tensor]:
        """Squared failure and squared size of every vector at every sample."""
        failures = torch.cat([(rows @ vectors).square().sum(1) for rows in self.chunks(sample)])
        sizes = torch.einsum("pk,bpq,qk->bk", vectors, self._sizes(sample), vectors)
        return failures, sizes

    def scaled(self, triangle: Tensor, sums: Sums) -> Tensor:
        """R N^(-1/2)."""
        return triangle @ _inverse_root(sums.blocks[0] / sums.samples)

    def unscaled(self, vectors: Float[Tensor, "p k"], sums: Sums) -> Tensor:
        """v = N^(-1/2) w."""
        return _inverse_root(sums.blocks[0] / sums.samples) @ vectors


def _inverse_root(size: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(size)
    found: Tensor = vectors * values.clamp_min(1e-14 * float(values[-1])).rsqrt() @ vectors.T
    return found


def independent(inputs: Float[Tensor, "b n d"], outputs: Float[Tensor, "b m d"]) -> Float[Tensor, "d p"]:
    """Combinations of fields that do not vanish on the data, orthonormal there.

    Args:
        inputs: Every field at every sample.
        outputs: What it does to outputs.
    """
    rows = torch.zeros(0, inputs.shape[-1], dtype=torch.float64)
    for side in (inputs, outputs):
        for part in side.split(_CHUNK):
            rows = reduced(rows, part.flatten(0, 1))
    scale = rows.norm(dim=0)
    known = scale > 1e-12 * float(scale.max()) if len(scale) else scale > 0
    unit = torch.where(known, scale, torch.ones_like(scale))
    values, vectors = torch.linalg.svd((rows / unit)[:, known], full_matrices=False)[1:]
    keep = values > _DEPENDENT**0.5 * 1e-3 * float(values[0]) if len(values) else values > 0
    frame = torch.zeros(inputs.shape[-1], int(keep.sum()), dtype=torch.float64)
    frame[known] = vectors[keep].T / values[keep]
    return frame / unit[:, None]


def pushed(
    model: Callable[[Tensor], Tensor], x: Float[Tensor, "b *shape"], velocity: Tensor, said: list[str]
) -> Tensor:
    """J(x) v by one forward pass; by central differences where a layer has no forward derivative, which is said."""
    try:
        with torch.no_grad():
            out: Tensor = push_forward(model, [x], [velocity])[1]
    except (RuntimeError, NotImplementedError) as error:
        told = "a layer has no forward derivative: central differences"
        told += f" ({str(error).splitlines()[0][:80]})" if str(error) else ""
        if told not in said:
            said.append(told)
        size = float(velocity.square().mean().sqrt()) or 1.0
        step = float(torch.finfo(x.dtype).eps) ** (1 / 3) * (float(x.square().mean().sqrt()) or 1.0) / size
        with torch.no_grad():
            found: Tensor = (model(x + step * velocity) - model(x - step * velocity)) / (2 * step)
            return found
    return out


def bracket(one: VectorField, other: VectorField, x: Tensor) -> Tensor:
    """[X, Y] = DY X - DX Y at samples.

    Example:
        >>> shift = lambda x: torch.ones_like(x) * torch.tensor([1.0, 0])
        >>> turn = lambda x: x.flip(-1) * torch.tensor([-1.0, 1])
        >>> bracket(shift, turn, torch.zeros(1, 2)).add(0.0).tolist()
        [[0.0, 1.0]]
    """
    first: Tensor = push_forward(other, [x], [one(x)])[1]
    second: Tensor = push_forward(one, [x], [other(x)])[1]
    return first - second
