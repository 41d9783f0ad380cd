"""``torchrun -m haar audit``: one report from the first process; a killed process ends the job in a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from haar.cli.app import main
from haar.cli.several import several

# The store of what stands in for torchrun has a thread, which no fork needs.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

MORTAL = """

class Mortal(Net):
    def forward(self, x):
        import os, pathlib, signal, time

        def kept():
            return len(list(pathlib.Path("out").rglob("*.safetensors")))

        # at its own second part at the latest, and when another process has kept one too
        if kept() and os.environ.get("RANK") == os.environ.get("DIES", "nobody"):
            while kept() < 2:
                time.sleep(0.01)
            os.kill(int(os.environ.get("KILLS", os.getpid())), signal.SIGKILL)
        return self.conv(x)


def mortal():
    torch.manual_seed(0)
    return Mortal()
"""


def torchrun(world, here, *words, **environment):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(world), "-m", "haar", *words]
    told = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=here, env=told)


def as_torchrun(world, here, *words, **environment):
    """The same in forks of this process, which need not import everything again: exit codes, lines out and in error."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    told = {"WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": store.port}
    told |= {"TORCHELASTIC_USE_AGENT_STORE": True, "TORCHELASTIC_RESTART_COUNT": 0, **environment}
    children = []
    for rank in range(world):
        children.append(os.fork())
        if children[-1] == 0:
            code = 3
            signal.alarm(600)  # what waits for ever ends, and the test with it
            try:
                sys.modules.pop("my_models", None)  # as it was before it had a mortal model
                os.environ.update({name: str(value) for name, value in {**told, "RANK": rank}.items()})
                sys.stdout, sys.stderr = ((here / f"{name}-{rank}").open("w") for name in ("out", "err"))
                code = main(list(words))
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
    codes = {}
    while len(codes) < world:  # whichever ends first, so that none is still there for the others to see
        for child in set(children) - set(codes):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                codes[child] = abs(os.waitstatus_to_exitcode(status))
        time.sleep(0.01)
    out, err = ("".join((here / f"{name}-{rank}").read_text() for rank in range(world)) for name in ("out", "err"))
    return subprocess.CompletedProcess(words, max(codes.values()), out, err)


def launcher_in_a_fork():
    """A process that holds the store, as torchrun does; its number, and the store's port."""
    ready, tells = os.pipe()
    launcher = os.fork()
    if launcher == 0:
        store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        os.write(tells, str(store.port).encode())
        signal.pause()
    return launcher, int(os.read(ready, 16))


def ours(done):
    return [line for line in done.stderr.splitlines() if line.startswith("haar:")]


@pytest.fixture
def words(here, well):
    with (here / "my_models.py").open("a") as file:
        file.write(MORTAL)
    return ["audit", "my_models:mortal", str(well), "--group", "D4", "--history", "2", "--samples", "6", "--batch", "1"]


def test_a_killed_process_ends_the_job_in_a_line_and_the_job_goes_on(here, words, capsys):
    ended = torchrun(3, here, *words, "--out", "out", DIES="1")
    assert ended.returncode
    way_on = "out/parts keeps what is finished, and the same command goes on from there"
    assert ours(ended) == [f"haar: rank 1 of 3 has ended; {way_on}"]
    assert ended.stdout == ""
    kept = list((here / "out").rglob("*.safetensors"))
    assert 2 <= len(kept) < 6
    done = as_torchrun(2, here, *words, "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    assert not (here / "out" / "parts").exists()
    words[1] = "my_models:make"  # the same layer and a dropout; this process has imported the module as it was
    assert main([*words, "--json"]) == 0
    one, found = json.loads(capsys.readouterr().out), json.loads(done.stdout)
    assert found["samples"] == 6
    assert found["layers"] == one["layers"][:1]
    assert found["removed"] == pytest.approx(one["removed"], rel=1e-12)
    assert found["recommendation"]["verdict"] == one["recommendation"]["verdict"]


def test_a_killed_launcher_leaves_no_process_and_the_job_goes_on(here, words):
    launcher, port = launcher_in_a_fork()
    ended = as_torchrun(2, here, *words, "--out", "out", DIES=1, KILLS=launcher, MASTER_PORT=port)  # waits for all
    os.kill(launcher, signal.SIGKILL)  # which it has been, if all went well
    os.waitpid(launcher, 0)
    assert ended.returncode == 2
    lost = "the launcher of 2 processes cannot be reached: its process, its machine or the network is gone"
    way_on = "out/parts keeps what is finished, and the same command goes on from there"
    assert set(ours(ended)) == {f"haar: {lost}; {way_on}"}
    assert 2 <= len(list((here / "out").rglob("*.safetensors"))) < 6
    done = as_torchrun(2, here, *words, "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["samples"] == 6


def test_bad_input_and_other_commands_are_refused_in_one_line(here, words):
    words[words.index("D4")] = "D5"
    (line,) = ours(as_torchrun(2, here, *words))
    assert line.startswith("haar: --group: expected ")
    (line,) = ours(as_torchrun(2, here, "systems"))
    told = "torchrun: expected a command that several processes divide: haar audit, haar relax fit, got haar systems"
    assert line == f"haar: {told}; start it without torchrun"


TASK = """
import os
import pathlib
import signal

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, x):
        if pathlib.Path("fitted", "fit.pt").exists() and os.environ.get("RANK") == os.environ.get("DIES", "nobody"):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.two(torch.tanh(self.one(x)))


def data():
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(1))
    return x, x @ torch.tensor([[1.0, 0.3], [-0.3, 1.1]])
"""


def test_a_fit_of_several_processes_is_killed_goes_on_and_is_that_of_one(here, capsys):
    (here / "task.py").write_text(TASK)
    (here / "plan.yaml").write_text("every: 10\nmodel: task:Net\ndata: task:data\n")
    words = ["relax", "fit", "plan.yaml", "--group", "C4", "--input", "vector", "--output", "vector"]
    words += ["--steps", "40", "--batch-size", "8", "--clip", "1", "--json", "--out", "fitted"]
    ended = as_torchrun(3, here, *words, DIES="1")
    assert ended.returncode
    way_on = "fitted keeps what is finished, and the same command goes on, with any number of processes"
    assert set(ours(ended)) == {f"haar: rank 1 of 3 has ended; {way_on}"}  # no torchrun ends the third
    kept = torch.load(here / "fitted" / "fit.pt", weights_only=True)
    assert kept["step"] == 10
    done = as_torchrun(2, here, *words, "--accumulate", "2")
    assert done.returncode == 0
    assert main([*words[:-1], "alone"]) == 0
    found, alone = json.loads(done.stdout), json.loads(capsys.readouterr().out)
    assert found["deployed_loss"] == pytest.approx(alone["deployed_loss"], rel=1e-4)
    assert {"model.safetensors", "report.html", "fit.json"} <= {path.name for path in (here / "fitted").iterdir()}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, False),
        ({"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, False),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, True),
        ({"RANK": "0", "WORLD_SIZE": "2"}, False),  # as a scheduler's own script may set them
    ],
)
def test_what_a_launcher_tells(monkeypatch, told, found):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert several() is found
