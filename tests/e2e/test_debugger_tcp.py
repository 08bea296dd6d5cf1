# SPDX-License-Identifier: Apache-2.0
"""Real debuggers other than Node.js's, through `debug-broker connect`, a plain TCP port of the broker, or none at all."""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from broker import BROKER, CONNECTED, Broker, no_descriptors
from dap import Dap
from harness import LIMIT, ROOT, Lines, split_address
from test_debugger import build

HERE = Path(__file__).resolve().parent
TOKEN = "a-token-that-nobody-guesses"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Tunnel:
    def __init__(self, url, *flags):
        ready, told = os.pipe()
        self.process = subprocess.Popen([BROKER, "connect", "--listen", "127.0.0.1:0", f"--ready-fd={told}", *flags, url],
                                        pass_fds=[told], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        os.close(told)
        self.err = Lines(self.process.stderr)
        with open(ready, encoding="ascii") as f:
            self.address = split_address(f.readline().strip().removeprefix("debugger="))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT)
        assert not any("Sanitizer" in line or "runtime error:" in line for line in self.err.all())
        return code


@pytest.fixture
def broker():
    broker = Broker()
    yield broker
    assert broker.stop() == 0


@pytest.fixture
def tunnel():
    started = []

    def run(url, *flags):
        started.append(Tunnel(url, *flags))
        return started[-1]

    yield run
    for t in started:
        if t.process.poll() is None:
            assert t.stop() == 0


def debugged(start, command, **env):
    return start(command, env={"DEBUGGER_ACTIVE": "true", "DEBUGGER_MODE": "tcp", "DEBUGGER_FUNCTION_ID": "f",
                               "AWS_LAMBDA_FUNCTION_TIMEOUT": "60", "AWS_LAMBDA_INIT_TIMEOUT": "60", **env})


def python(port):
    return [sys.executable, "-m", "debugpy", "--listen", f"127.0.0.1:{port}", str(HERE / "runtime.py")]


def debug_python(dap):
    """Breakpoint in the handler, a look at the event, on."""
    body = dap.ask("initialize", adapterID="python", linesStartAt1=True, columnsStartAt1=True)
    assert body["supportsFunctionBreakpoints"]
    attach = dap.send("attach", justMyCode=False)
    dap.event("initialized")
    dap.ask("setFunctionBreakpoints", breakpoints=[{"name": "handle"}])
    dap.ask("configurationDone")
    dap.reply(attach)
    stopped = dap.event("stopped")
    assert stopped["reason"] == "function breakpoint"
    frame = dap.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"][0]
    assert frame["name"] == "handle"
    value = dap.ask("evaluate", expression="event['x']", frameId=frame["id"], context="watch")["result"]
    # Its answer may not make it: the function ends, and the session with it.
    dap.send("continue", threadId=stopped["threadId"])
    return value


def test_debugpy_through_connect(start, broker, tunnel):
    port = free_port()
    daemon = debugged(start, python(port), DEBUGGER_BROKER_ADDRESS=broker.lambda_address, DEBUGGER_PORT=str(port))
    future = daemon.later({"x": 3})
    daemon.err.wait("waiting for a debugger")
    dap = Dap(tunnel(f"ws://{broker.user_address}/f").address)
    assert debug_python(dap) == "3"
    assert json.loads(future.result(LIMIT).body) == {"x": 3}
    dap.close()


def test_tunnel_without_descriptors(broker, tunnel):
    function = broker.function("/f", {"Lambda-Debug-Mode": "tcp"})
    t = tunnel(f"ws://{broker.user_address}/f")
    with no_descriptors(t.process.pid):
        debugger = socket.create_connection(t.address, LIMIT)
        t.err.wait("connections have to wait")
    assert function.recv(LIMIT) == CONNECTED
    debugger.close()


def test_debugpy_without_a_broker(start):
    port, public = free_port(), free_port()
    daemon = debugged(start, python(port), DEBUGGER_LISTEN=f"127.0.0.1:{public}", DEBUGGER_PORT=str(port))
    future = daemon.later({"x": 5})
    daemon.err.wait("waiting for a debugger")
    dap = Dap(("127.0.0.1", public))
    assert debug_python(dap) == "5"
    assert json.loads(future.result(LIMIT).body) == {"x": 5}
    dap.close()


def test_delve_through_a_tcp_port(start):
    go = build(ROOT / "tests/conformance/runtimes/go/build.sh", ROOT / "build/conformance/go")
    port, public = free_port(), free_port()
    broker = Broker(f"--tcp=127.0.0.1:{public}=f")
    daemon = debugged(start, ["dlv", "exec", "--headless", f"--listen=127.0.0.1:{port}", "--api-version=2",
                              "--accept-multiclient", "--check-go-version=false", "--continue", str(go / "bootstrap")],
                      # Debian's Delve is older than the Go it may meet here; fewer signals keep the two at peace.
                      GODEBUG="asyncpreemptoff=1", DEBUGGER_BROKER_ADDRESS=broker.lambda_address, DEBUGGER_PORT=str(port))
    future = daemon.later({"do": "echo", "value": [1, 2]})
    daemon.err.wait("waiting for a debugger")
    dap = Dap(("127.0.0.1", public))
    assert dap.ask("initialize", adapterID="go")["supportsConfigurationDoneRequest"]
    attach = dap.send("attach", mode="remote")
    dap.event("initialized")
    dap.ask("configurationDone")
    dap.reply(attach)
    assert json.loads(future.result(LIMIT).body) == [1, 2]
    dap.close()
    assert daemon.stop() == 0
    assert broker.stop() == 0


def test_inspector_without_a_broker(start):
    """The daemon's own user address, with a token; nobody but the daemon may pose as the function."""
    port = free_port()
    daemon = start(env={"DEBUGGER_ACTIVE": "true", "DEBUGGER_LISTEN": f"127.0.0.1:{port}", "DEBUGGER_TOKEN": TOKEN,
                        "DEBUGGER_PORT": str(free_port()), "DEBUGGER_FUNCTION_ID": "f"})
    future = daemon.later({"x": 1})
    daemon.err.wait("waiting for a debugger")
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {TOKEN}"}, 200)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        connection.request("GET", "/json/list", headers=headers)
        response = connection.getresponse()
        assert response.status == status
        body = response.read()
        connection.close()
    assert [row["id"] for row in json.loads(body)] == ["/f"]
    assert not future.done()
    # The timeout ends it: nobody came.
    assert json.loads(future.result(LIMIT).body)["errorType"] == "Sandbox.Timedout"


def test_connect_shows_the_token_and_says_why_not(tmp_path, tunnel):
    (tmp_path / "token").write_text(TOKEN)
    broker = Broker(f"--token-file={tmp_path}/token")
    refused = tunnel(f"ws://{broker.user_address}/f")
    with socket.create_connection(refused.address, LIMIT) as debugger:
        assert debugger.recv(1) == b""
    refused.err.wait("HTTP status 401")
    lonely = tunnel(f"ws://{broker.user_address}/f", f"--token-file={tmp_path}/token")
    with socket.create_connection(lonely.address, LIMIT) as debugger:
        assert debugger.recv(1) == b""
    lonely.err.wait("no function is connected with this id")
    assert broker.stop() == 0


def test_connect_moves_much(broker, tunnel):
    function = broker.function("/f", {"Lambda-Debug-Mode": "tcp"})
    debugger = socket.create_connection(tunnel(f"ws://{broker.user_address}/f").address, LIMIT)
    function.recv(LIMIT)
    data = os.urandom(1 << 20)
    for _ in range(8):
        debugger.sendall(data)
        got = b""
        while len(got) < len(data):
            got += function.recv(LIMIT)
        assert got == data
        function.send(data)
        got = b""
        while len(got) < len(data):
            got += debugger.recv(1 << 20)
        assert got == data
    debugger.close()
