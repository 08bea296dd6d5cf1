# SPDX-License-Identifier: Apache-2.0
"""Fixtures: each runtime is built once, and one daemon serves all tests of a module with it."""

import pytest
from daemon import Daemon
from runtimes import ALL, build_runtime

MEMORY_MB = "512"


def pytest_configure(config):
    config.addinivalue_line("markers", "core: what `make test` runs; the rest needs more toolchains")
    config.addinivalue_line("markers", "runtimes(name, ...): only these runtimes can do it")


def pytest_generate_tests(metafunc):
    if "runtime" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("runtimes")
        able = [r for r in ALL if not only or r.name in only.args]
        rows = [pytest.param(r, id=r.name, marks=[pytest.mark.core] if r.core else []) for r in able]
        metafunc.parametrize("runtime", rows, indirect=True, scope="session")


@pytest.fixture(scope="session")
def runtime(request):
    build_runtime(request.param)
    return request.param


@pytest.fixture(scope="session")
def function(runtime):
    """A daemon with this runtime, shared by all tests that leave it as they found it."""
    env = {"LAMBDA_TASK_ROOT": str(runtime.out), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": MEMORY_MB}
    with Daemon(runtime.words(), runtime.out, env) as daemon:
        yield daemon


@pytest.fixture
def start(request):
    """Starts daemons that end with the test; the first argument is a runtime."""
    started = []

    def run(runtime, env=None, command=None):
        env = {"LAMBDA_TASK_ROOT": str(runtime.out), **(env or {})}
        daemon = Daemon(runtime.words(command), runtime.out, env)
        started.append(daemon.__enter__())
        request.node.daemons = started
        return daemon

    yield run
    failed = getattr(request.node, "failed", False)
    for daemon in started:
        daemon.kill() if failed else daemon.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed:
        return
    item.failed = True
    daemons = [value for value in item.funcargs.values() if isinstance(value, Daemon)]
    for daemon in daemons + getattr(item, "daemons", []):
        report.sections.append(("daemon stderr", daemon.stderr.tail()))
        report.sections.append(("daemon stdout", daemon.stdout.tail()))
