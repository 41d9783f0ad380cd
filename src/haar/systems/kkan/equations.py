"""Equations as residuals of torch, with solutions that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.nn.basis import derivative, laplacian

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Equation:
    """An equation on a box around 0.

    Attributes:
        coordinates: Their number.
        residual: What vanishes for a solution, of a function and points.
        form: The solution of a network's values: conditions on the boundary hold exactly.
        solution: The one that is known, if it is.
    """

    coordinates: int
    residual: Callable[[Function, Tensor], Tensor]
    form: Callable[[Tensor, Tensor], Tensor]
    solution: Function | None


def _wall(x: Tensor) -> Tensor:
    """1 - x^2 of every coordinate, multiplied."""
    return (1 - x**2).prod(-1, keepdim=True)


def _poisson() -> Equation:
    pi = torch.pi

    def solution(x: Tensor) -> Tensor:
        return torch.sin(pi * x) + 0.1 * torch.sin(10 * pi * x)

    def residual(u: Function, x: Tensor) -> Tensor:
        source = pi**2 * (torch.sin(pi * x) + 10 * torch.sin(10 * pi * x))
        return laplacian(u, x) + source

    return Equation(1, residual, lambda x, y: _wall(x) * y, solution)


def _helmholtz() -> Equation:
    pi = torch.pi

    def solution(x: Tensor) -> Tensor:
        return torch.sin(pi * x[:, :1]) * torch.sin(4 * pi * x[:, 1:])

    def residual(u: Function, x: Tensor) -> Tensor:
        return laplacian(u, x) + u(x) - (1 - 17 * pi**2) * solution(x)

    return Equation(2, residual, lambda x, y: _wall(x) * y, solution)


def _burgers() -> Equation:
    """``u_t + u u_x = (0.01 / pi) u_xx`` on x in [-1, 1], t in [0, 2], which is the second coordinate from -1 on."""

    def residual(u: Function, x: Tensor) -> Tensor:
        return derivative(u, x, 1) + u(x) * derivative(u, x, 0) - 0.01 / torch.pi * derivative(u, x, 0, 2)

    def form(x: Tensor, y: Tensor) -> Tensor:
        place, time = x[:, :1], x[:, 1:] + 1
        return -torch.sin(torch.pi * place) + time * (1 - place**2) * y

    return Equation(2, residual, form, None)


def _allen_cahn() -> Equation:
    """``u_t = 1e-4 u_xx + 5 (u - u^3)`` on x in [-1, 1], t in [0, 2] as above, from ``x^2 cos(pi x)``."""

    def residual(u: Function, x: Tensor) -> Tensor:
        value = u(x)
        return derivative(u, x, 1) - 1e-4 * derivative(u, x, 0, 2) - 5 * (value - value**3)

    def form(x: Tensor, y: Tensor) -> Tensor:
        place, time = x[:, :1], x[:, 1:] + 1
        return place**2 * torch.cos(torch.pi * place) + time * (1 - place**2) * y

    return Equation(2, residual, form, None)


EQUATIONS: dict[str, Callable[[], Equation]] = {
    "poisson": _poisson,
    "helmholtz": _helmholtz,
    "burgers": _burgers,
    "allen-cahn": _allen_cahn,
}
"""Equations by name; of the last two the solution is not known in closed form."""
