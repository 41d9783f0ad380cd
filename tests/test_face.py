"""A package whose names come when they are used: nouns, verbs that can be called, other packages and files."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest

import haar

FILES = {
    "__init__.py": "from haar.face import show\n"
    "__all__ = ['Noun', 'run']\n"
    "show('faced', nouns={'faced.nouns': ['Noun', 'other']}, verbs=['run'])\n",
    "nouns.py": "class Noun: pass\nother = 3\n",
    "run/__init__.py": "def run(*args, **kwargs):\n    'Run.'\n    return args, kwargs\nword = 'still a package'\n",
    "run/inside.py": "number = 7\n",
    "parts/__init__.py": "word = 'a part'\n",
}


@pytest.fixture
def faced(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / "faced" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "faced" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("faced")
    for name in [name for name in sys.modules if name.partition(".")[0] == "faced"]:
        del sys.modules[name]


def test_nouns_are_imported_when_they_are_used_and_once(faced):
    assert "faced.nouns" not in sys.modules
    assert faced.other == 3
    assert faced.Noun is sys.modules["faced.nouns"].Noun
    assert vars(faced)["Noun"] is faced.Noun


def test_verbs_are_called_by_their_packages_name(faced):
    assert "faced.run" not in sys.modules
    assert faced.run(1, x=2) == ((1,), {"x": 2})
    assert faced.run.word == "still a package"
    assert faced.run.__doc__ == "Run." == sys.modules["faced.run"].run.__doc__


def test_files_of_a_verb_come_when_they_are_used(faced):
    assert faced.run(2) == ((2,), {})
    assert "faced.run.inside" not in sys.modules
    assert faced.run.inside.number == 7
    assert faced.run.inside is sys.modules["faced.run.inside"]
    with pytest.raises(AttributeError, match=r"module 'faced\.run' has no attribute 'nothing'"):
        faced.run.nothing  # noqa: B018 (asking is the test)


def test_a_verb_is_one_whoever_imports_it_first(faced):
    from faced.run import word

    assert word == "still a package"
    assert faced.run(3) == ((3,), {})


def test_other_packages_come_too_and_cannot_be_called(faced):
    assert "faced.parts" not in sys.modules
    assert faced.parts.word == "a part"
    assert not callable(faced.parts)


def test_what_there_is_is_listed_and_what_is_not_is_refused(faced):
    assert {"Noun", "run", "__all__"} <= set(dir(faced))
    assert dir(faced) == sorted(dir(faced))
    with pytest.raises(AttributeError, match="module 'faced' has no attribute 'verb'"):
        faced.verb  # noqa: B018 (asked for)
    faced.run = 5  # any other value may be set
    assert faced.run == 5


def test_the_version_is_the_installed_one():
    assert haar.__version__ == importlib.metadata.version("haar")
