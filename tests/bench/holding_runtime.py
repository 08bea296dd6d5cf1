#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A managed instance's runtime: as many /next as AWS_LAMBDA_MAX_CONCURRENCY allows. The event is its answer, but for the event
"hold", which is never answered."""
import os
import selectors
import socket

HEAD = b"\r\nHost: runtime\r\n"
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1" + HEAD + b"\r\n"


def field(head, name):
    at = head.lower().index(b"\r\n" + name.lower() + b":") + len(name) + 3
    return head[at:head.index(b"\r\n", at)].strip()


class Worker:
    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""
        self.has_event = False
        self.socket.sendall(NEXT)

    def on_input(self):
        data = self.socket.recv(65536)
        if not data:
            raise SystemExit(0)
        self.input += data
        end = self.input.find(b"\r\n\r\n")
        if end < 0:
            return
        head, body = self.input[:end + 2], self.input[end + 4:]
        if len(body) < int(field(head, b"Content-Length")):
            return
        self.input = b""
        if self.has_event:
            self.has_event = False
            self.socket.sendall(NEXT)
        elif body != b'"hold"':
            self.has_event = True
            request_id = field(head, b"Lambda-Runtime-Aws-Request-Id")
            self.socket.sendall(b"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1%sContent-Length: %d\r\n\r\n%s"
                                % (request_id, HEAD, len(body), body))


def main():
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
    workers = [Worker((host, int(port))) for _ in range(int(os.environ["AWS_LAMBDA_MAX_CONCURRENCY"]))]
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.socket, selectors.EVENT_READ, worker)
        while True:
            for key, _ in selector.select():
                key.data.on_input()


if __name__ == "__main__":
    main()
