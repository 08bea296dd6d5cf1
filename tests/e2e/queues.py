# SPDX-License-Identifier: Apache-2.0
"""Real SQS servers for the bridge's tests, a gateway in front of them, and stand-ins for the two ends of other people's
bridges, written from their message format."""
import base64
import gzip
import http.client
import http.server
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import boto3
import botocore.config

from harness import LIMIT

PROXY = os.environ.get("PROXY_LAMBDA") or str(Path(os.environ.get(
    "DAEMON", Path(__file__).resolve().parent.parent.parent / "bin" / "lambda-runtime-api-daemon")).parent / "proxy-lambda")
REGION = "us-east-1"
ACCOUNT = "123456789012"
ARN = f"arn:aws:lambda:{REGION}:512295225992:function:my-lambda"
TRACE = "Root=1-66677a6e-1d4d4a5e1d5b1f6b7c8d9e0f;Parent=5a1b2c3d4e5f6071;Sampled=0;Lineage=12ab34cd:0"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def client(service, url, key, secret, **more):
    return boto3.client(service, endpoint_url=url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret,
                        config=botocore.config.Config(retries={"max_attempts": 1}, max_pool_connections=50), **more)


class Server:
    """A process that says on stderr or stdout when it listens."""

    def __init__(self, command, env, ready):
        self.process = subprocess.Popen(command, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in self.process.stdout:
            if ready in line:
                break
        else:
            raise AssertionError(f"{command[0]} did not start")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self):
        self.process.terminate()
        self.process.wait(LIMIT)


class Moto(Server):
    """moto's server, which verifies the signature of every call after the ones that make the user."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__([str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(self.port)],
                         {"INITIAL_NO_AUTH_ACTION_COUNT": "3"}, b"Running on")
        iam = client("iam", self.url, "x", "x")
        iam.create_user(UserName="tester")
        made = iam.create_access_key(UserName="tester")["AccessKey"]
        iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=json.dumps(POLICY))
        self.key, self.secret = made["AccessKeyId"], made["SecretAccessKey"]
        self.sqs = client("sqs", self.url, self.key, self.secret)


class Fauxqs(Server):
    """fauxqs: does not look at signatures, names queues by URLs that do not resolve, and is fast."""

    def __init__(self):
        here = Path(__file__).resolve().parent
        built = here.parent.parent / "build" / "fauxqs"
        subprocess.run([str(here / "fauxqs" / "build.sh"), str(built)], check=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(["node", str(built / "server.mjs"), str(self.port)], {}, b"listening")
        self.key, self.secret = "x", "x"
        self.sqs = client("sqs", self.url, "x", "x")


def refused(code, status=400, message="told to fail"):
    """What SQS answers: (status, body)."""
    return status, json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}).encode()


def size_limit(limit):
    """For Gateway.refuse: as SQS counts, which is with the attributes."""
    def refuse(call):
        attributes = call.get("MessageAttributes", {})
        size = len(call.get("MessageBody", "").encode()) + sum(
            len(name) + len(a["DataType"]) + len(a["StringValue"]) for name, a in attributes.items())
        return refused("InvalidParameterValueException", message="One or more parameters are invalid. "
                       f"Reason: Message must be shorter than {limit} bytes.") if size > limit else None
    return refuse


class Gateway:
    """Passes calls on to a server, keeps them, and fails or holds them on demand. In between it is cut and mended, so that the
    server loses nothing of what a killed one would."""

    def __init__(self, server):
        self.calls = []
        self.changed = threading.Condition()
        self.fail_action = ("", 0)  # the next calls of this action, "" = of any, are answered with 500
        self.refuse = lambda call: None  # (status, body) for a call that is not passed on
        self.before_reply = lambda call: None  # called when the server has answered and the caller has not heard of it
        self.cut_reply = None  # the action whose next reply is lost
        self.cut = False
        self.hold_action = None  # calls of this action are not answered and not passed on, until the gateway stops
        self.stopped = threading.Event()
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.handle(self, server, body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle(self, handler, server, body):
        action = handler.headers["X-Amz-Target"].split(".")[-1]
        call = {"action": action, "time": time.monotonic(), **json.loads(body)}
        with self.changed:
            self.calls.append(call)
            refusal = self.refuse(call)
            name, left = self.fail_action
            failing = left > 0 and name in ("", action)
            self.fail_action = (name, left - failing)
            cut = self.cut
            held = self.hold_action == action
            self.changed.notify_all()
        if held:
            self.stopped.wait()
        if cut or held:
            handler.close_connection = True
            handler.connection.close()
            return
        try:
            if failing:
                refusal = refused("InternalFailure", 500)
            status, reply = refusal or self.forward(handler, server, body)
        except OSError:
            return  # the server was stopped while a long poll was under way
        with self.changed:
            call["status"], call["reply"] = status, json.loads(reply) if reply[:1] == b"{" else {}
            cut = self.cut or self.cut_reply == action
            self.cut_reply = None if self.cut_reply == action else self.cut_reply
            self.changed.notify_all()
        self.before_reply(call)
        if cut:
            handler.close_connection = True
            handler.connection.close()
            return
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/x-amz-json-1.0")
            handler.send_header("Content-Length", str(len(reply)))
            handler.end_headers()
            handler.wfile.write(reply)
        except OSError:
            pass  # the caller went away: so do callers of real servers

    @staticmethod
    def forward(handler, server, body):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
        headers = {k: v for k, v in handler.headers.items() if k.lower() != "connection"}
        try:
            connection.request("POST", handler.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def of(self, action):
        with self.changed:
            return [c for c in self.calls if c["action"] == action]

    def wait(self, action, count=1, done=True, limit=LIMIT, where=lambda call: True):
        """The count-th call of that action, answered if done."""
        def found():
            hits = [c for c in self.calls if c["action"] == action and where(c) and (not done or "status" in c)]
            return hits if len(hits) >= count else None

        with self.changed:
            hits = self.changed.wait_for(found, limit)
            assert hits, f"no {action} number {count} in {[(c['action'], c.get('status')) for c in self.calls]}"
        return hits[count - 1]

    def set_cut(self, cut):
        with self.changed:
            self.cut = cut

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()


class Queues:
    """A pair of queues of one test."""

    def __init__(self, server, responses=True, visibility="10", names=None):
        self.server = server
        self.sqs = server.sqs
        tag = uuid.uuid4().hex[:12]
        names = names or (f"req-{tag}", f"resp-{tag}")
        self.requests = self.make(names[0], visibility)
        self.responses = self.make(names[1], visibility) if responses else None

    def make(self, name, visibility):
        return self.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": visibility,
                                                                  "MaximumMessageSize": "1048576"})["QueueUrl"]

    def delete(self):
        for url in filter(None, (self.requests, self.responses)):
            self.sqs.delete_queue(QueueUrl=url)

    def env(self, url=None, **more):
        """For the daemon."""
        base = {"AWS_ENDPOINT_URL_SQS": url or self.server.url, "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": self.server.key, "AWS_SECRET_ACCESS_KEY": self.server.secret,
                "AWS_EC2_METADATA_DISABLED": "true", "PROXY_LAMBDA_REQ_QUEUE_URL": self.requests}
        if self.responses:
            base["PROXY_LAMBDA_RESP_QUEUE_URL"] = self.responses
        return {**base, **more}

    def send(self, body, attributes=None, url=None):
        more = {"MessageAttributes": {k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()}} \
            if attributes else {}
        return self.sqs.send_message(QueueUrl=url or self.requests, MessageBody=body, **more)["MessageId"]

    def receive(self, url=None, limit=LIMIT, keep=False):
        """The next message of the response queue, deleted as other proxies do."""
        url = url or self.responses
        end = time.monotonic() + limit
        while time.monotonic() < end:
            got = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=min(20, max(1, int(limit))),
                                           MessageAttributeNames=["All"], AttributeNames=["All"])
            for message in got.get("Messages", []):
                if not keep:
                    self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return message
        raise AssertionError("no message came")

    def counts(self, url=None):
        """Messages that are visible, and that are hidden."""
        got = self.sqs.get_queue_attributes(QueueUrl=url or self.requests, AttributeNames=["All"])["Attributes"]
        return int(got["ApproximateNumberOfMessages"]), int(got["ApproximateNumberOfMessagesNotVisible"])

    def wait_empty(self, url=None):
        self.wait_counts((0, 0), url)

    def wait_counts(self, counts, url=None):
        end = time.monotonic() + LIMIT
        while self.counts(url) != counts:
            assert time.monotonic() < end, f"{self.counts(url)} and not {counts} messages"


# --- the other ends ---

def context(**more):
    """What a proxy in Rust writes as ctx."""
    return {"request_id": str(uuid.uuid4()), "deadline": 1718071341165, "invoked_function_arn": ARN, "xray_trace_id": TRACE,
            "client_context": None, "identity": None,
            "env_config": {"function_name": "my-lambda", "memory": 128, "version": "$LATEST", "log_stream": "",
                           "log_group": ""}, **more}


def envelope(event, **more):
    """event: JSON text or a value."""
    text = event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))
    return '{"event":%s,"ctx":%s}' % (text, json.dumps(context(**more), separators=(",", ":")))


ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58_encode(data):
    number = int.from_bytes(data, "big")
    text = ""
    while number:
        number, rest = divmod(number, 58 ** 10)
        chunk = ""
        for _ in range(10):
            rest, digit = divmod(rest, 58)
            chunk = ALPHABET[digit] + chunk
        text = chunk + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text.lstrip("1")


def base58_decode(text):
    number = 0
    for i in range(0, len(text), 10):
        chunk = text[i:i + 10]
        value = 0
        for c in chunk:
            value = value * 58 + ALPHABET.index(c)
        number = number * 58 ** len(chunk) + value
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return b"\0" * (len(text) - len(text.lstrip("1"))) + body


def pack(text):
    return base58_encode(gzip.compress(text.encode(), 1))


def decode_maybe_binary(body):
    """The reader of the original proxy: what is neither an object nor null is packed."""
    if not body or body.lstrip()[:1] == "{" or body.strip() == "null":
        return body
    return gzip.decompress(base58_decode(body)).decode()


def original_proxy(queues, event, **more):
    """One invocation as the original proxy does it, but for the purge."""
    queues.send(envelope(event, **more))
    message = queues.receive()
    assert "MessageAttributes" not in message
    return decode_maybe_binary(message["Body"])


def original_emulator(queues, handler, count=1):
    """Takes requests and answers them as the original emulator does; on its own thread."""
    def work():
        for _ in range(count):
            message = queues.receive(queues.requests, keep=True)
            request = json.loads(message["Body"])
            # All of it has to be there, or the original panics.
            ctx = request["ctx"]
            assert set(request) == {"event", "ctx"}
            assert isinstance(ctx["deadline"], int) and isinstance(ctx["request_id"], str)
            assert set(ctx["env_config"]) == {"function_name", "memory", "version", "log_stream", "log_group"}
            assert all(isinstance(ctx["env_config"][k], str) for k in ("function_name", "version", "log_stream", "log_group"))
            text = handler(request)
            if len(text.encode()) >= 262144:
                text = pack(text)
                assert len(text) < 262144
            queues.send(text, url=queues.responses)
            queues.sqs.delete_message(QueueUrl=queues.requests, ReceiptHandle=message["ReceiptHandle"])

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def noise(size):
    """A JSON string of that many bytes that does not compress below three quarters."""
    source = random.Random(size)
    return json.dumps(base64.b64encode(source.randbytes(size)).decode()[:size - 2])
