# SPDX-License-Identifier: Apache-2.0
"""Callers that are slow, rude, broken or gone, and what that must not do to the others."""
import base64
import json
import os
import re
import signal
import socket
import struct

import pytest

from harness import ECHO, IDLE, LIMIT, RUNTIME, Connection, Runtime

PATH = "/2015-03-31/functions/function/invocations"


def head(length, *more, version="1.1"):
    lines = [f"POST {PATH} HTTP/{version}", "Host: x", f"Content-Length: {length}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def works(daemon):
    assert daemon.invoke(b"[42]").body == b"[42]"


def starts(daemon):
    return daemon.metrics()["lambda_runtime_starts_total"]


@pytest.mark.parametrize("junk", [
    b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"\x00" * 100, b"POST " + PATH.encode() + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", head(5).replace(b"5", b"-5") + b"hello", head(5).replace(b"5", b"5x") + b"hello",
    head("99999999999999999999999999"), head(1, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    head(1).replace(b"Content-Length: 1", b"Transfer-Encoding: chunked") + b"zz\r\nabc\r\n",
    head(1, "Content-Length: 2") + b"12", head(1).replace(b"Length:", b"Length :") + b"1",
    head(1).replace(b"Content-Length: 1", b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", b"\r\n" * 50,
], ids=range(14))
def test_junk_is_refused_and_starts_nothing(start, junk):
    d = start()
    connection = Connection(d.invoke_address)
    connection.socket.sendall(junk)
    try:
        connection.socket.shutdown(socket.SHUT_WR)
        answer = connection.file.read()
    except OSError:
        answer = b""  # closed with some of the junk unread
    assert answer == b"" or re.match(rb"HTTP/1\.[01] (4\d\d|501|505) ", answer), answer
    connection.close()
    assert starts(d) == 0
    works(d)


@pytest.mark.parametrize("part", [head(10)[:20], head(10)[:-2], head(10), head(10) + b"12345",
                                  head(1).replace(b"Content-Length: 1", b"Transfer-Encoding: chunked") + b"5\r\nhel"],
                         ids=range(5))
def test_a_request_that_breaks_off_starts_nothing(start, part):
    d = start()
    for reset in (False, True):
        connection = Connection(d.invoke_address)
        connection.socket.sendall(part)
        if reset:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert starts(d) == 0
    works(d)


def test_headers_up_to_16_kib_and_not_without_end(start):
    d = start(IDLE)
    context = base64.b64encode(json.dumps({"custom": {"x": "y" * 2600}}).encode()).decode()
    future = d.later(b"1", headers={"X-Amz-Client-Context": context, "X-Padding": "x" * 8000, "Authorization": "y" * 4000})
    runtime = Runtime(d)
    event = runtime.next()
    assert len(event.headers["Lambda-Runtime-Client-Context"]) > 2600
    runtime.respond(event, b"1")
    assert future.result(LIMIT).body == b"1"
    connection = Connection(d.invoke_address)
    try:
        connection.socket.sendall(head(0, *(f"X-{n}: {'z' * 1000}" for n in range(200))))
        answer = connection.file.read()
    except ConnectionError:
        answer = b""
    assert answer == b"" or re.match(rb"HTTP/1\.[01] (413|431) ", answer)
    connection.close()
    runtime.close()


def test_byte_by_byte(start):
    d = start()
    connection = Connection(d.invoke_address)
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in head(6, "X-Amz-Log-Type: None") + b"slowly":
        connection.socket.sendall(bytes([byte]))
    assert connection.receive().body == b"slowly"
    connection.close()


def test_pipelined_requests_are_answered_in_order(start):
    d = start(env={"MAX_CONCURRENCY": "4"})
    connection = Connection(d.invoke_address)
    connection.socket.sendall(b"".join(head(len(str(n))) + str(n).encode() for n in range(20)))
    assert [connection.receive().body for _ in range(20)] == [str(n).encode() for n in range(20)]
    connection.close()


def test_http_1_0(start):
    d = start()
    connection = Connection(d.invoke_address)
    connection.socket.sendall(head(5, version="1.0") + b"hello")
    assert connection.receive().body == b"hello"
    assert connection.at_end()
    connection.close()


def test_connection_close(start):
    d = start()
    connection = Connection(d.invoke_address)
    connection.socket.sendall(head(5, "Connection: close") + b"hello")
    assert connection.receive().body == b"hello"
    assert connection.at_end()
    connection.close()


def test_too_large_with_expect(start):
    d = start()
    connection = Connection(d.invoke_address)
    connection.socket.sendall(head(6291457, "Expect: 100-continue"))
    reply = connection.receive()
    if reply.status == 100:
        connection.socket.sendall(b"x" * 6291457)
        reply = connection.receive()
    assert reply.status == 413
    connection.close()
    assert starts(d) == 0


def test_a_caller_that_does_not_read_stops_nobody_else(start):
    d = start(env={"MAX_CONCURRENCY": "2"})
    lazy = []
    for _ in range(4):
        connection = Connection(d.invoke_address)
        event = b'{"do": "size", "bytes": 6291556}'
        connection.socket.sendall(head(len(event)) + event)
        lazy.append(connection)
    d.out.wait("REPORT", 4)
    for _ in range(10):
        works(d)
    assert [len(connection.receive().body) for connection in lazy] == [6291556] * 4
    for connection in lazy:
        connection.close()


def test_drain_does_not_wait_for_a_caller_that_does_not_read(start):
    d = start()
    lazy = Connection(d.invoke_address)
    event = b'{"do": "size", "bytes": 6291556}'
    lazy.socket.sendall(head(len(event)) + event)
    d.out.wait("REPORT")
    assert d.stop() == 0
    assert "do not read" in "\n".join(d.err.all())
    lazy.close()


def test_drain_lets_a_slow_caller_have_all_of_its_reply(start):
    d = start()
    slow = Connection(d.invoke_address)
    event = b'{"do": "size", "bytes": 6291556}'
    slow.socket.sendall(head(len(event)) + event)
    d.out.wait("REPORT")
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    assert len(slow.receive().body) == 6291556
    slow.close()
    assert d.wait() == 0


def test_callers_that_reset_their_connections(start):
    d = start([ECHO])
    works(d)
    for n in range(200):
        connection = Connection(d.invoke_address)
        connection.socket.sendall(head(10000) + b"x" * 10000)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    works(d)
    d.wait_queued(0)
    assert starts(d) == 1


def test_no_descriptor_is_lost(start):
    d = start([ECHO])
    works(d)
    # One connection for both counts: what it sees are the other ones.
    constant = Connection(d.invoke_address)

    def settled():
        assert constant.call("GET", "/_/health").status == 200
        return len(os.listdir(f"/proc/{d.pid}/fd"))

    before = settled()
    for n in range(300):
        connection = Connection(d.invoke_address)
        connection.socket.sendall(head(1) + b"1" if n % 3 else head(10)[:n % 100])
        if n % 3 == 1:
            assert connection.receive().body == b"1"
        connection.close()
    works(d)
    for _ in range(10000):
        if settled() <= before:
            break
    assert settled() <= before
    constant.close()


def test_headers_of_the_function_cannot_be_forged(start):
    """What goes into headers of another message must not be able to end a header."""
    d = start(IDLE)
    context = base64.b64encode(b'{"a":"\\r\\nX-Evil: 1"}').decode()
    raw = base64.b64encode(b'{\r\n"Lambda-Runtime-Aws-Request-Id":\r\n"evil", "a":\r\n1}').decode()
    runtime = Runtime(d)
    for value in (context, raw):
        future = d.later(b"1", headers={"X-Amz-Client-Context": value})
        event = runtime.next()
        assert event.headers["X-Evil"] is None
        assert len(event.headers.get_all("Lambda-Runtime-Aws-Request-Id")) == 1
        assert json.loads(event.headers["Lambda-Runtime-Client-Context"])["a"] in (1, "\r\nX-Evil: 1")
        runtime.respond(event, b"1", {"Content-Type": "text/x"})
        assert future.result(LIMIT).headers["Content-Type"] == "text/x"
    runtime.close()


def test_odd_bytes_in_headers(start):
    d = start()
    for value in (b"\xc3\xa9", b"a\tb", b"\x7f", b"a\rb"):
        connection = Connection(d.invoke_address)
        connection.socket.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Amz-Tenant-Id: ".encode() + value +
                                  b"\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1")
        answer = connection.file.read()
        assert answer == b"" or re.match(rb"HTTP/1\.[01] 400 ", answer), (value, answer)
        connection.close()
    works(d)


def test_many_callers_of_a_function_that_always_crashes(start):
    d = start(env={"MAX_CONCURRENCY": "4"})
    futures = [d.later({"do": "exit", "code": 1}) for _ in range(40)]
    for future in futures:
        assert json.loads(future.result(LIMIT).body)["errorType"] == "Runtime.ExitError"
    assert starts(d) <= 44
    works(d)


def test_a_flood_of_output_does_not_delay_the_answer_for_ever(start):
    d = start(RUNTIME)
    lines = 20000
    reply = d.invoke({"do": "say", "writes": [[1 + n % 2, "x" * 100 + "\n"] for n in range(lines)]})
    assert reply.status == 200 and reply.headers["X-Amz-Function-Error"] is None
    d.out.wait(lambda line: line == "x" * 100, lines)
