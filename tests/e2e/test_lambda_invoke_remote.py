# SPDX-License-Identifier: Apache-2.0
"""lambda-invoke and the rest of the world: functions under a daemon or on AWS, roles."""
import base64
import http.server
import json
import re
import socket
import threading
import time

import pytest

from harness import LIMIT, SANITIZED
from invoke import error, invoke, jsonl


def test_endpoint_of_a_daemon(start):
    daemon = start(env={"AWS_LAMBDA_FUNCTION_NAME": "shop"})
    url = "http://%s:%d" % daemon.invoke_address
    done = invoke("-sv", "--endpoint", url, "--function", "shop", "-", command=None,
                  events=jsonl({"i": 1}, error(), {"do": "say", "writes": [[1, "from afar\n"]]}))
    assert done.code == 1
    assert [json.loads(line).get("errorType") for line in done.lines] == [None, "Boom", None]
    assert "Executed shop\n" in done.err and "from afar\n" in done.err
    assert re.search(r"memory:\t\t \d+M", done.err)
    wrong = invoke("--endpoint", url, "--function", "other", "-", command=None, events=b"{}")
    assert (wrong.code, wrong.out) == (1, "")
    assert "status 404 ResourceNotFoundException" in wrong.err


def test_endpoint_that_is_not_there():
    done = invoke("--endpoint", "http://127.0.0.1:1", "-", command=None, events=b"{}")
    assert done.code == 1 and "not invoked: 127.0.0.1:1" in done.err
    assert invoke("--endpoint", "nonsense", "-", command=None, events=b"{}").code == 2
    secret = invoke("--endpoint", "http://user:s3cr3t@host", "-", command=None, events=b"{}")
    assert secret.code == 2 and "--endpoint ...@...: " in secret.err and "s3cr3t" not in secret.err


class Fake:
    """STS and Lambda on this machine; keeps what it was asked."""

    def __init__(self):
        requests = self.requests = []
        statuses = self.statuses = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                requests.append((self.path, dict(self.headers), body))
                answer = ROLE if b"Action=AssumeRole" in body else b'"signed"'
                self.send_response(statuses.pop(0) if statuses else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]


ROLE = b"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>
<SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>
<Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "own-secret", "AWS_REGION": "eu-west-1"}


@pytest.fixture
def fake():
    server = Fake()
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_role(fake):
    env = {**KEYS, "AWS_ENDPOINT_URL_STS": fake.url, "AWS_PROFILE": "", "AWS_CREDENTIAL_EXPIRATION": "2036-01-01T00:00:00Z"}
    done = invoke("-r", "arn:aws:iam::123456789012:role/r", "-s", "-", events=jsonl({"do": "facts"}, {"do": "facts"}), env=env)
    assert done.code == 0, done.err
    for line in done.lines:
        seen = json.loads(line)["env"]
        assert [seen[k] for k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")] == [
            "ASIAROLE", "role-secret", "role-token"]
        assert "AWS_PROFILE" not in seen and "AWS_CREDENTIAL_EXPIRATION" not in seen
    assert len(fake.requests) == 1
    assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr" in fake.requests[0][2]
    assert "role-secret" not in done.err


def test_role_that_is_refused():
    done = invoke("-r", "arn:aws:iam::123456789012:role/r", "-", events=b"{}",
                  env={**KEYS, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"})
    assert (done.code, done.out) == (1, "")
    assert "-r arn:aws:iam::123456789012:role/r: sts AssumeRole" in done.err and "own-secret" not in done.err


def test_signed_calls(fake, tmp_path):
    """Checked with the signer of botocore."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    context = tmp_path / "context.json"
    context.write_text('{"client_context": {"a": 1}}')
    done = invoke("-v", "-c", context, "--sign", "--endpoint", fake.url, "--function", "arn:aws:lambda:x:1:function:f", "-",
                  command=None, events=b'{"an": "event"}', env=KEYS)
    assert (done.code, done.out) == (0, "signed\n"), done.err
    path, headers, body = fake.requests[0]
    assert base64.b64decode(headers["X-Amz-Client-Context"]) == b'{"a": 1}'
    assert headers["X-Amz-Log-Type"] == "Tail"
    signed = re.search(r"SignedHeaders=([^,]+), Signature=(\w+)", headers["Authorization"])
    given = {k: v for k, v in headers.items() if k.lower() in signed[1].split(";")}
    request = AWSRequest("POST", fake.url + path, headers=given, data=body)
    request.context["timestamp"] = headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "own-secret"), "lambda", "eu-west-1")
    canonical = signer.canonical_request(request)
    assert signer.signature(signer.string_to_sign(request, canonical), request) == signed[2]


def test_nothing_is_signed_for_others(fake):
    assert invoke("--endpoint", fake.url, "-", command=None, events=b"{}", env=KEYS).code == 0
    assert "Authorization" not in fake.requests[0][1]


def test_throttled_calls_are_made_again(fake):
    fake.statuses += [429, 429]
    done = invoke("--endpoint", fake.url, "-", command=None, events=b"{}")
    assert (done.code, done.out) == (0, "signed\n"), done.err
    assert len(fake.requests) == 3


class Strange:
    """Takes requests and says what no Lambda says; None = nothing, and the connection stays open."""

    def __init__(self, reply):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, args=(reply,))
        self.thread.start()

    def serve(self, reply):
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(LIMIT)
            connection.recv(65536)
            if reply is not None:
                connection.sendall(reply)
            else:
                connection.recv(65536)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(LIMIT)
        self.listener.close()


def test_timeout_of_the_caller():
    with Strange(None) as strange:
        begun = time.monotonic()
        done = invoke("-t", "0.5", "--endpoint", strange.url, "-", command=None, events=b"{}")
        assert 0.5 < time.monotonic() - begun < (20 if SANITIZED else 5)
    assert (done.code, done.out) == (1, "")
    assert done.err == "lambda-invoke: Your lambda timed out! (Timeout was 0.5s)\n"


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"nonsense\r\n\r\n",
                                   b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n"],
                         ids=["empty", "cut", "no-http", "gateway"])
def test_no_usable_answer(reply):
    """The function may have run."""
    with Strange(reply) as strange:
        done = invoke("-v", "--endpoint", strange.url, "-", command=None, events=b"{}")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("lambda-invoke: no usable answer: 127.0.0.1") and done.err.count("\n") == 1


def test_timeout_elsewhere(start):
    daemon = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    done = invoke("--endpoint", "http://%s:%d" % daemon.invoke_address, "-", command=None, events=b'{"do": "hang"}')
    assert done.code == 1
    assert json.loads(done.out)["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 0.50 seconds" in done.err
