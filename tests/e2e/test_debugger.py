# SPDX-License-Identifier: Apache-2.0
"""Remote debugging end to end: the official Node.js runtime client under the daemon, chrome-remote-interface as the developer's
debugger, and the broker between them."""
import base64
import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from broker import CONNECTED, Broker, closed, peak_mb
from harness import LIMIT, ROOT, SANITIZED, Lines, run

HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "conformance"
ID = "/my-function"


def build(script, out):
    done = subprocess.run([script, out], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"{script} failed:\n{done.stdout}\n{done.stderr}"
    return out


@pytest.fixture(scope="session")
def node_client():
    """The command of the official runtime client."""
    out = build(ROOT / "tests/conformance/runtimes/node/build.sh", BUILD / "node")
    return str(out / "node_modules/.bin/aws-lambda-ric")


@pytest.fixture(scope="session")
def debug_script():
    return str(build(HERE / "debugger/build.sh", BUILD / "debugger") / "debug.mjs")


@pytest.fixture
def broker():
    broker = Broker()
    yield broker
    code = broker.stop()
    assert not any("Sanitizer" in line or "runtime error:" in line for line in broker.err.all())
    assert code == 0


class Developer:
    """debug.mjs, line by line."""

    def __init__(self, script, url, plan):
        self.process = subprocess.Popen(["node", script, url, json.dumps(plan)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.out = Lines(self.process.stdout)

    def wait(self, word):
        return json.loads(self.out.wait(f'"{word}"'))[word]

    def stops(self, count):
        lines = self.out.wait('"stop"', count)
        return [json.loads(line)["stop"] for line in ([lines] if count == 1 else lines)]

    def end(self):
        assert self.process.wait(LIMIT) == 0, "\n".join(self.out.all())


@pytest.fixture
def develop(debug_script):
    started = []

    def connect(url, **plan):
        started.append(Developer(debug_script, url, plan))
        return started[-1]

    yield connect
    for developer in started:
        if developer.process.poll() is None:
            developer.process.kill()
            developer.process.wait()


@pytest.fixture
def node(start, broker, node_client):
    """node(handler=, env=) -> a daemon with the Node.js function, debugged through the broker."""

    def run(handler="index.handler", **env):
        env = {"DEBUGGER_ACTIVE": "true", "DEBUGGER_BROKER_ADDRESS": broker.lambda_address, "DEBUGGER_FUNCTION_ID": ID[1:],
               "AWS_LAMBDA_FUNCTION_TIMEOUT": "60", "LAMBDA_TASK_ROOT": str(HERE / "debugger/function"), **env}
        return start([node_client, handler], env=env, cwd=HERE / "debugger/function")

    return run


def url(broker):
    return f"ws://{broker.user_address}{ID}"


def waiting(daemon, count=1):
    daemon.err.wait("waiting for a debugger", count)


# --- Node.js ---


def test_breakpoint_evaluate_resume(node, broker, develop):
    daemon = node()
    future = daemon.later({"do": "add", "a": 2, "b": 3})
    waiting(daemon)
    row = json.loads(broker.get("/json/list").body)[0]
    assert row["title"] == "index"
    developer = develop(row["webSocketDebuggerUrl"], breakpoints=[["/function/index\\.js$", 5]],
                        stops=[["event", "typeof context.getRemainingTimeInMillis"], ["[a, b, sum]", "sum = 41, sum"]])
    first, second = developer.stops(2)
    assert first["functionName"] == "handler"
    assert first["values"] == [{"do": "add", "a": 2, "b": 3}, "function"]
    assert second["functionName"] == "add"
    assert second["line"] == 5
    assert developer.wait("breakpoint") == 1
    reply = future.result(LIMIT)
    assert (reply.status, json.loads(reply.body)) == (200, {"sum": 5})
    assert developer.wait("gone")
    developer.end()


def test_big_values_both_ways(node, broker, develop):
    """Tens of MiB from the inspector in one frame; an expression of some MiB to it, which takes no fragments."""
    daemon = node()
    future = daemon.later({"do": "add", "a": 1, "b": 1})
    waiting(daemon)
    size = 1 << (20 if SANITIZED else 24)
    developer = develop(url(broker), stops=[[f"'x'.repeat({size})"]], padding=size // 16)
    assert developer.stops(1)[0]["values"] == [{"length": size}]
    assert json.loads(future.result(LIMIT).body) == {"sum": 2}


def test_warm_runtime_is_debugged_again(node, broker, develop):
    daemon = node()
    pids = set()
    for n in range(3):
        future = daemon.later({"do": "add", "a": n, "b": 1})
        waiting(daemon, n + 1)
        developer = develop(url(broker), stops=[["event.a"]])
        assert developer.stops(1)[0]["values"] == [n]
        assert json.loads(future.result(LIMIT).body) == {"sum": n + 1}
        developer.end()
        pids.add(tuple(daemon.children()))
    assert len(pids) == 1


def test_stop_at_a_commonjs_handler_below_an_object(node, broker, develop):
    daemon = node("common.inner.handler")
    future = daemon.later({"n": 21})
    waiting(daemon)
    developer = develop(url(broker), stops=[["event.n"]])
    assert developer.stops(1)[0]["values"] == [21]
    assert json.loads(future.result(LIMIT).body) == {"doubled": 42}


def test_stop_at_an_es_module(node, broker, develop):
    """As far as this Node.js lets anybody look into one."""
    able = subprocess.run(["node", "-p", "!!process.features.require_module"], capture_output=True, text=True, check=True).stdout
    daemon = node("module.handler")
    future = daemon.later({"n": 5})
    waiting(daemon)
    developer = develop(url(broker), stops=[["event.n"]] if able == "true\n" else [])
    if able == "true\n":
        assert developer.stops(1)[0]["values"] == [5]
    else:
        daemon.err.wait("does not stop at its handler")
    assert json.loads(future.result(LIMIT).body) == {"tripled": 15}


def test_no_stop_when_not_wanted(node, broker, develop):
    daemon = node(DEBUGGER_BREAK="false")
    future = daemon.later({"do": "add", "a": 1, "b": 1})
    waiting(daemon)
    develop(url(broker), stops=[])
    assert json.loads(future.result(LIMIT).body) == {"sum": 2}


def test_debugger_that_never_says_that_it_is_ready(node, broker, develop):
    daemon = node()
    future = daemon.later({"do": "add", "a": 1, "b": 2})
    waiting(daemon)
    developer = develop(url(broker), ready=False, stops=[["event.b"]])
    assert developer.stops(1)[0]["values"] == [2]
    assert json.loads(future.result(LIMIT).body) == {"sum": 3}


def test_debugger_that_does_not_listen_for_stops(node, broker, develop):
    """Nobody would go on from a stop."""
    daemon = node()
    future = daemon.later({"do": "add", "a": 1, "b": 2})
    waiting(daemon)
    develop(url(broker), silent=True)
    assert json.loads(future.result(LIMIT).body) == {"sum": 3}


def test_debugger_leaves_at_a_stop(node, broker, develop):
    daemon = node()
    future = daemon.later({"do": "add", "a": 4, "b": 2})
    waiting(daemon)
    developer = develop(url(broker), stops=[["event.a"]], leave=True)
    assert json.loads(future.result(LIMIT).body) == {"sum": 6}
    developer.end()
    daemon.err.wait("debugger detached")


def test_the_process_ends_although_a_debugger_is_there(node, broker, develop):
    daemon = node(DEBUGGER_BREAK="false")
    future = daemon.later({"do": "exit", "code": 7})
    waiting(daemon)
    developer = develop(url(broker))
    reply = json.loads(future.result(LIMIT).body)
    assert reply["errorType"] == "Runtime.ExitError"
    assert "exit status 7" in reply["errorMessage"]
    developer.end()


def test_programs_of_the_function_do_not_fight_for_the_port(node, broker, develop):
    daemon = node(DEBUGGER_BREAK="false", NODE_OPTIONS="--no-warnings")
    future = daemon.later({"do": "child"})
    waiting(daemon)
    develop(url(broker))
    assert json.loads(future.result(LIMIT).body) == {"out": "2\n", "options": "--no-warnings"}


def test_output_reaches_the_log(node, broker, develop):
    daemon = node()
    future = daemon.later({"do": "log", "text": "marker line"})
    waiting(daemon)
    develop(url(broker), stops=[[]])
    future.result(LIMIT)
    daemon.out.wait("marker line")


def test_timeout_runs_until_a_debugger_comes_and_is_off_while_it_is_there(node, broker, develop):
    daemon = node(AWS_LAMBDA_FUNCTION_TIMEOUT="2", AWS_LAMBDA_INIT_TIMEOUT="30")
    future = daemon.later({"do": "remaining"})
    reply = json.loads(future.result(LIMIT).body)
    assert reply["errorType"] == "Sandbox.Timedout" and "2.00 seconds" in reply["errorMessage"]
    future = daemon.later({"do": "remaining"})
    waiting(daemon, 2)
    developer = develop(url(broker), stops=[["(() => { const t = Date.now(); while (Date.now() < t + 2500) {} })()"]])
    developer.stops(1)
    assert json.loads(future.result(LIMIT).body)["ms"] < 0


def test_remaining_time_counts_the_wait(node, broker, develop):
    daemon = node(DEBUGGER_BREAK="false")
    started = time.monotonic()
    future = daemon.later({"do": "remaining"})
    waiting(daemon)
    with pytest.raises(TimeoutError):
        future.result(1)
    develop(url(broker))
    left = json.loads(future.result(LIMIT).body)["ms"] / 1000
    assert 1 <= 60 - left <= time.monotonic() - started + 0.01


# --- the daemon's side, with the function's and the developer's ends played by the test ---


def played(start, broker, **env):
    return start(env={"DEBUGGER_ACTIVE": "1", "DEBUGGER_BROKER_ADDRESS": broker.lambda_address,
                      "DEBUGGER_FUNCTION_ID": ID[1:], "DEBUGGER_MODE": "tcp", **env})


class Port:
    """A debug port of a runtime."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT)
        self.number = self.listener.getsockname()[1]

    def accept(self):
        connection, _ = self.listener.accept()
        connection.settimeout(LIMIT)
        return connection


@pytest.fixture
def port():
    port = Port()
    yield port
    port.listener.close()


def attached(start, broker, port, **kwargs):
    """A daemon with an invocation, the debugger for it, and the runtime's end of its debug port."""
    daemon = played(start, broker, DEBUGGER_PORT=str(port.number))
    future = daemon.later({"x": 1})
    waiting(daemon)
    return daemon, future, broker.debugger(ID, **kwargs), port.accept()


def test_bytes_pass_unchanged(start, broker, port):
    daemon, future, debugger, runtime = attached(start, broker, port)
    data = b"JDWP-Handshake" + bytes(range(256)) * 5000
    debugger.send(data)
    with runtime.makefile("rb") as stream:
        assert stream.read(len(data)) == data
        runtime.sendall(data)
        back = b""
        while len(back) < len(data):
            back += debugger.recv(LIMIT)
        assert back == data
        assert json.loads(future.result(LIMIT).body) == {"x": 1}
        # The end of the invocation ends the session.
        assert stream.read() == b""
    assert closed(debugger)[0] == 1000


def test_debugger_with_a_late_first_word(start, broker, port):
    """Its machine is busy: the event must not be gone when it is ready to look."""
    daemon, future, debugger, runtime = attached(start, broker, port)
    late = time.monotonic() + 1.5
    while time.monotonic() < late:
        daemon.metrics()
    assert not future.done()
    debugger.send(b"hello")
    assert runtime.recv(100) == b"hello"
    assert json.loads(future.result(LIMIT).body) == {"x": 1}
    runtime.close()


def test_slow_debugger_slows_the_runtime_down(start, broker, port):
    """It reads nothing for a while: what the runtime's debug port sends must pile up there, and arrive whole later."""
    daemon, future, debugger, runtime = attached(start, broker, port, max_queue=1)
    debugger.send(b"Content-Length: ")  # holds the event until configurationDone
    assert runtime.recv(100) == b"Content-Length: "
    before = [peak_mb(daemon.pid), peak_mb(broker.process.pid)]
    total = 64 << 20
    runtime.setblocking(False)
    sent, stuck = 0, 0
    while stuck < 50:
        try:
            sent += runtime.send(bytes(1 << 20))
            stuck = 0
        except BlockingIOError:
            stuck += 1
            daemon.metrics()
            broker.metrics()
    assert sent < total, "the runtime was not slowed down"
    runtime.settimeout(LIMIT)
    sender = threading.Thread(target=runtime.sendall, args=(bytes(total - sent),))
    sender.start()
    received = 0
    while received < total:
        received += len(debugger.recv(LIMIT))
    sender.join()
    if not SANITIZED:
        assert [now - then < 8 for now, then in zip([peak_mb(daemon.pid), peak_mb(broker.process.pid)], before)] == [True, True]
    debugger.send(b'"configurationDone"')
    assert json.loads(future.result(LIMIT).body) == {"x": 1}
    runtime.close()


def test_first_words_of_a_hasty_debugger_arrive(start, port):
    """The broker, played here, sends them in one go with the news that a debugger is there."""
    broker = socket.create_server(("127.0.0.1", 0))
    broker.settimeout(LIMIT)
    daemon = start(env={"DEBUGGER_ACTIVE": "1", "DEBUGGER_BROKER_ADDRESS": f"127.0.0.1:{broker.getsockname()[1]}",
                        "DEBUGGER_FUNCTION_ID": "x", "DEBUGGER_MODE": "tcp", "DEBUGGER_PORT": str(port.number)})
    future = daemon.later({"x": 1})
    connection, _ = broker.accept()
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(4096)
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    news = CONNECTED.encode()
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + b"\x81" + bytes([len(news)]) + news +
                       b"\x82\x05first" + b"\x82\x06second")
    runtime = port.accept()
    with runtime.makefile("rb") as stream:
        assert stream.read(11) == b"firstsecond"
    assert json.loads(future.result(LIMIT).body) == {"x": 1}
    for s in (connection, broker, runtime):
        s.close()


def test_news_of_a_debugger_at_the_wrong_time(start, port):
    """A broker that goes on and on about it, also when the invocation has ended."""
    ended = threading.Event()

    def chatter(function):
        function.send(CONNECTED)
        function.send(CONNECTED)
        ended.wait(LIMIT)
        with contextlib.suppress(ConnectionClosed):
            while True:
                function.send(CONNECTED)

    with serve(chatter, "127.0.0.1", 0, compression=None) as broker:
        threading.Thread(target=broker.serve_forever).start()
        daemon = start(env={"DEBUGGER_ACTIVE": "1", "DEBUGGER_BROKER_ADDRESS": f"127.0.0.1:{broker.socket.getsockname()[1]}",
                            "DEBUGGER_FUNCTION_ID": "x", "DEBUGGER_MODE": "tcp", "DEBUGGER_PORT": str(port.number)})
        for n in range(3):
            future = daemon.later({"x": n})
            with port.accept() as runtime:
                assert json.loads(future.result(LIMIT).body) == {"x": n}
                ended.set()
                assert runtime.recv(1) == b""


def test_configuration_done_releases(start, broker, port):
    daemon, future, debugger, runtime = attached(start, broker, port)
    debugger.send(b"Content-Length: 70\r\n\r\n")
    # Silence of any length means nothing now: this is a protocol in which a debugger says that it is ready.
    with pytest.raises(TimeoutError):
        future.result(1.5)
    debugger.send(b'{"seq":1,"type":"request","command":"configura')
    debugger.send(b'tionDone"}')
    assert json.loads(future.result(LIMIT).body) == {"x": 1}
    runtime.close()


def test_debugger_leaves_before_the_release_and_another_one_comes(start, broker, port):
    daemon = played(start, broker, DEBUGGER_PORT=str(port.number))
    future = daemon.later({"x": 1})
    waiting(daemon)
    broker.debugger(ID).close()
    waiting(daemon, 2)
    assert not future.done()
    broker.debugger(ID)
    assert json.loads(future.result(LIMIT).body) == {"x": 1}


def test_broker_comes_later(start, port):
    """And goes, and comes back at the same address."""
    probe = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{probe.getsockname()[1]}"
    probe.close()
    daemon = start(env={"DEBUGGER_ACTIVE": "1", "DEBUGGER_BROKER_ADDRESS": address, "DEBUGGER_FUNCTION_ID": "x",
                        "DEBUGGER_MODE": "tcp", "DEBUGGER_PORT": str(port.number), "AWS_LAMBDA_FUNCTION_TIMEOUT": "60"})
    future = daemon.later({"x": 1})
    assert "Connection refused" in daemon.err.wait("cannot be reached")
    first = Broker(f"--lambda-address={address}")
    waiting(daemon)
    first.stop()
    second = Broker(f"--lambda-address={address}")
    waiting(daemon, 2)
    second.debugger("/x")
    assert json.loads(future.result(LIMIT).body) == {"x": 1}
    second.stop()


def test_runtime_without_a_debug_port_runs_undebugged(start, broker):
    probe = socket.create_server(("127.0.0.1", 0))
    number = probe.getsockname()[1]
    probe.close()
    daemon = played(start, broker, DEBUGGER_PORT=str(number), AWS_LAMBDA_FUNCTION_TIMEOUT="1")
    future = daemon.later({"x": 1})
    waiting(daemon)
    debugger = broker.debugger(ID)
    assert json.loads(future.result(LIMIT).body) == {"x": 1}
    assert closed(debugger)[0] == 1000
    assert "Connection refused" in daemon.err.wait("no debug port")


def test_caller_gets_the_crash_of_a_held_runtime(start, broker, port):
    daemon = played(start, broker, DEBUGGER_PORT=str(port.number))
    future = daemon.later({"x": 1})
    waiting(daemon)
    os.kill(daemon.children()[0], 9)
    assert json.loads(future.result(LIMIT).body)["errorType"] == "Runtime.ExitError"
    future = daemon.later({"x": 2})
    waiting(daemon, 2)
    broker.debugger(ID)
    assert json.loads(future.result(LIMIT).body) == {"x": 2}


def test_drain_lets_a_held_event_run(start, broker, port):
    daemon = played(start, broker, DEBUGGER_PORT=str(port.number), AWS_LAMBDA_FUNCTION_TIMEOUT="60")
    future = daemon.later({"x": 1})
    waiting(daemon)
    daemon.process.terminate()
    assert json.loads(future.result(LIMIT).body) == {"x": 1}
    assert daemon.wait() == 0


def test_drain_with_a_debugger_attached(start, broker, port):
    daemon = played(start, broker, DEBUGGER_PORT=str(port.number), AWS_LAMBDA_FUNCTION_TIMEOUT="60")
    future = daemon.later({"x": 1})
    waiting(daemon)
    debugger = broker.debugger(ID)
    runtime = port.accept()
    daemon.process.terminate()
    assert json.loads(future.result(LIMIT).body) == {"x": 1}
    assert closed(debugger)[0] == 1000
    assert daemon.wait() == 0
    runtime.close()


@pytest.mark.parametrize("value", [None, "", "false", "FALSE", "0", "no", "Off"])
def test_off(start, value):
    daemon = start(env={"DEBUGGER_ACTIVE": value, "DEBUGGER_BROKER_ADDRESS": "127.0.0.1:1"})
    facts = json.loads(daemon.invoke({"do": "facts"}).body)
    assert not any(name.startswith("DEBUGGER_") for name in facts["env"])
    assert "NODE_OPTIONS" not in facts["env"] or "--inspect" not in facts["env"]["NODE_OPTIONS"]


def test_what_the_runtime_and_the_broker_are_told(start, broker):
    daemon = start(env={"DEBUGGER_ACTIVE": "yes", "DEBUGGER_BROKER_ADDRESS": broker.lambda_address, "MAX_CONCURRENCY": "4",
                        "DEBUGGER_TOKEN": "not-for-everybody", "DEBUGGER_PORT": "9", "NODE_OPTIONS": "--no-warnings",
                        "AWS_LAMBDA_FUNCTION_NAME": "orders", "AWS_LAMBDA_FUNCTION_TIMEOUT": "40"})
    daemon.err.wait("MAX_CONCURRENCY is 1")
    future = daemon.later({"do": "facts"}, name="orders")
    waiting(daemon)
    stream = broker.get("/metrics")
    assert stream.status == 200
    row = json.loads(broker.get("/json").body)[0]
    assert (row["id"], row["title"]) == ("/orders", "orders")
    broker.debugger("/orders")
    facts = json.loads(future.result(LIMIT).body)
    assert facts["env"]["NODE_OPTIONS"] == "--no-warnings --inspect=127.0.0.1:9"
    assert not any(name.startswith("DEBUGGER_") for name in facts["env"])
    daemon.err.wait("no debug port")
    assert not any("not-for-everybody" in line for line in daemon.err.lines)


@pytest.mark.parametrize("env, said", [
    ({}, "DEBUGGER_BROKER_ADDRESS is missing"), ({"DEBUGGER_BROKER_ADDRESS": "h:x"}, "DEBUGGER_BROKER_ADDRESS=h:x"),
    ({"DEBUGGER_BROKER_ADDRESS": "h", "DEBUGGER_MODE": "jdwp"}, "expected inspector or tcp"),
    ({"DEBUGGER_LISTEN": "127.0.0.1"}, "expected HOST:PORT"), ({"DEBUGGER_PORT": "0"}, "from 1 to 65535")])
def test_configuration_errors(env, said):
    done = run(["true"], env={"DEBUGGER_ACTIVE": "true", **env})
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("address", ["http://a:1", "a b", "h:0", "wss://h:0", "h/f", "ws://h:1/", "[::1", "1::2::3:4", "::1%eth0\n",
                                     "h\n", ":8080", "ws://", "[h]:1:2"])
def test_addresses_that_are_none(address):
    done = run(["true"], env={"DEBUGGER_ACTIVE": "true", "DEBUGGER_BROKER_ADDRESS": address})
    assert done.returncode == 2
    assert "DEBUGGER_BROKER_ADDRESS=" in done.stderr and "ws://HOST:PORT or wss://HOST:PORT" in done.stderr


@pytest.mark.parametrize("name", ["DEBUGGER_BROKER_ADDRESS", "DEBUGGER_LISTEN"])
@pytest.mark.parametrize("address", ["wss://user:s3cr3t@b:8080", "wss://b:8080/?token=s3cr3t"])
def test_secrets_in_an_address(name, address):
    done = run(["true"], env={"DEBUGGER_ACTIVE": "true", name: address})
    assert done.returncode == 2
    assert f"{name}=" in done.stderr and "s3cr3t" not in done.stderr


def test_an_address_with_the_plain_scheme(start, broker):
    daemon = start(env={"DEBUGGER_ACTIVE": "true", "DEBUGGER_BROKER_ADDRESS": f"ws://{broker.lambda_address}",
                        "DEBUGGER_FUNCTION_ID": "x" * 511, "DEBUGGER_PORT": "9"})
    future = daemon.later({"x": 1})
    waiting(daemon)
    broker.debugger("/" + "x" * 511)
    assert json.loads(future.result(LIMIT).body) == {"x": 1}


@pytest.mark.parametrize("name", ["x" * 512, "ä" * 86])
def test_an_id_that_no_broker_takes(name):
    done = run(["true"], env={"DEBUGGER_ACTIVE": "true", "DEBUGGER_BROKER_ADDRESS": "h", "DEBUGGER_FUNCTION_ID": name})
    assert done.returncode == 2
    assert "DEBUGGER_FUNCTION_ID=" in done.stderr and "at most 511 characters" in done.stderr


@pytest.mark.parametrize("where", [{"DEBUGGER_BROKER_ADDRESS": "h"}, {"DEBUGGER_LISTEN": "127.0.0.1:9229"}])
@pytest.mark.parametrize("end", ["\n", "\r\nX-Header: 1", " ", "\x7f", "ä"])
def test_tokens_that_do_not_fit_a_header(where, end):
    done = run(["true"], env={"DEBUGGER_ACTIVE": "true", "DEBUGGER_TOKEN": "the-secret" + end, **where})
    assert done.returncode == 2
    assert "DEBUGGER_TOKEN" in done.stderr and "the-secret" not in done.stderr
