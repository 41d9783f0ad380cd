"""Drawn tables: factors, columns that follow from them, and answers.

Source: Fan and Gu, JASA 119 (2024), simulation and their code: factors and noise uniform on (-1, 1), loadings on
(-sqrt 3, sqrt 3), answers a sum of functions of one factor each, of which the first and the last are cos(pi x).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError

#: Standard deviation of the noise of training answers.
NOISE = 0.3
_FUNCTIONS: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.sin,
    lambda x: 2 * x.abs().sqrt() - 1,
    lambda x: (1 - x.abs()).square(),
    torch.sigmoid,
    lambda x: torch.cos(math.pi * x),
)


@dataclass(frozen=True)
class Rows:
    """Rows of a table.

    Attributes:
        factors: What nobody sees.
        x: Columns.
        y: Answers.
    """

    factors: Float[Tensor, "n r"]
    x: Float[Tensor, "n p"]
    y: Float[Tensor, " n"]


class DrawnWorld:
    """Loadings and functions, drawn once; rows of it, drawn as often as wanted.

    Args:
        kind: ``"linear"``: x = B f + u; ``"tanh"``: 1.5 tanh(B f) + sin(C f^2) + u; ``"sine"``: 1.5 sin(3 B f) + u;
            ``"square"``: (B f)^2 + u, which does not tell f from -f.
        columns: Number of columns.
        factors: Number of factors.
        generator: Source of everything random.

    Raises:
        ArgumentError: If the kind is unknown.

    Example:
        >>> DrawnWorld("sine", 10, 3, torch.Generator().manual_seed(0)).draw(5).x.shape
        torch.Size([5, 10])
    """

    def __init__(self, kind: str, columns: int, factors: int, generator: torch.Generator) -> None:
        if kind not in _COLUMNS:
            raise ArgumentError("kind", expected=f"one of {', '.join(_COLUMNS)}", got=repr(kind))
        self.kind, self.generator = kind, generator
        self.loadings = self._uniform(factors, columns) * math.sqrt(3)
        self.others = self._uniform(factors, columns) * math.sqrt(3)
        picked = torch.randint(len(_FUNCTIONS), (factors,), generator=generator).tolist()
        picked[0] = picked[-1] = len(_FUNCTIONS) - 1
        self.functions = [_FUNCTIONS[number] for number in picked]

    def draw(self, rows: int, *, noise: float = NOISE) -> Rows:
        """Rows.

        Args:
            rows: How many.
            noise: Standard deviation of the answers' noise.
        """
        f = self._uniform(rows, len(self.functions))
        x = _COLUMNS[self.kind](f, self.loadings, self.others)
        x = x + self._uniform(*x.shape)
        y = torch.stack([m(f[:, j]) for j, m in enumerate(self.functions)]).sum(0)
        return Rows(f, x, y + noise * torch.randn(rows, generator=self.generator))

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator) * 2 - 1


_COLUMNS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "linear": lambda f, b, _: f @ b,
    "tanh": lambda f, b, c: 1.5 * (f @ b).tanh() + (f.square() @ c).sin(),
    "sine": lambda f, b, _: 1.5 * (3 * f @ b).sin(),
    "square": lambda f, b, _: (f @ b).square(),
}
