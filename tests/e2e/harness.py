# SPDX-License-Identifier: Apache-2.0
"""Starts the real daemon and talks to it. Nothing here sleeps: every wait is for a line, a reply or an exit, and a bound
only turns a hang into a failure."""
import concurrent.futures
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DAEMON = os.environ.get("DAEMON", str(ROOT / "bin" / "lambda-runtime-api-daemon"))
SERVER = str(Path(DAEMON).with_name("lambda-server"))
ECHO = os.environ.get("ECHO_RUNTIME", str(ROOT / "bin" / "echo-runtime"))
RUNTIME = [sys.executable, "-S", "-E", str(Path(__file__).with_name("runtime.py"))]
SANITIZED = os.environ.get("BUILD_MODE") in ("asan", "tsan")
LIMIT = 60  # seconds until a wait counts as a hang

Reply = namedtuple("Reply", "status headers body")

#: A process that lives and does nothing, for tests that play the runtime themselves.
IDLE = ["tail", "-f", "/dev/null"]


class Lines:
    """What a stream said so far, line by line."""

    def __init__(self, stream):
        self.lines = []
        self.done = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream):
        for line in stream:
            with self.changed:
                self.lines.append(line.rstrip(b"\n").decode("utf-8", "replace"))
                self.changed.notify_all()
        stream.close()
        with self.changed:
            self.done = True
            self.changed.notify_all()

    def wait(self, predicate, count=1):
        """The first `count` lines that the predicate is true for (the last of them if count is 1)."""
        if isinstance(predicate, str):
            text = predicate
            predicate = lambda line: text in line  # noqa: E731

        def found():
            hits = [line for line in self.lines if predicate(line)]
            # In a tuple, because no hits at the end are an answer, too.
            return (hits,) if len(hits) >= count or self.done else None

        with self.changed:
            hits = (self.changed.wait_for(found, LIMIT) or [None])[0]
        assert hits and len(hits) >= count, "no such line in:\n" + "\n".join(self.lines)
        return hits[0] if count == 1 else hits[:count]

    def all(self):
        self.thread.join(LIMIT)
        return list(self.lines)


class Daemon:
    def __init__(self, command=None, flags=(), env=None, cwd=None, binary=DAEMON):
        ready, told = os.pipe()
        base = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBDA_", "_"))}
        base.update(PORT="0", RUNTIME_API_PORT="0", INVOKE_API_HOST="127.0.0.1", READY_FD=str(told))
        base.update(env or {})
        for name in [k for k, v in base.items() if v is None]:
            del base[name]
        self.process = subprocess.Popen([binary, *flags, *(RUNTIME if command is None else command)], env=base, cwd=cwd,
                                        pass_fds=[told], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        os.close(told)
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)
        self.pool = concurrent.futures.ThreadPoolExecutor(64)
        self.ready = b""
        while not self.ready.endswith(b"\n"):
            piece = os.read(ready, 4096)
            if not piece:
                break
            self.ready += piece
        os.close(ready)
        if self.ready:
            words = dict(w.split("=", 1) for w in self.ready.decode().split())
            self.invoke_address = split_address(words["invoke"])
            self.runtime_address = split_address(words["runtime"]) if "runtime" in words else None

    @property
    def pid(self):
        return self.process.pid

    # --- Invoke API ---

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(*self.invoke_address, timeout=LIMIT)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def invoke(self, event=None, headers=None, name="function", query=""):
        body = event if isinstance(event, (bytes, type(None))) else json.dumps(event).encode()
        return self.request("POST", f"/2015-03-31/functions/{name}/invocations{query}", body, headers)

    def later(self, event=None, **kwargs):
        """An invocation on its own thread; the future gives its reply."""
        return self.pool.submit(self.invoke, event, **kwargs)

    def metrics(self):
        text = self.request("GET", "/metrics").body.decode()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if line and not line.startswith("#")}

    def wait_metric(self, name, value):
        """Polls a figure that only the daemon knows; each poll is a full round trip."""
        end = time.monotonic() + LIMIT
        while self.metrics()[name] != value:
            assert time.monotonic() < end, f"{name} never was {value}"

    def wait_queued(self, count):
        self.wait_metric("lambda_queue_depth", count)

    # --- end ---

    def signal(self, number):
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            # It takes effect a moment later.
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def wait(self):
        code = self.process.wait(LIMIT)
        self.pool.shutdown(wait=True)
        return code

    def stop(self):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def children(self):
        found = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            found += [int(p) for p in (task / "children").read_text().split()]
        return [p for p in found if Path(f"/proc/{p}/comm").read_text() != "lambda-guard\n"]


def split_address(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def run(command=(), flags=(), env=None, cwd=None, binary=DAEMON):
    """A daemon that is expected to end by itself."""
    base = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBDA_", "_"))}
    base.update(PORT="0", RUNTIME_API_PORT="0", INVOKE_API_HOST="127.0.0.1")
    base.update(env or {})
    return subprocess.run([binary, *flags, *command], env=base, cwd=cwd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT, text=True)


class Connection:
    """One connection, on which a test says exactly what it means to say."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, LIMIT)
        self.file = self.socket.makefile("rb")

    def send(self, method, path, body=b"", headers=None):
        headers = {"Host": "x", **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1"]
        if body is not None and method != "GET" and "Transfer-Encoding" not in headers:
            headers.setdefault("Content-Length", str(len(body)))
        lines += [f"{k}: {v}" for k, v in headers.items()]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def receive(self, head_only=False):
        status_line = self.file.readline()
        if not status_line:
            return None
        headers = http.client.parse_headers(self.file)
        length = 0 if head_only else int(headers.get("Content-Length", 0))
        return Reply(int(status_line.split()[1]), headers, self.file.read(length))

    def call(self, method, path, body=b"", headers=None):
        self.send(method, path, body, headers)
        return self.receive(head_only=method == "HEAD")

    def send_cut(self, path, headers=None, body=b"half"):
        """A POST of which the rest never comes."""
        headers = {"Host": "x", "Content-Length": 100, **(headers or {})}
        lines = [f"POST {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode() + body)
        self.socket.shutdown(socket.SHUT_WR)

    def at_end(self):
        """Has the daemon closed the connection? Waits for it."""
        return self.file.read(1) == b""

    def close(self):
        self.file.close()
        self.socket.close()


class Runtime(Connection):
    """A connection to the Runtime API: the test plays the runtime."""

    def __init__(self, daemon, address=None):
        super().__init__(address or daemon.runtime_address)
        self.daemon = daemon

    def send_next(self):
        # Before its process exists a runtime has no business here.
        self.daemon.err.wait("runtime started")
        self.send("GET", "/2018-06-01/runtime/invocation/next")

    def next(self):
        self.send_next()
        return self.receive()

    def respond(self, event_or_id, body=b"", headers=None, kind="response"):
        rid = event_or_id if isinstance(event_or_id, str) else event_or_id.headers["Lambda-Runtime-Aws-Request-Id"]
        return self.call("POST", f"/2018-06-01/runtime/invocation/{rid}/{kind}", body, headers)


def refuses_cut_bodies(daemon, path, headers=None):
    """What is cut off or too large is refused, and changes nothing."""
    cut, large = Connection(daemon.runtime_address), Connection(daemon.runtime_address)
    cut.send_cut(path, headers)
    replies = [cut.receive(), large.call("POST", path, b"x" * 6291557, headers)]
    assert [(r.status, json.loads(r.body)["errorType"]) for r in replies] == [
        (400, "TruncatedHTTPRequest"), (413, "RequestEntityTooLarge")]
    cut.close()
    large.close()


def wait_gone(*pids):
    """Until these processes have ended."""
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            assert select.select([fd], [], [], LIMIT)[0], f"process {pid} is still there"
        finally:
            os.close(fd)


class Gate:
    """A FIFO that a fake runtime waits at until the test opens it."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "gate")
        os.mkfifo(self.path)

    def open(self):
        with open(self.path, "wb") as f:
            f.write(b"go\n")

    def wait(self):
        """Until the runtime has written a line to it; returns the line."""
        with open(self.path, encoding="utf-8") as f:
            return f.readline()
