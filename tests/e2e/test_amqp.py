# SPDX-License-Identifier: Apache-2.0
"""Invocations over AMQP: the reply, the queue, what is taken when, the settings, the end. With a real RabbitMQ."""
import json
import re
import signal
import time
import uuid
from datetime import datetime, timezone

import pika
import pytest

from amqp_client import Client, present
from harness import ECHO, IDLE, LIMIT, Runtime, run

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
FOREIGN = dict(content_encoding="gzip", priority=5, message_id="m-1", timestamp=1700000000, app_id="caller", type="request",
               expiration="60000")


def is_response(message, body):
    assert message.body == body
    assert message.properties.type == "response"
    assert "X-Amz-Function-Error" not in message.properties.headers


def is_function_error(message, kind):
    headers = message.properties.headers
    assert headers["X-Amz-Function-Error"] == "Unhandled"
    assert message.properties.type == "error"
    assert message.properties.content_type == "application/json"
    document = json.loads(message.body)
    assert document["errorType"] == kind
    return document["errorMessage"].replace(headers["x-amzn-RequestId"], "ID")


# --- the reply ---

def test_reply_has_these_properties_and_no_others(serve, client, queue):
    serve([ECHO])
    reply = client.call(queue, b'{"a": 1}', correlation_id="c-1", delivery_mode=1, headers={"mine": "x"}, **FOREIGN)
    assert reply.body == b'{"a": 1}'
    found = present(reply.properties)
    headers = found.pop("headers")
    assert found == {"content_type": "application/json", "correlation_id": "c-1", "delivery_mode": 1, "type": "response"}
    assert UUID.match(headers.pop("x-amzn-RequestId"))
    assert headers == {"X-Amz-Executed-Version": "$LATEST"}


def test_reply_to_a_function_error_says_so(serve, client, queue):
    serve(env={"AWS_LAMBDA_FUNCTION_VERSION": "7"})
    reply = client.call(queue, b'{"do": "error", "content_type": "application/json", "document": {"errorType": "E", "errorMessage": "m"}}',
                        delivery_mode=2)
    found = present(reply.properties)
    headers = found.pop("headers")
    found.pop("correlation_id")
    assert found == {"content_type": "application/json", "delivery_mode": 2, "type": "error"}
    assert UUID.match(headers.pop("x-amzn-RequestId"))
    assert headers == {"X-Amz-Executed-Version": "7", "X-Amz-Function-Error": "Unhandled"}
    assert json.loads(reply.body) == {"errorType": "E", "errorMessage": "m"}


@pytest.mark.parametrize("mode,expected", [(1, 1), (2, 2), (None, 1)])
def test_reply_is_as_persistent_as_the_request(serve, client, queue, mode, expected):
    serve([ECHO])
    assert (client.call(queue, b"1", delivery_mode=mode).properties.delivery_mode or 1) == expected


@pytest.mark.parametrize("asked", [None, "application/x-mine"])
def test_content_type_of_the_reply(serve, client, queue, asked):
    """It is the response's, whatever the request's was."""
    d = serve(IDLE)
    runtime = Runtime(d)
    rid = client.send(queue, b"x", content_type=asked)
    runtime.respond(runtime.next(), b"<p>", {"Content-Type": "text/html; charset=utf-8"})
    assert client.reply(rid).properties.content_type == "text/html; charset=utf-8"
    runtime.close()


def test_routing_of_the_request_is_not_that_of_the_reply(serve, client, queue):
    """CC, BCC and expiration of the request say where and how long the request goes, not the reply."""
    serve([ECHO])
    for name in ("copies", "blind"):
        client.declare(f"{queue}-{name}", exclusive=True)
    reply = client.call(queue, b'"once"', expiration="600000", headers={"CC": [f"{queue}-copies"], "BCC": [f"{queue}-blind"]})
    assert "expiration" not in present(reply.properties)
    assert not {"CC", "BCC"} & set(reply.properties.headers)
    for name in ("copies", "blind"):
        assert client.get(f"{queue}-{name}").properties.reply_to == client.queue
        assert client.get(f"{queue}-{name}") is None


def test_user_id_of_another_user_disturbs_nobody(serve, broker, client, queue):
    d = serve([ECHO])
    broker.add_user("alice", "wonderland")
    alice = Client(broker.uri("alice", "wonderland"))
    for n in range(20):
        reply = alice.call(queue, str(n).encode(), user_id="alice")
        is_response(reply, str(n).encode())
        assert reply.properties.user_id is None
        is_response(client.call(queue, b"guest"), b"guest")
    alice.close()
    assert not any("AMQP connection lost" in line for line in d.err.lines)


def test_failures_of_the_function(serve, client, queue):
    serve(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    assert is_function_error(client.call(queue, b'{"do": "exit", "code": 3}'), "Runtime.ExitError") == \
        "RequestId: ID Error: Runtime exited with error: exit status 3"
    assert is_function_error(client.call(queue, b'{"do": "hang"}'), "Sandbox.Timedout") == \
        "RequestId: ID Error: Task timed out after 0.50 seconds"
    is_response(client.call(queue, b"[1]"), b"[1]")


def test_failed_init(serve, client, queue):
    serve(["/nonexistent/runtime"])
    reply = client.call(queue)
    assert is_function_error(reply, "Runtime.InvalidEntrypoint")


def test_too_large_response(serve, client, queue):
    serve()
    reply = client.call(queue, b'{"do": "size", "bytes": 6291557}')
    is_function_error(reply, "Function.ResponseSizeTooLarge")
    assert len(client.call(queue, b'{"do": "size", "bytes": 6291556}').body) == 6291556


def test_every_invocation_has_its_own_id(serve, client, queue):
    """Two requests with one correlation id are two invocations, and neither id is the correlation id."""
    d = serve(IDLE, env={"MAX_CONCURRENCY": "2"})
    twin = str(uuid.uuid4())
    client.send(queue, b"a", correlation_id=twin)
    first = Runtime(d)
    one = first.next()
    client.send(queue, b"b", correlation_id=twin)
    first.respond(one, b"A")
    two = first.next()
    first.respond(two, b"B")
    replies = client.take(2)
    assert [m.body for m in replies] == [b"A", b"B"]
    ids = [e.headers["Lambda-Runtime-Aws-Request-Id"] for e in (one, two)]
    assert [m.properties.headers["x-amzn-RequestId"] for m in replies] == ids
    assert len({twin, *ids}) == 3
    assert {m.properties.correlation_id for m in replies} == {twin}
    first.close()


# --- the queue, and what is taken from it ---

def queue_row(broker, queue):
    rows = broker.table("list_queues", "name", "durable", "auto_delete", "exclusive", "type", "arguments", "messages_ready",
                        "messages_unacknowledged")
    return next(row[1:] for row in rows if row[0] == queue)


@pytest.mark.parametrize("env,expected", [
    ({}, ["false", "true", "false", "classic", "[]"]),
    ({"AMQP_QUEUE_DURABLE": "true"}, ["true", "true", "false", "classic", "[]"]),
    ({"AMQP_QUEUE_AUTO_DELETE": "false"}, ["false", "false", "false", "classic", "[]"]),
    ({"AMQP_QUEUE_TYPE": "quorum"},
     ["true", "false", "", "quorum", '[{"x-queue-type","quorum"}]']),
])
def test_declared_queue(serve, broker, client, queue, env, expected):
    d = serve([ECHO], env=env)
    assert queue_row(broker, queue)[:5] == expected
    is_response(client.call(queue, b"1"), b"1")
    assert d.stop() == 0
    assert (client.depth(queue) is None) == (expected[1] == "true")
    if expected[1] == "false":
        client.delete(queue)


@pytest.mark.parametrize("existing,argument", [({"durable": True, "auto_delete": True}, "durable"),
                                               ({"durable": False, "auto_delete": False}, "auto_delete")])
def test_a_queue_that_is_declared_otherwise(broker, client, queue, existing, argument):
    """406: the line says which argument differs; the daemon does not run on deaf."""
    client.declare(queue, **existing)
    done = run([ECHO], env={"AMQP_URI": broker.uri(), "AWS_LAMBDA_FUNCTION_NAME": queue})
    client.delete(queue)
    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if "inequivalent" in line)
    assert "AMQP" in line and argument in line and queue in line


@pytest.mark.parametrize("name,value", [("AMQP_QUEUE_DURABLE", "false"), ("AMQP_QUEUE_AUTO_DELETE", "true")])
def test_settings_that_a_quorum_queue_cannot_have(name, value):
    done = run([ECHO], env={"AMQP_URI": "amqp://localhost", "AMQP_QUEUE_TYPE": "quorum", name: value})
    assert done.returncode == 2
    assert "AMQP_QUEUE_TYPE" in done.stderr and name in done.stderr


def test_two_connections_one_to_consume_one_with_confirms_to_publish(serve, broker, client, queue):
    def channels():
        rows = broker.table("list_channels", "connection", "consumer_count", "confirm", "prefetch_count")
        return {row[0]: row[1:] for row in rows}

    before = channels()
    serve([ECHO], env={"AMQP_PREFETCH": "7"})
    client.call(queue)
    mine = [row for connection, row in channels().items() if connection not in before]
    assert sorted(mine) == [["0", "true", "0"], ["1", "false", "7"]]


@pytest.mark.parametrize("env,held", [({}, 1), ({"MAX_CONCURRENCY": "3"}, 3), ({"MAX_CONCURRENCY": "2", "AMQP_PREFETCH": "5"}, 5),
                                      ({"MAX_CONCURRENCY": "2", "AWS_LAMBDA_MAX_CONCURRENCY": "3"}, 6)])
def test_no_more_is_taken_than_prefetch_says(serve, broker, client, queue, env, held):
    d = serve(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "600", "AWS_LAMBDA_INIT_TIMEOUT": "600", **env})
    for _ in range(8):
        client.send(queue)
    client.wait_depth(queue, lambda depth: depth[0] == 8 - held)
    assert queue_row(broker, queue)[5:] == [str(8 - held), str(held)]
    d.signal(signal.SIGKILL)
    d.wait()


def test_waiting_costs_no_function_its_time(serve, client, queue):
    """Five that take a second each, one at a time, with three seconds for each: all come through."""
    serve(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "3"})
    events = [json.dumps({"do": "work", "seconds": 1, "n": n}).encode() for n in range(5)]
    client.send_many(queue, events)
    began = time.monotonic()
    for message, event in zip(client.take(5), events):
        is_response(message, event)
    assert time.monotonic() - began >= 4.5


def test_what_was_there_before_the_daemon_is_worked_on_at_once(serve, broker, client, queue):
    """It comes in one piece with the broker's answer to basic.consume, and after that the socket is silent."""
    client.declare(queue, auto_delete=True)
    client.send_many(queue, [b"1", b"2", b"3"])
    client.wait_depth(queue, lambda depth: depth[0] == 3)
    serve([ECHO], env={"AMQP_URI": broker.uri(heartbeat=0), "AMQP_PREFETCH": "3"})
    assert [m.body for m in client.take(3)] == [b"1", b"2", b"3"]


def test_first_runtime_is_started_before_the_first_message(serve):
    d = serve()
    d.err.wait("runtime started")
    d.wait_metric("lambda_runtime_starts_total", 1)


def test_order(serve, client, queue):
    serve([ECHO])
    bodies = [str(n).encode() for n in range(500)]
    client.send_many(queue, bodies)
    replies = client.take(500)
    assert [m.body for m in replies] == bodies
    assert [m.properties.correlation_id for m in replies] == [str(n) for n in range(500)]


def test_http_and_amqp_share_the_runtimes(serve, client, queue):
    d = serve(env={"MAX_CONCURRENCY": "1"})
    by_http = int(d.invoke({"do": "pid"}).body)
    assert int(client.call(queue, b'{"do": "pid"}').body) == by_http
    assert d.metrics()["lambda_runtime_starts_total"] == 1


# --- settings ---

@pytest.mark.parametrize("name,value,says", [
    ("AMQP_URI", "http://localhost", "amqp"),
    ("AMQP_URI", "localhost:5672", "amqp"),
    ("AMQP_URI", "amqp://localhost:0x10", "port"),
    ("AMQP_URI", "amqp://localhost:70000", "port"),
    ("AMQP_URI", "amqp://localhost?connection_attempts=many", "connection_attempts"),
    ("AMQP_URI", "amqp://localhost?retry_delay=-1", "retry_delay"),
    ("AMQP_URI", "amqp://localhost?heartbeat=x", "heartbeat"),
    ("AMQP_URI", "amqps://localhost?verify=perhaps", "verify"),
    ("AMQP_QUEUE_DURABLE", "maybe", "true"),
    ("AMQP_QUEUE_AUTO_DELETE", "2", "true"),
    ("AMQP_QUEUE_TYPE", "stream", "quorum"),
    ("AMQP_PREFETCH", "-1", "65535"),
    ("AMQP_PREFETCH", "65536", "65535"),
    ("AMQP_MAX_DELIVERIES", "x", ""),
])
def test_bad_setting(name, value, says):
    done = run([ECHO], env={"AMQP_URI": "amqp://localhost", name: value})
    assert done.returncode == 2
    assert name in done.stderr
    assert says.lower() in done.stderr.lower()
    assert done.stderr.count("\n") == 1


def test_a_bad_uri_does_not_show_its_password():
    done = run([ECHO], env={"AMQP_URI": "amqp://user:hidden@localhost:99999"})
    assert done.returncode == 2
    assert "hidden" not in done.stderr + done.stdout


def test_user_and_password_without_uri_turn_nothing_on(start):
    d = start([ECHO], env={"AMQP_USERNAME": "u", "AMQP_PASSWORD": "hidden"})
    assert d.invoke(b"1").body == b"1"
    assert d.stop() == 0
    assert not any("AMQP" in line or "hidden" in line for line in d.err.all())


@pytest.mark.parametrize("uri_user,env_user", [("carol", None), (None, "carol"), ("carol", "nobody")])
def test_credentials(serve, broker, client, queue, uri_user, env_user):
    """In the URI or beside it, the URI's first; in no log at any level, and in no child."""
    password = "s3cret@/:%" + uuid.uuid4().hex[:6]
    name = f"carol-{queue}"
    broker.add_user(name, password)
    env = {"AMQP_URI": broker.uri(uri_user and name, password), "LOG_LEVEL": "TRACE"}
    if env_user:
        env.update(AMQP_USERNAME=name if env_user == "carol" else env_user, AMQP_PASSWORD=password if env_user == "carol" else "wrong")
    d = serve(env=env)
    facts = json.loads(client.call(queue, b'{"do": "facts"}').body)
    assert not [k for k in facts["env"] if k.startswith("AMQP_")]
    assert not [v for v in facts["env"].values() if password in v]
    assert d.stop() == 0
    quoted = broker.uri(name, password).split("@")[0].split(":")[-1]
    for line in d.err.all() + d.out.all():
        assert password not in line and quoted not in line and "wrong" not in line


def test_vhost(serve, broker, queue):
    broker.add_vhost(f"v/{queue}")
    serve([ECHO], env={"AMQP_URI": broker.uri(vhost=f"v/{queue}")})
    inside = Client(broker.uri(vhost=f"v/{queue}"))
    is_response(inside.call(queue, b"in"), b"in")
    inside.close()


def test_heartbeat_off(serve, broker, client, queue):
    serve([ECHO], env={"AMQP_URI": broker.uri(heartbeat=0)})
    is_response(client.call(queue, b"1"), b"1")
    beats = {row[0] for row in broker.table("list_connections", "timeout")}
    assert beats == {"0"}


@pytest.mark.parametrize("stamp", [0, 1, 1700000000, int(datetime(2100, 1, 1, tzinfo=timezone.utc).timestamp())])
def test_timestamp_of_the_request_means_nothing_for_the_deadline(serve, client, queue, stamp):
    d = serve(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    runtime = Runtime(d)
    client.send(queue, timestamp=stamp)
    event = runtime.next()
    left = int(event.headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    assert 30 < left <= 60
    runtime.respond(event)
    client.take()
    runtime.close()


# --- the end ---

def test_sigterm_answers_what_was_taken(serve, client, queue):
    """Auto-delete queue: what is not answered now is lost with it."""
    d = serve(env={"MAX_CONCURRENCY": "4", "AWS_LAMBDA_FUNCTION_TIMEOUT": "30"})
    client.send_many(queue, [json.dumps({"do": "work", "seconds": 0.5, "n": n}).encode() for n in range(4)])
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    d.wait_metric("lambda_runtimes{state=\"busy\"}", 4)
    assert d.stop() == 0
    assert sorted(json.loads(m.body)["n"] for m in client.take(4)) == [0, 1, 2, 3]
    assert client.depth(queue) is None


def test_sigterm_leaves_the_rest_in_the_queue(serve, client, queue):
    """Everything is either answered or still there for the next one, once."""
    env = {"AMQP_QUEUE_DURABLE": "true", "AMQP_QUEUE_AUTO_DELETE": "false", "AMQP_PREFETCH": "10"}
    d = serve([ECHO], env=env)
    bodies = [str(n).encode() for n in range(3000)]
    client.send_many(queue, bodies, delivery_mode=2)
    client.take(100)
    assert d.stop() == 0
    client.depth(client.queue)
    client.connection.process_data_events(time_limit=0)
    first = 100 + len(client.arrived)
    # What was given back is there again when the broker has seen to the end of the connection.
    client.wait_depth(queue, lambda depth: first + depth[0] == 3000)
    serve([ECHO], env=env)
    client.wait(lambda: len(client.arrived) >= 2900)
    client.nothing_more() if len(client.arrived) > 2900 else None
    assert sorted(int(m.body) for m in client.take(2900)) == list(range(100, 3000))
    client.delete(queue)


def test_second_signal_ends_at_once(serve, client, queue):
    d = serve(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "600"})
    client.send(queue, b'{"do": "hang"}')
    d.wait_metric("lambda_runtimes{state=\"busy\"}", 1)
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    d.signal(signal.SIGTERM)
    assert d.wait() == 1
    # The check of the fixture is for those that end in order.


def test_unroutable_reply_is_not_work_to_repeat(serve, client, queue):
    """The caller has gone: its reply has nowhere to go, and the function ran once."""
    d = serve()
    gone = f"{queue}-gone"
    client.send(queue, b'{"do": "say", "writes": [[1, "ran\\n"]]}', reply_to=gone)
    is_response(client.call(queue, b"2"), b"2")
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    assert d.stop() == 0
    assert d.out.all().count("ran") == 1


def test_mandatory_request_to_no_function(client, queue):
    with pytest.raises(pika.exceptions.UnroutableError):
        client.send(queue)
