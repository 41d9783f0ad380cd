"""Jobs of Slurm: submitit's own words to a cluster that is a few scripts here, which carry them out on this machine."""

from __future__ import annotations

import os
import re
import sys
from functools import partial

import pytest

from haar.errors import HaarError
from haar.sweeps import Part, Workers, sweep

pytest.importorskip("submitit", reason="the extra scale")

#: sbatch starts the script and says its number; it knows one partition.
SBATCH = """
import os, shutil, subprocess, sys
from pathlib import Path

place, script = Path(__file__).parent, Path(sys.argv[1]).read_text()
number = str(100 + len(list(place.glob("*.script"))))
if "#SBATCH --partition=long" not in script:
    sys.exit("sbatch: error: invalid partition specified: short")
(place / f"{number}.script").write_text(script)
(place / f"{number}.state").write_text("RUNNING")
told = {"SLURM_JOB_ID": number, "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_NODEID": "0",
        "SLURM_JOB_NODELIST": "here", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
subprocess.Popen(["bash", str(place / f"{number}.script")], env={**os.environ, **told}, start_new_session=True,
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print("Submitted batch job", number)
"""
#: srun runs the command with its logs, and leaves the state for sacct.
SRUN = """
import os, subprocess, sys
from pathlib import Path

place, number = Path(__file__).parent, os.environ["SLURM_JOB_ID"]
words = sys.argv[1:]
logs = {}
while words[0].startswith("-"):
    word = words.pop(0)
    name, equals, value = word.partition("=")
    if name in ("--output", "--error"):
        logs[name] = (value if equals else words.pop(0)).replace("%j", number).replace("%t", "0")
with open(logs["--output"], "w") as out, open(logs["--error"], "w") as err:
    ended = subprocess.run(words, stdout=out, stderr=err).returncode
(place / f"{number}.state").write_text("COMPLETED" if ended == 0 else "FAILED")
"""
SACCT = """
from pathlib import Path

print("JobID|State|NodeList")
for state in Path(__file__).parent.glob("*.state"):
    print(f"{state.stem}|{state.read_text()}|here")
"""
SCANCEL = """
import sys
from pathlib import Path

Path(__file__).with_name(f"{sys.argv[1]}.cancelled").touch()
"""
WORK = """
from pathlib import Path


def work(folder, how, watch):
    Path(folder).mkdir(exist_ok=True)
    if how == "failing":
        raise ValueError("the coin is lost")
    (Path(folder) / "finished").write_text("done")
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder on PATH with the four commands; what was submitted lies there."""
    place = tmp_path / "cluster"
    place.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT), ("scancel", SCANCEL)):
        (place / name).write_text(f"#!{sys.executable}\n{text}")
        (place / name).chmod(0o755)
    (tmp_path / "slurm_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    paths = [str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("PATH", os.pathsep.join([str(place), os.environ["PATH"]]))
    sys.modules.pop("slurm_work", None)
    yield place
    sys.modules.pop("slurm_work", None)


def part(folder, how):
    import slurm_work

    return Part(how, folder / how / "finished", partial(slurm_work.work, str(folder / how), how))


def test_a_job_is_submitted_as_it_was_asked_for_and_carried_out(cluster, tmp_path):
    rows = sweep([part(tmp_path, "well")], Workers.parse("slurm:long,minutes=90,cpus=3,gb=2"), tmp_path / "jobs")
    assert [(row.name, row.state) for row in rows] == [("well", "finished")]
    assert (tmp_path / "well" / "finished").read_text() == "done"
    (script,) = cluster.glob("*.script")
    asked = dict(re.findall(r"#SBATCH --([\w-]+)=(\S+)", script.read_text()))
    assert asked["partition"] == "long"
    assert (asked["time"], asked["cpus-per-task"], asked["mem"]) == ("90", "3", "2GB")
    (state,) = cluster.glob("*.state")  # srun writes it a moment after the result is there
    assert state.read_text() in ("RUNNING", "COMPLETED")


def test_a_job_that_fails_is_listed_with_its_log(cluster, tmp_path):
    with pytest.raises(HaarError, match=r"1 of 2 parts failed: failing: ValueError: the coin is lost \(log .*err"):
        sweep([part(tmp_path, "well"), part(tmp_path, "failing")], Workers.parse("slurm:long"), tmp_path / "jobs")
    assert (tmp_path / "well" / "finished").is_file()
    assert len(list(cluster.glob("*.script"))) == 2


def test_a_job_that_slurm_does_not_take_is_one_line(cluster, tmp_path):
    with pytest.raises(HaarError, match=r"--workers: Slurm does not take the job \(.*invalid partition specified"):
        sweep([part(tmp_path, "well")], Workers.parse("slurm:short"), tmp_path / "jobs")
    assert not list(cluster.glob("*.script"))
