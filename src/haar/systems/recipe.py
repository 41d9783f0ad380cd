"""What a system's recipe is, and the result of running it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from haar.errors import ArgumentError, HaarError
from haar.report import Report, Section, Table
from haar.systems.catalogue import SYSTEMS, find_system
from haar.systems.claim import Claim, Judged
from haar.watch import Watch

Measures = Mapping[str, Any]
Measure = Callable[[Mapping[str, Any], int, Path, Watch], Measures]


@dataclass(frozen=True, eq=False)
class Recipe:
    """An experiment from a paper, as data: it measures one seed at a time, then judges all seeds together.

    A system has ``recipe.py`` with ``RECIPE``, ``protocol.py`` with ``measure``, ``claims.py`` with ``CLAIMS``, and
    ``sections.py`` with ``told`` (and ``figures.py``, where it draws much). A finished seed is kept in a folder named
    after its configuration and the code that ``measure`` reaches; the others may change without measuring again.

    Args:
        name: The system's name, as in `haar.systems.SYSTEMS`.
        title: One line for people.
        paper: Authors, title, number.
        presets: Configurations by name, at least ``"quick"`` and ``"full"``; each is plain JSON.
        default_seeds: Number of seeds of each preset.
        measure: Runs the experiment for one seed: ``measure(config, seed, folder, watch)`` with a preset, the seed from
            which everything random derives, a folder of its own for checkpoints from which a killed run goes on, and
            who is told of the progress. It returns plain JSON; a number that is not finite is kept as None, which has
            no other meaning: what was not measured is left out.
        claims: What must come out, see `haar.systems.claim`.
        sections: Tables and figures of the measures of all seeds; a number that was not finite comes as NaN.

    Raises:
        ArgumentError: If a preset has no number of seeds, or two claims have one name.

    Example:
        >>> from haar.systems.claim import Claim
        >>> coin = Recipe(
        ...     name="coin",
        ...     title="A coin",
        ...     paper="Nobody, Nowhere",
        ...     presets={"quick": {"throws": 10}, "full": {"throws": 1000}},
        ...     default_seeds={"quick": 3, "full": 10},
        ...     measure=lambda config, seed, folder, watch: {"share": 0.5},
        ...     claims=(Claim("fair", "it is fair", "folklore", lambda m: m["share"], at_least=0.4, at_most=0.6),),
        ...     sections=lambda measures: [],
        ... )
        >>> coin.claims[0].name
        'fair'
    """

    name: str
    title: str
    paper: str
    presets: Mapping[str, Mapping[str, Any]]
    default_seeds: Mapping[str, int]
    measure: Measure
    claims: Sequence[Claim]
    sections: Callable[[Sequence[Measures]], list[Section]]

    def __post_init__(self) -> None:
        if set(self.presets) != set(self.default_seeds):
            expected = f"one number for each of {', '.join(self.presets)}"
            raise ArgumentError("default_seeds", expected=expected, got=", ".join(self.default_seeds) or "none")
        names = [claim.name for claim in self.claims]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ArgumentError("claims", expected="a name of its own for each", got=f"{double!r} twice")


@dataclass(frozen=True, eq=False)
class Result(Report):
    """What came out of a recipe.

    Args:
        system: Name of the system.
        title: Title of the system.
        paper: Authors, title and number of the paper.
        preset: Which preset was run.
        seeds: Seeds that were measured.
        versions: Versions of what was run.
        claims: The claims, judged.
        details: The recipe's own tables and figures.
    """

    kind: ClassVar[str] = "reproduction"

    system: str
    title: str
    paper: str
    preset: str
    seeds: tuple[int, ...]
    versions: Mapping[str, str]
    claims: tuple[Judged, ...]
    details: tuple[Section, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every claim holds."""
        return all(claim.holds for claim in self.claims)

    @property
    def contradicted(self) -> bool:
        """Whether some claim is contradicted."""
        return any(claim.verdict == "contradicted" for claim in self.claims)

    @property
    def summary(self) -> str:
        """How many claims hold, and which do not."""
        held = sum(claim.holds for claim in self.claims)
        over = f"{len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''}, preset `{self.preset}`"
        text = f"**{held} of {len(self.claims)} claims hold** over {over}."
        for verdict in ("contradicted", "open"):
            names = [claim.name for claim in self.claims if claim.verdict == verdict]
            text += f" {verdict.capitalize()}: {', '.join(names)}." if names else ""
        return f"{text}\n\n{self.paper}"

    @property
    def footer(self) -> str:
        """The versions."""
        return " · ".join(f"{name} {version}" for name, version in self.versions.items())

    @property
    def made_of(self) -> Mapping[str, object]:
        """The experiment."""
        return {
            "experiment": f"{self.system}, preset {self.preset}: {self.paper}",
            "seed": ", ".join(map(str, self.seeds)),
            "conventions": "intervals of the median over seeds (95 %) from six numbers on; else least to greatest",
        }

    def contents(self) -> dict[str, Any]:
        """System, preset, seeds, versions, claims and tables."""
        return {
            "system": self.system,
            "preset": self.preset,
            "seeds": list(self.seeds),
            "versions": dict(self.versions),
            "holds": self.holds,
            "claims": list(self.claims),
            "effects": [_as_effect(claim) for claim in self.claims],
            "tables": [section.table.to_dict() for section in self.details if section.table is not None],
        }

    def sections(self) -> Sequence[Section]:
        """The judged claims, then the recipe's own sections."""
        return [Section("What is claimed, and what came out", table=self.claims_table()), *self.details]

    def claims_table(self) -> Table:
        """One row a claim."""
        rows = [
            (
                claim.claim,
                claim.source,
                claim.reported or "-",
                claim.value,
                f"{claim.low:.4g} … {claim.high:.4g}",
                claim.bound,
                claim.verdict,
            )
            for claim in self.claims
        ]
        columns = ("claim", "source", "paper", "here", "interval", "bound", "verdict")
        note = (
            f"seeds {', '.join(map(str, self.seeds))}; intervals (95 %) are over seeds and the independent units "
            "within them; from the least to the greatest for fewer than six numbers, and for what must hold every "
            "time; open: both sides of the bound are in the interval, there are fewer than three numbers, or "
            "something is not finite"
        )
        return Table(self.title, columns, rows, note, verdicts=("verdict",))


def _as_effect(claim: Judged) -> dict[str, Any]:
    """A claim as results had it before there were verdicts."""
    kept = {key: getattr(claim, key) for key in ("name", "claim", "source", "value", "bound", "holds", "values")}
    return {**kept, "spread": [claim.low, claim.high]}


def load_recipe(name: str) -> Recipe:
    """Import a system's recipe.

    Args:
        name: Name of the system.

    Raises:
        ArgumentError: If there is no such system.
        HaarError: If the system has no recipe yet.
    """
    system = find_system(name)
    if not system.built:
        built = ", ".join(other.name for other in SYSTEMS if other.built) or "none"
        raise HaarError(f"{name}: not built yet, so there is nothing to reproduce; built so far: {built}")
    recipe: Recipe = importlib.import_module(system.module).RECIPE
    return recipe
