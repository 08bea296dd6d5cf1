# SPDX-License-Identifier: Apache-2.0
"""Requests over AMQP in every shape: properties missing, headers of every type, bodies of every size."""
import base64
import json
import re
import struct
import uuid

import pika
import pytest

from amqp_client import RawHeaders, present, short
from harness import ECHO, IDLE, LIMIT, Runtime

MAX_REQUEST = 6291456
TRACE = re.compile(r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]$")


def b64(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(data).decode()


def is_call_error(message, kind):
    """The call itself was wrong: AWS's error type and document, as over HTTP. The function never ran."""
    properties = message.properties
    assert properties.type == "error"
    assert properties.content_type == "application/json"
    assert properties.headers["x-amzn-ErrorType"] == kind
    assert "X-Amz-Function-Error" not in properties.headers
    document = {k.lower(): v for k, v in json.loads(message.body).items()}
    assert document["type"] == "User"
    return document["message"]


@pytest.fixture
def played_amqp(serve):
    """A daemon on the queue, and a runtime that the test plays."""
    d = serve(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60", "AWS_LAMBDA_INIT_TIMEOUT": "60"})
    runtime = Runtime(d)
    yield d, runtime
    runtime.close()


# --- reply_to and correlation_id ---

@pytest.mark.parametrize("reply_to", [None, ""])
def test_fire_and_forget_is_done_when_the_function_is(serve, broker, client, queue, reply_to):
    """Acknowledged after the function, not before: until then it is the broker's to give to another."""
    d = serve(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    runtime = Runtime(d)
    client.send(queue, b"[1]", reply_to=reply_to)
    event = runtime.next()
    assert event.body == b"[1]"
    assert unacknowledged(broker, queue) == "1"
    runtime.respond(event, b"done")
    runtime.send_next()
    d.wait_metric('lambda_invocations_total{outcome="success"}', 1)
    wait_acknowledged(broker, queue)
    client.nothing_more()
    runtime.close()


def unacknowledged(broker, queue):
    return next(row[1] for row in broker.table("list_queues", "name", "messages_unacknowledged") if row[0] == queue)


def wait_acknowledged(broker, queue):
    for _ in range(30):
        if unacknowledged(broker, queue) == "0":
            return
    raise AssertionError("still not acknowledged")


def test_fire_and_forget_of_a_failing_function_is_done_too(serve, client, queue):
    d = serve()
    client.send(queue, b'{"do": "error", "document": {"errorType": "E"}}', reply_to=None)
    assert client.call(queue, b"[2]").body == b"[2]"
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    assert d.metrics()['lambda_invocations_total{outcome="error"}'] == 1


def test_without_correlation_id(serve, client, queue):
    serve([ECHO])
    client.send(queue, b"[1]", correlation_id=None)
    reply = client.take()[0]
    assert reply.body == b"[1]"
    assert "correlation_id" not in present(reply.properties)


@pytest.mark.parametrize("text", ["", "x" * 255, "\u00fc\u4e2d\U0001f600", "a b\r\nc: d\t\x01"], ids=range(4))
def test_correlation_id_is_any_text(serve, client, queue, text):
    serve([ECHO])
    client.send(queue, b"[1]", correlation_id=text)
    assert (client.take()[0].properties.correlation_id or "") == text


def test_no_properties_at_all(serve, client, queue):
    d = serve([ECHO])
    client.publish(queue, b"[1]", pika.BasicProperties())
    assert client.call(queue, b"[2]").body == b"[2]"
    d.wait_metric('lambda_invocations_total{outcome="success"}', 2)


def test_direct_reply_to(serve, broker, queue):
    """RabbitMQ's pseudo queue, which many RPC clients use."""
    serve([ECHO])
    connection = pika.BlockingConnection(pika.URLParameters(broker.uri()))
    channel = connection.channel()
    arrived = []
    channel.basic_consume("amq.rabbitmq.reply-to", lambda *message: arrived.append(message[2:]), auto_ack=True)
    channel.basic_publish("", queue, b"[7]", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="7"))
    while not arrived:
        connection.process_data_events(time_limit=LIMIT)
    properties, body = arrived[0]
    assert (properties.correlation_id, body) == ("7", b"[7]")
    connection.close()


@pytest.mark.parametrize("reply_to", ["x" * 255, "no such queue", "\u00fc", "amq.rabbitmq.reply-to.nonsense"], ids=range(4))
def test_reply_to_that_leads_nowhere(serve, client, queue, reply_to):
    d = serve([ECHO])
    for _ in range(3):
        client.send(queue, b"[1]", reply_to=reply_to)
    assert client.call(queue, b"[2]").body == b"[2]"
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    assert not any("AMQP connection lost" in line for line in d.err.lines)


# --- headers ---

def field(name, kind, value=b""):
    return short(name) + kind + value


def long_string(data):
    return struct.pack(">I", len(data)) + data


def table(*fields):
    data = b"".join(fields)
    return struct.pack(">I", len(data)) + data


#: Every field type that RabbitMQ takes.
VALUES = [
    (b"t", b"\x01"), (b"b", b"\xff"), (b"B", b"\xff"), (b"s", b"\xff\xfe"), (b"u", b"\xff\xfe"), (b"I", b"\xff" * 4),
    (b"i", b"\xff" * 4), (b"l", b"\xff" * 8), (b"f", struct.pack(">f", 1.5)), (b"d", struct.pack(">d", -1.5)),
    (b"D", b"\x02" + b"\xff" * 4), (b"S", long_string(b"text \x00 \xff")), (b"S", long_string(b"")), (b"S", long_string(b"x" * 60000)),
    (b"x", long_string(b"\x00\x01")), (b"T", struct.pack(">Q", 2**63)), (b"V", b""),
    (b"A", long_string(b"S" + long_string(b"a") + b"I\x00\x00\x00\x01" + b"A" + long_string(b"V"))),
    (b"F", table(field("in", b"F", table(field("deep", b"A", long_string(b"t\x01")))))),
    (b"F", table()), (b"A", long_string(b"")),
]
READ = ("X-Amz-Client-Context", "X-Amzn-Trace-Id", "X-Amz-Invocation-Type")


@pytest.mark.parametrize("name", ["anything", "", "n" * 255])
def test_foreign_headers_of_every_type(serve, client, queue, name):
    serve([ECHO])
    for n, (kind, value) in enumerate(VALUES):
        client.publish(queue, b"[%d]" % n, RawHeaders(field(name, kind, value), str(n), client.queue))
        reply = client.reply(str(n))
        assert reply.body == b"[%d]" % n, kind
        assert set(reply.properties.headers) == {"X-Amz-Executed-Version", "x-amzn-RequestId"}
    everything = b"".join(field(f"h{n}", *value) for n, value in enumerate(VALUES))
    client.publish(queue, b"[]", RawHeaders(everything, "all", client.queue))
    assert client.reply("all").body == b"[]"


@pytest.mark.parametrize("name", READ)
def test_headers_that_are_read_are_read_only_as_text(serve, client, queue, name):
    """Another type is ignored, and the log says so: no crash, no message that goes round for ever."""
    d = serve([ECHO])
    for n, (kind, value) in enumerate(VALUES):
        if kind in (b"S", b"x"):  # bytes are read as text, too
            continue
        client.publish(queue, b"[%d]" % n, RawHeaders(field(name, kind, value), str(n), client.queue))
        assert client.reply(str(n)).body == b"[%d]" % n, kind
    d.err.wait(lambda line: "WARN" in line and name in line)
    assert d.metrics()["lambda_runtime_starts_total"] == 1


@pytest.mark.parametrize("depth", [30, 1000, 15000])
def test_nested_headers(serve, client, queue, depth):
    """RabbitMQ takes any depth that fits into a frame."""
    serve([ECHO])
    inner = table()
    for _ in range(depth):
        inner = table(field("t", b"F", inner))
    client.publish(queue, b"[1]", RawHeaders(field("t", b"F", inner), "1", client.queue))
    assert client.reply("1").body == b"[1]"
    assert client.call(queue, b"[2]").body == b"[2]"


def test_the_same_header_twice(serve, client, queue):
    serve([ECHO])
    twice = field("X-Amzn-Trace-Id", b"S", long_string(b"Root=1-a")) * 2
    client.publish(queue, b"[1]", RawHeaders(twice, "1", client.queue))
    assert client.reply("1").body == b"[1]"


def test_many_headers(serve, client, queue):
    serve([ECHO])
    many = b"".join(field(f"header-{n}", b"S", long_string(b"v" * 100)) for n in range(900))
    client.publish(queue, b"[1]", RawHeaders(many, "1", client.queue))
    assert client.reply("1").body == b"[1]"


# --- what the function is told ---

def test_client_context(played_amqp, client, queue):
    _, runtime = played_amqp
    context = {"custom": {"k": "v \u00fc"}, "client": {}, "env": {"n": 1}}
    rid = client.send(queue, headers={"X-Amz-Client-Context": b64(context)})
    event = runtime.next()
    assert json.loads(event.headers["Lambda-Runtime-Client-Context"]) == context
    runtime.respond(event)
    client.reply(rid)
    client.send(queue)
    event = runtime.next()
    assert event.headers["Lambda-Runtime-Client-Context"] is None
    runtime.respond(event)


@pytest.mark.parametrize("value", ["!!", "e30", b64(b"[1]"), b64(b"no json"), b64({"custom": "x" * 4000}), "\u00fc"], ids=range(6))
def test_bad_client_context(serve, client, queue, value):
    d = serve([ECHO])
    message = is_call_error(client.call(queue, headers={"X-Amz-Client-Context": value}), "InvalidRequestContentException")
    assert "lient context" in message
    assert client.call(queue, b"[1]").body == b"[1]"
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_bad_client_context_without_reply_to(serve, client, queue):
    serve([ECHO])
    client.send(queue, headers={"X-Amz-Client-Context": "!!"}, reply_to=None)
    assert client.call(queue, b"[1]").body == b"[1]"
    client.wait_depth(queue, lambda depth: depth[0] == 0)


def test_trace_id(played_amqp, client, queue):
    _, runtime = played_amqp
    given = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    client.send(queue, headers={"X-Amzn-Trace-Id": given})
    event = runtime.next()
    assert event.headers["Lambda-Runtime-Trace-Id"] == given
    runtime.respond(event)
    client.send(queue)
    event = runtime.next()
    assert TRACE.match(event.headers["Lambda-Runtime-Trace-Id"])
    runtime.respond(event)
    # What would break out of its header does not reach the runtime.
    client.send(queue, headers={"X-Amzn-Trace-Id": "Root=1-a\r\nEvil: 1"})
    event = runtime.next()
    assert event.headers["Evil"] is None
    runtime.respond(event)
    client.take(3)


def test_arn_and_id(played_amqp, client, queue):
    _, runtime = played_amqp
    rid = client.send(queue)
    event = runtime.next()
    assert event.headers["Lambda-Runtime-Invoked-Function-Arn"] == f"arn:aws:lambda:us-east-1:012345678912:function:{queue}"
    runtime.respond(event, b"x")
    assert client.reply(rid).properties.headers["x-amzn-RequestId"] == event.headers["Lambda-Runtime-Aws-Request-Id"]


# --- invocation type ---

def test_dry_run(serve, client, queue):
    d = serve([ECHO])
    reply = client.call(queue, b"[1]", headers={"X-Amz-Invocation-Type": "DryRun"})
    assert (reply.body, reply.properties.type) == (b"", "response")
    assert client.call(queue, b"[2]").body == b"[2]"
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_event_has_no_reply(played_amqp, client, queue):
    """Nobody waits for the result, whatever reply_to says."""
    _, runtime = played_amqp
    client.send(queue, b"[1]", headers={"X-Amz-Invocation-Type": "Event"})
    event = runtime.next()
    assert event.body == b"[1]"
    runtime.respond(event, b"nobody reads this")
    rid = client.send(queue, b"[2]")
    runtime.respond(runtime.next(), b"yes")
    assert client.reply(rid).body == b"yes"
    client.nothing_more()


def test_event_without_reply_to(serve, client, queue):
    d = serve([ECHO])
    client.send(queue, b"[1]", headers={"X-Amz-Invocation-Type": "Event"}, reply_to=None)
    assert client.call(queue, b"[2]").body == b"[2]"
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 2


def test_request_response_by_name(serve, client, queue):
    serve([ECHO])
    assert client.call(queue, b"[1]", headers={"X-Amz-Invocation-Type": "RequestResponse"}).body == b"[1]"


@pytest.mark.parametrize("kind", ["Nonsense", "", "event"])
def test_unknown_invocation_type(serve, client, queue, kind):
    serve([ECHO])
    message = is_call_error(client.call(queue, headers={"X-Amz-Invocation-Type": kind}), "InvalidParameterValueException")
    assert "invocationType" in message


# --- bodies ---

def test_no_body_is_an_empty_object(serve, client, queue):
    serve([ECHO])
    assert client.call(queue, b"").body == b"{}"


@pytest.mark.parametrize("body", [b"hello", b"\x00\xff\xfe", b" ", "\u00fc".encode("latin-1"), bytes(range(256)) * 600], ids=range(5))
def test_bytes_are_passed_on_as_they_are(serve, client, queue, body):
    serve([ECHO])
    assert client.call(queue, body).body == body


@pytest.mark.parametrize("size", [1, 4095, 131072 - 8, 131072 - 7, 131072, 262144, 1 << 20, MAX_REQUEST])
def test_sizes(serve, client, queue, size):
    """Around the limits of frames too."""
    serve([ECHO])
    body = uuid.uuid4().bytes * (size // 16 + 1)
    assert client.call(queue, body[:size]).body == body[:size]


@pytest.mark.parametrize("size", [MAX_REQUEST + 1, 3 * MAX_REQUEST])
def test_too_large(serve, client, queue, size):
    d = serve([ECHO])
    message = is_call_error(client.call(queue, b"x" * size), "RequestEntityTooLargeException")
    assert message == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    client.send(queue, b"x" * size, reply_to=None)
    assert client.call(queue, b"[1]").body == b"[1]"
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_too_large_does_not_stay_in_memory(serve, client, queue):
    d = serve([ECHO])
    client.call(queue, b"x")
    with open(f"/proc/{d.pid}/status", encoding="ascii") as f:
        before = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    client.call(queue, b"x" * (100 << 20))
    with open(f"/proc/{d.pid}/status", encoding="ascii") as f:
        after = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    assert after - before < 130 << 10


# --- priority, expiration ---

@pytest.mark.parametrize("properties", [{"priority": 0}, {"priority": 255}, {"expiration": "100000"}, {"content_encoding": "gzip"},
                                        {"content_type": "text/plain"}, {"content_type": "x" * 255}, {"content_type": ""}], ids=str)
def test_properties_that_do_not_concern_the_function(serve, client, queue, properties):
    serve([ECHO])
    reply = client.call(queue, b"[1]", **properties)
    assert reply.body == b"[1]"
    assert set(present(reply.properties)) <= {"content_type", "correlation_id", "delivery_mode", "type", "headers"}


def test_what_has_expired_is_not_run(played_amqp, client, queue):
    """The broker drops it while it waits behind another; what is taken already is run."""
    _, runtime = played_amqp
    first = client.send(queue, b"first")
    event = runtime.next()
    client.send(queue, b"expired", expiration="1")
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    second = client.send(queue, b"second", expiration="600000")
    runtime.respond(event, b"1")
    event = runtime.next()
    assert event.body == b"second"
    runtime.respond(event, b"2")
    assert (client.reply(first).body, client.reply(second).body) == (b"1", b"2")
