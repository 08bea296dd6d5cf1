# SPDX-License-Identifier: Apache-2.0
"""SnapStart: a runtime waits in restore/next, is restored, runs its hooks, and gets credentials from the daemon."""
import json
import signal
import urllib.request
from pathlib import Path

import pytest

from harness import IDLE, Connection, Runtime, refuses_cut_bodies

API = "/2018-06-01/runtime"
SNAP = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}


def bad_state(reply, start, end):
    assert reply.status == 403
    assert json.loads(reply.body) == {
        "errorMessage": f"State transition from {start} to {end} failed for runtime. Error: State transition is not allowed",
        "errorType": "InvalidStateTransition"}


@pytest.fixture
def snapped(start):
    """(daemon, runtime): the test plays a runtime that is in its init."""
    d = start(IDLE, env=SNAP)
    d.err.wait("runtime started")
    return d, Runtime(d)


def wait_snapshot(d):
    d.wait_metric('lambda_runtimes{state="snapshot"}', 1)


def test_without_snapstart_there_is_nothing(start):
    d = start(IDLE)
    for method, path in [("GET", f"{API}/restore/next"), ("POST", f"{API}/restore/error"), ("GET", "/2021-04-23/credentials")]:
        reply = Connection(d.runtime_address).call(method, path)
        assert (reply.status, reply.body) == (404, b"404 page not found\n")


@pytest.mark.parametrize("flags,env", [((), SNAP), (("--enable-init-caching",), {})])
def test_restored_for_an_invocation(start, flags, env):
    d = start(IDLE, flags=flags, env=env)
    runtime = Runtime(d)
    d.err.wait("runtime started")
    runtime.send("GET", f"{API}/restore/next")
    wait_snapshot(d)
    assert d.request("GET", "/_/ready").status == 200
    future = d.later(b'{"a":1}')
    reply = runtime.receive()
    assert (reply.status, reply.body) == (200, b"")
    event = runtime.next()
    assert event.body == b'{"a":1}'
    runtime.respond(event, b"1")
    assert future.result(60).body == b"1"
    report = d.out.wait("REPORT")
    assert "Init Duration" not in report
    assert "\tRestore Duration: " in report and " ms\tBilled Restore Duration: " in report
    # Once only.
    second = d.later(b"{}")
    event = runtime.next()
    runtime.respond(event, b"2")
    assert second.result(60).body == b"2"
    assert "Restore" not in d.out.wait("REPORT", 2)[1]


def test_restored_by_signal(snapped):
    d, runtime = snapped
    runtime.send("GET", f"{API}/restore/next")
    wait_snapshot(d)
    d.signal(signal.SIGUSR1)
    assert runtime.receive().status == 200
    runtime.send("GET", f"{API}/invocation/next")
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    d.signal(signal.SIGUSR1)
    d.err.wait("restored by SIGUSR1 environments=0")


def test_the_signal_without_snapstart(start):
    d = start()
    d.signal(signal.SIGUSR1)
    d.err.wait("restored by SIGUSR1 environments=0")
    assert d.invoke(b"[1]").body == b"[1]"


def test_restore_error(snapped):
    d, runtime = snapped
    runtime.send("GET", f"{API}/restore/next")
    future = d.later(b"{}")
    assert runtime.receive().status == 200
    refuses_cut_bodies(d, f"{API}/restore/error")
    document = b'{"errorMessage":"hook","errorType":"X"}'
    reply = runtime.call("POST", f"{API}/restore/error", document,
                         {"Lambda-Runtime-Function-Error-Type": "Runtime.AfterRestoreError"})
    assert (reply.status, reply.body) == (202, b'{"status":"OK"}\n')
    reply = future.result(60)
    assert (reply.body, reply.headers["X-Amz-Function-Error"]) == (document, "Unhandled")
    assert "Error Type: Runtime.AfterRestoreError" in d.out.wait("REPORT")


def test_init_error_while_restoring(snapped):
    d, runtime = snapped
    runtime.send("GET", f"{API}/restore/next")
    future = d.later(b"{}")
    assert runtime.receive().status == 200
    assert runtime.call("POST", f"{API}/init/error", b'{"b":1}').status == 202
    assert future.result(60).body == b'{"b":1}'


def test_before_snapshot_error(snapped):
    d, runtime = snapped
    future = d.later(b"{}")
    d.wait_queued(1)
    assert runtime.call("POST", f"{API}/init/error", b'{"b":2}',
                        {"Lambda-Runtime-Function-Error-Type": "Runtime.BeforeSnapshotError"}).status == 202
    assert future.result(60).body == b'{"b":2}'


def test_states(snapped):
    d, runtime = snapped
    bad_state(runtime.call("POST", f"{API}/restore/error", b"{}"), "Started", "RuntimeRestoreErrorState")
    runtime.send("GET", f"{API}/restore/next")
    wait_snapshot(d)
    other = Connection(d.runtime_address)
    bad_state(other.call("GET", f"{API}/invocation/next"), "RestoreReady", "Ready")
    future = d.later(b"{}")
    assert runtime.receive().status == 200
    bad_state(other.call("GET", f"{API}/restore/next"), "Restoring", "RestoreReady")
    event = runtime.next()
    bad_state(other.call("GET", f"{API}/restore/next"), "Running", "RestoreReady")
    runtime.respond(event, b"1")
    assert future.result(60).body == b"1"


def test_a_runtime_that_hangs_up_and_asks_again(snapped):
    d, runtime = snapped
    runtime.send("GET", f"{API}/restore/next")
    wait_snapshot(d)
    runtime.close()
    d.wait_metric('lambda_runtimes{state="snapshot"}', 0)
    again = Runtime(d)
    again.send("GET", f"{API}/restore/next")
    wait_snapshot(d)
    future = d.later(b"{}")
    assert again.receive().status == 200
    event = again.next()
    again.respond(event, b"1")
    assert future.result(60).body == b"1"


def test_a_runtime_without_hooks_just_asks_for_events(start):
    d = start(env=SNAP)
    assert d.invoke(b"[1]").body == b"[1]"
    assert "Init Duration" in d.out.wait("REPORT")


def test_exit_of_a_snapshot(start):
    d = start(["sh", "-c", "exit 3"], env=SNAP)
    reply = d.invoke(b"1")
    assert json.loads(reply.body)["errorType"] == "Runtime.ExitError"


def test_credentials(start):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-to-be-seen", "AWS_SESSION_TOKEN": "tok"}
    d = start(env={**SNAP, **keys})
    env = json.loads(d.invoke({"do": "facts"}).body)["env"]
    assert not set(keys) & set(env)
    assert env["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    host, port = d.runtime_address
    assert env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == f"http://{host}:{port}/2021-04-23/credentials"
    request = urllib.request.Request(env["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
                                     headers={"Authorization": env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]})
    document = json.loads(urllib.request.urlopen(request, timeout=60).read())
    assert document.pop("Expiration").endswith("Z")
    assert document == {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "not-to-be-seen", "Token": "tok"}
    for headers in ({}, {"Authorization": "wrong"}, {"Authorization": ""}):
        reply = Connection(d.runtime_address).call("GET", "/2021-04-23/credentials", b"", headers)
        assert (reply.status, reply.body) == (404, b"cannot get credentials for the provided token\n")
    d.stop()
    assert not any("not-to-be-seen" in line or env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] in line for line in d.err.all())


def test_botocore_finds_them(start):
    import boto3  # noqa: F401  the client that the endpoint is made for
    from botocore.credentials import ContainerProvider

    d = start(env={**SNAP, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"})
    env = json.loads(d.invoke({"do": "facts"}).body)["env"]
    found = ContainerProvider(environ=env).load().get_frozen_credentials()
    assert (found.access_key, found.secret_key, found.token) == ("AKID", "s", "t")


@pytest.mark.parametrize("tokens", [{"AWS_SESSION_TOKEN": "t", "AWS_SECURITY_TOKEN": "t"}, {"AWS_SECURITY_TOKEN": "t"}])
def test_nothing_else_says_who_the_function_is(start, tokens):
    """As in a pod with an identity of its own."""
    from botocore.credentials import ContainerProvider

    pod = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/pod", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "pod",
           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/pod", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere/pod"}
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", **tokens}
    d = start(env={**SNAP, **pod, **keys})
    env = json.loads(d.invoke({"do": "facts"}).body)["env"]
    assert {name for name in env if name in {*pod, *keys}} == {"AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                                               "AWS_CONTAINER_AUTHORIZATION_TOKEN"}
    found = ContainerProvider(environ=env).load().get_frozen_credentials()
    assert (found.access_key, found.secret_key, found.token) == ("AKID", "s", "t")


def test_no_credentials(start):
    d = start(env=SNAP)
    env = json.loads(d.invoke({"do": "facts"}).body)["env"]
    assert not any(name.startswith("AWS_CONTAINER") for name in env)


def test_a_frozen_snapshot(start):
    d = start(IDLE, env={**SNAP, "LAMBDA_FREEZE": "process"})
    pid = int(d.err.wait("runtime started").split("pid=")[1].split()[0])
    runtime = Runtime(d)
    runtime.send("GET", f"{API}/restore/next")
    wait_snapshot(d)

    def state():
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]

    while state() != "T":
        pass
    d.signal(signal.SIGUSR1)
    assert runtime.receive().status == 200
    while state() == "T":
        pass


def test_provisioned(start):
    d = start(env={"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"})
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    assert json.loads(d.invoke({"do": "facts"}).body)["env"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"
