"""Turn a user's module into a homotopy between itself and an equivariant model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from haar.actions import Symmetry
from haar.actions.representation import Representation, Trivial
from haar.actions.trees import action_leaves
from haar.errors import ArgumentError, ShapeError, known_keywords
from haar.groups import FiniteGroup, Subgroup
from haar.intertwiners.homomorphism import require_homomorphism
from haar.nn.dropout import Dropout
from haar.nn.module import EquivariantModule
from haar.probing import check_finite, undisturbed
from haar.probing.disturbed import disturb
from haar.probing.examples import fitting_inputs
from haar.relax.wrapping.function import function_homotopy
from haar.relax.wrapping.grid_sizes import check_grid, grid_sizes
from haar.relax.wrapping.hidden import hidden_representation
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.precision import DOUBLE, as_dtype, dtype_of
from haar.relax.wrapping.step import Typed
from haar.relax.wrapping.twins import has_twin, nothing_moves, parameters_homotopy, twin
from haar.relax.wrapping.verification import repeated_outputs, verify
from haar.relax.wrapping.walk import Walk
from haar.seeding import Seed, generator_of
from haar.tracing import NotFollowedError, follow, leaves_of

_LEAVES = leaves_of(EquivariantModule)

Layers = Mapping[str, tuple[Representation, Representation]]


@known_keywords
def homotopise(
    model: Any,
    symmetry: Symmetry,
    *,
    mode: str = "weight",
    hidden: str | Callable[[int], Representation] = "auto",
    layers: Layers | None = None,
    chain: str | Sequence[Subgroup] = (),
    example: Any = None,
    kappa: bool = True,
    shared_dropout: bool = False,
    samples: int = 16,
    generator: Seed | None = None,
) -> Homotopy:
    """A model that is the user's own at gamma = 1 and equivariant at gamma = 0, with one gamma for every layer.

    The model's run is written down (`haar.tracing`), every tensor in it is given a representation, and every layer
    whose channels move is replaced by its homotopy twin (`HomotopyLayer`); so is every module of the user's that reads
    parameters of its own. The result is measured before it is returned.

    Args:
        model: The user's module; it is copied, not changed.
        symmetry: How the group acts on its inputs and outputs.
        mode: ``"weight"``: kappa P(W) + gamma (W - P(W)), no new parameters. ``"branches"``: a free branch beside the
            equivariant one, normalised and confined to the complement; at gamma = 1 it is another function than the
            user's. ``"function"``: Q f + gamma (f - Q f) with the group average Q f, for any module.
        hidden: Representation of a hidden layer by its width; ``"auto"``: as many copies of the regular representation
            as fit, the rest trivial.
        layers: (representation in, representation out) of some layers by name; where the module cannot be traced, of
            all layers that have parameters.
        chain: Subgroups between the group and 1, the largest first, each with a gamma of its own; ``"auto"`` takes
            steps that are as small as possible.
        example: One batch of inputs (a tensor, or a tuple of arguments); by default random ones are made.
        kappa: Whether equivariant weights keep the norm of whole ones: without it deep strict models train badly.
        shared_dropout: Whether dropout drops whole parts of representations, so that it keeps the symmetry too.
        samples: For a Lie group in mode ``"function"``, the number of fixed random elements.
        generator: Source of free branches and of these elements, or its seed; by default 0.

    Returns:
        The homotopy model, with all gammas at 1.

    Raises:
        ArgumentError: If an argument is impossible, or naming the step of the module whose symmetry is not known.
        ShapeError: If a stride on this grid breaks the symmetry; the message says which sizes work.
        NotEquivariantError: If the result is not equivariant at gamma = 0; the message names the first step.

    Example:
        >>> from haar.actions import Regular, Vector
        >>> from haar.groups import cyclic
        >>> C4 = cyclic(4)
        >>> symmetry = Symmetry(C4, Vector(2 * Regular(C4)), Vector(Regular(C4)))
        >>> net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        >>> model = homotopise(net, symmetry)
        >>> x = torch.randn(5, 8)
        >>> torch.equal(model(x), net(x)), list(model.layers)
        (True, ['0', '2'])

    Source: Manolache, Chamon, Niepert, arXiv 2505.13631, section 3; weight mode and kappa are this library's.
    """
    _check(model, symmetry, mode, layers)
    steps = _chain(symmetry, chain)
    drawn = generator_of(0 if generator is None else generator, argument="generator")
    given = None if example is None else example if isinstance(example, (tuple, list)) else (example,)
    check_finite("example", given)
    if mode == "function":
        return function_homotopy(model, symmetry, steps, samples=samples, generator=drawn, example=given)
    made = copy.deepcopy(model)
    options: dict[str, Any] = {"mode": mode, "kappa": kappa, "generator": drawn}
    walk: Walk | None = None
    outputs = None
    try:
        walk, inputs, outputs = _followed(made, symmetry, layers or {}, _chooser(hidden, symmetry), given)
    except NotFollowedError as error:
        uses = _named(made, layers, error)
        inputs = _inputs(made, symmetry, given)
    if walk is not None:
        uses = {name: (use.into, use.out) for name, use in walk.choices.uses.items()}
        _check_used(layers or {}, uses)
        made = _with_parameters(made, walk, steps, options)
        for name, dropped in walk.dropouts.items() if shared_dropout else ():
            _share_dropout(made, name, dropped)
    homotopy = Homotopy(_with_layers(made, uses, steps, options), symmetry)
    precision = DOUBLE if walk is None else walk.precision
    homotopy.error = verify(homotopy, model, inputs, walk=walk, outputs=outputs, precision=precision)
    sizes = grid_sizes(homotopy, inputs)
    if sizes:
        homotopy.known_sizes.add(sizes)
        homotopy.check_size = check_grid
    return homotopy


def _inputs(model: nn.Module, symmetry: Symmetry, given: Any) -> Any:
    tried = DOUBLE.of(model)
    return next(fitting_inputs(symmetry, lambda x: tried(*x))) if given is None else as_dtype(torch.float64, given)


def _chooser(hidden: str | Callable[[int], Representation], symmetry: Symmetry) -> Callable[[int], Representation]:
    chooser = hidden_representation(symmetry.group) if hidden == "auto" else hidden
    if not callable(chooser):
        raise ArgumentError("hidden", expected="'auto', or a function of the width", got=repr(hidden))
    return chooser


def _followed(
    model: nn.Module, symmetry: Symmetry, layers: Layers, hidden: Callable[[int], Representation], given: Any
) -> tuple[Walk, Any, Any]:
    """Follow the network on the first inputs whose sizes treat both ends of every axis alike, with its outputs."""
    tried = disturb(DOUBLE.of(model), fixed=("gamma",))
    problem: ShapeError | None = None
    for inputs in (
        [as_dtype(torch.float64, given)] if given is not None else fitting_inputs(symmetry, lambda x: tried(*x))
    ):
        outputs = repeated_outputs(model, as_dtype(dtype_of(model), inputs))
        with undisturbed():
            followed = follow(tried, as_dtype(None, inputs), leaves=_is_leaf)
            walk = Walk(followed, symmetry, layers, hidden)
            try:
                walk.follow(as_dtype(None, inputs))
            except ShapeError as error:
                problem = problem or error
            else:
                return walk, inputs, outputs
    if problem is None:
        raise ArgumentError("example", expected="inputs that the model can be run on", got="none")
    raise problem


def _is_leaf(module: nn.Module, path: str) -> bool:
    """Torch's own layers and ours; attention is followed inside, for its heads carry something of their own."""
    return _LEAVES(module, path) and not isinstance(module, nn.MultiheadAttention)


def _with_layers(
    model: nn.Module,
    uses: Mapping[str, tuple[Representation, Representation]],
    steps: tuple[Subgroup, ...],
    options: Mapping[str, Any],
) -> nn.Module:
    """The model with homotopy twins in place of its layers."""
    for name, (rep_in, rep_out) in uses.items():
        layer = model.get_submodule(name)
        if nothing_moves(layer, rep_in, rep_out):
            continue
        where = f"{name!r} ({type(layer).__name__})"
        made = twin(layer, rep_in, rep_out, steps, where=where, **options)
        model = made if not name else _replaced(model, layer, made)
    for part in model.modules():
        if isinstance(part, nn.TransformerEncoderLayer):
            part.activation_relu_or_gelu = 0  # else its fused form reads the parameters past their layers
    return model


def _with_parameters(
    model: nn.Module, walk: Walk, steps: tuple[Subgroup, ...], options: Mapping[str, Any]
) -> nn.Module:
    """The model with homotopy twins in place of modules that read parameters of their own."""
    owners: dict[str, dict[str, list[Representation]]] = {}
    for path, feature in walk.parameters.items():
        if not feature.still(walk.choices.elements):
            owner, _, name = path.rpartition(".")
            shape = walk.module.get_parameter(path).shape
            reps = [
                Trivial(walk.choices.group, size) if leg is None else leg.rep
                for leg, size in zip(feature.legs, shape, strict=True)
            ]
            owners.setdefault(owner, {})[name] = reps
    for owner, axes in owners.items():
        plain = model.get_submodule(owner)
        where = f"{owner!r} ({type(plain).__name__})"
        made = parameters_homotopy(plain, axes, steps, where=where, **options)
        model = made if not owner else _replaced(model, plain, made)
    return model


def _named(
    model: nn.Module, layers: Layers | None, problem: NotFollowedError
) -> dict[str, tuple[Representation, Representation]]:
    """The user's own map, which must name every layer with parameters."""
    if not layers:
        raise ArgumentError(
            "model",
            expected="a module whose run can be followed",
            got=f"{problem.got}: its calls depend on its data",
            way_out='give layers={name: (representation in, representation out)}, or use mode="function"',
        ) from problem
    for name, part in model.named_modules():
        own = [p for p in part._parameters.values() if p is not None]  # noqa: SLF001 (its own, not its children's)
        if own and name not in layers and not isinstance(part, EquivariantModule):
            raise ArgumentError(
                "layers",
                expected="every module that has parameters",
                got=f"nothing for {name!r} ({type(part).__name__})",
            )
    _check_used(layers, dict(model.named_modules()))
    for name in layers:
        if not has_twin(model.get_submodule(name)):
            kind = type(model.get_submodule(name)).__name__
            raise ArgumentError(
                "layers", expected="layers that have a twin", got=f"{name!r} ({kind})", way_out='use mode="function"'
            )
    return dict(layers)


def _check_used(layers: Layers, uses: Mapping[str, Any]) -> None:
    for name in layers:
        if name not in uses:
            raise ArgumentError("layers", expected=f"layers among {', '.join(uses)}", got=repr(name))


def _check(model: Any, symmetry: Symmetry, mode: str, layers: Layers | None) -> None:
    if not isinstance(model, nn.Module):
        raise ArgumentError("model", expected="a torch.nn.Module", got=type(model).__name__)
    if not isinstance(symmetry, Symmetry):
        raise ArgumentError("symmetry", expected="a haar.Symmetry", got=type(symmetry).__name__)
    if mode not in ("weight", "branches", "function"):
        raise ArgumentError("mode", expected="'weight', 'branches' or 'function'", got=repr(mode))
    if symmetry.approximate and mode != "function":
        raise ArgumentError(
            "symmetry", expected="an exact action on tensors", got=repr(symmetry), way_out='use mode="function"'
        )
    for side in (symmetry.inputs, symmetry.outputs):
        for action in action_leaves(side):
            for rep in (action.rep, action.relabelling):
                if rep is not None:
                    require_homomorphism(rep, "symmetry")
    for name, pair in (layers or {}).items():
        for rep in pair:
            if rep.group != symmetry.group:
                raise ArgumentError(
                    "layers",
                    expected=f"representations of the symmetry's own group object, {symmetry.group.name}",
                    got=f"for {name!r} {rep.name} of {rep.group.name}",
                )
            require_homomorphism(rep, "layers")


def _chain(symmetry: Symmetry, chain: str | Sequence[Subgroup]) -> tuple[Subgroup, ...]:
    """Subgroups between the group and 1, the largest first, checked to be nested."""
    group = symmetry.group
    if isinstance(chain, str):
        if chain != "auto" or not isinstance(group, FiniteGroup):
            raise ArgumentError(
                "chain", expected="'auto' for an enumerated group, or subgroups", got=f"{chain!r} for {group.name}"
            )
        return tuple(group.subgroup_chain()[-2:0:-1])
    larger: Any = set(range(int(group.order))) if isinstance(group, FiniteGroup) else None
    for subgroup in chain:
        if not isinstance(subgroup, Subgroup) or subgroup.parent != group:
            raise ArgumentError("chain", expected=f"subgroups of the group object {group.name}", got=repr(subgroup))
        members = set(subgroup.embedding.tolist())
        if not 1 < len(members) < len(larger) or not members < larger:
            raise ArgumentError(
                "chain",
                expected=f"{group.name} > ... > 1, each inside the one before (without both ends)",
                got=", ".join(f"{one.name} of order {one.order}" for one in chain),
            )
        larger = members
    return tuple(chain)


def _replaced(model: nn.Module, old: nn.Module, new: nn.Module) -> nn.Module:
    """The model with a module replaced wherever it stands."""
    for owner in model.modules():
        for name, child in owner._modules.items():  # noqa: SLF001 (a module may stand at several names)
            if child is old:
                owner._modules[name] = new  # noqa: SLF001
    return model


def _share_dropout(model: nn.Module, name: str, dropped: Typed) -> None:
    feature, shape = dropped.feature, dropped.value.shape
    if feature is None:
        return
    on_grid = feature.field is not None and feature.space[-1] == len(shape) - 1
    leg = feature.legs[feature.space[0] - 1 if on_grid else -1]
    if leg is None:
        return
    plain: Any = model.get_submodule(name)
    shared = Dropout(leg.rep, plain.p, channels="first" if on_grid else "last").train(plain.training)
    _replaced(model, plain, shared)
