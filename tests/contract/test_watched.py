"""Who looks on is told of every step: as many as each stage said that it has, and no stage is empty."""

from __future__ import annotations

import importlib
import inspect
from contextlib import contextmanager

import pytest
import torch
from contract_verbs import F64, TURNED, mse, plain, relaxed
from torch import nn

import haar.align
import haar.audit
import haar.average
import haar.check
import haar.compress
import haar.relax
from haar.audit.frames import audit_frames
from haar.audit.particle_data import audit_particles

FACES = (
    "align", "audit", "average", "check", "compress", "data", "discover", "geometry", "moments", "relax", "saddle",
    "training",
)  # fmt: skip
X = torch.randn(24, 2, generator=torch.Generator().manual_seed(0), dtype=F64)


class Counting:
    """Counts the steps of every stage."""

    def __init__(self):
        self.told = []

    @contextmanager
    def stage(self, title, total):
        steps = []
        yield lambda: steps.append(title)
        self.told.append((title, total, len(steps)))


def squared(model, batch):
    return model(batch).square().mean()


CALLS = {
    "align": lambda f, watch: haar.align.align(f, f, example=X, watch=watch),
    "barrier": lambda f, watch: haar.align.barrier(f, f, squared, [X], points=3, watch=watch),
    "difference": lambda f, watch: haar.align.difference(f, f, example=X, watch=watch),
    "merge": lambda f, watch: haar.align.merge([f, f], example=X, watch=watch),
    "audit": lambda f, watch: haar.audit.audit(f, TURNED, (X, X), batch_size=10, watch=watch),
    "distil": lambda f, watch: haar.average.distil(haar.average.average(f, TURNED), X, steps=3, watch=watch),
    "check": lambda f, watch: haar.check.check(f, (X, X), symmetry=TURNED, relax=30, watch=watch),
    "sweep": lambda f, watch: haar.compress.sweep(f, "magnitude", None, [(X, X)], levels=[0.5, 0.7], watch=watch),
    "sensitivity": lambda f, watch: haar.compress.sensitivity(f, "magnitude", None, [(X, X)], watch=watch),
    "gauge": lambda f, watch: haar.compress.gauge(f, "magnitude", None, [X], watch=watch),
    "score_test": lambda _, watch: haar.relax.score_test(relaxed(), mse, X, X, draws=39, watch=watch),
    "diagnose": lambda _, watch: haar.relax.diagnose(relaxed(), mse, X, X, draws=39, watch=watch),
    "audit_particles": lambda _, watch: audit_particles(
        clip="norm", samples=4, rotations=2, start=0, stop=1, save_every=5, watch=watch
    ),
    "audit_frames": lambda _, watch: audit_frames([X[:8], X[8:16]], names=["a", "b"], watch=watch),
}
#: Where their steps are counted.
ELSEWHERE = {
    "merging": "is merge with the choices that were made",
    "audit_force_field": "takes calculators of ASE: tests/audit/force_field",
    "evaluate": "takes trajectories: tests/average/test_evaluation.py",
    "optimised": "trains by the one loop: tests/training/test_loop.py",
    "fit": "trains by the one loop",
    "path": "trains by the one loop",
    "distilled": "trains by the one loop",
    "train_on_moments": "trains by the one loop",
    "play": "tests/saddle/test_play.py",
    "geodesic_between": "tests/geometry/test_geodesic.py",
    "portrait": "tests/geometry/test_portrait.py",
}
#: Sweeps that stop where nothing comes nearer.
MAY_END_EARLY = {"matching"}


def test_whatever_can_be_watched_is_counted_or_has_a_reason():
    faces = [importlib.import_module(f"haar.{name}") for name in FACES]
    functions = {name: getattr(face, name) for face in faces for name in face.__all__}
    watched = {
        name
        for name, one in functions.items()
        if inspect.isfunction(inspect.unwrap(one)) and "watch" in inspect.signature(one).parameters
    }
    assert watched <= set(CALLS) | set(ELSEWHERE)
    assert set(ELSEWHERE) <= watched


@pytest.mark.parametrize("name", CALLS)
def test_every_step_is_told(name):
    watch = Counting()
    model = plain()
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(k), dtype=F64))
    assert isinstance(model, nn.Module)
    CALLS[name](model, watch)
    assert watch.told
    for title, total, steps in watch.told:
        assert steps > 0, title
        assert steps == total or (title in MAY_END_EARLY and steps < total), (title, total, steps)
