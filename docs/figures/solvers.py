"""Pictures of every generated data set, for `docs/solvers.md`. Run: ``python docs/figures/solvers.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import torch
from torch import Tensor

mpl.use("Agg")
import matplotlib.pyplot as plt

from haar.data.generators import (
    PATTERNS,
    AcousticInclusionsGenerator,
    Generator,
    GrayScottGenerator,
    RayleighBenardGenerator,
    ShearFlowGenerator,
    TurbulenceGenerator,
)

IMAGES = Path(__file__).parent.parent / "images"
Panel = tuple[str, Tensor, bool]  # title, field (x, y), whether it has a sign


def draw(name: str, generator: Generator, panels: list[Panel]) -> None:
    """One row of panels with the axes of the data set, saved as ``solvers-<name>.png``."""
    x, y = generator.metadata.axes
    box = (x.origin, x.origin + x.length, y.origin, y.origin + y.length)
    width = min(2.4, 2.4 * x.length / y.length) if x.length < y.length else 2.4
    height = width * y.length / x.length
    figure, axes = plt.subplots(1, len(panels), figsize=(width * len(panels), height + 0.55), layout="constrained")
    for axis, (title, field, signed) in zip(axes, panels, strict=True):
        top = field.abs().max().item()
        limits = {"vmin": -top, "vmax": top, "cmap": "RdBu_r"} if signed else {"cmap": "viridis"}
        axis.imshow(field.T, origin="lower", extent=box, interpolation="bilinear", **limits)
        axis.set_title(title, fontsize=9)
        axis.tick_params(labelsize=6)
        axis.locator_params(nbins=4)
        axis.label_outer()
    axes[0].set_xlabel("x", fontsize=8)
    axes[0].set_ylabel("y", fontsize=8)
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / f"solvers-{name}.png", dpi=110)
    plt.close(figure)


def film(generator: Generator, field: str, *, frames: int = 5, signed: bool = True) -> None:
    """One run of a data set at equally spaced frames."""
    values = next(generator.batches(1))[field][0]
    chosen = torch.linspace(0, generator.n_steps - 1, frames).round().int().tolist()
    draw(generator.name, generator, [(f"{field}, t = {generator.time[i]:.3g}", values[i], signed) for i in chosen])


def main() -> None:
    """Draw all pictures."""
    patterns = GrayScottGenerator(n_trajectories=len(PATTERNS), n_steps=2, burn_in=2000, spacing=1 / 64)
    last = next(patterns.batches(len(PATTERNS)))["B"][:, -1]
    draw("gray_scott", patterns, [(f"B, {name}", last[i], False) for i, name in enumerate(PATTERNS)])
    film(TurbulenceGenerator(n_trajectories=1, n_steps=41, vorticity=True, burn_in=0), "vorticity")
    film(ShearFlowGenerator(n_trajectories=1), "tracer")
    sound = AcousticInclusionsGenerator(n_trajectories=1, n_steps=10)
    run = {name: values[0] for name, values in next(sound.batches(1)).items()}
    medium: list[Panel] = [(name.replace("_", " "), run[name], False) for name in ("density", "speed_of_sound")]
    draw(
        sound.name,
        sound,
        medium + [(f"pressure, t = {sound.time[i]:.3g}", run["pressure"][i], True) for i in (0, 4, 9)],
    )
    film(RayleighBenardGenerator(n_trajectories=1, burn_in=0, n_steps=33), "buoyancy", frames=4, signed=False)


if __name__ == "__main__":
    main()
