# SPDX-License-Identifier: Apache-2.0
"""Streaming handlers of the official runtime clients, and what AWS's SDKs make of their streams."""

import base64
import json
import os
import subprocess
import threading

import boto3
import pytest
from botocore.config import Config
from daemon import REPLY_LIMIT_S
from runtimes import BUILD, HERE, NODE, build

COMMANDS = {"node": (*NODE, "index.stream"), "rust": ("{out}/bootstrap", "stream"), "go": None}
# What each makes of a handler that fails after its first bytes.
LATE = {"node": "this went wrong", "go": "this went wrong", "rust": "abort"}

pytestmark = pytest.mark.runtimes(*COMMANDS)


class Gate:
    """A FIFO that a handler waits at."""

    def __init__(self, path):
        self.path = str(path)
        os.mkfifo(path)

    def open(self):
        with open(self.path, "wb") as f:
            f.write(b"go\n")


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path / "gate")


@pytest.fixture
def streaming(start, runtime):
    return start(runtime, command=COMMANDS[runtime.name])


def event_of(**event):
    return json.dumps({"do": "stream", **event})


def boto3_events(daemon, event):
    yield from without_prelude(boto3_stream(daemon, event))


def boto3_stream(daemon, event):
    client = boto3.client(
        "lambda",
        endpoint_url=daemon.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=REPLY_LIMIT_S),
    )
    reply = client.invoke_with_response_stream(FunctionName="conformance", Payload=event, LogType="Tail")
    for item in reply["EventStream"]:
        yield item["PayloadChunk"]["Payload"] if "PayloadChunk" in item else item["InvokeComplete"]


def js_events(daemon, event):
    yield from without_prelude(js_stream(daemon, event))


def js_stream(daemon, event):
    out = BUILD / "client-js"
    build(HERE / "clients" / "js" / "build.sh", out)
    words = ["node", str(out / "stream.mjs"), daemon.url, event]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as node:
        limit = threading.Timer(REPLY_LIMIT_S, node.kill)
        limit.start()
        for line in node.stdout:
            item = json.loads(line)
            yield item["payload"].encode() if "payload" in item else item["InvokeComplete"]
        limit.cancel()
    assert node.returncode == 0


def without_prelude(events):
    """The head of an HTTP response, which AWS's client for Rust puts in front of every stream, passes as it is."""
    head = b""
    for item in events:
        if isinstance(item, bytes) and head is not None:
            head += item
            if head.startswith(b"{") and b"\0" * 8 not in head:
                continue
            item = head.partition(b"\0" * 8)[2] if head.startswith(b"{") else head
            head = None
            if not item:
                continue
        yield item


def rest(events):
    """The bytes that are left and the last event."""
    *pieces, complete = events
    return b"".join(pieces), complete


@pytest.mark.parametrize("events_of", [boto3_events, js_events])
def test_the_first_bytes_come_before_the_handler_ends(streaming, gate, events_of):
    events = events_of(streaming, event_of(pieces=["first", "second", "third"], gate=gate.path))
    assert next(events) == b"first"
    gate.open()
    data, complete = rest(events)
    assert data == b"secondthird"
    assert list(complete) == ["LogResult"]
    assert b"REPORT RequestId" in base64.b64decode(complete["LogResult"])


@pytest.mark.parametrize("events_of", [boto3_events, js_events])
def test_a_handler_that_fails_late(streaming, runtime, gate, events_of):
    events = events_of(streaming, event_of(pieces=["first", "second"], gate=gate.path, fail="this went wrong"))
    assert next(events) == b"first"
    gate.open()
    data, complete = rest(events)
    assert data == b"second"
    assert LATE[runtime.name] in complete["ErrorDetails"]
    assert complete["ErrorCode"]
    # The runtime is none the worse for it.
    assert rest(boto3_events(streaming, event_of(pieces=["again"])))[0] == b"again"


def test_ten_in_a_row(streaming):
    pieces = [f"{n:1000}" for n in range(200)]
    for _ in range(10):
        data, complete = rest(boto3_events(streaming, event_of(pieces=pieces)))
        assert data.decode() == "".join(pieces)
        assert "ErrorCode" not in complete


def test_a_plain_call_gets_it_whole(streaming):
    reply = streaming.invoke(event_of(pieces=["one", "two", "three"]))
    assert (reply.status, reply.body.rpartition(b"\0")[2]) == (200, b"onetwothree")
    assert int(reply.headers["Content-Length"]) == len(reply.body)
