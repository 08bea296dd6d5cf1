# SPDX-License-Identifier: Apache-2.0
"""Starts the real debug-broker and talks to it as functions and debuggers do."""
import http.client
import json
import os
import resource
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from harness import DAEMON, LIMIT, Lines, Reply, split_address
from tls_pipe import open_tls

BROKER = os.environ.get("DEBUG_BROKER", str(Path(DAEMON).with_name("debug-broker")))
CONNECTED = '{"type":"USER_CONNECTED"}'


class Broker:
    def __init__(self, *flags, tls=None):
        self.tls = tls  # what clients trust
        ready, told = os.pipe()
        self.process = subprocess.Popen([BROKER, "--lambda-address=127.0.0.1:0", "--user-address=127.0.0.1:0",
                                         f"--ready-fd={told}", *flags], pass_fds=[told], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(told)
        self.err = Lines(self.process.stderr)
        self.process.stdout.close()
        line = b""
        while not line.endswith(b"\n"):
            piece = os.read(ready, 4096)
            if not piece:
                break
            line += piece
        os.close(ready)
        assert line, "the broker did not start:\n" + "\n".join(self.err.all())
        words = dict(w.split("=", 1) for w in line.decode().split())
        self.lambda_address = words["lambda"]
        self.user_address = words["user"]
        self.sockets = []

    def _connect(self, address, path, headers, **options):
        options = {"max_size": None, "compression": None, "proxy": None, "ping_interval": None, "open_timeout": LIMIT,
                   "close_timeout": LIMIT, **options}
        if self.tls:
            options["sock"] = open_tls(split_address(address), self.tls, LIMIT)
        socket = connect(f"ws://{address}{path}", additional_headers=headers, user_agent_header=None, **options)
        self.sockets.append(socket)
        return socket

    def function(self, path, headers=None, **options):
        """Connects as a function's proxy does. It is known to the broker when this returns."""
        return self._connect(self.lambda_address, path, headers, **options)

    def debugger(self, path, headers=None, **options):
        return self._connect(self.user_address, path, headers, **options)

    def pair(self, path, **options):
        function = self.function(path, **options)
        debugger = self.debugger(path, **options)
        assert function.recv(LIMIT) == CONNECTED
        return function, debugger

    def get(self, path, headers=None, address=None, method="GET"):
        where = split_address(address or self.user_address)
        if self.tls:
            connection = http.client.HTTPSConnection(*where, timeout=LIMIT, context=self.tls)
        else:
            connection = http.client.HTTPConnection(*where, timeout=LIMIT)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def metrics(self, headers=None):
        text = self.get("/metrics", headers).body.decode()
        return {line.split()[0]: int(line.split()[1]) for line in text.splitlines() if line[:1] not in ("", "#")}

    def wait_metric(self, name, value):
        """Polls a figure that only the broker knows; each poll is a full round trip."""
        for _ in range(100000):
            if self.metrics()[name] == value:
                return
        raise AssertionError(f"{name} never was {value}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT)
        for socket in self.sockets:
            socket.socket.close()
        return code


def closed(socket):
    """(code, reason) with which the peer closes; waits for it."""
    try:
        message = socket.recv(LIMIT)
    except ConnectionClosed as end:
        return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")
    raise AssertionError(f"a message instead of the end: {message[:200]!r}")


def wrapped(text):
    return json.dumps({"type": "V8_INSPECTOR_MESSAGE", "payload": text}, ensure_ascii=False, separators=(",", ":"))


def peak_mb(pid):
    """The most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def no_descriptors(pid):
    """The process can open nothing more. With a limit of 0 it could not even poll() one descriptor, as its log does."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
