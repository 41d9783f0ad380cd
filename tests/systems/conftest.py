"""What every system's claims are held to: where their bounds lie, and which numbers they read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from haar.systems.claim import judge


def verdict(claim, numbers):
    """What is said of a claim whose statistic gives these numbers."""
    bare = replace(claim, statistic=lambda _: numbers, part=(), when=None)
    return judge([bare], [{}])[0].verdict


@pytest.fixture
def holds_between():
    """Check every claim of a table by numbers just inside its bound and just outside.

    Each is told as ``(kind, inside, outside)``, numbers or tuples of them; of kind ``"every"`` one number outside
    among nine contradicts, of kind ``"median"`` it does not.
    """

    def check(claims, told):
        assert {claim.name for claim in claims} == set(told)
        for claim in claims:
            kind, inside, outside = told[claim.name]
            within, without = ([each] if isinstance(each, (int, float)) else list(each) for each in (inside, outside))
            assert [verdict(claim, [one] * 3) for one in within] == ["holds"] * len(within), claim.name
            assert [verdict(claim, [one] * 3) for one in without] == ["contradicted"] * len(without), claim.name
            mixed = {"every": "contradicted", "median": "holds"}[kind]
            assert verdict(claim, [within[0]] * 8 + [without[0]]) == mixed, claim.name

    return check


@pytest.fixture
def reads():
    """Check what claims read from a system's recorded measures: their numbers, worked out by hand."""

    def check(claims, folder, told):
        measures = json.loads((Path(__file__).parent / folder / "measures.json").read_text(encoding="utf-8"))
        found = {claim.name: list(claim.values) for claim in judge(claims, measures)}
        assert found == {name: pytest.approx(values, rel=1e-9, abs=1e-30) for name, values in told.items()}

    return check
