"""Linear sound in a medium of varying density and speed of sound: leapfrog on a staggered grid.

``p_t + K div u = -s p``, ``rho u_t + grad p = -s rho u`` with ``K = rho c^2``; rigid walls at both ends of x (no normal
velocity), an absorbing sponge ``s(y)`` at both ends of y. Source of the scheme: Yee, IEEE Trans. Antennas Propag. 14
(1966) 302; for waves in solids and fluids Virieux, Geophysics 51 (1986) 889.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.solvers.finite import check_finite, check_given
from haar.data.solvers.staggered import to_centres, to_faces
from haar.errors import ArgumentError


class Acoustics:
    """Batched solver for pressure and velocity in a medium that every run has for itself.

    Pressure lives at the centres of the cells, velocity at their faces. A time step is half a kick of the velocity, a
    full step of the pressure, half a kick: the leapfrog scheme with both fields known at whole steps. What goes in and
    comes out is collocated at the centres; the faces are recovered exactly (`staggered.to_faces`). The discrete flow
    commutes exactly with the reflections of x and y (the medium reflected too) and is linear, so that it commutes with
    the sign of the whole state.

    The sponge damps pressure and velocity alike and so does not change the impedance: normal waves enter it without
    reflection. It is a part of the stored domain: the fields there are damped, not cut off.

    Args:
        density: Density, positive, (run, x, y).
        speed_of_sound: Speed of sound, positive, (run, x, y).
        spacing: Cell sizes along x and y.
        time_step: Time step of the integrator.
        sponge: Number of cells of the sponge at each end of y; 0 leaves rigid ends.
        absorption: Factor by which a normal wave of speed 1 is damped on its way through the sponge and back.

    Raises:
        ArgumentError: If the medium is not positive, the time step exceeds the limit of stability, the sponge does not
            fit, or the absorption is not between 0 and 1.

    Example:
        >>> medium = torch.ones(1, 16, 32, dtype=torch.float64)
        >>> solver = Acoustics(medium, medium, spacing=(0.1, 0.1), time_step=0.05, sponge=8)
        >>> pressure, velocity = torch.ones_like(medium), torch.zeros(1, 16, 32, 2, dtype=torch.float64)
        >>> later, _ = solver.evolve(pressure, velocity, 200)
        >>> bool(later.abs().max() < 0.05)  # the sound has left
        True
    """

    def __init__(
        self,
        density: Float[Tensor, "run x y"],
        speed_of_sound: Float[Tensor, "run x y"],
        *,
        spacing: tuple[float, float],
        time_step: float,
        sponge: int = 0,
        absorption: float = 1e-3,
    ) -> None:
        if not (bool((density > 0).all()) and bool((speed_of_sound > 0).all())):
            raise ArgumentError("density, speed_of_sound", expected="positive everywhere", got="values <= 0 or NaN")
        check_given(density=density, speed_of_sound=speed_of_sound)
        if len(spacing) != 2 or not all(0 < step < math.inf for step in spacing):
            raise ArgumentError("spacing", expected="two positive numbers", got=spacing)
        if not time_step > 0:
            raise ArgumentError("time_step", expected="a positive number", got=time_step)
        cells = density.shape[2]
        if not 0 <= 2 * sponge <= cells:
            raise ArgumentError("sponge", expected=f"0 to {cells // 2} cells at each end", got=sponge)
        if not 0 < absorption < 1:
            raise ArgumentError("absorption", expected="a factor between 0 and 1", got=absorption)
        self.time_step = time_step
        bulk = density * speed_of_sound.square()
        # accelerations per pressure difference at the inner faces; zero at the walls
        kicks = [
            torch.nn.functional.pad(time_step / (spacing[axis] * to_centres(density, axis + 1)), margin)
            for axis, margin in ((0, (0, 0, 1, 1)), (1, (1, 1)))
        ]
        self._kick_x, self._kick_y = kicks
        self._compress_x, self._compress_y = (time_step * bulk / step for step in spacing)
        self._check_stability(kicks)
        self._damp_centre, self._damp_face = self._sponge(density, spacing[1], sponge, absorption)

    def evolve(
        self, pressure: Float[Tensor, "run x y"], velocity: Float[Tensor, "run x y 2"], steps: int
    ) -> tuple[Float[Tensor, "run x y"], Float[Tensor, "run x y 2"]]:
        """Advance by a number of time steps.

        Args:
            pressure: Pressure at the centres.
            velocity: Velocity at the centres.
            steps: Number of time steps.

        Returns:
            Pressure and velocity at the later time.

        Raises:
            ArgumentError: If the result is not finite.
        """
        p = pressure.clone()
        u, v = to_faces(velocity[..., 0], 1), to_faces(velocity[..., 1], 2)
        for _ in range(steps):
            self._kick(p, u, v)
            p.addcmul_(self._compress_x, u.diff(dim=1), value=-1).addcmul_(self._compress_y, v.diff(dim=2), value=-1)
            p.mul_(self._damp_centre)
            u.mul_(self._damp_centre)
            v.mul_(self._damp_face)
            self._kick(p, u, v)
        later = torch.stack((to_centres(u, 1), to_centres(v, 2)), dim=-1)
        return check_finite(p, self.time_step), check_finite(later, self.time_step)

    def _kick(self, p: Tensor, u: Tensor, v: Tensor) -> None:
        """Half a time step of the velocities."""
        u[:, 1:-1].addcmul_(self._kick_x[:, 1:-1], p.diff(dim=1), value=-0.5)
        v[:, :, 1:-1].addcmul_(self._kick_y[:, :, 1:-1], p.diff(dim=2), value=-0.5)

    def _check_stability(self, kicks: list[Tensor]) -> None:
        """Gershgorin's bound of the greatest frequency: ``(w h)^2 <= 2 max`` of the row sums must stay below 4."""
        x, y = kicks
        rows = self._compress_x * (x[:, 1:] + x[:, :-1]) + self._compress_y * (y[:, :, 1:] + y[:, :, :-1])
        ratio = (rows.max() / 2).sqrt().item()
        if not ratio < 1:
            raise ArgumentError(
                "time_step", expected=f"below {self.time_step / ratio:.3g}, the limit of stability", got=self.time_step
            )

    def _sponge(self, like: Tensor, spacing: float, width: int, absorption: float) -> tuple[Tensor, Tensor]:
        """Damping factors of one step at the centres and faces of y: a parabola of the depth, alike at both ends."""
        n = like.shape[2]
        at = torch.arange(2 * n + 1, dtype=torch.float64) / 2  # faces and centres, in cells
        at = torch.minimum(at, n - at)
        depth = (1 - at / max(width, 1)).clamp(min=0.0) if width else torch.zeros_like(at)
        strength = (
            -3 * torch.tensor(absorption).log() / (2 * max(width, 1) * spacing)
        )  # there and back: 2/3 strength width
        damp = torch.exp(-strength * depth.square() * self.time_step).to(like.device, like.dtype)
        return damp[1::2].contiguous(), damp[::2].contiguous()
