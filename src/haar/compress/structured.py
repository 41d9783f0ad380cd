"""Perturbations that take away whole parts: hidden units, attention heads, blocks, and blocks that are doubled."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from haar.compress.entries import lowest, share
from haar.compress.perturbation import SHARES, Perturbation
from haar.errors import ArgumentError
from haar.weights import Heads, ParameterAction, Units
from haar.weights.adapters import STREAM
from haar.weights.labels import Leg

if TYPE_CHECKING:
    from haar.compress.bench import Bench


def hidden_sites(action: ParameterAction, state: dict[str, Tensor]) -> dict[str, tuple[list[str], list[str]]]:
    """Sites of hidden units that one layer writes and others read: the names of its weight and of theirs.

    Units of a stream that several layers add to are no hidden units.
    """
    found = {}
    for name, site in action.sites.items():
        if not isinstance(site, Units) or name == STREAM:
            continue
        written, read = _written_and_read(action, state, name)
        if len(written) == 1 and read:
            found[name] = (written, read)
    return found


def _written_and_read(action: ParameterAction, state: dict[str, Tensor], site: str) -> tuple[list[str], list[str]]:
    """Weights that write to units (of units behind a norm, those that only know their order), and that read them."""
    written, for_norm, read = [], [], []
    for row in action.touching(site):
        entry = action.entries[row]
        if entry.read(state).ndim < 2:
            continue
        legs = [leg for legs in entry.axes for leg in legs if leg.site == site]
        written += [row for leg in legs if not leg.dual and not leg.port]
        for_norm += [row for leg in legs if leg.port == "order"]
        read += [row for leg in legs if leg.dual]
    return written or for_norm, read


def clear(action: ParameterAction, state: dict[str, Tensor], gone: dict[tuple[str, str], Bool[Tensor, " n"]]) -> None:
    """Set the coordinates of sites' ports to 0 in every parameter that has them, in place.

    Args:
        action: The table.
        state: Parameters by name, changed in place.
        gone: For a site and a port which of its coordinates.
    """
    with torch.no_grad():
        for row, entry in action.entries.items():
            if "*" in row:
                continue
            tensor = state[row]
            for axis in range(tensor.ndim):
                for part in entry.parts(axis, tensor.shape[axis]):
                    mask = gone.get((part.leg.site, part.leg.port))
                    if mask is None and part.leg.port == "order":
                        mask = gone.get((part.leg.site, ""))
                    if mask is not None:
                        wide = mask.repeat_interleave(part.length // len(mask)).to(tensor.device)
                        tensor.narrow(axis, part.start, part.length).index_fill_(axis, wide.nonzero()[:, 0], 0)


def _sizes(action: ParameterAction, state: dict[str, Tensor], site: str, row: str, *, dual: bool) -> Tensor:
    """The norm of each unit's weights in one parameter."""
    found = [
        rows.double().square().sum(1)
        for leg, rows in action.entries[row].rows(state[row])
        if leg == Leg(site, "", dual) or (leg.site, leg.port, leg.dual) == (site, "", dual)
    ]
    return torch.stack(found).sum(0).sqrt()


def _written(action: ParameterAction, state: dict[str, Tensor], site: str, row: str) -> Tensor:
    """The size of what is written to each unit: of its weights, or of the gain and bias of a norm behind them."""
    if any(leg == Leg(site) for legs in action.entries[row].axes for leg in legs):
        return _sizes(action, state, site, row, dual=False)
    behind = [
        _sizes(action, state, site, name, dual=False).square()
        for name in action.touching(site)
        if action.entries[name].axes == ((Leg(site),),)
    ]
    return torch.stack(behind).sum(0).sqrt() if behind else torch.ones(action.sites[site].ports[""])


@dataclass(frozen=True)
class HiddenUnits(Perturbation):
    """The hidden units with the smallest |W_up[i]| |W_down[:, i]| of every layer are taken away.

    What a unit is, is known from the table of the model's parameters; of a convolution it is a channel, of a gated
    layer a pair of a gate and what it lets through. Of a unit that is written for a batch norm the norm's gain and bias
    stand for W_up, whose size the norm takes away.

    Example:
        >>> HiddenUnits().name
        'units'
    """

    name: ClassVar[str] = "units"  # type: ignore[misc]
    measure: ClassVar[str] = "share of units"
    levels: tuple[float | int, ...] = SHARES

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Clear the units' weights and biases."""
        del seed
        action, state = bench.action, bench.state
        sites = hidden_sites(action, state)
        if not sites:
            raise ArgumentError("model", expected="layers of hidden units for 'units'", got="none in the table")
        gone: dict[tuple[str, str], Tensor] = {}
        for site, (written, read) in sites.items():
            size = _written(action, state, site, written[0])
            out = torch.stack([_sizes(action, state, site, row, dual=True).square() for row in read]).sum(0).sqrt()
            gone[site, ""] = lowest(size * out, share(level, len(size)))
        clear(action, state, gone)


@dataclass(frozen=True)
class AttentionHeads(Perturbation):
    """The heads with the smallest |W_O W_V| of every attention layer are taken away, whole.

    The size of the map from a head's inputs to its outputs does not depend on the gauge between values and output map.
    With grouped queries keys and values stay as long as one query head of their group does.

    Example:
        >>> AttentionHeads().measure
        'share of heads'
    """

    name: ClassVar[str] = "heads"  # type: ignore[misc]
    measure: ClassVar[str] = "share of heads"
    levels: tuple[float | int, ...] = (0.25, 0.5, 0.75)

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Clear the heads' weights and biases."""
        del seed
        action, state = bench.action, bench.state
        gone: dict[tuple[str, str], Tensor] = {}
        for name, site in action.sites.items():
            if isinstance(site, Heads):
                heads = lowest(head_sizes(action, state, name), share(level, site.heads))
                groups = heads.unflatten(0, (site.groups, site.queries)).all(1)
                for port, which in {"q": heads, "o": heads, "k": groups, "v": groups}.items():
                    gone[name, port] = which.repeat_interleave(site.size)
        if not gone:
            raise ArgumentError("model", expected="attention heads for 'heads'", got="none in the table")
        clear(action, state, gone)


def head_sizes(action: ParameterAction, state: dict[str, Tensor], site: str) -> Float[Tensor, " heads"]:
    """|W_O W_V| of every query head, from Gram matrices of its size."""
    heads = action.sites[site]
    if not isinstance(heads, Heads):
        raise ArgumentError("site", expected="heads", got=type(heads).__name__)
    grams = {}
    for row in action.touching(site):
        if state[row].ndim < 2:
            continue
        for leg, rows in action.entries[row].rows(state[row]):
            if leg.site == site and leg.port in ("v", "o"):
                blocks = rows.double().reshape(-1, heads.size, rows.shape[1])
                grams[leg.port] = blocks @ blocks.mT
    values = grams["v"].repeat_interleave(heads.queries, 0)
    return (values * grams["o"].mT).sum((1, 2)).clamp_min(0).sqrt()


@dataclass(frozen=True)
class Depth(Perturbation):
    """Residual blocks are skipped; the level is how many.

    Args:
        order: Numbers of the blocks in the order in which they go; by default from the last but one backwards.

    Raises:
        ArgumentError: If a number is there twice.

    Example:
        >>> Depth((2, 1)).name
        'depth (2, 1)'
    """

    order: tuple[int, ...] | None = None
    measure: ClassVar[str] = "blocks"
    levels: tuple[float | int, ...] = (1,)
    within: ClassVar[tuple[float, float]] = (0, 10_000)
    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.order is not None and len(set(self.order)) < len(self.order):
            raise ArgumentError("order", expected="each block once", got=self.order)

    @property
    def name(self) -> str:  # type: ignore[override]
        """With the blocks that are named."""
        return "depth" if self.order is None else f"depth ({', '.join(map(str, self.order))})"

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Leave blocks out, until the bench is restored."""
        del seed
        blocks = blocks_of(bench.model)
        order = self.order if self.order is not None else tuple(range(len(blocks) - 2, -1, -1))
        gone = set(order[: int(level)])
        if len(gone) < level or not gone <= set(range(len(blocks))):
            raise ArgumentError(
                "levels",
                expected=f"at most {len(order)} of the blocks 0 to {len(blocks) - 1}",
                got=f"{level:g} of {order}",
            )
        _replace(bench, blocks, [block for k, block in enumerate(blocks) if k not in gone])


@dataclass(frozen=True)
class Deepen(Perturbation):
    """A residual block is doubled in its place; the level is how many copies are added.

    Args:
        block: Number of the block.
        zeroed: Whether the copies' output maps are 0, so that they change nothing before they are trained.

    Example:
        >>> Deepen(1, zeroed=True).name
        'deepen (1, zeroed)'
    """

    block: int = 0
    zeroed: bool = False
    measure: ClassVar[str] = "copies"
    levels: tuple[float | int, ...] = (1, 2)
    within: ClassVar[tuple[float, float]] = (0, 1000)
    whole: ClassVar[bool] = True

    @property
    def name(self) -> str:  # type: ignore[override]
        """With the block."""
        return f"deepen ({self.block}{', zeroed' if self.zeroed else ''})"

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Put copies behind the block, until the bench is restored."""
        del seed
        blocks = blocks_of(bench.model)
        if not 0 <= self.block < len(blocks):
            raise ArgumentError("block", expected=f"a number from 0 to {len(blocks) - 1}", got=self.block)
        copies = [copy.deepcopy(blocks[self.block]) for _ in range(int(level))]
        if self.zeroed:
            for made in copies:
                _zero_outputs(bench, blocks[self.block], made)
        _replace(bench, blocks, [*list(blocks)[: self.block + 1], *copies, *list(blocks)[self.block + 1 :]])


def blocks_of(model: nn.Module) -> nn.ModuleList | nn.Sequential:
    """The residual blocks of a model: of all lists of at least two modules of one class the one with most parameters.

    Raises:
        ArgumentError: If there is none.
    """
    best: tuple[int, nn.ModuleList | nn.Sequential | None] = (0, None)
    for module in model.modules():
        if isinstance(module, (nn.ModuleList, nn.Sequential)) and len(module) > 1:
            kinds = {type(one) for one in module}
            held = sum(p.numel() for p in module.parameters())
            if len(kinds) == 1 and held > best[0]:
                best = held, module
    if best[1] is None:
        raise ArgumentError("model", expected="a list of blocks of one class, for depth", got=type(model).__name__)
    return best[1]


def _replace(bench: Bench, blocks: nn.ModuleList | nn.Sequential, others: Sequence[nn.Module]) -> None:
    """Put other blocks into the list, numbered anew for whoever counts them, and remember how it was."""
    kept = dict(blocks._modules)  # noqa: SLF001 (what a list is made of)
    config = getattr(bench.model, "config", None)
    names = [name for name in ("num_hidden_layers", "n_layer") if isinstance(getattr(config, name, None), int)]
    before = {name: getattr(config, name) for name in names}
    held = [module for block in kept.values() if block is not None for module in block.modules()]
    numbers = [(module, module.layer_idx) for module in held if hasattr(module, "layer_idx")]

    def put(modules: Sequence[nn.Module], count: dict[str, int]) -> None:
        blocks._modules.clear()  # noqa: SLF001
        blocks._modules.update({str(k): module for k, module in enumerate(modules)})  # noqa: SLF001
        for name, value in count.items():
            setattr(config, name, value)

    def back() -> None:
        put([module for module in kept.values() if module is not None], before)
        for module, number in numbers:
            module.layer_idx = number

    bench.undo(back)
    put(others, dict.fromkeys(names, len(others)))
    for number, block in enumerate(others):
        for module in block.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number  # type: ignore[assignment]


def _zero_outputs(bench: Bench, block: nn.Module, made: nn.Module) -> None:
    """Clear what a copied block writes to the residual stream."""
    names = {id(p): name for name, p in bench.model.named_parameters()}
    written = {row for row, entry in bench.action.entries.items() for legs in entry.axes for leg in legs if _adds(leg)}
    with torch.no_grad():
        for own, twin in zip(block.parameters(), made.parameters(), strict=True):
            name = names[id(own)]
            if name in written and not any(name in (norm.gain, norm.bias) for norm in bench.action.norms):
                twin.zero_()


def _adds(leg: Leg) -> bool:
    return leg.site == STREAM and not leg.dual and not leg.port
