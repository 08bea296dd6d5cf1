# SPDX-License-Identifier: Apache-2.0
"""Runtime processes: every way they fail, are started, are stopped and are cleaned up after."""
import http.client
import json
import os
import select
import signal
import struct
import time

import pytest

from harness import ECHO, IDLE, LIMIT, RUNTIME, Gate, Runtime, wait_gone


def failure(reply, kind):
    """The text behind the request id of an error document that the platform wrote."""
    assert reply.status == 200
    assert reply.headers["X-Amz-Function-Error"] == "Unhandled"
    assert reply.headers["Content-Type"] == "application/json"
    document = json.loads(reply.body)
    assert list(document) == ["errorType", "errorMessage"]
    assert document["errorType"] == kind
    prefix = f"RequestId: {reply.headers['x-amzn-RequestId']} Error: "
    assert document["errorMessage"].startswith(prefix)
    return document["errorMessage"][len(prefix):]


def wait_until(wall_time):
    """Nothing but the clock tells that a deadline has passed."""
    select.select([], [], [], max(0, wall_time - time.time()))


def works(daemon):
    assert daemon.invoke(b"[42]").body == b"[42]"


@pytest.mark.parametrize("event,text", [
    ({"do": "exit", "code": 1}, "Runtime exited with error: exit status 1"),
    ({"do": "exit", "code": 42}, "Runtime exited with error: exit status 42"),
    ({"do": "exit", "code": 0}, "Runtime exited without providing a reason"),
    ({"do": "kill", "signal": signal.SIGKILL}, "Runtime exited with error: signal: killed"),
    ({"do": "kill", "signal": signal.SIGSEGV}, "Runtime exited with error: signal: segmentation fault"),
    ({"do": "kill", "signal": signal.SIGABRT}, "Runtime exited with error: signal: aborted"),
    ({"do": "kill", "signal": signal.SIGTERM}, "Runtime exited with error: signal: terminated"),
    ({"do": "die_mid_body"}, "Runtime exited with error: exit status 9"),
])
def test_exit_in_an_invocation(start, event, text):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "600"})
    works(d)
    assert failure(d.invoke(event), "Runtime.ExitError") == text
    works(d)
    works(d)


def test_an_answer_sent_right_before_the_end_counts(start):
    d = start()
    for n in range(20):
        event = json.dumps({"do": "send_and_exit", "n": n, "pad": "x" * 100000}).encode()
        assert d.invoke(event).body == event


def test_exit_after_the_answer(start):
    d = start()
    for n in range(5):
        event = json.dumps({"do": "respond_and_exit", "code": n}).encode()
        assert d.invoke(event).body == event


def test_timeout(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.3"})
    works(d)
    gate = Gate()
    future = d.later({"do": "hang", "ignore_term": True, "fifo": gate.path})
    pid = int(gate.wait())
    assert failure(future.result(LIMIT), "Sandbox.Timedout") == "Task timed out after 0.30 seconds"
    wait_gone(pid)
    works(d)


def test_an_answer_that_was_sent_in_time_counts(start):
    """Also when the daemon could not look at it in time."""
    d = start(IDLE, env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
    future = d.later({})
    runtime = Runtime(d)
    event = runtime.next()
    answering = Runtime(d)
    d.signal(signal.SIGSTOP)
    rid = event.headers["Lambda-Runtime-Aws-Request-Id"]
    # Longer than what is read at a time.
    body = json.dumps("x" * 100000).encode()
    answering.send("POST", f"/2018-06-01/runtime/invocation/{rid}/response", body)
    wait_until(int(event.headers["Lambda-Runtime-Deadline-Ms"]) / 1000)
    d.signal(signal.SIGCONT)
    assert future.result(LIMIT).body == body
    assert answering.receive().status == 202
    runtime.close()
    answering.close()


def test_timeout_kills_the_group(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
    pids = json.loads(d.invoke({"do": "spawn", "how": ["group", "setsid", "double"]}).body)
    failure(d.invoke({"do": "hang"}), "Sandbox.Timedout")
    wait_gone(*pids)
    works(d)


def test_exit_leaves_no_grandchild(start):
    d = start()
    pids = json.loads(d.invoke({"do": "spawn", "how": ["group", "setsid", "double"]}).body)
    failure(d.invoke({"do": "exit", "code": 1}), "Runtime.ExitError")
    wait_gone(*pids)
    works(d)


def test_a_runtime_that_answers_and_hangs_is_replaced(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    event = b'{"do": "respond_and_hang"}'
    assert d.invoke(event).body == event
    works(d)


@pytest.mark.parametrize("how,text", [("exit", "Runtime exited with error: exit status 7"),
                                      ("exit0", "Runtime exited without providing a reason")])
def test_exit_in_init(start, how, text):
    d = start([*RUNTIME, how], env={"AWS_LAMBDA_INIT_TIMEOUT": "600"})
    for _ in range(3):
        assert failure(d.invoke({}), "Runtime.ExitError") == text


def test_failed_init_is_retried_by_the_next_invocation(start, tmp_path):
    d = start([*RUNTIME, f"once:{tmp_path}/flag"])
    failure(d.invoke({}), "Runtime.ExitError")
    works(d)


def test_init_timeout(start):
    d = start([*RUNTIME, "hang"], env={"AWS_LAMBDA_INIT_TIMEOUT": "0.3", "AWS_LAMBDA_FUNCTION_TIMEOUT": "600"})
    for _ in range(2):
        assert failure(d.invoke({}), "Sandbox.Timedout") == "Task timed out after 0.30 seconds"


def test_init_is_not_part_of_the_function_timeout(start, gate):
    d = start([*RUNTIME, f"gate:{gate.path}"], env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.2"})
    future = d.later(b"[1]")
    d.err.wait("runtime started")
    # Longer than the function's timeout, by the clock of another daemon.
    failure(start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.4"}).invoke({"do": "hang"}), "Sandbox.Timedout")
    gate.open()
    assert future.result(LIMIT).body == b"[1]"


def test_init_error(start):
    d = start([*RUNTIME, "error"])
    for _ in range(3):
        reply = d.invoke({})
        assert (reply.status, reply.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
        assert reply.body == b'{"errorType":"Function.Broken","errorMessage":"cannot load"}'
        assert reply.headers["Content-Type"] == "application/json"
    assert "Error Type: Function.Broken" in d.out.wait("REPORT")


def test_init_error_of_a_runtime_that_stays(start):
    d = start([*RUNTIME, "error_and_stay"])
    for _ in range(2):
        reply = d.invoke({})
        assert (reply.body, reply.headers["Content-Type"]) == (b"not json", "application/octet-stream")


def write_program(path, content, mode=0o755):
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_commands_that_cannot_run(start, tmp_path):
    foreign = 0xB7 if os.uname().machine == "x86_64" else 0x3E
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, foreign, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)
    cases = [
        (["./nope"], "fork/exec ./nope: no such file or directory"),
        (["nope-nope"], 'exec: "nope-nope": executable file not found in $PATH'),
        ([write_program(tmp_path / "plain", b"x", 0o644)], f"fork/exec {tmp_path}/plain: permission denied"),
        ([str(tmp_path)], f"fork/exec {tmp_path}: permission denied"),
        ([write_program(tmp_path / "text", b"just text\n")], f"fork/exec {tmp_path}/text: exec format error"),
        ([write_program(tmp_path / "foreign", elf)], f"fork/exec {tmp_path}/foreign: exec format error"),
        ([write_program(tmp_path / "script", b"#!/nope/sh\n")], f"fork/exec {tmp_path}/script: no such file or directory"),
    ]
    for command, text in cases:
        d = start(command)
        for _ in range(2):
            assert failure(d.invoke({}), "Runtime.InvalidEntrypoint") == text


def test_back_off_does_not_spin(start, tmp_path):
    d = start([*RUNTIME, "exit"])
    for _ in range(6):
        failure(d.invoke({}), "Runtime.ExitError")
    assert d.metrics()["lambda_runtime_starts_total"] == 6


def test_queued_callers_all_hear_of_a_failed_init(start):
    d = start([*RUNTIME, "exit"], env={"MAX_CONCURRENCY": "2"})
    futures = [d.later({}) for _ in range(20)]
    for future in futures:
        failure(future.result(LIMIT), "Runtime.ExitError")


def test_burst_uses_as_many_processes(start):
    d = start(env={"MAX_CONCURRENCY": "10"})
    gates = [Gate() for _ in range(10)]
    futures = [d.later({"do": "gate", "fifo": g.path, "n": n}) for n, g in enumerate(gates)]
    # Each gate lets its runtime go only when all ten are held at once.
    writers = [open(g.path, "wb") for g in gates]
    assert d.metrics()['lambda_runtimes{state="busy"}'] == 10
    for w in writers:
        w.write(b"go\n")
        w.close()
    assert sorted(json.loads(f.result(LIMIT).body)["n"] for f in futures) == list(range(10))
    assert d.metrics()["lambda_runtime_starts_total"] == 10


def test_starts_exactly_as_many_as_there_is_work_for(start):
    d = start(env={"MAX_CONCURRENCY": "10"})
    gates = [Gate() for _ in range(5)]
    futures = [d.later({"do": "gate", "fifo": g.path}) for g in gates]
    writers = [open(g.path, "wb") for g in gates]
    assert d.metrics()["lambda_runtime_starts_total"] == 5
    for w in writers:
        w.write(b"go\n")
        w.close()
    for f in futures:
        f.result(LIMIT)


def test_one_caller_after_the_other_needs_one_process(start):
    d = start([ECHO], env={"MAX_CONCURRENCY": "10"})
    connection = http.client.HTTPConnection(*d.invoke_address, timeout=LIMIT)
    for n in range(500):
        connection.request("POST", "/2015-03-31/functions/function/invocations", body=str(n))
        assert connection.getresponse().read() == str(n).encode()
    connection.close()
    assert d.metrics()["lambda_runtime_starts_total"] == 1


def test_concurrent_callers_do_not_disturb_each_other(start):
    d = start(env={"MAX_CONCURRENCY": "3"})
    futures = [d.later({"n": n}) for n in range(200)]
    assert [json.loads(f.result(LIMIT).body)["n"] for f in futures] == list(range(200))


def test_each_runtime_has_an_address_of_its_own(start):
    d = start(env={"MAX_CONCURRENCY": "3"})
    gates = [Gate() for _ in range(3)]
    futures = [d.later({"do": "gate", "fifo": g.path}) for g in gates]
    for g in gates:
        g.open()
    for f in futures:
        f.result(LIMIT)
    port = d.runtime_address[1]
    lines = d.err.wait("runtime started", 3)
    addresses = sorted(line.rsplit("api=", 1)[1] for line in lines)
    assert addresses[0] == f"127.0.0.1:{port}"
    assert [a.rsplit(":", 1)[0] for a in addresses] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


def test_fifo(start):
    d = start(IDLE)
    first = d.later(b"first")
    runtime = Runtime(d)
    event = runtime.next()
    futures = []
    for n in range(10):
        futures.append(d.later(str(n).encode()))
        d.wait_queued(n + 1)
    order = []
    while len(order) < 10:
        runtime.respond(event, b"done")
        event = runtime.next()
        order.append(event.body.decode())
    runtime.respond(event, b"done")
    assert order == [str(n) for n in range(10)]
    for future in [first, *futures]:
        assert future.result(LIMIT).body == b"done"
    runtime.close()


def test_full_queue(start):
    d = start(IDLE, env={"MAX_PENDING": "2"})
    first = d.later(b"0")
    runtime = Runtime(d)
    event = runtime.next()
    waiting = [d.later(b"1"), d.later(b"2")]
    d.wait_queued(2)
    reply = d.invoke(b"3")
    assert reply.status == 429
    assert reply.headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    assert int(reply.headers["Retry-After"]) > 0
    assert json.loads(reply.body) == {"Type": "User", "message": "Rate Exceeded.",
                                      "Reason": "ConcurrentInvocationLimitExceeded"}
    for _ in range(2):
        runtime.respond(event, b"ok")
        event = runtime.next()
    runtime.respond(event, b"ok")
    assert [f.result(LIMIT).body for f in [first, *waiting]] == [b"ok"] * 3
    runtime.close()


def test_a_caller_that_hangs_up_is_taken_off_the_queue(start):
    d = start(IDLE)
    first = d.later(b"first")
    runtime = Runtime(d)
    event = runtime.next()
    quitter = http.client.HTTPConnection(*d.invoke_address, timeout=LIMIT)
    quitter.request("POST", "/2015-03-31/functions/function/invocations", body=b"never")
    d.wait_queued(1)
    quitter.close()
    d.wait_queued(0)
    last = d.later(b"last")
    d.wait_queued(1)
    runtime.respond(event, b"1")
    event = runtime.next()
    assert event.body == b"last"
    runtime.respond(event, b"2")
    assert (first.result(LIMIT).body, last.result(LIMIT).body) == (b"1", b"2")
    assert d.metrics()['lambda_invocations_total{outcome="cancelled"}'] == 1
    runtime.close()


def test_a_caller_that_hangs_up_does_not_stop_its_running_invocation(start):
    d = start(IDLE)
    quitter = http.client.HTTPConnection(*d.invoke_address, timeout=LIMIT)
    quitter.request("POST", "/2015-03-31/functions/function/invocations", body=b"abandoned")
    runtime = Runtime(d)
    event = runtime.next()
    quitter.close()
    d.wait_metric('lambda_invocations_total{outcome="cancelled"}', 1)
    assert runtime.respond(event, b"for nobody").status == 202
    assert d.out.wait("REPORT").startswith("REPORT RequestId: " + event.headers["Lambda-Runtime-Aws-Request-Id"])
    future = d.later(b"next")
    event = runtime.next()
    assert event.body == b"next"
    runtime.respond(event, b"ok")
    assert future.result(LIMIT).body == b"ok"
    assert d.metrics()["lambda_runtime_starts_total"] == 1
    runtime.close()


def test_hung_up_poll_of_a_real_runtime(start):
    d = start()
    for n in range(10):
        event = json.dumps({"do": "hang_up_next", "n": n}).encode()
        assert d.invoke(event).body == event


def test_idle_runtimes_above_the_first_retire(start):
    d = start(env={"MAX_CONCURRENCY": "3", "AWS_LAMBDA_FUNCTION_IDLETIMEOUT": "0.3"})
    gates = [Gate() for _ in range(3)]
    futures = [d.later({"do": "gate", "fifo": g.path}) for g in gates]
    writers = [open(g.path, "wb") for g in gates]
    pids = d.children()
    assert len(pids) == 3
    for w in writers:
        w.write(b"go\n")
        w.close()
    for f in futures:
        f.result(LIMIT)
    d.err.wait('reason="idle"', 2)
    d.err.wait("runtime ended", 2)
    assert d.metrics()['lambda_runtimes{state="idle"}'] == 1
    assert len(d.children()) == 1
    works(d)


def test_descriptors_limits_and_group_of_a_runtime(start):
    facts = json.loads(start().invoke({"do": "facts"}).body)
    # 0-2, the log descriptor, its connection to us, and the directory it is reading.
    assert facts["fds"][:4] == [0, 1, 2, 3] and len(facts["fds"]) <= 6
    assert facts["stdin"] == "/dev/null"
    assert facts["pgid"] == facts["pid"]
    assert facts["nofile"] == 1024


def test_stop_leaves_nothing(start):
    d = start(env={"MAX_CONCURRENCY": "2"})
    pids = json.loads(d.invoke({"do": "spawn", "how": ["group", "setsid", "double"]}).body)
    pids += d.children()
    assert d.stop() == 0
    wait_gone(*pids)


def test_kill_leaves_nothing(start):
    d = start(env={"MAX_CONCURRENCY": "2"})
    pids = json.loads(d.invoke({"do": "spawn", "how": ["group", "setsid", "double"]}).body)
    pids += d.children()
    d.signal(signal.SIGKILL)
    d.wait()
    wait_gone(*pids)


def test_drain_lets_the_running_finish_and_answers_the_waiting(start):
    d = start(IDLE)
    running = d.later(b"running")
    runtime = Runtime(d)
    event = runtime.next()
    waiting = d.later(b"waiting")
    d.wait_queued(1)
    d.signal(signal.SIGTERM)
    reply = waiting.result(LIMIT)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (500, "ServiceException")
    with pytest.raises(OSError):
        d.invoke(b"too late")
    assert runtime.respond(event, b"finished").status == 202
    assert running.result(LIMIT).body == b"finished"
    assert d.wait() == 0
    runtime.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_every_signal_drains(start, number):
    # What is ignored stays so in children: these tests may be running under nohup.
    before = signal.signal(number, signal.SIG_DFL)
    d = start()
    signal.signal(number, before)
    works(d)
    d.signal(number)
    assert d.wait() == 0


def test_drain_ends_a_running_one_at_its_timeout(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    gate = Gate()
    future = d.later({"do": "hang", "fifo": gate.path})
    gate.wait()
    d.signal(signal.SIGTERM)
    failure(future.result(LIMIT), "Sandbox.Timedout")
    assert d.wait() == 0


def test_a_runtime_that_ignores_sigterm_is_killed(start):
    d = start([*RUNTIME, "ignore_term"])
    works(d)
    pids = d.children()
    assert d.stop() == 0
    wait_gone(*pids)


def test_second_signal_ends_at_once(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "600"})
    gate = Gate()
    future = d.later({"do": "hang", "ignore_term": True, "fifo": gate.path})
    pid = int(gate.wait())
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    d.signal(signal.SIGTERM)
    with pytest.raises((OSError, http.client.HTTPException)):
        future.result(LIMIT)
    assert d.wait() == 1
    wait_gone(pid)


def test_orphans_of_a_runtime_are_reaped(start):
    d = start()
    pids = json.loads(d.invoke({"do": "spawn", "how": ["double"]}).body)
    os.kill(pids[1], signal.SIGKILL)
    # A zombie would never go: nobody but the daemon can reap it.
    wait_gone(pids[1])
    while os.path.exists(f"/proc/{pids[1]}"):
        d.metrics()
    works(d)
