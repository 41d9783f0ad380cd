"""What every command has: help that flows, an order, -v, -q, and a page that tells how it was made."""

from __future__ import annotations

import logging
import re

import pytest
import typer

from haar.cli.app import app, main
from haar.cli.verb import flowing


def below(command, words=()):
    yield words, command
    for name, one in getattr(command, "commands", {}).items():
        yield from below(one, (*words, name))


def test_no_paragraph_of_any_help_is_broken():
    leaves = [(words, one) for words, one in below(typer.main.get_command(app)) if not hasattr(one, "commands")]
    assert len(leaves) > 20
    for _, one in leaves:
        assert "\n" not in one.help.replace("\n\n", "")
        assert {"verbose", "quiet"} <= {param.name for param in one.params}


def test_a_paragraph_is_one_line_and_paragraphs_stay_apart():
    assert flowing("Do\n    this.\n\n    And\n    that.\n") == "Do this.\n\nAnd that."
    assert flowing(None) is None


def test_commands_stand_in_the_order_of_use(capsys):
    main(["--help"])
    names = re.findall(r"^│ ([a-z]+)  ", capsys.readouterr().out, re.MULTILINE)
    assert names[:7] == ["check", "audit", "discover", "average", "relax", "align", "compress"]
    assert set(names[-2:]) == {"rg", "quantum"}


@pytest.mark.parametrize(("verb", "option"), [("audit", "--law-points"), ("average", "--normalised")])
def test_the_help_of_a_verb_tells_the_options_of_the_advertised_call(verb, option, capsys):
    assert main([verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert option in told
    assert re.search(rf"Usage: haar {verb} +\[OPTIONS\] \{{model\}}", told)


def test_completion_can_be_shown_and_knows_the_commands(capsys, monkeypatch):
    monkeypatch.setenv("_HAAR_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "haar a")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert main([]) == 0
    assert {"audit", "average"} <= set(capsys.readouterr().out.split())
    monkeypatch.setenv("COMP_WORDS", "haar reproduce k")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert main([]) == 0
    assert capsys.readouterr().out.split() == ["kkan"]


def test_quiet_is_the_last_word_alone_and_verbose_shows_where_it_failed(here, well, capsys):
    words = ["audit", "my_models:make", str(well), "--group", "C4", "--samples", "8"]
    assert main([*words, "--quiet"]) == 0
    quiet = capsys.readouterr()
    assert quiet.out.startswith("Average over ")
    assert len(quiet.out.splitlines()) <= 4  # one sentence, as wide as the terminal
    assert quiet.err.startswith("warning: ")
    assert len(quiet.err.splitlines()) == 1
    assert main(words) == 0
    plain = capsys.readouterr().out
    assert quiet.out.strip() in plain
    assert len(plain.splitlines()) > 20
    assert main(["audit", "my_models:nothing", str(well), "--group", "C4", "-v"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("Traceback")
    assert errors[-1].startswith("haar: MODEL: ")
    assert main([*words, "-v", "-q"]) == 2
    assert "do not go together" in capsys.readouterr().err


def test_verbose_shows_the_log_of_the_library(capsys, monkeypatch):
    def loud():
        logging.getLogger("haar.somewhere").info("three steps")
        raise KeyboardInterrupt

    monkeypatch.setattr("haar.systems.recipe.load_recipe", lambda _: loud())
    main(["reproduce", "kkan"])
    assert "three steps" not in capsys.readouterr().err
    main(["reproduce", "kkan", "-v"])
    assert "haar.somewhere: three steps\n" in capsys.readouterr().err
    main(["systems", "--json"])
    assert not logging.getLogger("haar").handlers


def test_the_page_tells_model_data_command_options_and_versions(here, well, capsys):
    words = ["audit", "my_models:make", str(well), "--group", "C4", "--samples", "8", "--out", "out dir"]
    assert main(words) == 0
    capsys.readouterr()
    made = (here / "out dir" / "report.html").read_text().split("How this page was made")[1]
    rows = dict(re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", made))
    assert list(rows) == ["model", "data", "group", "seed", "conventions", "command", "options", "versions"]
    assert rows["model"].startswith("my_models:make: ")
    assert rows["data"].startswith(f"{well}: 8 samples of ")
    assert rows["seed"] == "0"
    assert rows["command"] == f"haar audit my_models:make {well} --group C4 --samples 8 --out &#x27;out dir&#x27;"
    assert "batch_size 8" in rows["options"]
