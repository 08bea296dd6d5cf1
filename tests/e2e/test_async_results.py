# SPDX-License-Identifier: Apache-2.0
"""Where the results of asynchronous invocations go: SQS, another daemon, RabbitMQ, files; and what happens when they cannot."""
import json
import signal
import socket
import threading
import time
import uuid

import pytest

from aws_peers import Stub
from harness import IDLE, LIMIT, Runtime
from queues import ACCOUNT, REGION
from test_async import accepted, records, rid, url_of

FAIL = {"do": "error", "document": {"errorMessage": "it went w\u00f6ng", "errorType": "Oops"}}


@pytest.fixture
def aws(queues):
    """A daemon's environment for moto: without the bridge, with credentials."""
    env = queues.env()
    return {k: v for k, v in env.items() if not k.startswith("PROXY_")} | {"ASYNC_RETRY_DELAY": "0"}


def arn(url):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rsplit('/', 1)[1]}"


@pytest.mark.parametrize("notation", [arn, str], ids=["arn", "url"])
def test_sqs(start, queues, aws, notation):
    d = start(env={**aws, "ASYNC_ON_SUCCESS": notation(queues.requests), "ASYNC_ON_FAILURE": notation(queues.responses)})
    good, bad = accepted(d, {"good": True}), accepted(d, FAIL)
    message = queues.receive(queues.requests)
    assert "MessageAttributes" not in message
    record = json.loads(message["Body"])
    assert record["requestContext"]["requestId"] == good and record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == record["requestPayload"] == {"good": True}
    record = json.loads(queues.receive(queues.responses)["Body"])
    assert record["requestContext"]["requestId"] == bad and record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"] == FAIL["document"]


def test_dead_letters(start, queues, aws):
    d = start(env={**aws, "ASYNC_DLQ": queues.responses, "ASYNC_MAX_RETRY_ATTEMPTS": "0"})
    accepted(d, {"fine": 1})
    bad = accepted(d, FAIL)
    message = queues.receive()
    assert json.loads(message["Body"]) == FAIL
    attributes = {k: (v["DataType"], v["StringValue"]) for k, v in message["MessageAttributes"].items()}
    assert attributes == {"RequestID": ("String", bad), "ErrorCode": ("Number", "200"),
                          "ErrorMessage": ("String", FAIL["document"]["errorMessage"])}
    d.wait_metric('lambda_async_deliveries_total{to="dlq",fate="delivered"}', 1)


def test_dead_letters_that_are_not_json(start, queues, aws):
    """Queues take text only."""
    d = start(IDLE, env={**aws, "ASYNC_DLQ": queues.responses, "ASYNC_MAX_RETRY_ATTEMPTS": "0"})
    accepted(d, b"a \xff\x01")
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"bad \xff\x00 end", kind="error")
    message = queues.receive()
    assert json.loads(message["Body"]) == "a \ufffd\x01"
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "bad \ufffd  end"


def test_sqs_is_away_for_a_while(start, queues, aws, gateway):
    gateway.set_cut(True)
    d = start(env={**aws, "AWS_ENDPOINT_URL_SQS": gateway.url, "AWS_MAX_ATTEMPTS": "1", "ASYNC_ON_SUCCESS": queues.requests})
    sent = [accepted(d, {"n": n}) for n in range(3)]
    d.err.wait("could not be delivered, trying again")
    gateway.set_cut(False)
    got = [json.loads(queues.receive(queues.requests)["Body"])["requestContext"]["requestId"] for _ in sent]
    # One may have come twice, when the line was cut after it.
    assert set(got) <= set(sent)
    d.wait_metric('lambda_async_deliveries_total{to="on_success",fate="delivered"}', 3)
    d.wait_metric('lambda_async_events{state="ended"}', 0)


def test_sqs_refuses(start, queues, aws):
    d = start(env={**aws, "ASYNC_ON_SUCCESS": queues.requests + "-gone"})
    sent = accepted(d, {})
    line = d.err.wait("is given up")
    assert sent in line and "ASYNC_ON_SUCCESS" in line
    d.wait_metric('lambda_async_deliveries_total{to="on_success",fate="failed"}', 1)
    d.wait_metric('lambda_async_events{state="ended"}', 0)


def test_another_function(start):
    other = start(IDLE, env={"AWS_LAMBDA_FUNCTION_NAME": "second"})
    url = f"{url_of(other)}/2015-03-31/functions/second/invocations"
    d = start(env={"ASYNC_ON_SUCCESS": url, "ASYNC_DLQ": url, "ASYNC_MAX_RETRY_ATTEMPTS": "0"})
    sent = accepted(d, {"a": 1})
    runtime = Runtime(other)
    event = runtime.next()
    record = json.loads(event.body)
    assert record["requestContext"]["requestId"] == sent != rid(event)
    assert record["responsePayload"] == {"a": 1}
    runtime.respond(event, b"1")
    # A dead letter is the event itself.
    accepted(d, FAIL)
    event = runtime.next()
    assert json.loads(event.body) == FAIL
    runtime.respond(event, b"1")
    other.wait_metric("lambda_async_accepted_total", 2)


def test_one_result_that_is_not_taken_holds_up_no_other(start):
    seen, cured = [], []

    def answer(request):
        n = json.loads(request.body)["requestPayload"]
        seen.append(n)
        assert request.headers["X-Amz-Invocation-Type"] == "Event"
        return (503 if n == 0 and not cured else 202), {}, b""

    stub = Stub(answer)
    d = start(env={"ASYNC_ON_SUCCESS": f"{stub.url}/2015-03-31/functions/f/invocations"})
    for n in range(4):
        accepted(d, str(n).encode())
    d.wait_metric('lambda_async_deliveries_total{to="on_success",fate="delivered"}', 3)
    cured.append(True)
    d.wait_metric('lambda_async_deliveries_total{to="on_success",fate="delivered"}', 4)
    assert seen.count(0) >= 2 and set(seen) == {0, 1, 2, 3}
    stub.stop()


def test_a_function_that_is_not_there(start):
    other = start(IDLE, env={"AWS_LAMBDA_FUNCTION_NAME": "second"})
    d = start(env={"ASYNC_ON_SUCCESS": f"{url_of(other)}/2015-03-31/functions/third/invocations"})
    accepted(d, {})
    assert "status 404" in d.err.wait("is given up")


def test_amqp(start, broker, client, queue):
    results, dead = f"results-{uuid.uuid4().hex[:8]}", f"dead-{uuid.uuid4().hex[:8]}"
    for name in (results, dead):
        client.declare(name)
    d = start(env={"AMQP_URI": broker.uri(), "AWS_LAMBDA_FUNCTION_NAME": queue, "ASYNC_ON_SUCCESS": f"amqp:{results}",
                   "ASYNC_ON_FAILURE": f"amqp:{results}", "ASYNC_DLQ": f"amqp:{dead}", "ASYNC_MAX_RETRY_ATTEMPTS": "0"})
    good = accepted(d, {"n": 1})
    d.wait_metric('lambda_async_deliveries_total{to="on_success",fate="delivered"}', 1)
    bad = accepted(d, FAIL)
    d.wait_metric('lambda_async_deliveries_total{to="on_failure",fate="delivered"}', 1)
    d.wait_metric('lambda_async_deliveries_total{to="dlq",fate="delivered"}', 1)
    first, second, letter = client.get(results), client.get(results), client.get(dead)
    assert json.loads(first.body)["requestContext"]["requestId"] == good == first.properties.message_id
    assert json.loads(second.body)["requestContext"]["requestId"] == bad
    assert first.properties.delivery_mode == 2 and not first.properties.headers
    assert json.loads(letter.body) == FAIL
    assert letter.properties.headers == {"RequestID": bad, "ErrorCode": "200", "ErrorMessage": FAIL["document"]["errorMessage"]}
    for name in (results, dead):
        client.delete(name)


def test_an_amqp_queue_that_comes_later(start, broker, client, queue):
    later = f"later-{uuid.uuid4().hex[:8]}"
    d = start(env={"AMQP_URI": broker.uri(), "AWS_LAMBDA_FUNCTION_NAME": queue, "ASYNC_ON_SUCCESS": f"amqp:{later}"})
    sent = accepted(d, {})
    assert "there is no such queue" in d.err.wait("could not be delivered, trying again")
    client.declare(later)
    client.wait_depth(later, lambda depth: depth[0] == 1)
    assert client.get(later).properties.message_id == sent
    client.delete(later)


class Doorman:
    """The way to a broker: the first connection of whoever sends these bytes is shut."""

    def __init__(self, port, unwanted):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.to = port
        self.unwanted = unwanted
        self.shut = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.to))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                if self.unwanted in data and not self.shut.is_set():
                    self.shut.set()
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def test_amqp_connects_for_ever(start, broker, client, queue):
    """Whatever connection_attempts says: results wait, and an end of the thread would be the end of all of them."""
    results = f"results-{uuid.uuid4().hex[:8]}"
    client.declare(results)
    way = Doorman(broker.port, b"asynchronous results")
    uri = broker.uri(port=way.port, connection_attempts=1, retry_delay=0.1)
    d = start(env={"AMQP_URI": uri, "AWS_LAMBDA_FUNCTION_NAME": queue, "ASYNC_ON_SUCCESS": f"amqp:{results}"})
    assert way.shut.wait(LIMIT)
    sent = accepted(d, {})
    client.wait_depth(results, lambda depth: depth[0] == 1)
    assert client.get(results).properties.message_id == sent
    client.delete(results)


def test_events_over_amqp_have_no_destinations(serve, client, queue, tmp_path):
    """They are the broker's: it has its own dead letters."""
    d = serve(env={"ASYNC_ON_SUCCESS": f"file:{tmp_path}/ok"})
    client.send(queue, b"[1]", headers={"X-Amz-Invocation-Type": "Event"}, reply_to=None)
    d.wait_metric('lambda_invocations_total{outcome="success"}', 1)
    assert d.metrics()["lambda_async_accepted_total"] == 0
    assert not (tmp_path / "ok").exists()


def test_file_that_cannot_be_written(start, tmp_path):
    d = start(env={"ASYNC_ON_SUCCESS": f"file:{tmp_path}/not/there"})
    sent = accepted(d, b'{\n"a":\n1}')
    assert "No such file or directory" in d.err.wait("could not be delivered, trying again")
    (tmp_path / "not").mkdir()
    assert records(d, tmp_path / "not" / "there", 1)[0]["requestContext"]["requestId"] == sent


def test_results_that_are_no_json(start, tmp_path):
    d = start(IDLE, env={"ASYNC_ON_SUCCESS": f"file:{tmp_path}/ok"})
    accepted(d, b"plain \xff\ntext")
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"[1,")
    record = records(d, tmp_path / "ok", 1)[0]
    assert (record["requestPayload"], record["responsePayload"]) == ("plain \ufffd\ntext", "[1,")


def test_undelivered_at_the_end(start):
    d = start(env={"ASYNC_ON_SUCCESS": "http://127.0.0.1:1/2015-03-31/functions/f/invocations"})
    accepted(d, {})
    d.err.wait("could not be delivered, trying again")
    d.signal(15)
    # A second one: the end is not waited for.
    d.err.wait("draining")
    d.signal(15)
    assert d.process.wait(LIMIT) == 1
    d.err.wait("it was run, but its result is undelivered")


def test_drain_gives_up_results_that_nobody_takes(start, tmp_path):
    d = start(env={"ASYNC_ON_SUCCESS": f"file:{tmp_path}/none/ok", "ASYNC_DRAIN_TIMEOUT": "0.2"})
    lost = accepted(d, {})
    d.wait_metric('lambda_async_deliveries_total{to="on_success",fate="retried"}', 1)
    begin = time.monotonic()
    assert d.stop() == 0
    assert time.monotonic() - begin < 10
    assert any("its result is undelivered" in line and lost in line for line in d.err.all())


def test_drain_goes_on_with_results(start, tmp_path):
    d = start(env={"ASYNC_ON_SUCCESS": f"file:{tmp_path}/late/ok", "ASYNC_DRAIN_TIMEOUT": "60"})
    kept = accepted(d, {})
    d.wait_metric('lambda_async_deliveries_total{to="on_success",fate="retried"}', 1)
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    (tmp_path / "late").mkdir()
    assert d.wait() == 0
    assert [r["requestContext"]["requestId"] for r in records(d, tmp_path / "late" / "ok", 1)] == [kept]
