"""Draw the picture of the page on relaxation: gammas, losses and prices along two runs.

Run it from the root of the project: ``python docs/figures/relax.py``. It takes about a minute.
"""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from haar.actions import Defining, Symmetry, Vector
from haar.groups import cyclic
from haar.relax import Dashboard, Duals, fit, homotopise
from haar.report.drawing import AVERAGED, BASE, COLOURS, WARNING, new_figure, style_axes

IMAGE = Path(__file__).parents[1] / "images" / "relax.png"
VECTOR = Defining(cyclic(4))
SYMMETRY = Symmetry(VECTOR.group, Vector(3 * VECTOR), Vector(VECTOR))


def task(samples: int, broken: float, seed: int) -> tuple[Tensor, Tensor]:
    """Three vectors in, one out; `broken` bends the answer in a direction that turns with nothing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 3, 2, generator=generator)
    y = (0.7 * (x.norm(dim=-1, keepdim=True) - 1) * x).sum(1)
    y = y + 0.5 * (x[:, 0] * x[:, 1]).sum(-1, keepdim=True) * x[:, 2]
    y = y + broken * torch.stack([(1.5 * x[:, 2, 1]).cos() - 0.3, x[:, 2, 0].sin()], -1)
    return x.flatten(1), y / 1.6 + 0.05 * torch.randn(samples, 2, generator=generator)


def run(problem: str, broken: float, *, steps: int = 1500) -> Dashboard:
    """Train one network and read it as it goes."""
    torch.manual_seed(0)
    layers = [nn.Linear(6, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 2)]
    duals = Duals(homotopise(nn.Sequential(*layers), SYMMETRY), problem, steps=steps)
    data = [task(256, broken, seed) for seed in (1, 2)]
    done = fit(duals, nn.functional.mse_loss, data[0], steps=steps, validation=data[1], every=25)
    if done.dashboard is None:
        raise RuntimeError("the fit was not read")
    return done.dashboard


def picture(boards: dict[str, Dashboard]) -> Figure:
    """Gammas above, losses below; one column a run."""
    figure = new_figure(9, 5)
    panels = figure.subplots(2, len(boards), sharex=True)
    for column, (title, board) in enumerate(boards.items()):
        steps = [reading.step for reading in board.readings]
        axes = style_axes(panels[0, column], title=title, y="gamma" if column == 0 else "")
        for k in range(len(board.last.layers)):
            rows = [reading.layers[k] for reading in board.readings]
            axes.plot(steps, [row.gamma for row in rows], color=COLOURS[k], label=f"layer {k + 1}")
            if board.rule.problem == "resilient":
                axes.plot(steps, [row.slack for row in rows], color=COLOURS[k], linestyle=":", linewidth=1)
        axes.axhline(0, color=BASE, linewidth=0.8)
        axes.legend(fontsize=8, frameon=False)
        label = "validation loss" if column == 0 else ""
        axes = style_axes(panels[1, column], x="step", y=label)
        axes.plot(steps, [r.loss_on for r in board.readings], color=AVERAGED, label="gamma as it is")
        axes.plot(steps, [r.loss_off for r in board.readings], color=WARNING, linestyle="--", label="gamma = 0")
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8, frameon=False)
    return figure


def main() -> None:
    """Draw it, and print what the page says of it."""
    torch.set_num_threads(1)
    boards = {
        "Equality, symmetric data": run("equality", 0.0),
        "Resilient, data that break the symmetry": run("resilient", 1.0),
    }
    for title, board in boards.items():
        print(f"{title}: {board.summary}")
    picture(boards).savefig(IMAGE, dpi=110)


if __name__ == "__main__":
    main()
