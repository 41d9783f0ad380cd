"""The verb for what must hold: the user's network with the symmetry built in, as plain layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from haar.actions import Symmetry
from haar.actions.representation import Representation
from haar.errors import known_keywords
from haar.groups import Subgroup
from haar.relax.wrapping.homotopise import Layers, homotopise
from haar.seeding import Seed


@known_keywords
def enforce(
    model: nn.Module,
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
) -> nn.Module:
    """The equivariant model at gamma = 0 of the homotopy of a module, with plain torch layers.

    Args:
        model: The user's module; it is copied, not changed.
        symmetry: The symmetry it shall have.
        mode: How layers are made equivariant, see `homotopise`.
        hidden: Representation of a hidden layer by its width, as for `homotopise`; so are all that follow.
        layers: (representation in, representation out) of some layers by name.
        chain: Subgroups between the group and 1, the largest first, each with a gamma of its own.
        example: One batch of inputs; by default random ones are made.
        kappa: Whether equivariant weights keep the norm of whole ones.
        shared_dropout: Whether dropout drops whole parts of representations.
        samples: For a Lie group in mode ``"function"``, the number of fixed random elements.
        generator: Source of free branches and of these elements, or its seed.

    Raises:
        ArgumentError: As `homotopise` does.
    """
    return homotopise(
        model,
        symmetry,
        mode=mode,
        hidden=hidden,
        layers=layers,
        chain=chain,
        example=example,
        kappa=kappa,
        shared_dropout=shared_dropout,
        samples=samples,
        generator=generator,
    ).export(0.0)
