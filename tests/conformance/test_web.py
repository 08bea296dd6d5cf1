# SPDX-License-Identifier: Apache-2.0
"""Web applications behind the function URL: a framework with its adapter, Node's response streaming, AWS's Web Adapter."""

import http.client
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from daemon import Daemon
from runtimes import BUILD, build, build_runtime, named

HERE = Path(__file__).resolve().parent
WEB = BUILD / "web"
LIMIT_S = 60


@pytest.fixture
def open_url():
    """A daemon with this handler in the official runtime client; its URL."""
    with ExitStack() as started:

        def run(name, handler, env=None):
            runtime = named(name)
            build(HERE / "web" / "build.sh", WEB)
            build_runtime(runtime)
            env = {"FUNCTION_URL_PORT": "0", "LAMBDA_TASK_ROOT": str(WEB), "PYTHONPATH": str(WEB), **(env or {})}
            words = runtime.words((*runtime.command[:-1], handler))
            return "http://" + started.enter_context(Daemon(words, WEB, env)).url_address

        yield run


@pytest.mark.core
@pytest.mark.parametrize("payload", ["2.0", "1.0", "alb", "alb-multi"])
def test_starlette_with_mangum(open_url, payload):
    """All that the application sees and sends is the same in every format."""
    url = open_url("python", "app.handler", {"FUNCTION_URL_PAYLOAD": payload})
    assert requests.get(f"{url}/page/h%C3%A4").text == "<h1>hä</h1>"
    reply = requests.post(f"{url}/echo?a=1&a=2&b=x%26y", data={"k": "v w"}, cookies={"c": "d", "e": "f"}, headers={"X-Mine": "1"})
    seen = reply.json()
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/echo", "k=v+w")
    assert (seen["mine"], seen["cookies"], seen["client"]) == ("1", {"c": "d", "e": "f"}, "127.0.0.1")
    assert seen["query"][-1] == ["b", "x&y"]
    assert requests.put(f"{url}/echo", data=b"\x89PNG\xff").json()["body"] == "\x89PNG\xff"
    reply = requests.post(f"{url}/login", allow_redirects=False)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/page/welcome")
    assert reply.cookies["session"] == "one"
    assert requests.get(f"{url}/image").content == bytes(range(256))
    assert requests.get(f"{url}/nowhere").status_code == 404
    assert requests.head(f"{url}/page/x").status_code == 200


@pytest.mark.core
def test_node_page(open_url):
    reply = requests.get(open_url("node", "web.page") + "/a/b", cookies={"k": "v"})
    assert (reply.status_code, reply.text, reply.cookies["k"]) == (200, "<h1>GET /a/b</h1>", "v")


@pytest.mark.core
def test_node_streams_events(open_url, tmp_path):
    """HttpResponseStream of the official client: each event is there while the handler waits for the next."""
    url = open_url("node", "web.events", {"FUNCTION_URL_INVOKE_MODE": "RESPONSE_STREAM"})
    os.mkfifo(tmp_path / "fifo")
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=LIMIT_S)
    connection.request("GET", f"/events?fifo={tmp_path}/fifo", headers={"X-Mine": "yes"})
    with open(tmp_path / "fifo", "r+b", buffering=0) as fifo:
        fifo.write(b"0\n")
        reply = connection.getresponse()
        assert (reply.status, reply.headers["Content-Type"], reply.headers["X-Mine"]) == (201, "text/event-stream", "yes")
        assert reply.headers.get_all("Set-Cookie") == ["a=b", "c=d"]
        for number in range(5):
            assert reply.readline() + reply.readline() == b"data: %d\n\n" % number
            fifo.write(b"%d\n" % (number + 1))
    assert reply.read() == b"data: 5\n\n"


WEB_SERVER = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Set-Cookie", "a=b")
        self.send_header("Set-Cookie", "c=d")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.path != "/":
            with open(self.path, "rb") as fifo:
                for line in fifo:
                    self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(line), line))
                    self.wfile.flush()
        self.wfile.write(b"0\\r\\n\\r\\n")
    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["AWS_LWA_PORT"])), Handler).serve_forever()
"""


@pytest.mark.parametrize("mode", ["BUFFERED", "RESPONSE_STREAM"])
def test_web_adapter(tmp_path, mode):
    """A plain web server behind AWS's Web Adapter behind the function URL."""
    out = BUILD / "web-adapter"
    build(HERE / "extensions" / "web-adapter" / "build.sh", out)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = tmp_path / "server.py"
    server.write_text(WEB_SERVER)
    os.mkfifo(tmp_path / "fifo")
    env = {"LAMBDA_EXTENSIONS_DIR": str(out / "extensions"), "AWS_LWA_PORT": str(port), "FUNCTION_URL_PORT": "0",
           "FUNCTION_URL_INVOKE_MODE": mode, "AWS_LWA_INVOKE_MODE": mode.lower()}
    with Daemon([sys.executable, str(server)], tmp_path, env) as daemon:
        url = "http://" + daemon.url_address
        for body in (b"text", bytes(range(256))):
            reply = requests.post(f"{url}/x", data=body)
            assert (reply.status_code, reply.content) == (201, body)
            assert reply.cookies.get_dict() == {"a": "b", "c": "d"}
        if mode == "RESPONSE_STREAM":
            reply = requests.get(f"{url}{tmp_path}/fifo", stream=True)
            with open(tmp_path / "fifo", "r+b", buffering=0) as fifo:
                lines = reply.iter_lines(chunk_size=1)
                for number in range(5):
                    fifo.write(b"data: %d\n" % number)
                    assert next(lines) == b"data: %d" % number
