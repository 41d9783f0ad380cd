"""Can the principal axes of these clouds be trusted? The predicted error beside the measured one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, HaarWarning, check_count, formerly
from haar.groups import O
from haar.nn.frames import PCAFrame
from haar.nn.principal import FrameHealth
from haar.nn.principal.axes import TRUSTED_GAP
from haar.nn.spectral import InvariantFeatures, SignMessagePassing
from haar.report import Report, Section, Table
from haar.report.drawing import AVERAGED, WARNING, draw_prediction, new_figure, style_axes
from haar.seeding import Seed, generator_of
from haar.watch import Unwatched, Watch


class FrameAudit(Report):
    """What was found about the principal axes of some clouds.

    Attributes:
        names: Names of the clouds.
        health: The record of each.
        measured: Largest relative difference of f(X Q) and f(X) Q over random rotations and reflections Q, for a
            network that is equivariant under signs.
        repaired: The same when the network is told the eigenspaces.
    """

    kind = "frame-audit"
    title = "Are the principal axes defined?"

    def __init__(
        self, names: Sequence[str], health: Sequence[FrameHealth], measured: Sequence[float], repaired: Sequence[float]
    ) -> None:
        self.names, self.health = list(names), list(health)
        self.measured, self.repaired = list(measured), list(repaired)

    @property
    def verdicts(self) -> list[str]:
        """EXACT, ILL-CONDITIONED or UNDEFINED for every cloud."""
        return [record.verdicts[0] for record in self.health]

    @property
    def summary(self) -> str:
        """How many clouds have axes."""
        bad = sum(verdict != "EXACT" for verdict in self.verdicts)
        if bad == 0:
            return (
                f"{_clouds(len(self.names))}: every axis along which points lie is defined; a sign-equivariant network "
                "in this frame is exact."
            )
        return (
            f"{bad} of {_clouds(len(self.names))} without trusted axes: signs alone are not enough there; "
            "use PCAFrame with unhealthy='blocks', which is told the eigenspaces, or 'weighted'."
        )

    @property
    def made_of(self) -> Mapping[str, object]:
        """Data and conventions."""
        return {
            "data": f"{len(self.names)} clouds",
            "conventions": "points in rows, centred; X Q turns them; gaps relative to the largest eigenvalue",
        }

    def contents(self) -> dict[str, Any]:
        """One entry a cloud."""
        entries = []
        for name, record, verdict, measured, repaired in self._rows():
            gap = float(record.smallest_gap[0])
            entry = {
                "name": name,
                "verdict": verdict,
                "rank": int(record.rank[0]),
                "multiplicities": list(record.multiplicities(0)),
                "eigenvalues": record.eigenvalues[0].tolist(),
                "smallest_gap": gap if gap < float("inf") else None,
                "predicted_error": float(record.predicted[0]),
                "measured_error": measured,
                "measured_error_with_eigenspaces": repaired,
            }
            entries.append(entry)
        return {"clouds": entries, "summary": self.summary}

    def sections(self) -> Sequence[Section]:
        """The table of gaps, and predicted against measured errors."""
        rows = []
        for entry in self.contents()["clouds"]:
            counts = " + ".join(map(str, entry["multiplicities"]))
            gap, errors = entry["smallest_gap"], (entry["predicted_error"], entry["measured_error"])
            last = (entry["measured_error_with_eigenspaces"], entry["verdict"])
            rows.append((entry["name"], entry["rank"], counts, gap, *errors, *last))
        columns = ("cloud", "rank", "multiplicities", "smallest gap", "predicted", "measured", "with spaces", "verdict")
        note = "relative errors of the equivariance under random rotations and reflections"
        table = Table("", columns, rows, note=note)
        figure = new_figure(4.6, 3.6)
        axes = style_axes(figure.subplots(), title="Error of the equivariance", x="predicted", y="measured")
        predicted = [float(record.predicted[0]) for record in self.health]
        series = {"signs alone": (predicted, self.measured), "with eigenspaces": (predicted, self.repaired)}
        draw_prediction(axes, series, (WARNING, AVERAGED), floor=1e-17, hollow={"with eigenspaces"})
        axes.legend(fontsize=8, frameon=False)
        caption = "Predicted and measured errors; one point a cloud."
        return [Section("Frames", table=table), Section(figure=figure, caption=caption)]

    def _rows(self) -> list[tuple[str, FrameHealth, str, float, float]]:
        return list(zip(self.names, self.health, self.verdicts, self.measured, self.repaired, strict=True))


@formerly(tol="tolerance")
def audit_frames(
    clouds: Sequence[Float[Tensor, "..."]],
    *,
    names: Sequence[str] | None = None,
    marks: Sequence[Tensor] | None = None,
    tolerance: float | None = None,
    rotations: int = 4,
    seed: Seed = 0,
    watch: Watch = Unwatched(),
) -> FrameAudit:
    """Look at the principal axes of clouds, and measure what a random sign-equivariant network makes of them.

    Args:
        clouds: Positions ``(n, d)``, each with its own n.
        names: Of the clouds; by default their numbers.
        marks: An invariant of every point ``(n,)``, such as the atomic number, which the network is told.
        tolerance: Smallest relative gap that is trusted, see `PCAFrame`.
        rotations: Random orthogonal matrices for each cloud, half of them reflections.
        seed: Seed of the network and the matrices.
        watch: Told of every cloud.

    Raises:
        ArgumentError: If there is no cloud, coordinates are not finite, names or marks do not fit, or there are fewer
            than two rotations.

    Example:
        >>> square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=torch.float64)
        >>> audit_frames([square]).verdicts
        ['UNDEFINED']
    """
    if not isinstance(clouds, Sequence) or not clouds:
        got = "none" if isinstance(clouds, Sequence) else type(clouds).__name__
        raise ArgumentError("clouds", expected="at least one cloud, in a list", got=got)
    for name, given_names in (("names", names), ("marks", marks)):
        if given_names is not None and len(given_names) != len(clouds):
            raise ArgumentError(name, expected=f"one for each of {_clouds(len(clouds))}", got=len(given_names))
    check_count("rotations", rotations, least=2)
    generator = generator_of(seed)
    health: list[FrameHealth] = []
    measured: list[float] = []
    repaired: list[float] = []
    with watch.stage("principal axes", len(clouds)) as advance:
        for cloud, own in zip(clouds, [None] * len(clouds) if marks is None else marks, strict=True):
            mark = _checked(cloud, own)
            net = SignMessagePassing(
                cloud.shape[-1],
                invariants=InvariantFeatures(nodes=0 if mark is None else 1),
                layers=1,
                generator=generator_of(seed),
                dtype=cloud.dtype,
            )
            frames = [PCAFrame(net, unhealthy=policy, tolerance=tolerance) for policy in ("warn", "blocks")]
            health.append(frames[0].health(cloud))
            turns = _orthogonal(cloud.shape[-1], rotations, generator)
            for errors, frame in zip((measured, repaired), frames, strict=True):
                errors.append(_error(frame, cloud, turns, mark))
            advance()
    labels = [str(number) for number in range(len(clouds))] if names is None else names
    return FrameAudit(labels, health, measured, repaired)


def _checked(cloud: Any, mark: Tensor | None) -> Tensor | None:
    """The invariant of every point, in a column, if there is one; both fit."""
    if not isinstance(cloud, Tensor) or cloud.ndim != 2 or 0 in cloud.shape:
        found = tuple(cloud.shape) if isinstance(cloud, Tensor) else type(cloud).__name__
        raise ArgumentError("clouds", expected="clouds (n, d) of at least one point", got=found)
    if cloud.dtype not in TRUSTED_GAP:
        kind = str(cloud.dtype).removeprefix("torch.")
        raise ArgumentError("clouds", expected="clouds in float32 or float64", got=kind)
    if mark is None:
        return None
    if mark.shape != cloud.shape[:1]:
        raise ArgumentError("marks", expected=f"({len(cloud)},) numbers", got=tuple(mark.shape))
    return mark.to(cloud.dtype)[:, None]


def _orthogonal(d: int, count: int, generator: torch.Generator) -> list[Tensor]:
    """Random orthogonal matrices, of determinant +1 and -1 in turn."""
    if d == 1:
        return [torch.full((1, 1), 1.0 - 2 * (k % 2), dtype=torch.float64) for k in range(count)]
    found = []
    for k, q in enumerate(O(d).sample(count, generator)):
        wanted = 1 - 2 * (k % 2)
        turned = q.clone()
        turned[0] *= wanted * torch.linalg.det(q).sign()
        found.append(turned)
    return found


@torch.no_grad()
def _error(frame: PCAFrame, x: Tensor, turns: Sequence[Tensor], mark: Tensor | None) -> float:
    given = {} if mark is None else {"nodes": mark}
    # Where the cloud is stays as it is: far from the origin coordinates are coarser.
    size = float((x - x.mean(0)).norm(dim=-1).max())
    scaled = x / (size or 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)
        y = frame(scaled, invariants=given)
        largest = max(float(y.abs().max()), torch.finfo(x.dtype).tiny)
        worst = 0.0
        for turn in turns:
            q = turn.to(x.dtype)
            worst = max(worst, float((frame(scaled @ q, invariants=given) - y @ q).abs().max()))
    return worst / largest


def _clouds(count: int) -> str:
    return "1 cloud" if count == 1 else f"{count} clouds"
