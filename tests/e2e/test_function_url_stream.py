# SPDX-License-Identifier: Apache-2.0
"""The function URL with FUNCTION_URL_INVOKE_MODE=RESPONSE_STREAM: the response is there while the handler still runs."""
import http.client
import os
import statistics
import subprocess
import time

import pytest
from function_url import RUNTIME, Url
from harness import LIMIT, SANITIZED, Connection, wait_gone

TEXT = {"Content-Type": "text/plain"}
ENV = {"FUNCTION_URL_PORT": "0", "FUNCTION_URL_INVOKE_MODE": "RESPONSE_STREAM"}


@pytest.fixture
def url(start):
    return Url(start(RUNTIME, env=ENV))


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "pieces"
    os.mkfifo(path)
    return str(path)


def open_stream(url, how, body, method="POST"):
    connection = http.client.HTTPConnection(url.host, url.port, timeout=LIMIT)
    connection.request(method, f"/stream/{how}", body=body, headers=TEXT)
    return connection


def test_sse_to_curl(url, fifo):
    """Each event reaches curl within 50 ms of being written, while the handler waits for the next one."""
    curl = subprocess.Popen(["curl", "-sSN", "-i", "--max-time", str(LIMIT), "-H", "Content-Type: text/plain", "-d", fifo,
                             f"{url.base}/stream/events"], stdout=subprocess.PIPE)
    took = []
    with open(fifo, "r+b", buffering=0) as pieces:
        # curl itself keeps the head until there is something of the body.
        pieces.write(b"data: first\n")
        head = []
        while (line := curl.stdout.readline()) != b"\r\n":
            head.append(line.decode().strip())
        assert head[0] == "HTTP/1.1 201 Created"
        assert "Content-Type: text/event-stream" in head
        assert "X-N: 1" in head
        assert [h for h in head if h.startswith("Set-Cookie")] == ["Set-Cookie: a=b", "Set-Cookie: c=d"]
        assert curl.stdout.readline() == b"data: first\n"
        for number in range(20):
            text = b"data: %d\n" % number
            began = time.monotonic()
            pieces.write(text)
            assert curl.stdout.readline() == text
            took.append(time.monotonic() - began)
    assert curl.stdout.read() == b""
    assert curl.wait(LIMIT) == 0
    print("median", statistics.median(took), "worst", max(took))
    assert SANITIZED or statistics.median(took) < 0.05


def test_head_comes_before_the_first_piece(url, fifo):
    connection = open_stream(url, "events", fifo)
    with open(fifo, "r+b", buffering=0) as pieces:
        response = connection.getresponse()
        assert (response.status, response.headers["X-N"]) == (201, "1")
        pieces.write(b"data: 1\n")
        assert response.readline() == b"data: 1\n"
    assert response.read() == b""


def test_without_a_prelude(url, fifo):
    connection = open_stream(url, "raw", fifo)
    with open(fifo, "r+b", buffering=0) as pieces:
        pieces.write(b"one\n")
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"]) == (200, "text/x")
        assert response.readline() == b"one\n"
        pieces.write(b"two\n")
        assert response.readline() == b"two\n"
    assert response.read() == b""


def test_what_is_not_streamed_goes_as_it_is(url):
    """As on AWS: this mode does not look into buffered responses."""
    reply = url.result({"statusCode": 404, "body": "x"})
    assert (reply.status, reply.body) == (200, b'{"statusCode": 404, "body": "x"}')
    assert reply.headers["Content-Type"] == "application/octet-stream"
    for path in ("/whole", "/whole/parameter"):
        reply = url.request("GET", path)
        assert (reply.status, reply.headers["X-A"], reply.body) == (202, "b", b"the rest")
    assert url.request("GET", "/fail").status == 502


def test_late_error_breaks_the_response_off(url, fifo):
    connection = open_stream(url, "events", fifo)
    with open(fifo, "r+b", buffering=0) as pieces:
        response = connection.getresponse()
        pieces.write(b"data: 1\n")
        assert response.readline() == b"data: 1\n"
        pieces.write(b"fail\n")
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()
    url.daemon.err.wait("the function's response broke off")
    assert url.request("GET", "/event").status == 200


@pytest.mark.parametrize("how", ["noprelude", "unfinished"])
def test_no_prelude_where_one_is_declared(url, how):
    reply = url.request("POST", f"/stream/{how}", b"-", TEXT)
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    url.daemon.err.wait("the function's response is no HTTP response")


@pytest.mark.parametrize("how", ["noprelude", "badprelude"])
def test_bad_prelude_is_answered_at_once(start, fifo, how):
    """The handler may go on; nobody waits for it."""
    url = Url(start(RUNTIME, env={**ENV, "AWS_LAMBDA_FUNCTION_TIMEOUT": "900"}))
    connection = open_stream(url, how, fifo)
    # Waits until the runtime reads there.
    with open(fifo, "wb", buffering=0) as pieces:
        pieces.write(b"no NUL\n")
        response = connection.getresponse()
        assert (response.status, response.read()) == (502, b"Internal Server Error")
        url.daemon.err.wait("the function's response is no HTTP response")
        pieces.write(b"more\n")
    assert url.request("GET", "/event").status == 200


def test_no_content_and_head(url, fifo):
    for _ in range(2):
        reply = url.request("POST", "/stream/empty", b"-", TEXT)
        assert (reply.status, reply.headers["X-N"], reply.body) == (204, "1", b"")
    connection = open_stream(url, "much", b"20", method="HEAD")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")


def test_client_that_leaves_ends_the_stream(url, fifo):
    gone = Connection((url.host, url.port))
    gone.send("POST", "/stream/events", fifo.encode(), TEXT)
    with open(fifo, "r+b", buffering=0) as pieces:
        pieces.write(b"data: 1\n")
        assert gone.file.readline() == b"HTTP/1.1 201 Created\r\n"
        gone.close()
        pieces.write(b"data: 2\n")
    assert url.request("GET", "/event").status == 200


def test_slow_reader_slows_the_runtime(url):
    """32 MiB, of which the daemon never holds more than a little."""
    connection = open_stream(url, "much", b"512")
    response = connection.getresponse()
    first = response.read(65536)
    read = len(first)
    with open(f"/proc/{url.daemon.pid}/status", encoding="ascii") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    while piece := response.read(1 << 20):
        read += len(piece)
    assert read == 512 * 65536
    print("resident KiB", resident)
    assert SANITIZED or resident < 16 * 1024


def test_runtime_that_dies_in_the_middle(url, fifo):
    connection = open_stream(url, "events", fifo)
    with open(fifo, "r+b", buffering=0) as pieces:
        response = connection.getresponse()
        pieces.write(b"data: 1\n")
        assert response.readline() == b"data: 1\n"
        runtime = url.daemon.children()
        for pid in runtime:
            os.kill(pid, 9)
        wait_gone(*runtime)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()
    assert url.request("GET", "/event").status == 200
