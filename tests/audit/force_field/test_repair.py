"""Repairs: tried where something is broken that averages mend, the cheapest first, on the worst structures."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
import torch

from haar.audit.force_field.measure import Deviation, deviations, prepared
from haar.audit.force_field.repair import repairs, worst
from haar.data.molecules import model_calculator

pytestmark = pytest.mark.referee

FLOORS = {"energy": 1e-6}


def test_the_largest_of_every_kind_and_quantity():
    found = [
        Deviation(0, "rotations", "a", 1.0, {"energy": 1.0, "forces": 5.0}, {}),
        Deviation(1, "rotations", "b", 1.0, {"energy": 2.0, "forces": 4.0}, {}),
        Deviation(0, "reflections", "c", 1.0, {"energy": 3.0}, {}),
    ]
    assert worst(found) == {"rotations": {"energy": 2.0, "forces": 5.0}, "reflections": {"energy": 3.0}}


class Counted:
    """How many steps a stage has, and how many it took."""

    def __init__(self):
        self.title, self.total, self.steps = "", 0, 0

    @contextmanager
    def stage(self, title, total):
        self.title, self.total = title, total
        yield self.step

    def step(self):
        self.steps += 1


@pytest.mark.parametrize("kind", ["order of equal atoms", "supercell", "another cell of the same hand"])
def test_what_no_average_mends_is_not_tried(kind, faulty):
    found = [Deviation(0, kind, "a", None, {"energy": 1.0}, FLOORS)]
    assert repairs(faulty(), [], found) == []


def test_the_cheapest_that_mends_is_the_last(faulty, ethanol, generator):
    calculator = faulty("reflections", 0.01)
    structure = prepared(ethanol, 0, calculator, 3, generator)
    found = deviations(structure, 0, calculator, structure.motions)
    watch = Counted()
    (only,) = repairs(calculator, [structure], found, watch=watch)
    assert watch.title == "trying repairs"
    assert watch.total == watch.steps > 1
    assert (only.name, only.calls, only.mends) == ("average over {1, inversion}", 2, True)
    assert only.code == "haar.average.averaged_calculator(calculator, 'inversion')"
    assert only.before["reflections"]["energy"] > 1e-3 > 1e-10 > only.after["reflections"]["energy"]
    assert only.slower > 0


def test_the_time_of_a_repair_is_over_that_of_one_answer(faulty, ethanol, generator, monkeypatch):
    """By a clock that goes on with every answer: an average of two answers takes twice as long."""
    calculator = faulty("reflections", 0.01)
    structure = prepared(ethanol, 0, calculator, 3, generator)
    found = deviations(structure, 0, calculator, structure.motions)
    answers, answer = [], calculator.calculate

    def counted(*given, **named):
        answers.append(given)
        return answer(*given, **named)

    calculator.calculate = counted
    monkeypatch.setattr(time, "perf_counter", lambda: 0.25 * len(answers))
    (only,) = repairs(calculator, [structure], found)
    assert only.slower == 2.0


def test_a_repair_that_fails_is_asked_about_few_forms(ethanol, generator):
    asked = []

    def leaning(positions, numbers):
        asked.append(numbers)
        x = positions - positions.mean(0)
        return torch.pdist(x).sub(1.5).square().sum() + 1e-2 * (x[:, 0] - 0.3 * x[:, 1]).exp().sum()

    calculator = model_calculator(leaning)
    structures = [prepared(ethanol, number, calculator, 12, generator) for number in range(2)]
    found = [one for k in range(2) for one in deviations(structures[k], k, calculator, structures[k].motions)]
    asked.clear()
    watch = Counted()
    tried = repairs(calculator, structures, found, watch=watch)
    assert watch.total == watch.steps
    assert [(one.name, one.mends) for one in tried] == [
        ("average over {1, inversion}", False), ("average over Oh", False), ("average over Ih", False),
    ]  # fmt: skip
    assert all(set(one.after) >= {"rotations", "reflections"} for one in tried)
    # As it is and one form of each of three kinds, and two for the time: six calls of each average.
    assert len(asked) <= 6 * (2 + 48 + 120) + 30
