"""Any dimension's rotations and reflections in one forward pass: a model in the frame of the principal axes."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from haar.errors import ArgumentError, HaarWarning, ShapeError, formerly
from haar.nn.frames.averaging import Averaging
from haar.nn.frames.back_rotation import check_kinds, check_model, map_kinds
from haar.nn.frames.clouds import Clouds
from haar.nn.frames.weighted_frame import WeightedFrame
from haar.nn.principal.axes import TRUSTED_GAP, PrincipalAxes, check_weights, principal_axes
from haar.nn.principal.health import FrameHealth, frame_health, frame_spaces

MODES = ("sign", "average", "sample", "naive")
POLICIES = ("warn", "raise", "blocks", "average", "weighted", "fallback")


class PCAFrame(nn.Module):
    """f(X) = h(X R) R^T with R the principal axes of the cloud, which are defined up to signs.

    ``"sign"``: h is sign equivariant (`haar.nn.spectral`), and one pass is exactly O(d) equivariant. ``"average"``: any
    h, averaged over all 2^d signs. ``"sample"``: one random choice of signs for each cloud in training, the average in
    evaluation. ``"naive"``: the solver's signs, which is not equivariant. Translations are divided out.

    Where eigenvalues coincide, axes are defined up to O(m) and no choice of signs helps; where they nearly
    coincide, rounding is amplified. Every call looks (`health`) and follows a policy for the frames that cannot be
    trusted: ``"warn"``; ``"raise"``; ``"blocks"``: h is told the eigenspaces and is equivariant under O(m), exact;
    ``"average"``: random rotations inside each eigenspace, approximate; ``"weighted"``: `WeightedFrame`, exact, for
    d = 2, 3; ``"fallback"``: another module without frame, such as `GramMap`.

    Source: Lim et al. arXiv 2312.02339; frame averaging arXiv 2110.03336; stochastic frames arXiv 2305.05577; the
    record, the policies and the form for eigenspaces are ours.

    Args:
        model: ``h(x, *vectors, **invariants)`` on tensors ``(batch, n, d)``.
        mode: How signs are chosen: one of the words above.
        outputs: ``"vector"``, ``"position"`` (the centroid is added), ``"scalar"``, ``"pseudovector"``, or a tuple of
            these if the model returns a tuple. In mode sign, a pseudovector is what takes the signs of
            `haar.nn.spectral.pseudovector_characters`.
        weights: Of positions and of each further vector input in the covariance. Positions alone do not define a frame
            for the velocities of few points in many dimensions: give both a weight.
        unhealthy: Policy for frames that cannot be trusted.
        tolerance: Smallest relative gap of eigenvalues that is trusted; by default 1e-6 in float64 and 1e-3 in float32.
        fallback: The module of the policy ``"fallback"``, called like the model, in the coordinates of space, with the
            positions relative to the centroid.
        differentiable: Whether derivatives go through the axes; by default they are constants.
        averaging: How averages over frames are taken, and where random frames come from.

    Raises:
        ArgumentError: If an option is unknown or does not fit another.

    Example:
        >>> from haar.nn.spectral import SignDeepSets
        >>> frame = PCAFrame(SignDeepSets(3, dtype=torch.float64), outputs="vector")
        >>> x, q = torch.randn(4, 9, 3, dtype=torch.float64), torch.linalg.qr(torch.randn(3, 3).double()).Q
        >>> bool(((frame(x @ q + 1) - frame(x) @ q).abs() < 1e-10 * frame(x).abs().max()).all())
        True
    """

    @formerly(tol="tolerance")
    def __init__(
        self,
        model: Callable[..., Any],
        *,
        mode: str = "sign",
        outputs: str | tuple[str, ...] = "vector",
        weights: Sequence[float | int] = (1.0,),
        unhealthy: str = "warn",
        tolerance: float | None = None,
        fallback: Callable[..., Any] | None = None,
        differentiable: bool = False,
        averaging: Averaging | None = None,
    ) -> None:
        super().__init__()
        check_model(model)
        check_weights(weights)
        if mode not in MODES:
            raise ArgumentError("mode", expected=f"one of {', '.join(MODES)}", got=repr(mode))
        if unhealthy not in POLICIES:
            raise ArgumentError("unhealthy", expected=f"one of {', '.join(POLICIES)}", got=repr(unhealthy))
        if tolerance is not None and not (isinstance(tolerance, float) and 0 < tolerance < 1):
            raise ArgumentError("tolerance", expected="a relative gap between 0 and 1", got=repr(tolerance))
        if (fallback is None) == (unhealthy == "fallback"):
            raise ArgumentError(
                "fallback",
                expected="a module with unhealthy='fallback', and only then",
                got="none" if fallback is None else type(fallback).__name__,
                way_out="haar.nn.frames.GramMap needs no frame",
            )
        if unhealthy == "blocks":
            _check_takes_spaces(model, mode)
        self.model, self.mode, self.outputs = model, mode, check_kinds(outputs)
        self.weights, self.unhealthy, self.tolerance, self.fallback = tuple(weights), unhealthy, tolerance, fallback
        self.differentiable, self.averaging = differentiable, averaging or Averaging()

    def forward(
        self,
        x: Float[Tensor, "*batch n d"],
        *vectors: Float[Tensor, "*batch n d"],
        mask: Bool[Tensor, "*batch n"] | None = None,
        invariants: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """Apply the model in the frame.

        Args:
            x: Positions, float32 or float64.
            vectors: Further vectors of every point, such as velocities: turned, not shifted.
            mask: Which rows hold a point; it is passed on to the model.
            invariants: Passed on to the model by name; turned by nothing. Those that begin with the batch axes of `x`
                belong to its clouds, others are the same for all (where sizes could be mistaken for one another,
                expand them).

        Returns:
            What the model returns, in the coordinates of space.

        Raises:
            ArgumentError: If inputs are not finite or too coarse, a frame cannot be trusted and the policy is
                ``"raise"``, or there are too many frames to average.
            ShapeError: If shapes do not fit.
        """
        clouds = Clouds(x, vectors, mask, invariants)
        if torch.compiler.is_exporting():
            self._check_exports()
        axes, tolerance = self._axes(clouds, x.dtype)
        frames = axes.axes.to(x.dtype)
        inputs = [c.to(x.dtype) for c in axes.coordinates]
        if torch.compiler.is_exporting():
            spaces = frame_spaces(axes, tolerance)
            return clouds.restored(self.outputs, self._once(clouds, inputs, frames, axes, spaces=spaces))
        # The full record costs more than the axes: it is made where two neighbouring eigenvalues are close at all.
        health = frame_health(axes, x.dtype, tolerance=tolerance) if _any_close(axes, tolerance) else None
        if health is not None and not bool(health.unhealthy.any()):
            health = None
        if health is not None and self.unhealthy in ("warn", "raise"):
            self._speak(health)
        if health is not None and self.unhealthy == "blocks":
            return clouds.restored(self.outputs, self._once(clouds, inputs, frames, axes, spaces=health.spaces))
        y = self._in_mode(clouds, inputs, frames, axes)
        if health is not None and self.unhealthy in ("average", "weighted", "fallback"):
            rows = torch.nonzero(health.unhealthy).flatten()
            instead = self._instead(clouds.rows(rows), [c[rows] for c in inputs], axes, health, rows)
            y = map_kinds(lambda _, whole, part: _replaced(whole, rows, part), self.outputs, y, instead)
        return clouds.restored(self.outputs, y)

    def health(
        self,
        x: Float[Tensor, "*batch n d"],
        *vectors: Float[Tensor, "*batch n d"],
        mask: Bool[Tensor, "*batch n"] | None = None,
    ) -> FrameHealth:
        """The record of the frames of some clouds, with one batch axis.

        Raises:
            ArgumentError: If inputs are not finite or too coarse.
        """
        axes, tolerance = self._axes(Clouds(x, vectors, mask, None), x.dtype)
        return frame_health(axes, x.dtype, tolerance=tolerance)

    @property
    def guarantee(self) -> str:
        """What is known of the equivariance, before any cloud is seen."""
        if self.mode == "naive":
            return "none: the signs of the axes are the solver's"
        simple = "exact where eigenvalues are simple"
        if self.mode == "sample" and self.training:
            return "in expectation over signs, where eigenvalues are simple"
        return {
            "warn": f"{simple}; a warning where they are not",
            "raise": f"{simple}; refused where they are not",
            "blocks": "exact; discontinuous where the multiplicities change",
            "average": f"{simple}; approximate, by {self.averaging.draws} random rotations, where they are not",
            "weighted": "exact; discontinuous where the policy sets in",
            "fallback": f"{simple}; that of the fallback where they are not",
        }[self.unhealthy]

    def extra_repr(self) -> str:
        """Mode, outputs and policy."""
        return f"mode={self.mode}, outputs={self.outputs}, unhealthy={self.unhealthy}"

    def _check_exports(self) -> None:
        if self.unhealthy != "blocks":
            raise ArgumentError(
                "unhealthy",
                expected="'blocks' in a model for torch.export",
                got=repr(self.unhealthy),
                way_out="an exported graph cannot look at its clouds and warn, refuse or choose; 'blocks' needs not to",
            )

    def _axes(self, clouds: Clouds, dtype: torch.dtype) -> tuple[PrincipalAxes, float]:
        tolerance = TRUSTED_GAP.get(dtype, 1e-3) if self.tolerance is None else self.tolerance
        axes = principal_axes(
            clouds.inputs,
            mask=clouds.mask,
            weights=self.weights,
            differentiable=self.differentiable,
            tolerance=tolerance,
        )
        return axes, tolerance

    def _in_mode(self, clouds: Clouds, inputs: list[Tensor], frames: Tensor, axes: PrincipalAxes) -> Any:
        if self.mode in ("sign", "naive"):
            return self._once(clouds, inputs, frames, axes)
        drawn = self.mode == "sample" and self.training
        turns = self.averaging.random_signs(frames) if drawn else self.averaging.all_signs(frames)
        return self.averaging.mean(
            clouds, self.model, self.outputs, inputs, turns=turns, frames=frames, centre=axes.centre
        )

    def _once(
        self, clouds: Clouds, inputs: list[Tensor], frames: Tensor, axes: PrincipalAxes, *, spaces: Tensor | None = None
    ) -> Any:
        said = clouds.call(self.model, inputs, spaces=spaces)
        return clouds.turned_back(self.outputs, said, frames, axes.centre)

    def _instead(
        self, clouds: Clouds, inputs: list[Tensor], axes: PrincipalAxes, health: FrameHealth, rows: Tensor
    ) -> Any:
        """The outputs for the clouds whose frames are not trusted."""
        centre = axes.centre[rows]
        if self.unhealthy == "average":
            turns, frames = (x.to(inputs[0]) for x in (self.averaging.rotations(health.spaces[rows]), axes.axes[rows]))
            return self.averaging.mean(
                clouds, self.model, self.outputs, inputs, turns=turns, frames=frames, centre=centre
            )
        if self.unhealthy == "weighted":
            frame = WeightedFrame(self.model, outputs=self.outputs, batch_size=self.averaging.batch_size)
            return frame(*clouds.inputs, mask=clouds.mask, invariants=clouds.invariants)
        centred = clouds.inputs[0] - centre.to(clouds.inputs[0])
        if clouds.mask is not None:
            centred = torch.where(clouds.mask.unsqueeze(-1), centred, 0)
        said = clouds.call(self.fallback, [centred, *clouds.inputs[1:]])  # type: ignore[arg-type]
        still = torch.eye(centred.shape[-1], dtype=centred.dtype, device=centred.device).expand(len(rows), -1, -1)
        return clouds.turned_back(self.outputs, said, still, centre)

    def _speak(self, health: FrameHealth) -> None:
        bad = int(health.unhealthy.sum())
        worst = float(health.predicted.max())
        got = f"{bad} of {len(health.predicted)} with close eigenvalues (predicted relative error up to {worst:.1e})"
        if self.unhealthy == "raise":
            raise ArgumentError(
                "x",
                expected=f"clouds whose principal axes are defined to a relative gap of {health.tolerance:.0e}",
                got=got,
                way_out="choose another policy: unhealthy='blocks', 'weighted', 'average' or 'fallback'",
            )
        warnings.warn(
            f"PCAFrame: frames that cannot be trusted, {got}; choose a policy by unhealthy=", HaarWarning, stacklevel=4
        )


def _any_close(axes: PrincipalAxes, tolerance: float) -> bool:
    """Whether any cloud has neighbouring eigenvalues closer than what is trusted."""
    eigenvalues = axes.eigenvalues.detach()
    trusted = tolerance * eigenvalues[:, :1] * axes.distance.unsqueeze(-1)
    return bool((eigenvalues[:, :-1] - eigenvalues[:, 1:] <= trusted).any())


def _replaced(whole: Tensor, rows: Tensor, part: Tensor) -> Tensor:
    """The outputs with those of some clouds by another model.

    Raises:
        ShapeError: If that says something of another shape.
    """
    if part.shape != (len(rows), *whole.shape[1:]):
        expected = f"{(len(rows), *whole.shape[1:])}, as from the model"
        raise ShapeError("fallback", expected=expected, got=tuple(part.shape))
    return whole.index_copy(0, rows, part.to(whole.dtype))


def _check_takes_spaces(model: Callable[..., Any], mode: str) -> None:
    call = model.forward if isinstance(model, nn.Module) else model
    try:
        takes = dict(inspect.signature(call).parameters)
    except ValueError:  # of a function written in C
        takes = {}
    wanted = "spaces" in takes or any(p.kind is p.VAR_KEYWORD for p in takes.values())
    if mode != "sign" or not wanted:
        raise ArgumentError(
            "unhealthy",
            expected="'blocks' in mode sign, with a model whose forward takes spaces=",
            got=f"mode {mode}, {type(model).__name__}",
            way_out="haar.nn.spectral.SignDeepSets and SignMessagePassing take it",
        )
