# SPDX-License-Identifier: Apache-2.0
"""External extensions: real processes that register, get their events and misbehave."""
import base64
import json
import os
import signal
import time

import pytest

from extensions import events, extension_pid, said, write_extension
from harness import ECHO, IDLE, Gate, run, wait_gone


def outcome(reply):
    """(errorType, text behind the request id) of a document that the platform wrote."""
    assert reply.headers["X-Amz-Function-Error"] == "Unhandled"
    document = json.loads(reply.body)
    return document["errorType"], document["errorMessage"].split(" Error: ", 1)[1]


@pytest.fixture
def extended(start, tmp_path):
    """extended(name=(events, rules...), ..., env={}) -> a daemon with these extensions."""
    def factory(command=None, env=None, **extensions):
        for name, (subscribed, *rules) in extensions.items():
            write_extension(tmp_path, name, subscribed, rules)
        return start(command, env={"LAMBDA_EXTENSIONS_DIR": str(tmp_path), **(env or {})})

    return factory


def test_registers_and_gets_its_events(extended):
    d = extended(one=("INVOKE,SHUTDOWN",), env={"AWS_LAMBDA_FUNCTION_NAME": "f1", "_HANDLER": "h.x"})
    before = time.time() * 1000
    reply = d.invoke(b"[1]", name="f1", headers={"X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793"})
    assert reply.body == b"[1]"
    register = said(d, "one", "register 200 ")
    assert json.loads(register) == {"functionName": "f1", "functionVersion": "$LATEST", "handler": "h.x"}
    event = events(d, "one", 1)[0]
    assert list(event) == ["eventType", "deadlineMs", "requestId", "invokedFunctionArn", "tracing"]
    assert event["eventType"] == "INVOKE"
    assert event["requestId"] == reply.headers["x-amzn-RequestId"]
    assert event["invokedFunctionArn"] == "arn:aws:lambda:us-east-1:012345678912:function:f1"
    assert len(event["invokedFunctionArn"].split(":")) == 7
    assert event["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert event["tracing"]["value"].startswith("Root=1-5759e988-bd862e3fe1be46a994272793")
    assert before + 3000 <= event["deadlineMs"] <= time.time() * 1000 + 3000
    pid = extension_pid(d, "one")
    before = time.time() * 1000
    assert d.stop() == 0
    shutdown = events(d, "one", 2)[1]
    assert list(shutdown) == ["eventType", "deadlineMs", "shutdownReason"]
    assert shutdown["shutdownReason"] == "spindown"
    assert before + 1900 <= shutdown["deadlineMs"] <= time.time() * 1000 + 2000
    wait_gone(pid)


def test_deadline_and_trace_are_the_runtimes(extended):
    d = extended(one=("INVOKE",))
    reply = d.invoke({"do": "facts"})
    assert reply.status == 200
    assert events(d, "one", 1)[0]["requestId"] == reply.headers["x-amzn-RequestId"]


def test_only_subscribed_events(extended):
    d = extended(a_both=("INVOKE,SHUTDOWN",), b_shutdown=("SHUTDOWN",), c_invoke=("INVOKE",), d_none=("",))
    for n in range(3):
        assert d.invoke(f"[{n}]".encode()).body == f"[{n}]".encode()
    d.out.wait("[c_invoke] event", 3)
    d.stop()
    assert [e["eventType"] for e in events(d, "a_both", 4)] == ["INVOKE"] * 3 + ["SHUTDOWN"]
    lines = d.out.all()
    assert [line for line in lines if line.startswith("[b_shutdown] event")] == [
        line for line in lines if line.startswith("[b_shutdown] event") and "SHUTDOWN" in line]
    assert sum(line.startswith("[c_invoke] event") for line in lines) == 3
    assert not any(line.startswith("[d_none] event") for line in lines)


def test_the_runtime_starts_after_all_have_registered(extended, gate):
    d = extended(one=("INVOKE",), two=("INVOKE", f"start:gate={gate.path}"))
    future = d.later(b"[1]")
    said(d, "one", "register 200")
    assert not any("runtime started" in line for line in d.err.lines)
    gate.open()
    d.err.wait("runtime started")
    assert future.result(60).body == b"[1]"


def test_their_environment(extended):
    d = extended(one=("", "registered:env"), env={
        "AWS_EXECUTION_ENV": "AWS_Lambda_x", "MINE": "1", "_MINE": "2", "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000"})
    d.invoke(b"1")
    env = json.loads(said(d, "one", '{"'))
    assert env["MINE"] == "1"
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == "function"
    assert env["AWS_REGION"] == "us-east-1"
    host, port = d.runtime_address
    assert env["AWS_LAMBDA_RUNTIME_API"] == f"{host}:{port}"
    absent = ["AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_TASK_ROOT",
              "LAMBDA_RUNTIME_DIR", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_EXTENSIONS_DIR"]
    assert [name for name in env if name in absent or name.startswith("_")] in ([], ["_"])  # the shell makes itself one


def test_the_caller_does_not_wait_for_them_the_next_event_does(extended, gate):
    d = extended(one=("INVOKE", f"INVOKE:gate={gate.path}"))
    assert d.invoke(b"[1]").body == b"[1]"
    second = d.later(b"[2]")
    d.wait_queued(1)
    assert not second.done()
    assert d.metrics()['lambda_runtimes{state="busy"}'] == 1
    gate.open()
    assert second.result(60).body == b"[2]"


def test_a_late_one_resets_the_environment(extended):
    d = extended(one=("INVOKE,SHUTDOWN", "INVOKE:hang"), env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    assert d.invoke(b"[1]").body == b"[1]"
    pid = extension_pid(d, "one")
    second = d.later(b"[2]")
    assert second.result(60).body == b"[2]"
    d.err.wait("extension was not done with its event in time name=one")
    wait_gone(pid)


@pytest.mark.parametrize("seconds", ["0", "0.2"])
def test_readiness_timeout(extended, seconds):
    d = extended(one=("INVOKE", "INVOKE:hang"), env={"LAMBDA_EXTENSION_READY_TIMEOUT": seconds})
    for n in range(3):
        assert d.invoke(f"[{n}]".encode()).body == f"[{n}]".encode()
    assert d.metrics()["lambda_runtime_starts_total"] == 1


@pytest.mark.parametrize("rules,kind,text", [
    (["start:exit=0"], "Extension.Crash", "exit status 0"),
    (["start:exit=7"], "Extension.Crash", "exit status 7"),
    (["registered:exit=1"], "Extension.Crash", "exit status 1"),
    (["registered:init_error=Extension.NoConfig", "registered:hang"], "Extension.InitError",
     "extension one reported Extension.NoConfig"),
    (["registered:exit_error=Extension.Oh", "registered:exit=1"], "Extension.ExitError",
     "extension one reported Extension.Oh"),
    (["INVOKE:exit=3"], "Extension.Crash", "exit status 3"),
    (["INVOKE:exit_error=Extension.Ouch", "INVOKE:exit=1"], "Extension.ExitError", "extension one reported Extension.Ouch"),
])
def test_failures_end_the_invocation(extended, rules, kind, text):
    d = extended(one=("INVOKE,SHUTDOWN", *rules), two=("",))
    reply = d.invoke({"do": "hang"})
    assert outcome(reply) == (kind, text)
    # And the next one finds a fresh environment.
    assert outcome(d.invoke({"do": "hang"})) == (kind, text)


def test_the_first_error_report_is_accepted(extended):
    # With SHUTDOWN it has the time for a second one.
    d = extended(one=("SHUTDOWN", "registered:init_error=Extension.X", "registered:init_error=Extension.Y", "registered:hang"))
    d.invoke(b"1")
    assert d.out.wait("[one] init_error", 2) == ['[one] init_error 202 {"status":"OK"}'] * 2


def test_one_that_never_registers(extended):
    d = extended(silent=("", "start:hang"), env={"AWS_LAMBDA_INIT_TIMEOUT": "0.5"})
    assert outcome(d.invoke(b"1")) == (
        "Sandbox.Timedout", "Task timed out after 0.50 seconds: extension silent did not register")
    wait_gone(extension_pid(d, "silent"))


def test_one_that_never_asks_for_an_event(extended):
    # Time enough for the others to get ready, on a busy machine too: who is waited for is told only then.
    d = extended([ECHO], silent=("", "registered:hang"), env={"AWS_LAMBDA_INIT_TIMEOUT": "5"})
    assert outcome(d.invoke(b"1")) == (
        "Sandbox.Timedout", "Task timed out after 5.00 seconds: extension silent did not ask for its first event")


@pytest.mark.parametrize("now,why", [("gone", "No such file or directory"), ("a file", "Not a directory")])
def test_a_directory_that_is_none_any_more(start, tmp_path, now, why):
    directory = tmp_path / "extensions"
    directory.mkdir()
    d = start([ECHO], env={"LAMBDA_EXTENSIONS_DIR": str(directory)})
    directory.rmdir()
    if now == "a file":
        directory.write_text("")
    assert outcome(d.invoke(b"1")) == ("Extension.LaunchError", f"{directory}: {why}; expected a directory")
    directory.unlink(missing_ok=True)
    directory.mkdir()
    assert d.invoke(b"1").body == b"1"


def test_one_that_cannot_be_started(extended, tmp_path):
    (tmp_path / "plain").write_text("not a program")
    d = extended(aaa=("",))
    assert outcome(d.invoke(b"1")) == ("Extension.LaunchError", f"fork/exec {tmp_path}/plain: permission denied")
    wait_gone(extension_pid(d, "aaa"))


def test_directories_are_no_extensions_and_links_are(start, tmp_path):
    (tmp_path / "dir" / "sub").mkdir(parents=True)
    real = write_extension(tmp_path, "real", "INVOKE", [])
    (tmp_path / "dir" / "link").symlink_to(real)
    d = start(env={"LAMBDA_EXTENSIONS_DIR": str(tmp_path / "dir")})
    assert d.invoke(b"[1]").body == b"[1]"
    assert sum("extension started" in line for line in d.err.lines) == 1


def test_a_volume_of_a_config_map(start, tmp_path):
    """Links to what is in a directory, which is reached by a link itself."""
    home = tmp_path / "dir"
    (home / "..2026_11_21").mkdir(parents=True)
    write_extension(home / "..2026_11_21", "real", "INVOKE", [])
    (home / "..data").symlink_to("..2026_11_21")
    (home / "real").symlink_to("..data/real")
    d = start(env={"LAMBDA_EXTENSIONS_DIR": str(home)})
    assert d.invoke(b"[1]").body == b"[1]"
    assert sum("extension started" in line for line in d.err.lines) == 1


def test_a_link_to_nothing(extended, tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    d = extended()
    assert outcome(d.invoke(b"1")) == ("Extension.LaunchError", f"fork/exec {tmp_path}/link: no such file or directory")


@pytest.mark.parametrize("make,reason", [(None, "No such file or directory"), ("file", "Not a directory")])
def test_a_directory_that_is_none(tmp_path, make, reason):
    path = tmp_path / "there"
    if make:
        path.write_text("x")
    done = run(IDLE, env={"LAMBDA_EXTENSIONS_DIR": str(path)})
    assert done.returncode == 2
    assert done.stderr == (f"lambda-runtime-api-daemon: LAMBDA_EXTENSIONS_DIR={path}: {reason}; expected a directory\n")


def test_a_runtime_that_cannot_be_started(extended):
    d = extended(["./nope"], one=("SHUTDOWN",))
    assert outcome(d.invoke(b"1"))[0] == "Runtime.InvalidEntrypoint"
    assert events(d, "one", 1)[0]["shutdownReason"] == "failure"


def test_eleven(extended):
    d = extended(**{f"e{n:02}": ("",) for n in range(11)})
    kind, text = outcome(d.invoke(b"1"))
    assert kind == "Extension.LaunchError"
    assert text.endswith("/e10: Extension limit (10) reached")


def test_a_crash_while_idle(extended):
    d = extended(one=("INVOKE",), two=("SHUTDOWN",))
    assert d.invoke(b"[1]").body == b"[1]"
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    os.kill(extension_pid(d, "one"), signal.SIGKILL)
    assert events(d, "two", 1)[0]["shutdownReason"] == "failure"
    assert d.invoke(b"[2]").body == b"[2]"
    assert d.metrics()["lambda_runtime_starts_total"] == 2


def test_a_runtime_that_exits(extended):
    d = extended(one=("INVOKE,SHUTDOWN",))
    began = time.monotonic()
    assert outcome(d.invoke({"do": "exit", "code": 5}))[0] == "Runtime.ExitError"
    assert time.monotonic() - began < 2
    assert events(d, "one", 2)[1]["shutdownReason"] == "failure"
    assert d.invoke(b"[2]").body == b"[2]"


def test_timeout_tells_the_extension(extended):
    d = extended(one=("INVOKE,SHUTDOWN",), env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    assert outcome(d.invoke({"do": "hang"}))[0] == "Sandbox.Timedout"
    assert events(d, "one", 2)[1]["shutdownReason"] == "timeout"
    assert d.invoke(b"[2]").body == b"[2]"


def test_shutdown_deadline(extended):
    d = extended(stubborn=("INVOKE,SHUTDOWN", "SHUTDOWN:hang"), unasked=("INVOKE",))
    d.invoke(b"1")
    pids = [extension_pid(d, "stubborn"), extension_pid(d, "unasked")]
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    began = time.monotonic()
    assert d.stop() == 0
    assert 1.9 < time.monotonic() - began < 10
    wait_gone(*pids)
    assert any("extension ended name=unasked" in line and "signal=9" in line for line in d.err.all())


def test_each_environment_has_its_own(extended):
    d = extended(one=("INVOKE,SHUTDOWN",), env={"MAX_CONCURRENCY": "2"})
    gates = [Gate(), Gate()]
    futures = [d.later({"do": "gate", "fifo": g.path}) for g in gates]
    d.wait_metric('lambda_runtimes{state="busy"}', 2)
    for g in gates:
        g.open()
    assert [f.result(60).status for f in futures] == [200, 200]
    assert len(set(d.out.wait("[one] pid", 2))) == 2
    ids = {json.loads(line.split(" 200 ")[1])["requestId"] for line in d.out.wait("[one] event 200", 2)}
    assert ids == {f.result().headers["x-amzn-RequestId"] for f in futures}


def test_nothing_is_left_when_the_daemon_is_killed(extended):
    d = extended(one=("INVOKE,SHUTDOWN",))
    d.invoke(b"1")
    pid = extension_pid(d, "one")
    d.signal(signal.SIGKILL)
    d.wait()
    wait_gone(pid)


def test_not_even_what_escaped(extended):
    d = extended(one=("INVOKE,SHUTDOWN", "INVOKE:fork"))
    d.invoke(b"1")
    child = int(said(d, "one", "child "))
    d.signal(signal.SIGKILL)
    d.wait()
    wait_gone(child)


def test_what_an_extension_leaves_behind(extended):
    d = extended(one=("INVOKE,SHUTDOWN", "INVOKE:fork"))
    d.invoke(b"1")
    child = int(said(d, "one", "child "))
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    assert outcome(d.invoke({"do": "exit", "code": 1}))[0] == "Runtime.ExitError"
    wait_gone(child)


@pytest.mark.parametrize("log", ["None", "Tail"])
def test_the_report_has_their_time_in_it(extended, gate, log):
    d = extended(one=("INVOKE", f"INVOKE:gate={gate.path}"))
    reply = d.invoke(b"[1]", headers={"X-Amz-Log-Type": log})
    assert not any("REPORT" in line for line in d.out.lines)
    gate.open()
    line = d.out.wait("REPORT")
    assert reply.headers["x-amzn-RequestId"] in line
    d.stop()
    assert sum("REPORT" in line for line in d.out.all()) == 1
    if log == "Tail":
        tail = base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode().splitlines()
        assert [text.split()[0] for text in tail if text.split()[0] in ("START", "END", "REPORT")] == ["START", "END", "REPORT"]
        assert billed(tail[-1]) <= billed(line)


def billed(report):
    return int(report.split("Billed Duration: ")[1].split()[0])
