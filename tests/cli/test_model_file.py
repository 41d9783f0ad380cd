from __future__ import annotations

import pickle
import sys

import pytest
import torch

from haar.cli.model_file import load_model
from haar.errors import ArgumentError, DataError


def _answer(loaded):
    x = torch.linspace(-1, 1, 6 * 64).reshape(1, 6, 8, 8)
    with torch.no_grad():
        return loaded.module(x)


def test_every_form_of_one_model_gives_the_same_answer(here):
    expected = _answer(load_model("my_models:make"))
    for model, weights in (
        ("free.pt2", None),
        ("fixed.pt2", None),
        ("my_models:make", here / "weights.safetensors"),
        ("my_models:make", here / "weights.pt"),
        ("my_models:make", here / "nested.pt"),
    ):
        torch.testing.assert_close(_answer(load_model(model, weights=weights)), expected)


def test_what_a_file_says_of_its_input(here):
    free, fixed, saved = (load_model(name) for name in ("free.pt2", "fixed.pt2", "surrogate.safetensors"))
    assert (free.channels, free.space, free.batched) == (6, (8, 8), True)
    assert (fixed.channels, fixed.space, fixed.batched) == (6, (8, 8), False)
    assert (saved.channels, saved.space, saved.batched) == (6, None, True)


def test_a_model_is_in_eval_mode(here):
    module = load_model("my_models:make").module
    assert not module.training
    assert torch.equal(_answer(load_model("my_models:make")), _answer(load_model("my_models:make")))


def test_arguments_are_literals_or_strings(here):
    module = load_model("my_models:make", arguments=["padding_mode=circular", "steps=1"]).module
    assert (module.conv.padding_mode, module.conv.in_channels) == ("circular", 3)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("model.h5", {}, r"MODEL: expected a \.pt2 file of torch\.export.*got 'model\.h5'"),
        ("nowhere:make", {}, "ModuleNotFoundError"),
        ("my_models:nothing", {}, "AttributeError"),
        ("my_models:number", {}, "expected a factory of a torch.nn.Module, got one of int"),
        ("my_models:broken", {}, "give its arguments by --factory-arg"),
        ("my_models:make", {"arguments": ["padding"]}, "--factory-arg: expected name=value, got 'padding'"),
        ("my_models:make", {"arguments": ["width=3"]}, "unexpected keyword argument 'width'"),
        ("free.pt2", {"arguments": ["a=1"]}, "expected none beside a file that holds a whole model"),
    ],
)
def test_what_is_no_model_is_refused(here, model, options, message):
    with pytest.raises(ArgumentError, match=message):
        load_model(model, **options)


class _Runs:
    def __reduce__(self):
        return sys.exit, (3,)


def test_weights_that_do_not_fit_or_would_run_are_refused(here):
    (here / "pickle.pt").write_bytes(pickle.dumps({"conv.weight": _Runs()}))
    torch.save({"conv.weight": torch.zeros(1)}, here / "other.pt")
    torch.save([1, 2], here / "list.pt")
    for name, message in (
        ("pickle.pt", "nothing is unpickled"),
        ("other.pt", "does not fit Net"),
        ("list.pt", "not a state dict, whose values are tensors"),
        ("none.pt", "no such file"),
    ):
        with pytest.raises(DataError, match=message):
            load_model("my_models:make", weights=here / name)


def test_programs_of_another_shape_are_refused(here):
    class Two(torch.nn.Module):
        def forward(self, a, b):
            return a + b

    x = torch.zeros(2, 3)
    torch.export.save(torch.export.export(Two(), (x, x)), "two.pt2")
    torch.export.save(torch.export.export(torch.nn.Linear(3, 3), (x,)), "flat.pt2")
    with pytest.raises(DataError, match="expected a model of one input, got one of 2"):
        load_model("two.pt2")
    with pytest.raises(DataError, match=r"expected an input \(batch, channel, \*space\), got 2 axes"):
        load_model("flat.pt2")


def test_a_strangers_program_is_refused_in_one_line(here, well, capfd):
    from torch.export.pt2_archive import PT2ArchiveWriter

    from haar.cli.app import main
    from haar.programs.archive import read_entries

    with (here / "free.pt2").open("rb") as file:
        entries = read_entries(file, lambda _: None)
    entries["data/aotinductor/model/model.so"] = b"\x7fELF"
    with PT2ArchiveWriter("evil.pt2") as writer:
        for name, stored in entries.items():
            if "/" in name and not name.startswith("."):
                writer.write_bytes(name, stored)
    group = ["--group", "D4"]
    for words in (["audit", "evil.pt2", str(well)], ["average", "evil.pt2", "--data", str(well), "-o", "out.pt2"]):
        assert main([*words, *group]) == 2
        lines = capfd.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert "evil.pt2: not a readable torch.export file: data/aotinductor/model/model.so is" in lines[0]
