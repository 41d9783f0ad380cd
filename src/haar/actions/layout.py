"""Which channel is which: the fields of a model's tensor, in the order that surrogate models stack them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import SupportsIndex

from haar.errors import ArgumentError

_AXES = "xyz"
_ORDERS = {"scalar": 0, "vector": 1, "tensor": 2}
_PARITY_PREFIX = "pseudo"
_ROLES = ("variable", "constant")


@dataclass(frozen=True)
class FieldSpec:
    """One physical field: its tensor order and how it answers a reflection.

    Args:
        name: The field's name in the data file.
        order: 0 scalar, 1 vector, 2 second-order tensor (stored full, row-major).
        parity: +1, or -1 for a pseudo-field (vorticity, a magnetic field): an extra factor det R.
        role: ``"variable"`` changes in time and is repeated along the history; ``"constant"`` is given once.

    Raises:
        ArgumentError: If the order is not 0, 1 or 2, the parity not +-1, or the role unknown.

    Example:
        >>> FieldSpec.parse("vorticity:pseudoscalar")
        FieldSpec(name='vorticity', order=0, parity=-1, role='variable')
    """

    name: str
    order: int = 0
    parity: int = 1
    role: str = "variable"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ArgumentError("name", expected="the name of a field", got=repr(self.name))
        if isinstance(self.order, bool) or self.order not in (0, 1, 2):
            raise ArgumentError("order", expected="0, 1 or 2", got=self.order, way_out="split the field")
        if isinstance(self.parity, bool) or self.parity not in (1, -1):
            raise ArgumentError("parity", expected="1 or -1", got=self.parity)
        if self.role not in _ROLES:
            raise ArgumentError("role", expected="'variable' or 'constant'", got=repr(self.role))

    @classmethod
    def parse(cls, text: str) -> FieldSpec:
        """Read ``name[:kind[:constant]]`` where kind is [pseudo](scalar|vector|tensor).

        Args:
            text: For example ``"velocity:vector"``, ``"vorticity:pseudoscalar"``, ``"density:scalar:constant"``.

        Raises:
            ArgumentError: If the kind or the role is unknown.
        """
        if not isinstance(text, str):
            raise ArgumentError("fields", expected="name[:kind[:constant]] for each field", got=repr(text))
        name, *rest = [part.strip() for part in text.split(":")]
        kind = rest[0] if rest else "scalar"
        role = rest[1] if len(rest) > 1 else "variable"
        bare = kind.removeprefix(_PARITY_PREFIX)
        if not name or len(rest) > 2:
            raise ArgumentError("fields", expected="name[:kind[:constant]] for each field", got=repr(text))
        if bare not in _ORDERS:
            kinds = [prefix + word for prefix in ("", _PARITY_PREFIX) for word in _ORDERS]
            raise ArgumentError(
                "fields",
                expected=f"for {name} one of {', '.join(kinds)}",
                got=repr(kind),
                way_out=_did_you_mean(kind, kinds),
            )
        if role not in _ROLES:
            raise ArgumentError(
                "fields",
                expected=f"for {name} 'variable' or 'constant' after its kind",
                got=repr(role),
                way_out=_did_you_mean(role, _ROLES),
            )
        return cls(name, _ORDERS[bare], 1 if bare == kind else -1, role)

    @property
    def kind(self) -> str:
        """The word for order and parity: ``"scalar"``, ``"pseudovector"``, ..."""
        word = next(word for word, order in _ORDERS.items() if order == self.order)
        return word if self.parity == 1 else _PARITY_PREFIX + word

    def size(self, dim: int) -> int:
        """Number of components in `dim` space dimensions."""
        return int(dim**self.order)

    def components(self, dim: int, axes: Sequence[str] = ()) -> list[str]:
        """Component names: ``p``; ``u_x, u_y``; ``D_xx, D_xy, D_yx, D_yy``.

        Args:
            dim: Number of space dimensions.
            axes: Names of the axes in place of x, y, z; after those of several letters tensors have ``D_theta_phi``.
        """
        names = list(axes) if axes else list(_AXES[:dim])
        if self.order == 0:
            return [self.name]
        if self.order == 1:
            return [f"{self.name}_{a}" for a in names]
        between = "_" if any(len(a) > 1 for a in names) else ""
        return [f"{self.name}_{a}{between}{b}" for a in names for b in names]


#: Fields as a user writes them down, apart from one text for all.
Fields = Iterable[FieldSpec] | Iterable[str] | Mapping[str, str]


@dataclass(frozen=True)
class Layout:
    """The channel axis of a surrogate model: variable fields per time step (time slowest), then constant fields.

    The Well's order (arXiv 2412.00568): within one time step scalars, then vectors, then tensors; the history is
    stacked as ``b t ... c -> b (t c) ...``; constants are appended once.

    Args:
        fields: The fields, in the order of the channels.
        dim: Number of space dimensions: 1, 2 or 3.
        history: Number of time steps stacked on the channel axis.
        axes: Names of the axes, which name the components; none for x, y, z.

    Raises:
        ArgumentError: If there is no field, a name repeats, `dim` is not 1..3, `history` < 1, or there is another
            number of axes.

    Example:
        >>> Layout.parse("tracer, velocity:vector", dim=2, history=2).channel_names()
        ['tracer[0]', 'velocity_x[0]', 'velocity_y[0]', 'tracer[1]', 'velocity_x[1]', 'velocity_y[1]']
    """

    fields: tuple[FieldSpec, ...]
    dim: int = 2
    history: int = 1
    axes: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not self.fields:
            raise ArgumentError("fields", expected="at least one field", got="none")
        if not isinstance(self.fields, tuple) or not all(isinstance(field, FieldSpec) for field in self.fields):
            raise ArgumentError(
                "fields", expected="a tuple of FieldSpec", got=repr(self.fields), way_out="Layout.parse reads names"
            )
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ArgumentError("fields", expected="distinct names", got=", ".join(names))
        if isinstance(self.dim, bool) or self.dim not in (1, 2, 3):
            raise ArgumentError("dim", expected="1, 2 or 3 space dimensions", got=repr(self.dim))
        if isinstance(self.history, bool) or not isinstance(self.history, SupportsIndex) or self.history < 1:
            raise ArgumentError("history", expected="at least one time step", got=repr(self.history))
        if self.axes and len(self.axes) != self.dim:
            raise ArgumentError("axes", expected=f"{self.dim} names, or none", got=self.axes)

    @classmethod
    def parse(cls, text: str | Fields, *, dim: int = 2, history: int = 1) -> Layout:
        """Build from ``"name:kind, name:kind"``, from a list of such or of specifications, or from ``{name: kind}``.

        Raises:
            ArgumentError: If a field is none of these, a kind or a role is unknown, or a name repeats.

        Example:
            >>> Layout.parse({"tracer": "scalar", "velocity": "vector"}) == Layout.parse("tracer, velocity:vector")
            True
        """
        return cls(tuple(_specifications(text)), dim, history)

    @property
    def variables(self) -> tuple[FieldSpec, ...]:
        """The fields that change in time."""
        return tuple(field for field in self.fields if field.role == "variable")

    @property
    def constants(self) -> tuple[FieldSpec, ...]:
        """The fields that are given once."""
        return tuple(field for field in self.fields if field.role == "constant")

    def blocks(self) -> Iterator[tuple[FieldSpec, int]]:
        """Yield (field, time step) in channel order; constants come last with time step 0."""
        for step in range(self.history):
            for field in self.variables:
                yield field, step
        for field in self.constants:
            yield field, 0

    @property
    def channels(self) -> int:
        """Number of channels."""
        return sum(field.size(self.dim) for field, _ in self.blocks())

    def channel_names(self) -> list[str]:
        """A name for every channel, with its time step where there is a history."""
        tag = self.history > 1
        return [
            f"{name}[{step}]" if tag and field.role == "variable" else name
            for field, step in self.blocks()
            for name in field.components(self.dim, self.axes)
        ]

    def field(self, name: str) -> FieldSpec:
        """The field of a name.

        Raises:
            ArgumentError: If there is none; the message lists the fields.
        """
        for field in self.fields:
            if field.name == name:
                return field
        names = [field.name for field in self.fields]
        raise ArgumentError(
            "field", expected=f"one of {', '.join(names)}", got=repr(name), way_out=_did_you_mean(name, names)
        )

    def slices(self, step: int = 0) -> dict[str, slice]:
        """Channel slice of every field at one time step (constants: wherever they stand).

        Raises:
            ArgumentError: If the history has no such time step.
        """
        if not 0 <= step < self.history:
            raise ArgumentError("step", expected=f"0 to {self.history - 1}", got=step)
        found: dict[str, slice] = {}
        start = 0
        for field, at in self.blocks():
            stop = start + field.size(self.dim)
            if at == step or field.role == "constant":
                found[field.name] = slice(start, stop)
            start = stop
        return found

    def joined_blocks(self, mixed: Sequence[tuple[int, ...]]) -> list[tuple[str, tuple[int, ...]]]:
        """The channels of every field, all time steps together; fields whose channels are mixed are one block.

        Args:
            mixed: Channels that belong together, whatever fields they are.

        Example:
            >>> Layout.parse("re, im, u:vector", dim=2).joined_blocks([(0, 1), (2, 3)])
            [('re, im', (0, 1)), ('u', (2, 3))]
        """
        owner = [field.name for field, _ in self.blocks() for _ in range(field.size(self.dim))]
        together = {name: {name} for name in owner}
        for channels in mixed:
            names = set().union(*(together[owner[k]] for k in channels))
            together.update(dict.fromkeys(names, names))
        found: dict[str, tuple[int, ...]] = {}
        for name in dict.fromkeys(owner):
            label = ", ".join(other for other in dict.fromkeys(owner) if other in together[name])
            found[label] = tuple(k for k, other in enumerate(owner) if other in together[name])
        return list(found.items())

    def with_history(self, history: int) -> Layout:
        """The same fields with another number of time steps."""
        return replace(self, history=history)

    def output(self) -> Layout:
        """The layout of a one-step prediction: the variable fields, once.

        Raises:
            ArgumentError: If all fields are constant.
        """
        if not self.variables:
            names = ", ".join(field.name for field in self.fields)
            raise ArgumentError(
                "fields", expected="a variable field to predict", got=f"constants only: {names}", way_out="give outputs"
            )
        return Layout(self.variables, self.dim, 1, self.axes)


def _specifications(fields: object) -> list[FieldSpec]:
    if isinstance(fields, str):
        return [FieldSpec.parse(part) for part in fields.split(",")]
    if isinstance(fields, FieldSpec):
        return [fields]
    if isinstance(fields, Mapping):
        for name, kind in fields.items():
            if not isinstance(name, str) or not isinstance(kind, str):
                raise ArgumentError("fields", expected="{name: kind} in words", got=f"{{{name!r}: {kind!r}}}")
        return [FieldSpec.parse(f"{name}:{kind}") for name, kind in fields.items()]
    if not isinstance(fields, Iterable):
        raise ArgumentError("fields", expected='"name:kind, name:kind" or a list of such', got=repr(fields))
    return [part if isinstance(part, FieldSpec) else FieldSpec.parse(part) for part in fields]


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else ""
