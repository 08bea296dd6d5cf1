# SPDX-License-Identifier: Apache-2.0
"""An extension that subscribes to telemetry and tells the test everything it sees, as JSON lines on one connection.

What to do stands in EXTENSION_PLAN (JSON): {"collector": port, "extensions": {name: plan}}; see telemetry.py for the plans.
"""
import http.server
import json
import os
import socket
import sys
import threading

NAME = os.path.basename(sys.argv[1])
PLANS = json.loads(os.environ["EXTENSION_PLAN"])
PLAN = PLANS["extensions"][NAME]
HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
TEST = socket.create_connection(("127.0.0.1", PLANS["collector"]))
LOCK = threading.Lock()
SEEN = threading.Condition()
TYPES = []
PERMITS = threading.Semaphore(0)


def tell(kind, **more):
    with LOCK:
        TEST.sendall(json.dumps({"extension": NAME, "kind": kind, **more}).encode() + b"\n")


def call(method, path, body=b"", headers=None):
    with socket.create_connection((HOST, int(PORT))) as sock:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in (headers or {}).items())
        sock.sendall(head.encode() + b"\r\n" + body)
        answer = sock.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
    return int(lines[0].split()[1]), fields, body


def took(events, **more):
    tell("batch", events=events, **more)
    with SEEN:
        TYPES.extend(e["type"] for e in events)
        SEEN.notify_all()


class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        if self.headers.get("Transfer-Encoding") or "Expect" in self.headers:
            tell("complaint", text=str(self.headers))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if PLAN.get("hold"):
            tell("held", bytes=len(body))
            PERMITS.acquire()
        statuses = PLAN.get("statuses", [])
        status = statuses.pop(0) if statuses else PLAN.get("status", 200)
        if status // 100 == 2:
            took(json.loads(body), path=self.path, method=self.command, bytes=len(body),
                 type=self.headers["Content-Type"], host=self.headers["Host"])
        else:
            tell("refused", bytes=len(body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = do_GET = serve

    def log_message(self, *args):
        pass


def read_lines(connection):
    with connection.makefile("rb") as lines:
        for line in lines:
            took([json.loads(line)], raw=line.decode())


def serve_tcp(listener):
    while True:
        connection, _ = listener.accept()
        tell("connected")
        threading.Thread(target=read_lines, args=(connection,), daemon=True).start()


def open_sink():
    if PLAN.get("sink", "http") == "http":
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_address[1]
    listener = socket.create_server(("127.0.0.1", 0), backlog=8)
    port = listener.getsockname()[1]
    if PLAN["sink"] == "tcp":
        threading.Thread(target=serve_tcp, args=(listener,), daemon=True).start()
    elif PLAN["sink"] == "away":
        listener.close()
    else:  # deaf: connections are made and never read
        globals()["LISTENER"] = listener
    return port


def subscription(port):
    if "body" in PLAN:
        return PLAN["body"].encode()
    destination = {"protocol": "TCP", "port": port}
    if not PLAN.get("protocol", PLAN.get("sink", "http")) == "tcp":
        destination = {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}{PLAN.get('path', '')}"}
    if "method" in PLAN:
        destination["method"] = PLAN["method"]
    body = {"types": PLAN.get("types", ["platform", "function", "extension"]), "destination": destination,
            "buffering": PLAN.get("buffering", {"timeoutMs": 25})}
    if PLAN.get("schema", "2022-12-13"):
        body["schemaVersion"] = PLAN.get("schema", "2022-12-13")
    return json.dumps(body).encode()


def commands():
    for line in TEST.makefile("r"):
        if line.strip() == "go":
            PERMITS.release()


def say_all():
    for line in PLAN.get("say", []):
        print(line, flush=True)


def resolve(name):
    try:
        return sorted({a[4][0] for a in socket.getaddrinfo(name, 80, socket.AF_INET)})
    except OSError as problem:
        return str(problem)


def main():
    tell("hello", names={name: resolve(name) for name in PLAN.get("resolve", [])})
    say_all()
    events = json.dumps({"events": PLAN.get("events", ["INVOKE", "SHUTDOWN"])}).encode()
    status, fields, body = call("POST", "/2020-01-01/extension/register", events, {"Lambda-Extension-Name": NAME})
    assert status == 200, body
    own = {"Lambda-Extension-Identifier": fields["lambda-extension-identifier"]}
    threading.Thread(target=commands, daemon=True).start()
    port = open_sink()
    for path in PLAN.get("paths", ["/2022-07-01/telemetry"]):
        status, fields, body = call("PUT", path, subscription(port), own)
        tell("subscribed", status=status, body=body.decode(), type=fields.get("content-type"), port=port)
    while True:
        _, _, body = call("GET", "/2020-01-01/extension/event/next", headers=own)
        event = json.loads(body)
        tell("event", event=event)
        if event["eventType"] == "INVOKE" and "late" in PLAN:
            status, _, body = call("PUT", PLAN["late"], subscription(port), own)
            tell("late", status=status, body=body.decode())
        if event["eventType"] == "SHUTDOWN":
            break
    if "last" in PLAN:
        with SEEN:
            SEEN.wait_for(lambda: TYPES.count(PLAN["last"]) >= PLAN.get("last_count", 1))
    tell("bye")


main()
