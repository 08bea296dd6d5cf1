# SPDX-License-Identifier: Apache-2.0
"""What official runtime clients do beyond events: SnapStart's restore, and an extension inside the runtime."""

import json
import socket
import sys
from pathlib import Path

import pytest
from daemon import Daemon
from runtimes import BUILD, build

HERE = Path(__file__).resolve().parent


@pytest.mark.runtimes("python", "java")
@pytest.mark.parametrize("env", [{}, {"LAMBDA_FREEZE": "process"}], ids=["running", "frozen"])
def test_restore(start, runtime, env):
    daemon = start(runtime, {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", **env})
    for number in range(3):
        reply = daemon.invoke(json.dumps({"do": "echo", "value": number}).encode())
        assert json.loads(reply.body) == number
    daemon.stdout.wait_for("Restore Duration: ")
    reports = [line for line in daemon.stdout.lines() if line.startswith("REPORT ")]
    assert "\tRestore Duration: " in reports[0]
    assert not any("Restore Duration: " in line for line in reports[1:])
    assert not any("Init Duration: " in line for line in reports)


@pytest.mark.runtimes("go")
def test_go_asks_for_sigterm(start, runtime):
    """The Go library registers an internal extension without events, so that its process gets SIGTERM."""
    daemon = start(runtime, {"CONFORMANCE_SIGTERM": "1"})
    reply = daemon.invoke(b'{"do":"echo","value":1}')
    assert reply.body == b"1"
    daemon.stderr.wait_for("extension registered name=GoLangEnableSIGTERM kind=internal")
    daemon.stop()
    daemon.stdout.wait_for("the SIGTERM handler ran")


def test_every_runtime_with_an_extension(start, runtime, tmp_path):
    """None of them notices."""
    extension = tmp_path / "watcher"
    extension.write_text(EXTENSION)
    extension.chmod(0o755)
    daemon = start(runtime, {"LAMBDA_EXTENSIONS_DIR": str(tmp_path)})
    for number in range(5):
        reply = daemon.invoke(json.dumps({"do": "echo", "value": number}).encode())
        assert json.loads(reply.body) == number
    daemon.stop()
    text = "\n".join(daemon.stdout.lines())
    assert text.count('watcher {"eventType":"INVOKE"') == 5
    assert text.count('watcher {"eventType":"SHUTDOWN"') == 1


EXTENSION = """#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
id=$(curl -sS -D - -o /dev/null -H "Lambda-Extension-Name: ${0##*/}" -d '{"events":["INVOKE","SHUTDOWN"]}' "$api/register" |
    sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: \\([^[:cntrl:]]*\\).*/\\1/p')
while event=$(curl -sS -H "Lambda-Extension-Identifier: $id" "$api/event/next"); do
    echo "watcher $event"
    case $event in *SHUTDOWN*) exit 0 ;; esac
done
"""


WEB_SERVER = """
import http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        text = json.dumps({"path": self.path, "body": body, "header": self.headers["X-Mine"]}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text)
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", int(os.environ["AWS_LWA_PORT"])), Handler).serve_forever()
"""


def test_web_adapter(tmp_path):
    """AWS's Web Adapter, as it is: an external extension that asks for events in the place of the runtime, which is a
    web server and knows nothing of Lambda."""
    out = BUILD / "web-adapter"
    build(HERE / "extensions" / "web-adapter" / "build.sh", out)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = tmp_path / "server.py"
    server.write_text(WEB_SERVER)
    env = {"LAMBDA_EXTENSIONS_DIR": str(out / "extensions"), "AWS_LWA_PORT": str(port)}
    event = {"version": "2.0", "routeKey": "$default", "rawPath": "/hello", "rawQueryString": "a=b",
             "headers": {"x-mine": "yes", "content-type": "text/plain"}, "body": "the body", "isBase64Encoded": False,
             "requestContext": {"accountId": "1", "apiId": "x", "domainName": "d", "domainPrefix": "d", "requestId": "r",
                                "routeKey": "$default", "stage": "$default", "time": "t", "timeEpoch": 1,
                                "http": {"method": "POST", "path": "/hello", "protocol": "HTTP/1.1", "sourceIp": "1.2.3.4",
                                         "userAgent": "u"}}}
    with Daemon([sys.executable, str(server)], tmp_path, env) as daemon:
        for _ in range(3):
            reply = daemon.invoke(json.dumps(event).encode())
            document = json.loads(reply.body)
            assert document["statusCode"] == 201, reply.body
            assert json.loads(document["body"]) == {"path": "/hello?a=b", "body": "the body", "header": "yes"}
        daemon.stderr.wait_for("extension registered name=lambda-adapter kind=external")
