"""What is no group, at the door of everything that takes one: refused, with the constructor that was meant."""

from __future__ import annotations

import difflib
import re

from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.finite import FiniteGroup
from haar.groups.group import Group

#: Names with a number, by their letters; then names without one.
_NUMBERED: dict[str, str] = {
    "c": "cyclic({})",
    "z": "cyclic({})",
    "d": "dihedral({})",
    "s": "symmetric({})",
    "a": "alternating({})",
    "b": "hyperoctahedral({})",
    "so": "SO({})",
    "o": "O({})",
    "t": "Torus({})",
    "dic": "dicyclic({})",
    "cyclic": "cyclic({})",
    "dihedral": "dihedral({})",
    "symmetric": "symmetric({})",
    "alternating": "alternating({})",
    "reflections": "reflections({})",
    "sign": "sign({})",
    "torus": "Torus({})",
}
_NAMED: dict[str, str] = {
    "o": "octahedral()",
    "oh": "octahedral(full=True)",
    "octahedral": "octahedral()",
    "i": "icosahedral()",
    "ih": "icosahedral(full=True)",
    "icosahedral": "icosahedral()",
    "q8": "quaternion()",
    "quaternion": "quaternion()",
    "su2": "SU2()",
    "u1": "Torus(1)",
    "c4v": "axial()",
    "reflections": "reflections(2)",
    "shifts": "shifts(shape)",
    "translations": "shifts(shape)",
    "p4m": "dihedral(4)",
    "p4": "cyclic(4)",
    "trivial": "trivial()",
    "e": "trivial()",
    "1": "trivial()",
    "cyclic": "cyclic(4)",
    "dihedral": "dihedral(4)",
    "symmetric": "symmetric(4)",
    "rotations": "SO(3)",
}
_CATALOGUE = "haar.groups has cyclic(n), dihedral(n), symmetric(n), octahedral(), shifts(shape), SO(n), O(n), ..."


def check_group(argument: str, value: object) -> None:
    """Refuse what is no group.

    Raises:
        ArgumentError: Naming the argument; of a group's name, the constructor.

    Example:
        >>> check_group("group", "C4")
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: group: expected a haar.groups.Group, got 'C4'; haar.groups.cyclic(4)
    """
    if not isinstance(value, Group):
        raise ArgumentError(argument, expected="a haar.groups.Group", got=_short(value), way_out=_hint(value))


def check_compact(argument: str, group: Group) -> None:
    """Refuse a group over which there is no mean.

    Args:
        argument: Name of the argument as the caller wrote it.
        group: The group.

    Raises:
        ArgumentError: With what can be done in place of the mean.

    Example:
        >>> from haar.groups import SO
        >>> check_compact("symmetry", SO(3))
    """
    if not group.is_compact:
        raise ArgumentError(
            argument,
            expected="a compact group, over which there is a mean",
            got=group.name,
            way_out="average over the rotations in it, or nearly: how=haar.average.Given(elements), AgainstDensity",
        )


def check_enumerated(argument: str, value: object) -> None:
    """Refuse what is no enumerated group.

    Raises:
        ArgumentError: Naming the argument.
    """
    check_group(argument, value)
    if not isinstance(value, FiniteGroup):
        raise ArgumentError(argument, expected="an enumerated group", got=getattr(value, "name", repr(value)))


def _hint(value: object) -> str:
    if isinstance(value, str):
        return constructor_of(value) or _CATALOGUE
    if isinstance(getattr(value, "group", None), Group):
        return f"give the group of that {type(value).__name__}: its .group"
    if isinstance(value, Tensor):
        return "haar.groups.from_matrices makes one of generating matrices, from_permutations of permutations"
    if callable(value):
        name = getattr(value, "__name__", "")
        known = any(made.startswith(name + "(") for made in (*_NUMBERED.values(), *_NAMED.values()))
        return f"call it: haar.groups.{name}(...)" if known else _CATALOGUE
    return _CATALOGUE


def constructor_of(name: str) -> str:
    """The call that makes the group of a conventional name, or an empty text.

    Example:
        >>> constructor_of("SO(3)"), constructor_of("oh"), constructor_of("S5"), constructor_of("cyclc")
        ('haar.groups.SO(3)', 'haar.groups.octahedral(full=True)', 'haar.groups.symmetric(5)', 'haar.groups.cyclic(4)')
    """
    parts = re.split(r"\s+x\s+|\*", name.strip())
    if len(parts) > 1:
        found = [constructor_of(part).removeprefix("haar.groups.") for part in parts]
        return f"haar.groups.product({', '.join(found)})" if all(found) else ""
    bare = re.sub(r"[\s_()]", "", name).lower()
    if bare in _NAMED:
        return f"haar.groups.{_NAMED[bare]}"
    match = re.fullmatch(r"([a-z]+)([1-9]\d*)", bare)
    if match and match[1] in _NUMBERED:
        return "haar.groups." + _NUMBERED[match[1]].format(match[2])
    near = difflib.get_close_matches(bare, [known for known in _NAMED if len(known) > 3], n=1)
    return f"haar.groups.{_NAMED[near[0]]}" if near else ""


def _short(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
