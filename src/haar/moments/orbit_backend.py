"""The orbit back-end: one covariance block per orbit of node pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from haar.constants import TINY
from haar.errors import ArgumentError, NotEquivariantError
from haar.moments.dense import DenseRun, DenseState, quadrature_gap
from haar.moments.exchangeable import Exchangeable
from haar.moments.factors import Factors
from haar.moments.joint import InputLaw
from haar.moments.layer import EXACT, QUADRATURE, Evaluation, LayerReport
from haar.moments.orbit_propagation import DENSE, OrbitPropagation
from haar.moments.orbits import NodeOrbits
from haar.moments.pairs import all_pairs, cross_pairs
from haar.moments.program import Affine, Elementwise, Noise, Program, Step
from haar.moments.propagation import Propagation
from haar.moments.step_builder import UnsupportedModuleError
from haar.moments.vector import VectorCumulants

_EQUAL = 1e-9


@dataclass
class OrbitState:
    """Joint features of all live values, node by node."""

    mean: Tensor  # (node orbits, channels)
    blocks: Tensor  # (pair orbits, channels, channels)
    places: dict[int, slice]
    normal: bool
    exact: bool
    layers: list[LayerReport]
    factors: Factors = field(default_factory=Factors)
    damped: int = 0
    clipped: float = 0.0


class OrbitRun:
    """Runs a fused program on one mean per orbit of nodes and one covariance block per orbit of pairs.

    Args:
        program: The traced model, see `Program.fused`.
        orbits: Orbits of nodes and pairs.
        tolerance: Relative accuracy of Mehler's series.
    """

    order: int | str = 2

    def __init__(self, program: Program, orbits: NodeOrbits, tolerance: float) -> None:
        self.program, self.orbits, self.tolerance = program, orbits, tolerance
        self.last = program.last_use()

    def run(self, law: InputLaw, features: int) -> OrbitPropagation | Propagation:
        """Carry the law to the output; after an invariant readout the rest runs dense.

        Raises:
            NotEquivariantError: If the law is not invariant or a step is not equivariant.
            UnsupportedModuleError: If a part has no closed form.
        """
        mean, blocks = invariant_blocks(law, self.orbits, features)
        state = OrbitState(mean, blocks, {0: slice(0, features)}, law.normal, exact=True, layers=[])
        state.factors = self._law_factors(law, features)
        for number, step in enumerate(self.program.steps):
            live = {v: s for v, s in state.places.items() if self.last.get(v, -1) > number}
            if isinstance(step, Affine):
                dense = self._affine(step, state, live)
                if dense is not None:
                    done = self._continue(dense, number + 1)
                    return Propagation.of(done, self.program, order=self.order, backend="orbit")
            elif isinstance(step, (Elementwise, Noise)):
                self._pointwise(step, state, live)
            else:
                raise _unsupported(step)
        kept = state.places[self.program.output]
        return OrbitPropagation(
            self.orbits,
            state.mean[:, kept],
            state.blocks[:, kept, kept],
            state.exact and all(layer.how not in ("bounded", "inaccurate") for layer in state.layers),
            tuple(state.layers),
            self.order,
        )

    def _continue(self, state: DenseState, start: int) -> DenseState:
        engine = DenseRun(self.program, order=2, tolerance=self.tolerance)
        return engine.resume(state, start)

    # -- what an order beyond 2 carries besides -----------------------------------------------------------------------

    def _law_factors(self, law: InputLaw, features: int) -> Factors:
        """Third and fourth cumulants of the law."""
        del law, features
        return Factors()

    def _follow(self, kernel: Tensor, state: OrbitState) -> None:
        """Take the factors through an affine map."""

    def _repeat(self, index: Tensor, state: OrbitState) -> None:
        """Take the factors to a selection of channels."""

    def _read(self, joint: VectorCumulants, maps: Tensor, state: OrbitState) -> VectorCumulants:
        """The outputs of a readout with what is carried besides."""
        del maps, state
        return joint

    # -- affine -------------------------------------------------------------------------------------------------------

    def _affine(self, step: Affine, state: OrbitState, live: dict[int, slice]) -> DenseState | None:
        n, channels = self.orbits.nodes, state.mean.shape[1]
        shapes = [self.program.shapes[v] for v in step.inputs]
        spans = [state.places[v] for v in step.inputs]

        def whole(x: Tensor) -> Tensor:
            """(rows, nodes, channels) to the output event."""
            return step.linear([x[..., s].reshape(-1, *shape) for s, shape in zip(spans, shapes, strict=True)])

        out = self.program.shapes[step.output]
        kind = self._kind(whole, step, channels, out)
        representatives = self.orbits.node_representatives
        probe = torch.zeros(len(representatives), channels, n, channels, dtype=torch.float64)
        for at, node in enumerate(representatives.tolist()):
            probe[at, torch.arange(channels), node, torch.arange(channels)] = 1.0
        made = whole(probe.reshape(-1, n, channels))
        if kind == "invariant":
            if live:
                raise ArgumentError(
                    "model",
                    expected="node features not to be used after the readout",
                    got=f"{step.kind} ({step.name!r})",
                    way_out="use backend='dense'",
                )
            return self._readout(step, state, made.reshape(len(representatives), channels, -1).mT)
        made = made.reshape(len(representatives), channels, n, -1)
        kernel = self._kernel(made, state, live)
        size = kernel.shape[1]
        shift = self._shift(step, size - made.shape[-1], made.shape[-1])
        mean = self._apply(kernel, state.mean)
        self._follow(kernel, state)
        state.mean = mean if shift is None else mean + shift
        state.blocks = self.orbits.product(self.orbits.product(kernel, state.blocks), self.orbits.transpose(kernel))
        at, places = 0, {}
        for value, span in live.items():
            places[value] = slice(at, at + span.stop - span.start)
            at = places[value].stop
        places[step.output] = slice(at, size)
        state.places = places
        state.layers.append(LayerReport(step.name, step.kind, size - at, size, "exact" if state.exact else "follows"))
        return None

    def _kind(self, whole: Any, step: Affine, channels: int, out: tuple[int, ...]) -> str:
        """Equivariant or invariant, found on random features moved by every generator."""
        n = self.orbits.nodes
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(1, n, channels, dtype=torch.float64, generator=generator)
        with torch.no_grad():
            y = whole(x)
            scale = float(y.abs().max()) + TINY
            equivariant, invariant = bool(out) and out[0] == n, True
            for permutation in self.orbits.permutations:
                inverse = torch.argsort(permutation)
                moved = whole(x[:, inverse])
                invariant = invariant and float((moved - y).abs().max()) <= _EQUAL * scale
                equivariant = equivariant and float((moved - y[:, inverse]).abs().max()) <= _EQUAL * scale
        if equivariant:
            return "equivariant"
        if invariant:
            return "invariant"
        raise NotEquivariantError(
            f"{step.kind} ({step.name!r}) is neither equivariant nor invariant under the node permutations; "
            "use backend='dense', or the automorphism group of the graph that the layer uses"
        )

    def _kernel(self, made: Tensor, state: OrbitState, live: dict[int, slice]) -> Tensor:
        """Blocks (out, in) of (kept, new) at the representative of every orbit of pairs."""
        representatives = self.orbits.node_representatives
        place = torch.zeros(self.orbits.nodes, dtype=torch.long)
        place[representatives] = torch.arange(representatives.numel())
        rows, columns = self.orbits.rows, place[self.orbits.columns]
        new = made[columns, :, rows].mT  # (pairs, out, in)
        channels = state.mean.shape[1]
        eye = torch.eye(channels, dtype=torch.float64)
        same = (self.orbits.rows == self.orbits.columns).to(torch.float64)[:, None, None]
        kept = [same * eye[span] for span in live.values()]
        return torch.cat([*kept, new], 1)

    def _apply(self, kernel: Tensor, mean: Tensor) -> Tensor:
        """(kernel mean) at a node of every orbit: sum over all nodes j, read at the pairs (representative, j)."""
        found = []
        for node in self.orbits.node_representatives.tolist():
            labels = self.orbits.label[node]
            keys = labels * self.orbits.node_count + self.orbits.node_label
            unique, numbers = keys.unique(return_counts=True)
            pair = torch.div(unique, self.orbits.node_count, rounding_mode="floor")
            orbit = unique % self.orbits.node_count
            terms = (kernel[pair] @ mean[orbit][..., None])[..., 0]
            found.append((numbers.to(mean)[:, None] * terms).sum(0))
        return torch.stack(found)

    def _shift(self, step: Affine, kept: int, size: int) -> Tensor | None:
        if step.shift is None:
            return None
        shift = step.shift.reshape(self.orbits.nodes, size)
        own = shift[self.orbits.node_representatives]
        if float((own[self.orbits.node_label] - shift).detach().abs().max()) > _EQUAL:
            raise NotEquivariantError(
                f"the bias of {step.kind} ({step.name!r}) differs between nodes of one orbit; use backend='dense'"
            )
        return torch.cat([own.new_zeros(own.shape[0], kept), own], -1)

    def _readout(self, step: Affine, state: OrbitState, maps: Tensor) -> DenseState:
        """An invariant map: its matrix is the same at all nodes of an orbit."""
        orbits = self.orbits
        mean = (orbits.node_sizes.to(maps)[:, None] * (maps @ state.mean[..., None])[..., 0]).sum(0)
        mean = mean if step.shift is None else mean + step.shift.reshape(-1)
        left, right = maps[orbits.node_label[orbits.rows]], maps[orbits.node_label[orbits.columns]]
        cov = (orbits.sizes.to(maps)[:, None, None] * (left @ state.blocks @ right.mT)).sum(0)
        joint = self._read(VectorCumulants(mean, 0.5 * (cov + cov.mT)), maps, state)
        how = "exact" if state.exact else "follows"
        layers = [*state.layers, LayerReport(step.name, step.kind, joint.size, joint.size, how)]
        return DenseState(joint, {step.output: slice(0, joint.size)}, state.normal, state.exact, layers)

    # -- activations and noise ----------------------------------------------------------------------------------------

    def _pointwise(self, step: Elementwise | Noise, state: OrbitState, live: dict[int, slice]) -> None:
        (source,) = step.inputs
        span = state.places[source]
        if source in live:
            index = torch.cat([torch.arange(state.mean.shape[1]), torch.arange(span.start, span.stop)])
            state.places[step.output] = slice(state.mean.shape[1], index.numel())
            self._repeat(index, state)
            state.mean, state.blocks = state.mean[:, index], state.blocks[:, index][:, :, index]
        else:
            state.places[step.output] = state.places.pop(source)
        part = state.places[step.output]
        own = self.orbits.label.diagonal()[self.orbits.node_representatives]
        if isinstance(step, Noise):
            gain = step.probability / (1.0 - step.probability)
            raw = state.blocks[own].diagonal(dim1=-2, dim2=-1) + state.mean.square()
            mask = torch.zeros_like(raw)
            mask[:, part] = gain
            state.blocks = state.blocks.index_add(0, own, torch.diag_embed(mask * raw))
            state.normal = False
            state.layers.append(LayerReport(step.name, step.kind, part.stop - part.start, state.mean.shape[1], "exact"))
            return
        rough = quadrature_gap(step.activation, VectorCumulants(state.mean[:, part], state.blocks[own][:, part, part]))
        bound = self._activate(step, state, part, own)
        linear = step.activation.degree is not None and step.activation.degree <= 1
        state.exact = state.exact and (state.normal or linear)
        state.normal = state.normal and linear
        how = ("exact" if bound <= EXACT else "bounded") if state.exact else "closure"
        how = "inaccurate" if how == "exact" and rough > QUADRATURE else how
        size, form = part.stop - part.start, "closed form" if step.activation.closed_form else "quadrature"
        evaluation = Evaluation(form, bound=bound, quadrature=rough)
        report = LayerReport(
            step.name, step.kind, size, state.mean.shape[1], how, evaluation, None, state.clipped, state.damped
        )
        state.layers.append(report)

    def _activate(self, step: Elementwise, state: OrbitState, part: slice, own: Tensor) -> float:
        orbits = self.orbits
        within = VectorCumulants(state.mean[:, part], state.blocks[own][:, part, part])
        sd, inverse = within.sd(), within.inverse_sd()
        same = all_pairs(step.activation, within.mean, sd, within.correlation(), tolerance=self.tolerance)
        level, slope = same.coefficients[..., 0], same.coefficients[..., 1] * inverse
        left, right = orbits.node_label[orbits.rows], orbits.node_label[orbits.columns]
        different = (orbits.rows != orbits.columns).nonzero()[:, 0]
        scale_left, scale_right = inverse[left[different]], inverse[right[different]]
        rho = state.blocks[different][:, part, part] * scale_left[..., :, None] * scale_right[..., None, :]
        cross, bound = cross_pairs(
            step.activation,
            within.mean,
            sd,
            left=left[different],
            right=right[different],
            rho=rho.clamp(-1.0, 1.0),
            tolerance=self.tolerance,
        )
        gain = torch.slice_scatter(torch.ones_like(state.mean), slope, -1, part.start, part.stop)
        blocks = state.blocks * gain[left][..., :, None] * gain[right][..., None, :]
        inner = blocks[:, part, part].index_copy(0, different, cross).index_copy(0, own, same.covariance)
        rows = torch.slice_scatter(blocks[:, part], inner, -1, part.start, part.stop)
        state.blocks = torch.slice_scatter(blocks, rows, -2, part.start, part.stop)
        state.mean = torch.slice_scatter(state.mean, level, -1, part.start, part.stop)
        return max(bound, same.bound)


def invariant_blocks(law: InputLaw, orbits: NodeOrbits, features: int) -> tuple[Tensor, Tensor]:
    """Mean by node orbit and covariance block by pair orbit of a law that the group leaves alone.

    Raises:
        NotEquivariantError: If the law is not invariant.
        ArgumentError: If the law is too large to be looked at densely.

    Example:
        >>> mean, blocks = invariant_blocks(Exchangeable(3, [1.0], [[1.0]]), NodeOrbits.complete(3), 1)
        >>> blocks.reshape(-1).tolist()
        [1.0, 0.0]
    """
    same = (orbits.rows == orbits.columns)[:, None, None]
    if isinstance(law, Exchangeable):
        return law.feature_mean.expand(orbits.node_count, features), torch.where(same, law.within, law.between)
    means = law.mean.reshape(orbits.nodes, features)
    mean = means[orbits.node_representatives]
    scale = float(law.variance().detach().max()) + TINY
    if float((mean[orbits.node_label] - means).detach().abs().max()) > _EQUAL * (scale**0.5 + float(means.abs().max())):
        raise NotEquivariantError("the law's mean is not invariant under the node permutations; use backend='dense'")
    own = law.diagonal_cumulants(2)
    if own is not None:
        variances = own[0].reshape(orbits.nodes, features)
        first = variances[orbits.node_representatives]
        if float((first[orbits.node_label] - variances).detach().abs().max()) > _EQUAL * scale:
            raise NotEquivariantError("the law's variances are not invariant under the node permutations")
        return mean, torch.where(same, torch.diag_embed(first[orbits.node_label[orbits.rows]]), 0.0)
    if law.size > DENSE:
        raise ArgumentError("law", expected=f"at most {DENSE} components unless it is Exchangeable", got=law.size)
    full = law.cumulants(2).cov.reshape(orbits.nodes, features, orbits.nodes, features).permute(0, 2, 1, 3)
    blocks = full[orbits.rows, orbits.columns]
    if float((blocks[orbits.label] - full).detach().abs().max()) > _EQUAL * scale:
        raise NotEquivariantError("the law's covariance is not invariant under the node permutations")
    return mean, blocks


def _unsupported(step: Step) -> UnsupportedModuleError:
    return UnsupportedModuleError(
        "model",
        expected="affine layers and elementwise activations (orbit back-end)",
        got=f"{step.kind} ({step.name!r})",
        way_out="use backend='dense'",
    )
