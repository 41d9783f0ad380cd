"""Semidirect products of enumerated groups."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.groups.door import check_enumerated
from haar.groups.finite import FiniteGroup
from haar.groups.real import real
from haar.host import on_the_host


class SemidirectProduct(FiniteGroup):
    """Pairs (n, h) with (n, h)(m, k) = (n act(h, m), h k); the number is ``h * |N| + n``.

    Args:
        normal: The normal factor N.
        complement: The factor H that acts on it.
        action: Integers ``(|H|, |N|)``: ``action[h, n]`` is what h does to n.

    Raises:
        ShapeError: If the table has another shape.
        ArgumentError: If a row is no automorphism of N, or rows do not compose as H does.
    """

    def __init__(self, normal: FiniteGroup, complement: FiniteGroup, action: Int[Tensor, "h n"]) -> None:
        check_enumerated("normal", normal)
        check_enumerated("complement", complement)
        action = real("action", action).to(torch.int64)
        if action.shape != (complement.order, normal.order):
            raise ShapeError("action", expected=f"({complement.order}, {normal.order})", got=tuple(action.shape))
        self.normal, self.complement, self.action = normal, complement, action
        self.name = f"{normal.name} : {complement.name}"
        _check_action(normal, complement, action)

    def _content(self) -> tuple[object, ...]:
        return (self.action, self.normal, self.complement)

    @property
    def order(self) -> int:
        """|N| |H|."""
        return self.normal.order * self.complement.order

    def normal_of(self, g: Tensor) -> Tensor:
        """The part in N."""
        return g % self.normal.order

    def complement_of(self, g: Tensor) -> Tensor:
        """The part in H."""
        return torch.div(g, self.normal.order, rounding_mode="floor")

    def element(self, normal: Tensor | int = 0, complement: Tensor | int = 0) -> Tensor:
        """The element (n, h)."""
        return torch.as_tensor(complement) * self.normal.order + torch.as_tensor(normal)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """(n, h)(m, k) = (n act(h, m), h k)."""
        h = self.complement_of(a)
        moved = self.action[h, self.normal_of(b)]
        return self.element(
            self.normal.compose(self.normal_of(a), moved), self.complement.compose(h, self.complement_of(b))
        )

    def inverse(self, a: Tensor) -> Tensor:
        """(n, h)^-1 = (act(h^-1, n^-1), h^-1)."""
        back = self.complement.inverse(self.complement_of(a))
        return self.element(self.action[back, self.normal.inverse(self.normal_of(a))], back)

    def generators(self) -> Tensor:
        """The generators of both factors."""
        return torch.cat([self.element(self.normal.generators()), self.element(0, self.complement.generators())])

    def describe(self, g: Tensor | int) -> str:
        """The parts' names."""
        g = torch.as_tensor(g)
        return f"({self.normal.describe(self.normal_of(g))}, {self.complement.describe(self.complement_of(g))})"


@on_the_host
def semidirect(normal: FiniteGroup, complement: FiniteGroup, action: Int[Tensor, "h n"]) -> SemidirectProduct:
    """The semidirect product of two enumerated groups; for shifts of a grid use `grid_group`.

    Args:
        normal: The normal factor N.
        complement: The factor H that acts on it.
        action: Integers ``(|H|, |N|)``: ``action[h, n]`` is what h does to n.

    Raises:
        ShapeError: If the table has another shape.
        ArgumentError: If a row is no automorphism of N, or rows do not compose as H does.

    Example:
        >>> import torch
        >>> from haar.groups import cyclic
        >>> powers = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])
        >>> frobenius = semidirect(cyclic(7), cyclic(3), powers)
        >>> frobenius.order, frobenius.is_abelian
        (21, False)
    """
    return SemidirectProduct(normal, complement, action)


def _check_action(normal: FiniteGroup, complement: FiniteGroup, action: Tensor) -> None:
    everything = normal.elements()
    if not bool((action.sort(1).values == everything).all()):
        raise ArgumentError(
            "action", expected="rows that are permutations of the normal factor", got="a repeated element"
        )
    for s in normal.generators():
        one = action[:, normal.compose(everything, s)]
        other = normal.compose(action, action[:, s].unsqueeze(1))
        if not bool((one == other).all()):
            raise ArgumentError(
                "action",
                expected=f"automorphisms of {normal.name}",
                got=f"act(n {normal.describe(s)}) different from act(n) act({normal.describe(s)})",
            )
    for s in complement.generators():
        products = complement.compose(complement.elements(), s)
        if not bool((action[products] == action.gather(1, action[s].expand_as(action))).all()):
            raise ArgumentError(
                "action",
                expected=f"rows that compose as {complement.name} does",
                got=f"act(h {complement.describe(s)}) different from act(h) act({complement.describe(s)})",
            )
