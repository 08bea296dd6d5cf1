# SPDX-License-Identifier: Apache-2.0
"""The control surface on CONTROL_SOCKET, by the client of examples/control, with real runtimes and extensions."""
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from extensions import events, write_extension
from harness import DAEMON, ECHO, IDLE, LIMIT, ROOT, Connection, Gate, Runtime, run
from telemetry import start_with

EXAMPLE = ROOT / "examples" / "control"
sys.path.insert(0, str(EXAMPLE))
from lambda_control import Control, ControlError, Daemon, WaitTimeout  # noqa: E402


def address(daemon):
    return dict(word.split("=", 1) for word in daemon.ready.decode().split())["control"]


@pytest.fixture
def controlled(start, tmp_path):
    """controlled(command, extensions={name: rules}, env=) -> (daemon, control)"""

    def factory(command=None, extensions=None, env=None, **kwargs):
        directory = tmp_path / "extensions"
        directory.mkdir()
        for name, rules in (extensions or {}).items():
            write_extension(directory, name, "INVOKE,SHUTDOWN", rules)
        d = start(command, env={"CONTROL_SOCKET": str(tmp_path / "control"), "LAMBDA_EXTENSIONS_DIR": str(directory),
                                **(env or {})}, **kwargs)
        return d, Control(address(d))

    return factory


def refused(status, call, *args, **kwargs):
    with pytest.raises(ControlError) as caught:
        call(*args, **kwargs)
    assert caught.value.status == status
    assert caught.value.type and caught.value.message
    return caught.value.message


def listening(pid):
    """Inodes of the sockets that the process listens on, by IP."""
    own = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own]


# --- where it listens ---

@pytest.mark.parametrize("value", ["0.0.0.0:0", "192.168.1.1:80", "[::]:0", "::1:80", "example.com:80", "127.0.0.1", "127.0.0.1:x",
                                   "127.0.0.1:65536", "8080", "[127.0.0.1:80", "[fe80::1]:80", "/tmp/", "/" + "x" * 108])
def test_nowhere_else(value):
    result = run([ECHO], env={"CONTROL_SOCKET": value})
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"lambda-runtime-api-daemon: CONTROL_SOCKET={value[:200]}: not allowed; expected the path of a unix socket (with a '/', "
        "shorter than 108), 127.0.0.1:PORT or [::1]:PORT"]


def test_off_by_default(start, tmp_path):
    d = start(cwd=tmp_path)
    assert b"control" not in d.ready
    assert len(listening(d.pid)) == 2
    assert list(tmp_path.iterdir()) == []


def test_socket_of_its_owner_that_goes_with_the_daemon(controlled, tmp_path):
    d, control = controlled()
    path = tmp_path / "control"
    assert address(d) == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert control.phase() == "none"
    assert d.stop() == 0
    assert not path.exists()


def test_stale_live_and_foreign(controlled, start, tmp_path):
    path = tmp_path / "control"
    d, control = controlled()
    # Another one does not take it away from the one that lives ...
    other = run([ECHO], env={"CONTROL_SOCKET": str(path)})
    assert (other.returncode, f"CONTROL_SOCKET: {path}: another process listens there" in other.stderr) == (1, True)
    assert control.phase() == "none"
    d.signal(signal.SIGKILL)
    d.wait()
    # ... but takes the place of one that was killed.
    assert path.exists()
    second = start(env={"CONTROL_SOCKET": str(path)})
    assert Control(address(second)).phase() == "none"
    second.stop()
    path.write_text("mine")
    other = run([ECHO], env={"CONTROL_SOCKET": str(path)})
    assert (other.returncode, "exists and is not a socket" in other.stderr, path.read_text()) == (1, True, "mine")


def test_loopback(start):
    d = start(env={"CONTROL_SOCKET": "127.0.0.1:0"})
    control = Control(address(d))
    assert control.address.startswith("127.0.0.1:") and control.phase() == "none"
    assert set(text.split(":")[0] for text in listening(d.pid)) == {"0100007F"}
    host, port = control.address.split(":")
    foreign = ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "127.evil.example", "localhostx", "[::1].x")
    for headers in ([f"Host: {host}:{port}", "Origin: http://evil.example"], [f"Host: {host}:{port}", "Origin: null"],
                    *([f"Host: {name}:{port}"] for name in foreign), ["Host: localhost", "Host: evil.example"]):
        reply = ask(host, port, headers)
        assert (reply.status, json.loads(reply.body)["errorType"]) == (403, "Forbidden"), headers
    assert ask(host, port, ["Host: localhost", "Host: localhost"]).status == 400
    for name in ("localhost", "LOCALHOST:80", "127.0.0.2", "[::1]:80"):
        assert ask(host, port, [f"Host: {name}"]).status == 200


def ask(host, port, headers):
    connection = Connection((host, int(port)))
    connection.socket.sendall("\r\n".join(["GET /state HTTP/1.1", *headers, "", ""]).encode())
    reply = connection.receive()
    connection.close()
    return reply


def test_a_command_that_is_cut_off_is_not_carried_out(start):
    d = start(env={"CONTROL_SOCKET": "127.0.0.1:0"})
    control = Control(address(d))
    d.invoke()
    control.wait_environment("idle")
    host, port = control.address.split(":")
    for path in ("/environments/0/reset", "/environments/0/shutdown", "/restore", "/invocations"):
        connection = Connection((host, int(port)))
        connection.send_cut(path, {"Host": "localhost"})
        assert connection.receive().status == 400
        connection.close()
        connection = Connection((host, int(port)))
        assert connection.call("POST", path, b"x" * 6291457, {"Host": "localhost"}).status == 413
        connection.close()
    assert control.environment()["state"] == "idle"
    assert control.state()["counts"]["invocations"] == 1


def test_the_same_subscription_again_is_none(controlled):
    d, control = controlled(IDLE)
    control.enqueue({})
    d.err.wait("runtime started")
    connection = Connection(d.runtime_address)
    reply = connection.call("POST", "/2020-01-01/extension/register", b"{}", {"Lambda-Extension-Name": "inside"})
    identity = {"Lambda-Extension-Identifier": reply.headers["Lambda-Extension-Identifier"]}
    for kinds in (["platform"], ["platform"], ["function"], ["function"], ["platform"]):
        body = {"schemaVersion": "2022-12-13", "types": kinds,
                "destination": {"protocol": "TCP", "port": 8080}}
        assert connection.call("PUT", "/2022-07-01/telemetry", json.dumps(body).encode(), identity).status == 200
    told = control.telemetry("platform.telemetrySubscription")
    assert [event["record"]["types"] for event in told] == [["platform"], ["function"], ["platform"]]
    connection.close()


def test_children_do_not_know(controlled):
    d, control = controlled(extensions={"one": ["start:env"]})
    facts = json.loads(control.invoke({"do": "facts"})["result"])
    assert "AWS_LAMBDA_FUNCTION_NAME" in facts["env"]
    assert "CONTROL_SOCKET" not in json.dumps(facts)
    line = d.out.wait(lambda text: text.startswith("[one] {"))
    assert "AWS_LAMBDA_RUNTIME_API" in line and "CONTROL_SOCKET" not in line
    pid = control.environment()["pid"]
    unix = [row.split()[6] for row in Path(f"/proc/{d.pid}/net/unix").read_text().splitlines()[1:] if row.endswith(control.address)]
    assert unix and not any(f"socket:[{inode}]" in {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()} for inode in unix)


# --- invocations ---

def test_sees_what_others_invoke(controlled):
    d, control = controlled()
    reply = d.invoke(b'{"n": 1}')
    call = control.wait_invocation(reply.headers["x-amzn-RequestId"])
    assert (call["payload"], call["result"], call["outcome"], call["environment"]) == ('{"n": 1}', '{"n": 1}', "success", 0)
    assert call["functionError"] is False and call["errorType"] is None
    assert call["initMs"] > 0 and call["waitedMs"] >= call["initMs"] and call["totalMs"] >= call["durationMs"] > 0
    reply = d.invoke({"do": "error"})
    call = control.wait_invocation(reply.headers["x-amzn-RequestId"])
    assert (call["outcome"], call["functionError"], call["result"]) == ("error", True, reply.body.decode())
    assert call["initMs"] is None
    reply = d.invoke({"do": "exit", "code": 3})
    call = control.wait_invocation(reply.headers["x-amzn-RequestId"])
    assert (call["outcome"], call["errorType"], call["state"]) == ("exit", "Runtime.ExitError", "finished")
    d.invoke(b'"\xff"')
    assert control.invocations()[-1]["payloadBase64"] == "Iv8i"
    assert len(control.invocations()) == 4
    assert control.invocations(state="running") == []
    assert "state: expected queued, running" in refused(400, control.invocations, state="nope")


def test_states_of_an_invocation(controlled):
    gates = [Gate(), Gate()]
    d, control = controlled(extensions={"slow": [f"INVOKE:gate={gates[1].path}"]}, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    first = control.enqueue({"do": "gate", "fifo": gates[0].path})
    second = control.enqueue([2])
    control.wait_invocation(first, "running")
    assert (control.phase(), control.environment()["invocation"]) == ("invoke", first)
    assert (control.invocation(second)["state"], control.state()["queued"]) == ("queued", 1)
    gates[0].open()
    call = control.wait_invocation(first, "answered")
    assert (call["state"], call["outcome"], call["totalMs"]) == ("answered", "success", None)
    refused(408, control.wait_invocation, first, timeout=0)
    # Else the extension may be done before the runtime is.
    control.wait_telemetry("platform.runtimeDone", request_id=first)
    gates[1].open()
    call = control.wait_invocation(first)
    assert call["extensionOverheadMs"] > 0
    assert control.wait_invocation(second)["result"] == "[2]"
    control.wait_count("finished", 2)


def test_a_caller_that_leaves(controlled, gate):
    d, control = controlled(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    running = control.enqueue({"do": "gate", "fifo": gate.path})
    control.wait_invocation(running, "running")
    caller = Connection(d.invoke_address)
    caller.send("POST", "/2015-03-31/functions/function/invocations", b"[1]")
    control.wait_count("invocations", 2)
    caller.close()
    control.wait_count("cancelled", 1)
    assert [c["state"] for c in control.invocations()] == ["running", "cancelled"]
    gate.open()
    control.wait_invocation(running)


def test_init_error(controlled):
    d, control = controlled(["/bin/false"])
    call = control.invoke({})
    assert (call["outcome"], call["environment"], call["errorType"]) == ("init_error", None, "Runtime.ExitError")
    init = control.environment()["init"]
    assert (init["status"], init["errorType"]) == ("error", "Runtime.ExitError")
    assert control.state()["counts"]["initFailures"] == 1


def test_an_invocation_that_is_not_queued(controlled):
    d, control = controlled(IDLE, env={"MAX_PENDING": "1"})
    for kind in ("Event", "DryRun"):
        assert "expected RequestResponse" in refused(400, control.enqueue, {}, headers={"X-Amz-Invocation-Type": kind})
    assert control.invocations() == []
    first = control.enqueue({}, headers={"X-Amz-Invocation-Type": "RequestResponse"})
    assert "MAX_PENDING" in refused(429, control.enqueue, {})
    assert [call["outcome"] for call in control.invocations(state="finished")] == ["throttled"]
    assert control.invocation(first)["state"] == "queued"


def test_enqueue_with_headers(controlled):
    d, control = controlled(IDLE)
    assert "Base64" in refused(400, control.enqueue, {}, headers={"X-Amz-Client-Context": "%"})
    control.enqueue({"a": 1}, headers={"X-Amz-Client-Context": "eyJhIjoxfQ==", "X-Amzn-Trace-Id": "Root=1-00000000-0123456789abcdef01234567"})
    event = Runtime(d).next()
    assert event.headers["Lambda-Runtime-Client-Context"] == '{"a":1}'
    assert event.headers["Lambda-Runtime-Trace-Id"].startswith("Root=1-00000000-0123456789abcdef01234567")
    assert event.body == b'{"a": 1}'
    refused(413, control.enqueue, b"x" * 6291457)


# --- waits ---

def test_waits_come_true(controlled, gate):
    d, control = controlled(extensions={"a": [], "b": [f"start:gate={gate.path}"]}, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    pool = d.pool
    waits = [pool.submit(control.wait_phase, "init"), pool.submit(control.wait_extension, "a"),
             pool.submit(control.wait_extension, "b", "Ready"), pool.submit(control.wait_extensions, 2),
             pool.submit(control.wait_phase, "ready"), pool.submit(control.wait_environment, "idle", 0),
             pool.submit(control.wait_count, "finished", 1), pool.submit(control.wait_telemetry, "platform.report")]
    call = control.enqueue({})
    assert waits[0].result(LIMIT)["environments"][0]["state"] in ("starting", "init")
    assert waits[1].result(LIMIT)["phase"] == "init"
    assert not any(w.done() for w in waits[2:])
    gate.open()
    assert len(waits[3].result(LIMIT)["environments"][0]["extensions"]) == 2
    assert waits[7].result(LIMIT)[0]["record"]["requestId"] == call
    for wait in waits:
        wait.result(LIMIT)
    assert control.wait_phase("ready", timeout=0)["phase"] == "ready"


def test_waits_end(controlled):
    d, control = controlled()
    begin = time.monotonic()
    with pytest.raises(WaitTimeout) as caught:
        control.wait_extension("nobody", timeout=0.2)
    assert time.monotonic() - begin >= 0.2
    assert caught.value.state["phase"] == "none"
    assert "not so within 0.200 s: for=extension timeout=0.2 name=nobody state=Registered" in str(caught.value)
    for query, words in [("", "for is missing"), ("for=nonsense", "expected one of: phase, environment"),
                         ("for=phase&phase=ready&nonsense=1", "nonsense: unknown parameter; expected for timeout phase"),
                         ("for=phase&phase=%zz", "not percent-encoded"), ("for=frozen&environment=1", "whole number up to 0"),
                         ("for=telemetry&timeout=x", "seconds from 0 to 3600")]:
        assert words in refused(400, control.request, "GET", f"/wait?{query}")
    refused(404, control.wait_invocation, "nobody")
    refused(404, control.invocation, "nobody")


def test_one_that_waits_and_leaves(controlled):
    d, control = controlled()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(control.address)
        s.sendall(b"GET /wait?for=phase&phase=ready HTTP/1.1\r\n\r\n")
        # The next request of another connection is read after it.
        assert control.phase() == "none"
    assert control.invoke([1])["result"] == "[1]"


def test_end_of_the_daemon(controlled, gate):
    d, control = controlled(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    running = control.enqueue({"do": "gate", "fifo": gate.path})
    control.wait_invocation(running, "running")
    shutdown = d.pool.submit(control.wait_phase, "shutdown")
    never = d.pool.submit(control.wait_count, "finished", 99, 60)
    control.phase()
    d.signal(signal.SIGTERM)
    assert shutdown.result(LIMIT)["phase"] == "shutdown"
    # It still answers while the daemon drains.
    assert "the daemon ends" in refused(503, control.enqueue, {})
    assert control.invocations()[-1]["outcome"] == "shutdown"
    gate.open()
    refused(503, never.result, LIMIT)
    assert d.wait() == 0


def test_end_at_once(controlled):
    """With an event of the control surface's own on its way."""
    d, control = controlled(IDLE)
    control.enqueue({})
    event = Runtime(d).next()
    assert event.status == 200
    control.enqueue({})
    d.signal(signal.SIGTERM)
    control.wait_phase("shutdown")
    d.signal(signal.SIGTERM)
    assert d.wait() == 1
    assert not any("Sanitizer" in line for line in d.err.all())
    assert not os.path.exists(control.address)


def test_paths_and_methods(controlled):
    d, control = controlled()
    routes = control.request("GET", "/")["routes"]
    assert "GET /wait" in routes
    for route in routes:
        method, path = route.split()
        assert f"{method:<6} {path.replace('{environment}/{action}', '{n}/')}" in (ROOT / "daemon/edge/control.h").read_text()
    assert "no such path" in refused(404, control.request, "GET", "/nope")
    assert refused(405, control.request, "PUT", "/telemetry") == "expected GET, DELETE"
    assert "from 0" in refused(404, control.reset, environment=1)
    assert "from 0" in refused(404, control.reset, environment="x")
    assert "shutdown, timeout" in refused(404, control.request, "POST", "/environments/0/nope")
    assert "reason: expected" in refused(400, control.shutdown, reason="nope")
    assert "unknown parameter" in refused(400, control.request, "GET", "/state?a=1")


# --- telemetry ---

def test_sees_what_a_subscriber_sees(start, tmp_path):
    d, extensions = start_with(start, tmp_path, {"watcher": {"types": ["platform", "function"]}},
                               env={"CONTROL_SOCKET": str(tmp_path / "control")})
    control = Control(address(d))
    control.invoke({"do": "say", "writes": [[1, "a\nb\n"], [2, "c\n"]]})
    control.invoke({})
    last = control.telemetry("platform.report")[-1]["record"]["requestId"]
    told = extensions.wait_events("watcher", "platform.report", 2)
    assert told[-1]["record"]["requestId"] == last
    # The extension's own lines are not what it subscribed to.
    captured = [e for e in control.telemetry() if e["type"] != "extension"]
    assert captured == told
    assert [e["record"] for e in control.telemetry("function")] == ["a", "b", "c"]


def test_without_a_subscriber(controlled):
    d, control = controlled(extensions={"one": ["INVOKE:print=hello"]}, env={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    call = control.invoke({"do": "say", "writes": [[1, '{"level":"INFO","n":1}\n']]})
    assert control.wait_telemetry("function")[0]["record"] == {"level": "INFO", "n": 1}
    assert control.wait_telemetry("extension", contains="hello")[0]["record"] == "[one] hello"
    report = control.wait_telemetry("platform.report", request_id=call["id"])[0]["record"]
    assert report["metrics"]["durationMs"] == pytest.approx(call["totalMs"])
    page = control.telemetry_page(limit=3)
    assert [e["seq"] for e in page["events"]] == [1, 2, 3]
    page = control.telemetry_page(after=page["next"], limit=2)
    assert [e["seq"] for e in page["events"]] == [4, 5]
    control.clear_telemetry()
    assert control.telemetry() == []
    last = control.state()["lastEvent"]
    # Each environment that is started is seen from its first event on.
    control.shutdown()
    control.wait_environment("dead")
    control.invoke({})
    assert control.wait_telemetry("platform.initStart", after=last)


# --- triggers ---

@pytest.mark.parametrize("reason", ["spindown", "timeout", "failure"])
def test_shutdown(controlled, reason):
    d, control = controlled(extensions={"one": []})
    assert "environment 0 is dead" in refused(409, control.shutdown)
    control.invoke({})
    pid = control.environment()["pid"]
    assert control.shutdown(reason=reason.upper())["environments"][0]["state"] == "stopping"
    control.wait_environment("dead")
    told = events(d, "one", 2)[1]
    assert (told["eventType"], told["shutdownReason"]) == ("SHUTDOWN", reason)
    counts = control.state()["counts"]
    assert (counts["starts"], counts["shutdowns"], counts["ends"]) == (1, 1, 1)
    control.invoke({})
    assert control.environment()["pid"] != pid
    phases = [event["record"]["phase"] for event in control.telemetry("platform.initStart")]
    assert phases == ["init", "init" if reason == "spindown" else "invoke"]


def test_timeout(controlled):
    d, control = controlled(extensions={"one": []}, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "900"})
    control.invoke({})
    assert "needs one that initialises or works on an event" in refused(409, control.timeout)
    future = d.later({"do": "hang"})
    control.wait_phase("invoke")
    assert "timeout and reset are for the others" in refused(409, control.shutdown)
    control.timeout()
    assert json.loads(future.result(LIMIT).body)["errorType"] == "Sandbox.Timedout"
    call = control.wait_invocation(future.result().headers["x-amzn-RequestId"])
    assert (call["outcome"], call["state"]) == ("timeout", "finished")
    assert control.wait_telemetry("platform.report", request_id=call["id"])[0]["record"]["status"] == "timeout"
    control.wait_environment("dead")
    assert events(d, "one", 3)[2]["shutdownReason"] == "timeout"
    control.invoke({})
    assert [e["record"]["phase"] for e in control.telemetry("platform.initStart")] == ["init", "invoke"]


def test_timeout_of_an_init(controlled, gate):
    d, control = controlled(extensions={"one": [f"start:gate={gate.path}"]})
    call = control.enqueue({})
    control.wait_phase("init")
    control.timeout()
    assert control.wait_invocation(call)["outcome"] == "timeout"
    assert control.environment()["init"]["status"] == "timeout"


def test_reset(controlled):
    d, control = controlled(extensions={"one": []})
    call = control.enqueue({"do": "hang"})
    control.wait_phase("invoke")
    control.reset()
    call = control.wait_invocation(call)
    assert (call["outcome"], call["errorType"]) == ("exit", "Sandbox.Failure")
    assert "reset by the control surface" in call["result"]
    control.wait_environment("dead")
    assert events(d, "one", 2)[1]["shutdownReason"] == "failure"
    assert control.invoke([1])["result"] == "[1]"


def kernel_state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]


def wait_stopped(pid):
    """The signal is out; the kernel needs a moment."""
    for _ in range(1000000):
        if kernel_state(pid) == "T":
            return
    raise AssertionError(f"{pid} is {kernel_state(pid)}")


def test_freeze_and_thaw(controlled):
    d, control = controlled(extensions={"one": []})
    control.invoke({})
    pids = [control.environment()["pid"], control.extensions()["one"]["pid"]]
    control.freeze()
    assert control.wait_frozen(timeout=0)["environments"][0]["freezeEpoch"] == 0
    for pid in pids:
        wait_stopped(pid)
    control.thaw()
    assert not control.is_frozen() and control.environment()["freezeEpoch"] == 1
    control.freeze()
    # Work thaws it.
    assert control.invoke([1])["result"] == "[1]"
    assert control.environment()["freezeEpoch"] == 2
    assert [control.environment()["pid"], control.extensions()["one"]["pid"]] == pids
    counts = control.state()["counts"]
    assert (counts["freezes"], counts["thaws"]) == (2, 2)
    control.shutdown()
    control.wait_environment("dead")
    assert "idle or a snapshot" in refused(409, control.freeze)
    assert control.environment()["pid"] is None


def test_frozen_by_itself(controlled):
    d, control = controlled(env={"LAMBDA_FREEZE": "process"})
    control.invoke({})
    control.wait_frozen()
    control.wait_count("freezes", 1)
    control.invoke({})
    control.wait_count("thaws", 1)


def test_restore(controlled):
    d, control = controlled(IDLE, env={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
    assert "restore/next" in refused(409, control.restore)
    d.err.wait("runtime started")
    runtime = Runtime(d)
    runtime.send("GET", "/2018-06-01/runtime/restore/next")
    control.wait_environment("snapshot")
    assert control.restore() == 1
    assert runtime.receive().status == 200
    runtime.send_next()
    control.wait_environment("idle")
    control.wait_count("restores", 1)
    assert control.wait_telemetry("platform.restoreReport")


def test_several_environments(controlled):
    d, control = controlled(env={"MAX_CONCURRENCY": "3"})
    calls = [control.enqueue({"do": "hang"}) for _ in range(2)]
    for number in range(2):
        control.wait_environment("busy", number)
    assert len(control.state()["environments"]) == 2
    slots = {control.invocation(c)["environment"] for c in calls}
    assert slots == {0, 1}
    control.timeout(1)
    ended = control.wait_count("finished", 1)
    assert ended["environments"][0]["state"] == "busy"
    control.timeout(0)
    for call in calls:
        assert control.wait_invocation(call)["outcome"] == "timeout"


# --- the example ---

def test_suite_of_an_extension_author():
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE)], cwd=ROOT, text=True,
                          env={**os.environ, "LAMBDA_DAEMON": DAEMON, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, timeout=10 * LIMIT)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout


# --- the client ---

def test_client_of_a_program_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        Daemon([ECHO], binary="/no/such").__enter__()
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert list(tmp_path.iterdir()) == []


def test_client_below_a_deep_directory(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with Daemon([ECHO], binary=DAEMON) as control:
        with pytest.raises(WaitTimeout):
            control.wait_phase("ready", timeout=1e-5)
        assert "no environment 7" in refused(404, control.environment, 7)
