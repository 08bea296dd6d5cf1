# SPDX-License-Identifier: Apache-2.0
"""Many messages, several daemons."""
import json
import time

import pytest

from harness import ECHO, SANITIZED

QUIET = {"PRINT_REPORTS": "false"}
SUCCESS = 'lambda_invocations_total{outcome="success"}'


def resident(d):
    with open(f"/proc/{d.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def test_three_daemons_share_the_work(serve, client, queue):
    daemons = [serve(env={"MAX_CONCURRENCY": "2", **QUIET}) for _ in range(3)]
    events = [b'{"do": "work", "seconds": 0.002, "n": %d}' % n for n in range(3000)]
    client.send_many(queue, events)
    for message in client.take(3000, limit=300):
        assert message.body == events[int(message.properties.correlation_id)]
    shares = [d.metrics()[SUCCESS] for d in daemons]
    print("shares:", shares)
    assert sum(shares) == 3000
    assert all(750 <= share <= 1260 for share in shares)


def test_a_slow_daemon_gets_less(serve, client, queue, gate):
    """One that is held up holds up only what it has taken."""
    env = {**QUIET, "AWS_LAMBDA_FUNCTION_TIMEOUT": "600"}
    pair = [serve(env=env), serve(env=env)]
    held = client.send(queue, json.dumps({"do": "gate", "fifo": gate.path}).encode())
    client.wait_depth(queue, lambda depth: depth[0] == 0)
    client.send_many(queue, [b"[%d]" % n for n in range(300)])
    assert {m.body for m in client.take(300)} == {b"[%d]" % n for n in range(300)}
    assert sorted(d.metrics()[SUCCESS] for d in pair) == [0, 300]
    gate.open()
    client.reply(held)


def test_backlog(serve, client, queue):
    """What waits before there is a daemon."""
    total = 2000 if SANITIZED else 20000
    client.declare(queue, auto_delete=True)
    client.send_many(queue, [b"%d" % n for n in range(total)])
    client.wait_depth(queue, lambda depth: depth[0] == total)
    d = serve([ECHO], env={"MAX_CONCURRENCY": "4", **QUIET})
    began = time.monotonic()
    replies = client.take(total, limit=300)
    print(f"{total / (time.monotonic() - began):.0f} replies/s from a backlog")
    assert {int(m.body) for m in replies} == set(range(total))
    assert d.metrics()["lambda_queue_depth"] == 0


def test_sequential_latency(serve, client, queue):
    """No delay of the network's making: Nagle's algorithm costs 40 ms a round trip."""
    serve([ECHO], env=QUIET)
    times = []
    for n in range(300):
        began = time.monotonic()
        client.call(queue, b"%d" % n)
        times.append(time.monotonic() - began)
    times.sort()
    print(f"round trip p50 {times[150] * 1e3:.2f} ms, p99 {times[297] * 1e3:.2f} ms")
    assert times[150] < 0.03


def test_memory_stays_flat(serve, client, queue):
    d = serve([ECHO], env={"MAX_CONCURRENCY": "4", **QUIET})

    def load(count):
        for _ in range(count):
            client.send_many(queue, [b"x" * 1000] * 500, headers={"a": 1, "b": ["c", {"d": "e"}]})
            client.take(500)

    load(4)
    before = resident(d)
    load(6 if SANITIZED else 40)
    after = resident(d)
    print("resident before and after:", before, after, "kB")
    assert SANITIZED or after <= before + 512


@pytest.mark.parametrize("size", [100000])
def test_large_bodies_in_parallel(serve, client, queue, size):
    serve([ECHO], env={"MAX_CONCURRENCY": "4", **QUIET})
    bodies = [bytes([n % 256]) * (size + n) for n in range(200)]
    client.send_many(queue, bodies)
    for message in client.take(200):
        assert message.body == bodies[int(message.properties.correlation_id)]


def test_many_daemons_come_and_go(serve, client, queue):
    """A queue that one of them always keeps alive: what SIGTERM finds in hand is answered, the rest goes to the others."""
    serve([ECHO], env={**QUIET, "MAX_CONCURRENCY": "2"})
    total = 3000
    client.send_many(queue, [b"%d" % n for n in range(total)])
    for turn in range(3):
        d = serve([ECHO], env={**QUIET, "AMQP_PREFETCH": "20", "MAX_CONCURRENCY": "2"})
        client.wait(lambda: len(client.arrived) >= (turn + 1) * total // 5)
        assert d.stop() == 0
    replies = client.take(total)
    client.nothing_more()
    assert sorted(int(m.body) for m in replies) == list(range(total))
