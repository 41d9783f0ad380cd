"""A tracer and a vorticity carried by a velocity, by laws that a loop would write."""

from __future__ import annotations

import pytest
import torch

POINTS = 12


def smooth(channels, samples, generator):
    k = torch.fft.fftfreq(POINTS) * POINTS
    damped = torch.exp(-(k[:, None] ** 2 + k**2) / 6)
    noise = torch.randn(samples, channels, POINTS, POINTS, generator=generator, dtype=torch.float64)
    return 4 * torch.fft.ifft2(torch.fft.fft2(noise) * damped).real


def slope(f, axis):
    return (f.roll(-1, axis) - f.roll(1, axis)) / 2


@pytest.fixture
def flow(generator):
    """q (tracer with a source, so that its sign tells), w (vorticity), u (velocity): x and y of 32 samples."""
    q, w, u = (smooth(size, 32, generator) for size in (1, 1, 2))

    def carried(f):
        return f - 0.1 * (u[:, :1] * slope(f, 2) + u[:, 1:] * slope(f, 3))

    turning = slope(u[:, 1:], 2) - slope(u[:, :1], 3)
    y = [carried(q) + 0.1 * q**2, carried(w) + 0.1 * turning, carried(u[:, :1]), carried(u[:, 1:])]
    return torch.cat([q, w, u], 1), torch.cat(y, 1)


@pytest.fixture
def forced(generator):
    """Heat with sources that stand still, symmetric about cells or about nodes."""

    def make(centring):
        x = smooth(1, 32, generator)
        place = 2 * torch.pi * (torch.arange(POINTS) + (0.5 if centring == "cell" else 0.0)) / POINTS
        force = torch.cos(place)[:, None] + torch.cos(place)[None]
        noise = 0.01 * torch.randn(x.shape, generator=generator, dtype=torch.float64)
        spread = sum(x.roll(step, axis) for step in (1, -1) for axis in (2, 3)) - 4 * x
        return x, x + 0.1 * spread + 0.1 * force + noise

    return make
