"""Fields on a grid: a reaction and diffusion step, a layer with a stride, a mirrored kernel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from haar.discover import GridFields, discover
from haar.discover.finite.elements import elements

#: Diffusion, feed and kill of Gray and Scott, and steps in one map. After four steps products of that many factors have
#: waves shorter than two cells, and shifts that are no whole cells fail by 1e-5; after two by 1e-7.
_FEED, _KILL, _DU, _DV, _STEPS = 0.04, 0.06, 0.16, 0.08, 2


def gray_scott(u: Tensor) -> Tensor:
    """The flow map, with the nine-point Laplacian, which is isotropic to fourth order."""
    for _ in range(_STEPS):
        a, b = u[:, :1], u[:, 1:]
        reaction = a * b.square()
        u = torch.cat(
            [
                a + _DU * _laplacian(a) - reaction + _FEED * (1 - a),
                b + _DV * _laplacian(b) + reaction - (_FEED + _KILL) * b,
            ],
            1,
        )
    return u


def _laplacian(u: Tensor) -> Tensor:
    near = sum(u.roll(s, a) for s in (1, -1) for a in (-1, -2))
    far = sum(u.roll((s, t), (-1, -2)) for s in (1, -1) for t in (1, -1))
    return 2 / 3 * torch.as_tensor(near) + torch.as_tensor(far) / 6 - 10 / 3 * u


def blobs(count: int, size: int, seed: int) -> Tensor:
    """Fields that keep to their background near the seam: elliptic blobs of both substances."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    line = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    states = []
    for _ in range(count):
        fields = []
        for _ in range(2):
            total = torch.zeros(size, size, dtype=torch.float64)
            for _ in range(4):
                centre, turn = (draw(2) - 0.5) * size * 0.17, 3.2 * draw(1)
                wide, narrow = 3.0 + 0.4 * draw(1), 2.7 + 0.3 * draw(1)
                along = (x - centre[0]) * turn.cos() + (y - centre[1]) * turn.sin()
                across = -(x - centre[0]) * turn.sin() + (y - centre[1]) * turn.cos()
                total = total + (0.04 + 0.06 * draw(1)) * torch.exp(
                    -((along / wide).square() + (across / narrow).square()) / 2
                )
            fields.append(total)
        states.append(torch.stack([1 - fields[0], fields[1]]))
    return torch.stack(states)


def reaction(count: int, size: int, seed: int) -> dict[str, Any]:
    """Continuous motions among twelve fields, and the finite scan."""
    u = blobs(count, size, seed)
    dictionary = GridFields(periodic=True)
    one = discover(gray_scott, u, kinds="lie", dictionary=dictionary, seed=seed)
    spectrum, lie = one.spectrum, one.continuous
    if spectrum is None or lie is None:
        return {"count": 0}
    leading = lie.leading
    problem = lie.problem
    coefficients = problem.frame @ spectrum.vectors[:, :3]  # type: ignore[union-attr]
    names = list(problem.names)  # type: ignore[union-attr]
    shifts = [g for g in lie.gates if g.count == 3]
    alone = discover(gray_scott, u, kinds="lie", dictionary=GridFields(periodic=True, linear=False), seed=seed).spectrum
    finite = elements(gray_scott, u, outputs="same", seed=seed)
    return {
        "count": 0 if leading is None else leading.gate.count,
        "name": "" if leading is None else leading.name,
        "translations": float(alone.held_out[:2].max()) if alone is not None else 1.0,
        "rotation": _rotation_angle(coefficients, names),
        "gap": float(spectrum.held_out[3:].min() / spectrum.held_out[:3].max()),
        "gates": [g.failed for g in shifts],
        "finite": [step.name for step in finite.steps],
    }


def _rotation_angle(coefficients: Tensor, names: list[str]) -> float:
    """The angle of x dy - y dx to the span found, in coefficients without the fields that are small there."""
    planted = torch.zeros(len(names), dtype=torch.float64)
    planted[names.index("x dy")], planted[names.index("y dx")] = 1.0, -1.0
    keep = [k for k, name in enumerate(names) if name[0] in "xyd"]
    span = torch.linalg.qr(coefficients[keep]).Q
    unit = planted[keep] / planted[keep].norm()
    away = float((unit - span @ (span.T @ unit)).norm())
    return float(torch.rad2deg(torch.asin(torch.tensor(min(away, 1.0)))))


class Strided(nn.Module):
    """A convolution with stride 2 and its transpose: only shifts by two cells are left."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.down = nn.Conv2d(1, 4, 3, stride=2, padding=1, padding_mode="circular", dtype=torch.float64)
            self.up = nn.ConvTranspose2d(4, 1, 2, stride=2, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        """Down and up."""
        out: Tensor = self.up(torch.tanh(self.down(x)))
        return out


class Mirrored(nn.Module):
    """A kernel that is the same from left to right, and nothing else."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        kernel = torch.randn(1, 1, 3, 3, generator=generator, dtype=torch.float64)
        self.register_buffer("kernel", kernel + kernel.flip(-1))
        self.kernel: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Convolve on the torus."""
        wide = nn.functional.pad(x, (1, 1, 1, 1), mode="circular")
        return torch.tanh(nn.functional.conv2d(wide, self.kernel)) + 0.3 * x.square()


def layers(size: int, seed: int) -> dict[str, list[str]]:
    """What is found of a layer with a stride and of a mirrored kernel."""
    x = torch.randn(16, 1, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = {}
    for name, model in (("stride 2", Strided(seed)), ("mirror", Mirrored(seed))):
        found[name] = [step.name for step in elements(model, x, outputs="same", seed=seed).steps]
    return found
