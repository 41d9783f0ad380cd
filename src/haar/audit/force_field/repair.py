"""The smallest repair of a force field: which averages mend what is broken, and what each costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from haar.audit.force_field.forms import HAND, REFLECTION, ROTATION, TRANSLATION
from haar.audit.force_field.measure import Deviation, Structure, deviations
from haar.average import averaged_calculator
from haar.data.molecules.motions import Motion
from haar.data.molecules.results import ASKED, results_of
from haar.groups.names import named_group
from haar.watch import Advance, Unwatched, Watch

#: What an average can mend; an order of atoms or a supercell is the architecture's business.
MENDABLE = (ROTATION, REFLECTION, TRANSLATION, HAND)
#: Structures, and forms of each kind, that a repair is tried on; averages over more elements see one form of each kind.
_STRUCTURES, _FORMS, _LARGE = 2, 3, 60


@dataclass(frozen=True)
class Repair:
    """One way to mend a force field, tried.

    Attributes:
        name: What is done.
        code: The call that does it.
        calls: How often the force field is asked for one answer.
        slower: How many times as long an answer took, measured.
        before: By kind and quantity, the largest deviation on the structures of the trial before the repair.
        after: Likewise after it.
        mends: Whether everything that averages can mend is rounding after it.
    """

    name: str
    code: str
    calls: int
    slower: float
    before: Mapping[str, Mapping[str, float]]
    after: Mapping[str, Mapping[str, float]]
    mends: bool


def repairs(
    calculator: Any, structures: Sequence[Structure], found: Sequence[Deviation], *, watch: Watch = Unwatched()
) -> list[Repair]:
    """Ways to mend what is broken, the cheapest first; none after the first that does.

    Args:
        calculator: The force field.
        structures: The structures that it was asked about.
        found: How far its answers are apart.
        watch: Told of every form in which a way is tried; of those that are not needed as well.
    """
    broken = {one.kind for one in found if any(map(one.broken, ASKED))}
    if not broken & set(MENDABLE):
        return []
    options = {"right_handed": HAND in broken, "centred": TRANSLATION in broken}
    chosen = _worst(structures, found, broken)
    tried: list[Repair] = []
    ways = {group: list(_trials(structures, chosen, _forms(group))) for group in _groups(broken)}
    with watch.stage("trying repairs", sum(map(len, ways.values()))) as advance:
        for group, trials in ways.items():
            if not (tried and tried[-1].mends):
                tried.append(
                    _tried(calculator, structures, (chosen[0], trials), group, options=options, advance=advance)
                )
            else:
                for _ in trials:
                    advance()
    return tried


def _forms(group: str | None) -> int:
    """Forms of each kind that a group is tried on."""
    return 1 if _order(group) > _LARGE else _FORMS


def _groups(broken: set[str]) -> tuple[str | None, ...]:
    """Names of the groups that may mend it, the smallest first."""
    if ROTATION in broken:
        return ("O", "I") if REFLECTION not in broken else ("inversion", "Oh", "Ih")
    return ("inversion",) if REFLECTION in broken else (None,)


def _worst(structures: Sequence[Structure], found: Sequence[Deviation], broken: set[str]) -> list[int]:
    """The structures whose answers are furthest apart, in units of their floors."""

    def size(number: int) -> float:
        ratios = [
            one.apart[key] / one.floors[key]
            for one in found
            if one.structure == number and one.kind in broken & set(MENDABLE)
            for key in one.apart
            if one.floors[key] > 0
        ]
        return max(ratios, default=0.0)

    return sorted(range(len(structures)), key=size, reverse=True)[:_STRUCTURES]


def _tried(
    calculator: Any,
    structures: Sequence[Structure],
    asked: tuple[int, Sequence[tuple[int, Sequence[Motion]]]],
    group: str | None,
    *,
    options: Mapping[str, bool],
    advance: Advance,
) -> Repair:
    """One way, on forms of some structures; the first structure also says how long it takes."""
    first, trials = asked
    used = [name for name, wanted in options.items() if wanted]
    right_handed, centred = options["right_handed"], options["centred"]
    mended = averaged_calculator(calculator, group, right_handed=right_handed, centred=centred)
    before, after = list[Deviation](), list[Deviation]()
    for number, motions in trials:
        if _whole(after):  # what is left broken is not asked about the other forms
            before += deviations(structures[number], number, calculator, motions)
            after += deviations(structures[number], number, mended, motions)
        advance()
    arguments = [repr(group), *(f"{name}=True" for name in used)]
    return Repair(
        _words(group, used),
        f"haar.average.averaged_calculator(calculator, {', '.join(arguments)})",
        _order(group),
        _slower(calculator, mended, structures[first]),
        worst(before),
        worst(after),
        _whole(after),
    )


def _whole(after: Sequence[Deviation]) -> bool:
    return not any(one.broken(key) for one in after for key in ASKED)


def _trials(
    structures: Sequence[Structure], chosen: Sequence[int], most: int
) -> Iterator[tuple[int, Sequence[Motion]]]:
    """What a repair is tried on: one form of each kind of the worst structure, then the others."""
    first = _some(structures[chosen[0]].motions, 1)
    yield chosen[0], first
    for number in chosen:
        motions = [one for one in _some(structures[number].motions, most) if all(one is not other for other in first)]
        if motions:
            yield number, motions


def _some(motions: Sequence[Motion], most: int) -> list[Motion]:
    """A few of each kind that averages can mend, spread over their angles; the middle one is always among them."""
    chosen: list[Motion] = []
    for kind in MENDABLE:
        of_kind = [motion for motion in motions if motion.kind == kind]
        last = len(of_kind) - 1
        places = {round(last / 2)} if most == 1 else {round(k * last / (most - 1)) for k in range(most)}
        chosen += [of_kind[k] for k in sorted(places) if of_kind]
    return chosen


def worst(found: Sequence[Deviation]) -> dict[str, dict[str, float]]:
    """The largest deviation of every quantity, kind by kind.

    Args:
        found: Deviations of any structures.
    """
    made: dict[str, dict[str, float]] = {}
    for one in found:
        for key, value in one.apart.items():
            of_kind = made.setdefault(one.kind, {})
            of_kind[key] = max(of_kind.get(key, 0.0), value)
    return made


def _order(group: str | None) -> int:
    return 1 if group is None else named_group(group).order or 1


def _words(group: str | None, used: Sequence[str]) -> str:
    named = {"inversion": "{1, inversion}", None: ""}.get(group, group)
    told = [f"average over {named}"] if named else []
    words = {"right_handed": "right-handed cells", "centred": "centred molecules"}
    return ", ".join([*told, *(words[name] for name in used)])


def _slower(calculator: Any, mended: Any, structure: Structure) -> float:
    """The ratio of times of one answer, the better of two readings each."""
    times = []
    for one in (calculator, mended):
        readings = []
        for shift in (1e-3, 2e-3):  # calculators do not compute again what they were asked before
            moved = structure.atoms.copy()
            moved.set_positions(moved.get_positions() + shift)
            begun = time.perf_counter()
            results_of(moved, one, structure.name)
            readings.append(time.perf_counter() - begun)
        times.append(min(readings))
    return times[1] / max(times[0], 1e-9)
