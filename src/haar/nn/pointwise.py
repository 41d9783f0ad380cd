"""Nonlinearities on every channel by itself: right where the group only permutes channels, or changes signs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import Representation
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError
from haar.nn.module import EquivariantModule, check_channels


class Pointwise(EquivariantModule):
    """x -> f(x) on every channel: equivariant if the group only permutes the channels.

    Args:
        rep: A permutation representation: trivial, regular, quotient, points.
        function: Acts on every number by itself, for example `torch.relu`.
        channels: ``"last"`` or ``"first"``.

    Raises:
        ArgumentError: If the representation is not of permutation type; the message names what fits.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> Pointwise(Regular(dihedral(4)))(torch.full((1, 8), -1.0)).sum().item()
        0.0
    """

    def __init__(
        self, rep: Representation, function: Callable[[Tensor], Tensor] = torch.relu, *, channels: str = "last"
    ) -> None:
        super().__init__()
        check_permutation(rep, "a nonlinearity on every channel")
        self.rep_in = self.rep_out = rep
        self.channels = check_channels(channels)
        self.function = function

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Apply the function.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        return self.function(x)


class Odd(EquivariantModule):
    """x -> f(x) for an odd function, f(-x) = -f(x): equivariant if the group permutes channels and changes signs.

    Args:
        rep: A signed-permutation representation: vectors under D4 or O_h, eigenvectors' signs.
        function: An odd function, for example `torch.tanh`; oddness is checked on numbers from 1e-3 to 1e2.
        channels: ``"last"`` or ``"first"``.

    Raises:
        ArgumentError: If the representation is no signed permutation, or the function is not odd.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Space
        >>> from haar.groups import dihedral
        >>> Odd(Space(dihedral(4)), torch.tanh)(torch.zeros(3, 2)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, rep: Representation, function: Callable[[Tensor], Tensor] = torch.tanh, *, channels: str = "last"
    ) -> None:
        super().__init__()
        check_representation("rep", rep)
        if not rep.is_signed_permutation:
            raise ArgumentError(
                "rep",
                expected="a signed-permutation representation for an odd function on every channel",
                got=f"{rep.name} of {rep.group.name}",
                way_out="use haar.nn.NormNonlinearity or haar.nn.Gated",
            )
        check_odd(function)
        self.rep_in = self.rep_out = rep
        self.channels = check_channels(channels)
        self.function = function

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Apply the function.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        return self.function(x)


def is_permutation(rep: Representation) -> bool:
    """Whether every element only permutes the channels."""
    if not rep.is_signed_permutation:
        return False
    generators = rep.group.generators()
    return len(generators) == 0 or bool((rep.signed_permutation(generators)[1] > 0).all())


def check_permutation(rep: Representation, what: str) -> None:
    """Raise unless every element only permutes the channels.

    Raises:
        ArgumentError: Naming what fits instead.
    """
    check_representation("rep", rep)
    if not is_permutation(rep):
        odd = "haar.nn.Odd, " if rep.is_signed_permutation else ""
        raise ArgumentError(
            "rep",
            expected=f"a permutation representation for {what}",
            got=f"{rep.name} of {rep.group.name}, which changes signs or mixes channels",
            way_out=f"use {odd}haar.nn.NormNonlinearity or haar.nn.Gated, or features of regular type",
        )


def check_odd(function: Callable[[Tensor], Tensor]) -> None:
    """Raise unless f(-x) = -f(x) on numbers from 1e-3 to 1e2, float64.

    Raises:
        ArgumentError: Naming a number at which it fails.
    """
    x = torch.logspace(-3, 2, 64, dtype=torch.float64)
    with torch.no_grad():
        plus, minus = function(x), function(-x)
    error = (plus + minus).abs()
    if bool((error > 1e-12 * (1 + plus.abs())).any()):
        at = float(x[int(error.argmax())])
        raise ArgumentError(
            "function",
            expected="an odd function, f(-x) = -f(x)",
            got=f"f({at:.3g}) + f({-at:.3g}) = {float((plus + minus)[int(error.argmax())]):.3g}",
            way_out="torch.tanh, torch.sin and x -> x |x| are odd",
        )
