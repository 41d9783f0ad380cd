"""Exponential time differencing Runge-Kutta steps of order 2 and 4 for ``u' = L u + N(u)`` with a diagonal ``L``.

Sources: Cox & Matthews, J. Comput. Phys. 176 (2002) 430 (the schemes); Kassam & Trefethen, SIAM J. Sci. Comput. 26
(2005) 1214 (the coefficients as means over a contour, which avoids their cancellation near zero).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from haar.errors import ArgumentError

_POINTS = 32


def phi_functions(z: Float[Tensor, "*shape"]) -> tuple[Tensor, Tensor, Tensor]:
    """``phi_1, phi_2, phi_3`` at real points, by the mean over 32 points of the unit circle around each.

    ``phi_1 = (e^z - 1)/z``, ``phi_2 = (e^z - 1 - z)/z^2``, ``phi_3 = (e^z - 1 - z - z^2/2)/z^3``. They are entire,
    so that their value at the centre of a circle is their mean over it; at the circle nothing cancels. The points
    lie symmetric about the real axis and off it: half of them and the real part are enough.

    Args:
        z: Real arguments, any shape. Computed in float64, returned in the dtype of `z`.

    Returns:
        Three tensors of the shape of `z`.

    Example:
        >>> [round(float(phi), 6) for phi in phi_functions(torch.zeros(()))]
        [1.0, 0.5, 0.166667]
    """
    centre = z.to(torch.float64)
    sums = [torch.zeros_like(centre) for _ in range(3)]
    for k in range(_POINTS // 2):
        angle = math.pi * (2 * k + 1) / _POINTS
        w = centre + complex(math.cos(angle), math.sin(angle))
        inverse = w.reciprocal()
        phi = w.exp()
        for j, total in enumerate(sums):  # phi_{j+1} = (phi_j - 1/j!) / z
            phi = (phi - 1 / math.factorial(j)) * inverse
            total.add_(phi.real)
    one, two, three = ((total / (_POINTS // 2)).to(z.dtype) for total in sums)
    return one, two, three


class ExponentialRungeKutta:
    """ETDRK2 or ETDRK4 with a fixed time step: the linear part exactly, the rest explicitly.

    Args:
        linear: The diagonal of ``L``, real; broadcasts against the state.
        time_step: The step ``h > 0``.
        order: 2 (two evaluations of ``N`` a step) or 4 (four).

    Raises:
        ArgumentError: If the step is not positive or the order is neither 2 nor 4.

    Example:
        >>> decay = ExponentialRungeKutta(torch.tensor([-2.0]), 0.5, order=4)
        >>> float(decay.step(torch.tensor([1.0 + 0j]), torch.zeros_like).real)  # exp(-1)
        0.3678...
    """

    def __init__(self, linear: Float[Tensor, "*shape"], time_step: float, *, order: int = 2) -> None:
        if not 0 < time_step < math.inf:
            raise ArgumentError("time_step", expected="a positive number", got=time_step)
        if order not in (2, 4):
            raise ArgumentError("order", expected="2 (ETDRK2) or 4 (ETDRK4)", got=order)
        self.time_step, self.order = float(time_step), order
        z = linear * self.time_step
        one, two, three = phi_functions(z)
        weights = [z.exp(), self.time_step * one]
        if order == 2:
            weights += [self.time_step * two]
        else:
            half = phi_functions(z / 2)[0]
            weights = [z.exp(), (z / 2).exp(), self.time_step / 2 * half]
            weights += [self.time_step * f for f in (one - 3 * two + 4 * three, 2 * two - 4 * three, 4 * three - two)]
        kind = torch.complex64 if z.dtype == torch.float32 else torch.complex128
        self._weights = tuple(weight.to(kind) for weight in weights)  # complex times complex needs no conversion

    def step(
        self, state: Complex[Tensor, "*shape"], nonlinear: Callable[[Tensor], Tensor]
    ) -> Complex[Tensor, "*shape"]:
        """One time step.

        Args:
            state: The modes ``u``; left as it was.
            nonlinear: The function ``N``; what it returns may be overwritten.

        Returns:
            The modes one time step later, in new memory.
        """
        return self._second(state, nonlinear) if self.order == 2 else self._fourth(state, nonlinear)

    def _second(self, u: Tensor, nonlinear: Callable[[Tensor], Tensor]) -> Tensor:
        decay, first, second = self._weights
        rate = nonlinear(u)
        a = (decay * u).addcmul_(first, rate)
        change = nonlinear(a).sub_(rate)
        return a.addcmul_(second, change)

    def _fourth(self, u: Tensor, nonlinear: Callable[[Tensor], Tensor]) -> Tensor:
        decay, half_decay, half, f1, f2, f3 = self._weights
        rate = nonlinear(u)
        start = half_decay * u
        a = torch.addcmul(start, half, rate)
        rate_a = nonlinear(a)
        b = start.addcmul_(half, rate_a)
        rate_b = nonlinear(b)
        c = (half_decay * a).addcmul_(half, 2 * rate_b - rate)
        rate_c = nonlinear(c)
        return (decay * u).addcmul_(f1, rate).addcmul_(f2, rate_a.add_(rate_b)).addcmul_(f3, rate_c)
