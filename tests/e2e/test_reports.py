# SPDX-License-Identifier: Apache-2.0
"""START, END, REPORT and the function's output."""
import base64
import http.client
import json
import os
import pty
import re
import struct
import subprocess

import pytest

from harness import DAEMON, ECHO, LIMIT, RUNTIME, SANITIZED, Gate, split_address

REPORT = re.compile(r"^REPORT RequestId: (?P<id>[0-9a-f-]{36})\tDuration: (?P<ms>\d+\.\d\d) ms\t"
                    r"Billed Duration: (?P<billed>\d+) ms\tMemory Size: (?P<size>\d+) MB\tMax Memory Used: (?P<used>\d+) MB\t"
                    r"(Init Duration: (?P<init>\d+\.\d\d) ms\t)?(?P<status>Status: timeout|Status: error\tError Type: \S+)?$")


def report_of(d, reply):
    rid = reply.headers["x-amzn-RequestId"]
    match = REPORT.match(d.out.wait(f"REPORT RequestId: {rid}"))
    assert match
    return match


def said(lines):
    return [line for line in lines if not line.startswith(("START", "END", "REPORT"))]


def test_lines_of_an_invocation(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"})
    reply = d.invoke({"do": "say", "writes": [[1, "hello\n"]]})
    rid = reply.headers["x-amzn-RequestId"]
    cold = report_of(d, reply)
    assert d.out.lines == [f"START RequestId: {rid} Version: $LATEST", "hello", f"END RequestId: {rid}", cold.string]
    assert cold["size"] == "128"
    assert float(cold["init"]) > 1
    assert int(cold["billed"]) == -(-float(cold["ms"]) // 1) or int(cold["billed"]) == int(float(cold["ms"])) + 1
    assert cold["status"] is None
    warm = report_of(d, d.invoke({}))
    assert warm["init"] is None
    again = report_of(d, d.invoke({"do": "exit", "code": 3}))
    assert again["status"] == "Status: error\tError Type: Runtime.ExitError"
    assert report_of(d, d.invoke({}))["init"] is not None


def test_duration_is_without_queueing_and_init(start):
    gate, init = Gate(), Gate()
    d = start([*RUNTIME, f"gate:{init.path}"], env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    slow = d.later({"do": "gate", "fifo": gate.path})
    quick = d.later({})
    d.wait_queued(2)
    clock = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.4"})
    clock.invoke({"do": "hang"})
    init.open()
    clock.invoke({"do": "hang"})
    gate.open()
    first, second = report_of(d, slow.result(LIMIT)), report_of(d, quick.result(LIMIT))
    # Whichever was queued first found the cold runtime.
    assert float(first["init"] or second["init"]) >= 400
    assert float(first["ms"]) >= 300
    assert float(second["ms"]) < 300


def test_timeout_report(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.3"})
    report = report_of(d, d.invoke({"do": "hang"}))
    assert report["status"] == "Status: timeout"
    assert 300 <= float(report["ms"]) < 3000


def test_failed_init_report(start):
    d = start([*RUNTIME, "exit"])
    reply = d.invoke({})
    report = report_of(d, reply)
    assert report["status"] == "Status: error\tError Type: Runtime.ExitError"
    assert d.out.lines[0].startswith("START RequestId: " + reply.headers["x-amzn-RequestId"])


def test_max_memory_used_is_measured(start):
    d = start()
    before = int(report_of(d, d.invoke({}))["used"])
    assert 1 < before < 60
    after = int(report_of(d, d.invoke({"do": "memory", "mb": 100}))["used"])
    assert before + 95 <= after <= before + 130
    # It is a peak.
    assert int(report_of(d, d.invoke({}))["used"]) >= after - 1


def test_max_memory_used_counts_children(start):
    d = start()
    gate = Gate()
    future = d.later({"do": "memory_grandchild", "mb": 80, "fifo": gate.path})
    with open(gate.path, "wb") as writer:
        # Opened, so the child has touched its memory and waits; the sampler looks within its longest interval.
        clock = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1.2"})
        clock.invoke({"do": "hang"})
        writer.write(b"go\n")
    assert int(report_of(d, future.result(LIMIT))["used"]) >= 80


def test_max_memory_used_of_a_crash(start):
    """It is not there any more to be measured."""
    d = start()
    before = int(report_of(d, d.invoke({"do": "exit", "code": 1}))["used"])
    assert 1 < before < 60
    after = int(report_of(d, d.invoke({"do": "exit", "code": 1, "mb": 100}))["used"])
    assert before + 95 <= after <= before + 130


def test_reports_can_be_turned_off(start):
    d = start(env={"PRINT_REPORTS": "false"})
    d.invoke({"do": "say", "writes": [[1, "only this\n"]]})
    d.stop()
    assert d.out.all() == ["only this"]


@pytest.mark.parametrize("env", [{"AWS_LAMBDA_LOG_FORMAT": "JSON"}, {"USE_STRUCTURED_LOGGING": "true"}])
def test_json(start, env):
    d = start(env={**env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"})
    reply = d.invoke({"do": "say", "writes": [[1, "plain\n"]]})
    d.stop()
    rid = reply.headers["x-amzn-RequestId"]
    first, said, done, report = d.out.all()
    assert said == "plain"
    events = [json.loads(line) for line in (first, done, report)]
    assert [e["type"] for e in events] == ["platform.start", "platform.runtimeDone", "platform.report"]
    assert all(e["record"]["requestId"] == rid for e in events)
    assert all(re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", e["time"]) for e in events)
    metrics = events[2]["record"]["metrics"]
    assert metrics["memorySizeMB"] == 256 and metrics["initDurationMs"] > 0 and metrics["billedDurationMs"] >= 1
    for line in d.err.all():
        assert set(json.loads(line)) == {"timestamp", "level", "message"}


def test_output_is_split_at_newlines_only(start):
    d = start()
    d.invoke({"do": "say", "writes": [[1, "one\rstill one\n"], [1, "tw"], [2, "err\n"], [1, "o\n"]]})
    d.stop()
    lines = said(d.out.all())
    assert sorted(lines) == sorted(["one\rstill one", "err", "two"])
    assert lines.index("one\rstill one") < lines.index("two")


def test_a_line_that_was_begun_is_ended_with_the_process(start):
    d = start()
    d.invoke({"do": "say", "writes": [[1, "no newline"]]})
    d.stop()
    assert "no newline" in d.out.all()


def test_a_line_that_was_begun_stays_with_its_invocation(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    tails = []
    for event in ({"do": "say", "writes": [[1, "of the first"]]}, {"do": "say", "writes": [[1, "of the second\n"]]},
                  {"do": "hang", "writes": [[1, "before the timeout"], [2, "an error"]]}):
        reply = d.invoke(event, headers={"X-Amz-Log-Type": "Tail"})
        tails.append(base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode().splitlines())
    assert [said(tail) for tail in tails] == [["of the first"], ["of the second"],
                                              ["before the timeout", "an error"]]
    d.stop()
    assert d.out.all() == sum(tails, [])


def test_very_long_lines_come_through(start):
    d = start()
    text = "".join(chr(97 + n % 26) for n in range(200000))
    d.invoke({"do": "say", "writes": [[1, text + "\n"]]})
    assert d.out.wait(text[:100]) == text


def test_lines_of_several_runtimes_never_mix(start):
    d = start(env={"MAX_CONCURRENCY": "4", "AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    count = 20 if SANITIZED else 100
    futures = []
    for n in range(count):
        letter = chr(97 + n % 26)
        writes = [[1 + i % 2, letter * 300 + ("\n" if i % 4 >= 2 else "")] for i in range(20)]
        futures.append(d.later({"do": "say", "writes": writes}))
    for f in futures:
        assert f.result(LIMIT).status == 200
    d.stop()
    for line in d.out.all():
        assert line.startswith(("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")) or (
            len(set(line)) == 1 and len(line) % 300 == 0), line


def frame(kind, text, time_us=None):
    time = b"" if time_us is None else struct.pack(">Q", time_us)
    return base64.b64encode(struct.pack(">II", kind, len(text)) + time + text).decode()


def test_telemetry_frames(start):
    d = start()
    frames = [frame(0xA55A000F, b"with time", 1700000000000000), frame(0xA55A0001, b"without"),
              frame(0xA55A0003, b"two\nlines\n", 1), frame(0xA55A001A, b'{"json":true}', 1)]
    whole = b"".join(base64.b64decode(f) for f in [frame(0xA55A0003, b"in pieces", 5)])
    frames += [base64.b64encode(whole[:5]).decode(), base64.b64encode(whole[5:]).decode()]
    reply = d.invoke({"do": "frames", "frames": frames}, headers={"X-Amz-Log-Type": "Tail"})
    d.stop()
    assert said(d.out.all()) == ["with time", "without", "two", "lines", '{"json":true}', "in pieces"]
    assert b"without\ntwo\nlines\n" in base64.b64decode(reply.headers["X-Amz-Log-Result"])


@pytest.mark.parametrize("open_unread", [os.pipe, pty.openpty], ids=["pipe", "terminal"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_stops_reading_does_not_stop_the_daemon(stream, open_unread):
    ready, told = os.pipe()
    unread, written = open_unread()
    env = dict(os.environ, PORT="0", RUNTIME_API_PORT="0", INVOKE_API_HOST="127.0.0.1", READY_FD=str(told))
    env["LOG_LEVEL"] = "TRACE"
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: written}
    process = subprocess.Popen([DAEMON, ECHO], env=env, pass_fds=[told], **streams)
    os.close(told)
    os.close(written)
    address = split_address(os.read(ready, 200).decode().split()[0].removeprefix("invoke="))
    connection = http.client.HTTPConnection(*address, timeout=LIMIT)
    for n in range(1000):
        connection.request("POST", "/2015-03-31/functions/function/invocations", body=str(n))
        assert connection.getresponse().read() == str(n).encode()
    connection.close()
    process.terminate()
    assert process.wait(LIMIT) == 0
    os.close(unread)
    os.close(ready)


def test_every_invocation_has_its_three_lines_once_and_in_order(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "2", "MAX_CONCURRENCY": "2"})
    endings = {"success": {}, "error": {"do": "error", "type": "Function.Oops", "document": {}},
               "exit": {"do": "exit", "code": 1}, "signal": {"do": "kill", "signal": 9}, "timeout": {"do": "hang"},
               "large": {"do": "size", "bytes": 6291557}, "left": {"do": "respond_and_exit"}}
    futures = [(name, d.later(event)) for _ in range(2) for name, event in endings.items()]
    ids = [(name, f.result(LIMIT).headers["x-amzn-RequestId"]) for name, f in futures]
    d.stop()
    lines = [line for line in d.out.all() if line.startswith(("START ", "END ", "REPORT "))]
    assert len(lines) == 3 * len(ids)
    expected = {"success": None, "left": None, "error": "Status: error\tError Type: Function.Oops",
                "exit": "Status: error\tError Type: Runtime.ExitError", "timeout": "Status: timeout",
                "signal": "Status: error\tError Type: Runtime.ExitError",
                "large": "Status: error\tError Type: Function.ResponseSizeTooLarge"}
    for name, rid in ids:
        start_line, end_line, report = [line for line in lines if rid in line]
        assert (start_line, end_line) == (f"START RequestId: {rid} Version: $LATEST", f"END RequestId: {rid}")
        assert REPORT.match(report)["status"] == expected[name], report


def test_version_in_lines_and_headers(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_VERSION": "7"})
    reply = d.invoke({})
    assert reply.headers["X-Amz-Executed-Version"] == "7"
    assert d.out.wait("START").endswith(" Version: 7")


def test_tail_without_reports(start):
    d = start(env={"PRINT_REPORTS": "false"})
    reply = d.invoke({"do": "say", "writes": [[1, "hello\n"]]}, headers={"X-Amz-Log-Type": "Tail"})
    tail = base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode()
    rid = reply.headers["x-amzn-RequestId"]
    assert tail.startswith(f"START RequestId: {rid} Version: $LATEST\nhello\nEND RequestId: {rid}\nREPORT RequestId: {rid}")
    d.stop()
    assert d.out.all() == ["hello"]


@pytest.mark.parametrize("event,status", [({"do": "hang"}, "Status: timeout"),
                                          ({"do": "exit", "code": 1}, "Status: error\tError Type: Runtime.ExitError"),
                                          ({"do": "size", "bytes": 6291557}, "Error Type: Function.ResponseSizeTooLarge")])
def test_tail_of_a_failure(start, event, status):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5" if event["do"] == "hang" else "60"})
    reply = d.invoke(event, headers={"X-Amz-Log-Type": "Tail"})
    assert base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode().rstrip("\n").endswith(status)


@pytest.mark.parametrize("how", ["exit", "error_and_stay", "hang"])
def test_tail_of_a_failed_init(start, how):
    d = start([*RUNTIME, "say:why it failed\nbegun", how], env={"AWS_LAMBDA_INIT_TIMEOUT": "2"})
    for future in [d.later({}, headers={"X-Amz-Log-Type": "Tail"}) for _ in range(2)]:
        tail = base64.b64decode(future.result(LIMIT).headers["X-Amz-Log-Result"]).decode().splitlines()
        assert tail[:2] == ["why it failed", "begun"]
        assert [line.split()[0] for line in tail[2:]] == ["START", "END", "REPORT"]


def test_tail_of_an_invocation_has_nothing_of_the_init(start):
    d = start([*RUNTIME, "say:loading\n"])
    reply = d.invoke({}, headers={"X-Amz-Log-Type": "Tail"})
    assert said(base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode().splitlines()) == []
    d.stop()
    assert d.out.all()[0] == "loading"


def test_tail_has_nothing_of_other_invocations(start):
    d = start(env={"MAX_CONCURRENCY": "2"})
    futures = [d.later({"do": "say", "writes": [[1, f"this is {n}\n"], [2, f"still {n}\n"]]},
                       headers={"X-Amz-Log-Type": "Tail"}) for n in range(20)]
    for n, f in enumerate(futures):
        lines = base64.b64decode(f.result(LIMIT).headers["X-Amz-Log-Result"]).decode().splitlines()
        assert said(lines) in (
            [f"this is {n}", f"still {n}"], [f"still {n}", f"this is {n}"])


def test_init_timeout_report(start):
    d = start([*RUNTIME, "hang"], env={"AWS_LAMBDA_INIT_TIMEOUT": "0.3"})
    assert report_of(d, d.invoke({}))["status"] == "Status: timeout"


def test_json_of_failures(start):
    d = start(env={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    d.invoke({"do": "hang"})
    d.invoke({"do": "exit", "code": 1})
    d.stop()
    events = [json.loads(line) for line in d.out.all()]
    reports = [e["record"] for e in events if e["type"] == "platform.report"]
    assert [r["status"] for r in reports] == ["timeout", "error"]
    assert reports[1]["errorType"] == "Runtime.ExitError"
