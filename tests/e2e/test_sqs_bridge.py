# SPDX-License-Identifier: Apache-2.0
"""The SQS bridge against moto, which verifies signatures. The other end is a stand-in for the original proxy, written from its
message format."""
import json
import os
import signal
import time

import pytest

from harness import DAEMON, IDLE, Gate, Runtime, run, wait_gone
from queues import (ARN, REGION, TRACE, decode_maybe_binary, envelope, noise, original_proxy, pack)

RESTART = "Restart your lambda for a rerun"


@pytest.fixture
def bridge(start, queues):
    return start(env=queues.env())


@pytest.fixture
def seen(start, queues, gateway):
    """A bridge whose calls go through the gateway: (daemon, gateway)."""
    return start(env=queues.env(gateway.url)), gateway


def kill_runtime(daemon):
    started = daemon.err.wait(lambda line: "runtime started" in line)
    os.kill(int(started.split("pid=")[1].split()[0]), signal.SIGKILL)


# --- the way there and back ---

def test_envelope_reaches_the_runtime(start, queues):
    d = start(IDLE, env=queues.env())
    event = '{"b": 1.0,"a":"\u00e9\\u00e9",  "n":[1e2, -0.50]}'
    identity = {"identityId": "id", "identityPoolId": "pool"}
    client = {"client": {"installationId": "i", "appTitle": "t"}, "custom": {"k": "\u00e9"}, "environment": {"e": "1"}}
    request_id = "4850539c-6316-4af1-9c47-8771cb3baeb1"
    queues.send(envelope(event, request_id=request_id, identity=identity, client_context=client))
    runtime = Runtime(d)
    got = runtime.next()
    assert got.body.decode() == event
    assert got.headers["Lambda-Runtime-Aws-Request-Id"] == request_id
    assert got.headers["Lambda-Runtime-Deadline-Ms"] == "1718071341165"
    assert got.headers["Lambda-Runtime-Invoked-Function-Arn"] == ARN
    assert got.headers["Lambda-Runtime-Trace-Id"] == TRACE
    context = json.loads(got.headers["Lambda-Runtime-Client-Context"])
    assert context["client"]["installation_id"] == "i" and context["client"]["installationId"] == "i"
    assert context["env"] == {"e": "1"} and context["custom"] == {"k": "\u00e9"}
    assert json.loads(got.headers["Lambda-Runtime-Cognito-Identity"]) == {"cognitoIdentityId": "id",
                                                                         "cognitoIdentityPoolId": "pool"}
    # An answer to something else is refused and changes nothing.
    assert runtime.respond("4850539c-6316-4af1-9c47-000000000000", b"{}").status == 400
    assert queues.counts() == (0, 1)
    assert runtime.respond(got, b'{"ok": true}').status == 202
    message = queues.receive()
    assert message["Body"] == '{"ok": true}' and "MessageAttributes" not in message
    queues.wait_empty()
    runtime.close()


def test_partial_and_broken_messages(bridge, queues):
    broken = [queues.send("hello"), queues.send('{"key":"value"}'), queues.send("2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoPd"),
              queues.send('{"event":1,"ctx":7}')]
    for message in broken:
        line = bridge.err.wait(lambda text: f"message={message}" in text and "not an event" in text)
        assert "base58" in line or '"event"' in line or '"ctx"' in line
    queues.send('{"event":{"partial":1},"new":[],"ctx":{"request_id":"not a uuid","more":1}}')
    assert json.loads(queues.receive()["Body"]) == {"partial": 1}
    bridge.err.wait("came without ctx.deadline")
    queues.send('{"event":{"partial":2}}')
    assert json.loads(queues.receive()["Body"]) == {"partial": 2}
    bridge.err.wait("came without ctx ")
    # None of them was thrown away.
    queues.wait_counts((0, 4))


def test_calls_and_their_order(seen, queues):
    d, gateway = seen
    first = gateway.wait("ReceiveMessage", where=lambda c: "WaitTimeSeconds" not in c or c["WaitTimeSeconds"] == 0)
    assert first["QueueUrl"] == queues.requests and first["MaxNumberOfMessages"] == 1
    gateway.wait("ReceiveMessage", done=False, where=lambda c: c.get("WaitTimeSeconds") == 20)
    d.err.wait("Waiting for an incoming event from AWS.")
    assert original_proxy(queues, {"a": 1}) == '{"a":1}'
    gateway.wait("DeleteMessage")
    gateway.wait("ReceiveMessage", count=3, done=False)
    actions = [c["action"] for c in gateway.calls]
    assert actions.index("SendMessage") < actions.index("DeleteMessage")
    received = gateway.wait("ReceiveMessage", where=lambda c: c.get("reply", {}).get("Messages"))["reply"]["Messages"][0]
    assert gateway.of("DeleteMessage")[0]["ReceiptHandle"] == received["ReceiptHandle"]
    sent = gateway.of("SendMessage")[0]
    assert set(sent) - {"action", "time", "status", "reply"} == {"QueueUrl", "MessageBody"}
    assert sum("Waiting for an incoming event" in line for line in d.err.lines) == 1


@pytest.mark.parametrize("size", [262143, 262144])
def test_compression_boundary(bridge, queues, size):
    queues.send(envelope({"x": "a" * (size - 8)}))
    body = queues.receive()["Body"]
    assert (body[0] == "{") == (size < 262144) and len(body) < 262144
    text = decode_maybe_binary(body)
    assert len(text) == size and json.loads(text) == {"x": "a" * (size - 8)}


def test_too_large_either_way(start, queues):
    """400 kB that do not compress: both sides are told, and nothing is tried again."""
    d = start(env=queues.env(PROXY_LAMBDA_MAX_MESSAGE="262144"))
    queues.send(envelope(noise(400 * 1024)))
    answer = json.loads(queues.receive()["Body"])
    assert answer["errorType"] == "Function.ResponseSizeTooLarge" and "409600" in answer["errorMessage"]
    assert "message size 409600B, max allowed by SQS is 262144 bytes" in d.err.wait("Response dropped")
    queues.wait_empty()


def test_large_messages(start, queues):
    """Up to a mebibyte, where the queue takes it."""
    start(env=queues.env(PROXY_LAMBDA_MAX_MESSAGE="1048576"))
    event = '{"x":%s}' % noise(1000 * 1024)
    assert original_proxy(queues, event) == event


def test_compressed_requests(bridge, queues):
    text = envelope({"x": "abcdefghij" * 100000})
    queues.send(pack(text))
    assert json.loads(decode_maybe_binary(queues.receive()["Body"])) == {"x": "abcdefghij" * 100000}


@pytest.mark.parametrize("event", ["[1]", '"x"', "3", "true", "null", "{}"])
def test_json_of_every_kind(bridge, queues, event):
    queues.send(envelope(event))
    assert queues.receive()["Body"] == event


# --- failures of the function ---

def fail(queues, **more):
    return queues.send(envelope({"do": "error", "document": {"errorType": "Oops", "errorMessage": "on purpose"}, **more}))


def test_error_waits_for_a_restart(seen, queues):
    """Delivered once, kept hidden, and again with another handle when the runtime was restarted."""
    d, gateway = seen
    message = fail(queues)
    assert message in d.err.wait(RESTART)
    assert "on purpose" in d.err.wait("Lambda error:")
    # Others go on meanwhile.
    assert original_proxy(queues, {"other": 1}) == '{"other":1}'
    with_it = lambda c: message in [m["MessageId"] for m in c.get("reply", {}).get("Messages", [])]  # noqa: E731
    gateway.wait("ChangeMessageVisibility", where=lambda c: c["VisibilityTimeout"] == 30)
    assert len([c for c in gateway.of("ReceiveMessage") if with_it(c)]) == 1
    kill_runtime(d)
    second = gateway.wait("ReceiveMessage", count=2, where=with_it)
    d.err.wait(RESTART, count=2)
    first = gateway.wait("ReceiveMessage", where=with_it)
    events = [c["reply"]["Messages"][0] for c in (first, second)]
    assert events[0]["Body"] == events[1]["Body"] and events[0]["ReceiptHandle"] != events[1]["ReceiptHandle"]
    assert not [c for c in gateway.of("DeleteMessage") if c["ReceiptHandle"] in [e["ReceiptHandle"] for e in events]]
    assert d.metrics()['lambda_sqs_bridge_messages{state="held"}'] == 1
    d.stop()
    # Given back at once.
    queues.wait_counts((1, 0))


def test_restart_by_hand(start, queues):
    """A runtime that was not started by the daemon: hanging up its /next is what a restart looks like."""
    d = start(IDLE, env=queues.env(AWS_LAMBDA_INIT_TIMEOUT="60"))
    queues.send(envelope({"n": 1}))
    runtime = Runtime(d)
    first = runtime.next()
    assert runtime.respond(first, b'{"errorMessage":"x"}', kind="error").status == 202
    runtime.send_next()
    d.err.wait(RESTART)
    runtime.close()
    d.err.wait("the event runs again")
    runtime = Runtime(d)
    again = runtime.next()
    assert again.body == first.body
    runtime.respond(again, b"{}")
    assert queues.receive()["Body"] == "{}"
    runtime.close()


def test_retired_runtime_is_no_restart(start, queues, gate):
    """The event that failed stays where it is."""
    d = start(env=queues.env(MAX_CONCURRENCY="2", AWS_LAMBDA_FUNCTION_IDLETIMEOUT="0.5"))
    queues.send(envelope({"do": "gate", "fifo": gate.path, "then": 1}))
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    fail(queues)
    d.err.wait(RESTART)
    d.err.wait('reason="idle"')
    d.err.wait("runtime ended")
    gate.open()
    assert json.loads(queues.receive()["Body"])["then"] == 1
    assert d.metrics()['lambda_sqs_bridge_messages{state="held"}'] == 1
    assert not any("the event runs again" in line for line in d.err.lines)


def test_rerun_by_itself(start, queues, gateway, tmp_path):
    d = start(env=queues.env(gateway.url, PROXY_LAMBDA_AUTO_RERUN="1"))
    message = fail(queues)
    gateway.wait("ReceiveMessage", count=3,
                 where=lambda c: message in [m["MessageId"] for m in c.get("reply", {}).get("Messages", [])])
    assert not any(RESTART in line for line in d.err.lines)


def test_errors_are_answered_if_asked_for(start, queues):
    start(env=queues.env(PROXY_LAMBDA_ANSWER_ERRORS="TRUE"))
    fail(queues)
    assert json.loads(queues.receive()["Body"]) == {"errorType": "Oops", "errorMessage": "on purpose"}
    queues.send(envelope({"do": "exit", "code": 3}))
    assert json.loads(queues.receive()["Body"])["errorType"] == "Runtime.ExitError"
    queues.wait_empty()


def test_crash_keeps_the_message(bridge, queues, gate):
    queues.send(envelope({"do": "gate", "fifo": gate.path, "then": 1}))
    bridge.wait_metric('lambda_runtimes{state="busy"}', 1)
    assert queues.counts() == (0, 1)
    kill_runtime(bridge)
    # The next runtime gets it at once and is stopped at the same gate.
    bridge.err.wait("runtime started", count=2)
    gate.open()
    assert json.loads(queues.receive()["Body"])["then"] == 1
    queues.wait_empty()


def test_crashes_do_not_spin(seen, queues):
    d, gateway = seen
    queues.send(envelope({"do": "exit", "code": 1}))
    gateway.wait("ChangeMessageVisibility", where=lambda c: c["VisibilityTimeout"] == 0)
    gateway.wait("ChangeMessageVisibility", where=lambda c: c["VisibilityTimeout"] == 10)


def test_no_timeout_unless_asked_for(start, queues, gate):
    d = start(env=queues.env(AWS_LAMBDA_FUNCTION_TIMEOUT="0.2"))
    queues.send(envelope({"do": "gate", "fifo": gate.path}))
    started = time.monotonic()
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    while time.monotonic() - started < 1:
        assert d.metrics()['lambda_runtimes{state="busy"}'] == 1
    gate.open()
    assert json.loads(queues.receive()["Body"])["do"] == "gate"
    # The same function called over HTTP has its timeout.
    assert json.loads(d.invoke({"do": "hang"}).body)["errorType"] == "Sandbox.Timedout"


def test_timeout_when_asked_for(start, queues):
    d = start(env=queues.env(AWS_LAMBDA_FUNCTION_TIMEOUT="0.2", PROXY_LAMBDA_ENFORCE_TIMEOUT="TRUE",
                             PROXY_LAMBDA_ANSWER_ERRORS="TRUE"))
    queues.send(envelope({"do": "hang"}))
    assert json.loads(queues.receive()["Body"])["errorType"] == "Sandbox.Timedout"
    queues.wait_empty()
    assert d.metrics()['lambda_invocations_total{outcome="timeout"}'] == 1


def test_message_stays_hidden_while_it_is_worked_on(seen, queues, gate):
    d, gateway = seen
    queues.send(envelope({"do": "gate", "fifo": gate.path}))
    received = gateway.wait("ReceiveMessage", where=lambda c: c.get("reply", {}).get("Messages"))
    assert received["VisibilityTimeout"] == 30
    renewed = gateway.wait("ChangeMessageVisibility")
    assert renewed["VisibilityTimeout"] == 30 and renewed["time"] - received["time"] < 20
    assert renewed["ReceiptHandle"] == received["reply"]["Messages"][0]["ReceiptHandle"]
    gate.open()
    queues.receive()


def test_second_delivery_of_a_message_in_work(start, queues, gateway, gate, moto):
    """Its visibility ran out all the same: the function runs once, and the newer handle is used."""
    d = start(env=queues.env(gateway.url, MAX_CONCURRENCY="2"))
    queues.send(envelope({"do": "gate", "fifo": gate.path}))
    with_it = lambda c: c.get("reply", {}).get("Messages")  # noqa: E731
    first = gateway.wait("ReceiveMessage", where=with_it)["reply"]["Messages"][0]
    moto.sqs.change_message_visibility(QueueUrl=queues.requests, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    second = gateway.wait("ReceiveMessage", count=2, where=with_it)["reply"]["Messages"][0]
    assert second["MessageId"] == first["MessageId"] and second["ReceiptHandle"] != first["ReceiptHandle"]
    d.wait_metric('lambda_sqs_bridge_messages_total{fate="duplicate"}', 1)
    gate.open()
    queues.receive()
    assert gateway.wait("DeleteMessage")["ReceiptHandle"] == second["ReceiptHandle"]
    queues.wait_empty()
    assert queues.counts(queues.responses) == (0, 0)
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


# --- asynchronous ---

def test_asynchronous(start, queues):
    d = start(env=queues.env(PROXY_LAMBDA_RESP_QUEUE_URL=None))
    assert "none (asynchronous" in d.err.wait("SQS bridge request_queue=")
    queues.send(envelope({"answer": 42}))
    assert '{"answer":42}' in d.err.wait("no response queue configured")
    queues.wait_empty()
    assert queues.counts(queues.responses) == (0, 0)


def test_response_queue_that_is_not_there(start, queues):
    d = start(env=queues.env(PROXY_LAMBDA_RESP_QUEUE_URL=queues.responses + "-not"))
    queues.send(envelope({"answer": 42}))
    d.err.wait("Response dropped: the response queue refuses it")
    assert 'response={"answer":42}' in d.err.wait("the dropped response begins")
    queues.wait_empty()


# --- configuration ---

@pytest.mark.parametrize("names", [("PROXY_LAMBDA_REQ_QUEUE_URL", "PROXY_LAMBDA_RESP_QUEUE_URL"),
                                   ("LAMBDA_PROXY_REQ_QUEUE_URL", "LAMBDA_PROXY_RESP_QUEUE_URL"),
                                   ("PROXY_LAMBDA_REQ_QUEUE_URL", "LAMBDA_PROXY_RESP_QUEUE_URL")])
def test_names_of_variables(start, queues, names):
    env = queues.env(PROXY_LAMBDA_REQ_QUEUE_URL=None, PROXY_LAMBDA_RESP_QUEUE_URL=None)
    start(env={**env, **dict(zip(names, (queues.requests, queues.responses)))})
    queues.send(envelope({"do": "facts"}))
    facts = json.loads(queues.receive()["Body"])
    assert not [name for name in facts["env"] if name.startswith(("PROXY_LAMBDA_", "LAMBDA_PROXY_"))]


@pytest.mark.parametrize("pair", [("proxy_lambda_req", "proxy_lambda_resp"), ("PROXY_LAMBDA_REQ", "PROXY_LAMBDA_RESP")])
def test_queues_are_looked_up(start, moto, pair):
    from queues import Queues

    queues = Queues(moto, names=pair)
    try:
        d = start(env=queues.env(PROXY_LAMBDA_REQ_QUEUE_URL="auto", PROXY_LAMBDA_RESP_QUEUE_URL="auto"))
        line = d.err.wait("SQS bridge request_queue=")
        assert queues.requests in line and queues.responses in line
        assert original_proxy(queues, {"a": 1}) == '{"a":1}'
    finally:
        queues.delete()


def test_queue_to_look_up_is_not_there(start, queues):
    d = start(env=queues.env(PROXY_LAMBDA_REQ_QUEUE_URL="auto"))
    assert "trying again in 5 s" in d.err.wait("queue proxy_lambda_req not found")


def test_start_is_told(bridge, queues):
    line = bridge.err.wait("SQS bridge request_queue=")
    assert queues.requests in line and queues.responses in line
    line = bridge.err.wait("export AWS_LAMBDA_FUNCTION_NAME=function")
    host, port = bridge.runtime_address
    assert f"export AWS_LAMBDA_RUNTIME_API={host}:{port}" in line and "AWS_LAMBDA_FUNCTION_VERSION='$LATEST'" in line
    # The first runtime does not wait for the first event.
    bridge.err.wait("runtime started")


@pytest.mark.parametrize("name,value", [("PROXY_LAMBDA_REQ_QUEUE_URL", "my-queue"), ("LAMBDA_PROXY_RESP_QUEUE_URL", "no"),
                                        ("PROXY_LAMBDA_MAX_MESSAGE", "1048577"), ("PROXY_LAMBDA_AUTO_RERUN", "soon"),
                                        ("PROXY_LAMBDA_ANSWER_ERRORS", "maybe"),
                                        ("PROXY_LAMBDA_PAYLOAD_FILE", "/not/there")])
def test_bad_values(name, value):
    ended = run(IDLE, env={name: value})
    assert ended.returncode == 2 and name in ended.stderr and value in ended.stderr


@pytest.mark.parametrize("url", ["https://user:secret@localhost/q", "https://localhost?token=secret"])
def test_queue_url_with_a_password(url):
    ended = run(IDLE, env={"PROXY_LAMBDA_REQ_QUEUE_URL": url})
    assert ended.returncode == 2 and "without a user" in ended.stderr and "secret" not in ended.stderr


def test_wrong_secret(start, queues):
    d = start(env=queues.env(AWS_SECRET_ACCESS_KEY="wrong" * 8, LOG_LEVEL="TRACE"))
    line = d.err.wait("Failed to get messages")
    assert "SignatureDoesNotMatch" in line
    assert not any("wrongwrong" in line for line in d.err.lines)


def test_no_secret_in_the_log(start, queues):
    d = start(env=queues.env(LOG_LEVEL="TRACE", AWS_SESSION_TOKEN="session-token-of-nobody"))
    d.err.wait(lambda line: "Waiting for an incoming event" in line or "Failed to get messages" in line)
    d.stop()
    for line in d.err.all() + d.out.all():
        assert queues.server.secret not in line and "session-token-of-nobody" not in line


# --- failures of the queue ---

def test_receive_failures_are_survived(start, queues, gateway):
    gateway.fail_action = ("", 3)
    d = start(env=queues.env(gateway.url))
    assert "trying again in 5 s" in d.err.wait("Failed to get messages")
    assert original_proxy(queues, {"a": 1}) == '{"a":1}'
    d.err.wait("messages can be received again")


def test_server_away_when_the_answer_is_ready(seen, queues, gate):
    """The answer is kept until the server is back, and then arrives once."""
    d, gateway = seen
    queues.send(envelope({"do": "gate", "fifo": gate.path, "n": 1}))
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    gateway.set_cut(True)
    gate.open()
    d.err.wait("a response could not be sent")
    gateway.set_cut(False)
    assert json.loads(queues.receive()["Body"])["n"] == 1
    queues.wait_empty()
    assert queues.counts(queues.responses) == (0, 0)


def test_deletion_that_fails_is_tried_again(seen, queues):
    d, gateway = seen
    gateway.fail_action = ("DeleteMessage", 4)
    assert original_proxy(queues, {"a": 1}) == '{"a":1}'
    d.err.wait("an answered request could not be deleted")
    queues.wait_empty()
    assert queues.counts(queues.responses) == (0, 0)
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_daemon_is_killed(start, queues, gateway, gate, moto):
    """While the function works: the message is still there, and another daemon answers it."""
    d = start(env=queues.env(gateway.url))
    queues.send(envelope({"do": "gate", "fifo": gate.path, "n": 7}))
    received = gateway.wait("ReceiveMessage", where=lambda c: c.get("reply", {}).get("Messages"))
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    children = d.children()
    d.signal(signal.SIGKILL)
    d.wait()
    # Else its runtime may be the one that the gate lets through.
    wait_gone(*children)
    assert queues.counts() == (0, 1)
    # In place of waiting for up to 30 s.
    moto.sqs.change_message_visibility(QueueUrl=queues.requests, VisibilityTimeout=0,
                                       ReceiptHandle=received["reply"]["Messages"][0]["ReceiptHandle"])
    start(env=queues.env())
    gate.open()
    assert json.loads(queues.receive()["Body"])["n"] == 7
    queues.wait_empty()


def test_drain(start, queues, gate):
    """SIGTERM: what runs is answered, what was only received goes back, nothing else is taken."""
    d = start(env=queues.env())
    queues.send(envelope({"do": "gate", "fifo": gate.path, "n": 1}))
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    queues.send(envelope({"n": 2}))
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    gate.open()
    assert d.wait() == 0
    assert json.loads(queues.receive()["Body"])["n"] == 1
    queues.wait_counts((1, 0))


@pytest.mark.parametrize("answer_errors", ["FALSE", "TRUE"])
def test_drain_ends(start, queues, answer_errors):
    """An event that has no timeout gets one then, and goes back to the queue."""
    d = start(env=queues.env(AWS_LAMBDA_FUNCTION_TIMEOUT="0.5", PROXY_LAMBDA_ANSWER_ERRORS=answer_errors))
    queues.send(envelope({"do": "hang"}))
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    queues.wait_counts((1, 0))
    assert queues.counts(queues.responses) == (0, 0)


def test_no_answer_for_a_runtime_that_is_not_there_yet(start, queues):
    """It is in an IDE, and nobody has started it: the end of the init phase is no answer, whatever is said of errors."""
    d = start(IDLE, env=queues.env(AWS_LAMBDA_INIT_TIMEOUT="2", PROXY_LAMBDA_ANSWER_ERRORS="TRUE"))
    queues.send(envelope({"n": 1}))
    d.err.wait("Sandbox.Timedout")
    d.err.wait("runtime started", count=2)
    runtime = Runtime(d)
    assert runtime.respond(runtime.next(), b'"here"').status == 202
    assert queues.receive()["Body"] == '"here"'
    queues.wait_counts((0, 0))


# --- several at once ---

def test_concurrency(start, queues):
    """Three at the same time, answered with their own ids."""
    gates = [Gate() for _ in range(3)]
    d = start(env=queues.env(MAX_CONCURRENCY="3"))
    for n, gate in enumerate(gates):
        queues.send(envelope({"do": "gate", "fifo": gate.path, "n": n}), {"LambdaRequestId": f"id-{n}"})
    d.wait_metric('lambda_runtimes{state="busy"}', 3)
    for gate in gates:
        gate.open()
    for _ in range(3):
        message = queues.receive()
        n = json.loads(message["Body"])["n"]
        assert message["MessageAttributes"]["LambdaRequestId"]["StringValue"] == f"id-{n}"
    queues.wait_empty()


def test_same_request_id(start, queues):
    """Two messages with one id: each gets its own answer."""
    d = start(IDLE, env=queues.env(AWS_LAMBDA_MAX_CONCURRENCY="2", LOG_LEVEL="DEBUG"))
    request_id = "4850539c-6316-4af1-9c47-8771cb3baeb1"
    runtimes = []
    events = []
    for n in range(2):
        queues.send(envelope({"n": n}, request_id=request_id), {"LambdaRequestId": f"id-{n}"})
        runtimes.append(Runtime(d))
        events.append(runtimes[n].next())
    assert events[0].headers["Lambda-Runtime-Aws-Request-Id"] == request_id
    assert events[1].headers["Lambda-Runtime-Aws-Request-Id"] in d.err.wait("is at hand already")
    for n in (1, 0):
        assert runtimes[n].respond(events[n], f'"answer of {n}"'.encode()).status == 202
    for _ in range(2):
        message = queues.receive()
        assert message["MessageAttributes"]["LambdaRequestId"]["StringValue"] == f"id-{message['Body'][-2]}"
    for runtime in runtimes:
        runtime.close()


def test_many(start, queues):
    d = start(env=queues.env(MAX_CONCURRENCY="4"))
    for n in range(40):
        queues.send(envelope({"n": n}))
    got = sorted(json.loads(queues.receive()["Body"])["n"] for n in range(40))
    assert got == list(range(40))
    queues.wait_empty()
    d.wait_metric('lambda_sqs_bridge_messages_total{fate="answered"}', 40)
    assert d.metrics()['lambda_sqs_bridge_messages{state="working"}'] == 0


def test_help_names_the_variables():
    text = run(flags=["--help"], binary=DAEMON).stdout
    assert "PROXY_LAMBDA_REQ_QUEUE_URL" in text and "PROXY_LAMBDA_PAYLOAD_FILE" in text and REGION
