# SPDX-License-Identifier: Apache-2.0
"""LAMBDA_FREEZE=process: an environment that has nothing to do stands still."""
import json
import os
import signal
from pathlib import Path

import pytest

from extensions import events, extension_pid, write_extension
from harness import Gate, wait_gone


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]


def wait_state(pid, frozen):
    """The signal has been sent when the daemon says so; the kernel needs a moment to stop the process."""
    for _ in range(1000000):
        if (state(pid) == "T") == frozen:
            return
    raise AssertionError(f"{pid} is {state(pid)}")


@pytest.fixture
def frozen(start, tmp_path):
    write_extension(tmp_path, "one", "INVOKE,SHUTDOWN", [])
    return lambda **env: start(env={"LAMBDA_EXTENSIONS_DIR": str(tmp_path), "LAMBDA_FREEZE": "process", **env})


def test_off_by_default(start):
    d = start()
    pid = int(d.invoke({"do": "pid"}).body)
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    assert state(pid) != "T"


def test_stands_still_between_events(frozen):
    d = frozen()
    pids = None
    for n in range(5):
        runtime = int(d.invoke({"do": "pid"}).body)
        pids = pids or [runtime, extension_pid(d, "one")]
        assert runtime == pids[0]
        events(d, "one", n + 1)
        for pid in pids:
            wait_state(pid, True)
    assert d.stop() == 0
    # Thawed for the end: the extension had its SHUTDOWN and ended by itself.
    assert events(d, "one", 6)[5]["shutdownReason"] == "spindown"
    assert any("extension ended name=one" in line and "status=0" in line for line in d.err.all())


def test_children_of_the_runtime_too(frozen):
    d = frozen()
    pids = json.loads(d.invoke({"do": "spawn", "how": ["group"]}).body)
    for pid in pids:
        wait_state(pid, True)
    assert d.invoke(b"[1]").body == b"[1]"


def test_runs_while_there_is_work(frozen):
    d = frozen(AWS_LAMBDA_FUNCTION_TIMEOUT="60")
    gates = [Gate(), Gate()]
    # One after the other: the gates are opened in the order in which the events run.
    futures = [d.later({"do": "gate", "fifo": gates[0].path})]
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    futures.append(d.later({"do": "gate", "fifo": gates[1].path}))
    d.wait_queued(1)
    assert len(d.children()) == 2
    assert not any(state(pid) == "T" for pid in d.children())
    for g in gates:
        g.open()
    assert [f.result(60).status for f in futures] == [200, 200]


def test_burst(frozen):
    """Work that comes just as the environment is stopped is done."""
    d = frozen(MAX_CONCURRENCY="2")
    futures = [d.later(json.dumps([n]).encode()) for n in range(200)]
    assert [json.loads(f.result(60).body) for f in futures] == [[n] for n in range(200)]
    for n in range(50):
        assert d.invoke(b"[1]").body == b"[1]"


def test_a_frozen_runtime_that_is_killed(frozen):
    d = frozen()
    pid = int(d.invoke({"do": "pid"}).body)
    wait_state(pid, True)
    os.kill(pid, signal.SIGKILL)
    assert events(d, "one", 2)[1]["shutdownReason"] == "failure"
    assert d.invoke(b"[2]").body == b"[2]"


def test_nothing_is_left_when_the_daemon_is_killed(frozen):
    d = frozen()
    pids = [int(d.invoke({"do": "pid"}).body), extension_pid(d, "one")]
    for pid in pids:
        wait_state(pid, True)
    d.signal(signal.SIGKILL)
    d.wait()
    wait_gone(*pids)


def test_retired_while_frozen(frozen):
    d = frozen(MAX_CONCURRENCY="2", AWS_LAMBDA_FUNCTION_IDLETIMEOUT="0.3")
    gates = [Gate(), Gate()]
    futures = [d.later({"do": "gate", "fifo": g.path}) for g in gates]
    d.wait_metric('lambda_runtimes{state="busy"}', 2)
    for g in gates:
        g.open()
    assert [f.result(60).status for f in futures] == [200, 200]
    d.err.wait('reason="idle"')
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    d.wait_metric('lambda_runtimes{state="stopping"}', 0)
    assert d.invoke(b"[2]").body == b"[2]"
