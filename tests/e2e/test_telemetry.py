# SPDX-License-Identifier: Apache-2.0
"""What subscribers of the Telemetry API get to see: every event, its figures, log lines."""
import base64
import json
import math
import struct

import pytest

from harness import IDLE, LIMIT, SANITIZED, Runtime
from telemetry import check_envelopes, of, request_id, start_with, types

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
PLATFORM = {"types": ["platform"]}


def spans(record):
    return {s["name"]: s["durationMs"] for s in record["spans"]}


def test_sequence_of_events(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": PLATFORM})
    replies = [daemon.invoke({"n": n}, {"X-Amzn-Trace-Id": TRACE}) for n in range(2)]
    events = extensions.wait_events("watcher", "platform.report", 2)
    check_envelopes(events)
    init = ["platform.initStart", "platform.telemetrySubscription", "platform.initRuntimeDone", "platform.extension",
            "platform.initReport"]
    each = ["platform.start", "platform.runtimeDone", "platform.report"]
    assert types(events) == init + each + each
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)
    ids = [e["record"]["requestId"] for e in events if "requestId" in e["record"]]
    assert ids == [request_id(r) for r in replies for _ in each]
    for event in of(events, "platform.start") + of(events, "platform.runtimeDone") + of(events, "platform.report"):
        assert event["record"]["tracing"] == {"type": "X-Amzn-Trace-Id", "value": TRACE}


def test_records_of_the_init_phase(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": PLATFORM},
                                    env={"AWS_LAMBDA_FUNCTION_NAME": "thumbs", "AWS_LAMBDA_FUNCTION_VERSION": "7",
                                         "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"})
    assert daemon.invoke({}, name="thumbs").status == 200
    events = {e["type"]: e["record"] for e in extensions.wait_events("watcher", "platform.report")}
    begin = events["platform.initStart"]
    assert len(begin.pop("instanceId")) == 36
    assert begin == {"initializationType": "on-demand", "phase": "init", "functionName": "thumbs",
                     "functionVersion": "7", "instanceMaxMemory": 256}
    assert events["platform.telemetrySubscription"] == {"name": "watcher", "state": "Subscribed", "types": ["platform"]}
    assert events["platform.initRuntimeDone"] == {"initializationType": "on-demand", "phase": "init",
                                                  "status": "success"}
    assert events["platform.extension"] == {"name": "watcher", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
    report = events["platform.initReport"]
    duration = report.pop("metrics")["durationMs"]
    assert duration > 0
    assert report == {"initializationType": "on-demand", "phase": "init", "status": "success"}
    assert events["platform.start"]["version"] == "7"
    assert events["platform.report"]["metrics"]["initDurationMs"] == pytest.approx(duration, abs=0.01)


def test_figures_of_an_invocation(start, tmp_path, gate):
    daemon, extensions = start_with(start, tmp_path, {"watcher": PLATFORM},
                                    env={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    reply = daemon.invoke({"do": "size", "bytes": 12345})
    assert len(reply.body) == 12345
    daemon.invoke({"do": "memory", "mb": 40})
    events = extensions.wait_events("watcher", "platform.report", 2)
    done = of(events, "platform.runtimeDone")[0]["record"]
    assert done["status"] == "success" and "errorType" not in done
    assert done["metrics"]["producedBytes"] == 12345
    parts = spans(done)
    assert list(parts) == ["responseLatency", "responseDuration", "runtimeOverhead"]
    assert sum(parts.values()) == pytest.approx(done["metrics"]["durationMs"], abs=0.01)
    first, second = (e["record"] for e in of(events, "platform.report"))
    metrics = first["metrics"]
    assert list(metrics) == ["durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"]
    assert metrics["billedDurationMs"] == math.ceil(metrics["durationMs"])
    assert metrics["memorySizeMB"] == 512
    assert metrics["durationMs"] >= done["metrics"]["durationMs"]
    assert list(spans(first)) == ["extensionOverhead"]
    assert spans(first)["extensionOverhead"] == pytest.approx(metrics["durationMs"] - done["metrics"]["durationMs"],
                                                               abs=0.01)
    assert "initDurationMs" not in second["metrics"]
    assert second["metrics"]["maxMemoryUsedMB"] >= 40


def test_overhead_only_with_invoke_subscribers(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {**PLATFORM, "events": ["SHUTDOWN"]}})
    daemon.invoke({})
    # Without anybody who takes INVOKE the report comes with the runtime's next /next, too.
    events = extensions.wait_events("watcher", "platform.report")
    assert "spans" not in of(events, "platform.report")[0]["record"]
    assert of(events, "platform.extension")[0]["record"]["events"] == ["SHUTDOWN"]


def outcome(start, tmp_path, event, env=None):
    """runtimeDone and report of an invocation that goes wrong."""
    daemon, extensions = start_with(start, tmp_path, {"watcher": {**PLATFORM, "last": "platform.report"}}, env=env)
    daemon.invoke(event)
    events = extensions.wait_events("watcher", "platform.report")
    return of(events, "platform.runtimeDone")[0]["record"], of(events, "platform.report")[0]["record"]


def test_function_error(start, tmp_path):
    done, report = outcome(start, tmp_path, {"do": "error", "type": "Function.Oops", "document": {"errorMessage": "x"}})
    assert (done["status"], done["errorType"]) == ("error", "Function.Oops")
    assert (report["status"], report["errorType"]) == ("error", "Function.Oops")
    assert "producedBytes" in done["metrics"]


def test_crash(start, tmp_path):
    done, report = outcome(start, tmp_path, {"do": "exit", "code": 3})
    assert (done["status"], done["errorType"]) == ("error", "Runtime.ExitError")
    assert (report["status"], report["errorType"]) == ("error", "Runtime.ExitError")
    assert "spans" not in done and "producedBytes" not in done["metrics"]


def test_timeout(start, tmp_path):
    done, report = outcome(start, tmp_path, {"do": "hang"}, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    assert done["status"] == report["status"] == "timeout"
    assert report["metrics"]["durationMs"] >= 500


def test_subscribes_anew_after_a_reset(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {**PLATFORM, "last": "platform.report"}})
    daemon.invoke({"do": "exit", "code": 3})
    extensions.wait("bye", "watcher")
    assert daemon.invoke({"n": 2}).body == b'{"n": 2}'
    events = extensions.wait_events("watcher", "platform.report", 2)
    begins = of(events, "platform.initStart")
    assert len(begins) == 2
    assert begins[0]["record"]["instanceId"] != begins[1]["record"]["instanceId"]
    assert [e["record"]["status"] for e in of(events, "platform.report")] == ["error", "success"]


def frame(text, level=3, json_log=False, stamp=None):
    kind = 0xA55A0000 | level << 2 | (2 if stamp is not None else 0) | (0 if json_log else 1)
    body = text.encode()
    head = struct.pack(">II", kind, len(body)) + (struct.pack(">Q", stamp) if stamp is not None else b"")
    return base64.b64encode(head + body).decode()


def test_function_logs(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"types": ["function"]}})
    daemon.invoke({"do": "say", "writes": [[1, "one\ntwo \"quoted\"\n\n"], [2, "three\r\rstill three\n"]]})
    daemon.invoke({"do": "frames", "frames": [frame("a\nb", stamp=1700000000123456), frame("last")]})
    events = extensions.wait_events("watcher", "function", where=lambda e: e["record"] == "last")
    check_envelopes(events)
    assert set(types(events)) == {"function"}
    records = [e["record"] for e in events]
    assert sorted(records[:4]) == sorted(["one", "two \"quoted\"", "", "three\r\rstill three"])
    assert records[4:] == ["a\nb", "last"]
    assert events[4]["time"] == "2023-11-14T22:13:20.123Z"
    # As before on stdout.
    daemon.out.wait("two \"quoted\"")


LOG = {"timestamp": "2026-11-21T00:00:00.000Z", "level": "INFO", "message": "hä <&>", "n": [1, {"a": None}]}


def json_records(start, tmp_path, schema, env):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"types": ["function"], "schema": schema}}, env=env)
    line = json.dumps(LOG, ensure_ascii=False)
    pretty = json.dumps(LOG, indent=1)
    daemon.invoke({"do": "say", "writes": [[1, line + "\nnot json\n[1]\n"]]})
    daemon.invoke({"do": "frames", "frames": [frame(pretty, json_log=True), frame("end", json_log=True)]})
    events = extensions.wait_events("watcher", "function", 5)
    return line, pretty, [e["record"] for e in events]


@pytest.mark.parametrize("schema", ["2022-12-13", "2025-01-29"])
def test_json_logs_are_objects(start, tmp_path, schema):
    _, _, records = json_records(start, tmp_path, schema, {"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    assert records == [LOG, "not json", "[1]", LOG, "end"]


def test_json_logs_are_strings_in_the_first_schema(start, tmp_path):
    line, pretty, records = json_records(start, tmp_path, "2022-07-01", {"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    assert records == [line, "not json", "[1]", pretty, "end"]


def test_text_format_keeps_lines_text(start, tmp_path):
    line, _, records = json_records(start, tmp_path, "2022-12-13", {})
    # A frame says itself what it is.
    assert records == [line, "not json", "[1]", LOG, "end"]


def test_extension_logs_and_replay(start, tmp_path):
    plans = {"talker": {"types": ["platform"], "say": ["talker is up"]}, "watcher": {"types": ["extension"]}}
    daemon, extensions = start_with(start, tmp_path, plans)
    daemon.invoke({"do": "say", "writes": [[1, "not for it\n"]]})
    events = extensions.wait_events("watcher", "extension", where=lambda e: e["record"] == "talker is up")
    assert set(types(events)) == {"extension"}
    extensions.wait_events("talker", "platform.report")
    assert "extension" not in types(extensions.events("talker"))


def test_subscribers_are_independent(start, tmp_path):
    plans = {"a": {"types": ["function"], "buffering": {"timeoutMs": 30000}}, "b": PLATFORM,
             "c": {"types": ["platform", "function"]}}
    daemon, extensions = start_with(start, tmp_path, plans)
    daemon.invoke({"do": "say", "writes": [[1, "hello\n"]]})
    extensions.wait_events("b", "platform.report")
    events = extensions.wait_events("c", "platform.report")
    assert [e["record"] for e in of(events, "function")] == ["hello"]
    # Between the events of its invocation, as it was said.
    kinds = types(events)
    assert kinds.index("platform.start") < kinds.index("function") < kinds.index("platform.runtimeDone")
    assert "function" not in types(extensions.events("b"))
    assert extensions.events("a") == []
    assert len(of(events, "platform.telemetrySubscription")) == 3


def test_environments_are_apart(start, tmp_path, gate):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"types": ["platform", "function"]}},
                                    env={"MAX_CONCURRENCY": "2", "AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    first = daemon.later({"do": "gate", "fifo": gate.path})
    extensions.wait("event", count=1)
    second = daemon.invoke({"do": "say", "writes": [[1, "from the second\n"]]})
    gate.open()
    first = first.result()
    ids = {request_id(first), request_id(second)}
    reports = [extensions.wait("batch", count=2, where=lambda m: "platform.report" in types(m["events"]))]
    ports = {}
    for message in extensions.all("batch"):
        for event in message["events"]:
            if "requestId" in event["record"]:
                ports.setdefault(message["host"], set()).add(event["record"]["requestId"])
            if event["type"] == "function":
                assert event["record"] == "from the second"
    assert reports and len(ports) == 2
    assert sorted(len(found) for found in ports.values()) == [1, 1]
    assert set.union(*ports.values()) == ids


def test_the_last_events_are_delivered_at_shutdown(start, tmp_path):
    plan = {"types": ["platform"], "buffering": {"timeoutMs": 30000}, "last": "platform.report"}
    daemon, extensions = start_with(start, tmp_path, {"watcher": plan})
    reply = daemon.invoke({})
    assert extensions.events("watcher") == []
    assert daemon.stop() == 0
    extensions.wait("bye", "watcher")
    report = of(extensions.events("watcher"), "platform.report")[0]["record"]
    assert report["requestId"] == request_id(reply)
    assert len(extensions.all("batch")) == 1


def test_many_invocations_in_order(start, tmp_path):
    count = 50 if SANITIZED else 300
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"types": ["platform", "function"]}})
    ids = [request_id(daemon.invoke({"do": "say", "writes": [[1, f"line {n}\n"]]})) for n in range(count)]
    events = extensions.wait_events("watcher", "platform.report", count)
    assert [e["record"]["requestId"] for e in of(events, "platform.start")] == ids
    assert [e["record"]["requestId"] for e in of(events, "platform.report")] == ids
    assert [e["record"] for e in of(events, "function")] == [f"line {n}" for n in range(count)]


def test_snapstart(start, tmp_path):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {**PLATFORM, "events": []}}, command=IDLE,
                                    env={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
    daemon.err.wait("runtime started")
    runtime = Runtime(daemon)
    runtime.send("GET", "/2018-06-01/runtime/restore/next")
    future = daemon.later({})
    assert runtime.receive().status == 200
    event = runtime.next()
    runtime.respond(event, b"1")
    runtime.send_next()
    assert future.result(LIMIT).body == b"1"
    events = extensions.wait_events("watcher", "platform.report")
    records = {e["type"]: e["record"] for e in events}
    assert records["platform.initStart"]["initializationType"] == "snap-start"
    kinds = types(events, but=["platform.telemetrySubscription", "platform.extension"])
    assert kinds == ["platform." + kind for kind in (
        "initStart", "initRuntimeDone", "initReport", "restoreStart", "restoreRuntimeDone", "restoreReport", "start",
        "runtimeDone", "report")]
    assert records["platform.restoreStart"]["functionName"] == "function"
    assert records["platform.restoreRuntimeDone"] == {"status": "success"}
    restored = records["platform.restoreReport"]["metrics"]["durationMs"]
    metrics = records["platform.report"]["metrics"]
    assert metrics["restoreDurationMs"] == pytest.approx(restored, abs=0.01)
    assert metrics["billedRestoreDurationMs"] == math.ceil(metrics["restoreDurationMs"])
    assert "initDurationMs" not in metrics
