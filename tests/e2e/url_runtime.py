# SPDX-License-Identifier: Apache-2.0
"""A runtime for the function URL. The path says what to do: /event answers with the event as the response's body, /result with
the request's body as the function's result; the rest misbehaves."""
import base64
import json
import os
import signal
import socket

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
API = "/2018-06-01/runtime"
INTEGRATION = "application/vnd.awslambda.http-integration-response"


class Connection:
    def __init__(self):
        self.sock = socket.create_connection((HOST.strip("[]"), int(PORT)))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def send(self, path, body, headers):
        head = f"POST {API}/invocation/{path} HTTP/1.1\r\nHost: x\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        self.sock.sendall(head.encode() + b"\r\n" + body)

    def post(self, path, body, headers=None):
        self.send(path, body, {"Content-Length": len(body), **(headers or {})})
        self.receive()

    def next(self):
        self.sock.sendall(f"GET {API}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return self.receive()

    def receive(self):
        self.file.readline()
        headers = {}
        while line := self.file.readline().rstrip(b"\r\n").decode():
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        return headers, self.file.read(int(headers.get("content-length", 0)))

    def chunk(self, data):
        self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))


def prelude(status=200, headers=None, **more):
    return json.dumps({"statusCode": status, "headers": headers or {}, **more}).encode() + bytes(8)


def stream(conn, rid, how, body):
    """Each line of the FIFO named in the body is a piece; an empty one is the end."""
    raw = how == "raw"
    conn.send(f"{rid}/response", b"", {"Lambda-Runtime-Function-Response-Mode": "streaming",
                                       "Transfer-Encoding": "chunked", "Content-Type": "text/x" if raw else INTEGRATION,
                                       "Trailer": "Lambda-Runtime-Function-Error-Type"})
    if how == "events":
        conn.chunk(prelude(201, {"Content-Type": "text/event-stream", "X-N": 1}, cookies=["a=b", "c=d"]))
    elif how == "empty":
        conn.chunk(prelude(204, {"X-N": "1"}))
    elif how == "noprelude":
        conn.chunk(b"<html>\0")
    elif how == "badprelude":
        conn.chunk(b'{"statusCode":2}' + bytes(8) + b"x")
    elif how == "unfinished":
        conn.chunk(b'{"statusCode":200}\0\0\0')
    elif how == "much":
        conn.chunk(prelude())
        for _ in range(int(body)):
            conn.chunk(b"x" * 65536)
    if how in ("events", "raw", "noprelude", "badprelude") and body != "-":
        with open(body, "rb") as fifo:
            for line in fifo:
                if line == b"fail\n":
                    conn.sock.sendall(b"0\r\nLambda-Runtime-Function-Error-Type: Function.Late\r\n\r\n")
                    conn.receive()
                    return
                conn.chunk(line)
    conn.sock.sendall(b"0\r\n\r\n")
    conn.receive()


def handle(conn, rid, event, text):
    what, _, how = event.get("rawPath", event.get("path")).strip("/").partition("/")
    body = (event.get("body") or "").encode()
    body = base64.b64decode(body) if event["isBase64Encoded"] else body
    if what == "event":
        conn.post(f"{rid}/response", json.dumps({"statusCode": 200, "body": text.decode()}).encode())
    elif what == "stream":
        stream(conn, rid, how, body.decode())
    elif what == "whole":
        declared = INTEGRATION.title() + " ; charset=utf-8" if how == "parameter" else INTEGRATION
        conn.post(f"{rid}/response", prelude(202, {"X-A": "b"}) + b"the rest", {"Content-Type": declared})
    elif what == "fail":
        conn.post(f"{rid}/error", b'{"errorType":"Bad","errorMessage":"secret"}')
    elif what == "exit":
        os._exit(9)
    elif what == "hang":
        signal.pause()
    elif what == "gate":
        with open(body, "rb") as f:
            f.readline()
        conn.post(f"{rid}/response", b'{"statusCode":200,"body":"opened"}')
    else:
        conn.post(f"{rid}/response", body)


def main():
    conn = Connection()
    while True:
        headers, text = conn.next()
        handle(conn, headers["lambda-runtime-aws-request-id"], json.loads(text), text)


main()
