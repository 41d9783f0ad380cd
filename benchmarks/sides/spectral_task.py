"""The task of `benchmarks/spectral.py`: 8 particles that repel each other, and a network trained to move them."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

PARTICLES, STEPS, TASK_BATCH, RATES = 8, 400, 32, (2e-3, 6e-3)
DATA = Path(tempfile.gettempdir()) / "haar-benchmark-spectral.pt"


def write_task() -> None:
    """The task's positions and displacements, for environments that cannot read haar's data modules."""
    import torch

    from haar.data.particles import initial_state, simulate

    x, v, _ = initial_state(1200, particles=PARTICLES, seed=7)
    run = simulate(x, 0 * v, torch.ones(x.shape[:2]), frames=10, start=True)
    x, y = (run.positions[:, frame].float() for frame in (0, 10))
    torch.save((x, y - x), DATA)


def learned(make: object) -> dict:
    """Train with either learning rate; the test error of the better one, that of standing still being 1."""
    import torch

    x, moved = torch.load(DATA)
    scale = moved[:800].square().mean()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2))).Q
    found = []
    for rate in RATES:
        torch.manual_seed(0)
        model, generator = make(), torch.Generator().manual_seed(3)
        optimiser = torch.optim.Adam(model.parameters(), lr=rate)
        for step in range(STEPS):
            optimiser.param_groups[0]["lr"] = 0.5 * rate * (1 + math.cos(math.pi * step / STEPS))
            rows = torch.randint(800, (TASK_BATCH,), generator=generator)
            optimiser.zero_grad(set_to_none=True)
            (model(x[rows]) - moved[rows]).square().mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        model.eval()
        with torch.no_grad():
            said = torch.cat([model(part) for part in x[800:].split(100)])
            turned = torch.cat([model(part @ turn) for part in x[800:].split(100)])
        errors = (said - moved[800:]).square().mean((1, 2)) / scale
        apart = (turned - said @ turn).norm(dim=(1, 2)) / said.norm(dim=(1, 2)).mean()
        found.append((float(errors[:100].mean()), float(errors[100:].mean()), float(apart.median()), rate))
    _, error, apart, rate = min(found)
    return {"error": error, "apart": apart, "rate": rate}
