# SPDX-License-Identifier: Apache-2.0
"""The function URL: requests become events, results become responses, and everything else AWS's errors."""
import json
import re
import signal
import socket
import time
import urllib.request

import pytest
import requests
from function_url import RUNTIME, Url
from harness import DAEMON, LIMIT, Connection, run

MIB = 1 << 20


@pytest.fixture
def open_url(start):
    def factory(env=None, command=None):
        return Url(start(command or RUNTIME, env={"FUNCTION_URL_PORT": "0", **(env or {})}))

    return factory


@pytest.fixture
def url(open_url):
    return open_url()


# --- events ---


def test_event_of_curl(url):
    out = url.curl("-X", "PUT", "-b", "k=v; l=m", "-H", "X-Mine: one", "-H", "X-Mine: two", "-H",
                   "Content-Type: application/json", "-d", '{"a": "ä"}', f"{url.base}/event/a%20b?x=1&x=2&y=a%26b+c")
    event = json.loads(out.stdout)
    assert event["version"] == "2.0"
    assert event["routeKey"] == "$default"
    assert event["rawPath"] == "/event/a%20b"
    assert event["rawQueryString"] == "x=1&x=2&y=a%26b+c"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "a&b c"}
    assert event["cookies"] == ["k=v", "l=m"]
    assert event["headers"]["x-mine"] == "one,two"
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-port"] == str(url.port)
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert event["body"] == '{"a": "ä"}'
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["accountId"] == "anonymous"
    assert context["domainName"] == "127.0.0.1"
    assert context["http"]["method"] == "PUT"
    assert context["http"]["path"] == "/event/a%20b"
    assert context["http"]["protocol"] == "HTTP/1.1"
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert context["http"]["userAgent"].startswith("curl/")
    assert abs(context["timeEpoch"] / 1000 - time.time()) < 60
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])


def test_least_event(url):
    with urllib.request.urlopen(f"{url.base}/event") as reply:
        event = json.load(reply)
        assert reply.headers["x-amzn-RequestId"] == event["requestContext"]["requestId"]
        assert reply.headers["X-Amzn-Trace-Id"] == event["headers"]["x-amzn-trace-id"]
    for absent in ("body", "cookies", "queryStringParameters"):
        assert absent not in event
    assert event["rawQueryString"] == ""
    assert event["isBase64Encoded"] is False


def test_form_and_upload_are_base64(url):
    event = requests.post(f"{url.base}/event", data={"a": "1"}).json()
    assert (event["body"], event["isBase64Encoded"]) == ("YT0x", True)
    event = requests.post(f"{url.base}/event", files={"f": b"\x89PNG"}).json()
    assert event["isBase64Encoded"] is True
    assert event["headers"]["content-type"].startswith("multipart/form-data; boundary=")


def test_every_method(url):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        assert url.event(method)["requestContext"]["http"]["method"] == method
    reply = url.request("HEAD", "/event")
    assert (reply.status, reply.body) == (200, b"")


def test_rest_api_event(open_url):
    url = open_url({"FUNCTION_URL_PAYLOAD": "1.0", "AWS_ACCOUNT_ID": "123456789012"})
    event = url.event("POST", "/event/x?a=1&a=2", b"a=1", {"Content-Type": "application/x-www-form-urlencoded"})
    assert event["version"] == "1.0"
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/{proxy+}", "/event/x", "POST")
    assert event["pathParameters"] == {"proxy": "event/x"}
    assert event["queryStringParameters"] == {"a": "2"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert event["multiValueHeaders"]["Content-Type"] == ["application/x-www-form-urlencoded"]
    assert (event["body"], event["isBase64Encoded"]) == ("a=1", False)
    assert event["requestContext"]["accountId"] == "123456789012"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


@pytest.mark.parametrize("multi", [False, True])
def test_load_balancer_event(open_url, multi):
    url = open_url({"FUNCTION_URL_PAYLOAD": "alb-multi" if multi else "alb"})
    event = url.event("GET", "/event?a=1%202&a=3")
    assert event["requestContext"]["elb"]["targetGroupArn"].startswith("arn:aws:elasticloadbalancing:us-east-1:")
    assert (event["httpMethod"], event["path"], event["body"]) == ("GET", "/event", "")
    if multi:
        assert event["multiValueQueryStringParameters"] == {"a": ["1%202", "3"]}
        assert event["multiValueHeaders"]["x-forwarded-proto"] == ["http"]
        assert "headers" not in event
    else:
        assert event["queryStringParameters"] == {"a": "3"}
        assert event["headers"]["x-forwarded-proto"] == "http"


# --- responses ---


def test_response_in_full(url):
    reply = url.result({"statusCode": 201, "headers": {"Content-Type": "text/html", "X-Mine": "yes"}, "body": "<p>ä</p>",
                        "cookies": ["a=b; Secure", "c=d"]})
    assert reply.status == 201
    assert reply.headers["Content-Type"] == "text/html"
    assert reply.headers["X-Mine"] == "yes"
    assert reply.headers.get_all("Set-Cookie") == ["a=b; Secure", "c=d"]
    assert reply.body.decode() == "<p>ä</p>"


@pytest.mark.parametrize("result, body", [
    (b'{"message":  "Hello"}', b'{"message":  "Hello"}'),
    (b'"Hello, \\u00e4"', "Hello, ä".encode()),
    (b"[1, 2]", b"[1, 2]"),
    (b"null", b"null"),
])
def test_plain_json(url, result, body):
    reply = url.result(result)
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, "application/json", body)


def test_binary_response(url):
    reply = url.result({"statusCode": 200, "headers": {"content-type": "image/png"}, "body": "iVBORw==",
                        "isBase64Encoded": True})
    assert (reply.headers["Content-Type"], reply.body) == ("image/png", b"\x89PNG")


def test_redirect_and_no_content(url):
    reply = url.result({"statusCode": 302, "headers": {"Location": "/there"}})
    assert (reply.status, reply.headers["Location"], reply.body) == (302, "/there", b"")
    assert url.result({"statusCode": 204}).status == 204
    assert url.result({"statusCode": 304, "headers": {"ETag": '"x"'}}).headers["ETag"] == '"x"'


def test_headers_cannot_be_smuggled(url):
    reply = url.result({"statusCode": 200, "headers": {"X-A": "b\r\nX-Evil: yes", "Content-Length": "1",
                                                       "Transfer-Encoding": "chunked"}, "body": "whole"})
    assert reply.headers["X-Evil"] is None
    assert reply.body == b"whole"


@pytest.mark.parametrize("result", [b"hello", b'{"statusCode": 1000}', b'{"statusCode":200,"headers":{"a b":"c"}}'])
def test_what_is_no_response_is_502(url, result):
    reply = url.result(result)
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    url.daemon.err.wait("the function's response is no HTTP response payload=2.0")
    assert url.result({"statusCode": 200}).status == 200


def test_prelude_in_a_buffered_url(url):
    reply = url.request("GET", "/whole")
    assert (reply.status, reply.headers["X-A"], reply.body) == (202, "b", b"the rest")


def test_rest_api_response(open_url):
    url = open_url({"FUNCTION_URL_PAYLOAD": "1.0"})
    reply = url.result({"statusCode": 200, "multiValueHeaders": {"Set-Cookie": ["a=b", "c=d"]}, "body": "x"})
    assert reply.headers.get_all("Set-Cookie") == ["a=b", "c=d"]
    reply = url.result({"message": "not a response"})
    assert (reply.status, reply.body) == (502, b'{"message": "Internal server error"}')


def test_load_balancer_response(open_url):
    url = open_url({"FUNCTION_URL_PAYLOAD": "alb"})
    reply = url.result({"statusCode": 200, "statusDescription": "200 OK", "headers": {"Set-cookie": "a=b"}, "body": "x"})
    assert (reply.status, reply.headers["Set-Cookie"], reply.body) == (200, "a=b", b"x")
    reply = url.result({"body": "no status"})
    assert reply.status == 502
    assert reply.headers["Content-Type"] == "text/html"
    assert b"502 Bad Gateway" in reply.body


# --- failures ---


@pytest.mark.parametrize("path", ["/fail", "/exit", "/hang"])
def test_function_errors_are_502(open_url, path):
    url = open_url({"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    reply = url.request("GET", path)
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    assert reply.headers["x-amzn-ErrorType"] == "InternalServerErrorException"
    assert url.event()["rawPath"] == "/event"


def test_throttling(open_url, gate):
    url = open_url({"MAX_PENDING": "1"})
    waiting = [url.later("POST", "/gate", gate.path, {"Content-Type": "text/plain"})]
    url.daemon.wait_metric("lambda_queue_depth", 0)
    url.daemon.out.wait("START")
    waiting.append(url.later("GET", "/event"))
    url.daemon.wait_queued(1)
    reply = url.request("GET", "/event")
    assert reply.status == 429
    assert reply.headers["Retry-After"] == "1"
    assert json.loads(reply.body)["Reason"] == "ConcurrentInvocationLimitExceeded"
    gate.open()
    assert [w.result().status for w in waiting] == [200, 200]


def test_size_limits(url):
    body = b"x" * (4 * MIB)
    assert url.request("POST", "/result", body, {"Content-Type": "text/plain"}).status == 502  # not JSON, but it got there
    assert url.request("POST", "/result", b"x" * (5 * MIB)).status == 413  # in base64 it is more than 6 MiB
    reply = url.request("POST", "/result", b"x" * (7 * MIB), {"Content-Type": "text/plain"})
    assert reply.status == 413
    assert json.loads(reply.body)["message"].startswith("Request must be smaller than 6291456 bytes")
    big = json.dumps("y" * (5 * MIB)).encode()
    assert len(url.request("POST", "/result", big, {"Content-Type": "text/plain"}).body) == 5 * MIB


def test_caller_that_leaves_is_forgotten(open_url, gate):
    url = open_url()
    running = url.later("POST", "/gate", gate.path, {"Content-Type": "text/plain"})
    url.daemon.out.wait("START")
    gone = Connection((url.host, url.port))
    gone.send("GET", "/event")
    url.daemon.wait_queued(1)
    gone.close()
    url.daemon.wait_queued(0)
    gate.open()
    assert running.result().body == b"opened"


def test_drain(open_url, gate):
    url = open_url()
    running = url.later("POST", "/gate", gate.path, {"Content-Type": "text/plain"})
    url.daemon.out.wait("START")
    queued = url.later("GET", "/event")
    url.daemon.wait_queued(1)
    url.daemon.signal(signal.SIGTERM)
    assert queued.result().status == 503
    gate.open()
    assert running.result().body == b"opened"
    assert url.daemon.wait() == 0


def test_large_heads(url):
    cookies = "; ".join(f"cookie{i}={'v' * 100}" for i in range(100))
    assert len(url.event(headers={"Cookie": cookies})["cookies"]) == 100
    reply = url.result({"statusCode": 200, "headers": {"X-Big": "h" * 20000}, "body": "x"})
    assert len(reply.headers["X-Big"]) == 20000
    assert url.result({"statusCode": 200, "headers": {"X-Big": "h" * 30000}}).status == 502
    assert url.request("GET", "/event", headers={"X-Big": "h" * 60000}).status == 200
    assert url.request("GET", "/event", headers={"X-Big": "h" * 120000}).status == 431


def test_idle_clients_leave_descriptors_for_the_invoke_api(start, tmp_path):
    few = tmp_path / "few"
    few.write_text(f'#!/bin/sh\nulimit -n 256\nexec {DAEMON} "$@"\n')
    few.chmod(0o755)
    url = Url(start(env={"FUNCTION_URL_PORT": "0"}, binary=str(few)))
    idle = [socket.create_connection((url.host, url.port), timeout=LIMIT) for _ in range(300)]
    assert url.daemon.invoke({"x": 1}).body == b'{"x": 1}'
    for s in idle:
        s.close()
    assert url.request("GET", "/").status == 200


# --- CORS ---

PREFLIGHT = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT",
             "Access-Control-Request-Headers": "content-type,x-mine"}


def test_without_cors_the_function_sees_the_preflight(url):
    event = url.event("OPTIONS", headers=PREFLIGHT)
    assert event["headers"]["access-control-request-method"] == "PUT"
    reply = url.result({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}, {"Origin": "http://a"})
    assert reply.headers.get_all("Access-Control-Allow-Origin") == ["*"]


def test_cors(open_url):
    url = open_url({"FUNCTION_URL_CORS_ALLOW_ORIGINS": "http://localhost:3000,https://example.com",
                    "FUNCTION_URL_CORS_ALLOW_METHODS": "GET, PUT", "FUNCTION_URL_CORS_ALLOW_HEADERS": "*",
                    "FUNCTION_URL_CORS_EXPOSE_HEADERS": "x-amzn-requestid", "FUNCTION_URL_CORS_MAX_AGE": "300",
                    "FUNCTION_URL_CORS_ALLOW_CREDENTIALS": "TRUE"})
    reply = url.request("OPTIONS", "/event", headers=PREFLIGHT)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert reply.headers["Access-Control-Allow-Methods"] == "PUT"
    assert reply.headers["Access-Control-Allow-Headers"] == "content-type,x-mine"
    assert reply.headers["Access-Control-Max-Age"] == "300"
    assert reply.headers["Access-Control-Allow-Credentials"] == "true"
    assert reply.headers["Vary"] == "Origin"
    other = url.request("OPTIONS", "/event", headers={**PREFLIGHT, "Origin": "http://evil"})
    assert other.headers["Access-Control-Allow-Origin"] is None
    reply = url.result({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}},
                       {"Origin": "https://example.com"})
    assert reply.headers.get_all("Access-Control-Allow-Origin") == ["https://example.com"]
    assert reply.headers["Access-Control-Expose-Headers"] == "x-amzn-requestid"
    assert url.request("GET", "/fail", headers={"Origin": "https://example.com"}).headers[
        "Access-Control-Allow-Origin"] == "https://example.com"
    # No preflight, only OPTIONS: the function's affair.
    assert url.event("OPTIONS")["requestContext"]["http"]["method"] == "OPTIONS"


# --- configuration ---


@pytest.mark.parametrize("name, value, allowed", [
    ("FUNCTION_URL_PORT", "65536", "a whole number from 0 to 65535"),
    ("FUNCTION_URL_PAYLOAD", "3.0", "2.0, 1.0, alb or alb-multi"),
    ("FUNCTION_URL_INVOKE_MODE", "STREAM", "BUFFERED or RESPONSE_STREAM"),
    ("FUNCTION_URL_CORS_ALLOW_CREDENTIALS", "maybe", "TRUE or FALSE"),
    ("FUNCTION_URL_CORS_MAX_AGE", "86401", "a whole number from 0 to 86400"),
])
def test_bad_values(name, value, allowed):
    done = run(RUNTIME, env={name: value})
    assert done.returncode == 2
    assert f"{name}={value}: not allowed; expected {allowed}" in done.stderr


def test_port_in_use(url):
    done = run(RUNTIME, env={"FUNCTION_URL_PORT": str(url.port), "FUNCTION_URL_HOST": "127.0.0.1"})
    assert done.returncode == 1
    assert "function URL: listen on 127.0.0.1" in done.stderr


def test_off_by_default(start):
    assert b"url=" not in start(RUNTIME).ready


def test_variables_stay_with_the_daemon(open_url):
    url = open_url({"FUNCTION_URL_CORS_ALLOW_ORIGINS": "*"}, ["sh", "-c", 'env >&2; exec "$0" "$@"', *RUNTIME])
    assert url.event()["version"] == "2.0"
    url.daemon.out.wait("AWS_LAMBDA_RUNTIME_API=")
    assert not any("FUNCTION_URL" in line for line in url.daemon.err.lines + url.daemon.out.lines)
