# SPDX-License-Identifier: Apache-2.0
"""Asynchronous invocations: 202, attempts, ages, bounds, the end. Where their results go: test_async_results.py. What survives
the daemon: test_async_spool.py."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from harness import IDLE, LIMIT, Gate, Runtime, run
from test_invoke import UUID, assert_error

EVENT = {"X-Amz-Invocation-Type": "Event"}
KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}


def url_of(daemon):
    return "http://%s:%d" % daemon.invoke_address


def accepted(daemon, event=None, **kwargs):
    """The id of an event that was taken."""
    reply = daemon.invoke(event, headers=EVENT, **kwargs)
    assert (reply.status, reply.body) == (202, b""), reply
    assert UUID.match(reply.headers["x-amzn-RequestId"])
    return reply.headers["x-amzn-RequestId"]


def records(daemon, path, count):
    """The lines of a file destination, when there are as many. Each look is a round trip to the daemon."""
    end = time.monotonic() + LIMIT
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end, f"{path} never had {count} lines"
        daemon.metrics()
    return [json.loads(line) for line in path.read_text().splitlines()]


def rid(event):
    return event.headers["Lambda-Runtime-Aws-Request-Id"]


def test_boto3(start, tmp_path):
    d = start(env={"ASYNC_ON_SUCCESS": f"file:{tmp_path}/ok"})
    client = boto3.client("lambda", endpoint_url=url_of(d), **KEYS)
    reply = client.invoke(FunctionName="function", InvocationType="Event", Payload=b'{"a": 1}')
    assert reply["StatusCode"] == 202 and reply["Payload"].read() == b""
    reply2 = client.invoke_async(FunctionName="function", InvokeArgs=b'{"a": 2}')
    assert reply2["Status"] == 202
    ids = [r["ResponseMetadata"]["RequestId"] for r in (reply, reply2)]
    found = records(d, tmp_path / "ok", 2)
    assert [r["requestContext"]["requestId"] for r in found] == ids
    assert [r["requestPayload"] for r in found] == [{"a": 1}, {"a": 2}]


def test_aws_cli(start, tmp_path):
    d = start(env={"ASYNC_ON_SUCCESS": f"file:{tmp_path}/ok"})
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    cli = [sys.executable, str(Path(sys.executable).with_name("aws")), "--endpoint-url", url_of(d), "lambda"]
    args = ["invoke", "--function-name", "function", "--invocation-type", "Event", "--payload", '{"by": "cli"}', os.devnull]
    out = subprocess.run([*cli, *args], env=env, check=True, capture_output=True, timeout=LIMIT)
    assert json.loads(out.stdout)["StatusCode"] == 202
    assert records(d, tmp_path / "ok", 1)[0]["requestPayload"] == {"by": "cli"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_invoke_async(start, slash):
    d = start(IDLE)
    reply = d.request("POST", f"/2014-11-13/functions/function/invoke-async{slash}", b"[1]")
    assert reply.status == 202
    assert json.loads(reply.body) == {"Status": 202}
    runtime = Runtime(d)
    event = runtime.next()
    assert event.body == b"[1]" and rid(event) == reply.headers["x-amzn-RequestId"]
    assert runtime.respond(event).status == 202
    assert d.request("GET", "/2014-11-13/functions/function/invoke-async").status == 405


def test_answered_before_anything_runs(start):
    d = start(IDLE)
    ids = [accepted(d, {"n": n}) for n in range(3)]
    runtime = Runtime(d)
    for n in range(3):
        event = runtime.next()
        assert (rid(event), json.loads(event.body)) == (ids[n], {"n": n})
        assert event.headers["Lambda-Runtime-Invoked-Function-Arn"].endswith(":function:function")
        runtime.respond(event, b"null")


def test_what_the_function_sees(start):
    d = start(IDLE, env={"ASYNC_DRAIN_TIMEOUT": "0"})
    context = "eyJhIjoxfQ=="
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    d.invoke(b"text", headers={**EVENT, "X-Amz-Client-Context": context, "X-Amz-Tenant-Id": "t1", "X-Amzn-Trace-Id": trace,
                               "X-Amz-Log-Type": "Tail"}, query="?Qualifier=PROD")
    runtime = Runtime(d)
    event = runtime.next()
    assert event.body == b"text"
    assert event.headers["Lambda-Runtime-Trace-Id"] == trace
    assert event.headers["Lambda-Runtime-Aws-Tenant-Id"] == "t1"
    assert event.headers["Lambda-Runtime-Invoked-Function-Arn"].endswith(":function:PROD")
    # AWS passes it on for synchronous invocations only.
    assert event.headers["Lambda-Runtime-Client-Context"] is None
    runtime.respond(event, b"1")


def test_retries_wait_and_keep_the_id(start, tmp_path):
    d = start(IDLE, env={"ASYNC_RETRY_DELAY": "0.3", "ASYNC_ON_FAILURE": f"file:{tmp_path}/failed"})
    sent = accepted(d, {"n": 1})
    runtime = Runtime(d)
    times = []
    for attempt in range(3):
        event = runtime.next()
        times.append(time.monotonic())
        assert (rid(event), event.body) == (sent, b'{"n": 1}')
        runtime.respond(event, b'{"errorMessage":"no","errorType":"E","try":%d}' % attempt, kind="error")
    assert 0.3 <= times[1] - times[0] and 0.6 <= times[2] - times[1]
    failed = records(d, tmp_path / "failed", 1)[0]
    assert failed["requestContext"] == {"requestId": sent, "condition": "RetriesExhausted", "approximateInvokeCount": 3,
                                        "functionArn": "arn:aws:lambda:us-east-1:012345678912:function:function:$LATEST"}
    assert failed["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert failed["responsePayload"]["try"] == 2
    d.err.wait("condition=RetriesExhausted attempts=3")
    metrics = d.metrics()
    assert metrics['lambda_async_ended_total{condition="RetriesExhausted"}'] == 1
    assert metrics["lambda_async_retries_total"] == 2


@pytest.mark.parametrize("event,kind", [
    ({"do": "exit", "code": 3}, "Runtime.ExitError"),
    ({"do": "hang"}, "Sandbox.Timedout"),
    ({"do": "error", "document": {"errorType": "Mine"}}, "Mine"),
], ids=["crash", "timeout", "error"])
def test_every_failure_is_an_attempt(start, tmp_path, event, kind):
    d = start(env={"ASYNC_RETRY_DELAY": "0", "ASYNC_MAX_RETRY_ATTEMPTS": "1", "AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5",
                   "ASYNC_ON_FAILURE": f"file:{tmp_path}/failed"})
    accepted(d, event)
    failed = records(d, tmp_path / "failed", 1)[0]
    assert failed["requestContext"]["approximateInvokeCount"] == 2
    assert failed["responsePayload"]["errorType"] == kind


def test_success_after_a_failure(start, tmp_path):
    d = start(IDLE, env={"ASYNC_RETRY_DELAY": "0", "ASYNC_ON_SUCCESS": f"file:{tmp_path}/ok",
                         "ASYNC_ON_FAILURE": f"file:{tmp_path}/failed"})
    accepted(d, {})
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"{}", kind="error")
    runtime.respond(runtime.next(), b'"at last"')
    ok = records(d, tmp_path / "ok", 1)[0]
    assert ok["requestContext"]["condition"] == "Success"
    assert ok["requestContext"]["approximateInvokeCount"] == 2
    assert "functionError" not in ok["responseContext"] and ok["responsePayload"] == "at last"
    assert not (tmp_path / "failed").exists()


def test_too_old(start, tmp_path):
    d = start(IDLE, env={"ASYNC_MAX_EVENT_AGE": "0.5", "ASYNC_ON_FAILURE": f"file:{tmp_path}/failed",
                         "ASYNC_DLQ": f"file:{tmp_path}/dlq"})
    first = accepted(d, {"n": 1})
    runtime = Runtime(d)
    held = runtime.next()
    # It waits in line behind the one that runs, then a second one waits for its turn to do so.
    accepted(d, {"n": 2})
    failed = records(d, tmp_path / "failed", 1)[0]
    assert failed["requestContext"]["condition"] == "EventAgeExceeded"
    assert failed["requestContext"]["approximateInvokeCount"] == 0
    assert failed["requestPayload"] == {"n": 2}
    assert "responseContext" not in failed and "responsePayload" not in failed
    dead = records(d, tmp_path / "dlq", 1)[0]
    assert (dead["ErrorCode"], dead["event"]) == (429, {"n": 2})
    # The one that runs is not given up.
    runtime.respond(held, b"1")
    d.wait_metric('lambda_async_ended_total{condition="Success"}', 1)
    assert rid(held) == first


def test_full_queue(start):
    d = start(IDLE, env={"ASYNC_MAX_QUEUED": "2"})
    accepted(d, {})
    accepted(d, {})
    reply = d.invoke({}, headers=EVENT)
    document = assert_error(reply, 429, "TooManyRequestsException")
    assert document == {"Type": "User", "Reason": "FunctionInvocationRateLimitExceeded", "message": "Rate Exceeded."}
    assert int(reply.headers["Retry-After"]) > 0
    assert d.metrics()["lambda_async_refused_total"] == 1
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"1")
    d.wait_metric('lambda_async_ended_total{condition="Success"}', 1)
    accepted(d, {})
    for _ in range(2):
        runtime.respond(runtime.next(), b"1")


def test_full_queue_in_bytes(start):
    d = start(IDLE, env={"ASYNC_MAX_QUEUED_BYTES": "1500000", "ASYNC_DRAIN_TIMEOUT": "0"})
    accepted(d, b"x" * 1000000)
    assert d.invoke(b"x" * 600000, headers=EVENT).status == 429
    accepted(d, b"x" * 100000)


def test_sdk_tries_a_full_queue_again(start):
    d = start(IDLE, env={"ASYNC_MAX_QUEUED": "1"})
    accepted(d, {})
    client = boto3.client("lambda", endpoint_url=url_of(d), **KEYS)
    later = d.pool.submit(client.invoke, FunctionName="function", InvocationType="Event", Payload=b"2")
    d.wait_metric("lambda_async_refused_total", 1)
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"1")
    assert later.result(LIMIT)["StatusCode"] == 202
    runtime.respond(runtime.next(), b"2")


def test_size_limit(start):
    d = start()
    accepted(d, b'"%s"' % (b"x" * 1048574))
    reply = d.invoke(b"x" * 1048577, headers=EVENT)
    assert assert_error(reply, 413, "RequestEntityTooLargeException")["message"] == \
        "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
    d.wait_metric('lambda_async_ended_total{condition="Success"}', 1)


def test_other_names_are_unknown(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_NAME": "mine"})
    assert_error(d.invoke({}, name="other", headers=EVENT), 404, "ResourceNotFoundException", "Message")
    assert_error(d.request("POST", "/2014-11-13/functions/other/invoke-async", b"{}"), 404, "ResourceNotFoundException", "Message")


def test_a_long_queue_does_not_hold_up_callers(start):
    d = start(IDLE)
    for n in range(20):
        accepted(d, {"n": n})
    waiting = d.later(b'"sync"')
    d.wait_queued(2)
    runtime = Runtime(d)
    seen = []
    while b'"sync"' not in seen:
        event = runtime.next()
        seen.append(event.body)
        runtime.respond(event, event.body)
    assert waiting.result(LIMIT).body == b'"sync"'
    assert len(seen) <= 3
    for _ in range(21 - len(seen)):
        runtime.respond(runtime.next(), b"1")


def test_as_many_at_once_as_there_are_runtimes(start):
    d = start(env={"MAX_CONCURRENCY": "3", "AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    gates = [Gate() for _ in range(5)]
    for gate in gates:
        accepted(d, {"do": "gate", "fifo": gate.path})
    d.wait_metric('lambda_async_events{state="running"}', 3)
    assert d.metrics()['lambda_async_events{state="ready"}'] == 2
    for gate in gates:
        gate.open()
    d.wait_metric('lambda_async_ended_total{condition="Success"}', 5)


def test_children_do_not_see_the_settings(start, tmp_path):
    d = start(env={"ASYNC_SPOOL_DIR": f"{tmp_path}/spool", "ASYNC_ON_SUCCESS": f"file:{tmp_path}/ok"})
    env = json.loads(d.invoke({"do": "facts"}).body)["env"]
    assert not [name for name in env if name.startswith("ASYNC_")]


def test_drain_runs_what_was_accepted(start, tmp_path):
    d = start(env={"ASYNC_ON_SUCCESS": f"file:{tmp_path}/ok", "ASYNC_DRAIN_TIMEOUT": "60"})
    for _ in range(5):
        accepted(d, {"do": "work", "seconds": 0.1})
    assert d.stop() == 0
    assert len(records(d, tmp_path / "ok", 5)) == 5
    assert not any("lost" in line for line in d.err.all())


def test_drain_says_what_is_lost(start):
    d = start(IDLE, env={"ASYNC_DRAIN_TIMEOUT": "0.2"})
    ids = [accepted(d, {}) for _ in range(3)]
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"1")
    assert d.stop() == 0
    err = "\n".join(d.err.all())
    assert "asynchronous events are lost count=2; with ASYNC_SPOOL_DIR they would be kept" in err
    for lost in ids[1:]:
        assert f"asynchronous event is lost with the daemon requestId={lost}" in err
    assert f"lost with the daemon requestId={ids[0]}" not in err


def test_destination_over_amqp_needs_a_broker():
    result = run(["true"], env={"ASYNC_DLQ": "amqp:dead"})
    assert result.returncode == 2
    assert "ASYNC_DLQ=amqp:dead" in result.stderr and "AMQP_URI" in result.stderr


def test_no_password_in_an_error():
    result = run(["true"], env={"ASYNC_DLQ": "https://user:hunter2@host/q"})
    assert result.returncode == 2 and "hunter2" not in result.stderr and "ASYNC_DLQ" in result.stderr
