# SPDX-License-Identifier: Apache-2.0
"""Every official runtime client, unmodified, behaves under the daemon as it does on Lambda."""

import base64
import json
import random
import re
import string
from concurrent.futures import ThreadPoolExecutor

import pytest

MIB = 1024 * 1024
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
TIMED_OUT = "Task timed out after 3.00 seconds"


def ask(daemon, headers=None, **event):
    return daemon.invoke(json.dumps(event).encode(), headers)


def answer(reply):
    assert reply.status == 200, reply.body
    assert "X-Amz-Function-Error" not in reply.headers, reply.body
    return json.loads(reply.body)


def error(reply):
    """The error document of a function that failed, which HTTP calls a success."""
    assert reply.status == 200, reply.body
    assert reply.headers["X-Amz-Function-Error"] == "Unhandled", reply.body
    return json.loads(reply.body)


@pytest.mark.parametrize(
    "value",
    ["hello", "", "äöü ☃ 𝄞", 'tab\tquote"back\\slash', 17, None, True, [1, "two", []], {"a": {"b": [0.5]}}],
    ids=repr,
)
def test_echo(function, value):
    reply = ask(function, do="echo", value=value)
    assert answer(reply) == value
    assert UUID.fullmatch(reply.headers["x-amzn-RequestId"])
    assert reply.headers["X-Amz-Executed-Version"] == "$LATEST"


def test_hundred_in_a_row(function):
    values = [f"value {number}" for number in range(100)]
    replies = [ask(function, do="echo", value=value) for value in values]
    assert [answer(reply) for reply in replies] == values
    assert len({reply.headers["x-amzn-RequestId"] for reply in replies}) == 100


@pytest.mark.runtimes("node", "python", "go", "bash", "rust", "cpp")
def test_callers_at_once_get_their_own_answers(start, runtime):
    """Not Java: its client unpacks a library to one fixed path, where several processes collide."""
    daemon = start(runtime, {"MAX_CONCURRENCY": "3"})
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda number: ask(daemon, do="echo", value=number), range(36)))
    assert [answer(reply) for reply in replies] == list(range(36))


def test_five_mebibytes_come_back_unchanged(function):
    alphabet = string.ascii_letters + string.digits + " .,:;-_+*/=()[]"
    value = "".join(random.Random(5).choices(alphabet, k=5 * MIB))
    reply = ask(function, do="echo", value=value)
    assert reply.status == 200
    assert "X-Amz-Function-Error" not in reply.headers, reply.body[:1000]
    assert reply.body.strip() == json.dumps(value).encode()


def test_exception(function, runtime):
    document = error(ask(function, do="raise", message="this went wrong"))
    assert runtime.message in document["errorMessage"]
    if runtime.raises:
        assert document["errorType"] == runtime.raises
    assert answer(ask(function, do="echo", value="after")) == "after"


def test_context(function):
    reply = ask(function, {"X-Amzn-Trace-Id": TRACE}, do="context")
    context = answer(reply)
    assert context["request_id"] == reply.headers["x-amzn-RequestId"]
    assert context["function_name"] == function.name
    assert context["function_version"] == "$LATEST"
    arn = f"arn:aws:lambda:us-east-1:012345678912:function:{function.name}"
    assert context["invoked_function_arn"] == arn
    assert context["memory_limit"] == 512
    assert 20_000 < context["remaining_ms"] <= 30_000
    assert "Root=1-5759e988-bd862e3fe1be46a994272793" in context["trace_id"]


def ask_with_client_context(daemon, custom):
    app = {"installation_id": "i-1", "app_title": "t", "app_version_name": "v", "app_version_code": "1"}
    client = {"client": {**app, "app_package_name": "p"}, "custom": custom, "env": {"locale": "de"}}
    header = base64.b64encode(json.dumps(client, ensure_ascii=False).encode()).decode()
    return answer(ask(daemon, {"X-Amz-Client-Context": header}, do="context"))["client_context"]["custom"]


def test_client_context(function):
    assert ask_with_client_context(function, {"greeting": "hello"}) == {"greeting": "hello"}
    # It must not linger in a runtime that lives on.
    seen = answer(ask(function, do="context")).get("client_context")
    assert not (seen or {}).get("custom")


@pytest.mark.runtimes("node", "python", "go", "bash", "java", "cpp")
def test_client_context_beyond_ascii(function):
    """The Rust client takes no header value that is not ASCII."""
    assert ask_with_client_context(function, {"greeting": "grüezi"}) == {"greeting": "grüezi"}


def test_environment(function):
    names = ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_REGION", "LAMBDA_TASK_ROOT"]
    names += ["AWS_LAMBDA_RUNTIME_API", "AMQP_URI", "READY_FD"]
    seen = answer(ask(function, do="env", names=names))
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["LAMBDA_TASK_ROOT"] == function.env["LAMBDA_TASK_ROOT"]
    assert seen["AWS_LAMBDA_RUNTIME_API"] == function.runtime_address
    assert not seen.get("AMQP_URI") and not seen.get("READY_FD")


@pytest.mark.parametrize("code", [0, 3])
def test_exit_while_invoked(function, code):
    reply = ask(function, do="exit", code=code)
    document = error(reply)
    assert document["errorType"] == "Runtime.ExitError"
    assert f"RequestId: {reply.headers['x-amzn-RequestId']} Error: Runtime exited" in document["errorMessage"]
    if code:
        assert document["errorMessage"].endswith(f"exit status {code}")
    assert answer(ask(function, do="echo", value="after")) == "after"


def test_timeout(start, runtime):
    daemon = start(runtime, {"AWS_LAMBDA_FUNCTION_TIMEOUT": "3"})
    # The first answer warms the runtime up, so that the clock below measures the timeout alone.
    assert answer(ask(daemon, do="echo", value="before")) == "before"
    reply = ask(daemon, do="sleep", seconds=30)
    document = error(reply)
    assert document["errorType"] == "Sandbox.Timedout"
    assert document["errorMessage"].endswith(TIMED_OUT)
    assert 2.9 < reply.seconds < 20  # and not the 30 s that it sleeps
    assert answer(ask(daemon, do="echo", value="after")) == "after"


@pytest.mark.runtimes("node", "python")
def test_missing_handler(start, runtime):
    """The document of the failed init reaches the caller as the runtime client wrote it."""
    daemon = start(runtime, {"AWS_LAMBDA_FUNCTION_TIMEOUT": "20"}, runtime.missing_handler)
    reply = ask(daemon, do="echo", value="never")
    document = error(reply)
    assert document["errorType"] == "Runtime.ImportModuleError"
    assert "nope" in document["errorMessage"]
    assert reply.seconds < 10
