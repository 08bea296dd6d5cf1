# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the static programs, roots to run them in, a TLS server with a CA of its own."""
import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
pytest.register_assert_rewrite("harness")

from harness import ROOT, Daemon  # noqa: E402
from images import image  # noqa: E402

HOST = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


class Programs:
    """The static programs of an architecture, and how to run them here."""

    def __init__(self, arch):
        self.arch = arch
        self.directory = ROOT / "bin" / "static" / ("" if arch == HOST else arch)
        self.build = ROOT / "build" / "static" / arch
        self.probe = self.build / "probe"
        self.runner = [] if arch == HOST else [{"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}[arch]]

    def path(self, name):
        return str(self.directory / name)

    def all(self):
        return sorted(p for p in self.directory.iterdir() if p.is_file() and not p.is_symlink())

    def ask_probe(self, *words):
        run = subprocess.run([*self.runner, self.probe, *words], stdout=subprocess.PIPE, text=True, timeout=60)
        return run.stdout.strip()


@pytest.fixture(scope="session", params=["amd64", "arm64"])
def programs(request):
    return Programs(request.param)


@pytest.fixture(scope="session")
def native():
    return Programs(HOST)


@pytest.fixture
def start():
    """start(binary, flags, command, env=) -> Daemon; at the end each must stop orderly."""
    started = []

    def factory(**kwargs):
        daemon = Daemon(**kwargs)
        started.append(daemon)
        assert daemon.ready, "the daemon did not start:\n" + "\n".join(daemon.err.all())
        return daemon

    yield factory
    codes = [daemon.stop() for daemon in started]
    assert codes == [0] * len(codes)


@pytest.fixture(scope="session", params=["empty", "busybox", "musl", "bookworm", "trixie"])
def root(request, native, tls):
    """A root with the programs and the CA in it."""
    directory = image(request.param)
    for source in (native.path("lambda-runtime-api-daemon"), native.path("echo-runtime"), native.probe, tls.ca):
        subprocess.run(["cp", source, directory], check=True)
    return directory


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"hello over TLS"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Tls:
    def __init__(self, directory):
        self.ca = directory / "ca.pem"
        run = lambda *words: subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)  # noqa: E731
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem")
        run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost,DNS:broker.test", "-keyout", "server.key", "-out", "server.csr")
        run("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-copy_extensions", "copy", "-out", "server.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem", directory / "server.key")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    tls = Tls(tmp_path_factory.mktemp("tls"))
    yield tls
    tls.server.shutdown()
