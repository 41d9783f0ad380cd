"""Rayleigh-Benard convection between two plates: Fourier along x, staggered second-order differences along y.

``u_t + u . grad u = -grad p + nu lap u + b e_y``, ``b_t + u . grad b = kappa lap b``, ``div u = 0``, with
``nu = (Pr/Ra)^(1/2)``, ``kappa = (Ra Pr)^(-1/2)``; no slip, ``b = L_y`` at the lower and 0 at the upper plate; x
periodic (the equations of The Well, arXiv 2412.00568). Source of the scheme in y: Harlow & Welch, Phys. Fluids 8 (1965)
2182.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import TINY
from haar.data.solvers.finite import check_finite
from haar.data.solvers.staggered import to_centres, to_faces
from haar.errors import ArgumentError, ShapeError

_RUNGE_KUTTA_LIMIT = 2.78  # of the classical fourth-order method on the negative real axis


class RayleighBenard:
    """Batched solver for buoyancy and velocity.

    Along x the nodes are ``i L_x / N_x``, along y the centres ``(j + 1/2) L_y / N_y``; ``u_y`` lives at the faces
    between, from where it is averaged to the centres and recovered exactly (`staggered.to_faces`). The velocity is
    divergence-free to rounding after every stage of the classical Runge-Kutta method of order 4.

    The discrete flow commutes exactly with shifts and reflections of x, and with the up-down symmetry ``y -> L_y - y,
    u_y -> -u_y, b -> L_y - b, p -> p + L_y y - L_y^2/2``, an affine one. Transport conserves energy and the variance of
    the buoyancy but for the error of the time step.

    Args:
        shape: Number of points along x (even or odd) and y, each at least 4.
        lengths: Period along x and distance of the plates.
        rayleigh: Rayleigh number (of plates at distance 1).
        prandtl: Prandtl number: viscosity over thermal diffusivity.
        time_step: Time step of the integrator.
        dtype: ``torch.float32`` or ``torch.float64``.
        device: Where to compute.

    Raises:
        ArgumentError: If a number is not positive, a side is too short, or diffusion makes the time step unstable.

    Example:
        >>> solver = RayleighBenard((8, 8), (2.0, 1.0), rayleigh=1e4, prandtl=1.0, time_step=0.05)
        >>> rest = solver.conduction.expand(1, 8, 8), torch.zeros(1, 8, 8, 2, dtype=torch.float64)
        >>> later, _ = solver.evolve(*rest, 10)  # without a disturbance nothing moves
        >>> bool((later - rest[0]).abs().max() < 1e-13)
        True
    """

    def __init__(
        self,
        shape: tuple[int, int],
        lengths: tuple[float, float],
        *,
        rayleigh: float,
        prandtl: float,
        time_step: float,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        for name, value in {"rayleigh": rayleigh, "prandtl": prandtl, "time_step": time_step}.items():
            if not 0 < value < math.inf:
                raise ArgumentError(name, expected="a positive number", got=value)
        if len(lengths) != 2 or not all(0 < length < math.inf for length in lengths):
            raise ArgumentError("lengths", expected="two positive numbers", got=lengths)
        if len(shape) != 2 or min(shape) < 4:
            raise ArgumentError("shape", expected="at least 4 points along x and y", got=shape)
        self.shape, self.lengths, self.time_step = shape, lengths, time_step
        self.viscosity, self.diffusivity = math.sqrt(prandtl / rayleigh), 1 / math.sqrt(rayleigh * prandtl)
        nx, ny = shape
        self._dy = lengths[1] / ny
        self._y = (torch.arange(ny, dtype=torch.float64) + 0.5) * self._dy
        self._like = torch.empty(0, dtype=dtype, device=device)
        mode = torch.arange(nx // 2 + 1, dtype=torch.float64)
        k = torch.where(3 * mode < nx, mode * (2 * math.pi / lengths[0]), 0.0)
        rate = max(self.viscosity, self.diffusivity) * (4 / self._dy**2 + k.max().item() ** 2)
        if not rate * time_step < _RUNGE_KUTTA_LIMIT:
            raise ArgumentError(
                "time_step", expected=f"below {_RUNGE_KUTTA_LIMIT / rate:.3g}, the limit of diffusion", got=time_step
            )
        self._keep = (3 * mode < nx).to(self._like)
        self._k2 = k.square().to(self._like)
        self._ik = 1j * k.to(self._like)
        # eigenvectors of the second difference with reflecting ends, and one over the eigenvalues of the Laplacian
        wave = math.pi * torch.arange(ny, dtype=torch.float64) / ny
        cosines = torch.cos(wave[:, None] * (torch.arange(ny, dtype=torch.float64) + 0.5))
        self._cosines = (cosines / cosines.norm(dim=1, keepdim=True)).to(self._like)
        symbol = (2 * torch.sin(wave / 2) / self._dy).square()[:, None] + k.square()
        self._inverse = torch.where(symbol > 0, -1 / symbol.clamp(min=TINY), 0.0).repeat_interleave(2, 1).to(self._like)

    @property
    def conduction(self) -> Float[Tensor, " y"]:
        """Buoyancy of the layer at rest, ``L_y - y``."""
        return (self.lengths[1] - self._y).to(self._like)

    def evolve(
        self, buoyancy: Float[Tensor, "run x y"], velocity: Float[Tensor, "run x y 2"], steps: int
    ) -> tuple[Float[Tensor, "run x y"], Float[Tensor, "run x y 2"]]:
        """Advance by a number of time steps.

        Args:
            buoyancy: Buoyancy at the start.
            velocity: Velocity at the same points; only its divergence-free part counts.
            steps: Number of time steps.

        Returns:
            Buoyancy and velocity at the later time.

        Raises:
            ShapeError: If the fields are not on this grid.
            ArgumentError: If the result is not finite: the time step is too long.
        """
        state = self._modes(buoyancy, velocity)
        h = self.time_step
        for _ in range(steps):
            first = self._rate(state)
            second = self._rate(_moved(state, first, h / 2))
            third = self._rate(_moved(state, second, h / 2))
            fourth = self._rate(_moved(state, third, h))
            for x, a, b, c, d in zip(state, first, second, third, fourth, strict=True):
                x.add_(a, alpha=h / 6).add_(b, alpha=h / 3).add_(c, alpha=h / 3).add_(d, alpha=h / 6)
        u, v, b = (self._to_nodes(modes) for modes in state)
        velocity = torch.stack((u, to_centres(v, 1)), dim=-1)
        for values in (b, velocity):
            check_finite(values, h)
        return b.transpose(1, 2) + self.conduction, velocity.transpose(1, 2)

    def pressure(
        self, buoyancy: Float[Tensor, "run x y"], velocity: Float[Tensor, "run x y 2"]
    ) -> Float[Tensor, "run x y"]:
        """The pressure that keeps this state divergence-free, zero mean.

        Raises:
            ShapeError: If the fields are not on this grid.
        """
        u, v, _ = self._forces(self._modes(buoyancy, velocity))
        rest = self.lengths[1] * self._y - self._y.square() / 2  # carries the buoyancy of conduction, exactly
        return self._to_nodes(self._pressure(u, v)).transpose(1, 2) + (rest - rest.mean()).to(self._like)

    def _modes(self, buoyancy: Tensor, velocity: Tensor) -> list[Tensor]:
        """Modes along x of u_x at centres, u_y at faces, and the buoyancy beyond conduction; (run, y, kx)."""
        if tuple(buoyancy.shape[1:]) != self.shape or tuple(velocity.shape[1:]) != (*self.shape, 2):
            got = f"{tuple(buoyancy.shape)} and {tuple(velocity.shape)}"
            raise ShapeError("buoyancy, velocity", expected=f"(run, {self.shape}) and a vector there", got=got)
        faces = to_faces(velocity[..., 1], 2)
        nodes = (velocity[..., 0], faces, buoyancy - self.conduction)
        u, v, b = (torch.fft.rfft(values.transpose(1, 2)) * self._keep for values in nodes)
        self._project(u, v)
        return [u, v, b]

    def _to_nodes(self, modes: Tensor) -> Tensor:
        nodes: Tensor = torch.fft.irfft(modes, n=self.shape[0])
        return nodes

    def _rate(self, state: list[Tensor]) -> list[Tensor]:
        u, v, b = self._forces(state)
        self._project(u, v)
        return [u, v, b]

    def _forces(self, state: list[Tensor]) -> list[Tensor]:
        """Rates of change without the pressure; the entries at the plates stay zero."""
        u, v, b = state
        ny = self.shape[1]
        x, y, s = self._to_nodes(torch.cat(state, dim=1)).split((ny, ny + 1, ny), dim=1)
        inner, centre = y[:, 1:-1], to_centres(y, 1)
        cross, lift = to_centres(x, 1) * inner, to_centres(s, 1) * inner
        products = torch.fft.rfft(torch.cat((x * x, x * s, centre * centre, cross, lift), dim=1)) * self._keep
        xx, xs, yy, xy, ys = products.split((ny, ny, ny, ny - 1, ny - 1), dim=1)
        force_u = self._diffused(u, self.viscosity) - self._ik * xx - self._slope(_between_plates(xy))
        force_v = torch.zeros_like(v)
        bend = self._slope(self._slope(v)) - self._k2 * v[:, 1:-1]
        force_v[:, 1:-1] = self.viscosity * bend - self._ik * xy - self._slope(yy) + to_centres(b, 1)
        force_b = self._diffused(b, self.diffusivity) - self._ik * xs - self._slope(_between_plates(ys))
        return [force_u, force_v, force_b.add_(to_centres(v, 1))]

    def _slope(self, values: Tensor) -> Tensor:
        return values.diff(dim=1).mul_(1 / self._dy)

    def _diffused(self, values: Tensor, diffusivity: float) -> Tensor:
        """Diffusion of values at centres that vanish at the plates (a mirrored value of opposite sign beyond each)."""
        slope = torch.cat((2 * values[:, :1], values.diff(dim=1), -2 * values[:, -1:]), dim=1).mul_(1 / self._dy)
        return self._slope(slope).addcmul_(self._k2, values, value=-1).mul_(diffusivity)

    def _pressure(self, u: Tensor, v: Tensor) -> Tensor:
        """The potential whose gradient takes the divergence away, by cosines along y."""
        divergence = (self._ik * u).add_(self._slope(v))
        real = torch.view_as_real(divergence).flatten(-2)
        real = self._cosines.T @ ((self._cosines @ real) * self._inverse)
        potential: Tensor = torch.view_as_complex(real.unflatten(-1, (-1, 2)))
        return potential

    def _project(self, u: Tensor, v: Tensor) -> None:
        """Remove the divergence in place."""
        pressure = self._pressure(u, v)
        u.sub_(self._ik * pressure)
        v[:, 1:-1].sub_(self._slope(pressure))


def _between_plates(inner: Tensor) -> Tensor:
    """Fluxes at the inner faces, with those through the plates: none."""
    return torch.nn.functional.pad(inner, (0, 0, 1, 1))


def _moved(state: list[Tensor], rate: list[Tensor], step: float) -> list[Tensor]:
    return [torch.add(x, change, alpha=step) for x, change in zip(state, rate, strict=True)]
