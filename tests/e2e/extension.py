# SPDX-License-Identifier: Apache-2.0
"""An external extension that does what its arguments say, WHEN:WHAT, and tells on stdout what it is told. WHEN is start, registered,
INVOKE or SHUTDOWN; WHAT is exit=N, hang, gate=FIFO (once), init_error=TYPE, exit_error=TYPE, print=TEXT, env or fork."""
import json
import os
import signal
import socket
import sys

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
API = "/2020-01-01/extension"


class Connection:
    def __init__(self):
        self.sock = socket.create_connection((HOST.strip("[]"), int(PORT)))
        self.file = self.sock.makefile("rb")

    def call(self, method, path, body=b"", headers=()):
        head = f"{method} {API}/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in headers)
        self.sock.sendall(head.encode() + b"\r\n" + body)
        status = int(self.file.readline().split()[1])
        headers = {}
        while True:
            line = self.file.readline().rstrip(b"\r\n").decode()
            if not line:
                break
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        return status, headers, self.file.read(int(headers.get("content-length", 0)))


def say(text):
    os.write(1, f"[{NAME}] {text}\n".encode())


def act(when):
    for rule in list(RULES):
        moment, what = rule.split(":", 1)
        what, _, value = what.partition("=")
        if moment != when:
            continue
        if what == "exit":
            os._exit(int(value))
        if what == "hang":
            say("hangs")
            while True:
                signal.pause()
        if what == "gate":
            RULES.remove(rule)  # once: two readers of a FIFO in a row may meet the same writer
            with open(value, "rb") as f:
                f.readline()
        if what in ("init_error", "exit_error"):
            status, _, body = CONN.call("POST", what.replace("_", "/"), b"{}",
                                        IDENTITY + [("Lambda-Extension-Function-Error-Type", value)])
            say(f"{what} {status} {body.decode().strip()}")
        if what == "print":
            say(value)
        if what == "env":
            say(json.dumps(dict(os.environ)))
        if what == "fork":
            if os.fork() == 0:
                os.setsid()
                say(f"child {os.getpid()}")
                signal.pause()


NAME = os.path.basename(sys.argv[1])
EVENTS = [e for e in sys.argv[2].split(",") if e]
RULES = sys.argv[3:]
IDENTITY = []

say(f"pid {os.getpid()}")
act("start")
CONN = Connection()
STATUS, HEADERS, BODY = CONN.call("POST", "register", json.dumps({"events": EVENTS}).encode(),
                                  [("Lambda-Extension-Name", NAME)])
say(f"register {STATUS} {BODY.decode().strip()}")
IDENTITY = [("Lambda-Extension-Identifier", HEADERS.get("lambda-extension-identifier", ""))]
act("registered")
while True:
    STATUS, HEADERS, BODY = CONN.call("GET", "event/next", headers=IDENTITY)
    say(f"event {STATUS} {BODY.decode().strip()}")
    if STATUS != 200:
        os._exit(3)
    KIND = json.loads(BODY)["eventType"]
    act(KIND)
    if KIND == "SHUTDOWN":
        os._exit(0)
