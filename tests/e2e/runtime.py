# SPDX-License-Identifier: Apache-2.0
"""A runtime that misbehaves on cue. What to do comes with the event, {"do": ...}, or, for the init phase, as an argument."""
import base64
import json
import os
import signal
import socket
import sys
import time

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
API = "/2018-06-01/runtime"


class Connection:
    def __init__(self):
        self.sock = socket.create_connection((HOST.strip("[]"), int(PORT)))
        self.file = self.sock.makefile("rb")

    def call(self, method, path, body=b"", headers=()):
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in headers)
        self.sock.sendall(head.encode() + b"\r\n" + body)
        return self.receive()

    def receive(self):
        status = int(self.file.readline().split()[1])
        headers = {}
        while True:
            line = self.file.readline().rstrip(b"\r\n").decode()
            if not line:
                break
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        return status, headers, self.file.read(int(headers.get("content-length", 0)))


def gate(path):
    with open(path, "rb") as f:
        f.readline()


def tell(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text + "\n")


def say(text, fd=1):
    os.write(fd, text.encode())


def spawn(how):
    """A grandchild that outlives its parent: in the group (stubborn: without an ear for SIGTERM), in a session of its own,
    double-forked, or bare: in a session of its own and without an environment."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        if how == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if how in ("setsid", "double", "bare"):
            os.setsid()
        if how == "double" and os.fork() != 0:
            os._exit(0)
        os.close(read)
        os.write(write, str(os.getpid()).encode())
        if how == "bare":
            os.execve(sys.executable, [sys.executable, "-S", "-E", "-c", "import signal; signal.pause()"], {})
        os.close(write)
        signal.pause()
    os.close(write)
    child = int(os.read(read, 20))
    assert os.read(read, 1) == b""  # it has become what it is to be
    os.close(read)
    if how == "double":
        os.waitpid(pid, 0)
    return child


def facts():
    fds = sorted(int(f) for f in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{f}"))
    return {"env": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv, "fds": fds, "pid": os.getpid(),
            "pgid": os.getpgid(0), "nofile": __import__("resource").getrlimit(__import__("resource").RLIMIT_NOFILE)[0],
            "stdin": os.readlink("/proc/self/fd/0")}


def grandchild_memory(megabytes):
    pid = os.fork()
    if pid == 0:
        block = bytearray(megabytes << 20)
        for i in range(0, len(block), 4096):
            block[i] = 1
        gate(EVENT["fifo"]) if "fifo" in EVENT else None
        os._exit(0)
    os.waitpid(pid, 0)


KEPT = []
EVENT = {}


def handle(conn, event, body, rid):
    """Returns the response, or None if everything was done."""
    do = event.get("do")
    post = f"{API}/invocation/{rid}"
    if do == "exit":
        KEPT.append(b"x" * (event.get("mb", 0) << 20))
        os._exit(event["code"])
    if do == "exit_once":
        # As often as the file is made anew.
        try:
            os.unlink(event["file"])
        except FileNotFoundError:
            return b"here"
        os._exit(9)
    if do == "kill":
        os.kill(os.getpid(), event["signal"])
        signal.pause()
    if do == "hang":
        for fd, text in event.get("writes", []):
            say(text, fd)
        if event.get("ignore_term"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if "fifo" in event:
            tell(event["fifo"], str(os.getpid()))
        while True:
            signal.pause()
    if do == "gate":
        gate(event["fifo"])
    if do == "work":
        time.sleep(event["seconds"])
    if do == "note":
        # In one write, so that whoever kills the daemon and all its processes finds the line or does not.
        with open(event["file"], "ab", buffering=0) as f:
            f.write(f"{rid}\n".encode())
    if do == "pid":
        return str(os.getpid()).encode()
    if do == "facts":
        return json.dumps(facts()).encode()
    if do == "say":
        for fd, text in event["writes"]:
            say(text, fd)
    if do == "frames":
        for frame in event["frames"]:
            os.write(int(os.environ["_LAMBDA_TELEMETRY_LOG_FD"]), base64.b64decode(frame))
    if do == "spawn":
        return json.dumps([os.getpid()] + [spawn(how) for how in event["how"]]).encode()
    if do == "memory":
        KEPT.append(b"x" * (event["mb"] << 20))
    if do == "memory_for_now":
        del [b"x" * (event["mb"] << 20)][0]
    if do == "memory_grandchild":
        grandchild_memory(event["mb"])
    if do == "error":
        headers = [("Lambda-Runtime-Function-Error-Type", event["type"])] if "type" in event else []
        headers += [("Content-Type", event["content_type"])] if "content_type" in event else []
        conn.call("POST", f"{post}/error", json.dumps(event.get("document")).encode(), headers)
        return None
    if do == "respond_and_exit":
        conn.call("POST", f"{post}/response", body)
        os._exit(event.get("code", 0))
    if do == "send_and_exit":
        # Without waiting for the reply: the answer is on its way when the process has ended.
        conn.sock.sendall(f"POST {post}/response HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        os._exit(0)
    if do == "die_mid_body":
        conn.sock.sendall(f"POST {post}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc".encode())
        os._exit(9)
    if do == "size":
        return b"x" * event["bytes"]
    if do == "noise":
        return b'"%s"' % base64.b64encode(os.urandom(event["bytes"]))[:event["bytes"] - 2]
    if do == "respond_and_hang":
        conn.call("POST", f"{post}/response", body)
        signal.pause()
    if do == "hang_up_next":
        conn.call("POST", f"{post}/response", body)
        ghost = Connection()
        ghost.sock.sendall(f"GET {API}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        ghost.sock.close()
        return None
    return body


def init(conn, how):
    if how.startswith("say:"):
        say(how[4:])
    if how == "exit":
        os._exit(7)
    if how == "exit0":
        os._exit(0)
    if how == "hang":
        signal.pause()
    if how == "error":
        document = b'{"errorType":"Function.Broken","errorMessage":"cannot load"}'
        conn.call("POST", f"{API}/init/error", document, [("Lambda-Runtime-Function-Error-Type", "Function.Broken")])
        os._exit(1)
    if how == "error_and_stay":
        conn.call("POST", f"{API}/init/error", b"not json")
        signal.pause()
    if how.startswith("gate:"):
        gate(how[5:])
    if how.startswith(("once:", "later:")):
        # Fails the first time, or every time but the first: the first one makes the file.
        path = how.partition(":")[2]
        first = not os.path.exists(path)
        open(path, "w", encoding="utf-8").close()
        if first == how.startswith("once:"):
            os._exit(7)
    if how == "ignore_term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def main():
    conn = Connection()
    for how in sys.argv[1:]:
        init(conn, how)
    while True:
        _, headers, body = conn.call("GET", f"{API}/invocation/next")
        rid = headers["lambda-runtime-aws-request-id"]
        try:
            event = json.loads(body)
        except ValueError:
            event = {}
        event = event if isinstance(event, dict) else {}
        EVENT.clear()
        EVENT.update(event)
        response = handle(conn, event, body, rid)
        if response is not None:
            conn.call("POST", f"{API}/invocation/{rid}/response", response, [("Content-Type", "application/json")])


main()
