from __future__ import annotations

import io
import json
import pickle
import zipfile

import pytest
import torch

from haar.cli.program_file import load_program, refuse_code
from haar.errors import DataError


class _Runs:
    """Pickles to a call: what a stranger's file could do."""

    def __reduce__(self):
        return print, ("this ran",)


def _archive(**entries: bytes) -> zipfile.ZipFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, stored in entries.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), stored)
    return zipfile.ZipFile(buffer)


@pytest.fixture
def program(tmp_path):
    module = torch.nn.Conv2d(2, 2, 3, padding=1).eval()
    x = torch.zeros(2, 2, 8, 8)
    path = tmp_path / "model.pt2"
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(exported, path)
    return path


def test_an_exported_program_is_read(program):
    again = load_program(program).module()
    assert again(torch.zeros(3, 2, 8, 8)).shape == (3, 2, 8, 8)


def test_what_would_run_is_refused(program, tmp_path, capsys):
    stored = io.BytesIO()
    torch.save({"x": _Runs()}, stored)
    evil = tmp_path / "evil.pt2"
    with zipfile.ZipFile(program) as good, zipfile.ZipFile(evil, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, stored.getvalue() if name.endswith("model.pt") else good.read(name))
    with pytest.raises(DataError, match="is not plain tensors, and could run code when read"):
        load_program(evil)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"m__constants__custom_obj_0": b""}, "custom_obj_0 is a pickled object"),
        ({"m__constants__opaque_obj_0": pickle.dumps(_Runs())}, "opaque_obj_0 is a pickled object"),
        ({"m__weights_DOT_json": b'{"config": {"w": {"use_pickle": true}}}'}, "has pickled tensors"),
        ({"m__model_DOT_json": b'[{"as_expr": {"expr_str": "__import__(1)"}}]'}, "a size that is no arithmetic"),
        ({"m__model_DOT_json": json.dumps({"expr_str": "S('exec(1)')"}).encode()}, "a size that is no arithmetic"),
        ({"m__model_DOT_json": json.dumps({"expr_str": "s0.real"}).encode()}, "a size that is no arithmetic"),
        ({"m__model_DOT_json": json.dumps({"expr_str": "exec('1')"}).encode()}, "a size that is no arithmetic"),
        ({"m__model_DOT_json": json.dumps({"expr_str": "eval(s0)"}).encode()}, "a size that is no arithmetic"),
    ],
)
def test_each_way_in_is_closed(entries, message, tmp_path):
    with pytest.raises(DataError, match=message):
        refuse_code(_archive(**entries), tmp_path / "m.pt2")


@pytest.mark.parametrize(
    "size",
    [
        "s0",
        "8*s77",
        "FloorDiv(s0, 2) + 1",
        "Max(1, u0)",
        "int_oo",
        "-int_oo",
        "(s0 - 1)*3",
        "Symbol('s31', positive=True, integer=True)",
    ],
)
def test_honest_sizes_pass(size, tmp_path):
    refuse_code(_archive(m__model_DOT_json=json.dumps({"expr_str": size}).encode()), tmp_path / "m.pt2")


def test_a_damaged_file_is_named(program, tmp_path):
    cut = tmp_path / "cut.pt2"
    cut.write_bytes(program.read_bytes()[:500])
    with pytest.raises(DataError, match=r"cut\.pt2: not a readable torch\.export file"):
        load_program(cut)
    with pytest.raises(DataError, match="no such file"):
        load_program(tmp_path / "none.pt2")
