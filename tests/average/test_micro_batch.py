"""The choice of a micro-batch, on a clock of our own: what is chosen, and how long it takes to choose."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from haar.average import micro_batch
from haar.average.micro_batch import Plan, choose_plan, layouts


class Clock:
    """A machine on which a pass takes what a formula says."""

    def __init__(self, cost):
        self.cost, self.now, self.passes = cost, 0.0, []

    def run(self, plan, first):
        self.passes.append((plan, first))
        self.now += self.cost(plan)

    def __call__(self):
        return self.now


@pytest.fixture
def choose(monkeypatch):
    """Choose on a machine with a given cost of a pass."""

    def chosen(cost, n=8, model=None, memory_limit=2**40, x=None):
        clock = Clock(cost)
        monkeypatch.undo()  # conftest.py calls every pass a long one
        monkeypatch.setattr(micro_batch, "clock", clock)
        leaves = [torch.zeros(1, 2, 4, 4) if x is None else x]
        return choose_plan(model or nn.Identity(), clock.run, n, leaves, memory_limit), clock

    return chosen


def overhead(fixed, each):
    return lambda plan: fixed + each * plan.elements


def test_a_fixed_cost_of_every_pass_asks_for_one_pass(choose):
    assert choose(overhead(5e-3, 1e-3))[0] == Plan(8)


def test_costs_that_only_grow_ask_for_the_loop(choose):
    assert choose(lambda plan: 1e-3 * plan.elements**1.5)[0] == Plan(1)


def test_a_cache_that_overflows_asks_for_something_between(choose):
    cost = {1: 1.0e-3, 2: 1.5e-3, 4: 2.4e-3, 8: 9e-3}
    assert choose(lambda plan: cost[plan.elements])[0] == Plan(4)


def test_ties_go_to_the_loop(choose):
    assert choose(lambda plan: 1e-3 * plan.elements * (0.98 if plan.elements > 1 else 1))[0] == Plan(1)


def test_channels_last_is_tried_for_convolutions_and_taken_if_it_is_faster(choose):
    def cost(plan):
        return (1e-3 if plan.channels_last and plan.elements == 8 else 1.5e-3) * plan.elements

    assert choose(cost, model=nn.Conv2d(2, 2, 3))[0] == Plan(8, channels_last=True)
    assert choose(cost)[0] == Plan(1)


def test_a_plan_that_loses_over_the_whole_orbit_is_not_taken(choose):
    """Fast on the first elements alone: the whole orbit tells."""
    calls = []

    def cost(plan):
        calls.append(plan)
        late = len(calls) > 60
        return plan.elements * (2e-3 if late and plan.elements > 1 else 1e-3 if plan.elements == 1 else 0.5e-3)

    assert choose(cost)[0] == Plan(1)


@pytest.mark.parametrize("n", [2, 3, 6, 7, 12, 48, 60])
def test_every_element_is_run_whatever_the_order(choose, n):
    plan, clock = choose(overhead(10e-3, 1e-3), n=n)
    assert plan == Plan(n)
    assert max(p.elements for p, _ in clock.passes) == n
    assert {first for p, first in clock.passes if p == Plan(1)} == set(range(n))


def test_long_passes_are_timed_once(choose):
    plan, clock = choose(overhead(0.5, 0.5))
    assert plan == Plan(8)
    assert len(clock.passes) < 20


@pytest.mark.parametrize(("first", "passes"), [(0.25, 3), (0.26, 1), (0.01, 3), (0.006, 5), (0.0001, 12)])
def test_the_loop_is_timed_as_often_as_its_first_pass_allows(choose, first, passes):
    # of a size that loses: one pass to see how long it takes, two for its memory where several follow, and these
    _, clock = choose(lambda plan: first * plan.elements**2, n=2)
    assert len([plan for plan, _ in clock.passes if plan == Plan(1)]) == 1 + passes + 2 * (passes > 1) + 1


@pytest.mark.parametrize(("first", "tried"), [(1e-3, {1, 2, 3}), (0.5, {1, 2})])
def test_sizes_that_lose_twice_end_the_search_and_long_ones_at_once(choose, first, tried):
    _, clock = choose(lambda plan: first * plan.elements**1.5, n=48)  # 1, 2, 3, 6, 12, 24 and 48 could be tried
    assert {plan.elements for plan, _ in clock.passes} == tried


@pytest.mark.parametrize(("each", "finalists", "rounds"), [(1e-3, {48, 24, 12}, 5), (0.3, {48}, 1)])
def test_the_fastest_run_the_whole_orbit_as_often_as_their_length_allows(choose, each, finalists, rounds):
    plan, clock = choose(overhead(5 * each, each), n=48)
    assert plan == Plan(48)
    assert clock.passes.count((Plan(1), 47)) == rounds
    assert {p.elements for p, first in clock.passes if first > 0 and p != Plan(1)} == finalists - {48}


@pytest.mark.parametrize(("late", "chosen"), [("sffsf", 2), ("fssfs", 1)])
def test_the_middle_one_of_five_rounds_counts(choose, late, chosen):
    passes = []

    def cost(plan):
        passes.append(plan)
        number = passes.count(Plan(2)) - 15  # two for its memory and twelve for its size are before the rounds
        return 1e-3 * plan.elements if plan == Plan(1) or (number >= 0 and late[number] == "s") else 1e-3

    assert choose(cost, n=2)[0] == Plan(chosen)


def test_one_element_needs_no_choice(choose):
    plan, clock = choose(overhead(1e-3, 1e-3), n=1)
    assert plan == Plan(1)
    assert clock.passes == []


def test_the_memory_bound_counts_what_a_pass_makes():
    x = torch.zeros(2, 2, 4, 4)  # 256 bytes

    def run(plan, _first):
        y = torch.cat([x] * plan.elements)
        return (y + 1) * 2

    assert micro_batch.most_elements(run, 8, [x], 3 * 3 * 256 + 10) == 3
    assert micro_batch.most_elements(run, 8, [x], 10**9) == 8
    assert micro_batch.most_elements(run, 8, [x], 1) == 1
    assert micro_batch.most_elements(run, 8, [x], None) == 8


def test_views_take_no_memory():
    x = torch.zeros(2, 2, 4, 4)
    with micro_batch._Bytes() as made:
        x.permute(1, 0, 2, 3).reshape(4, 16).t().unsqueeze(0)
    assert made.total == 256  # the reshape of the permuted copy


def test_layouts_follow_the_layers():
    image, volume, rows = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4, 4), torch.zeros(1, 2)
    assert layouts(nn.Conv2d(2, 2, 3), [image]) == [False, True]
    assert layouts(nn.Conv3d(2, 2, 3), [volume]) == [False, True]
    assert layouts(nn.Conv2d(2, 2, 3), [rows]) == [False]
    assert layouts(nn.Linear(2, 2), [image]) == [False]
    assert layouts(torch.exp, [image]) == [False]


@pytest.mark.parametrize(
    ("threads", "there", "used", "seconds"),
    [(1, True, True, 2.0), (1, True, False, 1.0), (1, False, False, 1.0), (2, False, False, 2.0)],
)
def test_a_thread_alone_is_timed_by_what_it_works(monkeypatch, threads, there, used, seconds):
    monkeypatch.setattr(micro_batch.time, "process_time", lambda: 1.0)
    monkeypatch.setattr(micro_batch.time, "perf_counter", lambda: 2.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: used)
    assert micro_batch.clock() == seconds


def test_an_accelerator_is_waited_for_before_and_after_every_pass(monkeypatch):
    order = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: order.append("wait"))
    choose_plan(nn.Identity(), lambda *_: order.append("run"), 2, [torch.zeros(1)], 10**9)
    timed = order[1:]  # the first counts bytes
    assert timed == ["wait", "run", "wait"] * (len(timed) // 3)
    assert "run" in timed


@pytest.mark.parametrize(("free", "fit"), [(4 * 512 * 3, 3), (4 * 512 * 3 - 4, 2), (10**9, 8)])
def test_a_quarter_of_the_accelerators_free_memory_is_used(monkeypatch, free, fit):
    asked = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: asked.append(device) or (free, 10**12))
    with FakeTensorMode():
        leaves = [torch.empty(1, device=device) for device in ("cuda:1", "cuda:2")]
    assert micro_batch.most_elements(lambda *_: torch.ones(128), 8, leaves, None) == fit
    assert asked == [torch.device("cuda:1")]


def test_the_real_clock_runs():
    before = micro_batch.clock()
    torch.randn(200, 200) @ torch.randn(200, 200)
    assert micro_batch.clock() > before
