"""Draw the picture of the averaging page: a surrogate of turbulence, averaged stage by stage and rolled out.

Run it from the root of the project: ``python docs/figures/average.py``. It takes about two minutes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from haar.actions import Symmetry
from haar.average import Rollout, anytime, average, expected_excess, standard_error
from haar.data.generators import TurbulenceGenerator
from haar.data.metrics import vrmse
from haar.groups import dihedral
from haar.systems.group_averaging.surrogates import unet
from haar.systems.group_averaging.training import train

IMAGE = Path(__file__).parents[1] / "images" / "average.png"
RUNS, LEARN, STEPS = 30, 20, 20
MODES = ("plain", "stochastic", "step", "trajectory")


def runs() -> tuple[TurbulenceGenerator, Tensor]:
    """Trajectories ``(run, step, channel, x, y)``: tracer, velocity."""
    data = TurbulenceGenerator(resolution=(32, 32), n_trajectories=RUNS, n_steps=STEPS)
    fields = next(data.batches(RUNS))
    columns = [values.unsqueeze(2) if values.ndim == 4 else values.movedim(-1, 2) for values in fields.values()]
    return data, torch.cat(columns, 2).float()


def main() -> None:
    """Train, average, draw."""
    torch.set_num_threads(1)
    data, state = runs()
    inputs = torch.stack([state[:, t : t + 2].flatten(1, 2) for t in range(STEPS - 2)], 1)
    targets = state[:, 2:]
    channels = state.shape[2]
    model = unet(2 * channels, channels, padding="circular", width=8, seed=0)
    model = train(model, (inputs[:LEARN].flatten(0, 1), targets[:LEARN].flatten(0, 1)), steps=400, seed=0).eval()
    symmetry = Symmetry.of_fields(dihedral(4), data.fields, history=2, centring="node")
    x, y = inputs[LEARN:].flatten(0, 1), targets[LEARN:].flatten(0, 1)
    with torch.no_grad():
        figure = Figure(figsize=(11, 6.2), layout="constrained", facecolor="white")
        top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.15))
        draw_errors(top, model, symmetry, x, y)
        gain, rollout = bottom.subplots(1, 2)
        draw_gain(gain, model, symmetry, x, y)
        draw_rollouts(rollout, model, symmetry, state[LEARN:])
    IMAGE.parent.mkdir(exist_ok=True)
    figure.savefig(IMAGE, dpi=110)


def draw_errors(figure: Figure, model: torch.nn.Module, symmetry: Symmetry, x: Tensor, y: Tensor) -> None:
    """One sample: the truth, the error before and after, the spread of the orbit."""
    averaged = average(model, symmetry)
    k = int((model(x) - y).square().mean((1, 2, 3)).argsort()[len(x) // 2])
    estimate = standard_error(averaged, x[k : k + 1])
    before, after = (model(x[k : k + 1]) - y[k])[0, 0], (estimate.mean[0] - y[k])[0]
    bound = float(before.abs().max())
    panels = [
        ("truth: a tracer", y[k, 0], {"cmap": "viridis"}),
        ("error of the model", before, {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}),
        ("error of its average over D4", after, {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}),
        ("spread of eight predictions", estimate.orbit_variance[0, 0].sqrt(), {"cmap": "magma"}),
    ]
    for axes, (title, values, options) in zip(figure.subplots(1, 4), panels, strict=True):
        image = axes.imshow(values.T, origin="lower", **options)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
        figure.colorbar(image, ax=axes, shrink=0.75)


def draw_gain(axes: object, model: torch.nn.Module, symmetry: Symmetry, x: Tensor, y: Tensor) -> None:
    """What is gained along the chain: measured, predicted without labels, and by as many random elements."""
    stages = list(anytime(model, symmetry).stages(x))
    risk = [float((stage.output - y).square().mean()) for stage in stages]
    spread = float(standard_error(average(model, symmetry), x).orbit_variance.mean())
    evaluations = [stage.evaluations for stage in stages]
    predicted = torch.tensor([stage.increment for stage in stages]).cumsum(0)
    random = [risk[-1] + expected_excess(spread, m, 8) for m in range(1, 9)]
    axes.plot(range(1, 9), [risk[0] - r for r in random], ":", color="gray", label="random elements, expected")
    axes.plot(evaluations, [risk[0] - r for r in risk], "o-", color="C0", label="chain of subgroups, measured")
    axes.plot(evaluations, predicted, "x--", color="C1", label="the same, predicted without labels")
    for stage, r in zip(stages, risk, strict=True):
        place = (stage.evaluations, risk[0] - r)
        axes.annotate(f"|H| = {stage.evaluations}", place, (-6, 8), textcoords="offset points", ha="right")
    total = risk[0] - risk[-1]
    axes.set(xlabel="forward passes", ylabel="mean squared error removed", title="Anytime")
    axes.set(xlim=(0, 8.5), ylim=(-0.1 * total, 1.2 * total))
    axes.legend(frameon=False)
    for stage, r in zip(stages, risk, strict=True):
        print(f"order {stage.evaluations}: measured gain {risk[0] - r:.3g} of {risk[0] - risk[-1]:.3g}")


def draw_rollouts(axes: object, model: torch.nn.Module, symmetry: Symmetry, state: Tensor) -> None:
    """Error against the number of steps, for each mode."""
    start, steps = state[:, :2].flatten(1, 2), state.shape[1] - 2
    for mode in MODES:
        predicted = Rollout(model, symmetry, mode=mode)(start, steps)
        error = vrmse(predicted, state[:, 2:], dim=2).mean((0, 2))
        axes.plot(range(1, steps + 1), error, label=mode)
        print(f"rollout {mode}: VRMSE {float(error[5:12].mean()):.3f} over steps 6 to 12")
    axes.set(xlabel="predicted step", ylabel="VRMSE", title="Rollouts")
    axes.legend(frameon=False)


if __name__ == "__main__":
    main()
