# SPDX-License-Identifier: Apache-2.0
"""What a function prints comes out of the daemon as text, between its own START and END."""

import json
import re

import pytest

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def run_and_collect(daemon, text):
    """The daemon's lines from START to END of one invocation."""
    event = json.dumps({"do": "log", "text": text}).encode()
    reply = daemon.invoke(event)
    assert reply.status == 200 and "X-Amz-Function-Error" not in reply.headers, reply.body
    request_id = reply.headers["x-amzn-RequestId"]
    said = daemon.stdout.wait_for(f"REPORT RequestId: {request_id}\t")
    begin = said.index(f"START RequestId: {request_id} Version: $LATEST\n".encode())
    end = said.index(f"END RequestId: {request_id}\n".encode())
    return said[begin:end]


def test_lines_are_between_start_and_end(function):
    lines = run_and_collect(function, "seen by the operator").decode().splitlines()
    assert sum("seen by the operator" in line for line in lines) == 3
    assert any("logger seen by the operator" in line for line in lines)


def test_nothing_binary_on_stdout(function):
    """Clients that frame their logs for a telemetry descriptor must have them unframed."""
    said = run_and_collect(function, "first line\nsecond line äöü")
    assert not CONTROL.search(said), said
    text = said.decode()
    assert text.count("second line äöü") == 3
    # Without that descriptor the clients would have to flatten an event of two lines.
    assert "logger first line\nsecond line äöü" in text


def test_many_lines_lose_nothing(function):
    for number in range(20):
        text = run_and_collect(function, f"line number {number}").decode()
        assert text.count(f"line number {number}") == 3


@pytest.mark.runtimes("node", "python")
def test_json_format(start, runtime):
    """The client and the daemon agree on JSON, and on the id."""
    daemon = start(runtime, {"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    reply = daemon.invoke(json.dumps({"do": "log", "text": "structured"}).encode())
    request_id = reply.headers["x-amzn-RequestId"]
    daemon.stdout.wait_for('"platform.report"')
    records = [json.loads(line) for line in daemon.stdout.lines() if line.startswith("{")]
    platform = {r["type"]: r["record"]["requestId"] for r in records if "record" in r}
    assert platform["platform.start"] == platform["platform.report"] == request_id
    logged = [record for record in records if "logger structured" in str(record.get("message"))]
    assert [record["requestId"] for record in logged] == [request_id]


def test_report(function):
    event = json.dumps({"do": "echo", "value": 1}).encode()
    request_id = function.invoke(event).headers["x-amzn-RequestId"]
    said = function.stdout.wait_for(f"REPORT RequestId: {request_id}\t")
    text = said.decode(errors="replace").split(f"REPORT RequestId: {request_id}\t", 1)[1]
    fields = dict(field.split(": ", 1) for field in text.split("\n", 1)[0].split("\t") if field)
    assert float(fields["Duration"].removesuffix(" ms")) > 0
    assert fields["Memory Size"] == "512 MB"
    # A language runtime with its libraries cannot be smaller than one megabyte.
    assert 1 <= int(fields["Max Memory Used"].removesuffix(" MB")) < 512
