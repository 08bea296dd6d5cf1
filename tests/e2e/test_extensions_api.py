# SPDX-License-Identifier: Apache-2.0
"""The Extensions API call by call: the test plays the extensions, and the runtime too."""
import json
import re
import time
import uuid

import pytest

from extensions import write_extension
from harness import IDLE, Connection, Runtime, refuses_cut_bodies

API = "/2020-01-01/extension"
UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


class Extension(Connection):
    """An internal extension."""

    def __init__(self, daemon, name="internal"):
        super().__init__(daemon.runtime_address)
        self.name = name
        self.identity = {}

    def register(self, events=("INVOKE",), headers=None, body=None):
        body = json.dumps({"events": list(events)}).encode() if body is None else body
        names = {"Lambda-Extension-Name": self.name} if self.name is not None else {}
        reply = self.call("POST", f"{API}/register", body, {**names, **(headers or {})})
        if reply.status == 200:
            self.identity = {"Lambda-Extension-Identifier": reply.headers["Lambda-Extension-Identifier"]}
        return reply

    def send_next(self):
        self.send("GET", f"{API}/event/next", headers=self.identity)

    def next(self):
        self.send_next()
        return self.receive()

    def error(self, kind, error_type="Extension.Oops"):
        headers = dict(self.identity)
        if error_type is not None:
            headers["Lambda-Extension-Function-Error-Type"] = error_type
        return self.call("POST", f"{API}/{kind}/error", b'{"errorMessage":"m"}', headers)


def refused(reply):
    assert reply.status == 403
    assert reply.headers["Content-Type"] == "application/json"
    document = json.loads(reply.body)
    assert list(document) == ["errorMessage", "errorType"]
    return document["errorType"], document["errorMessage"]


@pytest.fixture
def starting(start):
    """(daemon, future): an invocation waits for a runtime that the test plays, in its init."""
    d = start(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    future = d.later(b"{}")
    d.err.wait("runtime started")
    return d, future


def test_register(starting):
    d, _ = starting
    reply = Extension(d).register()
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert UUID.match(reply.headers["Lambda-Extension-Identifier"])
    assert json.loads(reply.body) == {"functionName": "function", "functionVersion": "$LATEST", "handler": "/dev/null"}


@pytest.mark.parametrize("feature,there", [("accountId", True), ("other, accountId", True), ("accountIdX", False), ("", False)])
def test_register_account(starting, feature, there):
    d, _ = starting
    document = json.loads(Extension(d).register(headers={"Lambda-Extension-Accept-Feature": feature}).body)
    assert ("accountId" in document) == there
    if there:
        assert list(document)[0] == "accountId" and document["accountId"] == "012345678912"


@pytest.mark.parametrize("body", [b'{"events":[]}', b'{"events":null}', b"{}", b'{"events":["INVOKE"],"configurationKeys":[]}'])
def test_register_bodies(starting, body):
    d, _ = starting
    assert Extension(d).register(body=body).status == 200


@pytest.mark.parametrize("body,kind,message", [
    (b"", "InvalidRequestFormat", "not JSON"),
    (b"not json", "InvalidRequestFormat", "not JSON"),
    (b"[]", "InvalidRequestFormat", "object"),
    (b'{"events":"INVOKE"}', "InvalidRequestFormat", '"events": expected an array of strings'),
    (b'{"events":[1]}', "InvalidRequestFormat", '"events": expected an array of strings'),
    (b'{"events":[],"configurationKeys":["a"]}', "InvalidRequestFormat",
     "configurationKeys are deprecated; use environment variables instead"),
    (b'{"events":["NOPE"]}', "Extension.InvalidEventType", "NOPE: ErrorInvalidEventType"),
    (b'{"events":["INVOKE","invoke"]}', "Extension.InvalidEventType", "invoke: ErrorInvalidEventType"),
    (b'{"events":["SHUTDOWN"]}', "Extension.InvalidEventType",
     "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"),
])
def test_register_refusals(starting, body, kind, message):
    d, _ = starting
    got = refused(Extension(d).register(body=body))
    assert got[0] == kind and message in got[1]


@pytest.mark.parametrize("name", [None, ""])
def test_register_without_a_name(starting, name):
    d, _ = starting
    assert refused(Extension(d, name).register()) == ("Extension.InvalidExtensionName", "Empty extension name")


def test_register_twice(starting):
    d, _ = starting
    Extension(d).register()
    assert refused(Extension(d).register()) == (
        "Extension.InvalidExtensionState", "Extension with this name already registered")


def test_ten_at_most(starting):
    d, _ = starting
    for n in range(10):
        assert Extension(d, f"e{n}").register().status == 200
    assert refused(Extension(d, "e10").register()) == ("Extension.TooManyExtensions", "Extension limit (10) reached")


def test_registration_closes_when_the_runtime_is_ready(starting):
    d, _ = starting
    e = Extension(d)
    assert e.register().status == 200
    runtime = Runtime(d)
    runtime.send_next()
    # The extension has not asked for its event yet, so init is not over; still nobody may come any more.
    for _ in range(1000):
        reply = Extension(d, f"late{uuid.uuid4()}").register()
        if reply.status == 403:
            break
    assert refused(reply)[0] in ("Extension.RegistrationClosed", "Extension.TooManyExtensions")
    e.send_next()
    event = runtime.receive()
    assert refused(Extension(d, "late").register()) == (
        "Extension.RegistrationClosed", "Extension registration closed already")
    runtime.respond(event, b"1")


def test_nothing_runs(start):
    d = start(IDLE)
    assert refused(Extension(d).register()) == (
        "Extension.RegistrationClosed", "Extension registration closed already")


@pytest.mark.parametrize("method,path", [("GET", "event/next"), ("POST", "init/error"), ("POST", "exit/error")])
@pytest.mark.parametrize("identifier,kind,message", [
    (None, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"),
    ("", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"),
    ("no-uuid", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"),
    ("00000000-0000-4000-8000-000000000000", "Extension.UnknownExtensionIdentifier", None),
])
def test_identifiers(starting, method, path, identifier, kind, message):
    d, _ = starting
    headers = {} if identifier is None else {"Lambda-Extension-Identifier": identifier}
    headers["Lambda-Extension-Function-Error-Type"] = "Extension.X"
    if message is None:
        message = f"Unknown extension {identifier}" if path == "event/next" else "Unknown Lambda-Extension-Identifier"
    assert refused(Connection(d.runtime_address).call(method, f"{API}/{path}", b"", headers)) == (kind, message)


def test_an_identifier_is_good_in_its_own_environment_only(start):
    d = start(IDLE, env={"MAX_CONCURRENCY": "2"})
    d.later(b"1")
    d.later(b"2")
    d.err.wait("runtime started", 2)
    line = d.err.wait(lambda text: "runtime started" in text and "127.0.0.2" in text)
    e = Extension(d)
    e.register()
    host, port = line.rsplit("api=", 1)[1].split(":")
    assert refused(Connection((host, int(port))).call("GET", f"{API}/event/next", b"", e.identity))[0] == (
        "Extension.UnknownExtensionIdentifier")


@pytest.mark.parametrize("kind", ["init", "exit"])
def test_error_without_a_type(starting, kind):
    d, _ = starting
    e = Extension(d)
    e.register()
    assert refused(e.error(kind, None)) == (
        "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")


@pytest.mark.parametrize("kind,expected", [("init", "Extension.InitError"), ("exit", "Extension.ExitError")])
def test_errors(starting, kind, expected):
    d, future = starting
    e = Extension(d)
    refuses_cut_bodies(d, f"{API}/register", {"Lambda-Extension-Name": e.name})
    e.register()
    refuses_cut_bodies(d, f"{API}/{kind}/error", {**e.identity, "Lambda-Extension-Function-Error-Type": "Extension.Cut"})
    reply = e.error(kind)
    assert (reply.status, reply.body) == (202, b'{"status":"OK"}\n')
    reply = future.result(60)
    assert reply.headers["X-Amz-Function-Error"] == "Unhandled"
    assert json.loads(reply.body)["errorType"] == expected


def test_init_error_when_ready(starting):
    d, _ = starting
    e = Extension(d)
    e.register()
    e.send_next()
    runtime = Runtime(d)
    event = runtime.next()
    assert e.receive().status == 200
    assert refused(e.error("init")) == (
        "Extension.InvalidExtensionState", "State transition from Running to InitError failed for extension internal. "
        "Error: State transition is not allowed")
    runtime.respond(event, b"1")


def test_events(starting):
    d, future = starting
    e = Extension(d)
    e.register()
    e.send_next()
    runtime = Runtime(d)
    event = runtime.next()
    told = e.receive()
    assert told.status == 200
    assert told.headers["Content-Type"] == "application/json"
    assert UUID.match(told.headers["Lambda-Extension-Event-Identifier"])
    document = json.loads(told.body)
    assert document["requestId"] == event.headers["Lambda-Runtime-Aws-Request-Id"]
    assert document["deadlineMs"] == int(event.headers["Lambda-Runtime-Deadline-Ms"])
    assert document["invokedFunctionArn"] == event.headers["Lambda-Runtime-Invoked-Function-Arn"]
    assert document["tracing"] == {"type": "X-Amzn-Trace-Id", "value": event.headers["Lambda-Runtime-Trace-Id"]}
    runtime.respond(event, b"1")
    assert future.result(60).body == b"1"


def test_event_on_a_new_connection_each_time(starting):
    d, _ = starting
    e = Extension(d)
    e.register()
    e.send_next()
    runtime = Runtime(d)
    for n in range(3):
        event = runtime.next() if n == 0 else runtime.receive()
        assert e.receive().status == 200
        e.close()
        fresh = Extension(d)
        fresh.identity = e.identity
        e = fresh
        e.send_next()
        if n < 2:
            d.later(b"{}")
            runtime.respond(event, b"1")
            runtime.send_next()
    runtime.respond(event, b"1")


def test_an_extension_that_hung_up_gets_its_event_later(starting):
    d, _ = starting
    e = Extension(d)
    e.register()
    e.send_next()
    runtime = Runtime(d)
    event = runtime.next()
    assert e.receive().status == 200
    e.send_next()
    e.close()
    runtime.respond(event, b"1")
    second = d.later(b"{}")
    event = runtime.next()
    again = Extension(d)
    again.identity = e.identity
    assert json.loads(again.next().body)["requestId"] == event.headers["Lambda-Runtime-Aws-Request-Id"]
    runtime.respond(event, b"2")
    assert second.result(60).body == b"2"


def test_init_waits_for_internal_extensions(starting):
    d, future = starting
    e = Extension(d)
    e.register(events=[])
    runtime = Runtime(d)
    runtime.send_next()
    d.wait_queued(1)
    assert d.metrics()['lambda_runtimes{state="init"}'] == 1
    e.send_next()
    event = runtime.receive()
    runtime.respond(event, b"1")
    assert future.result(60).body == b"1"


@pytest.mark.parametrize("method,path,status", [
    ("GET", "register", 405), ("POST", "event/next", 405), ("GET", "init/error", 405), ("GET", "exit/error", 405),
    ("POST", "nothing", 404), ("GET", "", 404), ("HEAD", "event/next", 405),
])
def test_routes(starting, method, path, status):
    d, _ = starting
    assert Connection(d.runtime_address).call(method, f"{API}/{path}").status == status


def test_external_registers_twice(start, tmp_path):
    write_extension(tmp_path, "outer", "INVOKE", ["registered:hang"])
    d = start(IDLE, env={"LAMBDA_EXTENSIONS_DIR": str(tmp_path)})
    d.later(b"1")
    d.err.wait("runtime started")
    assert refused(Extension(d, "outer").register()) == (
        "Extension.InvalidExtensionState", "State transition from Registered to Registered failed for extension outer. "
        "Error: State transition is not allowed")


def test_end_with_internal_extensions_only(starting):
    d, _ = starting
    e = Extension(d)
    e.register()
    e.send_next()
    runtime = Runtime(d)
    event = runtime.next()
    e.receive()
    e.send_next()
    runtime.respond(event, b"1")
    runtime.send_next()
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    began = time.monotonic()
    assert d.stop() == 0
    assert time.monotonic() - began < 1.9
    assert e.at_end()
