"""Sweeps: what is finished is skipped, what fails is listed with its log, what is killed goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from haar.errors import ArgumentError, HaarError
from haar.folders import claimed, is_claimed
from haar.sweeps import Part, Row, Workers, sweep, sweep_table

#: Work for workers, which import it: torch is not needed.
WORK = """
import os, signal, sys, time
from pathlib import Path

from haar.folders import claimed


def work(folder, how, watch):
    place = Path(folder)
    with claimed(place), watch.stage("throws", 3) as advance:
        with (place / "begun").open("a") as begun:
            begun.write(f"{os.getpid()}\\n")
        advance()
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "failing":
            raise ValueError("the coin\\nis lost")
        if how == "slow":
            while not (place / "go").exists():
                time.sleep(0.02)
        (place / "finished").write_text("done")
"""
LAUNCH = """
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import its_work
from haar.sweeps import Part, Workers, sweep

place = Path(sys.argv[1], "slow")
sweep([Part("slow", place / "finished", partial(its_work.work, str(place), "slow"))], Workers.parse("local:1"),
      Path(sys.argv[1], "jobs"))
"""


@pytest.fixture
def part(tmp_path, monkeypatch):
    """A part of a given kind, whose work is a module that workers find too."""
    (tmp_path / "its_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    paths = [str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    sys.modules.pop("its_work", None)
    import its_work

    def make(how):
        place = tmp_path / how
        return Part(how, place / "finished", partial(its_work.work, str(place), how))

    yield make
    sys.modules.pop("its_work", None)


def begun(tmp_path, how):
    return [int(line) for line in (tmp_path / how / "begun").read_text().split()]


def test_failures_are_listed_with_their_logs_and_tried_again_and_what_is_finished_is_skipped(part, tmp_path):
    parts = [part(how) for how in ("well", "failing", "killed")]
    seen = []
    with pytest.raises(HaarError) as caught:
        sweep(parts, Workers.parse("local:2"), tmp_path / "jobs", told=seen.append)
    message = str(caught.value)
    assert message.startswith("2 of 3 parts failed: failing: ValueError: the coin (log ")
    assert "killed: its process was ended (killed, or out of memory or time) (log " in message
    assert "; the same command tries them again" in message
    logs = [Path(row.log) for row in seen[-1] if row.state == "failed"]
    assert "ValueError: the coin" in logs[0].with_suffix(".out").read_text() + logs[0].read_text()
    assert max(sum(row.state == "running" for row in rows) for rows in seen) <= 2
    kept = json.loads((tmp_path / "jobs" / "sweep.json").read_text())
    assert [row[:2] for row in kept["rows"]] == [["well", "finished"], ["failing", "failed"], ["killed", "failed"]]
    rows = sweep(parts[:1], Workers.parse("local:2"), tmp_path / "jobs")
    assert [row.state for row in rows] == ["kept"]
    assert len(begun(tmp_path, "well")) == 1


def test_a_killed_sweep_goes_on_with_the_workers_that_outlived_it(part, tmp_path):
    slow = part("slow")
    (tmp_path / "launch.py").write_text(LAUNCH)
    launcher = subprocess.Popen([sys.executable, tmp_path / "launch.py", tmp_path], stderr=subprocess.DEVNULL)
    while not (tmp_path / "slow" / "begun").exists():
        assert launcher.poll() is None
        time.sleep(0.05)
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    states = []

    def told(rows):
        states.append((rows[0].state, rows[0].doing))
        (tmp_path / "slow" / "go").touch()

    sweep([slow], Workers.parse("local:1"), tmp_path / "jobs", told=told)
    assert states[0] == ("running", "in another process")
    assert states[-1][0] == "finished"
    assert len(begun(tmp_path, "slow")) == 1  # nobody began it again


def test_a_terminated_sweep_ends_its_workers_in_a_background_too(part, tmp_path):
    part("slow")
    (tmp_path / "launch.py").write_text(f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{LAUNCH}")
    launcher = subprocess.Popen([sys.executable, tmp_path / "launch.py", tmp_path], stderr=subprocess.DEVNULL)
    while not (tmp_path / "slow" / "begun").exists() or not begun(tmp_path, "slow"):
        assert launcher.poll() is None
        time.sleep(0.05)
    launcher.terminate()
    assert launcher.wait()
    for _ in range(2000):
        if not is_claimed(tmp_path / "slow"):
            break
        time.sleep(0.05)
    assert not is_claimed(tmp_path / "slow")  # the worker, which would wait for ever, has ended
    assert not (tmp_path / "slow" / "finished").exists()


def test_what_another_command_holds_is_waited_for(part, tmp_path):
    well = part("well")
    held = claimed(tmp_path / "well")
    held.__enter__()
    looks = []

    def told(rows):
        looks.append(rows[0].state)
        if len(looks) == 2:
            (tmp_path / "well" / "finished").write_text("by the other")
            held.__exit__(None, None, None)

    assert sweep([well], Workers.parse("local:1"), tmp_path / "jobs", told=told)[0].state == "finished"
    assert not (tmp_path / "well" / "begun").exists()


def test_failures_can_be_listed_only(part, tmp_path):
    assert [row.state for row in sweep([part("failing")], Workers.parse("local:1"), tmp_path, keep_going=True)] == [
        "failed"
    ]


def test_the_table_counts_what_stands_how():
    table = sweep_table([Row("a", "kept"), Row("b", "failed", 1.5, "lost", "b.err"), Row("c", "kept")])
    assert table.note == "2 kept, 1 failed"
    assert table.rows[1] == ("b", "failed", 1.5, "lost", "b.err")


def test_parts_with_one_name_or_one_file_are_refused_before_anything_begins(part, tmp_path):
    one, other = part("well"), part("slow")
    for parts, message in (
        ([one, replace(other, name="well")], "parts: expected each with a name of its own, got 'well' twice"),
        ([one, replace(one, name="again")], "parts: expected each with a file of its own, got '.*finished' twice"),
    ):
        with pytest.raises(ArgumentError, match=message):
            sweep(parts, Workers.parse("local:1"), tmp_path / "jobs")
    assert not (tmp_path / "jobs").exists()


def test_names_may_hold_what_file_names_may_not(part, tmp_path):
    named = replace(part("well"), name=f"lr 1/3: {'very ' * 60}long")
    (row,) = sweep([named], Workers.parse("local:1"), tmp_path / "jobs")
    assert (row.name, row.state) == (named.name, "finished")
