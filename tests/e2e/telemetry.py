# SPDX-License-Identifier: Apache-2.0
"""Subscribers of telemetry: extension processes (telemetry_extension.py), and what they tell the test.

A plan for an extension, all parts optional:
    events      what it registers for
    paths       the APIs it subscribes by, in order
    types, schema, buffering, method, path, body    the subscription
    sink        http, tcp, away (nobody listens) or deaf (nobody reads);  protocol: tcp for the last two
    status, statuses    its replies: for ever, one after the other
    hold        each reply waits for Extensions.go()
    say         lines it prints before it registers
    resolve     host names that it looks up first
    late        a path that it subscribes by again after the first INVOKE
    last, last_count    on SHUTDOWN it waits until it has so many (1) events of this type
"""
import json
import os
import re
import socket
import sys
import threading
from pathlib import Path

from harness import LIMIT

SCRIPT = Path(__file__).with_name("telemetry_extension.py")
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class Extensions:
    """Their directory and everything that they have said."""

    def __init__(self, directory, plans):
        self.directory = directory
        self.messages = []
        self.changed = threading.Condition()
        self.connections = {}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        for name in plans:
            path = directory / name
            path.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {SCRIPT} "$0"\n', encoding="utf-8")
            path.chmod(0o755)
        plan = {"collector": self.listener.getsockname()[1], "extensions": plans}
        self.env = {"LAMBDA_EXTENSIONS_DIR": str(directory), "EXTENSION_PLAN": json.dumps(plan)}

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        try:
            for line in connection.makefile("rb"):
                message = json.loads(line)
                with self.changed:
                    self.connections[message["extension"]] = connection
                    self.messages.append(message)
                    self.changed.notify_all()
        except (OSError, ValueError):
            pass

    def close(self):
        self.listener.close()

    def go(self, name, count=1):
        self.connections[name].sendall(b"go\n" * count)

    def all(self, kind, name=None):
        with self.changed:
            return [m for m in self.messages if m["kind"] == kind and name in (None, m["extension"])]

    def wait(self, kind, name=None, count=1, where=lambda m: True):
        """The first `count` such messages (the message itself if count is 1)."""
        def found():
            hits = [m for m in self.messages if m["kind"] == kind and name in (None, m["extension"]) and where(m)]
            return hits[:count] if len(hits) >= count else None

        with self.changed:
            hits = self.changed.wait_for(found, LIMIT)
            said = "\n".join(json.dumps(m)[:300] for m in self.messages)
        assert hits, f"no {kind} from {name} in:\n{said}"
        return hits[0] if count == 1 else hits

    def subscribed(self, name):
        return self.wait("subscribed", name)

    def events(self, name):
        return [e for m in self.all("batch", name) for e in m["events"]]

    def wait_events(self, name, kind, count=1, where=lambda e: True):
        """All events that the extension has got when it has `count` of this type."""
        def enough():
            hits = [e for m in self.messages if m["kind"] == "batch" and m["extension"] == name for e in m["events"]
                    if e["type"] == kind and where(e)]
            return len(hits) >= count

        with self.changed:
            ok = self.changed.wait_for(enough, LIMIT)
        got = self.events(name)
        assert ok, f"{name} never got {count} {kind}:\n" + "\n".join(json.dumps(e)[:300] for e in got)
        return got


def of(events, kind):
    return [e for e in events if e["type"] == kind]


def types(events, but=()):
    return [e["type"] for e in events if e["type"] not in but]


def check_envelopes(events):
    for event in events:
        assert list(event) == ["time", "type", "record"], event
        assert STAMP.match(event["time"]), event


def request_id(reply):
    return reply.headers["x-amzn-RequestId"]


def start_with(start, tmp_path, plans, command=None, env=None):
    """(daemon, extensions); the extensions run with the first invocation."""
    directory = tmp_path / "extensions"
    os.makedirs(directory, exist_ok=True)
    extensions = Extensions(directory, plans)
    return start(command, env={**extensions.env, **(env or {})}), extensions
