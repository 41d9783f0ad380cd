"""Pictures of a discovery: spectrum with its gap, generators, flows, brackets, staircase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from haar.discover.spectrum import Spectrum
from haar.discover.step import Step
from haar.groups.algebra import LieAlgebra
from haar.report.drawing import AVERAGED, BASE, COLOURS, INK, WARNING, new_figure, style_axes

#: Directions and generators that are drawn one by one.
_DIRECTIONS, _GENERATORS = 40, 6
#: Arrows along every side.
_ARROWS = 13


def draw_spectrum(axes: Axes, found: Spectrum, count: int, tolerance: float) -> None:
    """Relative defects on both halves, on a logarithmic scale, with the gap that was accepted shaded."""
    shown = min(len(found.solved), _DIRECTIONS)
    at = np.arange(1, shown + 1)
    low = max(found.floor / 100, 1e-17)
    solved, held = (side[:shown].clamp_min(low).numpy() for side in (found.solved, found.held_out))
    ends = np.stack([held - found.low[:shown].clamp_min(low).numpy(), found.high[:shown].numpy() - held]).clip(min=0)
    style_axes(axes, title="Relative defect of every direction", x="direction", y="|J A x - B f| / size")
    axes.set_yscale("log")
    axes.plot(at, solved, "-", color=BASE, linewidth=1.2, label="half that found it")
    axes.errorbar(at, held, ends, fmt="o", color=AVERAGED, markersize=4, elinewidth=1, label="half that judges, 95 %")
    axes.axhline(tolerance, color=WARNING, linewidth=0.9, linestyle="--")
    axes.annotate("tolerance", (shown, tolerance), ha="right", va="bottom", fontsize=8, color=WARNING)
    axes.axhline(max(found.floor, low), color=BASE, linewidth=0.9, linestyle=":")
    axes.annotate("rounding", (shown, max(found.floor, low)), ha="right", va="bottom", fontsize=8, color=INK)
    if 0 < count < shown:
        axes.axvspan(count + 0.35, count + 0.65, color=COLOURS[2], alpha=0.35, linewidth=0)
        axes.annotate(f"{count} accepted", (count + 0.5, held.max()), ha="left", va="top", fontsize=8, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def generator_figure(inputs: Float[Tensor, "k n n"], outputs: Float[Tensor, "k m m"], *, invariant: bool) -> Figure:
    """Matrices of generators in the reading basis, inputs above outputs."""
    k = min(len(inputs), _GENERATORS)
    rows = 1 if invariant else 2
    figure = new_figure(max(2.2 * k, 3.5), 2.5 * rows)
    panels = figure.subplots(rows, k, squeeze=False)
    for row, (side, word) in enumerate(((inputs, "inputs"), (outputs, "outputs"))[:rows]):
        size = max(float(side.abs().max()), 1e-300)
        for column in range(k):
            axes = panels[row, column]
            axes.imshow(side[column].numpy(), cmap="RdBu_r", vmin=-size, vmax=size)
            axes.set_title(f"generator {column + 1}, {word}", fontsize=8, color=INK, loc="left")
            axes.set_xticks([])
            axes.set_yticks([])
    return figure


def flow_figure(x: Float[Tensor, "b n"], inputs: Float[Tensor, "k n1 n1"]) -> Figure:
    """Arrows of every generator's velocity at the data, on the plane in which it moves them most."""
    k = min(len(inputs), 3)
    figure = new_figure(3.3 * k if k > 1 else 4.2, 3.3)
    panels = figure.subplots(1, k, squeeze=False)[0]
    one = torch.ones(len(x), 1, dtype=torch.float64)
    for number, axes in enumerate(panels):
        velocity = (torch.cat([x, one], 1) @ inputs[number].T)[:, :-1]
        i, j = sorted(velocity.square().mean(0).argsort(descending=True)[:2].tolist()) if x.shape[1] > 1 else (0, 0)
        some = torch.linspace(0, len(x) - 1, min(len(x), _ARROWS**2)).long()
        a, b, u, v = (side.numpy() for side in (x[some, i], x[some, j], velocity[some, i], velocity[some, j]))
        style_axes(axes, title=f"flow of generator {number + 1}", x=f"coordinate {i + 1}", y=f"coordinate {j + 1}")
        axes.quiver(a, b, u, v, np.hypot(u, v), cmap="viridis", angles="xy", width=0.006)
        axes.set_aspect("equal", adjustable="datalim")
    return figure


def bracket_figure(algebra: LieAlgebra, basis: Float[Tensor, "k k"] | None = None) -> Figure:
    """Sizes of structure constants: which two generators make which."""
    c = algebra.structure_constants
    if basis is not None:
        inverse = torch.linalg.pinv(basis)
        c = torch.einsum("ap,bq,pqr,re->abe", basis, basis, c, inverse)
    k = algebra.dim
    figure = new_figure(4.2, 3.4)
    axes = figure.subplots()
    picture = axes.imshow(c.norm(dim=-1).numpy(), cmap="Blues")
    if k <= 8:
        for a in range(k):
            for b in range(k):
                e = int(c[a, b].abs().argmax())
                if float(c[a, b].abs().max()) > 0.05 * float(c.abs().max()):
                    sign = "+" if float(c[a, b, e]) > 0 else "-"
                    axes.text(b, a, f"{sign}e{e + 1}", ha="center", va="center", fontsize=8, color=INK)
    axes.set_xticks(range(k), [f"e{a + 1}" for a in range(k)], fontsize=8)
    axes.set_yticks(range(k), [f"e{a + 1}" for a in range(k)], fontsize=8)
    axes.set_title("brackets [row, column]", loc="left", fontsize=10, color=INK)
    figure.colorbar(picture, ax=axes, shrink=0.8)
    return figure


def draw_staircase(axes: Axes, steps: Sequence[Step]) -> None:
    """Defect of every step, and above it the smallest defect outside."""
    style_axes(axes, title="Staircase: inside and outside", y="relative defect")
    axes.set_yscale("log")
    at = np.arange(len(steps))
    low = 1e-17
    inside = np.array([max(step.defect.value, low) for step in steps])
    ends = np.array(
        [(max(v - max(s.defect.low, low), 0), max(s.defect.high - v, 0)) for v, s in zip(inside, steps, strict=True)]
    ).T
    axes.errorbar(at, inside, np.nan_to_num(ends), fmt="o", color=AVERAGED, markersize=6, label="inside, 95 %")
    known = [(place, step.outside) for place, step in enumerate(steps) if step.outside]
    if known:
        axes.plot(*zip(*known, strict=True), "v", color=WARNING, markersize=6, label="outside")
        for place, outside in known:
            axes.plot([place, place], [inside[place], outside], color=BASE, linewidth=0.9, zorder=1)
    axes.set_xticks(at, [step.name for step in steps], rotation=20 if len(steps) > 3 else 0, fontsize=8)
    axes.set_xlim(-0.6, len(steps) - 0.4)
    axes.legend(fontsize=8, frameon=False)
