# SPDX-License-Identifier: Apache-2.0
"""proxy-lambda with our daemon as its Lambda. Behind the queues is our daemon again, or a stand-in for the original emulator."""
import base64
import concurrent.futures
import json
import os
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from harness import IDLE, LIMIT, Gate, Runtime
from queues import (ACCOUNT, PROXY, REGION, Queues, base58_decode, decode_maybe_binary, envelope, noise, original_emulator,
                    pack, size_limit)

STALE = {"LambdaRequestId": "4850539c-6316-4af1-9c47-8771cb3baeb1", "LambdaDeadlineMs": "1000"}


@pytest.fixture
def cloud(start, queues):
    """cloud(**settings): a daemon that plays AWS, with proxy-lambda as the function. Settings of None are not there."""
    def factory(url=None, timeout="60", concurrency=1, env=None, **settings):
        given = {"PROXY_LAMBDA_REQ_QUEUE_URL": queues.requests, "PROXY_LAMBDA_RESP_QUEUE_URL": queues.responses, **settings}
        words = [f"{k}={v}" for k, v in given.items() if v is not None]
        base = {k: v for k, v in queues.env(url).items() if not k.startswith("PROXY_LAMBDA_")}
        return start(["env", *words, PROXY], env={**base, "AWS_LAMBDA_FUNCTION_NAME": "my-lambda",
                                                  "AWS_ACCOUNT_ID": ACCOUNT, "AWS_LAMBDA_FUNCTION_TIMEOUT": timeout,
                                                  "MAX_CONCURRENCY": str(concurrency), **(env or {})})

    return factory


def error_of(reply):
    assert reply.status == 200 and reply.headers["X-Amz-Function-Error"] == "Unhandled", reply
    return json.loads(reply.body)


# --- both halves ours ---

def test_round_trip(cloud, start, queues):
    """Caller, Invoke API, proxy-lambda, queue, daemon, function, and back: bytes, ids and context arrive as they were sent."""
    start(env=queues.env(AWS_LAMBDA_FUNCTION_TIMEOUT="0.5"))
    front = cloud()
    event = b'{"z": 1.50,  "a":"\xc3\xa9"}'
    reply = front.invoke(event)
    assert reply.status == 200 and reply.body == event and "X-Amz-Function-Error" not in reply.headers
    queues.wait_empty()
    queues.wait_empty(queues.responses)
    # A second one, over the same connections.
    assert front.invoke(b'[1]').body == b"[1]"


@pytest.mark.parametrize("event", [b"[1]", b'"x"', b"3", b"true", b"null", b"{}", b'""'])
def test_json_of_every_kind(cloud, start, queues, event):
    start(env=queues.env())
    assert cloud().invoke(event).body == event


def test_what_the_function_sees(cloud, start, queues):
    back = start(IDLE, env=queues.env())
    front = cloud()
    context = base64.b64encode(b'{"client":{"installation_id":"i"},"custom":{"k":"v"},"env":{"e":"1"}}').decode()
    pending = front.later(b"{}", headers={"X-Amz-Client-Context": context,
                                          "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"},
                          query="?Qualifier=PROD", name="my-lambda")
    runtime = Runtime(back)
    got = runtime.next()
    assert got.headers["Lambda-Runtime-Trace-Id"] == "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    assert got.headers["Lambda-Runtime-Invoked-Function-Arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:my-lambda:PROD"
    assert 0 < int(got.headers["Lambda-Runtime-Deadline-Ms"]) - time.time() * 1000 < 60000
    context = json.loads(got.headers["Lambda-Runtime-Client-Context"])
    assert context["client"]["installation_id"] == "i" and context["env"] == {"e": "1"} and context["custom"] == {"k": "v"}
    runtime.respond(got, b"{}")
    reply = pending.result()
    assert reply.headers["x-amzn-RequestId"] == got.headers["Lambda-Runtime-Aws-Request-Id"]
    runtime.close()


def test_large_both_ways(cloud, start, queues):
    """Compressed on the way there and back; what does not fit even so is an error that says so."""
    start(env=queues.env())
    front = cloud()
    event = b'{"x":"%s"}' % (b"abcdefghij" * 500000)
    assert front.invoke(event).body == event
    error = error_of(front.invoke(noise(400 * 1024).encode()))
    assert error["errorType"] == "Proxy.RequestTooLarge" and "262144" in error["errorMessage"]
    error = error_of(front.invoke({"do": "noise", "bytes": 400 * 1024}))
    assert error["errorType"] == "Function.ResponseSizeTooLarge"


def test_attributes_count(cloud, start, queues, gateway):
    """A request that would fit into a message without them is compressed."""
    start(env=queues.env())
    front = cloud(gateway.url)
    gateway.refuse = size_limit(262144)
    front.invoke(b'""')
    around = len(gateway.of("SendMessage")[0]["MessageBody"])
    event = b'"%s"' % (b"y" * (262143 - around))
    assert front.invoke(event).body == event
    assert gateway.of("SendMessage")[1]["MessageBody"][0] != "{"


@pytest.mark.parametrize("places", [2, 1])
def test_reply_to_sending_is_lost(cloud, start, queues, gateway, places):
    """The proxy sends again: the function runs once, and both messages go. With one place the second is seen afterwards."""
    back = start(env=queues.env(MAX_CONCURRENCY=str(places)))
    gate = Gate()
    front = cloud(gateway.url)
    gateway.cut_reply = "SendMessage"
    pending = front.later({"do": "gate", "fifo": gate.path, "n": 42})
    back.wait_metric('lambda_runtimes{state="busy"}', 1)
    if places > 1:
        back.wait_metric('lambda_sqs_bridge_messages_total{fate="duplicate"}', 1)
    gate.open()
    assert json.loads(pending.result().body)["n"] == 42
    back.wait_metric('lambda_sqs_bridge_messages_total{fate="duplicate"}', 1)
    queues.wait_empty()
    queues.wait_empty(queues.responses)
    assert back.metrics()['lambda_invocations_total{outcome="success"}'] == 1


def test_errors_of_the_function(cloud, start, queues):
    start(env=queues.env(PROXY_LAMBDA_ANSWER_ERRORS="TRUE"))
    front = cloud()
    document = {"errorType": "Oops", "errorMessage": "on purpose", "stackTrace": ["a", "b"]}
    assert error_of(front.invoke({"do": "error", "document": document})) == document
    assert error_of(front.invoke({"do": "exit", "code": 7}))["errorType"] == "Runtime.ExitError"


def test_several_proxies(cloud, start, queues):
    """Four proxies and four runtimes on one pair of queues: everybody gets his own answer."""
    start(env=queues.env(MAX_CONCURRENCY="4"))
    front = cloud(concurrency=4)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda n: (n, front.invoke({"n": n})), range(24)))
    for n, reply in replies:
        assert reply.status == 200 and json.loads(reply.body) == {"n": n}
    queues.wait_empty()
    queues.wait_empty(queues.responses)


def test_runtime_is_killed(cloud, start, queues, gate):
    """The caller waits, the message is run again, and one answer comes."""
    back = start(env=queues.env())
    front = cloud()
    pending = front.later({"do": "gate", "fifo": gate.path, "n": 1})
    back.wait_metric('lambda_runtimes{state="busy"}', 1)
    os.kill(int(back.err.wait("runtime started").split("pid=")[1].split()[0]), signal.SIGKILL)
    back.err.wait("runtime started", count=2)
    gate.open()
    assert json.loads(pending.result().body)["n"] == 1
    queues.wait_empty()
    queues.wait_empty(queues.responses)


# --- the queues ---

def test_stale_responses_are_purged_first(cloud, queues, gateway):
    """Twelve old answers, correlated and not; the fresh one is returned, and the request is sent after the purge."""
    for n in range(6):
        queues.send('{"stale":%d}' % n, url=queues.responses)
        queues.send('{"stale":%d}' % n, STALE, url=queues.responses)
    emulator = original_emulator(queues, lambda request: '{"fresh":true}')
    assert json.loads(cloud(url=gateway.url).invoke({}).body) == {"fresh": True}
    emulator.join(LIMIT)
    queues.wait_empty(queues.responses)
    actions = [c["action"] for c in gateway.calls]
    sent = actions.index("SendMessage")
    assert actions[:sent].count("DeleteMessage") == 12 and actions[sent:].count("DeleteMessage") == 1


def test_responses_to_others_stay(cloud, queues):
    """One that another proxy still waits for is put back, before and while this one waits."""
    other = {"LambdaRequestId": "4850539c-6316-4af1-9c47-8771cb3baeb1",
             "LambdaDeadlineMs": str(int(time.time() * 1000) + 600000)}
    queues.send('{"for":"another"}', other, url=queues.responses)

    def answer(request):
        queues.send('{"for":"another, too"}', other, url=queues.responses)
        return '{"mine":1}'

    emulator = original_emulator(queues, answer)
    assert json.loads(cloud().invoke({}).body) == {"mine": 1}
    emulator.join(LIMIT)
    queues.wait_counts((2, 0), queues.responses)


@pytest.mark.parametrize("url", [None, "auto"])
def test_default_queues_of_the_arn(cloud, start, moto, url):
    """Neither variable, or what the daemon calls it: the names are made of the function's ARN, of seven parts and of eight."""
    defaults = Queues(moto, names=("proxy_lambda_req", "proxy_lambda_resp"))
    try:
        start(env=defaults.env())
        front = cloud(PROXY_LAMBDA_REQ_QUEUE_URL=url, PROXY_LAMBDA_RESP_QUEUE_URL=url)
        assert front.invoke(b'{"n":7}').body == b'{"n":7}'
        assert front.invoke(b'{"n":8}', name="my-lambda", query="?Qualifier=PROD").body == b'{"n":8}'
    finally:
        defaults.delete()


@pytest.mark.parametrize("names", [("LAMBDA_PROXY_REQ_QUEUE_URL", "LAMBDA_PROXY_RESP_QUEUE_URL")])
def test_older_names_of_variables(cloud, start, queues, names):
    start(env=queues.env())
    front = cloud(PROXY_LAMBDA_REQ_QUEUE_URL=None, PROXY_LAMBDA_RESP_QUEUE_URL=None,
                  **dict(zip(names, (queues.requests, queues.responses))))
    assert front.invoke(b'{"n":7}').body == b'{"n":7}'


@pytest.mark.parametrize("responses", ["", None])
def test_asynchronous(cloud, queues, responses):
    """No response queue, said or found out: null at once."""
    front = cloud(PROXY_LAMBDA_RESP_QUEUE_URL=responses)
    reply = front.invoke({"n": 1})
    assert reply.status == 200 and reply.body == b"null"
    assert json.loads(queues.receive(queues.requests)["Body"])["event"] == {"n": 1}


def test_named_response_queue_that_is_not_there(cloud, queues):
    error = error_of(cloud(PROXY_LAMBDA_RESP_QUEUE_URL=queues.responses + "-not").invoke({}))
    assert error["errorType"] == "Proxy.QueueError" and "QueueDoesNotExist" in error["errorMessage"]
    assert queues.counts() == (0, 0)


def test_wrong_secret(cloud):
    error = error_of(cloud(env={"AWS_SECRET_ACCESS_KEY": "wrong"}).invoke({}))
    assert error["errorType"] == "Proxy.QueueError" and "SignatureDoesNotMatch" in error["errorMessage"]


def test_server_is_cut_off_and_comes_back(cloud, queues, gateway):
    front = cloud(url=gateway.url)
    pending = front.later({"n": 1})
    gateway.wait("ReceiveMessage", done=False, where=lambda c: c.get("WaitTimeSeconds", 0) > 0)
    request = queues.receive(queues.requests)
    gateway.set_cut(True)
    queues.send(json.dumps(json.loads(request["Body"])["event"]), url=queues.responses)
    gateway.wait("ReceiveMessage", count=3, done=False)
    gateway.set_cut(False)
    reply = pending.result()
    # What was cut off while it was on its way is hidden for 30 s and then arrives.
    assert json.loads(reply.body) == {"n": 1}


@pytest.mark.parametrize("timeout", ["30", "2.5"])
def test_answer_that_cannot_be_deleted(cloud, start, queues, gateway, timeout):
    """The caller gets it all the same, a moment later, or right before the deadline."""
    gateway.hold_action = "DeleteMessage"
    started = time.monotonic()
    start(env=queues.env())
    assert cloud(url=gateway.url, timeout=timeout).invoke(b'{"n":1}').body == b'{"n":1}'
    assert time.monotonic() - started < 15
    gateway.wait("DeleteMessage", done=False)


def test_response_to_another_that_cannot_be_put_back(cloud, queues, gateway):
    """The proxy goes on waiting for its own."""
    other = {"LambdaRequestId": STALE["LambdaRequestId"], "LambdaDeadlineMs": str(int(time.time() * 1000) + 600000)}
    front = cloud(url=gateway.url)
    pending = front.later({})
    gateway.wait("SendMessage")
    gateway.hold_action = "ChangeMessageVisibility"
    queues.send('{"for":"another"}', other, url=queues.responses)
    gateway.wait("ChangeMessageVisibility", done=False)
    emulator = original_emulator(queues, lambda request: '{"mine":1}')
    assert json.loads(pending.result().body) == {"mine": 1}
    emulator.join(LIMIT)


# --- time ---

def test_no_answer_before_the_deadline(cloud, queues):
    """The caller learns what happened, from the proxy and not from the timeout."""
    started = time.monotonic()
    error = error_of(cloud(timeout="3").invoke({}))
    assert error["errorType"] == "Proxy.Timeout" and queues.requests in error["errorMessage"]
    assert 1.5 < time.monotonic() - started < 3
    assert queues.counts() == (1, 0)


def test_long_wait(cloud, queues, gateway):
    """An answer that comes in the second long poll."""
    front = cloud(url=gateway.url)
    pending = front.later({"n": 1})
    gateway.wait("ReceiveMessage", count=2, done=False, limit=90, where=lambda c: c.get("WaitTimeSeconds") == 20)
    original_emulator(queues, lambda request: json.dumps(request["event"])).join(LIMIT)
    assert json.loads(pending.result().body) == {"n": 1}


# --- the end ---

def proxy_of(front):
    return int(front.err.wait("runtime started").split("pid=")[1].split()[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_during_an_event(cloud, start, queues, gate, number):
    """The caller gets his answer, and nothing stays on a queue; then the proxy ends."""
    back = start(env=queues.env())
    front = cloud()
    pending = front.later({"do": "gate", "fifo": gate.path, "n": 1})
    back.wait_metric('lambda_runtimes{state="busy"}', 1)
    os.kill(proxy_of(front), number)
    front.out.wait("draining")
    gate.open()
    assert json.loads(pending.result().body)["n"] == 1
    assert "status=0" in front.err.wait("runtime ended")
    queues.wait_empty()
    queues.wait_empty(queues.responses)


def test_second_signal_during_an_event(cloud, queues):
    front = cloud()
    pending = front.later({})
    proxy = proxy_of(front)
    front.out.wait("request sent")
    os.kill(proxy, signal.SIGTERM)
    front.out.wait("draining")
    os.kill(proxy, signal.SIGTERM)
    assert error_of(pending.result())["errorType"] == "Runtime.ExitError"
    assert "status=1" in front.err.wait("runtime ended")


def test_signal_without_an_event(cloud):
    front = cloud(PROXY_LAMBDA_RESP_QUEUE_URL="")
    front.invoke({})
    os.kill(proxy_of(front), signal.SIGTERM)
    assert "status=0" in front.err.wait("runtime ended")


# --- with the original's emulator ---

@pytest.mark.parametrize("size", [100, 262143, 262144, 2000000])
def test_original_emulator(cloud, queues, size):
    text = '{"x":"%s"}' % ("a" * (size - 8))
    emulator = original_emulator(queues, lambda request: text)
    assert cloud().invoke({"k": "v"}).body.decode() == text
    emulator.join(LIMIT)
    queues.wait_empty()


@pytest.mark.parametrize("text,answer", [("2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoPd", '{"k":"v"}'), (pack("[1, 2]"), "[1, 2]"),
                                         ("[1]", "[1]"), ("null", "null"), (" 3", " 3")], ids=range(5))
def test_texts_of_responses(cloud, queues, text, answer):
    emulator = original_emulator(queues, lambda request: text)
    assert cloud().invoke({}).body.decode() == answer
    emulator.join(LIMIT)


def test_response_that_is_none(cloud, queues):
    emulator = original_emulator(queues, lambda request: "stop waiting, please")
    error = error_of(cloud().invoke({}))
    assert error["errorType"] == "Proxy.InvalidResponse" and "neither JSON nor base58" in error["errorMessage"]
    emulator.join(LIMIT)


# --- the program ---

def test_environment_is_shown_without_secrets(cloud, queues):
    front = cloud(env={"AWS_SESSION_TOKEN": "token-of-nobody", "MY_SETTING": "it's mine", "LOG_LEVEL": "TRACE"})
    front.later({})
    front.out.wait("AWS env vars:")
    front.out.wait("export AWS_REGION='us-east-1'")
    front.out.wait("export MY_SETTING='it'\\''s mine'")
    front.stop()
    lines = front.out.all() + front.err.all()
    for secret in (queues.server.key, queues.server.secret, "token-of-nobody"):
        assert not [line for line in lines if secret in line]
    shown = [line for line in lines if line.startswith("export ")]
    assert shown == sorted(shown)


def test_command_line():
    def call(*words, **env):
        return subprocess.run([PROXY, *words], env=env, capture_output=True, text=True, timeout=LIMIT)

    assert "PROXY_LAMBDA_REQ_QUEUE_URL" in call("--help").stdout and call("--help").returncode == 0
    assert call("--version").stdout.startswith("proxy-lambda ")
    bare = call()
    assert bare.returncode == 2 and "AWS_LAMBDA_RUNTIME_API is not set" in bare.stderr
    bad = call(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1", PROXY_LAMBDA_REQ_QUEUE_URL="queue")
    assert bad.returncode == 2 and "PROXY_LAMBDA_REQ_QUEUE_URL=queue" in bad.stderr
    secret = call(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1", AWS_ENDPOINT_URL="http://user:hunter2@host")
    assert secret.returncode == 2 and "AWS_ENDPOINT_URL" in secret.stderr
    assert "hunter2" not in secret.stderr + secret.stdout
    for words in (["--bogus"], ["app.handler", "-x"]):
        unknown = call(*words, AWS_LAMBDA_RUNTIME_API="127.0.0.1:1")
        assert unknown.returncode == 2 and f"unknown argument {words[-1]}; " in unknown.stderr
    # What stands there because it is the function's.
    assert call("app.handler", AWS_LAMBDA_RUNTIME_API="127.0.0.1:1").returncode == 1
    gone = call(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1")
    assert gone.returncode == 1 and "Runtime API" in gone.stderr


def test_deployment_package(start, queues, tmp_path):
    """One file, bootstrap, that may be executed; the same each time."""
    script = Path(__file__).resolve().parents[2] / "docker" / "proxy-lambda" / "zip.py"
    for name in ("one.zip", "two.zip"):
        subprocess.run([str(script), PROXY, str(tmp_path / name)], check=True)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as package:
        (entry,) = package.infolist()
        assert entry.filename == "bootstrap" and entry.external_attr >> 16 == 0o100755
        assert package.read(entry) == Path(PROXY).read_bytes()


def test_stand_ins_know_the_format():
    """The peers above against the known answers of the format."""
    assert base58_decode("2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoPd").hex().startswith("1f8b08")
    assert decode_maybe_binary("2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoPd") == '{"k":"v"}'
    assert decode_maybe_binary(pack("x" * 1000)) == "x" * 1000
    assert json.loads(envelope('{"a":1.0}'))["event"] == {"a": 1.0}
