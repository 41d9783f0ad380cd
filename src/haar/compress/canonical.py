"""The canonical gauge: of all parameters that compute one function in one architecture, one that is the same for all.

Compressed from there, every copy of a model gives the same model, whatever the method: a choice of the parametrisation
that training made by chance can no longer decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.compress.batch import batch_of
from haar.compress.table import table_of
from haar.errors import ArgumentError
from haar.weights import Gauge, Heads, ParameterAction, Rotation, Units, balancing, folded
from haar.weights.bare import bare
from haar.weights.heads import rotary_matrix
from haar.weights.labels import Leg
from haar.weights.models import state_of, with_state
from haar.weights.sites import SiteElement, across_ones

State = Mapping[str, Tensor]
#: Invariants nearer to each other than this, relative to the largest, do not decide an order.
_EQUAL = 1e-9
_SWEEPS, _BALANCED = 2000, 1e-13
RESIDUALS = ("embedding", "none")


@dataclass(frozen=True)
class Canonical:
    """Parameters in canonical gauge.

    Attributes:
        state: The parameters, by name; an output head of its own among them.
        undetermined: What the canonical form could not decide, and why; empty if it decided everything.
        model: A copy of the model with these parameters.
    """

    state: dict[str, Tensor] = field(repr=False)
    undetermined: tuple[str, ...]
    model: nn.Module = field(repr=False)


def canonical(
    model: nn.Module, example: Any = None, *, action: ParameterAction | None = None, residual: str = "embedding"
) -> nn.Module:
    """A model with the same outputs, in canonical gauge: compress this one, and no accident of training decides.

    Args:
        model: The model; it is not touched.
        example: Inputs to trace it with, where its architecture is not known.
        action: The table of its parameters; by default it is found.
        residual: What a residual stream's basis is: ``"embedding"``, the eigenvectors of the embedding's Gram matrix,
            or ``"none"``, its own.

    Returns:
        A copy, in which an output head that was tied to the embedding has weights of its own.

    Raises:
        ArgumentError: If its table can be neither found nor traced, or a word is unknown.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)).double()
        >>> x = torch.randn(5, 2, dtype=torch.float64)
        >>> same = canonical(model, x)
        >>> bool(torch.allclose(same(x), model(x))), torch.equal(same[0].weight, model[0].weight)
        (True, False)
    """
    return canonical_form(model, example, action=action, residual=residual).model


def canonical_form(
    model: nn.Module, example: Any = None, *, action: ParameterAction | None = None, residual: str = "embedding"
) -> Canonical:
    """The canonical gauge of a model, and what it could not decide.

    Args:
        model: The model; it is not touched.
        example: Inputs to trace it with.
        action: The table.
        residual: As for `canonical`.

    Raises:
        ArgumentError: As for `canonical`.
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError("model", expected="a torch.nn.Module", got=type(model).__name__)
    model = bare(model)
    table = action or table_of(model, None if example is None else batch_of(example))
    state, undetermined = canonical_state(table, state_of(model, "model"), residual=residual)
    return Canonical(state, undetermined, with_state(model, state))


def canonical_state(
    action: ParameterAction, state: State, *, residual: str = "embedding"
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Parameters in canonical gauge, and what could not be decided.

    Norms' gains are folded into who reads them; the residual stream gets its basis; units are balanced, signed and
    sorted; values and output map of each head become the two halves of a singular value decomposition; queries and keys
    too, or, with rotary positions, get a phase and equal norms pair by pair; heads are sorted.

    Args:
        action: The table.
        state: Parameters by name.
        residual: As for `canonical`.

    Raises:
        ArgumentError: If a word is unknown.
    """
    if residual not in RESIDUALS:
        raise ArgumentError("residual", expected=f"one of {', '.join(RESIDUALS)}", got=repr(residual))
    with torch.no_grad():
        form = _Form(action, {name: _wide(value) for name, value in state.items()})
        if residual == "embedding":
            form.stream()
        form.balance()
        form.inside()
        form.sort()
        found = {name: value.to(state[name].dtype) for name, value in form.state.items()}
    return found, tuple(form.undetermined)


def _wide(value: Tensor) -> Tensor:
    return value.detach().double() if value.is_floating_point() else value.detach()


class _Form:
    """A state on its way, and what could not be decided."""

    def __init__(self, action: ParameterAction, state: dict[str, Tensor]) -> None:
        self.action = action
        self.state: dict[str, Tensor] = dict(folded(action, state)) if action.norms else state
        self.undetermined: list[str] = []

    def act(self, elements: Mapping[str, SiteElement]) -> None:
        """Move the state by elements of some sites."""
        whole = {name: site.identity() for name, site in self.action.sites.items()}
        self.state = self.action.act(Gauge({**whole, **elements}), self.state)

    def rows(self, site: str, port: str, *, dual: bool = False) -> Tensor | None:
        """All that a port moves, one row a coordinate, weights alone (no biases)."""
        found = []
        for row in self.action.touching(site):
            entry = self.action.entries[row]
            tensor = entry.read(self.state)
            if tensor.ndim < 2:
                continue
            for leg, part in entry.rows(tensor):
                if (leg.site, leg.port, leg.dual) == (site, port, dual) and not leg.mark:
                    found.append(part)
        return torch.cat(found, 1) if found else None

    def stream(self) -> None:
        """The residual stream in the eigenvectors of the embedding's Gram matrix, signs by sums of cubes."""
        for name, site in self.action.sites.items():
            if not isinstance(site, Rotation):
                continue
            written = self._written(name)
            basis = across_ones(site.count) if site.fixes_ones else torch.eye(site.count, dtype=torch.float64)
            inner = basis.mT @ written
            values, vectors = torch.linalg.eigh(inner @ inner.mT)
            self._told(f"{name}: basis", values.flip(0))
            vectors = vectors.flip(1)
            turn = self._signed(f"{name}: signs", vectors.mT @ inner)[:, None] * vectors.mT
            # Of the part across (1, ..., 1) only that basis is known up to its own choice, which is fixed.
            self.act({name: site.element(site.inside(turn))})

    def _written(self, stream: str) -> Tensor:
        """All that is written to a stream and moved by nothing else; together it tells directions apart."""
        found = []
        for entry in self.action.entries.values():
            parts = [part for leg, part in entry.rows(entry.read(self.state)) if leg == Leg(stream)]
            found += [(entry.sites == {stream}, part) for part in parts]
        alone = [part for by_stream, part in found if by_stream]
        return torch.cat(alone, 1) if alone else found[0][1]

    def balance(self) -> None:
        """Units with incoming and outgoing weights of one norm: sites may share weights, so until nothing moves."""
        self.state = self.action.act(balancing(self.action, self.state), self.state)  # what nobody sees becomes 0
        scaled = {n for n, s in self.action.sites.items() if isinstance(s, Units) and s.scales in ("positive", "any")}
        if not any(len(entry.sites & scaled) > 1 for entry in self.action.entries.values()):
            return
        for _ in range(_SWEEPS):
            gauge = balancing(self.action, self.state)
            moves = [gauge.sites[name][""].blocks for name in scaled]
            # Neighbours that share a weight would go too far together.
            self.act({name: _half(self.action.sites[name], gauge.sites[name]) for name in scaled})
            if max((float(move.log().abs().max()) for move in moves if move is not None), default=0.0) < _BALANCED:
                return

    def inside(self) -> None:
        """Signs of units, and the two circuits of every head."""
        for name, site in self.action.sites.items():
            if isinstance(site, Units) and site.scales in ("signs", "any"):
                rows = self.rows(name, "")
                if rows is not None:
                    self.act({name: site.element(torch.arange(site.count), self._signed(f"{name}: signs", rows))})
            elif isinstance(site, Heads):
                self._circuits(name, site)

    def sort(self) -> None:
        """Units by the norm of their weights, heads by the size of their maps."""
        for name, site in self.action.sites.items():
            if isinstance(site, Units):
                # Written for a norm, units have no size but that which their readers see.
                seen = (self.rows(name, ""), self.rows(name, "order"), self.rows(name, "", dual=True))
                order = next((rows for rows in seen if rows is not None), None)
                if order is not None:
                    self.act({name: site.element(self._order(f"{name}: order", order.norm(dim=1)))})
            elif isinstance(site, Heads):
                self._sort_heads(name, site)

    def _circuits(self, name: str, site: Heads) -> None:
        v, o = self._blocks(name, site, "v"), self._blocks(name, site, "o", dual=True, each=site.queries)
        inverse = self._halves(f"{name}: values", v, o)
        scores = None
        if site.scores != "fixed":
            q, k = self._blocks(name, site, "q", each=site.queries), self._blocks(name, site, "k")
            if site.scores == "linear":
                scores = torch.linalg.inv(self._halves(f"{name}: keys", k, q)).mT
            else:
                scores = self._phases(f"{name}: rotary pairs", q, k)
        inner = torch.arange(site.queries).repeat(site.groups, 1)
        self.act({name: site.element(torch.arange(site.groups), inner, scores, inverse)})

    def _blocks(
        self, name: str, site: Heads, port: str, *, dual: bool = False, each: int = 1
    ) -> Float[Tensor, "groups size rest"]:
        """A port's weights, head by head; of several query heads of a group side by side."""
        rows = self.rows(name, port, dual=dual)
        rows = self.rows(name, port, dual=not dual) if rows is None else rows
        if rows is None:
            raise ArgumentError("action", expected=f"weights for {name}.{port}", got="none in the table")
        blocks = rows.reshape(site.groups, each, site.size, -1)
        return blocks.movedim(1, 2).flatten(2)

    def _halves(
        self, what: str, here: Float[Tensor, "groups size m"], there: Float[Tensor, "groups size n"]
    ) -> Float[Tensor, "groups size size"]:
        """The maps A with A here = S^1/2 V^T, where there^T here = U S V^T: both get half of the singular values."""
        found = []
        for one, other in zip(here, there, strict=True):
            q, r = torch.linalg.qr(one.mT)
            _, other_r = torch.linalg.qr(other.mT)
            _, s, vt = torch.linalg.svd(other_r @ r.mT)
            rows = vt @ q.mT
            self._told(what, s)
            signs = self._signed(f"{what}: signs", rows)
            if float(s[-1]) <= _EQUAL * float(s[0]) or float(r.diagonal().abs().min()) == 0:
                self.undetermined.append(f"{what}: a map that is not of full rank")
                found.append(torch.eye(len(s), dtype=s.dtype))
                continue
            found.append((signs * s.sqrt())[:, None] * torch.linalg.solve(r, vt.mT).mT)
        return torch.stack(found)

    def _phases(self, what: str, q: Tensor, k: Tensor) -> Float[Tensor, "groups size size"]:
        """One complex number a pair: sum of k |k| real and positive, queries and keys of one norm."""
        pairs = [torch.complex(*x.chunk(2, 1)) for x in (q, k)]
        sums = (pairs[1] * pairs[1].abs()).sum(2)
        sizes = [x.abs().square().sum(2).sqrt() for x in pairs]
        known = (sums.abs() > _EQUAL * sizes[1].square()) & (sizes[0] > 0) & (sizes[1] > 0)
        if not bool(known.all()):
            self.undetermined.append(f"{what}: {int((~known).sum())} without a phase")
        size = torch.where(known, (sizes[1] / torch.where(known, sizes[0], 1)).sqrt(), 1.0)
        return rotary_matrix(torch.polar(size, torch.where(known, -sums.angle(), 0.0)))

    def _sort_heads(self, name: str, site: Heads) -> None:
        v = self._blocks(name, site, "v").norm(dim=(1, 2))
        o = self.rows(name, "o", dual=True)
        o = self.rows(name, "o") if o is None else o
        if o is None:
            return
        heads = o.reshape(site.groups, site.queries, -1).norm(dim=2)
        inner = torch.stack([self._order(f"{name}: queries of a group", row) for row in heads])
        order = self._order(f"{name}: order", v)
        self.act({name: site.element(order, inner[order])})

    def _order(self, what: str, sizes: Float[Tensor, " n"]) -> Tensor:
        order = sizes.argsort(descending=True, stable=True)
        self._told(what, sizes[order])
        return order

    def _told(self, what: str, descending: Float[Tensor, " n"]) -> None:
        """Say so where two invariants are equal, for then nothing decides between them."""
        gaps = descending[:-1] - descending[1:]
        equal = int((gaps <= _EQUAL * descending.abs().max()).sum())
        if equal:
            self.undetermined.append(f"{what}: {equal} repeated invariants")

    def _signed(self, what: str, rows: Float[Tensor, "n m"]) -> Float[Tensor, " n"]:
        """Signs that make the sum of cubes of every row positive."""
        sums = rows.pow(3).sum(1)
        unknown = sums.abs() <= _EQUAL * rows.abs().pow(3).sum(1)
        if bool(unknown.any()):
            self.undetermined.append(f"{what}: {int(unknown.sum())} sums of cubes that vanish")
        return torch.where(sums < 0, -1.0, 1.0).to(rows)


def _half(site: Any, element: SiteElement) -> SiteElement:
    """The square root of an element of positive factors."""
    blocks = element[""].blocks
    return element if blocks is None else site.element(torch.arange(site.count), blocks.flatten().sqrt())
