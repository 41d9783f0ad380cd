"""The figures of docs/conventions.md, one for each convention. Run: python docs/figures/conventions.py"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from haar.actions import Boxes, Determinant, Field, Keypoints, Layout, Space, Trivial
from haar.groups import dihedral, reflections

IMAGES = Path(__file__).parent.parent / "images"
INK, SOFT, BLUE, RED, GREEN, GOLD = "#222222", "#bbbbbb", "#2a6fbb", "#c0392b", "#2e8b57", "#d99a00"
D4 = dihedral(4)
NAMES = {D4.describe(torch.tensor(g)): torch.tensor(g) for g in range(8)}


def save(figure: plt.Figure, name: str) -> None:
    """Write one figure."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(IMAGES / f"conventions-{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


def bare(axes: Axes, title: str = "") -> None:
    """No frame, no ticks, equal scales."""
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title, fontsize=11, color=INK)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], *, color: str = INK, bend: float = 0
) -> None:
    """An arrow from start to end, bent if asked."""
    style = f"arc3,rad={bend}"
    axes.add_patch(
        FancyArrowPatch(start, end, connectionstyle=style, arrowstyle="-|>", mutation_scale=11, color=color, lw=1.4)
    )


def frame(axes: Axes, width: float, height: float) -> None:
    """Coordinate arrows x to the right and y upwards beside a grid."""
    arrow(axes, (-0.45, -0.45), (width, -0.45))
    arrow(axes, (-0.45, -0.45), (-0.45, height))
    axes.text(width + 0.1, -0.45, "x", va="center", fontsize=11)
    axes.text(-0.45, height + 0.1, "y", ha="center", fontsize=11)


def cells(axes: Axes, values: np.ndarray, *, limits: tuple[float, float] | None = None, cmap: str = "Blues") -> None:
    """An array [x, y] as coloured cells, x to the right and y upwards."""
    low, high = limits or (float(values.min()), float(values.max()))
    width, height = values.shape
    axes.imshow(values.T, origin="lower", extent=(0, width, 0, height), cmap=cmap, vmin=low, vmax=high)
    for k in range(width + 1):
        axes.plot([k, k], [0, height], color="white", lw=0.8)
    for k in range(height + 1):
        axes.plot([0, width], [k, k], color="white", lw=0.8)


def array_order() -> None:
    """a[i, j]: i counts along x, j along y."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6))
    width, height = 4, 3
    for i in range(width):
        for j in range(height):
            shade = "#dbe9f6" if (i + j) % 2 else "#eef5fb"
            left.add_patch(Rectangle((i, j), 1, 1, color=shade))
            left.text(i + 0.5, j + 0.5, f"a[{i},{j}]", ha="center", va="center", fontsize=10, color=INK)
            right.add_patch(Rectangle((j, width - 1 - i), 1, 1, color=shade))
            right.text(j + 0.5, width - 0.5 - i, f"a[{i},{j}]", ha="center", va="center", fontsize=10, color=INK)
    frame(left, width, height)
    left.set_xlim(-0.9, width + 0.5)
    left.set_ylim(-0.9, height + 0.5)
    bare(left, "in space: the first axis is x")
    right.set_xlim(-0.4, height + 0.4)
    right.set_ylim(-0.4, width + 0.3)
    bare(right, "as print(a) shows it: x runs down the rows")
    save(figure, "array-order")


def flag() -> tuple[torch.Tensor, torch.Tensor]:
    """A letter F on a 7 x 7 grid, and a wind that blows along +x under its upper bar and stands still elsewhere."""
    n = 7
    letter = torch.zeros(1, 1, n, n)
    letter[0, 0, 2, 1:6] = 1
    letter[0, 0, 2:5, 5] = 1
    letter[0, 0, 2:4, 3] = 1
    wind = torch.zeros(1, 2, n, n)
    wind[0, 0, 4:6, 4] = 1
    wind[0, 1, 0, 1:3] = 0.8
    return letter, wind


def draw_flag(axes: Axes, letter: torch.Tensor, wind: torch.Tensor, title: str) -> None:
    """The letter as cells, the wind as arrows."""
    cells(axes, letter[0, 0].numpy(), limits=(-0.15, 1.4))
    for i, j in wind[0].abs().sum(0).nonzero().tolist():
        u, v = wind[0, :, i, j].tolist()
        arrow(axes, (i + 0.5 - u / 2, j + 0.5 - v / 2), (i + 0.5 + u / 2, j + 0.5 + v / 2), color=RED)
    axes.set_xlim(-0.9, 8)
    axes.set_ylim(-0.9, 8)
    frame(axes, 7, 7)
    bare(axes, title)


def left_action() -> None:
    """Elements move the content; ab means b first."""
    scalar, vector = Field(Trivial(D4)), Field(Space(D4))
    letter, wind = flag()
    quarter, mirror = NAMES["r90"], NAMES["mx"]
    both = D4.compose(quarter, mirror)
    other = D4.compose(mirror, quarter)
    steps = [
        (letter, wind, "content"),
        (scalar.act(quarter, letter), vector.act(quarter, wind), "r90: turned by +90°"),
        (scalar.act(both, letter), vector.act(both, wind), f"r90 mx = {D4.describe(both)}: mirror first"),
        (scalar.act(other, letter), vector.act(other, wind), f"mx r90 = {D4.describe(other)}: turn first"),
    ]
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.6))
    for panel, (first, second, title) in zip(axes, steps, strict=True):
        draw_flag(panel, first, second, title)
    save(figure, "left-action")


def signed_permutation() -> None:
    """(R v)_i = s_i v_pi(i), drawn for the quarter turn: index, matrix, and the same on an array."""
    motion = D4.motion(NAMES["r90"])
    index, sign = motion.index.tolist(), motion.sign.tolist()
    matrix = Space(D4).matrix(NAMES["r90"]).numpy()
    figure, axes = plt.subplots(1, 5, figsize=(16, 3.3), gridspec_kw={"wspace": 0.3})
    wires, panel = axes[0], axes[1]
    for row, name in enumerate("xy"):
        wires.text(0, 1 - row, f"$v_{name}$", fontsize=12, ha="center", va="center")
        wires.text(2, 1 - row, f"$(Rv)_{name}$", fontsize=12, ha="center", va="center")
    for i, (source, s) in enumerate(zip(index, sign, strict=True)):
        color = BLUE if s > 0 else RED
        arrow(wires, (0.25, 1 - source), (1.6, 1 - i), color=color)
        wires.text(
            1.35, 1 - i + (0.13 if i == 0 else -0.13), f"s={s:+d}", color=color, fontsize=10, ha="center", va="center"
        )
    wires.set_xlim(-0.4, 2.5)
    wires.set_ylim(-0.5, 1.5)
    bare(wires, f"index π = ({index[0]},{index[1]}), sign s = ({sign[0]:+d},{sign[1]:+d})")
    for i in range(2):
        for j in range(2):
            value = matrix[i, j]
            color = {0: "#f2f2f2", 1: "#cfe2f3", -1: "#f4cfcb"}[int(value)]
            panel.add_patch(Rectangle((j, 1 - i), 1, 1, facecolor=color, edgecolor="white"))
            panel.text(j + 0.5, 1.5 - i, f"{value:+.0f}" if value else "0", ha="center", va="center", fontsize=13)
    panel.text(-0.1, 1, "row i", rotation=90, ha="right", va="center", fontsize=10)
    panel.text(1, -0.1, "column π(i)", ha="center", va="top", fontsize=10)
    panel.set_xlim(-0.5, 2.2)
    panel.set_ylim(-0.4, 2.2)
    bare(panel, "matrix R: $R_{i\\,π(i)} = s_i$")
    values = torch.arange(12.0).reshape(1, 1, 4, 3)[..., :3, :3]
    exchanged = values.permute(0, 1, 2 + index[0], 2 + index[1])
    turned = Field(Trivial(D4)).act(NAMES["r90"], values)
    for axis, array, title in (
        (axes[2], values, "on an array a[i, j]:"),
        (axes[3], exchanged, "exchange the axes,"),
        (axes[4], turned, "then reverse x ($s_x = -1$)"),
    ):
        cells(axis, array[0, 0].numpy(), limits=(-6, 16))
        for i in range(3):
            for j in range(3):
                axis.text(i + 0.5, j + 0.5, f"{int(array[0, 0, i, j])}", ha="center", va="center", fontsize=11)
        frame(axis, 3, 3)
        axis.set_xlim(-0.9, 3.6)
        axis.set_ylim(-0.9, 3.6)
        bare(axis, title)
    save(figure, "signed-permutation")


def centring() -> None:
    """Where the points of an axis stand, and where a reversal takes them."""
    n = 6
    mirror = torch.tensor(1)
    line = torch.arange(n, dtype=torch.float64)[None, None]
    rows = [
        ("cells, or a closed grid: flip", np.arange(n) + 0.5, Field(Trivial(reflections(1))), BLUE),
        (
            "periodic nodes, end not stored: i → -i mod N",
            np.arange(n),
            Field(Trivial(reflections(1)), centring="node"),
            RED,
        ),
        (
            "closed nodes, both ends stored: flip",
            np.arange(n) * n / (n - 1),
            Field(Trivial(reflections(1)), centring="node", periodic=False),
            GREEN,
        ),
    ]
    figure, axes = plt.subplots(3, 1, figsize=(8.2, 5.4))
    for panel, (title, places, field, color) in zip(axes, rows, strict=True):
        moved = field.act(mirror, line)[0, 0].long().tolist()  # moved[k] is the point that went to place k
        panel.plot([0, n], [0, 0], color=SOFT, lw=2, zorder=0)
        for end in (0, n):
            panel.plot([end, end], [-0.16, 0.16], color=INK, lw=1.5)
        panel.text(0, -0.75, "0", ha="center", fontsize=10)
        panel.text(n, -0.75, "L", ha="center", fontsize=10)
        for k, place in enumerate(places):
            panel.plot(place, 0, "o", color=color, ms=9)
            panel.text(place, -0.42, f"{k}", ha="center", fontsize=9, color=color)
            start = places[moved[k]]
            if start == place:
                panel.plot(place, 0, "o", ms=15, mfc="none", mec=color)
            elif start < place:
                arrow(panel, (start, 0.1), (place, 0.1), color=color, bend=-0.35)
        if field.centring == "node" and field.periodic[0]:
            panel.plot(n, 0, "o", color="white", mec=color, ms=9)
            panel.text(n, -0.42, "(0)", ha="center", fontsize=9, color=color)
        panel.set_xlim(-0.6, n + 0.6)
        panel.set_ylim(-0.95, 1.25)
        bare(panel)
        panel.set_title(title, fontsize=11, color=color, loc="left")
    save(figure, "centring")


def parity() -> None:
    """A vortex in a mirror: the velocity is mirrored, its vorticity changes sign."""
    n = 9
    place = torch.arange(n) - (n - 1) / 2
    x, y = torch.meshgrid(place, place, indexing="ij")
    weight = torch.exp(-((x + 1.6) ** 2 + y**2) / 5)
    velocity = torch.stack([-y * weight, (x + 1.6) * weight])[None]
    vorticity = (torch.gradient(velocity[0, 1], dim=0)[0] - torch.gradient(velocity[0, 0], dim=1)[0])[None, None]
    mirror = NAMES["mx"]
    turned = Field(Space(D4)).act(mirror, velocity)
    right = Field(Determinant(Space(D4))).act(mirror, vorticity)
    wrong = Field(Trivial(D4)).act(mirror, vorticity)
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 4.1))
    for panel, flow, curl, title, color in (
        (axes[0], velocity, vorticity, "a vortex: velocity, vorticity > 0", INK),
        (axes[1], turned, right, "mirrored, vorticity:pseudoscalar", GREEN),
        (axes[2], turned, wrong, "vorticity:scalar would be wrong", RED),
    ):
        cells(panel, curl[0, 0].numpy(), limits=(-2, 2), cmap="RdBu_r")
        u, v = flow[0].numpy()
        panel.quiver(
            (x + n / 2).numpy(), (y + n / 2).numpy(), u, v, pivot="mid", units="xy", scale=1.25, width=0.07, color=INK
        )
        panel.axvline(n / 2, color=GOLD, ls="--", lw=1.5)
        panel.set_xlim(-0.1, n + 0.1)
        panel.set_ylim(-0.1, n + 0.1)
        bare(panel)
        panel.set_title(title, fontsize=11, color=color)
    save(figure, "parity")


def channel_order() -> None:
    """Time slowest, components fastest, constants last."""
    layout = Layout.parse("density, velocity:vector, stress:tensor, mask:scalar:constant", history=2)
    colors = {"density": BLUE, "velocity": RED, "stress": GREEN, "mask": GOLD}
    figure, panel = plt.subplots(figsize=(12.5, 2.5))
    for channel, name in enumerate(layout.channel_names()):
        field = name.split("_")[0].split("[")[0]
        panel.add_patch(Rectangle((channel, 0), 0.94, 1, color=colors[field], alpha=0.25))
        label = name.split("[")[0].replace(field + "_", field + "\n")
        panel.text(channel + 0.47, 0.5, label, ha="center", va="center", fontsize=8.5)
        panel.text(channel + 0.47, -0.22, str(channel), ha="center", va="center", fontsize=9, color="#777777")
    each = sum(field.size(2) for field in layout.variables)
    for step in range(layout.history):
        word = "older" if step == 0 else "newest"
        panel.annotate(
            "", (step * each, 1.2), (step * each + each - 0.06, 1.2), arrowprops={"arrowstyle": "<->", "color": INK}
        )
        panel.text((step + 0.5) * each, 1.42, f"time step {step} ({word})", ha="center", fontsize=10)
    panel.text(layout.channels - 0.53, 1.42, "constants", ha="center", fontsize=10)
    panel.text(-0.2, -0.22, "channel", ha="right", va="center", fontsize=9, color="#777777")
    panel.set_xlim(-1.2, layout.channels + 0.3)
    panel.set_ylim(-0.5, 1.7)
    panel.axis("off")
    save(figure, "channel-order")


def coordinates() -> None:
    """A box and a keypoint of an image: what index, edge, ij and xy mean, and where a quarter turn takes them."""
    shape = (5, 5)
    image = torch.zeros(1, *shape)
    image[0, 1, 2:5] = 1
    quarter = NAMES["r90"]
    index = Keypoints(D4, shape, order="ij")
    box = Boxes(D4, shape, order="ij")
    point, corners = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 2.0, 2.0, 5.0]])
    states = [
        (image, point, corners, "before"),
        (
            Field(Trivial(D4), channels=None).act(quarter, image),
            index.act(quarter, point),
            box.act(quarter, corners),
            "after r90",
        ),
    ]
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 4.4))
    for panel, (picture, place, edges, title) in zip(axes, states, strict=True):
        cells(panel, picture[0].numpy(), limits=(-0.15, 1.6))
        (i, j), (low_i, low_j, high_i, high_j) = place[0].tolist(), edges[0].tolist()
        panel.add_patch(
            Rectangle((low_i, low_j), high_i - low_i, high_j - low_j, facecolor="none", edgecolor=RED, lw=2.2)
        )
        panel.plot(i + 0.5, j + 0.5, "o", color=GOLD, ms=9)
        for corner, lift in (((low_i, low_j), -0.25), ((high_i, high_j), 0.25)):
            panel.plot(*corner, "s", color=RED, ms=6)
            words = f"edge ({corner[0]:.0f}, {corner[1]:.0f})"
            panel.text(corner[0] + 0.15, corner[1] + lift, words, color=RED, fontsize=10, va="center")
        place_of_words = (high_i + 0.15, j + 0.5)
        panel.text(*place_of_words, f"index ({i:.0f}, {j:.0f})", color=GOLD, fontsize=10, va="center")
        frame(panel, 5, 5)
        panel.set_xlim(-1.3, 6.4)
        panel.set_ylim(-0.9, 5.6)
        bare(panel, title)
    save(figure, "coordinates")


if __name__ == "__main__":
    array_order()
    left_action()
    signed_permutation()
    centring()
    parity()
    channel_order()
    coordinates()
