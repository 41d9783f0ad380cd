"""Settings shared by every test: reproducible, single-threaded, hypothesis without deadlines, sparing shape checks."""

from __future__ import annotations

import collections
import dataclasses
import functools
import gc
import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
import pytest
import torch
from hypothesis import HealthCheck, settings


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """The shipped plugin, after jaxtyping's has put its checks before the first import of the package."""
    from haar.testing import plugin

    config.pluginmanager.register(plugin)


def pytest_collection_finish():
    """What is imported and collected stays: no later search for garbage looks at it again."""
    gc.collect()
    gc.freeze()


# Checking the shapes of every call costs seven times what is computed, and most of that is making the checks of each
# inner function again and again. So a function is checked on its first calls in every test, and an inner one where it
# is made first: that is where one that is annotated wrongly is found.
CHECKED_CALLS, CHECKED_COPIES = 16, 4
_checked = jaxtyping.jaxtyped
_copies = collections.Counter()
_test = [0]


def _sparing(function=None, *, typechecker):
    """As jaxtyping's own decorator, made when it is first called, and passed by after some calls."""
    again = functools.partial(_sparing, typechecker=typechecker)
    if function is None:
        return again
    if inspect.isclass(function):
        if dataclasses.is_dataclass(function):
            function.__init__ = again(function.__init__)
        return function
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(again(function.__func__))
    if isinstance(function, property):
        return property(*(each and again(each) for each in (function.fget, function.fset, function.fdel)))
    if not inspect.isfunction(function) or hasattr(function, "_sparing"):
        return function
    if "<locals>" in function.__qualname__:
        _copies[function.__code__] += 1
        if _copies[function.__code__] > CHECKED_COPIES:
            return function
    checked, calls, test = None, 0, -1

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        __tracebackhide__ = True
        nonlocal checked, calls, test
        if torch.compiler.is_compiling():
            return function(*args, **kwargs)
        if test != _test[0]:
            test, calls = _test[0], 0
        if calls == CHECKED_CALLS:
            return function(*args, **kwargs)
        calls += 1
        if checked is None:
            checked = _checked(function, typechecker=typechecker)
        return checked(*args, **kwargs)

    wrapped._sparing = True
    return wrapped


jaxtyping.jaxtyped = _sparing  # before the library is imported


def pytest_runtest_setup():
    """Every test begins to count the calls anew."""
    _test[0] += 1


settings.register_profile(
    "haar", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("haar")
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded generator, fresh for every test."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked_annotations() -> Iterator[None]:
    """As in a user's program: nothing but the library itself looks at what it is given."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


class Told:
    """Somebody who is told how far work is, and who may have enough."""

    def __init__(self, until=math.inf):
        self.stages, self.steps, self.until = [], 0, until

    @contextmanager
    def stage(self, title, total):
        self.stages.append((title, total))
        yield self._advance

    def _advance(self):
        self.steps += 1
        if self.steps == self.until:
            raise KeyboardInterrupt


@pytest.fixture
def told():
    """Make somebody who is told, and who interrupts the work after some steps."""
    return Told


def _one_process(rank, body, folder, world, arguments):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet-{world}", rank=rank, world_size=world
    )
    try:
        body(rank, folder, *arguments)
    finally:
        torch.distributed.destroy_process_group()


@pytest.fixture
def in_processes(tmp_path):
    """Calls ``body(rank, folder, *arguments)`` in each of so many processes; an error in one is raised here."""

    def run(world, body, *arguments):
        given = (body, str(tmp_path), world, arguments)
        torch.multiprocessing.start_processes(_one_process, args=given, nprocs=world, start_method="fork")

    return run
