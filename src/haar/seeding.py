"""Where random numbers come from: a seed, or a generator that goes on from where it is."""

from __future__ import annotations

import operator

import torch

from haar.errors import ArgumentError

Seed = int | torch.Generator
"""What every random choice takes: a number, which gives the same choice every time, or a generator."""


def generator_of(seed: object, device: torch.device | str = "cpu", *, argument: str = "seed") -> torch.Generator:
    """The generator that is given, or one that begins at a seed.

    Args:
        seed: A whole number, or a generator.
        device: Where a generator is made for a number; one that is given stays where it is.
        argument: Name of the argument as the caller wrote it.

    Raises:
        ArgumentError: If it is neither.

    Example:
        >>> torch.rand(2, generator=generator_of(3)).equal(torch.rand(2, generator=generator_of(3)))
        True
        >>> going_on = generator_of(3)
        >>> generator_of(going_on) is going_on
        True
    """
    if isinstance(seed, torch.Generator):
        return seed
    try:
        number = operator.index(seed)  # type: ignore[arg-type]
        return torch.Generator(device=device).manual_seed(number)
    except (TypeError, RuntimeError, ValueError) as error:  # no whole number, or one that torch does not take
        raise ArgumentError(
            argument, expected="a whole number of at most 64 bits, or a torch.Generator", got=repr(seed)
        ) from error


def check_seed(seed: object, *, argument: str = "seed") -> None:
    """Refuse what is no seed of one's own, such as a generator where several are to be made.

    Args:
        seed: A whole number.
        argument: Name of the argument as the caller wrote it.

    Raises:
        ArgumentError: If it is none, or not one of at most 64 bits.

    Example:
        >>> check_seed(3)
    """
    if isinstance(seed, bool | torch.Generator):
        raise ArgumentError(argument, expected="a whole number of at most 64 bits", got=repr(seed))
    generator_of(seed, argument=argument)
