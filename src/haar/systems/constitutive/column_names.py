"""What names of columns say: strain or stress, which component, engineering or tensor shear, and the unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from haar.errors import DataError
from haar.systems.constitutive.notation import FileNotation, Pair

_STRAIN = r"(?:e|eps|epsilon|strain|le|ee|green|gamma|g|\u03b5|\u03b3)"
_STRESS = r"(?:s|sig|sigma|stress|pk2|tau|\u03c3|\u03c4)"
_ENGINEERING = ("gamma", "g", "\u03b3")
_AXES = {"1": 0, "2": 1, "3": 2, "x": 0, "y": 1, "z": 2}
_UNIT = r"\s*(?:[\[(]\s*([^\])]*)\s*[\])])?$"
_NAME = re.compile(rf"^({_STRAIN}|{_STRESS})[_\- ]?([123xyz])([123xyz]){_UNIT}", re.IGNORECASE)
_NUMBER = re.compile(rf"^({_STRAIN}|{_STRESS})[_\- ]?(\d){_UNIT}", re.IGNORECASE)
#: Units that a header may give, over one (strain) and over one pascal (stress).
UNITS: Mapping[str, float] = {
    "": 1.0, "-": 1.0, "1": 1.0, "%": 1e-2, "percent": 1e-2, "microstrain": 1e-6, "ue": 1e-6, "\u00b5\u03b5": 1e-6,
    "\u03bc\u03b5": 1e-6, "n/mm^2": 1e6, "n/mm2": 1e6, "n/mm\u00b2": 1e6, "n/m^2": 1.0, "n/m2": 1.0,
    "pa": 1.0, "kpa": 1e3, "mpa": 1e6, "gpa": 1e9, "psi": 6894.757293168, "ksi": 6894757.293168, "bar": 1e5,
}  # fmt: skip
_OF_STRAIN = ("", "-", "1", "%", "percent", "microstrain", "ue", "\u00b5\u03b5", "\u03bc\u03b5")


@dataclass(frozen=True)
class Component:
    """What a column's name says.

    Attributes:
        kind: ``"strain"`` or ``"stress"``.
        pair: Row and column.
        engineering: Whether it is called gamma.
        factor: Of its unit.
        has_unit: Whether one is given.
    """

    kind: str
    pair: Pair
    engineering: bool
    factor: float
    has_unit: bool


def is_component(name: str) -> bool:
    """Whether a column is called as a component is, with two axes or a number."""
    return bool(_NAME.match(name) or _NUMBER.match(name))


def components_of(
    path: Path, columns: list[str], told: FileNotation | None
) -> tuple[dict[str, Component], frozenset[str]]:
    """What the columns are that name components, and of which kinds they are numbered.

    Numbers (``e1 ... e6``, ``stress_4``) count where a kind has no component that is named by its axes; what they
    mean is the order that `told` says.

    Raises:
        DataError: In one line, if numbers stand there and nothing says in which order, or they mean no tensor.
    """
    found = {name: _by_axes(path, match) for name in columns if (match := _NAME.match(name))}
    named = {one.kind for one in found.values()}
    matches = {name: match for name in columns if (match := _NUMBER.match(name)) and _kind(match[1]) not in named}
    for kind in ("strain", "stress"):
        numbers = {name: int(match[2]) for name, match in matches.items() if _kind(match[1]) == kind}
        if not numbers:
            continue
        order = _order(path, kind, numbers, told)
        for name, number in numbers.items():
            prefix, unit = matches[name][1], matches[name][3]
            found[name] = _component(path, prefix, order[number - 1], unit)
    return found, frozenset({"strain", "stress"} - named if matches else ())


def _order(path: Path, kind: str, numbers: Mapping[str, int], told: FileNotation | None) -> tuple[Pair, ...]:
    """What the numbers mean."""
    first = next(iter(numbers))
    if told is None:
        raise DataError(
            f"{path}: columns of {kind} are numbered ({first}, ...), and nothing says in which order; say --notation: "
            "voigt (4 is 23, engineering shear), abaqus (4 is 12), mandel, ..., or name them e11, gamma23"
        )
    if not set(numbers.values()) <= set(range(1, 7)):
        raise DataError(f"{path}: columns of {kind} are numbered {sorted(numbers.values())}; components have 1 to 6")
    if set(numbers.values()) <= {1, 2, 3}:
        raise DataError(
            f"{path}: columns of {kind} are numbered 1 to {max(numbers.values())}: principal values, or components of "
            "the plane? name the components e11, e22, gamma12"
        )
    return (told.strain if kind == "strain" else told.stress).pairs()


def _kind(prefix: str) -> str:
    return "stress" if re.fullmatch(_STRESS, prefix.lower()) else "strain"


def _by_axes(path: Path, match: re.Match[str]) -> Component:
    first, second = sorted((_AXES[match[2].lower()], _AXES[match[3].lower()]))
    return _component(path, match[1], (first, second), match[4])


def _component(path: Path, prefix: str, pair: Pair, unit: str | None) -> Component:
    kind, word = _kind(prefix), (unit or "").lower()
    allowed = [word for word in UNITS if (word in _OF_STRAIN) == (kind == "strain") or not word]
    if word not in allowed:
        known = ", ".join(word for word in allowed if word)
        place = f"{pair[0] + 1}{pair[1] + 1}"
        raise DataError(f"{path}: {kind} {place} is in {word!r}; units of {kind} are {known}")
    return Component(kind, pair, prefix.lower() in _ENGINEERING, UNITS[word], bool(unit))
