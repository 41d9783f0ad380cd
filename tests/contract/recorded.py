"""How a result is told in numbers and words, so that it can be recorded."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import haar
from haar.actions import Action, FieldSpec, Layout, Representation, Symmetry
from haar.groups import FiniteGroup, Group, LieGroup, averaging_chain, character_table, real_irreducibles
from haar.groups.algebra import LieAlgebra
from haar.groups.group import Motion
from haar.intertwiners import Intertwiners, Isotypic, PairOrbits, hom_dimension, reynolds

F64 = torch.float64
#: Tensors of whole numbers up to this size are kept entry by entry.
LONG = 32
#: Groups up to these orders are told with all subgroups, and with characters.
LISTED, TABLED = 60, 200


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=F64)


def tried(call: Callable[..., Any], *many: Any) -> list[Any]:
    """What a call gives for each of many arguments (a tuple is several), or what it says where it refuses."""
    return [_tried(call, *(one if isinstance(one, tuple) else (one,))) for one in many]


def _tried(call: Callable[..., Any], *given: Any) -> Any:
    try:
        return call(*given)
    except haar.HaarError as error:
        return f"refused: {error}"


def words(text: str) -> str:
    """Without what rounds: residuals, and digits beyond the third."""
    text = re.sub(r"-?\d+(\.\d+)?e-\d+| at 0x\w+", "#", text)
    return re.sub(r"(\.\d{3})\d+", r"\1", text)


def number(value: float) -> Any:
    if not math.isfinite(value):
        return str(value)
    return float(f"{value:.7g}") if abs(value) > 1e-9 else 0.0


def tensor(x: Tensor) -> list[Any]:
    """Its kind; whole numbers one by one where they are few; else two sums that hang on every entry."""
    x = x.detach().cpu().to_dense()
    kind = [str(x.dtype).removeprefix("torch."), *x.shape]
    if x.numel() <= LONG and not (x.is_floating_point() or x.is_complex()):
        return [*kind, x.flatten().tolist()]
    flat = (torch.view_as_real(x) if x.is_complex() else x).double().flatten()
    flat = flat[flat.isfinite()]
    at = torch.arange(1, len(flat) + 1, dtype=F64).mul(0.7).cos()
    return [*kind, number(float(flat.norm())), number(float(flat @ at))]


def told(value: Any) -> Any:
    """Anything at all."""
    for kind, tell in KINDS:
        if isinstance(value, kind):
            return tell(value)
    if dataclasses.is_dataclass(value):
        return {each.name: told(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return words(repr(value))


def group(g: Group) -> dict[str, Any]:
    """Every question that a group answers."""
    a, b = (g.identity()[None],) * 2 if type(g) is LieGroup else (g.sample(3, seeded(1)), g.sample(3, seeded(2)))
    found = {
        "group": repr(g),
        "kind": [g.element_shape, g.element_dtype, g.space_dim, g.grid_shape, g.defining_dim, g.is_finite],
        "compact": g.is_compact,
        "drawn": a,
        "products": [g.compose(a, b), g.inverse(a), g.identity(), g.generators(), g.equal(a, b), g.equal(a, a)],
        "names": [g.describe(x) for x in a],
        "moves": _tried(g.motion, a),
        "signed": _tried(g.defining_signed_permutation, a),
        "matrices": _tried(g.defining_matrix, a),
        "rules": [g.class_rule(degree) for degree in (0, 3)] if type(g) is not LieGroup else None,
        "chain": _tried(averaging_chain, g, 2) if type(g) is not LieGroup else None,
        "quadrature": _tried(g.quadrature, 2, seeded()) if type(g) not in (LieGroup, Group) and lie(g) else None,
    }
    if isinstance(g, FiniteGroup) and g.order <= TABLED:
        table, parts = character_table(g), real_irreducibles(g)
        found |= {
            "orders": [g.element_order(x) for x in range(min(g.order, 16))],
            "classes": [g.class_of, g.is_abelian, g.table],
            "characters": [table.sizes, table.representatives, table.values, table.indicators, table.degrees],
            "irreducible": [[one.name, one.dim, one.type, one.end, one.class_character] for one in parts],
        }
    if isinstance(g, FiniteGroup) and g.order <= LISTED:
        found["subgroups"] = [[h.name, h.embedding, h.generators()] for h in g.subgroups()][:30]
        found["steps"] = [h.embedding for h in g.subgroup_chain()]
    return told(found)


def lie(g: Group) -> bool:
    return isinstance(g, LieGroup)


def representation(rep: Representation) -> dict[str, Any]:
    """Its matrices and what it knows of itself."""
    g = rep.group.sample(3, seeded(1))
    x = drawn(3, rep.dim)
    found = {
        "representation": repr(rep),
        "dim": rep.dim,
        "matrices": rep.matrix(g),
        "acted": rep.act(g, x),
        "back": rep.act(rep.group.inverse(g), x),
        "character": rep.character(g),
        "signed": _tried(rep.signed_permutation, g),
    }
    return told(found)


def lifted(one: Action, *shape: int, x: Tensor | None = None) -> Any:
    """What a few elements make of a tensor of three samples, and what the action knows of itself."""
    x = drawn(3, *shape) if x is None else x
    g = one.group.sample(3, seeded(1))
    channels = x.shape[one.axes.channel] if one.axes.channel is not None else 2
    found = {
        "moved": [one.act(each, x) for each in g],
        "apart": _tried(one.act, g, x),
        "orbit": _tried(one.orbit, g, x),
        "prepared": _tried(lambda: one.move(g[0])(x)),
        "straight": _tried(lambda: one.linear().act(g[1], x)),
        "mixed": [one.mixed_channels(channels), one.channel_blocks(channels)],
        "axes": [one.axes.count, one.axes.channel, one.axes.space, one.batched, one.approximate],
        "example": _tried(one.example, 2, 5, seeded()),
        "tangent": _tried(one.tangent, torch.ones(len(getattr(one.group, "algebra", [0]))), x),
        "refused": tried(one.check, x[..., :-1], x[0, ..., 0], x.to(torch.uint8), x.to(torch.int32)),
    }
    return told(found)


def space(one: Intertwiners) -> Any:
    """Of maps: how many there are, and the nearest of a matrix, by every way to it."""
    W = drawn(one.rep_out.dim, one.rep_in.dim)
    nearest = one.project(W)
    p = one.parameters_of(W)
    return told(
        {
            "maps": repr(one),
            "nearest": [nearest, p.norm(), one.contains(W), one.contains(nearest), one.contains(nearest + 1e-11 * W)],
            "made": one.from_parameters(p) - nearest,
            "kept": one.parameters_of(one.basis()) - torch.eye(one.dim, dtype=F64),
            "averaged": _tried(reynolds, one.rep_in, one.rep_out, W),
            "counted": _tried(hom_dimension, one.rep_in, one.rep_out),
        }
    )


def isotypic(one: Isotypic) -> Any:
    classes = [[c.dim, c.end, c.multiplicity, c.type, c.is_trivial] for c in one.classes]
    blocks = one.to_blocks(drawn(3, one.dim))
    runs = [[run.start, run.copies, run.dim, run.places] for run in one.runs]
    found = [classes, runs, one.commutant_dim, one.table(), [block.norm() for block in blocks]]
    return told([*found, one.from_blocks(blocks) - drawn(3, one.dim), one.basis.T @ one.basis])


def orbits(one: PairOrbits) -> Any:
    return told([one.label, one.sign, one.sizes, one.count])


def algebra(one: LieAlgebra) -> Any:
    return told(
        [
            [one.name, one.dim, tuple(one.signature), one.rank, one.derived_dim, one.centre_dim, one.is_solvable],
            [one.is_abelian, one.is_named, one.killing.diagonal().sum(), one.tolerance, len(one.invariant_forms())],
            [part.name for part in one.ideals],
        ]
    )


KINDS: list[tuple[Any, Callable[[Any], Any]]] = [
    ((bool, int, type(None)), lambda x: x),
    (str, words),
    (float, number),
    (np.ndarray, lambda x: tensor(torch.from_numpy(np.array(x))) if x.dtype.kind in "bifc" else told(x.tolist())),
    (Tensor, tensor),
    (Group, group),
    (Representation, representation),
    (LieAlgebra, algebra),
    ((Action, Symmetry, FieldSpec, Layout), lambda x: words(repr(x))),
    (slice, repr),
    (Intertwiners, space),
    (Isotypic, isotypic),
    (PairOrbits, orbits),
    (Motion, lambda x: told([x.index, x.sign, x.shift])),
    (dict, lambda x: {str(key): told(each) for key, each in x.items()}),
    ((list, tuple, set), lambda x: [told(each) for each in x]),
]
