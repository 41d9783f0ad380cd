"""Principal components as a layer, whose signs and rotations are settled by a stated policy."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from haar.actions import Action, Symmetry
from haar.errors import ArgumentError, HaarError, HaarWarning, ShapeError, check_count
from haar.nn.precision import check_number, widened
from haar.nn.principal.eigenvectors import eigenvectors
from haar.nn.principal.gauge import gauge_symmetry, is_degenerate_cut, sampled_spaces, warn_of_cut
from haar.nn.principal.moments import Batch, centred_batch, covariance, leading
from haar.nn.principal.policies import check_policies, settled
from haar.nn.principal.procrustes import align_frame, orthonormal, polar_factor
from haar.nn.principal.projector import projected
from haar.nn.spectral.canonical_sign import canonical_signs


class PCALayer(nn.Module):
    """The k leading principal components of every batch, in a gauge that does not change from batch to batch.

    Principal directions are defined up to their signs, and up to a rotation where eigenvalues are equal. A network that
    sees their scores learns nothing if the gauge is another in every batch. In training the layer diagonalises the
    covariance of the batch (of all processes together, where there are several) and settles the gauge; in evaluation it
    projects on the running reference, less the running mean.

    Statistics are computed in float32 at least, also under autocast; scores come back in the dtype of the input. With
    fewer rows than columns they are taken from singular values of the rows, unless gradients go through them.

    Args:
        k: Number of components.
        in_features: Number of columns; None takes that of the first batch, of `fit`, or of a loaded state.
        gauge: ``"align"`` turns the frame to the running reference by orthogonal Procrustes; ``"fixed"`` uses the one
            from `fit`; ``"canonical"`` makes the largest entry of each direction positive, which is unstable between
            batches; ``"invariant"`` gives absolute values; ``"equivariant"`` leaves the solver's signs to a head that
            is equivariant under them; ``"none"`` leaves them to any head, with a warning in training.
        gradient: ``"detach"`` takes directions for constants; ``"gap"`` differentiates eigenvectors and leaves out
            terms of equal eigenvalues; ``"projector"`` differentiates the projector on the kept space, exactly also
            where kept eigenvalues are equal.
        output: ``"scores"``, ``(rows, k)``, or ``"projection"``, the centred rows projected on the kept space,
            ``(rows, columns)``, which has no gauge.
        whiten: Whether scores are divided by their standard deviations.
        momentum: Weight of a new batch in the running mean, reference and covariance.
        process_group: Processes whose rows are one batch; None for all.

    Attributes:
        mean: Running mean, ``(columns,)``.
        reference: Running frame, orthonormal columns, ``(columns, k)``.
        covariance: Running covariance of the scores in that frame, ``(k, k)``.
        batches: How many batches these are of.

    Raises:
        ArgumentError: If an option is unknown or out of range.

    Source: after Guo, Cucuringu, Shestopaloff, arXiv 2502.11310 (principal components inside networks); the policies
        and the gradients are ours.

    Example:
        >>> x = torch.randn(64, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([5.0, 3, 1, 1, 1])
        >>> layer = PCALayer(2)
        >>> layer(x).shape, layer.eval()(x).shape
        (torch.Size([64, 2]), torch.Size([64, 2]))
        >>> layer.gauge_group(x).group.name
        '{+-1}^2'
    """

    mean: Tensor
    reference: Tensor
    covariance: Tensor
    batches: Tensor

    def __init__(
        self,
        k: int,
        in_features: int | None = None,
        *,
        gauge: str = "align",
        gradient: str = "detach",
        output: str = "scores",
        whiten: bool = False,
        momentum: float | int = 0.1,
        process_group: dist.ProcessGroup | None = None,
    ) -> None:
        super().__init__()
        check_count("k", k)
        if in_features is not None:
            check_count("in_features", in_features, least=k)
        check_policies(gauge, gradient, output)
        if check_number("momentum", float(momentum), positive=True) > 1:
            raise ArgumentError("momentum", expected="above 0, at most 1", got=momentum)
        if whiten and output == "projection":
            way_out = "output='scores' can be whitened"
            raise ArgumentError("whiten", expected="False for a projection", got="True", way_out=way_out)
        self.k, self.gauge, self.gradient, self.output = k, gauge, gradient, output
        self.whiten, self.momentum, self.process_group = whiten, float(momentum), process_group
        self._told: set[str] = set()
        self._known_fitted = False  # so that the number of batches is not read off the device at every call
        self.register_buffer("mean", torch.zeros(in_features or 0))
        self.register_buffer("reference", torch.eye(in_features or 0, k))
        self.register_buffer("covariance", torch.eye(k))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @property
    def in_features(self) -> int | None:
        """Number of columns; None before the first batch."""
        return len(self.mean) or None

    def forward(self, x: Shaped[Tensor, "*rows q"]) -> Float[Tensor, "*rows out"]:
        """Scores or projection.

        Args:
            x: Rows are samples, on all axes but the last.

        Raises:
            ShapeError: If columns do not fit, or in training there are no more rows than components.
            ArgumentError: If something is not finite or no real number.
            HaarError: If nothing was fitted yet, in evaluation or with the policy ``"fixed"``.
        """
        self._check(x)
        rows = widened(x)
        with _as_they_come(x.device.type):
            if self.training and self.gauge != "fixed":
                flat = rows.reshape(-1, x.shape[-1])
                found = self._trained(flat).reshape(*x.shape[:-1], -1)
            else:
                self._check_fitted()
                found = (rows - self.mean.to(rows.dtype)) @ self._held().to(rows.dtype)
            return (found.abs() if self.gauge == "invariant" and self.output == "scores" else found).to(x.dtype)

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "b q"]) -> PCALayer:
        """Take mean, reference and covariance from a sample, in place of all that was before.

        The frame is turned to the reference that was there, if any; else the largest scores become positive, a choice
        that does not see rotations of the columns.

        Args:
            x: The sample, of which processes hold parts where there are several.

        Raises:
            ShapeError: If it has no more rows than components, or its columns do not fit.
            ArgumentError: If something is not finite.
        """
        self._check(x)
        batch = centred_batch(widened(x), self.k, self.process_group)
        self._begin(batch)
        eigenvalues, frame = leading(batch, self.k, self.process_group)
        self._judge_cut(eigenvalues, batch.rows)
        self._update(batch, align_frame(frame, self.reference.to(frame.dtype)), momentum=1.0)
        return self

    @torch.no_grad()
    def gauge_group(self, x: Float[Tensor, "b q"], *, outputs: str | Action = "invariant") -> Symmetry:
        """What the components of a batch leave open, as a symmetry that `haar.audit` takes with a head and its scores.

        Eigenvalues closer than the sampling error 2 lambda / sqrt(rows) are one: their columns are turned by O(m).

        Args:
            x: A batch.
            outputs: What becomes of the head's output, see `haar.nn.principal.gauge_symmetry`.
        """
        return gauge_symmetry(self.spaces(x), outputs)

    @torch.no_grad()
    def spaces(self, x: Float[Tensor, "b q"]) -> tuple[int, ...]:
        """How many components each eigenspace of a batch has, see `gauge_group`.

        Args:
            x: A batch.
        """
        self._check(x)
        batch = centred_batch(widened(x), self.k, self.process_group)
        eigenvalues = leading(batch, self.k, self.process_group)[0]
        return sampled_spaces(eigenvalues[: self.k], batch.rows)

    def export(self) -> nn.Module:
        """What the layer does in evaluation, as plain torch.

        Raises:
            HaarError: If nothing was fitted yet.
        """
        self._check_fitted()
        with torch.no_grad():
            held = self._held()
            columns, outputs = held.shape
            linear = nn.Linear(columns, outputs, dtype=held.dtype, device=held.device)
            linear.weight.copy_(held.mT)
            linear.bias.copy_(-(self.mean @ held))
        return nn.Sequential(linear, _Size()) if self.gauge == "invariant" and self.output == "scores" else linear

    def extra_repr(self) -> str:
        """Sizes and policies."""
        said = f"{self.in_features or '?'} -> {self.k}, gauge={self.gauge!r}, gradient={self.gradient!r}"
        return said + (", whiten=True" if self.whiten else "") + f", output={self.output!r}" * (self.output != "scores")

    def _trained(self, x: Tensor) -> Tensor:
        """The output for a batch, whose statistics enter the running ones."""
        batch = centred_batch(x, self.k, self.process_group)
        if self.gauge == "none":
            self._tell("gauge", "PCALayer: gauge='none' in training: signs change from batch to batch; use 'align'")
        self._begin(batch)
        eigenvalues, frame, onto = self._frames(batch)
        self._judge_cut(eigenvalues, batch.rows)
        found = batch.centred @ onto
        if self.whiten:
            scales = eigenvalues[: self.k].clamp(min=torch.finfo(x.dtype).tiny).rsqrt()
            turn = frame.mT @ onto.detach()  # what the policy turned the frame by
            found = found @ (turn.mT * scales @ turn)
        with torch.no_grad():
            momentum = self.momentum if self._fitted() else 1.0
            self._update(batch, align_frame(frame, self.reference.to(frame.dtype)), momentum=momentum)
        return found

    def _frames(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Eigenvalues and leading eigenvectors of a batch, constants, and what its rows are multiplied with."""
        if self.gradient == "detach" or not (batch.centred.requires_grad and torch.is_grad_enabled()):
            eigenvalues, frame = leading(batch, self.k, self.process_group)
            return eigenvalues, frame, frame @ frame.mT if self.output == "projection" else self._settled(frame)
        square = covariance(batch, self.process_group)
        if self.gradient == "projector":
            return self._through_projector(square)
        eigenvalues, vectors = eigenvectors(square)
        moving = vectors[:, : self.k]
        frame = moving.detach()
        if self.output == "projection":
            onto = moving @ moving.mT
        elif self.gauge == "align":
            onto = moving @ polar_factor(moving.mT @ self._constant(frame.dtype))
        else:
            onto = moving * (frame * self._settled(frame)).sum(0).sign()
        return eigenvalues.detach(), frame, onto

    def _through_projector(self, square: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.output == "projection":
            eye = torch.eye(len(square), dtype=square.dtype, device=square.device)
            projector, eigenvalues, frame = projected(square, eye, self.k)
            return eigenvalues, frame, projector
        image, eigenvalues, frame = projected(square, self._constant(square.dtype), self.k)
        return eigenvalues, frame, polar_factor(image)

    def _constant(self, dtype: torch.dtype) -> Tensor:
        """A copy of the reference for a graph, which outlives the next update."""
        return self.reference.to(dtype, copy=True)

    def _settled(self, frame: Tensor) -> Tensor:
        return settled(self.gauge, frame, self.reference.to(frame.dtype))

    @torch.no_grad()
    def _begin(self, batch: Batch) -> None:
        """Before the first batch: its own frame is the reference, signed by its scores, and that of all processes."""
        if self._fitted():
            return
        _, frame = leading(batch, self.k, self.process_group)
        scores, _ = canonical_signs(batch.centred.detach() @ frame)
        found = frame * torch.where((scores * (batch.centred.detach() @ frame)).sum(0) < 0, -1.0, 1.0)
        if batch.shared:
            dist.broadcast(found, dist.get_global_rank(self.process_group, 0) if self.process_group else 0)
        self._keep("reference", found)

    def _keep(self, name: str, value: Tensor) -> None:
        buffer = getattr(self, name)
        if buffer.shape == value.shape and len(self.mean):
            buffer.copy_(value)  # in place, as those who hold buffers (DDP) expect
        else:  # the first batch says how many columns there are, and in which precision
            setattr(self, name, value.contiguous().clone())

    def _update(self, batch: Batch, frame: Tensor, *, momentum: float) -> None:
        """Let a batch, with its frame turned to the reference, enter the running statistics."""
        scores = batch.centred.detach() @ frame
        spread = scores.mT @ scores
        if batch.shared:
            dist.all_reduce(spread, group=self.process_group)
        new = {"mean": batch.mean.detach(), "covariance": spread / batch.rows}
        if momentum == 1:
            new["reference"] = frame
        else:
            held = self.reference.to(frame.dtype)
            new["reference"] = orthonormal((1 - momentum) * held + momentum * frame)
            new = {
                name: value if name == "reference" else torch.lerp(getattr(self, name).to(value), value, momentum)
                for name, value in new.items()
            }
        if self.gauge == "canonical":  # in evaluation the reference is used as it is
            signs = (canonical_signs(new["reference"])[0] * new["reference"]).sum(0).sign()
            new["reference"] = new["reference"] * signs
            new["covariance"] = new["covariance"] * signs * signs[:, None]
        for name in ("reference", "covariance", "mean"):
            self._keep(name, new[name])
        self.batches += 1
        self._known_fitted = True

    def _held(self) -> Tensor:
        """What centred rows are multiplied with in evaluation."""
        reference = widened(self.reference)
        if self.output == "projection":
            return reference @ reference.mT  # type: ignore[no-any-return]
        if not self.whiten:
            return reference
        values, vectors = torch.linalg.eigh(self.covariance.to(reference))
        scales = values.clamp(min=torch.finfo(values.dtype).tiny).rsqrt()
        return reference @ (vectors * scales @ vectors.mT)  # type: ignore[no-any-return]

    def _fitted(self) -> bool:
        self._known_fitted = self._known_fitted or bool(self.batches > 0)
        return self._known_fitted

    def _check_fitted(self) -> None:
        if torch.compiler.is_compiling() or self._fitted():
            return
        why = "gauge='fixed'" if self.gauge == "fixed" else "evaluation"
        raise HaarError(f"PCALayer: {why} needs a frame, and there is none yet; call fit(sample) or train first")

    def _check(self, x: Tensor) -> None:
        columns = self.in_features
        if x.ndim < 1 or (x.shape[-1] != columns if columns else x.shape[-1] < self.k):
            expected = f"{columns} columns" if columns else f"at least {self.k} columns"
            raise ShapeError("x", expected=f"(*rows, {expected})", got=tuple(x.shape))

    def _judge_cut(self, eigenvalues: Tensor, rows: int) -> None:
        """Say so, once, if the kept space is undetermined."""
        if torch.compiler.is_compiling() or "cut" in self._told or self.k >= len(eigenvalues):
            return
        last, first = (float(value) for value in eigenvalues[self.k - 1 : self.k + 1])
        if is_degenerate_cut(last, first, rows):
            self._told.add("cut")
            warn_of_cut(last, first, self.k, rows)

    def _tell(self, what: str, message: str) -> None:
        if what not in self._told:
            self._told.add(what)
            warnings.warn(message, HaarWarning, stacklevel=4)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        if self.in_features is None:  # the loaded state says how many columns there are
            for name in ("mean", "reference"):
                given = state_dict.get(prefix + name)
                if isinstance(given, Tensor):
                    setattr(self, name, getattr(self, name).new_zeros(given.shape))
        self._known_fitted = False
        super()._load_from_state_dict(state_dict, prefix, *args)


def _as_they_come(device: str) -> AbstractContextManager[object]:
    """Without autocast, where the device has any."""
    if torch.amp.is_autocast_available(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


class _Size(nn.Module):
    """Absolute values."""

    def forward(self, x: Tensor) -> Tensor:
        """|x|."""
        return x.abs()
