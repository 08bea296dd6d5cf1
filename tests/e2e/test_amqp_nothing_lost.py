# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost: whoever dies, every persistent request on a durable queue is answered."""
import random
import signal

import pytest

from amqp_client import Client
from harness import ECHO, SANITIZED
from rabbitmq import Broker

DURABLE = {"AMQP_QUEUE_DURABLE": "true", "AMQP_QUEUE_AUTO_DELETE": "false"}
WORK = b'{"do": "work", "seconds": 0.01, "n": %d}'


def numbers(messages):
    """Requests that were answered, by correlation id; each answer must be to its own request."""
    for m in messages:
        assert m.body == WORK % int(m.properties.correlation_id)
        assert m.properties.type == "response"
    return {int(m.properties.correlation_id) for m in messages}


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
@pytest.mark.parametrize("round_", range(3))
def test_daemon_is_killed(serve, client, queue, queue_type, round_):
    """kill -9 of the only daemon at a random moment of 50 requests; a new one does the rest."""
    env = {**DURABLE, "AMQP_QUEUE_TYPE": queue_type, "MAX_CONCURRENCY": "2"}
    client.declare(queue, durable=True, arguments={"x-queue-type": "quorum"} if queue_type == "quorum" else None)
    for n in range(50):
        client.send(queue, WORK % n, correlation_id=str(n), delivery_mode=2)
    moment = random.randrange(50)
    print("killed after", moment, "replies")
    d = serve(env=env)
    client.wait(lambda: len(client.arrived) >= moment)
    d.signal(signal.SIGKILL)
    d.wait()
    serve(env=env)
    client.wait(lambda: len(numbers(client.arrived)) == 50)
    # Twice is possible, more than what was in hand is not.
    assert len(client.arrived) <= 50 + 2
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    client.delete(queue)


@pytest.mark.parametrize("round_", range(2))
def test_broker_is_killed(serve, queue, round_):
    with Broker() as broker:
        one = Client(broker.uri())
        one.declare(queue, durable=True)
        one.declare(f"{queue}-replies", durable=True)
        for n in range(50):
            one.send(queue, WORK % n, correlation_id=str(n), delivery_mode=2, reply_to=f"{queue}-replies")
        d = serve(at=broker, env={**DURABLE, "MAX_CONCURRENCY": "2"})
        moment = random.randrange(50)
        print("killed after", moment, "replies")
        one.wait_depth(f"{queue}-replies", lambda depth: depth[0] >= moment)
        broker.kill()
        d.err.wait("AMQP connection lost")
        broker.start()
        two = Client(broker.uri())
        arrived = []
        two.bulk.basic_consume(f"{queue}-replies", lambda _c, _m, properties, body: arrived.append((properties, body)), auto_ack=True)
        two.wait(lambda: len({p.correlation_id for p, _ in arrived}) == 50)
        assert all(body == WORK % int(p.correlation_id) for p, body in arrived)
        two.wait_depth(queue, lambda depth: depth[0] == 0)
        assert d.stop() == 0
        two.close()


def test_one_of_two_daemons_is_killed_under_load(serve, client, queue):
    total = 2000 if SANITIZED else 10000
    env = {**DURABLE, "MAX_CONCURRENCY": "2", "AMQP_PREFETCH": "20", "PRINT_REPORTS": "false"}
    victim = serve([ECHO], env=env)
    serve([ECHO], env=env)
    client.send_many(queue, [b"%d" % n for n in range(total)], delivery_mode=2)
    client.wait(lambda: len(client.arrived) >= total // 5)
    victim.signal(signal.SIGKILL)
    victim.wait()
    client.wait(lambda: len(client.arrived) >= total and len({m.properties.correlation_id for m in client.arrived}) == total)
    assert all(m.body.decode() == m.properties.correlation_id for m in client.arrived)
    assert len(client.arrived) <= total + 40
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    client.delete(queue)
