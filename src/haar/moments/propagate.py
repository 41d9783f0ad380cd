"""propagate: mean, covariance and skewness of a trained model's output, without sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from haar.errors import ArgumentError, ShapeError, check_count
from haar.moments.bounds import mean_bound
from haar.moments.dense import Dense
from haar.moments.diagonal import run_diagonal
from haar.moments.joint import InputLaw, shape_under
from haar.moments.node_symmetry import NodeSymmetry, node_orbits
from haar.moments.orbit_backend import propagate_on_orbits
from haar.moments.program import Program
from haar.moments.propagation import Propagation
from haar.moments.registry import Registered
from haar.moments.trace import trace

_TOLERANCE = 1e-12
_SAMPLES = 20_000


def propagate(
    model: nn.Module,
    law: InputLaw,
    *,
    order: int = 2,
    backend: str = "dense",
    input_shape: Sequence[int] | None = None,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
    tolerance: float = _TOLERANCE,
    samples: int = _SAMPLES,
    generator: torch.Generator | None = None,
    orbits: NodeSymmetry | None = None,
) -> Propagation:
    """Mean, covariance and, from order 3 on, third cumulants of model(x) for x from a law.

    Affine layers act on every cumulant exactly; an activation mixes orders. Order 2 takes the input of every
    activation as normal (exact for one hidden layer and normal input); order 3 carries the full third cumulant
    tensor. All arithmetic is float64 and differentiable in the law and in the model's parameters; leading batch axes
    of the law's mean give one answer each.

    Args:
        model: A trained module; not changed. Training mode is respected: dropout counts as noise, batch normalisation
        is refused.
        law: Law of the flattened input.
        order: 1 (linearise), 2, 3 or 4.
        backend: ``"dense"``; ``"diagonal"`` (variances alone, units taken as uncorrelated); ``"orbit"`` (one covariance
            block per orbit of node pairs, for graph networks; order 2).
        input_shape: Shape of one input without the batch axis; (units,) by default.
        activations: Own activations: module class or function to `Activation`, or to a function of the module.
        affine: Own module classes that are affine in their first argument.
        constants: Values for further inputs of the model, by name.
        on_unsupported: ``"raise"``, or go on with ``"linearise"`` or ``"sample"`` for parts without a closed form.
            With a sampled part all moments are those of `samples` draws of the law that went through the whole model:
            any model can be sampled, also one that cannot be traced or differentiates inside forward.
        tolerance: Relative truncation error of Mehler's series.
        samples: Draws for sampled parts.
        generator: Source of these draws.
        orbits: For the orbit back-end, the symmetry of the nodes: `NodeOrbits`, a haar group that permutes them, or a
            `Symmetry`; None to find it from model and law (small graphs; give input_shape=(nodes, features)).

    Raises:
        ArgumentError: If order, backend or model do not fit, or a back-end does not know an option;
            `UnsupportedModuleError` names the module, or says how the model differs from what was traced.
        ShapeError: If the law's size is not that of the input shape.

    Source: Fischer et al., Phys. Rev. Research 4, 043143 (arXiv 2202.04925); Frey and Hinton (1999); Wright et al.,
    arXiv 2403.16163; order 3 as described in `haar.moments.third_order`.

    Example:
        >>> from haar.moments.joint import Gaussian
        >>> result = propagate(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)), Gaussian([0.0, 0.0]))
        >>> result.exact, tuple(result.cov.shape)
        (True, (1, 1))
    """
    _check(model, order, backend, tolerance, samples)
    shape_under(law, input_shape)
    _refuse_dropped(
        backend,
        on_unsupported=on_unsupported != "raise" and backend == "orbit",
        samples=samples != _SAMPLES and backend != "dense",
        generator=generator is not None and backend != "dense",
        tolerance=tolerance != _TOLERANCE and backend == "diagonal",
        orbits=orbits is not None and backend != "orbit",
    )
    if backend == "orbit":
        shape = tuple(input_shape or ())
        known = None if orbits is None else node_orbits(orbits)
        if order != 2:
            raise ArgumentError("order", expected="2 with backend='orbit'", got=order)
        if known is not None and shape and (len(shape) != 2 or shape != (known.nodes, law.size // known.nodes)):
            expected = f"({known.nodes}, {law.size // known.nodes}): nodes and features"
            raise ShapeError("input_shape", expected=expected, got=shape)
        if known is None and len(shape) != 2:
            raise ArgumentError(
                "input_shape", expected="(nodes, features), or orbits=...", got=shape, way_out="give either"
            )
        found = propagate_on_orbits(
            model,
            law,
            known,
            features=shape[1] if known is None else law.size // known.nodes,
            activations=activations,
            affine=affine,
            constants=constants,
            tolerance=tolerance,
        )
        return found.to_dense()
    program = traced(
        model,
        law,
        input_shape=input_shape,
        activations=activations,
        affine=affine,
        constants=constants,
        on_unsupported=on_unsupported,
    )
    bound = mean_bound(program, law) if order == 2 and not law.normal else None
    if backend == "diagonal":
        return Propagation.of(run_diagonal(program, law), program, order=order, backend=backend)
    engine = Dense(program, order=order, tolerance=tolerance, samples=samples, generator=generator)
    state = engine.run(law)
    indicator = None
    if order > 2 and not any(layer.how == "sampled" for layer in state.layers):
        lower = Dense(program, order=2, tolerance=tolerance, samples=samples, generator=generator).run(law)
        indicator = (state.joint.mean - lower.joint.mean).abs(), (state.joint.cov - lower.joint.cov).abs()
    return Propagation.of(state, program, order=order, backend=backend, indicator=indicator, mean_bound=bound)


def _check(model: nn.Module, order: int, backend: str, tolerance: float, samples: int) -> None:
    if not isinstance(model, nn.Module):
        raise ArgumentError("model", expected="a torch.nn.Module", got=type(model).__name__)
    if order not in (1, 2, 3, 4):
        raise ArgumentError("order", expected="1, 2, 3 or 4", got=order)
    if backend not in ("dense", "diagonal", "orbit"):
        raise ArgumentError("backend", expected="'dense', 'diagonal' or 'orbit'", got=repr(backend))
    if backend == "diagonal" and order > 2:
        raise ArgumentError("order", expected="at most 2 with backend='diagonal'", got=order)
    if backend == "diagonal" and order == 1:
        raise ArgumentError(
            "order", expected="2 with backend='diagonal', which does not linearise", got=order, way_out="use 'dense'"
        )
    if not 0 < tolerance < 1:
        raise ArgumentError("tolerance", expected="a number between 0 and 1", got=tolerance)
    check_count("samples", samples, least=4)


def _refuse_dropped(backend: str, **dropped: bool) -> None:
    """What a back-end cannot heed is refused, not dropped."""
    for name, is_given in dropped.items():
        if is_given:
            raise ArgumentError(
                name,
                expected=f"its default with backend={backend!r}, which does not know it",
                got="another value",
                way_out="leave it out, or use " + ("backend='orbit'" if name == "orbits" else "backend='dense'"),
            )


def traced(
    model: nn.Module,
    law: InputLaw,
    *,
    input_shape: Sequence[int] | None = None,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
) -> Program:
    """The model as a program for inputs of this law; checks that the sizes fit.

    Raises:
        ShapeError: If they do not.

    Example:
        >>> from haar.moments.joint import Gaussian
        >>> traced(nn.Linear(2, 1), Gaussian([0.0, 0.0])).output
        1
    """
    return trace(
        model,
        shape_under(law, input_shape),
        activations=activations,
        affine=affine,
        constants=constants,
        on_unsupported=on_unsupported,
        law=law,
    )
