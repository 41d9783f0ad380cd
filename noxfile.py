#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2025.2.9"]
# ///

"""What needs environments of its own: other versions of Python, the oldest versions that are allowed, the newest.

nox -s tests-3.12 -- tests/groups   runs a part; without arguments everything. All else is in the Makefile.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"

PYTHONS = ("3.11", "3.12", "3.13")
SETTINGS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _tests(session: nox.Session, *constraints: str, options: tuple[str, ...] = ()) -> None:
    dependencies = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test")
    session.install(*constraints, "--editable", ".", *dependencies)
    session.run("python", "-m", "pytest", "-q", *options, *(session.posargs or ("tests", "src")), env=SETTINGS)


@nox.session(python="3.11")
def minimum(session: nox.Session) -> None:
    """The tests with the oldest versions that are allowed."""
    # Old releases use what newer ones of their own dependencies deprecate.
    _tests(session, "--constraint", "minimum.txt", options=("-W", "ignore::DeprecationWarning"))


@nox.session(python=PYTHONS, default=False)
def tests(session: nox.Session) -> None:
    """The tests with the pinned torch, on every version of Python."""
    _tests(session, "--constraint", "constraints.txt")


@nox.session(python="3.11", default=False)
def newest(session: nox.Session) -> None:
    """The tests with the newest versions there are, torch's included."""
    _tests(session)


if __name__ == "__main__":
    nox.main()
