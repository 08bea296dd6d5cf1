# SPDX-License-Identifier: Apache-2.0
"""The same against fauxqs: another server, whose queue URLs do not resolve, and fast enough for some load and for kills at
any moment."""
import concurrent.futures
import json
import os
import random
import signal
import time
import urllib.request

import pytest

from harness import SANITIZED
from queues import PROXY, Queues, envelope, original_proxy


@pytest.fixture
def queues(fauxqs):
    pair = Queues(fauxqs)
    yield pair
    pair.delete()


def proxies(start, queues, count=1):
    words = [f"PROXY_LAMBDA_REQ_QUEUE_URL={queues.requests}", f"PROXY_LAMBDA_RESP_QUEUE_URL={queues.responses}"]
    env = {k: v for k, v in queues.env().items() if not k.startswith("PROXY_LAMBDA_")}
    return start(["env", *words, PROXY], env={**env, "AWS_LAMBDA_FUNCTION_TIMEOUT": "60", "MAX_CONCURRENCY": str(count)})


def test_queue_urls_that_do_not_resolve(start, queues):
    assert ".localhost:" in queues.requests
    start(env=queues.env())
    assert original_proxy(queues, {"a": 1}) == '{"a":1}'
    assert proxies(start, queues).invoke(b'{"b":2}').body == b'{"b":2}'


def test_mebibyte_messages(start, queues):
    start(env=queues.env(PROXY_LAMBDA_MAX_MESSAGE="1048576"))
    event = '{"x":"%s"}' % ("a" * (1024 * 1024 - 700))
    queues.send(envelope(event))
    assert queues.receive()["Body"] == event


@pytest.mark.parametrize("concurrency", [1, 8])
def test_load(start, queues, concurrency):
    """Everybody gets his own answer, and nothing is left."""
    start(env=queues.env(MAX_CONCURRENCY=str(concurrency)))
    front = proxies(start, queues, concurrency)
    count = 40 if SANITIZED else 150
    with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
        for n, reply in pool.map(lambda n: (n, front.invoke({"n": n})), range(count)):
            assert json.loads(reply.body) == {"n": n}, reply
    queues.wait_empty()
    queues.wait_empty(queues.responses)


def show_again(queues):
    """In place of waiting for 30 s until what a killed daemon has hidden comes back: a queue attribute cannot do that, so the
    server is asked for what is hidden."""
    name = queues.requests.rsplit("/", 1)[1]
    with urllib.request.urlopen(f"{queues.server.url}/_fauxqs/queues/{name}") as reply:
        state = json.load(reply)
    for message in state["messages"]["inflight"]:
        queues.sqs.change_message_visibility(QueueUrl=queues.requests, ReceiptHandle=message["receiptHandle"],
                                             VisibilityTimeout=0)


def take_answers(queues, answers, count):
    """Until there are so many. One at a time, so that the rest is still on its way when the daemon is killed."""
    while len(answers) < count:
        message = queues.receive()
        name = message["MessageAttributes"]["LambdaRequestId"]["StringValue"]
        # An answer may come twice, when the daemon was killed before it could delete the request; but not another one.
        assert answers.setdefault(name, message["Body"]) == message["Body"]


def test_killed_at_any_moment(start, queues):
    """kill -9 of the daemon again and again under load: each request is answered, and no two answers to one differ."""
    source = random.Random(1)
    answers = {}
    sent = 0
    for _ in range(6):
        for sent in range(sent + 1, sent + 21):
            queues.send(envelope({"n": sent}), {"LambdaRequestId": f"id-{sent}", "LambdaDeadlineMs": "4000000000000"})
        daemon = start(env=queues.env(MAX_CONCURRENCY="3"))
        take_answers(queues, answers, sent - 20 + source.randint(1, 15))
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        show_again(queues)
    start(env=queues.env(MAX_CONCURRENCY="3"))
    take_answers(queues, answers, sent)
    assert answers == {f"id-{n}": '{"n":%d}' % n for n in range(1, sent + 1)}
    queues.wait_empty()


def test_runtimes_killed_under_load(start, queues):
    """kill -9 of the runtimes: the callers wait a little longer and all get their answers."""
    back = start(env=queues.env(MAX_CONCURRENCY="3"))
    front = proxies(start, queues, 3)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        pending = [pool.submit(front.invoke, {"n": n}) for n in range(60)]
        for wanted in (10, 30, 50):
            while sum(f.done() for f in pending) < wanted:
                concurrent.futures.wait([f for f in pending if not f.done()], return_when=concurrent.futures.FIRST_COMPLETED)
            for pid in back.children():
                os.kill(pid, signal.SIGKILL)
        for n, reply in enumerate(pending):
            assert json.loads(reply.result().body) == {"n": n}, reply.result()
    queues.wait_empty()


def test_latency_beside_the_bare_calls(start, queues):
    """A round trip is not much more than the calls it is made of; the figures are printed."""
    daemon = start(env=queues.env())
    started = time.monotonic()
    bare = 50
    for _ in range(bare):
        queues.send("{}", url=queues.responses)
        queues.receive(queues.responses)
    bare_s = (time.monotonic() - started) / bare
    started = time.monotonic()
    for n in range(bare):
        assert original_proxy(queues, {"n": n}) == '{"n":%d}' % n
    trip_s = (time.monotonic() - started) / bare
    print(f"send, receive, delete: {bare_s * 1e3:.2f} ms; round trip through the bridge: {trip_s * 1e3:.2f} ms")
    assert trip_s < bare_s * 5 + 0.05
    assert daemon.metrics()['lambda_sqs_bridge_messages_total{fate="answered"}'] == bare
