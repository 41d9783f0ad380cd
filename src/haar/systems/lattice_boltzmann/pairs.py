"""Pairs of populations before and after a collision: drawn as the paper draws them, read and written in its layout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, DataError, ShapeError, check_count, check_rate
from haar.files import atomic_path
from haar.seeding import generator_of
from haar.systems.lattice_boltzmann.collision import Collision, check_collision, check_stencil, collided
from haar.systems.lattice_boltzmann.relaxation import BGK
from haar.systems.lattice_boltzmann.stencil import Stencil

#: Largest speed and noise of the paper's data.
SPEED, NOISE = 0.01, 5e-4
#: Given equilibria may differ by so much from those of the given populations: files may be in single precision.
_SAME_EQUILIBRIUM = 1e-5


@dataclass(frozen=True)
class Pairs:
    """Populations before and after a collision, and the equilibria between them.

    Attributes:
        before: ``[samples, Q]``, float64.
        after: The same.
        equilibrium: The same.
    """

    before: Float[Tensor, "samples q"]
    after: Float[Tensor, "samples q"]
    equilibrium: Float[Tensor, "samples q"]

    def __post_init__(self) -> None:
        arrays = (self.before, self.after, self.equilibrium)
        for name, array in zip(("before", "after", "equilibrium"), arrays, strict=True):
            if not isinstance(array, Tensor):
                way_out = "torch.as_tensor makes one of an array; read_pairs reads them from a file"
                got = type(array).__name__
                raise ArgumentError(name, expected="a tensor [samples, Q]", got=got, way_out=way_out)
            if array.ndim != 2 or array.shape != self.before.shape:
                raise ShapeError(name, expected="[samples, Q], all three alike", got=tuple(array.shape))

    @property
    def normalised(self) -> tuple[Float[Tensor, "samples q"], Float[Tensor, "samples q"]]:
        """Before and after, divided by the density."""
        density = self.before.sum(1, keepdim=True)
        return self.before / density, self.after / density

    def split(self, share: float = 0.7) -> tuple[Pairs, Pairs]:
        """The first samples and the rest; they are drawn independently, so any order is random.

        Args:
            share: Of the first part.
        """
        if not 0 <= share <= 1:
            raise ArgumentError("share", expected="a share from 0 to 1", got=share)
        cut = round(share * len(self.before))
        return self[:cut], self[cut:]

    def __getitem__(self, rows: slice | Int[Tensor, " rows"]) -> Pairs:
        return Pairs(self.before[rows], self.after[rows], self.equilibrium[rows])

    def __len__(self) -> int:
        return len(self.before)

    def speed(self, stencil: Stencil) -> float:
        """The largest speed in it: a collision that was learned on it knows of no larger ones."""
        return float(stencil.moments(self.before)[1].norm(dim=-1).max())

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write an npz file with the arrays f_pre, f_post and f_eq."""
        with atomic_path(Path(path)) as temporary, temporary.open("wb") as file:
            np.savez(file, f_pre=self.before.numpy(), f_post=self.after.numpy(), f_eq=self.equilibrium.numpy())


def draw_pairs(
    stencil: Stencil,
    samples: int,
    collision: Collision | None = None,
    *,
    tau: float = 1.0,
    speed: float = SPEED,
    noise: float = NOISE,
    seed: int | torch.Generator = 0,
) -> Pairs:
    """Populations near equilibrium, and what a collision makes of them.

    Densities are uniform in [0.95, 1.05], speeds in [0, speed] in a direction of any kind, and normal noise without
    conserved moments, of a standard deviation uniform in [0, noise], is added to the equilibrium. Samples with a
    negative population are dropped.

    Args:
        stencil: Velocities and weights.
        samples: How many.
        collision: What is to be learned; by default BGK.
        tau: Relaxation time of BGK.
        speed: Largest speed; choose it above that of the flows to come.
        noise: Largest standard deviation of the noise.
        seed: Seed or generator.

    Source: NN-LBM, algorithm 1.
    """
    check_count("samples", samples)
    check_rate("speed", speed, zero=True)
    check_rate("noise", noise, zero=True)
    generator = generator_of(seed)
    collide = BGK(stencil, tau) if collision is None else collision
    check_collision(collide, stencil)
    kept: list[Pairs] = []
    while sum(map(len, kept)) < samples:
        some = _drawn(stencil, collide, samples, (speed, noise), generator)
        kept.append(some)
        if not len(some):
            expected = "so little that populations stay positive, and a collision that leaves them so"
            raise ArgumentError("noise", expected=expected, got=f"{noise}, with speed {speed}")
    return Pairs(
        torch.cat([p.before for p in kept])[:samples],
        torch.cat([p.after for p in kept])[:samples],
        torch.cat([p.equilibrium for p in kept])[:samples],
    )


def _drawn(
    stencil: Stencil, collide: Collision, count: int, sizes: tuple[float, float], generator: torch.Generator
) -> Pairs:
    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    speed, noise = sizes
    direction = torch.randn(count, stencil.dim, generator=generator, dtype=torch.float64)
    velocity = speed * uniform(count, 1) * direction / direction.norm(dim=1, keepdim=True)
    equilibrium = stencil.equilibrium(0.95 + 0.1 * uniform(count), velocity)
    away = torch.randn(count, stencil.size, generator=generator, dtype=torch.float64) * (noise * uniform(count, 1))
    before = equilibrium + away @ stencil.non_conserved
    with torch.no_grad():
        after = collided(collide, before.clone())
    good = torch.cat([equilibrium, before, after], 1).min(1).values > 0
    return Pairs(before[good], after[good], equilibrium[good])


def read_pairs(path: str | os.PathLike[str], stencil: Stencil) -> Pairs:
    """Read an npz file with the arrays f_pre, f_post and f_eq, as the authors of NN-LBM write them.

    Args:
        path: The file.
        stencil: Whose order of velocities the columns have.

    Raises:
        DataError: If it cannot be read, an array is missing, empty, of another shape, not finite or negative, a density
            is 0, the equilibria are not those of the populations (then the velocities are in another order), or mass or
            momentum differ before and after.
    """
    check_stencil(stencil)
    try:
        loaded = np.load(Path(path), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise DataError(f"{path}: expected an npz file with f_pre, f_post and f_eq, got an npy file of one array")
        with loaded as file:
            arrays = {name: np.asarray(file[name], dtype=np.float64) for name in ("f_pre", "f_post", "f_eq")}
    except KeyError as error:
        raise DataError(f"{path}: expected the arrays f_pre, f_post and f_eq, got no {error}") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: expected an npz file of arrays: {error}") from error
    _check_arrays(path, arrays, stencil)
    before, after, equilibrium = (torch.from_numpy(array) for array in arrays.values())
    if bool((before.sum(1) <= 0).any()):
        raise DataError(f"{path}: f_pre: expected a density above 0, got 0 in row {int(before.sum(1).argmin())}")
    away = float((stencil.equilibrium(*stencil.moments(before)) - equilibrium).abs().max())
    if away > _SAME_EQUILIBRIUM:
        order = [[round(x, 4) for x in c] for c in stencil.velocities.tolist()]
        raise DataError(
            f"{path}: f_eq: expected the equilibria of f_pre in the order of {stencil.name}, which is {order}; they "
            f"differ by {away:.2g}: name the order of the file with Stencil.permuted"
        )
    _check_conserved(path, (after - before) @ stencil.conserved, stencil)
    return Pairs(before, after, equilibrium)


def _check_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], stencil: Stencil) -> None:
    shape = arrays["f_pre"].shape
    for name, array in arrays.items():
        if array.ndim != 2 or array.shape != shape or shape[1] != stencil.size:
            expected = f"[samples, {stencil.size}] for {stencil.name}, all alike"
            raise DataError(f"{path}: {name}: expected the shape {expected}, got {array.shape}")
        if not len(array):
            raise DataError(f"{path}: {name}: expected at least one sample, got none")
        if not np.isfinite(array).all() or (array < 0).any():
            raise DataError(f"{path}: {name}: expected finite populations of at least 0")


def _check_conserved(path: str | os.PathLike[str], change: Tensor, stencil: Stencil) -> None:
    mass, momentum = float(change[:, 0].abs().max()), float(change[:, 1:].abs().max())
    if max(mass, momentum) > _SAME_EQUILIBRIUM:
        what = "mass" if mass > _SAME_EQUILIBRIUM else "momentum"
        raise DataError(
            f"{path}: f_post: expected the {what} of f_pre in the order of {stencil.name}, for a collision conserves "
            f"it; they differ by {max(mass, momentum):.2g}"
        )
