# SPDX-License-Identifier: Apache-2.0
"""Runs the daemon for one test module: started on free ports, asked over HTTP, stopped in order."""

import http.client
import os
import select
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
# Failure limits only: nothing here waits longer than the event it waits for.
START_LIMIT_S = 20
REPLY_LIMIT_S = 60
STOP_LIMIT_S = 20


def program(variable, default):
    """The program under test, named by the environment or built into bin/."""
    return (ROOT / os.environ.get(variable, default)).resolve()


class Output:
    """Collects what a pipe says, and lets tests wait for a line of it."""

    def __init__(self, pipe):
        self.data = bytearray()
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self.thread.start()

    def _read(self, pipe):
        while chunk := os.read(pipe.fileno(), 65536):
            with self.changed:
                self.data += chunk
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, text, limit_s=REPLY_LIMIT_S):
        """Returns everything said so far as soon as it contains the text."""
        with self.changed:
            self.changed.wait_for(lambda: text.encode() in self.data or self.ended, limit_s)
            assert text.encode() in self.data, f"no {text!r} in output: {bytes(self.data[-2000:])!r}"
            return bytes(self.data)

    def lines(self):
        with self.changed:
            return self.data.decode().splitlines()

    def tail(self):
        with self.changed:
            return self.data[-3000:].decode(errors="replace")


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float


class Daemon:
    def __init__(self, command, cwd, env=None):
        self.command = [str(word) for word in command]
        self.name = "conformance"
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "_"))}
        self.env |= {"AWS_LAMBDA_FUNCTION_NAME": self.name, "AWS_LAMBDA_FUNCTION_TIMEOUT": "30"}
        self.env |= {"AWS_LAMBDA_INIT_TIMEOUT": "30", "INVOKE_API_HOST": "127.0.0.1"}
        self.env |= {"PORT": "0", "RUNTIME_API_PORT": "0", **(env or {})}
        self.cwd = cwd

    def __enter__(self):
        ready, told = os.pipe()
        binary = program("DAEMON", "bin/lambda-runtime-api-daemon")
        try:
            self.process = subprocess.Popen(
                [str(binary), *self.command],
                cwd=self.cwd,
                env={**self.env, "READY_FD": str(told)},
                pass_fds=(told,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        finally:
            os.close(told)
        self.stdout = Output(self.process.stdout)
        self.stderr = Output(self.process.stderr)
        try:
            self.invoke_address, self.runtime_address, self.url_address = self._addresses(ready)
        except BaseException:
            self.kill()
            raise
        finally:
            os.close(ready)
        return self

    def _addresses(self, ready):
        line = b""
        limit = time.monotonic() + START_LIMIT_S
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([ready], [], [], max(0, limit - time.monotonic()))
            chunk = os.read(ready, 4096) if readable else b""
            assert chunk, f"the daemon did not get ready: {line!r}\n{self.stderr.tail()}"
            line += chunk
        words = dict(word.split("=", 1) for word in line.decode().split())
        return words["invoke"], words["runtime"], words.get("url")

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.kill()
            return
        self.stop()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._join()
        assert status == 0, f"the daemon ended with {status}\n{self.stderr.tail()}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._join()

    def _join(self):
        for output in (self.stdout, self.stderr):
            output.thread.join(STOP_LIMIT_S)

    @property
    def url(self):
        return f"http://{self.invoke_address}"

    def invoke(self, payload, headers=None, name=None):
        """One invocation on a connection of its own."""
        started = time.monotonic()
        connection = http.client.HTTPConnection(self.invoke_address, timeout=REPLY_LIMIT_S)
        try:
            path = f"/2015-03-31/functions/{quote(name or self.name, safe='')}/invocations"
            connection.request("POST", path, payload, headers or {})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        return Reply(response.status, response.headers, body, time.monotonic() - started)
