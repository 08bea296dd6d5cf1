# SPDX-License-Identifier: Apache-2.0
"""The SQS event source against moto, which verifies signatures: a queue invokes the function in batches."""
import hashlib
import json
import os
import signal
import subprocess
import time
import uuid

import pytest

from harness import DAEMON, IDLE, LIMIT, Runtime, run
from queues import ACCOUNT, REGION, refused

AGAIN = "its messages come again"


class Trigger:
    """A queue, and the daemon's environment for it. The tests play the runtime."""

    def __init__(self, server, start, gateway=None, fifo=False, visibility=30):
        self.sqs, self.server, self.gateway, self.start_daemon = server.sqs, server, gateway, start
        self.name = f"events-{uuid.uuid4().hex[:12]}" + (".fifo" if fifo else "")
        attributes = {"VisibilityTimeout": str(visibility), "MaximumMessageSize": "1048576",
                      **({"FifoQueue": "true"} if fifo else {})}
        self.queue = self.sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        self.runtimes = []

    def env(self, **more):
        return {"AWS_ENDPOINT_URL_SQS": (self.gateway or self.server).url, "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": self.server.key, "AWS_SECRET_ACCESS_KEY": self.server.secret,
                "AWS_EC2_METADATA_DISABLED": "true", "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
                "SQS_EVENT_SOURCE_QUEUE_URL": self.queue, **more}

    def start(self, command=IDLE, **more):
        return self.start_daemon(command, env=self.env(**more))

    def runtime(self, daemon):
        self.runtimes.append(Runtime(daemon))
        return self.runtimes[-1]

    def send(self, *bodies, **more):
        return [self.sqs.send_message(QueueUrl=self.queue, MessageBody=body, **more)["MessageId"] for body in bodies]

    def fill(self, count, tag="m"):
        """That many messages, up to ten with each call."""
        for first in range(0, count, 10):
            self.sqs.send_message_batch(QueueUrl=self.queue, Entries=[
                {"Id": str(n), "MessageBody": f"{tag}{n}"} for n in range(first, min(first + 10, count))])

    def counts(self):
        got = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["All"])["Attributes"]
        return int(got["ApproximateNumberOfMessages"]), int(got["ApproximateNumberOfMessagesNotVisible"])

    def wait_counts(self, *counts):
        end = time.monotonic() + LIMIT
        while self.counts() != counts:
            assert time.monotonic() < end, f"{self.counts()} and not {counts} messages"


@pytest.fixture
def make_trigger(moto, start):
    made = []

    def factory(**more):
        made.append(Trigger(moto, start, **more))
        return made[-1]

    yield factory
    for t in made:
        for r in t.runtimes:
            r.close()
        t.sqs.delete_queue(QueueUrl=t.queue)


@pytest.fixture
def trigger(make_trigger):
    return make_trigger()


@pytest.fixture
def short(make_trigger):
    """One whose failed messages come again soon."""
    return make_trigger(visibility=1)


@pytest.fixture
def seen(make_trigger, gateway):
    """One whose calls go through the gateway."""
    return make_trigger(gateway=gateway)


@pytest.fixture
def seen_short(make_trigger, gateway):
    return make_trigger(gateway=gateway, visibility=1)


def records(event):
    return json.loads(event.body)["Records"]


def bodies(event):
    return [r["body"] for r in records(event)]


def kill_runtime(daemon):
    started = daemon.err.wait(lambda line: "runtime started" in line)
    os.kill(int(started.split("pid=")[1].split()[0]), signal.SIGKILL)


# --- batches ---

def test_record(trigger):
    """Every member as AWS has it, nothing else, and no variable of ours in the function's environment."""
    text = 'a "quoted" <b>\u00e9</b>\nline'
    sent = trigger.sqs.send_message(QueueUrl=trigger.queue, MessageBody=text, MessageAttributes={
        "text": {"DataType": "String", "StringValue": "v"}, "n": {"DataType": "Number", "StringValue": "5"},
        "b": {"DataType": "Binary", "BinaryValue": b"\0\1"}})
    d = trigger.start()
    runtime = trigger.runtime(d)
    got = runtime.next()
    assert set(json.loads(got.body)) == {"Records"}
    record, = records(got)
    receipt = record.pop("receiptHandle")
    attributes = record.pop("attributes")
    assert receipt and {"ApproximateReceiveCount", "SentTimestamp", "SenderId",
                        "ApproximateFirstReceiveTimestamp"} <= set(attributes)
    assert attributes["ApproximateReceiveCount"] == "1"
    lists = {"stringListValues": [], "binaryListValues": []}
    assert record == {
        "messageId": sent["MessageId"], "body": text, "md5OfBody": hashlib.md5(text.encode()).hexdigest(),
        "messageAttributes": {"text": {"stringValue": "v", "dataType": "String", **lists},
                              "n": {"stringValue": "5", "dataType": "Number", **lists},
                              "b": {"binaryValue": "AAE=", "dataType": "Binary", **lists}},
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"], "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{trigger.name}", "awsRegion": REGION}
    assert got.headers["Lambda-Runtime-Invoked-Function-Arn"].startswith(f"arn:aws:lambda:{REGION}:")
    # Nothing is deleted before the function has answered.
    assert trigger.counts() == (0, 1)
    child, = d.children()
    with open(f"/proc/{child}/environ", encoding="utf-8") as f:
        assert "SQS_EVENT_SOURCE" not in f.read()
    assert runtime.respond(got, b"null").status == 202
    trigger.wait_counts(0, 0)
    assert d.metrics()['lambda_sqs_event_source_messages_total{fate="deleted"}'] == 1


def test_batches_of_ten(seen, gateway):
    """What one ReceiveMessage brings is a batch, deleted with one call."""
    seen.fill(12)
    d = seen.start()
    runtime = seen.runtime(d)
    got = []
    while len(got) < 12:
        event = runtime.next()
        assert 1 <= len(records(event)) <= 10
        got += bodies(event)
        runtime.respond(event, b"{}")
    assert sorted(got) == sorted(f"m{n}" for n in range(12))
    seen.wait_counts(0, 0)
    receive = gateway.of("ReceiveMessage")[0]
    assert receive["MaxNumberOfMessages"] == 10 and receive["WaitTimeSeconds"] == 20
    assert receive["MessageAttributeNames"] == ["All"] and receive["MessageSystemAttributeNames"] == ["All"]
    deleted = gateway.of("DeleteMessageBatch")
    assert sum(len(c["Entries"]) for c in deleted) == 12 and not gateway.of("DeleteMessage")


def test_window_collects_up_to_the_size(trigger):
    trigger.fill(25)
    d = trigger.start(SQS_EVENT_SOURCE_BATCH_SIZE="20", SQS_EVENT_SOURCE_BATCH_WINDOW="2")
    runtime = trigger.runtime(d)
    first = runtime.next()
    assert len(records(first)) == 20
    runtime.respond(first, b"")
    # The rest when the window ends.
    second = runtime.next()
    assert len(records(second)) == 5 and not set(bodies(first)) & set(bodies(second))
    runtime.respond(second, b"")
    trigger.wait_counts(0, 0)
    assert d.metrics()['lambda_sqs_event_source_messages_total{fate="received"}'] == 25


def test_batch_of_six_megabytes(trigger):
    """A message that does not fit goes into the next batch."""
    trigger.send(*["<" * 1000000] * 7)
    d = trigger.start()
    runtime = trigger.runtime(d)
    first = runtime.next()
    assert len(records(first)) == 6 and len(first.body) <= 6291456
    runtime.respond(first, b"")
    second = runtime.next()
    assert len(records(second)) == 1
    runtime.respond(second, b"")
    trigger.wait_counts(0, 0)


def test_several_batches_at_once(seen):
    """As many as there are runtimes, and no more are received. What no runtime has taken goes back at once in the end."""
    seen.fill(3)
    d = seen.start(SQS_EVENT_SOURCE_BATCH_SIZE="1", MAX_CONCURRENCY="2")
    d.wait_metric('lambda_sqs_event_source_batches{state="running"}', 2)
    assert seen.counts() == (1, 2)
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    assert seen.counts() == (3, 0)


def test_fifo(make_trigger):
    """In order, and with what FIFO queues add to the attributes."""
    trigger = make_trigger(fifo=True)
    for n in range(3):
        trigger.send(f"m{n}", MessageGroupId="g", MessageDeduplicationId=f"d{n}")
    runtime = trigger.runtime(trigger.start())
    got = runtime.next()
    assert bodies(got) == ["m0", "m1", "m2"]
    attributes = records(got)[1]["attributes"]
    assert attributes["MessageGroupId"] == "g" and attributes["MessageDeduplicationId"] == "d1"
    assert attributes["SequenceNumber"]
    runtime.respond(got, b"{}")
    trigger.wait_counts(0, 0)


def test_fifo_keeps_the_order_of_a_large_batch(make_trigger):
    """What does not fit goes back to the queue: in a second batch it could overtake the first."""
    trigger = make_trigger(fifo=True)
    for n in range(7):
        trigger.send(f"{n}" * 1000000, MessageGroupId="g", MessageDeduplicationId=f"d{n}")
    d = trigger.start(MAX_CONCURRENCY="2")
    runtime = trigger.runtime(d)
    first = runtime.next()
    assert [b[0] for b in bodies(first)] == list("012345")
    d.wait_metric('lambda_sqs_event_source_messages_total{fate="returned"}', 1)
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    runtime.respond(first, b"{}")
    assert d.wait() == 0
    left, = trigger.sqs.receive_message(QueueUrl=trigger.queue, MaxNumberOfMessages=10)["Messages"]
    assert left["Body"][0] == "6"


# --- failures ---

def test_some_messages_failed(short):
    """What the function names comes again, the others are deleted."""
    short.fill(4)
    d = short.start(SQS_EVENT_SOURCE_REPORT_FAILURES="TRUE")
    runtime = short.runtime(d)
    got = runtime.next()
    failed = records(got)[1]
    runtime.respond(got, json.dumps({"batchItemFailures": [{"itemIdentifier": failed["messageId"]}]}).encode())
    again = runtime.next()
    record, = records(again)
    assert record["messageId"] == failed["messageId"] and record["attributes"]["ApproximateReceiveCount"] == "2"
    runtime.respond(again, b'{"batchItemFailures":[]}')
    short.wait_counts(0, 0)
    metrics = d.metrics()
    assert metrics['lambda_sqs_event_source_batches_total{outcome="partial"}'] == 1
    assert metrics['lambda_sqs_event_source_messages_total{fate="failed"}'] == 1
    assert metrics['lambda_sqs_event_source_messages_total{fate="deleted"}'] == 4


def test_bad_report_fails_all(trigger):
    trigger.fill(2)
    d = trigger.start(SQS_EVENT_SOURCE_REPORT_FAILURES="TRUE")
    runtime = trigger.runtime(d)
    got = runtime.next()
    runtime.respond(got, b'{"batchItemFailures":[{"itemIdentifier":"nobody"}]}')
    assert 'itemIdentifier "nobody" is no messageId' in d.err.wait(AGAIN)
    assert d.metrics()['lambda_sqs_event_source_messages_total{fate="failed"}'] == len(records(got))
    assert sum(trigger.counts()) == 2


def test_report_counts_only_if_asked_for(trigger):
    message, = trigger.send("x")
    runtime = trigger.runtime(trigger.start())
    runtime.respond(runtime.next(), json.dumps({"batchItemFailures": [{"itemIdentifier": message}]}).encode())
    trigger.wait_counts(0, 0)


def test_function_error(seen_short, gateway):
    """Nothing is deleted; the batch comes again by the queue's visibility timeout, not sooner."""
    seen_short.send("x")
    d = seen_short.start()
    runtime = seen_short.runtime(d)
    first = runtime.next()
    began = time.monotonic()
    runtime.respond(first, b'{"errorType":"Oops","errorMessage":"on purpose"}', kind="error")
    assert "on purpose" in d.err.wait(AGAIN)
    second = runtime.next()
    assert time.monotonic() - began > 0.5
    assert bodies(second) == ["x"] and records(second)[0]["receiptHandle"] != records(first)[0]["receiptHandle"]
    assert not gateway.of("DeleteMessageBatch")
    runtime.respond(second, b"1")
    seen_short.wait_counts(0, 0)


def test_failing_again_and_again_slows_down(trigger):
    """Whole batches that fail one after the other: nothing is received for a while."""
    trigger.fill(3)
    d = trigger.start(SQS_EVENT_SOURCE_BATCH_SIZE="1")
    runtime = trigger.runtime(d)
    for _ in range(2):
        runtime.respond(runtime.next(), b"{}", kind="error")
    d.err.wait("no more messages are received for 1 s")
    assert trigger.counts() == (1, 2)


def test_crash(trigger):
    trigger.send("x")
    d = trigger.start()
    trigger.runtime(d).next()
    kill_runtime(d)
    assert "outcome=exit" in d.err.wait(AGAIN)
    assert trigger.counts() == (0, 1)


def test_messages_stay_hidden_while_the_function_works(seen_short, gateway):
    """For longer than the queue's visibility timeout."""
    seen_short.send("x")
    d = seen_short.start()
    d.err.wait("visibility timeout is shorter than the function's timeout")
    runtime = seen_short.runtime(d)
    event = runtime.next()
    # Each is for as long as the queue's, and four of them are more than it.
    last = gateway.wait("ChangeMessageVisibilityBatch", count=4)
    assert [e["VisibilityTimeout"] for e in last["Entries"]] == [1]
    assert seen_short.counts() == (0, 1)
    runtime.respond(event, b"{}")
    seen_short.wait_counts(0, 0)


def test_second_delivery_of_a_message_in_work(seen, gateway, moto):
    """It is not run twice, and deleted by the handle that came last."""
    seen.send("x")
    d = seen.start(MAX_CONCURRENCY="2")
    runtime = seen.runtime(d)
    event = runtime.next()
    receipt = records(event)[0]["receiptHandle"]
    moto.sqs.change_message_visibility(QueueUrl=seen.queue, ReceiptHandle=receipt, VisibilityTimeout=0)
    d.wait_metric('lambda_sqs_event_source_messages_total{fate="duplicate"}', 1)
    runtime.respond(event, b"{}")
    deleted, = gateway.wait("DeleteMessageBatch")["Entries"]
    assert deleted["ReceiptHandle"] != receipt
    seen.wait_counts(0, 0)
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_deletion_that_fails_is_tried_again(seen, gateway):
    seen.send("x")
    d = seen.start()
    runtime = seen.runtime(d)
    event = runtime.next()
    gateway.fail_action = ("DeleteMessageBatch", 4)
    runtime.respond(event, b"{}")
    d.err.wait("could not be deleted")
    seen.wait_counts(0, 0)
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_deletion_with_expired_credentials_is_tried_again(seen, gateway):
    """What the function has handled does not run again."""
    d = seen.start()
    runtime = seen.runtime(d)
    seen.send("once")
    event = runtime.next()
    gateway.refuse = lambda call: refused("ExpiredTokenException", 403) if call["action"] == "DeleteMessageBatch" else None
    assert runtime.respond(event, b"{}").status == 202
    d.err.wait("could not be deleted")
    gateway.refuse = lambda call: None
    seen.wait_counts(0, 0)
    assert not any("come again" in line for line in d.err.lines)


def test_server_trouble_is_survived(seen, gateway):
    """Before the queue is known, and with the receiving of messages."""
    gateway.fail_action = ("", 4)
    d = seen.start()
    d.err.wait("the queue of the SQS event source cannot be looked at")
    seen.send("x")
    runtime = seen.runtime(d)
    runtime.respond(runtime.next(), b"{}")
    seen.wait_counts(0, 0)


def test_wrong_secret(trigger):
    d = trigger.start(AWS_SECRET_ACCESS_KEY="wrong-secret")
    line = d.err.wait("the queue of the SQS event source cannot be looked at")
    assert "SignatureDoesNotMatch" in line and "wrong-secret" not in line


# --- the end ---

def test_drain(trigger):
    """SIGTERM: what runs is finished and deleted, what was only received goes back at once."""
    trigger.send("runs")
    d = trigger.start(SQS_EVENT_SOURCE_BATCH_SIZE="2", SQS_EVENT_SOURCE_BATCH_WINDOW="1", MAX_CONCURRENCY="2")
    runtime = trigger.runtime(d)
    event = runtime.next()
    trigger.send("waits")
    d.wait_metric('lambda_sqs_event_source_batches{state="collecting"}', 1)
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    trigger.wait_counts(1, 1)
    runtime.respond(event, b"{}")
    assert d.wait() == 0
    trigger.wait_counts(1, 0)


def test_daemon_is_killed(short):
    """While the function works: the message is still there, and another daemon gets it."""
    short.send("x")
    d = short.start()
    short.runtime(d).next()
    d.signal(signal.SIGKILL)
    d.wait()
    assert sum(short.counts()) == 1
    runtime = short.runtime(short.start())
    event = runtime.next()
    assert bodies(event) == ["x"]
    runtime.respond(event, b"{}")
    short.wait_counts(0, 0)


def test_second_server(fauxqs, start):
    """Another implementation of SQS, and a batch that takes many calls."""
    trigger = Trigger(fauxqs, start)
    trigger.fill(200)
    runtime = trigger.runtime(trigger.start(SQS_EVENT_SOURCE_BATCH_SIZE="200", SQS_EVENT_SOURCE_BATCH_WINDOW="30"))
    event = runtime.next()
    assert len(set(bodies(event))) == 200
    runtime.respond(event, b"{}")
    trigger.wait_counts(0, 0)
    runtime.close()


# --- variables ---

@pytest.mark.parametrize("env,expected", [
    ({"SQS_EVENT_SOURCE_QUEUE_URL": "q"}, "a queue URL"),
    ({"SQS_EVENT_SOURCE_BATCH_SIZE": "0"}, "a whole number from 1 to 10000"),
    ({"SQS_EVENT_SOURCE_BATCH_SIZE": "11"}, "more than 10 need SQS_EVENT_SOURCE_BATCH_WINDOW"),
    ({"SQS_EVENT_SOURCE_BATCH_WINDOW": "301"}, "from 0 to 300"),
    ({"SQS_EVENT_SOURCE_REPORT_FAILURES": "yes please"}, "TRUE or FALSE"),
    ({"SQS_EVENT_SOURCE_QUEUE_URL": "https://sqs/1/q.fifo", "SQS_EVENT_SOURCE_BATCH_SIZE": "11",
      "SQS_EVENT_SOURCE_BATCH_WINDOW": "1"}, "expected up to 10 for a FIFO queue"),
])
def test_bad_values(env, expected):
    got = run(IDLE, env=env)
    assert got.returncode == 2 and expected in got.stderr and "SQS_EVENT_SOURCE_" in got.stderr


def test_password_in_the_url_is_not_shown():
    got = run(IDLE, env={"SQS_EVENT_SOURCE_QUEUE_URL": "https://me:secret@host/q"})
    assert got.returncode == 2 and "secret" not in got.stderr


def test_help_names_the_variables():
    text = subprocess.run([DAEMON, "--help"], capture_output=True, text=True, check=True).stdout
    for name in ("QUEUE_URL", "BATCH_SIZE", "BATCH_WINDOW", "REPORT_FAILURES"):
        assert f"  SQS_EVENT_SOURCE_{name}\n" in text
