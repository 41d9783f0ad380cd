"""What a system's recipe is, and the result of running it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from haar.errors import HaarError
from haar.report import Report, Section, Table
from haar.systems.catalogue import SYSTEMS, find_system
from haar.systems.effect import Effect
from haar.watch import Watch


@runtime_checkable
class Recipe(Protocol):
    """An experiment from a paper: it measures one seed at a time, then judges all seeds together.

    A finished seed is kept in a folder named after its configuration and the code that measures; so everything that is
    *measured* belongs in other modules than those whose names begin with ``recipe``, which hold presets, claims and the
    telling, and may change without measuring again.

    Attributes:
        name: The system's name, as in `haar.systems.SYSTEMS`.
        title: One line for people.
        paper: Authors, title, number.
        presets: Configurations by name, at least ``"quick"`` and ``"full"``; each is plain JSON.
        default_seeds: Number of seeds of each preset.
    """

    name: str
    title: str
    paper: str
    presets: Mapping[str, Mapping[str, Any]]
    default_seeds: Mapping[str, int]

    def measure(self, config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Mapping[str, Any]:
        """Run the experiment for one seed.

        Args:
            config: One of the presets.
            seed: Everything random derives from it.
            folder: A folder of its own, for checkpoints from which a killed run goes on.
            watch: Told of the progress.

        Returns:
            What was measured, as plain JSON (a number that is not finite comes back as None).
        """
        ...

    def effects(self, measures: Sequence[Mapping[str, Any]]) -> list[Effect]:
        """Judge the claims on the measures of all seeds."""
        ...

    def sections(self, measures: Sequence[Mapping[str, Any]]) -> list[Section]:
        """Tables and figures of the measures of all seeds."""
        ...


@dataclass(frozen=True, eq=False)
class Result(Report):
    """What came out of a recipe.

    Args:
        system: Name of the system.
        title: Its title.
        paper: Its paper.
        preset: Which preset was run.
        seeds: Which seeds.
        versions: Versions of what was run.
        effects: The claims, judged.
        details: The recipe's own tables and figures.
    """

    kind: ClassVar[str] = "reproduction"

    system: str
    title: str
    paper: str
    preset: str
    seeds: tuple[int, ...]
    versions: Mapping[str, str]
    effects: tuple[Effect, ...]
    details: tuple[Section, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every effect holds."""
        return all(effect.holds for effect in self.effects)

    @property
    def summary(self) -> str:
        """How many effects hold."""
        held = sum(effect.holds for effect in self.effects)
        failed = [effect.name for effect in self.effects if not effect.holds]
        missing = f" Not: {', '.join(failed)}." if failed else ""
        over = f"{len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''}, preset `{self.preset}`"
        return f"**{held} of {len(self.effects)} effects hold** over {over}.{missing}\n\n{self.paper}"

    @property
    def footer(self) -> str:
        """The versions."""
        return " · ".join(f"{name} {version}" for name, version in self.versions.items())

    def contents(self) -> dict[str, Any]:
        """System, preset, seeds, versions, effects and tables."""
        return {
            "system": self.system,
            "preset": self.preset,
            "seeds": list(self.seeds),
            "versions": dict(self.versions),
            "holds": self.holds,
            "effects": list(self.effects),
            "tables": [section.table.to_dict() for section in self.details if section.table is not None],
        }

    def sections(self) -> Sequence[Section]:
        """The judged claims, then the recipe's own sections."""
        return [Section("What is claimed, and what came out", table=self.effects_table()), *self.details]

    def effects_table(self) -> Table:
        """One row a claim."""
        rows = [
            (
                effect.claim,
                effect.source,
                effect.value,
                f"{effect.spread[0]:.4g} … {effect.spread[1]:.4g}",
                effect.bound,
                effect.holds,
            )
            for effect in self.effects
        ]
        columns = ("claim", "source", "median", "spread", "bound", "holds")
        note = f"median and spread over seeds {', '.join(map(str, self.seeds))}"
        return Table(self.title, columns, rows, note, verdicts=("holds",))


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
