# SPDX-License-Identifier: Apache-2.0
"""AWS_LAMBDA_MAX_CONCURRENCY: a runtime with several workers, each with a /next of its own. The test plays the workers."""
import base64
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from extensions import extension_pid, said, write_extension
from harness import IDLE, LIMIT, SANITIZED, Runtime, run, wait_gone
from telemetry import Extensions

ID = "Lambda-Runtime-Aws-Request-Id"
TAIL = {"X-Amz-Log-Type": "Tail"}


def managed(start, tasks, command=IDLE, **env):
    return start(command, env={"AWS_LAMBDA_MAX_CONCURRENCY": str(tasks), "AWS_LAMBDA_LOG_FORMAT": "Text", **env})


def workers(daemon, count, address=None):
    """That many /next are open."""
    found = [Runtime(daemon, address) for _ in range(count)]
    for worker in found:
        worker.send_next()
    return found


def error(reply):
    return reply.status, json.loads(reply.body)["errorType"], json.loads(reply.body)["errorMessage"]


def fault(reply):
    assert (reply.status, reply.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
    return json.loads(reply.body)["errorType"]


def runtime_pids(daemon, count):
    lines = daemon.err.wait("runtime started", count)
    return [int(line.split("pid=")[1].split()[0]) for line in ([lines] if count == 1 else lines)]


def test_several_events_at_once_answered_in_any_order(start):
    d = managed(start, 3)
    futures = [d.later({"n": n}) for n in range(3)]
    got = [worker.receive() for worker in workers(d, 3)]
    assert sorted(json.loads(event.body)["n"] for event in got) == [0, 1, 2]
    assert len({event.headers[ID] for event in got}) == 3
    other = Runtime(d)
    # On whatever connection: it is the id that counts.
    for event in reversed(got):
        assert other.respond(event, event.body).status == 202
    assert [json.loads(future.result(LIMIT).body)["n"] for future in futures] == [0, 1, 2]
    assert d.metrics()["lambda_runtime_starts_total"] == 1


def test_no_more_than_its_share_is_handed_out(start):
    d = managed(start, 2)
    futures = [d.later({"n": n}) for n in range(3)]
    polling = workers(d, 3)
    d.wait_queued(1)
    first = polling[0].receive()
    polling[1].receive()
    assert Runtime(d).respond(first, b"1").status == 202
    assert polling[2].receive().status == 200
    assert len(futures) == 3


def test_an_answer_is_given_once(start):
    d = managed(start, 2)
    future = d.later({})
    (worker,) = workers(d, 1)
    event = worker.receive()
    assert worker.respond(event, b"1").status == 202
    assert future.result(LIMIT).body == b"1"
    assert error(worker.respond(event, b"2")) == (400, "InvalidRequestID", "Invalid request ID")
    assert error(worker.respond(event, b"2", kind="error")) == (400, "InvalidRequestID", "Invalid request ID")


def test_a_timeout_kills_nothing_and_the_late_answer_is_told(start):
    d = managed(start, 2, AWS_LAMBDA_FUNCTION_TIMEOUT="0.5")
    late = d.later({"slow": 1})
    slow, quick = workers(d, 2)
    event = slow.receive()
    reply = late.result(LIMIT)
    assert fault(reply) == "Sandbox.Timedout"
    # The other worker goes on, and so does this one after its late answer.
    other = d.later({"n": 1})
    assert quick.respond(quick.receive(), b"1").status == 202
    assert other.result(LIMIT).body == b"1"
    assert error(slow.respond(event, b"late")) == (410, "InvokeTimeout", "Invoke timeout")
    assert error(slow.respond(event, b"late")) == (400, "InvalidRequestID", "Invalid request ID")
    third = d.later({"n": 2})
    assert slow.respond(slow.next(), b"2").status == 202
    assert third.result(LIMIT).body == b"2"
    assert d.metrics()["lambda_runtime_starts_total"] == 1
    report = d.out.wait(lambda line: line.startswith(f"REPORT RequestId: {event.headers[ID]}"))
    assert "Status: timeout" in report


def test_the_end_of_the_process_ends_all_its_events(start):
    d = managed(start, 3)
    futures = [d.later({"n": n}) for n in range(3)]
    polling = workers(d, 3)
    events = [worker.receive() for worker in polling]
    assert polling[0].respond(events[0], b"1").status == 202
    (pid,) = runtime_pids(d, 1)
    os.kill(pid, 9)
    replies = [future.result(LIMIT) for future in futures]
    assert sorted("X-Amz-Function-Error" in reply.headers for reply in replies) == [False, True, True]
    assert {fault(reply) for reply in replies if reply.body != b"1"} == {"Runtime.ExitError"}
    wait_gone(pid)
    future = d.later({})
    d.err.wait("runtime started", 2)
    (worker,) = workers(d, 1)
    worker.respond(worker.receive(), b"again")
    assert future.result(LIMIT).body == b"again"


def test_a_worker_that_hangs_up_loses_its_place_only(start):
    d = managed(start, 2)
    warm = d.later({})
    gone, stays = workers(d, 2)
    gone.respond(gone.receive(), b"0")
    assert warm.result(LIMIT).body == b"0"
    # The place of this one is behind the other's.
    gone.send_next()
    gone.close()
    for body in (b"1", b"2", b"3"):
        future = d.later({})
        stays.respond(stays.receive(), body)
        assert future.result(LIMIT).body == body
        stays.send_next()


def test_with_several_environments_one_is_filled_first(start):
    d = managed(start, 2, MAX_CONCURRENCY="2", AWS_LAMBDA_FUNCTION_TIMEOUT="60")
    futures = [d.later({"n": n}) for n in range(3)]
    lines = d.err.wait("runtime started", 2)
    addresses = [line.split("api=")[1].split()[0].rstrip('"}') for line in lines]
    ends = [(host, int(port)) for host, port in (address.split(":") for address in addresses)]
    # Both may have room by now: the third event goes to one of them.
    polling = workers(d, 2, ends[0]) + workers(d, 2, ends[1])
    taken = {}
    threads = [threading.Thread(target=lambda w=w: taken.setdefault(w, w.receive()), daemon=True) for w in polling]
    for thread in threads:
        thread.start()
    d.out.wait("START", 3)
    assert sum(1 for worker in polling[:2] if wait_for(lambda w=worker: w in taken)) == 2
    d.later({"n": 3})
    d.out.wait("START", 4)
    for thread in threads:
        thread.join(LIMIT)
    for worker, event in taken.items():
        assert worker.respond(event, event.body).status == 202
    assert [json.loads(future.result(LIMIT).body)["n"] for future in futures] == [0, 1, 2]


def wait_for(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
    return True


def test_a_drain_waits_for_all_answers(start):
    d = managed(start, 2)
    futures = [d.later({"n": n}) for n in range(2)]
    polling = workers(d, 2)
    events = [worker.receive() for worker in polling]
    waiting = d.later({})
    d.wait_queued(1)
    d.signal(15)
    assert waiting.result(LIMIT).status == 500
    for worker, event in zip(polling, events):
        assert worker.respond(event, b"1").status == 202
    assert [future.result(LIMIT).body for future in futures] == [b"1", b"1"]
    assert d.wait() == 0


# --- environment, settings ---

def test_environment_of_the_runtime(start):
    d = start(env={"AWS_LAMBDA_MAX_CONCURRENCY": "4"})
    facts = json.loads(d.invoke({"do": "facts"}).body)
    env = facts["env"]
    assert env["AWS_LAMBDA_MAX_CONCURRENCY"] == "4"
    assert env["AWS_LAMBDA_INITIALIZATION_TYPE"] == "lambda-managed-instances"
    assert env["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in env
    path = Path(env["_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET"])
    assert path.is_socket() and path.stat().st_mode & 0o777 == 0o600
    assert d.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize("env,says", [({"LAMBDA_FREEZE": "process"}, "LAMBDA_FREEZE"),
                                      ({"DEBUGGER_ACTIVE": "1", "DEBUGGER_LISTEN": "127.0.0.1:9"}, "DEBUGGER_ACTIVE"),
                                      ({"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}, "SnapStart")])
def test_what_managed_instances_do_not_have(env, says):
    done = run(IDLE, env={"AWS_LAMBDA_MAX_CONCURRENCY": "2", **env})
    assert done.returncode == 2
    assert "AWS_LAMBDA_MAX_CONCURRENCY=2" in done.stderr and says in done.stderr


def test_the_type_alone_is_not_enough():
    done = run(IDLE, env={"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"})
    assert done.returncode == 2 and "needs AWS_LAMBDA_MAX_CONCURRENCY" in done.stderr


def test_init_timeout_can_still_be_set(start):
    d = managed(start, 2, AWS_LAMBDA_INIT_TIMEOUT="0.3")
    assert fault(d.invoke({})) == "Sandbox.Timedout"


# --- logs ---

class Log:
    """A worker's connection to the log socket."""

    def __init__(self, daemon):
        pid = runtime_pids(daemon, 1)[0]
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        path = next(v for v in variables if v.startswith(b"_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET=")).split(b"=", 1)[1]
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)

    def say(self, text):
        self.socket.sendall(text.encode())


def tail(reply):
    return base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode()


def test_lines_of_workers_do_not_mix(start):
    d = managed(start, 2)
    d.later({})
    workers(d, 1)[0].receive()
    one, two = Log(d), Log(d)
    one.say("first half, ")
    two.say("a line of another\n")
    d.out.wait(lambda line: line == "a line of another")
    one.say("second half\nwithout an end")
    d.out.wait(lambda line: line == "first half, second half")
    one.socket.close()
    d.out.wait(lambda line: line == "without an end")


def test_a_log_tail_has_the_lines_of_its_event(start):
    d = managed(start, 2)
    futures = [d.later({"n": n}, headers=TAIL) for n in range(2)]
    polling = workers(d, 2)
    events = [worker.receive() for worker in polling]
    ids = [event.headers[ID] for event in events]
    log = Log(d)
    log.say(f'{{"requestId":"{ids[0]}","message":"one"}}\nof nobody\n{{"requestId":"{ids[1]}","message":"two"}}\n')
    d.out.wait(lambda line: '"two"' in line)
    polling[0].respond(events[0], b"1")
    d.out.wait(f"REPORT RequestId: {ids[0]}")
    log.say("of the only one left\n")
    d.out.wait("of the only one left")
    polling[1].respond(events[1], b"1")
    tails = {rid: text for rid in ids for text in (tail(f.result(LIMIT)) for f in futures) if f"END RequestId: {rid}" in text}
    lines = {rid: text.splitlines() for rid, text in tails.items()}
    assert lines[ids[0]][0] == f"START RequestId: {ids[0]} Version: $LATEST"
    assert lines[ids[0]][1:-2] == [f'{{"requestId":"{ids[0]}","message":"one"}}']
    assert lines[ids[1]][1:-2] == [f'{{"requestId":"{ids[1]}","message":"two"}}', "of the only one left"]
    assert lines[ids[1]][-1].startswith(f"REPORT RequestId: {ids[1]}\t")


def test_what_is_said_at_the_end_is_heard(start):
    d = managed(start, 1)
    future = d.later({})
    (worker,) = workers(d, 1)
    worker.receive()
    (pid,) = runtime_pids(d, 1)
    os.kill(pid, 19)
    log = Log(d)
    log.say("last words\n")
    os.kill(pid, 9)
    assert fault(future.result(LIMIT)) == "Runtime.ExitError"
    d.out.wait(lambda line: line == "last words")


# --- extensions and telemetry ---

def test_extensions_have_no_invoke_event(start, tmp_path):
    write_extension(tmp_path, "one", "INVOKE,SHUTDOWN", [])
    d = managed(start, 2, LAMBDA_EXTENSIONS_DIR=str(tmp_path), command=None)
    d.later({})
    assert json.loads(said(d, "one", "register 403 ")) == {
        "errorMessage": "INVOKE: ErrorInvalidEventType", "errorType": "Extension.InvalidEventType"}


def test_extensions_with_shutdown_do_not_hold_events_up(start, tmp_path):
    write_extension(tmp_path, "one", "SHUTDOWN", [])
    d = managed(start, 2, LAMBDA_EXTENSIONS_DIR=str(tmp_path), command=None)
    assert d.invoke(b"[1]").body == b"[1]"
    assert d.invoke(b"[2]").body == b"[2]"
    assert d.stop() == 0
    assert json.loads(said(d, "one", "event 200 "))["shutdownReason"] == "spindown"


def test_an_extension_that_ends_ends_all_events(start, tmp_path):
    write_extension(tmp_path, "one", "SHUTDOWN", [])
    d = managed(start, 2, LAMBDA_EXTENSIONS_DIR=str(tmp_path))
    futures = [d.later({"n": n}) for n in range(2)]
    polling = workers(d, 2)
    events = [worker.receive() for worker in polling]
    os.kill(extension_pid(d, "one"), 9)
    assert [fault(future.result(LIMIT)) for future in futures] == ["Extension.Crash"] * 2
    assert len(events) == 2
    wait_gone(*runtime_pids(d, 1))


def test_internal_extensions_have_no_events(start):
    d = managed(start, 2)
    d.later({})
    d.err.wait("runtime started")
    inside = Runtime(d)
    register = ("POST", "/2020-01-01/extension/register")
    reply = inside.call(*register, b'{"events":["SHUTDOWN"]}', {"Lambda-Extension-Name": "inside"})
    assert error(reply) == (403, "Extension.InvalidEventType", "No events allowed for internal extensions")
    reply = inside.call(*register, b'{"events":[]}', {"Lambda-Extension-Name": "inside"})
    assert reply.status == 200
    me = {"Lambda-Extension-Identifier": reply.headers["Lambda-Extension-Identifier"]}
    assert inside.call("PUT", "/2020-08-15/logs", b"{}", me).status == 404
    want = {"types": ["platform"], "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:1"}}
    for schema, expected in (("2022-12-13", (400, "ValidationError")), ("2025-01-29", (200, None))):
        reply = inside.call("PUT", "/2022-07-01/telemetry", json.dumps({"schemaVersion": schema, **want}).encode(), me)
        assert (reply.status, json.loads(reply.body)["errorType"] if expected[1] else None) == expected


def test_telemetry_of_several_at_once(start, tmp_path):
    subscriber = Extensions(tmp_path, {"one": {"events": ["SHUTDOWN"], "schema": "2025-01-29", "types": ["platform"],
                                               "sink": "http", "last": "platform.report", "last_count": 2}})
    d = managed(start, 2, **subscriber.env)
    futures = [d.later({"n": n}) for n in range(2)]
    polling = workers(d, 2)
    events = [worker.receive() for worker in polling]
    for worker, event in zip(polling, events):
        worker.respond(event, b"1")
    assert [future.result(LIMIT).body for future in futures] == [b"1", b"1"]
    assert d.stop() == 0
    told = [event for event in subscriber.events("one")]
    subscriber.close()
    starts = [e["record"]["requestId"] for e in told if e["type"] == "platform.start"]
    reports = {e["record"]["requestId"]: e["record"]["metrics"] for e in told if e["type"] == "platform.report"}
    assert sorted(starts) == sorted(reports) == sorted(event.headers[ID] for event in events)
    assert all(list(metrics) == ["durationMs"] for metrics in reports.values())
    assert not [e for e in told if e["type"] == "platform.runtimeDone"]
    init = next(e for e in told if e["type"] == "platform.initStart")
    assert init["record"]["initializationType"] == "lambda-managed-instances"


# --- load ---

def test_many_at_once_all_get_their_own_answers(start):
    """A worker that polls on while its events run, as the Node.js client does, and many that do not."""
    tasks, count = 32, 200 if SANITIZED else 1000
    d = managed(start, tasks, AWS_LAMBDA_FUNCTION_TIMEOUT="60", PRINT_REPORTS="false")

    def work():
        worker = Runtime(d)
        while True:
            try:
                event = worker.next()
                worker.respond(event, event.body)
            except (OSError, AttributeError):
                return

    first = d.later({"n": -1})
    for _ in range(tasks):
        threading.Thread(target=work, daemon=True).start()
    first.result(LIMIT)
    futures = [d.later({"n": n}) for n in range(count)]
    assert [json.loads(future.result(LIMIT).body)["n"] for future in futures] == list(range(count))
    assert d.metrics()["lambda_runtime_starts_total"] == 1
