# SPDX-License-Identifier: Apache-2.0
"""How telemetry is delivered: protocols, retries, slow and absent subscribers, bounded memory, undisturbed invocations."""
import base64
import json
import time
from pathlib import Path

from harness import LIMIT, SANITIZED
from telemetry import of, request_id, start_with, types

PLATFORM = {"types": ["platform"]}


def resident_mb(pid):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmRSS")


def flood(lines):
    """About 100 bytes each."""
    return {"do": "say", "writes": [[1, "".join(f"{n:06d} {'x' * 92}\n" for n in range(1000))]] * (lines // 1000)}


def test_http_request(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {**PLATFORM, "path": "/in/here?a=b%20c"}})
    daemon.invoke({})
    extensions.wait_events("watcher", "platform.report")
    port = extensions.subscribed("watcher")["port"]
    for batch in extensions.all("batch"):
        assert (batch["method"], batch["path"], batch["type"]) == ("POST", "/in/here?a=b%20c", "application/json")
        assert batch["host"] == f"sandbox.localdomain:{port}"
    assert not extensions.all("complaint")


def test_tcp(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"sink": "tcp", "types": ["platform", "function"]}})
    daemon.invoke({"do": "say", "writes": [[1, "a\nb\n"]]})
    daemon.invoke({})
    events = extensions.wait_events("watcher", "platform.report", 2)
    assert [e["record"] for e in of(events, "function")] == ["a", "b"]
    assert types(events).count("platform.start") == 2
    assert len(extensions.all("connected")) == 1
    for batch in extensions.all("batch"):
        assert batch["raw"].endswith("}\n")


def test_json_objects_stay_on_their_line_in_tcp(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"sink": "tcp", "types": ["function"]}},
                                    env={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    document = {"message": "two\nlines", "more": {"n": 1}}
    text = json.dumps(document, indent=2).encode()
    head = (0xA55A0000).to_bytes(4, "big") + len(text).to_bytes(4, "big")
    daemon.invoke({"do": "frames", "frames": [base64.b64encode(head + text).decode()]})
    assert extensions.wait_events("watcher", "function")[0]["record"] == document


def test_items_fill_a_batch(start, tmp_path):
    plan = {"types": ["function"], "buffering": {"maxItems": 1000, "timeoutMs": 30000}}
    daemon, extensions = start_with(start, tmp_path, {"watcher": plan})
    daemon.invoke({"do": "say", "writes": [[1, "x\n" * 2500]]})
    batches = extensions.wait("batch", count=2)
    assert [len(b["events"]) for b in batches] == [1000, 1000]


def test_bytes_fill_a_batch(start, tmp_path):
    plan = {"types": ["function"], "buffering": {"maxItems": 10000, "maxBytes": 262144, "timeoutMs": 30000}}
    daemon, extensions = start_with(start, tmp_path, {"watcher": plan})
    daemon.invoke(flood(4000))
    batches = extensions.wait("batch", count=2)
    for batch in batches:
        assert 262144 - 400 <= batch["bytes"] <= 262144 + 400


def test_refused_batches_are_sent_again(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {**PLATFORM, "statuses": [500, 404, 200, 503]}})
    ids = [request_id(daemon.invoke({"n": n})) for n in range(5)]
    events = extensions.wait_events("watcher", "platform.report", 5)
    assert [e["record"]["requestId"] for e in of(events, "platform.report")] == ids
    assert len(extensions.all("refused")) == 3
    assert "platform.logsDropped" not in types(events)
    daemon.err.wait("telemetry not delivered, trying again extension=watcher")


def test_connection_that_was_closed_is_made_again(start, tmp_path):
    # HTTP/1.1 keep-alive, but the subscriber hangs up while nothing is under way: the default of many servers.
    daemon, extensions = start_with(start, tmp_path, {"watcher": PLATFORM})
    for n in range(3):
        daemon.invoke({"n": n})
        extensions.wait_events("watcher", "platform.report", n + 1)


def timed(daemon, count):
    took = []
    for n in range(count):
        begin = time.monotonic()
        assert daemon.invoke({"n": n}).body == json.dumps({"n": n}).encode()
        took.append(time.monotonic() - begin)
    return sorted(took)[len(took) // 2]


def test_broken_subscribers_do_not_slow_invocations(start, tmp_path):
    plans = {"away": {**PLATFORM, "sink": "away"}, "deaf": {**PLATFORM, "sink": "deaf"},
             "deaf-tcp": {**PLATFORM, "sink": "deaf", "protocol": "tcp"}, "refuses": {**PLATFORM, "status": 500},
             "slow": {**PLATFORM, "hold": True}}
    healthy, extensions = start_with(start, tmp_path / "healthy", {name: PLATFORM for name in plans})
    timed(healthy, 20)
    good = timed(healthy, 100)
    daemon, extensions = start_with(start, tmp_path / "broken", plans)
    timed(daemon, 20)
    extensions.wait("held", "slow")
    extensions.wait("refused", "refuses")
    bad = timed(daemon, 100)
    print(f"median with healthy subscribers {good * 1e3:.2f} ms, with broken ones {bad * 1e3:.2f} ms")
    assert bad < 3 * good + 0.01
    # Its one batch ends, and all that has waited follows.
    extensions.go("slow", 1000)
    events = extensions.wait_events("slow", "platform.report", 120)
    assert types(events).count("platform.report") == 120


def test_memory_is_bounded(start, tmp_path):
    plans = {"deaf": {"sink": "deaf", "types": ["function"]}, "slow": {"types": ["platform", "function"], "hold": True},
             "deaf-tcp": {"sink": "deaf", "protocol": "tcp", "types": ["function"]}, "away": {"sink": "away"}}
    daemon, extensions = start_with(start, tmp_path, plans, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": str(LIMIT)})
    daemon.invoke({})
    before = resident_mb(daemon.pid)
    rounds = 5 if SANITIZED else 30
    for _ in range(rounds):
        assert daemon.invoke(flood(20000)).status == 200
    grown = resident_mb(daemon.pid) - before
    print(f"{rounds * 2} MB of lines, 4 subscribers that do not take them: {grown} MB more")
    if not SANITIZED:
        assert grown < 32
    # The slow one learns what it has missed, and the newest lines are there.
    extensions.go("slow", 10000)
    events = extensions.wait_events("slow", "platform.logsDropped")
    dropped = of(events, "platform.logsDropped")[0]["record"]
    assert dropped["droppedRecords"] > 1000 and dropped["droppedBytes"] > 100 * dropped["droppedRecords"]
    assert dropped["reason"].startswith("Some logs were dropped")
    got = len(of(events, "function"))
    assert got + dropped["droppedRecords"] <= rounds * 20000 + 100
    assert of(events, "function")[-1]["record"].startswith("000999 ")


def test_subscriber_that_dies_does_no_harm(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": PLATFORM})
    daemon.invoke({})
    extensions.wait_events("watcher", "platform.report")
    daemon.invoke({"do": "exit", "code": 1})
    assert daemon.invoke({"n": 1}).status == 200
    extensions.wait_events("watcher", "platform.initReport", 2)


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]


def test_nothing_is_sent_while_frozen(start, tmp_path, gate):
    plan = {**PLATFORM, "last": "platform.report", "last_count": 2}
    daemon, extensions = start_with(start, tmp_path, {"watcher": plan},
                                    env={"LAMBDA_FREEZE": "process", "AWS_LAMBDA_FUNCTION_TIMEOUT": str(LIMIT)})
    first = request_id(daemon.invoke({}))
    while {state_of(pid) for pid in daemon.children()} != {"T"}:
        daemon.metrics()
    assert "platform.report" not in types(extensions.events("watcher"))
    second = daemon.later({"do": "gate", "fifo": gate.path})
    events = extensions.wait_events("watcher", "platform.report")
    assert [e["record"]["requestId"] for e in of(events, "platform.report")] == [first]
    gate.open()
    second = request_id(second.result())
    assert daemon.stop() == 0
    reports = of(extensions.events("watcher"), "platform.report")
    assert [e["record"]["requestId"] for e in reports] == [first, second]
    assert "trying again" not in "\n".join(daemon.err.all())
