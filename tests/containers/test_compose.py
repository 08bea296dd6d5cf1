# SPDX-License-Identifier: Apache-2.0
"""examples/amqp/docker-compose.yml in real containers, with images that are made here in place of those it would fetch."""
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from conftest import STATIC
from harness import LIMIT, ROOT
from images import image
from rabbitmq import free_ports

AMQP = ROOT / "examples" / "amqp"


def function_image(engine, tmp_path):
    """echo-runtime/Dockerfile on a Debian that has what its RUN would install."""
    text = (ROOT / "echo-runtime" / "Dockerfile").read_text()
    text, runs = re.subn(r"^RUN (?:.*\\\n)*.*\n", "", text, flags=re.M)
    assert runs == 1
    (tmp_path / "Dockerfile").write_text(text)
    engine.import_root("debian:12-slim", image("curl"))
    engine("build", "--tag", "echo-lambda", "--file", tmp_path / "Dockerfile", ROOT / "echo-runtime")


def broker_image(engine, tmp_path):
    """What the official image adds to RabbitMQ is little: the broker itself takes the user from the environment."""
    engine.import_root("installed-rabbitmq", image("rabbitmq"))
    (tmp_path / "Dockerfile.broker").write_text('FROM installed-rabbitmq\nCMD ["rabbitmq-server"]\n')
    engine("build", "--tag", "rabbitmq:here", "--file", tmp_path / "Dockerfile.broker", tmp_path)


class Compose:
    def __init__(self, engine):
        self.port, self.broker_port = free_ports(2)
        self.env = {**os.environ, "DOCKER_HOST": f"unix://{engine.socket}", "COMPOSE_PROJECT_NAME": "example",
                    "RABBITMQ_IMAGE": "rabbitmq:here", "FUNCTION_IMAGE": "echo-lambda", "STATIC": str(STATIC),
                    "PORT": str(self.port), "BROKER_PORT": str(self.broker_port)}

    def __call__(self, *words):
        run = subprocess.run(["docker-compose", "--ansi", "never", "-f", AMQP / "docker-compose.yml", *words], env=self.env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=10 * LIMIT)
        assert run.returncode == 0, run.stderr[-4000:]
        return run.stdout

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_ready(self):
        """Each look is a round trip."""
        end = time.monotonic() + LIMIT
        while True:
            try:
                return urllib.request.urlopen(self.url("/_/ready"), timeout=LIMIT).read()
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < end, self("logs")

    def invoke(self, name, event):
        request = urllib.request.Request(self.url(f"/2015-03-31/functions/{name}/invocations"), event)
        return urllib.request.urlopen(request, timeout=LIMIT).read()

    def containers(self, service):
        return self("ps", "--quiet", service).split()


@pytest.fixture
def compose(engine, tmp_path):
    function_image(engine, tmp_path)
    broker_image(engine, tmp_path)
    compose = Compose(engine)
    try:
        yield compose
    finally:
        compose("down", "--volumes", "--timeout", "5")


def test_three_daemons_behind_the_gateway(engine, compose):
    compose("up", "--detach", "--no-build")
    daemons = compose.containers("echo-lambda")
    assert len(daemons) == 3
    compose.wait_ready()
    for daemon in daemons:
        wait_log(engine, daemon, "AMQP consuming queue=echo-lambda")
    assert compose.invoke("echo-lambda", b'{"key": "value"}') == b'{"key": "value"}'
    with pytest.raises(urllib.error.HTTPError) as unknown:
        compose.invoke("nobody", b"{}")
    assert unknown.value.code == 404
    uri = f"amqp://lambda:lambda@127.0.0.1:{compose.broker_port}"
    client = subprocess.run([sys.executable, AMQP / "invoke.py", "--uri", uri, "--count", "60", "--in-flight", "12", "--quiet"],
                            capture_output=True, text=True, timeout=LIMIT)
    assert client.returncode == 0, client.stderr
    for daemon in daemons:
        assert "START RequestId" in engine("logs", daemon)
    compose("stop")
    for container in [*daemons, *compose.containers("lambda-server")]:
        state = json.loads(engine("inspect", container))[0]["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def wait_log(engine, container, text):
    """Until the container has said it; the follower ends with the container."""
    follow = subprocess.Popen(["docker", f"--host=unix://{engine.socket}", "logs", "--follow", container],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = []
        for line in follow.stdout:
            said.append(line)
            if text in line:
                return
        raise AssertionError("".join(said))
    finally:
        follow.terminate()
        follow.wait()
        follow.stdout.close()
