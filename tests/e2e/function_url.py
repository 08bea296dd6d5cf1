# SPDX-License-Identifier: Apache-2.0
"""Talks to a function URL, as clients that know nothing of Lambda do."""
import http.client
import json
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

from harness import LIMIT, split_address

RUNTIME = [sys.executable, "-S", "-E", str(Path(__file__).with_name("url_runtime.py"))]
Response = namedtuple("Response", "status headers body")


class Url:
    def __init__(self, daemon):
        words = dict(w.split("=", 1) for w in daemon.ready.decode().split())
        self.daemon = daemon
        self.host, self.port = split_address(words["url"])
        self.base = f"http://{words['url']}"

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            r = connection.getresponse()
            return Response(r.status, r.headers, r.read())
        finally:
            connection.close()

    def result(self, value, headers=None):
        """What becomes of this result of the function."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.request("POST", "/result", body, {"Content-Type": "text/plain", **(headers or {})})

    def event(self, method="GET", path="/event", body=None, headers=None):
        reply = self.request(method, path, body, headers)
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def later(self, *args, **kwargs):
        return self.daemon.pool.submit(self.request, *args, **kwargs)

    def curl(self, *args, **kwargs):
        return subprocess.run(["curl", "-sS", "--max-time", str(LIMIT), *args], capture_output=True, check=True, **kwargs)
