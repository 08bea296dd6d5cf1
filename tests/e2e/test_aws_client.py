# SPDX-License-Identifier: Apache-2.0
"""SQS by our client against moto, which verifies the signature of each call; retries, clock and endpoints against local
stand-ins, since moto cannot be made to throttle or to look at clocks."""
import base64
import hashlib
import json
import random
import socket
import subprocess
import time
import uuid

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from aws_peers import REGION, Moto, Stub, Tool
from harness import LIMIT

ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sqs:*", "sts:*"], "Resource": "*"}]}


@pytest.fixture(scope="module")
def moto():
    server = Moto()
    try:
        iam = server.client("iam")
        iam.create_user(UserName="tester")
        made = iam.create_access_key(UserName="tester")["AccessKey"]
        iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=json.dumps(ALLOW))
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                         "Principal": {"AWS": "arn:aws:iam::123456789012:user/tester"}}]}
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName="worker", PolicyName="all", PolicyDocument=json.dumps(ALLOW))
        server.env = {"AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
                      "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
        server.enforce()
        server.sqs = server.client("sqs", made["AccessKeyId"], made["SecretAccessKey"])
        yield server
    finally:
        server.stop()


@pytest.fixture
def tool():
    tools = []

    def factory(env):
        tools.append(Tool(env))
        return tools[-1]

    yield factory
    for t in tools:
        assert t.stop() == 0
        assert "TOPSECRET" not in t.log()


@pytest.fixture
def client(moto, tool):
    t = tool(moto.env)
    yield t
    for secret in (moto.env["AWS_SECRET_ACCESS_KEY"], "Signature="):
        assert secret not in t.log()


@pytest.fixture
def queue(moto):
    url = moto.sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}",
                                Attributes={"MaximumMessageSize": "1048576", "VisibilityTimeout": "77"})["QueueUrl"]
    yield url
    moto.sqs.delete_queue(QueueUrl=url)


def write(tmp_path, body):
    path = tmp_path / uuid.uuid4().hex
    path.write_bytes(body.encode())
    return path


def test_round_trip(client, queue, moto, tmp_path):
    body = 'Größe "\\ \n\t\r 漢字 \U0001f600 <&>\u2028'
    sent = client.call("send", queue, write(tmp_path, body), "-", "-", "id", "String", "17", "n", "Number", "5",
                       "raw", "Binary", "\u00ff\u0001x")
    assert set(sent) == {"number", "text"}, sent
    got = client.call("receive", queue, 10, 0, -1)["messages"]
    assert len(got) == 1
    message = got[0]
    assert (message["body"], message["id"]) == (body, sent["text"])
    assert message["md5"] == hashlib.md5(body.encode()).hexdigest()
    assert message["attributes"]["id"] == ["String", base64.b64encode(b"17").decode()]
    assert message["attributes"]["n"] == ["Number", base64.b64encode(b"5").decode()]
    assert message["attributes"]["raw"] == ["Binary", base64.b64encode("\u00ff\u0001x".encode()).decode()]
    assert base64.b64decode(message["system"]["ApproximateReceiveCount"][1]) == b"1"
    assert client.call("receive", queue, 10, 0, -1)["messages"] == []
    assert client.call("visibility", queue, message["receipt"], 0)["text"] is None
    again = client.call("receive", queue, 1, 0, 30)["messages"][0]
    assert base64.b64decode(again["system"]["ApproximateReceiveCount"][1]) == b"2"
    assert client.call("delete", queue, again["receipt"])["text"] is None
    attributes = moto.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_read_by_boto3_and_written_by_boto3(client, queue, moto, tmp_path):
    body = "ü" * 1000
    client.call("send", queue, write(tmp_path, body), "-", "-", "a", "String", "v")
    theirs = moto.sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"][0]
    assert theirs["Body"] == body and theirs["MessageAttributes"]["a"]["StringValue"] == "v"
    moto.sqs.delete_message(QueueUrl=queue, ReceiptHandle=theirs["ReceiptHandle"])
    moto.sqs.send_message(QueueUrl=queue, MessageBody=body,
                          MessageAttributes={"b": {"DataType": "Binary", "BinaryValue": bytes(range(256))}})
    ours = client.call("receive", queue, 1, 0, -1)["messages"][0]
    assert ours["body"] == body
    assert base64.b64decode(ours["attributes"]["b"][1]) == bytes(range(256))


@pytest.mark.parametrize("make", [lambda size: "x" * size, lambda size: "é" * (size // 2),
                                  lambda size: "\n\"" * (size // 2)], ids=["ascii", "two bytes", "escapes"])
def test_a_mebibyte(make, client, queue, tmp_path):
    body = make(1048576)
    assert "text" in client.call("send", queue, write(tmp_path, body), "-", "-")
    assert client.call("receive", queue, 10, 0, -1)["messages"][0]["body"] == body
    if not body.isascii():
        return  # moto counts characters, not bytes
    refused = client.call("send", queue, write(tmp_path, body + "x"), "-", "-")
    assert refused["trouble"] == "refused" and refused["status"] == 400 and not refused["transient"], refused


def test_many_signatures(client, queue, tmp_path):
    """Bodies of many kinds and lengths, each signed and verified."""
    source = random.Random(4)
    numbers = []
    for i in range(60):
        text = "".join(chr(source.choice([9, 10, 32, 34, 47, 92, 126, 0xe9, 0x20ac, 0x1f600])) for _ in range(source.randint(1, 300)))
        numbers.append(client.start("send", queue, write(tmp_path, text), "-", "-"))
    answers = [client.wait(n) for n in numbers]
    assert all(a.get("text") for a in answers), [a for a in answers if not a.get("text")]


def test_fifo(client, moto, tmp_path):
    url = moto.sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for body in ("one", "two", "two"):
        assert "text" in client.call("send", url, write(tmp_path, body), "the-group", f"dedup-{body}")
    got = client.call("receive", url, 10, 0, -1)["messages"]
    assert [m["body"] for m in got] == ["one", "two"]
    assert base64.b64decode(got[0]["system"]["MessageGroupId"][1]) == b"the-group"
    assert "SequenceNumber" in got[0]["system"]
    assert client.call("attributes", url)["fifo"] is True


def test_attributes_url_purge_batch(client, queue, tmp_path):
    name = queue.rsplit("/", 1)[1]
    assert client.call("url", name)["text"] == queue
    assert client.call("attributes", queue) == {
        "number": 2, "arn": f"arn:aws:sqs:{REGION}:123456789012:{name}", "visibility": 77, "max_bytes": 1048576, "fifo": False}
    for i in range(3):
        client.call("send", queue, write(tmp_path, str(i)), "-", "-")
    receipts = [m["receipt"] for m in client.call("receive", queue, 10, 0, -1)["messages"]]
    assert client.call("delete-batch", queue, receipts[0], "bad-receipt", receipts[1])["failed"] == [False, True, False]
    client.call("send", queue, write(tmp_path, "x"), "-", "-")
    assert client.call("purge", queue)["text"] is None
    assert client.call("receive", queue, 10, 0, -1)["messages"] == []


def test_long_poll_ends_with_the_message(client, queue, tmp_path):
    poll = client.start("receive", queue, 1, 20, -1)
    client.call("send", queue, write(tmp_path, "now"), "-", "-")
    assert client.wait(poll)["messages"][0]["body"] == "now"


def test_cancelled_poll(client, queue):
    poll = client.start("receive", queue, 1, 20, -1)
    client.start("cancel", poll)
    assert client.wait(poll)["error"] == "cancelled"


def test_errors(client, moto, tool):
    missing = client.call("receive", "http://127.0.0.1/123456789012/missing", 1, 0, -1)
    assert missing["code"] == "QueueDoesNotExist" and missing["trouble"] == "refused" and not missing["maybe_done"]
    assert missing["message"].startswith("sqs ReceiveMessage at 127.0.0.1:") and "does not exist" in missing["message"]
    wrong = tool({**moto.env, "AWS_SECRET_ACCESS_KEY": "TOPSECRET"}).call("url", "x")
    assert wrong["trouble"] == "refused" and wrong["status"] == 403 and "SignatureDoesNotMatch" in wrong["code"], wrong
    unknown = tool({**moto.env, "AWS_ACCESS_KEY_ID": "AKIANOBODY"}).call("url", "x")
    assert unknown["trouble"] == "refused" and unknown["status"] == 403 and "InvalidClientTokenId" in unknown["code"]
    none = tool({"AWS_ENDPOINT_URL": moto.url}).call("url", "x")
    assert none["trouble"] == "no credentials" and "none found" in none["message"]


def test_temporary_credentials_sign_with_their_token(moto, tool, queue, tmp_path):
    (tmp_path / "config").write_text(
        "[profile worker]\nrole_arn = arn:aws:iam::123456789012:role/worker\nsource_profile = user\nrole_session_name = ses\n"
        f"[profile user]\naws_access_key_id = {moto.env['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {moto.env['AWS_SECRET_ACCESS_KEY']}\n")
    t = tool({"AWS_ENDPOINT_URL": moto.url, "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "worker"})
    assert t.call("whoami")["arn"] == "arn:aws:sts::123456789012:assumed-role/worker/ses"
    assert t.call("url", queue.rsplit("/", 1)[1])["text"] == queue


# --- against stand-ins ---

KEYS = {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "TOPSECRET"}
URL = b'{"QueueUrl":"http://q"}'


def verify(request, secret="TOPSECRET", service="sqs", region=REGION):
    """Signs what came in by botocore and compares."""
    names = request.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    aws = AWSRequest(method="POST", url=f"http://{request.headers['Host']}{request.path}", data=request.body,
                     headers={n: request.headers[n] for n in names if n not in ("host", "x-amz-date")})
    aws.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials("KEY", secret, request.headers["X-Amz-Security-Token"]), service, region)
    canonical = signer.canonical_request(_with_date(aws, request))
    signature = signer.signature(signer.string_to_sign(aws, canonical), aws)
    return f"Signature={signature}" in request.headers["Authorization"]


def _with_date(aws, request):
    aws.headers["X-Amz-Date"] = request.headers["X-Amz-Date"]
    return aws


@pytest.fixture
def stub():
    stubs = []

    def factory(*args):
        stubs.append(Stub(*args))
        return stubs[-1]

    yield factory
    for s in stubs:
        s.stop()


@pytest.mark.parametrize("path", ["", "/", "/a/b", "/a%20b/c%2Fd"])
@pytest.mark.parametrize("token", [None, "TOKEN/+="])
def test_signature_as_botocore_makes_it(path, token, tool, stub):
    s = stub(lambda request: (200, {}, URL))
    assert tool({**KEYS, "AWS_SESSION_TOKEN": token, "AWS_ENDPOINT_URL_SQS": s.url + path}).call("url", "x")["text"] == "http://q"
    request = s.requests.get(timeout=LIMIT)
    assert request.path == (path or "/") and request.headers["X-Amz-Security-Token"] == token
    assert request.headers["X-Amz-Target"] == "AmazonSQS.GetQueueUrl"
    assert request.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert verify(request)


@pytest.mark.parametrize("answers,calls,code", [
    ([500, 200], 2, None), ([503, 500, 200], 3, None), ([500] * 5, 3, "HTTP status 500"), ([429, 200], 2, None),
    ([400], 1, "HTTP status 400"), ([403], 1, "HTTP status 403")])
def test_retries(answers, calls, code, tool, stub):
    left = list(answers)

    def answer(request):
        status = left.pop(0)
        return status, {}, URL if status == 200 else b""

    s = stub(answer)
    got = tool({**KEYS, "AWS_ENDPOINT_URL": s.url}).call("url", "x")
    assert s.count() == calls
    assert got.get("code") == code, got
    if code:
        assert got["transient"] is (answers[0] >= 500) and got["maybe_done"] is (answers[0] >= 500)


def error(code, message="because"):
    return json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}).encode()


@pytest.mark.parametrize("code,calls", [("RequestThrottled", 2), ("ThrottlingException", 2), ("InternalError", 2),
                                        ("AccessDeniedException", 1), ("ReceiptHandleIsInvalid", 1), ("OverLimit", 1)])
def test_codes_that_pass(code, calls, tool, stub):
    left = [(400, {}, error(code)), (200, {}, URL)]
    s = stub(lambda request: left.pop(0))
    got = tool({**KEYS, "AWS_ENDPOINT_URL": s.url}).call("url", "x")
    assert s.count() == calls
    assert got.get("text") == "http://q" if calls == 2 else got["code"] == code


def test_attempts_can_be_set(tool, stub):
    s = stub(lambda request: (500, {}, b""))
    assert tool({**KEYS, "AWS_ENDPOINT_URL": s.url, "AWS_MAX_ATTEMPTS": "1"}).call("url", "x")["status"] == 500
    assert s.count() == 1


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException", "SignatureDoesNotMatch"])
def test_clock_is_corrected(code, tool, stub):
    ahead = 3600

    def date(request):
        return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + ahead))

    def answer(request):
        signed = time.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
        off = time.time() + ahead - (time.mktime(signed) - time.timezone)
        headers = {"Date": date(request)}
        return (403, headers, error(code)) if abs(off) > 300 else (200, headers, URL)

    s = stub(answer)
    t = tool({**KEYS, "AWS_ENDPOINT_URL": s.url})
    assert t.call("url", "x").get("text") == "http://q"
    assert s.count() == 2
    # It stays corrected.
    assert t.call("url", "x").get("text") == "http://q"
    assert s.count() == 3
    while s.count():
        assert verify(s.requests.get(timeout=LIMIT))


def test_wrong_secret_is_not_blamed_on_the_clock(tool, stub):
    s = stub(lambda request: (403, {"Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())},
                              error("SignatureDoesNotMatch", "no.\n\nThe Canonical String was TOPSECRET")))
    got = tool({**KEYS, "AWS_ENDPOINT_URL": s.url}).call("url", "x")
    assert s.count() == 1 and got["code"] == "SignatureDoesNotMatch" and "TOPSECRET" not in got["message"]


def test_expired_token_is_replaced(tool, stub):
    made = []

    def agent_answer(request):
        made.append(f"KEY{len(made)}")
        return 200, {}, json.dumps({"AccessKeyId": made[-1], "SecretAccessKey": "TOPSECRET", "Token": "t",
                                    "Expiration": "2036-01-01T00:00:00Z"}).encode()

    agent = stub(agent_answer)
    s = stub(lambda request: (200, {}, URL) if "Credential=KEY1/" in request.headers["Authorization"]
             else (400, {}, error("ExpiredToken")))
    got = tool({"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url, "AWS_ENDPOINT_URL": s.url}).call("url", "x")
    assert got.get("text") == "http://q" and made == ["KEY0", "KEY1"]


def test_expired_token_that_cannot_be_replaced(tool, stub):
    s = stub(lambda request: (400, {}, error("ExpiredToken")))
    got = tool({**KEYS, "AWS_ENDPOINT_URL": s.url}).call("url", "x")
    assert got["code"] == "ExpiredToken" and s.count() == 2


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_nobody_listens(tool):
    got = tool({**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed_port()}"}).call("url", "x")
    assert got["trouble"] == "unreachable" and got["transient"] and not got["maybe_done"], got


def test_unknown_host(tool):
    got = tool({**KEYS, "AWS_ENDPOINT_URL": "http://no-such-host.invalid"}).call("url", "x")
    assert got["trouble"] == "unreachable" and "no-such-host.invalid" in got["message"], got


def test_connection_that_breaks(tool):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        t = tool({**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{listener.getsockname()[1]}", "AWS_MAX_ATTEMPTS": "2"})
        number = t.start("url", "x")
        for _ in range(2):
            listener.settimeout(LIMIT)
            peer, _ = listener.accept()
            peer.recv(65536)
            peer.close()
        got = t.wait(number)
    assert got["trouble"] == "unreachable" and got["transient"] and got["maybe_done"], got


@pytest.mark.parametrize("reply", [b"", b"[]", b"<html>", b'{"QueueUrl":5}', b"\xff\xfe", b"x" * 2000000])
def test_replies_that_make_no_sense(reply, tool, stub):
    s = stub(lambda request: (200, {}, reply))
    got = tool({**KEYS, "AWS_ENDPOINT_URL": s.url}).call("url", "x")
    assert got["trouble"] == "bad reply" and got["maybe_done"], got


def test_damaged_message_is_left_out(tool, stub):
    good = {"MessageId": "1", "ReceiptHandle": "r", "Body": "b", "MD5OfBody": hashlib.md5(b"b").hexdigest()}
    s = stub(lambda request: (200, {}, json.dumps({"Messages": [{**good, "Body": "c"}, good, {**good, "ReceiptHandle": 5},
                                                                {**good, "MessageAttributes": {"a": {
                                                                    "DataType": "Binary", "BinaryValue": "!"}}}]}).encode()))
    t = tool({**KEYS, "AWS_ENDPOINT_URL": s.url})
    got = t.call("receive", "http://q", 10, 0, -1)
    assert [m["body"] for m in got["messages"]] == ["b"]
    t.err.wait("incomplete or damaged", count=3)


def test_what_a_poll_asks_for(tool, stub):
    s = stub(lambda request: (200, {}, b"{}"))
    t = tool({**KEYS, "AWS_ENDPOINT_URL": s.url})
    assert t.call("receive", "https://sqs.ap-south-1.amazonaws.com/1/q", 10, 0, 5)["messages"] == []
    request = s.requests.get(timeout=LIMIT)
    assert json.loads(request.body) == {
        "QueueUrl": "https://sqs.ap-south-1.amazonaws.com/1/q", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
        "VisibilityTimeout": 5, "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    assert verify(request, region="ap-south-1")


@pytest.mark.parametrize("env,config,hit", [
    ({"AWS_ENDPOINT_URL_SQS": "one", "AWS_ENDPOINT_URL": "two"}, "", "one"),
    ({"AWS_ENDPOINT_URL_STS": "one", "AWS_ENDPOINT_URL": "two"}, "", "two"),
    ({}, "[default]\nservices = s\nendpoint_url = two\n[services s]\nsts =\n  endpoint_url = three\nsqs =\n  x = y\n  endpoint_url = one\n",
     "one"),
    ({}, "[default]\nendpoint_url = two\n", "two"),
    ({"AWS_ENDPOINT_URL": "one"}, "[default]\nendpoint_url = two\n", "one"),
])
def test_endpoints(env, config, hit, tool, stub, tmp_path):
    servers = {name: stub(lambda request: (200, {}, URL)) for name in ("one", "two", "three")}
    for name, s in servers.items():
        config = config.replace(f"= {name}\n", f"= {s.url}\n")
    (tmp_path / "config").write_text(config)
    t = tool({**KEYS, **{k: servers[v].url for k, v in env.items()}, "AWS_CONFIG_FILE": str(tmp_path / "config")})
    assert t.call("url", "x")["text"] == "http://q"
    assert {name: s.count() for name, s in servers.items()} == {n: int(n == hit) for n in servers}


def test_connections_are_kept(tool, stub):
    s = stub(lambda request: (200, {}, URL))
    t = tool({**KEYS, "AWS_ENDPOINT_URL": s.url})
    for _ in range(5):
        t.call("url", "x")
    assert len({s.requests.get(timeout=LIMIT).client_address for _ in range(5)}) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost, in one file with its key; it is its own authority."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", path, "-out", path.with_name("c"),
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_name("c").read_bytes())
    return path


@pytest.mark.parametrize("variables,trusted", [(["AWS_CA_BUNDLE"], True), (["SSL_CERT_FILE"], True), ([], False)])
def test_authorities(variables, trusted, tool, stub, certificate):
    s = stub(lambda request: (200, {}, URL), certificate)
    got = tool({**KEYS, "AWS_ENDPOINT_URL": s.url, **{v: str(certificate) for v in variables}}).call("url", "x")
    if trusted:
        assert got.get("text") == "http://q", got
    else:
        assert got["trouble"] == "unreachable" and "certificate" in got["message"] and not got["transient"], got
        assert s.count() == 0


def test_the_name_in_the_certificate_counts(tool, stub, certificate):
    s = stub(lambda request: (200, {}, URL), certificate)
    got = tool({**KEYS, "AWS_ENDPOINT_URL": s.url.replace("localhost", "127.0.0.1"), "AWS_CA_BUNDLE": str(certificate)}) \
        .call("url", "x")
    assert got["trouble"] == "unreachable" and s.count() == 0, got


@pytest.mark.parametrize("env,said", [
    ({"AWS_ENDPOINT_URL": "localhost:4566"}, "AWS_ENDPOINT_URL=localhost:4566: not a URL; expected http://HOST[:PORT][/PATH]"),
    ({"AWS_ENDPOINT_URL_SQS": "http://"}, "AWS_ENDPOINT_URL_SQS=http://: a URL without a proper host"),
    ({"AWS_MAX_ATTEMPTS": "0"}, "AWS_MAX_ATTEMPTS=0: not allowed; expected a whole number from 1 to 20"),
    ({"AWS_CREDENTIAL_EXPIRATION": "soon"}, "AWS_CREDENTIAL_EXPIRATION=soon: not allowed; expected a time like"),
    ({"AWS_METADATA_SERVICE_TIMEOUT": "-5"}, "AWS_METADATA_SERVICE_TIMEOUT=-5: not allowed; expected seconds"),
    ({"AWS_METADATA_SERVICE_NUM_ATTEMPTS": "0"}, "AWS_METADATA_SERVICE_NUM_ATTEMPTS=0: not allowed; expected a whole number"),
    ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "imds"}, "AWS_EC2_METADATA_SERVICE_ENDPOINT=imds: not a URL"),
    ({"AWS_REGION": "x.evil.example/"}, "AWS_REGION=x.evil.example/: not allowed; expected a region"),
    ({"AWS_CA_BUNDLE": "/nonexistent"}, "the bundle of certificate authorities, /nonexistent: No such file"),
    ({"AWS_PROFILE": "p"}, "AWS_PROFILE=p: there is no such profile in "),
])
def test_bad_settings(env, said):
    t = Tool({**KEYS, **env})
    assert t.stop() == 2
    assert said in t.log()


@pytest.mark.parametrize("env,config,said", [
    ({"AWS_ENDPOINT_URL_SQS": "http://user:hunter2@localhost:1"}, "", "AWS_ENDPOINT_URL_SQS=...@...: a URL without a proper host"),
    ({"AWS_ENDPOINT_URL": "https://h/p?token=hunter2"}, "", "AWS_ENDPOINT_URL=https://h/p?...: a URL with a query"),
    ({"AWS_ENDPOINT_URL": "https://h/?token=a@hunter2"}, "", "AWS_ENDPOINT_URL=...@...: a URL with a query"),
    ({}, "[default]\nendpoint_url = http://user:hunter2@h\n", "profile default: endpoint_url=...@...: a URL without"),
    ({}, "[default]\nservices = s\n[services s]\nsqs =\n  endpoint_url = https://h?hunter2\n",
     "services s: sqs: endpoint_url=https://h?...: a URL with a query"),
])
def test_endpoints_are_refused_without_their_secrets(env, config, said, tmp_path):
    """And what is said names where the URL stands."""
    (tmp_path / "config").write_text(config)
    t = Tool({**KEYS, **env, "AWS_CONFIG_FILE": str(tmp_path / "config")})
    assert t.stop() == 2
    assert said in t.log() and "hunter2" not in t.log()
