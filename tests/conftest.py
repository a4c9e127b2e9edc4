"""No test may leave a descriptor, thread, process or task behind. What session and module fixtures open is theirs and stays."""

import asyncio
import contextlib
import functools
import gc
import os
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path

import pytest
from django.test import TransactionTestCase
from hypothesis import HealthCheck, is_hypothesis_test, settings
from pytest_django.plugin import DjangoDbBlocker

from tests import databases

# `make fuzz` draws this many times the examples, other ones each time; a run of the tests draws what the last one drew.
FUZZ = int(os.environ.get("SIGHTPOST_FUZZ", "1"))
# How long a draw takes says how busy the machine is (a table of all characters is made first): the limit is that of the test.
settings.register_profile("tests", derandomize=FUZZ == 1, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

GRACE_S = 2.0  # a thread or child that is on its way out gets this long
_kept: set[str] = set()
_before_the_next_test: list[Callable[[], None]] = []


class _WhatFixturesOpen:
    """A plugin of its own, because the hooks of a conftest are not called for session fixtures."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        before = _open_things() if fixturedef.scope != "function" else set()
        result = yield
        if fixturedef.scope != "function":
            _kept.update(_open_things() - before)
        return result


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_WhatFixturesOpen())
    if not hasattr(config, "workerinput"):
        databases.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.end()


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly and any(item.get_closest_marker("django_db") for item in session.items):
        databases.make_ready()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    while _before_the_next_test:
        _before_the_next_test.pop()()
    before = _open_things()
    result = yield
    if item.get_closest_marker("keeps") is None and item.config.stash.get(_FAILED, None) != item.nodeid:
        deadline = time.monotonic() + GRACE_S
        while (left := _open_things() - before - _kept) and time.monotonic() < deadline:
            gc.collect()
            time.sleep(0.02)
        if left:
            _kept.update(left)
            report = pytest.TestReport.from_item_and_call(
                item, pytest.CallInfo.from_call(lambda: pytest.fail(f"left open: {sorted(left)}", pytrace=False), "teardown")
            )
            item.ihook.pytest_runtest_logreport(report=report)
    return result


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Instead of pytest-django's, which migrates in every worker."""

    def renew(case: TransactionTestCase) -> None:
        databases.renew()
        _before_the_next_test.append(connect)  # Django closes all connections after such a test

    def connect() -> None:
        with django_db_blocker.unblock():
            databases.connect()

    with django_db_blocker.unblock(), databases.of_this_process(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", renew)
        yield


_FAILED = pytest.StashKey[str]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.config.stash[_FAILED] = item.nodeid  # its traceback holds frames, and so what they opened
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and asyncio.iscoroutinefunction(item.obj):
            item.obj = _without_stray_tasks(item.obj)
    if FUZZ > 1:
        drawing = (item.obj for item in items if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj))
        for test in {getattr(function, "__func__", function) for function in drawing}:
            own = test._hypothesis_internal_use_settings  # there is no public way to draw more where a test says how many
            test._hypothesis_internal_use_settings = settings(own, max_examples=own.max_examples * FUZZ)


def _without_stray_tasks(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def checked(*args: object, **kwargs: object) -> None:
        before = asyncio.all_tasks()
        await test(*args, **kwargs)
        for _ in range(5):
            await asyncio.sleep(0)
        stray = [t for t in asyncio.all_tasks() - before if not t.done()]
        assert not stray, f"tasks left running: {stray}"

    return checked


def _open_things() -> set[str]:
    things = {f"thread {t.name} {t.ident}" for t in threading.enumerate() if t is not threading.main_thread()}
    things |= {f"process {pid}" for pid in _processes()}
    for fd in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if not target.startswith(("/proc/", "anon_inode:", "/dev/null", "/dev/urandom")):
            things.add(f"descriptor {fd.name} {target}")
    return things


def _processes() -> set[int]:
    """Our descendants, but for those of a process that is kept: a browser starts and ends helpers as it likes."""
    theirs = {int(thing.split()[1]) for thing in _kept if thing.startswith("process ")}
    found, parents = set(), [os.getpid()]
    while parents:
        children = _children(parents.pop()) - theirs
        found |= children
        parents += children
    return found


def _children(pid: int) -> set[int]:
    """As the kernel lists them: to look at every process of the machine before and after each test takes seconds of a suite."""
    found: set[int] = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found.update(map(int, (task / "children").read_text().split()))
    return found
