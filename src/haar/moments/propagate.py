"""propagate: mean, covariance and skewness of a trained model's output, without sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from haar.errors import ArgumentError, known_keywords
from haar.moments.backends import Backend, Orbit, backend_for
from haar.moments.joint import InputLaw, shape_under
from haar.moments.node_symmetry import NodeSymmetry, node_orbits
from haar.moments.orbit_propagation import OrbitPropagation
from haar.moments.program import Program
from haar.moments.propagation import Propagation
from haar.moments.registry import Registered
from haar.moments.trace import trace


@known_keywords
def propagate(
    model: nn.Module,
    law: InputLaw,
    *,
    order: int | str = 2,
    backend: str | Backend | None = None,
    input_shape: Sequence[int] | None = None,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
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
        order: 1 (linearise), 2, "2+", 3 or 4. "2+" adds the third and fourth cumulants that one activation makes, in
            factors: twice the time of order 2, and nearer.
        backend: `Dense` (by default, for orders 1 to 4), `Factored` (by default for "2+"; order 3 too: third and fourth
            cumulants in factors, time n^3), `Diagonal` (variances alone, units taken as uncorrelated; order 2) or
            `Orbit` (one covariance block per orbit of node pairs, for graph networks; order 2); or ``"dense"``,
            ``"factored"``, ``"diagonal"``, ``"orbit"`` for the same with default options.
        input_shape: Shape of one input without the batch axis; (units,) by default.
        activations: Own activations: module class or function to `Activation`, or to a function of the module.
        affine: Own module classes that are affine in their first argument.
        constants: Values for further inputs of the model, by name.
        on_unsupported: ``"raise"``, or go on with ``"linearise"`` or ``"sample"`` for parts without a closed form.
            With a sampled part all moments are those of draws of the law that went through the whole model: any model
            can be sampled, also one that cannot be followed or differentiates inside forward.

    Raises:
        ArgumentError: If order, backend or model do not fit; `UnsupportedModuleError` names the module, or says how
            the model differs from what was traced.
        ShapeError: If the law's size is not that of the input shape.

    Source: Fischer et al., Phys. Rev. Research 4, 043143 (arXiv 2202.04925); Frey and Hinton (1999); Wright et al.,
    arXiv 2403.16163; order 3 as described in `haar.moments.third_order`.

    Example:
        >>> from haar.moments.joint import Gaussian
        >>> result = propagate(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)), Gaussian([0.0, 0.0]))
        >>> result.exact, tuple(result.cov.shape)
        (True, (1, 1))
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError("model", expected="a torch.nn.Module", got=type(model).__name__)
    if order not in (1, 2, 3, 4, "2+"):
        raise ArgumentError("order", expected="1, 2, '2+', 3 or 4", got=order)
    engine = backend_for(backend, order)
    engine.check_order(order)
    shape = engine.input_shape(law, input_shape)
    if on_unsupported != "raise" and not engine.takes_parts:
        raise ArgumentError(
            "on_unsupported",
            expected=f"its default with backend={engine.name!r}, which does not know it",
            got="another value",
            way_out="leave it out, or use backend='dense'",
        )
    program = traced(
        model,
        law,
        input_shape=shape,
        activations=activations,
        affine=affine,
        constants=constants,
        on_unsupported=on_unsupported,
    )
    return engine.run(program, law, order).to_dense()


@known_keywords
def propagate_on_orbits(
    model: nn.Module,
    law: InputLaw,
    orbits: NodeSymmetry | None = None,
    *,
    features: int,
    order: int | str = 2,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    tolerance: float = 1e-12,
) -> OrbitPropagation | Propagation:
    """Moments of an equivariant graph network, one block per orbit of node pairs.

    The model takes (batch, nodes, features). Every affine step is checked to be equivariant (or, for a readout,
    invariant) under the generators; the law must be invariant. After an invariant readout the rest runs dense.

    Args:
        model: A network on the nodes of a graph.
        law: `Exchangeable`, or any law on nodes * features components that the group leaves alone.
        orbits: The group, see `Orbit`; None to find the whole symmetry of network and law (small graphs).
        features: Features of a node.
        order: 2, or "2+" and 3 with third and fourth cumulants in factors.
        activations: Own activations, as in `propagate`.
        affine: Own affine module classes.
        constants: Values for further inputs.
        tolerance: Relative truncation error of Mehler's series.

    Returns:
        `OrbitPropagation` if the output has one row per node, `Propagation` after a readout; ``to_dense()`` of either
        is a `Propagation`.

    Raises:
        NotEquivariantError: If the law is not invariant or a step is not equivariant.
        UnsupportedModuleError: If a part has no closed form.
        ArgumentError: If sizes do not fit.

    Source: one block per orbit is Schur's lemma for permutation representations (Higman, coherent configurations,
        1975).

    Example:
        >>> import torch
        >>> from haar.moments import Exchangeable, NodeOrbits
        >>> law = Exchangeable(4, [0.0, 0.0], torch.eye(2), 0.3 * torch.eye(2))
        >>> found = propagate_on_orbits(nn.Linear(2, 3), law, NodeOrbits.complete(4), features=2)
        >>> found.block(0, 1).shape
        torch.Size([3, 3])
    """
    backend = Orbit(orbits, tolerance)
    backend.check_order(order)
    nodes = law.size // features if orbits is None else node_orbits(orbits).nodes
    if law.batch or law.size != nodes * features:
        raise ArgumentError(
            "law", expected=f"{nodes} x {features} components, no batch axes", got=tuple(law.mean.shape)
        )
    program = traced(
        model, law, input_shape=(nodes, features), activations=activations, affine=affine, constants=constants
    )
    return backend.run(program, law, order)


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
