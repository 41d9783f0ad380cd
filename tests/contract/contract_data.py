"""Calls of the room of data, whose numbers are recorded too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from contract_verbs import plain
from matplotlib.colors import to_rgba
from torch import Tensor

import haar
import haar.data.generators as runs
import haar.data.graphs
import haar.data.metrics
import haar.data.molecules
import haar.data.particles
import haar.data.spectra
from haar.actions import Layout
from haar.data.molecules.geometries import SCANS
from haar.data.monthly import transformed


def whole(report: Any) -> Any:
    """All that a report says: numbers, words, tables and pictures."""
    sections = report.sections()
    return {
        "told": report.to_dict(),
        "summary": report.summary,
        "words": [(one.title, one.text, one.caption) for one in sections],
        "tables": [one.table.markdown() for one in sections if one.table is not None],
        "pictures": [[drawn(axes) for axes in one.figure.axes] for one in sections if one.figure is not None],
    }


def drawn(axes: Any) -> Any:
    """What stands on axes, and where."""
    limits = [*axes.get_xlim(), *axes.get_ylim()]
    written = [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale(), axes.get_yscale()]
    lines = [
        (np.array(one.get_xydata()), to_rgba(one.get_color()), one.get_linewidth(), one.get_zorder())
        for one in axes.lines
    ]
    spots = [(np.array(one.get_offsets()), np.array(one.get_facecolor()), one.get_alpha()) for one in axes.collections]
    bars = [(np.array(one.get_path().vertices), one.get_facecolor(), *one.get_extents().bounds) for one in axes.patches]
    notes = [(one.get_text(), *one.get_position(), one.get_fontsize()) for one in axes.texts]
    images = [(np.array(one.get_array()), *one.get_clim()) for one in axes.images]
    return [limits, written, lines, spots, bars, notes, images]


def tried(call: Callable[..., Any], *given: Any) -> Any:
    """What a call gives, or what it says where it refuses."""
    try:
        return call(*given)
    except haar.HaarError as error:
        return f"refused: {error}"


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


GENERATORS = {
    "acoustic inclusions": runs.AcousticInclusionsGenerator,
    "Gray and Scott": runs.GrayScottGenerator,
    "Gray and Scott, of fourth order": functools.partial(
        runs.GrayScottGenerator, order=4, patterns=("maze",), start=runs.Spots(spots=(2, 3), width=(0.05, 0.1))
    ),
    "Rayleigh and Bénard": runs.RayleighBenardGenerator,
    "shear": functools.partial(runs.ShearFlowGenerator, vorticity=True, strain_rate=True),
    "turbulence": functools.partial(runs.TurbulenceGenerator, order=4),
}


def _generated(make: Callable[..., Any], *_: Any) -> Any:
    made = make(resolution=(16, 8), n_trajectories=3, n_steps=2, save_every=2, burn_in=1, seed=4)
    return [made.metadata, made.fields, list(made.batches(2))]


def _graphs(*_: Any) -> Any:
    return {
        "clusters": haar.data.graphs.cluster_graphs(2, communities=3, least=3, most=6),
        "patterns": haar.data.graphs.pattern_graphs(2, patterns=3, communities=3, least=3, most=6),
        "attached": haar.data.graphs.random_graph(20, kind="barabasi_albert", attach=3, generator=seeded()),
        "random": haar.data.graphs.random_graph(20, probability=0.3, generator=seeded()),
        "copies": haar.data.graphs.two_copies(20, probability=0.2, added=7),
        "twins": haar.data.graphs.twin_task(20, probability=0.3, held_out=0.3, crossings=4),
    }


def _spectral(*_: Any) -> Any:
    edges = haar.data.graphs.random_graph(12, probability=0.4, generator=seeded(2))
    found = {}
    for normalization in ("symmetric", "none"):
        weights = haar.data.spectra.adjacency(edges, nodes=12)
        found[normalization] = [
            haar.data.spectra.laplacian(weights, normalization),
            haar.data.spectra.laplacian_eigs(edges, 4, nodes=12, normalization=normalization).eigenvalues,
        ]
    return found


def _errors(_: Any, x: Tensor) -> Any:
    truth = x.T.reshape(1, 2, 4, 6).repeat(2, 1, 1, 1)
    truth[1] *= 1.5
    guess = truth + 0.3 * truth.roll(1, -1)
    names = ("mae", "rmse", "nrmse", "vrmse", "pooled_errors")
    found = {name: getattr(haar.data.metrics, name)(guess, truth, dim=2) for name in names}
    found["spectrum"] = haar.data.metrics.energy_spectrum(truth, dim=2, lengths=[1.0, 3.0])
    errors = haar.data.metrics.FieldErrors(Layout.parse("p, u:vector", dim=1))
    steps = x[:, :2].reshape(2, 4, 6)[:, :3].reshape(1, 2, 3, 6)[:, :, :2]
    errors.update(steps.repeat(2, 3, 1, 1) * 1.1, steps.repeat(2, 3, 1, 1))
    found["by field"] = whole(errors.compute(["1", "2:5"]))
    return found


def _particles(*_: Any) -> Any:
    made = functools.partial(haar.data.particles.charged_particles, 2, particles=4, frames=4, save_every=5, dt=0.01)
    return [made(clip=clip, limit=3.0, start=start) for clip, start in (("norm", False), ("component", True))]


def _molecules(*_: Any) -> Any:
    some = haar.data.molecules.Molecules.shipped("nh3")[:6]
    frames = [some.in_frame(frame, seed=3) for frame in ("canonical", "rotated", "augmented")]
    return {
        "scans": {name: [scan, scan.positions(4, seed=2)] for name, scan in SCANS.items()},
        "seen": [(one.positions, one.forces, one.table("nh3").rows, one.table("nh3").markdown()) for one in frames],
        "refused": [tried(some.in_frame, "another"), tried(haar.data.molecules.Molecules.shipped, "none")],
        "unlike": tried(haar.data.molecules.Molecules.shipped("lih").check_alike),
    }


def _monthly(_: Any, x: Tensor) -> Any:
    values = 2 + x[:, 0].tanh().numpy()
    return [np.nan_to_num(transformed(values, code), nan=-9.0) for code in range(1, 8)]


#: As in `contract_verbs`.
DATA: dict[str, tuple[Callable[[], Any], Callable[[Any, Tensor], Any]]] = {
    **{f"runs of {name}": (plain, functools.partial(_generated, make)) for name, make in GENERATORS.items()},
    "graphs": (plain, _graphs),
    "spectra of graphs": (plain, _spectral),
    "errors of fields": (plain, _errors),
    "particles": (plain, _particles),
    "molecules": (plain, _molecules),
    "months": (plain, _monthly),
}
