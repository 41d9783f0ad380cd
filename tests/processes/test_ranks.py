"""Several processes: joined in order, refused where they differ, and given up where one is gone."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from haar.errors import ArgumentError
from haar.processes import LostRankError, Ranks, launched, pulse, ranks_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve


def told(folder, rank, what):
    Path(folder, f"{rank}.json").write_text(json.dumps(what))


def all_told(folder, world):
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(world)]


def join(rank, folder):
    with Ranks() as ranks:
        found = {
            "name": str(ranks),
            "joined": ranks.joined(str(rank), lambda one, other: f"({one}{other})"),
            "first": ranks.from_first(rank),
            "at first": ranks.at_first(rank),
            "own": list(ranks.own(range(7))),
            "first word": ranks.first_word(),
        }
    told(folder, rank, found)


@pytest.mark.parametrize(("world", "joined"), [(1, "0"), (2, "(01)"), (3, "((01)2)")])
def test_values_are_joined_in_the_order_of_ranks(in_processes, tmp_path, world, joined):
    in_processes(world, join)
    found = all_told(tmp_path, world)
    assert [one["name"] for one in found] == [f"rank {rank} of {world}" for rank in range(world)]
    assert [one["joined"] for one in found] == [joined] * world
    assert [one["first"] for one in found] == [0] * world
    assert [one["at first"] for one in found] == [list(range(world)), *[None] * (world - 1)]
    assert [k for one in found for k in one["own"]] == list(range(7))
    assert sum(one["first word"] for one in found) == 1


def speak(rank, folder, ends):
    with Ranks() as ranks:
        ranks.meet()
        if rank == 0:
            time.sleep(0.5)  # its display is still there
            if ends:
                os._exit(0)
        began = time.monotonic()
        word = ranks.first_word()
        told(folder, rank, {"word": word, "began": began, "ended": time.monotonic()})
        if not ends:
            ranks.meet()


def test_who_speaks_waits_until_the_display_of_the_first_process_is_over(in_processes, tmp_path):
    in_processes(2, speak, False)
    first, second = all_told(tmp_path, 2)
    assert [first["word"], second["word"]] == [False, True]
    assert second["began"] < first["began"] < second["ended"]  # one clock on one machine


def test_who_speaks_does_not_wait_for_a_process_that_is_gone(in_processes, tmp_path):
    in_processes(2, speak, True)
    assert json.loads((tmp_path / "1.json").read_text())["word"]


def ended_amid_a_model(rank, folder, port):
    torch.distributed.destroy_process_group()
    os.environ.update({"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)})
    try:
        with launched("begin again"):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(60)
            except Exception:  # noqa: BLE001 (whatever a stranger's model raises is dealt with)
                told(folder, rank, "went on")
    except LostRankError as error:
        told(folder, rank, str(error))


def test_what_the_launcher_ends_is_kept_by_nobody_who_catches_exceptions(in_processes, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    in_processes(1, ended_amid_a_model, port)
    assert all_told(tmp_path, 1) == ["rank 0 of 1 was ended by its launcher; begin again"]


def differ(rank, folder):
    try:
        with Ranks(way_on="begin again") as ranks:
            ranks.agree("audit", {"group": "D4" if rank != 1 else "C4", "seed": 0})
    except (ArgumentError, LostRankError) as error:
        told(folder, rank, [type(error).__name__, str(error)])


def test_a_process_that_was_told_something_else_is_named_on_all(in_processes, tmp_path):
    in_processes(3, differ)
    words = "audit: expected on every process the group of rank 0, D4, got C4 on rank 1 of 3"
    assert all_told(tmp_path, 3) == [
        ["LostRankError", f"{words}; begin again"],
        ["ArgumentError", words],
        ["LostRankError", f"{words}; begin again"],
    ]


def fail(rank, folder):
    try:
        with Ranks() as ranks:
            if rank == 1:
                {}["density"]
            ranks.meet()
    except (KeyError, LostRankError) as error:
        told(folder, rank, [type(error).__name__, str(error)])


def test_an_error_of_one_ends_the_wait_of_the_others(in_processes, tmp_path):
    in_processes(2, fail)
    assert all_told(tmp_path, 2) == [
        ["LostRankError", "rank 1 of 2: KeyError: 'density'"],
        ["KeyError", "'density'"],
    ]


#: Whatever is waited for, it is not waited for for ever.
WAITS = {
    "joined": lambda ranks: ranks.joined(ranks.rank, max),
    "from first": lambda ranks: ranks.from_first(ranks.rank),
    "at first": lambda ranks: ranks.at_first(ranks.rank),
    "agreed": lambda ranks: ranks.agree("data", {"rows": 3}),
}


def stop(rank, folder, wait):
    """One hears and says nothing any more, and its connections stay open: as a machine whose network is gone."""
    try:
        with Ranks(patience=1.0, way_on="go on") as ranks:
            if rank == silent(wait):
                os.kill(os.getpid(), signal.SIGSTOP)
            WAITS[wait](ranks)
    except LostRankError as error:
        told(folder, rank, str(error))
        os.kill(int(Path(folder, "pid").read_text()), signal.SIGKILL)


def silent(wait):
    """Who: where all are to agree with the first, the first."""
    return 0 if wait == "agreed" else 1


def stopped(rank, folder, wait):
    if rank == silent(wait):
        Path(folder, "pid").write_text(str(os.getpid()))
    stop(rank, folder, wait)


@pytest.mark.parametrize("wait", WAITS)
def test_a_process_that_is_silent_is_given_up(in_processes, tmp_path, wait):
    with pytest.raises(Exception, match=r"SIGKILL|terminated"):
        in_processes(2, stopped, wait)
    found = json.loads((tmp_path / f"{1 - silent(wait)}.json").read_text())
    gone = "has not been heard of for 1 s: its process, its machine or the network is gone; go on"
    assert found == f"rank {silent(wait)} of 2 {gone}"


def test_what_was_not_heard_while_nothing_ran_here_does_not_count(monkeypatch):
    times = itertools.chain([0.0], itertools.repeat(100.0))  # between two looks the machine sleeps
    monkeypatch.setattr(pulse, "time", SimpleNamespace(monotonic=times.__next__))
    store = torch.distributed.HashStore()
    here = pulse.Pulse(store, 0, 2, patience=0.4)
    here.begin()
    while store.add("beat/0", 0) < 4 and not here.told():
        time.sleep(0.02)
    here.end()
    assert here.told() == ""


def test_processes_need_a_group():
    with pytest.raises(ArgumentError, match=r"fabric: expected an initialised process group, got none; start it with"):
        Ranks()
    with pytest.raises(ArgumentError, match=r"fabric: expected a Lightning Fabric, or haar.processes.Ranks, got int"):
        ranks_of(3)
