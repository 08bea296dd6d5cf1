# SPDX-License-Identifier: Apache-2.0
"""Debuggers that speak neither of the protocols the daemon knows, as examples/debug/README.md starts them. The others are in
tests/e2e."""

import json
import queue
import re
import socket
import subprocess
import threading

import pytest
from daemon import REPLY_LIMIT_S, Output
from runtimes import build_runtime, named


HANDLER = "conformance.Handler.handleRequest(java.util.Map,com.amazonaws.services.lambda.runtime.Context)"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Debugger:
    """One that is worked by typing."""

    def __init__(self, *words):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = Output(self.process.stdout)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.wait(REPLY_LIMIT_S)
        self.output.thread.join(REPLY_LIMIT_S)
        self.process.stdout.close()


@pytest.fixture
def debugger():
    started = []

    def run(*words):
        started.append(Debugger(*words))
        return started[-1]

    yield run
    for d in started:
        d.process.kill()
        d.close()


def held(start, runtime, event, command=None, **env):
    """(port for the debugger, queue that gets the reply, daemon): an invocation that waits for a debugger."""
    public = free_port()
    env = {"DEBUGGER_ACTIVE": "true", "DEBUGGER_MODE": "tcp", "DEBUGGER_LISTEN": f"127.0.0.1:{public}",
           "AWS_LAMBDA_FUNCTION_TIMEOUT": "120", "AWS_LAMBDA_INIT_TIMEOUT": "60", **env}
    daemon = start(runtime, env, command)
    replies = queue.Queue()
    threading.Thread(target=lambda: replies.put(daemon.invoke(json.dumps(event)))).start()
    daemon.stderr.wait_for("waiting for a debugger")
    return public, replies, daemon


def test_jdb(start, debugger):
    java = named("java")
    build_runtime(java)
    port = free_port()
    agent = f"-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:{port}"
    public, replies, _ = held(start, java, {"do": "echo", "value": 7}, JAVA_TOOL_OPTIONS=agent, DEBUGGER_PORT=str(port))
    jdb = debugger("jdb", "-attach", f"127.0.0.1:{public}")
    jdb.type(f"stop in {HANDLER}")
    jdb.output.wait_for("main[1] ")
    jdb.type("print event")
    jdb.output.wait_for("value=7")
    assert replies.empty()
    jdb.type(f"clear {HANDLER}")
    jdb.type("cont")
    reply = replies.get(timeout=REPLY_LIMIT_S)
    assert (reply.status, json.loads(reply.body)) == (200, 7)


def test_gdb(start, debugger):
    cpp = named("cpp")
    build_runtime(cpp)
    port = free_port()
    command = ("sh", "-c", f"gdbserver --multi 127.0.0.1:{port} & exec {{out}}/bootstrap")
    public, replies, daemon = held(start, cpp, {"do": "echo", "value": 7}, command, DEBUGGER_PORT=str(port))
    pid = re.search(r"runtime started pid=(\d+)", daemon.stderr.tail())[1]
    # The process's libraries are here, too: no need to carry them over.
    gdb = debugger("gdb", "-q", "-nx", "-iex", "set confirm off", "-iex", "set pagination off", "-iex", "set sysroot /")
    gdb.type(f"target extended-remote 127.0.0.1:{public}")
    gdb.type(f"attach {pid}")
    gdb.type("break handle")
    gdb.type("continue")
    gdb.output.wait_for("Breakpoint 1, ")
    assert replies.empty()
    gdb.type("delete")
    gdb.type("continue")
    reply = replies.get(timeout=REPLY_LIMIT_S)
    assert (reply.status, json.loads(reply.body)) == (200, 7)
