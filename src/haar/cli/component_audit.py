"""Of an estimator's signs, by the command of its own and by ``--group signs``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from haar.cli.delivery import deliver
from haar.cli.estimator_entry import fitted_estimator, rows_of


def audit_signs_of(
    model: str,
    rows: Path,
    *,
    arguments: Sequence[str] = (),
    samples: int = 64,
    seed: int = 0,
    out: Path | None = None,
    as_json: bool = False,
) -> None:
    """Audit a fitted estimator under the signs of its components, and print what was found.

    Args:
        model: ``module:estimator``.
        rows: File of the rows.
        arguments: Of a function that makes the estimator, ``name=value``.
        samples: Random signs.
        seed: Of the signs.
        out: Folder of the report.
        as_json: Whether to print JSON.
    """
    from haar.audit.components import audit_components

    x, y = rows_of(rows)
    report = audit_components(fitted_estimator(model, arguments), x, y, samples=samples, seed=seed)
    deliver(report, out, "audit.json", report.summary, as_json=as_json)
