# SPDX-License-Identifier: Apache-2.0
"""The Runtime API: what is checked first, what is allowed when, and several polls at once."""
import json
import select
import socket

import pytest

from harness import IDLE, LIMIT, Connection, Runtime

API = "/2018-06-01/runtime"
OK = b'{"status":"OK"}\n'
WRONG_ID = "11111111-2222-4333-8444-555555555555"


def error(reply):
    assert reply.headers["Content-Type"] == "application/json"
    document = json.loads(reply.body)
    assert reply.headers["Content-Length"] == str(len(reply.body))
    return reply.status, document["errorType"], document["errorMessage"]


def state_error(origin, target):
    return (403, "InvalidStateTransition",
            f"State transition from {origin} to {target} failed for runtime. Error: State transition is not allowed")


def request(method, path, body=b"", headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_stranger_cannot_take_an_event_before_there_is_a_process(start):
    d = start(IDLE)
    stranger = Connection(d.runtime_address)
    reply = stranger.call("GET", API + "/invocation/next")
    assert error(reply) == state_error("Started", "Ready")
    assert d.metrics()["lambda_runtime_starts_total"] == 0
    stranger.close()


@pytest.mark.parametrize("body,kind", [(b'{"errorType":"A.B"}', "application/json"), (b"[1]", "application/json"),
                                       (b"nonsense", "application/octet-stream"), (b"", "application/octet-stream")])
def test_after_an_init_error_nothing_is_allowed(start, body, kind):
    d = start(IDLE)
    future = d.later({})
    d.err.wait("runtime started")
    runtime = Connection(d.runtime_address)
    # In one piece, because the process does not live long after the first of them.
    runtime.socket.sendall(request("POST", API + "/init/error", body) + request("GET", API + "/invocation/next") +
                           request("POST", API + "/init/error", b"{}"))
    reply = runtime.receive()
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (202, OK, "application/json")
    assert error(runtime.receive()) == state_error("InitError", "Ready")
    assert error(runtime.receive()) == state_error("InitError", "InitError")
    answer = future.result(LIMIT)
    assert (answer.status, answer.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
    assert (answer.body, answer.headers["Content-Type"]) == (body, kind)
    runtime.close()


def test_error_bodies_are_verbatim(played):
    _, runtime, future, event = played
    reply = runtime.respond(event, b"\xff not json", kind="error")
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (202, OK, "application/json")
    answer = future.result(LIMIT)
    assert (answer.status, answer.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
    assert (answer.body, answer.headers["Content-Type"]) == (b"\xff not json", "application/json")


def test_the_id_is_checked_before_everything_else(played):
    _, runtime, future, event = played
    bad_id = (400, "InvalidRequestID", "Invalid request ID")
    assert error(runtime.respond(WRONG_ID, b"x" * 6291557)) == bad_id
    assert error(runtime.respond(WRONG_ID, b"x", {"Lambda-Runtime-Function-Response-Mode": "x"})) == bad_id
    right = event.headers["Lambda-Runtime-Aws-Request-Id"]
    for wrong in (right.upper(), right[:-1], right + "0", right + "x" * 60, "%00", right.replace("-", "%2d")):
        if wrong != right:
            assert error(runtime.respond(wrong, b"x")) == bad_id
    assert runtime.respond(event, b"good").status == 202
    assert future.result(LIMIT).body == b"good"


def test_an_error_document_that_is_too_large(played):
    d, runtime, future, event = played
    assert error(runtime.respond(event, b"x" * 6291557, kind="error"))[:2] == (413, "RequestEntityTooLarge")
    assert json.loads(future.result(LIMIT).body)["errorType"] == "Function.ResponseSizeTooLarge"
    future = d.later(b"next")
    runtime.respond(runtime.next(), b"goes on")
    assert future.result(LIMIT).body == b"goes on"


def test_whatever_is_accepted_errors_are_json(played):
    _, runtime, future, event = played
    reply = runtime.call("POST", f"{API}/invocation/{WRONG_ID}/response", b"", {"Accept": "application/xml"})
    assert error(reply)[0] == 400
    runtime.respond(event)
    future.result(LIMIT)


def test_an_answer_without_a_length_is_empty(played):
    _, runtime, future, event = played
    rid = event.headers["Lambda-Runtime-Aws-Request-Id"]
    runtime.socket.sendall(f"POST {API}/invocation/{rid}/response HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert runtime.receive().status == 202
    assert future.result(LIMIT).body == b""


def test_two_parked_polls_get_one_event_each(start):
    d = start(IDLE)
    first = d.later(b"first")
    one = Runtime(d)
    one.send_next()
    event = one.receive()
    one.respond(event, b"1")
    first.result(LIMIT)
    one.send_next()
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    two = Runtime(d)
    two.send_next()
    # What is sent later is read later, so after this round trip the poll before it is parked.
    probe = Connection(d.runtime_address)
    assert probe.call("GET", "/2018-06-01/ping").body == b"pong"
    probe.close()
    second = d.later(b"second")
    third = d.later(b"third")
    bodies = []
    for _ in range(2):
        # Whichever of the two was given it.
        readable = wait_readable(one, two)
        event = readable.receive()
        bodies.append(event.body)
        Runtime(d).respond(event, b"got " + event.body)
    assert sorted(bodies) == [b"second", b"third"]
    assert (second.result(LIMIT).body, third.result(LIMIT).body) == (b"got second", b"got third")
    assert d.metrics()["lambda_runtime_starts_total"] == 1


def wait_readable(*connections):
    ready, _, _ = select.select([c.socket for c in connections], [], [], LIMIT)
    assert ready
    return next(c for c in connections if c.socket is ready[0])


def test_byte_by_byte(played):
    _, runtime, future, event = played
    rid = event.headers["Lambda-Runtime-Aws-Request-Id"]
    runtime.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in request("POST", f"{API}/invocation/{rid}/response", b"slowly", ("Content-Type: text/slow",)):
        runtime.socket.sendall(bytes([byte]))
    assert runtime.receive().status == 202
    answer = future.result(LIMIT)
    assert (answer.body, answer.headers["Content-Type"]) == (b"slowly", "text/slow")


@pytest.mark.parametrize("chunks", [b"zz\r\nabc\r\n0\r\n\r\n", b"-1\r\n\r\n", b"ffffffffffffffff1\r\nabc",
                                    b"3\r\nabcd\r\n0\r\n\r\n", b"\r\n\r\n",
                                    b"0x3\r\nabc\r\n0\r\n\r\n"], ids=range(6))
def test_malformed_chunks(played, chunks):
    d, runtime, future, event = played
    rid = event.headers["Lambda-Runtime-Aws-Request-Id"]
    broken = Connection(d.runtime_address)
    broken.socket.sendall(f"POST {API}/invocation/{rid}/response HTTP/1.1\r\nHost: x\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
    assert error(broken.receive())[:2] == (400, "TruncatedHTTPRequest")
    assert broken.at_end()
    broken.close()
    assert runtime.respond(event, b"whole").status == 202
    assert future.result(LIMIT).body == b"whole"


def test_an_answer_to_a_timed_out_event_reaches_nobody(start):
    d = start(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.3"})
    future = d.later(b"first")
    runtime = Runtime(d)
    event = runtime.next()
    assert json.loads(future.result(LIMIT).body)["errorType"] == "Sandbox.Timedout"
    second = d.later(b"second")
    d.err.wait("runtime started", 2)
    late = Runtime(d)
    assert error(late.respond(event, b"late"))[:2] == (400, "InvalidRequestID")
    event = late.next()
    assert event.body == b"second"
    late.respond(event, b"own answer")
    assert second.result(LIMIT).body == b"own answer"
    runtime.close()
    late.close()
