"""What tables of published architectures are written with: roles bound to the names that a state has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from haar.errors import ArgumentError
from haar.weights.action import ParameterAction
from haar.weights.labels import Label
from haar.weights.norms import Norm
from haar.weights.sites import Rotation, Site, Units

State = Mapping[str, Tensor]
Config = Mapping[str, Any]
RESIDUALS = ("orthogonal", "signed", "permutation")
#: The name of the site of the residual stream.
STREAM = "residual"


class Rows:
    """A table in the making.

    Args:
        state: Parameters by name: which of the optional ones are there, and how large all are.
        argument: What messages call them.
    """

    def __init__(self, state: State, argument: str = "state") -> None:
        self.state, self.argument = state, argument
        self.sites: dict[str, Site] = {}
        self.tensors: dict[str, tuple[Label, ...]] = {}
        self.norms: list[Norm] = []

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor that must be there.

        Raises:
            ArgumentError: If there is none of that name.
        """
        if name not in self.state:
            raise ArgumentError(self.argument, expected=f"a tensor {name!r}", got="none of that name")
        return tuple(self.state[name].shape)

    def row(self, name: str, *labels: Label) -> str:
        """A row that must be there."""
        self.tensors[name] = labels
        return name

    def row_if(self, name: str, *labels: Label) -> str | None:
        """A row if the state has a tensor of that name; the name then."""
        if name.replace("*", "0") not in self.state:
            return None
        self.tensors[name] = labels
        return name

    def linear(self, stem: str, out: Label, into: Label, *, bias: Label = "") -> tuple[str, str | None]:
        """A linear layer, (out, in), and its bias if it has one, by the label of its outputs or another."""
        weight = self.row(f"{stem}.weight", out, into)
        return weight, self.row_if(f"{stem}.bias", out if bias == "" else bias)

    def norm(self, stem: str, readers: tuple[tuple[str, str | None], ...], *, centred: bool) -> None:
        """A norm of the residual stream with those who read it."""
        gain = self.row(f"{stem}.weight", f"{STREAM}.order")
        bias = self.row_if(f"{stem}.bias", STREAM)
        self.norms.append(Norm(STREAM, gain, bias, readers, centred))

    def layers(self, pattern: str) -> int:
        """The number of layers: one more than the greatest number at the place of ``#``.

        Raises:
            ArgumentError: If there is none.
        """
        found = re.compile(re.escape(pattern).replace(r"\#", r"(\d+)"))
        numbers = {int(hit[1]) for name in self.state if (hit := found.match(name))}
        if not numbers:
            raise ArgumentError(self.argument, expected=f"tensors named {pattern}...", got="none")
        return max(numbers) + 1

    def table(self) -> ParameterAction:
        """The finished table."""
        return ParameterAction(self.sites, self.tensors, tuple(self.norms))


def stream(dim: int, residual: str, *, centred: bool) -> Site:
    """The site of a residual stream.

    Args:
        dim: Its number of coordinates.
        residual: ``"orthogonal"``, ``"signed"`` or ``"permutation"``.
        centred: Whether its norms subtract the mean.

    Raises:
        ArgumentError: For another word, and for signs where the mean is subtracted.

    Example:
        >>> stream(4, "orthogonal", centred=True)
        Rotation(count=4, fixes_ones=True)
    """
    if residual == "orthogonal":
        return Rotation(dim, fixes_ones=centred)
    if residual == "permutation":
        return Units(dim, normed=True)
    if residual != "signed":
        raise ArgumentError("residual", expected=f"one of {', '.join(RESIDUALS)}", got=repr(residual))
    if centred:
        raise ArgumentError(
            "residual",
            expected="'orthogonal' or 'permutation' where LayerNorm subtracts the mean",
            got="'signed'",
            way_out="a flip of signs does not leave (1, ..., 1) alone",
        )
    return Units(dim, "signs", normed=True)


def number(config: Config, *names: str, least: int = 1) -> int:
    """A whole number of a configuration, by the first of several names that it has.

    Args:
        config: What stands in ``config.json``.
        names: Names, in order.
        least: The least number that is accepted.

    Raises:
        ArgumentError: If it has none of them, or no such number there.
    """
    for name in names:
        value = config.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ArgumentError(f"config: {name}", expected=f"a whole number, at least {least}", got=repr(value))
            return value
    raise ArgumentError("config", expected=f"a number {names[0]!r}", got=f"{', '.join(map(str, config)) or 'nothing'}")


def head_size(dim: int, heads: int, argument: str) -> int:
    """Coordinates of each head.

    Raises:
        ArgumentError: If the heads do not divide them.
    """
    if dim % heads:
        raise ArgumentError(argument, expected=f"a number of heads that divides {dim}", got=heads)
    return dim // heads
