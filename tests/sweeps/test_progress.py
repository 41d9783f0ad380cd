"""What a worker writes of its progress, how rarely, and what others read of it; parts whose workers are stand-ins."""

from __future__ import annotations

import json
import signal
import sys
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import pytest

from haar.errors import HaarError
from haar.folders import claimed
from haar.sweeps import Part, Workers, progress, sweep
from haar.sweeps.ended import heeding_interrupts, termination_interrupts
from haar.sweeps.progress import WrittenProgress, read_progress
from haar.sweeps.sweep import carry_out


def test_progress_is_written_at_once_and_then_once_a_second(tmp_path, monkeypatch):
    now = SimpleNamespace(monotonic=lambda: now.at, at=50.0)
    monkeypatch.setattr(progress, "time", now)
    path = tmp_path / "p.json"
    assert read_progress(path) == ""
    watch = WrittenProgress(path)
    with watch.stage("training", 9) as advance:
        assert read_progress(path) == "training 0/9"
        now.at = 50.99
        advance()
        assert read_progress(path) == "training 0/9"
        now.at = 51.0
        advance()
        assert read_progress(path) == "training 2/9"
        now.at = 51.5
    with watch.stage("judging", None) as advance:
        assert read_progress(path) == "training 2/9"
        now.at = 52.0
        advance()
    assert read_progress(path) == "judging 1"
    path.write_text("{")
    assert read_progress(path) == ""


class Job(Future):
    """A job that ends when it is told to."""

    def __init__(self, log):
        super().__init__()
        self.paths = SimpleNamespace(stderr=log)
        self.cancelled_by_hand = False

    def cancel(self):
        self.cancelled_by_hand = True
        return True


@dataclass
class Executor:
    """Keeps what it is given, in place of doing it."""

    jobs: dict[str, Job] = field(default_factory=dict)

    def submit(self, work, part, written):
        assert work is carry_out
        self.jobs[part.name] = job = Job(f"{part.name}.err")
        job.written = written
        return job


class StandIns(Workers):
    """Workers that do nothing."""

    made = Executor()

    def executor(self, folder):
        del folder
        return self.made


@pytest.fixture
def parts(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["haar.sweeps.sweep"], "_LOOK", 0.0)
    StandIns.made = Executor()
    return [Part(f"part {k}", tmp_path / str(k) / "finished", print) for k in range(3)]


def finish(part, job, *, error=None):
    if error is None:
        part.finished.parent.mkdir()
        part.finished.write_text("done")
        job.set_result(None)
    else:
        job.set_exception(error)


@pytest.mark.parametrize(("at_once", "running"), [(1, 1), (2, 2), (None, 3)])
def test_so_many_run_at_a_time_and_the_rest_waits(parts, tmp_path, at_once, running):
    looks = []

    def told(rows):
        looks.append([row.state for row in rows])
        for part in parts:
            job = StandIns.made.jobs.get(part.name)
            if job is not None and not job.done():
                finish(part, job)
                break

    rows = sweep(parts, StandIns("local", at_once), tmp_path / "jobs", told=told)
    assert looks[0] == ["running"] * running + ["waiting"] * (3 - running)
    assert [row.state for row in rows] == ["finished"] * 3
    assert rows[0].seconds >= 0
    assert all(row.log == row.doing == "" for row in rows)


def test_what_a_running_part_says_is_shown_and_taken_away(parts, tmp_path):
    said, written = [], []

    def told(rows):
        said.append(rows[0].doing)
        (job,) = StandIns.made.jobs.values()
        written.append(job.written)
        if not job.done():
            job.written.write_text(json.dumps({"title": "training", "done": len(said), "total": 4}))
        if len(said) == 3:
            finish(parts[0], job)

    sweep(parts[:1], StandIns("local", 1), tmp_path / "jobs", told=told)
    assert said == ["", "training 1/4", "training 2/4", ""]
    assert written[0] == tmp_path / "jobs" / "part-0.progress.json"
    assert not written[0].exists()


class UncompletedJobError(RuntimeError):
    """As submitit calls it."""


FAULTS = {
    "Traceback\n  File\nhaar.errors.ArgumentError: seed: expected 0\n": "ArgumentError: seed: expected 0",
    "Traceback\nValueError: first\nduring\nKeyError: 'second'\n": "KeyError: 'second'",
    "nothing of the kind": "RuntimeError",
    f"ValueError: {300 * 'x'}": f"ValueError: {188 * 'x'}",
}


@pytest.mark.parametrize("words", FAULTS)
def test_the_last_thing_that_was_raised_is_told(parts, tmp_path, words):
    def told(rows):
        del rows
        (job,) = StandIns.made.jobs.values()
        if not job.done():
            finish(parts[0], job, error=RuntimeError(words))

    (row,) = sweep(parts[:1], StandIns("local", 1), tmp_path / "jobs", told=told, keep_going=True)
    assert (row.state, row.doing, row.log) == ("failed", FAULTS[words], "part 0.err")


def test_a_worker_that_was_ended_and_one_that_left_nothing_are_told(parts, tmp_path):
    def told(rows):
        del rows
        for name, job in StandIns.made.jobs.items():
            if not job.done():
                job.set_result(None) if name == "part 0" else job.set_exception(UncompletedJobError("gone"))

    with pytest.raises(HaarError) as caught:
        sweep(parts, StandIns("local", None), tmp_path / "jobs", told=told)
    assert str(caught.value) == (
        "3 of 3 parts failed: part 0: ended without a result (log part 0.err); part 1: its process was ended (killed, "
        "or out of memory or time) (log part 1.err); part 2: its process was ended (killed, or out of memory or time) "
        "(log part 2.err); the same command tries them again"
    )


def test_what_another_has_begun_in_the_meantime_is_not_failed(parts, tmp_path):
    looks = []
    other = claimed(parts[0].finished.parent)

    def told(rows):
        looks.append((rows[0].state, rows[0].doing))
        (job,) = StandIns.made.jobs.values()
        if len(looks) == 1:
            other.__enter__()
            job.set_exception(RuntimeError("the folder is taken"))
        if len(looks) == 3:
            parts[0].finished.write_text("by the other")
            other.__exit__(None, None, None)

    (row,) = sweep(parts[:1], StandIns("local", 1), tmp_path / "jobs", told=told)
    assert [state for state, _ in looks] == ["running", "running", "running", "finished"]
    assert looks[2] == ("running", "in another process")
    assert row.state == "finished"


def test_an_interrupted_sweep_ends_what_runs(parts, tmp_path):
    def told(rows):
        del rows
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(parts, StandIns("local", 2), tmp_path / "jobs", told=told)
    assert [job.cancelled_by_hand for job in StandIns.made.jobs.values()] == [True, True]


def test_a_worker_does_what_is_not_finished(tmp_path):
    done = []
    part = Part("one", tmp_path / "finished", done.append)
    carry_out(part, tmp_path / "written")
    assert isinstance(done[0], WrittenProgress)
    part.finished.write_text("done")
    carry_out(part, tmp_path / "written")
    assert len(done) == 1


def test_workers_of_slurm_and_of_this_machine_are_given_their_options(tmp_path, monkeypatch):
    made = []

    class AutoExecutor:
        def __init__(self, folder, cluster):
            made.append([folder, cluster, {}])

        def update_parameters(self, **options):
            made[-1][2] = options

    stand_in = ModuleType("submitit")
    stand_in.AutoExecutor = AutoExecutor
    monkeypatch.setitem(sys.modules, "submitit", stand_in)
    for words in ("local:3", "slurm:long", "slurm:long,minutes=90,cpus=4,gb=32"):
        Workers.parse(words).executor(tmp_path)
    assert made == [
        [str(tmp_path), "local", {"timeout_min": 7 * 24 * 60}],
        [
            str(tmp_path), "slurm",
            {"slurm_partition": "long", "timeout_min": 1440, "cpus_per_task": 1, "mem_gb": 8},
        ],
        [
            str(tmp_path), "slurm",
            {"slurm_partition": "long", "timeout_min": 90, "cpus_per_task": 4, "mem_gb": 32},
        ],
    ]  # fmt: skip


def test_signals_are_what_they_were_before():
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with pytest.raises(KeyboardInterrupt), termination_interrupts():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with termination_interrupts():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with heeding_interrupts():
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with heeding_interrupts():
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
