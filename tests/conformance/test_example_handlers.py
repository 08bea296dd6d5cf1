# SPDX-License-Identifier: Apache-2.0
"""The functions of examples/, each with its own entry point and its own official client, laid out as in its image."""

import json
import os
import shutil
import subprocess

import pytest
from daemon import ROOT, Daemon
from runtimes import build_runtime, named

EXAMPLES = ROOT / "examples"


def lay_out(name, task):
    """Makes the directory /var/task of the image; returns the command that the image would run, and its environment."""
    example, built = EXAMPLES / name, named(name).out
    env = {"LAMBDA_TASK_ROOT": str(task), "PATH": os.environ["PATH"]}
    if name == "go":
        run(["go", "build", "-mod=readonly", "-buildvcs=false", "-tags", "lambda.norpc", "-o", task / "bootstrap", "."], example)
        return [task / "bootstrap"], env
    if name == "bash":
        shutil.copy(example / "function.sh", task)
        return [ROOT / "echo-runtime" / "bootstrap", "function.handler"], env
    if name == "node":
        shutil.copy(example / "index.mjs", task)
        (task / "node_modules").symlink_to(built / "node_modules")
    elif name == "python":
        shutil.copy(example / "app.py", task)
        env["PATH"] = f"{built / 'venv' / 'bin'}:{env['PATH']}"
    elif name == "java":
        (task / "lib").symlink_to(built / "lib")
        run(["javac", "-d", task / "classes", "-cp", built / "lib" / "*", *example.rglob("*.java")], example)
    return [example / "entrypoint.sh", *image_command(example)], env


def image_command(example):
    """The words of CMD, which are the arguments of the entry point."""
    lines = (example / "Dockerfile").read_text().splitlines()
    return json.loads(next(line for line in lines if line.startswith("CMD ")).removeprefix("CMD "))


def run(words, cwd):
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.runtimes("node", "python", "go", "java", "bash")
def test_example(runtime, tmp_path):
    command, env = lay_out(runtime.name, tmp_path)
    with Daemon([str(word) for word in command], tmp_path, env) as daemon:
        for person in ("Ada", "Zoë \"☃\""):
            reply = daemon.invoke(json.dumps({"name": person}).encode())
            assert reply.status == 200 and "X-Amz-Function-Error" not in reply.headers, reply.body
            assert json.loads(reply.body) == {
                "message": f"Hello {person}",
                "requestId": reply.headers["x-amzn-RequestId"],
                "function": daemon.name,
            }
            daemon.stdout.wait_for(f"greeting {person}")
        reply = daemon.invoke(b"{}")
        assert reply.status == 200 and reply.headers["X-Amz-Function-Error"] == "Unhandled"
        said = json.loads(reply.body)["errorMessage"]
        # Of a shell command only the status is known; what it said is in the log.
        assert said == ("handler failed with status 1" if runtime.name == "bash" else "the event has no name")


@pytest.mark.core
def test_the_entry_point_of_aws_base_images(tmp_path):
    """Their /lambda-entrypoint.sh starts the daemon with one word, the bootstrap, and the handler in _HANDLER."""
    build_runtime(named("python"))
    _, env = lay_out("python", tmp_path)
    bootstrap = tmp_path / "bootstrap"
    bootstrap.write_text('#!/bin/sh\nexec python3 -m awslambdaric "$_HANDLER"\n')
    bootstrap.chmod(0o755)
    lines = (EXAMPLES / "python" / "Dockerfile.aws-base").read_text().splitlines()
    (handler,) = json.loads(lines[-1].removeprefix("CMD "))
    with Daemon([str(bootstrap)], tmp_path, {**env, "_HANDLER": handler}) as daemon:
        assert json.loads(daemon.invoke(b'{"name": "Ada"}').body)["message"] == "Hello Ada"


@pytest.mark.core
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/entrypoint.sh")), ids=lambda path: path.parent.name)
def test_an_entry_point_elsewhere_starts_the_daemon(path, tmp_path):
    """Without a Runtime API the same words go to what is mounted in the emulator's place."""
    copy = tmp_path / "entrypoint.sh"
    copy.write_text(path.read_text().replace("/usr/local/bin/aws-lambda-rie", "echo"))
    env = {key: value for key, value in os.environ.items() if key != "AWS_LAMBDA_RUNTIME_API"}
    said = subprocess.run(["sh", copy, "a.handler"], env=env, capture_output=True, text=True, check=True).stdout
    client = {"node": "node_modules/.bin/aws-lambda-ric", "python": "python3 -m awslambdaric"}
    assert said.endswith(" a.handler\n") and said.startswith(client.get(path.parent.name, "java "))


@pytest.mark.core
def test_dockerfiles_name_files_that_are_there():
    seen = 0
    for dockerfile in EXAMPLES.glob("*/Dockerfile*"):
        for line in dockerfile.read_text().splitlines():
            words = line.split()
            if words[:1] == ["COPY"] and not words[1].startswith("--from"):
                missing = [word for word in words[1:-1] if not (dockerfile.parent / word).exists()]
                assert not missing, f"{dockerfile}: {missing}"
                seen += 1
    assert seen > 10
