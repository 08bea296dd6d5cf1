# SPDX-License-Identifier: Apache-2.0
"""Programs that people invoke functions with: curl, the AWS CLI, boto3 and the AWS SDK for JavaScript."""

import base64
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from daemon import Daemon, program
from runtimes import BUILD, HERE, build, build_runtime, named

pytestmark = pytest.mark.core

MIB = 1024 * 1024
REQUEST_MAX = 6 * MIB
# What AWS sends. Its model of the API has RequestTooLargeException, so the SDKs know no class for this one.
TOO_LARGE = "RequestEntityTooLargeException"
ARN = "arn:aws:lambda:us-east-1:012345678912:function:conformance"
NAMES = ["conformance", "function", ARN, f"{ARN}:$LATEST", "012345678912:function:conformance"]
# No client may look for credentials or settings of the person who runs the tests.
AWS_ENV = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture(scope="module")
def echo():
    with Daemon([program("ECHO_RUNTIME", "bin/echo-runtime")], HERE) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def python():
    """A function that can fail, log and tell its request id."""
    runtime = named("python")
    build_runtime(runtime)
    with Daemon(runtime.words(), runtime.out, {"LAMBDA_TASK_ROOT": str(runtime.out)}) as daemon:
        yield daemon


@pytest.fixture
def client_of(monkeypatch):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in AWS_ENV.items():
        monkeypatch.setenv(name, value)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=60, max_pool_connections=10)
    return lambda daemon: boto3.client("lambda", endpoint_url=daemon.url, config=config)


def run(words, stdin=b"", check=True):
    env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | AWS_ENV
    words = [str(word) for word in words]
    done = subprocess.run(words, input=stdin, capture_output=True, env=env, timeout=120)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


def do(**event):
    return json.dumps(event)


class TestCurl:
    def post(self, daemon, name, body, tmp_path):
        path, head = tmp_path / "event", tmp_path / "head"
        path.write_bytes(body)
        url = f"{daemon.url}/2015-03-31/functions/{name}/invocations"
        done = run(["curl", "-sS", "-D", head, "-XPOST", url, "--data-binary", f"@{path}"])
        return head.read_text(), done.stdout

    @pytest.mark.parametrize("name", NAMES)
    def test_by_name(self, echo, tmp_path, name):
        head, body = self.post(echo, name, b'{"hello": "curl"}', tmp_path)
        assert " 200 " in head.splitlines()[0]
        assert body == b'{"hello": "curl"}'

    def test_a_large_event_waits_for_100_continue(self, echo, tmp_path):
        event = json.dumps("x" * 5 * MIB).encode()
        head, body = self.post(echo, "conformance", event, tmp_path)
        assert " 200 " in [line for line in head.splitlines() if line.startswith("HTTP/")][-1]
        assert body == event

    def test_too_large(self, echo, tmp_path):
        head, body = self.post(echo, "conformance", b"x" * (REQUEST_MAX + 1), tmp_path)
        assert " 413 " in [line for line in head.splitlines() if line.startswith("HTTP/")][-1]
        assert f"x-amzn-errortype: {TOO_LARGE}\n".lower() in head.lower()
        assert b"Request must be smaller than 6291456 bytes" in body


class TestCommandLine:
    def aws(self, daemon, out, *words, check=True):
        beside = Path(sys.executable).with_name("aws")
        program = beside if beside.exists() else shutil.which("aws")
        assert program, "the AWS CLI of tests/requirements.txt is not installed"
        return run([program, "lambda", "invoke", "--endpoint-url", daemon.url, *words, out], check=check)

    @pytest.mark.parametrize("name", ["conformance", ARN])
    def test_by_name(self, echo, tmp_path, name):
        done = self.aws(echo, tmp_path / "out", "--function-name", name, "--payload", '{"hello": "cli"}')
        said = json.loads(done.stdout)
        assert said["StatusCode"] == 200 and said["ExecutedVersion"] == "$LATEST"
        assert "FunctionError" not in said
        assert (tmp_path / "out").read_bytes() == b'{"hello": "cli"}'

    def test_function_error(self, python, tmp_path):
        event = do(do="raise", message="broken")
        done = self.aws(python, tmp_path / "out", "--function-name", "conformance", "--payload", event)
        assert json.loads(done.stdout)["FunctionError"] == "Unhandled"
        assert json.loads((tmp_path / "out").read_bytes())["errorMessage"] == "broken"

    def test_unknown_function(self, echo, tmp_path):
        done = self.aws(echo, tmp_path / "out", "--function-name", "other", check=False)
        assert done.returncode != 0
        assert b"ResourceNotFoundException" in done.stderr


class TestBoto3:
    @pytest.mark.parametrize("name", NAMES)
    def test_by_name(self, echo, client_of, name):
        reply = client_of(echo).invoke(FunctionName=name, Payload=b'{"hello": "boto3"}')
        assert reply["StatusCode"] == 200 and reply["ExecutedVersion"] == "$LATEST"
        assert "FunctionError" not in reply
        assert reply["Payload"].read() == b'{"hello": "boto3"}'

    def test_qualifier(self, echo, client_of):
        reply = client_of(echo).invoke(FunctionName="conformance", Qualifier="$LATEST", Payload=b"1")
        assert reply["StatusCode"] == 200

    def test_no_payload_is_an_empty_object(self, echo, client_of):
        assert client_of(echo).invoke(FunctionName="conformance")["Payload"].read() == b"{}"

    def test_request_id(self, python, client_of):
        reply = client_of(python).invoke(FunctionName="conformance", Payload=do(do="context"))
        seen = json.loads(reply["Payload"].read())
        assert seen["request_id"] == reply["ResponseMetadata"]["RequestId"]

    def test_client_context(self, python, client_of):
        context = base64.b64encode(json.dumps({"custom": {"greeting": "hello"}}).encode()).decode()
        arguments = {"FunctionName": "conformance", "ClientContext": context, "Payload": do(do="context")}
        seen = json.loads(client_of(python).invoke(**arguments)["Payload"].read())
        assert seen["client_context"]["custom"] == {"greeting": "hello"}

    def test_log_tail(self, python, client_of):
        event = do(do="log", text="remember me")
        reply = client_of(python).invoke(FunctionName="conformance", LogType="Tail", Payload=event)
        log = base64.b64decode(reply["LogResult"]).decode()
        request_id = reply["ResponseMetadata"]["RequestId"]
        assert log.index(f"START RequestId: {request_id}") < log.index("remember me")
        assert log.rindex("remember me") < log.index(f"END RequestId: {request_id}")
        assert f"REPORT RequestId: {request_id}\t" in log

    def test_no_log_without_tail(self, python, client_of):
        reply = client_of(python).invoke(FunctionName="conformance", Payload=do(do="log", text="quiet"))
        assert "LogResult" not in reply

    def test_dry_run(self, echo, client_of):
        reply = client_of(echo).invoke(FunctionName="conformance", InvocationType="DryRun")
        assert reply["StatusCode"] == 204
        assert reply["Payload"].read() == b""

    def test_function_error(self, python, client_of):
        reply = client_of(python).invoke(FunctionName="conformance", Payload=do(do="raise", message="broken"))
        assert reply["StatusCode"] == 200 and reply["FunctionError"] == "Unhandled"
        document = json.loads(reply["Payload"].read())
        assert (document["errorType"], document["errorMessage"]) == ("ValueError", "broken")

    def test_unknown_function(self, echo, client_of):
        client = client_of(echo)
        with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
            client.invoke(FunctionName="other")
        reply = caught.value.response
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert "arn:aws:lambda:us-east-1:012345678912:function:other" in reply["Error"]["Message"]

    def test_too_large(self, echo, client_of):
        client = client_of(echo)
        with pytest.raises(ClientError) as caught:
            client.invoke(FunctionName="conformance", Payload=b"x" * (REQUEST_MAX + 1))
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
        assert caught.value.response["Error"]["Code"] == TOO_LARGE

    def test_largest_event(self, echo, client_of):
        event = json.dumps("x" * (REQUEST_MAX - 2)).encode()
        assert client_of(echo).invoke(FunctionName="conformance", Payload=event)["Payload"].read() == event

    def test_bad_client_context(self, echo, client_of):
        with pytest.raises(ClientError) as caught:
            client_of(echo).invoke(FunctionName="conformance", ClientContext="%%%")
        reply = caught.value.response
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert reply["Error"]["Code"] == "InvalidRequestContentException"

    def test_ten_threads(self, echo, client_of):
        client = client_of(echo)

        def own_event_comes_back(number):
            event = json.dumps({"number": number, "padding": "x" * (number * 37)}).encode()
            return client.invoke(FunctionName="conformance", Payload=event)["Payload"].read() == event

        with ThreadPoolExecutor(10) as pool:
            assert all(pool.map(own_event_comes_back, range(200)))


class TestJavaScript:
    @pytest.fixture(scope="class")
    def sdk(self):
        out = BUILD / "client-js"
        build(HERE / "clients" / "js" / "build.sh", out)

        def invoke(daemon, *inputs):
            done = run(["node", out / "invoke.mjs", daemon.url], json.dumps(inputs).encode())
            return json.loads(done.stdout)

        return invoke

    def test_by_every_name_at_once(self, echo, sdk):
        events = [json.dumps({"hello": "javascript", "name": name}) for name in NAMES]
        replies = sdk(echo, *({"FunctionName": n, "Payload": e} for n, e in zip(NAMES, events)))
        assert [reply.get("payload") for reply in replies] == events
        assert {(reply["status"], reply["executedVersion"]) for reply in replies} == {(200, "$LATEST")}
        assert len({reply["requestId"] for reply in replies}) == len(NAMES)

    def test_what_a_function_says(self, python, sdk):
        context = base64.b64encode(b'{"custom": {"greeting": "hello"}}').decode()
        tail = {"FunctionName": "conformance", "LogType": "Tail"}
        told, logged, failed = sdk(
            python,
            {"FunctionName": ARN, "ClientContext": context, "Payload": do(do="context")},
            {**tail, "Payload": do(do="log", text="remember me")},
            {"FunctionName": "conformance", "Payload": do(do="raise", message="broken")},
        )
        seen = json.loads(told["payload"])
        assert seen["request_id"] == told["requestId"]
        assert seen["client_context"]["custom"] == {"greeting": "hello"}
        assert "remember me" in base64.b64decode(logged["logResult"]).decode()
        assert failed["functionError"] == "Unhandled"
        assert json.loads(failed["payload"])["errorMessage"] == "broken"

    def test_refusals(self, echo, sdk):
        dry, unknown, large = sdk(
            echo,
            {"FunctionName": "conformance", "InvocationType": "DryRun"},
            {"FunctionName": "other", "Payload": "1"},
            {"FunctionName": "conformance", "Payload": "x" * (REQUEST_MAX + 1)},
        )
        assert dry["status"] == 204
        assert (unknown["error"], unknown["status"]) == ("ResourceNotFoundException", 404)
        assert (large["error"], large["status"]) == (TOO_LARGE, 413)
