# SPDX-License-Identifier: Apache-2.0
"""lambda-server: the Invoke API in front of queues, with real daemons or with a worker that the test plays."""
import base64
import http.client
import json
import re
import signal
import time

import pika
import pytest

from amqp_client import Client, present
from harness import ECHO, LIMIT, SANITIZED, SERVER, Gate, run
from rabbitmq import Broker, free_ports

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
DURABLE = {"AMQP_QUEUE_DURABLE": "true", "AMQP_QUEUE_AUTO_DELETE": "false"}


@pytest.fixture
def gateway(start, broker):
    """gateway(env=) -> a lambda-server that is connected."""

    def factory(env=None, at=None, ready=True):
        server = start([], binary=SERVER, env={"AMQP_URI": (at or broker).uri(), **(env or {})})
        if ready:
            wait_ready(server)
        return server

    return factory


def wait_ready(server, status=200):
    """Each look is a round trip."""
    end = time.monotonic() + LIMIT
    while server.request("GET", "/_/ready").status != status:
        assert time.monotonic() < end


class Worker:
    """The test in the place of the daemon: takes requests from a queue and answers as it likes."""

    def __init__(self, client, queue):
        self.client, self.queue, self.taken = client, queue, []
        client.bulk.queue_declare(queue, auto_delete=True)
        client.bulk.basic_consume(queue, lambda _c, _m, properties, body: self.taken.append((properties, body)), auto_ack=True)

    def take(self):
        self.client.wait(lambda: self.taken)
        return self.taken.pop(0)

    def reply(self, request, body=b"{}", correlation_id=None, **properties):
        values = pika.BasicProperties(correlation_id=correlation_id or request.correlation_id, **properties)
        self.client.publish(request.reply_to, body, values)


@pytest.fixture
def worker(client, queue):
    return Worker(client, queue)


def is_error(reply, status, kind):
    assert reply.status == status
    assert reply.headers["x-amzn-ErrorType"] == kind
    assert reply.headers["Content-Type"] == "application/json"
    document = {k.lower(): v for k, v in json.loads(reply.body).items()}
    assert document["type"] in ("User", "Service")
    return document["message"]


# --- invocations ---

def test_a_call_that_would_stream_gets_it_whole(serve, gateway, queue):
    serve([ECHO])
    server = gateway()
    path = f"/2021-11-15/functions/{queue}/response-streaming-invocations"
    reply = server.request("POST", path, b'{"a": 1}')
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/vnd.amazon.eventstream")
    assert b'{"a": 1}' in reply.body and b"InvokeComplete" in reply.body
    assert server.request("POST", path, b"{}", {"X-Amz-Invocation-Type": "Event"}).status == 400
    path = f"/2015-03-31/functions/{queue}/invocations"
    reply = server.request("POST", path, b'{"a": 1}', {"Lambda-Runtime-Function-Response-Mode": "streaming"})
    assert (reply.status, reply.body) == (200, b'{"a": 1}')


def test_round_trip(serve, gateway, queue):
    serve([ECHO], env={"AWS_LAMBDA_FUNCTION_VERSION": "3"})
    server = gateway()
    reply = server.invoke(b'{"a": 1}', name=queue)
    assert (reply.status, reply.body) == (200, b'{"a": 1}')
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["X-Amz-Executed-Version"] == "3"
    assert reply.headers["X-Amz-Function-Error"] is None
    assert UUID.match(reply.headers["x-amzn-RequestId"])
    assert server.invoke(b"", name=queue).body == b"{}"


def test_the_id_is_the_one_the_function_saw(serve, gateway, queue):
    d = serve([ECHO])
    reply = gateway().invoke(b"1", name=queue)
    d.out.wait(f"START RequestId: {reply.headers['x-amzn-RequestId']}")


@pytest.mark.parametrize("form", ["{}", "{}:7", "arn:aws:lambda:us-east-1:012345678912:function:{}", "012345678912:function:{}",
                                  "arn%3Aaws%3Alambda%3Aus-east-1%3A012345678912%3Afunction%3A{}%3Aprod"])
def test_names(serve, gateway, queue, form):
    serve([ECHO])
    assert gateway().invoke(b"[1]", name=form.format(queue)).body == b"[1]"


def test_unknown_function(gateway, queue):
    server = gateway()
    for headers in ({}, {"X-Amz-Invocation-Type": "Event"}):
        message = is_error(server.invoke(b"{}", name=queue, headers=headers), 404, "ResourceNotFoundException")
        assert queue in message
    assert server.invoke(b"{}", name="a:b:c").status == 400


def test_function_that_comes_later(serve, gateway, queue):
    server = gateway()
    assert server.invoke(b"{}", name=queue).status == 404
    d = serve([ECHO])
    assert server.invoke(b"[1]", name=queue).body == b"[1]"
    assert d.stop() == 0
    assert server.invoke(b"{}", name=queue).status == 404


def test_function_errors(serve, gateway, queue):
    serve(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.4"})
    server = gateway()
    for event, kind in (({"do": "error", "document": {"errorType": "Mine"}}, "Mine"), ({"do": "exit", "code": 2}, "Runtime.ExitError"),
                        ({"do": "hang"}, "Sandbox.Timedout")):
        reply = server.invoke(event, name=queue)
        assert reply.status == 200
        assert reply.headers["X-Amz-Function-Error"] == "Unhandled"
        assert json.loads(reply.body)["errorType"] == kind
    assert server.invoke(b"[1]", name=queue).headers["X-Amz-Function-Error"] is None


def test_event(serve, gateway, queue):
    d = serve()
    reply = gateway().invoke({"do": "say", "writes": [[1, "ran\n"]]}, name=queue, headers={"X-Amz-Invocation-Type": "Event"})
    assert (reply.status, reply.body) == (202, b"")
    assert UUID.match(reply.headers["x-amzn-RequestId"])
    d.out.wait("ran")


def test_invoke_async(serve, gateway, queue):
    d = serve()
    reply = gateway().request("POST", f"/2014-11-13/functions/{queue}/invoke-async", b'{"do":"say","writes":[[1,"ran\\n"]]}')
    assert (reply.status, json.loads(reply.body)) == (202, {"Status": 202})
    d.out.wait("ran")


def test_dry_run(serve, gateway, queue):
    d = serve([ECHO])
    server = gateway()
    reply = server.invoke(b"{}", name=queue, headers={"X-Amz-Invocation-Type": "DryRun"})
    assert (reply.status, reply.body) == (204, b"")
    assert is_error(server.invoke(b"{}", name=f"{queue}-none", headers={"X-Amz-Invocation-Type": "DryRun"}), 404,
                    "ResourceNotFoundException")
    assert server.invoke(b"[1]", name=queue).body == b"[1]"
    assert d.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_context_and_trace_reach_the_function(gateway, worker, queue):
    context = base64.b64encode(b'{"custom":{"a":"b"}}').decode()
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    future = gateway().later(b"[1]", name=queue, headers={"X-Amz-Client-Context": context, "X-Amzn-Trace-Id": trace})
    request, body = worker.take()
    assert body == b"[1]"
    assert json.loads(base64.b64decode(request.headers["X-Amz-Client-Context"])) == {"custom": {"a": "b"}}
    assert request.headers["X-Amzn-Trace-Id"] == trace
    worker.reply(request, b"ok")
    assert future.result(LIMIT).body == b"ok"


def test_request_as_the_original_sends_it(gateway, worker, queue):
    """Other daemons must understand it."""
    future = gateway().later(b"[1]", name=queue)
    request, _ = worker.take()
    found = present(request)
    assert found["content_type"] == "application/json"
    assert found["reply_to"] and found["correlation_id"]
    assert set(found) <= {"content_type", "reply_to", "correlation_id", "timestamp", "delivery_mode", "headers", "message_id",
                          "expiration"}
    assert all(isinstance(v, str) for v in found.get("headers", {}).values())
    # The original daemon answers with the request's own properties.
    worker.reply(request, b"plain", content_type="application/json", headers=found.get("headers"))
    reply = future.result(LIMIT)
    assert (reply.status, reply.body) == (200, b"plain")
    assert reply.headers["X-Amz-Function-Error"] is None
    assert UUID.match(reply.headers["x-amzn-RequestId"])


def test_event_is_a_request_without_reply(gateway, worker, queue):
    gateway().invoke(b"[1]", name=queue, headers={"X-Amz-Invocation-Type": "Event"})
    request, body = worker.take()
    assert body == b"[1]" and not request.reply_to


def test_replies_that_nobody_waits_for(gateway, worker, queue):
    future = gateway().later(b"[1]", name=queue)
    request, _ = worker.take()
    for other in ("", "nonsense", "x" * 255, "00000000-0000-4000-8000-000000000000"):
        worker.reply(request, b"wrong", correlation_id=other or None if other else "-")
    worker.reply(request, b"right")
    assert future.result(LIMIT).body == b"right"
    worker.reply(request, b"twice")
    future = gateway().later(b"[2]", name=queue)
    request, _ = worker.take()
    worker.reply(request, b"second")
    assert future.result(LIMIT).body == b"second"


@pytest.mark.parametrize("kind", ["InvalidRequestContentException", "RequestEntityTooLargeException", "Nonsense"])
def test_a_daemon_that_refuses_the_call(gateway, worker, queue, kind):
    """What this server has checked itself and another daemon does not want is no result of the function."""
    future = gateway().later(b"[1]", name=queue)
    request, _ = worker.take()
    worker.reply(request, b'{"Type":"User","Message":"m"}', type="error", content_type="application/json",
                 headers={"x-amzn-ErrorType": kind})
    reply = future.result(LIMIT)
    assert reply.status >= 400
    assert reply.headers["x-amzn-ErrorType"] and reply.headers["X-Amz-Function-Error"] is None


def test_replies_of_any_shape(gateway, worker, queue):
    server = gateway()
    for headers in (None, {"X-Amz-Function-Error": 1}, {"x-amzn-RequestId": ["a", {"b": None}]}, {"X-Amz-Executed-Version": "a\r\nb: c"},
                    {"x-amzn-ErrorType": True}):
        future = server.later(b"[1]", name=queue)
        request, _ = worker.take()
        worker.reply(request, b"", headers=headers)
        reply = future.result(LIMIT)
        assert reply.status == 200 and reply.body == b""
        assert reply.headers["b"] is None


def test_large_bodies(serve, gateway, queue):
    serve([ECHO])
    server = gateway()
    body = bytes(range(256)) * (6291456 // 256)
    assert server.invoke(body, name=queue).body == body
    assert is_error(server.invoke(body + b"x", name=queue), 413, "RequestEntityTooLargeException")


def test_the_front_end_is_the_daemons(gateway, queue):
    server = gateway()
    assert server.request("GET", f"/2015-03-31/functions/{queue}/invocations").status == 405
    assert server.request("GET", "/nowhere").status == 404
    assert server.request("GET", "/_/health").body == b"OK"
    assert server.invoke(b"{}", name=queue, headers={"X-Amz-Client-Context": "!!"}).status == 400
    assert server.invoke(b"{}", name=queue, headers={"Origin": "http://evil.example"}).status == 403
    assert "lambda_" in server.request("GET", "/metrics").body.decode()


# --- time ---

def test_timeout_of_its_own(gateway, worker, queue):
    server = gateway(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    future = server.later(b"[1]", name=queue)
    request, _ = worker.take()
    reply = future.result(LIMIT)
    assert reply.status == 200
    assert reply.headers["X-Amz-Function-Error"] == "Unhandled"
    document = json.loads(reply.body)
    assert document["errorType"] == "Sandbox.Timedout"
    assert document["errorMessage"].endswith("Task timed out after 0.50 seconds")
    worker.reply(request, b"late")
    future = server.later(b"[2]", name=queue)
    request, _ = worker.take()
    worker.reply(request, b"in time")
    assert future.result(LIMIT).body == b"in time"


def test_caller_hangs_up(gateway, worker, queue):
    server = gateway()
    connection = http.client.HTTPConnection(*server.invoke_address, timeout=LIMIT)
    connection.request("POST", f"/2015-03-31/functions/{queue}/invocations", body=b"[1]")
    request, _ = worker.take()
    connection.close()
    worker.reply(request, b"nobody")
    future = server.later(b"[2]", name=queue)
    request, _ = worker.take()
    worker.reply(request, b"two")
    assert future.result(LIMIT).body == b"two"


# --- many ---

def test_many_callers_at_once(serve, gateway, queue):
    serve([ECHO], env={"MAX_CONCURRENCY": "4", "PRINT_REPORTS": "false"})
    server = gateway()
    futures = [server.later(b"[%d]" % n, name=queue) for n in range(1000)]
    for n, future in enumerate(futures):
        reply = future.result(LIMIT)
        assert (reply.status, reply.body) == (200, b"[%d]" % n)


@pytest.mark.long
def test_hundred_thousand_calls_one_after_the_other(serve, gateway, queue):
    """Each reply arrives as soon as it can: before its caller would be noted down, if that were done late."""
    total = 3000 if SANITIZED else 100000
    serve([ECHO], env={"PRINT_REPORTS": "false"})
    server = gateway()
    connection = http.client.HTTPConnection(*server.invoke_address, timeout=LIMIT)
    connection.connect()
    sock, file = connection.sock, connection.sock.makefile("rb")
    began = time.monotonic()
    for n in range(total):
        body = b"%d" % n
        sock.sendall(b"POST /2015-03-31/functions/%s/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                     % (queue.encode(), len(body), body))
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"
        length = 0
        while (line := file.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line[15:])
        assert file.read(length) == body
    print(f"{total / (time.monotonic() - began):.0f} calls/s")
    file.close()
    connection.close()


# --- the broker ---

@pytest.fixture(scope="module")
def only_broker():
    with Broker() as running:
        yield running


@pytest.fixture
def mortal(only_broker):
    yield only_broker
    if not only_broker.running():
        only_broker.start()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_broker_is_restarted(serve, gateway, mortal, queue, end):
    d = serve([ECHO], at=mortal)
    server = gateway(at=mortal)
    assert server.invoke(b"[1]", name=queue).body == b"[1]"
    getattr(mortal, end)()
    wait_ready(server, 503)
    assert is_error(server.invoke(b"[1]", name=queue), 503, "ServiceException")
    assert server.request("GET", "/_/health").status == 200
    mortal.start()
    d.err.wait("AMQP consuming", 2)
    wait_ready(server)
    for n in range(20):
        assert server.invoke(b"[%d]" % n, name=queue).body == b"[%d]" % n


def test_connections_are_closed(serve, gateway, mortal, queue):
    """It has another reply queue then, and uses it."""
    d = serve([ECHO], at=mortal, env=DURABLE)
    server = gateway(at=mortal)
    for n in range(2, 5):
        assert server.invoke(b"[1]", name=queue).body == b"[1]"
        mortal.close_all_connections()
        d.err.wait("AMQP consuming", n)
        server.err.wait("AMQP connected", n)
        wait_ready(server)
    assert server.invoke(b"[2]", name=queue).body == b"[2]"
    cleaner = Client(mortal.uri())
    cleaner.delete(queue)
    cleaner.close()


def test_callers_that_wait_when_the_broker_dies(serve, gateway, mortal, queue):
    """Their requests have gone with it: they are told when it is back, and do not wait for the timeout of half an hour."""
    gate = Gate()
    d = serve(at=mortal, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "600"})
    server = gateway(at=mortal)
    future = server.later({"do": "gate", "fifo": gate.path}, name=queue)
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    mortal.kill()
    d.err.wait("AMQP connection lost")
    mortal.start()
    is_error(future.result(LIMIT), 503, "ServiceException")
    gate.open()
    d.err.wait("AMQP consuming", 2)
    wait_ready(server)
    assert server.invoke(b"[1]", name=queue).body == b"[1]"


def test_no_broker_at_start(gateway, mortal, serve, queue):
    mortal.stop()
    server = gateway(env={"AMQP_URI": mortal.uri(connection_attempts=1000, retry_delay=0.2)}, ready=False)
    assert server.request("GET", "/_/ready").status == 503
    is_error(server.invoke(b"{}", name=queue), 503, "ServiceException")
    mortal.start()
    wait_ready(server)
    serve([ECHO], at=mortal)
    assert server.invoke(b"[1]", name=queue).body == b"[1]"


def test_attempts_are_used_up():
    done = run(binary=SERVER, env={"AMQP_URI": f"amqp://u:hidden@127.0.0.1:{free_ports(1)[0]}?connection_attempts=2&retry_delay=0.1"})
    assert done.returncode == 1
    assert "AMQP" in done.stderr and "hidden" not in done.stderr


def test_memory_alarm(serve, gateway, mortal, queue):
    """Requests wait in the server, or are refused; what was taken is answered when it is over, and no one hangs."""
    serve([ECHO], at=mortal)
    server = gateway(at=mortal)
    server.invoke(b"[0]", name=queue)
    mortal.memory_alarm(True)
    try:
        futures = [server.later(b"[%d]" % n, name=queue) for n in range(8)]
        for _ in range(50):
            assert server.request("GET", "/_/health").status == 200
    finally:
        mortal.memory_alarm(False)
    for n, future in enumerate(futures):
        reply = future.result(LIMIT)
        assert reply.body == b"[%d]" % n or reply.status == 500
    assert server.invoke(b"[2]", name=queue).body == b"[2]"


def test_callers_that_go_while_the_broker_blocks(serve, gateway, mortal, queue, tmp_path):
    """Nothing of them stays, and nothing is run for them: neither for who hangs up nor for who gets an error."""
    ran = tmp_path / "ran"
    event = {"do": "note", "file": str(ran)}
    serve(at=mortal)
    server = gateway(at=mortal, env={"MAX_PENDING": "2"})
    mortal.memory_alarm(True)
    try:
        # The broker says that it blocks when it is given something.
        first = server.later(event, name=queue)
        server.err.wait("takes no messages for now")
        for _ in range(5):
            gone = http.client.HTTPConnection(*server.invoke_address, timeout=LIMIT)
            gone.request("POST", f"/2015-03-31/functions/{queue}/invocations", body=json.dumps(event))
            server.wait_metric("lambda_invocations_running", 2)
            gone.close()
            server.wait_metric("lambda_invocations_running", 1)
        refused = server.later(event, name=queue)
        server.wait_metric("lambda_invocations_running", 2)
        is_error(server.invoke(event, name=queue), 429, "TooManyRequestsException")
        is_error(refused.result(LIMIT), 503, "ServiceException")
    finally:
        mortal.memory_alarm(False)
    assert first.result(LIMIT).status == 200
    assert server.invoke(event, name=queue).status == 200
    assert len(ran.read_text().splitlines()) == 2


# --- start and end ---

def test_sigterm_drains(gateway, worker, queue):
    server = gateway()
    future = server.later(b"[1]", name=queue)
    request, _ = worker.take()
    server.signal(signal.SIGTERM)
    server.err.wait("draining")
    worker.reply(request, b"last")
    assert future.result(LIMIT).body == b"last"
    assert server.wait() == 0


def test_second_signal(gateway, worker, queue):
    server = gateway()
    connection = http.client.HTTPConnection(*server.invoke_address, timeout=LIMIT)
    connection.request("POST", f"/2015-03-31/functions/{queue}/invocations", body=b"[1]")
    worker.take()
    server.signal(signal.SIGTERM)
    server.err.wait("draining")
    server.signal(signal.SIGTERM)
    assert server.wait() == 1
    connection.close()


def test_command_line():
    for flag in ("--help", "--version"):
        done = run([flag], binary=SERVER)
        assert done.returncode == 0 and done.stdout
    for arguments in (["--nonsense"], ["word"], ["--runtime-api-address", "127.0.0.1:0"], ["--enable-init-caching"]):
        done = run(arguments, binary=SERVER, env={"AMQP_URI": f"amqp://127.0.0.1:{free_ports(1)[0]}"})
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1 and arguments[0] in done.stderr


def test_help_lists_what_it_reads():
    text = run(["--help"], binary=SERVER).stdout
    names = re.findall(r"^  ([A-Z_]+)$", text, re.M)
    assert {"PORT", "AMQP_URI", "MAX_PENDING", "AWS_REGION"} <= set(names)
    assert not {n for n in names if "CREDENTIAL" in n or "ENDPOINT" in n or "ACCESS_KEY" in n}
    assert not [words for words in ("runtime=", "taken from the queue", "for a runtime", "the daemon") if words in text]


@pytest.mark.parametrize("name,value", [("PORT", "x"), ("PORT", "65536"), ("AMQP_URI", "http://x"), ("AWS_LAMBDA_FUNCTION_TIMEOUT", "0"),
                                        ("LOG_LEVEL", "LOUD")])
def test_bad_setting(name, value):
    done = run(binary=SERVER, env={name: value})
    assert done.returncode == 2
    # A URI may hold a password.
    assert name in done.stderr and (value in done.stderr or name == "AMQP_URI")


def test_credentials(gateway, broker, client, queue, worker):
    broker.add_user(f"dora-{queue}", "s3cret-word")
    server = gateway(env={"AMQP_URI": broker.uri(None), "AMQP_USERNAME": f"dora-{queue}", "AMQP_PASSWORD": "s3cret-word",
                          "LOG_LEVEL": "TRACE"})
    future = server.later(b"[1]", name=queue)
    request, _ = worker.take()
    worker.reply(request, b"ok")
    assert future.result(LIMIT).body == b"ok"
    assert server.stop() == 0
    assert not any("s3cret-word" in line for line in server.err.all() + server.out.all())
