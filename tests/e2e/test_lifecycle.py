# SPDX-License-Identifier: Apache-2.0
"""Runtime processes in rarer states: stopped, killed while idle, gone silent, failing beside a healthy one; and how they
are left by the daemon."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import DAEMON, ECHO, IDLE, LIMIT, RUNTIME, SANITIZED, Connection, Gate, Lines, Runtime, split_address, wait_gone


def works(daemon):
    assert daemon.invoke(b"[42]").body == b"[42]"


def kind_of(reply):
    assert (reply.status, reply.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
    return json.loads(reply.body)["errorType"]


def test_a_runtime_killed_while_idle_costs_no_caller_anything(start):
    d = start()
    for _ in range(20):
        pid = int(d.invoke({"do": "pid"}).body)
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
        works(d)


def test_a_runtime_that_hangs_up_and_goes_silent_is_replaced(start):
    d = start(IDLE, env={"AWS_LAMBDA_INIT_TIMEOUT": "1", "AWS_LAMBDA_FUNCTION_TIMEOUT": "600"})
    first = d.later(b"first")
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"1")
    first.result(LIMIT)
    runtime.send_next()
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    runtime.close()
    d.wait_metric('lambda_runtimes{state="idle"}', 0)
    second = d.later(b"second")
    d.err.wait("runtime started", 2)
    runtime = Runtime(d)
    event = runtime.next()
    assert event.body == b"second"
    runtime.respond(event, b"2")
    assert second.result(LIMIT).body == b"2"
    runtime.close()


def test_stop_ends_a_stopped_runtime(start):
    d = start()
    pid = int(d.invoke({"do": "pid"}).body)
    os.kill(pid, signal.SIGSTOP)
    assert d.stop() == 0
    wait_gone(pid)


def test_timeout_ends_a_stopped_runtime(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    assert kind_of(d.invoke({"do": "kill", "signal": signal.SIGSTOP})) == "Sandbox.Timedout"
    works(d)


def test_a_stubborn_child_of_a_runtime_goes_with_it(start):
    d = start()
    for end in (lambda: d.invoke({"do": "exit", "code": 0}), d.stop):
        pids = json.loads(d.invoke({"do": "spawn", "how": ["stubborn"]}).body)
        end()
        wait_gone(*pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_no_crash_of_the_daemon_leaves_anything(start, number):
    d = start(env={"MAX_CONCURRENCY": "3", "AWS_LAMBDA_FUNCTION_TIMEOUT": "600"})
    pids = json.loads(d.invoke({"do": "spawn", "how": ["stubborn", "setsid", "double", "bare"]}).body)
    gates = [Gate() for _ in range(3)]
    futures = [d.later({"do": "hang", "ignore_term": True, "fifo": g.path}) for g in gates]
    pids += [int(g.wait()) for g in gates]
    d.signal(number)
    d.wait()
    wait_gone(*pids)
    for future in futures:
        assert future.exception(LIMIT) is not None


def test_a_runtime_inherits_no_signal_state(start):
    d = start(IDLE)
    future = d.later({})
    runtime = Runtime(d)
    event = runtime.next()
    pid = int(re.search(r"pid=(\d+)", d.err.wait("runtime started"))[1])
    status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    # Without 32 and 33, which libc keeps to itself.
    assert [int(status[name], 16) & 0x7FFFFFFF for name in ("SigBlk", "SigIgn", "ShdPnd")] == [0, 0, 0]
    runtime.respond(event)
    future.result(LIMIT)


def test_the_daemon_keeps_no_descriptor_of_what_has_ended(start):
    d = start()
    count = lambda: len(os.listdir(f"/proc/{d.pid}/fd"))  # noqa: E731
    for n in range(3):
        assert kind_of(d.invoke({"do": "exit", "code": 1})) == "Runtime.ExitError"
        works(d)
        d.wait_metric('lambda_runtimes{state="idle"}', 1)
        if n == 0:
            before = count()
    # The poll of the figure is on a connection that may just be about to close.
    assert abs(count() - before) <= 1


def test_failed_init_beside_a_healthy_runtime_fails_nobody(start, gate, tmp_path):
    d = start([*RUNTIME, f"later:{tmp_path}/flag"], env={"MAX_CONCURRENCY": "2", "AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    slow = d.later({"do": "gate", "fifo": gate.path})
    with open(gate.path, "wb") as writer:
        # Opened, so the first runtime works; the second one fails again and again meanwhile.
        waiting = d.later(b"[1]")
        d.err.wait("runtime ended", 3)
        starts = d.metrics()["lambda_runtime_starts_total"]
        writer.write(b"go\n")
    assert waiting.result(LIMIT).body == b"[1]"
    assert slow.result(LIMIT).headers["X-Amz-Function-Error"] is None
    assert starts <= 5


def test_one_failed_init_is_told_to_all_that_wait_for_it(start):
    gate = Gate()
    d = start([*RUNTIME, f"gate:{gate.path}", "exit"])
    futures = [d.later({}) for _ in range(20)]
    d.wait_queued(20)
    gate.open()
    assert [kind_of(f.result(LIMIT)) for f in futures] == ["Runtime.ExitError"] * 20
    assert d.metrics()["lambda_runtime_starts_total"] == 1


def test_drain_while_a_runtime_starts(start, gate):
    d = start([*RUNTIME, f"gate:{gate.path}"])
    future = d.later({})
    d.err.wait("runtime started")
    pids = d.children()
    d.signal(signal.SIGTERM)
    reply = future.result(LIMIT)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (500, "ServiceException")
    assert d.wait() == 0
    wait_gone(*pids)


def test_drain_does_not_wait_for_connections_without_a_whole_request(start):
    d = start()
    silent = Connection(d.invoke_address)
    half = Connection(d.invoke_address)
    half.socket.sendall(b"POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: x\r\nContent-Le")
    alive = Connection(d.invoke_address)
    assert alive.call("GET", "/_/health").body == b"OK"
    assert d.stop() == 0
    assert silent.at_end()
    for connection in (silent, half, alive):
        connection.close()


def test_drain_answers_callers_of_every_running_invocation(start):
    d = start(env={"MAX_CONCURRENCY": "3", "AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    gates = [Gate() for _ in range(3)]
    futures = [d.later({"do": "gate", "fifo": g.path, "n": n}) for n, g in enumerate(gates)]
    writers = [open(g.path, "wb") for g in gates]
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    for n in (2, 0, 1):
        writers[n].write(b"go\n")
        writers[n].close()
        assert json.loads(futures[n].result(LIMIT).body)["n"] == n
    assert d.wait() == 0


def test_drain_when_the_caller_of_the_running_one_has_gone(start):
    d = start(IDLE)
    quitter = Connection(d.invoke_address)
    quitter.send("POST", "/2015-03-31/functions/function/invocations", b"abandoned")
    runtime = Runtime(d)
    event = runtime.next()
    quitter.close()
    d.wait_metric('lambda_invocations_total{outcome="cancelled"}', 1)
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    assert runtime.respond(event, b"for nobody").status == 202
    assert d.wait() == 0
    runtime.close()


def test_a_daemon_without_standard_descriptors(start):
    """What it opens must not be taken for stdin, stdout or stderr, by itself or by the runtime."""
    ready, told = os.pipe()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBDA_", "_"))}
    env.update(PORT="0", RUNTIME_API_PORT="0", INVOKE_API_HOST="127.0.0.1", READY_FD=str(told))
    process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", DAEMON, *RUNTIME], env=env, pass_fds=[told])
    os.close(told)
    with open(ready, encoding="ascii") as f:
        address = split_address(f.readline().split()[0].removeprefix("invoke="))
    caller = Connection(address)
    path = "/2015-03-31/functions/function/invocations"
    body = b'{"do": "say", "writes": [[1, "out\\n"], [2, "err\\n"]]}'
    for _ in range(3):
        assert caller.call("POST", path, body).body == body
    facts = json.loads(caller.call("POST", path, b'{"do": "facts"}').body)
    assert facts["fds"][:3] == [0, 1, 2]
    caller.close()
    process.terminate()
    assert process.wait(LIMIT) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may chroot")
def test_a_root_without_dev(start, tmp_path):
    for program in (DAEMON, ECHO):
        shutil.copy(program, tmp_path)
        libraries = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for library in re.findall(r"(/\S+) \(0x", libraries):
            (tmp_path / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, tmp_path / library[1:])
    d = start(["/" + Path(DAEMON).name, "/" + Path(ECHO).name], flags=[str(tmp_path)], binary="chroot")
    assert d.invoke(b'{"a":1}').body == b'{"a":1}'
    d.err.wait("/dev/null cannot be opened")
    if SANITIZED:
        # In an orderly end the sanitizer looks for leaks, and for its options before, in /proc.
        d.signal(signal.SIGKILL)
        d.wait()


@pytest.mark.parametrize("told", [1, 2])
def test_ready_line_on_a_standard_descriptor(told):
    """It stays open: no caller's connection takes its number, and with it what the function prints."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBDA_", "_"))}
    env.update(PORT="0", RUNTIME_API_PORT="0", INVOKE_API_HOST="127.0.0.1", READY_FD=str(told))
    process = subprocess.Popen([DAEMON, *RUNTIME], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    out, err = Lines(process.stdout), Lines(process.stderr)
    line = (out if told == 1 else err).wait(lambda text: text.startswith("invoke="))
    caller = Connection(split_address(line.split()[0].removeprefix("invoke=")))
    body = b'{"do": "say", "writes": [[1, "from the function\\n"], [2, "from the function\\n"]]}'
    for _ in range(2):
        assert caller.call("POST", "/2015-03-31/functions/function/invocations", body).body == body
    out.wait("from the function", 4)
    caller.close()
    process.terminate()
    assert process.wait(LIMIT) == 0
    assert any("draining" in text for text in err.all())


def wait_refused(address):
    """Until nobody listens there any more."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            socket.create_connection(address, LIMIT).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            pass  # The listener was closed while the handshake was under way.
        assert time.monotonic() < end, f"{address} still listens"


def test_a_second_signal_while_nobody_reads_the_output():
    gate = Gate()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBDA_", "_"))}
    env.update(PORT="0", RUNTIME_API_PORT="0", INVOKE_API_HOST="127.0.0.1", READY_FD="2", AWS_LAMBDA_INIT_TIMEOUT="600")
    # More than both pipes hold.
    script = f"yes | head -c 300000; echo $$ >{gate.path}; exec tail -f /dev/null"
    process = subprocess.Popen([DAEMON, "sh", "-c", script], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    err = Lines(process.stderr)
    line = err.wait(lambda text: text.startswith("invoke="))
    caller = Connection(split_address(line.split()[0].removeprefix("invoke=")))
    caller.send("POST", "/2015-03-31/functions/function/invocations", b"{}")
    gate.wait()
    process.terminate()
    wait_refused(split_address(line.split()[1].removeprefix("runtime=")))
    # All that is left to do is to wait for a reader.
    process.terminate()
    assert process.wait(LIMIT) == 1
    caller.close()
    process.stdout.close()


def test_two_hundred_runtimes_at_once(start):
    count = 200
    d = start(IDLE, env={"MAX_CONCURRENCY": str(count), "AWS_LAMBDA_FUNCTION_TIMEOUT": "600",
                         "AWS_LAMBDA_INIT_TIMEOUT": "600"})
    callers = []
    for n in range(count):
        caller = Connection(d.invoke_address)
        caller.send("POST", "/2015-03-31/functions/function/invocations", str(n).encode())
        callers.append(caller)
    addresses = [line.rsplit("api=", 1)[1].rsplit(":", 1) for line in d.err.wait("runtime started", count)]
    assert len({host for host, _ in addresses}) == count
    runtimes = [Runtime(d, (host, int(port))) for host, port in addresses]
    events = [runtime.next() for runtime in runtimes]
    assert d.metrics()['lambda_runtimes{state="busy"}'] == count
    assert sorted(int(e.body) for e in events) == list(range(count))
    # An id is good only for the runtime that was given it.
    assert runtimes[0].respond(events[1], b"stolen").status == 400
    for runtime, event in reversed(list(zip(runtimes, events))):
        assert runtime.respond(event, b"<" + event.body + b">").status == 202
    for n, caller in enumerate(callers):
        assert caller.receive().body == f"<{n}>".encode()
        caller.close()
    assert d.metrics()["lambda_runtime_starts_total"] == count
    assert d.stop() == 0
