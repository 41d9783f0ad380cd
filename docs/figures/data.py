"""Draws `docs/images/data.png`: how two time steps and a constant field become the channels of a model."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from haar.actions.layout import FieldSpec
from haar.data import Axis, Windows, write_well

SIZE = 64
IMAGES = Path(__file__).parent.parent / "images"


def write_example(root: Path) -> None:
    """A tracer in a swirl, and a constant map of the ground."""
    axes = [Axis.periodic_nodes(name, SIZE, length=2 * np.pi) for name in "xy"]
    x, y = np.meshgrid(*(axis.coordinates for axis in axes), indexing="ij")
    times = np.linspace(0.0, 3.0, 4)
    swirl = np.stack([np.sin(x) * np.cos(y), -np.cos(x) * np.sin(y)], axis=-1)
    blob = np.stack([np.exp(2 * np.cos(x - 2 - 0.5 * t) + 2 * np.cos(y - 3 + 0.3 * t)) for t in times])
    run = {
        "tracer": blob,
        "velocity": np.cos(0.3 * times)[:, None, None, None] * swirl,
        "ground": np.sin(2 * x) * np.sin(y) + np.cos(3 * y),
    }
    fields = [FieldSpec("tracer"), FieldSpec("velocity", order=1), FieldSpec("ground", role="constant")]
    write_well(root, {"train": [run]}, name="swirl", axes=axes, fields=fields, times=times)


def draw(windows: Windows) -> Figure:
    """One panel a channel: the input above, the output below."""
    x, y = windows[0]
    rows = [("input", windows.inputs.channel_names(), x), ("output", windows.outputs.channel_names(), y)]
    columns = len(rows[0][1])
    figure = Figure(figsize=(1.35 * columns, 3.6), layout="constrained", facecolor="white")
    panels = figure.subplots(2, columns)
    for row, (label, names, channels) in enumerate(rows):
        for column, axes in enumerate(panels[row]):
            axes.set_axis_off()
            if column < len(names):
                axes.imshow(channels[column].T, origin="lower", cmap="magma" if "tracer" in names[column] else "RdBu_r")
                axes.set_title(names[column], fontsize=8, family="monospace")
                axes.text(0.0, -0.12, f"{label} {column}", transform=axes.transAxes, fontsize=7, color="#6b7280")
    return figure


def main() -> None:
    """Write the figure."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_example(Path(folder))
        figure = draw(Windows(folder, history=2))
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / "data.png", dpi=110)


if __name__ == "__main__":
    main()
