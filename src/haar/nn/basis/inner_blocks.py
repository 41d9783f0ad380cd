"""Inner blocks: a small network for every coordinate, or one that several share, all in stacked weights."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.constants import ConstantsModule
from haar.nn.basis.coordinates import Coordinates
from haar.nn.basis.inner_map import inner_map, summed_polynomials
from haar.nn.basis.polynomials import chebyshev


class InnerBlocks(ConstantsModule):
    """``xi = sum_p Psi_p(x_p)``: a basis of each coordinate, dense layers with tanh, polynomials of their outputs.

    Args:
        coordinates: Where they lie, and which share a block.
        degree: Of both expansions.
        sizes: Width and number of dense layers.
        mixing: Numbers that come out.
        enhanced: Whether dense layers are weight-normalised, and all after the first adaptive residual blocks.
        generator: Source of the initial weights; by default torch's.
    """

    centre: Tensor
    rate: Tensor
    is_periodic: Tensor
    scales: Tensor
    block_of: Tensor
    bias: Tensor
    inner_bias: Tensor

    def __init__(
        self,
        coordinates: Coordinates,
        degree: int,
        sizes: tuple[int, int],
        mixing: int,
        *,
        enhanced: bool,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.coordinates, self.enhanced = coordinates, enhanced
        width, depth = sizes
        blocks, terms = len(coordinates.even), degree + 1
        odd = coordinates.inner == "odd"

        def drawn(*shape: int, fans: int) -> nn.Parameter:  # Glorot's normal
            return nn.Parameter(torch.randn(*shape, generator=generator) * (2 / fans) ** 0.5)

        self.coefficients = nn.Parameter(torch.ones(2, blocks, terms))
        self.first = drawn(blocks, width, terms, fans=terms + width)
        inside = (2,) if enhanced else ()
        self.hidden = drawn(depth - 1, *inside, blocks, width, width, fans=2 * width)
        self.last = drawn(mixing, blocks, terms, width, fans=width * terms + mixing)
        if enhanced:
            self.gain = nn.Parameter(_norms(self.first).detach().clone())
            self.gains = nn.Parameter(_norms(self.hidden).detach().clone())
            self.adaptive = nn.Parameter(torch.ones(depth - 1, blocks, 1, 1))
        if odd:
            self.register_constant("bias", torch.zeros(depth, blocks, width, 1))
            if enhanced:
                self.register_constant("inner_bias", torch.zeros(depth - 1, blocks, width, 1))
        else:
            self.bias = nn.Parameter(torch.zeros(depth, blocks, width, 1))
            self.shift = nn.Parameter(torch.zeros(blocks, mixing))
            if enhanced:
                self.inner_bias = nn.Parameter(torch.zeros(depth - 1, blocks, width, 1))
        self._place(degree)

    def _place(self, degree: int) -> None:
        """Constants: how coordinates are brought to where they belong, and which terms a block has."""
        known = self.coordinates
        order = [place for members in known.members for place in members]
        single = torch.get_default_dtype()
        ends = torch.tensor(known.domains, dtype=torch.float64)
        centre, half = ends.mean(1), (ends[:, 1] - ends[:, 0]) / 2
        periodic = torch.tensor([period is not None for period in known.periods])
        sizes = torch.tensor([period or 1.0 for period in known.periods], dtype=torch.float64)
        signs = torch.tensor(known.signs, dtype=torch.float64)
        self.order = None if order == list(range(known.count)) else order
        # a periodic coordinate is brought to half turns, and stays where it is
        self.register_constant("centre", centre.where(~periodic, torch.zeros(()).double())[order], single)
        self.register_constant("rate", (signs * (1 / half).where(~periodic, 2 / sizes))[order], single)
        self.register_constant("is_periodic", periodic[order])
        self.register_constant("scales", _scales(known, degree), single)
        counts = [len(members) for members in known.members]
        self.copies = counts[0] if len(set(counts)) == 1 else None
        block_of = [number for number, count in enumerate(counts) for _ in range(count)]
        self.register_constant("block_of", None if self.copies else torch.tensor(block_of))

    def scaled(self, x: Float[Tensor, "samples count"]) -> Float[Tensor, "count samples"]:
        """Coordinates within [-1, 1], or in half turns, in the order of blocks."""
        u = x.t() if self.order is None else x.t()[self.order]
        return (u - self.centre[:, None]) * self.rate[:, None]

    def terms(self, u: Float[Tensor, "count samples"]) -> Float[Tensor, "count terms samples"]:
        """The basis of every coordinate: Chebyshev polynomials, or 1, cosines and sines."""
        periods = self.coordinates.periods
        degree = self.first.shape[2] - 1
        if all(period is None for period in periods):
            return chebyshev(u, degree).transpose(0, 1)
        turns = torch.pi * torch.arange(1, degree // 2 + 2, dtype=u.dtype, device=u.device)[:, None, None] * u
        waves = torch.stack([torch.cos(turns), torch.sin(turns)], 1).flatten(0, 1)[:degree]
        waves = torch.cat([torch.ones_like(u)[None], waves]).transpose(0, 1)
        if all(period is not None for period in periods):
            return waves
        return torch.where(self.is_periodic[:, None, None], waves, chebyshev(u, degree).transpose(0, 1))

    def forward(self, u: Float[Tensor, "count samples"]) -> Float[Tensor, "mixing samples"]:
        """The sums, of coordinates as `scaled` has them."""
        samples = u.shape[1]
        before, after = (self.coefficients * self.scales).unbind(0)
        terms = self.terms(u)
        if self.copies is None:
            picked = self._picked(before, after)
        else:
            terms = terms.unflatten(0, (-1, self.copies)).transpose(1, 2).flatten(2)
            picked = before, self.first, self.hidden, self.bias, after, self.last
        found = self._enhanced(terms, *picked) if self.enhanced else inner_map(terms, *picked)
        found = found.unflatten(1, (-1, samples)).sum(1) if found.shape[1] != samples else found
        if self.coordinates.inner == "odd":
            return found
        return found + self._shift()[:, None]

    def _shift(self) -> Float[Tensor, " mixing"]:
        if self.copies is None:
            return self.shift[self.block_of].sum(0)
        return self.copies * self.shift.sum(0)

    def _picked(self, before: Tensor, after: Tensor) -> tuple[Tensor, ...]:
        """The weights of each coordinate, where blocks have unequal numbers of them."""
        at = self.block_of
        return (
            before[at],
            self.first[at],
            self.hidden.index_select(self.hidden.ndim - 3, at),
            self.bias[:, at],
            after[at],
            self.last[:, at],
        )

    def _enhanced(  # noqa: PLR0917 (the weights, in the order of the layers)
        self, terms: Tensor, before: Tensor, first: Tensor, hidden: Tensor, bias: Tensor, after: Tensor, last: Tensor
    ) -> Tensor:
        """Weight-normalised layers, and residual blocks ``H <- tanh(a G + (1 - a) H)``."""
        at = slice(None) if self.copies is not None else self.block_of
        first = first * (self.gain[at] / _norms(first))
        hidden = hidden * (self.gains[:, :, at] / _norms(hidden))
        h = torch.tanh(torch.baddbmm(bias[0], first * before[:, None], terms))
        inner_bias, adaptive = self.inner_bias[:, at], self.adaptive[:, at]
        for k in range(len(hidden)):
            g = torch.baddbmm(bias[k + 1], hidden[k, 1], torch.tanh(torch.baddbmm(inner_bias[k], hidden[k, 0], h)))
            h = torch.tanh(adaptive[k] * g + (1 - adaptive[k]) * h)
        return summed_polynomials(h, after, last)


def _norms(weight: Tensor) -> Tensor:
    found: Tensor = torch.linalg.vector_norm(weight, dim=-1, keepdim=True)
    return found


def _scales(known: Coordinates, degree: int) -> Float[Tensor, "2 blocks terms"]:
    """Factors of both expansions of every block: ``1 / (n + 1)``, and 0 for terms of the wrong parity."""
    n = torch.arange(degree + 1)
    found = (1 / (1.0 + n.double())).expand(2, len(known.even), -1).clone()
    for number, (members, even) in enumerate(zip(known.members, known.even, strict=True)):
        repeats = known.periods[members[0]] is not None
        is_even = (n == 0) | (n % 2 == 1) if repeats else n % 2 == 0  # 1, cos, sin, cos, sin, ...
        if repeats:
            found[0, number] = 1
        if even:
            found[0, number] *= is_even
        if known.inner == "odd":
            found[0, number] *= ~is_even
            found[1, number] *= n % 2 == 1
    return found
