"""Side-by-side timings: every peer in an environment of its own, turn by turn with ours, ratios of medians.

A benchmark script has two faces. Run plainly it is the conductor: it makes the peers' environments on demand, starts
one process for each side and lets them work in turns, A B A B. Run with ``--serve NAME`` inside an environment it is a
worker.

    from peers import Peer, Worker, compare, serve

    PEERS = {"ttach": Peer("ttach", ["ttach==0.0.3"])}
    CASES = {"ttach": ttach_case, "ours": our_case}  # case(**settings) -> (call, value): what to time, what it gave

    if (name := served(sys.argv)) is not None:
        serve(CASES[name])
    else:
        with Worker(__file__, "ours") as ours, Worker(__file__, "ttach", PEERS["ttach"]) as peer:
            print(compare(ours, peer, {"size": 32}))

This file needs nothing but the standard library, so that it runs in any environment.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = Path(os.environ.get("HAAR_PEERS", ROOT / "benchmarks" / ".peers"))
#: A timing shorter than this is repeated within one turn.
LEAST_SECONDS = 0.15


@dataclass(frozen=True)
class Peer:
    """A package to compare with, and what its environment needs.

    Args:
        name: Name of the environment.
        requirements: For pip; torch is pinned by constraints.txt.
        without_dependencies: Installed with --no-deps, before the others.
    """

    name: str
    requirements: Sequence[str]
    without_dependencies: Sequence[str] = ()

    def python(self) -> str:
        """The environment's interpreter; the environment is made if it is not there."""
        constraints = ROOT / "constraints.txt"
        text = json.dumps([list(self.requirements), list(self.without_dependencies), constraints.read_text()])
        folder = ENVIRONMENTS / f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        python, done = folder / "bin" / "python", folder / "complete"
        if not done.exists():
            print(f"making an environment for {self.name} ...", file=sys.stderr, flush=True)
            ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
            (ENVIRONMENTS / ".gitignore").write_text("*\n")
            venv.create(folder, with_pip=True, clear=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "-c", str(constraints)]
            if self.without_dependencies:
                subprocess.run([*pip, "--no-deps", *self.without_dependencies], check=True)
            subprocess.run([*pip, "torch", *self.requirements], check=True)
            done.touch()
        return str(python)


class Worker:
    """One side of a comparison: a process that prepares cases and times them when told to.

    Args:
        script: The benchmark script; it is started with ``--serve NAME``.
        name: Which of its cases to serve.
        peer: Its environment; by default the running one.
        threads: Threads for torch and for linear algebra.
    """

    def __init__(self, script: str, name: str, peer: Peer | None = None, threads: int = 1) -> None:
        self.name = name
        number = str(threads)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, number) | {"PYTHONPATH": str(ROOT / "src")}
        self.process = subprocess.Popen(
            [peer.python() if peer else sys.executable, "-W", "ignore", script, "--serve", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def ask(self, *, limit: float | None = None, **message: object) -> dict:
        """Send a message and wait for its answer; after `limit` seconds the worker is ended: TimeoutError."""
        late = threading.Event()
        timer = threading.Timer(limit or 0, lambda: (late.set(), self.process.kill()))
        if limit is not None:
            timer.start()
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
            for line in self.process.stdout:  # a peer may print; answers are marked
                if line.startswith("@ "):
                    answer = json.loads(line[2:])
                    if "error" in answer:
                        raise RuntimeError(f"{self.name}: {answer['error']}")
                    return answer
        finally:
            timer.cancel()
        if late.is_set():
            raise TimeoutError(f"{self.name} did not finish within {limit:g} s")
        raise RuntimeError(f"{self.name} ended without an answer (see its messages above)")

    def prepare(self, settings: dict, *, limit: float | None = None) -> dict:
        """Build a case and run it once: its value, its versions; at most `limit` seconds."""
        return self.ask(prepare=settings, limit=limit)

    def seconds(self, calls: int) -> float:
        """Mean seconds of a call."""
        return self.ask(calls=calls)["seconds"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)


@dataclass
class Comparison:
    """Timings of both sides, turn by turn.

    Attributes:
        ours: Seconds a call, one for each turn.
        peer: The other side's.
        values: What both computed, to see that it was the same thing.
        versions: Of the packages on both sides.
    """

    settings: dict
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    values: tuple = ()
    versions: tuple = ()

    @property
    def ratios(self) -> list[float]:
        return [p / o for o, p in zip(self.ours, self.peer, strict=True)]

    @property
    def ratio(self) -> float:
        """How many times faster ours is: the median over turns."""
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        spread = f"{min(self.ratios):.2f}..{max(self.ratios):.2f}"
        ours, peer = (1e3 * statistics.median(side) for side in (self.ours, self.peer))
        return f"ours {ours:9.2f} ms   peer {peer:9.2f} ms   peer / ours {self.ratio:5.2f} ({spread})"


def compare(ours: Worker, peer: Worker, settings: dict, *, rounds: int = 9) -> Comparison:
    """Time a case on both sides in turns."""
    made = [side.prepare(settings) for side in (ours, peer)]
    calls = [max(1, round(LEAST_SECONDS / max(side.seconds(1), 1e-6))) for side in (ours, peer)]
    result = Comparison(settings, values=tuple(m["value"] for m in made), versions=tuple(m["versions"] for m in made))
    for _ in range(rounds):
        result.ours.append(ours.seconds(calls[0]))
        result.peer.append(peer.seconds(calls[1]))
    return result


def served(arguments: Sequence[str]) -> str | None:
    """The name after ``--serve``, if the script runs as a worker."""
    return arguments[arguments.index("--serve") + 1] if "--serve" in arguments else None


def serve(case: Callable[..., tuple[Callable[[], object], object]], packages: Sequence[str] = ("torch",)) -> None:
    """Prepare and time cases as the conductor asks, until it closes the line."""
    answers, sys.stdout = sys.stdout, sys.stderr
    # On one thread the process's own CPU time does not see who else is busy; on several it would add them up.
    clock = time.process_time if os.environ.get("OMP_NUM_THREADS") == "1" else time.perf_counter
    call: Callable[[], object] = object
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if "prepare" in message:
                call, value = case(**message["prepare"])
                answer = {"value": value, "versions": {name: version(name) for name in packages}}
            else:
                start = clock()
                for _ in range(message["calls"]):
                    call()
                answer = {"seconds": (clock() - start) / message["calls"]}
        except Exception as error:  # noqa: BLE001 (told to the conductor, which raises it)
            answer = {"error": f"{type(error).__name__}: {error}"}
        print("@ " + json.dumps(answer), file=answers, flush=True)


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "working tree"


def write_docs(page: str, script: str, text: str) -> None:
    """Put a table into docs/PAGE.md between the comments ``benchmarks/SCRIPT.py`` and ``/benchmarks/SCRIPT.py``."""
    path = ROOT / "docs" / f"{page}.md"
    start, end = f"<!-- benchmarks/{script}.py -->", f"<!-- /benchmarks/{script}.py -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(start)
    _, mark, after = rest.partition(end)
    if not mark:
        raise SystemExit(f"{path} has no markers")
    path.write_text(f"{before}{start}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def machine(threads: int) -> str:
    """One line about where this ran."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{model}, {os.cpu_count()} cores, {threads} thread(s) a side{load}, Python {platform.python_version()}"
