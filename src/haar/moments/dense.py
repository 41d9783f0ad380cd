"""The dense back-end: all live values of a program as one random vector, its joint cumulants carried step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.activation import Activation
from haar.moments.fourth_order import kurtotic
from haar.moments.joint import InputLaw
from haar.moments.layer import EXACT, QUADRATURE, Evaluation, LayerReport
from haar.moments.opaque import draw_outputs, estimated, linearise
from haar.moments.program import Affine, Elementwise, Noise, Opaque, Program
from haar.moments.quadrature import quadrature_error
from haar.moments.second_order import Step, gaussian, linearised
from haar.moments.third_order import skewed
from haar.moments.vector import VectorCumulants, clip_to_positive

_LIMIT = 2.0e9  # bytes of one carried tensor
_MATERIALISED = 1024  # widest vector for which an affine step without a matrix is written as one


@dataclass
class DenseState:
    """Where a propagation stands.

    Args:
        joint: Joint cumulants of the live values, stacked.
        places: Where each live value lies in the stack.
        normal: Whether the joint law is exactly normal.
        exact: Whether mean and covariance are exact up to `truncation`.
        layers: What was done so far.
    """

    joint: VectorCumulants
    places: dict[int, slice]
    normal: bool
    exact: bool
    layers: list[LayerReport] = field(default_factory=list)


class DenseRun:
    """Runs a program on the joint cumulants of all live values.

    Args:
        program: The traced model.
        order: 1 linearise, 2 Gaussian closure, 3 with third cumulants, 4 with fourth cumulants.
        tolerance: Relative accuracy of Mehler's series.
        samples: Draws for parts that are sampled.
        generator: Source of these draws.
        keep: Values to carry to the end besides the output.
    """

    def __init__(
        self,
        program: Program,
        *,
        order: int,
        tolerance: float = 1e-12,
        samples: int = 20_000,
        generator: torch.Generator | None = None,
        keep: Sequence[int] = (),
    ) -> None:
        self.program, self.order, self.tolerance = program, order, tolerance
        self.samples, self.generator = samples, generator
        self.keep = tuple(keep)
        self.last = {**program.last_use(), **dict.fromkeys((*keep, program.output), len(program.steps))}

    def run(self, law: InputLaw) -> DenseState:
        """Carry the cumulants of the input law to the output; a program with a sampled part goes by draws as a whole.

        A law in the middle of a network is not known but by its cumulants; draws of the input that went all the way
        are draws of the output.
        """
        if any(isinstance(step, Opaque) and step.how == "sample" for step in self.program.steps):
            for value in (*self.keep, self.program.output):
                self._order_carried(value)
            return self._drawn(law)
        first = self.program.steps[0] if self.program.steps else None
        alone = isinstance(first, Affine) and first.inputs == (0,) and self.last.get(0) == 0
        start = 0
        if alone and isinstance(first, Affine):
            # Independent inputs: the cumulants of the first affine layer in factored form, no dense input tensor.
            joint = self._pushed(law, first)
            joint = replace(joint, mean=joint.mean if first.shift is None else joint.mean + first.shift.reshape(-1))
            state = DenseState(joint, {first.output: slice(0, joint.size)}, law.normal, exact=True)
            state.layers.append(self._report(first, joint, exact=True))
            start = 1
        else:
            joint = self._started(law)
            state = DenseState(joint, {0: slice(0, joint.size)}, law.normal, exact=True)
        return self.resume(state, start)

    def _pushed(self, law: InputLaw, first: Affine) -> VectorCumulants:
        """Cumulants of the law's image under the first affine step."""
        return law.push(self.program.flat(first), first.matrix, self._order_carried(first.output))

    def _started(self, law: InputLaw) -> VectorCumulants:
        """Cumulants of the law."""
        return law.cumulants(self._order_carried(0))

    def _drawn(self, law: InputLaw) -> DenseState:
        """Cumulants of draws that went through the program."""
        wanted = tuple(dict.fromkeys((*self.keep, self.program.output)))
        rows = draw_outputs(self.program, law, wanted, count=self.samples, generator=self.generator)
        joint = estimated(rows, self.drawn_order)
        state = DenseState(joint, {}, normal=False, exact=False)
        at = 0
        for value in wanted:
            state.places[value] = slice(at, at + self.program.size(value))
            at = state.places[value].stop
        drawn: set[int] = set()
        for step in self.program.steps:
            sampled = isinstance(step, Opaque) or any(value in drawn for value in step.inputs)
            drawn |= {step.output} if sampled else set()
            how = "follows" if sampled and isinstance(step, Affine) else "sampled"
            exact = not sampled and (isinstance(step, Affine) or law.normal)
            state.layers.append(replace(self._report(step, joint, exact=exact), how="exact" if exact else how))
        return state

    def resume(self, state: DenseState, start: int) -> DenseState:
        """Go on from a state before step `start`."""
        for number in range(start, len(self.program.steps)):
            self._step(number, state)
        kept = state.places[self.program.output]
        if not self.keep and state.joint.size != kept.stop - kept.start:
            state.joint = state.joint.select(kept)
        return state

    def _order_carried(self, value: int) -> int:
        order = max(self.order, 2)
        size = self.program.size(value)
        self._refuse_if_large(size, order)
        return order

    def _refuse_if_large(self, size: int, order: int) -> None:
        if 8.0 * size**order > _LIMIT:
            raise ArgumentError(
                "order",
                expected=f"an order whose tensors fit {_LIMIT / 1e9:.0f} GB at this width",
                got=f"order {order} with {size} live components ({8.0 * size**order / 1e9:.1f} GB)",
                way_out="use a lower order" + (", or backend='diagonal'" if order == 2 else ""),
            )

    def _step(self, number: int, state: DenseState) -> None:
        step = self.program.steps[number]
        live = {v: s for v, s in state.places.items() if self.last.get(v, -1) > number}
        if isinstance(step, (Affine, Opaque)):
            self._map(step, state, live)
        else:
            (source,) = step.inputs
            if source in live:
                self._duplicate(source, step.output, state)
            else:
                state.places[step.output] = state.places.pop(source)
            if isinstance(step, Elementwise):
                self._activate(step, state)
            else:
                self._noise(step, state)

    def _map(self, step: Affine | Opaque, state: DenseState, live: dict[int, slice]) -> None:
        function = self.program.flat(step)
        if isinstance(step, Opaque):
            self._opaque(step, state, live, function)
            return
        rows = _extended([state.places[v] for v in step.inputs], live, state.joint.size, function)
        size_kept = sum(s.stop - s.start for s in live.values())
        size_new = self.program.size(step.output)
        self._refuse_if_large(size_kept + size_new, state.joint.order)
        shift = None
        if step.shift is not None:
            shift = torch.cat([step.shift.new_zeros(size_kept), step.shift.reshape(-1)])
        reach = None if live else self._uncorrelated(step, state.joint, function)
        alone = isinstance(step, Affine) and not live and state.joint.size == self.program.size(step.inputs[0])
        matrix = step.matrix if isinstance(step, Affine) and alone else None
        state.joint = state.joint.map(rows, shift, matrix)
        self._settle(step.output, state, live)
        report = self._report(step, state.joint, exact=state.exact, closed_under=True)
        state.layers.append(replace(report, cancellation=_ratio(state.joint.variance(), reach)))

    def _uncorrelated(
        self, step: Affine, joint: VectorCumulants, function: Callable[[Tensor], Tensor]
    ) -> Tensor | None:
        """Variances of the outputs if the inputs were uncorrelated, where the matrix is at hand or small."""
        with torch.no_grad():
            if step.matrix is not None and step.matrix.shape[1] == joint.size:
                return joint.variance() @ step.matrix.square().mT
            if self.program.size(step.output) < joint.size <= _MATERIALISED and len(step.inputs) == 1:
                rows = function(torch.eye(joint.size, dtype=torch.float64, device=joint.mean.device))
                return joint.variance() @ rows.square()
        return None

    def _settle(self, output: int, state: DenseState, live: dict[int, slice]) -> None:
        at, places = 0, {}
        for value, span in live.items():
            places[value] = slice(at, at + span.stop - span.start)
            at = places[value].stop
        places[output] = slice(at, at + self.program.size(output))
        state.places = places

    def _duplicate(self, source: int, output: int, state: DenseState) -> None:
        span, size = state.places[source], state.joint.size
        extra = span.stop - span.start
        self._refuse_if_large(size + extra, state.joint.order)
        index = torch.cat([torch.arange(size), torch.arange(span.start, span.stop)]).to(state.joint.mean.device)
        state.joint = state.joint.select(index)
        state.places[output] = slice(size, size + extra)

    def _activate(self, step: Elementwise, state: DenseState) -> None:
        part = state.places[step.output]
        before = VectorCumulants(state.joint.mean[..., part], state.joint.cov[..., part, part])
        made = self._through(step.activation, state.joint, part)
        linear = step.activation.degree is not None and step.activation.degree <= 1
        state.exact = state.exact and self.order > 1 and (state.normal or linear)
        state.normal = state.normal and linear
        state.joint = made.cumulants
        worst = 0.0
        if self.beyond_second or made.bound > EXACT:
            cov, worst = clip_to_positive(state.joint.cov)
            state.joint = state.joint.with_cov(cov)
        rough = 0.0 if self.order == 1 else quadrature_gap(step.activation, before)
        report = self._report(step, state.joint, exact=state.exact, bound=made.bound)
        if report.how == "exact" and rough > QUADRATURE:
            report = replace(report, how="inaccurate")
        form = "closed form" if step.activation.closed_form else "quadrature"
        state.layers.append(
            replace(
                report,
                evaluation=Evaluation(form, made.mehler_order, made.closed_pairs, made.bound, rough),
                clipped=worst,
                damped=made.damped,
            )
        )

    @property
    def beyond_second(self) -> bool:
        """Whether cumulants beyond the second move the covariance, which may then lose its positivity."""
        return self.order > 2

    @property
    def drawn_order(self) -> int:
        """Highest cumulant of draws that is estimated."""
        return max(self.order, 2)

    def _through(self, activation: Activation, joint: VectorCumulants, part: slice) -> Step:
        """The cumulants after an activation of some of the components."""
        if self.order == 1:
            return linearised(activation, joint, part)
        if self.order == 2:
            return gaussian(activation, joint, part, self.tolerance)
        if self.order == 4:
            return kurtotic(activation, joint, part, self.tolerance)
        return skewed(activation, joint, part, self.tolerance)

    def _noise(self, step: Noise, state: DenseState) -> None:
        """y = x b with independent b: E b = 1, E b^2 = q, E b^3 = q^2 with q = 1/(1-p)."""
        if self.order == 4:
            raise ArgumentError(
                "order",
                expected="at most 3 for a model with dropout in training mode",
                got=f"4, with {step.kind} ({step.name!r})",
                way_out="call model.eval(), or use order 3",
            )
        part = state.places[step.output]
        joint, q = state.joint, 1.0 / (1.0 - step.probability)
        mean = joint.mean
        mask = torch.zeros_like(mean)
        mask[..., part] = 1.0
        raw = joint.variance() + mean.square()
        cov = joint.cov + torch.diag_embed((q - 1.0) * mask * raw)
        third = joint.third
        if third is not None:
            # E b_i^2 - 1 times what x_i^2 shares with x_j; then E b_i^3 on the diagonal.
            square_with = third.diagonal(dim1=-3, dim2=-2).mT + 2.0 * mean[..., :, None] * joint.cov  # Cov(x_i^2, x_j)
            extra = (q - 1.0) * mask[..., :, None] * square_with
            cube = third.diagonal(dim1=-3, dim2=-2).diagonal(dim1=-2, dim2=-1)
            raw3 = cube + 3.0 * mean * joint.variance() + mean.pow(3)
            raw3_new = torch.where(mask > 0, q * q * raw3, raw3)
            variance = cov.diagonal(dim1=-2, dim2=-1)
            own = raw3_new - 3.0 * mean * variance - mean.pow(3)
            base = third.diagonal(dim1=-3, dim2=-2).mT
            two_equal = torch.diagonal_scatter(base + extra, own, dim1=-2, dim2=-1)
            for axes in ((-3, -2), (-3, -1), (-2, -1)):
                third = torch.diagonal_scatter(third, two_equal.mT, dim1=axes[0], dim2=axes[1])
        state.joint = VectorCumulants(mean, cov, third)
        state.normal = False
        state.layers.append(self._report(step, state.joint, exact=state.exact))

    def _opaque(
        self, step: Opaque, state: DenseState, live: dict[int, slice], function: Callable[[Tensor], Tensor]
    ) -> None:
        inputs, kept = [state.places[v] for v in step.inputs], list(live.values())
        state.joint = linearise(state.joint, inputs, kept, function)
        cov, worst = clip_to_positive(state.joint.cov)
        state.joint = state.joint.with_cov(cov)
        state.exact = state.normal = False
        self._settle(step.output, state, live)
        state.layers.append(replace(self._report(step, state.joint, exact=False), clipped=worst))

    def _report(
        self,
        step: Affine | Elementwise | Noise | Opaque,
        joint: VectorCumulants,
        *,
        exact: bool,
        closed_under: bool = False,
        bound: float = 0.0,
    ) -> LayerReport:
        how = "exact" if exact else "follows" if closed_under else "closure"
        how = "bounded" if how == "exact" and bound > EXACT else how
        if isinstance(step, Opaque) or (self.order == 1 and isinstance(step, Elementwise)):
            how = "linearised"
        return LayerReport(
            name=step.name,
            kind=step.kind,
            size=self.program.size(step.output),
            live=joint.size,
            how=how,
        )


def quadrature_gap(activation: Activation, before: VectorCumulants) -> float:
    """How far E f moves, in standard deviations of f, if the rule gets coarser; 0 for a closed form.

    Example:
        >>> from haar.moments.registry import relu
        >>> quadrature_gap(relu(), VectorCumulants(torch.zeros(1), torch.eye(1)))
        0.0
    """
    if activation.closed_form or not before.size:
        return 0.0
    with torch.no_grad():
        mean, sd = before.mean, before.sd()
        gap = quadrature_error(activation, mean, sd, activation.breaks, activation.scale)
        spread = activation.variance(mean, sd).sqrt()
        return float((gap / torch.where(spread > 0, spread, torch.ones_like(spread))).max())


def _ratio(variance: Tensor, uncorrelated: Tensor | None) -> float | None:
    """Smallest Var / Var_uncorrelated over the outputs that move."""
    if uncorrelated is None or not variance.numel():
        return None
    variance, uncorrelated = variance.detach(), uncorrelated.detach()
    moves = uncorrelated > 0
    return float(torch.where(moves, variance / torch.where(moves, uncorrelated, 1.0), 1.0).min())


def _extended(
    inputs: list[slice], live: dict[int, slice], size: int, function: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """The map (live, function(inputs)) on rows of the whole stack."""
    whole = len(inputs) == 1 and inputs[0] == slice(0, size)

    def rows(stack: Tensor) -> Tensor:
        made = function(stack if whole else torch.cat([stack[:, span] for span in inputs], -1))
        return torch.cat([*(stack[:, span] for span in live.values()), made], -1) if live else made

    return rows
