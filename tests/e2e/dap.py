# SPDX-License-Identifier: Apache-2.0
"""A developer with a debugger that speaks the Debug Adapter Protocol."""
import json
import socket

from harness import LIMIT


class Dap:
    def __init__(self, address):
        self.socket = socket.create_connection(address, LIMIT)
        self.file = self.socket.makefile("rb")
        self.seq = 0
        self.seen = []

    def send(self, command, **arguments):
        self.seq += 1
        body = json.dumps({"seq": self.seq, "type": "request", "command": command, "arguments": arguments}).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self.seq

    def receive(self):
        length = None
        while line := self.file.readline().strip():
            name, value = line.split(b":")
            if name == b"Content-Length":
                length = int(value)
        assert length, "the connection was closed"
        return json.loads(self.file.read(length))

    def find(self, matches):
        for i, message in enumerate(self.seen):
            if matches(message):
                return self.seen.pop(i)
        while not matches(message := self.receive()):
            self.seen.append(message)
        return message

    def reply(self, seq):
        message = self.find(lambda m: m["type"] == "response" and m["request_seq"] == seq)
        assert message["success"], message
        return message.get("body", {})

    def ask(self, command, **arguments):
        return self.reply(self.send(command, **arguments))

    def event(self, name):
        return self.find(lambda m: m["type"] == "event" and m["event"] == name).get("body", {})

    def close(self):
        self.file.close()
        self.socket.close()
