"""Threads that fit the work, and wait without eating what others need; what the user has set stays."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

#: Commands of many small operations: a second thread gains nothing there, and one makes the same bits on any machine.
SMALL = frozenset({"demo", "reproduce", "rg", "systems"})


def fit_threads(command: str | None, environment: MutableMapping[str, str] | None = None) -> None:
    """Choose how OpenMP's threads work for a command, where the user has not.

    By default a thread that waits for another spins. Beside other work the one it waits for is often not running, and
    both cores burn for nothing: small steps of training then take several times longer with two threads than with one.
    Threads that sleep while they wait cost little on an idle machine, and nothing on a busy one.

    Args:
        command: The command's name, or None.
        environment: Variables to set; by default this process's own, which its children get too.
    """
    variables = os.environ if environment is None else environment
    variables.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if command in SMALL and not {"OMP_NUM_THREADS", "MKL_NUM_THREADS"} & set(variables):
        variables["OMP_NUM_THREADS"] = variables["MKL_NUM_THREADS"] = "1"
