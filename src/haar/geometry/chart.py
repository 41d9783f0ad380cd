"""CouplingChart: an invertible change of coordinates whose Jacobian's determinant is known."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ShapeError, check_count
from haar.seeding import Seed, generator_of

#: Greatest logarithm by which a block stretches a coordinate.
_LARGEST = 2.0


class _Block(nn.Module):
    """Half the coordinates stay; the others are stretched and moved by what these say."""

    def __init__(self, kept: list[int], moved: list[int], hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.kept, self.moved = kept, moved
        first, last = nn.Linear(max(len(kept), 1), hidden), nn.Linear(hidden, 2 * len(moved))
        with torch.no_grad():
            for parameter in first.parameters():
                parameter.uniform_(-1, 1, generator=generator).div_(max(len(kept), 1) ** 0.5)
            for parameter in last.parameters():
                parameter.zero_()  # the chart begins as the identity
        self.net = nn.Sequential(first, nn.Tanh(), last)

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of stretches, and shifts."""
        kept = x[:, self.kept] if self.kept else torch.ones_like(x[:, :1])
        raw, shift = self.net(kept).chunk(2, -1)
        return _LARGEST * torch.tanh(raw / _LARGEST), shift

    def put(self, x: Tensor, moved: Tensor) -> Tensor:
        """The coordinates in their order, with new ones in the places that move."""
        columns = list(x.unbind(-1))
        for place, column in zip(self.moved, moved.unbind(-1), strict=True):
            columns[place] = column
        return torch.stack(columns, -1)


class CouplingChart(nn.Module):
    """A smooth invertible map of R^d made of affine couplings, with the logarithm of its Jacobian's determinant.

    Each block leaves every other coordinate as it is and stretches and moves the rest by a tanh network of these; the
    roles change from block to block. It begins as the identity. In one dimension it is an affine map.

    Args:
        dim: Number of coordinates.
        blocks: Number of couplings.
        hidden: Width of their networks.
        seed: Of the initial weights.

    Raises:
        ArgumentError: If a number is out of range.

    Source:
        Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP", arXiv 1605.08803.

    Example:
        >>> chart = CouplingChart(3)
        >>> x = torch.randn(4, 3)
        >>> bool((chart.inverse(chart(x)) - x).abs().max() < 1e-6)
        True
    """

    def __init__(self, dim: int, blocks: int = 4, hidden: int = 32, *, seed: Seed = 0) -> None:
        super().__init__()
        check_count("dim", dim)
        check_count("blocks", blocks)
        check_count("hidden", hidden)
        self.dim = dim
        generator = generator_of(seed)
        even, odd = list(range(0, dim, 2)), list(range(1, dim, 2))
        sides = [(even, odd), (odd, even)] if dim > 1 else [([], even), ([], even)]
        self.blocks = nn.ModuleList(_Block(*sides[k % 2], hidden, generator) for k in range(blocks))

    def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """The new coordinates of points.

        Raises:
            ShapeError: If points have not its number of coordinates.
        """
        return self.with_log_det(x)[0]

    def with_log_det(self, x: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]:
        """The new coordinates, and the logarithm of the Jacobian's determinant at each point."""
        self._check(x)
        total = torch.zeros_like(x[:, 0])
        for block in self._blocks():
            stretch, shift = block.terms(x)
            x = block.put(x, x[:, block.moved] * stretch.exp() + shift)
            total = total + stretch.sum(-1)
        return x, total

    def inverse(self, y: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """The points that have these new coordinates."""
        self._check(y, "y")
        for block in reversed(self._blocks()):
            stretch, shift = block.terms(y)  # of coordinates that the block left as they were
            y = block.put(y, (y[:, block.moved] - shift) * (-stretch).exp())
        return y

    def _check(self, x: Tensor, argument: str = "x") -> None:
        if x.ndim != 2 or x.shape[-1] != self.dim:
            raise ShapeError(argument, expected=f"points (n, {self.dim})", got=tuple(x.shape))

    def _blocks(self) -> list[_Block]:
        return [block for block in self.blocks if isinstance(block, _Block)]
