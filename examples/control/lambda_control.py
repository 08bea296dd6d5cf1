# SPDX-License-Identifier: Apache-2.0
"""Client of the control surface of lambda-runtime-api-daemon (CONTROL_SOCKET), for tests. Standard library only.

    with Daemon(["./bootstrap"], env={"LAMBDA_EXTENSIONS_DIR": "extensions"}) as control:
        call = control.invoke({"a": 1})
        assert call["outcome"] == "success"
        control.wait_frozen()

Nothing here sleeps or polls: the daemon answers a wait when what it waits for is so.
"""
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import urllib.parse

#: How much longer than the daemon this side waits for its answer.
PATIENCE = 30
#: Bytes that the path of a unix socket may have.
SOCKET_PATH = 107


class ControlError(Exception):
    """The daemon refused: status 400 (makes no sense), 404 (no such thing), 409 (not in this state), ..."""

    def __init__(self, status, document):
        super().__init__(f"{status} {document.get('errorType')}: {document.get('errorMessage')}")
        self.status = status
        self.type = document.get("errorType")
        self.message = document.get("errorMessage")


class WaitTimeout(ControlError, TimeoutError):
    """It was not so in time; `state` is how it was instead."""

    def __init__(self, status, document):
        super().__init__(status, document)
        self.state = document["state"]

    def __str__(self):
        return f"{super().__str__()}\n{json.dumps(self.state, indent=1)}"


class _Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Control:
    """address: what CONTROL_SOCKET of the daemon says: a path, or HOST:PORT."""

    def __init__(self, address):
        self.address = address

    def request(self, method, path, body=None, headers=None, patience=0, **params):
        """The document that comes back. A parameter that is None is left out."""
        query = urllib.parse.urlencode({k: v for k, v in params.items() if v is not None})
        limit = patience + PATIENCE
        connection = _Unix(self.address, limit) if "/" in self.address else http.client.HTTPConnection(self.address, timeout=limit)
        with contextlib.closing(connection):
            connection.request(method, f"{path}?{query}" if query else path, body, headers or {})
            reply = connection.getresponse()
            document = json.loads(reply.read())
        if reply.status == 408:
            raise WaitTimeout(reply.status, document)
        if reply.status >= 300:
            raise ControlError(reply.status, document)
        return document

    # --- what is ---

    def state(self):
        """phase, environments (with their extensions), counts, queued, lastEvent."""
        return self.request("GET", "/state")

    def phase(self):
        """none, init, ready, invoke or shutdown."""
        return self.state()["phase"]

    def environment(self, number=0):
        for e in self.state()["environments"]:
            if e["environment"] == number:
                return e
        raise ControlError(404, {"errorType": "NotFound", "errorMessage": f"there is no environment {number}"})

    def extensions(self, environment=0):
        """By name."""
        return {x["name"]: x for x in self.environment(environment)["extensions"]}

    def is_frozen(self, environment=0):
        return self.environment(environment)["frozen"]

    # --- invocations ---

    def enqueue(self, payload=None, headers=None):
        """Queues an event; returns its id at once. bytes are sent as they are, all else as JSON. headers: those of the Invoke API."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.request("POST", "/invocations", body, headers)["id"]

    def invoke(self, payload=None, timeout=10, headers=None):
        """Queues an event and waits until the runtime and the extensions are done with it."""
        return self.wait_invocation(self.enqueue(payload, headers), timeout=timeout)

    def invocation(self, request_id):
        """state, outcome, errorType, payload, result, durations in ms, ..."""
        return self.request("GET", f"/invocations/{request_id}")

    def invocations(self, state=None):
        """The last 1000, whoever sent them, oldest first."""
        return self.request("GET", "/invocations", state=state)["invocations"]

    # --- waits; timeout in seconds ---

    def wait(self, what, timeout=10, **params):
        """Anything that /wait knows."""
        # Never as 1e-05, which the daemon does not read.
        seconds = f"{timeout:.6f}".rstrip("0").rstrip(".")
        query = urllib.parse.urlencode({"for": what, "timeout": seconds, **{k: v for k, v in params.items() if v is not None}})
        return self.request("GET", f"/wait?{query}", patience=timeout)

    def wait_phase(self, phase, timeout=10):
        return self.wait("phase", timeout, phase=phase)

    def wait_environment(self, state, environment=None, timeout=10):
        """state: dead, starting, init, snapshot, idle, busy or stopping."""
        return self.wait("environment", timeout, state=state, environment=environment)

    def wait_extension(self, name, state="Registered", environment=None, timeout=10):
        return self.wait("extension", timeout, name=name, state=state, environment=environment)

    def wait_extensions(self, count, state="Registered", environment=None, timeout=10):
        return self.wait("extensions", timeout, count=count, state=state, environment=environment)

    def wait_frozen(self, frozen=True, environment=None, timeout=10):
        return self.wait("frozen", timeout, value=str(frozen).lower(), environment=environment)

    def wait_invocation(self, request_id, state="finished", timeout=10):
        return self.wait("invocation", timeout, id=request_id, state=state)

    def wait_count(self, name, count, timeout=10):
        """name: one of state()["counts"]."""
        return self.wait("count", timeout, name=name, count=count)

    def wait_telemetry(self, type=None, count=1, request_id=None, contains=None, after=0, environment=None, timeout=10):
        """The events, as a subscriber of the Telemetry API would get them."""
        found = self.wait("telemetry", timeout, type=type, count=count, requestId=request_id, contains=contains, after=after,
                          environment=environment)
        return [e["event"] for e in found["events"]]

    # --- telemetry ---

    def telemetry(self, type=None, request_id=None, contains=None, after=0, environment=None):
        """All that is still there, at most 10000 events."""
        return [e["event"] for e in self.telemetry_page(type, request_id, contains, after, environment, 10000)["events"]]

    def telemetry_page(self, type=None, request_id=None, contains=None, after=0, environment=None, limit=None):
        """{"events": [{"seq", "environment", "event"}], "next": the `after` of the next look, "dropped": for want of space}"""
        return self.request("GET", "/telemetry", type=type, requestId=request_id, contains=contains, after=after,
                            environment=environment, limit=limit)

    def clear_telemetry(self):
        self.request("DELETE", "/telemetry")

    # --- what otherwise only time and accidents do ---

    def shutdown(self, environment=0, reason=None):
        """reason: spindown, timeout or failure. Of an environment that has no event."""
        return self.request("POST", f"/environments/{environment}/shutdown", reason=reason)

    def timeout(self, environment=0):
        """The running event (or the init) has no time left."""
        return self.request("POST", f"/environments/{environment}/timeout")

    def reset(self, environment=0):
        return self.request("POST", f"/environments/{environment}/reset")

    def freeze(self, environment=0):
        return self.request("POST", f"/environments/{environment}/freeze")

    def thaw(self, environment=0):
        return self.request("POST", f"/environments/{environment}/thaw")

    def restore(self):
        """SnapStart; returns how many environments it were."""
        return self.request("POST", "/restore")["restored"]


class Daemon:
    """A daemon of its own for one test: `with Daemon(command, env) as control`. Its output is ours."""

    def __init__(self, command, env=None, binary=None):
        self.command = [binary or os.environ.get("LAMBDA_DAEMON", "lambda-runtime-api-daemon"), *command]
        self.env = env or {}
        self.process = None

    def __enter__(self):
        # A path longer than SOCKET_PATH is none for a socket; /tmp is there where TMPDIR leads too deep.
        deep = len(os.fsencode(tempfile.gettempdir())) > SOCKET_PATH - len("/lambda-12345678/control")
        self.directory = tempfile.TemporaryDirectory(prefix="lambda-", dir="/tmp" if deep else None)
        try:
            return self._start(os.path.join(self.directory.name, "control"))
        except BaseException:
            self.directory.cleanup()
            raise

    def _start(self, path):
        ready, told = os.pipe()
        env = {**os.environ, "PORT": "0", "RUNTIME_API_PORT": "0", "INVOKE_API_HOST": "127.0.0.1", **self.env,
               "CONTROL_SOCKET": path, "READY_FD": str(told)}
        with open(ready, encoding="ascii") as said:
            try:
                self.process = subprocess.Popen(self.command, env=env, pass_fds=[told], stdin=subprocess.DEVNULL)
            finally:
                os.close(told)
            line = said.readline()
        if not line:
            raise RuntimeError(f"the daemon ended with status {self.process.wait()}")
        self.invoke_address = dict(word.split("=", 1) for word in line.split())["invoke"]
        return Control(path)

    def __exit__(self, *_):
        """Ends it as Lambda ends an environment: SHUTDOWN for the extensions."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.directory.cleanup()
        if code != 0:
            raise RuntimeError(f"the daemon ended with status {code}")
