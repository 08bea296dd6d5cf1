# SPDX-License-Identifier: Apache-2.0
"""What the author of an extension would want to know before it goes to Lambda: tests of ../extensions/watch.py.

    LAMBDA_DAEMON=bin/lambda-runtime-api-daemon python -m pytest examples/control
"""
import concurrent.futures
import shutil
import sys
from pathlib import Path

import pytest

from lambda_control import ControlError, Daemon, WaitTimeout

HERE = Path(__file__).resolve().parent
EXTENSION = HERE.parent / "extensions" / "watch.py"
FUNCTION = [sys.executable, str(HERE / "function.py"), "function.handler"]


@pytest.fixture
def layer(tmp_path):
    """A directory of extensions with ours in it."""
    shutil.copy(EXTENSION, tmp_path)
    return {"LAMBDA_EXTENSIONS_DIR": str(tmp_path)}


@pytest.fixture
def control(layer):
    with Daemon(FUNCTION, layer) as running:
        yield running


def said(control, count=1):
    """What the extension wrote, without its name."""
    return [e["record"].removeprefix("watch.py: ") for e in control.wait_telemetry("extension", count)]


def test_registers_before_the_first_event(control):
    assert control.phase() == "none"
    call = control.enqueue({})
    control.wait_extension("watch.py", state="Ready")
    watch = control.extensions()["watch.py"]
    assert (watch["events"], watch["external"]) == (["INVOKE", "SHUTDOWN"], True)
    assert control.wait_invocation(call)["outcome"] == "success"


def test_sees_every_event(control):
    calls = [control.invoke({"n": n}) for n in range(3)]
    assert said(control, 3) == [call["id"] for call in calls]
    assert [call["result"] for call in calls] == ['{"n": 0}', '{"n": 1}', '{"n": 2}']


def test_costs_little(control):
    control.invoke({})
    call = control.invoke({})
    assert call["extensionOverheadMs"] < 500


@pytest.mark.parametrize("reason", ["spindown", "timeout", "failure"])
def test_is_told_why_it_ends(control, reason):
    control.invoke({})
    control.shutdown(reason=reason)
    control.wait_environment("dead")
    assert said(control, 2)[1] == f"function had 1 events, end: {reason}"


def test_a_timeout_in_the_middle_of_an_event(control):
    call = control.enqueue({"hang": True})
    control.wait_environment("busy")
    control.timeout()
    assert control.wait_invocation(call)["errorType"] == "Sandbox.Timedout"
    control.wait_telemetry("extension", contains="end: timeout")
    # A new environment with a new process of the extension.
    assert control.invoke({})["outcome"] == "success"
    assert control.state()["counts"]["starts"] == 2


def test_survives_being_frozen(layer):
    with Daemon(FUNCTION, {**layer, "LAMBDA_FREEZE": "process"}) as control:
        for n in range(3):
            assert control.invoke({})["outcome"] == "success"
            control.wait_frozen()
            assert control.environment()["freezeEpoch"] == n
        control.shutdown()
        control.wait_telemetry("extension", contains="function had 3 events, end: spindown")


def test_one_extension_for_each_environment(layer):
    with Daemon(FUNCTION, {**layer, "MAX_CONCURRENCY": "2"}) as control:
        calls = [control.enqueue({"hang": True}) for _ in range(2)]
        for environment in range(2):
            control.wait_environment("busy", environment)
            control.timeout(environment)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ends = list(pool.map(control.wait_invocation, calls))
        assert [end["outcome"] for end in ends] == ["timeout", "timeout"]


def test_the_order_of_telemetry(control):
    control.invoke({})
    types = [e["type"] for e in control.telemetry() if e["type"].startswith("platform.")]
    assert types == ["platform.initStart", "platform.initRuntimeDone", "platform.extension", "platform.initReport",
                     "platform.start", "platform.runtimeDone", "platform.report"]


def test_errors_are_clear(control):
    with pytest.raises(ControlError, match="409 Conflict: environment 0 is dead"):
        control.timeout()
    with pytest.raises(WaitTimeout, match="not so within 0.010 s: for=phase timeout=0.01 phase=ready") as caught:
        control.wait_phase("ready", timeout=0.01)
    assert caught.value.state["phase"] == "none"
