"""Exported programs written: the same bytes every time, in every process, and one line where the disk is full."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile

import pytest
import torch

from haar.programs import program_bytes, read_program, write_program


def test_a_program_is_what_torch_reads(exported, tmp_path):
    write_program(exported, tmp_path / "deep" / "model.pt2", {"note.txt": "hello"})
    notes = {"note.txt": ""}
    again = torch.export.load(tmp_path / "deep" / "model.pt2", extra_files=notes).module()
    x = torch.randn(6, 3)
    torch.testing.assert_close(again(x), exported.module()(x), rtol=0, atol=0)
    assert notes == {"note.txt": "hello"}
    with pytest.raises((AssertionError, RuntimeError), match=r"Guard failed|size"):
        again(torch.randn(6, 4))
    found = read_program(tmp_path / "deep" / "model.pt2").module()(x)
    torch.testing.assert_close(found, again(x), rtol=0, atol=0)


def test_neither_the_files_name_nor_the_machine_is_in_it(exported, tmp_path):
    for name in ("one.pt2", "two.pt2"):
        write_program(exported, tmp_path / name)
    one, two = ((tmp_path / name).read_bytes() for name in ("one.pt2", "two.pt2"))
    assert one == two == program_bytes(exported)
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        nodes = json.loads(archive.read("archive/models/model.json"))["graph_module"]["graph"]["nodes"]
    assert all("stack_trace" not in node["metadata"] for node in nodes)
    assert any("nn_module_stack" in node["metadata"] for node in nodes)


SCRIPT = """
    import hashlib, sys, torch
    from pathlib import Path
    import haar
    from haar.average import average, save
    torch.manual_seed(0)
    symmetry = haar.Symmetry.of_fields(haar.groups.dihedral(4), "p")
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.GELU(), torch.nn.Conv2d(2, 1, 1))
    path = save(average(model, symmetry, micro_batch=1), (torch.ones(1, 1, 6, 6),), Path(sys.argv[1]) / sys.argv[2])
    print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_the_same_model_is_the_same_file_in_every_process(tmp_path):
    found = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                "-c",
                textwrap.dedent(SCRIPT),
                str(tmp_path / seed),
                f"{seed}.pt2",
            ],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(done.stdout.strip())
    assert found[0] == found[1]
    assert len(found[0]) == 64


FULL = """
    import resource, signal, sys
    from haar.cli.app import main
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_is_one_line(tmp_path):
    """Writes of more than 4 kB fail, as they do where no room is left."""
    output = "averaged.pt2"
    (tmp_path / "net.py").write_text("import torch\ndef make():\n    return torch.nn.Conv2d(1, 1, 31, padding=15)\n")
    words = ["average", "net:make", "--group", "C2", "--fields", "p", "--shape", "8,8", "-o", output]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FULL), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 2, done.stderr[-2000:]
    assert done.stderr.strip().splitlines()[-1] == f"haar: {output}: File too large"
    assert "Traceback" not in done.stderr
    assert "terminate" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["net.py"]
