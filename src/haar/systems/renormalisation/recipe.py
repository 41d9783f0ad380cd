"""The reproduction: presets, the claims judged, tables and figures."""

from __future__ import annotations

from haar.systems.recipe import Recipe
from haar.systems.renormalisation.claims import CLAIMS
from haar.systems.renormalisation.presets import PRESETS
from haar.systems.renormalisation.protocol import measure
from haar.systems.renormalisation.sections import told

RECIPE = Recipe(
    name="renormalisation",
    title="Renormalisation as a test bed for symmetry and generalisation",
    paper="Ashworth, Liò, Caso: Symmetry and Generalisation in Neural Approximations of Renormalisation "
    "Transformations, arXiv 2510.16591. Also: Fischer et al., arXiv 2202.04925; Ziyin et al., arXiv 2502.05300 and "
    "2408.15495. Only the main paper's abstract was available: architectures, sizes and derivations are our own, and "
    "no number of its tables is quoted.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 3},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
"""Networks that learn the renormalisation map under weight symmetries."""
