# SPDX-License-Identifier: Apache-2.0
"""An event from a file, again and again (PROXY_LAMBDA_PAYLOAD_FILE)."""
import os
import signal
import sys

import pytest

from harness import IDLE, Runtime

RESTART = "Restart your lambda for a rerun"


def test_local_payload(start, tmp_path):
    file = tmp_path / "event.json"
    file.write_text('{"from": "file"}')
    d = start(IDLE, env={"PROXY_LAMBDA_PAYLOAD_FILE": str(file), "AWS_LAMBDA_INIT_TIMEOUT": "60"})
    runtime = Runtime(d)
    got = runtime.next()
    assert got.body == b'{"from": "file"}'
    assert got.headers["Lambda-Runtime-Aws-Request-Id"] == "local-request-id"
    assert got.headers["Lambda-Runtime-Deadline-Ms"] == "2035313041000"
    assert got.headers["Lambda-Runtime-Invoked-Function-Arn"] == "from-local-payload"
    assert got.headers["Lambda-Runtime-Trace-Id"] == ("Root=0-00000000-000000000000000000000000;Parent=0000000000000000;"
                                                      "Sampled=0;Lineage=00000000:0")
    assert runtime.respond(got, b'{"answer":1}').status == 202
    assert '{"answer":1}' in d.err.wait("Lambda response:")
    d.err.wait(RESTART)
    # The second /next gets other events, but not this one until the runtime comes anew.
    runtime.send_next()
    other = d.later(b'"other"')
    got = runtime.receive()
    assert got.body == b'"other"'
    runtime.respond(got, b"{}")
    assert other.result().body == b"{}"
    runtime.send_next()
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    file.write_text("not JSON, which is nobody's business")
    runtime.close()
    runtime = Runtime(d)
    got = runtime.next()
    assert got.body == b"not JSON, which is nobody's business"
    runtime.respond(got, b'{"errorMessage":"no"}', kind="error")
    d.err.wait("Lambda error:")
    runtime.close()


def test_local_payload_in_a_drain(start, tmp_path):
    file = tmp_path / "event.json"
    file.write_text('{"do":"hang"}')
    d = start(env={"PROXY_LAMBDA_PAYLOAD_FILE": str(file), "AWS_LAMBDA_FUNCTION_TIMEOUT": "0.5"})
    d.wait_metric('lambda_runtimes{state="busy"}', 1)
    d.signal(signal.SIGTERM)
    assert d.wait() == 0


def test_local_payload_after_a_kill(start, tmp_path):
    file = tmp_path / "event.json"
    file.write_text('{"do":"pid"}')
    d = start(env={"PROXY_LAMBDA_PAYLOAD_FILE": str(file)})
    first = d.err.wait("Lambda response:").split()[-1]
    d.err.wait(RESTART)
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    os.kill(int(first), signal.SIGKILL)
    second = d.err.wait("Lambda response:", count=2)[1].split()[-1]
    assert first != second


ONE_SHOT = """
import os, sys, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
event = urllib.request.urlopen(f"{api}/next")
urllib.request.urlopen(f"{api}/{event.headers['Lambda-Runtime-Aws-Request-Id']}/{sys.argv[1]}", b"{}").read()
os._exit(1)
"""


@pytest.mark.parametrize("kind", ["response", "error"])
def test_local_payload_and_a_runtime_that_ends_by_itself(start, tmp_path, kind):
    """Go's runtime does so after a panic: that is no restart, and must not spin."""
    file = tmp_path / "event.json"
    file.write_text("{}")
    d = start([sys.executable, "-c", ONE_SHOT, kind], env={"PROXY_LAMBDA_PAYLOAD_FILE": str(file)})
    assert "wait_s=0" in d.err.wait("ended right after its answer")
    assert "wait_s=10" in d.err.wait("ended right after its answer", count=2)[1]
    assert len([line for line in d.err.lines if "Lambda request:" in line]) == 2


def test_local_payload_again_in_less_than_a_second(start, tmp_path):
    file = tmp_path / "event.json"
    file.write_text('{"do":"error"}')
    d = start(env={"PROXY_LAMBDA_PAYLOAD_FILE": str(file), "PROXY_LAMBDA_AUTO_RERUN": "0.4"})
    d.err.wait("Lambda error:", count=2)
    assert not any(RESTART in line for line in d.err.lines)
