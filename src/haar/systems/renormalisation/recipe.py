"""The reproduction: presets, the claims judged, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from haar.report import Section
from haar.systems.effect import Effect
from haar.systems.renormalisation.claims import judged
from haar.systems.renormalisation.presets import PRESETS
from haar.systems.renormalisation.protocol import measure
from haar.systems.renormalisation.sections import told
from haar.watch import Watch


class RenormalisationRecipe:
    """Networks that learn the renormalisation map under weight symmetries."""

    name = "renormalisation"
    title = "Renormalisation as a test bed for symmetry and generalisation"
    paper = (
        "Ashworth, Liò, Caso: Symmetry and Generalisation in Neural Approximations of Renormalisation Transformations, "
        "arXiv 2510.16591. Also: Fischer et al., arXiv 2202.04925; Ziyin et al., arXiv 2502.05300 and 2408.15495. Only "
        "the main paper's abstract was available: architectures, sizes and derivations are our own, and no number of "
        "its tables is quoted."
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    default_seeds: ClassVar[Mapping[str, int]] = {"quick": 1, "full": 2}

    def measure(self, config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Mapping[str, Any]:
        """All parts of the experiment, for the networks of one seed."""
        return measure(config, seed, folder, watch)

    def effects(self, measures: Sequence[Mapping[str, Any]]) -> list[Effect]:
        """The statements that must hold, over all networks of all seeds."""
        return judged(measures)

    def sections(self, measures: Sequence[Mapping[str, Any]]) -> list[Section]:
        """Tables and figures."""
        return told(measures)


RECIPE = RenormalisationRecipe()
