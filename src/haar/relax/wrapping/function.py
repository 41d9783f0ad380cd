"""Mode "function": any module between itself and its group average, Q f + gamma (f - Q f)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from haar.actions import Action, Symmetry
from haar.actions.trees import action_leaves, rebuild, value_leaves
from haar.average import Averaged, Given
from haar.constants import TINY_SINGLE
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Subgroup
from haar.probing import transformed, undisturbed
from haar.relax.wrapping.homotopy import Homotopy, copied
from haar.relax.wrapping.precision import fitting_precision, one_beside
from haar.relax.wrapping.prepared_moves import PreparedMoves
from haar.relax.wrapping.verification import measured_error, verify
from haar.relax.wrapping.whole_module import WholeModule

#: Groups above this order are sampled.
_LISTED = 1024
#: Elements that go through the module side by side.
_AT_ONCE = 64


class FunctionHomotopy(WholeModule):
    """A whole module as one homotopy layer: sum over elements of its moved copies, and the module itself.

    Args:
        module: Any module; it is kept, not copied.
        symmetry: How the group acts on its inputs and outputs.
        elements: The elements of the average; the identity first.
        members: For the group and every subgroup of the chain, the places of its elements.

    Attributes:
        module: The user's module.
        ratio: ||f - Q f|| / ||Q f|| of the latest batch in training, one for every step of the chain.
        approximate: Whether the average is over samples, so that gamma = 0 is equivariant only approximately.
    """

    mode = "function"

    def __init__(
        self, module: nn.Module, symmetry: Symmetry, elements: Tensor, members: Sequence[Tensor], *, approximate: bool
    ) -> None:
        super().__init__()
        self.module, self.approximate = module, approximate
        self._action, self._elements, self._members = symmetry, elements, tuple(members)
        self._fixed = None
        self._asked: dict[Any, tuple[int, bool]] = {}
        steps = len(members)
        self.gamma = one_beside(module, (steps,) if steps > 1 else ())
        self.register_buffer("ratio", torch.zeros_like(self.gamma))
        sides = [action_leaves(side) for side in (symmetry.inputs, symmetry.outputs)]
        few = elements if len(elements) <= _AT_ONCE else elements[:0]
        self.moves = nn.ModuleList([PreparedMoves(symmetry, g, *sides) for g in few])

    @property
    def group(self) -> Any:
        """The group."""
        return self._action.group

    @property
    def elements(self) -> Tensor:
        """What Q f is the mean over: all elements of the group, or those that were drawn."""
        return self._elements.index_select(0, self._members[0])

    def forward(self, *args: Any) -> Any:
        """Run the module on all moved copies, move back, and mix."""
        if not torch.compiler.is_compiling():
            self._action.check_inputs(args)
        form, leaves = self._one_by_one(args) if torch.compiler.is_compiling() else self._every(args)
        tree = self._action.outputs
        gamma = self._gamma().reshape(-1).unbind()
        norms: list[Tensor] = []
        mixed = []
        for leaf in leaves:
            if not isinstance(leaf, Tensor) or not (leaf.is_floating_point() or leaf.is_complex()):
                mixed.append(leaf[0] if isinstance(leaf, Tensor) else leaf)
                continue
            nested = [leaf.index_select(0, places.to(leaf.device)).mean(0) for places in self._members] + [leaf[0]]
            # gamma first: at gamma = 1 everything else vanishes exactly
            y = gamma[-1] * nested[-1]
            for j in range(len(gamma) - 1, 0, -1):
                y = y + (gamma[j - 1] - gamma[j]) * nested[j]
            mixed.append(y + (1 - gamma[0]) * nested[0])
            steps = [nested[0], *(larger - smaller for smaller, larger in pairwise(nested))]
            norms.append(torch.stack([step.detach().abs().square().sum() for step in steps]))
        if self.training and norms and not transformed():
            with torch.no_grad():
                size = torch.stack(norms).sum(0).sqrt()
                self.ratio.copy_((size[1:] / size[0].clamp(min=TINY_SINGLE)).reshape(self.ratio.shape))
        return rebuild(tree, form, mixed)

    def export(self) -> nn.Module:
        """The user's module at gamma = 1; else this layer with its gamma fixed, which needs its moved copies."""
        if bool((self._gamma() == 1).all()):
            return copy.deepcopy(self.module)
        return self._fixed_copy()

    def extra_repr(self) -> str:
        """The group and the number of elements."""
        kind = "random elements, approximate" if self.approximate else "elements"
        return f"{self.group.name}, {len(self._elements)} {kind}, mode=function"

    def _every(self, args: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The form of the output, and for every leaf of it all copies, moved back: ``(elements, *shape)``."""
        symmetry = self._action
        back = symmetry.group.inverse(self._elements)
        form: Any = None
        kept: list[list[Any]] = []
        for places in torch.arange(len(back)).split(_AT_ONCE if self._joins(args) else 1):
            g, count = self._elements[places], len(places)
            moved = symmetry.map_inputs(partial(_copies, g), args)
            y = self.module(*moved)
            if count == 1:
                y = symmetry.act_outputs(back[places][0], y)
            else:
                y = symmetry.map_outputs(partial(_moved_back, back[places]), y)
            form = y if form is None else form
            kept.append(
                [
                    leaf.unflatten(0, (count, -1))
                    if isinstance(leaf, Tensor) and count > 1
                    else leaf.unsqueeze(0)
                    if isinstance(leaf, Tensor)
                    else leaf
                    for leaf in value_leaves(symmetry.outputs, y)
                ]
            )
        columns = zip(*kept, strict=True)
        return form, [torch.cat(column) if isinstance(column[0], Tensor) else column[0] for column in columns]

    def _one_by_one(self, args: Sequence[Any]) -> tuple[Any, list[Any]]:
        """As `_every`, by prepared moves: the same numbers in operations that compilers know."""
        if not len(self.moves):
            raise ArgumentError(
                "model", expected=f"a group of at most {_AT_ONCE} elements to compile", got=self.group.name
            )
        form: Any = None
        kept: list[list[Any]] = []
        for prepared in cast("Sequence[PreparedMoves]", self.moves):
            y = self.module(*self._action.map_inputs(prepared.moved, args))
            y = self._action.map_outputs(prepared.moved_back, y)
            form = y if form is None else form
            kept.append(value_leaves(self._action.outputs, y))
        columns = zip(*kept, strict=True)
        return form, [torch.stack(column) if isinstance(column[0], Tensor) else column[0] for column in columns]

    def _joins(self, args: Sequence[Any]) -> bool:
        """Whether copies may share a pass, as the average has it: asked at the 1st, 2nd, 4th, ... call of a kind."""
        if transformed():  # there are no numbers to try: what was found for others, if none said no
            return bool(self._asked) and all(joins for _, joins in self._asked.values())
        leaves = value_leaves(self._action.inputs, tuple(args))
        kind = tuple((x.shape, x.dtype, x.device) if isinstance(x, Tensor) else type(x) for x in leaves)
        calls, joins = self._asked.get(kind, (0, False))
        calls += 1
        if not calls & (calls - 1):
            averaged = Averaged(self.module, self._action, Given(self._elements), check=False)
            with undisturbed(self.module), torch.no_grad():
                joins = averaged.eval().decide(*args) > 1
        self._asked[kind] = (calls, joins)
        return joins

    def __deepcopy__(self, memo: dict[int, Any]) -> FunctionHomotopy:
        return copied(self, memo)


def function_homotopy(
    module: nn.Module,
    symmetry: Symmetry,
    chain: Sequence[Subgroup],
    *,
    samples: int,
    generator: torch.Generator,
    example: Any = None,
) -> Homotopy:
    """Mode "function" for a copy of a module.

    Args:
        module: The user's module.
        symmetry: How the group acts on inputs and outputs.
        chain: Subgroups between the group and 1, the largest first.
        samples: Random elements where the group cannot be listed.
        generator: Source of the random elements.
        example: One batch of inputs, or None.

    Raises:
        ArgumentError: If a chain is asked for of a group that is not listed, or no inputs can be made.
        NotEquivariantError: If the average is not equivariant though the group is listed.
    """
    group = symmetry.group
    listed = isinstance(group, FiniteGroup) and group.order <= _LISTED
    if listed:
        elements = group.elements()  # type: ignore[attr-defined]
        members = [torch.arange(len(elements)), *(subgroup.embedding for subgroup in chain)]
    else:
        if chain:
            raise ArgumentError("chain", expected=f"no subgroups, as {group.name} is sampled", got=len(chain))
        if samples < 1:
            raise ArgumentError("samples", expected="at least one element", got=samples)
        drawn = group.sample(samples, generator)
        elements = torch.cat([group.identity()[None], drawn])
        members = [torch.arange(1, samples + 1)]
    approximate = not listed or symmetry.approximate
    layer = FunctionHomotopy(copy.deepcopy(module), symmetry, elements, members, approximate=approximate)
    layer.training = module.training  # and every part of the copy keeps its own mode
    homotopy = Homotopy(layer, symmetry)
    with undisturbed():
        precision, inputs = fitting_precision(module, symmetry, example)
        homotopy.error = (
            measured_error(homotopy, inputs, precision)
            if approximate
            else verify(homotopy, module, inputs, precision=precision)
        )
    return homotopy


def _copies(g: Tensor, action: Action, x: Tensor) -> Tensor:
    """All copies of a tensor, one after the other on the batch axis; what all samples share stays one."""
    if not action.batched:
        return action.act(g[0], x)
    return action.orbit(g, x).flatten(0, 1)


def _moved_back(g: Tensor, action: Action, y: Tensor) -> Tensor:
    return action.act(g.repeat_interleave(len(y) // len(g), 0), y)
