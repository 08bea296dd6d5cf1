# SPDX-License-Identifier: Apache-2.0
"""What an extension beside an official runtime client sees of it by the Telemetry API."""

import json
import sys

import pytest
from daemon import ROOT

sys.path.append(str(ROOT / "tests" / "e2e"))
from telemetry import Extensions, of, types  # noqa: E402


def watch(start, runtime, tmp_path, env=None):
    extensions = Extensions(tmp_path, {"watcher": {"types": ["platform", "function"]}})
    daemon = start(runtime, {**extensions.env, "AWS_LAMBDA_FUNCTION_TIMEOUT": "30", **(env or {})})
    return daemon, extensions


def log(daemon, text):
    reply = daemon.invoke(json.dumps({"do": "log", "text": text}).encode())
    assert reply.status == 200 and "X-Amz-Function-Error" not in reply.headers, reply.body
    return reply.headers["x-amzn-RequestId"]


def test_lines_and_figures(start, runtime, tmp_path):
    daemon, extensions = watch(start, runtime, tmp_path)
    ids = [log(daemon, f"seen {n} by the extension\nsecond line") for n in range(2)]
    events = extensions.wait_events("watcher", "platform.report", 2)
    reports = [e["record"] for e in of(events, "platform.report")]
    assert [r["requestId"] for r in reports] == ids
    assert [r["status"] for r in reports] == ["success", "success"]
    assert "initDurationMs" in reports[0]["metrics"] and "initDurationMs" not in reports[1]["metrics"]
    assert reports[0]["metrics"]["maxMemoryUsedMB"] >= 1
    kinds = types(events)
    begin = kinds.index("platform.start")
    first = events[begin:kinds.index("platform.runtimeDone")]
    said = "\n".join(e["record"] for e in of(first, "function"))
    assert said.count("seen 0 by the extension") == 3
    if runtime.name in ("node", "python"):
        # What these clients frame is one event, whatever lines it has.
        assert any("logger seen 0 by the extension\nsecond line" in e["record"] for e in of(first, "function"))


@pytest.mark.runtimes("node", "python")
def test_json_logs_are_objects(start, runtime, tmp_path):
    daemon, extensions = watch(start, runtime, tmp_path, {"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    request_id = log(daemon, "structured")
    events = extensions.wait_events("watcher", "platform.report")
    objects = [e["record"] for e in of(events, "function") if isinstance(e["record"], dict)]
    logged = [record for record in objects if "logger structured" in str(record.get("message"))]
    assert [record["requestId"] for record in logged] == [request_id]
    assert all("timestamp" in record and "level" in record for record in logged)


@pytest.mark.runtimes("rust")
def test_extension_crate_parses_everything(start, runtime):
    """AWS's own extension library knows every event by its type."""
    daemon = start(runtime, {"LAMBDA_EXTENSIONS_DIR": str(runtime.out / "extensions")})
    ids = [log(daemon, "for the extension"), log(daemon, "once more")]
    said = daemon.stdout.wait_for(f'parsed PlatformReport {{ request_id: "{ids[1]}", status: Success').decode()
    for event in ("PlatformInitStart { initialization_type: OnDemand, phase: Init", "PlatformTelemetrySubscription {",
                  "PlatformInitRuntimeDone {", 'PlatformExtension { name: "telemetry", state: "Ready"',
                  "PlatformInitReport { initialization_type: OnDemand, phase: Init, metrics: InitReportMetrics {",
                  f'PlatformStart {{ request_id: "{ids[0]}", version: Some("$LATEST"), tracing: Some(',
                  'Function("', f'PlatformRuntimeDone {{ request_id: "{ids[0]}", status: Success'):
        assert f"parsed {event}" in said, said
