"""How a field lies in a file: which of its axes are stored, and which are constant and left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from haar.actions.layout import FieldSpec
from haar.errors import ArgumentError

TENSOR_GROUPS = ("t0_fields", "t1_fields", "t2_fields")


@dataclass(frozen=True)
class WellField:
    """A field and its storage.

    A field whose role is ``"variable"`` is stored for every time step (``time_varying``); one that is ``"constant"`` is
    not. An axis along which a field does not vary is left out of the file and repeated by the reader.

    Args:
        spec: Name, tensor order, parity and role.
        sample_varying: Stored for every trajectory; otherwise once for all.
        dim_varying: For every space axis, whether the field varies along it; None means that it does along all.
        symmetric: A second-order tensor equal to its transpose (it is stored in full all the same).
        antisymmetric: A second-order tensor equal to minus its transpose.
        units: The unit of the values, for example ``"m/s"``; the schema has no place for it, so it is an
            extra attribute.

    Raises:
        ArgumentError: If a field that is not a tensor is called symmetric or antisymmetric.

    Example:
        >>> field = WellField(FieldSpec("forcing", order=1), sample_varying=False, dim_varying=(False, True))
        >>> field.stored_shape(trajectories=5, steps=7, resolution=(32, 64))
        (7, 64, 2)
    """

    spec: FieldSpec
    sample_varying: bool = True
    dim_varying: tuple[bool, ...] | None = None
    symmetric: bool = False
    antisymmetric: bool = False
    units: str = ""

    def __post_init__(self) -> None:
        if (self.symmetric or self.antisymmetric) and self.spec.order != 2:
            raise ArgumentError(
                "symmetric", expected="a second-order tensor", got=f"{self.spec.name} of order {self.spec.order}"
            )

    @classmethod
    def of(cls, field: FieldSpec | WellField) -> WellField:
        """A field with the usual storage: every trajectory, every axis."""
        return field if isinstance(field, WellField) else cls(field)

    @property
    def name(self) -> str:
        """The field's name."""
        return self.spec.name

    @property
    def time_varying(self) -> bool:
        """Stored for every time step."""
        return self.spec.role == "variable"

    @property
    def group(self) -> str:
        """The group of the file that holds it."""
        return TENSOR_GROUPS[self.spec.order]

    def along(self, dim: int) -> tuple[bool, ...]:
        """For each of `dim` space axes, whether the field varies along it.

        Raises:
            ArgumentError: If `dim_varying` has another length.
        """
        if self.dim_varying is None:
            return (True,) * dim
        if len(self.dim_varying) != dim:
            raise ArgumentError(f"dim_varying of {self.name}", expected=f"{dim} values", got=self.dim_varying)
        return self.dim_varying

    def frame_shape(self, resolution: Sequence[int]) -> tuple[int, ...]:
        """Shape of one stored time step of one trajectory: the varying space axes, then the components."""
        dim = len(resolution)
        space = tuple(size for size, varies in zip(resolution, self.along(dim), strict=True) if varies)
        return (*space, *(dim,) * self.spec.order)

    def stored_shape(self, *, trajectories: int, steps: int, resolution: Sequence[int]) -> tuple[int, ...]:
        """Shape of the data set in a file: ([trajectory], [step], space..., component...)."""
        lead = (trajectories,) * self.sample_varying + (steps,) * self.time_varying
        return (*lead, *self.frame_shape(resolution))


@dataclass(frozen=True)
class WellScalar:
    """A number that belongs to no point of the grid.

    Args:
        name: Name of the number in the file.
        sample_varying: One for every trajectory; otherwise one for all.
        time_varying: One for every time step.
    """

    name: str
    sample_varying: bool = False
    time_varying: bool = False
