"""Refusals in the words of a command line: options for keywords, and Python's way said to be Python's."""

from __future__ import annotations

import pytest
import typer

from haar.cli.app import app
from haar.cli.as_typed import as_typed
from haar.errors import ArgumentError, HaarError, ShapeError


def params_of(*names):
    """The parameters of one of our commands."""
    command = typer.main.get_command(app)
    for name in names:
        command = command.commands[name]
    return command.params


def told(error, *names):
    with pytest.raises(type(error)) as caught, as_typed(params_of(*names)):
        raise error
    assert caught.value is error
    return str(caught.value)


@pytest.mark.parametrize(
    ("argument", "name", "called"),
    [
        ("tolerance", ("discover",), "--tolerance"),
        ("data", ("discover",), "DATA"),
        ("model", ("check",), "MODEL"),
        ("symmetry", ("check",), "--group"),
        ("symmetry", ("audit", "model"), "--symmetry"),  # it has one of its own
        ("max_samples", ("discover",), "--samples"),
        ("path", ("average", "export"), "--output"),
        ("as_json", ("discover",), "--json"),
        ("weights", ("check",), "weights"),  # a word of quadrature too
        ("elements", ("check",), "elements"),
        ("--steps", ("check",), "--steps"),
    ],
)
def test_an_argument_is_called_as_it_is_typed(argument, name, called):
    assert told(ArgumentError(argument, expected="one", got="two"), *name) == f"{called}: expected one, got two"


@pytest.mark.parametrize(
    ("way_out", "said"),
    [
        ("use steps=200", "use --steps 200"),
        ("give tolerance=0.5, or seed=3", "give --tolerance 0.5, or --seed 3"),
        ('use outputs="any"', 'use --outputs "any"'),
        ("pass shared=False", "pass --not-shared"),
        ("pass shared=True", "pass --shared"),
        ("pass data_symmetry=False", "in Python: pass data_symmetry=False"),
        ("give dictionary=Monomials(2)", "in Python: give dictionary=Monomials(2)"),
        ("use haar.groups.reflections(2)", "in Python: use haar.groups.reflections(2)"),
        ("call model.eval() first", "in Python: call model.eval() first"),
        ("take a larger tolerance", "take a larger tolerance"),
        ("haar discover takes it (in coordinates of its own)", "haar discover takes it (in coordinates of its own)"),
        ("", ""),
    ],
)
def test_a_way_out_in_python_is_said_in_options_or_said_to_be_one(way_out, said):
    steps = [param for param in params_of("check") if param.name == "steps"]
    error = ShapeError("x", expected="one", got="two", way_out=way_out)
    with pytest.raises(ShapeError) as caught, as_typed([*params_of("discover"), *steps]):
        raise error
    assert str(caught.value) == "x: expected one, got two" + (f"; {said}" if said else "")
    assert caught.value.args == (str(caught.value),)


def test_other_errors_name_options_too_and_pass_otherwise():
    assert told(HaarError("with seed=4 it can be done"), "discover") == "with --seed 4 it can be done"
    assert told(HaarError("nothing of the kind"), "discover") == "nothing of the kind"
    assert told(KeyError("seed=4"), "discover") == "'seed=4'"


def test_a_message_of_the_command_line_itself_stays(tmp_path, monkeypatch, capsys):
    from haar.cli.app import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npy").write_bytes(b"")
    assert main(["check", "model.jit", "x.npy"]) == 2
    assert "; a file of TorchScript is loaded by a function of your own module: def make():" in capsys.readouterr().err


def test_keys_of_a_file_keep_their_names():
    params = params_of("relax", "fit")
    for name, given, called in (
        ("steps", {"steps": 20}, "--steps"),
        ("steps", {"steps": None}, "steps"),
        ("data", {"data": "a"}, "data"),
    ):
        with pytest.raises(ArgumentError, match=rf"^{called}: expected"), as_typed(params, given):
            raise ArgumentError(name, expected="one", got="two")
