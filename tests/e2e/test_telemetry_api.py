# SPDX-License-Identifier: Apache-2.0
"""PUT /2022-07-01/telemetry and PUT /2020-08-15/logs: replies, refusals, and the older API's events."""
import json
import uuid

import pytest

from harness import IDLE, Connection
from telemetry import check_envelopes, of, request_id, start_with, types

TELEMETRY = "/2022-07-01/telemetry"
LOGS = "/2020-08-15/logs"
GOOD = {"schemaVersion": "2022-12-13", "types": ["platform"],
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}}


class Internal:
    """An extension inside the runtime's process, which the test plays; its environment is in the init phase."""

    def __init__(self, daemon):
        daemon.later({})
        daemon.err.wait("runtime started")
        self.connection = Connection(daemon.runtime_address)
        reply = self.connection.call("POST", "/2020-01-01/extension/register", b'{"events":[]}',
                                     {"Lambda-Extension-Name": "inside"})
        assert reply.status == 200, reply
        self.headers = {"Lambda-Extension-Identifier": reply.headers["Lambda-Extension-Identifier"]}

    def put(self, body, path=TELEMETRY, headers=None, method="PUT"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.connection.call(method, path, data, self.headers if headers is None else headers)


def error(reply):
    assert reply.headers["Content-Type"] == "application/json"
    document = json.loads(reply.body)
    assert list(document) == ["errorMessage", "errorType"]
    return reply.status, document["errorType"], document["errorMessage"]


@pytest.mark.parametrize("path", [TELEMETRY, TELEMETRY + "/", LOGS, LOGS + "/"])
def test_success(start, path):
    daemon = start(IDLE)
    extension = Internal(daemon)
    body = {**GOOD, "schemaVersion": "2021-03-18"} if path.startswith(LOGS) else GOOD
    for _ in range(2):
        reply = extension.put(body, path)
        assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b'"OK"', "application/json")


def test_identifier(start):
    daemon = start(IDLE)
    extension = Internal(daemon)
    stranger = str(uuid.uuid4())
    assert error(extension.put(GOOD, headers={})) == (403, "Extension.MissingExtensionIdentifier",
                                                      "Missing Lambda-Extension-Identifier header")
    assert error(extension.put(GOOD, headers={"Lambda-Extension-Identifier": "x"})) == \
        (403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
    assert error(extension.put(GOOD, LOGS, {"Lambda-Extension-Identifier": stranger})) == \
        (403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {stranger}")


def test_validation(start):
    daemon = start(IDLE)
    extension = Internal(daemon)
    documented = {**GOOD, "types": [], "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}}
    assert error(extension.put(documented)) == (400, "ValidationError",
                                                "URI port is not provided; types should not be empty")
    documented["schemaVersion"] = "2020-08-15"
    assert error(extension.put(documented, LOGS)) == (400, "Logs.ValidationError",
                                                      "URI port is not provided; types should not be empty")
    assert error(extension.put(b"{"))[:2] == (400, "ValidationError")
    assert error(extension.put({**GOOD, "buffering": {"maxItems": 1}})) == \
        (400, "ValidationError", "maxItems should be between 1000 and 10000")
    assert error(extension.put({**GOOD, "destination": {"protocol": "TCP", "port": 9001}})) == \
        (400, "ValidationError", "port 9001 is reserved")
    assert extension.put(GOOD).status == 200


def test_one_of_the_two_apis(start):
    daemon = start(IDLE)
    extension = Internal(daemon)
    assert extension.put(GOOD).status == 200
    status, kind, _ = error(extension.put({**GOOD, "schemaVersion": "2020-08-15"}, LOGS))
    assert (status, kind) == (400, "Logs.ValidationError")


def test_methods_and_paths(start):
    daemon = start(IDLE)
    extension = Internal(daemon)
    reply = extension.put(GOOD, method="POST")
    assert (reply.status, reply.headers["Allow"]) == (405, "PUT")
    assert extension.put(GOOD, "/2022-07-01/telemetries").status == 404


def test_closed_after_init(start, tmp_path):
    plans = {"a": {"types": ["platform"], "late": TELEMETRY}, "b": {"paths": [], "late": LOGS, "schema": "2020-08-15"}}
    daemon, extensions = start_with(start, tmp_path, plans)
    daemon.invoke({})
    late = {name: extensions.wait("late", name) for name in plans}
    assert (late["a"]["status"], json.loads(late["a"]["body"])) == (403, {
        "errorMessage": "Telemetry API subscription is closed already", "errorType": "Telemetry.SubscriptionClosed"})
    assert (late["b"]["status"], json.loads(late["b"]["body"])) == (403, {
        "errorMessage": "Logs API subscription is closed already", "errorType": "Logs.SubscriptionClosed"})


def logs_events(start, tmp_path, plan, event, reports=1):
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"paths": [LOGS], "last": "platform.report", **plan}})
    reply = daemon.invoke(event)
    events = extensions.wait_events("watcher", "platform.report", reports)
    check_envelopes(events)
    return reply, events, extensions


def test_logs_api_2020(start, tmp_path):
    reply, events, extensions = logs_events(start, tmp_path, {"schema": None, "method": "PUT", "path": "/lambda_logs"},
                                            {"do": "say", "writes": [[1, "hello\n"]]})
    rid = request_id(reply)
    assert types(events, but=["extension"]) == ["platform.logsSubscription", "platform.extension", "platform.start",
                                                "function", "platform.end", "platform.report"]
    records = {e["type"]: e["record"] for e in events}
    assert records["platform.logsSubscription"] == {"name": "watcher", "state": "Subscribed",
                                                    "types": ["platform", "function", "extension"]}
    assert records["platform.start"] == {"requestId": rid, "version": "$LATEST"}
    assert records["platform.end"] == {"requestId": rid}
    assert records["function"] == "hello"
    report = records["platform.report"]
    assert list(report) == ["requestId", "metrics"]
    assert list(report["metrics"]) == ["durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB",
                                       "initDurationMs"]
    assert {(b["method"], b["path"]) for b in extensions.all("batch")} == {("PUT", "/lambda_logs")}


def test_logs_api_2021(start, tmp_path):
    reply, events, _ = logs_events(start, tmp_path, {"schema": "2021-03-18", "types": ["platform"]}, {})
    done = of(events, "platform.runtimeDone")
    assert [e["record"] for e in done] == [{"requestId": request_id(reply), "status": "success"}]
    assert types(events)[-3:] == ["platform.runtimeDone", "platform.end", "platform.report"]


def test_logs_api_fault(start, tmp_path):
    plan = {"schema": "2021-03-18", "types": ["platform"], "last": "platform.fault"}
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"paths": [LOGS], **plan}})
    rid = request_id(daemon.invoke({"do": "exit", "code": 4}))
    events = extensions.wait_events("watcher", "platform.fault")
    assert of(events, "platform.runtimeDone")[0]["record"] == {"requestId": rid, "status": "failure"}
    fault = of(events, "platform.fault")[0]["record"]
    assert fault.startswith(f"RequestId: {rid} ") and "exit status 4" in fault


def test_json_logs_are_strings(start, tmp_path):
    line = '{"level":"INFO","message":"m"}'
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"paths": [LOGS], "schema": "2021-03-18",
                                                                  "types": ["function"]}},
                                    env={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    daemon.invoke({"do": "say", "writes": [[1, line + "\n"]]})
    assert extensions.wait_events("watcher", "function")[0]["record"] == line
