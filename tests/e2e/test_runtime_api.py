# SPDX-License-Identifier: Apache-2.0
"""The Runtime API, route by status: the test plays the runtime."""
import base64
import json
import re
import time

import pytest

from harness import IDLE, LIMIT, Runtime

API = "/2018-06-01/runtime"
OK = b'{"status":"OK"}\n'
WRONG_ID = "11111111-2222-4333-8444-555555555555"


def error(reply):
    assert reply.headers["Content-Type"] == "application/json"
    document = json.loads(reply.body)
    assert list(document) == ["errorMessage", "errorType"]
    return reply.status, document["errorType"], document["errorMessage"]


def state_error(origin, target):
    return (403, "InvalidStateTransition",
            f"State transition from {origin} to {target} failed for runtime. Error: State transition is not allowed")


BAD_ID = (400, "InvalidRequestID", "Invalid request ID")


def test_ping(start):
    runtime = Runtime(start(IDLE))
    reply = runtime.call("GET", "/2018-06-01/ping")
    assert (reply.status, reply.body) == (200, b"pong")
    runtime.close()


@pytest.mark.parametrize("method,path,status", [
    ("GET", "/", 404), ("GET", "/2018-06-01", 404), ("GET", API + "/invocation/next/", 404),
    ("GET", API + "/restore/next", 404), ("POST", API + "/restore/error", 404), ("GET", "/2018-06-02/ping", 404),
    ("POST", API + "/invocation//response", 404), ("POST", API + "/invocation/a/b/response", 404),
    ("POST", API + "/invocation/next", 405), ("HEAD", API + "/invocation/next", 405),
    ("GET", f"{API}/invocation/{WRONG_ID}/response", 405), ("DELETE", f"{API}/invocation/{WRONG_ID}/error", 405),
    ("GET", API + "/init/error", 405), ("PUT", "/2018-06-01/ping", 405),
])
def test_routes(start, method, path, status):
    runtime = Runtime(start(IDLE))
    reply = runtime.call(method, path)
    assert reply.status == status
    if status == 404:
        assert reply.body == b"404 page not found\n"
        assert reply.headers["Content-Type"].startswith("text/plain")
    else:
        assert reply.headers["Allow"] in ("GET", "POST")
    runtime.close()


def test_next_headers(start):
    d = start(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "7.5", "AWS_LAMBDA_FUNCTION_NAME": "fn"})
    context = base64.b64encode('{"custom":\n{"a":"é😀"}}'.encode()).decode()
    future = d.later(b"[1]", headers={"X-Amz-Client-Context": context, "X-Amz-Tenant-Id": "tenant-1",
                                      "X-Amzn-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1",
                                      "Content-Type": "application/x-www-form-urlencoded"})
    runtime = Runtime(d)
    before = time.time() * 1000
    event = runtime.next()
    after = time.time() * 1000
    h = event.headers
    assert (event.status, event.body) == (200, b"[1]")
    assert h["Content-Type"] == "application/json"
    assert h["Lambda-Runtime-Invoked-Function-Arn"] == "arn:aws:lambda:us-east-1:012345678912:function:fn"
    assert h["Lambda-Runtime-Client-Context"] == '{"custom": {"a":"\\u00e9\\ud83d\\ude00"}}'
    assert h["Lambda-Runtime-Aws-Tenant-Id"] == "tenant-1"
    assert h["Lambda-Runtime-Trace-Id"] == "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1"
    deadline = int(h["Lambda-Runtime-Deadline-Ms"])
    assert before - 1000 < deadline - 7500 <= after + 1
    assert h["Lambda-Runtime-Cognito-Identity"] is None
    runtime.respond(event, b"x")
    reply = future.result(LIMIT)
    assert reply.headers["x-amzn-RequestId"] == h["Lambda-Runtime-Aws-Request-Id"]
    assert reply.headers["X-Amzn-Trace-Id"] == h["Lambda-Runtime-Trace-Id"]
    runtime.close()


def test_absent_values_have_no_header_and_a_trace_is_made(played):
    _, runtime, future, event = played
    assert event.headers["Lambda-Runtime-Client-Context"] is None
    assert event.headers["Lambda-Runtime-Aws-Tenant-Id"] is None
    assert re.match(r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$",
                    event.headers["Lambda-Runtime-Trace-Id"])
    runtime.respond(event)
    future.result(LIMIT)


def test_response(played):
    _, runtime, future, event = played
    reply = runtime.respond(event, b"\x00\xffbytes", {"Content-Type": "image/png"})
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (202, OK, "application/json")
    assert reply.headers["Content-Length"] == str(len(OK))
    answer = future.result(LIMIT)
    assert (answer.body, answer.headers["Content-Type"]) == (b"\x00\xffbytes", "image/png")


@pytest.mark.parametrize("kind", ["response", "error"])
def test_no_content_type_is_json(played, kind):
    _, runtime, future, event = played
    runtime.respond(event, b"", kind=kind)
    answer = future.result(LIMIT)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"", "application/json")


def test_state_machine(start):
    d = start(IDLE)
    runtime = Runtime(d)
    assert error(runtime.respond(WRONG_ID)) == BAD_ID
    assert error(runtime.respond("no-uuid-" + "x" * 500)) == BAD_ID
    future = d.later({})
    event = runtime.next()
    assert error(runtime.respond(WRONG_ID)) == BAD_ID
    assert error(runtime.respond(WRONG_ID, kind="error")) == BAD_ID
    assert error(runtime.call("POST", API + "/init/error", b"{}")) == state_error("Running", "InitError")
    assert runtime.respond(event, b"1").status == 202
    sent = "RuntimeResponseSentState"
    assert error(runtime.respond(event, b"2")) == state_error(sent, "InvocationResponse")
    assert error(runtime.respond(event, b"2", kind="error")) == state_error(sent, "InvocationErrorResponse")
    assert error(runtime.respond(WRONG_ID)) == BAD_ID
    assert error(runtime.call("POST", API + "/init/error", b"{}")) == state_error(sent, "InitError")
    assert future.result(LIMIT).body == b"1"
    # The next event makes the old id a wrong one.
    future = d.later({})
    new = runtime.next()
    assert error(runtime.respond(event, b"3")) == BAD_ID
    assert runtime.respond(new, b"{}", kind="error").status == 202
    assert error(runtime.respond(new, b"4")) == state_error(sent, "InvocationResponse")
    assert future.result(LIMIT).headers["X-Amz-Function-Error"] == "Unhandled"
    runtime.close()


def test_old_id_while_ready(played):
    d, runtime, future, event = played
    runtime.respond(event, b"1")
    future.result(LIMIT)
    runtime.send_next()
    other = Runtime(d)
    # The parked /next is seen once the daemon has taken the connection after it.
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    assert error(other.respond(event, b"2")) == BAD_ID
    assert error(other.call("POST", API + "/init/error", b"{}")) == state_error("Ready", "InitError")
    other.close()


def test_next_again_gets_the_same_event(played):
    d, runtime, future, event = played
    other = Runtime(d)
    again = other.next()
    assert again.headers["Lambda-Runtime-Aws-Request-Id"] == event.headers["Lambda-Runtime-Aws-Request-Id"]
    assert again.body == event.body
    assert other.respond(again, b"ok").status == 202
    assert future.result(LIMIT).body == b"ok"
    other.close()


def test_dead_poll_never_swallows_an_event(start):
    d = start(IDLE)
    first = d.later({})
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"0")
    first.result(LIMIT)
    for _ in range(20):
        ghost = Runtime(d)
        ghost.send_next()
        ghost.close()
    future = d.later(b"precious")
    event = runtime.next()
    assert event.body == b"precious"
    runtime.respond(event, b"kept")
    assert future.result(LIMIT).body == b"kept"
    runtime.close()


def test_new_connection_for_every_call(start):
    d = start(IDLE)
    for n in range(10):
        future = d.later({})
        poll = Runtime(d)
        event = poll.next()
        poll.close()
        post = Runtime(d)
        post.respond(event, str(n).encode())
        post.close()
        assert future.result(LIMIT).body == str(n).encode()


def chunked(runtime, path, pieces, trailers=(), headers=None):
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"]
    lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
    runtime.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
    for n, piece in enumerate(pieces):
        size = f"{len(piece):X};ext=1" if n % 2 else f"{len(piece):x}"
        runtime.socket.sendall(size.encode() + b"\r\n" + piece + b"\r\n")
    runtime.socket.sendall(b"0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in trailers).encode() + b"\r\n")
    return runtime.receive()


def path_of(event, kind="response"):
    return f"{API}/invocation/{event.headers['Lambda-Runtime-Aws-Request-Id']}/{kind}"


def test_chunked_response_with_trailers(played):
    _, runtime, future, event = played
    reply = chunked(runtime, path_of(event), [b"a" * 10, b"b" * 70000, b"c"],
                    [("Lambda-Runtime-Function-Error-Type", ""), ("X-Other", "1")])
    assert reply.status == 202
    answer = future.result(LIMIT)
    assert answer.body == b"a" * 10 + b"b" * 70000 + b"c"
    assert answer.headers["X-Amz-Function-Error"] is None


def test_streamed_response_that_fails_at_its_end(played):
    _, runtime, future, event = played
    document = {"errorType": "Boom", "errorMessage": "late"}
    reply = chunked(runtime, path_of(event), [b"partial"],
                    [("Lambda-Runtime-Function-Error-Type", "Function.Boom"),
                     ("Lambda-Runtime-Function-Error-Body", base64.b64encode(json.dumps(document).encode()).decode())],
                    {"Lambda-Runtime-Function-Response-Mode": "streaming"})
    assert reply.status == 202
    answer = future.result(LIMIT)
    assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
    assert json.loads(answer.body) == document


def test_streaming_mode_is_buffered(played):
    _, runtime, future, event = played
    reply = chunked(runtime, path_of(event), [b"one", b"two"], (), {"Lambda-Runtime-Function-Response-Mode": "streaming"})
    assert reply.status == 202
    assert future.result(LIMIT).body == b"onetwo"


@pytest.mark.parametrize("mode", ["buffered", "STREAMING", "x"])
def test_unknown_response_mode(played, mode):
    d, runtime, future, event = played
    reply = runtime.respond(event, b"x", {"Lambda-Runtime-Function-Response-Mode": mode})
    assert error(reply) == (400, "InvalidFunctionResponseMode", "Invalid function response mode")
    answer = future.result(LIMIT)
    assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
    assert json.loads(answer.body)["errorType"] == "Runtime.InvalidResponseModeHeader"
    # The runtime goes on.
    future = d.later({})
    runtime.respond(runtime.next(), b"ok")
    assert future.result(LIMIT).body == b"ok"


def test_too_large_response(played):
    d, runtime, future, event = played
    limit = 6291556
    reply = runtime.respond(event, b"x" * (limit + 1))
    assert error(reply) == (413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")
    answer = future.result(LIMIT)
    assert (answer.status, answer.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
    assert answer.body == (b'{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size (6291557 '
                           b'bytes) exceeded maximum allowed payload size (6291556 bytes)."}')
    future = d.later({})
    assert runtime.respond(runtime.next(), b"y" * limit).status == 202
    assert future.result(LIMIT).body == b"y" * limit


def test_truncated_by_length(played):
    d, runtime, future, event = played
    broken = Runtime(d)
    broken.socket.sendall(f"POST {path_of(event)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
    broken.socket.shutdown(1)
    assert error(broken.receive()) == (400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
    assert broken.at_end()
    assert runtime.respond(event, b"whole").status == 202
    assert future.result(LIMIT).body == b"whole"
    broken.close()


def test_init_error_that_is_not_all_there(start):
    d = start(IDLE)
    future = d.later({})
    d.err.wait("runtime started")
    broken = Runtime(d)
    broken.send_cut(API + "/init/error", body=b'{"errorMessage":"par')
    assert error(broken.receive()) == (400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
    runtime = Runtime(d)
    reply = runtime.call("POST", API + "/init/error", b"x" * 6291557)
    assert error(reply) == (413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")
    assert runtime.call("POST", API + "/init/error", b'{"errorMessage":"whole"}').status == 202
    assert future.result(LIMIT).body == b'{"errorMessage":"whole"}'
    broken.close()


def test_truncated_chunks(played):
    d, runtime, future, event = played
    broken = Runtime(d)
    broken.socket.sendall(f"POST {path_of(event)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\nhelloXX".encode())
    assert error(broken.receive())[:2] == (400, "TruncatedHTTPRequest")
    assert runtime.respond(event, b"whole").status == 202
    assert future.result(LIMIT).body == b"whole"
    broken.close()


def test_truncated_stream_ends_the_invocation(played):
    """For a caller that does not stream, too: the handler has done its work."""
    d, runtime, future, event = played
    broken = Runtime(d)
    broken.socket.sendall(f"POST {path_of(event)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                          "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n5\r\nhello\r\n".encode())
    broken.socket.shutdown(1)
    assert error(broken.receive())[:2] == (400, "TruncatedHTTPRequest")
    assert json.loads(future.result(LIMIT).body)["errorType"] == "Runtime.TruncatedResponse"
    broken.close()


@pytest.mark.parametrize("kind", ["response", "error"])
def test_absurd_content_type_counts_as_octets(played, kind):
    _, runtime, future, event = played
    assert runtime.respond(event, b'"x"', {"Content-Type": "a/" + "b" * 40000}, kind).status == 202
    reply = future.result(LIMIT)
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b'"x"', "application/octet-stream")


def test_response_far_beyond_the_limit(played):
    """All of it is read, so that the runtime hears what is wrong with it."""
    _, runtime, future, event = played
    length = 300 << 20
    runtime.socket.sendall(f"POST {path_of(event)} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    block = bytes(1 << 20)
    for _ in range(length // len(block)):
        runtime.socket.sendall(block)
    assert runtime.receive().status == 413
    assert json.loads(future.result(LIMIT).body)["errorType"] == "Function.ResponseSizeTooLarge"


def test_expect_continue(played):
    _, runtime, future, event = played
    runtime.socket.sendall(f"POST {path_of(event)} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                           "Content-Length: 2\r\n\r\n".encode())
    assert runtime.file.readline().startswith(b"HTTP/1.1 100")
    assert runtime.file.readline() == b"\r\n"
    runtime.socket.sendall(b"ok")
    assert runtime.receive().status == 202
    assert future.result(LIMIT).body == b"ok"


def test_headers_of_one_mebibyte(played):
    _, runtime, future, event = played
    reply = runtime.respond(event, b"{}", {"Lambda-Runtime-Function-XRay-Error-Cause": "x" * ((1 << 20) - 1000)}, "error")
    assert reply.status == 202
    assert future.result(LIMIT).body == b"{}"


def test_headers_over_the_limit(start):
    runtime = Runtime(start(IDLE))
    reply = runtime.call("GET", "/2018-06-01/ping", headers={"X": "x" * (2 << 20)})
    assert reply.status == 431
    runtime.close()


def test_header_names_in_any_case(played):
    _, runtime, future, event = played
    runtime.socket.sendall(f"POST {path_of(event)} HTTP/1.1\r\nhOST: x\r\ncONTENT-tYPE: text/x\r\n"
                           "content-LENGTH: 2\r\n\r\nok".encode())
    assert runtime.receive().status == 202
    assert future.result(LIMIT).headers["Content-Type"] == "text/x"


def test_pipelined_calls_are_served_in_order(played):
    d, runtime, future, event = played
    post = f"POST {path_of(event)} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1".encode()
    poll = f"GET {API}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    runtime.socket.sendall(post + poll)
    assert runtime.receive().status == 202
    assert future.result(LIMIT).body == b"1"
    future = d.later(b"second")
    event = runtime.receive()
    assert event.body == b"second"
    runtime.respond(event, b"2")
    assert future.result(LIMIT).body == b"2"


@pytest.mark.parametrize("request_bytes,status", [
    (b"GET\r\n\r\n", 400), (b"GET /2018-06-01/ping HTTP/2.0\r\n\r\n", 505), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"GET /2018-06-01/ping HTTP/1.1\r\nBad Header: x\r\n\r\n", 400), (b"GET /x HTTP/1.1\r\n: x\r\n\r\n", 400),
    (b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400), (b"POST /x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"GET /\x01 HTTP/1.1\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
], ids=range(11))
def test_malformed_requests(start, request_bytes, status):
    runtime = Runtime(start(IDLE))
    runtime.socket.sendall(request_bytes)
    assert runtime.receive().status == status
    assert runtime.at_end()
    runtime.close()


def test_error_cause(played):
    _, runtime, future, event = played
    document = {"errorMessage": "m", "errorType": "T", "stackTrace": ["s"], "errorCause": {"secret": 1}}
    runtime.respond(event, json.dumps(document).encode(), {"Content-Type": "application/vnd.aws.lambda.error.cause+json"},
                    "error")
    answer = future.result(LIMIT)
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == {"errorMessage": "m", "errorType": "T", "stackTrace": ["s"]}


def test_unreadable_error_cause(played):
    _, runtime, future, event = played
    runtime.respond(event, b"{oops", {"Content-Type": "application/vnd.aws.lambda.error.cause+json"}, "error")
    answer = future.result(LIMIT)
    assert (answer.body, answer.headers["Content-Type"]) == (b'"Invalid error body"', "application/octet-stream")


@pytest.mark.parametrize("header,shown", [("Function.Oops", "Function.Oops"), ("Runtime.Abc", "Runtime.Abc"),
                                          ("weird", "Runtime.Unknown"), ("Function.1", "Function.Unknown"),
                                          (None, "Runtime.Unknown")])
def test_error_type_feeds_the_report_only(played, header, shown):
    d, runtime, future, event = played
    headers = {"Lambda-Runtime-Function-Error-Type": header} if header else {}
    runtime.respond(event, b'{"errorType":"x"}', headers, "error")
    assert future.result(LIMIT).body == b'{"errorType":"x"}'
    assert d.out.wait("REPORT").endswith(f"Status: error\tError Type: {shown}")
