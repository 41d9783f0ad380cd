"""A discovery in a sentence or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haar.discover.gates import GAP, GAP_OF_ONE

if TYPE_CHECKING:
    from haar.discover.found import Found
    from haar.discover.lie import Generated

_GATES = {
    "small": "its defect is above the tolerance",
    "gap": "the next direction is only {gap:.2g} times worse ({need:g} needed)",
    "closed": "brackets leave it by {closure:.2g}, more than twice its defect",
    "finite": "finite elements are not shown to be below the tolerance",
}


def told(found: Found) -> str:
    """The answer."""
    parts = [_continuous(found)] if found.continuous is not None else []
    finite = list(found.finite)
    if finite:
        parts.append("Finite: " + "; ".join(str(step) for step in finite) + ".")
    elif "finite" in found.settings.kinds or "grid" in found.settings.kinds:
        parts.append("No finite symmetry established.")
    if found.settings.asked == "auto" and found.settings.kind == "same" and not (finite or _leads(found)):
        parts.append("Outputs, as many as inputs, were taken to move as these do: outputs 'any' looks for other ways.")
    return " ".join(part for part in parts if part)


def _leads(found: Found) -> bool:
    """Whether there are continuous symmetries, or nothing can be told of them."""
    lie = found.continuous
    return lie is not None and (lie.leading is not None or any(one.stops for one in lie.trivial))


def _continuous(found: Found) -> str:
    lie = found.continuous
    if lie is None:
        return ""
    stopped = next((one for one in lie.trivial if one.stops), None)
    if stopped is not None:
        return f"These data cannot tell: {stopped.told}."
    if lie.leading is not None:
        place = lie.steps.index(lie.leading)
        below, above = lie.steps[:place][::-1], lie.steps[place + 1 :]
        return " ".join([_step(found, lie.leading), *map(_smaller, below), *map(_larger, above)])
    gate = lie.closest
    if gate is None:
        return "No continuous symmetry established."
    need = GAP_OF_ONE if gate.count == 1 else GAP
    why = _GATES[gate.failed].format(gap=gate.gap, need=need, closure=gate.closure)
    what = f"{gate.count}-dimensional algebra" if gate.count > 1 else "single generator"
    name = f" like {lie.closest_name}" if lie.closest_name and gate.count > 1 else ""
    return f"No continuous symmetry established. Closest: a {what}{name}, defect {gate.defect:.2g}, but {why}."


def _step(found: Found, step: Generated) -> str:
    gate, action = step.gate, step.action
    sample = f"on {found.samples[1]} held-out samples"
    exact = found.continuous is not None and gate.defect <= found.continuous.exact_below
    size = (
        f"exact (defect {gate.defect:.0e}) {sample}"
        if exact
        else f"defect {gate.defect:.2g} ({gate.low:.2g}-{gate.high:.2g}) {sample}"
    )
    if isinstance(action, str):
        text = f"{step.name}, {size}"
        tail = "" if step.algebra.dim == 1 and step.scaling else f" {action[0].upper()}{action[1:]}."
    else:
        how = f"{action.content[0]} on the inputs" + (
            "" if found.settings.kind == "same" else f", {action.content[1]} on the outputs"
        )
        group = action.symmetry.group.name
        name = group if len(action.pair.a) == step.algebra.dim else f"{step.name}, with the compact group {group},"
        text, tail = f"{name} acting as {how}, {size}", ""
    times = "far" if exact else f"{gate.gap:.2g} times"
    worse = f"; the next direction is {times} worse" if gate.gap else ""
    scaling = f" Among them scalings, of degree {found.scaling:.2g}." if found.scaling and step.algebra.dim > 1 else ""
    return f"{text}{worse}.{tail}{scaling}"


def _smaller(step: Generated) -> str:
    return f"Within it {step.name}, defect {step.gate.defect:.2g}."


def _larger(step: Generated) -> str:
    return f"Approximately also {step.name}, defect {step.gate.defect:.2g}."
