from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from haar.cli.app import app, main
from haar.errors import ArgumentError


def _said(capsys) -> tuple[str, list[str]]:
    captured = capsys.readouterr()
    return captured.out, captured.err.splitlines()


def test_the_command_is_installed_and_says_its_version():
    done = subprocess.run([sys.executable, "-m", "haar", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("haar ")


@pytest.mark.parametrize(
    "verb",
    [
        [],
        ["audit"],
        ["audit", "model"],
        ["audit", "data", "nbody"],
        ["average"],
        ["average", "export"],
        ["average", "distill"],
        ["data", "well", "generate"],
        ["reproduce"],
    ],
)
def test_every_verb_has_help(verb, capsys):
    assert main([*verb, "--help"]) == 0
    out, errors = _said(capsys)
    assert "Usage: haar" in out
    assert errors == []


def test_help_does_not_import_torch():
    code = "import sys; from haar.cli.app import main; main(['audit', '--help']); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adit"], "No such command 'adit'"),
        (["systems", "--jsn"], "No such option: --jsn"),
        (["reproduce"], "NAME: expected a system's name, or --all, got neither"),
        (["reproduce", "kkan", "--seeds", "0"], "--seeds"),
        (["reproduce", "kkan", "--seeds", "many"], "--seeds"),
        (["reproduce", "group-average"], "did you mean group-averaging?"),
        (["audit", "m.pt2", "data"], "--group"),
        (["data", "well", "inspect", "/nowhere"], "/nowhere: no such file or folder"),
        (["data", "well", "generate", "grayscott", "/tmp/never"], "NAME: expected one of gray_scott"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    out, errors = _said(capsys)
    assert out == ""
    assert len(errors) == 1
    assert errors[0].startswith("haar: ")
    assert message in errors[0]


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (ArgumentError("a", expected="b\nc", got="d"), "haar: a: expected b c, got d"),
        (FileNotFoundError(2, "No such file or directory", "x.h5"), "haar: x.h5: No such file or directory"),
        (OSError("disk full"), "haar: disk full"),
    ],
)
def test_errors_inside_a_verb_are_one_line(raised, message, capsys, monkeypatch):
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr("haar.systems.recipe.load_recipe", fail)
    assert main(["reproduce", "kkan"]) == 2
    assert _said(capsys)[1] == [message]


def test_an_interruption_is_no_traceback(capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("haar.systems.recipe.load_recipe", interrupt)
    assert main(["reproduce", "kkan"]) == 130
    assert _said(capsys)[1] == [
        "haar: interrupted; out/kkan keeps what is finished, and the same command goes on from there"
    ]


def test_what_nothing_foresaw_is_one_line_and_its_traceback_is_there_for_those_who_ask(capsys, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("haar.systems.recipe.load_recipe", broken)
    assert main(["reproduce", "kkan"]) == 2
    (line,) = _said(capsys)[1]
    assert line.endswith("in broken: ZeroDivisionError: by zero; HAAR_TRACEBACK=1 shows the whole traceback")
    monkeypatch.setenv("HAAR_TRACEBACK", "1")
    assert main(["reproduce", "kkan"]) == 2
    lines = _said(capsys)[1]
    assert lines[0].startswith("Traceback")
    assert lines[-1] == line


def test_systems_are_listed(capsys):
    assert main(["systems"]) == 0
    out, _ = _said(capsys)
    assert "group-averaging" in out
    assert "structural-equations" in out
    assert main(["systems", "--json"]) == 0
    listed = json.loads(_said(capsys)[0])["systems"]
    assert len(listed) == 17
    assert listed[0]["name"] == "group-averaging"


def test_the_verbs():
    assert {command.name for command in app.registered_commands} == {
        *("check", "demo", "discover", "moments", "reproduce", "systems"),
    }
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    assert set(groups) == {
        *("align", "audit", "average", "compress", "constitutive", "data", "lattice", "quantum", "relax", "rg"),
    }
    assert {command.name for command in groups["relax"].registered_commands} == {"fit", "path", "diagnose"}
    assert {command.name for command in groups["audit"].registered_commands} == {
        "model",
        "frame",
        "ase",
        "components",
        "conventions",
        "signs",
    }


def _offered(command, words=()):
    """What a command takes, and those under it: names, defaults, ranges and words of help."""
    params = [
        {
            "names": [*param.opts, *param.secondary_opts],
            "default": str(param.default),
            "required": param.required,
            "flag": getattr(param, "is_flag", False),
            "eager": param.is_eager,
            "many": getattr(param, "multiple", False),
            "range": [str(getattr(param, end, None)) for end in ("min", "max")],
            "help": getattr(param, "help", None),
        }
        for param in command.params
        if param.name not in ("help", "install_completion", "show_completion", "verbose", "quiet")
    ]
    # The first words of the help: the rest is for people, and nothing hangs on it.
    mine = {"help": (command.help or "").split("\n")[0], "alone": command.no_args_is_help, "params": params}
    found = {" ".join(words): mine}
    for name, below in getattr(command, "commands", {}).items():
        found |= _offered(below, (*words, name))
    return found


def test_the_commands_take_what_they_took():
    """Names, defaults and ranges are promises: whoever means to change one deletes the file and looks at the new."""
    kept = Path(__file__).parent / "commands.json"
    found = _offered(typer.main.get_command(app))
    if not kept.is_file():
        kept.write_text(json.dumps(found, separators=(",", ":")).replace('},{"names"', '},\n{"names"') + "\n")
        pytest.fail(f"{kept.name} was not there and has been written: look at it")
    recorded = json.loads(kept.read_text(encoding="utf-8"))
    assert found.keys() == recorded.keys()
    assert [name for name in found if found[name] != recorded[name]] == []
