"""The fitted law: exact for laws of its form, and what stands still is kept apart."""

from __future__ import annotations

import torch

from haar.audit.conventions.stencil import Stencil


def test_a_law_of_its_form_is_learned(flow, generator):
    x, y = flow
    stencil = Stencil(x[:16], y[:16], generator)
    errors = stencil.errors(x[16:], y[16:])
    assert errors.shape == (16, 4)
    assert float(errors.max()) < 1e-6 * float(y.square().mean())


def test_what_stands_still_is_learned_and_noise_is_not(forced, generator):
    x, y = forced("cell")
    stencil = Stencil(x[:16], y[:16], generator)
    error = float(stencil.errors(x[16:], y[16:]).mean())
    assert 0.9e-4 < error < 1e-3  # between the noise of the labels and a tenth of what stands still
    moved = stencil.errors(x[16:].roll(3, 2), y[16:].roll(3, 2))
    assert float(moved.mean()) > 10 * error


def test_space_of_three_dimensions(generator):
    x = torch.randn(12, 2, 4, 4, 4, generator=generator, dtype=torch.float64)
    y = x[:, :1] * x[:, 1:] + x[:, :1].roll(1, 4)
    stencil = Stencil(x[:8], y[:8], generator)
    assert float(stencil.errors(x[8:], y[8:]).max()) < 1e-4
