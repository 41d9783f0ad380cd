"""The paper's published tables, read with our own thresholds: perplexity of LLaMA-2-7B on WikiText-2.

Source: the result tables on the page of the authors' repository, April and July 2025; levels 0.1, 0.2, ... The models
were measured at different lengths of context, so values are compared within a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from haar.compress.crossing import first_crossing
from haar.compress.law import fit_law

UNSTRUCTURED: Mapping[str, tuple[float, ...]] = {
    "magnitude": (5.1737, 5.3292, 5.7920, 7.3069, 14.8954, 3676, 52423),
    "Wanda": (5.1352, 5.2269, 5.3609, 5.6434, 6.3075, 9.2307, 57.25, 4262),
    "SparseGPT": (5.1428, 5.2277, 5.3423, 5.5635, 6.0882, 7.8341, 15.95, 50.16),
    "ADMM": (5.1315, 5.2076, 5.3134, 5.4959, 5.9252, 7.1137, 12.07, 29.22),
}
STRUCTURED: Mapping[str, tuple[float, ...]] = {
    "LLM-Pruner, no finetune": (13.83, 20.01, 27.45, 70.11, 316.7, 673.0, 1602),
    "LLM-Pruner": (6.546, 8.422, 10.58, 16.08, 24.47, 39.17, 92.15),
    "FLAP": (13.48, 16.33, 20.25, 28.60, 42.80, 119.2, 1007, 2799),
    "SLEB": (6.47, 8.11, 13.82, 29.93, 106.2, 401.5, 1871, 2868),
    "SliceGPT, no finetune": (5.65, 6.49, 8.15, 12.13, 19.54, 32.03, 59.98, 162.7),
    "SliceGPT": (5.461, 6.061, 6.905, 8.135, 10.16, 13.88, 20.59, 34.98),
}
N_OF_M: Mapping[str, tuple[float, float]] = {
    "magnitude": (54.39, 16.53),
    "Wanda": (10.54, 7.675),
    "SparseGPT": (8.110, 6.830),
    "ADMM": (7.589, 7.589),
}
"""2:4 and 4:8; ADMM's two columns are equal as printed, probably a slip."""
BITS: Mapping[str, Mapping[int, float]] = {
    "GPTQ": {2: 1784, 3: 7.577, 4: 5.746, 8: 5.474},
    "AWQ": {3: 6.243, 4: 5.601},
    "GGUF": {2: 5.862, 3: 5.546, 4: 5.455, 8: 5.398},
}
LOW_RANK: Mapping[float, float] = {0.0: 5.45, 0.10: 5.92, 0.17: 7.70, 0.20: 9.73, 0.25: 42.8, 0.27: 259}
TOLERANCE = 0.5
#: Crossings of 1.5 times the value at 0.1, as computed by hand of the same tables.
CROSSINGS: Mapping[str, float] = {
    "magnitude": 0.408,
    "Wanda": 0.552,
    "SparseGPT": 0.594,
    "ADMM": 0.615,
    "SliceGPT, no finetune": 0.310,
    "LLM-Pruner": 0.267,
    "SLEB": 0.234,
}


def read() -> dict[str, Any]:
    """Crossings and fits of every row."""
    found: dict[str, Any] = {}
    for name, row in {**UNSTRUCTURED, **STRUCTURED}.items():
        levels, values = np.arange(1, len(row) + 1) / 10, np.array(row)
        law = fit_law(levels, values)
        found[name] = {
            "levels": levels.tolist(),
            "values": list(row),
            "crossing": float(first_crossing(levels, values, np.array((1 + TOLERANCE) * row[0]))),
            "law": None if law is None else {**vars(law), "transition": law.transition},
        }
    return found
