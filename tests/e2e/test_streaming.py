# SPDX-License-Identifier: Apache-2.0
"""Streamed responses: to boto3's InvokeWithResponseStream and as bare bytes, with runtimes played by the test."""
import base64
import http.client
import json
import os
import signal
import socket
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from harness import IDLE, LIMIT, SANITIZED, Daemon, Runtime
from telemetry import of, start_with

MIB = 1 << 20
STREAM = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}
TRAILERS = b"Lambda-Runtime-Function-Error-Type: %s\r\nLambda-Runtime-Function-Error-Body: %s\r\n"
DOCUMENT = b'{"errorType":"Late","errorMessage":"after \\"much\\" work"}'


@pytest.fixture(name="daemon")
def a_daemon(request):
    d = Daemon(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": str(LIMIT), **getattr(request, "param", {})})
    yield d
    assert d.stop() == 0


def client_of(d):
    host, port = d.invoke_address
    return boto3.client("lambda", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="test",
                        aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1}, read_timeout=LIMIT))


class Source(Runtime):
    """A runtime that streams."""

    def begin(self, event, headers=None, data=b""):
        rid = event.headers["Lambda-Runtime-Aws-Request-Id"]
        self.send("POST", f"/2018-06-01/runtime/invocation/{rid}/response", data, {**STREAM, **(headers or {})})

    def chunk(self, data):
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self, trailers=b""):
        self.socket.sendall(b"0\r\n" + trailers + b"\r\n")
        return self.receive()


class Sink:
    """An InvokeWithResponseStream under way."""

    def __init__(self, d, **kwargs):
        self.call = d.pool.submit(client_of(d).invoke_with_response_stream, FunctionName="function", Payload=b"{}", **kwargs)

    @property
    def reply(self):
        return self.call.result(LIMIT)

    def events(self):
        return iter(self.reply["EventStream"])

    def rest(self, events=None):
        """What is left: the bytes, and the last event."""
        pieces = []
        for event in events or self.events():
            if "InvokeComplete" in event:
                return b"".join(pieces), event["InvokeComplete"]
            pieces.append(event["PayloadChunk"]["Payload"])
        raise AssertionError("the stream has no end")


class Raw:
    """The emulator's form: bytes as they come."""

    def __init__(self, d):
        self.connection = http.client.HTTPConnection(*d.invoke_address, timeout=LIMIT)
        self.connection.request("POST", "/2015-03-31/functions/function/invocations", b"{}",
                                {"Lambda-Runtime-Function-Response-Mode": "streaming"})

    def response(self):
        return self.connection.getresponse()

    def close(self):
        self.connection.close()


def serve(d, starts=1):
    """Another event goes through as ever."""
    reply = d.later({"n": 1})
    d.err.wait("runtime started", starts)
    runtime = Runtime(d)
    assert runtime.respond(runtime.next(), b"again").status == 202
    assert reply.result(LIMIT).body == b"again"
    runtime.close()


def test_pieces_arrive_while_the_handler_runs(daemon):
    sink, source = Sink(daemon), Source(daemon)
    event = source.next()
    source.begin(event, {"Content-Type": "text/x"})
    source.chunk(b"first")
    events = sink.events()
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    source.chunk(b"second")
    assert next(events) == {"PayloadChunk": {"Payload": b"second"}}
    assert source.end().status == 202
    assert sink.rest(events) == (b"", {})
    meta = sink.reply["ResponseMetadata"]
    assert meta["HTTPHeaders"]["content-type"] == "application/vnd.amazon.eventstream"
    assert meta["HTTPHeaders"]["transfer-encoding"] == "chunked"
    assert meta["RequestId"] == event.headers["Lambda-Runtime-Aws-Request-Id"]
    assert sink.reply["ExecutedVersion"] == "$LATEST"
    assert sink.reply["StatusCode"] == 200
    figures = daemon.metrics()
    assert figures["lambda_streamed_responses_total"] == 1
    assert figures["lambda_response_bytes_total"] == 11
    serve(daemon)


def test_bare_bytes_arrive_while_the_handler_runs(daemon):
    raw, source = Raw(daemon), Source(daemon)
    event = source.next()
    source.begin(event, {"Content-Type": "text/event-stream"})
    source.chunk(b"data: 1\n\n")
    response = raw.response()
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["x-amzn-RequestId"] == event.headers["Lambda-Runtime-Aws-Request-Id"]
    assert response.read1() == b"data: 1\n\n"
    source.chunk(b"data: 2\n\n")
    assert response.read1() == b"data: 2\n\n"
    assert source.end().status == 202
    assert response.read() == b""
    raw.close()


def test_the_head_comes_before_the_first_byte(daemon):
    raw, source = Raw(daemon), Source(daemon)
    source.begin(source.next())
    response = raw.response()
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert source.end().status == 202
    assert response.read() == b""


def test_a_response_that_is_no_stream_is_one_chunk(daemon):
    for body, expected in ((b"whole", b"whole"), (b"", b""), (b"x" * 6291556, b"x" * 6291556)):
        sink, runtime = Sink(daemon, LogType="Tail"), Runtime(daemon)
        assert runtime.respond(runtime.next(), body).status == 202
        data, complete = sink.rest()
        assert data == expected
        assert list(complete) == ["LogResult"]
        assert b"REPORT RequestId" in base64.b64decode(complete["LogResult"])
        runtime.close()


def test_a_response_that_is_no_stream_is_an_ordinary_reply(daemon):
    raw, runtime = Raw(daemon), Runtime(daemon)
    assert runtime.respond(runtime.next(), b"whole", {"Content-Type": "text/x"}).status == 202
    response = raw.response()
    assert (response.headers["Content-Length"], response.headers["Content-Type"]) == ("5", "text/x")
    assert response.read() == b"whole"
    raw.close()


def test_an_error_before_the_stream(daemon):
    sink, runtime = Sink(daemon), Runtime(daemon)
    assert runtime.respond(runtime.next(), DOCUMENT, kind="error").status == 202
    assert sink.rest() == (b"", {"ErrorCode": "Unhandled", "ErrorDetails": DOCUMENT.decode()})
    assert "x-amz-function-error" not in sink.reply["ResponseMetadata"]["HTTPHeaders"]
    serve(daemon)


def test_an_error_in_the_trailers(daemon):
    sink, source = Sink(daemon, LogType="Tail"), Source(daemon)
    source.begin(source.next(), {"Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"})
    source.chunk(b"begun")
    assert source.end(TRAILERS % (b"Runtime.Late", base64.b64encode(DOCUMENT))).status == 202
    data, complete = sink.rest()
    tail = base64.b64decode(complete.pop("LogResult")).decode()
    assert (data, complete) == (b"begun", {"ErrorCode": "Runtime.Late", "ErrorDetails": DOCUMENT.decode()})
    assert "Status: error\tError Type: Runtime.Late" in tail
    # Announced, but not sent: all is well.
    sink = Sink(daemon)
    source.begin(source.next(), {"Trailer": "Lambda-Runtime-Function-Error-Type"})
    assert source.end().status == 202
    assert sink.rest() == (b"", {})


def test_an_error_in_the_last_bytes(daemon):
    """As AWS's client for Rust has it."""
    note = TRAILERS % (b"Runtime.StreamError", base64.b64encode(b"boom"))
    sink, source = Sink(daemon), Source(daemon)
    source.begin(source.next())
    source.chunk(b"begun")
    source.chunk(note[:30])
    source.chunk(note[30:])
    assert source.end().status == 202
    assert sink.rest() == (b"begun", {"ErrorCode": "Runtime.StreamError", "ErrorDetails": "boom"})
    reply = daemon.later()
    source.begin(source.next())
    source.chunk(b"begun")
    source.chunk(note)
    assert source.end().status == 202
    reply = reply.result(LIMIT)
    assert (reply.headers["X-Amz-Function-Error"], reply.body) == ("Unhandled", b"boom")
    # Not the last ones: data.
    sink = Sink(daemon)
    source.begin(source.next())
    source.chunk(note)
    source.chunk(b"more")
    assert source.end().status == 202
    assert sink.rest() == (note + b"more", {})


def test_bare_bytes_that_fail_are_not_ended(daemon):
    raw, source = Raw(daemon), Source(daemon)
    source.begin(source.next())
    source.chunk(b"begun")
    assert source.end(TRAILERS % (b"Runtime.Late", b"")).status == 202
    with pytest.raises(http.client.IncompleteRead) as failure:
        raw.response().read()
    assert failure.value.partial == b"begun"
    serve(daemon)


def test_a_stream_that_is_cut_off(daemon):
    for how in ("close", "reset", "malformed"):
        sink, source = Sink(daemon), Source(daemon)
        source.begin(source.next())
        source.chunk(b"begun")
        events = sink.events()
        next(events)
        if how == "malformed":
            source.socket.sendall(b"no length\r\n")
            assert json.loads(source.receive().body)["errorType"] == "TruncatedHTTPRequest"
        elif how == "reset":
            source.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        source.close()
        data, complete = sink.rest(events)
        assert complete["ErrorCode"] == "Runtime.TruncatedResponse"
        assert "cut off" in complete["ErrorDetails"]
        serve(daemon)


def test_a_plain_call_of_a_streaming_handler(daemon):
    reply, source = daemon.later(), Source(daemon)
    source.begin(source.next(), {"Content-Type": "text/x"})
    for _ in range(3):
        source.chunk(b"piece")
    assert source.end().status == 202
    reply = reply.result(LIMIT)
    assert (reply.headers["Content-Length"], reply.headers["Content-Type"], reply.body) == ("15", "text/x", b"piece" * 3)
    reply = daemon.later()
    source.begin(source.next())
    for _ in range(7):
        source.chunk(b"x" * MIB)
    assert source.end().status == 413
    assert json.loads(reply.result(LIMIT).body)["errorType"] == "Function.ResponseSizeTooLarge"
    assert daemon.metrics()["lambda_streamed_responses_total"] == 0


def test_what_a_runtime_may_not_do_while_it_streams(daemon):
    sink, source, other = Sink(daemon), Source(daemon), Runtime(daemon)
    event = source.next()
    source.begin(event)
    next_events = sink.events()
    for kind, state in (("response", "InvocationResponse"), ("error", "InvocationErrorResponse")):
        reply = other.respond(event, b"x", kind=kind)
        assert reply.status == 403
        assert f"from InvocationResponse to {state} failed" in json.loads(reply.body)["errorMessage"]
    assert other.next().status == 403
    mode = {"Lambda-Runtime-Function-Response-Mode": "streaming"}
    assert other.respond("00000000-0000-4000-8000-000000000000", b"x", mode).status == 400
    assert other.respond(event, b"x", mode).status == 403
    assert source.end().status == 202
    assert sink.rest(next_events) == (b"", {})
    assert other.respond(event, b"x").status == 403


@pytest.mark.parametrize("daemon", [{"AWS_LAMBDA_MAX_CONCURRENCY": "2"}], indirect=True)
def test_error_call_cuts_the_stream_of_a_managed_instance(daemon):
    sink, source, other = Sink(daemon), Source(daemon), Source(daemon)
    event = source.next()
    source.begin(event)
    source.chunk(b"first")
    events = sink.events()
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    error_type = {"Lambda-Runtime-Function-Error-Type": "Function.Late"}
    assert other.respond(event, DOCUMENT, error_type, kind="error").status == 202
    rest, end = sink.rest(events)
    assert (rest, end["ErrorCode"], end["ErrorDetails"]) == (b"", "Function.Late", DOCUMENT.decode())
    # What the handler still writes is nobody's, and the environment lives on.
    source.chunk(b"second")
    assert source.end().status == 400
    assert other.respond(event, DOCUMENT, kind="error").status == 400
    later = daemon.later({"n": 1})
    assert other.respond(other.next(), b"again").status == 202
    assert later.result(LIMIT).body == b"again"
    assert daemon.metrics()["lambda_runtime_starts_total"] == 1


def test_a_runtime_that_is_killed_while_it_streams(daemon):
    sink, source = Sink(daemon), Source(daemon)
    source.begin(source.next())
    source.chunk(b"begun")
    events = sink.events()
    next(events)
    (pid,) = daemon.children()
    os.kill(pid, signal.SIGKILL)
    data, complete = sink.rest(events)
    assert (data, complete["ErrorCode"]) == (b"", "Runtime.TruncatedResponse")
    serve(daemon, starts=2)


@pytest.mark.parametrize("daemon", [{"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"}], indirect=True)
def test_a_timeout_while_it_streams(daemon):
    sink, source = Sink(daemon), Source(daemon)
    event = source.next()
    source.begin(event)
    source.chunk(b"begun")
    data, complete = sink.rest()
    assert (data, complete["ErrorCode"]) == (b"begun", "Unhandled")
    rid = event.headers["Lambda-Runtime-Aws-Request-Id"]
    assert json.loads(complete["ErrorDetails"]) == {
        "errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {rid} Error: Task timed out after 1.00 seconds"}
    assert source.at_end()
    serve(daemon, starts=2)
    assert "Status: timeout" in daemon.out.wait("REPORT RequestId: " + rid)


def fill(source, most):
    """Sends chunks until the socket takes no more for a while; how much that was."""
    chunk = b"%x\r\n%s\r\n" % (MIB, b"x" * MIB)
    left, sent = chunk, 0
    source.socket.settimeout(2)
    try:
        while sent < most:
            n = source.socket.send(left)
            sent += n
            left = left[n:] or chunk
    except TimeoutError:
        pass
    source.socket.settimeout(LIMIT)
    return sent, left


def resident(d, what="VmHWM"):
    status = Path(f"/proc/{d.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what))


def test_a_slow_reader_slows_the_runtime(daemon):
    raw, source = Raw(daemon), Source(daemon)
    source.begin(source.next())
    sent, left = fill(source, 100 * MIB)
    assert sent < 50 * MIB
    assert SANITIZED or resident(daemon) < 16 * 1024
    response = raw.response()
    rest = daemon.pool.submit(response.read)
    source.socket.sendall(left)
    assert source.end().status == 202
    got = rest.result(LIMIT)
    assert got.count(b"x") == len(got) and len(got) % MIB == 0 and len(got) >= sent - sent // MIB * 20


def test_a_caller_that_hangs_up_does_not_hold_the_runtime_up(daemon):
    raw, source = Raw(daemon), Source(daemon)
    source.begin(source.next())
    _, left = fill(source, 100 * MIB)
    raw.close()
    source.socket.sendall(left)
    for _ in range(20):
        source.chunk(b"x" * MIB)
    assert source.end().status == 202
    assert daemon.metrics()['lambda_invocations_total{outcome="cancelled"}'] == 1
    serve(daemon)


def test_the_largest_stream_and_a_larger_one(daemon):
    for size, status in ((200 * MIB, 202), (200 * MIB + 1, 413)):
        raw, source = Raw(daemon), Source(daemon)
        source.begin(source.next())
        rest = daemon.pool.submit(lambda r: sum(iter(lambda: r.readinto(bytearray(MIB)), 0)), raw.response())
        for _ in range(200):
            source.chunk(b"x" * MIB)
        if status == 202:
            assert source.end().status == status
            assert rest.result(LIMIT) == size
        else:
            source.chunk(b"x")
            reply = source.receive()
            assert (reply.status, json.loads(reply.body)["errorType"]) == (413, "RequestEntityTooLarge")
            with pytest.raises(http.client.IncompleteRead):
                rest.result(LIMIT)
        raw.close()
        source.close()
    assert SANITIZED or resident(daemon) < 16 * 1024
    serve(daemon)


def test_calls_that_are_refused(daemon):
    client = client_of(daemon)
    assert client.invoke_with_response_stream(FunctionName="function", InvocationType="DryRun")["StatusCode"] == 204
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.invoke_with_response_stream(FunctionName="bad name!", Payload=b"{}")
    path = "/2021-11-15/functions/function/response-streaming-invocations"
    reply = daemon.request("POST", path, b"{}", {"X-Amz-Invocation-Type": "Event"})
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (400, "InvalidParameterValueException")
    assert daemon.request("GET", path).status == 405
    reply = daemon.request("POST", path, b"x" * (6 * MIB + 1))
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")


@pytest.mark.parametrize("daemon", [{"MAX_PENDING": "1"}], indirect=True)
def test_a_full_queue_is_an_http_error(daemon):
    sink = Sink(daemon)
    daemon.wait_queued(1)
    client = client_of(daemon)
    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.invoke_with_response_stream(FunctionName="function", Payload=b"{}")
    runtime = Runtime(daemon)
    assert runtime.respond(runtime.next(), b"x").status == 202
    assert sink.rest() == (b"x", {})


def test_a_drain_waits_for_a_stream():
    d = Daemon(IDLE)
    sink, source = Sink(d), Source(d)
    source.begin(source.next())
    source.chunk(b"begun")
    events = sink.events()
    next(events)
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    source.chunk(b"more")
    assert source.end().status == 202
    assert sink.rest(events) == (b"more", {})
    assert d.wait() == 0


@pytest.mark.parametrize("daemon", [{"AWS_LAMBDA_MAX_CONCURRENCY": "2"}], indirect=True)
def test_two_streams_of_one_runtime(daemon):
    sinks, sources = [Sink(daemon), Sink(daemon)], [Source(daemon), Source(daemon)]
    owners = []
    for source in sources:
        event = source.next()
        source.begin(event)
        owners.append(event.headers["Lambda-Runtime-Aws-Request-Id"])
    for source, rid in zip(sources, owners):
        source.chunk(rid.encode())
    for sink in sinks:
        assert next(sink.events()) == {"PayloadChunk": {"Payload": sink.reply["ResponseMetadata"]["RequestId"].encode()}}
    assert [source.end().status for source in sources] == [202, 202]
    assert {sink.reply["ResponseMetadata"]["RequestId"] for sink in sinks} == set(owners)


@pytest.mark.parametrize("daemon", [{"AWS_LAMBDA_MAX_CONCURRENCY": "2", "AWS_LAMBDA_FUNCTION_TIMEOUT": "1"}], indirect=True)
def test_a_managed_runtime_lives_through_a_timeout(daemon):
    sink, source = Sink(daemon), Source(daemon)
    source.begin(source.next())
    source.chunk(b"begun")
    data, complete = sink.rest()
    assert (data, complete["ErrorCode"]) == (b"begun", "Unhandled")
    assert json.loads(complete["ErrorDetails"])["errorType"] == "Sandbox.Timedout"
    source.chunk(b"too late")
    reply = source.end()
    assert (reply.status, json.loads(reply.body)["errorType"]) == (410, "InvokeTimeout")
    serve(daemon)


def test_telemetry_tells_the_first_byte_from_the_last(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"types": ["platform"]}}, command=IDLE)
    raw, source = Raw(daemon), Source(daemon)
    source.begin(source.next())
    source.chunk(b"begun")
    response = raw.response()
    assert response.read1() == b"begun"
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        daemon.metrics()
    assert source.end().status == 202
    assert response.read() == b""
    raw.close()
    source.send_next()
    (done,) = of(extensions.wait_events("watcher", "platform.report"), "platform.runtimeDone")
    spans = {s["name"]: s["durationMs"] for s in done["record"]["spans"]}
    assert spans["responseDuration"] >= 200
    assert done["record"]["metrics"]["producedBytes"] == 5
    assert sum(spans.values()) == pytest.approx(done["record"]["metrics"]["durationMs"], abs=0.01)
