# SPDX-License-Identifier: Apache-2.0
"""Peers of the AWS client layer: the tool that drives it, moto's server, and stand-ins for what exists only inside of AWS
(instance metadata, container credentials, SSO) or cannot be brought about with moto (a clock that is off, throttling)."""
import http.server
import json
import os
import queue
import ssl
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import boto3
import botocore.config

from harness import LIMIT, ROOT, Lines

TOOL = str(Path(os.environ.get("BUILD_DIR", ROOT / "build" / "release")) / "tools" / "aws_tool")
REGION = "eu-central-1"


class Tool:
    """tests/tools/aws_tool.c with nothing in its environment but what is given."""

    def __init__(self, env):
        base = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}
        merged = {k: v for k, v in {**base, **env}.items() if v is not None}
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=merged,
                                        bufsize=0)
        self.err = Lines(self.process.stderr)
        self.answers = {}
        self.changed = threading.Condition()
        self.done = False
        self.number = 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.changed:
                self.answers[answer.get("number", 0)] = answer
                self.changed.notify_all()
        with self.changed:
            self.done = True
            self.changed.notify_all()

    def start(self, *words):
        self.number += 1
        try:
            self.process.stdin.write(" ".join([str(self.number), *map(str, words)]).encode() + b"\n")
        except BrokenPipeError:
            pass  # it has ended: wait() says so
        return self.number

    def wait(self, number):
        with self.changed:
            assert self.changed.wait_for(lambda: number in self.answers or self.done, LIMIT), "no answer: " + self.log()
            assert number in self.answers, "the tool has ended: " + self.log()
            return self.answers.pop(number)

    def call(self, *words):
        return self.wait(self.start(*words))

    def log(self):
        return "\n".join(self.err.lines)

    def stop(self):
        """Ends it; returns its exit status."""
        self.process.stdin.close()
        status = self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        self.process.stdout.close()
        err = self.err.all()
        assert not any("Sanitizer" in line or "runtime error:" in line for line in err), "\n".join(err)
        return status


class Moto:
    """moto's server; verifies signatures and policies once enforce() has been called."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.err = Lines(self.process.stderr)
        self.url = self.err.wait("Running on").split()[-1]

    def client(self, service, key="x", secret="x", token=None):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=key,
                            aws_secret_access_key=secret, aws_session_token=token,
                            config=botocore.config.Config(retries={"max_attempts": 1}))

    def enforce(self):
        request = urllib.request.Request(self.url + "/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
        urllib.request.urlopen(request, timeout=LIMIT).close()

    def stop(self):
        self.process.terminate()
        self.process.wait(LIMIT)


class Stub:
    """A small HTTP server. answer(request) -> (status, headers, body); request has method, path, headers, body."""

    def __init__(self, answer, certificate=None):
        stub = self
        self.requests = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.method = self.command
                stub.requests.put(self)
                status, headers, body = answer(self)
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients that hang up, handshakes that fail: tests look at the client
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.url = f"https://localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def count(self):
        return self.requests.qsize()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def document(key, expiration=None, **more):
    made = {"AccessKeyId": key, "SecretAccessKey": f"secret-of-{key}", **more}
    return {**made, "Expiration": expiration} if expiration else made


def metadata_service(key="IMDSKEY", role="the-role", expiration="2036-01-01T00:00:00Z", broken=None):
    """An instance's metadata service, version 2, as far as credentials go."""
    path = "/latest/meta-data/iam/security-credentials/"

    def answer(request):
        if broken is not None:
            return broken, {}, b""
        if request.path == "/latest/api/token" and request.method == "PUT":
            assert request.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
            return 200, {}, b"the-token"
        if request.headers["X-aws-ec2-metadata-token"] != "the-token":
            return 401, {}, b""
        if request.path == path:
            return 200, {}, role.encode()
        if request.path == path + role:
            return 200, {}, json.dumps({"Code": "Success", "Type": "AWS-HMAC",
                                        **document(key, expiration, Token="imds-token")}).encode()
        return 404, {}, b""

    return Stub(answer)
