"""Numbers that others published or that were measured on their published files; nothing here was run by us."""

from __future__ import annotations

#: Method, task, what is measured, number, where it is from, and what had to be told.
PUBLISHED = (
    (
        "LieGAN",
        "top tagging",
        "1 - cosine of the metric",
        0.0025,
        "measured on its files",
        "number of generators, step size",
    ),
    ("Augerino", "top tagging", "1 - cosine of the metric", 0.80, "measured on LieGAN's files", "number of generators"),
    ("LieGAN", "top tagging", "Grassmann distance, 3 seeds", 0.234, "measured on its files", "7 channels"),
    (
        "LieNLSD",
        "top tagging",
        "Grassmann distance, 3 seeds",
        0.086,
        "measured on its files",
        "two cut-offs, a threshold",
    ),
    ("LieGAN", "two bodies, 2 x 2 block", "angle, degrees", 1.2, "measured on its files", "block structure"),
    ("Augerino", "two bodies, 2 x 2 block", "angle, degrees", 16.0, "measured on LieGAN's files", "block structure"),
)
