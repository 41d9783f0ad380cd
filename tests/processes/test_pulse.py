"""Signs of life in a store that this process holds, fingerprints, and what a section keeps of its loader."""

from __future__ import annotations

import itertools
import os
import platform
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from haar.errors import ArgumentError
from haar.processes import LostRankError, Ranks, Section, fingerprint, fingerprint_of_model, pulse, section
from haar.processes.ranks import PATIENCE

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve


def store():
    return torch.distributed.HashStore()


def listening(monkeypatch, held, *, patience=0.045, step=0.01, rank=0, world=2):
    """A process whose clock goes by so much at each look, until it says something or has listened for a while."""
    times = itertools.count()
    monkeypatch.setattr(pulse, "time", SimpleNamespace(monotonic=lambda: step * next(times)))
    here = pulse.Pulse(held, rank, world, patience=patience)
    here.begin()
    while not here.told() and held.add(f"beat/{rank}", 0) <= 20:
        time.sleep(0.005)
    here.end()
    return here.told()


def test_a_neighbour_that_is_silent_is_given_up_after_the_patience(monkeypatch):
    held = store()
    words = "rank 1 of 2 has not been heard of for 0.045 s: its process, its machine or the network is gone"
    assert listening(monkeypatch, held) == words
    assert held.add("beat/0", 0) == 5  # at more than four looks of a hundredth each
    assert listening(monkeypatch, store(), rank=1).startswith("rank 0 of 2 has not")  # the last listens to the first


def test_one_that_has_left_or_is_alone_is_not_waited_for(monkeypatch):
    held = store()
    held.add("left/1", 1)
    assert listening(monkeypatch, held) == ""
    assert held.add("left/0", 0) == 1
    assert listening(monkeypatch, store(), world=1) == ""


def test_the_first_word_is_kept():
    held = store()
    one, other = (pulse.Pulse(held, rank, 2, patience=30.0) for rank in (0, 1))
    assert one.told() == ""
    one.tell("first")
    other.tell("second")
    assert [each.told() for each in (one, other)] == ["first", "first"]


def test_processes_that_are_no_more_are_those_of_this_machine():
    held = store()
    ended = 2**31 - 2  # no number of a process is as large
    for rank, place in enumerate(
        (f"elsewhere {ended}", f"{platform.node()} {ended}", f"{platform.node()} {os.getpid()}")
    ):
        held.set(f"place/{rank}", place)
    assert pulse.Pulse(held, 2, 4, patience=30.0).gone_here() == [1]


class Gone:
    """A store whose process has ended."""

    def __getattr__(self, name):
        def ask(*_):
            raise RuntimeError(name)

        return ask


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(("launched", "who"), [("True", "the launcher of 3 processes"), ("False", "rank 0 of 3")])
def test_a_store_that_is_gone_is_told(monkeypatch, launched, who):
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", launched)
    words = f"{who} cannot be reached: its process, its machine or the network is gone"
    for use in (lambda one: one.told(), lambda one: one.tell("word"), lambda one: one.end()):
        here = pulse.Pulse(Gone(), 1, 3, patience=30.0)
        use(here)
        assert here.told() == words
    with pytest.raises(LostRankError, match=words):
        pulse.Pulse(Gone(), 1, 3, patience=30.0).asked(Gone().get)


def averaged(rank, folder):
    with Ranks() as ranks:
        assert ranks.patience == PATIENCE == 30.0
        values = [
            torch.full((2,), float(rank)),
            torch.tensor([[rank + 1.0]], dtype=torch.float64),
            torch.ones(1) * rank,
        ]
        ranks.average(values)
        torch.save(values, f"{folder}/{rank}.pt")


def test_means_over_processes_take_the_place_of_tensors(in_processes, tmp_path):
    in_processes(2, averaged)
    for rank in range(2):
        one, other, last = torch.load(tmp_path / f"{rank}.pt")
        assert (one.tolist(), other.tolist(), last.tolist()) == ([0.5, 0.5], [[1.5]], [0.5])
        assert (one.dtype, other.dtype) == (torch.float32, torch.float64)


def disagreeing(rank, folder):
    with Ranks(way_on="begin again") as ranks:
        ranks.agree("data", {"seed": 1, "name": "x"})
        with pytest.raises(ArgumentError if rank else LostRankError) as caught:
            ranks.agree("data", {"seed": 1, "name": (60 + rank) * "x"})
        Path(folder, f"{rank}.txt").write_text(str(caught.value))


def test_who_was_told_something_else_says_so_on_all_and_long_facts_are_cut(in_processes, tmp_path):
    in_processes(2, disagreeing)
    words = f"data: expected on every process the name of rank 0, {60 * 'x'}, got {57 * 'x'}... on rank 1 of 2"
    assert (tmp_path / "1.txt").read_text() == words
    assert (tmp_path / "0.txt").read_text() == f"{words}; begin again"


def test_fingerprints_tell_values_shapes_kinds_and_places():
    seen = [
        fingerprint(*values)
        for values in (
            (torch.zeros(2),), (torch.zeros(2, 1),), (torch.zeros(2).int(),), (torch.tensor([0.0, 1.0]),),
            (torch.zeros(0),), (1,), ("1",), (1.0,), (1, 2), (2, 1),
        )
    ]  # fmt: skip
    assert len(set(seen)) == len(seen)
    assert {len(one) for one in seen} == {12}
    model = torch.nn.Linear(2, 2)
    before = fingerprint_of_model(model)
    assert fingerprint_of_model(model) == before
    with torch.no_grad():
        model.bias[0] += 1
    assert fingerprint_of_model(model) != before
    assert fingerprint_of_model(store) == fingerprint("store") != fingerprint_of_model(listening)


def collated(rows):
    return rows


def begun(worker):
    del worker


def test_a_section_of_a_loader_is_read_as_the_loader_reads():
    loader = DataLoader(
        list(range(10)), batch_size=2, collate_fn=collated, num_workers=1, timeout=7.0, worker_init_fn=begun,
        multiprocessing_context="fork",
    )  # fmt: skip
    part = section(loader, Section(0, 1, 3))
    for name in ("collate_fn", "num_workers", "timeout", "worker_init_fn", "pin_memory"):
        assert getattr(part, name) == getattr(loader, name), name
    assert part.multiprocessing_context is loader.multiprocessing_context
    assert list(section(DataLoader(list(range(10)), batch_size=2, collate_fn=collated), Section(0, 1, 3))) == [
        [2, 3], [4, 5]
    ]  # fmt: skip


def test_data_that_give_sections_themselves_are_asked():
    class Own:
        def section(self, first, last):
            return list(range(first, last))

    assert section(Own(), Section(3, 4, 6)) == [4, 5]
