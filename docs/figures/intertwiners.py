"""Draws `docs/images/intertwiners-*.png`: what commutes with S_4 on matrices, and steerable kernels of D4.

Run it from the root of the project: ``python docs/figures/intertwiners.py``.
"""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from haar.actions.representation import Defining, Representation, Space, Trivial, tensor_power
from haar.groups import dihedral, symmetric
from haar.intertwiners import intertwiners
from haar.nn import KernelPoints

IMAGES = Path(__file__).parents[1] / "images"
GREY = "#6b7280"


def matrix_maps() -> Figure:
    """The basis of Hom for 4 x 4 matrices under S_4: one picture an orbit, 16 x 16 entries."""
    points = Defining(symmetric(4))
    matrices = tensor_power(points, 2)
    basis = intertwiners(matrices, matrices).basis()
    figure = Figure(figsize=(8.2, 5.2), layout="constrained", facecolor="white")
    for k, axes in enumerate(figure.subplots(3, 5).flat):
        picture(axes, basis[k])
        for line in (3.5, 7.5, 11.5):
            axes.axhline(line, color="#d1d5db", linewidth=0.6)
            axes.axvline(line, color="#d1d5db", linewidth=0.6)
        axes.set_xlabel(f"{int((basis[k] != 0).sum())} entries", fontsize=8, color=GREY)
    return figure


def kernels(rep_in: Representation, rep_out: Representation, size: int) -> Tensor:
    """The basis of convolution kernels ``(dim, n_out, n_in, size, size)``."""
    found = intertwiners(rep_in @ KernelPoints(rep_in.group, (size, size)), rep_out).basis()
    return found.reshape(len(found), rep_out.dim, rep_in.dim, size, size)


def steerable_kernels() -> Figure:
    """Kernels of 5 x 5 points from a scalar to a scalar and to a vector; vectors as arrows."""
    group = dihedral(4)
    scalar, vector = kernels(Trivial(group), Trivial(group), 5), kernels(Trivial(group), Space(group), 5)
    columns = max(len(scalar), len(vector))
    figure = Figure(figsize=(1.3 * columns, 3.1), layout="constrained", facecolor="white")
    panels = figure.subplots(2, columns)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, kernel in zip(panels[0], scalar, strict=False):
        axes.set_axis_on()
        picture(axes, kernel[0, 0].T)
    where = torch.arange(5).numpy()
    for axes, kernel in zip(panels[1], vector, strict=False):
        axes.set_axis_on()
        picture(axes, torch.zeros(5, 5))
        u, v = kernel[0, 0].T.numpy(), kernel[1, 0].T.numpy()
        axes.quiver(where, where, u, v, color="#1d4ed8", pivot="mid", scale=3.2, width=0.018)
    panels[0, 0].set_ylabel("to a scalar", fontsize=9)
    panels[1, 0].set_ylabel("to a vector", fontsize=9)
    return figure


def picture(axes: Axes, values: Tensor) -> None:
    """One matrix in colour, zero white; kernels have their first axis to the right, as x."""
    bound = float(values.abs().max()) or 1.0
    origin = "upper" if len(values) > 5 else "lower"
    axes.imshow(values.numpy(), cmap="RdBu_r", vmin=-bound, vmax=bound, origin=origin)
    axes.set_xticks([])
    axes.set_yticks([])


def main() -> None:
    """Write both figures."""
    IMAGES.mkdir(exist_ok=True)
    matrix_maps().savefig(IMAGES / "intertwiners-matrices.png", dpi=110)
    steerable_kernels().savefig(IMAGES / "intertwiners-kernels.png", dpi=110)


if __name__ == "__main__":
    main()
