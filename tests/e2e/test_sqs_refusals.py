# SPDX-License-Identifier: Apache-2.0
"""What the SQS bridge does when SQS, or what stands in between, refuses a call."""
import json
import os
import signal
import time

import pytest

from queues import decode_maybe_binary, envelope, noise, original_proxy, refused, size_limit


@pytest.fixture
def seen(start, queues, gateway):
    """A bridge whose calls go through the gateway: (daemon, gateway)."""
    return start(env=queues.env(gateway.url)), gateway


PASSING = {"denied": refused("AccessDenied", 403), "unknown key": refused("InvalidClientTokenId", 403),
           "portal": (200, b"<html>log in</html>"), "empty": (200, b""), "not found": (404, b"nothing")}


@pytest.mark.parametrize("refusal", PASSING)
def test_refusal_that_passes(seen, queues, refusal):
    """It says nothing of the message: the answer is kept and arrives once."""
    d, gateway = seen
    gateway.refuse = lambda call: PASSING[refusal] if call["action"] == "SendMessage" else None
    queues.send(envelope({"n": 1}))
    d.err.wait("a response could not be sent")
    gateway.refuse = lambda call: None
    assert json.loads(queues.receive()["Body"])["n"] == 1
    queues.wait_empty()
    assert queues.counts(queues.responses) == (0, 0)
    metrics = d.metrics()
    assert metrics['lambda_invocations_total{outcome="success"}'] == 1
    assert metrics['lambda_sqs_bridge_messages_total{fate="response_dropped"}'] == 0


def test_expired_credentials_when_the_answer_is_ready(seen, queues, gate):
    """Nothing works for a while, the deletion neither: the message stays where it is, and its answer comes."""
    d, gateway = seen
    queues.send(envelope({"do": "gate", "fifo": gate.path, "n": 7}))
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    gateway.refuse = lambda call: refused("ExpiredTokenException", 403)
    gate.open()
    d.err.wait("a response could not be sent")
    assert queues.counts() == (0, 1)
    gateway.refuse = lambda call: None
    assert json.loads(queues.receive()["Body"])["n"] == 7
    queues.wait_empty()
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_deletion_that_is_refused_is_tried_again(seen, queues):
    d, gateway = seen
    gateway.refuse = lambda call: refused("AccessDenied", 403) if call["action"] == "DeleteMessage" else None
    assert original_proxy(queues, {"a": 1}) == '{"a":1}'
    d.err.wait("an answered request could not be deleted")
    gateway.refuse = lambda call: None
    queues.wait_empty()
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_end_while_the_answer_is_refused(start, queues, gateway):
    """The next attempt is not waited for: the request stays on the queue."""
    d = start(env=queues.env(gateway.url))
    gateway.refuse = lambda call: refused("AccessDenied", 403) if call["action"] == "SendMessage" else None
    queues.send(envelope({"a": 1}))
    d.err.wait("a response could not be sent")
    started = time.monotonic()
    d.signal(signal.SIGTERM)
    assert d.wait() == 0 and time.monotonic() - started < 4
    assert queues.counts() == (0, 1)


@pytest.mark.parametrize("size", [262143, 262000])
def test_attributes_count(seen, queues, size):
    """A response that would fit without them is compressed."""
    gateway = seen[1]
    gateway.refuse = size_limit(262144)
    queues.send(envelope({"x": "a" * (size - 8)}), {"LambdaRequestId": "b" * 36, "LambdaDeadlineMs": "1718071341165"})
    message = queues.receive()
    assert json.loads(decode_maybe_binary(message["Body"])) == {"x": "a" * (size - 8)}
    assert "LambdaFunctionError" not in message["MessageAttributes"]


def test_queue_takes_less_than_we_think(seen, queues):
    d, gateway = seen
    gateway.refuse = size_limit(65536)
    queues.send(envelope(noise(100000)), {"LambdaRequestId": "id-1"})
    message = queues.receive()
    assert message["MessageAttributes"]["LambdaFunctionError"]["StringValue"] == "Function.ResponseSizeTooLarge"
    assert "100000 bytes" in json.loads(message["Body"])["errorMessage"]
    assert "must be shorter than 65536 bytes" in d.err.wait("Response dropped")
    queues.wait_empty()


def test_message_is_back_before_the_bridge_hears_of_it(seen, queues, gate):
    """The request of a runtime that died comes again before the reply to the call that gave it back: it is no twin."""
    d, gateway = seen

    def hold_until_received_again(call):
        if call["action"] == "ChangeMessageVisibility":
            gateway.wait("ReceiveMessage", count=2, where=lambda c: c.get("reply", {}).get("Messages"))

    gateway.before_reply = hold_until_received_again
    queues.send(envelope({"do": "gate", "fifo": gate.path, "n": 7}), {"LambdaRequestId": "b" * 36, "LambdaDeadlineMs": "1718071341165"})
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    os.kill(int(d.err.wait("runtime started").split("pid=")[1].split()[0]), signal.SIGKILL)
    d.err.wait("runtime started", count=2)
    gate.open()
    assert json.loads(queues.receive()["Body"])["n"] == 7
    queues.wait_empty()
    assert d.metrics()['lambda_sqs_bridge_messages_total{fate="duplicate"}'] == 0
